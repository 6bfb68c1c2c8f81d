/** `zonewright hook` in bare repositories to which native git pushes: what is refused, what passes, and what the pusher sees. */
import { randomBytes } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import anyTest from 'ava';
import { git, gitEnvironment, startHttpBackend, startSilentServer, startSshd } from '../support/git-peers.ts';
import {
  HOOK_NEEDS,
  type Hooked,
  type Hooks,
  makeHooked,
  startHooks,
  type WriteHook,
  writeHook,
} from '../support/hooked.ts';
import { needed, testWith } from '../support/needs.ts';
import { forFile, type Owner, temporaryFolder } from '../support/owner.ts';
import { freePort } from '../support/ports.ts';
import { run } from '../support/process.ts';
import { startScene } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';
import { tool } from '../support/zonewright.ts';

const secrecy = secrecyOf(anyTest);
const test = testWith(anyTest, ['git']);
/** Of what a hook says: by one process for all pushes. */
const judged = testWith(anyTest, HOOK_NEEDS);

const owner = forFile(anyTest);
let hooks: Promise<WriteHook> | undefined;
const judge = async (...args: Parameters<WriteHook>): Promise<void> => {
  hooks ??= startHooks(owner);
  (await hooks)(...args);
};
const makeJudged = async (t: Owner, kinds: Hooks): Promise<Hooked> => {
  hooks ??= startHooks(owner);
  return makeHooked(t, kinds, await hooks);
};

const zone = (serial: number, ...more: readonly string[]): string =>
  ['$TTL 60', `@ SOA ns hostmaster ${serial} 3600 600 86400 300`, '@ NS ns', 'ns A 127.0.0.1', ...more, ''].join('\n');
const hosts = (count: number, net = '192.0.2'): string[] =>
  Array.from({ length: count }, (_, i) => `h${i} A ${net}.${i % 250}`);

/** A push of what stands there before: past the hook, which takes a process. */
const BEFORE = { words: ['--receive-pack=git -c core.hooksPath=/dev/null receive-pack'] } as const;

// What is refused, and what passes

test('the first push of a branch is checked like any other', async (t) => {
  const { push, path } = await makeHooked(t, { pre: [] });
  const bad = await push({ mirage: zone(1, 'a A 300.1.2.3', 'b MX ten mx') });
  t.false(bad.isTaken);
  t.deepEqual(
    bad.remote.map((line) => line.replace(/ \(.*\)$/, '')),
    [
      "mirage:5:5: error: '300.1.2.3' is no IPv4 address",
      "mirage:6:6: error: 'ten' is no number of 0..65535",
      'refused: 2 errors in one file; nothing of this push is taken',
    ],
  );
  t.is(await git(path, 'branch', '--list'), '');
  const good = await push({ mirage: zone(1, 'a A 192.0.2.1') });
  t.true(good.isTaken, good.text);
  t.deepEqual(good.remote, ['mirage: zone mirage is new, serial 1']);
});

judged('the pusher is told what changes', async (t) => {
  const { push } = await makeJudged(t, { pre: [] });
  await push({ mirage: zone(1, ...hosts(4)) }, BEFORE);
  const pushed = await push({ mirage: zone(2, ...hosts(3), 'new A 192.0.2.9', 'new AAAA 2001:db8::9') });
  t.deepEqual(pushed.remote, ['mirage: zone mirage, serial 1 -> 2, records: 1 removed, 2 added']);
});

judged('a zone that was broken before is no reason to refuse others, and repairing it passes', async (t) => {
  const { push, path } = await makeJudged(t, { pre: ['--serial', 'strict'] });
  writeFileSync(join(path, 'hooks', 'pre-receive'), '#!/bin/sh\n');
  await push({ broken: zone(7, 'x A nonsense'), mirage: zone(1) });
  await judge(join(path, 'hooks', 'pre-receive'), 'pre-receive', ['--serial', 'strict', '--max-change', '30%']);
  const other = await push({ mirage: zone(2, 'a A 192.0.2.1') });
  t.true(other.isTaken, other.text);
  const worse = await push({ broken: zone(8, 'x A nonsense', 'y A nonsense') });
  t.false(worse.isTaken);
  t.is(worse.remote.filter((line) => line.includes(': error: ')).length, 2);
  const repaired = await push({ broken: zone(7, 'x A 192.0.2.1') });
  t.true(repaired.isTaken, repaired.text);
  t.true(repaired.remote.some((line) => line.startsWith('broken: warning: the version before has faults itself')));
});

judged('other branches and tags are let through unseen', async (t) => {
  const { push, pushOnly, git: inClone, path } = await makeJudged(t, { pre: ['--branch', 'live'] });
  for (const refspec of ['HEAD:main', 'HEAD:refs/tags/live', 'HEAD:refs/heads/x/live', 'HEAD:refs/heads/live/x']) {
    await git(path, 'update-ref', '-d', 'refs/heads/live/x');
    const pushed = await push({ mirage: `broken ${refspec}\n@ SOA x\n` }, { refspec });
    t.true(pushed.isTaken, pushed.text);
  }
  await git(path, 'update-ref', '-d', 'refs/heads/live/x');
  t.false((await pushOnly({ refspec: 'HEAD:live' })).isTaken);
  await inClone('branch', 'live');
  t.false((await pushOnly({ refspec: 'refs/heads/*:refs/heads/*', words: ['--atomic'] })).isTaken);
});

judged('the branch is not deleted, unless that is allowed', async (t) => {
  const { push, pushOnly, path } = await makeJudged(t, { pre: [] });
  await push({ mirage: zone(1) }, BEFORE);
  const refused = await pushOnly({ refspec: ':main' });
  t.false(refused.isTaken);
  t.regex(refused.remote[0] ?? '', /^the branch main is what is served, and may not be deleted \(--allow-deletion\)/);
  await judge(join(path, 'hooks', 'pre-receive'), 'pre-receive', ['--allow-deletion']);
  t.true((await pushOnly({ refspec: ':main' })).isTaken);
});

judged(
  'a serial that is not raised is a note, with --serial strict an error, and of a signed zone always one',
  async (t) => {
    const { push, path } = await makeJudged(t, { pre: [] });
    await push({ mirage: zone(5), kept: zone(5) }, BEFORE);
    const auto = await push({ mirage: zone(5, 'a A 192.0.2.1') });
    t.true(auto.isTaken);
    t.is(
      auto.remote[0],
      'mirage:2:1: note: the serial does not rise (old: 5 new: 5) (the primary raises it by itself)',
    );
    await judge(join(path, 'hooks', 'pre-receive'), 'pre-receive', ['--serial', 'strict']);
    const strict = await push({ mirage: zone(4, 'a A 192.0.2.2') });
    t.false(strict.isTaken);
    t.regex(strict.remote[0] ?? '', /^mirage:2:1: error: SOA must increase for mirage \(old: 5 new: 4\)/);
    t.true((await push({ mirage: zone(6, 'a A 192.0.2.2') })).isTaken);
    t.true((await push({ kept: `; a comment is no change\n${zone(5)}` })).isTaken);
    await judge(join(path, 'hooks', 'pre-receive'), 'pre-receive', []);
    const signature = `@ RRSIG SOA 8 1 60 20400101000000 20200101000000 1 mirage. ${'A'.repeat(64)}`;
    const first = await push({ mirage: zone(7, signature) });
    t.true(first.isTaken, first.text);
    const signed = await push({ mirage: zone(7, signature, 'b A 192.0.2.3') });
    t.false(signed.isTaken);
    t.regex(signed.text, /SOA must increase .*raise the serial and sign the zone again/);
  },
);

judged('a change that is larger than meant is refused, and the pusher can say that it is meant', async (t) => {
  const { push, pushOnly, reset } = await makeJudged(t, { pre: ['--max-change', '30%'] });
  await push({ mirage: zone(1, ...hosts(98)), small: zone(1) }, BEFORE);
  // 98 hosts, the NS and its address are 100 records.
  t.true((await push({ mirage: zone(2, ...hosts(68)) })).isTaken);
  t.true((await push({ mirage: zone(3, ...hosts(98)) })).isTaken);
  const blow = await push({ mirage: zone(4, ...hosts(67)) });
  t.false(blow.isTaken);
  t.true(
    blow.remote.includes(
      'mirage: error: a larger change than may be meant: 31 of 100 records go or change, 31 %; the most is 30 % (if it is meant: git push -o max-change=off)',
    ),
    blow.text,
  );
  t.false((await pushOnly({ words: ['-o', 'max-change=20%'] })).isTaken);
  const typo = await pushOnly({ words: ['-o', 'max-change=of'] });
  t.false(typo.isTaken);
  t.regex(typo.text, /the push option max-change=: .*30%, or a number of records, or off/);
  t.true((await pushOnly({ words: ['-o', 'max-change=off'] })).isTaken);
  // Another TTL changes all records.
  t.false((await push({ mirage: zone(5, ...hosts(67)).replace('60', '61') })).isTaken);
  await reset();
  const gone = await push({ small: undefined });
  t.false(gone.isTaken);
  t.is(gone.remote[0], 'small: warning: THE ZONE small GOES: it is answered no more, and secondaries drop it');
  t.regex(gone.remote[1] ?? '', /^small: error: .*the zone goes, with 2 records; the most is 30 %/);
  t.true((await pushOnly({ words: ['-o', 'something-else', '-o', 'max-change=2'] })).isTaken);
});

judged('a zone that goes is said loudly, also without a largest change', async (t) => {
  const { push } = await makeJudged(t, { pre: [] });
  await push({ mirage: zone(1), 'notes.txt': 'no zone\n' }, BEFORE);
  const pushed = await push({ mirage: undefined, 'notes.txt': undefined });
  t.true(pushed.isTaken);
  t.deepEqual(pushed.remote, [
    'mirage: warning: THE ZONE mirage GOES: it is answered no more, and secondaries drop it',
  ]);
});

judged('a zone does not go by an empty file, nor by one without an SOA', async (t) => {
  const { push } = await makeJudged(t, { pre: [] });
  await push({ mirage: zone(1) }, BEFORE);
  for (const content of ['', '; nothing\n', '$TTL 60\n@ NS ns\nns A 127.0.0.1\n']) {
    const pushed = await push({ mirage: content });
    t.false(pushed.isTaken);
    t.regex(pushed.remote[0] ?? '', /^mirage:1:1: error: no SOA record for mirage\./);
  }
});

judged('key files are judged as key files, and no secret is shown', async (t) => {
  const { push, reset } = await makeJudged(t, { pre: [] });
  const [good, other] = [secrecy.newKey('a._update.mirage'), secrecy.newKey('a._update.mirage')];
  const foreign = secrecy.newKey('a._update.example');
  const all = secrecy.newKey('a._update');
  const pushes: readonly (readonly [string, RegExp | undefined, Parameters<typeof push>[0]])[] = [
    ['good keys', undefined, { 'mirage._keys': keyLine(good), _keys: keyLine(all) }],
    [
      'a key of another domain',
      /^mirage\._keys:2:1: error: key a\._update\.example\. is not for mirage\./,
      { 'mirage._keys': keyLine(good) + keyLine(foreign) },
    ],
    [
      'another secret in the same file',
      /error: a second key a\._update\.mirage\./,
      { 'mirage._keys': keyLine(good) + keyLine(other) },
    ],
    [
      'another secret in another file',
      /^_keys: error: key a\._update\.mirage\. stands also in mirage\._keys/,
      { _keys: keyLine(all) + keyLine(other) },
    ],
    ['the same key in another file', undefined, { _keys: keyLine(all) + keyLine(good) }],
    [
      'a secret that is cut',
      /^mirage\._keys:1:\d+: error: /,
      { 'mirage._keys': `${keyLine(good).trimEnd().slice(0, -3)}!\n` },
    ],
    [
      'a secret on a line of its own',
      /^mirage\._keys:2:\d+: error: /,
      { 'mirage._keys': `${keyLine(good)}${good.split(':')[2]}\n` },
    ],
    ['a weak algorithm', /HMAC-MD5 is not secure/, { 'mirage._keys': keyLine(good).replace('163', '157') }],
    [
      'a name without an operation',
      /does not say what it may do/,
      { 'mirage._keys': keyLine(good).replace('_update.', '') },
    ],
    ['a key file as a zone', /error: /, { 'mirage._keys': zone(1) }],
    ['what is left of a key file', undefined, { 'mirage._keys.old': keyLine(good) }],
    ['a key file by a wrong name', /its name says that keys are in it/, { 'MIRAGE._KEYS': keyLine(good) }],
    ['a key file that goes', undefined, { 'mirage._keys': undefined }],
  ];
  for (const [title, wanted, files] of pushes) {
    const pushed = await push(files);
    secrecy.look(pushed.text);
    t.is(pushed.isTaken, wanted === undefined, `${title}: ${pushed.text}`);
    if (wanted === undefined) continue;
    t.true(
      pushed.remote.some((line) => wanted.test(line)),
      `${title}: ${pushed.text}`,
    );
    await reset();
  }
});

judged('a contradiction of keys that was there before is no reason to refuse what does not touch it', async (t) => {
  const { push, path } = await makeJudged(t, {});
  const [one, two] = [secrecy.newKey('a._update.mirage'), secrecy.newKey('a._update.mirage')];
  await push({ 'mirage._keys': keyLine(one), _keys: keyLine(two) });
  await judge(join(path, 'hooks', 'pre-receive'), 'pre-receive', []);
  t.true((await push({ 'other._keys': keyLine(secrecy.newKey('b._update.other')) })).isTaken);
  t.false((await push({ 'mirage._keys': keyLine(one) + keyLine(secrecy.newKey('c._update.mirage')) })).isTaken);
});

judged('a file that zones include is judged with the zones, also those that the push does not touch', async (t) => {
  const { push, pushOnly } = await makeJudged(t, { pre: ['--max-change', '50%'] });
  const files = {
    mirage: zone(1, '$INCLUDE hosts'),
    sub: zone(1, '$INCLUDE outer'),
    outer: '$INCLUDE hosts\n',
    plain: zone(1),
  };
  t.true((await push({ ...files, hosts: 'a A 192.0.2.1\nb A 192.0.2.2\n' })).isTaken);
  const bad = await push({ hosts: 'a A 192.0.2.1\nb A 192.0.2.300\n' });
  t.false(bad.isTaken);
  t.is(bad.remote.filter((line) => line.startsWith("hosts:2:5: error: '192.0.2.300'")).length, 2);
  const fewer = await push({ hosts: 'a A 192.0.2.1\n' });
  t.true(fewer.isTaken, fewer.text);
  t.is(fewer.remote.filter((line) => /: zone (?:mirage|sub), .*: 1 removed, 0 added/.test(line)).length, 2);
  t.false(fewer.text.includes('plain'));
  t.false(fewer.text.includes('no SOA'));
  const gone = await push({ hosts: undefined });
  t.false(gone.isTaken);
  t.regex(gone.text, /mirage:5:10: error: there is no file 'hosts' to include/);
  t.true((await pushOnly({ refspec: 'HEAD:elsewhere' })).isTaken);
});

judged('links, submodules and files by a wrong name are told, and refused where a zone goes by them', async (t) => {
  const { push, pushOnly, git: inClone, reset } = await makeJudged(t, { pre: [] });
  t.true((await push({ mirage: zone(1) })).isTaken);
  const link = await push({ readme: { link: 'mirage' } });
  t.true(link.isTaken);
  t.deepEqual(link.remote, ['readme: warning: symbolic link: the primary leaves it alone']);
  t.deepEqual((await push({ other: zone(1) })).remote, ['other: zone other is new, serial 1']);
  const lost = await push({ mirage: { link: 'other' } });
  t.false(lost.isTaken);
  t.regex(lost.text, /mirage: error: symbolic link: the primary leaves it alone, and what it was goes/);
  await reset();
  const head = await inClone('rev-parse', 'HEAD');
  await inClone('update-index', '--add', '--cacheinfo', `160000,${head},module`);
  await inClone('commit', '--quiet', '--message', 'a submodule');
  const module = await pushOnly();
  t.deepEqual([module.isTaken, module.remote], [true, ['module: warning: submodule: the primary leaves it alone']]);
  for (const name of ['Mirage', 'mirage.', 'MIRAGE']) {
    const twice = await push({ [name]: zone(1) });
    t.false(twice.isTaken, name);
    t.regex(
      twice.text,
      /: error: there is a zone in it, but the primary leaves this file alone: the file of zone .* is named mirage/,
    );
    await push({ [name]: undefined });
  }
  for (const name of ['Mirage._keys', 'mirage._keys.']) {
    const misnamed = await push({ [name]: 'a._update.mirage. DNSKEY 0 3 163 AQID\n' });
    t.false(misnamed.isTaken, name);
    t.regex(
      misnamed.text,
      /: error: its name says that keys are in it, .*: the file of the keys of .* is named mirage._keys/,
    );
    await push({ [name]: undefined });
  }
  t.deepEqual((await push({ LICENSE: 'do what you like\n', 'package.json': '{}\n', 'docs/mirage': 'x\n' })).remote, [
    'package.json:1:1: warning: no SOA record for package.json.: the primary leaves this file alone',
  ]);
  t.deepEqual((await push({ 'package.json': '{ }\n' })).remote, []);
});

// Who means harm

judged('names that are made to deceive reach the terminal in quotes, and are refused', async (t) => {
  const { push, pushOnly, git: inClone } = await makeJudged(t, { pre: [] });
  t.true((await push({ mirage: zone(1) })).isTaken);
  const names = [
    'a\u001b[2J\u001b]0;owned\u0007',
    'two\nlines',
    'remote: mirage',
    '\u202etxt.egarim',
    '.git\u200b',
    'caf\u00e9',
  ];
  const pushed = await push(Object.fromEntries(names.map((name) => [name, zone(1, 'x A nonsense\u001b[31m')])));
  t.false(pushed.isTaken);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
  t.notRegex(pushed.remote.join('\n'), /[\u0000-\u0009\u000b-\u001f\u007f-\u{10ffff}]/u);
  t.true(
    pushed.remote.some((line) => line.startsWith('"caf\\303\\251": ')),
    pushed.text,
  );
  await inClone('reset', '--quiet', '--hard', 'HEAD~1');
  // Octets that are no UTF-8, and names that no working tree can have.
  const blob = await inClone('hash-object', '-w', 'mirage');
  const entry = (name: string, mode = '100644', oid = blob): Buffer =>
    Buffer.concat([Buffer.from(`${mode} ${name}\0`, 'latin1'), Buffer.from(oid, 'hex')]);
  const commit = async (...entries: readonly Buffer[]): Promise<void> => {
    const file = join(temporaryFolder(t, 'tree'), 'tree');
    writeFileSync(file, Buffer.concat(entries));
    const tree = await inClone('hash-object', '-w', '-t', 'tree', '--literally', file);
    const oid = await inClone('commit-tree', '-m', 'odd', '-p', 'HEAD', tree);
    await inClone('update-ref', 'refs/heads/odd', oid);
  };
  await commit(entry('caf\u00e9'), entry('mirage'));
  const latin = await pushOnly({ refspec: 'odd:main' });
  t.deepEqual(
    [latin.isTaken, latin.remote],
    [true, ['"caf\\303\\251": warning: name is not UTF-8: the primary leaves it alone']],
  );
  for (const name of ['..', '.git', '.GIT', 'a/b', '']) {
    await commit(entry(name), entry('mirage'));
    const odd = await pushOnly({ refspec: '+odd:main' });
    t.false(odd.isTaken, name);
  }
  await commit(entry('mirage'), entry('mirage'));
  const twice = await pushOnly({ refspec: '+odd:main' });
  t.false(twice.isTaken);
  t.regex(twice.text, /mirage: error: duplicate name/);
});

test('a file full of errors, and many such files, end in a few hundred lines', async (t) => {
  const { push } = await makeHooked(t, { pre: [] });
  const lines = Array.from({ length: 20_000 }, (_, i) => `x${i} A nonsense${i} \u001b[31m`);
  const files = Array.from({ length: 300 }, (_, i) => [`z${i}`, zone(1, ...lines.slice(0, 200))] as const);
  const pushed = await push({ mirage: zone(1, ...lines), ...Object.fromEntries(files) });
  t.false(pushed.isTaken);
  t.true(pushed.remote.length < 400, `${pushed.remote.length}`);
  t.regex(pushed.remote.at(-1) ?? '', /^refused: \d+ errors in 301 files; nothing of this push is taken$/);
  t.true(pushed.text.length < 200_000);
});

test('a root of too many entries, and a file that is too large, are refused for what they are', async (t) => {
  const { push, pushOnly, git: inClone, clone, reset } = await makeHooked(t, { pre: [] });
  // What is not compressed is as large, and there sooner.
  await inClone('config', 'core.compression', '0');
  t.true((await push({ mirage: zone(1) })).isTaken);
  const blob = await inClone('hash-object', '-w', 'mirage');
  const object = Buffer.from(blob, 'hex');
  const entries = Array.from({ length: 150_000 }, (_, i) => [
    Buffer.from(`100644 z${String(i).padStart(7, '0')}\0`),
    object,
  ]);
  const words = ['-C', clone, 'hash-object', '-w', '-t', 'tree', '--literally', '--stdin'];
  const made = await run(needed('git'), words, {
    env: gitEnvironment,
    input: Buffer.concat(entries.flat()),
    timeout: 120_000,
  });
  t.is(made.code, 0, made.stderr);
  const oid = await inClone('commit-tree', '-m', 'many', '-p', 'HEAD', made.stdout.trim());
  const crowded = await pushOnly({ refspec: `${oid}:main` });
  t.false(crowded.isTaken);
  t.regex(crowded.text, /the root of the repository has more than 100000 entries/);
  for (const [name, octets] of [
    ['mirage', randomBytes(66 * 2 ** 20)],
    ['mirage._keys', Buffer.alloc(70 * 2 ** 20)],
  ] as const) {
    const large = await push({ [name]: octets });
    t.false(large.isTaken);
    t.true(large.remote.includes(`${name}: error: larger than 67108864 octets, of which nothing is read`), large.text);
    await reset();
  }
  const other = await push({ 'Movie.mp4': Buffer.alloc(70 * 2 ** 20) });
  t.true(other.isTaken, other.text);
});

test('what cannot be read is refused: lines that are none, objects that are not there', async (t) => {
  const { path, push } = await makeHooked(t, {});
  await push({ mirage: zone(1) }, BEFORE);
  const head = await git(path, 'rev-parse', 'main');
  const hook = (input: string, ...words: readonly string[]) =>
    tool('zonewright', ['hook', 'pre-receive', ...words], { cwd: path, input });
  t.is((await hook(`${head} ${head} refs/heads/main\n`)).code, 0);
  t.is((await hook('')).code, 0);
  t.is((await hook('hello\n')).code, 2);
  const missing = await hook(`${head} ${'1'.repeat(40)} refs/heads/main\n`);
  t.is(missing.code, 1);
  t.regex(missing.stderr, /zonewright hook pre-receive: the repository lacks the object 1{40}/);
  t.is((await hook(`${'1'.repeat(40)} ${head} refs/heads/main\n`)).code, 1);
  const tree = await git(path, 'rev-parse', 'main^{tree}');
  t.is((await hook(`${head} ${tree} refs/heads/main\n`)).code, 1);
  t.is((await hook('', '--max-change', 'much')).code, 2);
  t.is((await tool('zonewright', ['hook', 'update'], { cwd: path })).code, 2);
});

test('objects are found where a repository borrows them, and in folders of odd names', async (t) => {
  const { push, path, clone } = await makeHooked(t, { pre: [], name: 'a:b "c" \u00e9' });
  t.true((await push({ mirage: zone(1) })).isTaken);
  t.false((await push({ mirage: zone(2, 'x A nonsense') })).isTaken);
  const folder = temporaryFolder(t, 'borrowed');
  const borrower = join(folder, 'borrower.git');
  await git(folder, 'clone', '--quiet', '--bare', '--reference', path, '--shared', path, borrower);
  writeHook(join(borrower, 'hooks', 'pre-receive'), 'pre-receive', ['--max-change', '10%']);
  const args = ['-C', clone, 'push', borrower, 'HEAD:main'];
  const bad = await run(needed('git'), args, { env: gitEnvironment });
  t.regex(bad.stderr, /mirage:5:5: error: /);
  const env = { GIT_ALTERNATE_OBJECT_DIRECTORIES: join(path, 'objects') };
  t.is(
    (await run(needed('git'), ['-C', clone, 'push', borrower, 'HEAD~1:main'], { env: { ...gitEnvironment, ...env } }))
      .code,
    0,
  );
});

// The transports

test('the hook says the same over http', async (t) => {
  const { push, pushOnly, folder } = await makeHooked(t, { pre: ['--max-change', '30%'] });
  const web = await startHttpBackend(folder);
  t.teardown(() => web.stop());
  const url = `http://127.0.0.1:${web.port}/zones.git`;
  t.true((await push({ mirage: zone(1, ...hosts(10)) }, { url })).isTaken);
  const bad = await push({ mirage: zone(2, ...hosts(10), 'x A nonsense') }, { url });
  t.false(bad.isTaken);
  t.regex(bad.remote[0] ?? '', /^mirage:15:5: error: 'nonsense' is no IPv4 address/);
  const fewer = await push({ mirage: zone(2) }, { url });
  t.false(fewer.isTaken);
  t.true((await pushOnly({ url, words: ['-o', 'max-change=off'] })).isTaken);
});

testWith(anyTest, ['git', 'sshd', 'ssh', 'ssh-keygen'])('the hook says the same over ssh', async (t) => {
  const { push, pushOnly, path } = await makeHooked(t, { pre: ['--max-change', '30%'] });
  const identity = join(temporaryFolder(t, 'ssh'), 'id');
  await run(needed('ssh-keygen'), ['-q', '-t', 'ed25519', '-N', '', '-f', identity]);
  const { stdout: line } = await run(needed('ssh-keygen'), ['-y', '-f', identity]);
  const sshd = await startSshd({ authorizedKeys: [line.trim()] });
  t.teardown(() => sshd.stop());
  const ssh = `ssh -F /dev/null -i ${identity} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR`;
  const over = { url: `ssh://${sshd.user}@127.0.0.1:${sshd.port}${path}`, env: { GIT_SSH_COMMAND: ssh } };
  const first = await push({ mirage: zone(1, ...hosts(10)) }, over);
  t.true(first.isTaken, first.text);
  const bad = await push({ mirage: zone(2, ...hosts(10), 'x A nonsense') }, over);
  t.false(bad.isTaken);
  t.regex(bad.remote[0] ?? '', /^mirage:15:5: error: 'nonsense' is no IPv4 address/);
  t.false((await push({ mirage: zone(2) }, over)).isTaken);
  t.true((await pushOnly({ ...over, words: ['-o', 'max-change=off'] })).isTaken);
});

// After the push

testWith(anyTest, ['git', 'dig'])('after a push the primary serves it, and says what it does not take', async (t) => {
  const port = await freePort('127.0.0.1');
  const keys = [
    secrecy.newKey('hook._notify.notmirage'),
    secrecy.newKey('hook._notify.mirage'),
    secrecy.newKey('hook._notify.sub.mirage'),
    secrecy.newKey('all._notify'),
  ];
  const file = join(temporaryFolder(t, 'keys'), 'notify.key');
  writeFileSync(file, `${keys.join('\n')}\n`, { mode: 0o600 });
  const hooked = await makeHooked(t, {});
  const { push, path } = hooked;
  await push({ mirage: zone(1), notmirage: zone(1), 'sub.mirage': zone(1), _keys: keys.map(keyLine).join('') });
  const primary = await startScene(t, secrecy, 'primary', ['--remote', path], { port });
  writeHook(join(path, 'hooks', 'post-receive'), 'post-receive', [
    '--server',
    `127.0.0.1:${port}`,
    '--key',
    `@${file}`,
  ]);
  const pushed = await push({
    mirage: zone(2, 'a A 192.0.2.1'),
    notmirage: zone(2, 'a A 192.0.2.2'),
    'sub.mirage': zone(2, 'a A 192.0.2.3'),
    'new.zone': zone(1, 'a A 192.0.2.4'),
    'readme.md': 'no zone\n',
  });
  const said = ['mirage', 'new.zone', 'notmirage', 'sub.mirage'];
  t.deepEqual(
    [...pushed.remote].sort(),
    said.map((name) => `127.0.0.1:${port}: zone ${name}: acknowledged`),
    pushed.text,
  );
  t.is(await primary.look('a.mirage'), 'NOERROR 192.0.2.1');
  t.is(await primary.look('a.new.zone'), 'NOERROR 192.0.2.4');
  for (const [name, key] of [
    ['mirage.', 'hook._notify.mirage.'],
    ['notmirage.', 'hook._notify.notmirage.'],
    ['sub.mirage.', 'hook._notify.sub.mirage.'],
    ['new.zone.', 'all._notify.'],
  ])
    await primary.service.waitForEvent('notify.received', { zone: name, key });
  const broken = await push({ mirage: zone(3, 'a A nonsense'), notmirage: undefined });
  t.true(broken.isTaken);
  t.true(
    broken.remote.some((line) =>
      /zonewright hook post-receive: zone mirage: .* SERVFAIL: mirage:5:5: 'nonsense' is no IPv4 address/.test(line),
    ),
    broken.text,
  );
  t.true(broken.remote.includes(`127.0.0.1:${port}: zone notmirage: acknowledged`));
  t.is(await primary.look('notmirage', 'SOA'), 'REFUSED');
  const more = secrecy.newKey('x._update.mirage');
  t.deepEqual((await push({ _keys: [...keys, more].map(keyLine).join('') })).remote, [
    `127.0.0.1:${port}: zone .: acknowledged`,
  ]);
  const [strange] = [secrecy.newKey('hook._notify.mirage')];
  writeFileSync(file, strange);
  chmodSync(file, 0o644);
  const refused = await push({ mirage: zone(4), 'sub.mirage': zone(3), 'new.zone': zone(2) });
  t.true(refused.isTaken);
  t.regex(refused.text, /warning: all users of this machine can read .*notify\.key \(chmod 600\)/);
  t.regex(refused.text, /zone mirage: 127\.0\.0\.1:\d+: .*BADSIG|zone mirage: .*NOTAUTH/);
  t.regex(refused.text, /no key may notify for new\.zone \(/);
  for (const text of [pushed, broken, refused]) secrecy.look(text.text);
});

test('a server that does not answer holds up a push for the time that was given, and a literal key is refused', async (t) => {
  const hooked = await makeHooked(t, {});
  await hooked.push({ mirage: zone(1) });
  const head = await git(hooked.path, 'rev-parse', 'main');
  const silent = await startSilentServer();
  t.teardown(() => silent.stop());
  const key = secrecy.newKey('hook._notify.mirage');
  const folder = temporaryFolder(t, 'keys');
  writeFileSync(join(folder, 'key'), key, { mode: 0o600 });
  const hook = async (...words: readonly string[]) => {
    const input = `${'0'.repeat(40)} ${head} refs/heads/main\n`;
    const ran = await tool('zonewright', ['hook', 'post-receive', ...words], { cwd: hooked.path, input });
    secrecy.look(ran.stdout + ran.stderr);
    return ran;
  };
  const server = ['--server', `127.0.0.1:${silent.port}`];
  const began = performance.now();
  const late = await hook(...server, '--server', '127.0.0.1:1', '--key', `@${folder}/key`, '--timeout', '1');
  t.true(performance.now() - began < 60_000);
  t.is(late.code, 3);
  t.regex(late.stderr, /127\.0\.0\.1:\d+ .*in 1 s/);
  t.regex(late.stderr, /cannot reach 127\.0\.0\.1:1|127\.0\.0\.1:1: connection refused|127\.0\.0\.1:1/);
  const literal = await hook(...server, '--key', key);
  t.is(literal.code, 2);
  t.regex(literal.stderr, /all users of the machine can see it/);
  t.is((await hook(...server)).code, 2);
  t.is((await hook('--key', `@${folder}/key`)).code, 2);
  t.is((await hook(...server, '--key', `@${folder}/none`)).code, 2);
  writeFileSync(join(folder, 'key'), secrecy.newKey('hook._notify.other'));
  const without = await hook(...server, '--key-file', `${folder}/key`);
  t.is(without.code, 1);
  t.regex(without.stderr, /no key may notify for mirage \(a key _notify\.ZONE/);
});
