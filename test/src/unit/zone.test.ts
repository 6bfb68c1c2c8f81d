/** Zone data: lookup, change, difference, history, serials. The rules of a good zone have `check.test.ts`. */

import { withRaisedSerial } from '@zonewright/common/authority/run-update';
import { Name } from '@zonewright/common/name';
import { CLASS } from '@zonewright/common/rr/class';
import { printRecord, type ResourceRecord } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import { contentOf, type Delta, diffNames, diffZones, isEmptyDelta, isSoaEdited } from '@zonewright/common/zone/delta';
import { History } from '@zonewright/common/zone/history';
import { increment, isNewer, raise } from '@zonewright/common/zone/serial';
import { Zone } from '@zonewright/common/zone/zone';
import test from 'ava';
import { nameOf, recordOf, recordsFrom, zoneOf } from '../support/records.ts';

const origin = nameOf('example.');
const at = (text: string): Name => nameOf(text, origin);
const SOA = '@ 3600 SOA ns hostmaster';
const soa = (serial: number): ResourceRecord => recordOf(`${SOA} ${serial} 3600 600 86400 300`, origin);
const printed = (records: Iterable<ResourceRecord>): string[] =>
  [...records].map((record) => printRecord(record, origin)).sort();
const here = (text: string): ResourceRecord[] => recordsFrom(text, origin);

test('serials are compared around the circle (RFC 1982)', (t) => {
  t.true(isNewer(1, 0));
  t.true(isNewer(44, 0));
  t.true(isNewer(100, 44));
  t.true(isNewer(0, 2 ** 32 - 1));
  t.true(isNewer(100, 2 ** 32 - 1));
  t.true(isNewer(2 ** 31 - 1, 0));
  t.true(isNewer(2 ** 31, 1));
  t.true(isNewer(0, 2 ** 31 + 1));
  t.false(isNewer(2 ** 31, 0), 'half the circle is undefined, both ways');
  t.false(isNewer(0, 2 ** 31));
  t.false(isNewer(2 ** 31 + 1, 0));
  t.false(isNewer(7, 7));
  t.false(isNewer(0, 1));
});

test('a serial is raised past 2^32 - 1 and past 0', (t) => {
  t.deepEqual([0, 1, 2 ** 31, 2 ** 32 - 2, 2 ** 32 - 1].map(increment), [1, 2, 2 ** 31 + 1, 2 ** 32 - 1, 1]);
  t.is(raise(5, 7), 7);
  t.is(raise(5, 5), 6);
  t.is(raise(5, 4), 6);
  t.is(raise(5, 5 + 2 ** 31), 6);
  t.is(raise(5, 4 + 2 ** 31), 4 + 2 ** 31);
  t.is(raise(2 ** 32 - 1, 3), 3);
  for (const serial of [0, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]) t.true(isNewer(increment(serial), serial));
});

test('a zone has one SOA at its apex, or is none', (t) => {
  t.is(Zone.fromRecords(origin, here('@ 60 NS ns')), undefined);
  t.is(Zone.fromRecords(origin, [soa(1), soa(2)]), undefined);
  t.is(Zone.fromRecords(origin, here(`a ${SOA.slice(2)} 1 2 3 4 5`)), undefined);
  t.is(Zone.fromRecords(origin, [soa(1), soa(1)])?.serial, 1, 'the same one twice is one');
  t.is(Zone.fromRecords(origin, [{ ...soa(1), class: CLASS.CH }]), undefined);
});

test('records of other zones and classes are left out, doubles are one, and the smallest TTL counts', (t) => {
  const zone = Zone.fromRecords(origin, [
    soa(1),
    ...here('www 300 A 192.0.2.1\nWWW 60 A 192.0.2.2\nwww 200 A 192.0.2.1\nwww 5 TXT x'),
    ...here('www.notexample. 60 A 192.0.2.3\nother. 60 A 192.0.2.3'),
    { ...recordOf('www 60 A 192.0.2.9', origin), class: CLASS.CH },
  ])!;
  t.deepEqual(printed(zone.records()), ['www 5 IN TXT "x"', 'www 60 IN A 192.0.2.1', 'www 60 IN A 192.0.2.2']);
  t.is(printRecord(zone.soaRecord(), origin), `@ 3600 IN SOA ns hostmaster 1 3600 600 86400 300`);
});

const tree = zoneOf(`@ 60 NS ns
ns 60 A 192.0.2.1
a.b.c 60 A 192.0.2.2
*.w 60 TXT wild
sub 60 NS ns.sub
ns.sub 60 A 192.0.2.3
deep.sub 60 NS ns
d 60 DNAME other.
x.d 60 A 192.0.2.4
x.y.d 60 DNAME more.
notc 60 A 192.0.2.5`);

test('names exist with data, as empty non-terminals, and not otherwise', (t) => {
  for (const name of ['@', 'ns', 'a.b.c', 'A.B.C', 'b.c', 'c', 'w', '*.w', 'sub', 'y.d'])
    t.true(tree.exists(at(name)), name);
  for (const name of ['x', 'z.a.b.c', 'x.b.c', 'x.w', 'otc', 'n', 'nss', 's', '\\000', '\\255'])
    t.false(tree.exists(at(name)), name);
  t.is(tree.find(at('b.c')), undefined);
  t.is(tree.find(at('A.b.C'))?.rrsets.size, 1);
  t.is(tree.get(at('a.b.c'), TYPE.A)?.rdatas.length, 1);
  t.is(tree.get(at('a.b.c'), TYPE.TXT), undefined);
  t.true(tree.hasChildren(at('@')));
  t.false(tree.hasChildren(at('a.b.c')));
});

test('the closest encloser is the deepest name that exists', (t) => {
  for (const [name, encloser] of [
    ['@', '@'],
    ['a.b.c', 'a.b.c'],
    ['b.c', 'b.c'],
    ['z.y.b.c', 'b.c'],
    ['zz.c', 'c'],
    ['\\000.b.c', 'b.c'],
    ['x.\\000.w', 'w'],
    ['b.b.c', 'b.c'],
    ['q.w', 'w'],
    ['q.q.w', 'w'],
    ['r.*.w', '*.w'],
    ['xc', '@'],
    ['\\000', '@'],
    ['\\255', '@'],
    ['q.otc', '@'],
  ] as const) {
    t.is(tree.closestEncloser(at(name)).relativeTo(origin), encloser, name);
  }
});

test('the cut nearest to the apex is found at and above a name, and the apex is none', (t) => {
  const cutOf = (name: string): string | undefined => tree.cutAt(at(name))?.name.relativeTo(origin);
  t.is(cutOf('@'), undefined);
  t.is(cutOf('www'), undefined);
  t.is(cutOf('sub'), 'sub');
  t.is(cutOf('ns.SUB'), 'sub');
  t.is(cutOf('x.deep.sub'), 'sub');
  t.is(cutOf('notsub'), undefined);
  t.is(tree.cutAt(nameOf('.')), undefined);
});

test('a DNAME counts for names below it and not for its own', (t) => {
  const dnameOf = (name: string): string | undefined => tree.dnameAbove(at(name))?.name.relativeTo(origin);
  t.is(dnameOf('d'), undefined);
  t.is(dnameOf('x.d'), 'd');
  t.is(dnameOf('z.x.y.d'), 'd');
  t.is(dnameOf('xd'), undefined);
  const apex = zoneOf('@ 60 DNAME other.');
  t.is(apex.dnameAbove(at('x'))?.type, TYPE.DNAME);
  t.is(apex.dnameAbove(origin), undefined);
});

test('nodes and records come in canonical order, from any name on', (t) => {
  const names = [...tree.nodes()].map((node) => node.name);
  t.deepEqual(names.map(String), [...names].sort(Name.compare).map(String));
  t.is(names[0]?.toString(), 'example.');
  t.deepEqual(
    [...tree.nodes(at('w'))].map((node) => node.name.relativeTo(origin)),
    ['*.w'],
  );
  t.deepEqual([...tree.nodes(at('sub'))].map((node) => node.name.relativeTo(origin)).slice(0, 2), ['sub', 'deep.sub']);
  t.false([...tree.records()].some((record) => record.type === TYPE.SOA));
});

test('the root zone is a zone', (t) => {
  const zone = Zone.fromRecords(
    Name.root,
    recordsFrom('. 60 SOA ns. host. 1 2 3 4 5\n. 60 NS ns.\nns. 60 A 192.0.2.1\ncom. 60 NS ns.com.'),
  )!;
  t.true(zone.exists(Name.root));
  t.true(zone.hasChildren(Name.root));
  t.is(String(zone.closestEncloser(nameOf('x.org.'))), '.');
  t.is(String(zone.cutAt(nameOf('www.com.'))?.name), 'com.');
  t.is([...zone.nodes()].length, 3);
});

test('a change takes away and puts in, and the old version stays', (t) => {
  const old = zoneOf('www 60 A 192.0.2.1\nwww 60 A 192.0.2.2\ngone 60 TXT x\nc 60 CNAME www');
  const next = old.change({
    removed: here('www 999 A 192.0.2.1\ngone 60 TXT x\nnever 60 TXT x\nwww 60 TXT no'),
    added: here('WWW 30 A 192.0.2.3\nnew 60 AAAA ::1\nc 60 CNAME other\nout. 60 A 192.0.2.1'),
  })!;
  t.deepEqual(printed(next.records()), [
    'c 60 IN CNAME other',
    'new 60 IN AAAA ::1',
    'www 30 IN A 192.0.2.2',
    'www 30 IN A 192.0.2.3',
  ]);
  t.false(next.exists(at('gone')));
  t.deepEqual(printed(old.records()), [
    'c 60 IN CNAME www',
    'gone 60 IN TXT "x"',
    'www 60 IN A 192.0.2.1',
    'www 60 IN A 192.0.2.2',
  ]);
  t.is(next.change({ removed: [soa(1)], added: [] }), undefined);
  t.is(next.change({ removed: [soa(1)], added: [soa(2)] })?.serial, 2);
  t.is(next.change({ removed: [], added: [soa(9)] })?.serial, 9, 'an SOA replaces the SOA');
  t.is(next.change({ removed: [], added: [] })?.serial, 1);
});

test('records are taken away without regard to the case of names in them', (t) => {
  const old = zoneOf('m 60 MX 10 Mail\nt 60 TXT Text');
  t.deepEqual(printed(old.change({ removed: here('M 0 MX 10 mAIL\nt 60 TXT text'), added: [] })!.records()), [
    't 60 IN TXT "Text"',
  ]);
});

test('the apex is found again when a name behind it in its slot of the index was changed', (t) => {
  for (let i = 0; i < 500; i++) {
    // Written before the SOA, the name stands behind the apex wherever they share a slot, as one in 64 does.
    const first = recordOf(`n${i}.example. 60 A 192.0.2.1`);
    const second = recordOf(`n${i}.example. 60 A 192.0.2.2`);
    const zone = Zone.fromRecords(origin, [first, soa(1)])!;
    const changed = withRaisedSerial(zone.change({ removed: [first], added: [second] })!, 1);
    t.is(changed.serial, 2);
    t.is(changed.size, 2);
    const without = withRaisedSerial(changed.change({ removed: [second], added: [] })!, 2);
    t.is(without.serial, 3);
    t.deepEqual(without.get(origin, TYPE.SOA), without.soaSet);
    t.is(without.size, 1);
    t.false(without.exists(first.name));
  }
});

test('the difference of two versions is applied to give the other', (t) => {
  const old = zoneOf('a 60 A 192.0.2.1\nb 60 A 192.0.2.1\nb 60 A 192.0.2.2\nc 60 TXT same\nd 60 TXT old');
  const next = zoneOf(
    'b 60 A 192.0.2.2\nb 60 A 192.0.2.3\nc 60 TXT same\nd 30 TXT old\ne 60 A 192.0.2.9',
    `${SOA} 2 3600 600 86400 300`,
  );
  const delta = diffZones(old, next);
  t.like(delta, { from: 1, to: 2 });
  t.is(delta.removed[0]?.type, TYPE.SOA);
  t.is(delta.added[0]?.type, TYPE.SOA);
  t.deepEqual(printed(contentOf(delta).removed), ['a 60 IN A 192.0.2.1', 'b 60 IN A 192.0.2.1', 'd 60 IN TXT "old"']);
  t.deepEqual(printed(contentOf(delta).added), ['b 60 IN A 192.0.2.3', 'd 30 IN TXT "old"', 'e 60 IN A 192.0.2.9']);
  const applied = old.change(delta)!;
  t.deepEqual(printed(applied.records()), printed(next.records()));
  t.is(applied.serial, 2);
  const back = applied.change({ removed: delta.added, added: delta.removed })!;
  t.deepEqual(printed(back.records()), printed(old.records()));
  const byNames = diffNames(old, next, ['a', 'A', 'b', 'c', 'd', 'e', 'nowhere'].map(at));
  t.deepEqual([printed(byNames.removed), printed(byNames.added)], [printed(delta.removed), printed(delta.added)]);
});

test('a TTL alone is a difference, of all records of the set', (t) => {
  const delta = diffZones(zoneOf('a 60 A 192.0.2.1\na 60 A 192.0.2.2'), zoneOf('a 61 A 192.0.2.1\na 61 A 192.0.2.2'));
  t.deepEqual([delta.removed.length, delta.added.length], [3, 3]);
  t.false(isEmptyDelta(delta));
});

test('a signature that changed has the TTL of what it signs, and other signatures of its name are no difference', (t) => {
  const signature = (type: string, ttl: number, octets: string): string =>
    `www ${ttl} RRSIG ${type} 13 2 ${ttl} 20300101000000 20200101000000 1 example. ${octets}`;
  const text = 'www 300 A 192.0.2.1\nwww 60 TXT x\n';
  const old = zoneOf(`${text}${signature('A', 300, 'AAAA')}\n${signature('TXT', 60, 'BBBB')}`);
  const next = zoneOf(`${text}${signature('A', 300, 'CCCC')}\n${signature('TXT', 60, 'BBBB')}`);
  const { removed, added } = contentOf(diffZones(old, next));
  const shown = (records: readonly ResourceRecord[]): unknown => records.map(({ type, ttl }) => [type, ttl]);
  t.deepEqual([shown(removed), shown(added)], [[[TYPE.RRSIG, 300]], [[TYPE.RRSIG, 300]]]);
});

test('the same data in another order, case and version is no difference', (t) => {
  const old = zoneOf('a 60 NS x.y\na 60 NS b');
  const next = zoneOf('A 60 NS B\na 60 NS X.Y', `${SOA} 5 3600 600 86400 300`);
  t.true(isEmptyDelta(diffZones(old, next)));
  t.false(isSoaEdited(old, next));
  t.true(isSoaEdited(old, zoneOf('', `${SOA} 1 3601 600 86400 300`)));
  t.true(isSoaEdited(old, zoneOf('', `@ 3601 ${SOA.slice(7)} 1 3600 600 86400 300`)));
  t.false(isSoaEdited(old, zoneOf('', '@ 3600 SOA NS HOSTMASTER 7 3600 600 86400 300')));
});

test('names that were moved, put in and taken out by the thousand are told apart from those that changed', (t) => {
  const names = Array.from({ length: 4000 }, (_, i) => `h${i}`);
  const old = names.map((name) => `${name} 60 A 192.0.2.1`);
  const orders: Readonly<Record<string, readonly string[]>> = {
    same: names,
    'moved as a block': [...names.slice(3000), ...names.slice(0, 3000)],
    'moved one by one': [...names.filter((_, i) => i % 7 > 0), ...names.filter((_, i) => i % 7 === 0)],
    backwards: names.toReversed(),
    'with more of them': names.flatMap((name, i) => [name, ...(i === 100 ? names.map((each) => `x.${each}`) : [])]),
    'with less of them': names.filter((_, i) => i < 10 || i > 2000),
  };
  for (const [what, order] of Object.entries(orders)) {
    const next = order.map((name) => `${name.toUpperCase()} 60 A 192.0.2.${name === 'h2' || name === 'h3999' ? 2 : 1}`);
    const { removed, added } = contentOf(diffZones(zoneOf(old.join('\n')), zoneOf(next.join('\n'))));
    const wanted = (from: readonly string[], other: readonly string[]): string[] => {
      const lines = new Set(other.map((line) => line.toLowerCase()));
      return from.filter((line) => !lines.has(line.toLowerCase()));
    };
    t.deepEqual(printed(removed), printed(here(wanted(old, next).join('\n'))), what);
    t.deepEqual(printed(added), printed(here(wanted(next, old).join('\n'))), what);
  }
});

const delta = (from: number, to: number, records = 2): Delta => {
  const half = Array<ResourceRecord>(records / 2).fill(soa(from));
  return { origin, from, to, removed: half, added: half };
};
const stepsSince = (history: History, serial: number): string | undefined =>
  history
    .since(serial)
    ?.map(({ from, to }) => `${from}-${to}`)
    .join(' ');

test('the history is a chain from any serial in it', (t) => {
  const history = new History();
  t.is(history.since(1), undefined);
  for (const [from, to] of [
    [1, 2],
    [2, 5],
    [5, 2 ** 32 - 1],
    [2 ** 32 - 1, 1000],
  ] as const) {
    history.add(delta(from, to));
  }
  t.is(stepsSince(history, 1), '1-2 2-5 5-4294967295 4294967295-1000');
  t.is(stepsSince(history, 5), '5-4294967295 4294967295-1000');
  t.is(history.since(1000), undefined, 'nothing leads from the newest on');
  t.is(history.since(3), undefined);
  history.add(delta(7, 8));
  t.is(stepsSince(history, 7), '7-8');
  t.is(history.since(1), undefined, 'a gap starts the chain anew');
  history.clear();
  t.is(history.since(7), undefined);
});

test('the history is bounded in deltas and in records, the oldest go first', (t) => {
  const many = new History();
  for (let i = 0; i < 1500; i++) many.add(delta(i, i + 1));
  t.is(many.since(499), undefined);
  t.is(many.since(500)?.length, 1000);
  const large = new History();
  for (let i = 0; i < 5; i++) large.add(delta(i, i + 1, 30_000));
  t.is(large.since(1), undefined);
  t.is(large.since(2)?.length, 3);
  large.add(delta(5, 6, 100_002));
  t.is(large.since(5), undefined, 'one that alone is too large is not kept');
  t.is(large.since(4), undefined, 'and nothing before it is of use');
  large.add(delta(6, 7));
  t.is(stepsSince(large, 6), '6-7');
});

test('a set of more records than a call may have arguments is compared and walked', (t) => {
  const name = nameOf('many.example.');
  const many = Array.from({ length: 150_000 }, (_, i) => ({
    name,
    type: TYPE.A,
    class: CLASS.IN,
    ttl: 60,
    rdata: Uint8Array.of(10, i >> 16, i >> 8, i),
  }));
  const small = zoneOf('@ 60 NS ns.other.');
  const large = small.change({ removed: [], added: many })!;
  t.is(diffZones(small, large).added.length, 150_001);
  t.is([...large.records()].length, 150_001);
});
