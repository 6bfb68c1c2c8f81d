/**
 * RR types are data: one row each (code, mnemonic, layout of the RDATA). From a row follow text to wire, wire to text, validity
 * of wire data, which names are compressed, lower-cased for canonical form, or want additional records.
 * A type without a row is an unknown type and is handled by RFC 3597 everywhere.
 *
 * Left out: meta types (OPT, TSIG, AXFR ...): they have a code here and a mnemonic, and no RDATA that could stand in a zone.
 */
import {
  algorithm,
  base64,
  type Field,
  hex,
  ipv4,
  ipv6,
  location,
  name,
  string,
  strings,
  svcParams,
  tag,
  text,
  u8,
  u16,
  u32,
} from './field.ts';

export interface TypeRow {
  readonly code: number;
  readonly mnemonic: string;
  /** The fields of the RDATA in order; none for meta types. */
  readonly layout?: readonly Field[];
  /** At most one record in a set (RFC 1034 3.6.2, RFC 6672 2.4, RFC 1035 3.3.13). */
  readonly isSingle?: true;
}

/** RFC 1035 3.3 names: compressed when written, lower-cased in canonical form. */
const oldName = name({ isCompressed: true, isDecompressed: true, isLowered: true });
/** Names of later types: never compressed by us (RFC 3597 4), lower-cased where RFC 4034 6.2 (as corrected by RFC 6840 5.1) says so. */
const loweredName = name({ isDecompressed: true, isLowered: true });
const plainName = name({});

const rows = [
  { code: 1, mnemonic: 'A', layout: [ipv4] },
  {
    code: 2,
    mnemonic: 'NS',
    layout: [name({ isCompressed: true, isDecompressed: true, isLowered: true, wantsAddress: true })],
  },
  { code: 5, mnemonic: 'CNAME', layout: [oldName], isSingle: true },
  { code: 6, mnemonic: 'SOA', layout: [oldName, oldName, u32, u32, u32, u32, u32], isSingle: true },
  { code: 12, mnemonic: 'PTR', layout: [oldName] },
  { code: 13, mnemonic: 'HINFO', layout: [string, string] },
  {
    code: 15,
    mnemonic: 'MX',
    layout: [u16, name({ isCompressed: true, isDecompressed: true, isLowered: true, wantsAddress: true })],
  },
  { code: 16, mnemonic: 'TXT', layout: [strings] },
  { code: 17, mnemonic: 'RP', layout: [loweredName, loweredName] },
  { code: 18, mnemonic: 'AFSDB', layout: [u16, loweredName] },
  { code: 28, mnemonic: 'AAAA', layout: [ipv6] },
  { code: 29, mnemonic: 'LOC', layout: [location] },
  {
    code: 33,
    mnemonic: 'SRV',
    layout: [u16, u16, u16, name({ isDecompressed: true, isLowered: true, wantsAddress: true })],
  },
  {
    code: 35,
    mnemonic: 'NAPTR',
    layout: [u16, u16, string, string, string, name({ isDecompressed: true, isLowered: true, wantsAddress: true })],
  },
  { code: 36, mnemonic: 'KX', layout: [u16, loweredName] },
  { code: 39, mnemonic: 'DNAME', layout: [loweredName], isSingle: true },
  { code: 41, mnemonic: 'OPT' },
  { code: 43, mnemonic: 'DS', layout: [u16, algorithm, u8, hex] },
  { code: 44, mnemonic: 'SSHFP', layout: [u8, u8, hex] },
  { code: 48, mnemonic: 'DNSKEY', layout: [u16, u8, algorithm, base64] },
  { code: 52, mnemonic: 'TLSA', layout: [u8, u8, u8, hex] },
  { code: 53, mnemonic: 'SMIMEA', layout: [u8, u8, u8, hex] },
  { code: 59, mnemonic: 'CDS', layout: [u16, algorithm, u8, hex] },
  { code: 60, mnemonic: 'CDNSKEY', layout: [u16, u8, algorithm, base64] },
  { code: 61, mnemonic: 'OPENPGPKEY', layout: [base64] },
  { code: 64, mnemonic: 'SVCB', layout: [u16, name({ wantsAddress: true }), svcParams] },
  { code: 65, mnemonic: 'HTTPS', layout: [u16, name({ wantsAddress: true }), svcParams] },
  { code: 107, mnemonic: 'LP', layout: [u16, plainName] },
  { code: 256, mnemonic: 'URI', layout: [u16, u16, text] },
  { code: 257, mnemonic: 'CAA', layout: [u8, tag, text] },
  { code: 249, mnemonic: 'TKEY' },
  { code: 250, mnemonic: 'TSIG' },
  { code: 251, mnemonic: 'IXFR' },
  { code: 252, mnemonic: 'AXFR' },
  { code: 253, mnemonic: 'MAILB' },
  { code: 254, mnemonic: 'MAILA' },
  { code: 255, mnemonic: 'ANY' },
] as const satisfies readonly TypeRow[];

type Mnemonic = (typeof rows)[number]['mnemonic'];

/** Type codes by mnemonic: `TYPE.SOA`. */
export const TYPE: Readonly<Record<Mnemonic, number>> = Object.fromEntries(
  rows.map((row) => [row.mnemonic, row.code]),
) as Record<Mnemonic, number>;

const byCode = new Map<number, TypeRow>(rows.map((row) => [row.code, row]));
const byMnemonic = new Map<string, TypeRow>(rows.map((row) => [row.mnemonic, row]));

/** The row of a type, `undefined` for an unknown one. */
export function typeRow(code: number): TypeRow | undefined {
  return byCode.get(code);
}

/** Reads a mnemonic in any case, or `TYPEnnn` (RFC 3597 5). */
export function parseType(text: string): number | undefined {
  const upper = text.toUpperCase();
  const generic = /^TYPE(\d{1,5})$/.exec(upper);
  if (generic === null) return byMnemonic.get(upper)?.code;
  const code = Number(generic[1]);
  return code <= 0xffff ? code : undefined;
}

/** The mnemonic, or `TYPEnnn`. */
export function printType(code: number): string {
  return byCode.get(code)?.mnemonic ?? `TYPE${code}`;
}

/** Types that exist only in questions and messages, never as data (RFC 6895 3.1): 0, OPT, and 128..255. */
export function isMetaType(code: number): boolean {
  return code === 0 || code === TYPE.OPT || (code >= 128 && code <= 255);
}
