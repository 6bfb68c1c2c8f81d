/** Zone transfers out, from the request to the messages, and in, from the messages to the zone. */

import { setImmediate as turn } from 'node:timers/promises';
import type { Authority } from '@zonewright/common/authority/authority';
import {
  type Applied,
  applyInbound,
  type Inbound,
  type InboundFault,
  InboundTransfer,
} from '@zonewright/common/authority/inbound';
import { KeyTable, parseKey } from '@zonewright/common/authority/key';
import type { Outcome } from '@zonewright/common/authority/outcome';
import { receive } from '@zonewright/common/authority/receive';
import { Responder } from '@zonewright/common/authority/responder';
import { axfrRecords, ixfrRecords, packMessages } from '@zonewright/common/authority/transfer';
import type { Transport } from '@zonewright/common/authority/transport';
import { ZoneTable } from '@zonewright/common/authority/zones';
import type { Name } from '@zonewright/common/name';
import { CLASS } from '@zonewright/common/rr/class';
import { printRecord, type ResourceRecord } from '@zonewright/common/rr/record';
import { parseType, TYPE } from '@zonewright/common/rr/type';
import { type Reader, TransferQueue } from '@zonewright/common/service/transfer-queue';
import { OPCODE, printRcode } from '@zonewright/common/wire/code';
import { type Edns, OPTION } from '@zonewright/common/wire/edns';
import { decodeMessage, emptyMessage, encodeMessage, type Message } from '@zonewright/common/wire/message';
import { sign, type TsigKey } from '@zonewright/common/wire/tsig';
import { StreamSigner, StreamVerifier } from '@zonewright/common/wire/tsig-stream';
import { condense } from '@zonewright/common/zone/condense';
import { type Delta, diffZones } from '@zonewright/common/zone/delta';
import type { Difference } from '@zonewright/common/zone/difference';
import { History } from '@zonewright/common/zone/history';
import type { Zone } from '@zonewright/common/zone/zone';
import test from 'ava';
import fc from 'fast-check';
import { bestOf, leastBusy } from '../support/duration.ts';
import { given, hexOf, nameOf, recordOf, recordsFrom, zoneOf } from '../support/records.ts';

const origin = nameOf('example.');
const SECRET = Buffer.from('a secret of thirty-two octets!!!').toString('base64');
const NOW = 1_700_000_000;
const keyNamed = (name: string) => given(parseKey(`${name}:SHA256:${SECRET}`));
const lines = (records: readonly ResourceRecord[]): string[] =>
  records.map((record) => printRecord(record, origin).replace(' IN ', ' '));
const soaLine = (serial: number): string => `@ 3600 SOA ns hostmaster ${serial} 3600 600 86400 300`;
const soaOf = (serial: number): ResourceRecord => recordOf(soaLine(serial), origin);

/** The zone with another serial, and lines taken away and put in. */
const changed = (zone: Zone, serial: number, removed = '', added = ''): Zone =>
  zone.change({
    removed: [zone.soaRecord(), ...recordsFrom(removed, origin)],
    added: [soaOf(serial), ...recordsFrom(added, origin)],
  })!;

const V1 = zoneOf('@ 60 NS ns\n@ 60 NS ns2\nns 60 A 192.0.2.1\nns2 60 A 192.0.2.2\nwww 60 A 192.0.2.3');
const V2 = changed(V1, 2, '', 'new 60 A 192.0.2.4');
const UPDATE = keyNamed('k._update.example');
const TRANSFER = keyNamed('k._transfer.example');
const NOTIFY = keyNamed('k._notify.example');

const historyOf = (versions: readonly Zone[]): History => {
  const history = new History();
  for (const [i, next] of versions.slice(1).entries()) history.add(diffZones(versions[i]!, next));
  return history;
};

/** A primary of the last of these versions, with a history from the first; `gone.` is awaited. */
const serving = (versions: readonly Zone[], overrides: Partial<Authority> = {}): Authority => {
  const zones = new ZoneTable();
  zones.set(versions.at(-1)!);
  zones.await(nameOf('gone.'));
  const history = historyOf(versions);
  return {
    zones,
    keys: new KeyTable([UPDATE, TRANSFER, NOTIFY]),
    identity: { version: 'zonewright 1', id: 'ns.test', commit: 'c0ffee' },
    isTransferOpen: false,
    isPrimary: true,
    historyOf: (of: Name) => (of.equals(origin) ? history : undefined),
    expiryOf: (zone) => zone.soa.expire,
    ...overrides,
  };
};

const ID = 0x1234;
const EDNS: Edns = { udpSize: 1232, version: 0, dnssecOk: false, options: [] };

const request = (question: string, extra: Partial<Message> = {}): Message => {
  const [name = '', type = ''] = question.split(' ');
  return {
    ...emptyMessage(ID, OPCODE.QUERY),
    questions: [{ name: nameOf(name, origin), type: parseType(type)!, class: CLASS.IN }],
    ...extra,
  };
};
const ixfrFrom = (serial: number, extra: Partial<Message> = {}): Message =>
  request('example. IXFR', { authorities: [soaOf(serial)], ...extra });

interface Asked {
  readonly key?: TsigKey;
  readonly transport?: Transport;
  readonly authority?: Authority;
}

const received = (message: Message, { key, transport = 'tcp', authority = serving([V1, V2]) }: Asked = {}): Outcome => {
  const octets = encodeMessage(message);
  const signed = key === undefined ? octets : sign(octets, key, { now: NOW }).octets;
  return receive(new Responder(authority), signed, transport, NOW);
};

/** The messages of a reply, one or many. */
const messagesOf = (outcome: Outcome): Message[] => {
  if (outcome.kind === 'reply') return [given(decodeMessage(outcome.octets))];
  if (outcome.kind !== 'transfer') throw new Error(`no reply but ${outcome.kind}`);
  return [...outcome.messages].map((octets) => given(decodeMessage(octets)));
};
const rcodeTo = (...args: Parameters<typeof received>): string => printRcode(messagesOf(received(...args))[0]!.rcode);

/** The records of a reply, all messages together. */
const recordsTo = (message: Message, asked: Asked = {}): string[] =>
  messagesOf(received(message, { key: TRANSFER, ...asked })).flatMap(({ answers }) => lines(answers));

const WHOLE = [soaLine(2), ...lines([...V2.records()]), soaLine(2)];
const FROM_1 = [soaLine(2), soaLine(1), soaLine(2), 'new 60 A 192.0.2.4', soaLine(2)];

// --- requests -----------------------------------------------------------------------------------------------------------

test('AXFR goes over TCP to whoever has a key for it, or to all when it is open', (t) => {
  const axfr = request('example. AXFR');
  t.is(rcodeTo(axfr, { key: TRANSFER, transport: 'udp' }), 'REFUSED', 'over UDP');
  t.is(rcodeTo(axfr), 'REFUSED', 'without key');
  t.is(rcodeTo(axfr, { key: NOTIFY }), 'REFUSED');
  for (const key of [TRANSFER, UPDATE]) {
    t.deepEqual(recordsTo(axfr, { key }), WHOLE);
    const outcome = received(axfr, { key });
    t.true(outcome.kind === 'transfer' && outcome.signer !== undefined);
  }
  const open = serving([V2], { isTransferOpen: true });
  const outcome = received(axfr, { authority: open });
  t.deepEqual(
    messagesOf(outcome).flatMap(({ answers }) => lines(answers)),
    WHOLE,
  );
  t.true(outcome.kind === 'transfer' && outcome.signer === undefined);
  t.is(rcodeTo(request('www AXFR'), { key: TRANSFER }), 'NOTAUTH', 'not an apex');
  t.is(rcodeTo(request('other. AXFR'), { authority: open }), 'NOTAUTH');
  t.is(rcodeTo(request('gone. AXFR'), { authority: open }), 'SERVFAIL');
});

test('AXFR holds glue, what lies below a cut, and what a DNAME hides (RFC 5936 3.5)', (t) => {
  const text = [
    '@ 60 NS ns.sub',
    'sub 60 NS ns.sub',
    'sub 60 DS 1 13 2 aa',
    'ns.sub 60 A 192.0.2.1',
    'www.sub 60 TXT "hidden"',
    'deep.er.sub 60 NS ns.sub',
    'd 60 DNAME other.',
    'below.d 60 A 192.0.2.2',
    '*.w 60 TYPE65280 \\# 1 00',
  ];
  const authority = serving([zoneOf(text.join('\n'), soaLine(1))]);
  const sent = recordsTo(request('example. AXFR'), { authority });
  t.deepEqual(sent.slice(1, -1).sort(), lines(recordsFrom(text.join('\n'), origin)).sort());
  t.is(sent[0], sent.at(-1));
});

test('IXFR: differences, the whole zone when they are not known, one SOA when there is nothing newer', (t) => {
  for (const [serial, overTcp, overUdp] of [
    [1, FROM_1, FROM_1],
    [0, WHOLE, [soaLine(2)]],
    [2, [soaLine(2)], [soaLine(2)]],
    [3, [soaLine(2)], [soaLine(2)]],
    [2 ** 32 - 1, WHOLE, [soaLine(2)]],
    [2 + 2 ** 31 - 1, [soaLine(2)], [soaLine(2)]],
    // Neither newer nor older (RFC 1982 3.2): unknown.
    [2 + 2 ** 31, WHOLE, [soaLine(2)]],
    [2 + 2 ** 31 + 1, WHOLE, [soaLine(2)]],
  ] as const) {
    t.deepEqual(recordsTo(ixfrFrom(serial)), overTcp, `${serial} over TCP`);
    t.deepEqual(recordsTo(ixfrFrom(serial), { transport: 'udp' }), overUdp, `${serial} over UDP`);
  }
  t.is(rcodeTo(ixfrFrom(1)), 'REFUSED', 'without key');
  t.is(rcodeTo(ixfrFrom(1), { transport: 'udp' }), 'REFUSED');
});

test('serials wrap: the differences from 2^32-1 to 1 are as any others', (t) => {
  const old = zoneOf('@ 60 NS ns\nns 60 A 192.0.2.1\nt 60 TXT "something to be kept"', soaLine(2 ** 32 - 1));
  const authority = serving([old, changed(old, 1, '', 'a 60 A 192.0.2.1')]);
  const FROM_MAX = [soaLine(1), soaLine(2 ** 32 - 1), soaLine(1), 'a 60 A 192.0.2.1', soaLine(1)];
  for (const transport of ['udp', 'tcp'] as const) {
    t.deepEqual(recordsTo(ixfrFrom(2 ** 32 - 1), { authority, transport }), FROM_MAX);
    t.deepEqual(recordsTo(ixfrFrom(2 ** 31), { authority, transport }), [soaLine(1)], 'newer than ours');
  }
  t.is(recordsTo(ixfrFrom(2 ** 32 - 2), { authority }).length, 6, 'older, and unknown: the whole zone');
});

test('an IXFR without exactly the SOA of its zone in the authority section is FORMERR (RFC 1995 3)', (t) => {
  for (const authorities of [
    [],
    [V1.soaRecord(), V1.soaRecord()],
    recordsFrom('example. 60 NS ns.'),
    recordsFrom(`other. 60 ${soaLine(1).slice(7)}`),
    [V1.soaRecord(), recordOf('example. 60 NS ns.')],
    [{ ...V1.soaRecord(), class: CLASS.CH }],
  ]) {
    for (const transport of ['udp', 'tcp'] as const)
      t.is(rcodeTo(request('example. IXFR', { authorities }), { transport, key: TRANSFER }), 'FORMERR');
  }
  const elsewhere = request('example. IXFR', { additionals: [V1.soaRecord()] });
  t.is(rcodeTo(elsewhere, { key: TRANSFER }), 'FORMERR');
});

test('IXFR over UDP is whole where it fits into what the client takes, else one SOA without TC (RFC 1995 2)', (t) => {
  const more = (count: number): string =>
    Array.from({ length: count }, (_, i) => `n${i} 60 TXT "${'x'.repeat(30)}"`).join('\n');
  const authority = serving([V1, V2, changed(V2, 3, '', more(10))]);
  const large = serving([V1, V2, changed(V2, 3, '', more(40))]);
  const wide = { ...EDNS, udpSize: 4096 };
  for (const [served, edns, count] of [
    [authority, undefined, 1],
    [authority, { ...EDNS, udpSize: 512 }, 1],
    [authority, EDNS, 14],
    [authority, wide, 14],
    [large, wide, 1],
  ] as const) {
    const asked = { authority: served, transport: 'udp', key: TRANSFER } as const;
    const [reply] = messagesOf(received(ixfrFrom(2, edns === undefined ? {} : { edns }), asked));
    t.is(reply!.answers.length, count, `${edns?.udpSize}`);
    t.false(reply!.tc);
    t.is(reply!.tsig?.keyName.toString(), 'k._transfer.example.', 'signed');
    if (count === 1) t.deepEqual(lines(reply!.answers), [soaLine(3)]);
  }
  t.is(recordsTo(ixfrFrom(2), { authority: large }).length, 44);
});

test('a signed IXFR over UDP tells which version its sender has, and whether it got the newest; an unsigned one nothing', (t) => {
  const told = (serial: number, asked: Asked): unknown => {
    const outcome = received(ixfrFrom(serial), { transport: 'udp', ...asked });
    const follows = outcome.kind === 'reply' ? outcome.follows : undefined;
    return follows && [follows.zone.serial, follows.serial, follows.key.name.toString(), follows.isSent];
  };
  t.deepEqual(told(1, { key: TRANSFER }), [2, 1, 'k._transfer.example.', true]);
  t.deepEqual(told(2, { key: TRANSFER }), [2, 2, 'k._transfer.example.', false]);
  t.deepEqual(told(7, { key: TRANSFER }), [2, 7, 'k._transfer.example.', false]);
  t.is(told(1, { authority: serving([V1, V2], { isTransferOpen: true }) }), undefined);
});

test('EXPIRE says how long a copy lasts: the SOA of a primary, what is left of a secondary (RFC 7314)', (t) => {
  const edns: Edns = { ...EDNS, options: [{ code: OPTION.EXPIRE, data: new Uint8Array(0) }] };
  const secondary = serving([V1, V2], { isPrimary: false, expiryOf: () => 4711 });
  for (const [message, transport] of [
    [request('example. AXFR', { edns }), 'tcp'],
    [ixfrFrom(1, { edns }), 'tcp'],
    [ixfrFrom(1, { edns }), 'udp'],
    [ixfrFrom(2, { edns }), 'udp'],
  ] as const) {
    const optionOf = (authority: Authority): string | undefined => {
      const [first] = messagesOf(received(message, { authority, transport, key: TRANSFER }));
      const option = first!.edns?.options.find(({ code }) => code === OPTION.EXPIRE);
      return option && hexOf(option.data);
    };
    t.is(optionOf(serving([V1, V2])), '00015180');
    t.is(optionOf(secondary), '00001267');
  }
  const [plain] = messagesOf(received(request('example. AXFR', { edns: EDNS }), { key: TRANSFER }));
  t.deepEqual(plain!.edns?.options, [], 'not asked for');
});

// --- forms --------------------------------------------------------------------------------------------------------------

/** A zone that is large beside its changes. */
const BULK = Array.from({ length: 100 }, (_, i) => `bulk${i} 60 A 192.0.2.1`).join('\n');

test('what came and went in between is not sent: the differences are condensed (RFC 1995 6)', (t) => {
  const a = zoneOf(`@ 60 NS ns\n${BULK}\nset 60 A 192.0.2.1\nset 60 A 192.0.2.2\ngone 60 TXT "x"`, soaLine(1));
  const b = changed(a, 2, 'gone 60 TXT "x"', 'brief 60 A 192.0.2.9\nset 30 A 192.0.2.3\nstays 60 A 192.0.2.7');
  const c = changed(b, 3, 'brief 60 A 192.0.2.9\nset 30 A 192.0.2.3', 'gone 60 TXT "x"');
  t.deepEqual(recordsTo(ixfrFrom(1), { authority: serving([a, b, c]) }), [
    soaLine(3),
    soaLine(1),
    'set 60 A 192.0.2.1',
    'set 60 A 192.0.2.2',
    soaLine(3),
    'set 30 A 192.0.2.1',
    'set 30 A 192.0.2.2',
    'stays 60 A 192.0.2.7',
    soaLine(3),
  ]);
  const d = changed(c, 4, 'stays 60 A 192.0.2.7', 'set 60 A 192.0.2.2');
  t.deepEqual(recordsTo(ixfrFrom(1), { authority: serving([a, b, c, d]) }), [
    soaLine(4),
    soaLine(1),
    soaLine(4),
    soaLine(4),
  ]);
});

test('differences that are too many to be condensed at once are sent one after the other', (t) => {
  const bulk = Array.from({ length: 30_000 }, (_, i) => `b${i} 60 A 10.0.${i >> 8}.${i & 255}`);
  const a = zoneOf(bulk.join('\n'), soaLine(1));
  const b = changed(a, 2, bulk.slice(0, 6000).join('\n'));
  const c = changed(b, 3, '', bulk.slice(0, 6000).join('\n'));
  const records = recordsTo(ixfrFrom(1), { authority: serving([a, b, c]) });
  t.is(records.length, 12_006);
  t.deepEqual(
    records.filter((line) => line.startsWith('@ ')),
    [3, 1, 2, 2, 3, 3].map(soaLine),
  );
});

test('the whole zone is sent where that is shorter than all that changed', (t) => {
  const small = (serial: number, value: number): Zone =>
    zoneOf(Array.from({ length: 50 }, (_, i) => `n${i} 60 A 192.0.2.${value}`).join('\n'), soaLine(serial));
  const authority = serving([small(1, 1), small(2, 2)]);
  const records = recordsTo(ixfrFrom(1), { authority });
  t.is(records.length, 52);
  t.deepEqual(
    records.filter((line) => line.startsWith('@ ')),
    [soaLine(2), soaLine(2)],
  );
  t.is(recordsTo(ixfrFrom(1, { edns: EDNS }), { authority, transport: 'udp' }).length, 1, 'never over UDP');
  const few = changed(
    V2,
    3,
    lines([...V2.records()])
      .slice(3)
      .join('\n'),
    'a 60 A 192.0.2.1',
  );
  t.true(recordsTo(ixfrFrom(2), { authority: serving([V2, few]) }).length > 6, 'what is one packet says what changed');
});

test('the history forgets what is too large, in octets as well', (t) => {
  const large = (serial: number, value: number): Zone =>
    zoneOf(
      Array.from({ length: 100 }, (_, i) => `n${i} 60 TYPE65280 \\# 50000 ${filler(value, 50_000)}`).join('\n'),
      soaLine(serial),
    );
  const history = historyOf([large(1, 1), large(2, 2), changed(large(2, 2), 3)]);
  t.is(history.since(1)?.length, 2, '10 MB are kept');
  history.add(diffZones(large(3, 3), large(4, 4)));
  t.is(history.since(1), undefined, '20 MB are not');
  t.is(history.since(2)?.length, 2);
});

// --- messages -----------------------------------------------------------------------------------------------------------

const filler = (value: number, length: number): string => Buffer.alloc(length, value).toString('hex');

test('a transfer is packed into messages of less than 64 KiB, each signed, each with its question', (t) => {
  const many = Array.from({ length: 3000 }, (_, i) => `n${i} 60 TXT "${'x'.repeat(i % 200)}"`).join('\n');
  const large = [20_000, 40_000, 60_000, 64_000].map(
    (size, i) => `large${i} 60 TYPE65280 \\# ${size} ${filler(i, size)}`,
  );
  const zone = zoneOf(`${many}\n${large.join('\n')}`);
  const asked = sign(encodeMessage(request('example. AXFR', { edns: EDNS })), TRANSFER, { now: NOW });
  const message = given(decodeMessage(asked.octets));
  const signer = new StreamSigner(TRANSFER, asked.mac);
  const verifier = new StreamVerifier(TRANSFER, asked.mac);
  const records: ResourceRecord[] = [];
  let count = 0;
  for (const octets of packMessages(message, axfrRecords(zone))) {
    const signed = signer.sign(octets, NOW);
    t.true(signed.length <= 65_535, `${signed.length}`);
    const decoded = given(decodeMessage(signed));
    t.true(verifier.verify(signed, decoded, NOW).ok);
    t.like(decoded, { id: ID, qr: true, aa: true, tc: false, rcode: 0 });
    t.is(decoded.questions.length, 1);
    t.is(decoded.edns !== undefined, count++ === 0, 'OPT in the first (RFC 5936 2.2.5)');
    records.push(...decoded.answers);
  }
  t.true(verifier.isSettled);
  t.true(count > 10 && count < 60, `${count} messages`);
  t.deepEqual(lines(records), lines([...axfrRecords(zone)]));
});

test('a zone goes out of its image as its records would one by one, octet for octet', (t) => {
  const text = `@ 60 NS ns
@ 60 NS ns.other.
@ 60 MX 10 Mail
@ 60 CAA 0 issue "ca.example"
Mail 60 A 192.0.2.1
Mail 60 A 192.0.2.2
Mail 60 AAAA 2001:db8::1
_sip._tcp 60 SRV 0 0 5060 Mail
*.wild 60 CNAME Mail
deep.empty.non.terminal 2147483647 TXT "${'x'.repeat(200)}" "y"
cut 60 NS ns.cut
ns.cut 60 A 192.0.2.3
d 60 DNAME other.example.
Mail 60 RRSIG A 13 2 60 20300101000000 20200101000000 1 example. AAAA
Mail 60 RRSIG AAAA 13 2 60 20300101000000 20200101000000 1 example. AAAA
odd 60 TYPE65280 \\# 3 010203`;
  const zone = zoneOf(text);
  const next = changed(zone, 2, 'Mail 60 A 192.0.2.1\nns.cut 60 A 192.0.2.3', 'late 60 A 192.0.2.9\ncut 60 NS Mail');
  for (const version of [zone, next, V1]) {
    const asked = request('example. AXFR');
    const records = [...axfrRecords(version)];
    t.deepEqual(
      [...packMessages(asked, axfrRecords(version))].map(hexOf),
      [...packMessages(asked, records)].map(hexOf),
    );
  }
});

test('a record that fits into no message ends the transfer, and nothing broken is sent', (t) => {
  const zone = zoneOf(`a 60 A 192.0.2.1\nb 60 TYPE65280 \\# 65400 ${filler(1, 65_400)}\nc 60 A 192.0.2.2`);
  const sent = [...packMessages(request('example. AXFR'), axfrRecords(zone))];
  t.deepEqual(
    sent.flatMap((octets) => lines(given(decodeMessage(octets)).answers)),
    [soaLine(1), 'a 60 A 192.0.2.1'],
  );
});

test('every message of an IXFR is signed, and holds the question', (t) => {
  const added = Array.from({ length: 4000 }, (_, i) => `n${i} 60 TXT "${'x'.repeat(50)}"`).join('\n');
  const authority = serving([V1, changed(V1, 2, '', added)]);
  const asked = sign(encodeMessage(ixfrFrom(1)), TRANSFER, { now: NOW });
  const outcome = receive(new Responder(authority), asked.octets, 'tcp', NOW);
  if (outcome.kind !== 'transfer' || outcome.signer === undefined) return t.fail(outcome.kind);
  const verifier = new StreamVerifier(TRANSFER, asked.mac);
  let count = 0;
  for (const octets of outcome.signer.signAll(outcome.messages, () => NOW)) {
    const message = given(decodeMessage(octets));
    t.true(verifier.verify(octets, message, NOW).ok);
    t.true(verifier.isSettled);
    t.is(message.questions[0]?.type, TYPE.IXFR);
    count++;
  }
  t.true(count > 10, `${count} messages`);
  return undefined;
});

test('a transfer ends with the zone that it began with', (t) => {
  const zones = new ZoneTable();
  const big = changed(V1, 1, '', BULK.repeat(1));
  zones.set(big);
  for (const records of [axfrRecords(zones.get(origin)!), ixfrRecords(zones.get(origin)!, 7, undefined)]) {
    const iterator = records[Symbol.iterator]();
    iterator.next();
    zones.set(changed(big, 2, BULK, 'late 60 A 192.0.2.1'));
    const rest: ResourceRecord[] = [];
    for (let next = iterator.next(); !next.done; next = iterator.next()) rest.push(next.value);
    t.true(rest.length === 106 || rest.length === 0, `${rest.length}`);
    t.false(lines(rest).some((line) => line.startsWith('late')));
  }
});

test('each message is made when it is asked for: no more records are held than fit into it', (t) => {
  let made = 0;
  function* records(): Generator<ResourceRecord, void, undefined> {
    for (; made < 100_000; made++) yield recordOf(`n${made}.example. 60 A 192.0.2.1`);
  }
  const messages = packMessages(request('example. AXFR'), records());
  t.is(made, 0);
  let sent = 0;
  for (let i = 0; i < 3; i++) {
    const { value } = messages.next();
    sent += given(decodeMessage(value!)).answers.length;
    t.is(made, sent, 'one is waiting for the next message');
  }
  t.true(sent < 4000);
});

// --- the queue ----------------------------------------------------------------------------------------------------------

/** Somebody who takes a message when told to. */
class SlowReader implements Reader {
  taken = 0;
  #answers: ((isOpen: boolean) => void)[] = [];

  send(): Promise<boolean> {
    this.taken++;
    return new Promise((resolve) => this.#answers.push(resolve));
  }

  /** Takes what is there, or is gone. */
  go(isOpen = true): void {
    for (const answer of this.#answers.splice(0)) answer(isOpen);
  }
}

/** Lets everything that waits for nothing run. */
const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await turn();
};
const MESSAGES = [1, 2, 3].map((n) => Uint8Array.of(n));

test('readers who do not read hold up themselves, and those beyond the hundredth wait', async (t) => {
  const queue = new TransferQueue();
  const slow = Array.from({ length: 101 }, () => new SlowReader());
  const ends = slow.map((reader) => queue.send(MESSAGES, reader));
  const again = queue.send(MESSAGES, slow[0]!);
  await settle();
  t.deepEqual(
    slow.map(({ taken }) => taken),
    [...Array(100).fill(1), 0],
  );
  slow[1]!.go(false);
  t.is(await ends[1], undefined, 'who is gone gives up its place');
  await settle();
  t.is(slow[100]!.taken, 1, 'to the one that waits');
  for (let i = 0; i < 3; i++) {
    slow[0]!.go();
    await settle();
  }
  t.is(await ends[0], 3);
  await settle();
  t.is(slow[0]!.taken, 4, 'a second transfer on a connection begins when the first has ended');
  slow[0]!.go(false);
  t.is(await again, undefined);
});

test('a transfer that breaks gives back its place', async (t) => {
  const queue = new TransferQueue();
  const broken = function* (): Generator<Uint8Array> {
    yield Uint8Array.of(1);
    throw new Error('a bug');
  };
  const eager: Reader = { send: async () => true };
  for (let i = 0; i < 150; i++) await t.throwsAsync(queue.send(broken(), eager), { message: 'a bug' });
  t.is(await queue.send(MESSAGES, eager), 3);
});

test('a reader who takes everything at once lets others have their turn', async (t) => {
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const busy = function* (): Generator<Uint8Array> {
    for (let i = 0; i < 20; i++) {
      const until = performance.now() + 5;
      while (performance.now() < until);
      yield Uint8Array.of(i);
    }
  };
  t.is(await new TransferQueue().send(busy(), { send: async () => true }), 20);
  isOver = true;
  t.true(turns >= 5, `${turns} turns in 100 ms`);
});

// --- transfers in -------------------------------------------------------------------------------------------------------

/** What comes of messages, each some records; a fault as its text, records as lines. */
const taken = (serial: number | undefined, ...messages: (string | readonly ResourceRecord[])[]): unknown => {
  const inbound = new InboundTransfer(origin, serial);
  let result: Inbound | InboundFault | undefined;
  for (const [i, message] of messages.entries()) {
    if (result !== undefined) return `done before message ${i}`;
    result = inbound.take(typeof message === 'string' ? recordsFrom(message, origin) : message);
  }
  switch (result?.kind) {
    case undefined:
      return 'more';
    case 'inbound':
      return result.what;
    case 'current':
      return 'current';
    case 'whole':
      return lines([result.zone.soaRecord(), ...result.zone.records()]);
    case 'differences':
      return result.changes.map(({ removed, added }) => [lines(removed), lines(added)]);
  }
};
const soa = soaLine;
const A1 = 'a 60 A 192.0.2.1';
const A2 = 'a 60 A 192.0.2.2';

test('a whole zone comes in, in as many messages as it likes', (t) => {
  const records = recordsFrom(`${soa(2)}\n${A1}\n${A2}\nsub 60 NS ns.sub\nns.sub 60 A 192.0.2.9\n${soa(2)}`, origin);
  const whole = lines(records.slice(0, -1));
  for (const serial of [undefined, 1]) {
    for (let cut = 1; cut < records.length; cut++)
      t.deepEqual(taken(serial, records.slice(0, cut), records.slice(cut)), whole, `split at ${cut}`);
    t.deepEqual(taken(serial, ...records.map((record) => [record])), whole, 'each alone');
    t.is(taken(serial, records.slice(0, -1)), 'more');
  }
  t.deepEqual(taken(undefined, `${soa(2)}\n${soa(2)}`), [soa(2)], 'a zone of one SOA');
  t.deepEqual(taken(1, `${soa(2)}\n${soa(2)}`), [soa(2)]);
});

test('differences come in, in as many messages as they like', (t) => {
  const text = [soa(3), soa(1), A1, soa(2), A2, soa(2), soa(3), 'b 60 A 192.0.2.3', soa(3)];
  const records = recordsFrom(text.join('\n'), origin);
  const changes = [
    [
      [soa(1), A1],
      [soa(2), A2],
    ],
    [[soa(2)], [soa(3), 'b 60 A 192.0.2.3']],
  ];
  for (let cut = 1; cut < records.length; cut++)
    t.deepEqual(taken(1, records.slice(0, cut), records.slice(cut)), changes, `split at ${cut}`);
  t.deepEqual(taken(1, ...records.map((record) => [record])), changes);
  for (let end = 1; end < records.length; end++) t.is(taken(1, records.slice(0, end)), 'more');
});

test('differences of more records than a heap can hold are a fault, for the whole zone to be asked for', (t) => {
  const inbound = new InboundTransfer(origin, 1);
  t.is(inbound.take(recordsFrom(`${soa(2)}\n${soa(1)}\n${soa(2)}`, origin)), undefined);
  const records = Array.from({ length: 1000 }, () => recordOf(A1, origin));
  let result: Inbound | InboundFault | undefined;
  let messages = 0;
  while (result === undefined && messages < 1000) {
    messages++;
    result = inbound.take(records);
  }
  t.like(result, { kind: 'inbound', what: 'more than 200000 records of differences' });
  t.is(messages, 200);
});

test('a name of more records than are to become objects is a fault', (t) => {
  const address = recordOf(A1, origin);
  const records = Array.from({ length: 100_001 }, (_, i) => ({
    ...address,
    rdata: Uint8Array.of(10, i >> 16, i >> 8, i),
  }));
  t.is(taken(undefined, [soaOf(2), ...records, soaOf(2)]), 'a name of 100001 records');
});

test('a difference of many names for a small zone costs in proportion to them', (t) => {
  const count = 50_000;
  const apply = (from: number): void => {
    const added = Array.from({ length: from }, (_, i) => recordOf(`h${i} 60 A 192.0.2.1`, origin));
    const changes = [{ removed: [V1.soaRecord()], added: [soaOf(2), ...added] }];
    const applied = applyInbound(V1, { kind: 'differences', changes });
    t.is('zone' in applied && applied.zone.serial, 2);
  };
  apply(1000);
  const [few, many] = [bestOf(3, () => apply(count / 10)), leastBusy(2, () => apply(count))];
  t.true(many < 40 * few, `${few} ms for a tenth, ${many} ms for all`);
});

test('many differences at a name of many records are a fault, for the whole zone to be asked for', (t) => {
  const wide = Array.from({ length: 1000 }, (_, i) => recordOf(`wide 60 A 10.0.${i >> 8}.${i & 255}`, origin));
  const step = (from: number) => ({
    removed: [soaOf(from)],
    added: [soaOf(from + 1), ...(from === 1 ? wide : [recordOf(`wide 60 A 192.0.${from >> 8}.${from & 255}`, origin)])],
  });
  const apply = (count: number) => {
    const changes = Array.from({ length: count }, (_, i) => step(i + 1));
    return applyInbound(zoneOf(`${soaLine(1)}\n@ 60 NS ns\nns 60 A 192.0.2.1`), { kind: 'differences', changes });
  };
  t.true('zone' in apply(20));
  t.like(apply(150), { kind: 'inbound', what: 'differences that touch more than 100000 records' });
});

test('one SOA that is not newer says that there is nothing newer', (t) => {
  t.is(taken(2, soa(2)), 'current');
  t.is(taken(2, soa(1)), 'current');
  t.is(taken(2, soa(3)), 'more');
  t.is(taken(undefined, soa(2)), 'more', 'a whole zone has two');
  t.deepEqual(taken(2, `${soa(2)}\n${soa(2)}`), [soa(2)], 'twice, it is a zone of one record');
});

test('a transfer that is not as it must be is a fault', (t) => {
  const START = `${soa(2)}\n${A1}`;
  for (const [serial, messages, what] of [
    [1, [[]], /without records/],
    [1, [START, []], /without records/],
    [1, [A1], /first record is not the SOA/],
    [undefined, [`other. 60 ${soa(1).slice(7)}`], /not in zone/],
    [undefined, [`x 60 ${soa(1).slice(7)}`], /an SOA at x\.example/],
    [undefined, [START, 'a.other. 60 A 192.0.2.1'], /not in zone/],
    [undefined, [START, 'notexample. 60 A 192.0.2.1'], /not in zone/],
    [undefined, [START, soa(3)], /another serial in the middle/],
    [undefined, [`${START}\n${soa(2)}\n${A2}`], /after the final SOA/],
    [undefined, [`${START}\n${soa(2)}\n${soa(2)}`], /after the final SOA/],
    [1, [`${soa(2)}\n${A1}\n${soa(1)}`], /another serial in the middle/],
    [1, [`${soa(3)}\n${soa(1)}\n${soa(2)}\n${soa(1)}`], /do not join/],
    [1, [`${soa(2)}\n${soa(1)}\n${soa(2)}\n${soa(3)}`], /do not join/],
    [1, [`${soa(2)}\n${soa(1)}\n${soa(2)}\n${soa(2)}\n${A1}`], /after the final SOA/],
    [undefined, [START, [{ ...recordOf('x.example. 60 A 192.0.2.1'), class: CLASS.CH }]], /in no zone/],
    [undefined, [START, [soaOf(2), { ...soaOf(2), class: CLASS.CH }]], /in no zone/],
    [undefined, [START, `b 60 TYPE65280 \\# 64000 ${filler(1, 64_000)}`], /a record of 640\d\d octets/],
    [undefined, [START, '@ 3600 SOA ns other 2 3600 600 86400 300'], /final SOA that differs/],
    [1, [`${soa(2)}\n${soa(1)}\n${soa(2)}\n${A1}`, '@ 3600 SOA ns other 2 3600 600 86400 300'], /another SOA/],
    [
      1,
      [`${soa(2)}\n${soa(1)}\n@ 3600 SOA ns other 2 3600 600 86400 300`, '@ 3600 SOA ns other 2 3600 600 86400 300'],
      /a final SOA that differs/,
    ],
    [1, [`${soa(3)}\n${soa(1)}\n${A1}\n${soa(2)}\n${A2}\n${soa(3)}`], /do not join/],
    [1, [`${soa(2)}\n${soa(1)}\n${soa(1)}`], /not lead to a newer version/],
    [5, [`${soa(9)}\n${soa(5)}\n${soa(4)}`], /not lead to a newer version/],
    [1, [`${soa(3)}\n${soa(1)}\nwww.other. 60 A 192.0.2.1`], /not in zone/],
    [1, [`${soa(3)}\n${soa(2)}\n${soa(3)}\n${soa(3)}`], /another serial in the middle/],
    [undefined, [START, [{ ...recordOf('x.example. 60 A 192.0.2.1'), type: 255 }]], /in no zone/],
  ] as const) {
    const result = taken(serial, ...messages);
    t.regex(String(result), what);
  }
  const inbound = new InboundTransfer(origin);
  inbound.take([]);
  t.like(inbound.take(recordsFrom(`${soa(1)}\n${soa(1)}`, origin)), { kind: 'inbound' }, 'a fault stays');
});

test('a transfer that was cut short is not complete, wherever it was cut (CVE-2022-27227)', (t) => {
  for (const [serial, records] of [
    [undefined, WHOLE],
    [1, WHOLE],
    [1, FROM_1],
  ] as const) {
    for (let end = 1; end < records.length; end++)
      t.is(taken(serial, records.slice(0, end).join('\n')), 'more', `${serial} ${end}`);
    t.not(taken(serial, records.join('\n')), 'more');
  }
});

test('unsigned runs of a transfer count once a signature has covered them, and end at 99 (RFC 8945 5.3.1)', (t) => {
  const asked = sign(encodeMessage(ixfrFrom(1)), TRANSFER, { now: NOW });
  const plain = encodeMessage({ ...request('example. IXFR'), qr: true });
  const run = (length: number, isChanged = false): [boolean, boolean] => {
    const signer = new StreamSigner(TRANSFER, asked.mac);
    const verifier = new StreamVerifier(TRANSFER, asked.mac);
    const take = (octets: Uint8Array): boolean => verifier.verify(octets, given(decodeMessage(octets)), NOW).ok;
    let isGood = take(signer.sign(plain, NOW));
    for (let i = 0; i < length; i++) isGood = take(plain) && isGood;
    if (length > 0) t.false(verifier.isSettled);
    const last = isChanged ? Uint8Array.from(plain).fill(ID >> 8, 0, 1) : plain;
    isGood = take(signer.sign(last, NOW)) && isGood;
    return [isGood, verifier.isSettled];
  };
  t.deepEqual(run(0), [true, true]);
  t.deepEqual(run(1), [false, false], 'a signature that does not cover what was sent');
  t.deepEqual(run(100), [false, false]);
});

test('a TTL that comes in with its uppermost bit set is zero (RFC 2181 8)', (t) => {
  const inbound = new InboundTransfer(origin);
  const whole = inbound.take(
    recordsFrom(
      `${soaLine(1)}\n@ 60 NS ns\nns 4294967295 A 192.0.2.1\nns2 2147483648 A 192.0.2.2\n${soaLine(1)}`,
      origin,
    ),
  );
  if (whole?.kind !== 'whole') return t.fail(whole?.kind);
  t.deepEqual(lines([...whole.zone.records()]).sort(), ['@ 60 NS ns', 'ns 0 A 192.0.2.1', 'ns2 0 A 192.0.2.2']);
  const added = recordsFrom(`${soaLine(2)}\nnew 4294967295 A 192.0.2.3`, origin);
  const changes = [{ removed: [whole.zone.soaRecord()], added }];
  const next = applyInbound(whole.zone, { kind: 'differences', changes }) as Applied;
  t.is(next.zone.get(nameOf('new.example.'), TYPE.A)?.ttl, 0);
  t.deepEqual(lines(next.deltas![0]!.added).at(-1), 'new 0 A 192.0.2.3', 'and so it is passed on');
  return undefined;
});

test('differences only apply to the version that they are for', (t) => {
  const delta = diffZones(V1, V2);
  const apply = (
    current: Zone | undefined,
    { removed, added }: Pick<Delta, 'removed' | 'added'>,
  ): Applied | InboundFault => applyInbound(current, { kind: 'differences', changes: [{ removed, added }] });
  const applied = apply(V1, delta);
  t.is('zone' in applied && applied.zone.serial, 2);
  const wrong = /^differences (?:from another version|that remove what is not there)/;
  for (const [current, change] of [
    [V2, delta],
    [V1, { ...delta, removed: [V1.soaRecord(), recordOf('none.example. 60 A 192.0.2.1')] }],
    [V1, { ...delta, removed: [V1.soaRecord(), ...recordsFrom('www 60 A 192.0.2.3\nwww 60 A 192.0.2.3', origin)] }],
    [V1, { ...delta, removed: [recordOf('@ 3600 SOA ns other 1 3600 600 86400 300', origin)] }],
  ] as const) {
    const fault = apply(current, change);
    t.regex('what' in fault ? fault.what : 'applied', wrong);
  }
  t.like(apply(undefined, delta), { kind: 'inbound' });
});

test('what a secondary passes on names all that changed, also what it was not told of', (t) => {
  const old = zoneOf(`${BULK}\nset 60 A 192.0.2.1\nset 60 A 192.0.2.2`, soaLine(1));
  const changes = [
    { removed: [soaOf(1)], added: [soaOf(2), recordOf('set.example. 30 A 192.0.2.3')] },
    { removed: [soaOf(2), recordOf('set.example. 30 A 192.0.2.3')], added: [soaOf(3)] },
  ];
  const applied = applyInbound(old, { kind: 'differences', changes });
  if (!('zone' in applied)) return t.fail(applied.what);
  t.deepEqual(
    applied.deltas?.map(({ from, to, removed, added }) => [from, to, removed.length, added.length]),
    [
      [1, 2, 3, 4],
      [2, 3, 2, 1],
    ],
  );
  const [first, ...rest] = applied.deltas!;
  const { removed, added } = condense([first!, ...rest]);
  t.deepEqual(lines(removed).slice(1), ['set 60 A 192.0.2.1', 'set 60 A 192.0.2.2']);
  t.deepEqual(lines(added).slice(1), ['set 30 A 192.0.2.1', 'set 30 A 192.0.2.2']);
  return undefined;
});

const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);

/** Are both a CNAME of one name? No zone may hold two. */
const isBothAlias = (a: string, b: string): boolean =>
  b.includes('CNAME') && a.slice(0, 2).toLowerCase() === b.slice(0, 2).toLowerCase();

/** A version of a zone: some of a few names, types, values and TTLs. */
const contentOfZone = fc
  .array(
    fc
      .tuple(
        fc.constantFrom('@', 'a', 'b.a', '*', 'C'),
        fc.constantFrom(30, 60),
        fc.constantFrom(
          'A 192.0.2.1',
          'A 192.0.2.2',
          'TXT "x"',
          'MX 1 a',
          'NS a',
          'NS A',
          'CNAME a',
          'CNAME b',
          `TXT "${'x'.repeat(250)}"`,
        ),
      )
      .map(([name, ttl, rdata]) => `${name} ${ttl} ${rdata}`),
    { maxLength: 12 },
  )
  .map((all) =>
    all.filter((line, i) => !line.includes('CNAME') || !all.slice(i + 1).some((it) => isBothAlias(line, it))),
  );
const recordsIn = (zone: Zone): string[] =>
  lines([...zone.records()])
    .map((line) => line.toLowerCase())
    .sort();

test('what goes out as a transfer of any form, in any messages, comes in as the same zone', (t) => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(
      fc.array(contentOfZone, { minLength: 2, maxLength: 5 }),
      fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      fc.constantFrom('axfr', 'several', 'condensed', 'shortest', 'unknown'),
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 20 }),
      (contents, start, form, sizes) => {
        const kept = Array.from({ length: 8 }, (_, i) => `k${i} 60 A 192.0.2.1`).join('\n');
        const versions = contents.map((content, i) =>
          zoneOf(`${kept}\n${content.join('\n')}`, soaLine((start + i) % 2 ** 32)),
        );
        const old = versions[0]!;
        const newest = versions.at(-1)!;
        const history = historyOf(versions);
        const several = history.since(old.serial)!;
        const [first, ...rest] = several;
        const wayOf = (deltas: readonly Delta[]): Difference => ({
          to: newest.serial,
          records: 0,
          octets: 0,
          sequence: () => deltas.flatMap(({ removed, added }) => [...removed, ...added]),
        });
        const forms = {
          axfr: () => axfrRecords(newest),
          several: () => ixfrRecords(newest, old.serial, wayOf(several)),
          condensed: () => ixfrRecords(newest, old.serial, wayOf([condense([first!, ...rest])])),
          shortest: () => ixfrRecords(newest, old.serial, history.shortest(old.serial)),
          unknown: () => ixfrRecords(newest, old.serial, undefined),
        };
        const records = [...packMessages(request('example. AXFR'), forms[form]())].flatMap(
          (octets) => given(decodeMessage(octets)).answers,
        );
        const inbound = new InboundTransfer(origin, form === 'axfr' ? undefined : old.serial);
        let result: Inbound | InboundFault | undefined;
        for (let at = 0, i = 0; at < records.length; i++) {
          if (result !== undefined) throw new Error('done too early');
          const size = sizes[i % sizes.length]!;
          result = inbound.take(records.slice(at, at + size));
          at += size;
        }
        if (result === undefined || result.kind === 'inbound' || result.kind === 'current')
          throw new Error(result?.kind);
        seen.add(`${form} ${result.kind}`);
        const applied = applyInbound(old, result);
        if (!('zone' in applied)) throw new Error(applied.what);
        const { zone, deltas } = applied;
        const again = deltas?.reduce<Zone | undefined>((from, delta) => from?.change(delta), old) ?? zone;
        return [zone, again].every(
          (it) => it.serial === newest.serial && JSON.stringify(recordsIn(it)) === JSON.stringify(recordsIn(newest)),
        );
      },
    ),
    { seed, numRuns: 1000 },
  );
  for (const form of ['unknown whole', 'shortest differences', 'several differences', 'condensed differences'])
    t.true(seen.has(form), form);
});

test('records in any order are taken, or are a fault, and never end in an exception', (t) => {
  const pool = [
    ...[1, 2, 3, 2 ** 32 - 1].map(soaOf),
    ...recordsFrom(
      '@ 3600 SOA ns other 2 3600 600 86400 300\nwww 60 A 192.0.2.3\nnew 60 A 192.0.2.4\n@ 60 NS ns',
      origin,
    ),
    recordOf('other. 60 A 192.0.2.1'),
  ];
  const streams = [FROM_1, WHOLE].map((text) => recordsFrom(text.join('\n'), origin));
  const kinds = new Set<string>();
  fc.assert(
    fc.property(
      fc.constantFrom(undefined, 1, 2),
      fc.constantFrom(...streams),
      fc.array(fc.tuple(fc.nat(20), fc.nat(2), fc.array(fc.constantFrom(...pool), { maxLength: 3 })), { maxLength: 4 }),
      fc.integer({ min: 1, max: 20 }),
      (serial, stream, edits, size) => {
        const records = [...stream];
        for (const [at, count, put] of edits) records.splice(at % (records.length + 1), count, ...put);
        const messages = Array.from({ length: Math.ceil(records.length / size) }, (_, i) =>
          records.slice(i * size, (i + 1) * size),
        );
        const inbound = new InboundTransfer(origin, serial);
        for (const message of messages) {
          const result = inbound.take(message);
          if (result === undefined) continue;
          kinds.add(result.kind);
          if (result.kind === 'inbound') t.deepEqual(inbound.take(message), result, 'a fault stays');
          if (result.kind === 'current') t.true(serial !== undefined);
          if (result.kind === 'whole' || result.kind === 'differences') {
            const applied = applyInbound(serial === 2 ? V2 : V1, result);
            if ('zone' in applied) kinds.add(`${result.kind} applied`);
          }
          return;
        }
      },
    ),
    { seed, numRuns: 3000 },
  );
  t.deepEqual([...kinds].sort(), [
    'current',
    'differences',
    'differences applied',
    'inbound',
    'whole',
    'whole applied',
  ]);
});
