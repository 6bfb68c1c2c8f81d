/**
 * What always holds in the core: reading undoes writing, and the stores equal naive models. fast-check prints its seed when something
 * does not hold; `SEED=n` repeats a run. What spoiled octets do is in `fuzz-packets.test.ts` and `fuzz-zone-files.test.ts`.
 */
import { strict as assert } from 'node:assert';
import { Name } from '@zonewright/common/name';
import { Reader, Writer } from '@zonewright/common/octets';
import { CLASS } from '@zonewright/common/rr/class';
import { canonicalRdata, parseRdata, printRdata, rdataFault, readRdata, writeRdata } from '@zonewright/common/rr/rdata';
import { type ResourceRecord, rdataKey, recordKey } from '@zonewright/common/rr/record';
import { TYPE, typeRow } from '@zonewright/common/rr/type';
import { decodeMessage, encodeMessage, type Message, openEnvelope } from '@zonewright/common/wire/message';
import { SectionReader } from '@zonewright/common/wire/section';
import { checkZone } from '@zonewright/common/zone/check';
import { diffNames, diffZones } from '@zonewright/common/zone/delta';
import { increment, isNewer, raise } from '@zonewright/common/zone/serial';
import { Zone } from '@zonewright/common/zone/zone';
import test from 'ava';
import packet from 'dns-packet';
import fc from 'fast-check';
import { anyName, hostName, layoutTypes, octets, rdataFor } from '../support/arbitrary.ts';
import { runs } from '../support/extent.ts';
import { given, hexOf, nameOf, rdataOf, recordOf, tokensOf } from '../support/records.ts';

/** Of all that is random here; printed with what does not hold. */
const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
fc.configureGlobal({ seed });

const origin = nameOf('example.');

test('a name is read as it was printed, absolute and relative', (t) => {
  fc.assert(
    fc.property(anyName, anyName, (name, other) => {
      const below = Name.fromLabels([...name.labels, ...other.labels]);
      for (const each of below.ok ? [name, below.value] : [name]) {
        assert.deepEqual(nameOf(each.toString()).wire, each.wire);
        assert.equal(hexOf(nameOf(each.relativeTo(other), other).toLowerCase().wire), hexOf(each.toLowerCase().wire));
        assert.ok(Name.fromWire(each.wire).ok);
      }
      if (below.ok) assert.ok(below.value.isSubdomainOf(other));
    }),
  );
  t.pass();
});

const reversedLabels = (name: Name): Buffer[] =>
  name
    .toLowerCase()
    .labels.map((label) => Buffer.from(label))
    .reverse();

test('order, equality and ancestry equal a comparison label by label', (t) => {
  const small = fc
    .array(fc.constantFrom('a', 'A', 'b', '\\000', '\\255', 'aa', '\\001'), { maxLength: 4 })
    .map((labels) => nameOf(labels.length === 0 ? '.' : `${labels.join('.')}.`));
  const either = fc.oneof(small, anyName);
  fc.assert(
    fc.property(either, either, (a, b) => {
      const left = reversedLabels(a);
      const right = reversedLabels(b);
      let shared = 0;
      while (shared < Math.min(left.length, right.length) && left[shared]!.equals(right[shared]!)) shared++;
      const order =
        shared < left.length && shared < right.length
          ? Buffer.compare(left[shared]!, right[shared]!)
          : Math.sign(left.length - right.length);
      assert.equal(Name.compare(a, b), order);
      assert.equal(a.equals(b), order === 0);
      assert.equal(a.isSubdomainOf(b), shared === right.length);
      assert.equal(a.commonAncestor(b).labelCount, shared);
      assert.ok(a.isSubdomainOf(a.commonAncestor(b)));
    }),
  );
  t.pass();
});

test('compressed names are read as they were written, wherever they start', (t) => {
  const start = fc.oneof(fc.constant(0), fc.integer({ min: 0x3fc0, max: 0x4000 }));
  fc.assert(
    fc.property(
      start,
      fc.array(anyName, { maxLength: 20 }),
      fc.array(hostName, { maxLength: 20 }),
      (offset, odd, plain) => {
        const names = [...plain, ...odd, ...plain];
        const out = new Writer();
        out.bytes(new Uint8Array(offset));
        for (const name of names) out.compressedName(name);
        const reader = new Reader(out.finish(), offset);
        for (const name of names) assert.deepEqual(reader.name(true).wire, name.wire);
        assert.equal(reader.left, 0);
        assert.equal(reader.fault, undefined);
      },
    ),
    { numRuns: runs(50) },
  );
  t.pass();
});

const roundTrip = (type: number, rdata: Uint8Array, from?: Name): string => {
  const text = printRdata(type, rdata, from);
  const parsed = parseRdata(type, tokensOf(text), from ?? Name.root);
  return parsed.ok ? hexOf(parsed.value) : `${text}: ${parsed.fault.what}`;
};

test('valid RDATA of every type is printed on one line of ASCII and read again', (t) => {
  for (const type of layoutTypes) {
    fc.assert(
      fc.property(rdataFor(type), (rdata) => {
        assert.equal(rdataFault(type, rdata), undefined);
        assert.match(printRdata(type, rdata), /^[ -~]*$/);
        assert.equal(roundTrip(type, rdata), hexOf(rdata));
        assert.equal(
          roundTrip(type, canonicalRdata(type, rdata), origin).toLowerCase(),
          hexOf(canonicalRdata(type, rdata)),
        );
        assert.deepEqual(canonicalRdata(type, canonicalRdata(type, rdata)), canonicalRdata(type, rdata));
      }),
      { numRuns: runs(60) },
    );
  }
  t.pass();
});

test('whatever octets are taken for valid RDATA, they are printed and read again', (t) => {
  let taken = 0;
  for (const type of layoutTypes) {
    const mutated = fc
      .tuple(rdataFor(type), fc.array(fc.tuple(fc.nat(), fc.constantFrom(0, 1, 0x3f, 0xff, 0x22, 0x5c))), fc.nat(3))
      .map(([rdata, changes, cut]) => {
        const copy = rdata.slice(0, Math.max(0, rdata.length - cut));
        for (const [at, value] of changes.slice(0, 2)) if (copy.length > 0) copy[at % copy.length] = value;
        return copy;
      });
    fc.assert(
      fc.property(fc.oneof(mutated, octets(0, 40)), (rdata) => {
        canonicalRdata(type, rdata);
        if (rdataFault(type, rdata) === undefined) {
          taken++;
          assert.equal(roundTrip(type, rdata), hexOf(rdata));
        } else {
          assert.equal(printRdata(type, rdata), `\\# ${rdata.length} ${hexOf(rdata)}`.trimEnd());
          assert.match(roundTrip(type, rdata), /no valid/);
        }
      }),
      { numRuns: runs(60) },
    );
  }
  t.true(taken > 100);
});

test('RDATA of a message is read as it was written', (t) => {
  for (const type of layoutTypes) {
    fc.assert(
      fc.property(fc.array(rdataFor(type), { minLength: 1, maxLength: 4 }), (rdatas) => {
        const out = new Writer();
        const ends = rdatas.map((rdata) => {
          writeRdata(type, rdata, out);
          return out.length;
        });
        const reader = new Reader(out.finish());
        for (const [i, rdata] of rdatas.entries())
          assert.deepEqual(readRdata(type, ends[i]! - reader.offset, reader), rdata);
        assert.equal(reader.fault, undefined);
      }),
      { numRuns: runs(20) },
    );
  }
  t.pass();
});

const recordWith = (names: fc.Arbitrary<Name>, types: readonly number[]): fc.Arbitrary<ResourceRecord> =>
  fc.constantFrom(...types).chain((type) =>
    fc.record({
      name: names,
      type: fc.constant(type),
      class: fc.constantFrom(CLASS.IN, CLASS.IN, CLASS.CH),
      ttl: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      rdata: type === 65280 ? octets(0, 50) : rdataFor(type, names),
    }),
  );

/** The one option whose length is looked at. */
const COOKIE = 10;

const messageWith = (names: fc.Arbitrary<Name>, types: readonly number[]): fc.Arbitrary<Message> =>
  fc.record(
    {
      id: fc.nat(65535),
      qr: fc.boolean(),
      opcode: fc.constantFrom(0, 4, 5),
      aa: fc.boolean(),
      tc: fc.boolean(),
      rd: fc.boolean(),
      ra: fc.boolean(),
      ad: fc.boolean(),
      cd: fc.boolean(),
      rcode: fc.nat(15),
      questions: fc.array(fc.record({ name: names, type: fc.nat(65535), class: fc.constantFrom(1, 3, 255) }), {
        maxLength: 2,
      }),
      answers: fc.array(recordWith(names, types), { maxLength: 4 }),
      authorities: fc.array(recordWith(names, types), { maxLength: 3 }),
      additionals: fc.array(recordWith(names, types), { maxLength: 3 }),
      edns: fc
        .record({
          udpSize: fc.integer({ min: 512, max: 65535 }),
          version: fc.oneof(fc.constant(0), fc.nat(255)),
          dnssecOk: fc.boolean(),
          options: fc.array(
            fc.record({ code: fc.nat(65535).map((code) => (code === COOKIE ? 0 : code)), data: octets(0, 20) }),
            { maxLength: 3 },
          ),
        })
        // Options of other versions are not read.
        .map((edns) => (edns.version === 0 ? edns : { ...edns, options: [] })),
    },
    {
      requiredKeys: [
        'id',
        'qr',
        'opcode',
        'aa',
        'tc',
        'rd',
        'ra',
        'ad',
        'cd',
        'rcode',
        'questions',
        'answers',
        'authorities',
        'additionals',
      ],
    },
  );

/** A message as text, so that two can be compared whatever stands in their caches. */
const show = (message: Message): string => {
  const { tsig, edns, ...rest } = message;
  const record = (each: ResourceRecord): unknown[] => [
    hexOf(each.name.wire),
    each.type,
    each.class,
    each.ttl,
    hexOf(each.rdata),
  ];
  return JSON.stringify({
    ...rest,
    questions: message.questions.map((each) => [hexOf(each.name.wire), each.type, each.class]),
    answers: message.answers.map(record),
    authorities: message.authorities.map(record),
    additionals: message.additionals.map(record),
    edns: edns && { ...edns, options: edns.options.map(({ code, data }) => [code, hexOf(data)]) },
  });
};

const decodedTypes = [...layoutTypes, 65280];

test('a message is decoded as it was encoded, and its encoding does not change again', (t) => {
  fc.assert(
    fc.property(messageWith(fc.oneof(anyName, hostName), decodedTypes), (message) => {
      const encoded = encodeMessage(message);
      const decoded = given(decodeMessage(encoded));
      assert.equal(show(decoded), show(message));
      assert.deepEqual(encodeMessage(decoded), encoded);
    }),
    { numRuns: runs(300) },
  );
  t.pass();
});

test('answers that are read one at a time are those of the message, and a fault where it has one', (t) => {
  const change = fc.tuple(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.nat(255));
  let spoiled = 0;
  const reader = new SectionReader();
  fc.assert(
    fc.property(messageWith(hostName, decodedTypes), fc.array(change, { maxLength: 2 }), (message, changes) => {
      const encoded = encodeMessage({ ...message, opcode: 0, qr: true });
      for (const [place, value] of changes) encoded[12 + Math.floor(place * (encoded.length - 12))] = value;
      const whole = decodeMessage(encoded);
      const envelope = openEnvelope(encoded);
      const answers: ResourceRecord[] = [];
      if (envelope.ok) {
        reader.begin(envelope.value.section);
        while (reader.next()) answers.push(reader.record);
      }
      assert.equal(envelope.ok && reader.fault === undefined, whole.ok);
      if (!whole.ok || !envelope.ok) spoiled++;
      else {
        const { section: _, ...rest } = envelope.value;
        assert.equal(show({ ...rest, answers }), show(whole.value));
      }
    }),
    { numRuns: runs(500) },
  );
  t.true(spoiled > 0);
});

test('a truncated message keeps to its limit, its question and its OPT', (t) => {
  fc.assert(
    fc.property(messageWith(hostName, decodedTypes), fc.integer({ min: 200, max: 1500 }), (message, limit) => {
      const encoded = encodeMessage(message, limit);
      assert.ok(encoded.length <= limit);
      const decoded = given(decodeMessage(encoded));
      assert.equal(decoded.edns === undefined, message.edns === undefined);
      assert.equal(decoded.questions.length, message.questions.length);
      const isCut =
        decoded.answers.length + decoded.authorities.length < message.answers.length + message.authorities.length;
      if (isCut) assert.equal(decoded.answers.length + decoded.authorities.length + decoded.additionals.length, 0);
      assert.equal(decoded.tc, message.tc || isCut);
    }),
    { numRuns: runs(200) },
  );
  t.pass();
});

/** Types that dns-packet reads into values of its own. */
const foreignTypes = ['A', 'NS', 'CNAME', 'SOA', 'PTR', 'MX', 'TXT', 'AAAA', 'SRV', 'DNAME'] as const;
const plain = (name: Name): string => name.toString().slice(0, -1) || '.';

test('dns-packet reads the names, types and data of every message we write, and we of what it writes', (t) => {
  const types = foreignTypes.map((type) => TYPE[type]);
  fc.assert(
    fc.property(messageWith(hostName, types), (any) => {
      const inClass = (records: readonly ResourceRecord[]): ResourceRecord[] =>
        records.map((record) => ({ ...record, class: CLASS.IN }));
      const { edns: _, ...bare } = any;
      const message: Message = {
        ...bare,
        tc: false,
        opcode: 0,
        questions: any.questions.map((each) => ({ ...each, type: 1, class: 1 })),
        answers: inClass(any.answers),
        authorities: inClass(any.authorities),
        additionals: [],
      };
      const read = packet.decode(Buffer.from(encodeMessage(message)));
      assert.deepEqual(
        read.questions?.map(({ name }) => name),
        message.questions.map(({ name }) => plain(name)),
      );
      assert.deepEqual(
        read.answers?.map(({ name, type }) => [name, type]),
        message.answers.map(({ name, type }) => [plain(name), typeRow(type)!.mnemonic]),
      );
      const again = given(
        decodeMessage(packet.encode({ ...read, type: message.qr ? 'response' : 'query' } as packet.Packet)),
      );
      const data = ({ answers, authorities }: Message): string[] =>
        [...answers, ...authorities].map((record) => `${recordKey(record)} ${record.ttl}`);
      assert.deepEqual(data(again), data(message));
    }),
    { numRuns: runs(200) },
  );
  t.pass();
});

const zoneName = fc
  .array(fc.constantFrom('a', 'b', 'A', 'ab', '*', '\\000', '\\255'), { maxLength: 4 })
  .map((labels) => nameOf([...labels, 'example.'].join('.')));
const zoneRecord: fc.Arbitrary<ResourceRecord> = fc
  .tuple(
    zoneName,
    fc.constantFrom(
      ['A', '192.0.2.1'],
      ['A', '192.0.2.2'],
      ['TXT', 'x'],
      ['TXT', 'y'],
      ['NS', 'a.example.'],
      ['NS', 'A.example.'],
      ['NS', 'b.'],
      ['CNAME', 'a.example.'],
      ['CNAME', 'b.example.'],
      ['DNAME', 'b.'],
      ['MX', '1 a.b.example.'],
    ),
    fc.constantFrom(60, 60, 300),
  )
  .map(([name, [type, text], ttl]) => ({
    name,
    type: TYPE[type as 'A'],
    class: CLASS.IN,
    ttl,
    rdata: rdataOf(type!, text!),
  }));
const zoneRecords = fc.array(zoneRecord, { maxLength: 25 });
const soaOf = (serial: number): ResourceRecord =>
  recordOf(`example. 60 SOA ns.example. host.example. ${serial} 1 2 3 4`);
const zoneWith = (records: readonly ResourceRecord[], serial = 1): Zone =>
  Zone.fromRecords(origin, [soaOf(serial), ...records])!;

/** A zone as lines without regard to case and order, to be compared. */
const linesOf = (zone: Zone): string[] =>
  [...zone.records(), zone.soaRecord()]
    .map((record) => `${record.name.toLowerCase()} ${record.ttl} ${record.type} ${rdataKey(record.type, record.rdata)}`)
    .sort();

test('a zone answers about names as a search through all of its records does', (t) => {
  fc.assert(
    fc.property(zoneRecords, fc.array(zoneName, { maxLength: 10 }), (records, probes) => {
      const zone = zoneWith(records);
      const all = [soaOf(1), ...records];
      const has = (name: Name, type?: number): boolean =>
        all.some((record) => record.name.equals(name) && (type === undefined || record.type === type));
      const exists = (name: Name): boolean => all.some((record) => record.name.isSubdomainOf(name));
      for (const name of [...probes, ...records.map((record) => record.name)]) {
        const path = Array.from({ length: name.labelCount }, (_, i) => name.ancestor(i + 1));
        assert.equal(zone.exists(name), exists(name));
        assert.equal(zone.find(name) !== undefined, has(name));
        assert.equal(
          zone.hasChildren(name),
          all.some((record) => record.name.isSubdomainOf(name) && !record.name.equals(name)),
        );
        assert.ok(zone.closestEncloser(name).equals(path.findLast(exists)!));
        const cut = path.slice(1).find((each) => has(each, TYPE.NS));
        assert.equal(zone.cutAt(name)?.name.key, cut?.key);
        const dname = path.slice(0, -1).find((each) => has(each, TYPE.DNAME));
        assert.equal(zone.dnameAbove(name)?.name.key, dname?.key);
        for (const type of [TYPE.A, TYPE.NS]) {
          const distinct = new Set(
            all
              .filter((record) => record.name.equals(name) && record.type === type)
              .map((record) => rdataKey(type, record.rdata)),
          );
          assert.equal(zone.get(name, type)?.rdatas.length ?? 0, distinct.size);
        }
      }
      const order = [...zone.nodes()].map((node) => node.name);
      assert.deepEqual(
        order.map((name) => name.key),
        [...order].sort(Name.compare).map((name) => name.key),
      );
      checkZone(zone);
    }),
    { numRuns: runs(150) },
  );
  t.pass();
});

test('a change of a zone equals the change of a list of records', (t) => {
  fc.assert(
    fc.property(zoneRecords, zoneRecords, zoneRecords, (records, removed, added) => {
      const old = zoneWith(records);
      const before = linesOf(old);
      const next = old.change({ removed, added })!;
      const sets = new Map<string, { name: string; type: number; ttl: number; keys: string[] }>();
      for (const node of old.nodes()) {
        for (const set of node.rrsets.values())
          sets.set(`${node.name.key} ${set.type}`, {
            name: `${node.name.toLowerCase()}`,
            type: set.type,
            ttl: set.ttl,
            keys: set.rdatas.map((rdata) => rdataKey(set.type, rdata)),
          });
      }
      for (const record of removed) {
        const set = sets.get(`${record.name.key} ${record.type}`);
        if (set !== undefined) set.keys = set.keys.filter((each) => each !== rdataKey(record.type, record.rdata));
      }
      for (const record of added) {
        const id = `${record.name.key} ${record.type}`;
        const set = sets.get(id) ?? { name: `${record.name.toLowerCase()}`, type: record.type, ttl: 0, keys: [] };
        const own = rdataKey(record.type, record.rdata);
        set.keys = typeRow(record.type)?.isSingle ? [own] : [...set.keys.filter((each) => each !== own), own];
        set.ttl = record.ttl;
        sets.set(id, set);
      }
      const expected = [...sets.values()]
        .flatMap((set) => set.keys.map((each) => `${set.name} ${set.ttl} ${set.type} ${each}`))
        .sort();
      assert.deepEqual(linesOf(next), expected);
      assert.deepEqual(linesOf(old), before);
    }),
    { numRuns: runs(150) },
  );
  t.pass();
});

test('the difference of two zones, applied, gives the other, forward and back', (t) => {
  const unique = (records: readonly ResourceRecord[]): ResourceRecord[] => [
    ...new Map(
      records.map((record) => [
        typeRow(record.type)?.isSingle ? `${record.name.key} ${record.type}` : recordKey(record),
        record,
      ]),
    ).values(),
  ];
  fc.assert(
    fc.property(zoneRecords, zoneRecords, zoneRecords, (shared, onlyOld, onlyNew) => {
      const old = zoneWith(unique([...shared, ...onlyOld]), 1);
      const next = zoneWith(unique([...shared, ...onlyNew]), 2);
      const delta = diffZones(old, next);
      assert.deepEqual(linesOf(old.change(delta)!), linesOf(next));
      assert.deepEqual(linesOf(next.change({ removed: delta.added, added: delta.removed })!), linesOf(old));
      const names = [...old.nodes(), ...next.nodes()].map((node) => node.name);
      assert.deepEqual(linesOf(old.change(diffNames(old, next, names))!), linesOf(next));
      assert.equal(diffZones(old, zoneWith([...old.records()], 2)).added.length, 1);
    }),
    { numRuns: runs(150) },
  );
  t.pass();
});

test('serials: never both newer, one step is newer, and a raised serial is newer than the served one', (t) => {
  const serial = fc.oneof(
    fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    fc.constantFrom(0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 32 - 1),
  );
  fc.assert(
    fc.property(serial, serial, (a, b) => {
      assert.ok(!(isNewer(a, b) && isNewer(b, a)));
      assert.equal(!isNewer(a, b) && !isNewer(b, a), a === b || Math.abs(a - b) === 2 ** 31);
      assert.ok(isNewer(increment(a), a));
      assert.ok(isNewer(raise(a, b), a));
      assert.ok(increment(a) > 0 && increment(a) < 2 ** 32);
    }),
  );
  t.pass();
});
