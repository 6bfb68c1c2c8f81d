/**
 * Zones that catalog zones list (RFC 9432 5), and what becomes of those that come and go. There may be a million, which are dealt with in slices.
 *
 * Always holds: nothing of one list is done after a list that came later has begun; a catalog takes, moves or ends no zone that others of the configuration answer for. What a key names stays; what a NOTIFY
 * has named is that again once no catalog lists it; what is of other primaries by its keys is refused.
 */
import type { Name } from '../../name.ts';
import type { Steps } from '../../steps.ts';
import type { Log } from '../log.ts';
import { inSlices } from '../slices.ts';
import { type HeldZone, isNamed } from './held-zone.ts';
import type { HeldZones } from './held-zones.ts';
import { isOfOthers, type ReplicaSource } from './primaries.ts';

export interface MembersOptions {
  readonly zones: HeldZones;
  readonly sources: readonly ReplicaSource[];
  readonly log: Log;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
  /** Asks its primaries now. */
  ask(held: HeldZone): void;
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
  /** One list after the other. */
  #setting: Promise<unknown> = Promise.resolve();

  constructor(options: MembersOptions) {
    this.#options = options;
  }

  /** Resolves when that is done, after all that it was told before. */
  set(catalog: Name, members: readonly Name[]): Promise<void> {
    const set = this.#setting.then(() => inSlices(this.#set(catalog, members)));
    this.#setting = set.catch(() => undefined);
    return set;
  }

  *#set(catalog: Name, members: readonly Name[]): Steps<void> {
    const { signal, log } = this.#options;
    const zones = new Map<string, Name>();
    for (const member of members) {
      zones.set(member.key, member);
      yield;
    }
    const before = this.#listings.get(catalog.key)?.zones ?? (yield* this.#restored(catalog));
    this.#listings.set(catalog.key, { catalog, zones });
    for (const [key, member] of before) {
      yield;
      if (signal.aborted) return;
      if (!zones.has(key)) this.#leave(member, catalog);
    }
    const clashes: Name[] = [];
    for (const [key, member] of zones) {
      yield;
      if (signal.aborted) return;
      if (!before.has(key) && !this.#join(member, catalog)) clashes.push(member);
    }
    if (clashes.length === 0) return;
    const named = clashes.slice(0, LISTED).map(String);
    const text = `${clashes.length} zone(s) of other primaries are left to them`;
    log.warn('catalog.clash', { catalog: catalog.toString(), zones: named }, text);
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
  *#restored(catalog: Name): Steps<ReadonlyMap<string, Name>> {
    const restored = new Map<string, Name>();
    for (const held of this.#options.zones) {
      if (isListed(held, catalog)) restored.set(held.origin.key, held.origin);
      yield;
    }
    return restored;
  }

  /** `false`: the zone is of other primaries. */
  #join(member: Name, catalog: Name): boolean {
    const { zones, sources } = this.#options;
    const held = zones.get(member);
    if (isOfOthers(member, catalog, held?.isLearnt === true, sources)) return false;
    if (held === undefined) zones.take(member, { catalogs: [catalog] });
    else if (!isListed(held, catalog)) zones.assign(held, [...held.catalogs, catalog]);
    return true;
  }

  #leave(member: Name, catalog: Name): void {
    const { zones, ask } = this.#options;
    const held = zones.get(member);
    if (held === undefined || !isListed(held, catalog)) return;
    const others = held.catalogs.filter((each) => !each.equals(catalog));
    zones.assign(held, others);
    if (isNamed(held)) return;
    // Perhaps its primary has it no more either.
    if (held.isLearnt) ask(held);
    else zones.drop(held);
  }
}

function isListed({ catalogs }: HeldZone, catalog: Name): boolean {
  return catalogs.some((each) => each.equals(catalog));
}
