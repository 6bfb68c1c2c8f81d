/** Octets as they are: keys, signatures, digests, salts, hashes. */
import { parseBase32Hex, parseBase64, parseHex, printBase32Hex, printBase64, printHex } from '../encoding.ts';
import type { Field, TokenCursor } from '../field.ts';

/** All remaining words as one, as octets up to the end of the RDATA. */
function remaining(
  label: string,
  read: (text: string) => Uint8Array | undefined,
  write: (octets: Uint8Array) => string,
  least = 0,
): Field {
  return {
    label,
    parse(tokens, out) {
      const octets = read(joined(tokens));
      if (octets === undefined) return `not valid ${label}`;
      out.bytes(octets);
      return undefined;
    },
    print: (reader) => write(reader.rest()),
    skip(reader) {
      if (reader.rest().length < least) reader.fail(`a ${label} of less than ${least} octets`);
    },
  };
}

export function joined(tokens: TokenCursor): string {
  const words: string[] = [];
  while (tokens.left > 0) words.push(tokens.next()!.text);
  return words.join('');
}

export const hex: Field = remaining('hexadecimal', parseHex, printHex);
export const base64: Field = remaining('base64', parseBase64, printBase64);
/** The digest of ZONEMD has twelve octets or more (RFC 8976 2.2.4). */
export const digest: Field = remaining('digest', parseHex, printHex, 12);
/** Base64 that is written `-` where it is empty (DOA). */
export const base64OrDash: Field = remaining(
  'base64 or -',
  (text) => (text === '-' ? new Uint8Array(0) : text === '' ? undefined : parseBase64(text)),
  (octets) => (octets.length === 0 ? '-' : printBase64(octets)),
);

/** Up to 255 octets behind their number, as one word. */
function counted(
  label: string,
  read: (text: string) => Uint8Array | undefined,
  write: (octets: Uint8Array) => string,
  least: 0 | 1,
): Field {
  return {
    label,
    parse(tokens, out) {
      const text = tokens.next()?.text;
      const octets = text === undefined ? undefined : read(text);
      if (octets === undefined || octets.length < least || octets.length > 255)
        return text === undefined ? `a ${label} is missing` : `'${text}' is no ${label}`;
      out.u8(octets.length);
      out.bytes(octets);
      return undefined;
    },
    print: (reader) => write(reader.string()),
    skip(reader) {
      if (reader.string().length < least) reader.fail(`an empty ${label}`);
    },
  };
}

/** Of NSEC3 and NSEC3PARAM (RFC 5155 3.3): hexadecimal without blanks, `-` for none. */
export const salt: Field = counted(
  'salt',
  (text) => (text === '-' ? new Uint8Array(0) : text === '' ? undefined : parseHex(text)),
  (octets) => (octets.length === 0 ? '-' : printHex(octets)),
  0,
);
/** Of NSEC3 (RFC 5155 3.3): 1..255 octets. */
export const hashedOwner: Field = counted('hashed owner name', parseBase32Hex, printBase32Hex, 1);
