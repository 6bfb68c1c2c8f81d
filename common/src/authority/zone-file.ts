/**
 * From a file of the repository to a zone: one set of rules for `check` and for reload. The rules about a zone's names are those
 * of `zone/check.ts`; here are those that only a file can break, and the places in it.
 *
 * Left out: comparing with an earlier version, which is for whoever has one.
 * Always holds: a zone comes out exactly when no finding is an error.
 */
import type { ZoneFile } from '../master/document.ts';
import { type FileRecord, parseZoneFile } from '../master/parse.ts';
import type { Name } from '../name.ts';
import { targetOf } from '../rr/rdata.ts';
import { type ResourceRecord, rdataKey, recordKey } from '../rr/record.ts';
import { printType, TYPE } from '../rr/type.ts';
import { checkZone, type Finding } from '../zone/check.ts';
import { Zone } from '../zone/zone.ts';
import { at, type FileFinding, fromFault, inOrder, isError } from './file-finding.ts';

export type { FileFinding } from './file-finding.ts';
export { type FileRole, fileZone, keyFileName, zoneFileName } from './file-role.ts';
export { type KeyReading, readKeyFile } from './key-file.ts';

export interface ZoneReading {
  /** Present when no finding is an error. */
  readonly zone?: Zone;
  /** All that could be read, also what is outside the zone. */
  readonly records: readonly FileRecord[];
  /** In the order of the lines. */
  readonly findings: readonly FileFinding[];
  readonly file: ZoneFile;
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
/** How many records outside the zone are listed one by one. */
const OUTSIDE_LISTED = 20;

/** Reads a zone file and applies all rules to it. `origin` is the zone's name. */
export function readZoneFile(octets: Uint8Array, origin: Name): ZoneReading {
  const { file, records, faults } = parseZoneFile(octets, { origin });
  const isReadable = faults.length === 0;
  const inside = records.filter(({ record }) => record.name.isSubdomainOf(origin));
  const soas = apexSoas(inside, origin);
  const zone = soas.length === 1 ? Zone.fromRecords(origin, recordsOf(inside)) : undefined;
  const hasSoa = records.some(({ record }) => record.type === TYPE.SOA) || (!isReadable && SOA_WORD.test(file.text));
  // Not pushed: a file can give rise to more findings than a call takes arguments.
  const findings = [
    ...faults.map(fromFault),
    ...(inside.length < records.length ? outside(records, origin) : []),
    ...soas.slice(1).map((extra) => secondSoa(extra, soas[0]!)),
    ...(soas.length === 0 ? withoutSoa(inside, hasSoa, origin) : []),
    ...(zone === undefined ? [] : uneven(zone, inside)),
    ...(zone === undefined ? [] : located(findingsOf(zone, isReadable), inside)),
  ];
  const isUsable = zone !== undefined && !findings.some(isError);
  return { ...(isUsable ? { zone } : {}), records, findings: inOrder(findings), file, hasSoa };
}

function* recordsOf(entries: readonly FileRecord[]): Generator<ResourceRecord, void, undefined> {
  for (const { record } of entries) yield record;
}

function findingsOf(zone: Zone, isReadable: boolean): readonly Finding[] {
  const findings = checkZone(zone);
  return isReadable ? findings : findings.filter(({ rule }) => !ABSENCE.has(rule));
}

function secondSoa(entry: FileRecord, first: FileRecord): FileFinding {
  return at(entry, 'error', 'soa-once', `a second SOA record; the first is in line ${first.line}`, 'keep one');
}

/** The SOA records of the apex that differ from each other. */
function apexSoas(inside: readonly FileRecord[], origin: Name): readonly FileRecord[] {
  const soas = new Map<string, FileRecord>();
  for (const entry of inside) {
    const { name, type, rdata } = entry.record;
    if (type !== TYPE.SOA || !name.equals(origin)) continue;
    const key = rdataKey(type, rdata);
    if (!soas.has(key)) soas.set(key, entry);
  }
  return [...soas.values()];
}

function withoutSoa(inside: readonly FileRecord[], hasSoa: boolean, origin: Name): readonly FileFinding[] {
  const misplaced = inside.filter(({ record }) => record.type === TYPE.SOA);
  if (misplaced.length > 0)
    return misplaced.map((entry) =>
      at(
        entry,
        'error',
        'soa-below-apex',
        `the SOA record of ${entry.record.name} is not at the apex ${origin}`,
        `its owner is written @ or ${origin}`,
      ),
    );
  // It stands in a line that could not be read.
  if (hasSoa) return [];
  const hint = `add \`@ SOA ns hostmaster 1 16384 2048 1048576 300\``;
  return [{ severity: 'error', rule: 'soa-missing', line: 1, column: 1, what: `no SOA record for ${origin}`, hint }];
}

/** Records that are not in the zone. Addresses of its name servers do no harm: the original's files hold them (`glue`). */
function outside(records: readonly FileRecord[], origin: Name): readonly FileFinding[] {
  const servers = new Set<string>();
  for (const { record } of records)
    if (record.type === TYPE.NS && record.name.equals(origin)) servers.add(targetOf(record.type, record.rdata).key);
  const findings: FileFinding[] = [];
  let omitted: { count: number; first: FileRecord } | undefined;
  let listed = 0;
  for (const entry of records) {
    const { name, type } = entry.record;
    if (name.isSubdomainOf(origin)) continue;
    if ((type === TYPE.A || type === TYPE.AAAA) && servers.has(name.key)) {
      findings.push(at(entry, 'warning', 'foreign-glue', `the address of ${name}, outside of ${origin}, is ignored`));
    } else if (++listed <= OUTSIDE_LISTED) {
      const hint = type === TYPE.SOA ? 'a zone file is named as its zone' : 'is the $ORIGIN right?';
      findings.push(at(entry, 'error', 'outside', `${name} ${printType(type)} is not in ${origin}`, hint));
    } else {
      omitted ??= { count: 0, first: entry };
      omitted.count++;
    }
  }
  if (omitted !== undefined)
    findings.push(at(omitted.first, 'error', 'outside', `and ${omitted.count} more records that are not in ${origin}`));
  return findings;
}

/**
 * Records that stand twice, and sets with more than one TTL (RFC 2181 5). A zone holds each record once, with the least TTL of its
 * set: when numbers and sums agree with the file's, there are none, and nothing has to be looked up.
 */
function uneven(zone: Zone, inside: readonly FileRecord[]): readonly FileFinding[] {
  let balance = 0;
  let ttls = 0;
  for (const { record } of inside) {
    balance++;
    ttls += record.ttl;
  }
  for (const { rrsets } of zone.eachNode()) {
    for (const { ttl, rdatas } of rrsets.values()) {
      balance -= rdatas.length;
      ttls -= ttl * rdatas.length;
    }
  }
  if (balance === 0 && ttls === 0) return [];
  const findings: FileFinding[] = [];
  const seen = new Map<string, FileRecord>();
  const told = new Set<string>();
  for (const entry of inside) {
    const { record } = entry;
    const key = recordKey(record);
    const first = seen.get(key);
    if (first !== undefined)
      findings.push(
        at(
          entry,
          'warning',
          'duplicate',
          `${record.name} ${printType(record.type)} stands here again, see line ${first.line}`,
        ),
      );
    else seen.set(key, entry);
    const set = zone.get(record.name, record.type);
    const setKey = `${record.type} ${record.name.key}`;
    // Signatures have the TTL of what they sign (RFC 4034 3).
    if (set === undefined || set.ttl === record.ttl || record.type === RRSIG || told.has(setKey)) continue;
    told.add(setKey);
    findings.push(
      at(
        entry,
        'warning',
        'ttl-differs',
        `TTL ${record.ttl}, where other ${printType(record.type)} records of ${record.name} have ${set.ttl}`,
        `${set.ttl} is used for all (RFC 2181 5.2)`,
      ),
    );
  }
  return findings;
}

const RRSIG = 46;

/** Findings about names and types, at the first line of that name and type, or else of that name. */
function located(found: readonly Finding[], inside: readonly FileRecord[]): readonly FileFinding[] {
  if (found.length === 0) return [];
  const wanted = new Set(found.map(({ name }) => name.key));
  const places = new Map<string, FileRecord>();
  for (const entry of inside) {
    const { name, type } = entry.record;
    if (!wanted.has(name.key)) continue;
    for (const key of [name.key, `${type} ${name.key}`]) if (!places.has(key)) places.set(key, entry);
  }
  return found.map(({ severity, rule, source, name, type, what, hint }) => {
    const place = places.get(`${type} ${name.key}`) ?? places.get(name.key);
    const text = what.includes(name.toString()) ? what : `${name}: ${what}`;
    return {
      severity,
      rule,
      ...(place === undefined ? {} : { line: place.line, column: place.column }),
      what: text,
      hint: hint === undefined ? source : `${hint}; ${source}`,
    };
  });
}
