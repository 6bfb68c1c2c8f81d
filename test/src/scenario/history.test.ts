/** `zonewright log` and `zonewright revert` as a user runs them, on repositories that native git made and reads again. */
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { git, startHttpBackend } from '../support/git-peers.ts';
import { zonewright } from '../support/in-process.ts';
import { testWith } from '../support/needs.ts';
import type { Owner } from '../support/owner.ts';
import type { Ran } from '../support/process.ts';
import { makeRepository, type Repository } from '../support/repository.ts';
import { tool } from '../support/zonewright.ts';

const check = testWith(test, ['git']);

/** A zone as somebody keeps it by hand. */
const zoneText = (serial: number, more: readonly string[]): string =>
  [
    '$TTL 300',
    '; kept by hand',
    `@ SOA ns hostmaster ${serial} 16384 2048 1048576 300`,
    '@ NS ns',
    'ns A 127.0.0.1',
    ...more,
    '',
  ].join('\n');

const entriesOf = (ran: Ran): { [key: string]: unknown }[] =>
  ran.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { [key: string]: unknown });

const changesOf = (entry: { [key: string]: unknown }): string[] =>
  (entry.changes as { change: string; name: string; type: string; rdata: string }[]).map(
    ({ change, name, type, rdata }) => `${change} ${name} ${type} ${rdata}`,
  );

type Five = readonly [string, string, string, string, string];

/** Five commits: a zone is made, changed, broken, repaired; another file is changed. */
const grown = async (t: Owner): Promise<{ repository: Repository; commits: Five }> => {
  const repository = await makeRepository(t, { mirage: zoneText(1, ['www A 192.0.2.1', 'mail MX 10 www']) });
  const commits = [await repository.head()];
  for (const files of [
    { mirage: zoneText(2, ['www A 192.0.2.2', 'mail MX 10 www']) },
    { mirage: zoneText(3, ['www A 192.0.2.2', 'mail MX x']) },
    { mirage: zoneText(4, ['www A 192.0.2.2 ; new house', 'mail MX 20 www']) },
    { README: 'nothing of ours' },
  ])
    commits.push(await repository.push(files));
  return { repository, commits: commits as unknown as Five };
};

check('log: the commits that changed a zone are told, newest first, with serials and records', async (t) => {
  const { repository, commits } = await grown(t);
  const ran = await tool('zonewright', ['log', '--remote', repository.path, 'mirage']);
  t.is(ran.code, 0, ran.stderr);
  const short = commits.map((commit) => commit.slice(0, 12));
  const said = ran.stdout.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, 'TIME');
  const by = 'by Somebody Else <else@example.org>\n    somebody else';
  t.is(
    said,
    `${short[3]} TIME serial 2 -> 4, ${by}
    since the last version without errors; with errors: ${short[2]}
  - mail.mirage. 300 IN MX 10 www.mirage.
  + mail.mirage. 300 IN MX 20 www.mirage.

${short[2]} TIME errors, not served, ${by}
  ! mirage:7:9: 'x' is no number of 0..65535

${short[1]} TIME serial 1 -> 2, ${by}
  - www.mirage. 300 IN A 192.0.2.1
  + www.mirage. 300 IN A 192.0.2.2

${short[0]} TIME zone added, serial 1, ${by}
`,
  );
});

check('log: of a name there are the commits that changed its records, and no others', async (t) => {
  const { repository, commits } = await grown(t);
  const of = (...args: readonly string[]): Promise<Ran> =>
    zonewright('log', '--json', '--remote', repository.path, ...args);
  for (const name of ['mail', 'mail.mirage', 'MAIL.mirage.']) {
    const entries = entriesOf(await of('mirage', name));
    t.deepEqual(
      entries.map(({ commit }) => commit),
      [commits[3], commits[0]],
    );
    t.deepEqual(changesOf(entries[0]!), [
      'removed mail.mirage. MX 10 www.mirage.',
      'added mail.mirage. MX 20 www.mirage.',
    ]);
    t.deepEqual(changesOf(entries[1]!), ['added mail.mirage. MX 10 www.mirage.']);
  }
  t.is(entriesOf(await of('mirage', 'www', 'A')).length, 2);
  t.is(entriesOf(await of('mirage', '@', 'SOA')).length, 3);
  t.is(entriesOf(await of('-n', '1', 'mirage')).length, 1);
  t.is(entriesOf(await of('--since', '1h', 'mirage')).length, 4);
  for (const args of [
    ['mirage', 'www', 'AAAA'],
    ['mirage', 'nobody'],
    ['other'],
    ['--since', '2099-01-01', 'mirage'],
  ]) {
    const ran = await of(...args);
    t.is(ran.code, 1, args.join(' '));
    t.is(ran.stdout, '');
    t.regex(ran.stderr, /^zonewright log: no commit changed/);
  }
  t.is((await of('mirage', 'www.example.')).code, 2);
  t.is((await of('--since', 'yesterday', 'mirage')).code, 2);
  t.is((await zonewright('log', '--remote', join(repository.folder, 'none.git'), 'mirage')).code, 4);
});

check('log: a change of a file that is included is a change of the zone', async (t) => {
  const included = zoneText(1, ['$INCLUDE hosts']);
  const repository = await makeRepository(t, { mirage: included, hosts: 'a A 192.0.2.1\n', other: 'x' });
  const commit = await repository.push({ hosts: 'a A 192.0.2.2\n' });
  await repository.push({ other: 'y' });
  const entries = entriesOf(await zonewright('log', '--json', '--remote', repository.path, 'mirage', 'a'));
  t.is(entries.length, 2);
  t.is(entries[0]!.commit, commit);
  t.deepEqual(changesOf(entries[0]!), ['removed a.mirage. A 192.0.2.1', 'added a.mirage. A 192.0.2.2']);
});

check('log: of a merge there is what it did itself; a zone that went and came is told', async (t) => {
  const repository = await makeRepository(t, { mirage: zoneText(1, ['a A 192.0.2.1', 'b A 192.0.2.1']) });
  const work = join(repository.folder, 'clone');
  const write = async (text: string, message: string): Promise<void> => {
    const { writeFileSync } = await import('node:fs');
    writeFileSync(join(work, 'mirage'), text);
    await git(work, 'commit', '-q', '-a', '-m', message);
  };
  await git(work, 'checkout', '-q', '-b', 'side');
  await write(zoneText(2, ['a A 192.0.2.2', 'b A 192.0.2.1']), 'side');
  await git(work, 'checkout', '-q', '-');
  await write(zoneText(2, ['a A 192.0.2.1', 'b A 192.0.2.3']), 'main');
  await git(work, 'merge', '-q', '--no-commit', 'side').catch(() => '');
  await write(zoneText(3, ['a A 192.0.2.2', 'b A 192.0.2.3', 'c A 192.0.2.4']), 'merge');
  await git(work, 'push', '-q', 'origin', 'HEAD:main');
  await repository.push({ mirage: undefined });
  const entries = entriesOf(await zonewright('log', '--json', '--remote', repository.path, 'mirage'));
  t.deepEqual(
    entries.map(({ kind }) => kind),
    ['removed', 'edited', 'edited', 'edited', 'added'],
  );
  t.deepEqual(changesOf(entries[1]!), ['added c.mirage. A 192.0.2.4']);
});

check('log: what strangers wrote into names and subjects stays in its line', async (t) => {
  const repository = await makeRepository(t, { mirage: zoneText(1, []) });
  const work = join(repository.folder, 'clone');
  await git(
    work,
    '-c',
    'user.name=x',
    'commit',
    '-q',
    '--allow-empty-message',
    '--amend',
    '--author',
    'E\u001b[2Jve \u202e <eve@example.org>',
    '-m',
    'serial 1 -> 2\r\u001b[1A\u0085 by root',
  );
  await git(work, 'push', '-q', '--force', 'origin', 'HEAD:main');
  const ran = await tool('zonewright', ['log', '--remote', repository.path, 'mirage']);
  t.regex(ran.stdout, /^[\n -~]*$/);
  t.is(ran.stdout.trim().split('\n').length, 2);
  const json = await zonewright('log', '--json', '--remote', repository.path, 'mirage');
  t.regex(json.stdout, /^[\n -~]*$/);
  t.true(String(entriesOf(json)[0]!.author).startsWith('E\u001b[2Jve'));
});

check('log: a remote is asked for no more commits than are needed', async (t) => {
  const { repository } = await grown(t);
  let posts = 0;
  const peer = await startHttpBackend(repository.folder, {
    intercept: (request) => {
      if (request.method === 'POST') posts++;
      return false;
    },
  });
  t.teardown(() => peer.stop());
  const ran = await zonewright('log', '--remote', `http://127.0.0.1:${peer.port}/zones.git`, 'mirage');
  t.is(ran.code, 0, ran.stderr);
  t.is(ran.stdout.split('\n\n').length, 4);
  t.is(posts, 2, 'the tip, and what came before it');
});

// ---- revert -----------------------------------------------------------------------------------------------------------

const reverting = (repository: Repository, ...args: readonly string[]): Promise<Ran> =>
  zonewright('revert', '--remote', repository.path, ...args);

check('revert: what a commit changed is taken back by a new one, and comments and later changes stay', async (t) => {
  const { repository, commits } = await grown(t);
  const dry = await reverting(repository, '--dry-run', commits[1]);
  t.is(dry.code, 0, dry.stderr);
  t.is(dry.stdout, 'mirage: serial 4 -> 5\n  - www.mirage. 300 IN A 192.0.2.2\n  + www.mirage. 300 IN A 192.0.2.1\n');
  t.is(await repository.head(), commits[4]);
  const ran = await reverting(repository, '--author', 'Ann Other <ann@example.org>', commits[1].slice(0, 8));
  t.is(ran.code, 0, ran.stderr);
  t.true(ran.stdout.endsWith(`committed ${await repository.head()}\n`));
  t.is(await repository.read('mirage'), zoneText(5, ['www A 192.0.2.1 ; new house', 'mail MX 20 www']).trimEnd());
  t.is(
    await repository.git('log', '-1', '--format=%an <%ae>%n%B', 'main'),
    `Ann Other <ann@example.org>
Revert "somebody else"

This takes back what commit ${commits[1]} changed.

mirage: serial 4 -> 5
- www.mirage. 300 IN A 192.0.2.2
+ www.mirage. 300 IN A 192.0.2.1
`,
  );
  t.is(await repository.git('rev-parse', 'main^'), commits[4]);
  const again = await reverting(repository, commits[1]);
  t.is(again.code, 0);
  t.is(again.stdout, 'nothing to do: it is as it was before\n');
});

check('revert: what was changed again is a conflict, told by record, unless it is forced', async (t) => {
  const { repository, commits } = await grown(t);
  await repository.push({ mirage: zoneText(9, ['www A 192.0.2.9', 'mail MX 20 www']) });
  const head = await repository.head();
  const ran = await reverting(repository, commits[1]);
  t.is(ran.code, 1);
  t.is(ran.stdout, 'conflict: mirage: www.mirage. 300 IN A 192.0.2.2: was added, and is not there as it was\n');
  t.regex(ran.stderr, /--force/);
  t.is(await repository.head(), head);
  t.is((await reverting(repository, '--force', commits[1])).code, 0);
  t.is(
    await repository.read('mirage'),
    zoneText(10, ['www A 192.0.2.9', 'www A 192.0.2.1', 'mail MX 20 www']).trimEnd(),
  );
});

check('revert: a commit that broke a zone is taken back, text and all', async (t) => {
  const { repository, commits } = await grown(t);
  const text = zoneText(4, ['www A 192.0.2.2 ; new house', 'mail MX 20 www']);
  const broken = await repository.push({ mirage: text.replace('MX 20', 'MX').replace(' 4 ', ' 7 ') });
  t.is((await reverting(repository, commits[1])).code, 1, 'the head cannot be edited');
  const ran = await reverting(repository, broken);
  t.is(ran.code, 0, ran.stderr);
  t.is(await repository.read('mirage'), text.replace(' 4 ', ' 8 ').trimEnd());
});

check('revert: a zone goes back to the version of a serial, with a serial that is newer than all', async (t) => {
  const { repository } = await grown(t);
  const ran = await reverting(repository, 'mirage@1');
  t.is(ran.code, 0, ran.stderr);
  t.is(await repository.read('mirage'), zoneText(5, ['www A 192.0.2.1 ; new house', 'mail MX 10 www']).trimEnd());
  t.is((await reverting(repository, 'mirage@3')).code, 1, 'it had errors');
  t.is((await reverting(repository, 'mirage@77')).code, 1);
  await repository.push({ mirage: undefined });
  const back = await reverting(repository, 'mirage@2');
  t.is(back.code, 0, back.stderr);
  t.is(await repository.read('mirage'), zoneText(6, ['www A 192.0.2.2', 'mail MX 10 www']).trimEnd());
});

check('revert: two versions with one serial are told, and none is taken', async (t) => {
  const repository = await makeRepository(t, { mirage: zoneText(1, ['www A 192.0.2.1']) });
  await repository.push({ mirage: zoneText(1, ['www A 192.0.2.2']) });
  await repository.push({ mirage: zoneText(2, ['www A 192.0.2.3']) });
  const ran = await reverting(repository, 'mirage@1');
  t.is(ran.code, 1);
  t.regex(ran.stderr, /several versions of mirage have the serial 1/);
});

check('revert: zones that a commit added and removed go and come; other files are left alone', async (t) => {
  const repository = await makeRepository(t, { mirage: zoneText(1, []), 'gone.example': zoneText(5, []) });
  const commit = await repository.push({
    'gone.example': undefined,
    'new.example': zoneText(1, []),
    README: 'x',
    _keys: 'a._update 0 DNSKEY 0 3 163 dGhlIHRvb2xzIG9mIHpvbmV3cmlnaHQgdW5kZXIgdGVzdCE=\n',
  });
  const ran = await reverting(repository, commit);
  t.is(ran.code, 0, ran.stderr);
  t.deepEqual(ran.stderr.trim().split('\n').sort(), [
    'zonewright revert: README is left alone: no zone file',
    'zonewright revert: _keys is left alone: a file of keys',
  ]);
  t.is(await repository.git('ls-tree', '--name-only', 'main'), 'README\n_keys\ngone.example\nmirage');
  t.is(await repository.read('gone.example'), zoneText(6, []).trimEnd());
  const other = await repository.push({ README: 'y' });
  const nothing = await reverting(repository, other);
  t.is(nothing.code, 1);
  t.regex(nothing.stderr, /it changed no zone file/);
});

check('revert: a zone that would have errors is not written', async (t) => {
  const repository = await makeRepository(t, { mirage: zoneText(1, ['www CNAME ns']) });
  const commit = await repository.push({ mirage: zoneText(2, []) });
  await repository.push({ mirage: zoneText(3, ['www TXT "x"']) });
  const head = await repository.head();
  for (const args of [[commit], ['--force', commit]]) {
    const ran = await reverting(repository, ...args);
    t.is(ran.code, 1);
    t.regex(ran.stderr, /mirage: the zone would have errors \(mirage:\d+:1: .*CNAME/);
  }
  t.is(await repository.head(), head);
});

check('revert: merges, unknown commits and wrong words are told apart', async (t) => {
  const { repository } = await grown(t);
  const cases: readonly (readonly [string, number])[] = [
    ['deadbeefdeadbeef', 1],
    ['what', 2],
    ['mirage@', 2],
    ['mirage@99999999999', 2],
  ];
  for (const [target, code] of cases) t.is((await reverting(repository, target)).code, code, target);
  t.is((await zonewright('revert', 'abcdef')).code, 2, 'no remote');
});

check('revert: while others push, each change is made once, on top of theirs', async (t: ExecutionContext) => {
  const { repository, commits } = await grown(t);
  const work = async (): Promise<void> => {
    for (let i = 0; i < 8; i++) await repository.push({ [`note${i}`]: `${i}` });
  };
  const [ran] = await Promise.all([reverting(repository, commits[1]), work()]);
  t.is(ran.code, 0, ran.stderr);
  t.is((await repository.git('log', '--format=%s', '--grep=^Revert', 'main')).split('\n').length, 1);
  t.is(Number(await repository.git('rev-list', '--count', 'main')), commits.length + 9);
  t.regex(await repository.read('mirage'), /www A 192\.0\.2\.1 /);
});

check('revert: goes over a network as well, on what was fetched of the past', async (t) => {
  const { repository, commits } = await grown(t);
  const peer = await startHttpBackend(repository.folder);
  t.teardown(() => peer.stop());
  const ran = await zonewright('revert', '--remote', `http://127.0.0.1:${peer.port}/zones.git`, commits[1]);
  t.is(ran.code, 0, ran.stderr);
  t.regex(await repository.read('mirage'), /www A 192\.0\.2\.1 /);
  t.is(await repository.git('fsck', '--strict'), '');
});
