/**
 * Gateways and relays, whose form is told by a number before them: IPSECKEY (RFC 4025 2) and AMTRELAY (RFC 8777 4). Forms that are
 * not defined yet are octets and are printed by RFC 3597. Names are never compressed.
 */
import type { Name } from '../../name.ts';
import type { Reader, Writer } from '../../octets.ts';
import { parseNumber, printBase64 } from '../encoding.ts';
import { type Field, parseName, printName, skipName } from '../field.ts';
import type { Words } from '../words.ts';
import { ipv4, ipv6 } from './address.ts';
import { base64 } from './binary.ts';

/** A form of a gateway: the parts of {@link Field} that count. */
type Form = Pick<Field, 'parse' | 'print' | 'skip'>;

const none: Form = {
  parse: (words) => (words.nextText() === '.' ? undefined : 'no gateway is written as a dot'),
  print: () => '.',
  skip: () => {},
};
const anyName: Form = {
  parse: parseName,
  print: printName,
  skip: skipName,
};
const forms: readonly Form[] = [none, ipv4, ipv6, anyName];

function parseGateway(form: number, words: Words, out: Writer): string | undefined {
  return forms[form] === undefined
    ? `gateways of type ${form} have no presentation form; write \\# LENGTH HEX`
    : forms[form].parse(words, out);
}

/** Numbers of 0..max, one for each limit; or what is wrong. */
function takeNumbers(words: Words, limits: readonly number[]): readonly number[] | string {
  const values: number[] = [];
  for (const max of limits) {
    const text = words.nextText() ?? '';
    const value = parseNumber(text, max);
    if (value === undefined) return `'${text}' is no number of 0..${max}`;
    values.push(value);
  }
  return values;
}

/** Precedence, gateway type, algorithm, gateway, and the key, which is empty where the algorithm is 0. */
export const ipsecKey: Field = {
  label: 'IPsec gateway and key',
  parse(words, out) {
    const numbers = takeNumbers(words, [255, 255, 255]);
    if (typeof numbers === 'string') return numbers;
    for (const number of numbers) out.u8(number);
    const fault = parseGateway(numbers[1]!, words, out);
    return fault ?? base64.parse(words, out);
  },
  print(reader: Reader, origin: Name | undefined) {
    const numbers = [reader.u8(), reader.u8(), reader.u8()];
    const gateway = forms[numbers[1]!]?.print(reader, origin);
    return gateway === undefined
      ? undefined
      : `${numbers.join(' ')} ${gateway} ${printBase64(reader.rest())}`.trimEnd();
  },
  skip(reader) {
    reader.u8();
    const form = forms[reader.u8()];
    reader.u8();
    form?.skip(reader);
    reader.rest();
  },
};

/** Precedence, the discovery bit, relay type, relay. */
export const amtRelay: Field = {
  label: 'AMT relay',
  parse(words, out) {
    const numbers = takeNumbers(words, [255, 1, 127]);
    if (typeof numbers === 'string') return numbers;
    const [precedence, discovery, form] = numbers as [number, number, number];
    out.u8(precedence);
    out.u8((discovery << 7) | form);
    return parseGateway(form, words, out);
  },
  print(reader: Reader, origin: Name | undefined) {
    const precedence = reader.u8();
    const form = reader.u8();
    const relay = forms[form & 0x7f]?.print(reader, origin);
    return relay === undefined ? undefined : `${precedence} ${form >> 7} ${form & 0x7f} ${relay}`;
  },
  skip(reader) {
    reader.u8();
    const form = forms[reader.u8() & 0x7f];
    if (form === undefined) reader.rest();
    else form.skip(reader);
  },
};
