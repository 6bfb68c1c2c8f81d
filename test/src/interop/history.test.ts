/**
 * IXFR from git: dig and BIND's named get what changed since versions that no history in memory knows, for the primary was restarted
 * meanwhile, over a path and over a network; and the whole zone where git cannot know what was served.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type DigReply, dig } from '../support/dig.ts';
import { startGitDaemon } from '../support/git-peers.ts';
import { startNamed } from '../support/named.ts';
import { testWith } from '../support/needs.ts';
import { temporaryFolder } from '../support/owner.ts';
import { freePort } from '../support/ports.ts';
import { makeRepository, type Repository } from '../support/repository.ts';
import { PRIMARY, pull, type Scene, startScene, zoneText } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';
import { until } from '../support/until.ts';

const secrecy = secrecyOf(test);
const KEY = secrecy.newKey('127.0.0.1._transfer.mirage');
const ADMIN = secrecy.newKey('admin._update.mirage');
const KEYS = { _keys: keyLine(KEY) + keyLine(ADMIN) };

/** A zone of some size, so that what changed is shorter than all of it. */
const text = (serial: number, ...more: readonly string[]): string =>
  zoneText(
    serial,
    [...Array.from({ length: 200 }, (_, i) => `host${i} TXT "${i}"`), ...more, ''].join('\n'),
    '2 1 86400 300',
  );

const ixfr = (t: ExecutionContext, { port }: Scene, serial: number): Promise<DigReply> =>
  dig({ server: PRIMARY, port, key: KEY, owner: t, args: ['mirage', `IXFR=${serial}`] });

const isWhole = ({ answer }: DigReply): boolean => answer.filter(({ type }) => type === 'SOA').length === 2;

/** The records of an IXFR but its SOAs. */
const changed = ({ answer }: DigReply): string[] =>
  answer.filter(({ type }) => type !== 'SOA').map(({ name, data }) => `${name} ${data}`);

const start = async (t: ExecutionContext, port: number, remote: string, ...flags: string[]): Promise<Scene> =>
  startScene(t, secrecy, 'primary', ['--remote', remote, ...flags], { address: PRIMARY, port });

const grown = async (t: ExecutionContext): Promise<Repository> => {
  const repository = await makeRepository(t, { ...KEYS, mirage: text(1, 'a A 192.0.2.1') });
  for (const serial of [2, 3, 4]) await repository.push({ mirage: text(serial, `a A 192.0.2.${serial}`) });
  return repository;
};

const check = testWith(test, ['git', 'dig']);

check('after a restart an IXFR is answered from any version in git, and condensed', async (t) => {
  const repository = await grown(t);
  const primary = await start(t, await freePort(PRIMARY), repository.path);
  for (const serial of [1, 2, 3]) {
    const reply = await ixfr(t, primary, serial);
    t.deepEqual(changed(reply), [`a.mirage. 192.0.2.${serial}`, 'a.mirage. 192.0.2.4'], reply.text);
    await primary.service.waitForEvent('history.searched', { zone: 'mirage.', from: serial, found: true });
  }
  t.true(isWhole(await ixfr(t, primary, 0)), 'a serial that was never there');
  const searches = (): number =>
    primary.service.lines.filter(({ text: line }) => line.includes('history.searched')).length;
  const before = searches();
  t.true(isWhole(await ixfr(t, primary, 0)));
  t.is(searches(), before, 'what was not found is not looked for again');
});

check('a version that was not served as it stands in git is not taken for one that was', async (t) => {
  const repository = await makeRepository(t, { ...KEYS, mirage: text(1, 'a A 192.0.2.1') });
  await repository.push({ mirage: text(2, 'a A 192.0.2.2') });
  await repository.push({ mirage: text(2, 'a A 192.0.2.3') });
  await repository.push({ mirage: text(3, 'a A 192.0.2.x') });
  await repository.push({ mirage: text(5, 'a A 192.0.2.5') });
  const primary = await start(t, await freePort(PRIMARY), repository.path);
  t.true(isWhole(await ixfr(t, primary, 2)), 'two say different things with this serial');
  t.true(isWhole(await ixfr(t, primary, 3)), 'it had errors');
  t.deepEqual(changed(await ixfr(t, primary, 1)), ['a.mirage. 192.0.2.1', 'a.mirage. 192.0.2.5']);
});

check('a serial that an author left as it was is that of the version before, as it was served', async (t) => {
  const repository = await makeRepository(t, { ...KEYS, mirage: text(5, 'a A 192.0.2.1') });
  const port = await freePort(PRIMARY);
  const first = await start(t, port, repository.path);
  await pull(first, await repository.push({ mirage: text(5, 'a A 192.0.2.2') }));
  await until(() => repository.git('log', '-1', '--format=%B', 'main'), {
    what: 'the raised serial is written',
    holds: (message) => message.includes('Zonewright-Unserved: mirage 5\n'),
  });
  await first.service.stop();
  const second = await start(t, port, repository.path);
  t.true((await second.serial('mirage'))! > 5);
  t.deepEqual(changed(await ixfr(t, second, 5)), ['a.mirage. 192.0.2.1', 'a.mirage. 192.0.2.2']);
});

check('over a network older commits are fetched for it, and a push goes on working', async (t) => {
  const repository = await grown(t);
  const daemon = await startGitDaemon(repository.folder);
  t.teardown(() => daemon.stop());
  const remote = `git://127.0.0.1:${daemon.port}/zones.git`;
  const primary = await start(t, await freePort(PRIMARY), remote);
  t.deepEqual(changed(await ixfr(t, primary, 1)), ['a.mirage. 192.0.2.1', 'a.mirage. 192.0.2.4']);
  const update = await primary.update(ADMIN, 'zone mirage', 'add b.mirage 60 A 192.0.2.77');
  t.is(update.code, 0, update.text);
  t.deepEqual(changed(await ixfr(t, primary, 4)), ['b.mirage. 192.0.2.77'], 'from the history in memory');
  t.deepEqual(changed(await ixfr(t, primary, 2)).sort(), [
    'a.mirage. 192.0.2.2',
    'a.mirage. 192.0.2.4',
    'b.mirage. 192.0.2.77',
  ]);
  await pull(primary, await repository.push({ mirage: text(99, 'a A 192.0.2.99') }));
  t.is(await primary.serial('mirage'), 99);
});

testWith(test, ['git', 'dig', 'named', 'nsupdate'])(
  'BIND that was away while the primary was restarted and the zone changed gets what changed, and not the whole zone',
  async (t) => {
    const repository = await makeRepository(t, { ...KEYS, mirage: text(1, 'a A 192.0.2.1') });
    const data = temporaryFolder(t, 'data');
    const port = await freePort(PRIMARY, '127.0.0.2');
    const first = await start(t, port, repository.path, '--data', data);
    const options = {
      port: await freePort(PRIMARY),
      keys: [KEY],
      zones: [{ name: 'mirage', primaries: [{ address: PRIMARY, port, key: KEY }] }],
    };
    const named = await startNamed(t, options);
    const serialOf = async (): Promise<string | undefined> => {
      const { answer } = await dig({ server: PRIMARY, port: options.port, args: ['mirage', 'SOA'] });
      return answer[0]?.data.split(' ')[2];
    };
    await until(serialOf, { what: 'BIND has the first version', holds: (serial) => serial === '1' });
    await named.stop();

    const update = await first.update(ADMIN, 'zone mirage', 'add b.mirage 60 A 192.0.2.2');
    t.is(update.code, 0, update.text);
    await first.service.stop();
    await repository.push((read) => ({
      mirage: read('mirage').replace('a A 192.0.2.1', 'a A 192.0.2.9').replace('hostmaster 2 ', 'hostmaster 3 '),
    }));
    // What the primary keeps for itself is gone too: git alone knows what was.
    rmSync(join(data, 'journal'), { recursive: true, force: true });
    const second = await start(t, port, repository.path, '--data', data);
    const back = await startNamed(t, { ...options, folder: named.folder });
    const wanted = `${await second.serial('mirage')}`;
    await until(serialOf, { what: `BIND has ${wanted}`, holds: (serial) => serial === wanted });
    const [, records] = /Transfer completed: 1 messages, (\d+) records/.exec(back.program.text()) ?? [];
    t.is(Number(records), 7, 'four SOAs, and what changed');
    await second.service.waitForEvent('history.searched', { zone: 'mirage.', from: 1, found: true });
  },
);
