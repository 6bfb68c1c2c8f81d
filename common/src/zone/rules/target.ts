/** Names that records point to. Only those of the zone itself can be looked at. */
import type { Name } from '../../name.ts';
import { rdataNames, targetOf } from '../../rr/rdata.ts';
import type { RRset } from '../../rr/record.ts';
import { printType, TYPE } from '../../rr/type.ts';
import type { Zone } from '../zone.ts';
import { leadsTo, leadsToAddress, standsAt } from './reach.ts';
import { ASPECT, type Rule } from './rule.ts';

/** A record and the name of the zone that it points to; the root as a target means "none" (RFC 7505, RFC 2782, RFC 9460 2.5). */
function* targetsWithin(
  zone: Zone,
  { type, rdatas }: RRset,
): Generator<{ readonly target: Name; readonly rdata: Uint8Array }, void, undefined> {
  for (const rdata of rdatas) {
    const target = rdataNames(type, rdata).at(-1)?.name;
    if (target !== undefined && !target.isRoot && target.isSubdomainOf(zone.origin)) yield { target, rdata };
  }
}

/** An alias in SVCB form may lead to another one (RFC 9460 2.4.2). */
const SERVICE: readonly number[] = [TYPE.A, TYPE.AAAA, TYPE.SVCB, TYPE.HTTPS];

/** `192.0.2.1.`, or `192.0.2.1` without the dot, which makes it a name of the zone. */
const IPV4 = /^(\d{1,3}\.){3}\d{1,3}\.?$/;

export const targetRules: readonly Rule[] = [
  {
    rule: 'target-is-cname',
    severity: 'warning',
    source: 'RFC 2181 10.3, RFC 2782, RFC 6672 5.1',
    types: [TYPE.NS, TYPE.MX, TYPE.SRV],
    aspect: ASPECT.target,
    *findIn(zone, rrset) {
      for (const { target, rdata } of targetsWithin(zone, rrset)) {
        if (zone.cutAt(target) !== undefined) continue;
        const isBelow = zone.dnameAbove(target) !== undefined;
        if (!isBelow && !standsAt(zone, target)?.rrsets.has(TYPE.CNAME)) continue;
        const what = `${printType(rrset.type)} names ${target}, which is ${isBelow ? 'below a DNAME' : 'a CNAME'}`;
        yield { type: rrset.type, rdata, what, hint: 'name its target instead' };
      }
    },
  },
  {
    rule: 'target-without-address',
    severity: 'warning',
    source: 'RFC 5321 5.1, RFC 2782, RFC 9460 3',
    types: [TYPE.MX, TYPE.SRV, TYPE.SVCB, TYPE.HTTPS],
    aspect: ASPECT.target,
    *findIn(zone, rrset) {
      const { type } = rrset;
      const isService = type === TYPE.SVCB || type === TYPE.HTTPS;
      for (const { target, rdata } of targetsWithin(zone, rrset)) {
        if (isService ? leadsTo(zone, target, SERVICE) : leadsToAddress(zone, target)) continue;
        yield { type, rdata, what: `${printType(type)} names ${target}, which has no address in this zone` };
      }
    },
  },
  {
    rule: 'alias-parameters',
    severity: 'warning',
    source: 'RFC 9460 2.4.2',
    types: [TYPE.SVCB, TYPE.HTTPS],
    *findIn(_zone, { type, rdatas }) {
      for (const rdata of rdatas) {
        const isAlias = rdata[0] === 0 && rdata[1] === 0;
        if (!isAlias || rdata.length <= 2 + targetOf(type, rdata).wire.length) continue;
        const what = `${printType(type)} with priority 0 is an alias: its parameters are passed over`;
        yield { type, rdata, what, hint: 'write priority 1, or remove them' };
      }
    },
  },
  {
    rule: 'target-is-address',
    severity: 'warning',
    source: 'RFC 1035 3.3.9, RFC 1035 3.3.11',
    types: [TYPE.NS, TYPE.MX],
    aspect: ASPECT.target,
    *findIn(zone, { type, rdatas }) {
      for (const rdata of rdatas) {
        const target = targetOf(type, rdata);
        if (!IPV4.test(target.relativeTo(zone.origin))) continue;
        yield {
          type,
          rdata,
          what: `${printType(type)} names ${target}, which looks like an address`,
          hint: 'name a host',
        };
      }
    },
  },
];
