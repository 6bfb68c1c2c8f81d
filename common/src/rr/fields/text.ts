/** Text: character-strings (RFC 1035 3.3), text without a length, tags. */
import type { Writer } from '../../octets.ts';
import { printQuoted } from '../encoding.ts';
import { type Field, skipString } from '../field.ts';
import type { Words } from '../words.ts';

const BAD_ESCAPE = 'a backslash not followed by a character or by three digits up to 255';

function parseString(words: Words, out: Writer): string | undefined {
  if (!words.next()) return 'a character-string is missing';
  if (!words.unescape()) return BAD_ESCAPE;
  const size = words.end - words.start;
  if (size > 255) return `a character-string of ${size} octets (at most 255; split it into several strings)`;
  out.u8(size);
  out.bytes(words.octets, words.start, words.end);
  return undefined;
}

/** One character-string. */
export const string: Field = {
  label: 'character-string',
  isExact: true,
  parse: (words, out) => parseString(words, out),
  print: (reader) => printQuoted(reader.string()),
  skip: skipString,
};

/** One character-string at the end of the RDATA, or nothing (the subaddress of ISDN, RFC 1183 3.2). */
export const optionalString: Field = {
  label: 'optional character-string',
  parse: (words, out) => (words.left === 0 ? undefined : parseString(words, out)),
  print: (reader) => (reader.left === 0 ? '' : printQuoted(reader.string())),
  skip: (reader) => (reader.left === 0 ? undefined : skipString(reader)),
};

/** One or more character-strings up to the end of the RDATA. */
export const strings: Field = {
  label: 'character-strings',
  isExact: true,
  parse(words, out) {
    do {
      const fault = parseString(words, out);
      if (fault !== undefined) return fault;
    } while (words.left > 0);
    return undefined;
  },
  print(reader) {
    const parts: string[] = [];
    do parts.push(printQuoted(reader.string()));
    while (reader.left > 0);
    return parts.join(' ');
  },
  skip(reader) {
    do skipString(reader);
    while (reader.left > 0);
  },
};

/** Text without a length octet up to the end of the RDATA. */
function bare(label: string, least: 0 | 1): Field {
  return {
    label,
    ...(least === 0 ? { isExact: true } : {}),
    parse(words, out) {
      if (!words.next()) return `a ${label} is missing`;
      if (!words.unescape()) return BAD_ESCAPE;
      out.bytes(words.octets, words.start, words.end);
      return undefined;
    },
    print: (reader) => printQuoted(reader.rest()),
    skip: (reader) => {
      if (reader.rest().length < least) reader.fail(`an empty ${label}`);
    },
  };
}

/** The value of CAA (RFC 8659 4.1). */
export const text: Field = bare('text', 0);
/** The target of URI, which is not empty (RFC 7553 4.4). */
export const uri: Field = bare('URI', 1);

/** A property tag (RFC 8659 4.1): 1..255 letters and digits after a length octet. */
export const tag: Field = {
  label: 'tag',
  isExact: true,
  parse(words, out) {
    const value = words.nextText() ?? '';
    if (!/^[0-9a-z]{1,255}$/i.test(value)) return `'${value}' is no tag of letters and digits`;
    out.u8(value.length);
    out.bytes(Buffer.from(value, 'latin1'));
    return undefined;
  },
  print: (reader) => Buffer.from(reader.string()).toString('latin1'),
  skip(reader) {
    const value = Buffer.from(reader.string()).toString('latin1');
    if (!/^[0-9a-z]+$/i.test(value)) reader.fail('a tag that is not of letters and digits');
  },
};
