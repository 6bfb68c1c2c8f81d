/**
 * Keys, signatures and proofs of a zone that was signed elsewhere: what does not fit together. Left out: whether signatures hold
 * and chains are closed, which is for a validator (`ldns-verify-zone`).
 */
import { printType, TYPE } from '../../rr/type.ts';
import { MAX_ITERATIONS } from '../chain.ts';
import { ASPECT, isApex, NONE, type Rule } from './rule.ts';

/** DNSKEY algorithms by which the files of keys mark TSIG secrets: HMAC-MD5, HMAC-SHA1 to HMAC-SHA512. */
const TSIG_ALGORITHMS: ReadonlySet<number> = new Set([157, 161, 162, 163, 164, 165]);

/** Is it a TSIG secret in the form of key files (`NAME DNSKEY 0 3 163 SECRET`)? */
export function isTsigSecret(type: number, rdata: Uint8Array): boolean {
  return type === TYPE.DNSKEY && TSIG_ALGORITHMS.has(rdata[3] ?? 0);
}

/** SHA-1 in base32hex (RFC 5155 3), the only hash there is. */
const HASHED_LABEL = /^[0-9a-v]{32}$/i;

/** Hash algorithm, flags, iterations: the first fields of NSEC3 and NSEC3PARAM (RFC 5155 3.2, 4.2). */
function parametersOf(rdata: Uint8Array): { readonly algorithm: number; readonly iterations: number } {
  return { algorithm: rdata[0] ?? 0, iterations: ((rdata[2] ?? 0) << 8) | (rdata[3] ?? 0) };
}

export const signedRules: readonly Rule[] = [
  {
    rule: 'tsig-secret',
    severity: 'error',
    source: 'RFC 8945 8',
    types: [TYPE.DNSKEY],
    findIn(_zone, { type, rdatas }) {
      const rdata = rdatas.find((each) => isTsigSecret(type, each));
      if (rdata === undefined) return NONE;
      const hint = 'keys stand in a file whose name ends in _keys; make a new one, should this file have been public';
      return [{ type, rdata, what: 'the secret of a TSIG key stands in the zone, for everybody to ask for', hint }];
    },
  },
  {
    rule: 'rrsig-without-set',
    severity: 'warning',
    source: 'RFC 4035 2.2',
    types: [TYPE.RRSIG],
    aspect: ASPECT.lostSignature,
    findIn(_zone, { rdatas }, { rrsets }) {
      /** What is signed, and the first signature of it. */
      const lost = new Map<number, Uint8Array>();
      for (const rdata of rdatas) {
        const covered = ((rdata[0] ?? 0) << 8) | (rdata[1] ?? 0);
        if (!rrsets.has(covered) && !lost.has(covered)) lost.set(covered, rdata);
      }
      const [rdata] = lost.values();
      if (rdata === undefined) return NONE;
      const what = `a signature of ${[...lost.keys()].map(printType).join(', ')}, which is not here`;
      return [{ type: TYPE.RRSIG, rdata, what }];
    },
  },
  {
    rule: 'nsec3param',
    severity: 'warning',
    source: 'RFC 5155 4.1, RFC 9276 3.1',
    types: [TYPE.NSEC3PARAM],
    *findIn(_zone, { type, rdatas }) {
      for (const rdata of rdatas) {
        const { algorithm, iterations } = parametersOf(rdata);
        if (algorithm !== 1) yield { type, rdata, what: `hash algorithm ${algorithm} is not known (RFC 5155 11)` };
        if ((rdata[1] ?? 0) !== 0) yield { type, rdata, what: 'flags other than 0: servers pass over this record' };
        if ((rdata[4] ?? 0) > 0) yield { type, rdata, what: 'a salt, which protects nothing', hint: 'sign without' };
        const consequence = iterations > MAX_ITERATIONS ? 'answers go without proofs' : 'validators may not follow';
        if (iterations > 0)
          yield { type, rdata, what: `${iterations} additional iterations: ${consequence}`, hint: 'sign with 0' };
      }
    },
  },
  {
    rule: 'nsec3-owner',
    severity: 'warning',
    source: 'RFC 5155 3, RFC 5155 7.1',
    types: [TYPE.NSEC3],
    findIn(zone, { type }, { name, rrsets }) {
      const label = Buffer.from(name.labels[0] ?? []).toString('latin1');
      const isHashed = HASHED_LABEL.test(label) && name.labelCount === zone.origin.labelCount + 1;
      if (!isHashed) return [{ type, what: `an NSEC3 record whose owner is not a hash right below ${zone.origin}` }];
      const others = [...rrsets.keys()].filter((each) => each !== TYPE.NSEC3 && each !== TYPE.RRSIG);
      return others.length === 0 ? NONE : [{ type, what: `NSEC3 beside ${others.map(printType).join(', ')}` }];
    },
  },
  {
    rule: 'nsec3-without-param',
    severity: 'warning',
    source: 'RFC 5155 7.1',
    types: [TYPE.NSEC3],
    findIn(zone, { name, type, rdatas }) {
      const params = isApex(zone, name) ? [] : (zone.get(zone.origin, TYPE.NSEC3PARAM)?.rdatas ?? []);
      const isCovered = (rdata: Uint8Array): boolean => params.some((param) => hasSameHash(param, rdata));
      const rdata = rdatas.find((each) => !isCovered(each));
      if (rdata === undefined) return NONE;
      return [{ type, rdata, what: 'an NSEC3 record of no chain that an NSEC3PARAM at the apex names' }];
    },
  },
];

/** Same algorithm, iterations and salt? */
function hasSameHash(param: Uint8Array, nsec3: Uint8Array): boolean {
  const end = 5 + (param[4] ?? 0);
  return param[0] === nsec3[0] && Buffer.compare(param.subarray(2, end), nsec3.subarray(2, end)) === 0;
}
