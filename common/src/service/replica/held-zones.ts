/**
 * Which zones a replica has: how they come - named by keys, kept by the process before, learnt, or listed by a catalog - where each comes from, and
 * how they go. And what may be a zone of ours as far as anybody knows, while a primary for all zones was never reached.
 *
 * Always holds: there is one zone of a name; one that is dropped is asked for, and served, no more.
 */
import { newRefresh } from '../../authority/refresh.ts';
import type { ZoneTable } from '../../authority/zones.ts';
import { Name } from '../../name.ts';
import { History } from '../../zone/history.ts';
import type { Clock } from '../clock.ts';
import type { Copy } from '../copies.ts';
import { type HeldZone, isNamed } from './held-zone.ts';
import {
  type Absences,
  isOfOthers,
  Primaries,
  type ReplicaSource,
  sourcesCovering,
  sourcesOfMember,
} from './primaries.ts';
import type { Serving } from './serving.ts';

export interface HeldZonesOptions {
  readonly sources: readonly ReplicaSource[];
  /** Catalogs, and other zones that are kept as if a key named them. */
  readonly named: readonly Name[];
  /** Sources that were never reached. */
  readonly unreached: ReadonlySet<ReplicaSource>;
  readonly absences: Absences;
  readonly served: ZoneTable;
  readonly serving: Serving;
  readonly clock: Clock;
  /** A zone is there, or has gone: when it is due is another time. */
  note(held: HeldZone): void;
  /** Is it known that a catalog does not list the zone? */
  hasLeft(member: Name, catalog: Name): boolean;
}

export class HeldZones {
  readonly #options: HeldZonesOptions;
  readonly #zones = new Map<string, HeldZone>();

  constructor(options: HeldZonesOptions) {
    this.#options = options;
  }

  get({ key }: Name): HeldZone | undefined {
    return this.#zones.get(key);
  }

  /** All of them. */
  [Symbol.iterator](): Iterator<HeldZone> {
    return this.#zones.values();
  }

  /** Takes the zones of the keys, and what else is named. That of a root key is the root, or nothing, as its primary says. */
  takeNamed(): void {
    const { sources, named } = this.#options;
    for (const { key, isHidden } of sources) {
      const isRoot = key.zone.isRoot;
      if (this.get(key.zone) === undefined && (!isRoot || isHidden)) this.take(key.zone, { isConfigured: !isRoot });
    }
    for (const origin of named) if (this.get(origin) === undefined) this.take(origin, { isConfigured: true });
    if (this.get(Name.root)?.copy === undefined) this.#awaitRest();
  }

  /** Takes a zone that is not there. */
  take(origin: Name, by: Partial<Pick<HeldZone, 'isConfigured' | 'isLearnt' | 'catalogs'>>): HeldZone {
    const { isConfigured = false, isLearnt = false, catalogs = [] } = by;
    const { named, serving, clock, note } = this.#options;
    const held: HeldZone = {
      origin,
      isConfigured,
      isLearnt,
      isCatalog: named.some((catalog) => catalog.equals(origin)),
      catalogs,
      primaries: this.#primariesOf(origin, catalogs),
      history: new History(),
      refresh: newRefresh(clock.now()),
      copy: undefined,
      tip: undefined,
      checkedAt: undefined,
      goneSince: undefined,
      failure: undefined,
      isDropped: false,
    };
    this.#zones.set(origin.key, held);
    serving.awaits(held);
    note(held);
    return held;
  }

  /** Takes a copy that was kept; it is left where it is if nobody names its zone any more. */
  restore(copy: Copy): void {
    const { serving, note } = this.#options;
    const { origin } = copy.zone;
    const held = this.get(origin) ?? this.#remember(origin, copy.state.namedBy);
    if (held === undefined) {
      serving.leave(copy);
      return;
    }
    serving.restore(held, copy);
    note(held);
  }

  /** Makes a zone a member of these catalogs; it comes from elsewhere when the first of them is another. */
  assign(held: HeldZone, catalogs: readonly Name[]): void {
    const { served, serving } = this.#options;
    const isMoved = catalogs[0] !== held.catalogs[0];
    held.catalogs = catalogs;
    if (isMoved && !held.isConfigured && !held.isLearnt) held.primaries = this.#primariesOf(held.origin, catalogs);
    if (served.get(held.origin) === undefined) serving.awaits(held);
  }

  drop(held: HeldZone): void {
    const { serving, note } = this.#options;
    held.isDropped = true;
    this.#zones.delete(held.origin.key);
    note(held);
    serving.withdraw(held);
    if (held.origin.isRoot) this.#awaitRest();
  }

  /** A primary was reached, and is none of those any more that never were. */
  reached(): void {
    const { served } = this.#options;
    if (this.#isRestUnknown()) return;
    const root = this.get(Name.root);
    const isOurs = root !== undefined && (isNamed(root) || root.copy !== undefined);
    if (!isOurs && served.isApex(Name.root)) served.delete(Name.root);
  }

  #primariesOf(origin: Name, [catalog]: readonly Name[]): Primaries {
    const { sources, absences } = this.#options;
    const own = catalog === undefined ? sourcesCovering(origin, sources) : sourcesOfMember(origin, catalog, sources);
    return new Primaries(own, absences);
  }

  /** Takes a zone again that was there when the process ended, if whoever named it still does. */
  #remember(origin: Name, namedBy: Copy['state']['namedBy']): HeldZone | undefined {
    const { sources, named, hasLeft } = this.#options;
    if (typeof namedBy === 'string')
      return sourcesCovering(origin, sources).length === 0 ? undefined : this.take(origin, { isLearnt: true });
    const isWanted = named.some((catalog) => catalog.equals(namedBy));
    if (!isWanted || hasLeft(origin, namedBy) || isOfOthers(origin, namedBy, false, sources)) return undefined;
    return this.take(origin, { catalogs: [namedBy] });
  }

  /** SERVFAIL, not REFUSED, for what may be a zone of ours as far as anybody knows. */
  #awaitRest(): void {
    const { served } = this.#options;
    if (this.#isRestUnknown() && served.get(Name.root) === undefined) served.await(Name.root);
  }

  #isRestUnknown(): boolean {
    return [...this.#options.unreached].some(({ key }) => key.zone.isRoot);
  }
}
