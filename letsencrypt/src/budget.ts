/**
 * How many orders may be begun, whatever is asked for: for a name, for a registered domain, and in all. A back-off (`memory.ts`) belongs
 * to one request and ends with it; this does not, so a request that is swapped again and again cannot use up what the CA
 * grants the account.
 *
 * Renewals come first: a part of all orders is theirs alone, and what a domain is granted is spent on new certificates only, as
 * CAs have it, half of it at most on those of one who asks. What the CA says of its own limits holds the new orders of a name; of its whole
 * domain where the CA says so, or says it of several of its names.
 *
 * It has no clock. Kept in the state, so it holds over a restart. Times are milliseconds since 1970.
 *
 * Always holds: an order that was begun counts until its window is over, also when it failed (but not for the domain, which is
 * granted certificates), and when its request is gone. Asking costs the same however many orders there were.
 */
import { isAhead } from './ahead.ts';
import type { Json, StateTable } from './state.ts';

/** Room for a few mistakes with a request, one after the other; several for a name are rare otherwise. */
const NAME_ORDERS = 5;
const NAME_WINDOW = 600_000;
const SERVICE_WINDOW = 3_600_000;
const DOMAIN_WINDOW = 604_800_000;
/** The part of all orders that new certificates may have; what is left is for renewals. */
const NEW_PART = 0.8;
/** The part of what a domain is granted that one who asks may have. */
const GROUP_PART = 0.5;
/** Names of a domain that are limited one after the other in that time speak for the domain. */
const LIMITED_WINDOW = 3_600_000;
/** A CA that limits and does not say for how long. */
const USUAL_HOLD = 3_600_000;
const LONGEST_HOLD = 604_800_000;

/** What the CA grants, or what is asked of it at most. */
export interface Grant {
  /** Orders in an hour. */
  readonly service: number;
  /** New certificates for a registered domain in seven days; `undefined` for any number. */
  readonly domain?: number;
}

/** What is granted, unless an option says otherwise. */
export const GRANTS = {
  /** Half of what Let's Encrypt grants an account (300 orders in 3 hours), and four fifths of what it grants a registered domain (50). */
  public: { service: 50, domain: 40 },
  /** A CA of one's own limits itself. */
  own: { service: 1000 },
} as const satisfies Readonly<Record<string, Grant>>;

/** What an order is for. */
export interface OrderSubject {
  /** Comparing form of the name at which it is requested. */
  readonly owner: string;
  /** Who asks, as far as that can be told (`domain.ts`): each has the same share. */
  readonly group: string;
  /** The registered domains of its names (`domain.ts`). */
  readonly domains: readonly string[];
  readonly isRenewal: boolean;
}

/** An order that was begun. */
export interface BegunOrder extends OrderSubject {
  /** In the state. */
  readonly key: string;
  readonly at: number;
}

/** No order before `until`. */
export interface Ration {
  readonly until: number;
  readonly what: string;
}

/** What the CA has limited. */
export interface Limited extends Pick<OrderSubject, 'owner' | 'domains'> {
  /** Those of the domains that the CA says it is about; `undefined` for a limit of one set of names, whatever the domain. */
  readonly said: readonly string[] | undefined;
  /** Seconds, as the CA said. */
  readonly retryAfter?: number | undefined;
}

export class Budget {
  readonly #grant: Grant;
  readonly #orders: StateTable<Json>;
  readonly #holds: StateTable<Json>;
  /** Instants, the oldest first. */
  readonly #ofName = new Map<string, number[]>();
  readonly #ofDomain = new Map<string, number[]>();
  readonly #ofGroup = new Map<string, number[]>();
  /** By {@link shareKey}. */
  readonly #ofShare = new Map<string, number[]>();
  /** Shares at which those of no window are dropped. */
  #tidyAt = 100;
  /** By domain, the name that was limited last. */
  readonly #limited = new Map<string, { readonly owner: string; readonly at: number }>();
  readonly #ofService: number[] = [];
  #standstill: (Ration & { readonly wait: number }) | undefined;
  /** All orders that are kept, the oldest first. */
  readonly #kept: Pick<BegunOrder, 'key' | 'at'>[] = [];
  #count = 0;

  constructor(grant: Grant, orders: StateTable<Json>, holds: StateTable<Json>) {
    this.#grant = grant;
    this.#orders = orders;
    this.#holds = holds;
    const kept = [...orders.entries()].flatMap(([key, value]) => readOrder(key, value) ?? []);
    for (const order of kept.sort((a, b) => a.at - b.at)) this.#add(order);
  }

  /** Counts an order that begins. */
  begin(subject: OrderSubject, now: number): BegunOrder {
    const window = this.#grant.domain === undefined ? SERVICE_WINDOW : DOMAIN_WINDOW;
    while (this.#kept[0] !== undefined && this.#kept[0].at <= now - window) {
      void this.#orders.delete(this.#kept.shift()!.key);
    }
    const order = { ...subject, key: `${now} ${++this.#count} ${subject.owner}`, at: now };
    this.#add(order);
    void this.#orders.set(order.key, writeOrder(order));
    return order;
  }

  /** An order has brought no certificate: it does not count for its domains. */
  fail(order: BegunOrder): void {
    const { key, group, domains, isRenewal, at } = order;
    if (isRenewal) return;
    for (const domain of domains) {
      take(this.#ofDomain.get(domain), at);
      take(this.#ofShare.get(shareKey(domain, group)), at);
    }
    if (this.#orders.get(key) !== undefined) {
      void this.#orders.set(key, writeOrder({ ...order, domains: [] }));
    }
  }

  /** The CA was not asked after all: it does not count. */
  cancel(order: BegunOrder): void {
    this.fail(order);
    for (const times of [this.#ofService, this.#ofName.get(order.owner), this.#ofGroup.get(order.group)]) {
      take(times, order.at);
    }
    void this.#orders.delete(order.key);
  }

  /** The CA has said that it is too much for now. */
  limited({ owner, domains, said, retryAfter }: Limited, now: number): void {
    const wait = retryAfter === undefined ? USUAL_HOLD : Math.min(retryAfter * 1000, LONGEST_HOLD);
    for (const [key, until] of this.#holds.entries()) {
      if (typeof until !== 'number' || until <= now) void this.#holds.delete(key);
    }
    void this.#holds.set(nameKey(owner), now + wait);
    if (said === undefined) return;
    for (const [domain, { at }] of this.#limited) if (at <= now - LIMITED_WINDOW) this.#limited.delete(domain);
    for (const domain of domains) {
      const before = this.#limited.get(domain);
      const isSeveral = before !== undefined && before.owner !== owner;
      if (isSeveral || said.includes(domain)) void this.#holds.set(domain, now + wait);
      this.#limited.set(domain, { owner, at: now });
    }
  }

  /** Nobody is there to order from, or nobody who takes orders of ours, for `wait` milliseconds. Not kept: after a restart it is tried. */
  away(wait: number, what: string, now: number): void {
    this.#standstill = { until: now + wait, what, wait };
  }

  /** Somebody is there again. */
  back(): void {
    this.#standstill = undefined;
  }

  /** How many orders whoever asks has had of late: who has had few comes first. */
  spent({ group }: Pick<OrderSubject, 'group'>, now: number): number {
    return this.#ofGroup.get(group)?.filter((at) => at > now - SERVICE_WINDOW).length ?? 0;
  }

  /** Until when nothing may be ordered; `undefined` if something may be. */
  rationOf({ owner, group, domains, isRenewal }: OrderSubject, now: number): Ration | undefined {
    const { service, domain: ofDomain = Number.POSITIVE_INFINITY } = this.#grant;
    const share = Math.ceil(ofDomain * GROUP_PART);
    const most = isRenewal ? service : Math.max(1, Math.floor(service * NEW_PART));
    const rations = [
      ration(holding(this.#standstill?.until, now, this.#standstill?.wait), this.#standstill?.what ?? ''),
      ration(
        fullUntil(this.#ofService, most, SERVICE_WINDOW, now),
        `this service has begun ${most} orders in an hour, and waits`,
      ),
      ration(
        fullUntil(this.#ofName.get(owner), NAME_ORDERS, NAME_WINDOW, now),
        `${NAME_ORDERS} orders were begun for this name in ten minutes; the next one waits`,
      ),
      ration(
        isRenewal ? undefined : this.#heldUntil(nameKey(owner), now),
        'the CA has said that there are too many orders for these names',
      ),
      ...(isRenewal ? [] : domains).flatMap((domain) => [
        ration(this.#heldUntil(domain, now), `the CA has said that there are too many orders for ${domain}`),
        ration(
          fullUntil(this.#ofDomain.get(domain), ofDomain, DOMAIN_WINDOW, now),
          `${ofDomain} new certificates were ordered for ${domain} in seven days; the next one waits`,
        ),
        ration(
          fullUntil(this.#ofShare.get(shareKey(domain, group)), share, DOMAIN_WINDOW, now),
          `${share} new certificates were ordered by ${group} in seven days; the others of ${domain} have the rest`,
        ),
      ]),
    ];
    return rations.reduce((latest, one) => (one !== undefined && one.until > (latest?.until ?? 0) ? one : latest));
  }

  #add({ key, owner, group, domains, isRenewal, at }: BegunOrder): void {
    this.#kept.push({ key, at });
    push(this.#ofService, at, SERVICE_WINDOW);
    pushFor(this.#ofName, owner, at, NAME_WINDOW);
    pushFor(this.#ofGroup, group, at, SERVICE_WINDOW);
    for (const domain of isRenewal ? [] : domains) {
      pushFor(this.#ofDomain, domain, at, DOMAIN_WINDOW);
      pushFor(this.#ofShare, shareKey(domain, group), at, DOMAIN_WINDOW);
    }
    if (this.#ofShare.size >= this.#tidyAt) {
      for (const [each, times] of this.#ofShare)
        if ((times.at(-1) ?? 0) <= at - DOMAIN_WINDOW) this.#ofShare.delete(each);
      this.#tidyAt = 2 * this.#ofShare.size + 100;
    }
    for (const map of [this.#ofName, this.#ofGroup]) {
      // Some of them have no order in any window.
      if (map.size <= 2 * this.#ofService.length) continue;
      for (const [each, times] of map) if ((times.at(-1) ?? 0) <= at - SERVICE_WINDOW) map.delete(each);
    }
  }

  #heldUntil(key: string, now: number): number | undefined {
    return holding(this.#holds.get(key), now);
  }
}

function holding(until: Json | undefined, now: number, longest = LONGEST_HOLD): number | undefined {
  return typeof until === 'number' && isAhead(until, now, longest) ? until : undefined;
}

/** In the state, no domain begins so. */
const nameKey = (owner: string): string => `name ${owner}`;
const shareKey = (domain: string, group: string): string => `${domain} ${group}`;

/** Takes out one instant. */
function take(times: number[] | undefined, at: number): void {
  const i = times?.lastIndexOf(at) ?? -1;
  if (i >= 0) times?.splice(i, 1);
}

const ration = (until: number | undefined, what: string): Ration | undefined =>
  until === undefined ? undefined : { until, what };

const writeOrder = ({ owner, group, domains, isRenewal, at }: BegunOrder): Json => ({
  owner,
  group,
  domains,
  isRenewal,
  at,
});

function readOrder(key: string, value: Json): BegunOrder | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { owner, group, domains, isRenewal, at } = value as { readonly [key: string]: Json };
  if (typeof owner !== 'string' || typeof group !== 'string' || typeof at !== 'number' || !Array.isArray(domains))
    return undefined;
  const texts = (domains as readonly Json[]).filter((domain) => typeof domain === 'string');
  return { key, owner, group, at, domains: texts, isRenewal: isRenewal === true };
}

function pushFor(map: Map<string, number[]>, key: string, at: number, window: number): void {
  const times = map.get(key) ?? [];
  map.set(key, times);
  push(times, at, window);
}

/** Adds an instant, and drops those out of the window; what is still to come by a clock that was set back would count for too long. */
function push(times: number[], at: number, window: number): void {
  while (times.length > 0 && times.at(-1)! > at) times.pop();
  const first = times.findIndex((time) => time > at - window);
  times.splice(0, first < 0 ? times.length : first);
  times.push(at);
}

function fullUntil(
  times: readonly number[] | undefined,
  most: number,
  window: number,
  now: number,
): number | undefined {
  let end = times?.length ?? 0;
  while (end > 0 && times![end - 1]! > now) end--;
  const oldest = times?.[end - most];
  return oldest === undefined || oldest <= now - window ? undefined : oldest + window;
}
