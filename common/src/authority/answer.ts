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
import { type ResourceRecord, type RRset, recordsOf } from '../rr/record.ts';
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

/** The zone that a question is about: the nearest one, but the parent for DS at an apex (RFC 4035 3.1.4.1). */
export function zoneForQuestion(zones: ZoneTable, question: Question): Zone | undefined {
  const zone = zones.zoneOf(question.name);
  if (question.type !== TYPE.DS || zone === undefined || !zone.origin.equals(question.name)) return zone;
  const above = question.name.parent();
  return (above === undefined ? undefined : zones.zoneOf(above)) ?? zone;
}

/** Answers a question of class IN from `zone`. With `minimalAny`, ANY gets one set of the name (RFC 8482 4.1). */
export function answer(zone: Zone, question: Question, minimalAny: boolean): Answer {
  const answers: ResourceRecord[] = [];
  const seen = new Set<string>();
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
      answers.push(...recordsOf(dname));
      const target = name.rebase(dname.name, targetOf(TYPE.DNAME, dname.rdatas[0]!));
      if (!target.ok) return { ...positive(), rcode: RCODE.YXDOMAIN };
      answers.push({ name, type: TYPE.CNAME, class: CLASS.IN, ttl: dname.ttl, rdata: target.value.wire });
      if (question.type === TYPE.CNAME || !target.value.isSubdomainOf(zone.origin)) return positive();
      name = target.value;
      continue;
    }

    const node = zone.find(name) ?? (zone.exists(name) ? undefined : wildcardNode(zone, name));
    if (node === undefined) return negative(zone.exists(name) ? RCODE.NOERROR : RCODE.NXDOMAIN);
    const sets = setsFor(node, question.type, minimalAny);
    if (sets.length > 0) {
      for (const rrset of sets) answers.push(...recordsOf({ ...rrset, name }));
      return positive();
    }
    const cname = node.rrsets.get(TYPE.CNAME);
    if (cname === undefined) return negative(RCODE.NOERROR);
    answers.push(...recordsOf({ ...cname, name }));
    const target = targetOf(TYPE.CNAME, cname.rdatas[0]!);
    if (!target.isSubdomainOf(zone.origin)) return positive();
    name = target;
  }
  return positive();
}

function setsFor(node: ZoneNode, type: number, minimalAny: boolean): readonly RRset[] {
  if (type !== TYPE.ANY) {
    const rrset = node.rrsets.get(type);
    return rrset === undefined ? [] : [rrset];
  }
  const all = [...node.rrsets.values()];
  return minimalAny ? all.slice(0, 1) : all;
}

/** RFC 4592 3.3.1: the asterisk label below the closest encloser; not when that wildcard is a zone cut. */
function wildcardNode(zone: Zone, name: Name): ZoneNode | undefined {
  const wildcard = zone.closestEncloser(name).child('*');
  return wildcard.ok ? zone.find(wildcard.value) : undefined;
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
        if (rrset !== undefined) addresses.push(...recordsOf(rrset));
      }
    }
  }
  return addresses;
}
