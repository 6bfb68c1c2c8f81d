/**
 * What is known of zones and stands in no file: the serial that was served last of one that is withdrawn, since secondaries may have it
 * yet; and up to which position the entries of a broken one are in the remote. As the journal has it. Pure.
 *
 * The catalog has one while it is served, since no file has its serial.
 *
 * Always holds: any other zone that is served has no floor; of floors there are so many at most, the oldest go first.
 */
import type { Name } from '@zonewright/common/name';
import { saysNothing, type ZoneNote } from './journal/journal.ts';
import type { Takeover } from './takeover.ts';

/** Zones that are withdrawn, and whose serial is remembered. */
const MAX_FLOORS = 100_000;

export class ZoneNotes {
  /** The oldest first. */
  readonly #notes = new Map<string, ZoneNote>();

  constructor(kept: readonly ZoneNote[]) {
    this.take([...kept].sort((a, b) => a.time - b.time));
  }

  /** The serial that a zone had when it was withdrawn; `undefined` too where it is served. */
  floorOf({ key }: Name): number | undefined {
    return this.#notes.get(key)?.floor;
  }

  /** All that is known of a zone. */
  of({ key }: Name): ZoneNote | undefined {
    return this.#notes.get(key);
  }

  /** Up to this position the entries of a zone are in the remote, though its base is older; 0: none. */
  arrivedOf({ key }: Name): number {
    return this.#notes.get(key)?.arrived ?? 0;
  }

  /** What a takeover changes. */
  changesBy({ zones, gone }: Takeover, time: number): readonly ZoneNote[] {
    const changes: ZoneNote[] = [];
    const note = (zone: Name, arrived: number, floor: number | undefined): void => {
      const before = this.#notes.get(zone.key);
      if ((before?.arrived ?? 0) !== arrived || before?.floor !== floor) changes.push({ zone, time, arrived, floor });
    };
    for (const { standing, zone } of zones) {
      const { origin, open, arrived } = standing;
      const isOpen = open.length > 0 && open[0]!.position <= arrived;
      note(origin, isOpen ? arrived : 0, zone === undefined ? this.floorOf(origin) : undefined);
    }
    for (const { origin, serial } of gone) if (origin !== undefined) note(origin, 0, serial);
    return [...changes, ...this.#tooMany(changes)];
  }

  /** Those to be forgotten so that there is room for others. */
  #tooMany(changes: readonly ZoneNote[]): readonly ZoneNote[] {
    let left = this.#notes.size + changes.length - MAX_FLOORS;
    if (left <= 0) return [];
    const changed = new Set(changes.map(({ zone }) => zone.key));
    const old: ZoneNote[] = [];
    for (const [key, each] of this.#notes) {
      if (left <= 0) break;
      if (each.floor === undefined || changed.has(key)) continue;
      old.push({ ...each, arrived: 0, floor: undefined });
      left--;
    }
    return old;
  }

  /** Takes changes that are journalled. */
  take(changes: readonly ZoneNote[]): void {
    for (const each of changes) {
      this.#notes.delete(each.zone.key);
      if (!saysNothing(each)) this.#notes.set(each.zone.key, each);
    }
  }
}
