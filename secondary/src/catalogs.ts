/**
 * Catalog zones that the secondary follows (RFC 9432 5): each version that comes is read, in slices, and the replica is told which zones
 * it lists. Whose zone is whose is decided in `authority/catalog-members.ts`.
 *
 * Always holds: a catalog that is broken, has expired or is gone changes nothing: its members are served on.
 */
import { CatalogReader, type Member } from '@zonewright/common/authority/catalog';
import { CatalogMembers, type MemberChanges } from '@zonewright/common/authority/catalog-members';
import type { Name } from '@zonewright/common/name';
import type { Log } from '@zonewright/common/service/log';
import { Slices } from '@zonewright/common/service/slices';
import type { Zone } from '@zonewright/common/zone/zone';

export interface CatalogsOptions {
  /** The zones that are catalogs. */
  readonly names: readonly Name[];
  readonly log: Log;
  /** Do keys say that a member comes from elsewhere than the catalog? Such a one is left out, and so is nobody else's to lose. */
  isOfOthers(member: Name, catalog: Name): boolean;
  /** Has these zones transferred from where the catalog comes from, and no others that came by it before. */
  setMembers(catalog: Name, members: readonly Name[]): void;
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
    const members = reader.finish();
    const fields = { catalog: origin.toString(), serial };
    if (members.ok) {
      const own = members.value.filter((member) => !this.#options.isOfOthers(member.zone, origin));
      const changes = this.#take(origin, own);
      this.#standings.set(origin.key, { serial, members: members.value.length });
      log.info('catalog.loaded', { ...fields, members: members.value.length, reset: changes.reset.length });
      const clashes = changes.clashes.map(({ zone, owner }) => `${zone} of ${owner}`);
      const isOwn = new Set(own);
      for (const member of members.value) if (!isOwn.has(member)) clashes.push(`${member.zone} of other primaries`);
      this.#tellClashes(fields, clashes);
      return;
    }
    const { what } = members.fault;
    const before = this.#standings.get(origin.key)?.members ?? 0;
    this.#standings.set(origin.key, { serial, members: before, broken: what });
    log.error('catalog.broken', { ...fields, members: before }, `nothing is changed by this catalog: ${what}`);
  }

  #take(catalog: Name, list: readonly Member[]): MemberChanges {
    const { setMembers } = this.#options;
    const changes = this.#members.take(catalog, list);
    const { owned, reset } = changes;
    const isReset = new Set(reset.map(({ key }) => key));
    // Dropped by all before anybody takes them.
    if (reset.length > 0)
      for (const each of owned)
        setMembers(
          each.catalog,
          each.zones.filter(({ key }) => !isReset.has(key)),
        );
    for (const each of owned) setMembers(each.catalog, each.zones);
    return changes;
  }

  #tellClashes(fields: Readonly<Record<string, unknown>>, clashes: readonly string[]): void {
    if (clashes.length === 0) return;
    const text = `${clashes.length} zone(s) of others are left to them`;
    this.#options.log.warn('catalog.clash', { ...fields, zones: clashes.slice(0, LISTED) }, text);
  }
}
