/** CNAME and DNAME: what stands beside them, above, below, and where they lead. */
import { targetOf } from '../../rr/rdata.ts';
import type { RRset } from '../../rr/record.ts';
import { printType, TYPE } from '../../rr/type.ts';
import type { Zone, ZoneNode } from '../zone.ts';
import { standsAt } from './reach.ts';
import { ASPECT, type Breach, isApex, NONE, type Rule } from './rule.ts';

/** Types that may stand beside a CNAME: what secures it (RFC 4034 3 and 4, RFC 2181 10.1, RFC 3007 1.5 for KEY). */
const BESIDE_CNAME: ReadonlySet<number> = new Set([TYPE.CNAME, TYPE.RRSIG, TYPE.NSEC, TYPE.SIG, TYPE.KEY, TYPE.NXT]);

/** A chain of CNAMEs that is longer is not called a loop. */
const MAX_LOOP = 16;

function once({ type, rdatas }: RRset): readonly Breach[] {
  const [, rdata] = rdatas;
  if (rdata === undefined) return NONE;
  return [{ type, rdata, what: `${rdatas.length} ${printType(type)} records for one name`, hint: 'keep one' }];
}

/** NSEC3 records of a zone stand right below its apex, be there a DNAME or not. */
function isProofOnly({ rrsets }: ZoneNode): boolean {
  return rrsets.has(TYPE.NSEC3) && [...rrsets.keys()].every((type) => type === TYPE.NSEC3 || type === TYPE.RRSIG);
}

/** Does the CNAME of a name lead back to that name within the zone? */
function isLoop(zone: Zone, { name, rdatas }: RRset): boolean {
  let at = targetOf(TYPE.CNAME, rdatas[0]!);
  for (let steps = 0; steps < MAX_LOOP; steps++) {
    if (!at.isSubdomainOf(zone.origin) || zone.cutAt(at) !== undefined) return false;
    const node = standsAt(zone, at);
    if (node?.name.equals(name)) return true;
    const next = node?.rrsets.get(TYPE.CNAME)?.rdatas[0];
    if (next === undefined) return false;
    at = targetOf(TYPE.CNAME, next);
  }
  return false;
}

export const aliasRules: readonly Rule[] = [
  {
    rule: 'cname-and-other-data',
    severity: 'error',
    source: 'RFC 1034 3.6.2, RFC 2181 10.1',
    types: [TYPE.CNAME],
    findIn(_zone, _rrset, { rrsets }) {
      const others = [...rrsets.keys()].filter((type) => !BESIDE_CNAME.has(type)).map(printType);
      if (others.length === 0) return NONE;
      return [
        { type: TYPE.CNAME, what: `CNAME beside ${others.join(', ')}`, hint: 'a name with a CNAME has no other data' },
      ];
    },
  },
  {
    rule: 'cname-once',
    severity: 'error',
    source: 'RFC 2181 10.1',
    isLimit: true,
    types: [TYPE.CNAME],
    findIn: (_zone, rrset) => once(rrset),
  },
  {
    rule: 'dname-once',
    severity: 'error',
    source: 'RFC 6672 2.4',
    isLimit: true,
    types: [TYPE.DNAME],
    findIn: (_zone, rrset) => once(rrset),
  },
  {
    rule: 'dname-and-ns',
    severity: 'error',
    source: 'RFC 6672 2.3',
    types: [TYPE.DNAME],
    findIn(zone, _rrset, { name, rrsets }) {
      if (isApex(zone, name) || !rrsets.has(TYPE.NS)) return NONE;
      const what = 'DNAME beside the NS of a delegation';
      return [{ type: TYPE.DNAME, what, hint: 'the DNAME belongs into the child zone, or the NS goes' }];
    },
  },
  {
    rule: 'below-dname',
    severity: 'warning',
    source: 'RFC 6672 2.4',
    aspect: ASPECT.dname,
    find(zone, node) {
      const dname = zone.dnameAbove(node.name);
      if (dname === undefined || isProofOnly(node)) return NONE;
      return [{ what: `below the DNAME of ${dname.name}, and so not answered`, hint: 'remove it or the DNAME' }];
    },
  },
  {
    rule: 'cname-loop',
    severity: 'warning',
    source: 'RFC 1034 3.6.2',
    types: [TYPE.CNAME],
    findIn(zone, rrset) {
      return isLoop(zone, rrset) ? [{ type: TYPE.CNAME, what: 'the CNAME leads back to its own name' }] : NONE;
    },
  },
];
