/**
 * Digests that are not as long as their kind says: with one that was cut while it was copied, nothing can be verified any more.
 *
 * Left out: kinds that are not in the table, as private ones, and data that is no digest (TLSA matching type 0, RFC 6698 2.1.3,
 * by which requests for certificates are published too).
 */
import { printType, TYPE } from '../../rr/type.ts';
import type { Rule } from './rule.ts';

interface DigestRow {
  readonly type: number;
  /** What the number of the kind is called. */
  readonly kind: string;
  /** Octets of the RDATA before that number; the digest is what stands behind it. */
  readonly offset: number;
  /** By kind: what makes the digest, and its octets. */
  readonly kinds: Readonly<Record<number, readonly [name: string, octets: number]>>;
}

/** RFC 4034 A.2, RFC 4509, RFC 6605. */
const DELEGATION = { 1: ['SHA-1', 20], 2: ['SHA-256', 32], 4: ['SHA-384', 48] } as const;
/** RFC 6698 7.4. */
const CERTIFICATE = { 1: ['SHA-256', 32], 2: ['SHA-512', 64] } as const;
/** RFC 4255 3.1.2, RFC 6594 3. */
const FINGERPRINT = { 1: ['SHA-1', 20], 2: ['SHA-256', 32] } as const;
/** RFC 8976 2.2.3. */
const ZONE = { 1: ['SHA-384', 48], 2: ['SHA-512', 64] } as const;

const rows: readonly DigestRow[] = [
  { type: TYPE.DS, kind: 'digest type', offset: 3, kinds: DELEGATION },
  { type: TYPE.CDS, kind: 'digest type', offset: 3, kinds: DELEGATION },
  { type: TYPE.SSHFP, kind: 'fingerprint type', offset: 1, kinds: FINGERPRINT },
  { type: TYPE.TLSA, kind: 'matching type', offset: 2, kinds: CERTIFICATE },
  { type: TYPE.SMIMEA, kind: 'matching type', offset: 2, kinds: CERTIFICATE },
  { type: TYPE.ZONEMD, kind: 'hash algorithm', offset: 5, kinds: ZONE },
];
const byType: ReadonlyMap<number, DigestRow> = new Map(rows.map((row) => [row.type, row]));

export const digestRules: readonly Rule[] = [
  {
    rule: 'digest-length',
    severity: 'warning',
    source: 'RFC 4034 5.1.4, RFC 4255 3.1.3, RFC 6698 2.1.4, RFC 8976 2.2.4',
    types: [...byType.keys()],
    *findIn(_zone, { type, rdatas }) {
      const { kind, offset, kinds } = byType.get(type)!;
      for (const rdata of rdatas) {
        const number = rdata[offset] ?? 0;
        const octets = rdata.length - offset - 1;
        const [name, wanted] = kinds[number] ?? [];
        if (wanted === undefined || octets === wanted) continue;
        const what = `${printType(type)} with a digest of ${octets} octets, where ${kind} ${number} (${name}) has ${wanted}`;
        yield { type, rdata, what, hint: `${2 * wanted} hexadecimal digits` };
      }
    },
  },
];
