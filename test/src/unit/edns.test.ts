/** EDNS (RFC 6891): what the OPT record of a request may say, and what that of a reply says then. */

import { ClientAddress } from '@zonewright/common/authority/client-address';
import { COOKIE, CookieJar, type CookieSettings } from '@zonewright/common/authority/cookie';
import { EdnsReply } from '@zonewright/common/authority/edns-reply';
import { EdnsRequest } from '@zonewright/common/authority/edns-request';
import type { RateLimit } from '@zonewright/common/authority/rate-limit';
import { receive, replyWith } from '@zonewright/common/authority/receive';
import { finishReply, type ReplyOptions, type Request, showCookie } from '@zonewright/common/authority/request';
import { Responder, type ResponderSettings } from '@zonewright/common/authority/responder';
import type { Transport } from '@zonewright/common/authority/transport';
import { RCODE } from '@zonewright/common/wire/code';
import { EDE, type Edns, extendedError, OPTION } from '@zonewright/common/wire/edns';
import { decodeMessage, type Message, responseTo } from '@zonewright/common/wire/message';
import test from 'ava';
import fc from 'fast-check';
import { ask, authorityOf, NOW } from '../support/answering.ts';
import { given, zoneOf } from '../support/records.ts';

const octets = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const option = (code: number, data = ''): string =>
  [code, data.length / 2].map((value) => value.toString(16).padStart(4, '0')).join('') + data;

/** What an OPT record of these options says; `undefined`: one is cut short. */
const asked = (options: string, udpSize = 1232, ttl = 0): EdnsRequest | undefined => {
  const request = new EdnsRequest();
  // In the middle of a message: what stands before and behind is not its own.
  const around = octets(`ffff${options}000a0008`);
  return request.read(around, 2, options.length / 2, udpSize, ttl) ? request : undefined;
};

const ALL = [OPTION.NSID, OPTION.EXPIRE, OPTION.KEEPALIVE, OPTION.ZONEVERSION, OPTION.PADDING].map((code) =>
  option(code),
);
const CLIENT = '0102030405060708';

test('a request says its UDP size, version and DO bit, and which options it wants', (t) => {
  const bare = asked('', 4096, 0x8000)!;
  t.like(bare, { isPresent: true, udpSize: 4096, version: 0, isDnssecOk: true, hasNsid: false, cookieLength: 0 });
  t.like(asked(ALL.join('') + option(OPTION.COOKIE, CLIENT))!, {
    isDnssecOk: false,
    hasNsid: true,
    hasExpire: true,
    hasKeepalive: true,
    hasZoneVersion: true,
    hasPadding: true,
    cookieLength: 8,
    isCookieMalformed: false,
  });
  t.is(asked('', 1232, 0xff7f7fff)!.isDnssecOk, false, 'flags that nobody knows');
});

test('a UDP size below 512 is 512, and 65535 is taken as it is', (t) => {
  for (const [said, taken] of [
    [0, 512],
    [511, 512],
    [512, 512],
    [65_535, 65_535],
  ] as const)
    t.is(asked('', said)!.udpSize, taken);
});

test('an option cut short is a fault, wherever it is cut', (t) => {
  const whole = option(OPTION.NSID) + option(65_001, 'abcd') + option(OPTION.COOKIE, CLIENT);
  const ends = [0, 4, 10, 22];
  for (let length = 0; length <= whole.length / 2; length++)
    t.is(asked(whole.slice(0, 2 * length)) !== undefined, ends.includes(length), `${length} octets`);
  t.is(asked('0003ffff'), undefined);
});

test('options of a version that nobody knows are not read', (t) => {
  t.like(asked('0003ffff', 1232, 0x00010000)!, { version: 1, hasNsid: false });
  t.like(asked(option(OPTION.COOKIE, '00'), 1232, 0x00ff0000)!, { version: 255, isCookieMalformed: false });
});

test('a cookie has 8 octets, or 16 to 40', (t) => {
  for (let length = 0; length <= 45; length++) {
    const isFit = length === 8 || (length >= 16 && length <= 40);
    const request = asked(option(OPTION.COOKIE, 'ab'.repeat(length)))!;
    t.is(request.isCookieMalformed, !isFit, `${length} octets`);
    t.is(request.cookieLength, isFit ? length : 0);
  }
});

test('of an option that stands there twice the first counts', (t) => {
  const request = asked(option(OPTION.COOKIE, CLIENT) + option(OPTION.COOKIE, 'ff'.repeat(7)))!;
  t.like(request, { cookieLength: 8, isCookieMalformed: false });
  t.is(hex(request.cookie.subarray(0, 8)), CLIENT);
  t.true(asked(option(OPTION.COOKIE, 'ff'.repeat(7)) + option(OPTION.COOKIE, CLIENT))!.isCookieMalformed);
});

test('data in an option that should have none is ignored, but a time-out from a client is no wish', (t) => {
  t.like(
    asked([OPTION.NSID, OPTION.EXPIRE, OPTION.ZONEVERSION, OPTION.KEEPALIVE].map((it) => option(it, 'abcd')).join(''))!,
    {
      hasNsid: true,
      hasExpire: true,
      hasZoneVersion: true,
      hasKeepalive: false,
    },
  );
});

test('nothing of a request is left over in the next one', (t) => {
  const request = asked(ALL.join('') + option(OPTION.COOKIE, CLIENT), 4096, 0x8000)!;
  request.clear();
  t.deepEqual({ ...request, cookie: undefined }, { ...new EdnsRequest(), cookie: undefined });
});

test('the codec and the reader of octets say the same of every OPT record', (t) => {
  const data = fc.uint8Array({ maxLength: 45 }).map((bytes) => hex(bytes));
  const code = fc.oneof(fc.constantFrom(...Object.values(OPTION)), fc.nat(65_535));
  const options = fc
    .array(
      fc.tuple(code, data).map(([it, content]) => option(it, content)),
      { maxLength: 5 },
    )
    .chain((all) => fc.tuple(fc.constant(all.join('')), fc.nat(3)))
    .map(([all, cut]) => all.slice(0, Math.max(0, all.length - 2 * cut)));
  const header = octets('0007 0000 0000 0000 0000 0001 00 0029');
  fc.assert(
    fc.property(options, fc.nat(65_535), fc.integer({ min: 0, max: 0xffffff }), (all, size, flags) => {
      const ttl = flags & 0x1ffff;
      const rest = [
        size >> 8,
        size & 255,
        0,
        ttl >> 16,
        (ttl >> 8) & 255,
        ttl & 255,
        all.length >> 9,
        (all.length >> 1) & 255,
      ];
      const message = decodeMessage(Uint8Array.from([...header, ...rest, ...octets(all)]));
      const request = asked(all, size, ttl);
      t.is(message.ok, request !== undefined && !request.isCookieMalformed);
      if (!message.ok || request === undefined) return;
      const value = new EdnsRequest();
      value.readValue(message.value.edns);
      t.deepEqual({ ...value }, { ...request });
    }),
  );
});

const NAME = Buffer.from('ns.test');

interface Said {
  readonly keepalive?: number;
  readonly expire?: number;
  readonly zone?: readonly [labels: number, serial: number];
  readonly error?: string;
  readonly room?: number;
  readonly rcode?: number;
}

const jar = new CookieJar({ secrets: [new Uint8Array(16)], isRequired: false });
const client = new ClientAddress();
client.read('192.0.2.1');

/** The OPT record of the reply to a request, and the reply that it makes with a header. */
const said = (
  request: EdnsRequest,
  { keepalive, expire, zone, error, room, rcode = 0 }: Said,
): [Uint8Array, Message] => {
  const reply = new EdnsReply(NAME);
  reply.begin(request);
  reply.cookie(request, jar, jar.judge(request, client, 1e9), client, 1e9);
  if (keepalive !== undefined) reply.keepalive(request, keepalive);
  if (expire !== undefined) reply.expire(request, expire);
  if (zone !== undefined) reply.zoneVersion(request, ...zone);
  if (error !== undefined) reply.error(extendedError(EDE.NOT_READY, error).data);
  if (room !== undefined) reply.fit(room);
  const out = new Uint8Array(300);
  const size = reply.write(out, 0, rcode);
  const written = out.slice(0, size);
  const count = size === 0 ? 0 : 1;
  const header = [0, 7, 0x80, rcode & 15, 0, 0, 0, 0, 0, 0, 0, count];
  const message = given(decodeMessage(Uint8Array.from([...header, ...written])));
  if (size !== reply.size()) throw new Error(`${size} octets, not ${reply.size()}`);
  if (
    message.edns !== undefined &&
    hex(Buffer.concat(reply.options().map(({ data }) => data))) !==
      hex(Buffer.concat(message.edns.options.map(({ data }) => data)))
  )
    throw new Error('the options as values are others');
  return [written, message];
};

/** The options of the reply: code and data. */
const told = (request: EdnsRequest, what: Said): Record<string, string> => {
  const edns = said(request, what)[1].edns as Edns;
  const names = new Map<number, string>(Object.entries(OPTION).map(([name, code]) => [code, name]));
  return Object.fromEntries(edns.options.map(({ code, data }) => [names.get(code)!, hex(data)]));
};

const EVERYTHING: Said = { keepalive: 300, expire: 604_800, zone: [2, 4_000_000_000], error: 'wait' };

test('a reply to a request without EDNS has no OPT record', (t) => {
  const [written, message] = said(new EdnsRequest(), EVERYTHING);
  t.is(written.length, 0);
  t.is(message.edns, undefined);
});

test('a reply has version 0, our size, the DO bit of the request, and the upper bits of the RCODE', (t) => {
  const [, badVersion] = said(asked('', 512, 0x00018000)!, { rcode: RCODE.BADVERS });
  t.is(badVersion.rcode, RCODE.BADVERS);
  t.deepEqual(badVersion.edns, { udpSize: 1232, version: 0, dnssecOk: true, options: [] });
  t.is(said(asked('')!, { rcode: RCODE.BADCOOKIE })[1].rcode, 23);
});

test('unknown options, and those not asked for, are not in the reply', (t) => {
  t.deepEqual(told(asked(option(65_001, 'abcd'))!, { keepalive: 300, expire: 1, zone: [2, 1] }), {});
});

test('what is asked for is told: NSID, EXPIRE, ZONEVERSION, keepalive, a cookie, and why (RFC 5001, 7314, 9660, 7828, 7873, 8914)', (t) => {
  const { COOKIE: cookie, ...others } = told(asked(ALL.join('') + option(OPTION.COOKIE, CLIENT))!, EVERYTHING);
  t.deepEqual(others, {
    NSID: hex(NAME),
    EXPIRE: '00093a80',
    KEEPALIVE: '012c',
    ZONEVERSION: '0200ee6b2800',
    EDE: `000e${hex(Buffer.from('wait'))}`,
  });
  t.regex(cookie!, new RegExp(`^${CLIENT}01000000`));
  const again = asked(option(OPTION.COOKIE, cookie))!;
  t.is(jar.judge(again, client, 1e9), COOKIE.GOOD);
  t.deepEqual(told(again, {}), { COOKIE: cookie });
});

test('what has no room is dropped: the text of the error first, the cookie last, the bare record never', (t) => {
  const request = asked(ALL.join('') + option(OPTION.COOKIE, CLIENT))!;
  const whole = said(request, EVERYTHING)[0].length;
  const seen: string[] = [];
  for (let room = whole; room >= 0; room--) {
    const [written] = said(request, { ...EVERYTHING, room });
    t.true(written.length <= Math.max(room, 11), `${room} octets`);
    const all = Object.entries(told(request, { ...EVERYTHING, room })).map(([name, data]) =>
      data === '000e' ? 'EDE without text' : name,
    );
    if (all.join() !== seen.at(-1)) seen.push(all.join());
  }
  t.deepEqual(seen, [
    'COOKIE,KEEPALIVE,EXPIRE,ZONEVERSION,NSID,EDE',
    'COOKIE,KEEPALIVE,EXPIRE,ZONEVERSION,NSID,EDE without text',
    'COOKIE,KEEPALIVE,EXPIRE,ZONEVERSION,NSID',
    'COOKIE,KEEPALIVE,EXPIRE,ZONEVERSION',
    'COOKIE,KEEPALIVE,EXPIRE',
    'COOKIE,KEEPALIVE',
    'COOKIE',
    '',
  ]);
});

test('a reply says nothing of the one before', (t) => {
  const reply = new EdnsReply(NAME);
  const request = asked(ALL.join('') + option(OPTION.COOKIE, CLIENT))!;
  reply.begin(request);
  reply.cookie(request, jar, COOKIE.CLIENT, client, 1e9);
  reply.error(extendedError(EDE.OTHER, 'no').data);
  reply.zoneVersion(request, 1, 1);
  reply.begin(asked('')!);
  t.is(reply.size(), 11);
  t.deepEqual(reply.options(), []);
});

test('the message of a client without an address gets no cookie', (t) => {
  const reply = new EdnsReply(NAME);
  const request = asked(option(OPTION.COOKIE, CLIENT))!;
  reply.begin(request);
  reply.cookie(request, jar, COOKIE.CLIENT, new ClientAddress(), 1e9);
  t.deepEqual(reply.options(), []);
});

// A whole message and its reply.

const authority = authorityOf(zoneOf('@ 60 NS ns.other.\nwww 60 A 192.0.2.1'));
const cookies: CookieSettings = { secrets: [new Uint8Array(16)], isRequired: false };
const responderWith = (settings: ResponderSettings = {}): Responder => {
  const responder = new Responder(authority, settings);
  responder.from(ClientAddress.of('192.0.2.1'), 0);
  return responder;
};

const QUESTION = '03777777 076578616d706c65 00 0001 0001';
/** An OPT record: owner, size, TTL, options. */
const opt = (options = '', { owner = '00', size = 1232, ttl = 0 } = {}): string =>
  [owner, '0029', size.toString(16).padStart(4, '0'), ttl.toString(16).padStart(8, '0')].join('') +
  (options.length / 2).toString(16).padStart(4, '0') +
  options;
const queryWith = (...records: string[]): Uint8Array =>
  octets(`1234 0100 0001 0000 0000 ${records.length.toString(16).padStart(4, '0')} ${QUESTION} ${records.join('')}`);

/** The reply to a query for `www.example. A` with these additional records. */
const replyTo = (...records: string[]): Message => {
  const outcome = receive(responderWith(), queryWith(...records), 'udp', NOW);
  if (outcome.kind !== 'reply') throw new Error(outcome.kind);
  return given(decodeMessage(outcome.octets));
};

test('a version that is not ours is BADVERS with version 0, whatever its options say', (t) => {
  for (const version of [1, 2, 255]) {
    for (const options of ['', '0003ffff', option(OPTION.COOKIE, '00')]) {
      const reply = replyTo(opt(options, { ttl: (version << 16) >>> 0 }));
      t.like(reply, { rcode: RCODE.BADVERS, answers: [], edns: { version: 0, udpSize: 1232, options: [] } });
    }
  }
});

test('several OPT records are FORMERR, and so is one whose owner is not the root', (t) => {
  t.like(replyTo(opt(), opt()), { rcode: RCODE.FORMERR, edns: { version: 0 }, answers: [] });
  t.is(replyTo(opt('', { owner: 'c00c' })).rcode, RCODE.FORMERR);
});

test('a fault in the OPT record is FORMERR with an OPT record, any other without (RFC 6891 7)', (t) => {
  for (const options of ['0003', '000300', '00030001', '0003ffff', `${option(OPTION.NSID)}00`])
    t.like(replyTo(opt(options)), { rcode: RCODE.FORMERR, edns: { version: 0, options: [] } }, options);
  for (const length of [0, 1, 7, 9, 15, 41])
    t.like(replyTo(opt(option(OPTION.COOKIE, 'ab'.repeat(length)))), { rcode: RCODE.FORMERR, edns: { version: 0 } });
  t.like(replyTo('00'), { rcode: RCODE.FORMERR, edns: undefined });
});

test('a size of 0, 511 and 65535 is answered, unknown options and flags too, and none is echoed', (t) => {
  const sent = [0, 511, 65_535].map((size) => opt('', { size }));
  for (const record of [...sent, opt(option(65_001, 'abcd')), opt(option(0)), opt('', { ttl: 0x7fff })]) {
    const reply = replyTo(record);
    t.is(reply.answers.length, 1);
    t.deepEqual(reply.edns, { udpSize: 1232, version: 0, dnssecOk: false, options: [] });
  }
});

/** The reply to a query with these options that came with `how`. */
const finished = (options: string, how: Partial<Request>, extra: Partial<ReplyOptions> = {}): Message => {
  const message = given(decodeMessage(queryWith(opt(options))));
  const request: Request = { message, transport: 'udp', ...how };
  const draft = responseTo(message, RCODE.NOERROR);
  return given(decodeMessage(finishReply(request, draft, { now: NOW, identity: authority.identity, ...extra })));
};
const dataOf = (message: Message, code: number): string | undefined => {
  const found = message.edns?.options.find((it) => it.code === code);
  return found === undefined ? undefined : hex(found.data);
};

test('a reply that is built of values has the same options as any other', (t) => {
  const everything = ALL.join('') + option(OPTION.COOKIE, CLIENT);
  const { verdict, cookie } = showCookie(given(decodeMessage(queryWith(opt(everything)))), jar, client, NOW);
  t.is(verdict, COOKIE.CLIENT);
  const zone = { labels: 1, serial: 4_000_000_000 };
  const reply = finished(everything, { transport: 'tcp', cookie: cookie!, keepalive: 300 }, { zone, expire: 600 });
  t.is(dataOf(reply, OPTION.COOKIE), hex(cookie!));
  t.is(dataOf(reply, OPTION.KEEPALIVE), '012c');
  t.is(dataOf(reply, OPTION.ZONEVERSION), '0100ee6b2800');
  t.is(dataOf(reply, OPTION.EXPIRE), '00000258');
  t.is(dataOf(reply, OPTION.NSID), hex(Buffer.from('ns.test')));
  const silent = finished('', { transport: 'tcp', keepalive: 300 }, { zone, expire: 600 });
  t.deepEqual(silent.edns?.options, []);
  const shown = showCookie(given(decodeMessage(queryWith(opt(option(OPTION.COOKIE, hex(cookie!)))))), jar, client, NOW);
  t.is(shown.verdict, COOKIE.GOOD);
  t.deepEqual(showCookie(given(decodeMessage(queryWith())), jar, client, NOW), { verdict: COOKIE.NONE });
});

test('a text that is too long for the reply is left out, and the cookie stays', (t) => {
  const everything = option(OPTION.NSID) + option(OPTION.COOKIE, CLIENT);
  const cookie = new Uint8Array(24);
  const long = { code: EDE.OTHER, text: 'x'.repeat(1200) };
  const reply = finished(everything, { cookie }, { ede: long });
  t.is(dataOf(reply, OPTION.EDE), '0000');
  t.is(dataOf(reply, OPTION.COOKIE), hex(cookie));
  t.is(dataOf(reply, OPTION.NSID), hex(Buffer.from('ns.test')));
  t.is(reply.questions.length, 1);
  t.false(reply.tc);
});

/** The reply to a message that a client sends with these options; `undefined` when it is sent nothing. */
const exchanged = (
  responder: Responder,
  options: string,
  { transport = 'udp', opcode = 0, type = '0001' }: { transport?: Transport; opcode?: number; type?: string } = {},
): Message | undefined => {
  const message = queryWith(opt(options));
  message[2] = message[2]! | (opcode << 3);
  message.set(octets(type), 12 + 13);
  const outcome = receive(responder, message, transport, NOW);
  if (outcome.kind === 'notify') {
    const base = { now: NOW, identity: authority.identity };
    return given(decodeMessage(replyWith(outcome.request, RCODE.REFUSED, base)));
  }
  return outcome.kind === 'reply' ? given(decodeMessage(outcome.octets)) : undefined;
};

/** Ways to a reply: a plain answer, one by values, and one that is given later. */
const WAYS = { query: {}, transfer: { type: '00fc' }, notify: { opcode: 4, type: '0006' } } as const;

test('a bad cookie, and one that is missing, are no error; a client that sends one gets a good one, whatever it asks', (t) => {
  for (const [way, how] of Object.entries(WAYS)) {
    const responder = responderWith({ cookies });
    const first = exchanged(responder, option(OPTION.COOKIE, CLIENT), how)!;
    const cookie = dataOf(first, OPTION.COOKIE)!;
    t.regex(cookie, new RegExp(`^${CLIENT}01000000.{24}$`), way);
    t.is(dataOf(exchanged(responder, option(OPTION.COOKIE, cookie), how)!, OPTION.COOKIE), cookie, way);
    const bad = exchanged(responder, option(OPTION.COOKIE, CLIENT + 'ff'.repeat(32)), how)!;
    t.is(dataOf(bad, OPTION.COOKIE), cookie, way);
    for (const reply of [bad, exchanged(responder, '', how)!])
      t.deepEqual([reply.rcode, reply.tc], [first.rcode, false], way);
    t.is(dataOf(exchanged(responder, '', how)!, OPTION.COOKIE), undefined, way);
    t.is(dataOf(exchanged(responderWith(), option(OPTION.COOKIE, CLIENT), how)!, OPTION.COOKIE), undefined, way);
  }
});

test('where cookies are required, over UDP only a good one is answered: BADCOOKIE for others, TC for none', (t) => {
  const responder = responderWith({ cookies: { ...cookies, isRequired: true } });
  const bad = exchanged(responder, option(OPTION.COOKIE, CLIENT))!;
  t.like(bad, { rcode: RCODE.BADCOOKIE, answers: [], tc: false });
  const good = option(OPTION.COOKIE, dataOf(bad, OPTION.COOKIE));
  t.is(exchanged(responder, good)!.answers.length, 1);
  t.like(exchanged(responder, '')!, { rcode: 0, tc: true, answers: [] });
  t.is(exchanged(responder, '', { transport: 'tcp' })!.answers.length, 1);
  t.is(exchanged(responder, option(OPTION.COOKIE, CLIENT), { transport: 'tcp' })!.answers.length, 1);
});

test('a query without a question that shows a cookie is for a cookie alone: NOERROR, or BADCOOKIE for a bad one (RFC 7873 5.4)', (t) => {
  const bare = (options: string): Uint8Array => octets(`1234 0000 0000 0000 0000 0001 ${opt(options)}`);
  const answered = (responder: Responder, shown: string): Message => {
    const outcome = receive(responder, bare(option(OPTION.COOKIE, shown)), 'udp', NOW);
    if (outcome.kind !== 'reply') throw new Error(outcome.kind);
    return given(decodeMessage(outcome.octets));
  };
  for (const isRequired of [false, true]) {
    const responder = responderWith({ cookies: { ...cookies, isRequired } });
    const first = answered(responder, CLIENT);
    t.like(first, { rcode: RCODE.NOERROR, questions: [], answers: [] });
    const cookie = dataOf(first, OPTION.COOKIE)!;
    t.regex(cookie, new RegExp(`^${CLIENT}01000000.{24}$`));
    const bad = answered(responder, CLIENT + 'ff'.repeat(16));
    t.like(bad, { rcode: RCODE.BADCOOKIE, questions: [], answers: [] });
    t.is(dataOf(bad, OPTION.COOKIE), cookie);
    const good = answered(responder, cookie);
    t.is(good.rcode, RCODE.NOERROR);
    t.is(dataOf(good, OPTION.COOKIE), cookie);
    t.like(receive(responder, bare(''), 'udp', NOW), { kind: 'reply', what: '0 questions' }, 'no cookie, no question');
  }
  const limited = responderWith({ cookies, rateLimit: { rate: 1, slip: 0, seed: 1 } });
  const cookie = dataOf(answered(limited, CLIENT), OPTION.COOKIE)!;
  t.is(receive(limited, bare(option(OPTION.COOKIE, CLIENT)), 'udp', NOW).kind, 'silence');
  t.is(answered(limited, cookie).rcode, RCODE.NOERROR, 'whoever has a good one is not held back');
  t.is(answered(responderWith(), CLIENT).rcode, RCODE.FORMERR, 'cookies are off');
});

test('the zone is told of in all that is answered from it, and nowhere else (RFC 9660 3.2); when it expires at its apex alone (RFC 7314 3)', (t) => {
  const zone = zoneOf('@ 60 NS ns\nns 60 A 192.0.2.1\nsub 60 NS ns.sub\nns.sub 60 A 192.0.2.2\nto 60 CNAME nowhere');
  const told = (question: string): string[] => {
    const options = [OPTION.ZONEVERSION, OPTION.EXPIRE].map((code) => ({ code, data: new Uint8Array(0) }));
    const reply = ask(authorityOf(zone), question, { options });
    return [OPTION.ZONEVERSION, OPTION.EXPIRE].map((code) => dataOf(reply, code) ?? '');
  };
  for (const question of ['ns.example. A', 'ns.example. TXT', 'x.example. A', 'to.example. A', 'x.sub.example. A'])
    t.deepEqual(told(question), ['010000000001', ''], question);
  t.deepEqual(told('example. SOA'), ['010000000001', '00015180']);
  for (const question of ['ns.example. SOA', 'sub.example. SOA'])
    t.deepEqual(told(question), ['010000000001', ''], `${question} is not the SOA of the zone`);
  t.deepEqual(told('elsewhere. SOA'), ['', ''], 'REFUSED');
});

test('how long a connection may be idle is told over TCP to who asks, and never over UDP (RFC 7828 3.2)', (t) => {
  const responder = responderWith({ idleTime: 30_000 });
  for (const [way, how] of Object.entries({ query: WAYS.query, notify: WAYS.notify, refused: { type: '0029' } })) {
    const asks = option(OPTION.KEEPALIVE);
    t.is(dataOf(exchanged(responder, asks, { ...how, transport: 'tcp' })!, OPTION.KEEPALIVE), '012c', way);
    t.is(dataOf(exchanged(responder, asks, how)!, OPTION.KEEPALIVE), undefined, way);
    t.is(dataOf(exchanged(responder, '', { ...how, transport: 'tcp' })!, OPTION.KEEPALIVE), undefined, way);
  }
});

test('responses too many are truncated or dropped, but not over TCP, and not with a good cookie', (t) => {
  const rateLimit: RateLimit = { rate: 2, slip: 2, seed: 1 };
  const responder = responderWith({ cookies, rateLimit });
  const many = (options: string, how: Parameters<typeof exchanged>[2] = {}): string =>
    Array.from({ length: 6 }, () => exchanged(responder, options, how))
      .map((reply) => (reply === undefined ? 'dropped' : reply.tc ? 'cut' : 'whole'))
      .join(' ');
  t.is(many(''), 'whole whole dropped cut dropped cut');
  t.is(many(option(OPTION.COOKIE, CLIENT)), 'dropped cut dropped cut dropped cut');
  const cut = exchanged(responder, '') ?? exchanged(responder, '');
  t.like(cut, { tc: true, answers: [], rcode: 0 });
  t.is(many('', { transport: 'tcp' }), 'whole whole whole whole whole whole');
  const whole = exchanged(responder, option(OPTION.COOKIE, CLIENT), { transport: 'tcp' })!;
  t.is(many(option(OPTION.COOKIE, dataOf(whole, OPTION.COOKIE))), 'whole whole whole whole whole whole');
  responder.from(ClientAddress.of('192.0.2.1'), 1000);
  t.is(many(''), 'whole whole dropped cut dropped cut');
});

test('refusals count together, however they come about, and a limit that is off costs none', (t) => {
  const refusals: readonly Uint8Array[] = [
    queryWith('00'),
    queryWith(opt('', { ttl: 0x10000 })),
    queryWith(opt()).fill(0x78, 2, 3),
    Uint8Array.from(queryWith()).fill(0xff, 26, 28),
  ];
  const replies = (responder: Responder, transport: Transport = 'udp'): number =>
    Array.from({ length: 20 }, (_, i) => receive(responder, refusals[i % 4]!, transport, NOW)).filter(
      ({ kind }) => kind === 'reply',
    ).length;
  const limited = responderWith({ rateLimit: { rate: 3, slip: 0, seed: 1 } });
  t.is(replies(limited), 3);
  t.is(limited.limiter?.dropped, 17);
  t.is(replies(limited, 'tcp'), 20);
  t.is(replies(responderWith()), 20);
});
