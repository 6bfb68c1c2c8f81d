/**
 * Copies of zones that outlive the process: the port of a replica. What implements it keeps them on the disk (the secondary), or not
 * at all.
 *
 * A copy that cannot be written is no reason not to serve it: its primary has it. Whoever implements this says so, and goes on.
 */
import type { Name } from '../name.ts';
import type { Delta } from '../zone/delta.ts';
import type { Zone } from '../zone/zone.ts';

/** What a replica knows of a zone beside its records. */
export interface CopyState {
  /** When the primary was last known to have nothing newer, and when the zone is no longer to be served: milliseconds since 1970. */
  readonly checkedAt: number;
  readonly expireAt: number;
  /** Who named it: a key of the configuration, a NOTIFY, or the catalog zone of this name. */
  readonly namedBy: 'key' | 'notify' | Name;
}

export interface Copy {
  readonly zone: Zone;
  /** How this version came about, oldest first; none where nobody knows. */
  readonly deltas: readonly Delta[];
  readonly state: CopyState;
}

export interface Copies {
  /** Zones of which something is still to be written. */
  readonly waiting: number;
  /** Why nothing can be written, as long as that is so. */
  readonly failure: string | undefined;
  /** Gives each copy that was kept, in portions that hold nobody up; a damaged one is left out, and said. */
  load(take: (copy: Copy) => void): Promise<void>;
  /** Keeps a version; `deltas` lead to it from the one kept before, `undefined` where it came whole. Returns at once. */
  save(zone: Zone, deltas: readonly Delta[] | undefined, state: CopyState): void;
  /** Keeps what is known of a zone whose version is the one kept last. Returns at once. */
  confirm(origin: Name, state: CopyState): void;
  /** Keeps a zone no more. */
  remove(origin: Name): void;
  /** Waits until all is on the disk, and ends. */
  close(): Promise<void>;
}

/** Nothing is kept. */
export const noCopies: Copies = {
  waiting: 0,
  failure: undefined,
  load: async () => {},
  save: () => {},
  confirm: () => {},
  remove: () => {},
  close: async () => {},
};
