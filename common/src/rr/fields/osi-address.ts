/** Addresses of other networks: NSAP (RFC 1706 5) and ATMA (AF-DANS-0152, as BIND has it). Dots between digits mean nothing. */
import type { Writer } from '../../octets.ts';
import { parseHex, printHex } from '../encoding.ts';
import type { Field } from '../field.ts';

function parseDotted(text: string, out: Writer): string | undefined {
  const octets = parseHex(text.replaceAll('.', ''));
  if (octets === undefined || octets.length === 0) return `'${text}' is no address of pairs of hexadecimal digits`;
  out.bytes(octets);
  return undefined;
}

/** `0x` and hexadecimal digits. */
export const nsap: Field = {
  label: 'NSAP',
  parse(words, out) {
    const text = words.nextText() ?? '';
    return /^0x/i.test(text) ? parseDotted(text.slice(2), out) : 'an NSAP begins with 0x';
  },
  print: (reader) => (reader.left === 0 ? undefined : `0x${printHex(reader.rest())}`),
  skip: (reader) => void reader.rest(),
};

const AESA = 0;
const E164 = 1;

/** An ATM end system address in hexadecimal, or `+` and a telephone number. */
export const atmAddress: Field = {
  label: 'ATM address',
  parse(words, out) {
    const text = words.nextText() ?? '';
    if (!text.startsWith('+')) {
      out.u8(AESA);
      return parseDotted(text, out);
    }
    const digits = text.slice(1).replaceAll('.', '');
    if (!/^\d+$/.test(digits)) return `'${text}' is no telephone number`;
    out.u8(E164);
    out.bytes(Buffer.from(digits, 'latin1'));
    return undefined;
  },
  print(reader) {
    const format = reader.u8();
    const address = reader.rest();
    if (format === AESA && address.length > 0) return printHex(address);
    const digits = Buffer.from(address).toString('latin1');
    return format === E164 && /^\d+$/.test(digits) ? `+${digits}` : undefined;
  },
  skip(reader) {
    reader.u8();
    reader.rest();
  },
};
