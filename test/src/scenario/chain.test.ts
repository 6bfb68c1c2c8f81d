/**
 * A primary, a secondary, and a secondary of that one: what changes, comes and goes at one end is at the other by NOTIFY and by
 * differences, with keys that name addresses, on connections of hidden ones, and by a catalog.
 */
import anyTest, { type ExecutionContext } from 'ava';
import type { KeyText } from '../support/dig.ts';
import { testWith } from '../support/needs.ts';
import { temporaryFolder } from '../support/owner.ts';
import { freePort } from '../support/ports.ts';
import { run } from '../support/process.ts';
import { type Files, makeRepository, type Repository } from '../support/repository.ts';
import { lagOf, PRIMARY, pull, type Scene, SECONDARY, startScene, zoneText } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';
import { root } from '../support/zonewright.ts';

const secrecy = secrecyOf(anyTest);
const test = testWith(anyTest, ['git', 'dig', 'nsupdate']);

const LAST = '127.0.0.3';
const admin = secrecy.newKey('admin._update');

interface Chained {
  readonly repository: Repository;
  readonly port: number;
  readonly primary: Scene;
  readonly middle: Scene;
  readonly last: Scene;
}

interface Links {
  /** Between the primary and the one in the middle, and between that and the last. */
  readonly first: KeyText;
  readonly second: KeyText;
  readonly files: Files;
  readonly catalog?: string;
}

const setUp = async (t: ExecutionContext<unknown>, { first, second, files, catalog }: Links): Promise<Chained> => {
  const repository = await makeRepository(t, { _keys: [admin, first].map(keyLine).join(''), ...files });
  const port = await freePort(PRIMARY, SECONDARY, LAST);
  const more = catalog === undefined ? [] : ['--catalog', catalog];
  const primary = await startScene(t, secrecy, 'primary', ['--remote', repository.path, ...more], { port });
  const middle = await startScene(t, secrecy, 'secondary', ['--keys', first, '--keys', second, ...more], { port });
  const last = await startScene(t, secrecy, 'secondary', ['--keys', second, ...more], { port, address: LAST });
  return { repository, port, primary, middle, last };
};

const formsOf = (scene: Scene, zone: string): string[] =>
  scene.service.lines
    .filter(({ text }) => text.includes('"transfer.in"') && text.includes(`"zone":"${zone}."`))
    .map(({ text }) => JSON.parse(text).form);

const NAMED = {
  first: secrecy.newKey(`${PRIMARY}.${SECONDARY}._transfer.mirage`),
  second: secrecy.newKey(`${SECONDARY}.${LAST}._transfer.mirage`, 'SHA512'),
};

test.serial('what changes at the primary is at the last of a chain within a second, by differences', async (t) => {
  const { primary, middle, last } = await setUp(t, { ...NAMED, files: { mirage: zoneText(1) } });
  await last.shows('NOERROR 127.0.0.1', 'ns.mirage');
  for (let n = 1; n <= 5; n++) {
    t.is((await primary.update(admin, 'zone mirage', `add u${n}.mirage 60 A 192.0.2.${n}`)).code, 0);
    t.true((await lagOf(last, primary, 'mirage', `NOERROR 192.0.2.${n}`, `u${n}.mirage`)) <= 1000);
  }
  t.deepEqual(formsOf(last, 'mirage'), ['AXFR', 'IXFR', 'IXFR', 'IXFR', 'IXFR', 'IXFR']);
  const told = middle.service.lines.filter(({ text }) => text.includes('"notify.'));
  t.true(told.length > 0);
  t.deepEqual([...new Set(told.map(({ text }) => JSON.parse(text).peer))], [LAST], 'neither itself nor name servers');
});

test.serial('a chain works also where those above speak at another port than those below', async (t) => {
  const repository = await makeRepository(t, { _keys: keyLine(NAMED.first), mirage: zoneText(1) });
  const above = await freePort(PRIMARY);
  const port = await freePort(SECONDARY, LAST);
  await startScene(t, secrecy, 'primary', ['--remote', repository.path], { port: above });
  const keys = ['--keys', NAMED.first, '--keys', NAMED.second, '--primary-port', `${above}`];
  const middle = await startScene(t, secrecy, 'secondary', keys, { port });
  const last = await startScene(t, secrecy, 'secondary', ['--keys', NAMED.second], { port, address: LAST });
  await last.shows('NOERROR 127.0.0.1', 'ns.mirage');
  const ready = middle.service.lines.map(({ text }) => text).find((text) => text.includes('"ready"'));
  t.like(JSON.parse(ready!), { primaries: [PRIMARY], secondaries: [`${SECONDARY}.${LAST}._transfer.mirage.`] });
});

for (const [name, second] of [
  ['named by its address', NAMED.second],
  ['hidden', secrecy.newKey(`x.${SECONDARY}._transfer.mirage`)],
] as const)
  test.serial(
    `zones that come and go at the primary come and go at the last of a chain, which is ${name}`,
    async (t) => {
      const { repository, port, primary, middle, last } = await setUp(t, {
        first: NAMED.first,
        second,
        files: { mirage: zoneText(1), 'a.mirage': zoneText(1, 'www A 192.0.2.1\n') },
      });
      await last.shows('NOERROR 192.0.2.1', 'www.a.mirage');
      await pull(
        primary,
        await repository.push({ 'b.mirage': zoneText(1, 'www A 192.0.2.2\n'), 'a.mirage': undefined }),
      );
      await last.shows('NOERROR 192.0.2.2', 'www.b.mirage', 'A', 5000);
      await last.shows('NXDOMAIN', 'www.a.mirage', 'A', 5000);

      t.is((await middle.service.stop()).code, 0);
      t.is((await primary.update(admin, 'zone b.mirage', 'add x.b.mirage 60 A 192.0.2.3')).code, 0);
      const keys = ['--keys', NAMED.first, '--keys', second];
      await startScene(t, secrecy, 'secondary', keys, { port });
      await last.shows('NOERROR 192.0.2.3', 'x.b.mirage', 'A', 10_000);
    },
  );

test.serial('a catalog goes through a chain, and takes its zones with it', async (t) => {
  const { repository, primary, last } = await setUp(t, {
    first: secrecy.newKey(`${PRIMARY}.${SECONDARY}._transfer`),
    second: secrecy.newKey(`${SECONDARY}.${LAST}._transfer`),
    files: { 'a.example': zoneText(1, 'www A 192.0.2.1\n') },
    catalog: 'catalog.invalid',
  });
  await last.shows('NOERROR 192.0.2.1', 'www.a.example');
  await pull(primary, await repository.push({ 'b.example': zoneText(1, 'www A 192.0.2.2\n'), 'a.example': undefined }));
  await last.shows('NOERROR 192.0.2.2', 'www.b.example', 'A', 5000);
  await last.shows('REFUSED', 'www.a.example', 'A', 5000);
  t.deepEqual(formsOf(last, 'catalog.invalid'), ['AXFR', 'IXFR']);
});

test.serial(
  'keys that lead nowhere but to the server itself, and a catalog without a key, are told at the start',
  async (t) => {
    const port = await freePort(SECONDARY);
    const begin = (...flags: readonly string[]) =>
      run(process.execPath, ['bin/zonewright', 'secondary', '--listen', SECONDARY, '--port', `${port}`, ...flags], {
        cwd: root,
      });
    const own = await begin('--keys', NAMED.second);
    t.is(own.code, 2);
    t.regex(own.stderr, /all keys name 127\.0\.0\.2 as the primary, which is this server/);
    const catalog = await begin('--keys', NAMED.first, '--catalog', 'catalog');
    t.is(catalog.code, 2);
    t.regex(catalog.stderr, /no key is for the catalog catalog\./);
  },
);

test.serial(
  'a secondary that is restarted while its primary is away serves what its catalog lists, and follows it on',
  async (t) => {
    const key = secrecy.newKey(`${PRIMARY}.${SECONDARY}._transfer`);
    const repository = await makeRepository(t, {
      _keys: [admin, key].map(keyLine).join(''),
      'a.example': zoneText(1, 'www A 192.0.2.1\n'),
      'b.example': zoneText(1, 'www A 192.0.2.2\n'),
    });
    const port = await freePort(PRIMARY, SECONDARY);
    const startPrimary = () =>
      startScene(t, secrecy, 'primary', ['--remote', repository.path, '--catalog', 'catalog'], { port });
    const data = temporaryFolder(t, 'data');
    const startSecondary = () =>
      startScene(t, secrecy, 'secondary', ['--keys', key, '--catalog', 'catalog', '--data', data], { port });
    const primary = await startPrimary();
    const secondary = await startSecondary();
    await secondary.service.waitForEvent('catalog.loaded', { members: 2 });
    await secondary.shows('NOERROR 192.0.2.1', 'www.a.example');
    await secondary.shows('NOERROR 192.0.2.2', 'www.b.example');
    t.is((await primary.service.stop()).code, 0);
    t.is((await secondary.service.stop()).code, 0);

    const again = await startSecondary();
    t.is(await again.look('www.a.example'), 'NOERROR 192.0.2.1');
    await again.service.waitForEvent('catalog.loaded', { members: 2 });
    t.is(await again.look('www.b.example'), 'NOERROR 192.0.2.2');
    await repository.push({ 'c.example': zoneText(1, 'www A 192.0.2.3\n'), 'a.example': undefined });
    await startPrimary();
    await again.shows('NOERROR 192.0.2.3', 'www.c.example', 'A', 20_000);
    await again.shows('REFUSED', 'www.a.example', 'A', 20_000);
    t.is(await again.look('www.b.example'), 'NOERROR 192.0.2.2');
  },
);
