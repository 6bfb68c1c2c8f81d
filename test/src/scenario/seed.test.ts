/** `zonewright seed`: what it makes is what git, the checks and the services take, and it never changes what is there. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keyFilePath, type Seeded, type SeedOptions, seedKeyNames, seedRepository } from '@zonewright/cli/seed';
import { parseKey, printKey } from '@zonewright/common/authority/key';
import { readZoneFile } from '@zonewright/common/authority/zone-file';
import { initBare } from '@zonewright/common/git/bare';
import { Name } from '@zonewright/common/name';
import type { Fault, Result } from '@zonewright/common/result';
import test from 'ava';
import { git } from '../support/git-peers.ts';
import { testWith } from '../support/needs.ts';
import { type Owner, temporaryFolder } from '../support/owner.ts';

const must = <T>(result: Result<T, Fault>): T => {
  if (!result.ok) throw new Error(result.fault.what);
  return result.value;
};

const name = (text: string): Name => must(Name.parse(text));

const optionsIn = (directory: string, more: Partial<SeedOptions> = {}): SeedOptions => ({
  directory,
  zone: name('mirage.'),
  primary: '10.0.42.2',
  secondaries: ['10.0.42.3'],
  time: 1_750_000_000,
  ...more,
});

const seed = async (
  owner: Owner,
  more: Partial<SeedOptions> = {},
): Promise<Seeded & { readonly directory: string }> => {
  const directory = join(temporaryFolder(owner, 'seed'), 'data');
  return { ...must(await seedRepository(optionsIn(directory, more))), directory };
};

const withGit = testWith(test, ['git']);

withGit(
  'a new repository holds one commit with a zone that has no findings and the keys that are in the files',
  async (t) => {
    const { repository, keyFolder, keys, isNew } = await seed(t, { secondaries: ['10.0.42.3', '2001:db8::3'] });
    t.true(isNew);
    await git(repository, 'fsck', '--strict');
    t.is((await git(repository, 'log', '--format=%s', 'main')).trim(), 'mirage: a zone and its keys');
    const { zone, findings } = readZoneFile(Buffer.from(await git(repository, 'show', 'main:mirage')), name('mirage.'));
    t.deepEqual(findings, []);
    t.is(zone?.serial, 1);
    const names = [
      'personal._update.mirage',
      'letsencrypt._update.mirage',
      'monitor._notify.mirage',
      '10.0.42.2.10.0.42.3._transfer.mirage',
      '10.0.42.2.2001-db8--3._transfer.mirage',
    ];
    t.deepEqual(readdirSync(keyFolder).sort(), [...names].sort());
    t.deepEqual(
      keys.map((key) => key.name.toString()),
      names.map((text) => `${text}.`),
    );
    for (const key of keys) {
      const path = keyFilePath(keyFolder, key.name);
      t.is(statSync(path).mode & 0o777, 0o600);
      t.is(printKey(must(parseKey(readFileSync(path, 'utf8')))), printKey(key));
    }
    t.is(new Set(keys.map((key) => printKey(key).split(':')[2])).size, keys.length);
  },
);

test('any zone will do, also the root', async (t) => {
  for (const zone of ['.', 'a-b.example.', 'x\\/y.example.']) {
    const { keys, isNew } = await seed(t, { zone: name(zone) });
    t.true(isNew);
    t.is(keys.length, 4);
    t.true(keys.every((key) => key.zone.key === name(zone).key));
  }
});

withGit('a second run changes nothing, and writes key files that miss, differ or can be read by others', async (t) => {
  const { directory, repository, keyFolder, keys } = await seed(t);
  const head = await git(repository, 'rev-parse', 'main');
  const [first, second, third] = keys.map((key) => keyFilePath(keyFolder, key.name));
  const contents = keys.map((key) => readFileSync(keyFilePath(keyFolder, key.name), 'utf8'));
  const untouched = statSync(keyFilePath(keyFolder, keys[3]!.name)).mtimeMs;
  rmSync(first!);
  chmodSync(second!, 0o644);
  rmSync(third!);
  mkdirSync(join(keyFolder, 'other'));
  const again = must(await seedRepository(optionsIn(directory, { primary: '192.0.2.1', time: 1_760_000_000 })));
  t.false(again.isNew);
  t.is(await git(repository, 'rev-parse', 'main'), head);
  t.deepEqual(
    keys.map((key) => readFileSync(keyFilePath(keyFolder, key.name), 'utf8')),
    contents,
  );
  for (const path of [first!, second!, third!]) t.is(statSync(path).mode & 0o777, 0o600);
  t.is(statSync(keyFilePath(keyFolder, keys[3]!.name)).mtimeMs, untouched);
});

test('a run that was interrupted before its commit is gone on with', async (t) => {
  const directory = temporaryFolder(t, 'seed');
  must(await initBare(join(directory, 'zones.git')));
  const seeded = must(await seedRepository(optionsIn(directory)));
  t.true(seeded.isNew);
  t.is(seeded.keys.length, 4);
});

test('folders that are made are for their owner only, and those that are there keep their mode', async (t) => {
  const modeOf = (path: string): number => statSync(path).mode & 0o777;
  const { directory, repository, keyFolder } = await seed(t);
  for (const path of [directory, repository, keyFolder]) t.is(modeOf(path), 0o700, path);
  // Volumes of a container: there, empty, below a folder of somebody else.
  const mounted = join(temporaryFolder(t, 'seed'), 'mounted');
  for (const path of [mounted, join(mounted, 'zones.git'), join(mounted, 'keys')]) {
    mkdirSync(path);
    chmodSync(path, 0o755);
  }
  t.true(must(await seedRepository(optionsIn(mounted))).isNew);
  for (const path of [mounted, join(mounted, 'zones.git'), join(mounted, 'keys')]) t.is(modeOf(path), 0o755, path);
});

test('a zone whose name leaves no room for the names of keys is refused', (t) => {
  const long = name(`${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.`);
  const names = seedKeyNames(optionsIn('.', { zone: long }));
  t.false(names.ok);
  t.is(names.ok ? undefined : names.fault.kind, 'usage');
});

test('a folder that cannot be used is a fault', async (t) => {
  const file = join(temporaryFolder(t, 'seed'), 'file');
  writeFileSync(file, '');
  const seeded = await seedRepository(optionsIn(file));
  t.false(seeded.ok);
});
