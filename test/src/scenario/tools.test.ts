/** The small tools as a user runs them: check, notify, update, query, wait, keygen, and the original's names for them. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { parseKey } from '@zonewright/common/authority/key';
import { fileZone, keyFileName, readKeyFile, readZoneFile, zoneFileName } from '@zonewright/common/authority/zone-file';
import { parseSshKey, publicLine } from '@zonewright/common/git/ssh-key';
import { Name } from '@zonewright/common/name';
import { SILENT_LOG } from '@zonewright/common/service/log';
import { startNameServer } from '@zonewright/common/service/name-server';
import { RCODE } from '@zonewright/common/wire/code';
import test from 'ava';
import fc from 'fast-check';
import { authorityOf } from '../support/answering.ts';
import { dig } from '../support/dig.ts';
import { zonewright } from '../support/in-process.ts';
import { startNamed } from '../support/named.ts';
import { missing, testUnless, testWith } from '../support/needs.ts';
import { type Owner, temporaryFolder } from '../support/owner.ts';
import { freePort } from '../support/ports.ts';
import { type Ran, run } from '../support/process.ts';
import { given, zoneOf } from '../support/records.ts';
import { tool } from '../support/zonewright.ts';

const SECRET = 'dGhlIHRvb2xzIG9mIHpvbmV3cmlnaHQgdW5kZXIgdGVzdCE=';
const OTHER_SECRET = 'bm90IHRoZSBzZWNyZXQgdGhhdCB0aGUgc2VydmVyIGtub3c=';
const UPDATE_KEY = `personal._update.mirage:SHA256:${SECRET}`;
const NOTIFY_KEY = `hook._notify.mirage:SHA256:${SECRET}`;

const zoneText = (serial: number, more = ''): string => `$TTL 300
@ SOA ns hostmaster ${serial} 16384 2048 1048576 300
@ NS ns
ns A 127.0.0.1
www A 192.0.2.1
${more}`;

const file = (owner: Owner, name: string, text: string): string => {
  const path = join(temporaryFolder(owner, 'tools'), name);
  writeFileSync(path, text);
  return path;
};

const lines = (ran: Ran): string[] => ran.stdout.split('\n').filter((line) => line !== '');
const name = (text: string): Name => {
  const parsed = Name.parse(text);
  if (!parsed.ok) throw new Error(parsed.fault.what);
  return parsed.value;
};

// check

test('check: a good zone file is said to be good, under the original name too', async (t) => {
  const path = file(t, 'mirage', zoneText(1));
  for (const ran of [await zonewright('check', path), await tool('ozone', [path])]) {
    t.is(ran.code, 0, ran.stderr);
    t.deepEqual(lines(ran), ['successfully checked zone mirage']);
  }
});

test('check: every fault of a file is told at its line and column, and the exit code is 1', async (t) => {
  const path = file(
    t,
    'mirage',
    `${zoneText(1)}a A 300.1.2.3\nmail MX 10\nb CNAME www\nb TXT "x"\nb SOA ns x 1 2 3 4 5\n`,
  );
  const ran = await zonewright('check', path);
  t.is(ran.code, 1);
  const errors = lines(ran).map((line) => line.replace(path, 'mirage'));
  t.regex(errors[0] ?? '', /^mirage:6:5: error: /);
  t.regex(errors[1] ?? '', /^mirage:7:\d+: error: /);
  t.true(
    errors.some((line) => /^mirage:8:1: error: b\.mirage\.: CNAME beside .*TXT/.test(line)),
    ran.stdout,
  );
  t.true(
    errors.some((line) => /^mirage:10:1: error: .*SOA record that is not at the apex/.test(line)),
    ran.stdout,
  );
  t.false(ran.stdout.includes('successfully'));
});

test('check: a zone needs exactly one SOA, and it stands at the apex', async (t) => {
  const without = await zonewright('check', file(t, 'mirage', '@ NS ns.example.\n'));
  t.is(without.code, 1);
  t.regex(without.stdout, /:1:1: error: no SOA record for mirage\. \(add /);
  const second = await zonewright('check', file(t, 'mirage', zoneText(1, '@ SOA ns hostmaster 2 1 1 1 1\n')));
  t.is(second.code, 1);
  t.regex(second.stdout, /:6:1: error: a second SOA record; the first is in line 2/);
  const below = await zonewright('check', file(t, 'mirage', 'sub SOA ns hostmaster 2 1 1 1 1\n'));
  t.is(below.code, 1);
  t.regex(below.stdout, /:1:1: error: the SOA record of sub\.mirage\. is not at the apex mirage\./);
});

test('check: records outside the zone are errors, but the address of a foreign name server is only ignored', async (t) => {
  const glue = 'ns.example. A 192.0.2.7\nns.example. AAAA 2001:db8::7\n';
  const path = file(t, 'mirage', zoneText(1, `@ NS ns.example.\n${glue}`));
  const ran = await zonewright('check', path);
  t.is(ran.code, 0, ran.stdout);
  t.is(
    lines(ran).filter((line) => line.includes(': warning: the address of ns.example., outside of mirage., is ignored'))
      .length,
    2,
  );
  const outside = await zonewright('check', file(t, 'mirage', zoneText(1, 'www.example. A 192.0.2.7\n')));
  t.is(outside.code, 1);
  t.regex(outside.stdout, /:6:1: error: www\.example\. A is not in mirage\./);
});

test('check: records that stand twice and sets with several TTLs are warnings', async (t) => {
  const ran = await zonewright('check', file(t, 'mirage', zoneText(1, 'WWW A 192.0.2.1\nwww 600 A 192.0.2.2\n')));
  t.is(ran.code, 0, ran.stdout);
  t.regex(ran.stdout, /:6:1: warning: WWW\.mirage\. A stands here again, see line 5/);
  t.regex(ran.stdout, /:7:1: warning: TTL 600, where other A records of www\.mirage\. have 300 \(300 is used for all/);
});

test('check: the zone is the one that the file is named for', async (t) => {
  const root = await zonewright('check', file(t, '@', '@ SOA a. b. 1 1 1 1 1\n@ NS a.\na A 192.0.2.1\n'));
  t.is(root.code, 0, root.stdout);
  const slash = await zonewright(
    'check',
    file(t, '0\\04726.2.0.192.in-addr.arpa', '@ SOA ns.x. b.x. 1 1 1 1 1\n@ NS ns.x.\n1 PTR a.x.\n'),
  );
  t.is(slash.code, 0, slash.stdout);
  const path = file(t, 'tmp.12345', zoneText(1));
  for (const zoneName of ['mirage', 'mirage.', 'Mirage']) {
    const ran = await zonewright('check', '--zone-name', zoneName, path);
    t.is(ran.code, 0, ran.stdout);
  }
  const bad = await zonewright('check', '--zone-name', 'b..d', path);
  t.is(bad.code, 1);
  t.regex(bad.stdout, /an empty label/);
});

test('check: a zone in a file that the primary leaves alone is an error, any other file is not', async (t) => {
  const misnamed = await zonewright('check', file(t, 'Mirage', zoneText(1)));
  t.is(misnamed.code, 1);
  t.regex(misnamed.stdout, /the file of zone Mirage\. is named mirage/);
  for (const name of ['M1.example._keys', 'm1.example._keys.', '_KEYS', 'm1..example._keys']) {
    const keys = await zonewright('check', file(t, name, 'a._update.m1.example. DNSKEY 0 3 163 AQID\n'));
    t.is(keys.code, 1, name);
    t.regex(keys.stdout, /error: its name says that keys are in it, but the primary leaves this file alone: /);
  }
  const readme = await zonewright('check', file(t, 'README.md', '# Zones\n\nof ours\n'));
  t.is(readme.code, 0, readme.stdout);
  t.regex(readme.stdout, /README\.md: left alone/);
});

test('check: a file without SOA that is named as a zone is left alone among others, and an error where it is meant', async (t) => {
  const good = file(t, 'mirage', zoneText(1));
  const json = file(t, 'package.json', '{\n  "name": "zones"\n}\n');
  const bare = file(t, 'example', '@ NS ns.other.\n');
  const many = await zonewright('check', good, json, bare);
  t.is(many.code, 0, many.stdout);
  t.deepEqual(
    lines(many).map((line) => line.replace(/^\/\S*\//, '')),
    [
      'successfully checked zone mirage',
      'package.json:1:1: warning: no SOA record for package.json.: the primary leaves this file alone',
      'package.json: left alone: no SOA in it',
      'example:1:1: warning: no SOA record for example.: the primary leaves this file alone',
      'example: left alone: no SOA in it',
    ],
  );
  for (const args of [
    [json],
    [bare],
    ['--zone-name', 'example', bare],
    ['--old', good, '--zone-name', 'mirage', bare],
  ]) {
    const alone = await zonewright('check', ...args);
    t.is(alone.code, 1, args.join(' '));
    t.regex(alone.stdout, /:1:1: error: no SOA record for /);
  }
});

test('check --old: the serial must be newer when the content differs, and the difference is shown', async (t) => {
  const old = file(t, 'mirage', zoneText(7));
  const same = await zonewright('check', '--old', old, file(t, 'mirage', `; a comment\n${zoneText(7)}`));
  t.is(same.code, 0, same.stdout);
  t.deepEqual(lines(same), ['successfully checked zone mirage']);

  const stale = await tool('ozone', ['--old', old, file(t, 'mirage', zoneText(7, 'mail A 192.0.2.9\n'))]);
  t.is(stale.code, 1);
  t.regex(stale.stdout, /mirage:2:1: error: SOA must increase for mirage \(old: 7 new: 7\) \(/);
  t.regex(stale.stdout, /^\+ mail\.mirage\. 300 IN A 192\.0\.2\.9$/m);
  t.false(stale.stdout.includes('successfully'));

  const signature = '@ RRSIG SOA 13 1 300 20400101000000 20200101000000 1 @ c2lnbmVk\n';
  const signed = await zonewright('check', '--old', old, file(t, 'mirage', zoneText(7, signature)));
  t.is(signed.code, 1);
  t.regex(signed.stdout, /mirage:2:1: error: SOA must increase .* \(raise the serial and sign the zone again\)/);

  const newer = await zonewright(
    'check',
    `--old=${old}`,
    file(t, 'mirage', zoneText(8).replace('192.0.2.1', '192.0.2.2')),
  );
  t.is(newer.code, 0, newer.stdout);
  t.regex(newer.stdout, /^- www\.mirage\. 300 IN A 192\.0\.2\.1$/m);
  t.regex(newer.stdout, /^\+ www\.mirage\. 300 IN A 192\.0\.2\.2$/m);

  const backwards = await zonewright('check', '--old', old, file(t, 'mirage', zoneText(6)));
  t.is(backwards.code, 1);
  const wrapped = await zonewright(
    'check',
    '--old',
    file(t, 'mirage', zoneText(4294967295)),
    file(t, 'mirage', zoneText(3)),
  );
  t.is(wrapped.code, 0, wrapped.stdout);
});

test('check --old: the difference is told record by record, in canonical order, a TTL alone as such', async (t) => {
  const old = file(t, 'mirage', zoneText(7, 'z TXT "b"\nz TXT "a"\nm MX 10 Mail\nm MX 20 gone\nt 60 A 192.0.2.7\n'));
  const next = file(t, 'mirage', zoneText(8, 'a.z TXT "c"\nZ TXT "a"\nM MX 10 mAIL\nm MX 5 new\nt 90 A 192.0.2.7\n'));
  const ran = await zonewright('check', '--old', old, next);
  t.is(ran.code, 0, ran.stdout);
  const difference = [
    '- mirage. 300 IN SOA ns.mirage. hostmaster.mirage. 7 16384 2048 1048576 300',
    '+ mirage. 300 IN SOA ns.mirage. hostmaster.mirage. 8 16384 2048 1048576 300',
    '- m.mirage. 300 IN MX 20 gone.mirage.',
    '+ M.mirage. 300 IN MX 5 new.mirage.',
    '~ t.mirage. 90 IN A 192.0.2.7 (TTL was 60)',
    '- z.mirage. 300 IN TXT "b"',
    '+ a.z.mirage. 300 IN TXT "c"',
  ];
  t.deepEqual(
    lines(ran).filter((line) => /^[-+~] /.test(line)),
    difference,
  );
  const json = JSON.parse((await zonewright('check', '--json', '--old', old, next)).stdout) as {
    files: { difference: object[] }[];
  };
  t.is(json.files[0]?.difference.length, difference.length);
  t.deepEqual(json.files[0]?.difference[4], {
    change: 'ttl',
    name: 't.mirage.',
    ttl: 90,
    oldTtl: 60,
    type: 'A',
    rdata: '192.0.2.7',
  });
});

test('check --old: the case of names and the order of records are no difference, and want no new serial', async (t) => {
  const old = file(t, 'mirage', zoneText(7, 'm MX 10 mail.other.\nm MX 20 mail\nmail A 192.0.2.2\n'));
  const next = file(t, 'mirage', zoneText(7, 'MAIL A 192.0.2.2\nM MX 20 Mail\nm MX 10 MAIL.other.\n'));
  const ran = await zonewright('check', '--old', old, next);
  t.is(ran.code, 0, ran.stdout);
  t.deepEqual(lines(ran), ['successfully checked zone mirage']);
});

test('check --old: a serial that stays is told together with all other faults, and a faulty version before is compared as far as it goes', async (t) => {
  const old = file(t, 'mirage', zoneText(7));
  const ran = await zonewright(
    'check',
    '--old',
    old,
    file(t, 'mirage', zoneText(7, 'c CNAME www\nc TXT "x"\nd A 1.2\n')),
  );
  t.is(ran.code, 1);
  t.deepEqual(
    lines(ran).map((line) => line.replace(/^\/\S*\//, '').replace(/( error: \S+).*/, '$1')),
    ['mirage:2:1: error: SOA', 'mirage:6:1: error: c.mirage.:', "mirage:8:5: error: '1.2'"],
  );
  const broken = file(t, 'mirage', zoneText(7, 'd A 1.2\n'));
  const repaired = await zonewright('check', '--old', broken, file(t, 'mirage', zoneText(8, 'd A 192.0.2.2\n')));
  t.is(repaired.code, 0, repaired.stdout);
  t.regex(repaired.stdout, /warning: the version before has faults itself/);
  t.regex(repaired.stdout, /^\+ d\.mirage\. 300 IN A 192\.0\.2\.2$/m);
});

test('check: the secret of a key that stands in a zone is an error, and not printed, not as a difference either', async (t) => {
  const secret = `x._update DNSKEY 0 3 163 ${SECRET}\n`;
  const old = file(t, 'mirage', zoneText(7, secret));
  const removed = await zonewright('check', '--old', old, file(t, 'mirage', zoneText(8)));
  t.is(removed.code, 0, removed.stdout);
  t.regex(removed.stdout, /^- x\._update\.mirage\. 300 IN DNSKEY \(secret\)$/m);
  const ran = await zonewright('check', old);
  t.is(ran.code, 1);
  t.regex(ran.stdout, /:6:1: error: .*the secret of a TSIG key stands in the zone/);
  const misnamed = await zonewright('check', file(t, 'mykeys', `x._update.mirage. DNSKEY 0 3 163 ${SECRET}\n`));
  t.is(misnamed.code, 1);
  for (const { stdout, stderr } of [removed, ran, misnamed])
    t.false(`${stdout}${stderr}`.includes(SECRET.slice(0, 12)));
});

test('check --old: an empty new file is a removal, an empty old file an addition', async (t) => {
  const empty = file(t, 'mirage', '');
  const full = file(t, 'mirage', zoneText(1));
  const removed = await zonewright('check', '--old', full, empty);
  const alone = await zonewright('check', empty);
  t.is(alone.code, 1, 'as for the primary, where nothing says that it is a removal');
  t.regex(alone.stdout, /SOA/);
  t.is(removed.code, 0);
  t.deepEqual(lines(removed), ['zone mirage removed']);
  const added = await zonewright('check', '--old', empty, full);
  t.is(added.code, 0);
  t.deepEqual(lines(added), ['successfully checked zone mirage']);
});

test('check: key files are judged key by key, and no secret is ever printed', async (t) => {
  const line = (key: string, secret = SECRET): string => `${key} DNSKEY 0 3 163 ${secret}\n`;
  const good = file(
    t,
    'mirage._keys',
    line('a._update.mirage.') + line('1.2.3.4.5.6.7.8._transfer.mirage.') + line('a._update'),
  );
  const fine = await zonewright('check', good);
  t.is(fine.code, 0, fine.stdout);
  t.regex(fine.stdout, /:3:1: warning: key a\._update\.mirage\. stands here again, see line 1/);
  t.regex(fine.stdout, /^successfully checked keys of mirage$/m);
  const bad = [
    line('b._notify.example.'),
    line('nothing.mirage.'),
    line('c._update.mirage.'),
    line('c._update.mirage.', OTHER_SECRET),
  ];
  const ran = await zonewright(
    'check',
    file(
      t,
      'mirage._keys',
      `${bad.join('')}d._update.mirage. DNSKEY 0 3 163 ${SECRET}!\ne._update.mirage. A 192.0.2.1\nf._update.mirage DNSKEY 0 3 163 ${SECRET}\n`,
    ),
  );
  t.is(ran.code, 1);
  for (const expected of [
    /:1:1: error: key b\._notify\.example\. is not for mirage\. \(write it into example\._keys/,
    /:2:1: error: key nothing\.mirage\. does not say what it may do/,
    /:4:1: error: a second key c\._update\.mirage\.; the first is in line 3/,
    /:5:\d+: error: /,
    /:6:1: error: .*no DNSKEY/,
    /:7:1: warning: key f\._update\.mirage\.mirage\. is one for mirage\.mirage\. \(is the final dot missing\?\)/,
  ])
    t.regex(ran.stdout, expected);
  const whole = await zonewright(
    'check',
    '--json',
    '--zone-name',
    '_keys',
    '--old',
    good,
    file(t, 'x', line('z._update.')),
  );
  t.is(whole.code, 0, whole.stdout);
  for (const { stdout, stderr } of [fine, ran, whole])
    for (const secret of [SECRET, OTHER_SECRET]) t.false(`${stdout}${stderr}`.includes(secret.slice(0, 12)));
  const report = JSON.parse(whole.stdout) as { files: { difference: { change: string }[] }[] };
  t.deepEqual(
    report.files[0]?.difference.filter(({ change }) => change === 'added'),
    [{ change: 'added', key: 'z._update.', algorithm: 'SHA256' }],
  );
});

test('check --json: one object, with the findings in place', async (t) => {
  const good = file(t, 'mirage', zoneText(3));
  const bad = file(t, 'example', '@ A 1.2.3\n@ SOA a. b. 1 1 1 1 1\n@ NS a.\n');
  const ran = await zonewright('check', '--json', good, bad);
  t.is(ran.code, 1);
  const report = JSON.parse(ran.stdout) as {
    ok: boolean;
    files: {
      file: string;
      name: string;
      status: string;
      serial?: number;
      findings: { line: number; severity: string }[];
    }[];
  };
  t.false(report.ok);
  t.like(report.files[0], { file: good, name: 'mirage.', status: 'checked', serial: 3, findings: [] });
  t.like(report.files[1], { file: bad, name: 'example.', status: 'faulty' });
  t.like(report.files[1]?.findings[0], { line: 1, severity: 'error' });
});

test('check: a file that cannot be read and a wrong command line end with 2', async (t) => {
  const path = file(t, 'mirage', zoneText(1));
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'sub'));
  for (const args of [
    [join(folder, 'missing')],
    [join(folder, 'sub')],
    ['--old', join(folder, 'missing'), path],
    ['--old', path, path, path],
    [],
    ['-'],
  ]) {
    const ran = await zonewright('check', ...args);
    t.is(ran.code, 2, args.join(' '));
    t.regex(ran.stderr, /^zonewright check: /);
  }
  const asFolder = await zonewright('check', join(folder, 'sub'));
  t.regex(
    asFolder.stderr,
    /^zonewright check: cannot read \S+: it is a folder \(name the files in it, as FOLDER\/\*\)$/m,
  );
  const stdin = await tool('zonewright', ['check', '--zone-name', 'mirage', '-'], { input: zoneText(1) });
  t.is(stdin.code, 0, stdin.stdout);
});

test('the names of files and of zones are two spellings of one thing', (t) => {
  const label = fc.uint8Array({ minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(fc.array(label, { maxLength: 5 }), (labels) => {
      const parsed = Name.fromLabels(labels);
      if (!parsed.ok) return;
      const fileName = zoneFileName(parsed.value);
      t.regex(fileName, /^[!-.0-~]+$/);
      const role = fileZone(fileName);
      if (role.kind === 'zone') t.true(role.origin.equals(parsed.value));
      const keys = fileZone(keyFileName(parsed.value));
      t.is(keys.kind, 'keys');
      if (keys.kind === 'keys') t.true(keys.domain.equals(parsed.value));
    }),
  );
  for (const other of [
    'README.md',
    'Example.com',
    'example.com.',
    '.gitignore',
    '',
    '.',
    'a..b',
    'X._KEYS',
    'a/b',
    '\\097',
    'é',
  ])
    t.is(fileZone(other).kind, 'other', other);
  t.deepEqual(fileZone('_keys'), { kind: 'keys', domain: Name.root });
  t.is(fileZone('@').kind, 'zone');
});

test('a zone comes out of a file exactly when no finding is an error, whatever the file holds', (t) => {
  const words = [
    '@',
    'a',
    'b.c',
    ' ',
    '\n',
    '\n',
    'A',
    'NS',
    'SOA',
    'CNAME',
    '1.2.3.4',
    'ns',
    'x.example.',
    '300',
    '(',
    ')',
    '"',
    ';',
    '$ORIGIN',
    zoneText(1),
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...words), { maxLength: 40 }), (parts) => {
      const octets = Buffer.from(parts.join(' '));
      const reading = readZoneFile(octets, name('mirage'));
      t.is(
        reading.zone !== undefined,
        reading.findings.every(({ severity }) => severity === 'warning'),
      );
      for (const { line } of reading.findings) t.true(line === undefined || line >= 1);
      readKeyFile(octets, name('mirage'));
    }),
  );
});

test('a file with very many findings is told in a bounded number of lines, errors first', (t) => {
  const repeated = 'www A 192.0.2.1\n'.repeat(200_000);
  const { findings, zone } = readZoneFile(Buffer.from(zoneText(1, repeated)), name('mirage'));
  t.is(findings.length, 1001);
  t.is(findings.at(-1)?.what, 'and 199000 more like these');
  t.not(zone, undefined);
  const broken = readZoneFile(Buffer.from(zoneText(1, `${repeated}x CNAME y\nx A 192.0.2.1\n`)), name('mirage'));
  t.is(broken.zone, undefined);
  t.is(broken.findings.filter(({ severity }) => severity === 'error').length, 1);
  const key = `k._update.mirage. DNSKEY 0 3 163 ${SECRET}\n`;
  t.is(readKeyFile(Buffer.from(key.repeat(50_000)), name('mirage')).keys.length, 1);
});

// keygen

test('keygen tsig: the forms it prints are those that the parts of Zonewright read', async (t) => {
  const ran = await zonewright('keygen', 'tsig', 'personal._update.mirage', '--alg', 'sha512');
  t.is(ran.code, 0, ran.stderr);
  const [record = '', text = '', clause = ''] = lines(ran).filter((line) => !line.startsWith(';'));
  const key = parseKey(text);
  const [fromFile] = readKeyFile(Buffer.from(`${record}\n`), name('mirage')).keys;
  if (!key.ok || fromFile === undefined) return t.fail(ran.stdout);
  t.true(key.value.secret.equals(fromFile.secret));
  t.is(key.value.secret.export().length, 64);
  t.is(key.value.operation, 'update');
  t.true(clause.includes(key.value.secret.export().toString('base64')) && clause.includes('hmac-sha512'));
  const unnamed = await zonewright('keygen', 'tsig', 'mirage', '--json');
  t.is(unnamed.code, 0);
  t.regex(unnamed.stderr, /does not say what the key may do/);
  t.is((JSON.parse(unnamed.stdout) as { algorithm: string }).algorithm, 'SHA256');
  t.is((await zonewright('keygen', 'tsig')).code, 2);
  const colons = await zonewright('keygen', 'tsig', 'fd00::2.fd00::3._transfer.mirage');
  t.deepEqual([colons.code, colons.stdout], [2, ''], 'NAME:ALG:SECRET would have more parts');
  t.regex(colons.stderr, /IPv6 address.*fd00--2/);
  t.is((await zonewright('keygen', 'tsig', 'a', '--alg', 'md5')).code, 2);
});

test('keygen ssh: the private line gives the public one, and awa_gen_key is its old name', async (t) => {
  for (const ran of [await zonewright('keygen', 'ssh'), await tool('awa_gen_key', ['--keytype', 'ed25519'])]) {
    t.is(ran.code, 0, ran.stderr);
    const [secret = '', line = ''] = lines(ran);
    t.regex(secret, /^private key: ed25519:/);
    const key = parseSshKey(secret.replace('private key: ', ''));
    t.true(key.ok && publicLine(key.value, 'zonewright') === line);
  }
  const seed = await tool('awa_gen_key', ['--seed', 'my secret seed']);
  t.is(seed.code, 2);
  t.regex(seed.stderr, /at random/);
  t.false(seed.stderr.includes('my secret seed'));
  t.is((await tool('awa_gen_key', ['--keytype', 'rsa'])).code, 2);
});

testWith(test, ['ssh-keygen'])('keygen ssh: OpenSSH reads the public line', async (t) => {
  const [, line = ''] = lines(await zonewright('keygen', 'ssh'));
  const ran = await run('ssh-keygen', ['-l', '-f', file(t, 'key.pub', `${line}\n`)]);
  t.is(ran.code, 0, ran.stderr);
  t.regex(ran.stdout, /^256 SHA256:.*\(ED25519\)/);
});

// tools that talk to a server

test('a server that is not there ends a tool with 3, and names no secret', async (t) => {
  const port = `${await freePort()}`;
  for (const args of [
    ['notify', '--key', NOTIFY_KEY, '--port', port, '127.0.0.1', 'mirage'],
    ['update', '--port', port, '127.0.0.1', UPDATE_KEY, 'www.mirage', '192.0.2.1'],
    ['query', '--port', port, '127.0.0.1', 'mirage', 'SOA'],
    ['query', '--port', port, '127.0.0.1', 'mirage', 'AXFR'],
    ['query', '--port', port, 'no-such-host.invalid', 'mirage'],
    ['wait', '--server', `127.0.0.1:${port}`, '--timeout', '0', 'mirage'],
    ['wait', '--via', `127.0.0.1:${port}`, 'mirage'],
  ]) {
    const ran = await zonewright(...args);
    t.is(ran.code, 3, `${args.join(' ')}: ${ran.stderr}`);
    t.regex(ran.stderr, /^zonewright \w+: /);
    t.false(`${ran.stdout}${ran.stderr}`.includes(SECRET));
  }
});

test('a server that says nothing ends a tool with 3 when its time is over', async (t) => {
  const mute = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
  const muteUdp = createSocket('udp4').bind(0, '127.0.0.1');
  t.teardown(() => {
    mute.close();
    muteUdp.close();
  });
  await Promise.all([once(mute, 'listening'), once(muteUdp, 'listening')]);
  const { port } = mute.address() as { port: number };
  const notified = await tool('onotify', ['--timeout', '1', '--port', `${port}`, '127.0.0.1', 'mirage']);
  t.is(notified.code, 3, notified.stderr);
  const updated = await tool('oupdate', [
    '--timeout',
    '1',
    `--port=${port}`,
    '127.0.0.1',
    UPDATE_KEY,
    'www.mirage',
    '192.0.2.1',
  ]);
  t.is(updated.code, 3, updated.stderr);
  const waited = await zonewright(
    'wait',
    '--timeout',
    '1',
    '--serial',
    '5',
    '--server',
    `127.0.0.1:${muteUdp.address().port}`,
    'mirage',
  );
  t.is(waited.code, 3, waited.stderr);
  t.regex(waited.stderr, /after 1 s without serial 5 of zone mirage: 127\.0\.0\.1:\d+ \(no reply .* within \d+ ms\)/);
});

test('update: what the command line alone shows to be wrong ends with 2', async (t) => {
  for (const args of [
    ['127.0.0.1', UPDATE_KEY, 'www.example', '192.0.2.1'],
    ['127.0.0.1', UPDATE_KEY, 'www.mirage', '192.0.2.256'],
    ['127.0.0.1', 'personal._update.mirage:MD5:AAAA', 'www.mirage', '192.0.2.1'],
    ['127.0.0.1', UPDATE_KEY, 'www.mirage'],
  ]) {
    const ran = await zonewright('update', ...args);
    t.is(ran.code, 2, args.join(' '));
    t.false(`${ran.stdout}${ran.stderr}`.includes(SECRET));
  }
});

test('wait: a name server whose address nobody knows is not passed over', async (t) => {
  const port = await freePort('127.0.0.1');
  const zones = [zoneOf('@ 60 NS ns\n@ 60 NS ns2.invalid.\nns 60 A 127.0.0.1'), zoneOf('@ 60 NS here.invalid.')];
  const refuse = async () => ({ rcode: RCODE.REFUSED });
  for (const [i, zone] of zones.entries()) {
    const server = given(
      await startNameServer({
        addresses: ['127.0.0.1'],
        port,
        authority: authorityOf(zone),
        hooks: { update: refuse, notify: refuse },
        log: SILENT_LOG,
      }),
    );
    const ran = await zonewright('wait', 'example', '--via', '127.0.0.1', '--port', `${port}`, '--serial', '1');
    await server.close();
    t.is(ran.code, 3, ran.stdout);
    const lost = ['ns2.invalid', 'here.invalid'][i];
    t.is(
      ran.stderr.trim(),
      `zonewright wait: no address is found of name servers of zone example: ${lost} (name the servers with --server)`,
    );
  }
});

const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));
const overIpv6 = testUnless(test, missing('named')?.join() ?? (hasIpv6 ? undefined : 'this machine has no ::1'));

overIpv6('the tools reach servers over IPv6', async (t) => {
  const server = await startNamed(t, { address: '::1', zones: [{ name: 'mirage', text: zoneText(4) }] });
  const ran = await zonewright('wait', 'mirage', '--server', `[::1]:${server.port}`, '--timeout', '5');
  t.is(ran.code, 0, ran.stderr);
  t.deepEqual(lines(ran), [`[::1]:${server.port} serial 4`, `zone mirage is served by [::1]:${server.port}`]);
  const answer = await zonewright('query', `[::1]:${server.port}`, 'www.mirage', '--tcp');
  t.regex(answer.stdout, /^www\.mirage\. 300 IN A 192\.0\.2\.1$/m);
});

const named = testWith(test, ['named', 'dig']);

named('update: a key for all zones has the server asked for the zone of the name', async (t) => {
  const key = `admin._update:SHA256:${SECRET}`;
  const server = await startNamed(t, {
    keys: [key],
    zones: [{ name: 'mirage', text: zoneText(1, ''), allowUpdate: ['key "admin._update"'] }],
  });
  const ran = await zonewright('update', '--port', `${server.port}`, '127.0.0.1', key, 'new.www.mirage', '192.0.2.7');
  t.is(ran.code, 0, ran.stderr);
  t.regex(ran.stdout, /zone mirage A 60 new\.www\.mirage 192\.0\.2\.7/);
});

named('update: replaces the addresses of the families given, and leaves the other alone', async (t) => {
  const server = await startNamed(t, {
    keys: [UPDATE_KEY, NOTIFY_KEY],
    zones: [
      {
        name: 'mirage',
        text: zoneText(1, 'www A 192.0.2.2\nwww AAAA 2001:db8::1\n'),
        allowUpdate: ['key "personal._update.mirage"'],
      },
    ],
  });
  const port = `${server.port}`;
  const addresses = async (type: string): Promise<string[]> => {
    const reply = await dig({ server: server.address, port: server.port, args: ['www.mirage', type] });
    return reply.answer.map(({ data, ttl }) => `${ttl} ${data}`).sort();
  };
  // BIND wants the apex in the zone section: the key's zone is just that.
  const ran = await tool('oupdate', [
    `--port=${port}`,
    '127.0.0.1',
    UPDATE_KEY,
    'www.mirage',
    '192.0.2.7',
    '192.0.2.8',
  ]);
  t.is(ran.code, 0, ran.stderr);
  t.deepEqual(lines(ran), [
    `updating to 127.0.0.1:${port} zone mirage A 60 www.mirage 192.0.2.7`,
    `updating to 127.0.0.1:${port} zone mirage A 60 www.mirage 192.0.2.8`,
    'successful and signed update!',
  ]);
  t.deepEqual(await addresses('A'), ['60 192.0.2.7', '60 192.0.2.8']);
  t.deepEqual(await addresses('AAAA'), ['300 2001:db8::1']);

  const keyPath = file(t, 'key', `${UPDATE_KEY}\n`);
  const both = await zonewright(
    'update',
    '--port',
    port,
    '--ttl',
    '5',
    'localhost',
    `@${keyPath}`,
    'www.mirage.',
    '192.0.2.9',
    '2001:DB8:0::9',
  );
  t.is(both.code, 0, both.stderr);
  t.deepEqual(await addresses('A'), ['5 192.0.2.9']);
  t.deepEqual(await addresses('AAAA'), ['5 2001:db8::9']);

  const forbidden = await zonewright('update', '--port', port, '127.0.0.1', NOTIFY_KEY, 'www.mirage', '192.0.2.1');
  t.is(forbidden.code, 4);
  t.regex(forbidden.stderr, /answers the update with REFUSED/);
  const wrong = await zonewright(
    'update',
    '--port',
    port,
    '127.0.0.1',
    UPDATE_KEY.replace(SECRET, OTHER_SECRET),
    'www.mirage',
    '192.0.2.1',
  );
  t.is(wrong.code, 4);
  t.regex(wrong.stderr, /BADSIG/);
  t.deepEqual(await addresses('A'), ['5 192.0.2.9']);
});

named('update: with a key whose name says nothing, the server is asked for the zone', async (t) => {
  const key = `ddns:SHA256:${SECRET}`;
  const server = await startNamed(t, {
    keys: [key],
    zones: [{ name: 'mirage', text: zoneText(1), allowUpdate: ['key "ddns"'] }],
  });
  const port = `${server.port}`;
  const ran = await zonewright('update', '--port', port, '127.0.0.1', key, 'new.deep.mirage', '2001:db8::5');
  t.is(ran.code, 0, ran.stderr);
  const reply = await dig({ server: '127.0.0.1', port: server.port, args: ['new.deep.mirage', 'AAAA'] });
  t.deepEqual(
    reply.answer.map(({ data }) => data),
    ['2001:db8::5'],
  );
  t.is((await zonewright('update', '--port', port, '127.0.0.1', key, 'www.elsewhere', '192.0.2.1')).code, 4);
});

named(
  'notify: a secondary takes the signed NOTIFY and fetches the zone; wait sees all servers come to agree',
  async (t) => {
    const primary = await startNamed(t, { zones: [{ name: 'mirage', text: zoneText(1) }] });
    const secondary = await startNamed(t, {
      keys: [NOTIFY_KEY],
      zones: [{ name: 'mirage', primaries: [primary], allowNotify: ['key "hook._notify.mirage"'] }],
    });
    const servers = ['--server', `127.0.0.1:${primary.port}`, '--server', `127.0.0.1:${secondary.port}`];
    const first = await zonewright('wait', 'mirage', ...servers);
    t.is(first.code, 0, first.stderr);

    primary.write('mirage', zoneText(2));
    await primary.reload();
    const late = await zonewright('wait', 'mirage', '--timeout', '1', ...servers);
    t.is(late.code, 3);
    t.regex(
      late.stderr,
      new RegExp(`without the same serial of zone mirage: 127\\.0\\.0\\.1:${secondary.port} \\(serial 1\\)`),
    );

    const port = `${secondary.port}`;
    const refused = await zonewright('notify', '--port', port, '127.0.0.1', 'elsewhere');
    t.is(refused.code, 4, refused.stderr);
    t.regex(refused.stderr, /answers the notify with NOTAUTH.* \(sign it: --key\)/);
    const wrong = await zonewright(
      'notify',
      '--key',
      NOTIFY_KEY.replace(SECRET, OTHER_SECRET),
      '--port',
      port,
      '127.0.0.1',
      'mirage',
    );
    t.is(wrong.code, 4);
    const ran = await tool('onotify', [`--key=${NOTIFY_KEY}`, `--port=${port}`, '--serial=2', '127.0.0.1', 'mirage']);
    t.is(ran.code, 0, ran.stderr);
    t.deepEqual(lines(ran), [`notifying to 127.0.0.1:${port} zone mirage serial 2`, 'successful TSIG signed notify!']);

    const second = await zonewright('wait', 'mirage', '--serial', '2', ...servers);
    t.is(second.code, 0, second.stderr);
    t.regex(second.stdout, new RegExp(`^127\\.0\\.0\\.1:${secondary.port} serial 2$`, 'm'));
    t.is((await zonewright('wait', 'mirage', '--serial', '1', ...servers)).code, 0, 'a newer serial is good too');
  },
);

named('wait: finds the servers of a zone by asking one of them', async (t) => {
  const server = await startNamed(t, { zones: [{ name: 'mirage', text: zoneText(4) }] });
  const port = `${server.port}`;
  const ran = await zonewright(
    'wait',
    'mirage',
    '--via',
    '127.0.0.1',
    '--port',
    port,
    '--serial',
    '4',
    '--timeout',
    '5',
  );
  t.is(ran.code, 0, ran.stderr);
  t.deepEqual(lines(ran), [`127.0.0.1:${port} serial 4`, `zone mirage is served by 127.0.0.1:${port}`]);
});

named('query: prints what the server answers, and transfers whole', async (t) => {
  const server = await startNamed(t, {
    keys: [UPDATE_KEY],
    zones: [
      {
        name: 'mirage',
        text: zoneText(1, 'txt TXT "one;" "t\\"wo"\n'),
        allowTransfer: ['key "personal._update.mirage"'],
      },
    ],
    options: 'server-id "named under test";',
  });
  const port = `${server.port}`;
  const query = (...args: readonly string[]): Promise<Ran> => zonewright('query', '--port', port, '127.0.0.1', ...args);
  const found = await query('txt.mirage', 'TXT');
  t.is(found.code, 0, found.stderr);
  t.regex(found.stdout, /status: NOERROR/);
  t.regex(found.stdout, /^;; flags: qr aa rd; QUERY: 1, ANSWER: 1/m);
  t.regex(found.stdout, /^txt\.mirage\. 300 IN TXT "one;" "t\\"wo"$/m);
  t.regex(found.stdout, /^;; NSID: named under test$/m);
  const none = await query('none.mirage', 'AAAA', '--json', '--tcp');
  t.is(none.code, 0);
  t.like(JSON.parse(none.stdout), { status: 'NXDOMAIN', answer: [], server: `127.0.0.1:${port}` });
  t.is((await query('elsewhere')).code, 4);
  const chaos = await query('id.server.', 'TXT', '--class', 'CH');
  t.regex(chaos.stdout, /CH TXT "named under test"/);

  const whole = await query('mirage', 'AXFR', '--key', UPDATE_KEY);
  t.is(whole.code, 0, whole.stderr);
  t.is(lines(whole).filter((line) => !line.startsWith(';')).length, 6);
  t.is((await query('mirage', 'AXFR')).code, 4);
  const current = await query('mirage', 'IXFR=1', '--key', UPDATE_KEY);
  t.is(current.code, 0, current.stderr);
  t.is(lines(current).filter((line) => !line.startsWith(';')).length, 1);
  t.is((await query('mirage', 'NOTYPE')).code, 2);
});
