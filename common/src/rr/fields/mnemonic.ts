/** Numbers that have names in zone files. Read as either, printed as the RFC's examples have it. */
import { type Field, type NumberReader, unsigned } from '../field.ts';
import { Mnemonics } from '../mnemonics.ts';
import { readNumber } from '../word.ts';

type Codes = Readonly<Record<string, number>>;

function mnemonic(octets: 1 | 2, label: string, codes: Codes, write?: (value: number) => string): Field {
  const mnemonics = new Mnemonics(Object.entries(codes));
  const max = 2 ** (8 * octets) - 1;
  const read: NumberReader = (text, start, end) => {
    const number = readNumber(text, start, end, max);
    return number < 0 ? mnemonics.read(text, start, end) : number;
  };
  return unsigned(octets, label, read, write);
}

/** DNSSEC algorithm numbers (RFC 4034 A.1 and the registry). */
export const algorithm: Field = mnemonic(1, 'DNSSEC algorithm', {
  RSAMD5: 1,
  DH: 2,
  DSA: 3,
  RSASHA1: 5,
  'DSA-NSEC3-SHA1': 6,
  NSEC3DSA: 6,
  'RSASHA1-NSEC3-SHA1': 7,
  NSEC3RSASHA1: 7,
  RSASHA256: 8,
  RSASHA512: 10,
  'ECC-GOST': 12,
  ECCGOST: 12,
  ECDSAP256SHA256: 13,
  ECDSAP384SHA384: 14,
  ED25519: 15,
  ED448: 16,
  SM2SM3: 17,
  'ECC-GOST12': 23,
  INDIRECT: 252,
  PRIVATEDNS: 253,
  PRIVATEOID: 254,
});

/** RFC 4398 2.1. */
export const certificateType: Field = mnemonic(2, 'certificate type', {
  PKIX: 1,
  SPKI: 2,
  PGP: 3,
  IPKIX: 4,
  ISPKI: 5,
  IPGP: 6,
  ACPKIX: 7,
  IACPKIX: 8,
  URI: 253,
  OID: 254,
});

/** RFC 9859 2.1. */
export const notifyScheme: Field = mnemonic(1, 'DSYNC scheme', { NOTIFY: 1 }, (value) =>
  value === 1 ? 'NOTIFY' : String(value),
);

/** Of WKS (RFC 1035 3.4.2). */
export const protocol: Field = mnemonic(1, 'IP protocol', { ICMP: 1, IGMP: 2, GGP: 3, TCP: 6, EGP: 8, UDP: 17 });
