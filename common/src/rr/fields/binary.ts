/** Octets as they are: keys, signatures, digests, salts, hashes. */
import { BASE32HEX, BASE64, type Encoding, HEX, printBase32Hex, printBase64, printHex } from '../encoding.ts';
import type { Field } from '../field.ts';

/** All remaining words as one, as octets up to the end of the RDATA. */
function remaining(label: string, encoding: Encoding, write: (octets: Uint8Array) => string, least = 0): Field {
  return {
    label,
    ...(least === 0 ? { isExact: true } : {}),
    parse(words, out) {
      words.join();
      const { octets, start, end } = words;
      const size = encoding.size(octets, start, end);
      if (size < 0) return `not valid ${label}`;
      const to = out.take(size);
      return to < 0 || encoding.read(octets, start, end, out.octets, to) ? undefined : `not valid ${label}`;
    },
    print: (reader) => write(reader.rest()),
    skip(reader) {
      if (reader.rest().length < least) reader.fail(`a ${label} of less than ${least} octets`);
    },
  };
}

/** An encoding with a word for no octets: `-`. */
function orDash({ size, read }: Encoding): Encoding {
  const isDash = (text: Uint8Array, start: number, end: number): boolean => end - start === 1 && text[start] === DASH;
  return {
    size: (text, start, end) => (isDash(text, start, end) ? 0 : start === end ? -1 : size(text, start, end)),
    read: (text, start, end, out, to) => isDash(text, start, end) || read(text, start, end, out, to),
  };
}

const DASH = 0x2d;

export const hex: Field = remaining('hexadecimal', HEX, printHex);
export const base64: Field = remaining('base64', BASE64, printBase64);
/** The digest of ZONEMD has twelve octets or more (RFC 8976 2.2.4). */
export const digest: Field = remaining('digest', HEX, printHex, 12);
/** Base64 that is written `-` where it is empty (DOA). */
export const base64OrDash: Field = remaining('base64 or -', orDash(BASE64), (octets) =>
  octets.length === 0 ? '-' : printBase64(octets),
);

/** Up to 255 octets behind their number, as one word. */
function counted(label: string, encoding: Encoding, write: (octets: Uint8Array) => string, least: 0 | 1): Field {
  return {
    label,
    isExact: true,
    parse(words, out) {
      if (!words.next()) return `a ${label} is missing`;
      const { octets, start, end } = words;
      const size = encoding.size(octets, start, end);
      if (size < least || size > 255) return `'${words.text}' is no ${label}`;
      out.u8(size);
      const to = out.take(size);
      return to < 0 || encoding.read(octets, start, end, out.octets, to) ? undefined : `'${words.text}' is no ${label}`;
    },
    print: (reader) => write(reader.string()),
    skip(reader) {
      if (reader.string().length < least) reader.fail(`an empty ${label}`);
    },
  };
}

/** Of NSEC3 and NSEC3PARAM (RFC 5155 3.3): hexadecimal without blanks, `-` for none. */
export const salt: Field = counted('salt', orDash(HEX), (octets) => (octets.length === 0 ? '-' : printHex(octets)), 0);
/** Of NSEC3 (RFC 5155 3.3): 1..255 octets. */
export const hashedOwner: Field = counted('hashed owner name', BASE32HEX, printBase32Hex, 1);
