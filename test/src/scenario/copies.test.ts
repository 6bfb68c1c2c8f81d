/** A secondary with copies on the disk: what it serves after a restart, and for how long. */
import { join } from 'node:path';
import anyTest, { type ExecutionContext } from 'ava';
import { dig, type KeyText } from '../support/dig.ts';
import { movableClock } from '../support/movable-clock.ts';
import { testWith } from '../support/needs.ts';
import { temporaryFolder } from '../support/owner.ts';
import { freePort } from '../support/ports.ts';
import type { ProgramOptions } from '../support/process.ts';
import { makeRepository } from '../support/repository.ts';
import { PRIMARY, type Scene, SECONDARY, startScene, zoneText } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';

const secrecy = secrecyOf(anyTest);
const test = testWith(anyTest, ['git', 'dig', 'nsupdate']);

const admin = secrecy.newKey('admin._update');
const mirage = secrecy.newKey(`${PRIMARY}.${SECONDARY}._transfer.mirage`);
const keys = [admin, mirage].map(keyLine).join('');

interface Given {
  readonly primary: Scene;
  startPrimary(): Promise<Scene>;
  startSecondary(key?: KeyText, env?: ProgramOptions['env']): Promise<Scene>;
  readonly port: number;
  readonly data: string;
}

const setUp = async (t: ExecutionContext<unknown>, key: KeyText, timers?: string): Promise<Given> => {
  const repository = await makeRepository(t, { _keys: keys, mirage: zoneText(1, '', timers) });
  const port = await freePort(PRIMARY, SECONDARY);
  const data = join(temporaryFolder(t, 'data'), 'secondary');
  const startPrimary = (): Promise<Scene> =>
    startScene(t, secrecy, 'primary', ['--remote', repository.path, '--ack', 'push'], { port });
  const startSecondary: Given['startSecondary'] = (its = key, env = {}) =>
    startScene(t, secrecy, 'secondary', ['--keys', its, '--data', data], { port, env });
  return { primary: await startPrimary(), startPrimary, startSecondary, port, data };
};

test.serial('a secondary that is restarted without its primary serves at once, by differences too', async (t) => {
  const { primary, startPrimary, startSecondary, port } = await setUp(t, mirage);
  const secondary = await startSecondary();
  await secondary.shows('NOERROR 127.0.0.1', 'ns.mirage');
  for (let n = 1; n <= 3; n++) {
    t.is((await primary.update(admin, 'zone mirage', `add u${n}.mirage 60 A 192.0.2.${n}`)).code, 0);
    await secondary.shows(`NOERROR 192.0.2.${n}`, `u${n}.mirage`);
  }
  const serial = await secondary.serial('mirage');
  t.is((await secondary.service.stop()).code, 0);
  t.is((await primary.service.stop()).code, 0);

  const again = await startSecondary();
  t.is(await again.look('u3.mirage'), 'NOERROR 192.0.2.3');
  t.is(await again.serial('mirage'), serial);
  const changes = await dig({
    server: SECONDARY,
    port,
    args: ['mirage', `ixfr=${serial! - 2}`],
    key: mirage,
    owner: t,
  });
  t.is(changes.answer.filter(({ type }) => type === 'SOA').length, 4, 'a difference between two SOAs');

  const back = await startPrimary();
  t.is((await back.update(admin, 'zone mirage', 'add u4.mirage 60 A 192.0.2.4')).code, 0);
  await again.shows('NOERROR 192.0.2.4', 'u4.mirage');
  const forms = again.service.lines
    .filter(({ text }) => text.includes('"transfer.in"'))
    .map(({ text }) => JSON.parse(text).form);
  t.deepEqual([...new Set(forms)], ['IXFR']);
});

// When exactly: unit/expiry.test.ts.
testWith(anyTest, ['git', 'dig', 'faketime']).serial(
  'a copy lives no longer for a restart, nor for the next',
  async (t) => {
    const { primary, startSecondary } = await setUp(t, mirage, '60 60 3600 60');
    const clock = await movableClock(t);
    const startAt = (seconds: number): Promise<Scene> => {
      clock.set(seconds * 1000);
      return startSecondary(mirage, clock.env);
    };
    const secondary = await startAt(0);
    await secondary.shows('NOERROR 127.0.0.1', 'ns.mirage');
    t.is((await primary.service.stop()).code, 0);
    t.is((await secondary.service.stop()).code, 0);
    const again = await startAt(1800);
    t.is(await again.look('ns.mirage'), 'NOERROR 127.0.0.1');
    t.is((await again.service.stop()).code, 0);
    const expired = await startAt(3600);
    t.is(await expired.look('ns.mirage'), 'SERVFAIL');
    t.is((await expired.service.stop()).code, 0);
    const last = await startAt(3600);
    t.is(await last.look('ns.mirage'), 'SERVFAIL');
  },
);

test.serial('a key that is missing for one start takes no copy away', async (t) => {
  const { primary, startSecondary } = await setUp(t, mirage);
  const secondary = await startSecondary();
  await secondary.shows('NOERROR 127.0.0.1', 'ns.mirage');
  t.is((await primary.service.stop()).code, 0);
  t.is((await secondary.service.stop()).code, 0);
  const without = await startSecondary(secrecy.newKey(`${PRIMARY}.${SECONDARY}._transfer.other`));
  t.is((await without.ask('ns.mirage')).status, 'REFUSED');
  t.is((await without.service.stop()).code, 0);
  const again = await startSecondary();
  t.is(await again.look('ns.mirage'), 'NOERROR 127.0.0.1');
});

test.serial('two secondaries do not share a folder', async (t) => {
  const { startSecondary, data } = await setUp(t, mirage);
  await startSecondary();
  const port = await freePort(SECONDARY);
  await t.throwsAsync(startScene(t, secrecy, 'secondary', ['--keys', mirage, '--data', data], { port }), {
    message: /another process has it/,
  });
});
