/** Delegations: a zone cut, its glue, and what is hidden behind it. */
import type { Name } from '../../name.ts';
import { targetOf } from '../../rr/rdata.ts';
import type { RRset } from '../../rr/record.ts';
import { printType, TYPE } from '../../rr/type.ts';
import type { Zone } from '../zone.ts';
import { hasAddress, leadsToAddress } from './reach.ts';
import { ASPECT, isApex, NONE, type Rule } from './rule.ts';

/** Types that belong to the parent's side of a zone cut (RFC 4035 2.2 to 2.5): all else there is the child's. */
export const AT_CUT: ReadonlySet<number> = new Set([TYPE.NS, TYPE.DS, TYPE.RRSIG, TYPE.NSEC]);

export const GLUE: ReadonlySet<number> = new Set([TYPE.A, TYPE.AAAA]);

function isGlueOnly(rrsets: ReadonlyMap<number, RRset>): boolean {
  for (const type of rrsets.keys()) if (!GLUE.has(type)) return false;
  return true;
}

type Lack = 'glue' | 'sibling glue';

/**
 * What a name server in the zone lacks: an address that only this zone can give (RFC 9471 2.1), or one that the delegation
 * it is behind should come with (RFC 9471 2.2). Names in other zones lack nothing that this zone could have.
 */
function lackOf(zone: Zone, owner: Name, target: Name): Lack | undefined {
  if (!target.isSubdomainOf(zone.origin) || hasAddress(zone.find(target))) return undefined;
  if (zone.cutAt(target) === undefined) return leadsToAddress(zone, target) ? undefined : 'glue';
  // Below the apex or this very cut nobody else can tell the address; below another cut its servers can.
  return target.isSubdomainOf(owner) ? 'glue' : 'sibling glue';
}

/** Is the delegation itself behind another one, or below a DNAME, where nobody is told of it? */
function isHidden(zone: Zone, owner: Name): boolean {
  const cut = zone.cutAt(owner);
  return (cut !== undefined && !cut.name.equals(owner)) || zone.dnameAbove(owner) !== undefined;
}

function* lacking(
  zone: Zone,
  { name, rdatas }: RRset,
  wanted: Lack,
): Generator<{ readonly target: Name; readonly rdata: Uint8Array }, void, undefined> {
  if (isHidden(zone, name)) return;
  for (const rdata of rdatas) {
    const target = targetOf(TYPE.NS, rdata);
    if (lackOf(zone, name, target) === wanted) yield { target, rdata };
  }
}

export const cutRules: readonly Rule[] = [
  {
    rule: 'missing-glue',
    severity: 'error',
    source: 'RFC 1034 4.2.1, RFC 9471 2.1',
    types: [TYPE.NS],
    aspect: ASPECT.target,
    *findIn(zone, rrset) {
      for (const { target, rdata } of lacking(zone, rrset, 'glue')) {
        const what = `name server ${target} has no address in this zone`;
        yield { type: TYPE.NS, rdata, what, hint: `add \`${target} A ...\` or AAAA` };
      }
    },
  },
  {
    rule: 'missing-sibling-glue',
    severity: 'warning',
    source: 'RFC 9471 2.2',
    types: [TYPE.NS],
    aspect: ASPECT.target,
    *findIn(zone, rrset) {
      for (const { target, rdata } of lacking(zone, rrset, 'sibling glue')) {
        const what = `name server ${target} is behind another delegation, and has no address here`;
        yield { type: TYPE.NS, rdata, what, hint: 'with it nobody has to ask there first' };
      }
    },
  },
  {
    rule: 'ds-without-ns',
    severity: 'warning',
    source: 'RFC 4035 2.4',
    types: [TYPE.DS],
    findIn(zone, _rrset, { name, rrsets }) {
      if (rrsets.has(TYPE.NS) || isApex(zone, name)) return NONE;
      return [{ type: TYPE.DS, what: 'DS without NS: nothing is delegated here' }];
    },
  },
  {
    rule: 'below-cut',
    severity: 'warning',
    source: 'RFC 1034 4.2.1, RFC 2181 6.1',
    aspect: ASPECT.cut,
    find(zone, { name, rrsets }) {
      const cut = isGlueOnly(rrsets) ? undefined : zone.cutAt(name);
      if (cut === undefined) return NONE;
      const isCut = cut.name.equals(name);
      const foreign = [...rrsets.keys()].filter((type) => !GLUE.has(type) && !(isCut && AT_CUT.has(type)));
      if (foreign.length === 0) return NONE;
      const what = `${foreign.map(printType).join(', ')} at or below the zone cut ${cut.name} belongs into the child zone and is not answered`;
      return [{ type: foreign[0]!, what }];
    },
  },
];
