/** What every process needs: options, exit codes, log, metrics, status pages, lifecycle. */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fail, ok } from '@zonewright/common/result';
import { nextDelay } from '@zonewright/common/service/backoff';
import {
  parseEndpoint,
  parseListenEndpoint,
  parseSyslogEndpoint,
  printEndpoint,
} from '@zonewright/common/service/endpoint';
import { EXIT, exitCodeOf } from '@zonewright/common/service/exit';
import { startHttp } from '@zonewright/common/service/http';
import { explainListenError, type ProcessEvents, runService } from '@zonewright/common/service/lifecycle';
import { createLog, type Log, SILENT_LOG } from '@zonewright/common/service/log';
import { createMetrics } from '@zonewright/common/service/metrics';
import { influxLines, packLines, startMonitor } from '@zonewright/common/service/monitor';
import { type Command, type CommandContext, defineCommand } from '@zonewright/common/service/options';
import { runProgram } from '@zonewright/common/service/program';
import { redact, redactText, rememberSecret } from '@zonewright/common/service/redact';
import { HTTP, LISTEN, PORT, SERVICE_OPTIONS } from '@zonewright/common/service/service-options';
import { cutDatagram, formatSyslog } from '@zonewright/common/service/syslog';
import test from 'ava';
import fc from 'fast-check';
import { busyTime } from '../support/thread-time.ts';

interface Ran {
  readonly code: number;
  readonly out: readonly string[];
  readonly err: readonly string[];
}

async function run(command: Command, argv: readonly string[], env: CommandContext['env'] = {}): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  const rows = [{ ...command, load: async () => command }];
  const code = await runProgram(rows, argv, env, { out: (line) => out.push(line), err: (line) => err.push(line) });
  return { code, out, err };
}

/** A command that prints its values as JSON; its rows show each kind of option. */
const SAMPLE = defineCommand({
  name: 'sample',
  aliases: ['osample'],
  summary: 'print what was given',
  arguments: [
    { name: '<ZONE>', description: 'a zone' },
    { name: '[ADDRESS...]', description: 'addresses' },
  ],
  options: [
    PORT,
    LISTEN,
    HTTP,
    { flag: '--axfr', description: 'allow transfers' },
    { flag: '--ssh-key <TYPE:DATA>', description: 'a key', secret: true, aliases: ['--ssh-identity'] },
    {
      flag: '--keys <KEY>',
      description: 'TSIG keys',
      secret: true,
      repeatable: true,
      parse: (text) => (text.includes(':') ? ok(text) : fail({ kind: 'usage', what: `"${text}" is no key` })),
    },
  ],
  async run(values, context) {
    // The rows give the types: these assignments are part of the test.
    const port: number = values.port;
    const keys: readonly string[] = values.keys;
    const sshKey: string | undefined = values.sshKey;
    const isAxfr: boolean = values.axfr;
    const zone: string = values.zone;
    const address: readonly string[] = values.address;
    context.out(JSON.stringify({ port, keys, sshKey, isAxfr, zone, address, listen: values.listen }));
    return EXIT.done;
  },
});

function printed(ran: Ran): Record<string, unknown> {
  return JSON.parse(ran.out[0] ?? `"${ran.err.join(' ')}"`) as Record<string, unknown>;
}

/** A log whose lines are kept, parsed. */
function recordingLog(): { readonly log: Log; readonly lines: Record<string, unknown>[]; readonly text: () => string } {
  const lines: Record<string, unknown>[] = [];
  let all = '';
  const log = createLog({
    level: 'debug',
    stream: {
      write(line: string) {
        all += line;
        lines.push(JSON.parse(line) as Record<string, unknown>);
      },
    },
  });
  return { log, lines, text: () => all };
}

test('a fault maps to the exit code of its kind, and to 1 where none is said', (t) => {
  const codes = ['usage', 'unreachable', 'timeout', 'refused', 'anything'].map((kind) =>
    exitCodeOf({ kind, what: 'x' }),
  );
  t.deepEqual(codes, [2, 3, 3, 4, 1]);
});

test('a delay doubles, stays within its bounds, and at least half of it is certain', (t) => {
  const bounds = { base: 100, max: 5000 };
  t.deepEqual(
    [0, 1, 2, 3, 10, 1e9].map((attempt) => nextDelay(attempt, bounds, () => 0)),
    [50, 100, 200, 400, 2500, 2500],
  );
  fc.assert(
    fc.property(fc.integer({ min: -5, max: 2000 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (attempt, dice) => {
      const delay = nextDelay(attempt, bounds, () => dice);
      return delay >= 50 && delay <= 5000;
    }),
  );
  t.pass();
});

test('an endpoint is a host and a port, and an IPv6 address beside a port stands in brackets', (t) => {
  t.deepEqual(parseEndpoint('log.example', 514), ok({ host: 'log.example', port: 514 }));
  t.deepEqual(parseEndpoint('10.0.0.1:99', 514), ok({ host: '10.0.0.1', port: 99 }));
  t.deepEqual(parseEndpoint('2001:db8::1', 514), ok({ host: '2001:db8::1', port: 514 }));
  t.deepEqual(parseEndpoint('[::1]:99', 514), ok({ host: '::1', port: 99 }));
  t.deepEqual(parseListenEndpoint('9100'), ok({ host: '127.0.0.1', port: 9100 }));
  t.deepEqual(parseListenEndpoint('[::]:9100'), ok({ host: '::', port: 9100 }));
  t.deepEqual(parseSyslogEndpoint('tcp://log:601'), ok({ host: 'log', port: 601, transport: 'tcp' }));
  t.deepEqual(parseSyslogEndpoint('log'), ok({ host: 'log', port: 514, transport: 'udp' }));
  for (const text of ['', 'a b', 'host:', 'host:0', 'host:65536', '[::1', '[::1]x', ':53', 'h:5:3', '-h']) {
    t.false(parseEndpoint(text, 1).ok, text);
  }
  for (const text of ['', '0', '65536', 'localhost:1', '::', '127.0.0.1']) t.false(parseListenEndpoint(text).ok, text);
  t.false(parseSyslogEndpoint('http://log').ok);
  const address = fc.oneof(fc.ipV4(), fc.ipV6());
  fc.assert(
    fc.property(address, fc.integer({ min: 1, max: 65535 }), (host, port) => {
      t.deepEqual(parseEndpoint(printEndpoint({ host, port }), 1), ok({ host, port }));
    }),
  );
});

test('the command line wins over the environment, and the environment over the default', async (t) => {
  t.is(printed(await run(SAMPLE, ['sample', 'z'])).port, 53);
  t.is(printed(await run(SAMPLE, ['sample', 'z'], { ZONEWRIGHT_PORT: '' })).port, 53);
  t.is(printed(await run(SAMPLE, ['sample', 'z'], { ZONEWRIGHT_PORT: '5300' })).port, 5300);
  t.is(printed(await run(SAMPLE, ['osample', 'z', '--port=5301'], { ZONEWRIGHT_PORT: '5300' })).port, 5301);
  t.is(printed(await run(SAMPLE, ['sample', 'z'], { ZONEWRIGHT_AXFR: 'true' })).isAxfr, true);
  t.is(printed(await run(SAMPLE, ['sample', 'z'], { ZONEWRIGHT_AXFR: '0' })).isAxfr, false);
  t.is(printed(await run(SAMPLE, ['sample', '--axfr', 'z'])).isAxfr, true);
});

test('a repeatable option is a list on the command line and in the environment', async (t) => {
  const line = await run(SAMPLE, ['sample', 'z', '--keys', 'a:b', '--keys', 'c:d,e:f', '--listen', '[::1]']);
  t.deepEqual(printed(line).keys, ['a:b', 'c:d', 'e:f']);
  t.deepEqual(printed(line).listen, ['::1']);
  t.deepEqual(printed(await run(SAMPLE, ['sample', 'z'], { ZONEWRIGHT_KEYS: 'a:b, c:d\n e:f' })).keys, [
    'a:b',
    'c:d',
    'e:f',
  ]);
  t.deepEqual(printed(await run(SAMPLE, ['sample', 'z'])).keys, []);
});

test('a secret is read from a file, without its last newline', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'zonewright-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'key');
  writeFileSync(file, 'ed25519:c2VjcmV0LXNlY3JldC1zZWNyZXQ=\n');
  t.is(
    printed(await run(SAMPLE, ['sample', 'z', '--ssh-key', `@${file}`])).sshKey,
    'ed25519:c2VjcmV0LXNlY3JldC1zZWNyZXQ=',
  );
  t.is(printed(await run(SAMPLE, ['sample', 'z', '--ssh-identity', '@@x:y'])).sshKey, '@x:y');
  writeFileSync(file, 'a:b\nc:d\n');
  t.deepEqual(printed(await run(SAMPLE, ['sample', 'z'], { ZONEWRIGHT_KEYS: `@${file}` })).keys, ['a:b', 'c:d']);
  const missing = await run(SAMPLE, ['sample', 'z', '--ssh-key', `@${file}.not`]);
  t.is(missing.code, EXIT.usage);
  t.is(missing.err[0], `zonewright sample: --ssh-key: cannot read the file ${file}.not: ENOENT`);
});

test('a wrong command line is told in one line each, with exit code 2', async (t) => {
  const port = await run(SAMPLE, ['sample', 'z', '--port', '0', '--listen', 'localhost']);
  t.is(port.code, EXIT.usage);
  t.deepEqual(port.err, [
    'zonewright sample: --port: "0" is no port (1 to 65535)',
    'zonewright sample: --listen: "localhost" is no IP address (for example 192.0.2.1 or 2001:db8::1)',
  ]);
  const environment = await run(SAMPLE, ['sample', 'z'], { ZONEWRIGHT_PORT: 'x' });
  t.regex(environment.err[0] ?? '', /^zonewright sample: ZONEWRIGHT_PORT: "x" is no port/);
  t.deepEqual((await run(SAMPLE, ['sample', 'z', '--prot', '1'])).err, [
    "zonewright sample: unknown option '--prot' (did you mean --port?)",
  ]);
  t.is(
    (await run(SAMPLE, ['sample'])).err[0],
    "zonewright sample: missing required argument 'ZONE' (see zonewright sample --help)",
  );
  t.is((await run(SAMPLE, ['sampel'])).err[0], "zonewright: unknown command 'sampel' (did you mean sample?)");
  t.is((await run(SAMPLE, [])).code, EXIT.usage);
});

test('no fault shows a secret that was mistyped', async (t) => {
  const wrong = await run(SAMPLE, ['sample', 'z', '--keys', 'hunter2hunter2']);
  t.is(wrong.err[0], 'zonewright sample: --keys: "[redacted]" is no key');
  const unknown = await run(SAMPLE, ['sample', 'z', '--ssh-kye=ed25519:AAAA']);
  t.false(unknown.err.join().includes('AAAA'));
  t.is(unknown.code, EXIT.usage);
});

test('help and version work everywhere', async (t) => {
  for (const argv of [['--help'], ['help'], ['-h']]) {
    const help = await run(SAMPLE, argv);
    t.is(help.code, EXIT.done);
    t.regex(help.out.join('\n'), /sample.*print what was given/);
  }
  for (const argv of [
    ['sample', '--help'],
    ['help', 'sample'],
    ['osample', '-h'],
  ]) {
    const help = await run(SAMPLE, argv);
    t.is(help.code, EXIT.done);
    t.regex(help.out.join('\n'), /--ssh-key[\s\S]*ZONEWRIGHT_SSH_KEY/);
    t.notRegex(help.out.join('\n'), /--ssh-identity/);
  }
  for (const argv of [['--version'], ['sample', '--version'], ['sample', '-V']]) {
    t.regex((await run(SAMPLE, argv)).out.join(), /^zonewright \d+\.\d+\.\d+$/);
  }
});

test('a command that is not installed says so, and a bug in one is told without a secret', async (t) => {
  const err: string[] = [];
  const output = { out: () => undefined, err: (line: string) => void err.push(line) };
  const absent = '@zonewright/absent/command';
  const row = { name: 'absent', summary: 'x', load: async () => (await import(absent)) as Command };
  t.is(await runProgram([row], ['absent'], {}, output), EXIT.usage);
  t.regex(err[0] ?? '', /^zonewright absent: this installation does not hold the command absent/);
  const buggy: Command = {
    name: 'buggy',
    summary: 'x',
    arguments: [],
    options: [],
    run: () => Promise.reject(new Error('at https://user:hunter2@git.example/zones')),
  };
  const bug = await run(buggy, ['buggy']);
  t.is(bug.code, EXIT.bug);
  t.regex(bug.err[0] ?? '', /this is a bug/);
  t.notRegex(bug.err[0] ?? '', /hunter2/);
});

test('the rows of the services all read', async (t) => {
  const service = defineCommand({
    name: 'service',
    summary: 'x',
    arguments: [],
    options: SERVICE_OPTIONS,
    async run(values, context) {
      context.out(JSON.stringify(values));
      return EXIT.done;
    },
  });
  const words = ['service', '--log-level=DEBUG', '--syslog=tcp://[::1]', '--monitor=m', '--http=9100', '--data=/d'];
  t.deepEqual(printed(await run(service, words)), {
    port: 53,
    listen: [],
    data: '/d',
    logLevel: 'debug',
    syslog: { host: '::1', port: 514, transport: 'tcp' },
    monitor: { host: 'm', port: 8094 },
    http: { host: '127.0.0.1', port: 9100 },
  });
});

test('a log line is an event with fields, and a child adds its own', (t) => {
  const { log, lines } = recordingLog();
  log.child({ zone: 'mirage.' }).info('zone.loaded', { serial: 7, level: 'x' }, 'loaded');
  const { time, ...rest } = lines[0] ?? {};
  t.regex(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  t.deepEqual(rest, {
    level: 'info',
    event: 'zone.loaded',
    zone: 'mirage.',
    serial: 7,
    level_: 'x',
    message: 'loaded',
  });
});

test('no secret reaches the log, by name, by value, or by shape', (t) => {
  const secret = 'c2VjcmV0LW9mLXRoZS1rZXk=';
  rememberSecret(`p._update.mirage:SHA256:remembered${secret}`);
  const { log, text } = recordingLog();
  const error = new Error(`cannot push to https://${secret}@git.example/x`, { cause: { password: secret } });
  log.error(
    'x',
    {
      secret,
      sshKey: secret,
      'ssh-password': secret,
      dns_key: [secret],
      nested: { deep: [{ apiToken: secret }, { eabHmacKey: Buffer.from(secret) }] },
      octets: Buffer.from(secret),
      map: new Map([['accountKeySeed', secret]]),
      error,
      url: new URL(`https://u:${secret.slice(0, 12)}@h/`),
      remote: `ssh://git:${secret.slice(0, 12)}@h/x`,
      text: `key foo._update.mirage:SHA256:${secret}`,
      hmac: `foo:hmac-sha512:${secret} foo:163:${secret}`,
      ssh: `ed25519:${secret}`,
      pem: `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----`,
      value: `it was remembered${secret}`,
    },
    `message https://${secret}@git.example/`,
  );
  log.child({ token: secret }).warn('y');
  t.notRegex(text(), /c2VjcmV0LW9/);
});

test('what is no secret stays readable', (t) => {
  const fields = {
    key: 'foo._update.mirage.',
    keys: 3,
    peer: '10.0.42.2:53',
    commit: 'e2b1a0c9d3f4e5a6b7c8d9e0f1a2b3c4d5e6f7a8',
    offered: 'host key SHA256:uNiVztksCsDhcc0u9e8BrqJtoXdoI4HYrHrHHbL8W1M',
    remote: 'git@github.com:roburio/udns.git',
    url: 'ssh://git@example.org:2222/zones.git',
    time: '2026-11-20T23:04:26.123Z',
  };
  t.deepEqual(redact(fields), fields);
  t.is(redactText('[2001:db8::1]:853 did not answer'), '[2001:db8::1]:853 did not answer');
});

test('a hostile text costs the log little time', (t) => {
  const units = ['a', 'a:', '"a', 'x:sha1', 'http://', '://a:', '-----BEGIN ', 'ed25519:', ' :'];
  const ended = busyTime();
  for (const unit of units) redactText(unit.repeat(1_000_000 / unit.length));
  const ms = ended();
  t.true(ms < 2000, `${ms} ms`);
});

test('anything can be logged: rings, big numbers, functions', (t) => {
  const ring: Record<string, unknown> = { big: 1n, call: () => 1, not: Number.NaN, none: undefined };
  ring.self = ring;
  const { log, lines } = recordingLog();
  log.info('x', { ring, list: Array.from({ length: 1000 }, () => 1) });
  t.is((lines[0]?.list as unknown[] | undefined)?.length, 201);
});

test('a message for the log host has the header of RFC 5424', (t) => {
  const message = {
    severity: 4,
    time: new Date(0),
    host: 'ns 1',
    app: 'zonewright',
    process: 42,
    event: 'zone.rejected'.padEnd(40, '.x'),
    text: 'two\nlines',
  } as const;
  const text = formatSyslog(message).toString('utf8');
  t.is(text, '<28>1 1970-01-01T00:00:00.000Z ns1 zonewright 42 zone.rejected.x.x.x.x.x.x.x.x.x. - \ufefftwo lines');
  t.is(cutDatagram(Buffer.from('aé'), 2).toString(), 'a');
});

test('a log host gets a copy by UDP, and by TCP with octet counts, also after it was away', async (t) => {
  const udp = createSocket('udp4');
  udp.bind(0, '127.0.0.1');
  await once(udp, 'listening');
  t.teardown(() => udp.close());
  const stream = { write: () => undefined };
  const first = createLog({ stream, syslog: { host: '127.0.0.1', port: udp.address().port, transport: 'udp' } });
  const datagram = once(udp, 'message');
  first.info('zone.loaded', { zone: 'mirage.', sshKey: 'hidden' });
  const [octets] = (await datagram) as [Buffer];
  t.regex(
    octets.toString(),
    /^<30>1 .* zonewright \d+ zone\.loaded - .*\{"zone":"mirage\.","sshKey":"\[redacted\]"\}$/,
  );
  await first.close();

  const free = createServer().listen(0, '127.0.0.1');
  await once(free, 'listening');
  const { port } = free.address() as AddressInfo;
  free.close();
  await once(free, 'close');
  const second = createLog({ stream, syslog: { host: '127.0.0.1', port, transport: 'tcp' } });
  second.error('early', {}, 'before the host is up');
  const server = createServer().listen(port, '127.0.0.1');
  t.teardown(() => server.close());
  const [socket] = (await once(server, 'connection')) as [import('node:net').Socket];
  const [frame] = (await once(socket, 'data')) as [Buffer];
  const [count = '', ...rest] = frame.toString().split(' ');
  t.is(Number(count), Buffer.byteLength(rest.join(' ')));
  t.regex(rest.join(' '), /^<27>1 .* early - .*before the host is up/);
  await second.close();
});

const TABLE = {
  zonewright_updates_total: { type: 'counter', help: 'updates', labels: ['result'] },
  zonewright_zones: { type: 'gauge', help: 'zones served' },
  zonewright_pull_seconds: { type: 'histogram', help: 'pulls', buckets: [0.1, 1] },
} as const;

test('metrics are counted by handles and read as Prometheus text', async (t) => {
  const metrics = createMetrics(TABLE);
  t.notRegex((await metrics.text()).body, /^zonewright_zones /m, 'what nobody has set is not 0');
  const accepted = metrics.counter('zonewright_updates_total', { result: 'accepted' });
  accepted.add();
  accepted.add(2);
  metrics.onRead(() => metrics.gauge('zonewright_zones').set(9));
  metrics.histogram('zonewright_pull_seconds').observe(0.5);
  const { body, type } = await metrics.text();
  t.regex(type, /^text\/plain/);
  t.regex(body, /^zonewright_updates_total\{result="accepted"\} 3$/m);
  t.regex(body, /^zonewright_zones 9$/m);
  t.regex(body, /^zonewright_pull_seconds_bucket\{le="1"\} 1$/m);
  t.regex(body, /^process_cpu_seconds_total /m);
  t.regex((await metrics.text()).body, /^zonewright_updates_total\{result="accepted"\} 3$/m);
  metrics.forget('zonewright_updates_total', { result: 'accepted' });
  t.notRegex((await metrics.text()).body, /accepted/);
  t.throws(() => metrics.counter('zonewright_zones'));
  t.throws(() => metrics.counter('zonewright_updates_total'));
});

test('Influx lines escape their tags, skip what is no number, and fit into datagrams', (t) => {
  const samples = [
    { name: 'a', labels: { zone: 'x y,z=\\', le: 0.1, none: '' }, value: 1.5 },
    { name: 'b', labels: {}, value: Number.NaN },
  ];
  const lines = influxLines(samples, { host: 'h' }, 12);
  t.deepEqual(lines, ['a,host=h,zone=x\\ y\\,z\\=/,le=0.1 value=1.5 12000000']);
  const packed = packLines(['12345678', '12345678', '123', 'x'.repeat(30)], 18);
  t.deepEqual(packed.map(String), ['12345678\n12345678\n', '123\n']);
});

test('a monitor gets the metrics', async (t) => {
  const udp = createSocket('udp4');
  udp.bind(0, '127.0.0.1');
  await once(udp, 'listening');
  t.teardown(() => udp.close());
  const metrics = createMetrics(TABLE, false);
  metrics.gauge('zonewright_zones').set(4);
  const endpoint = { host: '127.0.0.1', port: udp.address().port };
  const datagram = once(udp, 'message');
  const monitor = startMonitor({ endpoint, metrics, log: SILENT_LOG, service: 'primary' });
  const [octets] = (await datagram) as [Buffer];
  t.regex(octets.toString(), /^zonewright_zones,service=primary,host=\S+ value=4 \d+000000$/m);
  await monitor.close();
});

test('the status pages answer GET and HEAD, and nothing else', async (t) => {
  const reasons: string[] = ['mirage. is past its expiry'];
  const { log, lines } = recordingLog();
  let status: unknown = { zones: 1, sshKey: 'hidden', big: 1n };
  const started = await startHttp({
    endpoint: { host: '127.0.0.1', port: 0 },
    log,
    metrics: createMetrics(TABLE, false),
    ready: () => reasons,
    status: () => {
      if (status === undefined) throw new Error('broken');
      return status;
    },
  });
  if (!started.ok) return t.fail(started.fault.what);
  const server = started.value;
  t.teardown(() => server.close());
  const base = `http://${printEndpoint(server.endpoint)}`;
  const get = async (path: string, init: RequestInit = {}): Promise<readonly [number, string]> => {
    const response = await fetch(base + path, init);
    return [response.status, await response.text()];
  };
  t.is((await get('/health'))[0], 200);
  t.deepEqual(await get('/health', { method: 'HEAD' }), [200, '']);
  const [code, body] = await get('/ready');
  t.is(code, 503);
  t.deepEqual(JSON.parse(body), { ready: false, reasons });
  reasons.length = 0;
  t.is((await get('/ready?x=1'))[0], 200);
  t.deepEqual(JSON.parse((await get('/status'))[1]), { zones: 1, sshKey: '[redacted]', big: '1' });
  t.regex((await get('/metrics'))[1], /zonewright_zones/);
  t.is((await get('/nothing'))[0], 404);
  t.is((await get('/health', { method: 'POST', body: 'x' }))[0], 405);
  status = undefined;
  t.is((await get('/status'))[0], 500);
  t.is(lines.at(-1)?.event, 'http.fault');

  const raw = connect(server.endpoint.port, '127.0.0.1');
  raw.end(`GET /health HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(10_000)}\r\n\r\n`);
  const [reply] = (await once(raw, 'data')) as [Buffer];
  t.regex(reply.toString(), /^HTTP\/1\.1 431 /);

  const again = await startHttp({
    endpoint: server.endpoint,
    log,
    metrics: createMetrics({}, false),
    ready: () => [],
    status: () => ({}),
  });
  t.is(again.ok ? '' : again.fault.kind, 'port-in-use');
});

class FakeProcess extends EventEmitter implements ProcessEvents {
  readonly exits: number[] = [];
  exit(code: number): void {
    this.exits.push(code);
  }
}

test('a signal stops a service once, and a second one ends the process', async (t) => {
  const process = new FakeProcess();
  const { log, lines } = recordingLog();
  let finish: () => void = () => undefined;
  let stops = 0;
  let hups = 0;
  const running = runService({
    log,
    process,
    start: async () => ok({ port: 53 }),
    stop: () => {
      stops += 1;
      return new Promise((done) => {
        finish = done;
        process.emit('SIGINT');
      });
    },
    hup: () => {
      hups += 1;
    },
  });
  await new Promise(setImmediate);
  t.is(lines[0]?.event, 'ready');
  process.emit('SIGHUP');
  process.emit('uncaughtException', new Error('a bug'));
  t.is(lines.at(-1)?.event, 'process.fault');
  t.regex(JSON.stringify(lines.at(-1)), /service\.test/);
  process.emit('SIGTERM');
  await new Promise(setImmediate);
  t.deepEqual(process.exits, [130]);
  finish();
  t.is(await running, EXIT.done);
  t.is(stops, 1);
  t.is(hups, 1);
  t.deepEqual(process.eventNames(), []);
});

test('a service that cannot start, or ends itself, exits with the code of the fault', async (t) => {
  const { log, lines } = recordingLog();
  const told: string[] = [];
  const start = async (kind: string): Promise<number> =>
    runService({
      log,
      process: new FakeProcess(),
      start: async () => fail({ kind, what: 'no', hint: 'do' }),
      stop: async () => undefined,
      report: (fault) => void told.push(fault.what),
    });
  t.deepEqual([await start('unreachable'), await start('port-in-use')], [EXIT.unreachable, EXIT.problems]);
  t.deepEqual(told, ['no', 'no']);
  t.deepEqual(new Set(lines.map(({ level }) => level)), new Set(['debug']), 'it is told once');
  const before = lines.length;
  const end = runService({
    log,
    process: new FakeProcess(),
    start: async (context) => {
      context.end({ kind: 'refused', what: 'the key is gone' });
      return ok({});
    },
    stop: () => Promise.reject(new Error('also a bug')),
  });
  t.is(await end, EXIT.refused);
  t.like(
    lines.slice(before).find(({ event }) => event === 'stopping'),
    { level: 'error', message: 'the key is gone' },
  );
});

test('a stop that hangs is bounded, and one during a start that hangs works', async (t) => {
  const process = new FakeProcess();
  const running = runService({
    log: SILENT_LOG,
    process,
    start: ({ signal }) => once(signal, 'abort').then(() => ok({})),
    stop: () => new Promise(() => undefined),
    stopLimit: 5,
  });
  process.emit('SIGTERM');
  t.is(await running, EXIT.problems);
});

test('a socket that cannot listen says what to do', (t) => {
  const explain = (code: string, address: string, port: number): string => {
    const { what, hint } = explainListenError(Object.assign(new Error('x'), { code }), address, port);
    return `${what} (${hint})`;
  };
  t.is(
    explain('EADDRINUSE', '127.0.0.1', 53),
    'port 53 of 127.0.0.1 is in use (another name server? see "ss -lntup sport = :53", or choose another --port)',
  );
  const { hint } = explainListenError(Object.assign(new Error('x'), { code: 'EADDRINUSE' }), '127.0.0.1', 80, '--http');
  t.is(hint, 'another process? see "ss -lntup sport = :80", or choose another --http');
  t.regex(explain('EACCES', '::', 53), /port 53 of \[::\] may not be used \(.*CAP_NET_BIND_SERVICE/);
  t.regex(explain('EADDRNOTAVAIL', '192.0.2.1', 53), /no such address/);
});

test('a real process logs ready, survives a thrown error, and ends with 0 on TERM with its log flushed', async (t) => {
  const lifecycle = JSON.stringify(import.meta.resolve('@zonewright/common/service/lifecycle'));
  const log = JSON.stringify(import.meta.resolve('@zonewright/common/service/log'));
  const source = `
    import { runService } from ${lifecycle};
    import { createLog } from ${log};
    const log = createLog();
    process.exit(await runService({
      log,
      start: async () => {
        setImmediate(() => { throw new Error('a bug'); });
        return { ok: true, value: {} };
      },
      stop: async () => { for (let i = 0; i < 2000; i += 1) log.info('line', { i }); },
    }));`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    if (!text.includes('process.fault') && (text + part).includes('process.fault')) child.kill('SIGTERM');
    text += part;
  });
  const [code] = (await once(child, 'close')) as [number];
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly event: string; readonly i?: number });
  t.is(code, EXIT.done);
  t.deepEqual(
    lines.map(({ event, i }) => i ?? event),
    ['ready', 'process.fault', 'stopping', ...Array.from({ length: 2000 }, (_, i) => i), 'stopped'],
  );
});
