/** `zonewright check` of a zone that stands in several files: which are read, which never, and where faults are. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { zonewright } from '../support/in-process.ts';
import { type Owner, temporaryFolder } from '../support/owner.ts';
import type { Ran } from '../support/process.ts';
import { tool } from '../support/zonewright.ts';

const SECRET = 'dGhlIHRvb2xzIG9mIHpvbmV3cmlnaHQgdW5kZXIgdGVzdCE=';
const HEAD = '$TTL 300\n@ SOA ns h 1 16384 2048 1048576 300\n@ NS ns\nns A 127.0.0.1\n';

const folder = (owner: Owner, files: Readonly<Record<string, string>>): string => {
  const path = temporaryFolder(owner, 'include');
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return path;
};
const check = (...args: readonly string[]): Promise<Ran> => zonewright('check', ...args);
const lines = (ran: Ran, path: string): string[] => ran.stdout.replaceAll(`${path}/`, '').trimEnd().split('\n');

test('check: included files are read beside the zone file, and their faults say FILE:LINE:COLUMN', async (t) => {
  const path = folder(t, {
    mirage: `${HEAD}$INCLUDE hosts\n`,
    hosts: 'a A 192.0.2.1\n$INCLUDE more sub\n',
    more: 'b A 192.0.2.2\n',
  });
  const good = await check(join(path, 'mirage'));
  t.deepEqual(lines(good, path), ['successfully checked zone mirage']);
  writeFileSync(join(path, 'more'), 'b A 192.0.2.2\nc A 300.0.0.1\n');
  const bad = await check(join(path, 'mirage'));
  t.is(bad.code, 1);
  t.is(lines(bad, path).length, 1);
  t.regex(lines(bad, path)[0] ?? '', /^more:2:5: error: '300\.0\.0\.1' is no IPv4 address \(/);
  const old = folder(t, { mirage: `${HEAD}$INCLUDE hosts\n` });
  const json = await check('--json', join(path, 'mirage'), join(old, 'mirage'));
  t.regex(json.stdout, /"file":"more","line":2,"column":5/);
  t.regex(json.stdout, /there is no file 'hosts' to include/);
});

test('check: no link, no folder, no path and no file of keys is read', async (t) => {
  const elsewhere = folder(t, { secret: `x TXT ${SECRET}\nbroken ${SECRET}\n` });
  const path = folder(t, { 'mirage._keys': `x._update.mirage. DNSKEY 0 3 163 ${SECRET}\nbroken ${SECRET}\n` });
  symlinkSync(join(elsewhere, 'secret'), join(path, 'link'));
  symlinkSync(join(path, 'mirage._keys'), join(path, 'innocent'));
  mkdirSync(join(path, 'folder'));
  const names = ['link', 'innocent', 'folder', join(elsewhere, 'secret'), '../secret', 'mirage._keys', 'MIRAGE._keys'];
  writeFileSync(join(path, 'mirage'), `${HEAD}${names.map((name) => `$INCLUDE ${name}\n`).join('')}`);
  const ran = await check(join(path, 'mirage'));
  t.is(ran.code, 1);
  t.deepEqual(
    lines(ran, path).map((line) => line.replace(/ \(.*/, '')),
    [
      "mirage:5:10: error: there is no file 'link' to include",
      "mirage:6:10: error: there is no file 'innocent' to include",
      "mirage:7:10: error: there is no file 'folder' to include",
      'mirage:8:10: error: only a file beside this one can be included, by its plain name',
      'mirage:9:10: error: only a file beside this one can be included, by its plain name',
      'mirage:10:10: error: a file of keys is not included',
      'mirage:11:10: error: a file of keys is not included',
    ],
  );
  t.false(`${ran.stdout}${ran.stderr}`.includes(SECRET.slice(0, 12)));
});

test('check: from standard input nothing can be included', async (t) => {
  const ran = await tool('zonewright', ['check', '--zone-name', 'mirage', '-'], { input: `${HEAD}$INCLUDE hosts\n` });
  t.is(ran.code, 1);
  t.regex(ran.stdout, /^-:5:1: error: \$INCLUDE cannot be followed here/);
});

test('check --old: both versions are read with the files that stand beside', async (t) => {
  const path = folder(t, {
    mirage: `${HEAD.replace('h 1', 'h 2')}$INCLUDE hosts\nnew A 192.0.2.9\n`,
    hosts: 'a A 192.0.2.1\n',
  });
  const old = folder(t, { before: `${HEAD}$INCLUDE hosts\n` });
  const ran = await check('--old', join(old, 'before'), join(path, 'mirage'));
  t.is(ran.code, 0, ran.stdout);
  t.true(ran.stdout.includes('+ new.mirage. 300 IN A 192.0.2.9'));
  t.false(ran.stdout.includes('a.mirage.'));
});
