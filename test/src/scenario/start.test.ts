/**
 * `zonewright start` as a newcomer meets it: one command, and every command that it prints works as it is printed, also where
 * there is nothing but Node.
 */
import { mkdir, readFile, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { program, testWith } from '../support/needs.ts';
import { temporaryFolder } from '../support/owner.ts';
import { freePort, isFree } from '../support/ports.ts';
import { type Program, run, startProgram } from '../support/process.ts';
import { until } from '../support/until.ts';
import { root } from '../support/zonewright.ts';

/** Milliseconds for a test, which starts dozens of programs one after the other: on a busy machine that takes its time. */
const PATIENCE = 300_000;

interface Started {
  readonly start: Program;
  readonly port: number;
  readonly commands: readonly string[];
}

async function startAll(t: ExecutionContext, folder: string, path: string): Promise<Started> {
  const port = await freePort('127.0.0.1', '127.0.0.2');
  const args = [join(root, 'bin', 'zonewright'), 'start', '--dir', folder, '--port', String(port)];
  const start = await startProgram(t, process.execPath, args, { cwd: root, env: { PATH: path } });
  // It starts four services, one after the other: on a busy machine that takes its time.
  await start.waitForLine(/^# .*[Cc]ertificate/, { timeout: 60_000 });
  const printed = (): readonly string[] => start.lines.filter(({ from }) => from === 'stdout').map(({ text }) => text);
  // The last paragraph ends with an empty line.
  await until(() => printed().at(-1) === '', { what: 'all commands are printed' });
  const commands = printed().filter((line) => /^(\.\/bin|dig|printf|git|echo|curl|\[ )/.test(line));
  return { start, port, commands };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function type(t: ExecutionContext, command: string, path: string): Promise<string> {
  const ran = await run('/bin/bash', ['-c', command], { cwd: root, env: { PATH: path }, timeout: 60_000 });
  t.is(ran.code, 0, `${command}\n${ran.stdout}${ran.stderr}`);
  return ran.stdout;
}

testWith(test, ['dig', 'nsupdate', 'git', 'pebble', 'curl', 'openssl'])(
  'every command that start prints works as it is printed',
  async (t) => {
    t.timeout(PATIENCE);
    const folder = await temporaryFolder(t, 'start');
    const path = process.env.PATH ?? '';
    const { start, commands } = await startAll(t, join(folder, 'data'), path);
    const outputs = new Map<string, string>();
    for (const command of commands) {
      const output = await type(t, command, path);
      outputs.set(command, output);
      // The secondary has it within a moment.
      if (command.includes('nsupdate'))
        await until(async () => (await type(t, commands[commands.indexOf(command) + 1]!, path)) !== '', {
          what: 'the update is on the secondary',
        });
    }
    const shown = (part: string): string =>
      [...outputs]
        .filter(([command]) => command.includes(part))
        .map(([, output]) => output)
        .join('');
    t.is(shown('www.mirage +short'), '192.0.2.80\n192.0.2.80\n');
    t.regex(shown('axfr'), /www\.mirage\.\s+3600\s+IN\s+A\s+192\.0\.2\.80/);
    t.is(shown('hello.mirage +short'), '10.0.42.81\n');
    t.regex(shown('log -1'), /Author: personal\._update\.mirage via zonewright/);
    t.regex(shown('garden.mirage'), /"by hand"/);
    t.regex(shown('openssl verify'), /www\.mirage\.pem: OK/);

    // A second start finds everything as it was left.
    t.is((await start.stop('SIGINT')).code, 0);
    const again = await startAll(t, join(folder, 'data'), path);
    t.is(
      await type(t, again.commands.find((command) => command.includes('hello.mirage +short'))!, path),
      '10.0.42.81\n',
    );
  },
);

test('with nothing but Node, start and the commands that it prints work', async (t) => {
  t.timeout(PATIENCE);
  const folder = await temporaryFolder(t, 'bare');
  const path = join(folder, 'bin');
  await mkdir(path);
  await symlink(process.execPath, join(path, 'node'));
  await symlink(program('env') ?? '/usr/bin/env', join(path, 'env'));
  const { start, commands } = await startAll(t, join(folder, 'data'), path);
  const outputs: string[] = [];
  for (const command of commands) outputs.push(await type(t, command, path));
  t.regex(outputs.join(''), /192\.0\.2\.80/);
  t.true(commands.some((command) => command.includes(' update ')));
  t.true(start.lines.some(({ text }) => text.includes('Debian package bind9-dnsutils')));
});

test('a port in use is one clear line that says what to do, and exit code 1', async (t) => {
  const folder = await temporaryFolder(t, 'taken');
  const { port } = await startAll(t, join(folder, 'first'), '');
  const second = await run(
    process.execPath,
    [join(root, 'bin', 'zonewright'), 'start', '--dir', join(folder, 'second'), '--port', String(port)],
    {
      cwd: root,
      env: { PATH: '' },
    },
  );
  t.is(second.code, 1);
  t.regex(second.stderr, new RegExp(`^zonewright start: .*:${port} .*in use .*--port.*\\n$`));
});

for (const [what, signal] of [
  ['its terminal is closed', 'SIGHUP'],
  ['it is killed', 'SIGKILL'],
] as const) {
  test(`when start ends because ${what}, so do all services`, async (t) => {
    t.timeout(PATIENCE);
    const folder = await temporaryFolder(t, 'ended');
    const { start, port, commands } = await startAll(t, join(folder, 'data'), process.env.PATH ?? '');
    const sockets: [string, number][] = [
      ['127.0.0.1', port],
      ['127.0.0.2', port],
      // pebble, where that is installed.
      ...[...commands.join('\n').matchAll(/https:\/\/(127\.0\.0\.1):(\d+)/g)].map(
        ([, host = '', number]): [string, number] => [host, Number(number)],
      ),
    ];
    for (const [host, number] of sockets) t.false(await isFree(host, number));
    start.signal(signal);
    t.is((await start.ended).code, signal === 'SIGHUP' ? 0 : null);
    await until(async () => (await Promise.all(sockets.map(([host, number]) => isFree(host, number)))).every(Boolean), {
      what: 'all ports are free',
    });
    for (const service of ['primary', 'secondary']) {
      const log = await readFile(join(folder, 'data', 'log', service), 'utf8');
      const pid = Number(/"event":"ready".*"process":(\d+)/.exec(log)![1]);
      await until(() => !isAlive(pid), { what: `${service} has ended` });
      // Who is killed writes no log any more.
      if (signal === 'SIGHUP') t.regex(log, /"event":"stopped"/);
    }
  });
}

test('folders that start makes are for their owner only', async (t) => {
  const folder = await temporaryFolder(t, 'private');
  const { start } = await startAll(t, join(folder, 'data'), '');
  for (const name of ['.', 'zones.git', 'keys', 'log'])
    t.is((await stat(join(folder, 'data', name))).mode & 0o777, 0o700, name);
  await start.stop();
});

testWith(test, ['pebble'])('a test authority that dies is said to have, and is not waited for', async (t) => {
  const folder = await temporaryFolder(t, 'authority');
  const [port, management] = [await freePort('127.0.0.1'), await freePort('127.0.0.1')];
  const ports = ['--directory-port', String(port), '--management-port', String(management)];
  const args = [join(root, 'bin', 'zonewright'), 'test-ca', '--dns-server', '127.0.0.1', '--dir', folder, ...ports];
  const authority = await startProgram(t, process.execPath, args, {});
  await authority.waitForLine(/^root: /);
  const children = await readFile(`/proc/${authority.pid}/task/${authority.pid}/children`, 'utf8');
  process.kill(Number(children.trim().split(' ')[0]), 'SIGKILL');
  t.is((await authority.ended).code, 1);
  t.regex(authority.text(), /pebble ended \(SIGKILL\)/);
});
