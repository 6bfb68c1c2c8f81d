/**
 * What is to be written of each zone, and what stands on the disk already, as far as that is known: of each zone the newest state, and
 * either the deltas that lead to its newest version or, where that is cheaper or surer, that version whole. Pure.
 *
 * Always holds: what waits is bounded by the zones that are served and by a limit for deltas, however slow the disk is.
 */
import type { Name } from '@zonewright/common/name';
import type { CopyState } from '@zonewright/common/service/copies';
import type { Delta } from '@zonewright/common/zone/delta';
import { MAX_DELTAS } from '@zonewright/common/zone/history';
import { recordOctets } from '@zonewright/common/zone/record-octets';
import type { Zone } from '@zonewright/common/zone/zone';

/** What is to be written of a zone. */
export interface Waiting {
  readonly origin: Name;
  /** `undefined`: the zone is kept no more. */
  readonly version: Version | undefined;
}

interface Version {
  readonly zone: Zone;
  readonly state: CopyState;
  readonly isWhole: boolean;
  /** Lead to the version, from the one before where they are not whole's. */
  readonly deltas: readonly Delta[];
  readonly octets: number;
}

/** What is on the disk. */
interface OnDisk {
  readonly zone: Zone;
  readonly state: CopyState;
  /** Deltas since the snapshot, and octets in them. */
  readonly since: number;
  readonly octets: number;
}

/** Deltas of a small zone may weigh this before it is written whole. */
const LEAST_OCTETS = 32_768;
/** Of deltas that wait, of all zones. */
const MAX_WAITING_OCTETS = 32 * 2 ** 20;

export class WaitingList {
  readonly #waiting = new Map<string, Waiting>();
  /** What is being written. */
  readonly #taken = new Map<string, Waiting>();
  readonly #onDisk = new Map<string, OnDisk>();
  #octets = 0;

  get size(): number {
    return this.#waiting.size;
  }

  /** A version was published. */
  save(zone: Zone, deltas: readonly Delta[] | undefined, state: CopyState): void {
    const { origin } = zone;
    const before = this.#waiting.get(origin.key);
    const last = this.#last(origin);
    const isChained = last !== undefined && deltas?.[0]?.from === last.zone.serial;
    const all = isChained ? [...(before?.version?.deltas ?? []), ...deltas] : [];
    const octets = isChained ? (before?.version?.octets ?? 0) + weightOf(deltas) : 0;
    const isWhole = !isChained || before?.version?.isWhole === true || this.#isHeavy(zone, all.length, octets);
    this.#set({ origin, version: { zone, state, isWhole, deltas: all, octets } });
  }

  /** Something is known anew of the version that was saved last. False where there is none. */
  confirm(origin: Name, state: CopyState): boolean {
    const before = this.#waiting.get(origin.key);
    const zone = this.#last(origin)?.zone;
    if (zone === undefined) return false;
    const { isWhole, deltas, octets } = before?.version ?? { isWhole: false, deltas: [], octets: 0 };
    this.#set({ origin: zone.origin, version: { zone, state, isWhole, deltas, octets } });
    return true;
  }

  remove(origin: Name): void {
    this.#set({ origin, version: undefined });
  }

  /** What was read from the disk. */
  found(zone: Zone, state: CopyState, since: number, octets: number): void {
    this.#onDisk.set(zone.origin.key, { zone, state, since, octets });
  }

  /** Takes the oldest of what waits. */
  take(count: number): readonly Waiting[] {
    const taken: Waiting[] = [];
    for (const each of this.#waiting.values()) {
      if (taken.length === count) break;
      taken.push(each);
    }
    for (const each of taken) {
      this.#octets -= each.version?.octets ?? 0;
      this.#waiting.delete(each.origin.key);
      this.#taken.set(each.origin.key, each);
    }
    return taken;
  }

  /** What was taken is on the disk. */
  written({ origin, version }: Waiting): void {
    this.#taken.delete(origin.key);
    if (version === undefined) {
      this.#onDisk.delete(origin.key);
      return;
    }
    const { zone, state, isWhole, deltas, octets } = version;
    const before = isWhole ? undefined : this.#onDisk.get(origin.key);
    const since = isWhole ? 0 : (before?.since ?? 0) + deltas.length;
    this.#onDisk.set(origin.key, { zone, state, since, octets: isWhole ? 0 : (before?.octets ?? 0) + octets });
  }

  /** What was taken is not on the disk, or not known to be: it waits again, unless something newer does. `isWhole`: nothing else will do. */
  failed({ origin, version }: Waiting, isWhole: boolean): void {
    this.#taken.delete(origin.key);
    const newer = this.#waiting.get(origin.key);
    if (newer === undefined) {
      this.#set({ origin, version: version && { ...version, isWhole: isWhole || version.isWhole } });
      return;
    }
    // What is newer and not whole goes on from what was taken.
    if (newer.version === undefined || newer.version.isWhole || version === undefined) return;
    const deltas = [...version.deltas, ...newer.version.deltas];
    const octets = version.octets + newer.version.octets;
    this.#set({ origin, version: { ...newer.version, isWhole: isWhole || version.isWhole, deltas, octets } });
  }

  /** The disk holds nothing any more: all that it held waits. */
  lost(): void {
    for (const { zone, state } of this.#onDisk.values())
      if (!this.#waiting.has(zone.origin.key)) this.save(zone, undefined, state);
    this.#onDisk.clear();
  }

  /** The version that is on the disk when all that is known of has been written. */
  #last(origin: Name): { readonly zone: Zone } | undefined {
    const next = this.#waiting.get(origin.key) ?? this.#taken.get(origin.key);
    return next === undefined ? this.#onDisk.get(origin.key) : next.version;
  }

  /** Would deltas weigh more than half of a zone, all counted that came since it was written whole? */
  #isHeavy(zone: Zone, deltas: number, octets: number): boolean {
    const { key } = zone.origin;
    const taken = this.#taken.get(key)?.version;
    const disk = taken?.isWhole ? undefined : this.#onDisk.get(key);
    const isHeavy = octets + (taken?.octets ?? 0) + (disk?.octets ?? 0) > Math.max(LEAST_OCTETS, zone.octets / 2);
    return isHeavy || deltas + (taken?.deltas.length ?? 0) + (disk?.since ?? 0) > MAX_DELTAS;
  }

  #set(waiting: Waiting): void {
    const { key } = waiting.origin;
    // It keeps its place, so that what changes all the time is written also.
    this.#octets -= this.#waiting.get(key)?.version?.octets ?? 0;
    this.#waiting.set(key, waiting);
    const { version } = waiting;
    if (version === undefined) return;
    this.#octets += version.octets;
    const isTooMuch = this.#octets > MAX_WAITING_OCTETS || version.deltas.length > MAX_DELTAS;
    if (!isTooMuch || version.octets === 0) return;
    this.#octets -= version.octets;
    this.#waiting.set(key, { ...waiting, version: { ...version, isWhole: true, deltas: [], octets: 0 } });
  }
}

function weightOf(deltas: readonly Delta[]): number {
  let octets = 0;
  for (const { removed, added } of deltas)
    for (const list of [removed, added]) for (const record of list) octets += recordOctets(record);
  return octets;
}
