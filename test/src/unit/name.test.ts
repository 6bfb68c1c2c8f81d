/** Domain names, and the reader and writer of octets that carry them. */
import { Name } from '@zonewright/common/name';
import { Reader, Writer } from '@zonewright/common/octets';
import test, { type ExecutionContext } from 'ava';
import { nameOf, octetsOf } from '../support/records.ts';

const fails = (t: ExecutionContext, text: string, what: RegExp): void => {
  const parsed = Name.parse(text);
  t.regex(parsed.ok ? `read as ${parsed.value}` : parsed.fault.what, what);
};
const label63 = 'a'.repeat(63);

test('presentation form is read: labels, escapes, the origin, the root', (t) => {
  const origin = nameOf('example.com.');
  t.is(nameOf('www', origin).toString(), 'www.example.com.');
  t.is(nameOf('www.', origin).toString(), 'www.');
  t.is(nameOf('@', origin), origin);
  t.is(nameOf('.').wire.length, 1);
  t.deepEqual([...nameOf('a\\.b\\\\.\\000\\255.').wire], [4, 0x61, 0x2e, 0x62, 0x5c, 2, 0, 255, 0]);
  t.is(nameOf('a\\.b\\\\.\\000\\255.').toString(), 'a\\.b\\\\.\\000\\255.');
  t.is(nameOf('\\@', origin).toString(), '\\@.example.com.');
  t.is(nameOf('a\\.', origin).toString(), 'a\\..example.com.');
});

test('presentation form that is no name is refused', (t) => {
  fails(t, '', /empty name/);
  fails(t, '..', /empty label/);
  fails(t, '.a', /empty label/);
  fails(t, 'a..b', /empty label/);
  fails(t, 'a\\', /backslash/);
  fails(t, 'a\\25', /backslash/);
  fails(t, 'a\\2b5', /backslash/);
  fails(t, 'a\\256', /backslash/);
  fails(t, 'a\\999', /backslash/);
  fails(t, `${label63}a.`, /63/);
});

test('a label holds 63 octets and a name 255, in text, labels and wire form', (t) => {
  t.is(nameOf(`${label63}.`).wire.length, 65);
  const longest = `${label63}.${label63}.${label63}.${'b'.repeat(61)}.`;
  t.is(nameOf(longest).wire.length, 255);
  fails(t, `${label63}.${label63}.${label63}.${'b'.repeat(62)}.`, /255/);
  t.false(Name.parse('x', nameOf(longest)).ok);
  t.false(nameOf(longest).child('x').ok);
  t.false(Name.fromLabels([new Uint8Array(64)]).ok);
  t.false(Name.fromLabels([new Uint8Array(0)]).ok);
  t.is(nameOf('a.'.repeat(127)).labelCount, 127);
  fails(t, 'a.'.repeat(128), /255/);
});

test('wire form is taken only whole and plain', (t) => {
  for (const hex of ['', '01', '0161', '016100 00', '40', 'c000', '0161c000', '0261 00', '80']) {
    t.false(Name.fromWire(octetsOf(hex)).ok, hex);
  }
  t.true(Name.fromWire(octetsOf('00')).ok);
  t.true(Name.fromWire(octetsOf('03777777 00')).ok);
  const wire = (length: number): Uint8Array => {
    const octets = new Uint8Array(length);
    for (let at = 0; at < length - 1; at += octets[at]! + 1) octets[at] = Math.min(63, length - 2 - at);
    return octets;
  };
  t.true(Name.fromWire(wire(255)).ok);
  t.false(Name.fromWire(wire(256)).ok);
});

test('canonical order is that of RFC 4034 6.1', (t) => {
  const sorted = [
    'example.',
    'a.example.',
    'yljkjljk.a.example.',
    'Z.a.example.',
    'zABC.a.EXAMPLE.',
    'z.example.',
    '\\001.z.example.',
    '*.z.example.',
    '\\200.z.example.',
  ].map((text) => nameOf(text));
  t.deepEqual([...sorted].reverse().sort(Name.compare).map(String), sorted.map(String));
  t.is(Name.compare(nameOf('A.b.'), nameOf('a.B.')), 0);
  t.is(Name.compare(nameOf('a.'), nameOf('aa.')), -1);
  t.is(Name.compare(nameOf('\\255.'), nameOf('\\000.\\255.')), -1);
  t.is(Name.compare(Name.root, nameOf('\\000.')), -1);
});

test('being below goes by labels and not by text', (t) => {
  const zone = nameOf('example.com.');
  t.true(nameOf('WWW.Example.COM.').isSubdomainOf(zone));
  t.true(zone.isSubdomainOf(zone));
  t.true(zone.isSubdomainOf(Name.root));
  t.false(nameOf('notexample.com.').isSubdomainOf(zone));
  t.false(nameOf('com.').isSubdomainOf(zone));
  t.false(nameOf('not\\.example.com.').isSubdomainOf(zone));
  t.false(nameOf('a.example.com.').equals(nameOf('a\\.example.com.')));
  t.false(Name.root.isSubdomainOf(zone));
});

test('names are compared without case of ASCII letters, and of those only', (t) => {
  t.true(nameOf('AZ[.').equals(nameOf('az[.')));
  t.false(nameOf('@.').equals(nameOf('`.')), 'one below A and one below a');
  t.false(nameOf('[.').equals(nameOf('{.')), 'one above Z and one above z');
  t.false(nameOf('\\192.').equals(nameOf('\\224.')), 'no Latin-1 folding');
  t.is(nameOf('WwW.EXAMPLE.').toLowerCase().toString(), 'www.example.');
  t.is(
    nameOf(`${'A'.repeat(63)}.`)
      .toLowerCase()
      .toString(),
    `${label63}.`,
    'a length of 63 is no letter',
  );
});

test('parents, ancestors and the common ancestor', (t) => {
  const name = nameOf('a.b.c.');
  t.is(String(name.parent()), 'b.c.');
  t.is(Name.root.parent(), undefined);
  t.deepEqual(
    [0, 1, 2, 3].map((count) => name.ancestor(count).toString()),
    ['.', 'c.', 'b.c.', 'a.b.c.'],
  );
  t.is(name.commonAncestor(nameOf('x.B.c.')).toString(), 'b.c.');
  t.is(name.commonAncestor(nameOf('xb.c.')).toString(), 'c.');
  t.is(name.commonAncestor(nameOf('a.b.cc.')).toString(), '.');
  t.is(name.commonAncestor(name).toString(), 'a.b.c.');
  t.is(name.commonAncestor(nameOf('z.a.b.c.')).toString(), 'a.b.c.');
  t.is(name.commonAncestor(Name.root).toString(), '.');
});

test('a DNAME moves a name, and fails when the result is too long', (t) => {
  t.is(nameOf('a.b.old.').rebase(nameOf('old.'), nameOf('new.net.')).ok, true);
  const moved = nameOf('A.b.old.').rebase(nameOf('OLD.'), nameOf('new.net.'));
  t.is(moved.ok && moved.value.toString(), 'A.b.new.net.');
  const same = nameOf('old.').rebase(nameOf('old.'), Name.root);
  t.is(same.ok && same.value.toString(), '.');
  const long = nameOf(`${label63}.${label63}.${label63}.${'b'.repeat(59)}.o.`);
  t.is(long.wire.length, 255);
  t.true(long.rebase(nameOf('o.'), nameOf('n.')).ok);
  t.false(long.rebase(nameOf('o.'), nameOf('nn.')).ok);
});

test('a wildcard is a first label of one asterisk', (t) => {
  t.true(nameOf('*.example.').isWildcard);
  t.true(nameOf('\\*.example.').isWildcard);
  t.true(nameOf('*.').isWildcard);
  t.false(nameOf('*a.example.').isWildcard);
  t.false(nameOf('a.*.example.').isWildcard);
  t.false(Name.root.isWildcard);
});

test('every octet survives printing and reading, absolute and relative', (t) => {
  const origin = nameOf('example.');
  for (let octet = 0; octet < 256; octet++) {
    for (const label of [[octet], [octet, 0x31], [0x31, octet]]) {
      const name = origin.child(Uint8Array.from(label));
      if (!name.ok) return t.fail();
      for (const text of [name.value.toString(), name.value.relativeTo(origin), name.value.relativeTo(Name.root)]) {
        t.regex(text, /^[!-~]+$/);
        t.deepEqual(nameOf(text, origin).wire, name.value.wire);
      }
    }
  }
  t.is(origin.relativeTo(origin), '@');
  t.is(nameOf('other.').relativeTo(origin), 'other.');
  t.is(nameOf('notexample.').relativeTo(origin), 'notexample.');
  t.is(nameOf('a.b.EXAMPLE.').relativeTo(origin), 'a.b');
});

/** Reads a name at `offset` of a message whose first octets are `hex`. */
const readAt = (hex: string, offset: number, compressed = true): string => {
  const reader = new Reader(octetsOf(hex), offset);
  const name = reader.name(compressed);
  return reader.fault === undefined ? `${name} ${reader.offset}` : reader.fault.what;
};

test('a pointer is followed back, and the reader stands after it', (t) => {
  t.is(readAt('0162 00 0161 c000 ff', 3), 'a.b. 7');
  t.is(readAt('0162 00 c000', 3), 'b. 5');
  t.is(readAt('0162 00 0161 c000 0163 c003', 7), 'c.a.b. 11');
});

test('pointers to themselves, forward, in loops and cut short are refused', (t) => {
  t.regex(readAt('c000', 0), /does not point back/);
  t.regex(readAt('0161 c000', 0), /does not point back/, 'to its own first label');
  t.regex(readAt('c002 00', 0), /does not point back/);
  t.regex(readAt('00 c005 c001 00', 1), /does not point back/);
  t.regex(readAt('c002 c000', 2), /does not point back/, 'two that name each other');
  t.regex(readAt('0161 c003 0162 c000', 4), /does not point back/);
  t.regex(readAt('00 c0', 1), /cut short/);
  t.regex(readAt('0161 00 40 00', 3), /label type/);
  t.regex(readAt('80 00', 0), /label type/);
  t.regex(readAt('bf 00', 0), /label type/);
});

test('a pointer is refused where none may be, and past the end of the part being read', (t) => {
  t.regex(readAt('0162 00 0161 c000', 3, false), /where none may be/);
  const cut = new Reader(octetsOf('00 c000'), 1, 2);
  cut.name(true);
  t.regex(cut.fault?.what ?? '', /cut short/);
});

test('a chain of 127 pointers is read and one of 200 is refused', (t) => {
  const chain = (length: number): Uint8Array => {
    const out = new Writer();
    out.u8(0);
    for (let i = 0; i < length; i++) out.u16(0xc000 | (i === 0 ? 0 : 2 * i - 1));
    return out.finish();
  };
  for (const [length, isRead] of [
    [1, true],
    [127, true],
    [128, false],
    [200, false],
    [8000, false],
  ] as const) {
    const octets = chain(length);
    const reader = new Reader(octets, octets.length - 2);
    reader.name(true);
    t.is(reader.fault === undefined, isRead, String(length));
  }
});

test('a compressed name holds at most 255 octets', (t) => {
  const out = new Writer();
  for (let i = 0; i < 4; i++) {
    out.u8(i === 3 ? 59 : 63);
    out.bytes(new Uint8Array(i === 3 ? 59 : 63).fill(0x61));
  }
  out.u8(0);
  const base = out.finish();
  const read = (prefix: string): Reader => {
    const reader = new Reader(Uint8Array.from([...base, ...octetsOf(prefix), 0xc0, 0]), base.length);
    reader.name(true);
    return reader;
  };
  t.is(base.length, 253);
  t.is(read('0161').fault, undefined);
  t.regex(read('026161').fault?.what ?? '', /255/);
});

test('a name cut anywhere is refused', (t) => {
  const octets = octetsOf('03777777 076578616d706c65 00 016d c000');
  for (let end = 0; end < 13; end++) {
    const reader = new Reader(octets, 0, end);
    t.true(reader.name(true).isRoot);
    t.truthy(reader.fault, String(end));
  }
  for (let end = 13; end < octets.length; end++) {
    const reader = new Reader(octets, 13, end);
    reader.name(true);
    t.truthy(reader.fault, String(end));
  }
});

test('the reader keeps its first fault and gives nothing after it', (t) => {
  const reader = new Reader(octetsOf('0102030405060708'), 0, 7);
  t.is(reader.u16(), 0x0102);
  t.is(reader.left, 5);
  t.is(reader.bytes(6).length, 0);
  t.like(reader.fault, { at: 2, what: 'cut short' });
  t.deepEqual([reader.u8(), reader.u16(), reader.u32(), reader.u48(), reader.left], [0, 0, 0, 0, 0]);
  t.is(reader.rest().length + reader.string().length, 0);
  t.true(reader.name(true).isRoot);
  reader.fail('later');
  t.is(reader.fault?.what, 'cut short');
});

test('numbers are written as they are read, up to 48 bits', (t) => {
  const out = new Writer();
  for (const value of [0, 0x12345678, 2 ** 31, 2 ** 32 - 1]) out.u32(value);
  for (const value of [0, 2 ** 31, 2 ** 32, 2 ** 48 - 1]) out.u48(value);
  const reader = new Reader(out.finish());
  t.deepEqual([reader.u32(), reader.u32(), reader.u32(), reader.u32()], [0, 0x12345678, 2 ** 31, 2 ** 32 - 1]);
  t.deepEqual([reader.u48(), reader.u48(), reader.u48(), reader.u48()], [0, 2 ** 31, 2 ** 32, 2 ** 48 - 1]);
  t.is(reader.left, 0);
});

test('compressed names read back with their case, and share their ends', (t) => {
  const out = new Writer();
  const names = [
    'www.example.com.',
    'mail.example.com.',
    'example.com.',
    'com.',
    '.',
    'www.example.com.',
    'x.EXAMPLE.com.',
  ];
  for (const name of names) out.compressedName(nameOf(name));
  const reader = new Reader(out.finish());
  t.deepEqual(
    names.map(() => reader.name(true).toString()),
    names,
  );
  t.is(reader.left, 0);
  t.is(out.length, 17 + 7 + 2 + 2 + 1 + 2 + (2 + 8 + 2));
});

test('no pointer leads beyond 0x3fff', (t) => {
  for (const start of [0x3ffd, 0x3ffe, 0x3fff, 0x4000, 0x4001]) {
    const out = new Writer();
    out.bytes(new Uint8Array(start));
    for (let i = 0; i < 3; i++) out.compressedName(nameOf('a.b.example.'));
    const reader = new Reader(out.finish(), start);
    for (let i = 0; i < 3; i++) t.is(reader.name(true).toString(), 'a.b.example.', String(start));
    t.is(reader.left, 0);
  }
});

test('what is taken back is no target of pointers, and what stays is', (t) => {
  const out = new Writer();
  out.compressedName(nameOf('example.'));
  const mark = out.length;
  out.compressedName(nameOf('a.example.'));
  out.rewind(mark);
  out.compressedName(nameOf('b.example.'));
  out.compressedName(nameOf('a.example.'));
  const reader = new Reader(out.finish());
  t.deepEqual(
    [1, 2, 3].map(() => reader.name(true).toString()),
    ['example.', 'b.example.', 'a.example.'],
  );
  t.is(out.length, 9 + 4 + 4);
});

test('a full writer writes nothing more until it is taken back', (t) => {
  const out = new Writer(4);
  out.u32(0x01020304);
  t.false(out.isFull);
  out.u8(5);
  t.true(out.isFull);
  out.rewind(2);
  t.false(out.isFull);
  out.bytes(new Uint8Array(3));
  out.u8(9);
  t.true(out.isFull);
  t.deepEqual([...out.finish()], [1, 2]);
  out.patch16(1, 0xffff);
  t.deepEqual([...out.finish()], [1, 2], 'what is not written is not patched');
  out.patch16(0, 0xfffe);
  t.deepEqual([...out.finish()], [0xff, 0xfe]);
});
