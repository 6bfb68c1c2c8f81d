/** What a name server does with a message, from octets to an outcome. Transfers are in transfer.test.ts. */

import type { Authority } from '@zonewright/common/authority/authority';
import { ClientAddress } from '@zonewright/common/authority/client-address';
import { COOKIE, COOKIE_OCTETS, CookieJar } from '@zonewright/common/authority/cookie';
import { identify } from '@zonewright/common/authority/identity';
import { KeyTable, parseKey } from '@zonewright/common/authority/key';
import type { Outcome } from '@zonewright/common/authority/outcome';
import { receive, replyWith } from '@zonewright/common/authority/receive';
import { Responder } from '@zonewright/common/authority/responder';
import { TRANSPORTS, type Transport } from '@zonewright/common/authority/transport';
import { ZoneTable } from '@zonewright/common/authority/zones';
import type { Name } from '@zonewright/common/name';
import { CLASS } from '@zonewright/common/rr/class';
import { printRecord, type ResourceRecord } from '@zonewright/common/rr/record';
import { parseType, TYPE } from '@zonewright/common/rr/type';
import { OPCODE, printRcode, RCODE, TSIG_ERROR } from '@zonewright/common/wire/code';
import { EDE, type Edns, extendedErrorText, OPTION } from '@zonewright/common/wire/edns';
import { decodeMessage, emptyMessage, encodeMessage, type Message } from '@zonewright/common/wire/message';
import { sign, TSIG_ALGORITHMS, type TsigKey, tsigKey, verify } from '@zonewright/common/wire/tsig';
import { diffZones } from '@zonewright/common/zone/delta';
import { History } from '@zonewright/common/zone/history';
import { Zone } from '@zonewright/common/zone/zone';
import test from 'ava';
import { given, nameOf, recordsFrom, zoneOf } from '../support/records.ts';

const origin = nameOf('example.');
const SECRET = Buffer.from('a secret of thirty-two octets!!!').toString('base64');
const NOW = 1_700_000_000;
const SOA = '@ 300 SOA ns hostmaster 1 3600 600 86400 300';
const keyNamed = (name: string) => given(parseKey(`${name}:SHA256:${SECRET}`));
const lines = (records: readonly ResourceRecord[]): string[] =>
  records.map((record) => printRecord(record, origin).replace(' IN ', ' '));

const V1 = zoneOf('@ 60 NS ns\n@ 60 NS ns2\nns 60 A 192.0.2.1\nns2 60 A 192.0.2.2\nwww 60 A 192.0.2.3');
const V2 = V1.change({
  removed: [V1.soaRecord()],
  added: recordsFrom('@ 3600 SOA ns hostmaster 2 3600 600 86400 300\nnew 60 A 192.0.2.4', origin),
})!;
const UPDATE = keyNamed('k._update.example');
const TRANSFER = keyNamed('k._transfer.example');
const NOTIFY = keyNamed('k._notify.example');

/** A primary of `example.` at serial 2, with a history from 1; `gone.` is awaited. */
const served = (overrides: Partial<Authority> = {}): Authority => {
  const zones = new ZoneTable();
  zones.set(V2);
  zones.await(nameOf('gone.'));
  const history = new History();
  history.add(diffZones(V1, V2));
  const identity = { version: 'zonewright 1', id: 'ns.test', commit: 'c0ffee' };
  const keys = new KeyTable([UPDATE, TRANSFER, NOTIFY]);
  const historyOf = (of: Name): History | undefined => (of.equals(origin) ? history : undefined);
  return {
    zones,
    keys,
    identity,
    isTransferOpen: false,
    isPrimary: true,
    historyOf,
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

const received = (
  message: Message | Uint8Array,
  {
    key,
    transport = 'udp',
    authority = served(),
  }: { key?: TsigKey; transport?: Transport; authority?: Authority } = {},
): Outcome => {
  const octets = message instanceof Uint8Array ? message : encodeMessage(message);
  return receive(
    new Responder(authority),
    key === undefined ? octets : sign(octets, key, { now: NOW }).octets,
    transport,
    NOW,
  );
};

const octetsIn = (outcome: Outcome): Uint8Array => {
  if (outcome.kind !== 'reply') throw new Error(`no reply but ${outcome.kind}`);
  return outcome.octets;
};
const replyTo = (...args: Parameters<typeof received>): Message => given(decodeMessage(octetsIn(received(...args))));
const rcodeTo = (...args: Parameters<typeof received>): string => printRcode(replyTo(...args).rcode);

test('a query is answered: ID, opcode, RD, CD and the question as it was, no RA, no AD', (t) => {
  const reply = replyTo(request('WwW A', { rd: true, cd: true, ad: true, aa: true, tc: true, rcode: 7 }));
  t.like(reply, {
    id: ID,
    opcode: 0,
    qr: true,
    aa: true,
    tc: false,
    rd: true,
    cd: true,
    ra: false,
    ad: false,
    rcode: 0,
  });
  t.is(String(reply.questions[0]!.name), 'WwW.example.');
  t.deepEqual(lines(reply.answers), ['WwW 60 A 192.0.2.3']);
  t.is(reply.edns, undefined);
  t.is(rcodeTo(request('nothing A')), 'NXDOMAIN');
  t.is(rcodeTo(request('www TYPE1000')), 'NOERROR', 'a type nobody knows');
  t.is(rcodeTo(request('other. A')), 'REFUSED');
});

test('responses, and what is less than a header, are met with silence', (t) => {
  t.is(received(request('www A', { qr: true })).kind, 'silence');
  t.is(received(request('www A', { qr: true }), { transport: 'tcp' }).kind, 'silence');
  for (let length = 0; length < 12; length++)
    t.is(received(encodeMessage(request('www A')).subarray(0, length)).kind, 'silence');
  const broken = encodeMessage(request('www A', { qr: true })).subarray(0, 20);
  t.is(received(broken).kind, 'silence');
});

test('what cannot be read gets FORMERR, with the question and OPT as far as they can be read (RFC 6891 7)', (t) => {
  const whole = encodeMessage(request('www A', { rd: true }));
  for (let length = 12; length < whole.length; length++) {
    const octets = octetsIn(received(whole.subarray(0, length)));
    t.is(octets.length, 12);
    t.like(given(decodeMessage(octets)), { id: ID, qr: true, opcode: 0, rd: true, rcode: RCODE.FORMERR });
  }
  t.is(octetsIn(received(Uint8Array.from([...whole, 0]))).length, whole.length, 'octets left over');
  const cookie = { code: OPTION.COOKIE, data: new Uint8Array(9) };
  const broken = encodeMessage(request('www A', { edns: { ...EDNS, options: [cookie] } }));
  for (const octets of [broken, broken.with(broken.length - 10, 200), Uint8Array.from([...broken, 0])]) {
    const reply = given(decodeMessage(octetsIn(received(octets))));
    t.like(reply, { rcode: RCODE.FORMERR, edns: { version: 0, options: [] } });
    t.is(reply.questions.length, 1);
  }
});

test('another number of questions than one is FORMERR', (t) => {
  const { questions } = request('www A');
  t.is(rcodeTo(request('www A', { questions: [] })), 'FORMERR');
  t.is(rcodeTo(request('www A', { questions: [...questions, ...questions] })), 'FORMERR');
  t.is(rcodeTo(request('www A', { questions: [], opcode: OPCODE.NOTIFY })), 'FORMERR');
  t.is(rcodeTo(request('www A', { questions: [], opcode: OPCODE.UPDATE }), { key: UPDATE }), 'FORMERR');
});

test('opcodes we do not know are NOTIMP, whatever follows the header (RFC 8906 3.1.4)', (t) => {
  for (const opcode of [OPCODE.IQUERY, OPCODE.STATUS, 3, OPCODE.DSO, 7, 15]) {
    t.like(replyTo(request('www A', { opcode })), { rcode: RCODE.NOTIMP, opcode, id: ID });
    t.is(rcodeTo(request('www A', { opcode, questions: [] })), 'NOTIMP', `${opcode} with a header alone`);
    t.truthy(replyTo(request('www A', { opcode, edns: EDNS })).edns, 'with EDNS');
  }
  const dso = Uint8Array.from([
    ...encodeMessage({ ...emptyMessage(ID, OPCODE.DSO) }),
    0,
    1,
    0,
    8,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
  ]);
  t.like(replyTo(dso), { rcode: RCODE.NOTIMP, opcode: OPCODE.DSO });
});

test('questions for meta types have no answer', (t) => {
  for (const type of ['OPT', 'TSIG']) t.is(rcodeTo(request(`www ${type}`)), 'FORMERR', type);
  for (const type of ['TKEY', 'MAILA', 'MAILB', 'TYPE0', 'TYPE128'])
    t.is(rcodeTo(request(`www ${type}`)), 'NOTIMP', type);
  for (const of of [CLASS.HS, CLASS.NONE, CLASS.ANY, 0]) {
    const { name, type } = request('www A').questions[0]!;
    t.is(rcodeTo(request('www A', { questions: [{ name, type, class: of }] })), 'REFUSED', `class ${of}`);
  }
});

test('class CH tells version, identity and commit', (t) => {
  const chaos = (name: string, type = TYPE.TXT): Message =>
    replyTo(request('www A', { questions: [{ name: nameOf(name), type, class: CLASS.CH }] }));
  const texts = (message: Message): string[] =>
    message.answers.map(({ rdata }) => Buffer.from(rdata.subarray(1)).toString());
  t.deepEqual(texts(chaos('version.bind')), ['zonewright 1']);
  t.deepEqual(texts(chaos('VERSION.Server')), ['zonewright 1']);
  t.deepEqual(texts(chaos('id.server')), ['ns.test']);
  t.deepEqual(texts(chaos('hostname.bind', TYPE.ANY)), ['ns.test']);
  t.deepEqual(texts(chaos('commit.server')), ['c0ffee']);
  t.is(chaos('version.bind').answers[0]!.class, CLASS.CH);
  t.like(chaos('version.bind', TYPE.A), { rcode: RCODE.NOERROR, answers: [] });
  for (const name of ['www.example', '.', 'bind', 'constructor', '__proto__'])
    t.is(printRcode(chaos(name).rcode), 'REFUSED', name);
  t.is(identify({ version: 'v', id: 'i' }, nameOf('commit.server.'), TYPE.TXT), undefined, 'a server without commits');
  t.is(identify({ version: 'v'.repeat(300), id: 'i' }, nameOf('version.bind.'), TYPE.TXT)![0]!.rdata.length, 256);
});

test('EDNS is answered with EDNS: version, NSID, errors in words (RFC 6891, 5001, 8914)', (t) => {
  const withEdns = (edns: Partial<Edns>, question = 'www A'): Message =>
    replyTo(request(question, { edns: { ...EDNS, ...edns } }));
  t.deepEqual(withEdns({}).edns, EDNS);
  t.true(withEdns({ dnssecOk: true }).edns!.dnssecOk);
  t.deepEqual(
    withEdns({ options: [{ code: 65001, data: Uint8Array.of(1) }] }).edns!.options,
    [],
    'an option nobody knows',
  );
  const nsid = withEdns({ options: [{ code: OPTION.NSID, data: new Uint8Array(0) }] }).edns!.options;
  t.deepEqual(
    nsid.map(({ code, data }) => [code, Buffer.from(data).toString()]),
    [[OPTION.NSID, 'ns.test']],
  );
  t.like(withEdns({ version: 1 }), { rcode: RCODE.BADVERS, answers: [], edns: { version: 0 } });
  t.is(extendedErrorText(withEdns({}, 'other. A').edns), 'no zone of this server');
  const { edns } = withEdns({}, 'gone. A');
  t.is(edns!.options[0]!.data[1], EDE.NOT_READY);
  t.is(extendedErrorText(edns), 'this zone has no data now');
});

test('that a zone has expired is another error than that it never came (RFC 8914 4.15, 4.25)', (t) => {
  const authority = served({ isTransferOpen: true });
  authority.zones.await(nameOf('late.'), 'expired');
  for (const question of ['www.late. A', 'late. AXFR']) {
    const reply = replyTo(request(question, { edns: EDNS }), { authority, transport: 'tcp' });
    t.is(reply.rcode, RCODE.SERVFAIL);
    t.is(reply.edns!.options[0]!.data[1], EDE.INVALID_DATA);
    t.is(extendedErrorText(reply.edns), 'this zone has expired: its primary was not reached in time');
  }
});

test('a reply has the size that its client takes, and is empty where it is cut', (t) => {
  const authority = served();
  authority.zones.set(
    zoneOf(Array.from({ length: 40 }, (_, i) => `big 60 TXT "${String(i).padStart(20, '-')}"`).join('\n')),
  );
  const size = (edns: Partial<Edns> | undefined, key?: TsigKey, transport: Transport = 'udp'): number => {
    const options = { authority, transport, ...(key === undefined ? {} : { key }) };
    const octets = octetsIn(
      received(request('big TXT', edns === undefined ? {} : { edns: { ...EDNS, ...edns } }), options),
    );
    const reply = given(decodeMessage(octets));
    t.is(reply.tc, reply.answers.length === 0);
    t.is(reply.questions.length, 1);
    t.is(reply.tsig !== undefined, key !== undefined);
    return reply.tc ? -octets.length : octets.length;
  };
  const whole = size(undefined, undefined, 'tcp');
  t.true(whole > 1232 && whole < 1400);
  for (const edns of [undefined, {}, { udpSize: 0 }, { udpSize: 4096 }])
    t.true(size(edns) < 0, 'no more than 1232 octets');
  authority.zones.set(
    zoneOf(Array.from({ length: 30 }, (_, i) => `big 60 TXT "${String(i).padStart(20, '-')}"`).join('\n')),
  );
  const fits = size(undefined, undefined, 'tcp');
  t.true(fits > 900 && fits < 1100);
  t.true(size(undefined) < 0, '512 octets without EDNS');
  t.true(size({ udpSize: 512 }) < 0);
  t.is(size({ udpSize: fits + 11 }), fits + 11);
  t.true(size({ udpSize: fits + 10 }) < 0);
  t.true(size({ udpSize: fits + 11 }, TRANSFER) < 0, 'the signature takes its room');
  t.true(size({ udpSize: 4096 }, TRANSFER) > fits);
});

test('a zone without data is SERVFAIL, what is served below it is not', (t) => {
  const authority = served();
  const child = Zone.fromRecords(nameOf('child.gone.'), recordsFrom(`child.gone. 60 ${SOA.slice(6)}`))!;
  authority.zones.set(child);
  t.is(rcodeTo(request('gone. SOA'), { authority }), 'SERVFAIL');
  t.is(rcodeTo(request('x.gone. A'), { authority }), 'SERVFAIL');
  t.is(rcodeTo(request('child.gone. SOA'), { authority }), 'NOERROR');
  t.is(rcodeTo(request('child.gone. DS'), { authority }), 'SERVFAIL', 'which is of the zone above');
  const all = { ...authority, keys: new KeyTable([keyNamed('k._transfer')]) };
  t.is(rcodeTo(request('gone. AXFR'), { authority: all, transport: 'tcp', key: keyNamed('k._transfer') }), 'SERVFAIL');
});

test('signed requests get signed replies, also over UDP and when they are refused', (t) => {
  for (const question of ['www A', 'nothing A', 'other. A']) {
    const octets = sign(encodeMessage(request(question)), NOTIFY, { now: NOW });
    const outcome = receive(new Responder(served()), octets.octets, 'udp', NOW);
    const reply = given(decodeMessage(octetsIn(outcome)));
    t.true(verify(octetsIn(outcome), reply.tsig!, NOTIFY, { now: NOW, priorMac: octets.mac }).ok, question);
  }
});

test('a signature that is wrong is NOTAUTH with an unsigned error (RFC 8945 5.2)', (t) => {
  const refused = (octets: Uint8Array, error: number): void => {
    const outcome = received(octets);
    const reply = given(decodeMessage(octetsIn(outcome)));
    t.like(reply, { id: ID, rcode: RCODE.NOTAUTH, answers: [], tsig: { error, mac: new Uint8Array(0) } });
    t.is(reply.edns?.udpSize, 1232, 'EDNS as in the request');
    t.is(reply.questions.length, 1);
    t.true(outcome.kind === 'reply' && outcome.what !== undefined);
  };
  const query = encodeMessage(request('www A', { edns: EDNS }));
  const [sha1] = TSIG_ALGORITHMS;
  refused(sign(query, keyNamed('nobody._update.example'), { now: NOW }).octets, TSIG_ERROR.BADKEY);
  refused(
    sign(query, tsigKey(UPDATE.name, sha1!, Buffer.from(SECRET, 'base64')), { now: NOW }).octets,
    TSIG_ERROR.BADKEY,
  );
  refused(
    sign(query, tsigKey(UPDATE.name, UPDATE.algorithm, Buffer.from('wrong')), { now: NOW }).octets,
    TSIG_ERROR.BADSIG,
  );
  const changed = sign(query, UPDATE, { now: NOW }).octets;
  changed[14]! ^= 1;
  refused(changed, TSIG_ERROR.BADSIG);
});

test('a clock that is off is told the time, signed (RFC 8945 5.2.3)', (t) => {
  for (const time of [NOW - 301, NOW + 301]) {
    const asked = sign(encodeMessage(request('www A')), UPDATE, { now: time });
    const octets = octetsIn(received(asked.octets));
    const reply = given(decodeMessage(octets));
    t.like(reply, { rcode: RCODE.NOTAUTH, answers: [], tsig: { error: TSIG_ERROR.BADTIME, timeSigned: time } });
    t.is(Buffer.from(reply.tsig!.other).readUIntBE(0, 6), NOW);
    t.true(verify(octets, reply.tsig!, UPDATE, { now: time, priorMac: asked.mac }).ok, 'by the clock of the client');
  }
  t.is(rcodeTo(sign(encodeMessage(request('www A')), UPDATE, { now: NOW - 300 }).octets), 'NOERROR');
});

test('a MAC of an impossible size is FORMERR without a signature', (t) => {
  const octets = sign(
    encodeMessage(request('www A')),
    { ...UPDATE, algorithm: { ...UPDATE.algorithm, hash: 'sha1' } },
    { now: NOW },
  ).octets;
  t.is(rcodeTo(octets), 'NOTAUTH', '20 octets, more than half, are a truncated MAC');
  const message = given(decodeMessage(octets));
  const short = Buffer.concat([
    octets.subarray(0, octets.length - 26),
    Buffer.from('00051122334455', 'hex'),
    octets.subarray(-6),
  ]);
  const lengthAt = message.tsig!.start + UPDATE.name.wire.length + 8;
  short.writeUInt16BE(short.readUInt16BE(lengthAt) - 17 + 2, lengthAt);
  const reply = receive(new Responder(served()), short, 'udp', NOW);
  t.is(printRcode(given(decodeMessage(octetsIn(reply))).rcode), 'FORMERR');
});

test('a forwarder may change the ID (RFC 8945 5.3)', (t) => {
  const { octets, mac } = sign(encodeMessage(request('www A')), UPDATE, { now: NOW });
  octets.set([0xab, 0xcd], 0);
  const reply = octetsIn(received(octets));
  const decoded = given(decodeMessage(reply));
  t.like(decoded, { id: 0xabcd, rcode: RCODE.NOERROR });
  const back = Uint8Array.from(reply);
  back.set([ID >> 8, ID & 0xff], 0);
  t.true(verify(back, given(decodeMessage(back)).tsig!, UPDATE, { now: NOW, priorMac: mac }).ok);
});

test('an UPDATE is handed out when it is signed by an update key, and refused by a secondary', (t) => {
  const update = request('example. SOA', {
    opcode: OPCODE.UPDATE,
    authorities: recordsFrom('x 60 A 192.0.2.9', origin),
  });
  t.is(rcodeTo(update), 'REFUSED');
  t.is(rcodeTo(update, { transport: 'tcp' }), 'REFUSED');
  t.is(rcodeTo(update, { key: TRANSFER }), 'REFUSED');
  t.is(rcodeTo(update, { key: UPDATE, authority: served({ isPrimary: false }) }), 'REFUSED');
  const outcome = received(update, { key: UPDATE });
  if (outcome.kind !== 'update') return t.fail(outcome.kind);
  t.is(outcome.update.operations.length, 1);
  const options = { now: NOW, identity: { version: '', id: '' }, ede: { code: 0, text: 'because' } };
  const reply = given(decodeMessage(replyWith(outcome.request, RCODE.YXRRSET, options)));
  t.like(reply, { id: ID, opcode: OPCODE.UPDATE, qr: true, aa: false, rcode: RCODE.YXRRSET });
  t.truthy(reply.tsig);
  t.is(reply.edns, undefined, 'words only for those who speak EDNS');
});

test('a secondary that forwards hands a signed UPDATE of a zone of its own out as it came, whoever signed it', (t) => {
  const authority = served({ isPrimary: false, forwardsOver: 'plain' });
  const update = request('example. SOA', {
    opcode: OPCODE.UPDATE,
    authorities: recordsFrom('x 60 A 192.0.2.9', origin),
  });
  for (const key of [UPDATE, keyNamed('stranger._update.example')]) {
    const { octets } = sign(encodeMessage(update), key, { now: NOW - 10_000 });
    const outcome = received(octets, { authority });
    if (outcome.kind !== 'forward') return t.fail(outcome.kind);
    t.deepEqual(outcome.octets, octets);
    t.not(outcome.octets, octets, 'the octets may be written over');
    t.true(outcome.zone.equals(origin));
  }
  t.is(rcodeTo(update, { authority }), 'REFUSED', 'nobody has signed it');
  t.is(rcodeTo(request('other. SOA', { opcode: OPCODE.UPDATE }), { key: UPDATE, authority }), 'NOTAUTH');
  t.is(rcodeTo(request('example. A', { opcode: OPCODE.UPDATE }), { key: UPDATE, authority }), 'FORMERR');
  t.is(
    received(update, { key: UPDATE, authority: served({ forwardsOver: 'plain' }) }).kind,
    'update',
    'it is ours to do',
  );
});

test('of an UPDATE that is passed on it is known whether its sender has the address that it came from', (t) => {
  const jar = { secrets: [new Uint8Array(16)], isRequired: false };
  const responder = new Responder(served({ isPrimary: false, forwardsOver: 'plain' }), { cookies: jar });
  const proven = (address: string, transport: Transport, cookie?: Uint8Array): boolean | undefined => {
    const options = cookie === undefined ? [] : [{ code: OPTION.COOKIE, data: cookie }];
    const update = { ...request('example. SOA', { opcode: OPCODE.UPDATE }), edns: { ...EDNS, options } };
    responder.from(ClientAddress.of(address), 0);
    const outcome = receive(responder, sign(encodeMessage(update), UPDATE, { now: NOW }).octets, transport, NOW);
    return outcome.kind === 'forward' ? outcome.isProven : undefined;
  };
  const shown = { cookie: Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]), cookieLength: 8 };
  const cookie = new Uint8Array(COOKIE_OCTETS);
  new CookieJar(jar).write(COOKIE.CLIENT, shown, ClientAddress.of('192.0.2.1'), NOW, cookie);
  t.true(proven('192.0.2.1', 'udp', cookie));
  t.false(proven('192.0.2.2', 'udp', cookie), 'it is the cookie of another');
  t.false(proven('192.0.2.1', 'udp', shown.cookie));
  t.false(proven('192.0.2.1', 'udp'));
  t.true(proven('192.0.2.1', 'tcp'));
});

test('an UPDATE that is passed on gets no better transport than it came over', (t) => {
  const update = request('example. SOA', { opcode: OPCODE.UPDATE });
  const { octets } = sign(encodeMessage(update), UPDATE, { now: NOW });
  const passed = (forwardsOver: 'plain' | 'tls' | 'mtls') =>
    TRANSPORTS.filter((transport) => {
      const outcome = received(octets, { authority: served({ isPrimary: false, forwardsOver }), transport });
      if (outcome.kind === 'reply') t.is(given(decodeMessage(outcome.octets)).rcode, RCODE.REFUSED);
      return outcome.kind === 'forward';
    });
  t.deepEqual(passed('plain'), ['udp', 'tcp', 'tls', 'mtls']);
  t.deepEqual(passed('tls'), ['tls', 'mtls']);
  t.deepEqual(passed('mtls'), ['mtls']);
});

test('a NOTIFY is handed out with its zone and serial, signed or not', (t) => {
  const notify = (extra: Partial<Message> = {}): Message =>
    request('example. SOA', { opcode: OPCODE.NOTIFY, aa: true, ...extra });
  const bare = received(notify());
  t.like(bare, { kind: 'notify', request: { key: undefined } });
  t.is(bare.kind === 'notify' ? bare.serial : 0, undefined);
  t.like(received(notify({ answers: [V2.soaRecord()] }), { key: NOTIFY }), {
    kind: 'notify',
    serial: 2,
    request: { key: NOTIFY },
  });
  const other = received(notify({ answers: recordsFrom(`other. 60 ${SOA.slice(6)}`) }));
  t.is(other.kind === 'notify' ? other.serial : 0, undefined, 'the serial of another zone');
  t.is(rcodeTo(notify({ questions: request('example. A').questions })), 'FORMERR');
  if (bare.kind !== 'notify') return;
  const ack = given(
    decodeMessage(replyWith(bare.request, RCODE.NOERROR, { now: NOW, identity: { version: '', id: '' } })),
  );
  t.like(ack, { opcode: OPCODE.NOTIFY, qr: true, aa: true, rcode: RCODE.NOERROR });
});

test('a signed SOA query over TCP registers its connection, whatever its answer', (t) => {
  const registers = (
    question: string,
    key: TsigKey | undefined,
    transport: Transport,
    authority = served(),
  ): string | undefined => {
    const outcome = received(request(question), { transport, authority, ...(key === undefined ? {} : { key }) });
    return outcome.kind === 'reply'
      ? outcome.registers && `${outcome.registers.key.name} ${outcome.registers.zone}`
      : outcome.kind;
  };
  t.is(registers('example. SOA', TRANSFER, 'tcp'), 'k._transfer.example. example.');
  t.is(registers('new.example. SOA', UPDATE, 'tcp'), 'k._update.example. new.example.');
  t.is(registers('example. SOA', TRANSFER, 'udp'), undefined);
  t.is(registers('example. SOA', NOTIFY, 'tcp'), undefined);
  t.is(registers('example. SOA', undefined, 'tcp'), undefined);
  t.is(registers('example. NS', TRANSFER, 'tcp'), undefined);
  t.is(registers('other. SOA', TRANSFER, 'tcp'), undefined, 'not a zone of the key');
  const root = keyNamed('k._transfer');
  t.is(
    registers('. SOA', root, 'tcp', served({ keys: new KeyTable([root]) })),
    'k._transfer. .',
    'although the root is not served',
  );
});

test('who refreshes a copy over TCP and asks how long it may be served is told nothing on that connection', (t) => {
  const edns = { ...EDNS, options: [{ code: OPTION.EXPIRE, data: Uint8Array.of() }] };
  const outcome = received(request('example. SOA', { edns }), { key: TRANSFER, transport: 'tcp' });
  t.is(outcome.kind === 'reply' && outcome.registers, undefined);
});

test('while nobody knows which keys there are a signed request is SERVFAIL and not BADKEY', (t) => {
  const authority = served({ isReady: false });
  const key = keyNamed('other._update.example');
  const signed = replyTo(request('www A', { edns: EDNS }), { key, authority });
  t.is(printRcode(signed.rcode), 'SERVFAIL');
  t.is(signed.tsig, undefined);
  const error = signed.edns?.options.find(({ code }) => code === OPTION.EDE);
  t.is(error?.data[1], 14);
  t.is(extendedErrorText(signed.edns), 'the keys are not loaded yet');
  t.is(rcodeTo(request('www A'), { authority }), 'NOERROR');
  t.is(rcodeTo(request('www A'), { key }), 'NOTAUTH');
});
