/**
 * What is served and is not in the remote yet: for each zone its _base_, the version that its file says in its last good version at the
 * head in force, and the _open_ entries, which lead from there to the version that is served. Pure.
 *
 * Always holds: a zone whose served version differs from its base has an open entry, be it for its serial alone; the open entries of a
 * zone ascend; between the base and the version that is served nothing differs but the SOA and names of operations of open entries.
 */
import type { Name } from '@zonewright/common/name';
import { type Delta, diffNames } from '@zonewright/common/zone/delta';
import type { Zone } from '@zonewright/common/zone/zone';
import { addedOctets } from './file-room.ts';
import type { Entry, UpdateEntry } from './journal/journal.ts';
import type { Source } from './repository/repository.ts';

/** An acknowledged update that is not done again, and why. */
export interface Dropped {
  readonly entry: UpdateEntry;
  readonly why: string;
}

/** Where a zone stands between what its file says and what is served. */
export interface Standing {
  readonly origin: Name;
  readonly fileName: string;
  /** `undefined`: its file never was good. */
  readonly base: Zone | undefined;
  /** What the base was read from, or written to. */
  readonly source: Source | undefined;
  /** Octets of the file at the head, when it was read or written last; 0 where it was not. */
  readonly octets: number;
  /** Can the file at the head not be written to, since it has errors? */
  readonly isBroken: boolean;
  readonly open: readonly Entry[];
  /** To be said in the next commit that changes the file. */
  readonly dropped: readonly Dropped[];
  /** Entries up to this position are in a commit of the remote, though the base is older: the head was broken when that was learnt. */
  readonly arrived: number;
}

/** A zone file to be written. */
export interface Part {
  readonly origin: Name;
  readonly fileName: string;
  readonly base: Zone;
  /** The version that the file is to say. */
  readonly zone: Zone;
  readonly entries: readonly Entry[];
  readonly dropped: readonly Dropped[];
}

/** What one commit is to hold. */
export interface Draft {
  /** All entries up to this position are in it, but those of the zones `without`. */
  readonly position: number;
  readonly parts: readonly Part[];
  readonly without: readonly Name[];
}

/** Updates that wait. `oldest`: when the first of them was acknowledged, by the time of the journal. */
export interface Waiting {
  readonly updates: number;
  readonly oldest: number | undefined;
}

const NOTHING: Waiting = { updates: 0, oldest: undefined };

/** What is added to what is open: a batch that is to be in the remote before it is published. */
export interface More {
  readonly entries: readonly Entry[];
  versionOf(origin: Name): Zone | undefined;
}

export class Unwritten {
  readonly #standings = new Map<string, Standing>();
  /** Those with open entries, by the key of the origin. */
  readonly #open = new Set<string>();
  /** Versions that could not be written into their file: not tried again until there is another one. */
  readonly #refused = new Map<string, Zone>();
  /** Octets that open entries add to their files, by the key of the origin; reckoned when asked for. */
  readonly #added = new Map<string, number>();
  /** Of the zones whose files can be written to; reckoned when asked for. */
  #waiting: Waiting | undefined = NOTHING;
  /** Of the newest entry that was noted. */
  #position: number;

  constructor(position: number) {
    this.#position = position;
  }

  /** The position of the newest entry. */
  get position(): number {
    return this.#position;
  }

  /** Leaves out positions that are taken already, as it turned out. */
  skipTo(position: number): void {
    this.#position = Math.max(this.#position, position);
  }

  of(origin: Name): Standing | undefined {
    return this.#standings.get(origin.key);
  }

  /** Says where a zone stands from now on. */
  settle(standing: Standing): void {
    const { key } = standing.origin;
    this.#standings.set(key, standing);
    if (standing.open.length > 0) this.#open.add(key);
    else this.#open.delete(key);
    this.#added.delete(key);
    this.#refused.delete(key);
    this.#waiting = undefined;
  }

  /** Forgets a zone. */
  forget(origin: Name): void {
    this.#standings.delete(origin.key);
    this.#open.delete(origin.key);
    this.#added.delete(origin.key);
    this.#refused.delete(origin.key);
    this.#waiting = undefined;
  }

  /** Takes entries of zones that are known as open: what they did is published. */
  note(entries: readonly Entry[]): void {
    for (const { position } of entries) this.skipTo(position);
    for (const [key, more] of entriesByZone(entries)) {
      const standing = this.#standings.get(key);
      if (standing === undefined) throw new Error('an entry of a zone that is not served');
      this.#standings.set(key, { ...standing, open: standing.open.concat(more) });
      this.#open.add(key);
      const added = this.#added.get(key);
      if (added !== undefined) this.#added.set(key, added + addedBy(more));
      if (!this.#isStuck(standing)) this.#count(more);
    }
  }

  #count(more: readonly Entry[]): void {
    const updates = more.filter(({ kind }) => kind === 'update');
    if (this.#waiting === undefined || updates.length === 0) return;
    const { updates: before, oldest = updates[0]!.time } = this.#waiting;
    this.#waiting = { updates: before + updates.length, oldest };
  }

  /** Octets that the file of a zone comes to, at most, once its open entries are written. */
  octetsOf({ key }: Name): number {
    const standing = this.#standings.get(key);
    if (standing === undefined) return 0;
    const added = this.#added.get(key) ?? addedBy(standing.open);
    this.#added.set(key, added);
    return standing.octets + added;
  }

  /** Those with open entries. */
  *open(): Generator<Standing, void, undefined> {
    for (const key of this.#open) yield this.#standings.get(key)!;
  }

  /** What waits for the remote; of a zone whose file cannot be written to, what waits for that. */
  waiting(origin?: Name): Waiting {
    const standing = origin && this.of(origin);
    if (standing !== undefined && this.#isStuck(standing)) return waitingOf([standing]);
    this.#waiting ??= waitingOf([...this.open()].filter((each) => !this.#isStuck(each)));
    return this.#waiting;
  }

  /** All that waits. */
  get allWaiting(): Waiting {
    return waitingOf([...this.open()]);
  }

  #isStuck({ origin, isBroken }: Standing): boolean {
    return isBroken || this.#refused.has(origin.key);
  }

  /** Is there something that can be written? */
  isWritable(served: (origin: Name) => Zone | undefined): boolean {
    for (const standing of this.open()) if (this.#versionOf(standing, served) !== undefined) return true;
    return false;
  }

  /** What a commit would have to hold now, with `more` on top of it; `undefined` when there is nothing that can be written. */
  next(served: (origin: Name) => Zone | undefined, more?: More): Draft | undefined {
    const parts: Part[] = [];
    const without: Name[] = [];
    const added = more?.entries ?? [];
    const keys = new Set([...this.#open, ...added.map(({ zone }) => zone.key)]);
    for (const key of keys) {
      const standing = this.#standings.get(key);
      if (standing === undefined) continue;
      const { origin, fileName, base, open, dropped } = standing;
      const version = more?.versionOf(origin);
      const zone = version ?? this.#versionOf(standing, served);
      if (zone === undefined || base === undefined) {
        without.push(origin);
        continue;
      }
      const entries = version === undefined ? open : [...open, ...added.filter((entry) => entry.zone.equals(origin))];
      parts.push({ origin, fileName, base, zone, entries, dropped });
    }
    const position = added.at(-1)?.position ?? this.#position;
    return parts.length === 0 ? undefined : { position, parts, without };
  }

  /** The version that is to be written, unless that cannot be. */
  #versionOf({ origin, isBroken, base }: Standing, served: (origin: Name) => Zone | undefined): Zone | undefined {
    const zone = served(origin);
    return isBroken || base === undefined || this.#refused.get(origin.key) === zone ? undefined : zone;
  }

  /** Notes that a version cannot be written into its file. */
  refuse({ origin, zone }: Part): void {
    this.#refused.set(origin.key, zone);
    this.#waiting = undefined;
  }

  /**
   * Notes that a draft is in the remote, its files under these object names and of so many octets; gives the positions of entries that are not open any more.
   */
  written(
    { position, parts }: Draft,
    objects: ReadonlyMap<string, string>,
    sizes: ReadonlyMap<string, number>,
  ): readonly number[] {
    const closed: number[] = [];
    for (const { origin, fileName, zone, dropped } of parts) {
      const standing = this.of(origin);
      if (standing === undefined) continue;
      const { source, octets, open } = standing;
      for (const entry of open) if (entry.position <= position) closed.push(entry.position);
      const oid = objects.get(fileName);
      this.settle({
        ...standing,
        base: zone,
        source: oid === undefined ? source : { oid, includes: source?.includes ?? [] },
        octets: sizes.get(fileName) ?? octets,
        open: open.filter((entry) => entry.position > position),
        dropped: standing.dropped.filter((each) => !dropped.includes(each)),
      });
    }
    return closed;
  }

  /** Takes the copy of a base in the place of it. */
  moveBase(base: Zone, copy: Zone): void {
    const standing = this.of(base.origin);
    if (standing?.base === base) this.#standings.set(base.origin.key, { ...standing, base: copy });
  }
}

function addedBy(entries: readonly Entry[]): number {
  return entries.reduce((sum, each) => (each.kind === 'update' ? sum + addedOctets(each.operations) : sum), 0);
}

function waitingOf(standings: readonly Standing[]): Waiting {
  let updates = 0;
  let oldest: number | undefined;
  for (const { open } of standings) {
    for (const { kind, time } of open) {
      if (kind !== 'update') continue;
      updates++;
      oldest = Math.min(oldest ?? time, time);
    }
  }
  return updates === 0 ? NOTHING : { updates, oldest };
}

const NONE: readonly never[] = [];

/** A zone of which nothing is known yet. */
export function newStanding(origin: Name, fileName: string): Standing {
  return {
    origin,
    fileName,
    base: undefined,
    source: undefined,
    octets: 0,
    isBroken: false,
    open: NONE,
    dropped: NONE,
    arrived: 0,
  };
}

/** Entries by the keys of their zones, in their order. */
export function entriesByZone(entries: readonly Entry[]): Map<string, Entry[]> {
  const byZone = new Map<string, Entry[]>();
  for (const entry of entries) {
    const { key } = entry.zone;
    const same = byZone.get(key);
    if (same === undefined) byZone.set(key, [entry]);
    else same.push(entry);
  }
  return byZone;
}

/** The names that entries may have changed. */
export function* namesOf(entries: readonly Entry[]): Generator<Name, void, undefined> {
  for (const entry of entries) if (entry.kind === 'update') for (const { name } of entry.operations) yield name;
}

/** What a part changes in its file. */
export function deltaOf({ base, zone, entries }: Part): Delta {
  return diffNames(base, zone, namesOf(entries));
}
