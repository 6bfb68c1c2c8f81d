/**
 * Catalog zones (RFC 9432, schema version 2): a zone that lists zones, so that secondaries take up those that come and drop those that
 * go, by transfers alone.
 *
 *   version.CATALOG          TXT "2"
 *   LABEL.zones.CATALOG      PTR MEMBER
 *   coo.LABEL.zones.CATALOG  PTR CATALOG THAT MAY TAKE THE MEMBER OVER
 *
 * One is made here with the hash of a member as its label, so that a member has the same one for ever, and is read from whoever made it.
 * Left out: groups and properties of others, which are ignored (4.3.2, 4.4).
 * Always holds: of a catalog that is broken (5.1) nothing is taken.
 */

import { hash } from 'node:crypto';
import { MAX_NAME_OCTETS, Name } from '../name.ts';
import { fail, ok, type Result } from '../result.ts';
import { CLASS } from '../rr/class.ts';
import { targetOf } from '../rr/rdata.ts';
import type { ResourceRecord } from '../rr/record.ts';
import { writeSoa } from '../rr/soa.ts';
import { TYPE } from '../rr/type.ts';
import type { Steps } from '../steps.ts';
import type { Delta } from '../zone/delta.ts';
import { Zone } from '../zone/zone.ts';

/** A zone that a catalog lists. */
export interface Member {
  readonly zone: Name;
  /** That of its node, in lower case: another one for the same zone means that all that is known of the zone is to be forgotten (5.4). */
  readonly label: string;
  /** The catalog that may take it over (4.3.1). */
  readonly newOwner?: Name;
}

/** Why a catalog is broken. */
export interface CatalogFault {
  readonly kind: 'catalog';
  readonly what: string;
}

const ZONES = 'zones';
const VERSION = 'version';
const COO = 'coo';
/** The character string "2". */
const VERSION_TEXT = Uint8Array.of(1, 0x32);
/** RFC 9432 says nothing of TTLs: nobody is to resolve these names. */
const TTL = 0;
/** Nobody's name, for what has to be there and means nothing (RFC 9432 4). */
const NOBODY = nameOf(Name.root, 'invalid');
/** Seconds. A member must not go because nobody could be asked: the catalog hardly ever expires. */
const TIMERS = { refresh: 3600, retry: 600, expire: 2 ** 31 - 2, minimum: 0 } as const;
/** Octets of the hash of a member, and of its label in hexadecimal. */
const HASH_OCTETS = 16;
const LABEL_OCTETS = 2 * HASH_OCTETS;

/** Zones that one catalog may list: each costs its secondary a question now and then, and some memory. */
const MAX_MEMBERS = 1_000_000;

/** The longest name, in octets, that a catalog which is made here may have: its members are two labels below. */
export const MAX_CATALOG_OCTETS = MAX_NAME_OCTETS - (1 + LABEL_OCTETS) - (1 + ZONES.length);

function nameOf(parent: Name, ...labels: readonly string[]): Name {
  let name = parent;
  for (const label of labels) {
    const child = name.child(label);
    if (!child.ok) throw new Error(`a catalog with ${child.fault.what}`);
    name = child.value;
  }
  return name;
}

const record = (name: Name, type: number, rdata: Uint8Array): ResourceRecord => ({
  name,
  type,
  class: CLASS.IN,
  ttl: TTL,
  rdata,
});

const soaOf = (catalog: Name, serial: number): ResourceRecord =>
  record(catalog, TYPE.SOA, writeSoa({ mname: NOBODY, rname: NOBODY, serial, ...TIMERS }));

/** The record by which a catalog lists a zone. */
function memberRecord(catalog: Name, zone: Name): ResourceRecord {
  const lower = zone.toLowerCase();
  const label = hash('sha256', lower.wire).slice(0, LABEL_OCTETS);
  return record(nameOf(catalog, ZONES, label), TYPE.PTR, lower.wire);
}

/** Does a catalog that was made here list a zone? */
export function lists(catalog: Zone, zone: Name): boolean {
  return catalog.sizeOf(memberRecord(catalog.origin, zone).name, TYPE.PTR) > 0;
}

/** A new catalog. Its name has at most {@link MAX_CATALOG_OCTETS} octets. */
export function catalogZone(catalog: Name, members: Iterable<Name>, serial: number): Zone {
  const records = [
    soaOf(catalog, serial),
    record(catalog, TYPE.NS, NOBODY.wire),
    record(nameOf(catalog, VERSION), TYPE.TXT, VERSION_TEXT),
  ];
  for (const zone of members) records.push(memberRecord(catalog, zone));
  return Zone.fromRecords(catalog, records)!;
}

/** The catalog with members that it lists taken away, and others put in that it does not. */
export function changeMembers(
  catalog: Zone,
  gone: readonly Name[],
  come: readonly Name[],
  serial: number,
): { readonly zone: Zone; readonly delta: Delta } {
  const { origin } = catalog;
  const removed = [catalog.soaRecord(), ...gone.map((zone) => memberRecord(origin, zone))];
  const added = [soaOf(origin, serial), ...come.map((zone) => memberRecord(origin, zone))];
  return {
    zone: catalog.change({ removed, added })!,
    delta: { origin, from: catalog.serial, to: serial, removed, added },
  };
}

const labelText = (label: Uint8Array): string => Buffer.from(label).toString('latin1').toLowerCase();

/** Reads a catalog record by record, in any order, so that who reads a large one can pause. */
export class CatalogReader {
  readonly #catalog: Name;
  readonly #depth: number;
  /** By label. */
  readonly #zones = new Map<string, Name>();
  readonly #newOwners = new Map<string, Name>();
  #versions = 0;
  #fault: string | undefined;

  constructor(catalog: Name) {
    this.#catalog = catalog;
    this.#depth = catalog.labelCount;
  }

  take({ name, type, rdata }: ResourceRecord): void {
    if (type !== TYPE.PTR && type !== TYPE.TXT) return;
    const labels = name.labels.slice(0, -this.#depth || undefined).map(labelText);
    if (type === TYPE.TXT) {
      if (labels.length === 1 && labels[0] === VERSION) this.#takeVersion(rdata);
      return;
    }
    if (labels.at(-1) !== ZONES) return;
    if (labels.length === 2) this.#put(this.#zones, labels[0]!, rdata, 'two zones');
    else if (labels.length === 3 && labels[0] === COO) this.#put(this.#newOwners, labels[1]!, rdata, 'two new owners');
  }

  #takeVersion(rdata: Uint8Array): void {
    this.#versions++;
    if (Buffer.compare(rdata, VERSION_TEXT) !== 0) this.#fault ??= 'its version is not "2"';
  }

  #put(into: Map<string, Name>, label: string, rdata: Uint8Array, what: string): void {
    if (into.size >= MAX_MEMBERS) {
      this.#fault ??= `it lists more than ${MAX_MEMBERS} zones`;
      return;
    }
    if (into.has(label)) this.#fault ??= `its label ${JSON.stringify(label)} has ${what}`;
    into.set(label, targetOf(TYPE.PTR, rdata));
  }

  /** What the records say that were taken; who has read many can pause at each step here, too. */
  *finish(): Steps<Result<readonly Member[], CatalogFault>> {
    if (this.#versions !== 1) return broken(`it has ${this.#versions === 0 ? 'no version' : 'several versions'}`);
    if (this.#fault !== undefined) return broken(this.#fault);
    const members = new Map<string, Member>();
    for (const [label, zone] of this.#zones) {
      yield;
      if (members.has(zone.key)) return broken(`it lists ${zone} twice`);
      // It would vouch for itself.
      if (zone.equals(this.#catalog)) return broken('it lists itself');
      const newOwner = this.#newOwners.get(label);
      members.set(zone.key, { zone, label, ...(newOwner === undefined ? {} : { newOwner }) });
    }
    return ok([...members.values()]);
  }
}

function broken(what: string): Result<never, CatalogFault> {
  return fail({ kind: 'catalog', what });
}
