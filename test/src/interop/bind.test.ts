/**
 * BIND on the other side of a transfer: named as a secondary of our primary and as the primary of our secondary, signed, whole
 * and by differences, in one message and in many. What BIND got is read from BIND, by its answers and its log.
 *
 * named listens on 127.0.0.1, so ours is at 127.0.0.2 in both roles.
 */
import { existsSync } from 'node:fs';
import anyTest, { type ExecutionContext } from 'ava';
import { type DigReply, dig, type KeyText, keyParts, nsupdate } from '../support/dig.ts';
import { type Named, startNamed } from '../support/named.ts';
import { testWith } from '../support/needs.ts';
import { freePort } from '../support/ports.ts';
import { run } from '../support/process.ts';
import { makeRepository } from '../support/repository.ts';
import { type Scene, startScene, zoneText } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';
import { until } from '../support/until.ts';

const secrecy = secrecyOf(anyTest);
const test = testWith(anyTest, ['named', 'git', 'dig', 'nsupdate']);
const testKnot = testWith(anyTest, ['named', 'git', 'dig', 'kdig']);

const BIND = '127.0.0.1';
const OURS = '127.0.0.2';

/** More than 300 KiB of records, of names and types that are not all alike. */
const bigText = (serial: number, timers?: string): string => {
  const lines = Array.from({ length: 2500 }, (_, n) =>
    [
      `host${n} A 10.0.${n >> 8}.${n & 255}`,
      ` TXT "host ${n}" "${'x'.repeat(60)}"`,
      `_s._tcp.host${n} SRV 0 ${n} 853 host${n}`,
      `mail${n} MX 10 host${n}`,
    ].join('\n'),
  );
  return zoneText(serial, `${lines.join('\n')}\n`, timers);
};

/** Everything of a zone as dig got it by a signed transfer, sorted, the SOA once. */
const whole = async (
  t: ExecutionContext<unknown>,
  address: string,
  port: number,
  zone: string,
  key: KeyText,
): Promise<string[]> => {
  const reply = await dig({ server: address, port, args: [zone, 'AXFR'], key, owner: t });
  t.is(reply.status, 'NOERROR', `${zone} of ${address}: ${reply.text.slice(0, 500)}`);
  t.true(reply.isVerified);
  const records = reply.answer.map(({ name, ttl, type, data }) => `${name} ${ttl} ${type} ${data}`);
  return [...new Set(records)].sort();
};

/** Compares the zone as both serve it; shows only the differences. */
const areSame = async (t: ExecutionContext<unknown>, port: number, zone: string, key: KeyText): Promise<void> => {
  const [ours, binds] = [await whole(t, OURS, port, zone, key), await whole(t, BIND, port, zone, key)];
  t.deepEqual(onlyIn(ours, binds), [], `only in ours of ${zone}`);
  t.deepEqual(onlyIn(binds, ours), [], `only in BIND's of ${zone}`);
};

const onlyIn = (some: readonly string[], others: readonly string[]): string[] => {
  const known = new Set(others);
  return some.filter((record) => !known.has(record)).slice(0, 5);
};

/** Records of the last transfer that BIND took of a zone, by its log from line `from` on. */
const recordsTaken = async ({ program }: Named, zone: string, from: number): Promise<number> => {
  const line = await program.waitForLine(new RegExp(`transfer of '${zone}/IN' from .*Transfer completed: `), { from });
  return Number(/, (\d+) records,/.exec(line)?.[1]);
};

const soaOf = ({ answer }: DigReply): string => answer.find(({ type }) => type === 'SOA')?.data ?? '';

test.serial('BIND follows our primary by signed AXFR and IXFR, with SHA256 and SHA512 and over 64 KiB', async (t) => {
  const admin = secrecy.newKey('admin._update');
  const mirage = secrecy.newKey(`${OURS}.${BIND}._transfer.mirage`, 'SHA256');
  const big = secrecy.newKey(`${OURS}.${BIND}._transfer.big.example`, 'SHA512');
  const repository = await makeRepository(t, {
    _keys: [admin, mirage, big].map(keyLine).join(''),
    mirage: zoneText(
      1,
      'www A 192.0.2.1\nwild.*.x TXT "a\\"b" "\\255"\n*.w CNAME www\nsub NS ns.sub\nns.sub AAAA 2001:db8::1\nu TYPE65400 \\# 3 0a0b0c\n',
    ),
    'big.example': bigText(1),
  });
  const port = await freePort(OURS, BIND);
  const primary = await startScene(t, secrecy, 'primary', ['--remote', repository.path], { address: OURS, port });
  const zone = (name: string, key: KeyText) => ({ name, primaries: [{ address: OURS, port, key }] });
  const named = await startNamed(t, {
    port,
    keys: [mirage, big],
    zones: [zone('mirage', mirage), zone('big.example', big)],
  });
  const bindSoa = async (name: string): Promise<string> =>
    soaOf(await dig({ server: BIND, port, args: [name, 'SOA'] }));
  const isLevel = async (name: string, timeout = 10_000): Promise<void> => {
    const ours = soaOf(await primary.ask(name, 'SOA'));
    t.not(ours, '');
    await until(() => bindSoa(name), { what: `BIND has ${ours} of ${name}`, holds: (soa) => soa === ours, timeout });
  };
  for (const [name, key] of [
    ['mirage', mirage],
    ['big.example', big],
  ] as const) {
    await isLevel(name);
    await areSame(t, port, name, key);
    await primary.service.waitForEvent('transfer.out', { zone: `${name}.`, key: `${keyParts(key).name}.`, serial: 1 });
  }
  const { messages } = await primary.service.waitForEvent('transfer.out', { zone: 'big.example.' });
  t.true(Number(messages) > 4, `${messages} messages`);
  t.is(await recordsTaken(named, 'big.example', 0), 10_004);

  for (const [name, key] of [
    ['mirage', mirage],
    ['big.example', big],
  ] as const) {
    const from = named.program.lines.length;
    const update = await primary.update(
      admin,
      `zone ${name}`,
      `add new.${name} 60 A 192.0.2.7`,
      `del www.${name}`,
      `add host7.${name} 3600 TXT more`,
    );
    t.is(update.code, 0, update.text);
    await isLevel(name, 3000);
    t.true((await recordsTaken(named, name, from)) <= 8, 'only the differences');
    t.true(existsSync(`${named.zoneFile(name)}.jnl`), 'BIND keeps a journal of what came as differences');
    await areSame(t, port, name, key);
    t.is((await dig({ server: BIND, port, args: [`new.${name}`, 'A'] })).answer[0]?.data, '192.0.2.7');
  }

  // A commit of the author with many changes at once, and several updates in a row.
  const bigger = bigText(100)
    .replace(/^mail\d*3 .*$/gm, '')
    .replaceAll(' 853 ', ' 854 ');
  await repository.push({ 'big.example': bigger });
  primary.service.signal('SIGHUP');
  await until(() => primary.serial('big.example'), { what: 'the commit is served', holds: (serial) => serial === 100 });
  await isLevel('big.example');
  for (let n = 0; n < 5; n++)
    t.is((await primary.update(admin, 'zone big.example', `add n${n}.big.example 60 A 192.0.2.${n}`)).code, 0);
  await isLevel('big.example');
  await areSame(t, port, 'big.example', big);
  for (const [, name, key] of named.program.text().matchAll(/received notify for zone '(.+)': TSIG '(.+)'/g))
    t.is(key, `${OURS}.${BIND}._transfer.${name}`, 'a NOTIFY is signed by a key of its own zone');
  t.notRegex(named.program.text(), /TSIG.*(?:fail|BAD)|tsig verify failure|transfer status: (?!success|up to date)/i);
});

interface Follower {
  readonly named: Named;
  readonly secondary: Scene;
  readonly port: number;
  readonly key: KeyText;
  readonly admin: KeyText;
}

/** BIND as the primary of one zone, our secondary beside it. */
const follow = async (
  t: ExecutionContext<unknown>,
  name: string,
  text: string,
  algorithm: string,
): Promise<Follower> => {
  const admin = secrecy.newKey('admin.bind');
  const key = secrecy.newKey(`${BIND}.${OURS}._transfer.${name}`, algorithm);
  const port = await freePort(OURS, BIND);
  const { name: keyName } = keyParts(key);
  const named = await startNamed(t, {
    port,
    keys: [admin, key],
    zones: [
      {
        name,
        text,
        allowUpdate: ['key "admin.bind"'],
        allowTransfer: [`key "${keyName}"`],
        alsoNotify: [{ address: OURS, key }],
      },
    ],
  });
  const secondary = await startScene(t, secrecy, 'secondary', ['--keys', key], { address: OURS, port });
  return { named, secondary, port, key, admin };
};

for (const [name, algorithm, text] of [
  ['mirage', 'SHA256', zoneText(1, 'www A 192.0.2.1\n*.w CNAME www\nt TXT "a\\"b" "\\255"\n')],
  ['big.example', 'SHA512', bigText(1)],
] as const) {
  test.serial(
    `our secondary follows a BIND primary of ${name} by AXFR, NOTIFY and IXFR with ${algorithm}`,
    async (t) => {
      const { secondary, port, key, admin } = await follow(t, name, text, algorithm);
      await secondary.shows('NOERROR 127.0.0.1', `ns.${name}`);
      await secondary.service.waitForEvent('transfer.in', { zone: `${name}.`, form: 'AXFR' });
      await areSame(t, port, name, key);

      for (let n = 1; n <= 3; n++) {
        const commands = [
          `zone ${name}`,
          `add u${n}.${name} 60 A 192.0.2.${n}`,
          `add host7.${name} 3600 TXT "more ${n}"`,
          `del www.${name}`,
        ];
        const update = await nsupdate({ server: BIND, port, key: admin, owner: t, commands });
        t.is(update.code, 0, update.text);
        await secondary.shows(`NOERROR 192.0.2.${n}`, `u${n}.${name}`, 'A', 3000);
      }
      await secondary.service.waitForEvent('transfer.in', { zone: `${name}.`, form: 'IXFR' });
      const ins = secondary.service.lines.filter(({ text: line }) => line.includes('"transfer.in"'));
      t.is(ins.filter(({ text: line }) => line.includes('"AXFR"')).length, 1, 'the whole zone only once');
      await areSame(t, port, name, key);
    },
  );
}

test.serial(
  'our secondary stops serving a zone whose BIND primary is gone, and serves it again when that is back',
  async (t) => {
    const { named, secondary, port, key } = await follow(t, 'mirage', zoneText(1, '', '1 1 3 60'), 'SHA256');
    await secondary.shows('NOERROR 127.0.0.1', 'ns.mirage');
    await named.stop();
    t.is(await secondary.look('ns.mirage'), 'NOERROR 127.0.0.1');
    await secondary.shows('SERVFAIL', 'ns.mirage');
    await secondary.service.waitForEvent('zone.expired', { zone: 'mirage.' });
    await startNamed(t, {
      port,
      keys: [key],
      zones: [{ name: 'mirage', text: zoneText(1, 'back A 192.0.2.1\n', '1 1 3 60') }],
    });
    await secondary.shows('NOERROR 192.0.2.1', 'back.mirage', 'A', 6000);
  },
);

testKnot.serial('dig and kdig take signed transfers of many messages, and a wrong secret gets nothing', async (t) => {
  const key = secrecy.newKey('k._transfer.big.example', 'SHA512');
  const forged = secrecy.newKey('k._transfer.big.example', 'SHA512');
  const repository = await makeRepository(t, { _keys: keyLine(key), 'big.example': bigText(1) });
  const port = await freePort(OURS);
  const primary = await startScene(t, secrecy, 'primary', ['--remote', repository.path], { address: OURS, port });
  const reply = await dig({ server: OURS, port, args: ['big.example', 'AXFR'], key, owner: t });
  t.true(reply.isVerified);
  t.is(reply.answer.length, 10_004);
  t.true(reply.transfer!.octets > 65_536 && reply.transfer!.messages > 4, JSON.stringify(reply.transfer));
  t.is(reply.text.match(/\sTSIG\s/g)?.length, reply.transfer!.messages, 'every message is signed');

  const kdig = async (with_: KeyText, type: string): Promise<string> => {
    const { name, algorithm, secret } = keyParts(with_);
    const ran = await run('kdig', [
      `@${OURS}`,
      '-p',
      `${port}`,
      '-y',
      `${algorithm}:${name}:${secret}`,
      'big.example',
      type,
    ]);
    return ran.stdout + ran.stderr;
  };
  const complaints = (text: string): string[] => text.split('\n').filter((line) => /^;; (?:WARNING|ERROR)/.test(line));
  const taken = await kdig(key, 'AXFR');
  t.is(/\(\d+ messages, (\d+) records\)/.exec(taken)?.[1], '10004', taken.slice(-500));
  t.deepEqual(complaints(taken), []);
  t.deepEqual(complaints(await kdig(key, 'IXFR=1')), []);
  t.regex(await kdig(forged, 'AXFR'), /NOTAUTH|BADSIG/);
  t.is((await dig({ server: OURS, port, args: ['big.example', 'AXFR'], key: forged, owner: t })).answer.length, 0);
  t.is((await primary.ask('big.example', 'AXFR')).status, 'TRANSFER FAILED');
  t.is((await primary.ask('big.example', 'IXFR=0')).status, 'TRANSFER FAILED');
});
