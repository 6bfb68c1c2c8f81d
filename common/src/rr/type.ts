/**
 * RR types are data: one row each (code, mnemonic, layout of the RDATA). From a row follow text to wire, wire to text, validity
 * of wire data, which names are compressed, lower-cased for canonical form, or want additional records.
 * The rows are the registry of IANA. A type without a row is an unknown type and is handled by RFC 3597 everywhere.
 *
 * Rows without a layout are a mnemonic and a code: meta types (OPT, TSIG, AXFR ...), which have no RDATA that could stand in a
 * zone; NULL, which has no presentation form (RFC 1035 3.3.10); and UINFO, UID, GID and UNSPEC, whose format was never published.
 */
import { textOctets } from '../name.ts';
import { type Field, name, names, seconds, u8, u16, u32, unsigned } from './field.ts';
import { eui48, eui64, half, ipv4, ipv6, u64 } from './fields/address.ts';
import { a6Suffix, prefixes } from './fields/address-prefix.ts';
import { base64, base64OrDash, digest, hashedOwner, hex, salt } from './fields/binary.ts';
import { amtRelay, ipsecKey } from './fields/gateway.ts';
import { hostIdentity } from './fields/host-identity.ts';
import { location } from './fields/location.ts';
import { algorithm, certificateType, notifyScheme, protocol } from './fields/mnemonic.ts';
import { atmAddress, nsap } from './fields/osi-address.ts';
import { signatureTime } from './fields/signature-time.ts';
import { svcParams } from './fields/svc-params.ts';
import { optionalString, string, strings, tag, text, uri } from './fields/text.ts';
import { nxtBitmap, typeBitmap } from './fields/type-bitmap.ts';
import { ports } from './fields/well-known-service.ts';
import { Mnemonics } from './mnemonics.ts';
import { readNumber } from './word.ts';

export interface TypeRow {
  readonly code: number;
  readonly mnemonic: string;
  /** The fields of the RDATA in order; none for meta types. */
  readonly layout?: readonly Field[];
  /** At most one record in a set (RFC 1034 3.6.2, RFC 6672 2.4, RFC 1035 3.3.13). */
  readonly isSingle?: true;
  /** All fields are exact; follows from the layout. */
  readonly isExact?: boolean;
}

/** RFC 1035 3.3 names: compressed when written, lower-cased in canonical form. */
const oldName = name({ isCompressed: true, isDecompressed: true, isLowered: true });
const oldHost = name({ isCompressed: true, isDecompressed: true, isLowered: true, wantsAddress: true });
/** Names of later types: never compressed by us (RFC 3597 4), lower-cased where RFC 4034 6.2 (as corrected by RFC 6840 5.1) says so. */
const loweredName = name({ isDecompressed: true, isLowered: true });
const loweredHost = name({ isDecompressed: true, isLowered: true, wantsAddress: true });
/** Neither sent nor received with compression (RFC 4034 3.1.7). */
const signer = name({ isLowered: true });
const plainName = name({});
const serviceHost = name({ wantsAddress: true });

const typeNames = { read: readType, print: printType };
const coveredType = unsigned(2, 'record type', readType, printType);
/** Of SIG, which is older than `TYPEnnn` (RFC 2535 7.2). */
const oldCoveredType = unsigned(
  2,
  'record type',
  (octets, start, end) => Math.max(readNumber(octets, start, end, 0xffff), readType(octets, start, end)),
  printType,
);
const types = typeBitmap(typeNames);
const typesTo127 = nxtBitmap(typeNames);

const signature = [algorithm, u8, seconds, signatureTime, signatureTime, u16];
const key = [u16, u8, algorithm, base64];
const delegation = [u16, algorithm, u8, hex];

const rows = [
  { code: 1, mnemonic: 'A', layout: [ipv4] },
  { code: 2, mnemonic: 'NS', layout: [oldHost] },
  { code: 3, mnemonic: 'MD', layout: [oldHost] },
  { code: 4, mnemonic: 'MF', layout: [oldHost] },
  { code: 5, mnemonic: 'CNAME', layout: [oldName], isSingle: true },
  { code: 6, mnemonic: 'SOA', layout: [oldName, oldName, u32, seconds, seconds, seconds, seconds], isSingle: true },
  { code: 7, mnemonic: 'MB', layout: [oldHost] },
  { code: 8, mnemonic: 'MG', layout: [oldName] },
  { code: 9, mnemonic: 'MR', layout: [oldName] },
  { code: 10, mnemonic: 'NULL' },
  { code: 11, mnemonic: 'WKS', layout: [ipv4, protocol, ports] },
  { code: 12, mnemonic: 'PTR', layout: [oldName] },
  { code: 13, mnemonic: 'HINFO', layout: [string, string] },
  { code: 14, mnemonic: 'MINFO', layout: [oldName, oldName] },
  { code: 15, mnemonic: 'MX', layout: [u16, oldHost] },
  { code: 16, mnemonic: 'TXT', layout: [strings] },
  { code: 17, mnemonic: 'RP', layout: [loweredName, loweredName] },
  { code: 18, mnemonic: 'AFSDB', layout: [u16, loweredHost] },
  { code: 19, mnemonic: 'X25', layout: [string] },
  { code: 20, mnemonic: 'ISDN', layout: [string, optionalString] },
  { code: 21, mnemonic: 'RT', layout: [u16, loweredHost] },
  { code: 22, mnemonic: 'NSAP', layout: [nsap] },
  { code: 23, mnemonic: 'NSAP-PTR', layout: [plainName] },
  { code: 24, mnemonic: 'SIG', layout: [oldCoveredType, ...signature, loweredName, base64] },
  { code: 25, mnemonic: 'KEY', layout: key },
  { code: 26, mnemonic: 'PX', layout: [u16, loweredName, loweredName] },
  { code: 27, mnemonic: 'GPOS', layout: [string, string, string] },
  { code: 28, mnemonic: 'AAAA', layout: [ipv6] },
  { code: 29, mnemonic: 'LOC', layout: [location] },
  { code: 30, mnemonic: 'NXT', layout: [loweredName, typesTo127] },
  { code: 31, mnemonic: 'EID', layout: [hex] },
  { code: 32, mnemonic: 'NIMLOC', layout: [hex] },
  { code: 33, mnemonic: 'SRV', layout: [u16, u16, u16, loweredHost] },
  { code: 34, mnemonic: 'ATMA', layout: [atmAddress] },
  { code: 35, mnemonic: 'NAPTR', layout: [u16, u16, string, string, string, loweredHost] },
  { code: 36, mnemonic: 'KX', layout: [u16, loweredHost] },
  { code: 37, mnemonic: 'CERT', layout: [certificateType, u16, algorithm, base64] },
  { code: 38, mnemonic: 'A6', layout: [a6Suffix, name({ isLowered: true, isOptional: true })] },
  { code: 39, mnemonic: 'DNAME', layout: [loweredName], isSingle: true },
  { code: 40, mnemonic: 'SINK', layout: [u8, u8, u8, base64] },
  { code: 41, mnemonic: 'OPT' },
  { code: 42, mnemonic: 'APL', layout: [prefixes] },
  { code: 43, mnemonic: 'DS', layout: delegation },
  { code: 44, mnemonic: 'SSHFP', layout: [u8, u8, hex] },
  { code: 45, mnemonic: 'IPSECKEY', layout: [ipsecKey] },
  { code: 46, mnemonic: 'RRSIG', layout: [coveredType, ...signature, signer, base64] },
  { code: 47, mnemonic: 'NSEC', layout: [plainName, types] },
  { code: 48, mnemonic: 'DNSKEY', layout: key },
  { code: 49, mnemonic: 'DHCID', layout: [base64] },
  { code: 50, mnemonic: 'NSEC3', layout: [u8, u8, u16, salt, hashedOwner, types] },
  { code: 51, mnemonic: 'NSEC3PARAM', layout: [u8, u8, u16, salt] },
  { code: 52, mnemonic: 'TLSA', layout: [u8, u8, u8, hex] },
  { code: 53, mnemonic: 'SMIMEA', layout: [u8, u8, u8, hex] },
  { code: 55, mnemonic: 'HIP', layout: [hostIdentity, names] },
  { code: 56, mnemonic: 'NINFO', layout: [strings] },
  { code: 57, mnemonic: 'RKEY', layout: key },
  { code: 58, mnemonic: 'TALINK', layout: [plainName, plainName] },
  { code: 59, mnemonic: 'CDS', layout: delegation },
  { code: 60, mnemonic: 'CDNSKEY', layout: key },
  { code: 61, mnemonic: 'OPENPGPKEY', layout: [base64] },
  { code: 62, mnemonic: 'CSYNC', layout: [u32, u16, types] },
  { code: 63, mnemonic: 'ZONEMD', layout: [u32, u8, u8, digest] },
  { code: 64, mnemonic: 'SVCB', layout: [u16, serviceHost, svcParams] },
  { code: 65, mnemonic: 'HTTPS', layout: [u16, serviceHost, svcParams] },
  { code: 66, mnemonic: 'DSYNC', layout: [coveredType, notifyScheme, u16, plainName] },
  { code: 67, mnemonic: 'HHIT', layout: [base64] },
  { code: 68, mnemonic: 'BRID', layout: [base64] },
  { code: 99, mnemonic: 'SPF', layout: [strings] },
  { code: 100, mnemonic: 'UINFO' },
  { code: 101, mnemonic: 'UID' },
  { code: 102, mnemonic: 'GID' },
  { code: 103, mnemonic: 'UNSPEC' },
  { code: 104, mnemonic: 'NID', layout: [u16, half] },
  { code: 105, mnemonic: 'L32', layout: [u16, ipv4] },
  { code: 106, mnemonic: 'L64', layout: [u16, half] },
  { code: 107, mnemonic: 'LP', layout: [u16, plainName] },
  { code: 108, mnemonic: 'EUI48', layout: [eui48] },
  { code: 109, mnemonic: 'EUI64', layout: [eui64] },
  { code: 128, mnemonic: 'NXNAME' },
  { code: 249, mnemonic: 'TKEY' },
  { code: 250, mnemonic: 'TSIG' },
  { code: 251, mnemonic: 'IXFR' },
  { code: 252, mnemonic: 'AXFR' },
  { code: 253, mnemonic: 'MAILB' },
  { code: 254, mnemonic: 'MAILA' },
  { code: 255, mnemonic: 'ANY' },
  { code: 256, mnemonic: 'URI', layout: [u16, u16, uri] },
  { code: 257, mnemonic: 'CAA', layout: [u8, tag, text] },
  { code: 258, mnemonic: 'AVC', layout: [strings] },
  { code: 259, mnemonic: 'DOA', layout: [u32, u32, u8, string, base64OrDash] },
  { code: 260, mnemonic: 'AMTRELAY', layout: [amtRelay] },
  { code: 261, mnemonic: 'RESINFO', layout: [strings] },
  { code: 262, mnemonic: 'WALLET', layout: [strings] },
  { code: 263, mnemonic: 'CLA', layout: [strings] },
  { code: 264, mnemonic: 'IPN', layout: [u64] },
  { code: 32768, mnemonic: 'TA', layout: delegation },
  { code: 32769, mnemonic: 'DLV', layout: delegation },
] as const satisfies readonly TypeRow[];

type Mnemonic = (typeof rows)[number]['mnemonic'];

/** Type codes by mnemonic: `TYPE.SOA`. */
export const TYPE: Readonly<Record<Mnemonic, number>> = Object.fromEntries(
  rows.map((row) => [row.mnemonic, row.code]),
) as Record<Mnemonic, number>;

const byCode = new Map<number, TypeRow>(
  rows.map((row: TypeRow) => [row.code, { ...row, isExact: row.layout?.every((field) => field.isExact) ?? false }]),
);
const mnemonics = new Mnemonics(
  rows.map(({ mnemonic, code }) => [mnemonic, code]),
  'TYPE',
);

/** The row of a type, `undefined` for an unknown one. */
export function typeRow(code: number): TypeRow | undefined {
  return byCode.get(code);
}

/** Reads a mnemonic in any case, or `TYPEnnn` (RFC 3597 5), from octets `start` up to `end`; below 0 for anything else. */
export function readType(octets: Uint8Array, start: number, end: number): number {
  return mnemonics.read(octets, start, end);
}

/** The same for a text; `undefined` for anything else. */
export function parseType(text: string): number | undefined {
  const octets = textOctets(text);
  const code = readType(octets, 0, octets.length);
  return code < 0 ? undefined : code;
}

/** The mnemonic, or `TYPEnnn`. */
export function printType(code: number): string {
  return byCode.get(code)?.mnemonic ?? `TYPE${code}`;
}

/**
 * Types that exist only in questions and messages, never as data (RFC 6895 3.1): 0, OPT, and 128..255, among them NXNAME, which
 * stands in the types of an NSEC record only (RFC 9824 2).
 */
export function isMetaType(code: number): boolean {
  return code === 0 || code === TYPE.OPT || (code >= 128 && code <= 255);
}
