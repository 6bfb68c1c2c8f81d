/**
 * Catalog zones that the secondary follows (RFC 9432 5): each version that comes is read, in slices, and the replica is told which zones
 * it lists. Whose zone is whose is decided in `authority/catalog-members.ts`.
 *
 * Always holds: one version is dealt with at a time, to its end, and then the newest that came meanwhile; a catalog that is broken, has expired or is gone changes nothing: its members are served on.
 */
import { CatalogReader, type Member } from '@zonewright/common/authority/catalog';
import { CatalogMembers, type MemberChanges } from '@zonewright/common/authority/catalog-members';
import type { Name } from '@zonewright/common/name';
import type { Log } from '@zonewright/common/service/log';
import { inSlices, Slices } from '@zonewright/common/service/slices';
import type { Steps } from '@zonewright/common/steps';
import type { Zone } from '@zonewright/common/zone/zone';

export interface CatalogsOptions {
  /** The zones that are catalogs. */
  readonly names: readonly Name[];
  readonly log: Log;
  /** Do keys say that a member comes from elsewhere than the catalog? Such a one is left out, and so is nobody else's to lose. */
  isOfOthers(member: Name, catalog: Name): boolean;
  /** Has these zones transferred from where the catalog comes from, and no others that came by it before; resolves when that is done. */
  setMembers(catalog: Name, members: readonly Name[]): Promise<void>;
}

/** What is known of a catalog, for the status page. */
interface Standing {
  readonly serial: number;
  /** Of the last version that was good. */
  readonly members: number;
  readonly broken?: string;
}

/** Zones that one line of the log names. */
const LISTED = 20;

export class Catalogs {
  readonly #options: CatalogsOptions;
  readonly #names: ReadonlySet<string>;
  readonly #members = new CatalogMembers();
  readonly #standings = new Map<string, Standing>();
  /** Versions that have not been read, the newest of each. */
  readonly #unread = new Map<string, Zone>();
  #reading: Promise<void> | undefined;

  constructor(options: CatalogsOptions) {
    this.#options = options;
    this.#names = new Set(options.names.map(({ key }) => key));
  }

  /** A version of a zone was published, be it a catalog or not. */
  published(zone: Zone): void {
    const { key } = zone.origin;
    if (!this.#names.has(key)) return;
    this.#unread.set(key, zone);
    this.#reading ??= this.#readAll();
  }

  /** One line a catalog. */
  status(): readonly Readonly<Record<string, unknown>>[] {
    return this.#options.names.map((name) => ({ catalog: name.toString(), ...this.#standings.get(name.key) }));
  }

  async #readAll(): Promise<void> {
    for (const [key, zone] of this.#unread) {
      this.#unread.delete(key);
      try {
        await this.#read(zone);
      } catch (error) {
        this.#options.log.error('process.fault', { during: 'catalog', catalog: zone.origin.toString(), error });
      }
    }
    this.#reading = undefined;
  }

  async #read(zone: Zone): Promise<void> {
    const { origin, serial } = zone;
    const { log } = this.#options;
    const slices = new Slices();
    const reader = new CatalogReader(origin);
    for (const record of zone.records()) {
      reader.take(record);
      if (slices.isOver) await slices.pause();
    }
    const members = await inSlices(reader.finish(), slices);
    const fields = { catalog: origin.toString(), serial };
    if (members.ok) {
      const { own, foreign } = await inSlices(this.#split(origin, members.value), slices);
      const changes = await this.#take(origin, own, slices);
      this.#standings.set(origin.key, { serial, members: members.value.length });
      log.info('catalog.loaded', { ...fields, members: members.value.length, reset: changes.reset.length });
      this.#tellClashes(fields, changes.clashes, foreign);
      return;
    }
    const { what } = members.fault;
    const before = this.#standings.get(origin.key)?.members ?? 0;
    this.#standings.set(origin.key, { serial, members: before, broken: what });
    log.error('catalog.broken', { ...fields, members: before }, `nothing is changed by this catalog: ${what}`);
  }

  /** Parts what may come by a catalog from what is of other primaries. */
  *#split(catalog: Name, members: readonly Member[]): Steps<{ readonly own: Member[]; readonly foreign: Name[] }> {
    const own: Member[] = [];
    const foreign: Name[] = [];
    for (const member of members) {
      if (this.#options.isOfOthers(member.zone, catalog)) foreign.push(member.zone);
      else own.push(member);
      yield;
    }
    return { own, foreign };
  }

  async #take(catalog: Name, list: readonly Member[], slices: Slices): Promise<MemberChanges> {
    const { setMembers } = this.#options;
    const changes = await inSlices(this.#members.take(catalog, list), slices);
    const { owned, reset } = changes;
    // Dropped by all before anybody takes them.
    if (reset.length > 0)
      for (const each of owned) await setMembers(each.catalog, await inSlices(without(each.zones, reset), slices));
    for (const each of owned) await setMembers(each.catalog, each.zones);
    return changes;
  }

  #tellClashes(
    fields: Readonly<Record<string, unknown>>,
    clashes: MemberChanges['clashes'],
    foreign: readonly Name[],
  ): void {
    const count = clashes.length + foreign.length;
    if (count === 0) return;
    const zones = [
      ...clashes.slice(0, LISTED).map(({ zone, owner }) => `${zone} of ${owner}`),
      ...foreign.slice(0, LISTED).map((zone) => `${zone} of other primaries`),
    ];
    const text = `${count} zone(s) of others are left to them`;
    this.#options.log.warn('catalog.clash', { ...fields, zones: zones.slice(0, LISTED) }, text);
  }
}

function* without(zones: readonly Name[], reset: readonly Name[]): Steps<Name[]> {
  const isReset = new Set<string>();
  for (const { key } of reset) {
    isReset.add(key);
    yield;
  }
  const left: Name[] = [];
  for (const zone of zones) {
    if (!isReset.has(zone.key)) left.push(zone);
    yield;
  }
  return left;
}
