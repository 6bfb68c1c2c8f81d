/**
 * Service parameters of SVCB and HTTPS (RFC 9460 2.1, 2.2, 7, 8; RFC 9461 5): a table of keys, each with its value format.
 * Wire form: key, length, value, keys strictly ascending. A key without a row is opaque octets (`key123="..."`).
 */
import { Reader, Writer } from '../../octets.ts';
import {
  parseBase64,
  parseIpv4,
  parseIpv6,
  printBase64,
  printIpv4,
  printIpv6,
  printQuoted,
  unescapeText,
} from '../encoding.ts';
import type { Field } from '../field.ts';
import type { Words } from '../words.ts';

/** A value format. `parse` gets the octets of the value after the quoting of the zone file is undone. */
interface Value {
  parse(value: Uint8Array): Uint8Array | undefined;
  /** The value with its quotes, or nothing when the key stands alone. */
  print(wire: Uint8Array): string;
  isValid(wire: Uint8Array): boolean;
}

const latin1 = (octets: Uint8Array): string => Buffer.from(octets).toString('latin1');

const opaque: Value = {
  parse: (value) => value,
  print: (wire) => (wire.length === 0 ? '' : printQuoted(wire)),
  isValid: () => true,
};

const nothing: Value = {
  parse: (value) => (value.length === 0 ? value : undefined),
  print: () => '',
  isValid: (wire) => wire.length === 0,
};

const port: Value = {
  parse: (value) =>
    /^\d{1,5}$/.test(latin1(value)) && Number(latin1(value)) <= 65535 ? numbers([Number(latin1(value))]) : undefined,
  print: (wire) => String((wire[0]! << 8) | wire[1]!),
  isValid: (wire) => wire.length === 2,
};

const ech: Value = {
  parse: (value) => parseBase64(latin1(value)),
  print: (wire) => (wire.length === 0 ? '' : `"${printBase64(wire)}"`),
  isValid: () => true,
};

function hints(
  size: number,
  read: (text: string) => Uint8Array | undefined,
  write: (octets: Uint8Array) => string,
): Value {
  return {
    parse(value) {
      const parts = latin1(value).split(',').map(read);
      return parts.every((part) => part !== undefined) ? Uint8Array.from(Buffer.concat(parts)) : undefined;
    },
    print(wire) {
      const parts: string[] = [];
      for (let at = 0; at < wire.length; at += size) parts.push(write(wire.subarray(at, at + size)));
      return parts.join(',');
    },
    isValid: (wire) => wire.length > 0 && wire.length % size === 0,
  };
}

/** A comma-separated list in which `\` protects commas and itself (RFC 9460 A.1). */
const alpn: Value = {
  parse(value) {
    const out = new Writer();
    let item: number[] = [];
    const isPut = (): boolean => {
      if (item.length === 0 || item.length > 255) return false;
      out.u8(item.length);
      out.bytes(Uint8Array.from(item));
      item = [];
      return true;
    };
    for (let i = 0; i < value.length; i++) {
      if (value[i] === BACKSLASH) {
        if (++i >= value.length) return undefined;
        item.push(value[i]!);
      } else if (value[i] === COMMA) {
        if (!isPut()) return undefined;
      } else item.push(value[i]!);
    }
    return isPut() ? out.finish() : undefined;
  },
  print(wire) {
    const reader = new Reader(wire);
    const list: number[] = [];
    while (reader.left > 0) {
      if (list.length > 0) list.push(COMMA);
      for (const octet of reader.string())
        list.push(...(octet === COMMA || octet === BACKSLASH ? [BACKSLASH, octet] : [octet]));
    }
    return printQuoted(Uint8Array.from(list));
  },
  isValid(wire) {
    const reader = new Reader(wire);
    do if (reader.string().length === 0) reader.fail('an empty protocol name');
    while (reader.left > 0);
    return reader.fault === undefined;
  },
};

const mandatory: Value = {
  parse(value) {
    const keys = latin1(value).split(',').map(parseKey);
    return keys.every((key) => key !== undefined) ? numbers(keys.sort((a, b) => a - b)) : undefined;
  },
  print: (wire) => pairs(wire).map(printKey).join(','),
  isValid: (wire) =>
    wire.length > 0 && wire.length % 2 === 0 && pairs(wire).every((key, i, all) => key > (all[i - 1] ?? 0)),
};

const rows: readonly { readonly key: number; readonly mnemonic: string; readonly value: Value }[] = [
  { key: 0, mnemonic: 'mandatory', value: mandatory },
  { key: 1, mnemonic: 'alpn', value: alpn },
  { key: 2, mnemonic: 'no-default-alpn', value: nothing },
  { key: 3, mnemonic: 'port', value: port },
  { key: 4, mnemonic: 'ipv4hint', value: hints(4, parseIpv4, printIpv4) },
  { key: 5, mnemonic: 'ech', value: ech },
  { key: 6, mnemonic: 'ipv6hint', value: hints(16, parseIpv6, printIpv6) },
  { key: 7, mnemonic: 'dohpath', value: opaque },
  { key: 8, mnemonic: 'ohttp', value: nothing },
];

const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const ALPN = 1;
/** Not to be written without ALPN (RFC 9460 7.1.1); as data it is taken, and printed by RFC 3597. */
const NO_DEFAULT_ALPN = 2;
/** Reserved (RFC 9460 14.3.2). */
const INVALID_KEY = 65535;

const byKey = new Map(rows.map((row) => [row.key, row]));
const byMnemonic = new Map(rows.map((row) => [row.mnemonic, row]));

const formatOf = (key: number): Value => byKey.get(key)?.value ?? opaque;

function parseKey(text: string): number | undefined {
  const known = byMnemonic.get(text.toLowerCase());
  const generic = /^key(0|[1-9]\d{0,4})$/i.exec(text);
  const key = known?.key ?? (generic === null ? Number.NaN : Number(generic[1]));
  return key < INVALID_KEY ? key : undefined;
}

function printKey(key: number): string {
  return byKey.get(key)?.mnemonic ?? `key${key}`;
}

function numbers(values: readonly number[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => [value >> 8, value & 0xff]));
}

function pairs(wire: Uint8Array): number[] {
  return Array.from({ length: wire.length >> 1 }, (_, i) => (wire[2 * i]! << 8) | wire[2 * i + 1]!);
}

function parseSvcParams(words: Words, out: Writer): string | undefined {
  const params = new Map<number, Uint8Array>();
  while (words.left > 0) {
    const text = words.nextText()!;
    const equals = text.indexOf('=');
    const keyText = equals < 0 ? text : text.slice(0, equals);
    const key = parseKey(keyText);
    if (key === undefined) return `'${keyText}' is no service parameter key`;
    if (params.has(key)) return `service parameter '${keyText}' stands twice`;
    const quoted = /^"(.*)"$/s.exec(equals < 0 ? '' : text.slice(equals + 1));
    const octets = unescapeText(quoted?.[1] ?? (equals < 0 ? '' : text.slice(equals + 1)));
    const value = octets === undefined ? undefined : formatOf(key).parse(octets);
    if (value === undefined || !formatOf(key).isValid(value))
      return `the value of service parameter '${keyText}' is not valid`;
    params.set(key, value);
  }
  for (const key of pairs(params.get(0) ?? new Uint8Array(0))) {
    if (!params.has(key)) return `mandatory service parameter '${printKey(key)}' is missing`;
  }
  if (params.has(NO_DEFAULT_ALPN) && !params.has(ALPN)) return "'no-default-alpn' without 'alpn'";
  for (const [key, value] of [...params].sort(([a], [b]) => a - b)) {
    out.u16(key);
    out.u16(value.length);
    out.bytes(value);
  }
  return undefined;
}

function printSvcParams(reader: Reader): string | undefined {
  const parts: string[] = [];
  for (let hasAlpn = false; reader.left > 0; ) {
    const key = reader.u16();
    hasAlpn ||= key === ALPN;
    if (key === NO_DEFAULT_ALPN && !hasAlpn) return undefined;
    const value = formatOf(key).print(reader.bytes(reader.u16()));
    parts.push(value === '' ? printKey(key) : `${printKey(key)}=${value}`);
  }
  return parts.join(' ');
}

function skipSvcParams(reader: Reader): void {
  const keys = new Set<number>();
  let last = -1;
  let wanted: readonly number[] = [];
  while (reader.left > 0) {
    const key = reader.u16();
    const value = reader.bytes(reader.u16());
    if (key <= last) reader.fail('service parameters that are not in ascending order');
    if (key === INVALID_KEY) reader.fail('the service parameter key 65535');
    if (!formatOf(key).isValid(value)) reader.fail(`a value of '${printKey(key)}' that is not valid`);
    if (key === 0) wanted = pairs(value);
    keys.add(key);
    last = key;
  }
  for (const key of wanted) if (!keys.has(key)) reader.fail(`no '${printKey(key)}', which is mandatory`);
}

export const svcParams: Field = {
  label: 'service parameters',
  parse: parseSvcParams,
  print: printSvcParams,
  skip: skipSvcParams,
};
