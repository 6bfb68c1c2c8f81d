/**
 * How many orders may be begun: per owner name and for the whole service, whatever is asked for. A back-off (`watch.ts`) belongs
 * to one request and ends with it; this does not, so a request that is swapped again and again cannot use up what the CA
 * grants the account. Pure.
 *
 * Always holds: an order that was begun counts until its window is over, also when it failed, and when its request is gone.
 * Left out: keeping the record over a restart, and sharing the service's orders fairly among names.
 *
 * Times are milliseconds since 1970.
 */
import type { Name } from '@zonewright/common/name';

/** Room for a few mistakes with a request, one after the other; several for a name are rare otherwise. */
const NAME_ORDERS = 5;
const NAME_WINDOW = 600_000;
/** Half of what Let's Encrypt grants an account (300 in 3 hours): the account is left usable whatever happens. */
const SERVICE_ORDERS = 50;
const SERVICE_WINDOW = 3_600_000;

/** The orders of the longest window, the oldest first. */
export type OrderRecord = readonly { readonly owner: string; readonly at: number }[];

/** No order before `until`. */
export interface Ration {
  readonly until: number;
  readonly what: string;
}

/** The record with an order more, begun `now` for the request at `owner`. */
export function recordOrder(record: OrderRecord, owner: Name, now: number): OrderRecord {
  return [...within(record, SERVICE_WINDOW, now), { owner: owner.key, at: now }];
}

/** Until when nothing may be ordered at `owner`; `undefined` if something may be. */
export function rationOf(record: OrderRecord, owner: Name, now: number): Ration | undefined {
  const own = record.filter((order) => order.owner === owner.key);
  const ofName = fullUntil(own, NAME_ORDERS, NAME_WINDOW, now);
  const ofService = fullUntil(record, SERVICE_ORDERS, SERVICE_WINDOW, now);
  if (ofService !== undefined && ofService >= (ofName ?? 0)) {
    return { until: ofService, what: `this service has begun ${SERVICE_ORDERS} orders in an hour, and waits` };
  }
  if (ofName === undefined) return undefined;
  return { until: ofName, what: `${NAME_ORDERS} orders were begun for this name in ten minutes; the next one waits` };
}

/** An order that is still to come by a clock that was set back does not count: it would for too long. */
function within(record: OrderRecord, window: number, now: number): OrderRecord {
  return record.filter(({ at }) => at > now - window && at <= now);
}

function fullUntil(record: OrderRecord, most: number, window: number, now: number): number | undefined {
  const recent = within(record, window, now);
  const oldest = recent[recent.length - most];
  return oldest === undefined ? undefined : oldest.at + window;
}
