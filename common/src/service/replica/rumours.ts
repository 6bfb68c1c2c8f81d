/**
 * Zones that NOTIFYs have named and of which there has never been a copy: whoever has the key of a source may name any that he likes, so
 * each source has room for so many, until they have come or are forgotten.
 */
import { type HeldZone, isRumour } from './held-zone.ts';
import type { ReplicaSource } from './primaries.ts';

/** Zones of one source. */
const MAX_RUMOURS = 10_000;
/** Questions in a row that brought no copy: those take two minutes. */
const MAX_RUMOUR_FAILURES = 8;

export class Rumours {
  readonly #bySource = new Map<ReplicaSource, Set<HeldZone>>();

  /** Is there room for one more? What has come since, or is gone, makes it. */
  hasRoom(source: ReplicaSource): boolean {
    const zones = this.#bySource.get(source);
    if (zones === undefined || zones.size < MAX_RUMOURS) return true;
    for (const held of zones) if (held.isDropped || !isRumour(held)) zones.delete(held);
    return zones.size < MAX_RUMOURS;
  }

  add(source: ReplicaSource, held: HeldZone): void {
    const zones = this.#bySource.get(source);
    if (zones === undefined) this.#bySource.set(source, new Set([held]));
    else zones.add(held);
  }
}

/** Is a zone whose primaries were asked in vain once more to be forgotten, even if they say nothing? */
export function isForgotten(held: HeldZone): boolean {
  return isRumour(held) && held.refresh.failures + 1 >= MAX_RUMOUR_FAILURES;
}
