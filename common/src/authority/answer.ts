/**
 * Authoritative answers by the algorithm of RFC 1034 4.3.2 with RFC 2181, 2308 (negative answers), 4592 (wildcards), 6604 (RCODE
 * of chains), 6672 (DNAME), 8020 (NXDOMAIN cuts), 8482 (ANY over UDP).
 *
 * Left out: DNSSEC records are data like any other, no proofs are added.
 * Always holds: data of one zone only; a CNAME or DNAME that leads out of the zone is the resolver's to follow.
 */
import type { Name } from '../name.ts';
import { CLASS } from '../rr/class.ts';
import { rdataNames, targetOf } from '../rr/rdata.ts';
import { eachRecord, type ResourceRecord, type RRset, recordsOf } from '../rr/record.ts';
import { TYPE } from '../rr/type.ts';
import { RCODE } from '../wire/code.ts';
import type { Question } from '../wire/message.ts';
import type { Zone, ZoneNode } from '../zone/zone.ts';
import type { ZoneTable } from './zones.ts';

/** The sections of a reply, and what its header says. */
export interface Answer {
  readonly rcode: number;
  readonly aa: boolean;
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  readonly additionals: readonly ResourceRecord[];
}

/** CNAMEs and DNAMEs followed within a zone. */
const MAX_CHAIN = 16;

/**
 * The name whose nearest zone a question is about: its own, but for DS at an apex its parent (RFC 4035 3.1.4.1), if there is a
 * zone of ours above, be it one without data.
 */
export function placeOf(zones: ZoneTable, { name, type }: Question): Name {
  if (type !== TYPE.DS || !zones.isApex(name)) return name;
  const above = name.parent();
  return above !== undefined && (zones.isAwaited(above) || zones.zoneOf(above) !== undefined) ? above : name;
}

/** Answers a question of class IN from `zone`. With `minimalAny`, ANY gets one set of the name (RFC 8482 4.1). */
export function answer(zone: Zone, question: Question, minimalAny: boolean): Answer {
  const answers: ResourceRecord[] = [];
  const seen = new Set<string>();
  const dnames = new Set<string>();
  let name = question.name;
  const negative = (rcode: number): Answer => ({
    rcode,
    aa: true,
    answers,
    authorities: [negativeSoa(zone)],
    additionals: [],
  });
  const positive = (): Answer => ({
    rcode: RCODE.NOERROR,
    aa: true,
    answers,
    authorities: [],
    additionals: addressesFor(zone, answers),
  });

  while (!seen.has(name.key) && seen.size < MAX_CHAIN) {
    seen.add(name.key);
    const cut = zone.cutAt(name);
    if (cut !== undefined && !(question.type === TYPE.DS && cut.name.equals(name))) return referral(zone, cut, answers);

    const dname = zone.dnameAbove(name);
    if (dname !== undefined) {
      if (!dnames.has(dname.name.key)) put(dname, answers);
      dnames.add(dname.name.key);
      const target = name.rebase(dname.name, targetOf(TYPE.DNAME, dname.rdatas[0]!));
      if (!target.ok) return { ...positive(), rcode: RCODE.YXDOMAIN };
      answers.push({ name, type: TYPE.CNAME, class: CLASS.IN, ttl: dname.ttl, rdata: target.value.wire });
      if (question.type === TYPE.CNAME || !target.value.isSubdomainOf(zone.origin)) return positive();
      name = target.value;
      continue;
    }

    let node = zone.find(name);
    if (node === undefined) {
      // An empty non-terminal has no data; so has one that is the source of synthesis (RFC 4592 2.2.2, 4.9).
      const source = zone.exists(name) ? name : wildcardFor(zone, name);
      node = zone.find(source);
      if (node === undefined) return negative(zone.exists(source) ? RCODE.NOERROR : RCODE.NXDOMAIN);
    }
    const sets = setsFor(node, question.type, minimalAny);
    if (sets.length > 0) {
      for (const rrset of sets) put({ ...rrset, name }, answers);
      return positive();
    }
    const cname = node.rrsets.get(TYPE.CNAME);
    if (cname === undefined) return negative(RCODE.NOERROR);
    put({ ...cname, name }, answers);
    const target = targetOf(TYPE.CNAME, cname.rdatas[0]!);
    if (!target.isSubdomainOf(zone.origin)) return positive();
    name = target;
  }
  return positive();
}

/** Not a spread: a set may hold more records than a call may have arguments. */
function put(rrset: RRset, into: ResourceRecord[]): void {
  for (const record of eachRecord(rrset)) into.push(record);
}

function setsFor(node: ZoneNode, type: number, minimalAny: boolean): readonly RRset[] {
  if (type !== TYPE.ANY) {
    const rrset = node.rrsets.get(type);
    return rrset === undefined ? [] : [rrset];
  }
  const all = [...node.rrsets.values()];
  return minimalAny ? all.slice(0, 1) : all;
}

/**
 * The source of synthesis (RFC 4592 3.3.1): the asterisk label below the closest encloser; `name` where that would be too long.
 * NS there makes no zone cut of the names it covers: they are data like any other (4.2 leaves it undefined).
 */
function wildcardFor(zone: Zone, name: Name): Name {
  const wildcard = zone.closestEncloser(name).child('*');
  return wildcard.ok ? wildcard.value : name;
}

/** The SOA at the TTL of negative answers (RFC 2308 3). */
function negativeSoa(zone: Zone): ResourceRecord {
  const soa = zone.soaRecord();
  return { ...soa, ttl: Math.min(soa.ttl, zone.soa.minimum) };
}

function referral(zone: Zone, cut: RRset, answers: readonly ResourceRecord[]): Answer {
  const authorities = recordsOf(cut);
  return {
    rcode: RCODE.NOERROR,
    aa: answers.length > 0,
    answers,
    authorities,
    additionals: addressesFor(zone, authorities),
  };
}

/** Addresses, as far as this zone has them, of the names that records point to (RFC 1035 3.3, RFC 2782, RFC 9460 4.1). */
function addressesFor(zone: Zone, records: readonly ResourceRecord[]): ResourceRecord[] {
  const addresses: ResourceRecord[] = [];
  const present = new Set(records.map((record) => `${record.name.key} ${record.type}`));
  for (const record of records) {
    for (const { name, traits } of rdataNames(record.type, record.rdata)) {
      if (!traits.wantsAddress || !name.isSubdomainOf(zone.origin)) continue;
      for (const type of [TYPE.A, TYPE.AAAA]) {
        const key = `${name.key} ${type}`;
        const rrset = present.has(key) ? undefined : zone.get(name, type);
        present.add(key);
        if (rrset !== undefined) put(rrset, addresses);
      }
    }
  }
  return addresses;
}
