/** What the top of a zone must have, and what stands nowhere else. That there is exactly one SOA is held by `Zone` itself. */
import type { Name } from '../../name.ts';
import { targetOf } from '../../rr/rdata.ts';
import { readSoa } from '../../rr/soa.ts';
import { printType, TYPE } from '../../rr/type.ts';
import { leadsToAddress } from './reach.ts';
import { ASPECT, isApex, NONE, type Rule } from './rule.ts';

const DAY = 86_400;

/** Types that mean something at the apex only, and where it is written. DNSKEY: below it, see RFC 4034 2.1.1, it is no zone key. */
const APEX_ONLY: ReadonlyMap<number, string> = new Map([
  [TYPE.DNSKEY, 'RFC 4035 2.1'],
  [TYPE.NSEC3PARAM, 'RFC 5155 4'],
  [TYPE.CDS, 'RFC 7344 4.1'],
  [TYPE.CDNSKEY, 'RFC 7344 4.1'],
  [62 /* CSYNC */, 'RFC 7477 2'],
  [63 /* ZONEMD */, 'RFC 8976 2'],
]);

export const apexRules: readonly Rule[] = [
  {
    rule: 'apex-ns',
    severity: 'error',
    source: 'RFC 1034 4.2.1',
    aspect: ASPECT.apex,
    find(zone, node) {
      if (!isApex(zone, node.name) || node.rrsets.has(TYPE.NS)) return NONE;
      const hint = 'add `@ NS ns` and an address for it';
      return [{ type: TYPE.NS, what: 'the zone has no NS record at its apex', hint }];
    },
  },
  {
    rule: 'soa-below-apex',
    severity: 'error',
    source: 'RFC 1035 5.2',
    types: [TYPE.SOA],
    findIn(zone, { name }) {
      if (isApex(zone, name)) return NONE;
      const hint = 'remove it, or make this name a zone of its own';
      return [{ type: TYPE.SOA, what: 'an SOA record that is not at the apex', hint }];
    },
  },
  {
    rule: 'ds-at-apex',
    severity: 'error',
    source: 'RFC 4035 2.4',
    types: [TYPE.DS],
    findIn(zone, _rrset, node) {
      if (!isApex(zone, node.name)) return NONE;
      return [{ type: TYPE.DS, what: 'a DS record at the apex', hint: 'it belongs into the zone above' }];
    },
  },
  {
    rule: 'soa-timers',
    severity: 'warning',
    source: 'RFC 1912 2.2, RFC 2308 5',
    types: [TYPE.SOA],
    *findIn(_zone, { rdatas }) {
      const { refresh, retry, expire, minimum } = readSoa(rdatas[0]!);
      const type = TYPE.SOA;
      if (refresh === 0 || retry === 0)
        yield { type, what: 'refresh or retry is 0: secondaries ask without a pause', hint: 'such as 16384 and 2048' };
      if (retry > refresh) yield { type, what: `retry (${retry}) is longer than refresh (${refresh})` };
      if (expire < refresh + retry) {
        const what = `expire (${expire}) is shorter than refresh and retry (${refresh} + ${retry}): copies end between two questions`;
        yield { type, what, hint: 'such as 1048576' };
      }
      if (minimum > DAY)
        yield { type, what: `minimum (${minimum}) is above a day: so long caches hold that a name does not exist` };
    },
  },
  {
    rule: 'soa-mname',
    severity: 'warning',
    source: 'RFC 2136 4.3',
    types: [TYPE.SOA],
    findIn(zone, { rdatas }, { rrsets }) {
      const { mname } = readSoa(rdatas[0]!);
      if (mname.isRoot || !mname.isSubdomainOf(zone.origin) || leadsToAddress(zone, mname)) return NONE;
      // What a name server lacks is told by the rules about glue.
      if (rrsets.get(TYPE.NS)?.rdatas.some((rdata) => targetOf(TYPE.NS, rdata).equals(mname))) return NONE;
      const what = `the primary server ${mname} has no address in this zone`;
      return [{ type: TYPE.SOA, what, hint: 'updates are sent there' }];
    },
  },
  {
    rule: 'soa-rname',
    severity: 'warning',
    source: 'RFC 1035 8, RFC 1912 2.2',
    types: [TYPE.SOA],
    findIn(_zone, { rdatas }) {
      const { rname } = readSoa(rdatas[0]!);
      return hasAtSign(rname)
        ? [{ type: TYPE.SOA, what: `an @ in the mailbox ${rname}`, hint: 'write a dot for it' }]
        : NONE;
    },
  },
  {
    rule: 'apex-only',
    severity: 'warning',
    source: 'RFC 4035 2.1, RFC 5155 4, RFC 7344 4.1, RFC 7477 2, RFC 8976 2',
    types: [...APEX_ONLY.keys()],
    findIn(zone, { name, type }) {
      if (isApex(zone, name)) return NONE;
      return [{ type, what: `${printType(type)} means something at the apex only` }];
    },
  },
];

function hasAtSign(name: Name): boolean {
  return name.wire.includes(0x40 /* never the length of a label */);
}
