/** The parts of `zonewright hook`: what git says on standard input, the largest change, the choice of keys, names on a terminal. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { HookReport, quoted } from '@zonewright/cli/hook-report';
import { keyFor, parseKeyPath, readKeys } from '@zonewright/cli/key-choice';
import { changeFinding, maxChangeOf, parseMaxChange } from '@zonewright/cli/max-change';
import { pushOptions, readMoves } from '@zonewright/cli/push';
import { type Key, parseKey } from '@zonewright/common/authority/key';
import { joinKeys } from '@zonewright/common/authority/key-set';
import { objectName } from '@zonewright/common/git/object';
import { PushedObjects } from '@zonewright/common/git/pushed';
import test from 'ava';
import fc from 'fast-check';
import { temporaryFolder } from '../support/owner.ts';
import { given, nameOf } from '../support/records.ts';
import { busyTime } from '../support/thread-time.ts';

const [A, B, NONE] = ['a'.repeat(40), 'b'.repeat(40), '0'.repeat(40)];
const SECRET = Buffer.from('a secret of a hook').toString('base64');
const key = (name: string, secret = SECRET): Key => given(parseKey(`${name}:SHA256:${secret}`));

const movesOf = async (text: string | Uint8Array, branch = 'main', size = 7) => {
  const octets = Buffer.from(text as string);
  const chunks = async function* () {
    for (let at = 0; at < octets.length; at += size) yield octets.subarray(at, at + size);
  };
  return readMoves(chunks(), branch);
};

test('of what is pushed only the branch counts, by its whole name', async (t) => {
  const lines = [
    `${A} ${B} refs/heads/other`,
    `${A} ${B} refs/tags/main`,
    `${A} ${B} refs/heads/not/refs/heads/main`,
    `${A} ${B} refs/heads/maine`,
    `${NONE} ${B} refs/heads/main`,
    '',
  ];
  const moves = await movesOf(lines.join('\n'));
  t.deepEqual(moves, { ok: true, value: [{ old: undefined, next: B }] });
  t.deepEqual(await movesOf(`${A} ${NONE} refs/heads/main\n`), { ok: true, value: [{ old: A, next: undefined }] });
  t.deepEqual(await movesOf(`${A} ${B} refs/heads/main`), { ok: true, value: [{ old: A, next: B }] });
  t.deepEqual(await movesOf('\n\n'), { ok: true, value: [] });
});

test('what is no line of git is a fault of the usage, however long it is', async (t) => {
  const wrong = [
    'hello\n',
    `${A} ${B}\n`,
    `${A} ${B.slice(1)} refs/heads/main\n`,
    `${A}${B} refs/heads/main`,
    'x'.repeat(1e6),
  ];
  for (const text of [...wrong, `${'a'.repeat(64)} ${'b'.repeat(64)} refs/heads/main\n`]) {
    const moves = await movesOf(text, 'main', 65_536);
    t.is(moves.ok ? 'ok' : moves.fault.kind, 'usage', text.slice(0, 100));
  }
});

test('a push of 300 000 references is passed over in little time', async (t) => {
  const lines = Array.from({ length: 300_000 }, (_, i) => `${A} ${B} refs/heads/b${i}\n`);
  const text = `${lines.join('')}${A} ${B} refs/heads/main\n`;
  const ended = busyTime();
  const moves = await movesOf(text, 'main', 65_536);
  t.true(ended() < 10_000);
  t.deepEqual(moves, { ok: true, value: [{ old: A, next: B }] });
});

test('push options are read as far as git has them', (t) => {
  t.deepEqual(pushOptions({}), []);
  t.deepEqual(pushOptions({ GIT_PUSH_OPTION_COUNT: '0' }), []);
  t.deepEqual(pushOptions({ GIT_PUSH_OPTION_COUNT: '2', GIT_PUSH_OPTION_0: 'a', GIT_PUSH_OPTION_1: 'b' }), ['a', 'b']);
  t.deepEqual(pushOptions({ GIT_PUSH_OPTION_COUNT: '999999999', GIT_PUSH_OPTION_0: 'a' }), ['a']);
  t.deepEqual(pushOptions({ GIT_PUSH_OPTION_COUNT: 'x' }), []);
});

test('the largest change is a part, a number or none, and the pusher has the last word', (t) => {
  t.deepEqual(given(parseMaxChange('30%')), { kind: 'part', most: 30 });
  t.deepEqual(given(parseMaxChange('0.5%')), { kind: 'part', most: 0.5 });
  t.deepEqual(given(parseMaxChange('500')), { kind: 'records', most: 500 });
  t.deepEqual(given(parseMaxChange('off')), { kind: 'off' });
  for (const text of ['', '%', '101%', '-1', '1e3', '3.5', ' 30%', '30 %', 'OFF'])
    t.is(parseMaxChange(text).ok, false, text);
  const limit = given(parseMaxChange('30%'));
  t.is(given(maxChangeOf(limit, ['ci.skip'])), limit);
  t.deepEqual(given(maxChangeOf(limit, ['max-change=60%', 'max-change=off'])), { kind: 'off' });
  t.is(maxChangeOf(limit, ['max-change=lots']).ok, false);
});

test('a change is too large when it takes more than was said, and a zone that goes loses all it has', (t) => {
  const judge = (limit: string, removed: number, before: number, isGone = false): boolean =>
    changeFinding(given(parseMaxChange(limit)), { removed, before, isGone }) !== undefined;
  t.false(judge('30%', 30, 100));
  t.true(judge('30%', 31, 100));
  t.false(judge('500', 500, 100_000));
  t.true(judge('500', 501, 100_000));
  t.true(judge('0%', 1, 100_000));
  t.false(judge('0%', 0, 100_000));
  t.false(judge('off', 100, 100, true));
  t.true(judge('99%', 3, 3, true));
  t.false(judge('100%', 3, 3, true));
  t.false(judge('3', 3, 3, true));
  t.true(judge('2', 3, 3, true));
  t.true(judge('99%', 0, 0, true));
});

test('a key is chosen by the labels of its zone: that very zone, else the nearest above, and the one that may least', (t) => {
  const keys = [
    'all._update',
    'far._notify.example',
    'strong._update.mirage.example',
    'near._notify.mirage.example',
    'below._notify.sub.mirage.example',
    'other._notify.notmirage.example',
    'tail._notify.rage.example',
  ].map((name) => key(name));
  const chosen = (zone: string): string | undefined => keyFor(nameOf(zone), keys)?.name.toString();
  t.is(chosen('mirage.example.'), 'near._notify.mirage.example.');
  t.is(chosen('MIRAGE.example.'), 'near._notify.mirage.example.');
  t.is(chosen('notmirage.example.'), 'other._notify.notmirage.example.');
  t.is(chosen('a.sub.mirage.example.'), 'below._notify.sub.mirage.example.');
  t.is(chosen('mirage.example.org.'), 'all._update.');
  t.is(chosen('example.'), 'far._notify.example.');
  t.is(keyFor(nameOf('mirage.'), [key('x._notify.notmirage'), key('x._notify.a.mirage')]), undefined);
});

test('a key is read from a file, and what was given instead of one is not repeated', (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'keys');
  writeFileSync(
    path,
    `; for hooks\nx._notify.mirage:SHA256:${SECRET}\n# two\n y._notify.sub.mirage:sha512:${SECRET}\n`,
    {
      mode: 0o600,
    },
  );
  t.is(given(parseKeyPath(`@${path}`)), path);
  t.is(given(parseKeyPath(path)), path);
  const read = given(readKeys(path));
  t.deepEqual(
    read.keys.map(({ name }) => name.toString()),
    ['x._notify.mirage.', 'y._notify.sub.mirage.'],
  );
  t.false(read.isOpen);
  for (const literal of [`x._notify.mirage:SHA256:${SECRET}`, SECRET, '']) {
    const refused = parseKeyPath(literal);
    t.is(refused.ok ? '' : refused.fault.kind, 'usage');
    t.false(JSON.stringify(refused).includes(SECRET));
  }
  const other = join(folder, 'other');
  for (const text of [
    '',
    '; nothing\n',
    `${SECRET}:SHA256:x._notify.mirage\n`,
    `x._notify.mirage ${SECRET}`,
    `x:SHA256:${SECRET}`,
  ]) {
    writeFileSync(other, text, { mode: 0o644 });
    const refused = readKeys(other);
    t.false(refused.ok, text);
    t.false(JSON.stringify(refused).includes(SECRET), text);
  }
  writeFileSync(other, `x._notify.mirage:SHA256:${SECRET}`);
  t.true(given(readKeys(other)).isOpen);
  t.false(readKeys(join(folder, 'none')).ok);
});

test('a key may stand in several files, if it is the same in each', (t) => {
  const [one, same, another] = [key('x._update.mirage'), key('x._update.mirage'), key('x._update.mirage', 'AAAA')];
  t.is(
    joinKeys([
      ['_keys', { keys: [one] }],
      ['mirage._keys', { keys: [same] }],
    ]).keys.length,
    1,
  );
  const { keys, contradictions } = joinKeys([
    ['_keys', { keys: [one, key('y._update.mirage')] }],
    ['a._keys', { keys: [another] }],
    ['mirage._keys', { keys: [same] }],
  ]);
  t.deepEqual(
    keys.map(({ name }) => name.toString()),
    ['y._update.mirage.'],
  );
  t.deepEqual(
    contradictions.map(({ fileNames }) => fileNames),
    [['_keys', 'a._keys', 'mirage._keys']],
  );
});

test('what a push is named and says reaches a terminal as printable characters on one line', (t) => {
  t.is(quoted('mirage'), 'mirage');
  t.is(quoted('0\\04726.2.0.192.in-addr.arpa'), '0\\04726.2.0.192.in-addr.arpa');
  t.is(quoted('a\u001b[2Jb\n"\\'), '"a\\033[2Jb\\012\\"\\\\"');
  t.is(quoted('zone é'), '"zone \\303\\251"');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (fileName, what) => {
      const lines: string[] = [];
      const report = new HookReport((line) => void lines.push(line));
      report.find(fileName, { severity: 'error', what, line: 1, column: 2 });
      report.note(`${fileName} ${what}`);
      report.finish();
      return lines.length === 3 && !lines.some((line) => /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(line));
    }),
  );
});

test('what is said has an end, and errors are not crowded out', (t) => {
  const lines: string[] = [];
  const report = new HookReport((line) => void lines.push(line));
  for (let i = 0; i < 10_000; i++) {
    report.note('note');
    report.find('mirage', { severity: 'warning', what: 'w'.repeat(100_000) });
  }
  for (let i = 0; i < 10_000; i++) report.find(`mirage${i % 7}`, { severity: 'error', what: `error ${i}` });
  report.finish();
  t.true(lines.length < 400);
  t.true(lines.every((line) => line.length <= 1010));
  t.true(lines.some((line) => line.includes('error 100')));
  t.deepEqual(lines.slice(-4), [
    'and 9800 more errors',
    'and 9900 more warnings',
    'and 9950 more notes',
    'refused: 10000 errors in 7 files; nothing of this push is taken',
  ]);
});

/** Writes a loose object into a folder of objects. */
const writeObject = (folder: string, text: string): string => {
  const oid = objectName('blob', Buffer.from(text));
  mkdirSync(join(folder, oid.slice(0, 2)), { recursive: true });
  writeFileSync(join(folder, oid.slice(0, 2), oid.slice(2)), deflateSync(`blob ${Buffer.byteLength(text)}\0${text}`));
  return oid;
};

test('objects are read where git says that they are: those of the push, and those of the repository, quoted names too', (t) => {
  const folder = temporaryFolder(t);
  const [incoming, odd, plain] = ['incoming', 'a:"b\\\n\u00e9', 'objects'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const oids = [incoming, odd, plain].map((path) => writeObject(path, `in ${path}`));
  const inQuotes = `"${odd.replace(/["\\]/g, '\\$&').replace('\n', '\\n').replace('\u00e9', '\\303\\251')}"`;
  const env = {
    GIT_DIR: '.',
    GIT_OBJECT_DIRECTORY: incoming,
    GIT_ALTERNATE_OBJECT_DIRECTORIES: `${inQuotes}:${plain}`,
  };
  const objects = new PushedObjects(folder, env);
  for (const oid of oids) t.true(objects.read(oid).ok);
  t.is(objects.read('1'.repeat(40)).ok, false);
  objects.close();
  const own = new PushedObjects(folder, {});
  t.deepEqual(
    oids.map((oid) => own.read(oid).ok),
    [false, false, true],
  );
});
