/**
 * From a file of the repository to a zone or to keys: one set of rules for `check` and for reload. Which files are taken at all
 * follows from their names (RFC 1035 5.1 presentation form, lower case, without final dot); everything else is left alone.
 *
 * Left out: comparing with an earlier version, which is for whoever has one.
 * Always holds: a zone comes out exactly when no finding is an error; no finding holds RDATA of a key.
 */
import type { ZoneFile } from '../master/document.ts';
import { type FileFault, type FileRecord, parseZoneFile } from '../master/parse.ts';
import { Name } from '../name.ts';
import { targetOf } from '../rr/rdata.ts';
import { rdataKey, recordKey } from '../rr/record.ts';
import { printType, TYPE } from '../rr/type.ts';
import { checkZone, type Finding } from '../zone/check.ts';
import { Zone } from '../zone/zone.ts';
import { type Key, keyOfRecord } from './key.ts';

/** What is wrong with a file, and where. */
export interface FileFinding {
  /** An error: the zone (the key) is not taken. */
  readonly severity: 'error' | 'warning';
  /** Stable name of the rule. */
  readonly rule?: string;
  /** From 1; absent for what concerns the whole file. */
  readonly line?: number;
  /** In octets, from 1. */
  readonly column?: number;
  readonly what: string;
  readonly hint?: string;
}

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

export interface KeyReading {
  /** Those without an error: a bad key does not take the others with it. */
  readonly keys: readonly Key[];
  readonly findings: readonly FileFinding[];
}

/** What the name of a file at the root of the repository says it is. */
export type FileRole =
  | { readonly kind: 'zone'; readonly origin: Name }
  /** Keys whose names are at or below `domain`. */
  | { readonly kind: 'keys'; readonly domain: Name }
  /** `reason`: why it is neither, for people. */
  | { readonly kind: 'other'; readonly reason: string };

const KEYS_LABEL = '_keys';

/** The name of the file that holds a zone: `example.com`, `0\04726.2.0.192.in-addr.arpa`, `@` for the root. */
export function zoneFileName(origin: Name): string {
  if (origin.isRoot) return '@';
  return origin.toLowerCase().toString().slice(0, -1).replaceAll('/', '\\047');
}

/** The name of the file that holds the keys of a domain: `example.com._keys`, `_keys` for the root. */
export function keyFileName(domain: Name): string {
  return domain.isRoot ? KEYS_LABEL : `${zoneFileName(domain)}.${KEYS_LABEL}`;
}

/** Tells zones and keys by the name of the file, which must be spelled as {@link zoneFileName} and {@link keyFileName} do. */
export function fileZone(fileName: string): FileRole {
  const name = Name.parse(fileName);
  if (!name.ok) return { kind: 'other', reason: `its name is no domain name: ${name.fault.what}` };
  const labels = name.value.labels;
  const last = labels.at(-1);
  const isKeys = last !== undefined && Buffer.from(last).toString('latin1').toLowerCase() === KEYS_LABEL;
  const domain = isKeys ? withoutLast(labels) : name.value;
  const spelling = isKeys ? keyFileName(domain) : zoneFileName(domain);
  if (fileName !== spelling)
    return {
      kind: 'other',
      reason: `the file of ${isKeys ? `the keys of ${domain}` : `zone ${domain}`} is named ${spelling}`,
    };
  return isKeys ? { kind: 'keys', domain } : { kind: 'zone', origin: domain };
}

function withoutLast(labels: readonly Uint8Array[]): Name {
  const name = Name.fromLabels(labels.slice(0, -1));
  return name.ok ? name.value : Name.root;
}

/** Rules that find something missing: it may stand in a line that could not be read. */
const ABSENCE: ReadonlySet<string> = new Set(['apex-ns', 'missing-glue', 'target-without-address']);
const SOA_WORD = /[ \t(]SOA[ \t(]/i;
/** How many records outside the zone are listed one by one. */
const OUTSIDE_LISTED = 20;

/** Reads a zone file and applies all rules to it. `origin` is the zone's name. */
export function readZoneFile(octets: Uint8Array, origin: Name): ZoneReading {
  const { file, records, faults } = parseZoneFile(octets, { origin });
  const findings = faults.map(fromFault);
  const inside = records.filter(({ record }) => record.name.isSubdomainOf(origin));
  const soas = apexSoas(inside, origin);
  if (inside.length < records.length) findings.push(...outside(records, origin));
  for (const extra of soas.slice(1))
    findings.push(
      at(extra, 'error', 'soa-once', `a second SOA record; the first is in line ${soas[0]!.line}`, 'keep one'),
    );
  const zone =
    soas.length === 1
      ? Zone.fromRecords(
          origin,
          records.map(({ record }) => record),
        )
      : undefined;
  if (zone !== undefined) {
    findings.push(...uneven(zone, inside));
    const found = checkZone(zone).filter(({ rule }) => faults.length === 0 || !ABSENCE.has(rule));
    if (found.length > 0) findings.push(...located(found, inside));
  } else if (soas.length === 0) findings.push(...withoutSoa(inside, faults, origin));
  findings.sort(byPlace);
  const isUsable = zone !== undefined && findings.every(({ severity }) => severity !== 'error');
  const hasSoa =
    records.some(({ record }) => record.type === TYPE.SOA) || (faults.length > 0 && SOA_WORD.test(file.text));
  return { ...(isUsable ? { zone } : {}), records, findings, file, hasSoa };
}

/**
 * Reads a key file: lines `NAME DNSKEY 0 3 163 SECRET`, the names at or below `domain`. Names without final dot are relative to
 * it. Two different keys of one name leave none.
 */
export function readKeyFile(octets: Uint8Array, domain: Name): KeyReading {
  const { records, faults } = parseZoneFile(octets, { origin: domain, isSecret: true });
  const findings = faults.map(fromFault);
  const byName = new Map<string, { keys: Key[]; from: FileRecord; rdata: Set<string> }>();
  for (const entry of records) {
    const { record } = entry;
    const key = keyOfRecord(record);
    if (!key.ok) {
      findings.push(at(entry, 'error', 'key', key.fault.what, key.fault.hint));
    } else if (!record.name.isSubdomainOf(domain)) {
      const hint = `write it into ${keyFileName(key.value.zone)}, or into ${KEYS_LABEL}`;
      findings.push(at(entry, 'error', 'outside', `key ${record.name} is not in ${domain}`, hint));
    } else {
      if (isDoubled(key.value.zone, domain))
        findings.push(
          at(
            entry,
            'warning',
            'doubled',
            `key ${record.name} is one for ${key.value.zone}`,
            'is the final dot missing?',
          ),
        );
      const same = byName.get(record.name.key) ?? { keys: [], from: entry, rdata: new Set<string>() };
      byName.set(record.name.key, same);
      const octetsOfKey = rdataKey(record.type, record.rdata);
      if (same.rdata.has(octetsOfKey)) {
        findings.push(
          at(entry, 'warning', 'duplicate', `key ${record.name} stands here again, see line ${same.from.line}`),
        );
      } else {
        same.rdata.add(octetsOfKey);
        same.keys.push(key.value);
        if (same.keys.length > 1)
          findings.push(
            at(
              entry,
              'error',
              'key-once',
              `a second key ${record.name}; the first is in line ${same.from.line}`,
              'keep one: neither is used',
            ),
          );
      }
    }
  }
  findings.sort(byPlace);
  return { keys: [...byName.values()].flatMap(({ keys }) => (keys.length === 1 ? keys : [])), findings };
}

function fromFault(fault: FileFault): FileFinding {
  const { severity, kind, line, column, what, hint } = fault;
  return { severity, rule: kind, line, column, what, ...(hint === undefined ? {} : { hint }) };
}

function at(
  entry: FileRecord,
  severity: FileFinding['severity'],
  rule: string,
  what: string,
  hint?: string,
): FileFinding {
  return { severity, rule, line: entry.line, column: entry.column, what, ...(hint === undefined ? {} : { hint }) };
}

function byPlace(a: FileFinding, b: FileFinding): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
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

function withoutSoa(inside: readonly FileRecord[], faults: readonly FileFault[], origin: Name): readonly FileFinding[] {
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
  // It may stand in a line that could not be read.
  if (faults.length > 0) return [];
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
  for (const { rrsets } of zone.nodes()) {
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
  const wanted = new Set(found.map(({ name }) => name.key));
  const places = new Map<string, FileRecord>();
  for (const entry of inside) {
    const { name, type } = entry.record;
    if (!wanted.has(name.key)) continue;
    for (const key of [name.key, `${type} ${name.key}`]) if (!places.has(key)) places.set(key, entry);
  }
  return found.map(({ severity, rule, name, type, what, hint }) => {
    const place = places.get(`${type} ${name.key}`) ?? places.get(name.key);
    const text = what.includes(name.toString()) ? what : `${name}: ${what}`;
    return {
      severity,
      rule,
      ...(place === undefined ? {} : { line: place.line, column: place.column }),
      what: text,
      ...(hint === undefined ? {} : { hint }),
    };
  });
}

/** `mirage.mirage.` in the keys of `mirage.`: the sign of a missing final dot. */
function isDoubled(zone: Name, domain: Name): boolean {
  if (domain.isRoot) return false;
  const doubled = domain.rebase(Name.root, domain);
  return doubled.ok && zone.isSubdomainOf(doubled.value);
}
