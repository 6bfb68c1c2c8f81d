/**
 * How much may stand at one name: no more than can be answered and transferred, and than work on one name should cost
 * (CVE-2024-1737). What other servers refuse is a warning, for the zone may have to be transferred to them.
 */
import type { RRset } from '../../rr/record.ts';
import { printType } from '../../rr/type.ts';
import { ASPECT, type Breach, NONE, type Rule } from './rule.ts';

/**
 * Octets of a set in a message: more can be neither answered nor transferred (RFC 1035 4.2.2), with room kept for the header, the
 * question, OPT and TSIG.
 */
export const MAX_SET_OCTETS = 64_000;
/** Types of one name. There are about a hundred in the registry. */
const MAX_TYPES = 256;
/** Records of a set, and types of a name, that BIND takes unless told otherwise. */
export const USUAL_RECORDS = 100;
const USUAL_TYPES = 100;

function octetsOf({ name, rdatas }: RRset): number {
  let octets = name.wire.length;
  // Owners after the first are a pointer of two octets; ten more octets stand before each RDATA.
  for (const rdata of rdatas) octets += 12 + rdata.length;
  return octets;
}

export const sizeRules: readonly Rule[] = [
  {
    rule: 'set-size',
    severity: 'error',
    source: 'RFC 1035 4.2.2',
    isLimit: true,
    aspect: ASPECT.large,
    find(_zone, { rrsets }) {
      const found: Breach[] = [];
      for (const rrset of rrsets.values()) {
        const octets = octetsOf(rrset);
        if (octets <= MAX_SET_OCTETS) continue;
        const what = `${rrset.rdatas.length} ${printType(rrset.type)} records of ${octets} octets do not fit into a message (at most ${MAX_SET_OCTETS})`;
        found.push({ type: rrset.type, what, hint: 'spread them over several names' });
      }
      return found;
    },
  },
  {
    rule: 'name-types',
    severity: 'error',
    source: 'CVE-2024-1737',
    isLimit: true,
    aspect: ASPECT.large,
    find(_zone, { rrsets }) {
      return rrsets.size > MAX_TYPES ? [{ what: `${rrsets.size} types at one name (at most ${MAX_TYPES})` }] : NONE;
    },
  },
  {
    rule: 'large-set',
    severity: 'warning',
    source: 'CVE-2024-1737',
    aspect: ASPECT.large,
    find(_zone, { rrsets }) {
      const found: Breach[] = [];
      for (const { type, rdatas } of rrsets.values()) {
        if (rdatas.length <= USUAL_RECORDS || octetsOf(rrsets.get(type)!) > MAX_SET_OCTETS) continue;
        const what = `${rdatas.length} ${printType(type)} records: more than ${USUAL_RECORDS} are refused by some servers`;
        found.push({ type, what });
      }
      return found;
    },
  },
  {
    rule: 'large-name',
    severity: 'warning',
    source: 'CVE-2024-1737',
    aspect: ASPECT.large,
    find(_zone, { rrsets: { size } }) {
      if (size <= USUAL_TYPES || size > MAX_TYPES) return NONE;
      return [{ what: `${size} types at one name: more than ${USUAL_TYPES} are refused by some servers` }];
    },
  },
];
