/**
 * The first round of a server that begins with nothing: primaries that are reached tell of their zones (`registrations.ts`), one NOTIFY
 * each, and nobody says which is the last. It is over once all have been reached and have told of nothing new for a second; after ten seconds
 * in any case, for a primary may be away.
 *
 * Always holds: what is learnt after it holds nothing up, so that a NOTIFY for a zone that there is not makes no server unready.
 */
import { printPeer } from '../../net/address.ts';
import type { Clock } from '../clock.ts';
import { type HeldZone, isRumour } from './held-zone.ts';
import type { ReplicaSource } from './primaries.ts';

/** Milliseconds without a new zone. */
const FIRST_ROUND_QUIET = 1000;
/** Milliseconds. */
const MAX_FIRST_ROUND = 10_000;

export class FirstRound {
  readonly #clock: Clock;
  readonly #unreached: Set<ReplicaSource>;
  readonly #learnt = new Set<HeldZone>();
  #endsBy = Number.POSITIVE_INFINITY;
  #heardAt = 0;

  constructor(sources: readonly ReplicaSource[], clock: Clock) {
    this.#clock = clock;
    this.#unreached = new Set(sources);
  }

  /** Primaries are asked from now on. `isNew`: there is nothing to be served yet; else there is no such round. */
  begin(isNew: boolean): void {
    this.#endsBy = isNew ? this.#clock.now() + MAX_FIRST_ROUND : Number.NEGATIVE_INFINITY;
  }

  /** Those that were never reached, in the first round or since. */
  get unreached(): ReadonlySet<ReplicaSource> {
    return this.#unreached;
  }

  reached(source: ReplicaSource): void {
    const isOver = this.#isOver();
    this.#unreached.delete(source);
    if (!isOver) this.#heardAt = this.#clock.now();
  }

  learnt(held: HeldZone): void {
    if (this.#isOver()) return;
    this.#learnt.add(held);
    this.#heardAt = this.#clock.now();
  }

  /** What is waited for, one clause each. */
  awaited(): readonly string[] {
    for (const held of this.#learnt) if (held.isDropped || !isRumour(held)) this.#learnt.delete(held);
    const zones = [...this.#learnt].map(({ origin }) => `no data for ${origin}`);
    if (this.#isOver()) return zones;
    const away = [...this.#unreached].map(({ primary }) => `${printPeer(primary)} has not been reached`);
    return [...zones, ...(away.length > 0 ? new Set(away) : ['primaries may tell of more zones'])];
  }

  #isOver(): boolean {
    const now = this.#clock.now();
    return now >= this.#endsBy || (this.#unreached.size === 0 && now >= this.#heardAt + FIRST_ROUND_QUIET);
  }
}
