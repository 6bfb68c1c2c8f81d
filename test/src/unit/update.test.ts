/** UPDATE (RFC 2136) from a request to the next version of a zone, and what comes after a change: NOTIFY out. */
import { KeyTable, parseKey } from '@zonewright/common/authority/key';
import { notifyMessage, notifyTargets } from '@zonewright/common/authority/notify';
import { runUpdate, withRaisedSerial } from '@zonewright/common/authority/run-update';
import { edeCodeOf, readUpdate } from '@zonewright/common/authority/update';
import { ZoneTable } from '@zonewright/common/authority/zones';
import { Name } from '@zonewright/common/name';
import { CLASS } from '@zonewright/common/rr/class';
import { printRecord, type ResourceRecord } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE, printRcode, RCODE } from '@zonewright/common/wire/code';
import { EDE } from '@zonewright/common/wire/edns';
import { decodeMessage, emptyMessage, encodeMessage, type Message } from '@zonewright/common/wire/message';
import { ZoneBuilder } from '@zonewright/common/zone/builder';
import { checkZone } from '@zonewright/common/zone/check';
import { contentOf } from '@zonewright/common/zone/delta';
import { isNewer } from '@zonewright/common/zone/serial';
import { Zone } from '@zonewright/common/zone/zone';
import test from 'ava';
import fc from 'fast-check';
import { given, nameOf, recordsFrom, zoneOf } from '../support/records.ts';
import { busyTime } from '../support/thread-time.ts';
import { isPrerequisite, updateRecordOf } from '../support/update-text.ts';

const origin = nameOf('example.');
const SECRET = Buffer.from('a secret of thirty-two octets!!!').toString('base64');
const keyNamed = (name: string) => given(parseKey(`${name}:SHA256:${SECRET}`));

// --- UPDATE -------------------------------------------------------------------------------------------------------------

const updateMessage = (zone: Name): Message => ({
  ...emptyMessage(1, OPCODE.UPDATE),
  questions: [{ name: zone, type: TYPE.SOA, class: CLASS.IN }],
});

const recordFrom = (line: string): ResourceRecord => updateRecordOf(line, origin);

interface Asking {
  readonly key?: string;
  /** The zone section. */
  readonly scope?: string;
  readonly prerequisites?: readonly ResourceRecord[];
  readonly operations?: readonly ResourceRecord[];
  readonly message?: Partial<Message>;
}

/** What comes of an UPDATE: the new version, `same`, or the RCODE. It passes the wire, as all of them do. */
const updated = (zone: Zone, text: string, asking: Asking = {}): Zone | string => {
  const all = text.split('\n').filter((line) => line.trim() !== '');
  const message = given(
    decodeMessage(
      encodeMessage({
        ...emptyMessage(1, OPCODE.UPDATE),
        questions: [{ name: nameOf(asking.scope ?? 'example.'), type: TYPE.SOA, class: CLASS.IN }],
        answers: asking.prerequisites ?? all.filter(isPrerequisite).map(recordFrom),
        authorities: asking.operations ?? all.filter((line) => !isPrerequisite(line)).map(recordFrom),
        ...asking.message,
      }),
    ),
  );
  const zones = new ZoneTable();
  zones.set(zone);
  const update = readUpdate(message, keyNamed(asking.key ?? 'k._update.example'), zones);
  if (!update.ok) return printRcode(update.fault.rcode);
  const outcome = runUpdate(update.value, zone);
  if (!outcome.ok) return printRcode(outcome.fault.rcode);
  if (outcome.value === undefined) return 'same';
  const { zone: next, delta } = outcome.value;
  // A delta that does not lead from the one to the other would break every secondary.
  const applied = zone.change(delta);
  if (
    applied === undefined ||
    textOf(applied) !== textOf(next) ||
    delta.from !== zone.serial ||
    delta.to !== next.serial
  )
    throw new Error(`${text}: the difference is not that of the versions`);
  return next;
};
const shown = (records: Iterable<ResourceRecord>): string[] =>
  [...records].map((record) => printRecord(record, origin).replace(' IN ', ' '));
const textOf = (zone: Zone): string =>
  shown([zone.soaRecord(), ...zone.records()])
    .sort()
    .join('\n');

/** The records of a name after an UPDATE, or what came of it instead. */
const after = (zone: Zone, text: string, name: string, asking?: Asking): unknown => {
  const next = updated(zone, text, asking);
  if (typeof next === 'string') return next;
  return shown([...next.records()].filter((record) => record.name.equals(nameOf(name, origin))));
};
const serialAfter = (zone: Zone, text: string, asking?: Asking): unknown => {
  const next = updated(zone, text, asking);
  return typeof next === 'string' ? next : next.serial;
};

const BASE = zoneOf(`
  @ 60 NS ns
  @ 60 NS ns2
  ns 60 A 192.0.2.1
  ns2 60 A 192.0.2.2
  www 60 A 192.0.2.3
  www 60 A 192.0.2.4
  www 60 TXT "t"
  alias 60 CNAME www
  b.a 60 A 192.0.2.5
  * 60 MX 10 ns
`);

test('a zone does not grow by updates that are refused or change nothing', (t) => {
  const { image } = BASE;
  const { end } = image;
  for (let i = 0; i < 100; i++) {
    t.is(updated(BASE, 'add www 60 A 192.0.2.3\nadd b.a 60 A 192.0.2.5'), 'same');
    t.is(updated(BASE, 'delete ns A'), 'REFUSED');
  }
  t.is(image.end, end);
  t.is(BASE.image.end, end);
});

test('an UPDATE of one record writes no more into a large zone than its index is deep', (t) => {
  const wordsOf = (names: number): number => {
    const builder = new ZoneBuilder(origin, 24 * names);
    for (const { name, type, ttl, rdata } of BASE.records()) builder.add(name, type, ttl, rdata);
    const soa = BASE.soaRecord();
    builder.add(origin, soa.type, soa.ttl, soa.rdata);
    for (let i = 0; i < names; i++) builder.add(nameOf(`h${i}.example.`), TYPE.A, 60, Uint8Array.of(10, 1, 1, 1));
    const zone = builder.finish()!;
    const { end, logged } = zone.image;
    const next = updated(zone, 'add h77 60 A 192.0.2.77\ndelete h77 A 10.1.1.1');
    if (typeof next === 'string') throw new Error(next);
    t.is(next.image, zone.image);
    // The name, the apex for its serial, and what else stands in their slots.
    t.true(next.image.logged - logged < 20, `${next.image.logged - logged} nodes`);
    return next.image.end - end;
  };
  // Two versions, the second for the serial: of each a page of the index and two tables, which have a third of its bits.
  t.true(wordsOf(1000) < 500);
  t.true(wordsOf(200_000) < 1000);
});

test('the five forms of prerequisites, and their RCODEs (RFC 2136 2.4)', (t) => {
  for (const [prerequisites, outcome] of [
    ['yx www', 'same'],
    ['yx nothing', 'NXDOMAIN'],
    ['yx a', 'NXDOMAIN'], // an empty non-terminal is not in use (2.4.4)
    ['yx x.alias', 'NXDOMAIN'], // nor is what a wildcard makes up
    ['nx nothing', 'same'],
    ['nx a', 'same'],
    ['nx www', 'YXDOMAIN'],
    ['yx www A', 'same'],
    ['yx www MX', 'NXRRSET'],
    ['yx nothing A', 'NXRRSET'],
    ['nx www MX', 'same'],
    ['nx www A', 'YXRRSET'],
    ['yx www A 192.0.2.3\nyx www A 192.0.2.4', 'same'],
    ['yx www A 192.0.2.4\nyx WWW A 192.0.2.3', 'same'],
    ['yx www A 192.0.2.3', 'NXRRSET'],
    ['yx www A 192.0.2.3\nyx www A 192.0.2.4\nyx www A 192.0.2.9', 'NXRRSET'],
    ['yx www A 192.0.2.3\nyx www A 192.0.2.3', 'NXRRSET'],
    ['yx nothing A 192.0.2.3', 'NXRRSET'],
    ['yx alias CNAME WWW', 'same'], // names of RDATA without case
    ['yx www A 192.0.2.3\nyx www A 192.0.2.4\nyx www TXT t\nyx ns A 192.0.2.1\nnx q\nyx @ NS', 'same'],
    ['yx www\nnx nothing\nnx www A\nyx nothing', 'YXRRSET'], // the first that fails
    ['yx www.other.', 'NOTZONE'],
    ['yx www.other. A 192.0.2.1', 'NOTZONE'],
    ['nx www TKEY', 'same'], // 3.2.5 asks no more than whether it is there
  ] as const)
    t.is(updated(BASE, prerequisites), outcome, prerequisites);
});

test('prerequisites that are not well formed are FORMERR', (t) => {
  const good = recordFrom('yx www A');
  for (const change of [
    { ttl: 1 },
    { class: CLASS.CH, rdata: Uint8Array.of(192, 0, 2, 3) },
    { class: CLASS.ANY, rdata: Uint8Array.of(192, 0, 2, 3) },
    { class: CLASS.NONE, rdata: Uint8Array.of(192, 0, 2, 3) },
  ])
    t.is(updated(BASE, '', { prerequisites: [{ ...good, ...change }] }), 'FORMERR', JSON.stringify(change));
  t.is(updated(BASE, '', { prerequisites: [{ ...recordFrom('yx www A 192.0.2.3'), ttl: 1 }] }), 'FORMERR');
});

test('records are added, one TTL for a set', (t) => {
  t.deepEqual(after(BASE, 'add new 300 A 192.0.2.9', 'new'), ['new 300 A 192.0.2.9']);
  t.deepEqual(after(BASE, 'add www 60 A 192.0.2.9', 'www'), [
    'www 60 A 192.0.2.3',
    'www 60 A 192.0.2.4',
    'www 60 A 192.0.2.9',
    'www 60 TXT "t"',
  ]);
  t.deepEqual(
    after(BASE, 'add WWW 300 A 192.0.2.3', 'www'),
    ['www 300 A 192.0.2.3', 'www 300 A 192.0.2.4', 'www 60 TXT "t"'],
    'a TTL alone is a change',
  );
  t.is(updated(BASE, 'add www 60 A 192.0.2.3'), 'same');
  t.deepEqual(after(BASE, 'add x.y.z 60 TYPE65280 \\# 2 abcd', 'x.y.z'), ['x.y.z 60 TYPE65280 \\# 2 abcd']);
});

test('sets, names and records are deleted', (t) => {
  t.deepEqual(after(BASE, 'delete www A', 'www'), ['www 60 TXT "t"']);
  t.deepEqual(after(BASE, 'delete www', 'www'), []);
  t.deepEqual(after(BASE, 'delete www A 192.0.2.3', 'www'), ['www 60 A 192.0.2.4', 'www 60 TXT "t"']);
  t.deepEqual(after(BASE, 'delete alias CNAME WWW.example.', 'alias'), []);
  for (const nothing of [
    'delete www MX',
    'delete nothing',
    'delete www A 192.0.2.9',
    'delete a',
    'delete nothing A 192.0.2.3',
  ])
    t.is(updated(BASE, nothing), 'same', nothing);
  t.deepEqual(after(BASE, 'delete www A 192.0.2.3\ndelete www A 192.0.2.4\ndelete www TXT t', 'www'), []);
  t.is(
    updated(BASE, '', { operations: [{ ...recordFrom('delete www A'), class: CLASS.NONE }] }),
    'same',
    'without data',
  );
});

test('RFC 6672 5.2: a DNAME stands beside no CNAME, replaces another one, and hides what is below it', (t) => {
  const zone = zoneOf('@ 60 NS ns\nns 60 A 192.0.2.1\nalias 60 CNAME ns\nold 60 DNAME a\nx.host 60 A 192.0.2.2');
  t.is(updated(zone, 'add alias 60 DNAME b'), 'same');
  t.is(updated(zone, 'add old 60 CNAME b'), 'same');
  t.deepEqual(after(zone, 'add old 60 DNAME b', 'old'), ['old 60 DNAME b']);
  t.deepEqual(after(zone, 'add host 60 DNAME b', 'host'), ['host 60 DNAME b']);
  t.deepEqual(after(zone, 'add host 60 DNAME b', 'x.host'), ['x.host 60 A 192.0.2.2'], 'hidden, and still there');
});

test('operations run in their order', (t) => {
  t.deepEqual(after(BASE, 'delete www\nadd www 30 A 192.0.2.9', 'www'), ['www 30 A 192.0.2.9']);
  t.deepEqual(after(BASE, 'add www 30 A 192.0.2.9\ndelete www', 'www'), []);
  t.is(updated(BASE, 'add new 60 A 192.0.2.9\ndelete new'), 'same');
  t.is(updated(BASE, 'delete www\nadd www 60 A 192.0.2.3\nadd www 60 A 192.0.2.4\nadd www 60 TXT t'), 'same');
});

test('CNAME and other data do not meet: what would make them is left out (RFC 2136 3.4.2.2)', (t) => {
  t.is(updated(BASE, 'add www 60 CNAME ns'), 'same');
  t.is(updated(BASE, 'add alias 60 A 192.0.2.9'), 'same');
  t.is(updated(BASE, 'add @ 60 CNAME ns'), 'same');
  t.deepEqual(after(BASE, 'add alias 60 CNAME ns', 'alias'), ['alias 60 CNAME ns'], 'a CNAME replaces another');
  t.deepEqual(after(BASE, 'delete www\nadd www 60 CNAME ns', 'www'), ['www 60 CNAME ns']);
  t.deepEqual(after(BASE, 'delete alias\nadd alias 60 A 192.0.2.9', 'alias'), ['alias 60 A 192.0.2.9']);
  t.deepEqual(after(BASE, 'add d 60 DNAME a\nadd d 60 DNAME b', 'd'), ['d 60 DNAME b']);
});

test('the SOA stays, and the last NS (RFC 2136 3.4.2.3, 3.4.2.4)', (t) => {
  t.is(updated(BASE, 'delete @'), 'same');
  t.is(updated(BASE, 'delete @ NS'), 'same');
  t.is(updated(BASE, 'delete @ SOA'), 'same');
  t.is(updated(BASE, 'delete @ SOA ns hostmaster 1 3600 600 86400 300'), 'same');
  t.deepEqual(after(BASE, 'add @ 60 TXT t\ndelete @ NS ns2', '@'), ['@ 60 NS ns', '@ 60 TXT "t"']);
  t.deepEqual(after(BASE, 'delete @ NS ns\ndelete @ NS ns2', '@'), ['@ 60 NS ns2']);
  t.deepEqual(after(BASE, 'delete @ NS ns\nadd @ 60 NS ns\ndelete @ NS ns2', '@'), ['@ 60 NS ns']);
  const withText = BASE.change({ removed: [], added: recordsFrom('@ 60 TXT t', origin) })!;
  t.deepEqual(after(withText, 'delete @', '@'), ['@ 60 NS ns', '@ 60 NS ns2']);
});

test('the serial rises by every change, and never goes back', (t) => {
  const at = (serial: number): Zone =>
    zoneOf('@ 60 NS ns.other.', `@ 3600 SOA ns hostmaster ${serial} 3600 600 86400 300`);
  const soa = (serial: number, refresh = 3600): string =>
    `add @ 3600 SOA ns hostmaster ${serial} ${refresh} 600 86400 300`;
  t.is(serialAfter(at(5), 'add a 60 TXT t'), 6);
  t.is(serialAfter(at(2 ** 32 - 1), 'add a 60 TXT t'), 1, 'past 0');
  t.is(serialAfter(at(5), soa(9)), 9);
  t.is(serialAfter(at(5), `${soa(9)}\nadd a 60 TXT t`), 9);
  for (const serial of [5, 4, 0, 5 + 2 ** 31])
    t.is(serialAfter(at(5), soa(serial, 1800)), 'same', `${serial}: left out`);
  t.is(serialAfter(at(5), `${soa(4)}\nadd a 60 TXT t`), 6);
  t.is(serialAfter(at(5), `${soa(9)}\n${soa(7)}`), 9);
  t.is(serialAfter(at(2 ** 32 - 1), soa(3)), 3);
  t.is(serialAfter(at(5), 'add a 60 SOA ns hostmaster 9 3600 600 86400 300'), 'same', 'not at the apex');
  t.is(withRaisedSerial(at(4), 5).serial, 6);
  t.is(withRaisedSerial(at(6), 5).serial, 6);
});

test('a difference holds what has changed and no more', (t) => {
  const zones = new ZoneTable();
  zones.set(BASE);
  const operations = [
    'delete www A 192.0.2.3',
    'add www 60 A 192.0.2.3',
    'delete www TXT',
    'add new 60 A 192.0.2.9',
  ].map(recordFrom);
  const message = {
    ...emptyMessage(1, OPCODE.UPDATE),
    questions: [{ name: origin, type: TYPE.SOA, class: CLASS.IN }],
    authorities: operations,
  };
  const outcome = given(runUpdate(given(readUpdate(message, keyNamed('k._update.example'), zones)), BASE))!;
  const { removed, added } = contentOf(outcome.delta);
  t.deepEqual([shown(removed), shown(added)], [['www 60 TXT "t"'], ['new 60 A 192.0.2.9']]);
});

test('the form of an operation is judged before anything is done (RFC 2136 3.4.1)', (t) => {
  const add = recordFrom('add x 60 A 192.0.2.9');
  const remove = recordFrom('delete www A');
  for (const wrong of [
    { ...add, type: TYPE.ANY },
    { ...add, type: TYPE.AXFR },
    { ...add, class: CLASS.CH },
    { ...remove, ttl: 1 },
    { ...remove, type: TYPE.IXFR },
    { ...add, class: CLASS.ANY, ttl: 0 },
    { ...add, class: CLASS.NONE },
    { ...remove, class: CLASS.NONE, type: TYPE.ANY },
  ])
    t.is(updated(BASE, '', { operations: [recordFrom('delete www'), wrong] }), 'FORMERR', JSON.stringify(wrong));
  t.is(updated(BASE, 'delete www\nadd x.other. 60 A 192.0.2.9'), 'NOTZONE');
  t.is(updated(BASE, 'delete www\nadd notexample. 60 A 192.0.2.9'), 'NOTZONE');
  const section = (type: number, of: number = CLASS.IN): Asking => ({
    message: { questions: [{ name: origin, type, class: of }] },
  });
  t.is(updated(BASE, 'delete www', section(TYPE.A)), 'FORMERR');
  t.is(updated(BASE, 'delete www', section(TYPE.SOA, CLASS.CH)), 'NOTAUTH');
  t.is(updated(BASE, 'delete www', { message: { questions: [] } }), 'FORMERR');
});

test('a key changes what it covers: its zone, its host, with either name in the zone section', (t) => {
  const add = 'add www 60 A 192.0.2.9';
  const host = 'k._update.www.example';
  t.is(serialAfter(BASE, add, { key: host }), 2);
  t.is(
    serialAfter(BASE, add, { key: host, scope: 'www.example.' }),
    2,
    'the name of the host, as the original suite has it',
  );
  t.is(serialAfter(BASE, 'add a.www 60 A 192.0.2.9', { key: host }), 2);
  t.is(updated(BASE, 'add ns 60 A 192.0.2.9', { key: host }), 'REFUSED');
  t.is(updated(BASE, `${add}\nadd xwww 60 A 192.0.2.9`, { key: host }), 'REFUSED', 'nothing is done in part');
  t.is(updated(BASE, 'delete @', { key: host }), 'REFUSED');
  t.is(updated(BASE, 'add ns 60 A 192.0.2.9', { key: host, scope: 'www.example.' }), 'NOTZONE');
  t.is(updated(BASE, 'yx ns', { key: host, scope: 'www.example.' }), 'NOTZONE', 'as for prerequisites');
  t.is(serialAfter(BASE, add, { key: 'k._update' }), 2, 'a key of the root');
  t.is(updated(BASE, add, { key: 'k._update', scope: 'www.example.' }), 'NOTAUTH', 'but only of its own host');
  t.is(updated(BASE, add, { scope: 'www.example.' }), 'NOTAUTH', 'not the host of this key');
  t.is(updated(BASE, add, { key: 'k._update.ns.example', scope: 'www.example.' }), 'NOTAUTH');
  for (const key of ['k._update.other', 'k._update.notexample', 'k._transfer.example', 'k._notify.example'])
    t.is(updated(BASE, add, { key }), 'REFUSED', key);
  t.is(updated(BASE, add, { key: 'k._transfer.www.example', scope: 'www.example.' }), 'NOTAUTH');
  t.is(updated(BASE, add, { key: 'k._update', scope: 'other.' }), 'NOTAUTH', 'not served here');
  t.is(updated(BASE, add, { key: 'k._update', scope: '.' }), 'NOTAUTH');
});

test('a key of a zone has no say in the zone above it, be it hosted here, awaited, or delegated elsewhere', (t) => {
  const root = Zone.fromRecords(
    Name.root,
    recordsFrom(
      `@ 60 SOA ns.other. h.other. 1 2 3 4 5
       @ 60 NS ns.other.
       ex 60 NS ns.ex
       ex 60 DS 1 8 2 ${'00'.repeat(32)}
       ns.ex 60 A 192.0.2.1
       away 60 NS ns.other.
       host 60 A 192.0.2.1`,
      Name.root,
    ),
  )!;
  const child = (name: string): Zone =>
    Zone.fromRecords(
      nameOf(name),
      recordsFrom('@ 60 SOA ns.other. h.other. 1 2 3 4 5\n@ 60 NS ns.other.', nameOf(name)),
    )!;
  const zones = new ZoneTable();
  zones.set(root);
  zones.set(child('ex.'));
  // Without a delegation, and the second without data.
  zones.set(child('bare.'));
  zones.await(nameOf('late.'));
  const outcomeOf = (key: string, scope: string, lines: readonly string[]): string => {
    const all = lines.map((line) => updateRecordOf(line, Name.root));
    const message = {
      ...updateMessage(nameOf(scope)),
      answers: all.filter((_, i) => isPrerequisite(lines[i]!)),
      authorities: all.filter((_, i) => !isPrerequisite(lines[i]!)),
    };
    const read = readUpdate(message, keyNamed(key), zones);
    if (!read.ok) return `${printRcode(read.fault.rcode)} ${read.fault.what}`;
    const ran = runUpdate(read.value, zones.get(read.value.origin)!);
    return ran.ok ? 'NOERROR' : `${printRcode(ran.fault.rcode)} ${ran.fault.what}`;
  };
  for (const [key, apex, ...lines] of [
    ['u._update.ex', 'ex.', 'add ex 60 NS ns.evil.'],
    ['u._update.ex', 'ex.', 'delete ex NS'],
    ['u._update.ex', 'ex.', 'delete ex DS'],
    ['u._update.ex', 'ex.', 'add ns.ex 60 A 192.0.2.66'],
    ['u._update.ex', 'ex.', 'add below.ex 60 A 192.0.2.66'],
    ['u._update.below.ex', 'ex.', 'add below.ex 60 A 192.0.2.66'],
    ['u._update.ex', 'ex.', 'yx nothing'],
    ['u._update.bare', 'bare.', 'add bare 60 NS ns.evil.'],
    ['u._update.late', 'late.', 'add late 60 NS ns.evil.'],
    ['u._update.below.late', 'late.', 'add below.late 60 A 192.0.2.66'],
    ['u._update.away', 'away.', 'delete away NS'],
    ['u._update.below.away', 'away.', 'add below.away 60 A 192.0.2.66'],
    ['u._update.away', 'away.', 'yx nothing'],
  ] as const)
    t.is(outcomeOf(key, '.', lines), `REFUSED ${apex} is a zone of its own`, `${key}: ${lines}`);
  t.is(outcomeOf('u._update.away', 'away.', ['delete away NS']), 'REFUSED away. is a zone of its own');
  t.is(outcomeOf('u._update.host', '.', ['add host 60 A 192.0.2.9']), 'NOERROR', 'the key of a host');
  t.is(outcomeOf('u._update.host', 'host.', ['add x.host 60 A 192.0.2.9']), 'NOERROR');
  t.is(outcomeOf('u._update.ex', 'ex.', ['add x.ex 60 A 192.0.2.9']), 'NOERROR', 'in its own zone');
  t.is(outcomeOf('u._update', '.', ['delete ex DS', 'add below.ex 60 A 192.0.2.9']), 'NOERROR', 'the zone above may');
  t.is(outcomeOf('u._update', 'ex.', ['add x.ex 60 A 192.0.2.9']), 'NOERROR');
});

test('a delegation that comes while the update of a host waits is kept from it', (t) => {
  const message = { ...updateMessage(origin), authorities: [recordFrom('delete www')] };
  const zones = new ZoneTable();
  zones.set(BASE);
  const update = given(readUpdate(message, keyNamed('k._update.www.example'), zones));
  t.true(runUpdate(update, BASE).ok);
  const ran = runUpdate(update, zoneOf('@ 60 NS ns.other.\nwww 60 NS ns.other.'));
  t.like(ran, { ok: false, fault: { what: 'www.example. is a zone of its own' } });
});

test('the zone section is judged first, then the permission, then each operation, then the prerequisites', (t) => {
  const zones = new ZoneTable();
  zones.set(BASE);
  const read = (message: Partial<Message>, key?: string): string => {
    const questions = [{ name: origin, type: TYPE.SOA, class: CLASS.IN }];
    const update = readUpdate(
      { ...emptyMessage(1, OPCODE.UPDATE), questions, ...message },
      key === undefined ? undefined : keyNamed(key),
      zones,
    );
    return update.ok ? 'NOERROR' : printRcode(update.fault.rcode);
  };
  const section = (name: string, type = TYPE.SOA, of: number = CLASS.IN) => ({
    questions: [{ name: nameOf(name), type, class: of }],
  });
  const wrong = { authorities: [recordFrom('add x 60 A 192.0.2.9'), recordFrom('delete x.other. A')] };
  const broken = { authorities: [{ ...recordFrom('delete x.other. A'), ttl: 1 }] };
  t.is(read(section('other.', TYPE.A)), 'FORMERR');
  t.is(read(section('other.')), 'NOTAUTH', 'unsigned, for a zone that is not here (RFC 2136 3.1.2)');
  t.is(read(section('example.', TYPE.SOA, CLASS.CH), 'k._update.example'), 'NOTAUTH');
  t.is(read({}), 'REFUSED', 'unsigned');
  t.is(read(wrong), 'REFUSED');
  t.is(read(wrong, 'k._transfer.example'), 'REFUSED');
  t.is(read(wrong, 'k._update.example'), 'NOTZONE');
  t.is(read(broken, 'k._update.example'), 'NOTZONE', 'before the form of the same record');
  t.is(read({ authorities: [recordFrom('add ns 60 A 192.0.2.9')] }, 'k._update.www.example'), 'REFUSED');
  t.is(updated(BASE, 'yx nothing\nadd x.other. 60 A 192.0.2.9'), 'NOTZONE', 'a prerequisite would say NXDOMAIN');
  t.is(updated(BASE, 'yx nothing\nadd ns 60 A 192.0.2.9', { key: 'k._update.www.example' }), 'REFUSED');
});

test('a TTL with its uppermost bit set is zero (RFC 2181 8)', (t) => {
  for (const ttl of [2 ** 31, 2 ** 32 - 1]) {
    const next = updated(BASE, '', { operations: [{ ...recordFrom('add x 60 A 192.0.2.9'), ttl }] });
    t.is(next instanceof Zone && next.get(nameOf('x', origin), TYPE.A)?.ttl, 0);
  }
  t.deepEqual(after(BASE, 'add x 2147483647 A 192.0.2.9', 'x'), ['x 2147483647 A 192.0.2.9']);
});

test('a WKS record takes the place of that of its address and protocol (RFC 2136 3.4.2.2)', (t) => {
  const wks = (ttl: number, hex: string): string => `add w ${ttl} TYPE11 \\# ${hex.length / 2} ${hex}`;
  const zone = updated(BASE, `${wks(60, 'c00002010680')}\n${wks(60, 'c00002011180')}\n${wks(60, 'c00002020680')}`);
  if (!(zone instanceof Zone)) return t.fail(zone);
  const hexes = (of: Zone | string): unknown =>
    of instanceof Zone
      ? of
          .get(nameOf('w', origin), 11)
          ?.rdatas.map((rdata) => Buffer.from(rdata).toString('hex'))
          .sort()
      : of;
  t.deepEqual(hexes(zone), ['c00002010680', 'c00002011180', 'c00002020680']);
  t.deepEqual(hexes(updated(zone, wks(60, 'c0000201064080'))), ['c0000201064080', 'c00002011180', 'c00002020680']);
  t.deepEqual(hexes(updated(zone, `delete w TYPE11\n${wks(60, 'c000020106ff')}\n${wks(60, 'c00002010601')}`)), [
    'c00002010601',
  ]);
  t.is(updated(zone, wks(60, 'c00002010680')), 'same');
});

test('what only signing makes is not taken, and a zone that is signed elsewhere takes no update', (t) => {
  const octets = (type: number, hex: string): ResourceRecord => ({
    ...recordFrom('add x 60 A 192.0.2.9'),
    type,
    rdata: Uint8Array.from(Buffer.from(hex, 'hex')),
  });
  const rrsig = octets(46, '00010d0200000e10600000005f00000000010000');
  const nsec = octets(47, '00000140');
  const nsec3 = octets(50, `0100000000${'14'}${'07'.repeat(20)}000140`);
  for (const record of [rrsig, nsec, nsec3]) {
    t.is(updated(BASE, '', { operations: [record] }), 'REFUSED', `${record.type}`);
    for (const of of [CLASS.ANY, CLASS.NONE]) {
      const deletion = { ...record, class: of, ttl: 0, rdata: new Uint8Array(0) };
      t.is(updated(BASE, '', { operations: [deletion] }), 'REFUSED');
    }
  }
  const signed = BASE.change({ removed: [], added: [{ ...rrsig, name: origin }] })!;
  t.is(updated(signed, 'add x 60 A 192.0.2.9'), 'REFUSED');
  t.is(updated(signed, 'yx nothing\nadd x 60 A 192.0.2.9'), 'NXDOMAIN');
  t.is(updated(signed, 'yx www'), 'same', 'asking is no change');
});

test('an update that would make the zone wrong is refused as a whole', (t) => {
  for (const text of [
    'add sub 60 NS ns.sub', // without glue
    'delete ns A', // the address of a name server
    'add @ 60 NS ns3',
    'add ok 60 A 192.0.2.9\nadd sub 60 NS ns.sub',
  ])
    t.is(updated(BASE, text), 'REFUSED', text);
  t.is(serialAfter(BASE, 'add sub 60 NS ns.sub\nadd ns.sub 60 A 192.0.2.9'), 2);
  t.is(serialAfter(BASE, 'add @ 60 NS ns3\nadd ns3 60 AAAA 2001:db8::1'), 2);
  t.is(serialAfter(BASE, 'delete ns A\nadd ns 60 AAAA 2001:db8::1'), 2);
});

test('an update elsewhere does not take the addresses of the name servers of a delegation', (t) => {
  const zone = zoneOf(`
    @ 60 NS out.side.
    sub 60 NS helper
    helper 60 A 192.0.2.1
    far 60 NS x.wild
    *.wild 60 A 192.0.2.2
    glued 60 NS ns.glued
    ns.glued 60 A 192.0.2.3
    aliased 60 NS canonical
    canonical 60 CNAME helper
    renamed 60 NS x.moved
    moved 60 DNAME wild
    lent 60 NS ns.lender
    lender 60 NS ns.other.
  `);
  for (const text of ['delete canonical', 'delete moved', 'delete lender', 'delete canonical\nadd canonical 60 TXT t'])
    t.is(updated(zone, text), 'REFUSED', text);
  t.is(updated(zone, 'delete helper'), 'REFUSED');
  t.is(updated(zone, 'delete helper A 192.0.2.1', { key: 'k._update.helper.example' }), 'REFUSED');
  t.is(updated(zone, 'delete *.wild'), 'REFUSED');
  t.is(updated(zone, 'add x.wild 60 TXT "it stands in the place of the wildcard"'), 'REFUSED');
  t.is(updated(zone, 'add a.x.wild 60 TXT "as does what is above it"'), 'REFUSED');
  t.is(updated(zone, 'delete ns.glued'), 'REFUSED');
  for (const text of [
    'delete helper\ndelete sub',
    'delete helper\nadd helper 60 AAAA 2001:db8::1',
    'add y.wild 60 TXT t',
  ]) {
    const next = updated(zone, text);
    t.true(next instanceof Zone && checkZone(next).every(({ severity }) => severity !== 'error'), text);
  }
});

const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const anyOwner = fc.constantFrom('@', 'a', 'b.a', '*.a', 'c.b.a', 'd', '*', '*.d', 'e.d');
const anyData = fc.constantFrom(
  'A 192.0.2.1',
  'AAAA 2001:db8::1',
  'TXT t',
  'NS b.a',
  'NS x.d',
  'NS e.d',
  'NS out.',
  'CNAME d',
  'DNAME a',
  'MX 1 a',
);
const anyOperation = fc.oneof(
  fc.tuple(anyOwner, anyData).map(([owner, data]) => `add ${owner} 60 ${data}`),
  fc.tuple(anyOwner, anyData).map(([owner, data]) => `delete ${owner} ${data}`),
  fc.tuple(anyOwner, fc.constantFrom('A', 'NS', 'CNAME', 'DNAME')).map(([owner, type]) => `delete ${owner} ${type}`),
  anyOwner.map((owner) => `delete ${owner}`),
);

test('a good zone stays good by all updates that are accepted', (t) => {
  const errors = (zone: Zone): unknown[] => checkZone(zone).filter(({ severity }) => severity === 'error');
  fc.assert(
    fc.property(fc.array(fc.array(anyOperation, { minLength: 1, maxLength: 4 }), { maxLength: 25 }), (updates) => {
      let zone = zoneOf('@ 60 NS out.');
      for (const operations of updates) {
        const next = updated(zone, operations.join('\n'));
        if (typeof next !== 'string') zone = next;
        if (errors(zone).length > 0) throw new Error(JSON.stringify(errors(zone)));
      }
    }),
    { seed, numRuns: 1000 },
  );
  t.pass();
});

test('what was wrong before does not keep an update from elsewhere', (t) => {
  const broken = zoneOf('@ 60 NS ns\n@ 60 NS gone\nns 60 A 192.0.2.1\nsub 60 NS lost');
  t.is(serialAfter(broken, 'add www 60 A 192.0.2.2'), 2);
  t.is(serialAfter(broken, 'delete @ NS gone'), 2);
  t.is(updated(broken, 'add sub2 60 NS lost'), 'REFUSED', 'but nothing is to get worse');
});

// --- NOTIFY -------------------------------------------------------------------------------------------------------------

test('a change is told to the secondaries of keys, signed, and to the name servers but the primary', (t) => {
  const zone = zoneOf(`
    @ 60 NS ns
    @ 60 NS ns2
    @ 60 NS far.other.
    @ 60 NS nowhere.
    ns 60 A 192.0.2.1
    ns2 60 A 192.0.2.2
    ns2 60 AAAA 2001:db8::2
  `);
  const other = Zone.fromRecords(
    nameOf('other.'),
    recordsFrom('other. 60 SOA ns. h. 1 1 1 1 1\nfar.other. 60 A 192.0.2.3'),
  )!;
  const zones = new ZoneTable();
  for (const each of [zone, other]) zones.set(each);
  const names = [
    '192.0.2.1.192.0.2.2._transfer.example',
    '192.0.2.1.2001-db8--9._transfer',
    '192.0.2.1.192.0.2.7._transfer.other',
    '192.0.2.1._transfer.example',
  ];
  const targets = (keys: readonly string[]): string[] =>
    notifyTargets(zone, zones, new KeyTable(keys.map(keyNamed))).map(({ address, keys: of }) =>
      [address, ...of.map(({ name }) => name)].join(' '),
    );
  t.deepEqual(targets([]), ['192.0.2.2', '2001:db8::2', '192.0.2.3']);
  t.deepEqual(targets(names), [
    '192.0.2.2 192.0.2.1.192.0.2.2._transfer.example.',
    '2001:db8::9 192.0.2.1.2001-db8--9._transfer.',
    '2001:db8::2',
    '192.0.2.3',
  ]);
  t.like(notifyMessage(origin, zone.soaSet), {
    opcode: OPCODE.NOTIFY,
    aa: true,
    qr: false,
    answers: [zone.soaRecord()],
  });
  t.is(notifyMessage(origin).answers.length, 0);
});

test('an UPDATE of thousands of records for one name costs what it weighs, not its square', (t) => {
  const zone = zoneOf('@ 60 NS ns.other.\n@ 60 A 192.0.2.1');
  const table = new ZoneTable();
  table.set(zone);
  const costOf = (count: number): number => {
    const lines = Array.from({ length: count }, (_, i) => `add many.example. 60 A 10.1.${i >> 8}.${i & 255}`);
    const message = { ...updateMessage(origin), authorities: lines.map(recordFrom) };
    const update = given(readUpdate(message, keyNamed('k._update.example'), table));
    const ended = busyTime();
    t.is(given(runUpdate(update, zone))?.zone.get(nameOf('many.example.'), TYPE.A)?.rdatas.length, count);
    return ended();
  };
  costOf(500);
  const [small, large] = [costOf(500), costOf(3900)];
  t.true(large < Math.max(40 * small, 400), `${small} ms for 500, ${large} ms for 3900`);
});

test('thousands of prerequisites for one set cost what they weigh, not their square', (t) => {
  const addresses = Array.from({ length: 3800 }, (_, i) => `10.1.${i >> 8}.${i & 255}`);
  const zone = zoneOf(['@ 60 NS ns.other.', ...addresses.map((address) => `many 60 A ${address}`)].join('\n'));
  const table = new ZoneTable();
  table.set(zone);
  const answers = addresses.map((address) => recordFrom(`yx many A ${address}`));
  const read = given(readUpdate({ ...updateMessage(origin), answers }, keyNamed('k._update.example'), table));
  const ended = busyTime();
  t.true(runUpdate(read, zone).ok);
  const spent = ended();
  t.true(spent < 400, `${spent} ms`);
});

test('what is asked and left out often at a name with much data costs no more for it', (t) => {
  const texts = Array.from({ length: 240 }, (_, i) => `big 60 TXT "${String(i).padStart(250, '-')}"`);
  const table = new ZoneTable();
  const zone = zoneOf(['@ 60 NS ns.other.', ...texts].join('\n'));
  table.set(zone);
  const answers = Array.from({ length: 4000 }, (_, i) => recordFrom(['yx big', 'yx big TXT', 'nx big A'][i % 3]!));
  const authorities = Array.from({ length: 4000 }, () => recordFrom('add big 60 CNAME a'));
  const message = { ...updateMessage(origin), answers, authorities };
  const read = given(readUpdate(message, keyNamed('k._update.example'), table));
  const ended = busyTime();
  t.deepEqual(given(runUpdate(read, zone)), undefined);
  const spent = ended();
  t.true(spent < 400, `${spent} ms`);
});

test('an UPDATE that makes a set too large for a message is refused', (t) => {
  const zone = zoneOf('@ 60 NS ns.other.');
  const table = new ZoneTable();
  table.set(zone);
  const rcodeOf = (authorities: readonly ResourceRecord[]): string => {
    const read = given(readUpdate({ ...updateMessage(origin), authorities }, keyNamed('k._update.example'), table));
    const ran = runUpdate(read, zone);
    return ran.ok ? 'NOERROR' : printRcode(ran.fault.rcode);
  };
  const many = Array.from({ length: 5000 }, (_, i) => recordFrom(`add many.example. 60 A 10.1.${i >> 8}.${i & 255}`));
  t.is(rcodeOf(many), 'REFUSED');
  const huge = { name: nameOf('huge.example.'), type: 65280, class: CLASS.IN, ttl: 60, rdata: new Uint8Array(65_000) };
  t.is(rcodeOf([huge]), 'REFUSED');
  t.is(rcodeOf([{ ...huge, rdata: new Uint8Array(60_000) }]), 'NOERROR');
});

test('UPDATEs of names of many labels are refused where the zone would have too many empty non-terminals', (t) => {
  const table = new ZoneTable();
  let zone = zoneOf('@ 60 NS ns.other.');
  const run = (authorities: readonly ResourceRecord[]) => {
    table.set(zone);
    const read = given(readUpdate({ ...updateMessage(origin), authorities }, keyNamed('k._update.example'), table));
    return runUpdate(read, zone, undefined, 1001);
  };
  const deep = (i: number) => recordFrom(`add ${'a.'.repeat(99)}n${i}.example. 60 A 192.0.2.1`);
  for (let i = 0; i < 10; i++) zone = given(run([deep(i)]))!.zone;
  t.is(zone.image.namesOf(zone.root), 1001);
  const { end } = zone.image;
  const ran = run([recordFrom('add one.example. 60 A 192.0.2.1')]);
  t.like(ran, { ok: false, fault: { rcode: RCODE.REFUSED } });
  if (ran.ok) return;
  t.regex(ran.fault.what, /a zone of more than .* names and empty non-terminals/);
  t.is(edeCodeOf(ran.fault), EDE.PROHIBITED);
  t.is(zone.image.end, end, 'nothing of it is left');
  // A name that is there already makes no more of them; what goes makes room.
  t.true(run([recordFrom('add n1.example. 60 A 192.0.2.1')]).ok);
  zone = given(run([recordFrom(`delete ${'a.'.repeat(99)}n0.example. ANY`)]))!.zone;
  t.is(zone.image.namesOf(zone.root), 901);
  t.true(run([recordFrom('add one.example. 60 A 192.0.2.1')]).ok);
});

test('an UPDATE for a zone without data is SERVFAIL, and never goes into the zone above it', (t) => {
  const table = new ZoneTable();
  table.set(zoneOf('@ 60 NS ns.other.'));
  table.await(nameOf('sub.example.'));
  const message = {
    ...updateMessage(nameOf('sub.example.')),
    authorities: [recordFrom('add www.sub.example. 60 A 192.0.2.1')],
  };
  const read = readUpdate(message, keyNamed('k._update.example'), table);
  t.is(read.ok ? 'NOERROR' : printRcode(read.fault.rcode), 'SERVFAIL');
});

/** Sets of records as the pseudocode of RFC 2136 3.4.2.7 has them, by `name TYPE`: the TTL and the data as written. */
type Model = Map<string, { ttl: number; data: string[] }>;

/** Carries out one operation on the model; the serial of the SOA is left to the end. */
const carryOut = (model: Model, line: string): void => {
  const [verb, name = '', ...rest] = line.split(' ');
  const typesOf = (): string[] =>
    [...model.keys()].filter((id) => id.startsWith(`${name} `)).map((id) => id.slice(name.length + 1));
  if (verb === 'add') {
    const [ttl, type = '', ...words] = rest;
    const data = words.join(' ');
    const id = `${name} ${type}`;
    if (type === 'CNAME' ? typesOf().some((other) => other !== 'CNAME') : typesOf().includes('CNAME')) return;
    const serialOf = (soa = ''): number => Number(soa.split(' ')[2]);
    if (type === 'SOA' && !(serialOf(data) > serialOf(model.get(id)?.data[0]))) return;
    const old = model.get(id)?.data.filter((each) => each !== data) ?? [];
    model.set(id, { ttl: Number(ttl), data: type === 'CNAME' || type === 'SOA' ? [data] : [...old, data] });
    return;
  }
  const [type, ...words] = rest;
  const isKept = (each: string): boolean => name === '@' && (each === 'SOA' || each === 'NS');
  if (words.length === 0) {
    for (const each of type === undefined ? typesOf() : [type]) if (!isKept(each)) model.delete(`${name} ${each}`);
    return;
  }
  const set = model.get(`${name} ${type}`);
  if (set === undefined || type === 'SOA' || (isKept(type!) && set.data.length === 1)) return;
  set.data = set.data.filter((each) => each !== words.join(' '));
  if (set.data.length === 0) model.delete(`${name} ${type}`);
};

const linesOf = (model: Model): string[] =>
  [...model].flatMap(([id, { ttl, data }]) => {
    const [name, type] = id.split(' ');
    return data.map((each) => `${name} ${ttl} ${type} ${each}`);
  });

const modelData = fc.constantFrom(
  'A 192.0.2.1',
  'A 192.0.2.2',
  'TXT "t"',
  'CNAME out.',
  'CNAME a',
  'NS out.',
  'NS out2.',
);
const modelOperation = fc.oneof(
  fc
    .tuple(fc.constantFrom('@', 'a', 'b.a', '*'), fc.constantFrom(60, 300), modelData)
    .filter(([name, , data]) => name === '@' || !data.startsWith('NS'))
    .map(([name, ttl, data]) => `add ${name} ${ttl} ${data}`),
  fc.tuple(fc.constantFrom('@', 'a', 'b.a', '*'), modelData).map(([name, data]) => `delete ${name} ${data}`),
  fc
    .tuple(fc.constantFrom('@', 'a', 'b.a', '*'), fc.constantFrom(' A', ' TXT', ' CNAME', ' NS', ' SOA', ''))
    .map(([name, type]) => `delete ${name}${type}`),
  fc.integer({ min: 1, max: 40 }).map((serial) => `add @ 60 SOA ns.out. hostmaster ${serial} 3600 600 86400 300`),
);

test('whatever is sent, the zone becomes what the pseudocode of RFC 2136 3.4.2.7 makes of it, and its serial only rises', (t) => {
  const soa = 'ns hostmaster 1 3600 600 86400 300';
  const withoutSerial = (lines: readonly string[]): string[] =>
    lines.map((line) => line.replace(/( SOA \S+ \S+ )\d+/, '$1')).sort();
  fc.assert(
    fc.property(fc.array(fc.array(modelOperation, { minLength: 1, maxLength: 5 }), { maxLength: 15 }), (updates) => {
      let zone = zoneOf('@ 60 NS out.', `@ 3600 SOA ${soa}`);
      const model: Model = new Map([
        ['@ SOA', { ttl: 3600, data: [soa] }],
        ['@ NS', { ttl: 60, data: ['out.'] }],
      ]);
      for (const operations of updates) {
        const before = linesOf(model).sort().join('\n');
        for (const operation of operations) carryOut(model, operation);
        const next = updated(zone, operations.join('\n'));
        const isChanged = linesOf(model).sort().join('\n') !== before;
        if (isChanged !== next instanceof Zone) throw new Error(`${operations.join('; ')}: ${String(next)}`);
        if (!(next instanceof Zone)) continue;
        if (!isNewer(next.serial, zone.serial)) throw new Error(`${next.serial} after ${zone.serial}`);
        if (checkZone(next).some(({ severity }) => severity === 'error')) throw new Error('a zone that is wrong');
        const [is, wanted] = [textOf(next).split('\n'), linesOf(model)].map(withoutSerial);
        if (is!.join('\n') !== wanted!.join('\n')) throw new Error(`${is!.join('\n')}\nis not\n${wanted!.join('\n')}`);
        zone = next;
        const raised = model.get('@ SOA')!;
        raised.data = [raised.data[0]!.replace(/ \d+ /, ` ${next.serial} `)];
      }
    }),
    { seed, numRuns: 1500 },
  );
  t.pass();
});
