/** The host identity of HIP (RFC 8005 5): an algorithm, a tag (HIT) and a public key, each behind its length. */
import { parseBase64, parseHex, parseNumber, printBase64, printHex } from '../encoding.ts';
import type { Field } from '../field.ts';

export const hostIdentity: Field = {
  label: 'host identity',
  parse(words, out) {
    const algorithm = parseNumber(words.nextText() ?? '', 255);
    if (algorithm === undefined) return 'an algorithm of 0..255 is missing';
    const tag = parseHex(words.nextText() ?? '');
    if (tag === undefined || tag.length === 0 || tag.length > 255)
      return 'a tag of 1..255 octets in hexadecimal is missing';
    const key = parseBase64(words.nextText() ?? '');
    if (key === undefined || key.length === 0) return 'a public key in base64 is missing';
    out.u8(tag.length);
    out.u8(algorithm);
    out.u16(key.length);
    out.bytes(tag);
    out.bytes(key);
    return undefined;
  },
  print(reader) {
    const tagLength = reader.u8();
    const algorithm = reader.u8();
    const keyLength = reader.u16();
    const tag = printHex(reader.bytes(tagLength));
    const key = printBase64(reader.bytes(keyLength));
    // There is no word for what is empty.
    return tag === '' || key === '' ? undefined : `${algorithm} ${tag} ${key}`;
  },
  skip(reader) {
    const tagLength = reader.u8();
    reader.u8();
    const keyLength = reader.u16();
    reader.bytes(tagLength);
    reader.bytes(keyLength);
  },
};
