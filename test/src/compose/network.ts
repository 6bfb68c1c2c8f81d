/**
 * compose.yaml on a real engine: the images are built, the network of the tutorial is started, and tried with programs that
 * nobody here wrote. `npm run test:compose`; it is no part of `npm test`.
 *
 * Needs an engine that DOCKER_HOST (or the default socket) leads to, on this machine, since containers are asked by their own
 * addresses. Where NODE_EXTRA_CA_CERTS names authorities that this machine trusts besides the usual ones, npm in the build
 * does too. Always holds: containers, networks and volumes are gone afterwards, also when a test fails.
 */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { dig, type KeyText, nsupdate } from '../support/dig.ts';
import { missing } from '../support/needs.ts';
import type { Owner } from '../support/owner.ts';
import { freePort } from '../support/ports.ts';
import { type Ran, run } from '../support/process.ts';
import { until } from '../support/until.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PROJECT = 'zonewright-test';
const PRIMARY = '10.0.42.2';
const SECONDARY = '10.0.42.3';
const PEBBLE = '10.0.42.5';
const SERVICES = ['primary', 'secondary', 'letsencrypt'] as const;
const PERSONAL = 'personal._update.mirage';
const MINUTE = 60_000;
/** What the secondary may take to serve what the primary has acknowledged. Milliseconds. */
const SOON = 1000;

const leave = (why: string): never => {
  process.stderr.write(`test:compose: ${why}\n`);
  process.exit(1);
};

const absent = missing('dig', 'nsupdate', 'openssl', 'git');
if (absent !== undefined) leave(`needs package ${absent.join(', ')}`);

const tryRun = (command: string, args: readonly string[]): Promise<Ran | undefined> =>
  run(command, args).catch(() => undefined);

const engine = await tryRun('docker', ['version', '--format', '{{.Server.Version}}']);
if (engine === undefined) leave('there is no program docker here (Debian: apt install docker.io docker-compose)');
else if (engine.code !== 0)
  leave('no container engine answers: start one, and set DOCKER_HOST where it is not at the default');

/** Compose v2 is a plug-in of docker, v1 a program. */
const COMPOSE =
  (await tryRun('docker', ['compose', 'version']))?.code === 0
    ? ['docker', 'compose']
    : (await tryRun('docker-compose', ['version']))?.code === 0
      ? ['docker-compose']
      : leave('there is neither "docker compose" nor docker-compose here');

const folder = mkdtempSync(join(tmpdir(), 'zonewright-compose-'));
const ends: (() => unknown)[] = [];
/** Owns what the helpers of dig and nsupdate leave. */
const owner: Owner = {
  teardown: (end) => void ends.push(end),
  passed: true,
  log: (...text) => void process.stderr.write(`${text.join(' ')}\n`),
};

const docker = async (...args: readonly string[]): Promise<string> => {
  const ran = await run('docker', args, { timeout: 5 * MINUTE });
  assert.equal(ran.code, 0, `docker ${args.join(' ')}\n${ran.stdout}${ran.stderr}`);
  return ran.stdout.trim();
};

const environment: Record<string, string> = {};

const compose = (...args: readonly string[]): Promise<Ran> => {
  const [command, ...words] = [...COMPOSE, '-f', 'compose.yaml', '-p', PROJECT, '--profile', 'acme', ...args];
  return run(command!, words, { cwd: ROOT, env: environment, timeout: 15 * MINUTE });
};

const mustCompose = async (...args: readonly string[]): Promise<Ran> => {
  const ran = await compose(...args);
  assert.equal(ran.code, 0, `compose ${args.join(' ')}\n${ran.stdout}${ran.stderr}`);
  return ran;
};

/** What containers and tools have said so far, to be searched for secrets. */
const said: string[] = [];

const hearLogs = async (): Promise<void> => {
  const { stdout, stderr } = await mustCompose('logs', '--no-color');
  said.push(stdout, stderr);
};

/** Runs `zonewright` in a container of its own, which goes again. */
const tool = async (...args: readonly string[]): Promise<Ran> => {
  const ran = await compose('run', '--rm', '-T', 'tools', ...args);
  said.push(ran.stdout, ran.stderr);
  return ran;
};

const ofProject = (...labels: readonly string[]): readonly string[] =>
  [`project=${PROJECT}`, ...labels].flatMap((label) => ['--filter', `label=com.docker.compose.${label}`]);

const containerOf = async (service: string): Promise<string> => {
  const id = await docker('ps', '--all', '--quiet', ...ofProject(`service=${service}`, 'oneoff=False'));
  assert.match(id, /^[0-9a-f]+$/, `the container of ${service}`);
  return id;
};

/** What `docker inspect` says of a service, by a Go template. */
const inspect = async (service: string, template: string): Promise<string> =>
  docker('inspect', '--format', template, await containerOf(service));

const becomeHealthy = async (): Promise<void> => {
  for (const service of [...SERVICES, 'pebble'])
    await until(() => inspect(service, '{{.State.Health.Status}}'), {
      what: `${service} is healthy`,
      timeout: MINUTE,
      holds: (status) => status === 'healthy',
    });
};

const ask = async (server: string, name: string, type: string, port = 53): Promise<string> => {
  const reply = await dig({ server, port, args: [name, type] });
  const records = reply.answer.map(({ name: owns, ttl, type: is, data }) => `${owns} ${ttl} ${is} ${data}`);
  return [reply.status, ...records.sort()].join('\n');
};

const answers = (server: string, name: string, data: string): Promise<string> =>
  until(() => ask(server, name, 'A'), {
    what: `${server} answers ${name}`,
    timeout: SOON,
    holds: (answer) => answer.includes(data),
  });

/** Copies a file or folder out of the container of a service, volumes included. */
const copyOut = async (service: string, path: string, name: string): Promise<string> => {
  const target = join(folder, name);
  await docker('cp', `${await containerOf(service)}:${path}`, target);
  return target;
};

/** Lets npm in the build trust what this machine trusts: an image like the one the Dockerfile names, for the build stages only. */
const buildImage = async (): Promise<void> => {
  const authorities = process.env.NODE_EXTRA_CA_CERTS;
  if (authorities === undefined || authorities === '') return;
  const context = join(folder, 'build-image');
  mkdirSync(context);
  copyFileSync(authorities, join(context, 'extra.pem'));
  const base = /^ARG NODE_IMAGE=(\S+)$/m.exec(readFileSync(join(ROOT, 'Dockerfile'), 'utf8'))?.[1];
  assert.ok(base !== undefined);
  writeFileSync(
    join(context, 'Dockerfile'),
    `FROM ${base}\nCOPY extra.pem /etc/extra.pem\nENV NODE_EXTRA_CA_CERTS=/etc/extra.pem\n`,
  );
  environment.ZONEWRIGHT_BUILD_IMAGE = `${PROJECT}-build`;
  await docker('build', '--quiet', '--tag', environment.ZONEWRIGHT_BUILD_IMAGE, context);
};

const fetchText = (url: string, ca: string): Promise<string> =>
  new Promise((resolve, reject) => {
    get(url, { ca, agent: false, timeout: 5000 }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
    }).on('error', reject);
  });

describe('compose.yaml', { timeout: 30 * MINUTE }, () => {
  let isDown = false;
  let published = 0;
  let personal: KeyText = '';
  let keys: readonly KeyText[] = [];

  const tearDown = async (): Promise<void> => {
    if (isDown) return;
    isDown = true;
    await mustCompose('down', '--volumes', '--remove-orphans', '--timeout', '10');
  };

  before(async () => {
    await compose('down', '--volumes', '--remove-orphans');
    published = await freePort();
    environment.ZONEWRIGHT_PUBLISH = `127.0.0.1:${published}`;
    await buildImage();
    const start = performance.now();
    await mustCompose('build', ...SERVICES, 'pebble', 'tools');
    owner.log(`images built in ${Math.round((performance.now() - start) / 1000)} s`);
    await mustCompose('up', '--detach');
    const keyFolder = await copyOut('secondary', '/srv/keys', 'keys');
    keys = readdirSync(keyFolder).map((name) => readFileSync(join(keyFolder, name), 'utf8').trim());
    personal = keys.find((key) => key.startsWith(`${PERSONAL}:`)) ?? '';
  });

  after(async () => {
    try {
      const { stdout } = await compose('logs', '--no-color', '--tail', '40');
      if (!isDown) owner.log(`the last words of the containers:\n${stdout}`);
      await tearDown();
      const { ZONEWRIGHT_BUILD_IMAGE: image } = environment;
      if (image !== undefined) await tryRun('docker', ['image', 'rm', '--no-prune', image]);
    } finally {
      for (const end of ends.reverse()) await end();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('brings services that become healthy, with fresh keys of a mirage zone', async () => {
    await becomeHealthy();
    assert.equal(keys.length, 4);
    assert.notEqual(personal, '');
  });

  it('confines every container: no root, no capabilities, a read-only root filesystem, no new privileges', async () => {
    for (const service of [...SERVICES, 'pebble', 'seed', 'ca-files']) {
      const [user, isReadOnly, dropped, options] = await Promise.all([
        inspect(service, '{{.Config.User}}'),
        inspect(service, '{{.HostConfig.ReadonlyRootfs}}'),
        inspect(service, '{{.HostConfig.CapDrop}}'),
        inspect(service, '{{.HostConfig.SecurityOpt}}'),
      ]);
      assert.ok(Number.parseInt(user, 10) >= 10_000, `user of ${service}: ${user}`);
      assert.equal(isReadOnly, 'true', service);
      assert.equal(dropped, '[ALL]', service);
      assert.match(options, /no-new-privileges/, service);
    }
    for (const service of [...SERVICES, 'pebble']) {
      const pid = await inspect(service, '{{.State.Pid}}');
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      assert.match(status, /^Uid:\t10053\t10053\t10053\t10053$/m, service);
      assert.match(status, /^CapEff:\t0{16}$/m, service);
      assert.match(status, /^CapBnd:\t0{16}$/m, service);
      assert.match(status, /^NoNewPrivs:\t1$/m, service);
    }
  });

  it('gives the same answers from the primary, the secondary, and the port of this machine', async () => {
    for (const [name, type] of [
      ['www.mirage', 'A'],
      ['mirage', 'SOA'],
      ['mirage', 'NS'],
      ['nobody.mirage', 'A'],
    ] as const) {
      const answer = await ask(PRIMARY, name, type);
      assert.match(answer, name === 'nobody.mirage' ? /^NXDOMAIN/ : /^NOERROR\n/);
      assert.equal(await ask(SECONDARY, name, type), answer);
      assert.equal(await ask('127.0.0.1', name, type, published), answer);
    }
    const tcp = await dig({ server: '127.0.0.1', port: published, args: ['www.mirage', 'A', '+tcp'] });
    assert.equal(tcp.status, 'NOERROR');
  });

  it('takes an nsupdate with the seeded key: the secondary has it within a second, the repository its commit', async () => {
    const commands = ['zone mirage', 'update add hello.mirage 300 A 192.0.2.81'];
    const { code, text } = await nsupdate({ server: PRIMARY, key: personal, owner, commands });
    assert.equal(code, 0, text);
    await answers(SECONDARY, 'hello.mirage', '192.0.2.81');
    await until(async () => (await compose('logs', 'primary')).stdout.includes('commit.pushed'), {
      what: 'the commit of the update is in the repository',
    });
    const repository = await copyOut('primary', '/srv/zones.git', 'zones.git');
    const git = async (...args: readonly string[]): Promise<string> => {
      const ran = await run('git', ['-c', 'safe.directory=*', '--git-dir', repository, ...args]);
      assert.equal(ran.code, 0, ran.stderr);
      return ran.stdout;
    };
    assert.match(await git('log', '-1', '--format=%an'), /^personal\._update\.mirage/);
    const zone = await git('show', 'main:mirage');
    assert.match(zone, /^hello\s.*192\.0\.2\.81$/m);
    assert.match(zone, /^; The name servers, and where they are\.$/m);
    await git('fsck', '--strict');
  });

  it('refuses an update whose key is another one', async () => {
    const key = `${PERSONAL}:SHA256:${Buffer.alloc(32, 7).toString('base64')}`;
    const commands = ['zone mirage', 'update add no.mirage 300 A 192.0.2.1'];
    const { code } = await nsupdate({ server: PRIMARY, key, owner, commands });
    assert.notEqual(code, 0);
    assert.match(await ask(PRIMARY, 'no.mirage', 'A'), /^NXDOMAIN/);
  });

  it('has the tools in an image, which read the seeded keys', async () => {
    const key = `@/srv/keys/${PERSONAL}`;
    const updated = await tool('update', PRIMARY, key, 'tool.mirage', '192.0.2.82', '2001:db8::82');
    assert.equal(updated.code, 0, updated.stdout + updated.stderr);
    await answers(SECONDARY, 'tool.mirage', '192.0.2.82');
    const asked = await tool('query', SECONDARY, 'tool.mirage', 'AAAA');
    assert.match(asked.stdout, /2001:db8::82/);
  });

  it('gets a certificate that openssl accepts against the root of the CA', async () => {
    const name = `${PROJECT}-certify`;
    const certify = ['certify', '--dns-key', `@/srv/keys/${PERSONAL}`, PRIMARY, 'www.mirage'];
    const ran = await compose('run', '--name', name, '-T', 'tools', ...certify);
    try {
      said.push(ran.stdout, ran.stderr);
      assert.equal(ran.code, 0, ran.stdout + ran.stderr);
      const file = join(folder, 'www.mirage.pem');
      await docker('cp', `${name}:/srv/certificates/www.mirage.pem`, file);
      const ca = readFileSync(await copyOut('letsencrypt', '/srv/ca/tls.pem', 'tls.pem'), 'utf8');
      const root = join(folder, 'root.pem');
      writeFileSync(root, await fetchText(`https://${PEBBLE}:15000/roots/0`, ca));
      const verify = ['verify', '-CAfile', root, '-untrusted', file, '-verify_hostname', 'www.mirage', file];
      const verified = await run('openssl', verify);
      assert.equal(verified.code, 0, verified.stdout + verified.stderr);
    } finally {
      await tryRun('docker', ['rm', '--force', name]);
    }
  });

  it('heals when a server is restarted', async () => {
    for (const service of ['primary', 'secondary']) {
      await mustCompose('restart', '--timeout', '10', service);
      await becomeHealthy();
      assert.equal(await inspect(service, '{{.State.ExitCode}}'), '0');
      const commands = ['zone mirage', `update add after-${service}.mirage 300 A 192.0.2.83`];
      const { code, text } = await nsupdate({ server: PRIMARY, key: personal, owner, commands });
      assert.equal(code, 0, text);
      await answers(SECONDARY, `after-${service}.mirage`, '192.0.2.83');
    }
  });

  it('keeps zone and keys when all containers are made anew', async () => {
    const serial = await ask(PRIMARY, 'mirage', 'SOA');
    await hearLogs();
    await mustCompose('down', '--timeout', '10');
    await mustCompose('up', '--detach');
    await becomeHealthy();
    assert.equal(await ask(PRIMARY, 'mirage', 'SOA'), serial);
    assert.equal(await ask(SECONDARY, 'mirage', 'SOA'), serial);
    const keyFolder = await copyOut('secondary', '/srv/keys', 'keys-again');
    const again = readdirSync(keyFolder).map((name) => readFileSync(join(keyFolder, name), 'utf8').trim());
    assert.deepEqual(new Set(again), new Set(keys));
  });

  it('shows no secret in any log', async () => {
    await hearLogs();
    const secrets = keys.map((key) => key.split(':')[2] ?? '');
    const files = [
      await copyOut('letsencrypt', '/srv/ca/tls.key', 'tls.key'),
      await copyOut('letsencrypt', '/srv/letsencrypt/account.pem', 'account.pem'),
    ];
    const lines = files.flatMap((file) => readFileSync(file, 'utf8').split('\n'));
    secrets.push(...lines.filter((line) => line !== '' && !line.startsWith('-----')));
    const text = said.join('\n');
    for (const event of ['ready', 'update.accepted', 'transfer.out', 'certificate.published'])
      assert.ok(text.includes(`"event":"${event}"`), event);
    for (const secret of secrets) {
      assert.ok(secret.length >= 16);
      assert.ok(!text.includes(secret), 'a secret is in a log');
    }
  });

  it('stops cleanly, and leaves nothing', async () => {
    await mustCompose('stop', '--timeout', '10');
    for (const service of SERVICES) assert.equal(await inspect(service, '{{.State.ExitCode}}'), '0', service);
    await tearDown();
    assert.equal(await docker('ps', '--all', '--quiet', ...ofProject()), '');
    assert.equal(await docker('volume', 'ls', '--quiet', ...ofProject()), '');
    assert.equal(await docker('network', 'ls', '--quiet', ...ofProject()), '');
  });
});
