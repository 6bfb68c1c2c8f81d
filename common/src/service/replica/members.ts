/**
 * Zones that catalog zones list (RFC 9432 5), and what becomes of those that come and go.
 *
 * Always holds: a catalog takes, moves or ends no zone that others of the configuration answer for. What a key names stays; what a NOTIFY
 * has named is that again once no catalog lists it; what is of other primaries by its keys is refused.
 */
import type { Name } from '../../name.ts';
import type { Log } from '../log.ts';
import { type HeldZone, isNamed } from './held-zone.ts';
import { isOfOthers, type ReplicaSource } from './primaries.ts';

export interface MembersOptions {
  readonly zones: ReadonlyMap<string, HeldZone>;
  readonly sources: readonly ReplicaSource[];
  readonly log: Log;
  /** Begins with a zone that is not there. */
  take(member: Name, catalog: Name): void;
  assign(held: HeldZone, catalogs: readonly Name[]): void;
  /** Asks its primaries now. */
  ask(held: HeldZone): void;
  drop(held: HeldZone): void;
}

/** A catalog zone, and the zones that it lists. */
interface Listing {
  readonly catalog: Name;
  readonly zones: ReadonlyMap<string, Name>;
}

/** Zones that one line of the log names. */
const LISTED = 20;

export class Members {
  readonly #options: MembersOptions;
  /** By catalog zone, as they were told last. */
  readonly #listings = new Map<string, Listing>();

  constructor(options: MembersOptions) {
    this.#options = options;
  }

  set(catalog: Name, members: readonly Name[]): void {
    const zones = new Map(members.map((member) => [member.key, member]));
    const before = this.#listings.get(catalog.key)?.zones ?? this.#restored(catalog);
    this.#listings.set(catalog.key, { catalog, zones });
    for (const [key, member] of before) if (!zones.has(key)) this.#leave(member, catalog);
    const clashes = [...zones].filter(([key, member]) => !before.has(key) && !this.#join(member, catalog));
    if (clashes.length === 0) return;
    const named = clashes.slice(0, LISTED).map(([, member]) => member.toString());
    const text = `${clashes.length} zone(s) of other primaries are left to them`;
    this.#options.log.warn('catalog.clash', { catalog: catalog.toString(), zones: named }, text);
  }

  /** Is it known that a catalog does not list the zone? */
  hasLeft({ key }: Name, catalog: Name): boolean {
    return this.#listings.get(catalog.key)?.zones.has(key) === false;
  }

  /** A zone that its primaries have no more is free for catalogs that could not have it. */
  freed(origin: Name): void {
    for (const { catalog, zones } of this.#listings.values()) if (zones.has(origin.key)) this.#join(origin, catalog);
  }

  /** Those that were members when the process ended. */
  #restored(catalog: Name): ReadonlyMap<string, Name> {
    const restored = [...this.#options.zones.values()].filter((held) => isListed(held, catalog));
    return new Map(restored.map(({ origin }) => [origin.key, origin]));
  }

  /** `false`: the zone is of other primaries. */
  #join(member: Name, catalog: Name): boolean {
    const { zones, sources, take, assign } = this.#options;
    const held = zones.get(member.key);
    if (isOfOthers(member, catalog, held?.isLearnt === true, sources)) return false;
    if (held === undefined) take(member, catalog);
    else if (!isListed(held, catalog)) assign(held, [...held.catalogs, catalog]);
    return true;
  }

  #leave(member: Name, catalog: Name): void {
    const { zones, assign, ask, drop } = this.#options;
    const held = zones.get(member.key);
    if (held === undefined || !isListed(held, catalog)) return;
    const others = held.catalogs.filter((each) => !each.equals(catalog));
    assign(held, others);
    if (isNamed(held)) return;
    // Perhaps its primary has it no more either.
    if (held.isLearnt) ask(held);
    else drop(held);
  }
}

function isListed({ catalogs }: HeldZone, catalog: Name): boolean {
  return catalogs.some((each) => each.equals(catalog));
}
