/**
 * The status records (`status.ts`) beside requests, kept as they should be: a TXT record of ours is written when what it says has changed,
 * and taken away with the request. The other TXT records of the name are left alone.
 *
 * What is done within moments is not written, since the one who asked sees the certificate itself.
 *
 * Always holds: a name is written at most once in {@link LEAST_INTERVAL}, and no status appears where no TLSA record stands. A record that
 * cannot be written delays and fails nothing else.
 */
import type { Name } from '@zonewright/common/name';
import { CLASS } from '@zonewright/common/rr/class';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import { type BackoffBounds, nextDelay } from '@zonewright/common/service/backoff';
import type { Log } from '@zonewright/common/service/log';
import { RCODE } from '@zonewright/common/wire/code';
import type { DnsClient } from './dns.ts';
import { hostOf } from './posting.ts';
import { formatStatus, type StatusState, type StatusText, statusRdata } from './status.ts';

/** Where a status stands. */
export interface StatusPlace {
  readonly name: Name;
  /** Apex of the zone. */
  readonly origin: Name;
  /** RDATA of the records of ours that the zone shows. */
  readonly statuses: readonly Uint8Array[];
}

interface Entry {
  place: StatusPlace;
  wanted: StatusText | undefined;
  /** Since when that is wanted. */
  since: number;
  /** What was written last, and when. */
  written?: { readonly rdata: Uint8Array | undefined; readonly at: number };
  /** When a write was begun last. */
  triedAt: number;
  isBusy: boolean;
  failures: number;
  notBefore: number;
}

/** Milliseconds between two changes of the record of a name, which is also how long a zone may take to show one. */
const LEAST_INTERVAL = 60_000;
/** Milliseconds that a state has to last before it is written. */
const LINGER = { ordered: 2000, issued: 2000, waiting: 0, refused: 0, unclear: 0 } as const satisfies Record<
  StatusState,
  number
>;
const BACKOFF: BackoffBounds = { base: 120_000, max: 86_400_000 };
/** Updates of status records under way at the same time. */
const MOST_WRITES = 4;
/** Seconds. */
const STATUS_TTL = 60;

export class StatusRecords {
  readonly #dns: DnsClient;
  readonly #log: Log;
  readonly #signal: AbortSignal;
  readonly #entries = new Map<string, Entry>();
  /** Called when a write has ended, and another may begin. */
  readonly #onWritten: () => void;
  #writing = 0;

  constructor(dns: DnsClient, log: Log, signal: AbortSignal, onWritten: () => void) {
    this.#dns = dns;
    this.#log = log;
    this.#signal = signal;
    this.#onWritten = onWritten;
  }

  /** Says what should stand at a name, `undefined` for nothing; returns when this is to be called again. */
  want(place: StatusPlace, wanted: StatusText | undefined, now: number): number {
    const { key } = place.name;
    const before = this.#entries.get(key);
    const rdata = wanted && statusRdata(wanted);
    if (isShown(place, rdata)) {
      // What was written a moment ago still counts for the interval.
      if (before !== undefined && !before.isBusy && now >= (before.written?.at ?? 0) + LEAST_INTERVAL) {
        this.#entries.delete(key);
      } else if (before !== undefined) Object.assign(before, { place, wanted, since: now });
      return Number.POSITIVE_INFINITY;
    }
    const entry = before ?? {
      place,
      wanted,
      since: now,
      triedAt: Number.NEGATIVE_INFINITY,
      isBusy: false,
      failures: 0,
      notBefore: 0,
    };
    this.#entries.set(key, entry);
    if (textOf(entry.wanted) !== textOf(wanted)) entry.since = now;
    Object.assign(entry, { place, wanted });
    if (entry.isBusy) return Number.POSITIVE_INFINITY;
    const { written } = entry;
    const writable = Math.max(entry.notBefore, written === undefined ? 0 : written.at + LEAST_INTERVAL);
    const due = Math.max(writable, entry.since + (wanted === undefined ? 0 : LINGER[wanted.state]));
    if (now < due) return due;
    if (this.#writing < MOST_WRITES && !this.#signal.aborted) void this.#write(entry, rdata, now);
    return Number.POSITIVE_INFINITY;
  }

  /** Forgets names that are in no zone any more, once their interval is over: a request that comes and goes does not have it begin anew. */
  forget(isPresent: (key: string) => boolean, now: number): void {
    for (const [key, { isBusy, triedAt }] of this.#entries) {
      // A clock that was set back keeps nothing.
      const isRecent = Math.abs(now - triedAt) < LEAST_INTERVAL;
      if (!isBusy && !isRecent && !isPresent(key)) this.#entries.delete(key);
    }
  }

  async #write(entry: Entry, rdata: Uint8Array | undefined, now: number): Promise<void> {
    const { place, written } = entry;
    entry.isBusy = true;
    entry.triedAt = now;
    this.#writing++;
    const before = [...place.statuses, ...(written?.rdata ? [written.rdata] : [])];
    const updated = await this.#dns.update(place.origin, updateOf(place.name, before, rdata), { signal: this.#signal });
    this.#writing--;
    entry.isBusy = false;
    const isGone = !updated.ok && updated.fault.rcode === RCODE.NXRRSET;
    if (updated.ok || isGone) {
      Object.assign(entry, { written: { rdata: isGone ? undefined : rdata, at: now }, failures: 0, notBefore: 0 });
    } else if (!this.#signal.aborted) {
      const host = hostOf(place.name).toString();
      if (entry.failures === 0) this.#log.warn('status.failed', { host, hint: updated.fault.hint }, updated.fault.what);
      entry.notBefore = now + nextDelay(entry.failures, BACKOFF, Math.random);
      entry.failures++;
    }
    this.#onWritten();
  }
}

/** Does the zone show this record of ours, and no other? */
function isShown({ statuses }: StatusPlace, rdata: Uint8Array | undefined): boolean {
  if (rdata === undefined) return statuses.length === 0;
  return statuses.length === 1 && Buffer.compare(statuses[0]!, rdata) === 0;
}

const textOf = (status: StatusText | undefined): string | undefined => status && formatStatus(status);

function updateOf(
  name: Name,
  before: readonly Uint8Array[],
  after: Uint8Array | undefined,
): { readonly prerequisites: readonly ResourceRecord[]; readonly operations: readonly ResourceRecord[] } {
  const base = { name, type: TYPE.TXT };
  const isAsked = { name, type: TYPE.TLSA, class: CLASS.ANY, ttl: 0, rdata: new Uint8Array(0) };
  return {
    prerequisites: after === undefined ? [] : [isAsked],
    operations: [
      ...before.map((rdata) => ({ ...base, class: CLASS.NONE, ttl: 0, rdata })),
      ...(after === undefined ? [] : [{ ...base, class: CLASS.IN, ttl: STATUS_TTL, rdata: after }]),
    ],
  };
}
