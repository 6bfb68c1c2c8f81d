/**
 * docs/clients.md: lego and certbot as they are printed there, on the addresses of the page and on port 53, in a network namespace, against
 * pebble. Of clients that Debian does not have, the messages that their sources say they send, by `nsupdate` and `dig`.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import anyTest from 'ava';
import { dig, type KeyText, nsupdate } from '../support/dig.ts';
import { git, gitEnvironment } from '../support/git-peers.ts';
import { missing, testUnless, testWith } from '../support/needs.ts';
import { namespaceReason, startNamespace } from '../support/netns.ts';
import { type Owner, temporaryFolder } from '../support/owner.ts';
import { freePort } from '../support/ports.ts';
import { type Place, run, startProgram } from '../support/process.ts';
import { makeRepository } from '../support/repository.ts';
import { PRIMARY, type Scene, startScene } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';
import { runSteps } from '../support/session.ts';
import { stepsOf } from '../support/steps.ts';
import { root } from '../support/zonewright.ts';

const secrecy = secrecyOf(anyTest);
const page = readFileSync(join(root, 'docs/clients.md'), 'utf8');

const ZONE = 'example.org';
const ADDRESS = '10.0.42.2';
const CHALLENGES = ['_acme-challenge.www.example.org', '_acme-challenge.example.org'];

const zone = `$TTL 60
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
ns A ${ADDRESS}
www A 192.0.2.1
`;

/** The same place with a resolver of its own: both clients ask the one of the machine for the servers of the zone. */
const withResolver = (place: Place, file: string): Place => ({
  enter: (command, args) => {
    const script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
    return place.enter('unshare', ['--mount', 'sh', '-c', script, file, command, ...args]);
  },
});

interface World {
  readonly folder: string;
  readonly place: Place;
  readonly env: Readonly<Record<string, string>>;
  /** Runs the steps below a heading of the page. */
  follow(heading: string): Promise<void>;
  /** RCODE and data of a TXT question. */
  texts(name: string): Promise<string>;
}

/** The world of the page: the primary with its zone, a clone, the key of the first section, and pebble as the CA of all clients. */
const world = async (owner: Owner): Promise<World> => {
  const own = await startNamespace(owner, [ADDRESS]);
  const folder = temporaryFolder(owner, 'clients');
  const repository = await makeRepository(owner, { [ZONE]: zone });
  const resolver = join(folder, 'resolv.conf');
  writeFileSync(resolver, `nameserver ${ADDRESS}\n`);
  const place = withResolver(own, resolver);
  const flags = ['--remote', repository.path, '--listen', ADDRESS];
  const primary = await secrecy.start(owner, 'primary', [...flags, '--data', join(folder, 'data')], {
    within: own,
  });
  const ca = await startProgram(owner, join(root, 'bin/zonewright'), ['test-ca', '--dns-server', ADDRESS], {
    cwd: folder,
    within: own,
    name: 'pebble',
  });
  await ca.waitForLine(/^root: /);
  await git(folder, 'clone', '--quiet', repository.path, 'zones');
  const caFile = join(folder, 'test-ca/tls.pem');
  const env = {
    ...gitEnvironment,
    PATH: `${join(root, 'bin')}:/usr/sbin:${process.env.PATH ?? ''}`,
    HOME: folder,
    XDG_CONFIG_HOME: join(folder, 'config'),
    LEGO_CA_CERTIFICATES: caFile,
    REQUESTS_CA_BUNDLE: caFile,
  };
  // What stands on its command line is the page's; where it keeps its files, and which CA it asks, is the test's.
  const certbot = ['config-dir', 'work-dir', 'logs-dir'].map((name) => `${name} = ${join(folder, 'certbot')}\n`);
  mkdirSync(join(folder, 'config/letsencrypt'), { recursive: true });
  writeFileSync(
    join(folder, 'config/letsencrypt/cli.ini'),
    `${certbot.join('')}server = https://127.0.0.1:14000/dir\n`,
  );

  const follow: World['follow'] = async (heading) => {
    const results = await runSteps(stepsOf(page, { beneath: heading }), {
      cwd: folder,
      within: place,
      env,
      timeout: 90_000,
      rewrite: (text) =>
        text
          .replace('lego --accept-tos', 'lego --server https://127.0.0.1:14000/dir --accept-tos')
          // One server, which was asked: there is nothing to wait for.
          .replace('--dns-rfc2136-propagation-seconds 10', '--dns-rfc2136-propagation-seconds 0'),
    });
    for (const { output } of results) secrecy.look(output);
  };
  await follow('The key');
  const isLoaded = primary.waitForEvent('commit.loaded', { commit: await repository.head() });
  primary.signal('SIGHUP');
  await isLoaded;
  return {
    folder,
    place,
    env,
    follow,
    texts: async (name) => {
      const { status, answer } = await dig({ server: ADDRESS, args: [name, 'TXT'], within: own });
      return [status, ...answer.map(({ data }) => data)].join(' ');
    },
  };
};

/** What openssl says of a chain below the root of pebble. */
const verified = async ({ folder, place }: World, chain: string): Promise<string> => {
  const root = join(folder, 'root.pem');
  const url = 'https://127.0.0.1:15000/roots/0';
  await run('curl', ['--silent', '--cacert', join(folder, 'test-ca/tls.pem'), '--output', root, url], {
    within: place,
  });
  const { stdout, stderr } = await run('openssl', ['verify', '-CAfile', root, '-untrusted', chain, chain]);
  return stdout + stderr;
};

/** A plugin is no program. */
const PLUGIN = '/usr/lib/python3/dist-packages/certbot_dns_rfc2136';

const absent = [
  ...(missing('git', 'lego', 'certbot', 'pebble', 'dig', 'openssl', 'curl') ?? []),
  ...(existsSync(PLUGIN) ? [] : ['python3-certbot-dns-rfc2136']),
];
const reason = absent.length === 0 ? namespaceReason() : `needs package ${absent.join(', ')}`;

testUnless(anyTest, reason).serial(
  'lego and certbot get certificates as the page says, with a key for challenges only, and leave nothing behind',
  async (t) => {
    t.timeout(300_000);
    const w = await world(t);
    await w.follow('lego');
    t.regex(await verified(w, join(w.folder, '.lego/certificates/www.example.org.crt')), /: OK$/m);
    await w.follow('certbot');
    t.regex(await verified(w, join(w.folder, 'certbot/live/www.example.org/fullchain.pem')), /: OK$/m);
    for (const name of CHALLENGES) t.is(await w.texts(name), 'NXDOMAIN');
  },
);

const scripted = testWith(anyTest, ['git', 'nsupdate', 'dig']);

/** A primary whose keys are those of the page, as far as their limits go, each with a secret. */
const startWith = async (
  owner: Owner,
  ...names: readonly string[]
): Promise<{ readonly primary: Scene; readonly keys: readonly KeyText[] }> => {
  const keys = names.map((name) => secrecy.newKey(`${name}._update.${ZONE}`));
  const limits = [...page.matchAll(/^.*?(TXT "types=.*")/gm)].map(([, limit]) => limit!);
  const limitOf = (name: string): string => limits[['acme', 'external-dns'].indexOf(name)]!;
  const lines = names.map((name, i) => `${keyLine(keys[i]!)}  ${limitOf(name)}\n`).join('');
  const repository = await makeRepository(owner, { [ZONE]: zone, [`${ZONE}._keys`]: lines });
  const data = temporaryFolder(owner, 'data');
  const primary = await startScene(owner, secrecy, 'primary', ['--remote', repository.path, '--data', data], {
    port: await freePort(PRIMARY),
  });
  return { primary, keys };
};

/** Sends an UPDATE as a client does; the RCODE. */
const send = async (
  owner: Owner,
  { address, port }: Scene,
  key: KeyText,
  isTcp: boolean,
  commands: readonly string[],
): Promise<string> => {
  const ran = await nsupdate({
    server: address,
    port,
    key,
    owner,
    tcp: isTcp,
    commands: [`zone ${ZONE}`, ...commands],
  });
  return ran.code === 0 ? 'NOERROR' : (/update failed: (\w+)/.exec(ran.text)?.[1] ?? ran.text);
};

scripted.serial(
  'what cert-manager and Caddy send works with a key for challenges, and nothing else does',
  async (t) => {
    const { primary, keys } = await startWith(t, 'acme');
    const [key] = keys;
    const [name] = CHALLENGES;
    // cert-manager over UDP, Caddy over TCP: one record is added, another one for the wildcard, and exactly these are taken away.
    for (const isTcp of [false, true]) {
      const values = ['one', 'another'];
      for (const value of values) t.is(await send(t, primary, key!, isTcp, [`add ${name} 60 TXT ${value}`]), 'NOERROR');
      t.is(await primary.look(name!, 'TXT'), 'NOERROR "another" "one"');
      for (const value of values) t.is(await send(t, primary, key!, isTcp, [`del ${name} TXT ${value}`]), 'NOERROR');
      t.is(await primary.look(name!, 'TXT'), 'NXDOMAIN');
    }
    // lego, and whoever sets records by Caddy's module: what was there is replaced.
    for (const value of ['old', 'new'])
      t.is(await send(t, primary, key!, true, [`del ${name} TXT`, `add ${name} 0 TXT ${value}`]), 'NOERROR');
    t.is(await primary.look(name!, 'TXT'), 'NOERROR "new"');

    for (const command of [
      `add ${name} 60 CNAME www`,
      `add _acme-challenge.mail.${ZONE} 60 TXT one`,
      `add www.${ZONE} 60 TXT one`,
      `del www.${ZONE} A`,
    ])
      t.is(await send(t, primary, key!, false, [command]), 'REFUSED', command);
    t.is(await primary.look(`www.${ZONE}`), 'NOERROR 192.0.2.1');
  },
);

scripted(
  'what external-dns does works with a key for its part of the zone: list, create, update, delete',
  async (t) => {
    const { primary, keys } = await startWith(t, 'external-dns');
    const [key] = keys;
    const { address: server, port } = primary;
    /** As it lists what is there: a signed AXFR, of which it reads addresses and TXT records. */
    const list = async (): Promise<readonly string[]> => {
      const { answer, status } = await dig({ server, port, args: [ZONE, 'AXFR'], key: key!, owner: t });
      t.is(status, 'NOERROR');
      return answer
        .filter(({ type, name }) => ['A', 'AAAA', 'CNAME', 'TXT'].includes(type) && name.endsWith('.k8s.example.org.'))
        .map(({ name, type, data }) => `${name} ${type} ${data}`)
        .sort();
    };
    const owned = '"heritage=external-dns,external-dns/owner=cluster,external-dns/resource=service/default/shop"';
    const shop = `shop.k8s.${ZONE}.`;
    const mark = `owner-a-${shop}`;
    t.deepEqual(await list(), []);
    // A target that is no FQDN, a TTL of the least that it was told, a record with two targets, and both marks, in one UPDATE.
    const created = [`${shop} 60 A 192.0.2.10`, `${shop} 60 A 192.0.2.11`, `${mark} 60 TXT ${owned}`];
    t.is(
      await send(
        t,
        primary,
        key!,
        false,
        created.map((line) => `add ${line}`),
      ),
      'NOERROR',
    );
    t.deepEqual(await list(), [`${mark} TXT ${owned}`, `${shop} A 192.0.2.10`, `${shop} A 192.0.2.11`]);

    const updated = [
      `del ${shop} A 192.0.2.10`,
      `del ${shop} A 192.0.2.11`,
      `add ${shop} 60 A 192.0.2.12`,
      `del ${mark} TXT ${owned}`,
      `add ${mark} 60 TXT ${owned}`,
    ];
    t.is(await send(t, primary, key!, true, updated), 'NOERROR');
    t.deepEqual(await list(), [`${mark} TXT ${owned}`, `${shop} A 192.0.2.12`]);

    const foreign = [`add ${mark} 60 TXT more`, `add www.${ZONE} 60 A 192.0.2.13`];
    t.is(await send(t, primary, key!, false, foreign), 'REFUSED');
    t.is(await send(t, primary, key!, false, [`del ${shop} A 192.0.2.12`, `del ${mark} TXT ${owned}`]), 'NOERROR');
    t.deepEqual(await list(), []);
  },
);
