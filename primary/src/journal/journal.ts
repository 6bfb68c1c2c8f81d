/**
 * The journal as a port: what a primary has promised and what it serves, so that a crash at any moment loses neither. It is no copy of
 * the zones: those are in git, and what the journal adds to them are the updates that are not there yet.
 *
 * Words. An _entry_ is what one UPDATE did, or a serial that the server raised; its _position_ counts from 1 for the whole journal.
 * It is _open_ until the commit that holds it is in the remote, and kept no longer than that. _In force_ is the commit whose files are
 * served.
 *
 * Always holds: a write that resolved is on the disk, one that did not is there wholly or not at all, and writes get there in
 * the order in which they were asked for.
 */
import type { StoreFault } from '@zonewright/common/lmdb/fault';
import type { Name } from '@zonewright/common/name';
import { ok, type Result } from '@zonewright/common/result';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import type { Delta } from '@zonewright/common/zone/delta';
import { Marker, newMarkSecret } from '../mark.ts';

export type Entry = UpdateEntry | SerialEntry;

/** An UPDATE that changed something (RFC 2136 3.4.2). */
export interface UpdateEntry extends Step {
  readonly kind: 'update';
  /** The name in the zone section: the apex, or a host below it that the key is for. */
  readonly scope: Name;
  /** Who asked: the name of the TSIG key. */
  readonly key: Name;
  /** Where from, as `printPeer` prints it. */
  readonly source: string;
  /** The update section, classes included (RFC 2136 2.5). */
  readonly operations: readonly ResourceRecord[];
}

/** A serial that the server raised, because a commit had changed the zone without it. */
export interface SerialEntry extends Step {
  readonly kind: 'serial';
}

/** What all entries have: a zone went from one serial to another. */
interface Step {
  /** 1 or more; each entry's is higher than those of all before it. */
  readonly position: number;
  /** By the time of the journal (`journal-time.ts`), milliseconds. */
  readonly time: number;
  /** The apex of the zone. */
  readonly zone: Name;
  /** Serials (RFC 1982) before and after. */
  readonly from: number;
  readonly to: number;
}

/** The blob of a zone file's last good version, and those that it includes, by file name: object names. */
export interface LastGood {
  readonly oid: string;
  readonly includes: ReadonlyMap<string, string>;
}

/** What is known of a zone and stands in no file. */
export interface ZoneNote {
  /** The apex. */
  readonly zone: Name;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** Entries up to this position are in the remote, though what is served is older, since the zone is broken there; 0: none. */
  readonly arrived: number;
  /** The serial that was served last of a zone that is withdrawn. */
  readonly floor: number | undefined;
  /** What the catalog listed with that serial, as a digest of {@link DIGEST_OCTETS}. */
  readonly members?: Uint8Array;
}

export const DIGEST_OCTETS = 16;

/** A note that is to be forgotten. */
export const saysNothing = ({ arrived, floor }: ZoneNote): boolean => arrived === 0 && floor === undefined;

export interface Kept {
  /** The commit in force; `undefined` when there was none yet. */
  readonly inForce: string | undefined;
  /** Ascending. */
  readonly open: readonly Entry[];
  /** By file name, of the files that are broken at the commit in force. */
  readonly lastGood: ReadonlyMap<string, LastGood>;
  /** One for a zone at most. */
  readonly notes: readonly ZoneNote[];
  /** Of the newest entry that there ever was, closed ones included; 0 when there was none. */
  readonly position: number;
  /** The newest that was noted, as a {@link JournalWrite} has it; 0: none. */
  readonly time: number;
}

/** What belongs together: all of it is kept, or none. */
export interface JournalWrite {
  /** Ascending, and newer than all that were written before. */
  readonly entries?: readonly Entry[];
  /** Positions of entries that are in the remote, or never will be. Unknown ones are ignored. */
  readonly closed?: readonly number[];
  readonly inForce?: string;
  /** The time (`journal-time.ts`) that is reached. */
  readonly time?: number;
  /** By file name; `undefined` to forget one. */
  readonly lastGood?: ReadonlyMap<string, LastGood | undefined>;
  /** Each in the place of the one that its zone has; one that says nothing is forgotten. */
  readonly notes?: readonly ZoneNote[];
  /** Versions that become visible, for an IXFR after a restart. One that does not begin where its zone's newest ended starts anew. */
  readonly deltas?: readonly Delta[];
  /** Zones whose deltas are forgotten; before `deltas` are added. */
  readonly withdrawn?: readonly Name[];
}

export type JournalFault = StoreFault;

export interface Journal {
  /** Has the secret of the journal: marks the commits that speak of its positions. */
  readonly marker: Marker;
  /** As it was when the journal was opened. */
  readonly kept: Kept;
  /**
   * All or nothing, and on the disk when it resolves. What waits is written with one sync. After a fault nothing of it is kept, and the
   * next write may well succeed. What is given must not be changed until it resolves.
   */
  write(what: JournalWrite): Promise<Result<void, JournalFault>>;
  /**
   * The chain of a zone's latest changes, the oldest first, bounded as `History` bounds it; empty when there is none. Read from the disk
   * in slices, since it may be a hundred thousand records. Includes all writes that have resolved.
   */
  historyOf(origin: Name): Promise<readonly Delta[]>;
  /** Waits for the writes under way. After it, writes give a fault and histories are empty. */
  close(): Promise<void>;
}

const NOTHING: Kept = { inForce: undefined, open: [], lastGood: new Map(), notes: [], position: 0, time: 0 };

/** A journal that keeps nothing: for a primary that acknowledges only what is in the remote. */
export function memoryJournal(): Journal {
  return {
    marker: new Marker(newMarkSecret()),
    kept: NOTHING,
    write: async () => ok(undefined),
    historyOf: async () => [],
    close: async () => {},
  };
}
