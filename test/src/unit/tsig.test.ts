/** TSIG, checked against MACs that the test computes by hand from RFC 8945 5.3. */
import { createHmac } from 'node:crypto';
import { inspect } from 'node:util';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE, TSIG_ERROR } from '@zonewright/common/wire/code';
import { decodeMessage, emptyMessage, encodeMessage, type Message } from '@zonewright/common/wire/message';
import {
  refuse,
  sign,
  TSIG_ALGORITHMS,
  type TsigAlgorithm,
  type TsigKey,
  tsigKey,
  tsigSize,
  verify,
} from '@zonewright/common/wire/tsig';
import { StreamSigner, StreamVerifier } from '@zonewright/common/wire/tsig-stream';
import test, { type ExecutionContext } from 'ava';
import { given, hexOf, nameOf, recordsFrom } from '../support/records.ts';

const SECRET = Buffer.from('a secret of thirty-two octets!!!');
const NOW = 1_700_000_000;
const algorithmOf = (mnemonic: string): TsigAlgorithm => TSIG_ALGORITHMS.find((row) => row.mnemonic === mnemonic)!;
const keyOf = (name: string, mnemonic = 'SHA256', secret: Uint8Array = SECRET): TsigKey =>
  tsigKey(nameOf(name), algorithmOf(mnemonic), secret);
const key = keyOf('Key.Example.');
const query = (id = 0x1234): Uint8Array =>
  encodeMessage({
    ...emptyMessage(id, OPCODE.QUERY),
    questions: [{ name: nameOf('example.'), type: TYPE.AXFR, class: 1 }],
  });
const decode = (octets: Uint8Array): Message => given(decodeMessage(octets));

const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);
const u48 = (value: number): Buffer => Buffer.from(value.toString(16).padStart(12, '0'), 'hex');

interface ByHand {
  readonly secret?: Uint8Array;
  readonly hash?: string;
  readonly prior?: Uint8Array;
  readonly time?: number;
  readonly fudge?: number;
  readonly error?: number;
  readonly other?: Uint8Array;
}

const withLength = (mac: Uint8Array | undefined): Buffer =>
  mac === undefined ? Buffer.alloc(0) : Buffer.concat([u16(mac.length), mac]);

/** RFC 8945 5.3.2 to 5.3.3: prior MAC with its length, message, variables. The key is `key.example.` */
function macByHand(message: Uint8Array, options: ByHand = {}): Buffer {
  const hash = options.hash ?? 'sha256';
  const algorithm = Buffer.from(`hmac-${hash}`);
  const other = options.other ?? Buffer.alloc(0);
  return createHmac(hash, options.secret ?? SECRET)
    .update(withLength(options.prior))
    .update(message)
    .update(Buffer.from('036b6579076578616d706c650000ff00000000', 'hex'))
    .update(Buffer.concat([Buffer.from([algorithm.length]), algorithm, Buffer.from([0])]))
    .update(u48(options.time ?? NOW))
    .update(u16(options.fudge ?? 300))
    .update(u16(options.error ?? 0))
    .update(u16(other.length))
    .update(other)
    .digest();
}

/** RFC 8945 5.3.1: prior MAC, all messages since, the timers. */
const timersMacByHand = (prior: Uint8Array, messages: readonly Uint8Array[], time = NOW): Buffer =>
  createHmac('sha256', SECRET)
    .update(withLength(prior))
    .update(Buffer.concat(messages))
    .update(u48(time))
    .update(u16(300))
    .digest();

test('requests are signed as RFC 8945 says, with every algorithm', (t) => {
  for (const algorithm of TSIG_ALGORITHMS) {
    const own = keyOf('KEY.example.', algorithm.mnemonic);
    const signed = sign(query(), own, { now: NOW });
    t.is(hexOf(signed.mac), macByHand(query(), { hash: algorithm.hash }).toString('hex'));
    t.is(signed.mac.length, algorithm.macOctets);
    t.is(signed.octets.length, query().length + tsigSize(own));
    const message = decode(signed.octets);
    t.like(message.tsig, { timeSigned: NOW, fudge: 300, originalId: 0x1234, error: 0, start: query().length });
    t.is(String(message.tsig?.keyName), 'KEY.example.', 'case is kept on the wire and lowered in the digest');
    t.true(verify(signed.octets, message.tsig!, own, { now: NOW }).ok);
  }
  t.deepEqual(
    TSIG_ALGORITHMS.map(({ number }) => number),
    [161, 162, 163, 164, 165],
  );
});

test('replies cover the MAC of the request', (t) => {
  const request = sign(query(), key, { now: NOW });
  const reply = encodeMessage({ ...decode(query()), qr: true, answers: recordsFrom('example. 60 A 192.0.2.1') });
  const signed = sign(reply, key, { now: NOW, priorMac: request.mac });
  t.is(hexOf(signed.mac), macByHand(reply, { prior: request.mac }).toString('hex'));
  const message = decode(signed.octets);
  t.true(verify(signed.octets, message.tsig!, key, { now: NOW, priorMac: request.mac }).ok);
  t.like(verify(signed.octets, message.tsig!, key, { now: NOW }), { ok: false, fault: { error: TSIG_ERROR.BADSIG } });
});

test('a BADTIME reply repeats the time of the client and carries that of the server', (t) => {
  const other = u48(NOW + 1000);
  const signed = sign(query(), key, { now: NOW + 1000, timeSigned: NOW, error: TSIG_ERROR.BADTIME, other, fudge: 7 });
  t.is(hexOf(signed.mac), macByHand(query(), { error: 18, other, fudge: 7 }).toString('hex'));
  const message = decode(signed.octets);
  t.like(message.tsig, { timeSigned: NOW, error: 18, fudge: 7 });
  t.is(hexOf(message.tsig!.other), other.toString('hex'));
  t.is(signed.octets.length, query().length + tsigSize(key, 6));
  t.true(verify(signed.octets, message.tsig!, key, { now: NOW }).ok);
});

test('a refusal is unsigned, names the error, and can be read', (t) => {
  const request = decode(sign(query(), key, { now: NOW }).octets).tsig!;
  const reply = encodeMessage({ ...decode(query()), qr: true, rcode: 9 });
  const message = decode(refuse(reply, request, TSIG_ERROR.BADKEY));
  t.like(message.tsig, { error: 17, timeSigned: NOW, originalId: 0x1234 });
  t.is(message.tsig!.mac.length + message.tsig!.other.length, 0);
  t.is(message.rcode, 9);
});

/** The signed octets with `change` done to them, verified. */
const verdict = (octets: Uint8Array, own: TsigKey | undefined = key, now = NOW): number => {
  const message = decode(octets);
  const verified = verify(octets, message.tsig!, own, { now });
  return verified.ok ? 0 : verified.fault.error;
};

test('one bit changed anywhere, and the message is not believed', (t) => {
  const { octets } = sign(query(), key, { now: NOW });
  t.is(verdict(octets), 0);
  // Not signed: the ID (the original one is), and the case of the names of key and algorithm.
  const names = [query().length, query().length + key.name.wire.length + 10].map(
    (start) => [start, start + 13] as const,
  );
  const isCase = (bit: number): boolean =>
    (bit & 7) === 5 &&
    /[a-z]/i.test(String.fromCharCode(octets[bit >> 3]!)) &&
    names.some(([start, end]) => bit >> 3 >= start && bit >> 3 < end);
  for (let bit = 0; bit < octets.length * 8; bit++) {
    const changed = Uint8Array.from(octets);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    const decoded = decodeMessage(changed);
    if (!decoded.ok || decoded.value.tsig === undefined) continue;
    const verified = verify(changed, decoded.value.tsig, key, { now: NOW });
    t.is(verified.ok, bit < 16 || isCase(bit), `bit ${bit}`);
  }
});

test('a message whose ID was changed on the way is verified by its original ID', (t) => {
  const { octets } = sign(query(0x1234), key, { now: NOW });
  octets.set([0xab, 0xcd], 0);
  t.is(decode(octets).id, 0xabcd);
  t.is(verdict(octets), 0);
});

test('verifying leaves the octets as they came', (t) => {
  const octets = Buffer.from(sign(query(0x1234), key, { now: NOW }).octets);
  octets.set([0xab, 0xcd], 0);
  const before = Buffer.from(Uint8Array.from(octets));
  t.is(verdict(octets), 0);
  t.is(octets.toString('hex'), before.toString('hex'));
});

test('unknown keys, wrong secrets, other algorithms', (t) => {
  const { octets } = sign(query(), key, { now: NOW });
  const unknown = verify(octets, decode(octets).tsig!, undefined, { now: NOW });
  t.is(unknown.ok ? 0 : unknown.fault.error, TSIG_ERROR.BADKEY);
  t.is(verdict(octets, keyOf('key.example.', 'SHA256', Buffer.from('another'))), TSIG_ERROR.BADSIG);
  t.is(verdict(octets, keyOf('key.example.', 'SHA512')), TSIG_ERROR.BADKEY);
  const mixed = Buffer.from(octets);
  const at = mixed.indexOf('hmac-sha256');
  mixed.write('HMAC-Sha256', at, 'latin1');
  t.is(verdict(mixed), 0, 'algorithm names have no case');
  for (const foreign of ['hmac-sha25x', 'gss-tsig123']) {
    mixed.write(foreign, at, 'latin1');
    t.is(verdict(mixed), TSIG_ERROR.BADKEY);
  }
});

test('the clock may differ by fudge seconds and not by one more', (t) => {
  for (const fudge of [0, 1, 300, 65535]) {
    const { octets } = sign(query(), key, { now: NOW, fudge });
    t.is(verdict(octets, key, NOW + fudge), 0);
    t.is(verdict(octets, key, NOW - fudge), 0);
    t.is(verdict(octets, key, NOW + fudge + 1), TSIG_ERROR.BADTIME);
    t.is(verdict(octets, key, NOW - fudge - 1), TSIG_ERROR.BADTIME);
  }
});

test('a bad MAC is told before a bad time', (t) => {
  const { octets } = sign(query(), keyOf('key.example.', 'SHA256', Buffer.from('another')), { now: 0 });
  t.is(verdict(octets), TSIG_ERROR.BADSIG);
});

test('times of 48 bits are signed and verified', (t) => {
  for (const time of [0, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 48 - 1]) {
    const signed = sign(query(), key, { now: time });
    t.is(hexOf(signed.mac), macByHand(query(), { time }).toString('hex'));
    t.is(decode(signed.octets).tsig?.timeSigned, time);
    t.is(verdict(signed.octets, key, time), 0);
  }
});

/** A signed query whose MAC is cut or lengthened to `length` octets. */
function withMacOf(length: number, own: TsigKey): Uint8Array {
  const { octets, mac } = sign(query(), own, { now: NOW });
  const { start } = decode(octets).tsig!;
  const macAt = octets.length - 6 - mac.length;
  const cut = Buffer.concat([
    octets.subarray(0, macAt - 2),
    u16(length),
    Buffer.concat([mac, Buffer.alloc(64)]).subarray(0, length),
    octets.subarray(macAt + mac.length),
  ]);
  const lengthAt = start + own.name.wire.length + 8;
  cut.writeUInt16BE(cut.readUInt16BE(lengthAt) + length - mac.length, lengthAt);
  return cut;
}

test('a MAC may be truncated to half the hash, and never below ten octets', (t) => {
  for (const algorithm of TSIG_ALGORITHMS) {
    const own = keyOf('key.example.', algorithm.mnemonic);
    const least = Math.max(10, algorithm.macOctets / 2);
    t.is(verdict(withMacOf(algorithm.macOctets, own), own), 0, algorithm.mnemonic);
    t.is(verdict(withMacOf(least, own), own), 0, algorithm.mnemonic);
    for (const length of [0, 1, 9, least - 1, algorithm.macOctets + 1]) {
      t.is(verdict(withMacOf(length, own), own), -1, `${algorithm.mnemonic} ${length}: FORMERR (RFC 8945 5.2.2.1)`);
    }
  }
  t.is(verdict(withMacOf(10, key)), -1, 'ten of thirty-two');
});

test('keys do not show their secret', (t) => {
  t.false(inspect(key, { depth: 9 }).includes('secret of'));
  t.false(JSON.stringify(key).includes(SECRET.toString('base64')));
});

const answer = (i: number): Uint8Array =>
  encodeMessage({ ...emptyMessage(0x1234, 0), qr: true, answers: recordsFrom(`example. ${i} A 192.0.2.1`) });
const requestMac = sign(query(), key, { now: NOW }).mac;

test('the messages of a stream are signed as RFC 8945 5.3.1 says', (t) => {
  const signer = new StreamSigner(key, requestMac);
  const first = signer.sign(answer(1), NOW);
  const second = signer.sign(answer(2), NOW + 1);
  const third = signer.sign(answer(3), NOW + 2);
  const macs = [first, second, third].map((octets) => decode(octets).tsig!.mac);
  t.is(hexOf(macs[0]!), macByHand(answer(1), { prior: requestMac }).toString('hex'));
  t.is(hexOf(macs[1]!), timersMacByHand(macs[0]!, [answer(2)], NOW + 1).toString('hex'));
  t.is(hexOf(macs[2]!), timersMacByHand(macs[1]!, [answer(3)], NOW + 2).toString('hex'));
  const verifier = new StreamVerifier(key, requestMac);
  t.false(verifier.isSettled);
  for (const octets of [first, second, third]) {
    t.true(verifier.verify(octets, decode(octets), NOW).ok);
    t.true(verifier.isSettled);
  }
});

/** A stream with a signature on the first message and after each run of unsigned ones, made by hand. */
function* streamByHand(runs: readonly number[]): Generator<Uint8Array> {
  const first = sign(answer(0), key, { now: NOW, priorMac: requestMac });
  yield first.octets;
  let prior: Uint8Array = first.mac;
  for (const run of runs) {
    const messages = Array.from({ length: run }, (_, i) => answer(i + 1));
    yield* messages;
    const mac = timersMacByHand(prior, [...messages, answer(0)]);
    const signed = Buffer.from(sign(answer(0), key, { now: NOW }).octets);
    signed.set(mac, signed.length - 6 - 32);
    yield signed;
    prior = mac;
  }
}

const runVerdicts = (t: ExecutionContext, octets: Iterable<Uint8Array>): { faults: number; isSettled: boolean } => {
  const verifier = new StreamVerifier(key, requestMac);
  let faults = 0;
  for (const message of octets) if (!verifier.verify(message, decode(message), NOW).ok) faults++;
  t.pass();
  return { faults, isSettled: verifier.isSettled };
};

test('runs of 99 unsigned messages are taken, one of 100 is not', (t) => {
  t.deepEqual(runVerdicts(t, streamByHand([0, 1, 99, 99, 3])), { faults: 0, isSettled: true });
  t.true(runVerdicts(t, streamByHand([100])).faults > 0);
});

test('a stream must begin and end with a signature', (t) => {
  const verifier = new StreamVerifier(key, requestMac);
  const unsigned = answer(1);
  t.false(verifier.verify(unsigned, decode(unsigned), NOW).ok);
  const messages = [...streamByHand([3])].slice(0, -1);
  t.deepEqual(runVerdicts(t, messages), { faults: 0, isSettled: false });
});

test('unsigned messages that are changed, left out or put in are noticed by the next signature', (t) => {
  const messages = [...streamByHand([3, 0])];
  t.is(runVerdicts(t, messages).faults, 0);
  const changed = messages.map((octets, i) => (i === 2 ? answer(77) : octets));
  t.true(runVerdicts(t, changed).faults > 0);
  t.true(
    runVerdicts(
      t,
      messages.filter((_, i) => i !== 2),
    ).faults > 0,
  );
  t.true(runVerdicts(t, messages.toSpliced(2, 0, answer(9))).faults > 0);
  t.true(runVerdicts(t, [messages[0]!, messages[2]!, messages[1]!, ...messages.slice(3)]).faults > 0);
  t.true(runVerdicts(t, messages.toSpliced(1, 0, messages[0]!)).faults > 0, 'a signed one twice');
});

test('a stream is refused by another key, another request, and out of time', (t) => {
  const octets = new StreamSigner(key, requestMac).sign(answer(1), NOW);
  const verdictOf = (own: TsigKey, mac: Uint8Array, now: number): number => {
    const verified = new StreamVerifier(own, mac).verify(octets, decode(octets), now);
    return verified.ok ? 0 : verified.fault.error;
  };
  t.is(verdictOf(key, requestMac, NOW), 0);
  t.is(verdictOf(keyOf('other.example.'), requestMac, NOW), TSIG_ERROR.BADKEY);
  t.is(verdictOf(keyOf('key.example.', 'SHA384'), requestMac, NOW), TSIG_ERROR.BADKEY);
  t.is(
    verdictOf(
      key,
      requestMac.map((octet) => octet ^ 1),
      NOW,
    ),
    TSIG_ERROR.BADSIG,
  );
  t.is(verdictOf(key, requestMac, NOW + 301), TSIG_ERROR.BADTIME);
});
