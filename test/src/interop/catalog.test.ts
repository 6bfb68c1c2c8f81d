/**
 * Catalog zones (RFC 9432) between ours and others: BIND, Knot, NSD and PowerDNS follow the catalog of our primary, and our secondary theirs. What comes
 * and goes is added and removed at the primary alone; nobody touches the configuration of a secondary.
 *
 * The others listen on 127.0.0.1, so ours is at 127.0.0.2.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import anyTest, { type ExecutionContext } from 'ava';
import { dig, type KeyText, keyParts } from '../support/dig.ts';
import { FOLLOWER } from '../support/followers.ts';
import { startKnotPeer } from '../support/knot-peer.ts';
import { startNamed } from '../support/named.ts';
import { testWith } from '../support/needs.ts';
import { nsdKey, startNsdPeer } from '../support/nsd-peer.ts';
import { type Owner, temporaryFolder } from '../support/owner.ts';
import { startPdns } from '../support/pdns.ts';
import { freePort } from '../support/ports.ts';
import type { Program } from '../support/process.ts';
import { makeRepository } from '../support/repository.ts';
import { pull, startScene, zoneText } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';
import { until } from '../support/until.ts';

const secrecy = secrecyOf(anyTest);
const test = (name: string) => testWith(anyTest, [name, 'git', 'dig', 'nsupdate']);

const OURS = '127.0.0.2';
const CATALOG = 'catalog';
const TIMERS = '3600 1 86400 300';

const look = async (port: number, name: string): Promise<string> => {
  const { status, answer } = await dig({ server: FOLLOWER, port, args: [name, 'A'] });
  return [status, ...answer.map(({ data }) => data)].join(' ');
};

/** Others that follow a catalog, and what they are told of it once. */
const consumers = {
  named: async (owner: Owner, port: number, key: KeyText): Promise<Program> => {
    const primary = `${OURS} port ${port} key "${keyParts(key).name}"`;
    const named = await startNamed(owner, {
      port,
      keys: [key],
      zones: [{ name: CATALOG, primaries: [{ address: OURS, port, key }] }],
      options: `catalog-zones { zone "${CATALOG}" default-primaries { ${primary}; } in-memory yes min-update-interval 1; };`,
    });
    return named.program;
  },
  knotd: async (owner: Owner, port: number, key: KeyText): Promise<Program> => {
    const zones = (folder: string): string => `template:
  - id: default
    storage: "${folder}"
    zonefile-sync: -1
    zonefile-load: none
    journal-content: all
    semantic-checks: off
  - id: member
    storage: "${folder}"
    zonefile-sync: -1
    zonefile-load: none
    journal-content: all
    semantic-checks: off
    master: "${keyParts(key).name}"
    acl: peer
zone:
  - domain: "${CATALOG}"
    master: "${keyParts(key).name}"
    acl: peer
    catalog-role: interpret
    catalog-template: member
`;
    return (await startKnotPeer(owner, { port, ours: OURS, keys: [key], zones })).program;
  },
  'nsd-4.12': async (owner: Owner, port: number, key: KeyText): Promise<Program> => {
    const { name } = keyParts(key);
    const sections = `${nsdKey(key)}pattern:
  name: member
  request-xfr: ${OURS}@${port} ${name}
  allow-notify: ${OURS} ${name}
  outgoing-interface: ${FOLLOWER}
  min-retry-time: 1
  min-refresh-time: 1
zone:
  name: "${CATALOG}"
  catalog: consumer
  catalog-member-pattern: member
  include-pattern: member
`;
    return (await startNsdPeer(owner, { port, sections, version: 'nsd-4.12' })).program;
  },
  pdns_server: (owner: Owner, port: number, key: KeyText): Promise<Program> =>
    startPdns(owner, { port, ours: OURS, zones: [{ zone: CATALOG, key, isCatalog: true }] }),
} as const;

/** What our primary needs for a consumer: PowerDNS 4.7 has no key for the members of a catalog. */
const demands = { named: [], knotd: [], 'nsd-4.12': [], pdns_server: ['--axfr'] } satisfies Record<
  keyof typeof consumers,
  string[]
>;

for (const name of ['named', 'knotd', 'nsd-4.12', 'pdns_server'] as const)
  test(name).serial(
    `${name} follows the catalog of our primary: zones that come, change, go and come back`,
    async (t) => {
      const admin = secrecy.newKey('admin._update');
      const key = secrecy.newKey(`${OURS}.${FOLLOWER}._transfer`);
      const repository = await makeRepository(t, {
        _keys: [admin, key].map(keyLine).join(''),
        'a.example': zoneText(1, 'www A 192.0.2.1\n', TIMERS),
        'odd\\047.example': zoneText(1, 'www A 192.0.2.2\n', TIMERS),
      });
      const port = await freePort(OURS, FOLLOWER);
      const data = temporaryFolder(t, 'data');
      const flags = ['--remote', repository.path, '--catalog', CATALOG, '--data', data, ...demands[name]];
      const primary = await startScene(t, secrecy, 'primary', flags, { address: OURS, port });
      const follower = await consumers[name](t, port, key);
      const shows = (expected: string, of: string): Promise<unknown> =>
        until(() => look(port, of), {
          what: `${name} says ${expected} to ${of}`,
          holds: (seen) => seen === expected,
        });
      await shows('NOERROR 192.0.2.1', 'www.a.example');
      await shows('NOERROR 192.0.2.2', 'www.odd\\047.example');
      t.is(await look(port, 'www.b.example'), 'REFUSED');

      await pull(primary, await repository.push({ 'b.example': zoneText(1, 'www A 192.0.2.3\n', TIMERS) }));
      await shows('NOERROR 192.0.2.3', 'www.b.example');
      t.is((await primary.update(admin, 'zone b.example', 'add new.b.example 60 A 192.0.2.4')).code, 0);
      await shows('NOERROR 192.0.2.4', 'new.b.example');
      const refused = await primary.update(admin, `zone ${CATALOG}`, `add x.${CATALOG} 60 A 192.0.2.4`);
      t.regex(refused.text, /REFUSED/);

      await pull(primary, await repository.push({ 'a.example': undefined }));
      await shows('REFUSED', 'www.a.example');
      t.is(await look(port, 'www.b.example'), 'NOERROR 192.0.2.3');

      const before = (await primary.serial(CATALOG))!;
      t.is((await primary.service.stop()).code, 0);
      const again = await startScene(t, secrecy, 'primary', flags, { address: OURS, port });
      t.is(await again.serial(CATALOG), before, 'its members are the same');
      await pull(again, await repository.push({ 'a.example': zoneText(2, 'www A 192.0.2.5\n', TIMERS) }));
      await shows('NOERROR 192.0.2.5', 'www.a.example');
      t.is(await look(port, 'www.b.example'), 'NOERROR 192.0.2.3');
      t.notRegex(follower.text(), /broken|invalid (?:record|catalog)|catz.*(?:fail|error)|FORMERR/i);
    },
  );

const catalogText = (serial: number, ...members: readonly (readonly [label: string, zone: string])[]): string =>
  [
    `@ 0 SOA invalid. invalid. ${serial} 3600 1 86400 0`,
    '@ 0 NS invalid.',
    'version 0 TXT "2"',
    ...members.map(([label, zone]) => `${label}.zones 0 PTR ${zone}.`),
    '',
  ].join('\n');

const startOurs = (t: ExecutionContext<unknown>, port: number, key: KeyText) =>
  startScene(t, secrecy, 'secondary', ['--keys', key, '--catalog', CATALOG], { address: OURS, port });

test('named').serial(
  'our secondary follows a catalog of BIND, keeps all when it breaks, and begins anew with a new label',
  async (t) => {
    const port = await freePort(OURS, FOLLOWER);
    // It is for the catalog alone: members come from where the catalog does.
    const key = secrecy.newKey(`${FOLLOWER}.${OURS}._transfer.${CATALOG}`);
    const alsoNotify = [{ address: OURS, port, key }];
    const allowTransfer = [`key "${keyParts(key).name}"`];
    const zone = (name: string, text: string) => ({ name, text, alsoNotify, allowTransfer });
    const member = (address: string): string => zoneText(1, `www A ${address}\n`, TIMERS);
    const named = await startNamed(t, {
      port,
      keys: [key],
      zones: [
        zone(CATALOG, catalogText(1, ['one', 'a.example'])),
        zone('a.example', member('192.0.2.1')),
        zone('b.example', member('192.0.2.2')),
      ],
    });
    const ours = await startOurs(t, port, key);
    const loads = async (text: string, event: string, serial: number): Promise<void> => {
      const seen = ours.service.waitForEvent(event, { serial });
      named.write(CATALOG, text);
      await named.reload();
      await seen;
    };
    await ours.shows('NOERROR 192.0.2.1', 'www.a.example');
    t.is(await ours.look('www.b.example'), 'REFUSED');
    await loads(catalogText(2, ['one', 'a.example'], ['two', 'b.example']), 'catalog.loaded', 2);
    await ours.shows('NOERROR 192.0.2.2', 'www.b.example');

    await loads(catalogText(3, ['one', 'b.example']).replace('"2"', '"3"'), 'catalog.broken', 3);
    t.is(await ours.look('www.a.example'), 'NOERROR 192.0.2.1');
    t.is(await ours.look('www.b.example'), 'NOERROR 192.0.2.2');

    await loads(catalogText(4, ['two', 'b.example']), 'catalog.loaded', 4);
    await ours.shows('REFUSED', 'www.a.example');
    t.is(await ours.look('www.b.example'), 'NOERROR 192.0.2.2');

    const anew = ours.service.waitForEvent(
      'transfer.in',
      { zone: 'b.example.', form: 'AXFR' },
      { from: ours.service.lines.length },
    );
    await loads(catalogText(5, ['other', 'b.example']), 'catalog.loaded', 5);
    await anew;
    await ours.shows('NOERROR 192.0.2.2', 'www.b.example');
  },
);

test('knotd').serial('our secondary follows the catalog that Knot makes of its zones', async (t) => {
  const port = await freePort(OURS, FOLLOWER);
  // Not for all zones: those that Knot notifies of would be learnt without a catalog.
  const key = secrecy.newKey(`${FOLLOWER}.${OURS}._transfer.${CATALOG}`, 'SHA512');
  const zones =
    (...names: readonly string[]) =>
    (folder: string): string => {
      for (const name of names) writeFileSync(join(folder, name), zoneText(1, 'www A 192.0.2.1\n', TIMERS));
      const members = names.map(
        (name) => `  - domain: "${name}"
    file: "${name}"
    catalog-role: member
    catalog-zone: "${CATALOG}"
    catalog-group: "some"
`,
      );
      return `template:
  - id: default
    storage: "${folder}"
    acl: peer
    notify: "${keyParts(key).name}"
    semantic-checks: off
zone:
  - domain: "${CATALOG}"
    catalog-role: generate
${members.join('')}`;
    };
  const knot = await startKnotPeer(t, { port, ours: OURS, keys: [key], zones: zones('a.example', 'b.example') });
  const ours = await startOurs(t, port, key);
  await ours.shows('NOERROR 192.0.2.1', 'www.a.example');
  await ours.shows('NOERROR 192.0.2.1', 'www.b.example');
  knot.configure(zones('b.example', 'c.example'));
  await ours.shows('NOERROR 192.0.2.1', 'www.c.example');
  await ours.shows('REFUSED', 'www.a.example');
  t.is(await ours.look('www.b.example'), 'NOERROR 192.0.2.1');
});

testWith(anyTest, ['nsd-4.12', 'nsd-control-4.12', 'dig']).serial(
  'our secondary follows the catalog that NSD makes of zones that come and go while it runs',
  async (t) => {
    const port = await freePort(OURS, FOLLOWER);
    const key = secrecy.newKey(`${FOLLOWER}.${OURS}._transfer.${CATALOG}`);
    const { name } = keyParts(key);
    const provided = `  notify: ${OURS}@${port} ${name}
  outgoing-interface: ${FOLLOWER}
  provide-xfr: 127.0.0.0/8 ${name}
`;
    const sections = `${nsdKey(key)}pattern:
  name: some
  zonefile: "%s.zone"
  catalog-producer-zone: "${CATALOG}"
${provided}zone:
  name: "${CATALOG}"
  catalog: producer
  store-ixfr: yes
${provided}`;
    const member = (address: string): string => zoneText(1, `www A ${address}\n`, TIMERS);
    const files = { 'a.example.zone': member('192.0.2.1'), 'b.example.zone': member('192.0.2.2') };
    const nsd = await startNsdPeer(t, { port, sections, files, version: 'nsd-4.12' });
    await nsd.control('addzone', 'a.example', 'some');
    const ours = await startOurs(t, port, key);
    await ours.shows('NOERROR 192.0.2.1', 'www.a.example');
    t.is(await ours.look('www.b.example'), 'REFUSED');
    await nsd.control('addzone', 'b.example', 'some');
    await ours.shows('NOERROR 192.0.2.2', 'www.b.example');
    await nsd.control('delzone', 'a.example');
    await ours.shows('REFUSED', 'www.a.example');
    t.is(await ours.look('www.b.example'), 'NOERROR 192.0.2.2');
  },
);
