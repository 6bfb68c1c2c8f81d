/** Updates that our secondary passes on (RFC 2136 6), by nsupdate, to our primary and to BIND. */
import anyTest, { type ExecutionContext } from 'ava';
import { type KeyText, nsupdate } from '../support/dig.ts';
import { startNamed } from '../support/named.ts';
import { testWith } from '../support/needs.ts';
import { freePort } from '../support/ports.ts';
import { makeRepository } from '../support/repository.ts';
import { PRIMARY, type Scene, SECONDARY, startScene, zoneText } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';

const secrecy = secrecyOf(anyTest);
const test = testWith(anyTest, ['named', 'git', 'dig', 'nsupdate']);

const admin = secrecy.newKey('admin._update.mirage');
const host = secrecy.newKey('host._update.www.mirage');
const stranger = secrecy.newKey('stranger._update.mirage');
const mirage = secrecy.newKey(`${PRIMARY}.${SECONDARY}._transfer.mirage`);
const away = secrecy.newKey(`127.0.0.9.${SECONDARY}._transfer.mirage`);

const startSecondary = (t: ExecutionContext<unknown>, port: number, ...keys: readonly KeyText[]): Promise<Scene> =>
  startScene(t, secrecy, 'secondary', ['--forward-updates', ...keys.flatMap((key) => ['--keys', key])], { port });

const add = (n: number): readonly string[] => ['zone mirage', `add u${n}.mirage 60 A 192.0.2.${n}`];

/** What the secondary has to do, whoever its primary is. */
const check = async (t: ExecutionContext<unknown>, secondary: Scene): Promise<void> => {
  const { port } = secondary;
  await secondary.shows('NOERROR 127.0.0.1', 'ns.mirage');
  for (const tcp of [false, true]) {
    const n = tcp ? 2 : 1;
    const done = await nsupdate({ server: SECONDARY, port, key: admin, owner: t, commands: add(n), tcp });
    t.is(done.code, 0, done.text);
    await secondary.shows(`NOERROR 192.0.2.${n}`, `u${n}.mirage`);
  }
  t.regex(
    (await secondary.update(admin, 'zone mirage', 'prereq nxdomain u1.mirage', 'add x.mirage 60 A 1.2.3.4')).text,
    /YXDOMAIN/,
  );
  t.regex((await secondary.update(stranger, ...add(3))).text, /NOTAUTH|BADKEY/);
  t.regex((await secondary.update(undefined, ...add(3))).text, /REFUSED/);
  t.regex((await secondary.update(admin, 'zone other', 'add x.other 60 A 192.0.2.3')).text, /NOTAUTH|BADKEY/);
  await secondary.shows('NXDOMAIN', 'u3.mirage');
};

test.serial('our primary judges what our secondary passes on', async (t) => {
  const keys = [admin, host, mirage].map(keyLine).join('');
  const repository = await makeRepository(t, { _keys: keys, mirage: zoneText(1) });
  const port = await freePort(PRIMARY, SECONDARY);
  const primary = await startScene(t, secrecy, 'primary', ['--remote', repository.path], { port });
  const secondary = await startSecondary(t, port, mirage);
  await check(t, secondary);
  t.regex((await secondary.update(host, ...add(3))).text, /REFUSED/);
  t.is((await secondary.update(host, 'zone mirage', 'add www.mirage 60 A 192.0.2.7')).code, 0);
  t.is(await primary.look('www.mirage'), 'NOERROR 192.0.2.7');
  t.is((await primary.service.stop()).code, 0);
  t.regex((await secondary.update(admin, ...add(4))).text, /SERVFAIL|TSIG/);
  await secondary.service.waitForEvent('update.forward-failed', { zone: 'mirage.' });
});

test.serial('BIND judges what our secondary passes on, and a primary that is away is passed over', async (t) => {
  const port = await freePort(PRIMARY, SECONDARY);
  await startNamed(t, {
    address: PRIMARY,
    port,
    keys: [admin, mirage],
    zones: [
      {
        name: 'mirage',
        text: zoneText(1),
        allowUpdate: ['key "admin._update.mirage"'],
        alsoNotify: [{ address: SECONDARY, port, key: mirage }],
      },
    ],
  });
  await check(t, await startSecondary(t, port, away, mirage));
});

test.serial('an update that goes in a circle ends', async (t) => {
  const there = secrecy.newKey(`${SECONDARY}.127.0.0.3._transfer.mirage`);
  const back = secrecy.newKey(`127.0.0.3.${SECONDARY}._transfer.mirage`);
  const port = await freePort(SECONDARY, '127.0.0.3');
  const flags = ['--forward-updates', '--keys'];
  const one = await startScene(t, secrecy, 'secondary', [...flags, back], { port });
  await startScene(t, secrecy, 'secondary', [...flags, there], { port, address: '127.0.0.3' });
  t.regex((await one.update(admin, ...add(1))).text, /SERVFAIL|TSIG/);
});
