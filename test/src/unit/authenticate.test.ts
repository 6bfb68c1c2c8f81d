/** TSIG at a server (RFC 8945 5.2, 5.3): which replies are signed, in which order a signature is judged, and that nothing throws. */

import type { Authority } from '@zonewright/common/authority/authority';
import { type Key, KeyTable, parseKey } from '@zonewright/common/authority/key';
import { withLimits } from '@zonewright/common/authority/key-limits';
import type { Outcome } from '@zonewright/common/authority/outcome';
import { receive } from '@zonewright/common/authority/receive';
import { Responder } from '@zonewright/common/authority/responder';
import { ZoneTable } from '@zonewright/common/authority/zones';
import { Writer } from '@zonewright/common/octets';
import { CLASS } from '@zonewright/common/rr/class';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE, printRcode, TSIG_ERROR } from '@zonewright/common/wire/code';
import { UDP_SIZE } from '@zonewright/common/wire/edns';
import { decodeMessage, emptyMessage, encodeMessage, type Message } from '@zonewright/common/wire/message';
import { sign, tsigKey, verify } from '@zonewright/common/wire/tsig';
import { type Tsig, writeTsig } from '@zonewright/common/wire/tsig-record';
import test from 'ava';
import fc from 'fast-check';
import { given, nameOf, zoneOf } from '../support/records.ts';

const NOW = 1_800_000_000;
const origin = nameOf('example.');
const SECRET = Buffer.from('a secret of thirty-two octets!!!');
const keyNamed = (name: string, algorithm = 'SHA256'): Key =>
  given(parseKey(`${name}:${algorithm}:${SECRET.toString('base64')}`));
const limited = (name: string, text: string): Key =>
  given(withLimits(keyNamed(name), Uint8Array.from([text.length, ...Buffer.from(text)])));

const key = keyNamed('k._update.example');
const strict = limited('strict._update.example', 'mac=full');
const mortal = limited('mortal._update.example', 'expires=2027-01-15T08:00:00Z');
const EXPIRY = NOW;
const sha1 = keyNamed('sha1._update.example', 'SHA1');

const zones = new ZoneTable();
zones.set(zoneOf('@ 60 NS ns.other.\nwww 60 A 192.0.2.1'));
const authority: Authority = {
  zones,
  keys: new KeyTable([key, strict, mortal, sha1]),
  identity: { version: 'test', id: 'test' },
  isTransferOpen: false,
  isPrimary: true,
  historyOf: () => undefined,
  expiryOf: () => 0,
};

const responder = new Responder(authority);

const question = { name: nameOf('www.example.'), type: TYPE.A, class: CLASS.IN };
const query = (change: Partial<Message> = {}): Uint8Array =>
  encodeMessage({ ...emptyMessage(0x1234, OPCODE.QUERY), questions: [question], ...change });
const octetsIn = (outcome: Outcome): Uint8Array => {
  if (outcome.kind !== 'reply') throw new Error(outcome.kind);
  return outcome.octets;
};
const replyTo = (octets: Uint8Array, now = NOW): Uint8Array => octetsIn(receive(responder, octets, 'udp', now));
const decode = (octets: Uint8Array): Message => given(decodeMessage(octets));

/** A signed query whose TSIG record is changed after signing. */
const changed = (by: Key, change: (tsig: Tsig) => Partial<Tsig>, now = NOW): Uint8Array => {
  const { octets } = sign(query(), by, { now });
  const tsig = decode(octets).tsig!;
  const out = new Writer(200_000);
  out.bytes(query());
  writeTsig({ ...tsig, ...change(tsig) }, out);
  out.patch16(10, 1);
  return out.finish();
};
const cut = (length: number) => (tsig: Tsig) => ({ mac: tsig.mac.subarray(0, length) });

/** RCODE and error of the reply, and whether it is signed by the key: `NOTAUTH 22 signed`. */
const said = (octets: Uint8Array, by: Key, now = NOW): string => {
  const reply = replyTo(octets, now);
  const message = decode(reply);
  const rcode = printRcode(message.rcode);
  if (message.tsig === undefined) return rcode;
  const request = decode(octets).tsig!;
  const { error, mac, timeSigned } = message.tsig;
  if (mac.length === 0) return `${rcode} ${error} unsigned`;
  const whole = { ...by, minMac: 0 };
  const verified = verify(reply, message.tsig, whole, { now: timeSigned, priorMac: request.mac });
  return `${rcode} ${error} ${verified.ok ? 'signed' : 'forged'}`;
};

test('a signature is judged by its key, then the size of its MAC, the MAC, the time, and its truncation (RFC 8945 5.2)', (t) => {
  const nobody = keyNamed('nobody._update.example');
  t.is(said(changed(nobody, cut(3)), nobody), 'NOTAUTH 17 unsigned', 'the key before the size');
  t.is(said(changed(keyNamed('k._update.example', 'SHA1'), cut(3)), key), 'NOTAUTH 17 unsigned', 'its algorithm, too');
  t.is(
    said(
      changed(key, () => ({ mac: new Uint8Array(15) })),
      key,
    ),
    'FORMERR',
    'the size before the MAC',
  );
  t.is(
    said(
      changed(key, () => ({ mac: new Uint8Array(16) }), 1),
      key,
    ),
    'NOTAUTH 16 unsigned',
    'the MAC before the time',
  );
  t.is(said(changed(strict, cut(16), 1), strict), 'NOTAUTH 18 signed', 'the time before the truncation');
  t.is(said(changed(strict, cut(16)), strict), 'NOTAUTH 22 signed');
  t.is(said(changed(strict, cut(31)), strict), 'NOTAUTH 22 signed');
  t.is(
    said(
      changed(strict, () => ({})),
      strict,
    ),
    'NOERROR 0 signed',
  );
});

test('truncated MACs are taken down to half the hash, of SHA-1 to ten octets', (t) => {
  t.is(said(changed(key, cut(16)), key), 'NOERROR 0 signed');
  t.is(said(changed(key, cut(15)), key), 'FORMERR');
  t.is(said(changed(sha1, cut(10)), sha1), 'NOERROR 0 signed');
  t.is(said(changed(sha1, cut(9)), sha1), 'FORMERR');
  t.is(said(changed(key, cut(0)), key), 'FORMERR');
});

test('BADTIME repeats the time and the fudge of the client and tells that of the server; BADTRUNC tells none', (t) => {
  const late = sign(query(), key, { now: NOW - 400, fudge: 77 }).octets;
  const tsig = decode(replyTo(late)).tsig!;
  t.like(tsig, { timeSigned: NOW - 400, fudge: 77, originalId: 0x1234 });
  t.is(Buffer.from(tsig.other).readUIntBE(0, 6), NOW);
  const short = decode(replyTo(changed(strict, cut(16)))).tsig!;
  t.like(short, { timeSigned: NOW, error: TSIG_ERROR.BADTRUNC });
  t.is(short.other.length, 0);
});

test('a key that has expired is as if it were gone, and only its holder learns when', (t) => {
  const at = (now: number, by = mortal): string => said(sign(query(), by, { now }).octets, mortal, now);
  t.is(at(EXPIRY - 1), 'NOERROR 0 signed');
  t.is(at(EXPIRY), 'NOTAUTH 17 unsigned');
  t.is(at(EXPIRY + 1), 'NOTAUTH 17 unsigned');
  const guess: Key = { ...mortal, ...tsigKey(mortal.name, mortal.algorithm, Buffer.from('another')) };
  for (const now of [EXPIRY - 1, EXPIRY]) t.is(at(now, guess), 'NOTAUTH 16 unsigned');
  const outcome = receive(responder, sign(query(), mortal, { now: EXPIRY }).octets, 'udp', EXPIRY);
  t.is(outcome.kind === 'reply' && outcome.what, 'key mortal._update.example. has expired');
});

test('every reply to a request whose signature was right is signed, whatever it says', (t) => {
  const all: readonly (readonly [string, Partial<Message>])[] = [
    ['NOERROR', {}],
    ['NXDOMAIN', { questions: [{ ...question, name: nameOf('nothing.example.') }] }],
    ['REFUSED', { questions: [{ ...question, name: nameOf('www.other.') }] }],
    ['REFUSED', { questions: [{ ...question, class: CLASS.ANY }] }],
    ['FORMERR', { questions: [] }],
    ['FORMERR', { questions: [question, question] }],
    ['NOTIMP', { opcode: OPCODE.STATUS }],
    ['BADVERS', { edns: { udpSize: 1232, version: 1, dnssecOk: false, options: [] } }],
    ['NOTAUTH', { opcode: OPCODE.UPDATE, questions: [{ ...question, name: nameOf('other.'), type: TYPE.SOA }] }],
    ['FORMERR', { opcode: OPCODE.UPDATE, questions: [{ ...question, name: origin }] }],
    ['FORMERR', { opcode: OPCODE.NOTIFY }],
  ];
  for (const [rcode, change] of all)
    t.is(said(sign(query(change), key, { now: NOW }).octets, key), `${rcode} 0 signed`, JSON.stringify(change));
});

test('a TSIG record that is not alone, not last, or not in its form is FORMERR', (t) => {
  const { octets } = sign(query(), key, { now: NOW });
  const start = query().length;
  const record = octets.subarray(start);
  const header = (additional: number, more: Uint8Array, before: Uint8Array = new Uint8Array(0)): Uint8Array => {
    const message = Buffer.concat([query(), before, more]);
    message.writeUInt16BE(additional, 10);
    return message;
  };
  const patch = (at: number, ...values: readonly number[]): Uint8Array => {
    const message = Uint8Array.from(octets);
    message.set(values, start + key.name.wire.length + at);
    return message;
  };
  const address = Buffer.from('0000010001000000000004c0000201', 'hex');
  const rdata = 10;
  const macLength = rdata + key.algorithm.name.wire.length + 8;
  for (const [what, message] of [
    ['twice', header(2, Buffer.concat([record, record]))],
    ['not last', header(2, Buffer.concat([record, address]))],
    ['class IN', patch(2, 0, 1)],
    ['class NONE', patch(2, 0, 254)],
    ['a TTL', patch(4, 0, 0, 0, 1)],
    ['a TTL below zero', patch(4, 0x80, 0, 0, 0)],
    ['no data', header(1, record.subarray(0, key.name.wire.length + 8), new Uint8Array(0))],
    ['a MAC that is longer than the record', patch(macLength, 0xff, 0xff)],
    ['other data of 65535 octets that are not there', patch(macLength + 2 + 32 + 4, 0xff, 0xff)],
    ['an algorithm compressed', patch(rdata, 0xc0, 12)],
    ['octets after other data', header(1, Buffer.concat([record, Buffer.of(0)]))],
  ] as const)
    t.is(printRcode(decode(replyTo(message)).rcode), 'FORMERR', what);
  const answer = Uint8Array.from(octets);
  answer.set([0, 1, 0, 0, 0, 0], 6);
  t.is(printRcode(decode(replyTo(answer)).rcode), 'FORMERR', 'in the answer section');
  t.is(
    said(header(2, record, address), key),
    'NOTAUTH 16 unsigned',
    'another record before it is well formed, not what was signed',
  );
});

test('other data of any length is read, and belongs to what is signed', (t) => {
  for (const length of [1, 6, 7, 60_000, 65_000])
    t.is(
      said(
        changed(key, () => ({ other: new Uint8Array(length) })),
        key,
      ),
      'NOTAUTH 16 unsigned',
      `${length}`,
    );
});

const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);

test('no octets make it throw, and every reply can be read and fits', (t) => {
  const requests = [
    sign(query(), key, { now: NOW }).octets,
    sign(query({ edns: { udpSize: 4096, version: 0, dnssecOk: true, options: [] } }), strict, { now: NOW }).octets,
    sign(query({ opcode: OPCODE.UPDATE, questions: [{ ...question, name: origin, type: TYPE.SOA }] }), sha1, {
      now: NOW,
    }).octets,
  ];
  const mutation = fc.record({
    of: fc.integer({ min: 0, max: requests.length - 1 }),
    octets: fc.array(fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.nat(255)), { maxLength: 6 }),
    end: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
    more: fc.uint8Array({ maxLength: 20 }),
    now: fc.constantFrom(NOW, 0, 2 ** 48),
  });
  fc.assert(
    fc.property(mutation, ({ of, octets, end, more, now }) => {
      const message = Uint8Array.from([
        ...requests[of]!.subarray(0, end === null ? undefined : Math.floor(end * requests[of]!.length)),
        ...more,
      ]);
      for (const [at, octet] of octets) message[Math.floor(at * message.length)] = octet;
      const outcome = receive(responder, message, 'udp', now);
      if (outcome.kind !== 'reply') return;
      const reply = decodeMessage(outcome.octets);
      if (!reply.ok) throw new Error(reply.fault.what);
      if (outcome.octets.length > UDP_SIZE) throw new Error(`${outcome.octets.length} octets`);
    }),
    { seed, numRuns: 20_000 },
  );
  t.pass();
});

test('whatever stands in the fields of a TSIG record, the answer is one of those that RFC 8945 names', (t) => {
  const fields = fc.record(
    {
      timeSigned: fc.constantFrom(0, 1, NOW, 2 ** 31, 2 ** 32, 2 ** 48 - 1),
      fudge: fc.constantFrom(0, 1, 300, 65_535),
      mac: fc.uint8Array({ maxLength: 70 }),
      originalId: fc.nat(65_535),
      error: fc.nat(65_535),
      other: fc.uint8Array({ maxLength: 40 }),
      algorithm: fc.constantFrom(
        ...['hmac-sha256.', 'HMAC-SHA512.', 'hmac-md5.sig-alg.reg.int.', '.'].map((text) => nameOf(text)),
      ),
    },
    { requiredKeys: [] },
  );
  const expected = /^(NOERROR 0 signed|FORMERR|NOTAUTH (16|17) unsigned|NOTAUTH (18|22) signed)$/;
  fc.assert(
    fc.property(fc.constantFrom(key, strict, sha1, mortal), fields, (by, change) => {
      const answer = said(
        changed(by, () => change),
        by,
      );
      if (!expected.test(answer)) throw new Error(answer);
    }),
    { seed, numRuns: 5000 },
  );
  t.pass();
});
