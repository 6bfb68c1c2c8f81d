/** The test support itself: what it reads from programs, and that nothing it starts outlives its owner. */
import { createSocket } from 'node:dgram';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { dig, keyClause, nsupdate, parseDig } from '../support/dig.ts';
import { startNamed } from '../support/named.ts';
import { missing, newerPeers, program, testUnless, testWith } from '../support/needs.ts';
import { inNamespace, namespaceReason, startNamespace } from '../support/netns.ts';
import { forFile, type Owner, temporaryFolder } from '../support/owner.ts';
import { freePort } from '../support/ports.ts';
import { type Program, run, startProgram } from '../support/process.ts';
import { runSteps } from '../support/session.ts';
import { fits, stepsOf } from '../support/steps.ts';
import { until } from '../support/until.ts';
import { tool } from '../support/zonewright.ts';

const key = 'k.example:SHA256:c2VjcmV0IG9mIHRoZSB0ZXN0IHN1cHBvcnQgaXRzZWxm';
const zoneText = `$TTL 300
@ SOA ns hostmaster 1 1 1 3600 60
@ NS ns
ns A 127.0.0.1
www A 192.0.2.1
www TXT "two words" "and \\"quotes\\""
`;

const script = fileURLToPath(new URL('../../../.ci/newer-peers', import.meta.url));

const file = forFile(test);
let shared: Program;
test.before('start what the whole file shares', async () => {
  shared = await startProgram(file, 'sleep', ['1000']);
});

/** An owner that a test ends itself. */
const ownOwner = (passed: boolean): Owner & { end(): Promise<void>; readonly said: string[] } => {
  const ends: (() => unknown)[] = [];
  const said: string[] = [];
  return {
    passed,
    said,
    teardown: (end) => void ends.push(end),
    log: (...text) => void said.push(...text),
    end: async () => {
      for (const end of ends.reverse()) await end();
    },
  };
};

/** Whether a process runs; one that only waits for its parent to take note of its end does not. */
const isAlive = (pid: number): boolean => {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

test('a program is found on the PATH, and a missing one is named by its package', (t) => {
  t.regex(program('sh') ?? '', /^\/.*\/sh$/);
  t.is(program('no-such-program'), undefined);
  t.is(missing('sh'), undefined);
  t.deepEqual(missing('sh', 'no-such-program', 'no-such-program'), ['no-such-program']);
});

test('newer peers are looked for where .ci/newer-peers puts them, which does nothing where they are', async (t) => {
  const cache = temporaryFolder(t);
  const none = { NEWER_PEERS: undefined, XDG_CACHE_HOME: undefined, HOME: undefined };
  for (const env of [{ HOME: cache }, { XDG_CACHE_HOME: cache }, { HOME: cache, NEWER_PEERS: join(cache, 'named') }]) {
    const folder = newerPeers(env);
    t.true(folder.startsWith(cache), folder);
    mkdirSync(folder, { recursive: true });
    for (const name of ['knotd-3.4', 'nsd-4.12', 'nsd-control-4.12'])
      writeFileSync(join(folder, name), '', { mode: 0o755 });
    const ran = await run(script, [], { env: { ...none, ...env } });
    t.like(ran, { code: 0, stdout: '', stderr: '' });
  }
});

test('a test whose program is missing is skipped with the package in its title', (t) => {
  const skipped: string[] = [];
  const declared: string[] = [];
  const skip = (title: string): void => void skipped.push(title);
  const fake = Object.assign((title: string): void => void declared.push(title), {
    skip,
    serial: Object.assign((title: string): void => void declared.push(title), { skip }),
  }) as unknown as typeof test;
  testWith(fake, ['no-such-program'])('a', () => {});
  testWith(fake, ['no-such-program']).serial('b', () => {});
  testWith(fake, ['sh'])('c', () => {});
  testWith(fake, ['sh']).serial('d', () => {});
  t.deepEqual(skipped, ['a (needs package no-such-program)', 'b (needs package no-such-program)']);
  t.deepEqual(declared, ['c', 'd']);
});

test('a free port is free on every address and is handed out once', async (t) => {
  const ports = await Promise.all(Array.from({ length: 20 }, () => freePort('127.0.0.1', '127.0.0.2')));
  t.is(new Set(ports).size, ports.length);
  const sockets = ['127.0.0.1', '127.0.0.2'].map((address) => createSocket('udp4').bind(ports[0], address));
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('listening', resolve))));
  for (const socket of sockets) socket.close();
});

test('until returns the value that holds', async (t) => {
  let count = 0;
  t.is(await until(() => ++count, { what: 'it is 3', holds: (value) => value === 3 }), 3);
});

test('until fails with a sentence and what it saw last', async (t) => {
  await t.throwsAsync(
    until(() => ({ serial: 7 }), { what: 'the serial is 8', timeout: 50, holds: ({ serial }) => serial === 8 }),
    { message: 'waited 0.05 s until the serial is 8, last seen: { serial: 7 }' },
  );
  await t.throwsAsync(
    until(() => Promise.reject(new TypeError('no')), { what: 'it works', timeout: 50 }),
    {
      message: 'waited 0.05 s until it works, last seen: TypeError: no',
    },
  );
});

test('a program runs to its end with its input, output and code', async (t) => {
  const ran = await run('sh', ['-c', 'cat; echo "$GIVEN$ZONEWRIGHT_PORT" >&2; exit 3'], {
    input: 'in\n',
    env: { GIVEN: 'given' },
  });
  t.deepEqual(ran, { code: 3, signal: null, stdout: 'in\n', stderr: 'given\n' });
  await t.throwsAsync(run('/no/such/program', []).then(({ code }) => Promise.reject(new Error(`ended (${code})`))));
  const late = await run('sleep', ['60'], { timeout: 50 });
  t.is(late.signal, 'SIGKILL');
});

test('a service is waited for by its lines and events, and says how it ended', async (t) => {
  const script = `trap 'echo bye; exit 5' TERM; echo '{"event":"start"}'; echo plain >&2
    echo '{"event":"ready","port":7}'; while :; do sleep 0.02; done`;
  const service = await startProgram(t, 'bash', ['-c', script]);
  t.is((await service.waitForEvent('ready')).port, 7);
  t.is((await service.waitForEvent('ready', { port: 7 })).event, 'ready');
  t.is(await service.waitForLine(/^pl/), 'plain');
  t.is(service.lines.find(({ text }) => text === 'plain')?.from, 'stderr');
  await t.throwsAsync(service.waitForEvent('ready', { port: 8 }, { timeout: 50 }), { message: /ran 0\.05 s without/ });
  await t.throwsAsync(service.waitForLine('plain', { from: service.lines.length, timeout: 50 }));
  t.deepEqual(await service.stop(), { code: 5, signal: null });
  t.true(service.text().endsWith('bye\n'));
  await t.throwsAsync(service.waitForLine('never'), { message: /^bash ended \(5\) without a line with never; output/ });
});

test('a service ends with its owner, all of its group, and is shown only where the owner failed', async (t) => {
  for (const passed of [true, false]) {
    const owner = ownOwner(passed);
    const service = await startProgram(owner, 'bash', ['-c', "trap '' TERM; sleep 1000 & echo $!; wait; wait"]);
    const child = Number(await service.waitForLine(/^\d+$/));
    t.true(isAlive(child));
    await service.stop('SIGKILL');
    await owner.end();
    await until(() => !isAlive(child), { what: 'the sleep is gone' });
    t.is(owner.said.length, passed ? 0 : 1);
  }
});

test('what a file owns runs in each of its tests', (t) => {
  t.is(shared.exit, undefined);
  t.true(isAlive(shared.pid));
});

test('a tool of ours runs from the repository', async (t) => {
  const { code, stdout } = await tool('zonewright', ['--version']);
  t.is(code, 0);
  t.regex(stdout, /^zonewright \d+\.\d+\.\d+\n$/);
});

test('a temporary folder goes with its owner', async (t) => {
  const owner = ownOwner(true);
  const folder = temporaryFolder(owner);
  t.true(existsSync(folder));
  await owner.end();
  t.false(existsSync(folder));
});

test('what dig prints is read: header, sections, EDNS, signature', (t) => {
  const reply = parseDig(`;; Got answer:
;; ->>HEADER<<- opcode: QUERY, status: NXDOMAIN, id: 4711
;; flags: qr aa; QUERY: 1, ANSWER: 1, AUTHORITY: 1, ADDITIONAL: 2

;; OPT PSEUDOSECTION:
; EDNS: version: 0, flags: do; udp: 1232
; EDE: 18 (Prohibited): (no)
;; QUESTION SECTION:
;www.example.\t\tIN\tTXT

;; ANSWER SECTION:
www.example.\t300\tIN\tTXT\t"two  words" ";"

;; AUTHORITY SECTION:
example.\t300\tIN\tNS\tns.example.

;; TSIG PSEUDOSECTION:
k.\t0\tANY\tTSIG\thmac-sha256. 1 300 0 4711 BADSIG 0

;; WARNING -- Some TSIG could not be validated
;; Query time: 0 msec
`);
  t.is(reply.status, 'NXDOMAIN');
  t.is(reply.id, 4711);
  t.deepEqual(reply.flags, ['qr', 'aa']);
  t.deepEqual(reply.counts, { query: 1, answer: 1, authority: 1, additional: 2 });
  t.deepEqual(reply.question, [{ name: 'www.example.', class: 'IN', type: 'TXT' }]);
  t.deepEqual(reply.answer, [{ name: 'www.example.', ttl: 300, class: 'IN', type: 'TXT', data: '"two  words" ";"' }]);
  t.is(reply.authority[0]?.data, 'ns.example.');
  t.deepEqual(reply.additional, []);
  t.deepEqual(reply.edns, ['EDNS: version: 0, flags: do; udp: 1232', 'EDE: 18 (Prohibited): (no)']);
  t.is(reply.tsig?.type, 'TSIG');
  t.false(reply.isVerified);
});

test('a key is written NAME:ALG:SECRET and becomes a clause of named', (t) => {
  t.is(keyClause('k:SHA256:c2Vj'), 'key "k" { algorithm hmac-sha256; secret "c2Vj"; };\n');
  t.is(keyClause('k:hmac-sha512:c2Vj'), 'key "k" { algorithm hmac-sha512; secret "c2Vj"; };\n');
  t.throws(() => keyClause('k:c2Vj'));
});

const withBind = testWith(test, ['named', 'dig', 'nsupdate']);

withBind('named is asked, updated with a key, and transferred by dig', async (t) => {
  const named = await startNamed(t, {
    keys: [key],
    zones: [{ name: 'example', text: zoneText, allowUpdate: ['key "k.example"'], allowTransfer: ['key "k.example"'] }],
  });
  const server = { server: named.address, port: named.port, owner: t };

  const found = await dig({ ...server, args: ['www.example', 'TXT', '+nsid'] });
  t.is(found.status, 'NOERROR');
  t.true(found.flags.includes('aa'));
  t.is(found.counts.query, 1);
  t.deepEqual(found.question, [{ name: 'www.example.', class: 'IN', type: 'TXT' }]);
  t.is(found.answer[0]?.data, '"two words" "and \\"quotes\\""');
  t.regex(found.edns[0] ?? '', /^EDNS: version: 0/);
  t.is((await dig({ ...server, args: ['no.example', '+tcp'] })).status, 'NXDOMAIN');
  t.is((await dig({ ...server, args: ['other.test', 'A'] })).status, 'REFUSED');

  const commands = ['zone example', 'add new.example 60 A 192.0.2.9'];
  const refused = await nsupdate({ ...server, commands });
  t.is(refused.code, 2);
  t.regex(refused.text, /REFUSED/);
  for (const tcp of [false, true]) t.is((await nsupdate({ ...server, key, commands, tcp })).code, 0);

  const signed = await dig({ ...server, key, args: ['new.example', 'A'] });
  t.is(signed.answer[0]?.data, '192.0.2.9');
  t.true(signed.isVerified);
  t.regex(signed.tsig?.data ?? '', /NOERROR/);

  const transfer = await dig({ ...server, key, args: ['example', 'AXFR'] });
  t.is(transfer.status, 'NOERROR');
  t.is(transfer.answer.length, 7);
  t.deepEqual([transfer.answer[0]?.type, transfer.answer.at(-1)?.type], ['SOA', 'SOA']);
  t.is(transfer.transfer?.records, 7);
  t.true(transfer.isVerified);
  t.is((await dig({ ...server, args: ['example', 'AXFR'] })).status, 'TRANSFER FAILED');
});

withBind('named on an address that no interface has is a fault of the test', async (t) => {
  const owner = ownOwner(true);
  await t.throwsAsync(startNamed(owner, { address: '127.0.0.2', zones: [] }), {
    message: /^no interface has the address/,
  });
  await owner.end();
});

withBind('nobody listening is no reply', async (t) => {
  const reply = await dig({ server: '127.0.0.1', port: await freePort(), args: ['example', 'SOA'] });
  t.is(reply.status, 'NO REPLY');
  t.is(reply.code, 9);
});

const withNamespace = testUnless(
  test,
  namespaceReason() ??
    missing('named', 'dig')
      ?.map((name) => `needs package ${name}`)
      .join(', '),
);

withNamespace('a changed zone file is read again and reaches a secondary', async (t) => {
  const within = await startNamespace(t, ['127.0.0.2']);
  const port = 53;
  const primary = await startNamed(t, {
    port,
    within,
    keys: [key],
    zones: [
      {
        name: 'example',
        text: zoneText,
        alsoNotify: [{ address: '127.0.0.2', key }],
        allowTransfer: ['key "k.example"'],
      },
    ],
  });
  const secondary = await startNamed(t, {
    address: '127.0.0.2',
    port,
    within,
    keys: [key],
    zones: [{ name: 'example', primaries: [{ address: '127.0.0.1', key }] }],
  });
  const serial = async (server: string): Promise<string | undefined> =>
    (await dig({ server, within, args: ['example', 'SOA'] })).answer[0]?.data.split(' ')[2];
  await until(() => serial(secondary.address), { what: 'the secondary has the zone', holds: (value) => value === '1' });

  primary.write('example', zoneText.replace('hostmaster 1', 'hostmaster 2').replace('192.0.2.1', '192.0.2.2'));
  await primary.reload();
  t.is(await serial(primary.address), '2');
  await until(() => serial(secondary.address), { what: 'the secondary has serial 2', holds: (value) => value === '2' });

  const difference = await dig({ server: '127.0.0.1', within, key, owner: t, args: ['example', 'IXFR=1'] });
  t.deepEqual(
    difference.answer.map(({ type }) => type),
    ['SOA', 'SOA', 'A', 'SOA', 'A', 'SOA'],
  );
  primary.write('example', 'broken');
  await primary.reload();
  t.is(await serial(primary.address), '2');
  t.is((await secondary.stop()).code, 0);
});

withNamespace('a namespace has its addresses, and no others', async (t) => {
  const ran = await inNamespace('ip', ['-brief', 'addr'], ['10.0.42.1', '10.0.42.2', '2001:db8::2']);
  t.is(ran.stderr, '');
  t.is(ran.stdout.trim().split('\n').length, 1);
  for (const address of ['10.0.42.1/32', '10.0.42.2/32', '2001:db8::2/128']) t.true(ran.stdout.includes(address));
});

withNamespace('programs in one namespace reach each other on port 53', async (t) => {
  const within = await startNamespace(t, ['10.0.42.2', '2001:db8::2']);
  for (const address of ['10.0.42.2', '2001:db8::2']) {
    await startNamed(t, { address, port: 53, within, zones: [{ name: 'example', text: zoneText }] });
    t.is((await dig({ server: address, within, args: ['www.example', 'A'] })).answer[0]?.data, '192.0.2.1');
  }
});

const markdown = `# A title

\`\`\`console
$ echo outside
outside
\`\`\`

## Examples

First \`this\`:

\`\`\`console
$ name=world
$ cd /
$ printf '%s\\n' one \\
    two
one
two
$ cat <<END
> hello $name
> END
hello world
\`\`\`

\`\`\`js
$ not a command
\`\`\`

### Deeper

1. In a list

   \`\`\`console
   $ pwd; echo "pid $$ here"; echo a; echo b; echo end
   /
   pid ... here
   ...
   end
   \`\`\`

## Others

\`\`\`console
$ echo others
others
\`\`\`
`;

test('the console blocks of a Markdown text are steps', (t) => {
  const commands = stepsOf(markdown).map(({ command }) => command.split(/[ =]/)[0]);
  t.deepEqual(commands, ['echo', 'name', 'cd', 'printf', 'cat', 'pwd;', 'echo']);
  const steps = stepsOf(markdown, { beneath: 'examples' });
  t.deepEqual(steps[2], {
    command: "printf '%s\\n' one \\\n    two",
    expected: ['one', 'two'],
    untilFits: false,
    line: 15,
  });
  t.deepEqual(steps[3], {
    command: 'cat <<END\nhello $name\nEND',
    expected: ['hello world'],
    untilFits: false,
    line: 19,
  });
  t.is(steps.length, 5);
  t.throws(() => stepsOf(markdown, { beneath: 'nothing' }), { message: 'there is no heading "nothing"' });
  t.throws(() => stepsOf('```console\noutput\n```'), { message: /^line 2: / });
});

test('dots stand for text on a line, or for lines', (t) => {
  t.true(fits(['a ... c', '...', 'z'], ['a  b c', 'x', 'y', 'z', '']));
  t.true(fits(['...'], []));
  t.true(fits(['a', '...'], ['a']));
  t.false(fits(['a'], ['a', 'b']));
  t.true(fits(['a'], ['a', 'b'], true));
  t.false(fits(['a', 'b'], ['a'], true));
  t.false(fits(['a.c'], ['abc']));
  t.true(fits([], ['']));
});

test('steps run in one shell and do what the text says', async (t) => {
  const results = await runSteps(stepsOf(markdown), { cwd: '/tmp' });
  t.is(results.length, 7);
  t.regex(results[5]?.output ?? '', /^\/\npid \d+ here\n/);
});

test('a step that does not fit fails with command, expected and got', async (t) => {
  await t.throwsAsync(runSteps(stepsOf('```console\n$ echo one\ntwo\n```'), { cwd: '/' }), {
    message: 'line 2: the output does not fit\n  command:\n    echo one\n  expected:\n    two\n  got:\n    one',
  });
  await t.throwsAsync(runSteps(stepsOf('```console\n$ false\n```'), { cwd: '/' }), {
    message: /the command failed \(1\)/,
  });
  await t.throwsAsync(runSteps(stepsOf('```console\n$ exit 3\n```'), { cwd: '/' }), { message: /has ended the shell/ });
  await t.throwsAsync(runSteps(stepsOf('```console\n$ sleep 60\n```'), { cwd: '/', timeout: 50 }), {
    message: /has not ended within 0.05 s/,
  });
});

test('a marked step is repeated until it fits, and a service ends with the session', async (t) => {
  const cwd = temporaryFolder(t);
  const text = `
\`\`\`console
$ (sleep 0.2; echo now >late; echo started; exec sleep 1000) &
started
$ serve
serving on PORT
$ echo $! >pid
\`\`\`

<!-- until fits -->
\`\`\`console
$ echo try >>tries; test $(wc -l <tries) -ge 3 && cat late
now
\`\`\`
`;
  const results = await runSteps(stepsOf(text), {
    cwd,
    runInBackground: (command) => command === 'serve',
    rewrite: (it) => it.replace('serve', 'echo serving on 7; exec sleep 1000').replace('PORT', '7'),
  });
  t.is(results[1]?.output, 'serving on 7\n');
  t.is((await run('cat', ['tries'], { cwd })).stdout.trim().split('\n').length, 3);
  const pid = Number((await run('cat', ['pid'], { cwd })).stdout);
  await until(() => !isAlive(pid), { what: 'the service is gone' });
});
