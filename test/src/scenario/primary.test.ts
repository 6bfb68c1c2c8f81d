/**
 * A primary as its operator has it: a repository, commits, updates, and all that goes wrong with them. The repository is a folder
 * unless the remote itself is what the test is about; clients are BIND's dig and nsupdate.
 */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseTsigKey } from '@zonewright/common/authority/key';
import { Name } from '@zonewright/common/name';
import { exchange } from '@zonewright/common/net/exchange';
import { CLASS } from '@zonewright/common/rr/class';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE, RCODE } from '@zonewright/common/wire/code';
import { extendedErrorText, UDP_SIZE } from '@zonewright/common/wire/edns';
import { emptyMessage } from '@zonewright/common/wire/message';
import anyTest, { type ExecutionContext } from 'ava';
import { dig, type KeyText, keyParts, nsupdate } from '../support/dig.ts';
import { git, startGitDaemon, startSilentServer, startSshd } from '../support/git-peers.ts';
import { zonewright } from '../support/in-process.ts';
import { testWith } from '../support/needs.ts';
import { temporaryFolder } from '../support/owner.ts';
import { freePort } from '../support/ports.ts';
import { startProgram } from '../support/process.ts';
import { given, recordOf } from '../support/records.ts';
import { type Files, makeRepository, type Repository } from '../support/repository.ts';
import { PRIMARY, pull, type Scene, startScene, zoneText } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';
import { until } from '../support/until.ts';
import { root, tool } from '../support/zonewright.ts';

const secrecy = secrecyOf(anyTest);
const test = testWith(anyTest, ['git', 'dig', 'nsupdate']);
const testSsh = testWith(anyTest, ['git', 'dig', 'nsupdate', 'sshd', 'ssh-keygen']);

const admin = secrecy.newKey('admin._update');

interface Setting {
  readonly repository: Repository;
  readonly primary: Scene;
}

/** A repository with `files` and the key `admin`, and a primary on it. `remote` gives another way to the repository. */
const setUp = async (
  t: ExecutionContext<unknown>,
  files: Files,
  flags: readonly string[] = [],
  remote: (repository: Repository) => string = ({ path }) => path,
): Promise<Setting> => {
  const repository = await makeRepository(t, { _keys: keyLine(admin), ...files });
  const primary = await startPrimary(t, remote(repository), flags);
  return { repository, primary };
};

const startPrimary = async (
  t: ExecutionContext<unknown>,
  remote: string,
  flags: readonly string[] = [],
  port?: number,
): Promise<Scene> =>
  startScene(t, secrecy, 'primary', ['--remote', remote, ...flags], { port: port ?? (await freePort(PRIMARY)) });

/** The serial in the SOA line that `zoneText` writes. */
const serialIn = (text: string): number => Number(/SOA ns hostmaster (\d+)/.exec(text)?.[1]);

/** The serials of a file in all commits, the oldest first. */
const serialsOf = async (repository: Repository, file: string): Promise<number[]> => {
  const commits = (await repository.git('log', '--first-parent', '--reverse', '--format=%H', 'main', '--', file)).split(
    '\n',
  );
  return Promise.all(commits.map(async (commit) => serialIn(await repository.read(file, commit))));
};

test.serial(
  'a broken zone keeps its last good version, is named in the log by line and column, and others move on',
  async (t) => {
    const { repository, primary } = await setUp(t, {
      mirage: zoneText(1, 'www A 192.0.2.1\n'),
      'other.example': zoneText(1, 'www A 192.0.2.1\n'),
    });
    const broken = await repository.push({
      mirage: zoneText(2, 'www A 192.0.2.2\nmail A 192.0.2.300\n'),
      'other.example': zoneText(2, 'www A 192.0.2.2\n'),
    });
    await pull(primary, broken);
    t.is(await primary.look('www.mirage'), 'NOERROR 192.0.2.1');
    t.is(await primary.look('www.other.example'), 'NOERROR 192.0.2.2');
    const rejected = await primary.service.waitForEvent('zone.rejected', { zone: 'mirage.', commit: broken });
    t.is(rejected.level, 'error');
    t.regex(String((rejected.errors as string[])[0]), /^mirage:6:8: /);
    t.regex(String(rejected.message), /serial 1 stays served/);

    const refused = await primary.update(admin, 'zone mirage', 'add x.mirage 60 A 192.0.2.9');
    t.regex(refused.text, /SERVFAIL/, 'what is broken at the head cannot be updated');
    t.is(await repository.head(), broken);

    await pull(primary, await repository.push({ mirage: zoneText(3, 'www A 192.0.2.3\nmail A 192.0.2.30\n') }));
    t.is(await primary.look('www.mirage'), 'NOERROR 192.0.2.3');
    const update = await primary.update(admin, 'zone mirage', 'add x.mirage 60 A 192.0.2.9');
    t.is(update.code, 0, update.text);
    t.is(await primary.look('x.mirage'), 'NOERROR 192.0.2.9');
  },
);

test.serial('a zone that is broken from the start is SERVFAIL, and served once it is repaired', async (t) => {
  const { repository, primary } = await setUp(t, { mirage: zoneText(1, 'www A one\n'), 'a.example': zoneText(1) });
  t.is(await primary.look('www.mirage'), 'SERVFAIL');
  t.is(await primary.look('ns.a.example'), 'NOERROR 127.0.0.1');
  await pull(primary, await repository.push({ mirage: zoneText(1, 'www A 192.0.2.1\n') }));
  t.is(await primary.look('www.mirage'), 'NOERROR 192.0.2.1');
});

test.serial('bad lines of a key file leave the other keys working and are named without a secret', async (t) => {
  const good = secrecy.newKey('good._update.mirage');
  const lost = secrecy.newKey('lost._update.mirage');
  const aimless = secrecy.newKey('aimless.mirage');
  const { secret } = keyParts(lost);
  const lines = [
    `lost._update.mirage. DNSKEY 0 3 157 ${secret}\n`,
    `half._update.mirage. DNSKEY 0 3 163 ${secret}!\n`,
    `word._update.mirage. DNSKEY ${secret}\n`,
    `${secret}\n`,
    `lost._update.mirage. ${secret} DNSKEY 0 3 163\n`,
    `lost._update.mirage. DNSKEY 0 3 163 "${secret}\n`,
    keyLine(aimless),
    keyLine(good),
  ];
  const { primary } = await setUp(t, { mirage: zoneText(1), 'mirage._keys': lines.join('') });
  const update = await primary.update(good, 'zone mirage', 'add a.mirage 60 A 192.0.2.1');
  t.is(update.code, 0, update.text);
  const findings = primary.service.lines.filter(({ text }) => text.includes('"key.rejected"'));
  t.true(findings.length >= 6, primary.service.text());
  for (const line of [1, 2, 3, 4, 5, 7])
    t.true(
      findings.some(({ text }) => text.includes(`mirage._keys:${line}:`)),
      `line ${line}`,
    );
  t.regex((await primary.update(lost, 'zone mirage', 'add b.mirage 60 A 192.0.2.1')).text, /NOTAUTH|BADKEY/);
});

test.serial(
  'a commit that forgets the serial is served with a raised one, and only the SOA is written back',
  async (t) => {
    const body = (address: string): string =>
      `; a comment of the author\n$TTL 1h\n@\tIN SOA ns hostmaster (\n\t5 ; the serial\n\t1h 10m 1d 5m )\n\t\tNS ns ; ours\n\nns  A   127.0.0.1\nWWW A ${address} ; the web\n; the end\n`;
    const { repository, primary } = await setUp(t, { mirage: body('192.0.2.1'), 'README.md': '# zones\n' });
    const pushed = await repository.push({ mirage: body('192.0.2.2') });
    await pull(primary, pushed);
    t.is(await primary.look('www.mirage'), 'NOERROR 192.0.2.2');
    const raised = await primary.service.waitForEvent('serial.raised', { zone: 'mirage.' });
    const serial = await primary.serial('mirage');
    t.true(serial !== undefined && serial > 5);
    t.is(raised.serial, serial);
    t.is(raised.commit, await repository.head());
    t.is(await repository.git('rev-parse', 'main^'), pushed, 'one commit on top of the author');
    t.is(await repository.read('mirage'), body('192.0.2.2').replace('\t5 ;', `\t${serial} ;`).replace(/\n$/, ''));
    t.is(await repository.git('diff', '--name-only', pushed, 'main'), 'mirage');

    const lower = body('192.0.2.3').replace('\t5 ;', '\t1 ;');
    await pull(primary, await repository.push({ mirage: lower }));
    await until(async () => repository.read('mirage'), {
      what: 'a lowered serial is raised too',
      holds: (text) => Number(/\t(\d+) ;/.exec(text)?.[1]) > serial!,
    });
    t.is(await primary.look('www.mirage'), 'NOERROR 192.0.2.3');
    t.true((await primary.serial('mirage'))! > serial!);
  },
);

test.serial('--serial strict refuses a zone whose serial was not raised', async (t) => {
  const { repository, primary } = await setUp(t, { mirage: zoneText(7, 'www A 192.0.2.1\n') }, ['--serial', 'strict']);
  const pushed = await repository.push({ mirage: zoneText(7, 'www A 192.0.2.2\n') });
  await pull(primary, pushed);
  const { message } = await primary.service.waitForEvent('zone.rejected', { zone: 'mirage.' });
  t.regex(String(message), /SOA must increase/);
  t.is(await primary.look('www.mirage'), 'NOERROR 192.0.2.1');
  t.is(await repository.head(), pushed);
  await pull(primary, await repository.push({ mirage: zoneText(8, 'www A 192.0.2.2\n') }));
  t.is(await primary.look('www.mirage'), 'NOERROR 192.0.2.2');
});

test.serial('a zone whose file is removed is REFUSED', async (t) => {
  const { repository, primary } = await setUp(t, { mirage: zoneText(1), 'a.mirage': zoneText(1) });
  await pull(primary, await repository.push({ mirage: undefined }));
  t.is(await primary.look('ns.mirage'), 'REFUSED');
  t.is(await primary.look('ns.a.mirage'), 'NOERROR 127.0.0.1');
});

test.serial('what is no zone is left alone, served by no one and kept octet for octet', async (t) => {
  const alien: Files = {
    'README.md': '# Zones\n\n@ SOA a b 1 2 3 4 5\n',
    LICENSE: 'do what you want\n',
    'Example.com': zoneText(1),
    'users/mirage': zoneText(1),
    'users/someone.json': '{"password":"x"}\n',
    '.gitattributes': '* text=auto\n',
    'picture.png': Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0, 255, 13, 10]),
  };
  const { repository, primary } = await setUp(t, { mirage: zoneText(1), ...alien });
  const listed = async (): Promise<string[]> =>
    (await repository.git('ls-tree', '-r', 'main')).split('\n').filter((line) => !line.endsWith('\tmirage'));
  const before = await listed();
  const update = await primary.update(admin, 'zone mirage', 'add www.mirage 60 A 192.0.2.1');
  t.is(update.code, 0, update.text);
  t.deepEqual(await listed(), before);
  t.is(await primary.look('ns.example.com'), 'REFUSED');
  t.is(await primary.look('readme.md', 'SOA'), 'REFUSED');
});

test.serial('an update keeps comments, order and layout of the file', async (t) => {
  const text = [
    '; zone of the tests',
    '$TTL 2h',
    '$ORIGIN mirage.',
    '@   IN SOA ns hostmaster 10 1h 10m 1d 5m ; head',
    '    IN NS  ns',
    '',
    '; machines',
    'ns      A   127.0.0.1   ; the name server',
    'alpha   A   192.0.2.1   ; first',
    'alpha   A   192.0.2.2   ; second',
    'beta  300 IN TXT "two" "strings" ; text',
    '; the end',
    '',
  ];
  const { repository, primary } = await setUp(t, { mirage: text.join('\n') });
  const update = await primary.update(
    admin,
    'zone mirage',
    'del alpha.mirage A 192.0.2.1',
    'add gamma.mirage 7200 A 192.0.2.3',
  );
  t.is(update.code, 0, update.text);
  const after = (await repository.read('mirage')).split('\n');
  const serial = await primary.serial('mirage');
  const kept = text
    .filter((line) => !line.includes('192.0.2.1 '))
    .map((line) => line.replace(' 10 1h', ` ${serial} 1h`));
  const added = after.filter((line) => !kept.includes(line));
  t.is(added.length, 1, after.join('\n'));
  t.regex(added[0]!, /^gamma\s.*A\s+192\.0\.2\.3$/);
  t.deepEqual(
    after.filter((line) => line !== added[0]),
    kept.slice(0, -1),
    'all else is as it was',
  );
});

test.serial('an update and a push that race both survive, with the serial above both', async (t) => {
  const daemon = async (repository: Repository): Promise<string> => {
    const peer = await startGitDaemon(repository.folder);
    t.teardown(() => peer.stop());
    return `git://127.0.0.1:${peer.port}/zones.git`;
  };
  const repository = await makeRepository(t, { _keys: keyLine(admin), mirage: zoneText(1), 'b.example': zoneText(1) });
  const primary = await startPrimary(t, await daemon(repository));
  // The primary does not know of these commits when the updates come.
  await repository.push({ mirage: zoneText(50, 'pushed A 192.0.2.1\n') });
  const first = await primary.update(admin, 'zone mirage', 'add updated.mirage 60 A 192.0.2.2');
  t.is(first.code, 0, first.text);
  t.is(await primary.look('pushed.mirage'), 'NOERROR 192.0.2.1');
  t.is(await primary.look('updated.mirage'), 'NOERROR 192.0.2.2');
  t.true((await primary.serial('mirage'))! > 50);

  const pushes = async (): Promise<void> => {
    for (let n = 0; n < 8; n++)
      await repository.push({ 'b.example': zoneText(10 + n, `p${n} A 192.0.2.${n}\n`), [`note-${n}`]: `${n}\n` });
  };
  const updates = async (): Promise<void> => {
    for (let n = 0; n < 8; n++) {
      const { code, text } = await primary.update(admin, 'zone mirage', `add u${n}.mirage 60 A 192.0.2.${n}`);
      t.is(code, 0, text);
    }
  };
  await Promise.all([pushes(), updates()]);
  const text = await repository.read('mirage');
  const notes = await repository.git('ls-tree', '--name-only', 'main');
  for (let n = 0; n < 8; n++) {
    t.true(text.includes(`u${n} `) || text.includes(`u${n}\t`), `u${n} in\n${text}`);
    t.true(notes.includes(`note-${n}`));
  }
  await pull(primary, await repository.push({}));
  t.is(await primary.look('p7.b.example'), 'NOERROR 192.0.2.7');
});

/** Several nsupdates at once need TCP: over UDP two of them may take the same port. */
const updateOverTcp = (t: ExecutionContext<unknown>, { address, port }: Scene, command: string) =>
  nsupdate({ server: address, port, key: admin, owner: t, tcp: true, commands: ['zone mirage', command] });

test.serial('twenty updates at once are all in the remote when acknowledged, and serials only rise', async (t) => {
  const { repository, primary } = await setUp(t, { mirage: zoneText(1) });
  const numbers = Array.from({ length: 20 }, (_, n) => n);
  await Promise.all(
    numbers.map(async (n) => {
      const { code, text } = await updateOverTcp(t, primary, `add u${n}.mirage 60 A 192.0.2.${n}`);
      t.is(code, 0, text);
      t.regex(await repository.read('mirage'), new RegExp(`^u${n}\\b.*192\\.0\\.2\\.${n}$`, 'm'));
      t.is(await primary.look(`u${n}.mirage`), `NOERROR 192.0.2.${n}`);
    }),
  );
  const serials = await serialsOf(repository, 'mirage');
  t.is(serials.at(-1), 21);
  t.true(serials.length > 1 && serials.length <= 21, 'those that came together are one commit');
  for (let at = 1; at < serials.length; at++) t.true(serials[at]! > serials[at - 1]!, serials.join(' '));
  t.is(await primary.serial('mirage'), serials.at(-1));
});

/** An UPDATE that adds an address, by our own client, which speaks EDNS and so is told why. */
const tryUpdate = async (
  primary: Scene,
  key: KeyText,
  record: string,
): Promise<{ rcode: number; why: string | undefined }> => {
  const { name } = recordOf(record);
  const reply = await exchange({
    server: { address: primary.address, port: primary.port },
    key: given(parseTsigKey(key)),
    timeout: 20_000,
    tries: 1,
    message: {
      ...emptyMessage(0, OPCODE.UPDATE),
      questions: [{ name: name.parent() ?? Name.root, type: TYPE.SOA, class: CLASS.IN }],
      authorities: [recordOf(record)],
      edns: { udpSize: UDP_SIZE, version: 0, dnssecOk: false, options: [] },
    },
  });
  if (!reply.ok) throw new Error(reply.fault.what);
  return { rcode: reply.value.rcode, why: extendedErrorText(reply.value.edns) };
};

test.serial('a hook that declines makes the update SERVFAIL, and nothing of it is served', async (t) => {
  const repository = await makeRepository(t, { _keys: keyLine(admin), mirage: zoneText(1) });
  const peer = await startGitDaemon(repository.folder);
  t.teardown(() => peer.stop());
  const primary = await startPrimary(t, `git://127.0.0.1:${peer.port}/zones.git`);
  const hook = join(repository.path, 'hooks', 'pre-receive');
  writeFileSync(hook, '#!/bin/sh\necho "the freeze is on" >&2\nexit 1\n');
  chmodSync(hook, 0o755);
  const before = await repository.head();
  const { rcode, why } = await tryUpdate(primary, admin, 'x.mirage. 60 A 192.0.2.1');
  t.is(rcode, RCODE.SERVFAIL);
  t.regex(why ?? '', /the freeze is on/);
  t.is(await repository.head(), before);
  t.is(await primary.look('x.mirage'), 'NXDOMAIN');
  t.is(await primary.serial('mirage'), 1);
  writeFileSync(hook, '#!/bin/sh\nexit 0\n');
  t.is((await tryUpdate(primary, admin, 'x.mirage. 60 A 192.0.2.1')).rcode, RCODE.NOERROR);
  t.is(await primary.look('x.mirage'), 'NOERROR 192.0.2.1');
});

test.serial('a remote that goes away makes updates SERVFAIL with the reason, and queries go on', async (t) => {
  const repository = await makeRepository(t, { _keys: keyLine(admin), mirage: zoneText(1) });
  const peer = await startGitDaemon(repository.folder);
  t.teardown(() => peer.stop());
  const primary = await startPrimary(t, `git://127.0.0.1:${peer.port}/zones.git`);
  await peer.stop();
  const { rcode, why } = await tryUpdate(primary, admin, 'x.mirage. 60 A 192.0.2.1');
  t.is(rcode, RCODE.SERVFAIL);
  t.regex(why ?? '', /could not be written to git: .*refused/);
  t.is(await primary.look('ns.mirage'), 'NOERROR 127.0.0.1');
  t.is(await primary.look('x.mirage'), 'NXDOMAIN');
  primary.service.signal('SIGHUP');
  await primary.service.waitForEvent('pull.failed', { kind: 'unreachable' });
  const back = await startGitDaemon(repository.folder, peer.port);
  t.teardown(() => back.stop());
  t.is((await tryUpdate(primary, admin, 'x.mirage. 60 A 192.0.2.1')).rcode, RCODE.NOERROR);
  t.is(await primary.look('x.mirage'), 'NOERROR 192.0.2.1');
  await primary.shows('NOERROR 192.0.2.1', 'x.mirage');
});

test.serial('a remote that cannot be reached at the start is tried again until it can', async (t) => {
  const repository = await makeRepository(t, { _keys: keyLine(admin), mirage: zoneText(1) });
  const remotePort = await freePort(PRIMARY);
  const primary = await startPrimary(t, `git://127.0.0.1:${remotePort}/zones.git`);
  t.is(await primary.look('ns.mirage'), 'SERVFAIL', 'not REFUSED: it does not know what it serves');
  await until(() => primary.service.lines.filter(({ text }) => text.includes('"pull.failed"')).length, {
    what: 'it has tried twice',
    holds: (count) => count >= 2,
  });
  const peer = await startGitDaemon(repository.folder, remotePort);
  t.teardown(() => peer.stop());
  await primary.shows('NOERROR 127.0.0.1', 'ns.mirage');
});

test.serial('with --data what was known is served while the remote is away', async (t) => {
  const data = temporaryFolder(t, 'data');
  const repository = await makeRepository(t, { _keys: keyLine(admin), mirage: zoneText(1) });
  const peer = await startGitDaemon(repository.folder);
  t.teardown(() => peer.stop());
  const remote = `git://127.0.0.1:${peer.port}/zones.git`;
  const before = await startPrimary(t, remote, ['--data', data]);
  t.is((await before.update(admin, 'zone mirage', 'add x.mirage 60 A 192.0.2.1')).code, 0);
  t.is((await before.service.stop()).code, 0);
  await peer.stop();
  const primary = await startPrimary(t, remote, ['--data', data]);
  t.is(await primary.look('x.mirage'), 'NOERROR 192.0.2.1');
  await primary.service.waitForEvent('pull.failed', { kind: 'unreachable' });
});

test.serial(
  'a remote that takes connections and never answers holds up neither what is known nor the end',
  async (t) => {
    const data = temporaryFolder(t, 'data');
    const repository = await makeRepository(t, { _keys: keyLine(admin), mirage: zoneText(1) });
    const peer = await startGitDaemon(repository.folder);
    t.teardown(() => peer.stop());
    const remote = `git://127.0.0.1:${peer.port}/zones.git`;
    const before = await startPrimary(t, remote, ['--data', data]);
    t.is((await before.service.stop()).code, 0);
    await peer.stop();
    const silent = await startSilentServer(peer.port);
    t.teardown(() => silent.stop());
    const primary = await startPrimary(t, remote, ['--data', data]);
    await until(() => silent.connections.size, { what: 'it has asked the remote' });
    t.is(await primary.look('ns.mirage'), 'NOERROR 127.0.0.1');
    t.false(primary.service.text().includes('"pull.failed"'), 'it still waits for the remote');
    t.deepEqual(await primary.service.stop('SIGTERM', 8000), { code: 0, signal: null });
    await until(() => silent.connections.size === 0, { what: 'its connection is gone' });

    const flags = ['--remote', remote, '--listen', PRIMARY, '--port', `${await freePort(PRIMARY)}`];
    const unknowing = await startProgram(t, process.execPath, [join(root, 'bin', 'zonewright'), 'primary', ...flags]);
    await until(() => silent.connections.size, { what: 'one without data waits for the remote' });
    t.deepEqual(await unknowing.stop('SIGTERM', 8000), { code: 0, signal: null });
  },
);

test.serial('a remote that is silent at the first start is waited for with open ports, and SERVFAIL', async (t) => {
  const repository = await makeRepository(t, { _keys: keyLine(admin), mirage: zoneText(1) });
  const silent = await startSilentServer();
  t.teardown(() => silent.stop());
  const port = await freePort(PRIMARY);
  const remote = `git://127.0.0.1:${silent.port}/zones.git`;
  const flags = ['--remote', remote, '--listen', PRIMARY, '--port', `${port}`];
  const service = await startProgram(t, process.execPath, [join(root, 'bin', 'zonewright'), 'primary', ...flags]);
  await service.waitForEvent('pull.waits', { remote: `${remote}#main` });
  const look = async (): Promise<string> => (await dig({ server: PRIMARY, port, args: ['ns.mirage', 'A'] })).status;
  await until(look, { what: 'it listens', holds: (status) => status === 'SERVFAIL' });
  t.false(service.text().includes('"event":"ready"'));
  await silent.stop();
  const peer = await startGitDaemon(repository.folder, silent.port);
  t.teardown(() => peer.stop());
  await service.waitForEvent('ready');
  await until(look, { what: 'it serves', holds: (status) => status === 'NOERROR' });
});

test.serial('a branch that was set back is served with a raised serial', async (t) => {
  const { repository, primary } = await setUp(t, { mirage: zoneText(5, 'www A 192.0.2.1\n') });
  const old = await repository.head();
  await pull(primary, await repository.push({ mirage: zoneText(9, 'www A 192.0.2.2\n') }));
  t.is(await primary.look('www.mirage'), 'NOERROR 192.0.2.2');
  await repository.git('update-ref', 'refs/heads/main', old);
  // That commit was loaded before: the event is there already.
  primary.service.signal('SIGHUP');
  await primary.shows('NOERROR 192.0.2.1', 'www.mirage');
  await primary.service.waitForEvent('serial.raised', { zone: 'mirage.', from: 5, serial: 10 });
  t.is(await repository.git('rev-parse', 'main^'), old);
  t.is(await repository.read('mirage'), zoneText(10, 'www A 192.0.2.1').trimEnd());
});

test.serial('a raised serial that could not be written back is written with the next load', async (t) => {
  const repository = await makeRepository(t, { _keys: keyLine(admin), mirage: zoneText(5, 'www A 192.0.2.1\n') });
  const peer = await startGitDaemon(repository.folder);
  t.teardown(() => peer.stop());
  const primary = await startPrimary(t, `git://127.0.0.1:${peer.port}/zones.git`);
  const pushed = await repository.push({ mirage: zoneText(5, 'www A 192.0.2.2\n') });
  const hook = join(repository.path, 'hooks', 'pre-receive');
  writeFileSync(hook, '#!/bin/sh\nexit 1\n');
  chmodSync(hook, 0o755);
  await pull(primary, pushed);
  await primary.service.waitForEvent('write.failed', { kind: 'rejected' });
  t.is(await primary.serial('mirage'), 6, 'it is served nevertheless');
  writeFileSync(hook, '#!/bin/sh\nexit 0\n');
  await pull(primary, await repository.push({ 'README.md': 'hello\n' }));
  await primary.service.waitForEvent('serial.raised', { zone: 'mirage.', from: 5, serial: 6 });
  t.is(await repository.read('mirage'), zoneText(6, 'www A 192.0.2.2').trimEnd());
  t.is(await primary.serial('mirage'), 6);
});

test.serial('an update that meets a broken commit of another is SERVFAIL and overwrites nothing', async (t) => {
  const { repository, primary } = await setUp(t, { mirage: zoneText(1), 'b.example': zoneText(1) });
  const broken = await repository.push({ mirage: zoneText(2, 'www A nonsense\n') });
  const { rcode, why } = await tryUpdate(primary, admin, 'x.mirage. 60 A 192.0.2.1');
  t.is(rcode, RCODE.SERVFAIL);
  t.regex(why ?? '', /mirage in git has errors/);
  t.is(await repository.head(), broken);
  t.is(await primary.serial('mirage'), 1);
  t.is((await tryUpdate(primary, admin, 'x.b.example. 60 A 192.0.2.1')).rcode, RCODE.NOERROR, 'other zones go on');
  t.is(await repository.git('rev-parse', 'main^'), broken);
});

test.serial('keys are taken up and revoked by commits', async (t) => {
  const key = secrecy.newKey('k._update.mirage');
  const { repository, primary } = await setUp(t, { mirage: zoneText(1) });
  const add = (host: string) => primary.update(key, 'zone mirage', `add ${host}.mirage 60 A 192.0.2.1`);
  t.regex((await add('a')).text, /NOTAUTH|BADKEY/);
  await pull(primary, await repository.push({ 'mirage._keys': keyLine(key) }));
  t.is((await add('b')).code, 0);
  await pull(primary, await repository.push({ 'mirage._keys': undefined }));
  t.regex((await add('c')).text, /NOTAUTH|BADKEY/);
  t.is((await primary.update(admin, 'zone mirage', 'add d.mirage 60 A 192.0.2.1')).code, 0);
});

test.serial('an update of a thousand records is one commit', async (t) => {
  const { repository, primary } = await setUp(t, { mirage: zoneText(1) });
  const adds = Array.from({ length: 1000 }, (_, n) => `add h${n}.mirage 60 A 10.0.${n >> 8}.${n & 255}`);
  const update = await primary.update(admin, 'zone mirage', ...adds);
  t.is(update.code, 0, update.text);
  t.is(await repository.git('rev-list', '--count', 'main'), '2');
  t.is(await primary.look('h999.mirage'), 'NOERROR 10.0.3.231');
  t.is((await repository.read('mirage')).split('\n').length, 1004);
});

test.serial('an empty repository is said to be empty, and served after the first push', async (t) => {
  const repository = await makeRepository(t);
  const primary = await startPrimary(t, repository.path);
  const { message } = await primary.service.waitForEvent('repository.empty');
  t.regex(String(message), /push a zone file/);
  t.is(await primary.look('ns.mirage'), 'SERVFAIL');
  await repository.push({ _keys: keyLine(admin), mirage: zoneText(1) });
  await primary.shows('NOERROR 127.0.0.1', 'ns.mirage');
});

testSsh.serial('over ssh: a wrong host key is one clear line and exit code 4, the right one works', async (t) => {
  const folder = temporaryFolder(t, 'ssh');
  await git(folder, 'version');
  const made = await zonewright('keygen', 'ssh');
  t.is(made.code, 0, made.stderr);
  const secret = /\b(ed25519:\S+)/.exec(made.stdout)?.[1];
  const line = /^(ssh-ed25519 \S+.*)$/m.exec(made.stdout + made.stderr)?.[1];
  t.truthy(secret, 'keygen prints the private key');
  t.truthy(line, 'keygen prints the public line');
  const sshd = await startSshd({ authorizedKeys: [line!] });
  t.teardown(() => sshd.stop());
  const repository = await makeRepository(t, { _keys: keyLine(admin), mirage: zoneText(1) });
  const remote = `ssh://${sshd.user}@127.0.0.1:${sshd.port}${repository.path}`;
  const keyed = ['--ssh-key', secret!];

  const port = await freePort(PRIMARY);
  const wrong = `SHA256:${'A'.repeat(43)}`;
  const flags = ['primary', '--remote', remote, '--listen', PRIMARY, '--port', `${port}`, ...keyed];
  const refused = await tool('zonewright', [...flags, '--authenticator', wrong]);
  t.is(refused.code, 4);
  t.regex(refused.stderr, /^zonewright primary: .*another host key than the pinned one: .*\n$/);
  t.true(refused.stderr.includes(sshd.hostKeyFingerprint));
  t.is(refused.stderr.trim().split('\n').length, 1);
  secrecy.look(refused.stdout + refused.stderr);

  const primary = await startPrimary(t, remote, [...keyed, '--authenticator', sshd.hostKeyFingerprint]);
  t.is(await primary.look('ns.mirage'), 'NOERROR 127.0.0.1');
  t.is((await primary.update(admin, 'zone mirage', 'add x.mirage 60 A 192.0.2.1')).code, 0);
  t.regex(await repository.read('mirage'), /^x\b.*192\.0\.2\.1$/m);
  t.false(primary.service.text().includes(secret!.split(':')[1]!));
});

test.serial('what cannot work is one line on standard error and an exit code', async (t) => {
  const { primary, repository } = await setUp(t, { mirage: zoneText(1) });
  const missing = await freePort(PRIMARY);
  const flags = ['--listen', PRIMARY, '--port', `${primary.port}`];
  const cases: readonly (readonly [code: number, words: RegExp, args: readonly string[]])[] = [
    [1, /127\.0\.0\.1:\d+ .*is in use/, ['primary', '--remote', repository.path, ...flags]],
    [
      1,
      /127\.0\.0\.1:\d+ .*is in use/,
      ['secondary', '--keys', secrecy.newKey('127.0.0.9.127.0.0.1._transfer.mirage'), ...flags],
    ],
    [2, /--remote: .*unknown scheme/, ['primary', '--remote', 'gopher://x/y', ...flags]],
    [2, /--remote is missing/, ['primary', ...flags]],
    [2, /--port/, ['primary', '--remote', repository.path, '--port', '99999']],
    [
      2,
      /ssh key/,
      [
        'primary',
        '--remote',
        'git@example:x',
        '--ssh-key',
        'ed25519:short',
        '--authenticator',
        `SHA256:${'A'.repeat(43)}`,
        ...flags,
      ],
    ],
    [2, /authenticator/, ['primary', '--remote', 'git@example:x', ...flags]],
    [2, /--keys: .*not base64/, ['secondary', '--keys', '127.0.0.1.127.0.0.2._transfer.mirage:SHA256:!', ...flags]],
    [
      2,
      /names no primary/,
      ['secondary', '--keys', secrecy.newKey('me._transfer.mirage'), '--listen', PRIMARY, '--port', `${missing}`],
    ],
    [2, /does not say what it may do/, ['secondary', '--keys', secrecy.newKey('mirage'), ...flags]],
  ];
  for (const [code, words, args] of cases) {
    const ran = await tool('zonewright', args);
    t.is(ran.code, code, `${args.slice(0, 3).join(' ')}: ${ran.stderr}`);
    t.regex(ran.stderr, words);
    t.is(ran.stderr.trim().split('\n').length, 1, ran.stderr);
    secrecy.look(ran.stdout + ran.stderr);
  }
  const absent = await tool('zonewright', ['primary', '--remote', join(repository.folder, 'none.git'), ...flags]);
  t.true(absent.code === 2 || absent.code === 4, `${absent.code}: ${absent.stderr}`);
  t.is(await primary.look('ns.mirage'), 'NOERROR 127.0.0.1');
});

test.serial('prerequisites decide whether an update runs, each with its RCODE', async (t) => {
  const { primary } = await setUp(t, { mirage: zoneText(1, 'www A 192.0.2.1\nwww A 192.0.2.2\nalias CNAME www\n') });
  const add = 'add new.mirage 60 A 192.0.2.9';
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['prereq nxdomain www.mirage', 'YXDOMAIN'],
    ['prereq yxdomain none.mirage', 'NXDOMAIN'],
    ['prereq nxrrset www.mirage A', 'YXRRSET'],
    ['prereq yxrrset www.mirage AAAA', 'NXRRSET'],
    ['prereq yxrrset www.mirage A 192.0.2.1', 'NXRRSET'],
    ['prereq yxrrset www.other A', 'NOTZONE'],
    ['prereq nxdomain none.mirage', undefined],
    ['prereq yxdomain www.mirage', undefined],
    ['prereq nxrrset www.mirage AAAA', undefined],
    ['prereq yxrrset WWW.mirage A', undefined],
  ];
  for (const [prerequisite, rcode] of cases) {
    const { code, text } = await primary.update(admin, 'zone mirage', prerequisite, add);
    if (rcode === undefined) {
      t.is(code, 0, `${prerequisite}: ${text}`);
      t.is(await primary.look('new.mirage'), 'NOERROR 192.0.2.9');
      t.is((await primary.update(admin, 'zone mirage', 'del new.mirage')).code, 0);
    } else t.regex(text, new RegExp(`update failed: ${rcode}`), prerequisite);
    t.is(await primary.look('new.mirage'), 'NXDOMAIN', prerequisite);
  }
  const exact = ['prereq yxrrset www.mirage A 192.0.2.1', 'prereq yxrrset www.mirage A 192.0.2.2'];
  t.is((await primary.update(admin, 'zone mirage', ...exact, add)).code, 0);
  t.is(await primary.look('new.mirage'), 'NOERROR 192.0.2.9');
});

test.serial('who may update what', async (t) => {
  const host = secrecy.newKey('k._update.host.mirage');
  const transfer = secrecy.newKey('k._transfer.mirage');
  const notify = secrecy.newKey('k._notify.mirage');
  const foreign = secrecy.newKey('k._update.other');
  const { repository, primary } = await setUp(t, {
    mirage: zoneText(1),
    other: zoneText(1),
    'mirage._keys': [host, transfer, notify].map(keyLine).join(''),
    'other._keys': keyLine(foreign),
  });
  const before = await repository.head();
  const said = async (key: KeyText | undefined, ...commands: string[]): Promise<string> => {
    const { code, text } = await primary.update(key, ...commands);
    return code === 0
      ? 'NOERROR'
      : (/update failed: (\w+)(?:\((\w+)\))?/.exec(text)?.slice(1).filter(Boolean).join(' ') ?? text);
  };
  const add = 'add x.mirage 60 A 192.0.2.1';
  t.is(await said(undefined, 'zone mirage', add), 'REFUSED');
  t.is(await said(transfer, 'zone mirage', add), 'REFUSED');
  t.is(await said(notify, 'zone mirage', add), 'REFUSED');
  t.is(await said(foreign, 'zone mirage', add), 'REFUSED');
  t.regex(await said(secrecy.newKey('nobody._update.mirage'), 'zone mirage', add), /NOTAUTH|BADKEY/);
  t.regex(await said(secrecy.newKey('k._update.host.mirage'), 'zone mirage', add), /NOTAUTH|BADSIG/);
  t.is(await said(host, 'zone mirage', add), 'REFUSED');
  t.is(await said(admin, 'zone mirage', 'add x.other 60 A 192.0.2.1'), 'NOTZONE');
  t.is(await said(admin, 'zone unserved', 'add x.unserved 60 A 192.0.2.1'), 'NOTAUTH');
  t.is(await repository.head(), before, 'nothing of it has reached the repository');
  t.is(await said(host, 'zone mirage', 'add host.mirage 60 A 192.0.2.1'), 'NOERROR');
  t.is(await said(host, 'zone mirage', 'add _acme-challenge.host.mirage 60 TXT abc'), 'NOERROR');
  t.is(await said(admin, 'zone mirage', 'del mirage NS ns.mirage'), 'NOERROR');
  t.is(await primary.look('mirage', 'NS'), 'NOERROR ns.mirage.', 'the last NS stays');
});

test.serial('what an UPDATE writes is never read back as anything else', async (t) => {
  const { repository, primary } = await setUp(t, { mirage: zoneText(1) }, ['--axfr']);
  const commands = [
    'add quote.mirage 60 TXT "a\\"\\010evil 60 IN A 192.0.2.66\\010;"',
    'add back.mirage 60 TXT "\\\\" "\\\\\\"" "(" ")" ";" "\\000\\255"',
    'add paren.mirage 60 TXT "( unclosed" "$INCLUDE /etc/passwd" "$ORIGIN evil."',
    'add a\\010evil.mirage 60 A 192.0.2.1',
    'add \\@.mirage 60 A 192.0.2.2',
    'add $TTL.mirage 60 A 192.0.2.3',
    'add $ORIGIN.mirage 60 A 192.0.2.3',
    'add \\;x.mirage 60 A 192.0.2.4',
    'add \\(.mirage 60 A 192.0.2.5',
    'add \\"q\\".mirage 60 A 192.0.2.6',
    'add a\\.b.mirage 60 A 192.0.2.7',
    'add \\032.mirage 60 A 192.0.2.8',
    'add \\009IN.mirage 60 A 192.0.2.9',
    'add \\\\.mirage 60 A 192.0.2.10',
    'add \\000\\255.mirage 60 A 192.0.2.11',
    'add IN.mirage 60 A 192.0.2.12',
    'add 3600.mirage 60 A 192.0.2.13',
    'add SOA.mirage 60 A 192.0.2.14',
    'add c.mirage 60 CNAME \\"\\010.mirage.',
    'add u.mirage 60 TYPE65400 \\# 4 0a220a5c',
    'add caa.mirage 60 CAA 0 issue "a\\"\\010b"',
    'add h.mirage 60 HINFO "a\\010b" "\\""',
  ];
  for (const command of commands) {
    const { code, text } = await primary.update(admin, 'zone mirage', 'check-names no', command);
    t.is(code, 0, `${command}: ${text}`);
  }
  const records = async (scene: Scene): Promise<string[]> => {
    const { answer, status } = await scene.ask('mirage', 'AXFR');
    t.is(status, 'NOERROR');
    return answer.map(({ name, ttl, type, data }) => `${name} ${ttl} ${type} ${data}`).sort();
  };
  const served = await records(primary);
  t.is(served.length, commands.length + 4);
  const again = await startPrimary(t, repository.path, ['--axfr']);
  t.deepEqual(await records(again), served);
  t.is(await again.look('evil.mirage'), 'NXDOMAIN');

  for (const name of served.map((line) => line.split(' ')[0]!)) {
    if (name === 'mirage.' || name === 'ns.mirage.') continue;
    const { code, text } = await again.update(admin, 'zone mirage', 'check-names no', `del ${name}`);
    t.is(code, 0, `${name}: ${text}`);
  }
  t.is((await records(again)).length, 4, 'each can be removed again');
  t.is(
    (await repository.read('mirage')).replace(/SOA ns hostmaster \d+/, 'SOA ns hostmaster 1'),
    zoneText(1).trimEnd(),
  );
});

test.serial('TERM during updates ends with exit code 0 and loses nothing acknowledged', async (t) => {
  const repository = await makeRepository(t, { _keys: keyLine(admin), mirage: zoneText(1) });
  const peer = await startGitDaemon(repository.folder);
  t.teardown(() => peer.stop());
  const primary = await startPrimary(t, `git://127.0.0.1:${peer.port}/zones.git`);
  const acknowledged: number[] = [];
  const updates = Array.from({ length: 12 }, async (_, n) => {
    const { code } = await updateOverTcp(t, primary, `add u${n}.mirage 60 A 192.0.2.${n}`);
    if (code === 0) acknowledged.push(n);
  });
  await primary.service.waitForEvent('update.accepted');
  const exit = await primary.service.stop();
  t.deepEqual(exit, { code: 0, signal: null });
  t.false(primary.service.text().includes('process.fault'));
  await Promise.all(updates);
  t.true(acknowledged.length > 0);
  const text = await repository.read('mirage');
  for (const n of acknowledged) t.regex(text, new RegExp(`^u${n}\\b`, 'm'));
});

test.serial('zones are transferred to who has a key, and with --axfr to anybody', async (t) => {
  const transfer = secrecy.newKey('k._transfer.mirage');
  const files = { mirage: zoneText(1, 'www A 192.0.2.1\n'), 'mirage._keys': keyLine(transfer) };
  const { repository, primary } = await setUp(t, files);
  t.is((await primary.ask('mirage', 'AXFR')).status, 'TRANSFER FAILED');
  const signed = await dig({ server: PRIMARY, port: primary.port, args: ['mirage', 'AXFR'], key: transfer, owner: t });
  t.is(signed.answer.length, 5);
  t.true(signed.isVerified);
  t.truthy(signed.tsig);
  const open = await startPrimary(t, repository.path, ['--axfr']);
  t.is((await open.ask('mirage', 'AXFR')).answer.length, 5);
});

test.serial('a signed NOTIFY is answered with what came of it', async (t) => {
  const { repository, primary } = await setUp(t, { mirage: zoneText(1) });
  const server = ['--port', `${primary.port}`, '--key', admin, PRIMARY];
  t.is((await zonewright('notify', ...server, 'mirage')).code, 0);
  await repository.push({ mirage: zoneText(2, 'www A 1.2.3\n') });
  const broken = await zonewright('notify', ...server, 'mirage');
  t.is(broken.code, 4);
  t.regex(broken.stderr, /mirage:5:\d+: .*1\.2\.3/);
  t.is((await zonewright('notify', ...server, 'other.mirage')).code, 0, 'another zone has moved on');
  const misspelt = await zonewright('notify', ...server, 'mirrage');
  t.is(misspelt.code, 0, 'it has pulled');
  t.regex(misspelt.stderr, /warning: pulled; no zone mirrage\. is served here/);
  await git(repository.path, 'branch', '-m', 'main', 'live');
  const renamed = await zonewright('notify', ...server, 'mirage');
  t.is(renamed.code, 4);
  t.regex(renamed.stderr, /branch is not there any more/);
  t.is(await primary.look('ns.mirage'), 'NOERROR 127.0.0.1');
});
