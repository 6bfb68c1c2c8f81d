/**
 * TSIG (RFC 8945) beside BIND and with its tools: signatures that are wrong in each way get the same answer from both, signed or
 * not; truncated MACs are taken in both directions; and who wants whole ones says BADTRUNC. By them it is told that the clock by which tests step
 * BIND's time of day (`movable-clock.ts`) arrives there.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { parseTsigKey } from '@zonewright/common/authority/key';
import { Writer } from '@zonewright/common/octets';
import { CLASS } from '@zonewright/common/rr/class';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE, printRcode } from '@zonewright/common/wire/code';
import { decodeMessage, emptyMessage, encodeMessage } from '@zonewright/common/wire/message';
import { refuse, sign, TSIG_ALGORITHMS, type TsigKey, tsigKey } from '@zonewright/common/wire/tsig';
import { type Tsig, writeTsig } from '@zonewright/common/wire/tsig-record';
import anyTest from 'ava';
import { aheadOf } from '../convergence/clocks.ts';
import { usageOf } from '../soak/usage.ts';
import { exchangeDatagram } from '../support/datagram.ts';
import { dig, type KeyText } from '../support/dig.ts';
import { movableClock, sweepClock } from '../support/movable-clock.ts';
import { startNamed } from '../support/named.ts';
import { testWith } from '../support/needs.ts';
import { temporaryFolder } from '../support/owner.ts';
import { freePort } from '../support/ports.ts';
import { given, nameOf } from '../support/records.ts';
import { makeRepository } from '../support/repository.ts';
import { startScene, zoneText } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';
import { until } from '../support/until.ts';

const secrecy = secrecyOf(anyTest);
const test = testWith(anyTest, ['named', 'git', 'dig', 'nsupdate']);
const clocked = testWith(anyTest, ['named', 'faketime']);

const BIND = '127.0.0.1';
const OURS = '127.0.0.2';
const ZONE = 'example';

const now = (): number => Math.floor(Date.now() / 1000);
const query = (): Uint8Array =>
  encodeMessage({
    ...emptyMessage(0x1234, OPCODE.QUERY),
    questions: [{ name: nameOf('ns.example.'), type: TYPE.A, class: CLASS.IN }],
  });

/** The query with a TSIG record that was changed after signing. */
const changed = (key: TsigKey, change: (tsig: Tsig) => Partial<Tsig>, count = 1): Uint8Array => {
  const { octets } = sign(query(), key, { now: now() });
  const tsig = given(decodeMessage(octets)).tsig!;
  const out = new Writer(200_000);
  out.bytes(query());
  for (let i = 0; i < count; i++) writeTsig({ ...tsig, ...change(tsig) }, out);
  out.patch16(10, count);
  return out.finish();
};

/** The signed query with some octets of its TSIG record changed, counted from the type of the record. */
const patched = (key: TsigKey, at: number, ...octets: readonly number[]): Uint8Array => {
  const signed = sign(query(), key, { now: now() }).octets;
  signed.set(octets, query().length + key.name.wire.length + at);
  return signed;
};

const truncatedOnce = (key: TsigKey): Uint8Array => changed(key, ({ mac }) => ({ mac: mac.subarray(0, 16) }));
const signedAt = (key: TsigKey, time: number, fudge = 300): Uint8Array =>
  sign(query(), key, { now: time, fudge }).octets;

/** BIND puts an unsigned record into the reply, which 5.2.2.1 does not ask for. */
const NO_MAC = ['FORMERR 16 0 0', '5.2.2.1'] as const;

/** What is wrong, and what both say: RCODE, error, octets of the MAC, octets of other data. Last, what BIND says where it differs. */
const faults: readonly (readonly [
  what: string,
  said: string,
  make: (key: TsigKey) => Uint8Array,
  binds?: readonly [said: string, why: string],
])[] = [
  ['nothing', 'NOERROR 0 32 0', (key) => signedAt(key, now())],
  ['unknown key', 'NOTAUTH 17 0 0', (key) => signedAt({ ...key, name: nameOf('nobody.') }, now())],
  ['another algorithm', 'NOTAUTH 17 0 0', (key) => signedAt({ ...key, algorithm: TSIG_ALGORITHMS[4]! }, now())],
  ['an unknown algorithm', 'NOTAUTH 17 0 0', (key) => changed(key, () => ({ algorithm: nameOf('hmac-sha3.') }))],
  ['HMAC-MD5', 'NOTAUTH 17 0 0', (key) => changed(key, () => ({ algorithm: nameOf('hmac-md5.sig-alg.reg.int.') }))],
  ['GSS', 'NOTAUTH 17 0 0', (key) => changed(key, () => ({ algorithm: nameOf('gss-tsig.') }))],
  ['capitals', 'NOERROR 0 32 0', (key) => changed(key, () => ({ algorithm: nameOf('HMAC-Sha256.') }))],
  ['another secret', 'NOTAUTH 16 0 0', (key) => signedAt(tsigKey(key.name, key.algorithm, Buffer.from('x')), now())],
  ['a time it was not signed with', 'NOTAUTH 16 0 0', (key) => changed(key, () => ({ timeSigned: 1 }))],
  ['an error in a request', 'NOTAUTH 16 0 0', (key) => changed(key, () => ({ error: 17 }))],
  ['too late', 'NOTAUTH 18 32 6', (key) => signedAt(key, now() - 400)],
  ['too early', 'NOTAUTH 18 32 6', (key) => signedAt(key, now() + 400)],
  ['within its own fudge', 'NOERROR 0 32 0', (key) => signedAt(key, now() - 400, 1000)],
  ['no fudge', 'NOTAUTH 18 32 6', (key) => signedAt(key, now() - 30, 0)],
  ['the end of time', 'NOTAUTH 18 32 6', (key) => signedAt(key, 2 ** 48 - 1, 65_535)],
  ['the beginning of time', 'NOTAUTH 18 32 6', (key) => signedAt(key, 0, 65_535)],
  ['the year 2038', 'NOTAUTH 18 32 6', (key) => signedAt(key, 2 ** 31)],
  [
    'a MAC of 33 octets',
    'FORMERR',
    (key) => changed(key, ({ mac }) => ({ mac: Buffer.concat([mac, Buffer.of(0)]) })),
    NO_MAC,
  ],
  ['a MAC of 15 octets', 'FORMERR', (key) => changed(key, ({ mac }) => ({ mac: mac.subarray(0, 15) })), NO_MAC],
  ['a MAC of 9 octets', 'FORMERR', (key) => changed(key, ({ mac }) => ({ mac: mac.subarray(0, 9) })), NO_MAC],
  [
    'no MAC',
    'FORMERR',
    (key) => changed(key, () => ({ mac: new Uint8Array(0) })),
    ['NOTAUTH 16 0 0', '5.2.2.1: shorter than ten octets'],
  ],
  [
    'no MAC of an unknown key',
    'NOTAUTH 17 0 0',
    (key) => refuse(query(), { ...given(decodeMessage(signedAt({ ...key, name: nameOf('no.') }, 1))).tsig! }, 0),
  ],
  [
    'a MAC of 16 octets',
    'NOERROR 0 32 0',
    truncatedOnce,
    ['NOTAUTH 22 32 0', '5.2.4: BIND wants whole ones of a key that it is not told otherwise of'],
  ],
  ['two records', 'FORMERR', (key) => changed(key, () => ({}), 2)],
  ['class IN', 'FORMERR', (key) => patched(key, 2, 0, 1)],
  ['a TTL', 'FORMERR', (key) => patched(key, 4, 0, 0, 0, 1), ['NOTAUTH 16 0 0', '4.2: the TTL must be 0']],
  ['other data of 3000 octets', 'NOTAUTH 16 0 0', (key) => changed(key, () => ({ other: new Uint8Array(3000) }))],
  ['other data that is not there', 'FORMERR', (key) => patched(key, 10 + 13 + 8 + 2 + 32 + 4, 255, 255)],
  ['a compressed algorithm', 'FORMERR', (key) => patched(key, 10, 0xc0, 12)],
  ['a MAC beyond the record', 'FORMERR', (key) => patched(key, 10 + 13 + 8, 255, 255)],
];

test.serial('signatures that are wrong are answered as BIND answers them', async (t) => {
  const text = secrecy.newKey('k._update.example');
  const key = given(parseTsigKey(text));
  const repository = await makeRepository(t, { _keys: keyLine(text), [ZONE]: zoneText(1) });
  const port = await freePort(OURS, BIND);
  await startScene(t, secrecy, 'primary', ['--remote', repository.path], { address: OURS, port });
  await startNamed(t, { port, keys: [text], zones: [{ name: ZONE, text: zoneText(1) }] });
  const said = async (server: string, octets: Uint8Array): Promise<string> => {
    const reply = await exchangeDatagram(server, port, octets);
    if (reply === undefined) return 'NO REPLY';
    const message = given(decodeMessage(reply));
    const { tsig } = message;
    const rcode = printRcode(message.rcode);
    return tsig === undefined ? rcode : `${rcode} ${tsig.error} ${tsig.mac.length} ${tsig.other.length}`;
  };
  const surprises: string[] = [];
  for (const [what, wanted, make, binds] of faults) {
    const octets = make(key);
    const [ours, theirs] = [await said(OURS, octets), await said(BIND, octets)];
    if (ours !== wanted) surprises.push(`${what}: ours says ${ours}, not ${wanted}`);
    if (theirs !== (binds?.[0] ?? wanted)) surprises.push(`${what}: BIND says ${theirs}, not ${binds?.[0] ?? wanted}`);
  }
  t.deepEqual(surprises, []);
});

/** The algorithm and the bits of its shortest permitted MAC. */
const truncations = [
  ['SHA1', 80, 96],
  ['SHA224', 112, 160],
  ['SHA256', 128, 248],
  ['SHA384', 192, 256],
  ['SHA512', 256, 504],
] as const;

test.serial('dig and nsupdate sign with truncated MACs, and ours takes them down to half the hash', async (t) => {
  const texts = truncations.map(([algorithm]) =>
    secrecy.newKey(`${algorithm.toLowerCase()}._update.${ZONE}`, algorithm),
  );
  const strict = secrecy.newKey(`strict._update.${ZONE}`);
  const lines = [...texts, strict].map(keyLine).join('');
  const repository = await makeRepository(t, { _keys: `${lines} TXT "mac=full"\n`, [ZONE]: zoneText(1) });
  const port = await freePort(OURS);
  const primary = await startScene(t, secrecy, 'primary', ['--remote', repository.path], { address: OURS, port });
  const ask = (key: KeyText, bits: number) =>
    dig({ server: OURS, port, args: [`ns.${ZONE}`, 'A'], key: truncated(key, bits), owner: t });
  for (const [i, [algorithm, ...allowed]] of truncations.entries()) {
    for (const bits of allowed) {
      const reply = await ask(texts[i]!, bits);
      t.is(reply.status, 'NOERROR', `${algorithm}-${bits}: ${reply.text}`);
      t.true(reply.isVerified, `${algorithm}-${bits}: ${reply.text}`);
      const update = await primary.update(
        truncated(texts[i]!, bits),
        `zone ${ZONE}`,
        `add t${bits}.${ZONE} 60 A 192.0.2.1`,
      );
      t.is(update.code, 0, `${algorithm}-${bits}: ${update.text}`);
      const transfer = await dig({
        server: OURS,
        port,
        args: [ZONE, 'AXFR'],
        key: truncated(texts[i]!, bits),
        owner: t,
      });
      t.is(transfer.status, 'NOERROR', transfer.text);
      t.true(transfer.isVerified);
    }
  }
  const short = await ask(strict, 128);
  t.is(short.status, 'NOTAUTH');
  t.regex(short.tsig?.data ?? '', /BADTRUNC/, short.text);
  t.regex(short.text, /tsig indicates error/i, 'dig has verified it');
  t.is((await ask(strict, 256)).status, 'NOERROR');
  t.regex(
    (await primary.update(truncated(strict, 128), `zone ${ZONE}`, `add x.${ZONE} 60 A 192.0.2.1`)).text,
    /NOTAUTH|BADTRUNC/,
  );
});

/** The key as BIND's tools have it that sign with so many bits. */
const truncated = (key: KeyText, bits: number): KeyText => {
  const [name, algorithm, secret] = key.split(':');
  return `${name}:${algorithm}-${bits}:${secret}`;
};

test.serial('transfers go both ways with a BIND that truncates its MACs', async (t) => {
  const admin = secrecy.newKey('admin._update');
  const key = secrecy.newKey(`${BIND}.${OURS}._transfer.${ZONE}`);
  const lines = Array.from({ length: 3000 }, (_, n) => `host${n} TXT "${'x'.repeat(60)}"`).join('\n');
  const port = await freePort(OURS, BIND);
  const short = truncated(key, 128);
  await startNamed(t, {
    port,
    keys: [short],
    zones: [{ name: ZONE, text: zoneText(1, `${lines}\n`), allowTransfer: [`key "${key.split(':')[0]}"`] }],
  });
  const secondary = await startScene(t, secrecy, 'secondary', ['--keys', key], { address: OURS, port });
  await secondary.shows('NOERROR 127.0.0.1', `ns.${ZONE}`);
  await secondary.service.stop();

  const back = secrecy.newKey(`${OURS}.${BIND}._transfer.${ZONE}`);
  const repository = await makeRepository(t, {
    _keys: [admin, back].map(keyLine).join(''),
    [ZONE]: zoneText(1, `${lines}\n`),
  });
  const other = await freePort(OURS, BIND);
  await startScene(t, secrecy, 'primary', ['--remote', repository.path], { address: OURS, port: other });
  const primaries = [{ address: OURS, port: other, key: truncated(back, 160) }];
  await startNamed(t, { port: other, keys: [truncated(back, 160)], zones: [{ name: ZONE, primaries }] });
  await until(() => dig({ server: BIND, port: other, args: [ZONE, 'SOA'] }), {
    what: 'BIND has the zone',
    holds: ({ answer }) => answer.length === 1,
  });
  t.pass();
});

clocked('the time of day of BIND is stepped while it runs, forward and back, and its timers do not spin', async (t) => {
  const clock = await movableClock(t);
  const keyText = secrecy.newKey('clock');
  const key = given(parseTsigKey(keyText));
  const { program, ...server } = await startNamed(t, {
    keys: [keyText],
    // Nobody is there to be asked, so that there are timers.
    zones: [{ name: ZONE, primaries: [{ address: BIND, port: await freePort(BIND), key: keyText }] }],
    env: clock.env,
  });
  t.teardown(() => sweepClock(program.pid));
  for (const seconds of [30, -30, 290, 3600, 86_400, -3600, -86_400, 0]) {
    clock.set(seconds * 1000);
    const ahead = await aheadOf(server, key);
    t.true(ahead && ahead.least <= seconds && seconds <= ahead.most, `${seconds} s: ${JSON.stringify(ahead)}`);
  }
  const folder = temporaryFolder(t, 'heaps');
  const used = (): number => usageOf(program.pid, folder)!.cpu;
  clock.set(-3_600_000);
  t.truthy(await aheadOf(server, key));
  const before = used();
  await pause(1000);
  const spent = used() - before;
  t.true(spent < 0.1, `it has used ${spent} s of a processor in a second without work`);
  t.truthy(await aheadOf(server, key));
});
