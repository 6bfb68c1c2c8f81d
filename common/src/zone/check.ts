/**
 * Is a zone good? One set of rules for `check`, reload, transfer and UPDATE; each is an error (the zone is not taken) or a
 * warning. A rule looks at one name with its surroundings, so an UPDATE checks the names it touches and the apex, not the zone.
 *
 * Left out: what only the outside can tell (do the targets in other zones exist?).
 */
import type { Name } from '../name.ts';
import { rdataNames, targetOf } from '../rr/rdata.ts';
import type { RRset } from '../rr/record.ts';
import { printType, TYPE } from '../rr/type.ts';
import type { Zone, ZoneNode } from './zone.ts';

export interface Finding {
  readonly severity: 'error' | 'warning';
  /** Stable name of the rule. */
  readonly rule: string;
  readonly name: Name;
  readonly type?: number;
  readonly what: string;
  readonly hint?: string;
}

type Draft = Omit<Finding, 'rule' | 'severity' | 'name'>;

interface Rule {
  readonly rule: string;
  readonly severity: 'error' | 'warning';
  /** What is wrong at this node, if anything. */
  find(zone: Zone, node: ZoneNode): Iterable<Draft>;
}

/** Types that may stand beside a CNAME (RFC 4034 4, RFC 2181 10.1). */
const BESIDE_CNAME = new Set([TYPE.CNAME, 46 /* RRSIG */, 47 /* NSEC */]);
/** Types that may stand at a zone cut (RFC 4035 2.2 to 2.5): all else there belongs to the child. */
const AT_CUT = new Set([TYPE.NS, TYPE.DS, 46 /* RRSIG */, 47 /* NSEC */]);

const isAddress = (type: number): boolean => type === TYPE.A || type === TYPE.AAAA;

/** Does a target inside the zone lead to an address: itself, by a wildcard, a CNAME, a DNAME, or behind a zone cut? */
function leadsSomewhere(zone: Zone, target: Name): boolean {
  if (zone.cutAt(target) !== undefined) return true;
  const node = zone.find(target) ?? (zone.exists(target) ? undefined : wildcardFor(zone, target));
  if (node !== undefined) return [TYPE.A, TYPE.AAAA, TYPE.CNAME].some((type) => node.rrsets.has(type));
  return zone.dnameAbove(target) !== undefined;
}

function wildcardFor(zone: Zone, name: Name): ZoneNode | undefined {
  const wildcard = zone.closestEncloser(name).child('*');
  return wildcard.ok ? zone.find(wildcard.value) : undefined;
}

/**
 * Octets of a set in a message: more can be neither answered nor transferred (RFC 1035 4.2.2), with room kept for the header, the
 * question, OPT and TSIG.
 */
const MAX_SET_OCTETS = 64_000;

function octetsOf({ name, rdatas }: RRset): number {
  // Owners after the first are a pointer of two octets; ten more octets stand before each RDATA.
  return rdatas.reduce((sum, rdata) => sum + 12 + rdata.length, name.wire.length);
}

const rules: readonly Rule[] = [
  {
    rule: 'set-size',
    severity: 'error',
    *find(_zone, node) {
      for (const rrset of node.rrsets.values()) {
        const octets = octetsOf(rrset);
        if (octets <= MAX_SET_OCTETS) continue;
        const what = `${rrset.rdatas.length} ${printType(rrset.type)} records of ${octets} octets do not fit into a message (at most ${MAX_SET_OCTETS})`;
        yield { type: rrset.type, what, hint: 'spread them over several names' };
      }
    },
  },
  {
    rule: 'soa-below-apex',
    severity: 'error',
    *find(zone, node) {
      if (node.rrsets.has(TYPE.SOA) && !node.name.equals(zone.origin)) {
        yield {
          type: TYPE.SOA,
          what: 'an SOA record that is not at the apex',
          hint: 'remove it, or make this name a zone of its own (RFC 1035 5.2)',
        };
      }
    },
  },
  {
    rule: 'apex-ns',
    severity: 'error',
    *find(zone, node) {
      if (node.name.equals(zone.origin) && !node.rrsets.has(TYPE.NS)) {
        yield {
          type: TYPE.NS,
          what: 'the zone has no NS record at its apex',
          hint: 'add `@ NS ns` and an address for it',
        };
      }
    },
  },
  {
    rule: 'cname-and-other-data',
    severity: 'error',
    *find(_zone, node) {
      const cname = node.rrsets.get(TYPE.CNAME);
      if (cname === undefined) return;
      const others = [...node.rrsets.keys()].filter((type) => !BESIDE_CNAME.has(type)).map(printType);
      if (others.length > 0)
        yield {
          type: TYPE.CNAME,
          what: `CNAME beside ${others.join(', ')}`,
          hint: 'a name with a CNAME has no other data (RFC 1034 3.6.2)',
        };
      if (cname.rdatas.length > 1)
        yield { type: TYPE.CNAME, what: `${cname.rdatas.length} CNAME records for one name`, hint: 'keep one' };
    },
  },
  {
    rule: 'dname-once',
    severity: 'error',
    *find(_zone, node) {
      const count = node.rrsets.get(TYPE.DNAME)?.rdatas.length ?? 0;
      if (count > 1)
        yield { type: TYPE.DNAME, what: `${count} DNAME records for one name`, hint: 'keep one (RFC 6672 2.4)' };
    },
  },
  {
    rule: 'dname-and-children',
    severity: 'warning',
    *find(zone, node) {
      if (node.rrsets.has(TYPE.DNAME) && zone.hasChildren(node.name)) {
        yield {
          type: TYPE.DNAME,
          what: 'names below a DNAME are not seen',
          hint: 'remove them or the DNAME (RFC 6672 2.4)',
        };
      }
    },
  },
  {
    rule: 'missing-glue',
    severity: 'error',
    *find(zone, node) {
      for (const rdata of node.rrsets.get(TYPE.NS)?.rdatas ?? []) {
        const target = targetOf(TYPE.NS, rdata);
        if (!target.isSubdomainOf(zone.origin)) continue;
        const isBelowCut = zone.cutAt(target) !== undefined;
        const hasAddress = [...(zone.find(target)?.rrsets.keys() ?? [])].some(isAddress);
        const isReached =
          isBelowCut && !target.isSubdomainOf(node.name)
            ? true
            : hasAddress || (!isBelowCut && leadsSomewhere(zone, target));
        if (!isReached)
          yield {
            type: TYPE.NS,
            what: `name server ${target} has no address in this zone`,
            hint: `add \`${target} A ...\` or AAAA`,
          };
      }
    },
  },
  {
    rule: 'target-is-cname',
    severity: 'warning',
    *find(zone, node) {
      for (const type of [TYPE.NS, TYPE.MX, TYPE.SRV]) {
        for (const rdata of node.rrsets.get(type)?.rdatas ?? []) {
          const target = targetOf(type, rdata);
          if (zone.get(target, TYPE.CNAME) !== undefined)
            yield {
              type,
              what: `${printType(type)} names ${target}, which is a CNAME`,
              hint: 'name its target instead (RFC 2181 10.3)',
            };
        }
      }
    },
  },
  {
    rule: 'target-without-address',
    severity: 'warning',
    *find(zone, node) {
      for (const type of [TYPE.MX, TYPE.SRV]) {
        for (const rdata of node.rrsets.get(type)?.rdatas ?? []) {
          const target = rdataNames(type, rdata).at(-1)!.name;
          if (target.isRoot || !target.isSubdomainOf(zone.origin)) continue;
          if (!leadsSomewhere(zone, target))
            yield { type, what: `${printType(type)} names ${target}, which has no address in this zone` };
        }
      }
    },
  },
  {
    rule: 'below-cut',
    severity: 'warning',
    *find(zone, node) {
      const cut = zone.cutAt(node.name);
      if (cut === undefined) return;
      const isCut = cut.name.equals(node.name);
      const hidden = [...node.rrsets.keys()].filter((type) => !isAddress(type) && !(isCut && AT_CUT.has(type)));
      if (hidden.length > 0) {
        yield {
          type: hidden[0]!,
          what: `${hidden.map(printType).join(', ')} at or below the zone cut ${cut.name} belongs into the child zone and is not answered`,
        };
      }
    },
  },
];

function checkNode(zone: Zone, node: ZoneNode, findings: Finding[]): void {
  for (const { rule, severity, find } of rules) {
    for (const draft of find(zone, node)) findings.push({ ...draft, rule, severity, name: node.name });
  }
}

/** Checks every name. */
export function checkZone(zone: Zone): readonly Finding[] {
  const findings: Finding[] = [];
  for (const node of zone.eachNode()) checkNode(zone, node, findings);
  return findings;
}

/** Checks the apex and the given names: what a change of those names can have made wrong. */
export function checkNames(zone: Zone, names: Iterable<Name>): readonly Finding[] {
  const findings: Finding[] = [];
  const all = new Map([zone.origin, ...names].map((name) => [name.key, name]));
  for (const name of [...all.values()]) {
    const cut = zone.cutAt(name);
    if (cut !== undefined) all.set(cut.name.key, cut.name);
  }
  for (const name of all.values()) {
    const node = zone.find(name);
    if (node !== undefined) checkNode(zone, node, findings);
  }
  return findings;
}
