/**
 * From a file of the repository to a zone: one set of rules for `check` and for reload. The rules about a zone's names are those
 * of `zone/check.ts`; here are those that only a file can break, and the places in it.
 *
 * Left out: comparing with an earlier version, which is for whoever has one.
 * Always holds: a zone comes out exactly when no finding is an error.
 */
import { type Place, type ScannedRecord, type ScanSink, scanZoneFile } from '../master/scan.ts';
import type { Name } from '../name.ts';
import { targetOf } from '../rr/rdata.ts';
import { rdataKey, recordKey } from '../rr/record.ts';
import { printType, TYPE } from '../rr/type.ts';
import { TOO_LARGE, ZoneBuilder } from '../zone/builder.ts';
import { checkZone, type Finding } from '../zone/check.ts';
import type { Zone } from '../zone/zone.ts';
import { at, type FileFinding, FindingList, fromFault, isError, LIMIT, lineOf } from './file-finding.ts';
import { zoneFileName } from './file-role.ts';
import { findUneven, hashOf, type Scan } from './uneven.ts';

export type { FileFinding } from './file-finding.ts';
export { type FileRole, fileZone, isNamedAsKeys, keyFileName, zoneFileName } from './file-role.ts';
export { type KeyReading, readKeyFile } from './key-file.ts';

export interface ZoneReading {
  /** Present when no finding is an error. */
  readonly zone?: Zone;
  /** What could be read, where there is one SOA in it, also when there are errors. */
  readonly readable?: Zone;
  /** Where the SOA of the apex stands. */
  readonly soa?: Place;
  /** In the order of the lines. */
  readonly findings: readonly FileFinding[];
  /** Does an SOA stand in it, be it in a line that could not be read? A file without one may be no zone at all. */
  readonly hasSoa: boolean;
}

/** Rules that find something missing: it may stand in a line that could not be read. */
const ABSENCE: ReadonlySet<string> = new Set([
  'apex-ns',
  'soa-mname',
  'missing-glue',
  'missing-sibling-glue',
  'ds-without-ns',
  'target-without-address',
  'rrsig-without-set',
  'nsec3-without-param',
]);
const SOA_WORD = /[ \t(]SOA[ \t(]/i;
/** `. . 1 1 1 2 1`: no rule has anything to say about it. */
const BLAMELESS_SOA = Uint8Array.of(0, 0, ...[1, 1, 1, 2, 1].flatMap((number) => [0, 0, 0, number]));
/** How many records outside the zone are listed one by one. */
const OUTSIDE_LISTED = 20;

/**
 * Reads a zone file and applies all rules to it. `origin` is the zone's name, `include` gives the files that `$INCLUDE` names.
 * Reading keeps no record but in the zone; where something is wrong, the file is read again to tell the place.
 */
export function readZoneFile(
  octets: Uint8Array,
  origin: Name,
  include?: (fileName: string) => Uint8Array | undefined,
): ZoneReading {
  const options = { origin, fileName: zoneFileName(origin), ...(include && { include }) };
  const intake = new Intake(origin, octets.length);
  const faults = scanZoneFile(octets, options, intake);
  const scan: Scan = (sink) => scanZoneFile(octets, options, sink);
  const isReadable = faults.length === 0;
  const zone = intake.finish();
  const findings = new FindingList();
  for (const fault of faults) findings.add(fromFault(fault));
  if (intake.outside > 0) {
    const outside = new Outside(origin, intake.servers, findings);
    scan(outside);
    outside.finish();
  }
  const hasSoa = intake.hasSoa || (!isReadable && mentionsSoa(octets));
  if (intake.isTooLarge) findings.add({ severity: 'error', rule: 'zone-size', what: TOO_LARGE });
  for (const finding of soaFindings(intake, hasSoa, origin)) findings.add(finding);
  if (zone !== undefined) {
    if (intake.isUneven(zone)) findUneven(scan, zone, intake.inside, findings);
    addLocated(scan, findingsOf(zone, isReadable), findings);
  }
  const [soa] = intake.soas;
  const isOne = intake.soas.length === 1;
  return {
    ...(zone === undefined || !isOne || findings.hasError ? {} : { zone }),
    ...(zone === undefined || !isOne ? {} : { readable: zone }),
    ...(soa === undefined ? {} : { soa }),
    findings: findings.finish(),
    hasSoa,
  };
}

/** Does it look as if there were an SOA in it? What is a zone has one, unless that stands in a file that it includes. */
export function mentionsSoa(octets: Uint8Array): boolean {
  return SOA_WORD.test(Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('latin1'));
}

/** The first reading: the records into a zone, and of the rest only numbers. */
class Intake implements ScanSink {
  inside = 0;
  outside = 0;
  hasSoa = false;
  /** The SOA records of the apex that differ from each other, and those below it. */
  readonly soas: Place[] = [];
  readonly misplaced: { readonly place: Place; readonly owner: Name }[] = [];
  /** The name servers of the apex. */
  readonly servers = new Set<string>();
  readonly #origin: Name;
  readonly #builder: ZoneBuilder;
  readonly #soaKeys = new Set<string>();
  #firstSoa: string | undefined;
  /** The number of the owner at hand, and whether it is in the zone. */
  #owner = -1;
  #isInside = false;
  /** Of all records but signatures. */
  #ttls = 0;
  #least = Number.POSITIVE_INFINITY;
  #most = 0;

  constructor(origin: Name, octets: number) {
    this.#origin = origin;
    this.#builder = new ZoneBuilder(origin, octets);
  }

  onRecord(record: ScannedRecord): void {
    const { type } = record;
    if (type === TYPE.SOA && !this.#takesSoa(record)) return;
    if (record.ownerNumber !== this.#owner) {
      this.#owner = record.ownerNumber;
      this.#isInside = this.#builder.begin(record.owner);
    }
    if (!this.#isInside) {
      this.outside++;
      return;
    }
    this.#builder.put(type, record.ttl, record.data, record.dataLength);
    this.#count(type, record.ttl);
    const isApex = record.ownerLength === this.#origin.wire.length;
    if (isApex && type === TYPE.NS) this.servers.add(targetOf(type, record.rdata).key);
  }

  #count(type: number, ttl: number): void {
    this.inside++;
    if (type === TYPE.RRSIG) return;
    this.#ttls += ttl;
    if (ttl < this.#least) this.#least = ttl;
    if (ttl > this.#most) this.#most = ttl;
  }

  /** Notes an SOA. Of those at the apex the zone gets the first, so that all else in it can be checked. */
  #takesSoa({ name: owner, rdata, file, line, column }: ScannedRecord): boolean {
    this.hasSoa = true;
    const place = { file, line, column };
    if (!owner.equals(this.#origin)) {
      if (owner.isSubdomainOf(this.#origin) && this.misplaced.length < LIMIT) this.misplaced.push({ place, owner });
      return true;
    }
    const key = rdataKey(TYPE.SOA, rdata);
    this.#firstSoa ??= key;
    if (!this.#soaKeys.has(key) && this.soas.length <= LIMIT) {
      this.#soaKeys.add(key);
      this.soas.push(place);
    }
    return key === this.#firstSoa;
  }

  /** The zone to check, which is none to be used where the file has not one SOA. One that is missing hides no other fault. */
  finish(): Zone | undefined {
    if (this.soas.length === 0) {
      if (this.misplaced.length > 0 || this.inside === 0) return undefined;
      this.#builder.add(this.#origin, TYPE.SOA, 0, BLAMELESS_SOA);
      this.#count(TYPE.SOA, 0);
    }
    return this.#builder.finish();
  }

  /** Few lines of `$GENERATE` can bring more empty non-terminals than there is room for. */
  get isTooLarge(): boolean {
    return this.#builder.isTooLarge;
  }

  /** Are there records that stand twice, or sets with more than one TTL? */
  isUneven(zone: Zone): boolean {
    if (zone.size !== this.inside) return true;
    if (this.#least >= this.#most) return false;
    return ttlsOf(zone) !== this.#ttls;
  }
}

/** The sum of the TTLs of all records but signatures. */
function ttlsOf({ image, root }: Zone): number {
  let ttls = 0;
  for (const node of image.eachNode(root)) {
    for (let i = image.setCount(node) - 1; i >= 0; i--) {
      const set = image.setAt(node, i);
      if (image.setType(set) !== TYPE.RRSIG) ttls += image.setTtl(set) * image.setSize(set);
    }
  }
  return ttls;
}

function findingsOf(zone: Zone, isReadable: boolean): readonly Finding[] {
  const findings = checkZone(zone);
  return isReadable ? findings : findings.filter(({ rule }) => !ABSENCE.has(rule));
}

function* soaFindings(
  { soas, misplaced }: Intake,
  hasSoa: boolean,
  origin: Name,
): Generator<FileFinding, void, undefined> {
  const [first, ...others] = soas;
  if (first !== undefined) {
    const what = `a second SOA record; the first is in ${lineOf(first)}`;
    for (const place of others) yield at(place, 'error', 'soa-once', what, 'keep one');
    return;
  }
  for (const { place, owner } of misplaced) {
    const what = `the SOA record of ${owner} is not at the apex ${origin}`;
    yield at(place, 'error', 'soa-below-apex', what, `its owner is written @ or ${origin}`);
  }
  // It stands in a line that could not be read.
  if (misplaced.length > 0 || hasSoa) return;
  const hint = 'add `@ SOA ns hostmaster 1 16384 2048 1048576 300`';
  yield { severity: 'error', rule: 'soa-missing', line: 1, column: 1, what: `no SOA record for ${origin}`, hint };
}

/** Records that are not in the zone. Addresses of its name servers do no harm: the original's files hold them (`glue`). */
class Outside implements ScanSink {
  readonly #origin: Name;
  readonly #servers: ReadonlySet<string>;
  readonly #findings: FindingList;
  #listed = 0;
  /** The first that is not listed. */
  #first: Place | undefined;

  constructor(origin: Name, servers: ReadonlySet<string>, findings: FindingList) {
    this.#origin = origin;
    this.#servers = servers;
    this.#findings = findings;
  }

  onRecord(record: ScannedRecord): void {
    const { name, type } = record;
    if (name.isSubdomainOf(this.#origin)) return;
    if ((type === TYPE.A || type === TYPE.AAAA) && this.#servers.has(name.key)) {
      const what = `the address of ${name}, outside of ${this.#origin}, is ignored`;
      this.#findings.add(at(record, 'warning', 'foreign-glue', what));
    } else if (++this.#listed <= OUTSIDE_LISTED) {
      const hint = type === TYPE.SOA ? 'a zone file is named as its zone' : 'is the $ORIGIN right?';
      const what = `${name} ${printType(type)} is not in ${this.#origin}`;
      this.#findings.add(at(record, 'error', 'outside', what, hint));
    } else this.#first ??= { file: record.file, line: record.line, column: record.column };
  }

  finish(): void {
    if (this.#first === undefined) return;
    const what = `and ${this.#listed - OUTSIDE_LISTED} more records that are not in ${this.#origin}`;
    this.#findings.add(at(this.#first, 'error', 'outside', what));
  }
}

/** Where a finding stands, the best place first: the record at fault, or the first one of its name and type, or of its name. */
function keysOf({ name, type, rdata }: Pick<Finding, 'name' | 'type' | 'rdata'>): readonly string[] {
  const keys = type === undefined ? [name.key] : [`${type} ${name.key}`, name.key];
  return type === undefined || rdata === undefined ? keys : [recordKey({ name, type, rdata }), ...keys];
}

/** Adds findings about names, types and records, with their places. */
function addLocated(scan: Scan, found: readonly Finding[], findings: FindingList): void {
  if (found.length === 0) return;
  // Errors first: those that are not kept need no place.
  const kept = [...found.filter(isError), ...found.filter((finding) => !isError(finding))].slice(0, 2 * LIMIT);
  const wanted = new Set(kept.flatMap(keysOf));
  const hashes = new Set(kept.map(({ name }) => hashOf(0, name)));
  const places = new Map<string, Place>();
  scan({
    onRecord(record) {
      const { name, type } = record;
      if (!hashes.has(hashOf(0, name)) || !wanted.has(name.key)) return;
      const { rdata, file, line, column } = record;
      for (const key of keysOf({ name, type, rdata }))
        if (wanted.has(key) && !places.has(key)) places.set(key, { file, line, column });
    },
  });
  for (const finding of found) {
    const { severity, rule, source, name, what, hint } = finding;
    const place = keysOf(finding)
      .map((key) => places.get(key))
      .find((each) => each !== undefined);
    const text = what.includes(name.toString()) ? what : `${name}: ${what}`;
    const help = hint === undefined ? source : `${hint}; ${source}`;
    findings.add(place ? at(place, severity, rule, text, help) : { severity, rule, what: text, hint: help });
  }
}
