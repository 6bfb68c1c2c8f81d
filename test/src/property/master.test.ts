// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what stands in braces here is the syntax of $GENERATE
/** Zone files: `parse . print` is the identity, `parse . edit` is the set operation, and no octets make them throw. */
import { strict as assert } from 'node:assert';
import { readdirSync, readFileSync } from 'node:fs';
import { isIPv4, isIPv6 } from 'node:net';
import { editZoneFile } from '@zonewright/common/master/edit';
import { EntryLexer } from '@zonewright/common/master/lexer';
import { type ParsedFile, parseZoneFile } from '@zonewright/common/master/parse';
import { printZoneFile } from '@zonewright/common/master/print';
import { scanZoneFile } from '@zonewright/common/master/scan';
import { Name } from '@zonewright/common/name';
import { parseBase64, parseHex, parseIpv4, parseIpv6, parseNumber, printIpv4 } from '@zonewright/common/rr/encoding';
import { parseTtl } from '@zonewright/common/rr/field';
import { parseRdata, parseRdataWords, rdataFault } from '@zonewright/common/rr/rdata';
import { MAX_TTL, type RecordChange, type ResourceRecord, recordKey } from '@zonewright/common/rr/record';
import { withSerial } from '@zonewright/common/rr/soa';
import { isMetaType, TYPE } from '@zonewright/common/rr/type';
import { Words } from '@zonewright/common/rr/words';
import test from 'ava';
import fc from 'fast-check';
import { layoutTypes, rdataFor, textOctets } from '../support/arbitrary.ts';
import { runs } from '../support/extent.ts';

const FILES = new URL('../../files/zones/', import.meta.url);
const files = readdirSync(FILES)
  .filter((name) => name.endsWith('.zone'))
  .map((name) => ({ name, octets: new Uint8Array(readFileSync(new URL(name, FILES))) }));

function must<T>(
  result: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: { readonly what: string } },
): T {
  if (!result.ok) throw new Error(result.fault.what);
  return result.value;
}

const origin = must(Name.parse('example.com.'));
/** Changes a file in pages of several sizes, which must be of no influence. */
function edit(
  octets: Uint8Array,
  change: RecordChange,
  include?: (name: string) => Uint8Array | undefined,
): ReturnType<typeof editZoneFile> {
  const options = { origin, ...(include && { include }) };
  const whole = editZoneFile(octets, change, { ...options, pageEntries: Number.POSITIVE_INFINITY });
  for (const pageEntries of [1, 2, 5]) {
    const paged = editZoneFile(octets, change, { ...options, pageEntries });
    if (paged.ok !== whole.ok || (paged.ok && whole.ok && Buffer.compare(paged.value, whole.value) !== 0))
      throw new Error(`other octets in pages of ${pageEntries} entries`);
  }
  return whole;
}

const parse = (octets: Uint8Array): ParsedFile => parseZoneFile(octets, { origin });
const concat = (parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));

// Names and RDATA

const label = fc.oneof(
  fc
    .constantFrom(
      'a',
      'www',
      'IN',
      'A',
      'TXT',
      '1h',
      '300',
      '@',
      '*',
      '$TTL',
      '$ORIGIN',
      '\\#',
      'TYPE1',
      '_acme-challenge',
      'CH',
    )
    .map((text) => Uint8Array.from(Buffer.from(text, 'latin1'))),
  textOctets(1, 8),
  fc.uint8Array({ minLength: 1, maxLength: 63 }),
);
const labels = fc.array(label, { maxLength: 3 });
const nameArbitrary = fc
  .oneof(
    { weight: 3, arbitrary: labels.map((parts) => Name.fromLabels([...parts, ...origin.labels])) },
    { weight: 1, arbitrary: labels.map((parts) => Name.fromLabels(parts)) },
  )
  .map(must);

function rdataOf(type: number): fc.Arbitrary<Uint8Array> {
  return layoutTypes.includes(type)
    ? rdataFor(type, nameArbitrary)
    : fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 2000 }));
}

const ttlArbitrary = fc.oneof(fc.constantFrom(0, 60, 300, 3600, 86400, MAX_TTL), fc.nat({ max: MAX_TTL }));
const typeArbitrary = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...layoutTypes) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 65535 }).filter((type) => !isMetaType(type)) },
);
const recordWith = (name: fc.Arbitrary<Name>): fc.Arbitrary<ResourceRecord> =>
  typeArbitrary.chain((type) =>
    fc.record({ name, type: fc.constant(type), class: fc.constant(1), ttl: ttlArbitrary, rdata: rdataOf(type) }),
  );
const recordArbitrary = recordWith(nameArbitrary);

/** One record to each key, as a zone has them. */
function asSet(records: readonly ResourceRecord[]): Map<string, ResourceRecord> {
  return new Map(records.map((record) => [recordKey(record), record]));
}

function sorted(records: Iterable<ResourceRecord>): string[] {
  return [...records].map((record) => `${recordKey(record)} ${record.ttl}`).sort();
}

const recordsIn = (octets: Uint8Array): ResourceRecord[] => parse(octets).records.map(({ record }) => record);

// Printing

test('reading what was printed gives the same records, whatever octets they hold', (t) => {
  fc.assert(
    fc.property(fc.array(recordArbitrary, { maxLength: 8 }), (list) => {
      const records = [...asSet(list).values()];
      for (const { type, rdata } of records)
        if (rdataFault(type, rdata) !== undefined) throw new Error(`made invalid data of type ${type}`);
      const text = printZoneFile(origin, records);
      if (/[^\n -~]/.test(text)) throw new Error('not ASCII');
      const read = parse(Buffer.from(text, 'latin1'));
      if (read.faults.length > 0) throw new Error(read.faults[0]!.what);
      const exact = (list: readonly ResourceRecord[]): string[] =>
        list.map(({ name, type, ttl, rdata }) => `${name.wire} ${type} ${ttl} ${rdata}`).sort();
      if (exact(read.records.map(({ record }) => record)).join('\n') !== exact(records).join('\n'))
        throw new Error('other records');
    }),
    { numRuns: runs(1500) },
  );
  t.pass();
});

// Changing

/** What UPDATE would make of the records. A SOA replaces any other. */
function applied(records: readonly ResourceRecord[], change: RecordChange): Map<string, ResourceRecord> {
  const set = asSet(records);
  for (const record of change.removed) set.delete(recordKey(record));
  for (const record of change.added) {
    if (record.type === TYPE.SOA)
      for (const [key, old] of set) if (old.type === TYPE.SOA && old.name.equals(record.name)) set.delete(key);
    set.set(recordKey(record), record);
  }
  return set;
}

/** Removals, new TTLs, new data in old sets, new types at old owners, new owners; rarely a new serial. */
function changeOf(records: readonly ResourceRecord[]): fc.Arbitrary<RecordChange> {
  const old = fc.constantFrom(...records.filter((record) => record.type !== TYPE.SOA));
  const soas = records.filter((record) => record.type === TYPE.SOA);
  const step: fc.Arbitrary<{ removed?: ResourceRecord; added?: ResourceRecord }> = fc.oneof(
    old.map((removed) => ({ removed })),
    fc.tuple(old, ttlArbitrary).map(([record, ttl]) => ({ added: { ...record, ttl } })),
    fc.tuple(old, ttlArbitrary).map(([removed, ttl]) => ({ removed, added: { ...removed, ttl } })),
    old.chain((removed) => rdataOf(removed.type).map((rdata) => ({ removed, added: { ...removed, rdata } }))),
    old.chain((record) => rdataOf(record.type).map((rdata) => ({ added: { ...record, rdata } }))),
    old.chain((record) => recordWith(fc.constant(record.name)).map((added) => ({ added }))),
    recordArbitrary.map((added) => ({ added })),
    recordArbitrary.map((removed) => ({ removed })),
    fc
      .tuple(fc.constantFrom(...soas), fc.nat({ max: 0xffffffff }), ttlArbitrary, fc.boolean())
      .map(([removed, serial, ttl, isTtlKept]) => ({
        removed,
        added: { ...removed, rdata: withSerial(removed.rdata, serial), ttl: isTtlKept ? removed.ttl : ttl },
      })),
    fc
      .constantFrom(...soas)
      .chain((removed) => rdataOf(TYPE.SOA).map((rdata) => ({ removed, added: { ...removed, rdata } }))),
  );
  return fc.array(step, { minLength: 1, maxLength: 6 }).map((steps) => {
    const soa = steps.findLast(({ added }) => added?.type === TYPE.SOA)?.added;
    const others = steps.flatMap(({ added }) => (added === undefined || added.type === TYPE.SOA ? [] : [added]));
    return {
      removed: steps.flatMap(({ removed }) => removed ?? []),
      added: [...asSet(soa === undefined ? others : [...others, soa]).values()],
    };
  });
}

for (const { name, octets } of files) {
  const before = parse(octets);
  const records = before.records.map(({ record }) => record);

  test(`changes of ${name} do what they say and touch nothing else`, (t) => {
    fc.assert(
      fc.property(changeOf(records), (change) => {
        const after = must(edit(octets, change));
        const expected = applied(records, change);
        if (sorted(recordsIn(after)).join('\n') !== sorted(expected.values()).join('\n'))
          throw new Error(`other records:\n${Buffer.from(after)}`);
        const text = Buffer.from(after).toString('latin1');
        let at = 0;
        const isFixed = before.file.entries.some((entry) => entry.kind === 'ttl');
        for (const entry of before.file.entries) {
          if (entry.kind === 'record') {
            const kept = expected.get(recordKey(entry.record));
            if (kept?.ttl !== entry.record.ttl || !entry.hasOwner || !(entry.hasTtl || isFixed)) continue;
          }
          const line = before.file.text.slice(entry.start, entry.end);
          const found = text.indexOf(line, at);
          if (found < 0) throw new Error(`changed: ${line}`);
          at = found + line.length;
        }
        const undone = must(
          edit(after, {
            removed: [...expected.values()].filter((record) => !asSet(records).has(recordKey(record))),
            added: records,
          }),
        );
        if (sorted(recordsIn(undone)).join('\n') !== sorted(asSet(records).values()).join('\n'))
          throw new Error('not undone');
      }),
      // `fuzz-edits` goes on with this, over many more files.
      { numRuns: runs(100) },
    );
    t.deepEqual(Buffer.from(must(edit(octets, { removed: [], added: [] }))), Buffer.from(octets));
  });
}

// Any text

const word = fc.constantFrom(
  ...[
    '\n',
    '\n',
    '\n',
    '\r\n',
    ' ',
    ' ',
    '\t',
    '(',
    ')',
    ';c\n',
    '"',
    '"x y"',
    '\\',
    '\\"',
    '\\032',
    '@',
    '@',
    'a',
    'b.c',
    'www',
    'IN',
    'CH',
    '60',
    '1h',
    '$TTL 5\n',
    '$ORIGIN b\n',
  ],
  ...[
    'A 10.0.0.1',
    'A 10.0.0.2\n',
    'a A 10.0.0.3\n',
    ' A 10.0.0.4\n',
    ' TXT "a" b\n',
    '@ SOA a b 1 2 3 4 5\n',
    'b 7 MX 1 @\n',
    '\0',
    '\u00ef\u00bb\u00bf',
    'TYPE9 \\# 1 00',
    'k DNSKEY 0 3 8 AAAA\n',
  ],
);
const soup = fc.array(word, { maxLength: 40 }).map((words) => Uint8Array.from(Buffer.from(words.join(''), 'latin1')));
const mutated = fc
  .tuple(
    fc.constantFrom(...files),
    fc.array(fc.tuple(fc.nat(), fc.nat({ max: 3 }), textOctets(0, 3)), { minLength: 1, maxLength: 4 }),
  )
  .map(([{ octets }, changes]) =>
    changes.reduce<Uint8Array>((text, [at, removed, inserted]) => {
      const place = at % (text.length + 1);
      return concat([text.subarray(0, place), inserted, text.subarray(Math.min(text.length, place + removed))]);
    }, octets),
  );

const GENERATED = [
  '$GENERATE 1-3 g$ A 10.0.0.$\n',
  '$GENERATE 0-4/2 ${1,2,n} 5 CNAME b$\n',
  '$GENERATE 1-2 $ TXT "$"\n',
];
const INCLUDED = ['$INCLUDE one\n', '$INCLUDE two sub\n', '$INCLUDE none\n', '$INCLUDE two ', '$GENERATE '];
/** Whole lines without faults, so that most files can be changed. */
const GOOD = [
  'a A 10.0.0.3\n',
  ' A 10.0.0.4\n',
  ' 9 TXT y\n',
  'g1 7 A 10.0.0.1\n',
  '$TTL 5\n',
  '$ORIGIN b\n',
  '$ORIGIN example.com.\n',
  '@ SOA a b 1 2 3 4 5\n',
  '; c\n',
];
const linesOf = (...more: readonly string[]): fc.Arbitrary<Uint8Array> =>
  fc
    .array(fc.oneof({ weight: 20, arbitrary: fc.constantFrom(...GOOD, ...more) }, { weight: 1, arbitrary: word }), {
      maxLength: 12,
    })
    .map((words) => Uint8Array.from(Buffer.from(words.join(''), 'latin1')));
const expanding = fc.oneof(
  fc.tuple(
    linesOf(...GENERATED, '$INCLUDE one\n', '$INCLUDE two sub\n'),
    linesOf(...GENERATED),
    linesOf('$INCLUDE one\n'),
  ),
  fc
    .tuple(
      fc.array(fc.oneof(word, word, fc.constantFrom(...GENERATED, ...INCLUDED)), { maxLength: 30 }),
      fc.array(fc.oneof(word, fc.constantFrom(...GENERATED)), { maxLength: 12 }),
      fc.array(fc.oneof(word, fc.constantFrom('$INCLUDE one\n')), { maxLength: 12 }),
    )
    .map((parts) => parts.map((words) => Uint8Array.from(Buffer.from(words.join(''), 'latin1')))),
);

test('files that include others and generate records are read and changed like any', (t) => {
  fc.assert(
    fc.property(expanding, fc.array(recordArbitrary, { maxLength: 2 }), fc.nat(), ([text, one, two], extra, chosen) => {
      const include = (name: string): Uint8Array | undefined =>
        name === 'one' ? one : name === 'two' ? two : undefined;
      const { file, faults, records } = parseZoneFile(text!, { origin, include });
      if (file.entries.map(({ start, end }) => file.text.slice(start, end)).join('') !== file.text)
        throw new Error('octets lost');
      const list = records.map(({ record }) => record);
      const removed = list.length > 0 ? [list[chosen % list.length]!] : [];
      const added = extra.filter((record) => record.type !== TYPE.SOA);
      const edited = edit(text!, { removed, added }, include);
      if (faults.length > 0) {
        if (edited.ok || edited.fault.kind !== 'faulty') throw new Error('a faulty file was changed');
        return;
      }
      const touched = asSet(added);
      const expected = list.filter(
        (record) => !touched.has(recordKey(record)) && removed.every((gone) => recordKey(gone) !== recordKey(record)),
      );
      const after = parseZoneFile(must(edited), { origin, include }).records.map(({ record }) => record);
      if (sorted(after).join('\n') !== sorted([...expected, ...touched.values()]).join('\n'))
        throw new Error(`other records:\n${Buffer.from(must(edited))}`);
    }),
    { numRuns: runs(4000) },
  );
  t.pass();
});

const rdataWord = fc.oneof(
  fc.constantFrom(
    ...[
      '@',
      '.',
      '10.0.0.1',
      '010.0.0.1',
      '1.2.3',
      '1.2.3.4.5',
      '::',
      '::1',
      '1::',
      '1:2:3:4:5:6:7:8',
      '1:2',
      '"',
      '""',
      '\\"',
    ],
  ),
  fc.constantFrom(
    ...[
      '1::2::3',
      '::1.2.3.4',
      '12345::',
      ':1',
      '1:',
      '0',
      '65535',
      '65536',
      '00000',
      '000001',
      'a.b',
      'a..b',
      'a.',
      '"a b"',
      '\\#',
      '4',
      'x\\.y',
    ],
  ),
  fc.array(fc.constantFrom(...'0123456789abf:..'), { minLength: 1, maxLength: 12 }).map((octets) => octets.join('')),
  fc.ipV6(),
  fc.ipV4(),
);

test('words between others are read as if they stood alone', (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom(...layoutTypes),
      fc.array(fc.oneof(rdataWord, rdataWord, fc.string()), { maxLength: 6 }),
      fc.constantFrom('0', 'a', '=', ':1', '.', '"x"'),
      (type, words, neighbour) => {
        // What follows the last word stands behind the end of the lines that are read.
        const lexer = new EntryLexer(Buffer.from(`${neighbour} ${words.join(' ')}\n${neighbour}`, 'latin1'));
        lexer.read(0);
        if (lexer.fault !== undefined || lexer.end < lexer.octets.length - neighbour.length) return;
        const inPlace = parseRdataWords(type, new Words(lexer).begin(1, origin));
        assert.deepEqual(inPlace, parseRdata(type, lexer.tokens(1), origin));
        assert.equal(inPlace.ok ? rdataFault(type, inPlace.value) : undefined, undefined);
      },
    ),
    { numRuns: runs(20_000) },
  );
  t.pass();
});

const textOf = (characters: string, maxLength: number): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...characters), { maxLength }).map((each) => each.join(''));

test('numbers, addresses and encodings are read as regular expressions and Node read them', (t) => {
  const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86400, w: 604800 };
  const ttlOf = (text: string): number | undefined => {
    if (!/^(\d{1,10}|(\d{1,10}[smhdw])+)$/i.test(text)) return undefined;
    let seconds = 0;
    for (const [, count, unit = 's'] of text.matchAll(/(\d+)([smhdw])?/gi))
      seconds += Number(count) * units[unit.toLowerCase()]!;
    return seconds <= 0xffffffff ? seconds : undefined;
  };
  const decoded = (text: string, form: RegExp, encoding: 'hex' | 'base64'): string | undefined =>
    form.test(text) && text.length % (encoding === 'hex' ? 2 : 4) === 0
      ? Buffer.from(text, encoding).toString('hex')
      : undefined;
  const hexOf = (octets: Uint8Array | undefined): string | undefined => octets && Buffer.from(octets).toString('hex');
  const readers: readonly [fc.Arbitrary<string>, (text: string) => unknown, (text: string) => unknown][] = [
    [textOf('0019smhdwSW.-', 12), parseTtl, ttlOf],
    [
      textOf('0123456789', 11),
      (text) => parseNumber(text, 65535),
      (text) => {
        const isNumber = /^\d{1,10}$/.test(text) && Number(text) <= 65535;
        return isNumber ? Number(text) : undefined;
      },
    ],
    [fc.oneof(textOf('0125.', 15), fc.ipV4()), (text) => parseIpv4(text) !== undefined, isIPv4],
    [
      fc.oneof(
        textOf('0aF:.', 12),
        fc.ipV6(),
        fc.ipV4().map((v4) => `1::${v4}`),
      ),
      (text) => parseIpv6(text) !== undefined,
      isIPv6,
    ],
    [fc.ipV4(), (text) => printIpv4(parseIpv4(text)!), (text) => text],
    [
      fc.ipV6(),
      (text) => hexOf(parseIpv6(text)),
      (text) => hexOf(parseIpv6(new URL(`http://[${text}]`).hostname.slice(1, -1))),
    ],
    [textOf('09afAFg', 8), (text) => hexOf(parseHex(text)), (text) => decoded(text, /^[0-9a-f]*$/i, 'hex')],
    [
      textOf('azAZ09+/=-', 12),
      (text) => hexOf(parseBase64(text)),
      (text) => decoded(text, /^[0-9a-z+/]*={0,2}$/i, 'base64'),
    ],
  ];
  for (const [texts, read, expected] of readers)
    fc.assert(
      fc.property(texts, (text) => assert.deepEqual(read(text), expected(text))),
      { numRuns: runs(5_000) },
    );
  t.pass();
});

test('the record at hand says the same in octets and as what may be kept', (t) => {
  fc.assert(
    fc.property(fc.oneof(soup, mutated), (octets) => {
      const owners = new Map<number, string>();
      const kept: { readonly name: Name; readonly rdata: Uint8Array; readonly octets: string }[] = [];
      const hex = (array: Uint8Array, length: number): string => Buffer.from(array.subarray(0, length)).toString('hex');
      scanZoneFile(
        octets,
        { origin },
        {
          onRecord({ owner, ownerLength, ownerNumber, data, dataLength, name, rdata }) {
            const wire = hex(owner, ownerLength);
            assert.equal(owners.get(ownerNumber) ?? wire, wire);
            owners.set(ownerNumber, wire);
            kept.push({ name, rdata, octets: `${wire} ${hex(data, dataLength)}` });
          },
        },
      );
      for (const { name, rdata, octets } of kept)
        assert.equal(`${hex(name.wire, name.wire.length)} ${hex(rdata, rdata.length)}`, octets);
    }),
    { numRuns: runs(1_000) },
  );
  t.pass();
});

test('no text makes reading throw, no octet of it is lost, and what is read can be changed', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(soup, mutated, fc.uint8Array({ maxLength: 100 })),
      fc.array(recordArbitrary, { maxLength: 2 }),
      fc.nat(),
      (octets, extra, chosen) => {
        const { file, faults, records } = parse(octets);
        if (
          file.entries.map(({ start, end }) => file.text.slice(start, end)).join('') !==
          Buffer.from(octets).toString('latin1')
        )
          throw new Error('octets lost');
        if (faults.some(({ line, column }) => line < 1 || column < 1)) throw new Error('no place');
        const list = records.map(({ record }) => record);
        const removed = list.length > 0 ? [list[chosen % list.length]!] : [];
        const change = { removed, added: extra.filter((record) => record.type !== TYPE.SOA) };
        const edited = edit(octets, change);
        if (faults.length > 0) {
          if (edited.ok || edited.fault.kind !== 'faulty') throw new Error('a faulty file was changed');
          return;
        }
        const touched = asSet(change.added);
        const expected = list.filter(
          (record) => !touched.has(recordKey(record)) && removed.every((gone) => recordKey(gone) !== recordKey(record)),
        );
        if (sorted(recordsIn(must(edited))).join('\n') !== sorted([...expected, ...touched.values()]).join('\n'))
          throw new Error('other records');
      },
    ),
    { numRuns: runs(6000) },
  );
  t.pass();
});
