/**
 * The catalog (RFC 9432) that a primary publishes of its zones: those that have a file, also one that is broken, since a zone must not
 * go from its secondaries because of a mistake. Decided with a commit, and as one change of it.
 *
 * It stands in no file, so its serial is the time in seconds, and never one that it had before: with a journal, whatever the clock says;
 * and where that says that the members are those of before the start, its serial is too, and nobody transfers it anew.
 * Always holds: a catalog is not begun while it would be empty, for a repository may be so by mistake.
 */
import { hash } from 'node:crypto';
import { catalogZone, changeMembers, lists, MAX_CATALOG_OCTETS } from '@zonewright/common/authority/catalog';
import type { FileFinding } from '@zonewright/common/authority/file-finding';
import { Name } from '@zonewright/common/name';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { Slices } from '@zonewright/common/service/slices';
import type { Delta } from '@zonewright/common/zone/delta';
import { raise } from '@zonewright/common/zone/serial';
import type { Zone } from '@zonewright/common/zone/zone';
import { DIGEST_OCTETS, type ZoneNote } from './journal/journal.ts';
import type { Takeover } from './takeover.ts';

/** The next version of the catalog. */
export interface CatalogStep {
  readonly zone: Zone;
  /** None for the first version since the start. */
  readonly deltas: readonly Delta[];
  /** What is to be kept of it. */
  readonly note: ZoneNote;
}

/**
 * What a commit makes of the catalog, if anything; in slices. `time`: milliseconds since 1970. `known`: what was kept of the version
 * before, also before the start.
 */
export async function decideCatalog(
  origin: Name,
  served: Zone | undefined,
  { zones, gone }: Pick<Takeover, 'zones' | 'gone'>,
  known: ZoneNote | undefined,
  time: number,
): Promise<CatalogStep | undefined> {
  const now = Math.floor(time / 1000) % 2 ** 32;
  const noteOf = (serial: number, members: Uint8Array): ZoneNote => ({
    zone: origin,
    time,
    arrived: 0,
    floor: serial,
    members,
  });
  const slices = new Slices();
  const come: Name[] = [];
  for (const { file } of zones) {
    if (slices.isOver) await slices.pause();
    if (file === undefined || file.origin.equals(origin)) continue;
    if (served === undefined || !lists(served, file.origin)) come.push(file.origin);
  }
  if (served === undefined) {
    if (come.length === 0) return undefined;
    const members = await digestWith(new Uint8Array(DIGEST_OCTETS), come, slices);
    const floor = known?.floor;
    const isSame = known?.members !== undefined && Buffer.compare(known.members, members) === 0;
    const serial = floor === undefined ? now : isSame ? floor : raise(floor, now);
    return { zone: catalogZone(origin, come, serial), deltas: [], note: noteOf(serial, members) };
  }
  const left = gone.flatMap(({ origin: zone }) => (zone !== undefined && lists(served, zone) ? zone : []));
  if (come.length + left.length === 0) return undefined;
  const { zone, delta } = changeMembers(served, left, come, raise(served.serial, now));
  const before = known?.members ?? new Uint8Array(DIGEST_OCTETS);
  const members = await digestWith(before, [...left, ...come], slices);
  return { zone, deltas: [delta], note: noteOf(zone.serial, members) };
}

/** The digest of a set of zones in which these are as well, or are no more: the hashes of all, each added by XOR. */
async function digestWith(digest: Uint8Array, zones: readonly Name[], slices: Slices): Promise<Uint8Array> {
  const next = digest.slice();
  for (const zone of zones) {
    if (slices.isOver) await slices.pause();
    const each = hash('sha256', zone.toLowerCase().wire, 'buffer');
    for (let at = 0; at < DIGEST_OCTETS; at++) next[at]! ^= each[at]!;
  }
  return next;
}

/** Why a file of the catalog's name is not served. */
export function nameTaken(origin: Name): FileFinding {
  return {
    severity: 'error',
    rule: 'catalog',
    what: `${origin} is the catalog that is made of the zones here`,
    hint: 'remove the file, or run the primary with another --catalog',
  };
}

/** Reads the name of a catalog. */
export function parseCatalog(text: string): Result<Name, Fault> {
  const name = Name.parse(text);
  if (!name.ok) return fail({ kind: 'usage', what: `"${text}" is no domain name: ${name.fault.what}` });
  if (name.value.isRoot)
    return fail({ kind: 'usage', what: 'the root zone cannot be a catalog', hint: 'for example: catalog' });
  if (name.value.wire.length <= MAX_CATALOG_OCTETS) return ok(name.value);
  return fail({
    kind: 'usage',
    what: `the name of the catalog has ${name.value.wire.length} octets`,
    hint: `${MAX_CATALOG_OCTETS} at most`,
  });
}
