/** Where a name that records point to leads, as far as the zone itself can tell (RFC 1034 4.3.2). */
import type { Name } from '../../name.ts';
import { TYPE } from '../../rr/type.ts';
import type { Zone, ZoneNode } from '../zone.ts';

const ADDRESS: readonly number[] = [TYPE.A, TYPE.AAAA];

export function hasAddress(node: ZoneNode | undefined): boolean {
  return node !== undefined && ADDRESS.some((type) => node.rrsets.has(type));
}

/** What stands at a name of the zone, or at the wildcard that answers for it. Looks at neither cuts nor DNAMEs. */
export function standsAt(zone: Zone, name: Name): ZoneNode | undefined {
  const node = zone.find(name);
  if (node !== undefined || zone.exists(name)) return node;
  const wildcard = zone.closestEncloser(name).child('*');
  return wildcard.ok ? zone.find(wildcard.value) : undefined;
}

/** Does a name of the zone lead to one of the types: itself, by a wildcard, a CNAME, a DNAME, or behind a zone cut? */
export function leadsTo(zone: Zone, target: Name, types: readonly number[]): boolean {
  if (zone.cutAt(target) !== undefined || zone.dnameAbove(target) !== undefined) return true;
  const node = standsAt(zone, target);
  return node !== undefined && (node.rrsets.has(TYPE.CNAME) || types.some((type) => node.rrsets.has(type)));
}

export function leadsToAddress(zone: Zone, target: Name): boolean {
  return leadsTo(zone, target, ADDRESS);
}
