/**
 * RDATA at random for property tests: valid wire form for every row of the table of types, made from its layout. A kind of field
 * with a size needs nothing here; each of the others has an arbitrary, by its label.
 */
import { Name } from '@zonewright/common/name';
import type { Field } from '@zonewright/common/rr/field';
import { TYPE, typeRow } from '@zonewright/common/rr/type';
import fc from 'fast-check';
import { given, nameOf } from './records.ts';

type Octets = fc.Arbitrary<Uint8Array>;

export const octets = (minLength: number, maxLength: number): Octets => fc.uint8Array({ minLength, maxLength });

/** Octets of which many mean something in a zone file. */
export const textOctets = (minLength: number, maxLength: number): Octets =>
  fc.oneof(
    octets(minLength, maxLength),
    fc
      .array(fc.constantFrom(...Buffer.from('"\\;()@$. \t\n\r=,aZ0#\xe4\xff', 'latin1')), { minLength, maxLength })
      .map((list) => Uint8Array.from(list)),
  );

const anyLabel = fc.oneof(
  textOctets(1, 63),
  fc.constantFrom('a', 'B', '*', '@', 'a.b', '\\', '"', '\\#').map((text) => Uint8Array.from(Buffer.from(text))),
);
export const anyName: fc.Arbitrary<Name> = fc
  .array(anyLabel, { maxLength: 6 })
  .map((labels) => Name.fromLabels(labels))
  .filter((name) => name.ok)
  .map(given);
export const hostName: fc.Arbitrary<Name> = fc
  .array(fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/), { minLength: 1, maxLength: 4 })
  .map((labels) => nameOf(`${labels.join('.')}.`));

export const u16 = (value: number): number[] => [value >> 8, value & 0xff];
const u32 = (value: number): number[] => [...u16(Math.floor(value / 65536)), ...u16(value % 65536)];
const counted = (value: Uint8Array): number[] => [value.length, ...value];
const flat = (value: fc.Arbitrary<readonly ArrayLike<number>[]>): Octets =>
  value.map((parts) => Uint8Array.from(parts.flatMap((part) => Array.from(part))));
const string = textOctets(0, 255).map((value) => Uint8Array.from(counted(value)));

const param = (key: number, value: Octets): fc.Arbitrary<readonly [number, Uint8Array]> =>
  value.map((wire) => [key, wire] as const);

/** Any of the known and unknown keys, and a `mandatory` that names some of them. */
const svcParams: Octets = fc
  .tuple(
    fc.uniqueArray(
      fc.oneof(
        param(1, flat(fc.array(textOctets(1, 20).map(counted), { minLength: 1, maxLength: 3 }))),
        param(2, octets(0, 0)),
        param(3, octets(2, 2)),
        param(4, flat(fc.array(octets(4, 4), { minLength: 1, maxLength: 3 }))),
        param(5, octets(0, 20)),
        param(6, flat(fc.array(octets(16, 16), { minLength: 1, maxLength: 3 }))),
        param(7, textOctets(0, 20)),
        param(8, octets(0, 0)),
        fc.integer({ min: 9, max: 65534 }).chain((key) => param(key, textOctets(0, 20))),
      ),
      { selector: ([key]) => key, maxLength: 6 },
    ),
    fc.boolean(),
  )
  .map(([params, isMandatory]) => {
    const sorted = [...params].sort(([a], [b]) => a - b);
    const wanted = sorted.filter(([key]) => key % 2 === 1).map(([key]) => key);
    const all =
      isMandatory && wanted.length > 0 ? [[0, Uint8Array.from(wanted.flatMap(u16))] as const, ...sorted] : sorted;
    return Uint8Array.from(all.flatMap(([key, value]) => [...u16(key), ...u16(value.length), ...value]));
  });

const digit = fc.nat(9);
const sizeOctet = fc.tuple(digit, digit).map(([mantissa, exponent]) => (mantissa << 4) | exponent);
const angle = (degrees: number): fc.Arbitrary<number> =>
  fc.integer({ min: -degrees * 3_600_000, max: degrees * 3_600_000 }).map((value) => value + 2 ** 31);
const location: Octets = fc.oneof(
  {
    weight: 9,
    arbitrary: fc
      .tuple(fc.tuple(sizeOctet, sizeOctet, sizeOctet), angle(90), angle(180), fc.nat(2 ** 32 - 1))
      .map(([sizes, ...numbers]) => Uint8Array.from([0, ...sizes, ...numbers.flatMap(u32)])),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.integer({ min: 1, max: 255 }), octets(0, 20))
      .map(([version, rest]) => Uint8Array.of(version, ...rest)),
  },
);

const withoutZeros = (value: Uint8Array): Uint8Array => {
  let { length } = value;
  while (length > 0 && value[length - 1] === 0) length--;
  return value.subarray(0, length);
};
const bitmap = (maxLength: number): Octets =>
  octets(1, maxLength).map((value) => Uint8Array.of(...withoutZeros(value)));
const windows: Octets = fc
  .uniqueArray(
    fc.tuple(
      fc.oneof(fc.constantFrom(0, 1), fc.nat(255)),
      bitmap(32).filter((value) => value.length > 0),
    ),
    {
      selector: ([window]) => window,
      maxLength: 4,
    },
  )
  .map((list) =>
    Uint8Array.from([...list].sort(([a], [b]) => a - b).flatMap(([window, bits]) => [window, ...counted(bits)])),
  );

const prefix = fc
  .tuple(fc.constantFrom(1, 1, 2, 2, 2, 3), fc.boolean(), fc.nat(), octets(0, 16))
  .map(([family, isNegated, length, address]) => {
    const bits = family === 1 ? 32 : 128;
    const part = withoutZeros(address.subarray(0, bits >> 3));
    return [0, family, length % (bits + 1), part.length | (isNegated ? 0x80 : 0), ...part];
  });

const nameWire = fc.oneof(anyName, hostName).map((name) => name.wire);
const gateways = [octets(0, 0), octets(4, 4), octets(16, 16), nameWire] as const;
const gateway = (lead: (form: number) => Octets): Octets =>
  fc.nat(4).chain((form) => flat(fc.tuple(lead(form), gateways[form] ?? octets(0, 30))));

/** By the label of the field. Fields with a size are not here. */
const byLabel = new Map<string, Octets>([
  ['hexadecimal', octets(0, 60)],
  ['base64', octets(0, 60)],
  ['digest', octets(12, 60)],
  ['base64 or -', octets(0, 60)],
  ['salt', octets(0, 255).map((value) => Uint8Array.from(counted(value)))],
  ['hashed owner name', octets(1, 255).map((value) => Uint8Array.from(counted(value)))],
  ['text', textOctets(0, 300)],
  ['URI', textOctets(1, 300)],
  ['character-string', string],
  ['optional character-string', fc.oneof(octets(0, 0), string)],
  ['character-strings', flat(fc.array(string, { minLength: 1, maxLength: 4 }))],
  ['tag', fc.stringMatching(/^[A-Za-z0-9]{1,20}$/).map((value) => Uint8Array.from(counted(Buffer.from(value))))],
  ['location', location],
  ['service parameters', svcParams],
  ['types', windows],
  ['types up to 127', bitmap(16)],
  ['address prefixes', flat(fc.array(prefix, { maxLength: 4 }))],
  [
    'prefix length and address suffix',
    fc
      .tuple(fc.nat(128), octets(16, 16))
      .map(([length, address]) => Uint8Array.of(length, ...address.subarray(length >> 3))),
  ],
  [
    'IPsec gateway and key',
    flat(
      fc.tuple(
        gateway((form) => octets(3, 3).map(([a, , b]) => Uint8Array.of(a!, form, b!))),
        octets(0, 40),
      ),
    ),
  ],
  ['AMT relay', gateway((form) => octets(2, 2).map(([a, b]) => Uint8Array.of(a!, (b! & 0x80) | form)))],
  [
    'host identity',
    fc
      .tuple(octets(0, 20), fc.nat(255), octets(0, 40))
      .map(([tag, algorithm, key]) => Uint8Array.of(tag.length, algorithm, ...u16(key.length), ...tag, ...key)),
  ],
  ['domain names', flat(fc.array(nameWire, { maxLength: 3 }))],
  ['ports', octets(0, 40)],
  ['NSAP', octets(0, 30)],
  [
    'ATM address',
    fc.oneof(
      octets(1, 30),
      octets(0, 20).map((value) => Uint8Array.of(0, ...value)),
      fc.stringMatching(/^[0-9]{0,15}$/).map((digits) => Uint8Array.of(1, ...Buffer.from(digits))),
    ),
  ],
]);

function fieldOf(field: Field, names: fc.Arbitrary<Name>): Octets {
  if (field.nameTraits !== undefined) return names.map((name) => name.wire);
  if (field.label === ipv6Label) return fc.oneof(octets(16, 16), sparse);
  const made = field.octets === undefined ? byLabel.get(field.label) : octets(field.octets, field.octets);
  if (made === undefined) throw new Error(`no octets for a field '${field.label}'`);
  return made;
}

const ipv6Label = 'IPv6 address';
/** Addresses with runs of zeros. */
const sparse: Octets = fc
  .array(fc.constantFrom(0, 0, 0, 255), { minLength: 16, maxLength: 16 })
  .map((list) => Uint8Array.from(list));

/** All types that have a layout. */
export const layoutTypes: readonly number[] = Object.values(TYPE).filter((code) => typeRow(code)?.layout !== undefined);

/** Valid RDATA of a type that has a layout. */
export function rdataFor(type: number, names: fc.Arbitrary<Name> = fc.oneof(anyName, hostName)): Octets {
  const layout = typeRow(type)!.layout!;
  return fc.tuple(...layout.map((field) => fieldOf(field, names))).map((parts) => {
    // Of A6: no name behind a whole address.
    const there = parts.filter((_, i) => layout[i]!.nameTraits?.isOptional !== true || parts[0]![0] !== 0);
    return Uint8Array.from(there.flatMap((part) => Array.from(part)));
  });
}
