/**
 * Our transfers as clients take them, signed: dig and kdig get each form of an IXFR, and a zone of many messages. Other servers are in
 * `replication.test.ts`.
 */
import anyTest from 'ava';
import { dig, type KeyText, keyParts } from '../support/dig.ts';
import { testWith } from '../support/needs.ts';
import { bulk, ODD } from '../support/odd-zone.ts';
import { freePort } from '../support/ports.ts';
import { run } from '../support/process.ts';
import { makeRepository } from '../support/repository.ts';
import { startScene, zoneText } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';

const secrecy = secrecyOf(anyTest);
const test = testWith(anyTest, ['git', 'dig', 'nsupdate', 'kdig']);

const OURS = '127.0.0.2';
const ZONE = 'mirage';

test.serial('dig and kdig take each form of an IXFR, over TCP and over UDP', async (t) => {
  const admin = secrecy.newKey('admin._update');
  const key = secrecy.newKey(`k._transfer.${ZONE}`, 'SHA512');
  const repository = await makeRepository(t, {
    _keys: [admin, key].map(keyLine).join(''),
    [ZONE]: zoneText(1, ODD + bulk(1, 400)),
  });
  const port = await freePort(OURS);
  const primary = await startScene(t, secrecy, 'primary', ['--remote', repository.path], { address: OURS, port });
  for (const commands of [
    [`add brief.${ZONE} 60 A 192.0.2.8`],
    [`del brief.${ZONE}`, `add new.${ZONE} 60 A 192.0.2.7`],
  ])
    t.is((await primary.update(admin, `zone ${ZONE}`, ...commands)).code, 0);
  const serial = (await primary.serial(ZONE))!;
  const types = async (args: readonly string[]): Promise<string> => {
    const reply = await dig({ server: OURS, port, args: [ZONE, ...args], key, owner: t });
    t.true(reply.isVerified, reply.text);
    return reply.answer.length > 20 ? `${reply.answer.length} records` : reply.answer.map(({ type }) => type).join(' ');
  };
  for (const transport of ['+tcp', '+notcp']) {
    t.is(await types(['IXFR=1', transport]), 'SOA SOA SOA A SOA', `condensed ${transport}`);
    t.is(await types([`IXFR=${serial}`, transport]), 'SOA', `nothing newer ${transport}`);
    t.is(await types([`IXFR=${serial + 1}`, transport]), 'SOA', `newer than ours ${transport}`);
  }
  t.is(await types(['IXFR=0', '+tcp']), '822 records', 'unknown');
  t.is(await types(['IXFR=0', '+notcp']), 'SOA');

  const { name, algorithm, secret } = keyParts(key);
  for (const [type, count] of [
    ['IXFR=1', 5],
    ['IXFR=0', 822],
    ['AXFR', 822],
  ] as const) {
    const ran = await run('kdig', [`@${OURS}`, '-p', `${port}`, '-y', `${algorithm}:${name}:${secret}`, ZONE, type]);
    const text = ran.stdout + ran.stderr;
    t.is(/\(\d+ messages?, (\d+) records?\)/.exec(text)?.[1], `${count}`, text.slice(-500));
    t.notRegex(text, /^;; (?:WARNING|ERROR)/m);
  }
});

test.serial('dig and kdig take signed transfers of many messages, and a wrong secret gets nothing', async (t) => {
  const key = secrecy.newKey(`k._transfer.${ZONE}`, 'SHA512');
  const forged = secrecy.newKey(`k._transfer.${ZONE}`, 'SHA512');
  const repository = await makeRepository(t, { _keys: keyLine(key), [ZONE]: zoneText(1, ODD + bulk(1)) });
  const port = await freePort(OURS);
  const primary = await startScene(t, secrecy, 'primary', ['--remote', repository.path], { address: OURS, port });
  const reply = await dig({ server: OURS, port, args: [ZONE, 'AXFR'], key, owner: t });
  t.true(reply.isVerified);
  t.is(reply.answer.length, 3021);
  t.true(reply.transfer!.octets > 65_536 && reply.transfer!.messages > 4, JSON.stringify(reply.transfer));
  t.is(reply.text.match(/\sTSIG\s/g)?.length, reply.transfer!.messages, 'every message is signed');

  const kdig = async (with_: KeyText, type: string): Promise<string> => {
    const { name, algorithm, secret } = keyParts(with_);
    const ran = await run('kdig', [`@${OURS}`, '-p', `${port}`, '-y', `${algorithm}:${name}:${secret}`, ZONE, type]);
    return ran.stdout + ran.stderr;
  };
  const complaints = (text: string): string[] => text.split('\n').filter((line) => /^;; (?:WARNING|ERROR)/.test(line));
  const taken = await kdig(key, 'AXFR');
  t.is(/\(\d+ messages, (\d+) records\)/.exec(taken)?.[1], '3021', taken.slice(-500));
  t.deepEqual(complaints(taken), []);
  t.deepEqual(complaints(await kdig(key, 'IXFR=1')), []);
  t.regex(await kdig(forged, 'AXFR'), /NOTAUTH|BADSIG/);
  t.is((await dig({ server: OURS, port, args: [ZONE, 'AXFR'], key: forged, owner: t })).answer.length, 0);
  t.is((await primary.ask(ZONE, 'AXFR')).status, 'TRANSFER FAILED');
  t.is((await primary.ask(ZONE, 'IXFR=0')).status, 'TRANSFER FAILED');
});
