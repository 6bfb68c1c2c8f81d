/**
 * Addresses and identifiers of a fixed size, each one word: IPv4, IPv6 (RFC 5952), EUI-48 and EUI-64 (RFC 7043), the 64 bits of
 * ILNP (RFC 6742), node numbers of DTN.
 */
import { parseHex, parseIpv6, printHex, printIpv4, printIpv6 } from '../encoding.ts';
import { type Field, skipOctets } from '../field.ts';
import { readIpv4, readIpv6 } from '../word.ts';

/** Writes the octets of a word, which stands from `start` up to `end`, to `out` at `to`; false when it is none of its kind. */
type WordReader = (text: Uint8Array, start: number, end: number, out: Uint8Array, to: number) => boolean;

function word(label: string, octets: number, read: WordReader, write: (octets: Uint8Array) => string): Field {
  return {
    label,
    octets,
    isExact: true,
    parse(words, out) {
      if (!words.next()) return `an ${label} is missing`;
      const to = out.take(octets);
      if (to < 0 || read(words.octets, words.start, words.end, out.octets, to)) return undefined;
      return `'${words.text}' is no ${label}`;
    },
    print: (reader) => write(reader.bytes(octets)),
    skip: (reader) => skipOctets(reader, octets),
  };
}

export const ipv4: Field = word('IPv4 address', 4, readIpv4, printIpv4);
export const ipv6: Field = word('IPv6 address', 16, readIpv6, printIpv6);

/** For kinds that are too rare to be read without a text. */
function fromText(read: (text: string) => Uint8Array | undefined): WordReader {
  return (text, start, end, out, to) => {
    const octets = read(Buffer.from(text.subarray(start, end)).toString('latin1'));
    if (octets !== undefined) out.set(octets, to);
    return octets !== undefined;
  };
}

/** Pairs of hexadecimal digits with hyphens between them. */
function eui(octets: 6 | 8): Field {
  const form = new RegExp(`^[0-9a-f]{2}(-[0-9a-f]{2}){${octets - 1}}$`, 'i');
  return word(
    `EUI-${8 * octets}`,
    octets,
    fromText((text) => (form.test(text) ? parseHex(text.replaceAll('-', '')) : undefined)),
    (value) => printHex(value).replace(/..(?=.)/g, '$&-'),
  );
}

export const eui48: Field = eui(6);
export const eui64: Field = eui(8);

/** The upper or lower half of an IPv6 address: four groups, none left out (RFC 6742 2.1.2). */
export const half: Field = word(
  'identifier or locator of four groups',
  8,
  fromText((text) =>
    /^[0-9a-f]{1,4}(:[0-9a-f]{1,4}){3}$/i.test(text) ? parseIpv6(`${text}::`)?.slice(0, 8) : undefined,
  ),
  (value) => printHex(value).replace(/....(?=.)/g, '$&:'),
);

/** A decimal number of 64 bits. */
export const u64: Field = word(
  `number of 0..${2n ** 64n - 1n}`,
  8,
  fromText((text) => {
    const value = /^\d{1,20}$/.test(text) ? BigInt(text) : 2n ** 64n;
    return value < 2n ** 64n ? parseHex(value.toString(16).padStart(16, '0')) : undefined;
  }),
  (value) => BigInt(`0x${printHex(value)}`).toString(),
);
