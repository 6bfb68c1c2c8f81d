/**
 * From a CSR in the DNS to a certificate, with everything real: BIND has the zones, pebble is the CA and validates through that
 * BIND, our service stands between them, and `certify` asks. BIND does not tell a hidden secondary of changes, so the zones
 * have a refresh of one second.
 */
import { X509Certificate } from 'node:crypto';
import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { dig, type KeyText, nsupdate } from '../support/dig.ts';
import { type Named, startNamed } from '../support/named.ts';
import { testWith } from '../support/needs.ts';
import { type Owner, temporaryFolder } from '../support/owner.ts';
import { startPebble, type TestPebble } from '../support/pebble.ts';
import { freePort } from '../support/ports.ts';
import { type Ran, run } from '../support/process.ts';
import { makeRepository } from '../support/repository.ts';
import { PRIMARY, startScene, zoneText } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';
import { until } from '../support/until.ts';
import { type Service, tool } from '../support/zonewright.ts';

const secrecy = secrecyOf(test);
const real = testWith(test, ['named', 'pebble', 'openssl', 'dig', 'nsupdate']);

const ours = testWith(test, ['git', 'pebble', 'openssl', 'dig']);

const ORIGIN = 'certified.test';

const zone = (more = ''): string => `$TTL 60
@ SOA ns hostmaster 1 1 1 3600 60
@ NS ns
ns A 127.0.0.1
${more}`;

interface World {
  readonly named: Named;
  readonly pebble: TestPebble;
  readonly folder: string;
  /** The key of the service, and one for whoever asks. */
  readonly acme: KeyText;
  readonly client: KeyText;
  /** Runs `zonewright certify` in the folder. */
  certify(...args: string[]): Promise<Ran>;
  /** Starts the service. */
  serve(...flags: string[]): Promise<Service>;
  /** TXT records at a name. */
  texts(name: string): Promise<readonly string[]>;
  update(...commands: string[]): Promise<void>;
}

interface WorldOptions {
  readonly text?: string;
  readonly isAcmeRefused?: boolean;
  readonly pebble?: Parameters<typeof startPebble>[1] extends infer C ? Partial<C> : never;
}

/** Starts the service beside a DNS server and a CA. */
const serveAt = (
  owner: Owner,
  { address, port }: Pick<Named, 'address' | 'port'>,
  { directory, caFile }: TestPebble,
  key: KeyText,
  flags: readonly string[] = [],
): Promise<Service> => {
  const peers = ['--dns-server', address, '--port', `${port}`, '--directory', directory, '--ca-file', caFile];
  const all = [...peers, '--account-key-seed', 'a seed for tests', ...flags];
  return secrecy.start(owner, 'letsencrypt', all, { env: { ZONEWRIGHT_DNS_KEY: key } });
};

const nameOf = (key: KeyText): string => key.split(':')[0]!;

const world = async (owner: Owner, options: WorldOptions = {}): Promise<World> => {
  const acme = secrecy.newKey(`acme._update.${ORIGIN}`);
  const client = secrecy.newKey(`client._update.${ORIGIN}`);
  const updaters = options.isAcmeRefused === true ? [client] : [client, acme];
  const named = await startNamed(owner, {
    keys: [acme, client],
    zones: [
      {
        name: ORIGIN,
        text: options.text ?? zone(),
        allowUpdate: updaters.map((key) => `key "${nameOf(key)}"`),
        allowTransfer: [`key "${nameOf(acme)}"`],
      },
    ],
  });
  const pebble = await startPebble(owner, { dnsServer: `${named.address}:${named.port}`, ...options.pebble });
  const folder = temporaryFolder(owner, 'certify');
  const server = { server: named.address, port: named.port };
  return {
    named,
    pebble,
    folder,
    acme,
    client,
    certify: (...args) =>
      tool('zonewright', ['certify', '--port', `${named.port}`, ...args], { cwd: folder, timeout: 60_000 }),
    serve: (...flags) => serveAt(owner, named, pebble, acme, flags),
    texts: async (name) => (await dig({ ...server, args: [name, 'TXT'] })).answer.map(({ data }) => data),
    update: async (...commands) => {
      const ran = await nsupdate({
        ...server,
        key: client,
        owner,
        commands: [`zone ${ORIGIN}`, ...commands],
        tcp: true,
      });
      if (ran.code !== 0) throw new Error(ran.text);
    },
  };
};

/** The certificates of a PEM file, and whether openssl trusts the first one through the others. */
const verified = async (
  { pebble, folder }: Pick<World, 'pebble' | 'folder'>,
  file: string,
): Promise<{ chain: X509Certificate[]; said: string }> => {
  const root = join(folder, 'root.pem');
  writeFileSync(root, await pebble.root());
  const path = join(folder, file);
  const ran = await run('openssl', ['verify', '-CAfile', root, '-untrusted', path, path]);
  const blocks =
    readFileSync(path, 'utf8').match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  return { chain: blocks.map((block) => new X509Certificate(block)), said: ran.stdout + ran.stderr };
};

/** A secondary on 127.0.0.2 that has an old version of the zone, in which nothing is, until it catches up. */
const startBehind = async (owner: Owner, { address, port }: Named): Promise<{ asked(): number; catchUp(): void }> => {
  const socket = createSocket('udp4');
  const pending = new Map<number, RemoteInfo>();
  let isBehind = true;
  let asked = 0;
  socket.on('message', (octets, from) => {
    const id = octets.readUInt16BE(0);
    if (from.address === address && from.port === port) {
      const asker = pending.get(id);
      if (asker !== undefined) socket.send(octets, asker.port, asker.address);
      return;
    }
    asked++;
    if (!isBehind) {
      pending.set(id, from);
      socket.send(octets, port, address);
      return;
    }
    const reply = Buffer.from(octets);
    reply.writeUInt16BE(0x8400, 2);
    socket.send(reply, from.port, from.address);
  });
  socket.bind(port, '127.0.0.2');
  await once(socket, 'listening');
  owner.teardown(() => socket.close());
  return {
    asked: () => asked,
    catchUp: () => {
      isBehind = false;
    },
  };
};

const countOf = (service: Service, event: string): number =>
  service.lines.filter(({ text }) => text.includes(`"event":"${event}"`)).length;

real.serial(
  'a CSR becomes a certificate, with a wildcard and other names, and the challenges are gone afterwards',
  async (t) => {
    const w = await world(t);
    const service = await w.serve();
    const host = `www.${ORIGIN}`;
    const others = ['--additional', `*.${host}`, '--additional', `other.${ORIGIN}`];
    const first = await w.certify('--dns-key', w.client, ...others, w.named.address, host);
    t.is(first.code, 0, first.stderr);
    t.is(statSync(join(w.folder, `${host}.key`)).mode & 0o777, 0o600);

    const { chain, said } = await verified(w, `${host}.pem`);
    t.regex(said, /: OK/);
    t.true(chain.length > 1);
    const names = chain[0]!.subjectAltName!.split(', ').sort();
    t.deepEqual(names, [`DNS:*.${host}`, `DNS:other.${ORIGIN}`, `DNS:${host}`].sort());
    for (const name of [host, `other.${ORIGIN}`]) {
      await until(() => w.texts(`_acme-challenge.${name}`), {
        what: 'the TXT records are gone',
        holds: ({ length }) => length === 0,
      });
    }

    await t.notThrowsAsync(service.waitForEvent('certificate.published'));
    // Nothing to do: the file is good, and it needs neither server nor key.
    const again = await w.certify(...others, '127.0.0.1', host);
    t.is(again.code, 0, again.stderr);
    t.regex(again.stdout, /nothing to do/);
    // Another server of the host: key and CSR are copied, the certificate comes out of the DNS.
    const copied = await w.certify(...others, '--certificate', 'copy.pem', w.named.address, host);
    t.is(copied.code, 0, copied.stderr);
    t.regex(copied.stderr, /found a certificate/);
    t.is(readFileSync(join(w.folder, 'copy.pem'), 'utf8'), readFileSync(join(w.folder, `${host}.pem`), 'utf8'));
    // Other names than in the CSR are an error that says so.
    const differs = await w.certify('--force', w.named.address, host);
    t.is(differs.code, 2);
    t.regex(differs.stderr, /www\.certified\.test\.req asks for .*, the command line for /);

    t.is(countOf(service, 'certificate.requested'), 1);
    t.is(countOf(service, 'certificate.failed'), 0);
    t.false(service.text().includes('a seed for tests'));
    const stopped = await service.stop();
    t.is(stopped.code, 0);
  },
);

real.serial('a changed CSR gets a new certificate, and the old one leaves the zone', async (t) => {
  const w = await world(t);
  const service = await w.serve();
  const host = `mail.${ORIGIN}`;
  const tlsa = async (): Promise<readonly string[]> =>
    (
      await dig({ server: w.named.address, port: w.named.port, args: [`_letsencrypt._tcp.${host}`, 'TLSA', '+tcp'] })
    ).answer.map(({ data }) => data.split(' ').slice(0, 3).join(' '));
  const first = await w.certify('--dns-key', w.client, w.named.address, host);
  t.is(first.code, 0, first.stderr);
  const before = await verified(w, `${host}.pem`);
  const second = await w.certify(
    '--dns-key',
    w.client,
    '--type',
    'rsa',
    '--bits',
    '2048',
    '--key',
    'new.key',
    '--csr',
    'new.req',
    w.named.address,
    host,
  );
  t.is(second.code, 0, second.stderr);
  const after = await verified(w, `${host}.pem`);
  t.regex(after.said, /: OK/);
  t.is(after.chain[0]!.publicKey.asymmetricKeyType, 'rsa');
  t.not(after.chain[0]!.serialNumber, before.chain[0]!.serialNumber);
  await until(tlsa, {
    what: 'there is one CSR and one certificate',
    holds: (set) =>
      set.filter((one) => one === '3 0 0').length === 1 && set.filter((one) => one === '3 255 0').length === 1,
  });
  t.is(countOf(service, 'certificate.issued'), 2);

  // A leftover certificate is taken out; nothing is ordered for that.
  await w.update(`add _letsencrypt._tcp.${host} 3600 TLSA 3 0 0 ${Buffer.from(before.chain[0]!.raw).toString('hex')}`);
  await until(tlsa, {
    what: 'the leftover is gone',
    holds: (set) => set.filter((one) => one === '3 0 0').length === 1,
  });
  t.is(countOf(service, 'certificate.issued'), 2);
});

real.serial(
  'a name that leads elsewhere by CNAME is proven where it leads, and a certificate taken out comes back',
  async (t) => {
    const w = await world(t, { text: zone('_acme-challenge.shop CNAME shop.challenges\n') });
    const service = await w.serve();
    const host = `shop.${ORIGIN}`;
    const ran = await w.certify('--dns-key', w.client, w.named.address, host);
    t.is(ran.code, 0, ran.stderr);
    // A certificate that somebody takes out is published again, not ordered again.
    const { chain } = await verified(w, `${host}.pem`);
    await service.waitForEvent('certificate.published');
    const from = service.lines.length;
    await w.update(`delete _letsencrypt._tcp.${host} TLSA 3 0 0 ${Buffer.from(chain[0]!.raw).toString('hex')}`);
    await service.waitForEvent('certificate.published', {}, { from });
    t.is(countOf(service, 'certificate.requested'), 1);
  },
);

real.serial(
  'the CA is told when every server of the zone shows the challenge; a service that is stopped before takes it away',
  async (t) => {
    const w = await world(t, { text: zone('@ NS ns2\nns2 A 127.0.0.2\n') });
    const second = await startBehind(t, w.named);
    const host = `www.${ORIGIN}`;
    const challenge = `_acme-challenge.${host}`;
    const posted = await w.certify('--dns-key', w.client, '--wait', '0', w.named.address, host);
    t.is(posted.code, 3, posted.stderr);

    const first = await w.serve();
    await until(() => w.texts(challenge), { what: 'the challenge is there', holds: ({ length }) => length === 2 });
    await until(() => second.asked(), { what: 'the second server is asked', holds: (count) => count > 1 });
    const stopped = await first.stop();
    t.is(stopped.code, 0);
    t.is(countOf(first, 'challenge.visible') + countOf(first, 'certificate.failed'), 0);
    t.deepEqual(await w.texts(challenge), []);

    const next = await w.serve();
    await until(() => w.texts(challenge), { what: 'the challenge is there', holds: ({ length }) => length === 2 });
    t.is(countOf(next, 'challenge.visible'), 0);
    second.catchUp();
    await next.waitForEvent('challenge.visible');
    await next.waitForEvent('certificate.published');
  },
);

real.serial('a refused update is said, and tried again later, whatever else changes in the zone', async (t) => {
  const w = await world(t, { isAcmeRefused: true });
  const http = await freePort();
  const service = await w.serve('--http', `${http}`);
  const host = `www.${ORIGIN}`;
  const ran = await w.certify('--dns-key', w.client, '--wait', '3', w.named.address, host);
  t.is(ran.code, 3, ran.stderr);
  t.regex(ran.stderr, /no certificate at .* after 3 s/);
  const failure = await service.waitForEvent('certificate.failed');
  t.is(failure.fault, 'refused');
  t.regex(String(failure.reason), /REFUSED/);
  const retry = Date.parse(String(failure.retry)) - Date.parse(String(failure.time));
  t.true(retry > 50_000 && retry < 130_000, `${retry}`);
  for (const [serial, address] of [
    [1, '192.0.2.1'],
    [2, '192.0.2.2'],
  ] as const) {
    const from = service.lines.length;
    await w.update(`add x${serial}.${ORIGIN} 60 A ${address}`);
    await service.waitForEvent('transfer.in', {}, { from });
  }
  const status = await until(
    async () => {
      const response = await fetch(`http://127.0.0.1:${http}/status`);
      return (await response.json()) as { certificates: readonly Record<string, unknown>[] };
    },
    { what: 'the status says that it waits', holds: ({ certificates }) => certificates[0]?.state === 'waiting' },
  );
  t.regex(String(status.certificates[0]!.failure), /REFUSED/);
  t.is(countOf(service, 'certificate.requested'), 1);
  t.is(countOf(service, 'certificate.failed'), 1);
  t.deepEqual(await w.texts(`_acme-challenge.${host}`), []);
});

real.serial(
  'a name that CAA records shut is refused before the CA is asked; the one who asks can read it, a restart does not end the wait, and with the request the status goes',
  async (t) => {
    const w = await world(t, { text: zone('@ CAA 0 issue ";"\n') });
    const host = `www.${ORIGIN}`;
    const owner = `_letsencrypt._tcp.${host}`;
    const data = temporaryFolder(t, 'state');
    const posted = await w.certify('--dns-key', w.client, '--wait', '0', w.named.address, host);
    t.is(posted.code, 3, posted.stderr);
    await w.update(`add ${owner} 60 TXT "not ours"`);
    const first = await w.serve('--data', data);
    t.is((await first.waitForEvent('certificate.failed')).fault, 'caa');
    const shown = await until(() => w.texts(owner), {
      what: 'the status is there',
      holds: ({ length }) => length === 2,
    });
    t.regex(
      shown.join(' '),
      /status=refused reason=.*CAA of certified\.test\..*no CA is allowed.* next=20.* failures=1 request=/,
    );
    await first.stop();

    // From what is kept, and then from the status alone.
    for (const flags of [['--data', data, '--no-status'], []]) {
      const http = await freePort();
      const again = await w.serve('--http', `${http}`, ...flags);
      const entry = await until(
        async () => {
          const response = await fetch(`http://127.0.0.1:${http}/status`);
          return ((await response.json()) as { certificates: readonly Record<string, unknown>[] }).certificates[0];
        },
        { what: 'the request is judged', holds: (one) => one !== undefined },
      );
      t.is(entry?.state, 'waiting');
      t.regex(String(entry?.failure), /no CA is allowed/);
      t.is(countOf(again, 'certificate.requested'), 0);
      if (flags.length === 0) {
        await w.update(`delete ${owner} TLSA`);
        await until(() => w.texts(owner), {
          what: 'the status is gone',
          holds: (texts) => !/status=/.test(texts.join(' ')),
        });
        t.deepEqual(await w.texts(owner), ['"not ours"']);
      }
      await again.stop();
    }
  },
);

real.serial('certify says what it lacks: a key, a right, a server', async (t) => {
  const w = await world(t);
  const host = `www.${ORIGIN}`;
  const keyless = await w.certify(w.named.address, host);
  t.is(keyless.code, 2, keyless.stderr);
  t.regex(keyless.stderr, /--dns-key/);
  const wrong = await w.certify('--dns-key', secrecy.newKey(`client._update.${ORIGIN}`), w.named.address, host);
  t.is(wrong.code, 4, wrong.stderr);
  t.regex(wrong.stderr, /BADSIG|BADKEY/);
  const away = await w.certify('--port', `${await freePort()}`, '--dns-key', w.client, w.named.address, host);
  t.is(away.code, 3, away.stderr);
  const foreign = await w.certify('--dns-key', w.client, w.named.address, 'www.elsewhere.test');
  t.is(foreign.code, 4, foreign.stderr);
  t.false(existsSync(join(w.folder, `${host}.pem`)));
  const mistaken = await w.certify('--key', w.client, w.named.address, host);
  t.is(mistaken.code, 2);
  t.false(mistaken.stderr.includes(w.client.split(':')[2]!));
});

real.serial('with --names host a request for another host of the zone is said, and nothing is ordered', async (t) => {
  const w = await world(t);
  const service = await w.serve('--names', 'host');
  const host = `www.${ORIGIN}`;
  const args = ['--dns-key', w.client, '--wait', '0', '--additional', `*.${ORIGIN}`, w.named.address, host];
  const posted = await w.certify(...args);
  t.is(posted.code, 3, posted.stderr);
  const said = await service.waitForEvent('certificate.unclear', { fault: 'host', host: `${host}.` });
  t.regex(String(said.hint), /--names host/);
  t.is(countOf(service, 'certificate.requested'), 0);
});

real.serial('two CSRs at one name are said once, and nothing is ordered', async (t) => {
  const w = await world(t);
  const host = `www.${ORIGIN}`;
  const csr = join(w.folder, 'other.req.der');
  const made = await run('openssl', [
    'req',
    '-new',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    '/dev/null',
    '-subj',
    `/CN=${host}`,
    '-outform',
    'DER',
    '-out',
    csr,
  ]);
  t.is(made.code, 0, made.stderr);
  const posted = await w.certify('--dns-key', w.client, '--wait', '0', w.named.address, host);
  t.is(posted.code, 3, posted.stderr);
  await w.update(`add _letsencrypt._tcp.${host} 3600 TLSA 3 255 0 ${readFileSync(csr).toString('hex')}`);
  const service = await w.serve();
  await service.waitForEvent('certificate.unclear', { fault: 'several' });
  for (const label of ['y', 'z']) {
    const from = service.lines.length;
    await w.update(`add ${label}.${ORIGIN} 60 A 192.0.2.1`);
    await service.waitForEvent('transfer.in', {}, { from });
  }
  t.is(countOf(service, 'certificate.unclear'), 1);
  t.is(countOf(service, 'certificate.requested'), 0);
});

ours.serial(
  'with our own primary nothing is polled: a key for all zones, and one for a single host, get a certificate',
  async (t) => {
    const all = secrecy.newKey('acme._update');
    const single = secrecy.newKey(`laptop._update.www.${ORIGIN}`);
    const repository = await makeRepository(t, {
      _keys: keyLine(all) + keyLine(single),
      [ORIGIN]: zoneText(1),
      'other.test': zoneText(1),
    });
    const primary = await startScene(t, secrecy, 'primary', ['--remote', repository.path], {
      port: await freePort(PRIMARY),
    });
    const pebble = await startPebble(t, { dnsServer: `${primary.address}:${primary.port}` });
    const service = await serveAt(t, primary, pebble, all);
    await service.waitForEvent('transfer.in', { zone: `${ORIGIN}.` });
    await service.waitForEvent('transfer.in', { zone: 'other.test.' });
    const folder = temporaryFolder(t, 'certify');
    const host = `www.${ORIGIN}`;
    const args = [
      'certify',
      '--port',
      `${primary.port}`,
      '--dns-key',
      single,
      '--wait',
      '30',
      '--additional',
      `*.${host}`,
    ];
    const ran = await tool('zonewright', [...args, primary.address, host], { cwd: folder, timeout: 60_000 });
    t.is(ran.code, 0, ran.stderr);
    secrecy.look(ran.stdout + ran.stderr);
    t.regex((await verified({ pebble, folder }, `${host}.pem`)).said, /: OK/);
    await service.waitForEvent('certificate.published', { zone: `${ORIGIN}.` });
    await primary.shows('NXDOMAIN', `_acme-challenge.${host}`, 'TXT');
    t.is(countOf(service, 'certificate.failed'), 0);
  },
);
