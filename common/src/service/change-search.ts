/**
 * Searches for what changed since an old version of a zone, where the history in memory does not reach back (RFC 1995): how many at
 * once, how long one may take, and how much of the time may go into them, since whoever may transfer a zone may ask for any serial.
 *
 * Always holds: who gets no search, or waits in vain, gets the whole zone. Who asks for the same gets the same search.
 */
import type { Delta } from '../zone/delta.ts';
import type { Zone } from '../zone/zone.ts';

/** Searches at once; whoever comes on top does not wait. */
const MAX_SEARCHES = 2;
/** Milliseconds that a client waits for one. */
const SEARCH_TIMEOUT = 5000;
/** Milliseconds of searching that may be done at one go, and how much of the time it may take in the long run. */
const BURST = 30_000;
const SHARE = 0.1;
/** Serials that were searched for in vain, and for how many milliseconds nobody looks for them again. */
const MAX_UNKNOWN = 10_000;
const UNKNOWN_TIME = 3_600_000;

/** Looks for the change that leads from a serial to a version; ends by itself after `limit` milliseconds, about. */
export type FindChange = (zone: Zone, serial: number, limit: number) => Promise<Delta | undefined>;

export interface SearchOptions {
  readonly now?: () => number;
  readonly timeout?: number;
}

export class ChangeSearch {
  readonly #find: FindChange;
  readonly #now: () => number;
  readonly #timeout: number;
  readonly #running = new Map<string, Promise<Delta | undefined>>();
  /** Zone and serial, and until when they are not looked for. The oldest stand first. */
  readonly #unknown = new Map<string, number>();
  /** What was found last: several secondaries ask for the same. */
  #last: { readonly key: string; readonly delta: Delta } | undefined;
  /** Milliseconds that may still go into searches, as of a time. */
  #credit = BURST;
  #creditAt: number;

  /** `now`: milliseconds; `timeout`: of one search, milliseconds. */
  constructor(find: FindChange, { now = () => performance.now(), timeout = SEARCH_TIMEOUT }: SearchOptions = {}) {
    this.#find = find;
    this.#now = now;
    this.#timeout = timeout;
    this.#creditAt = now();
  }

  /** What changed between a serial and a version; `undefined`: nobody knows, or not now. */
  async since(zone: Zone, serial: number): Promise<Delta | undefined> {
    const { origin } = zone;
    const wanted = `${serial} ${origin.key}`;
    const key = `${zone.serial} ${wanted}`;
    if (this.#last?.key === key) return this.#last.delta;
    if ((this.#unknown.get(wanted) ?? 0) > this.#now()) return undefined;
    const running = this.#running.get(key) ?? this.#start(zone, serial, key, wanted);
    return running === undefined ? undefined : await inTime(running, this.#timeout);
  }

  #start(zone: Zone, serial: number, key: string, wanted: string): Promise<Delta | undefined> | undefined {
    if (this.#running.size >= MAX_SEARCHES || this.#earn() <= 0) return undefined;
    const began = this.#now();
    const search = this.#find(zone, serial, this.#timeout).finally(() => {
      this.#running.delete(key);
      this.#credit = this.#earn() - (this.#now() - began);
    });
    this.#running.set(key, search);
    const done = (delta: Delta | undefined): void => {
      if (delta === undefined) this.#forget(wanted);
      else this.#last = { key, delta };
    };
    search.then(done, () => this.#forget(wanted));
    return search;
  }

  /** What may be spent by now. */
  #earn(): number {
    const now = this.#now();
    this.#credit = Math.min(BURST, this.#credit + (now - this.#creditAt) * SHARE);
    this.#creditAt = now;
    return this.#credit;
  }

  #forget(wanted: string): void {
    this.#unknown.delete(wanted);
    this.#unknown.set(wanted, this.#now() + UNKNOWN_TIME);
    if (this.#unknown.size > MAX_UNKNOWN) this.#unknown.delete(this.#unknown.keys().next().value!);
  }
}

/** What a search finds while its client waits. */
async function inTime(search: Promise<Delta | undefined>, timeout: number): Promise<Delta | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((done) => {
    timer = setTimeout(() => done(undefined), timeout);
  });
  try {
    return await Promise.race([search, late]);
  } finally {
    clearTimeout(timer);
  }
}
