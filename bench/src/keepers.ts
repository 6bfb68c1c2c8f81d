/**
 * Our primary of many zones, and secondaries of it that keep their copies on the disk: ours, Knot, NSD and BIND, one at a time. One key is for all
 * zones. Each has one process or thread that answers and is told what makes it quick: many transfers at a time, no limits on its
 * questions, and copies in the form that it reads soonest.
 *
 * Ours, Knot and NSD are at the address that the key names, so the primary tells them of changes; BIND only listens on addresses that an interface has.
 * Ours asks for all zones when it starts. BIND does after a part of their retry, which is bounded to a second here. Knot and NSD remember when a
 * zone is to be asked for next: they are told to do it at once with their own tools (`ask`), as an operator would.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeyText } from '@zonewright/test/support/dig';
import type { FileZone, PreparedServer } from '@zonewright/test/support/knot';
import { prepareNamed } from '@zonewright/test/support/named';
import { nsdKey, nsdServer } from '@zonewright/test/support/nsd-peer';
import { type Owner, temporaryFolder } from '@zonewright/test/support/owner';
import { freePort } from '@zonewright/test/support/ports';
import { makeRepository } from '@zonewright/test/support/repository';
import { keyLine } from '@zonewright/test/support/secrecy';
import { root } from '@zonewright/test/support/zonewright';
import { knotHead } from './pairs.ts';
import { KEY, type Prepared, type ServerName } from './servers.ts';

/** The command that makes a server ask for all its zones. */
export type Ask = readonly [command: string, args: readonly string[]];

export interface Keeper extends Prepared {
  readonly ask?: Ask;
}

/** The primary, not started yet, and who follows it. */
export interface Kept {
  readonly primary: Prepared & Required<Pick<Prepared, 'repository'>>;
  readonly keepers: readonly Keeper[];
}

const PRIMARY = '127.0.0.1';
const SECONDARY = '127.0.1.2';
const TRANSFER: KeyText = `${PRIMARY}.${SECONDARY}._transfer:${KEY.slice(KEY.indexOf(':') + 1)}`;
const [KEY_NAME] = TRANSFER.split(':');
/** Transfers that are under way at a time, at most: below what our primary lets one client have. */
const TRANSFERS = 50;

type Bare = PreparedServer & { readonly ask?: Ask };

const bin = join(root, 'bin/zonewright');
const common = (address: string, port: number): readonly string[] => [
  ...['--listen', address, '--port', `${port}`],
  ...['--log-level', 'warn', '--udp-workers', '1'],
];

const ours = (owner: Owner, port: number): Bare => {
  const folder = temporaryFolder(owner, 'ours');
  const args = [bin, 'secondary', '--keys', TRANSFER, '--data', join(folder, 'data'), ...common(SECONDARY, port)];
  return { address: SECONDARY, port, folder, command: process.execPath, args };
};

/** Its copies are in its journal alone, which is not written through to the disk. */
const knot = (owner: Owner, port: number, zones: readonly FileZone[]): Bare => {
  const folder = temporaryFolder(owner, 'knot');
  const place = { folder, address: SECONDARY, port, peers: [PRIMARY], key: TRANSFER };
  const head = knotHead(place, [`remote-pool-limit: ${TRANSFERS}`], ['journal-db-mode: asynchronous']);
  const file = join(folder, 'knot.conf');
  const template = `template:
  - id: default
    storage: "${folder}"
    acl: peer
    master: "${PRIMARY}"
    zonefile-sync: -1
    zonefile-load: none
    journal-content: all
    semantic-checks: off
`;
  const text = `${head}${template}zone:\n${zones.map(({ name }) => `  - domain: "${name}"\n`).join('')}`;
  writeFileSync(file, text, { mode: 0o600 });
  const ask: Ask = ['knotc', ['-c', file, 'zone-refresh']];
  return { address: SECONDARY, port, folder, command: 'knotd', args: ['-c', file], ask };
};

/** Its copies are zone files, written within a second, which are not looked after otherwise. */
const nsd = (owner: Owner, port: number, zones: readonly FileZone[]): Bare => {
  const folder = temporaryFolder(owner, 'nsd');
  for (const each of ['transfers', 'zones']) mkdirSync(join(folder, each));
  const file = join(folder, 'nsd.conf');
  const server = [
    'minimal-responses: yes',
    'rrl-ratelimit: 0',
    'xfrd-reload-timeout: 0',
    `xfrd-tcp-max: ${TRANSFERS}`,
    'zonefiles-check: no',
    'zonefiles-write: 1',
    `xfrdfile: "${folder}/xfrd.state"`,
  ];
  const text = [
    nsdServer({ folder, address: SECONDARY, port }, server),
    `  control-enable: yes\n  control-interface: "${folder}/control"\n`,
    nsdKey(TRANSFER),
    `pattern:
  name: kept
  zonefile: "zones/%s"
  request-xfr: ${PRIMARY}@${port} ${KEY_NAME}
  allow-notify: ${PRIMARY} ${KEY_NAME}
  outgoing-interface: ${SECONDARY}
`,
    ...zones.map(({ name }) => `zone:\n  name: "${name}"\n  include-pattern: kept\n`),
  ].join('');
  writeFileSync(file, text, { mode: 0o600 });
  const ask: Ask = ['nsd-control', ['-c', file, 'transfer']];
  return { address: SECONDARY, port, folder, command: 'nsd', args: ['-d', '-c', file], ask };
};

/** Its copies are files in its own form, with journals beside those that have changed. */
const bind = (owner: Owner, port: number, zones: readonly FileZone[]): Promise<Bare> =>
  prepareNamed(owner, {
    keys: [TRANSFER],
    options: `minimal-responses yes; transfers-in ${TRANSFERS}; transfers-per-ns ${TRANSFERS}; max-retry-time 1;`,
    zones: zones.map(({ name }) => ({
      name,
      primaries: [{ address: PRIMARY, port, key: TRANSFER }],
      extra: 'masterfile-format raw;',
    })),
  });

const KEEPERS: readonly (readonly [
  ServerName,
  (owner: Owner, port: number, zones: readonly FileZone[]) => Bare | Promise<Bare>,
])[] = [
  ['zonewright', ours],
  ['knot', knot],
  ['nsd', nsd],
  ['bind', bind],
];

/** How many {@link prepareKept} makes. */
export const KEEPERS_COUNT = KEEPERS.length;

/** Writes what the primary and all secondaries read; it goes with its owner. */
export const prepareKept = async (owner: Owner, zones: readonly FileZone[]): Promise<Kept> => {
  const port = await freePort(PRIMARY, SECONDARY);
  const files = Object.fromEntries(zones.map(({ name, text }) => [name.replace(/\.$/, ''), text]));
  const repository = await makeRepository(owner, { _keys: `${keyLine(KEY)}${keyLine(TRANSFER)}`, ...files });
  const data = join(temporaryFolder(owner, 'data'), 'data');
  const args = [bin, 'primary', '--remote', repository.path, '--data', data, ...common(PRIMARY, port)];
  const setting = { zones };
  const { folder } = repository;
  const keepers: Keeper[] = [];
  for (const [server, make] of KEEPERS) keepers.push({ ...(await make(owner, port, zones)), server, setting });
  return {
    primary: {
      ...{ address: PRIMARY, port, folder, command: process.execPath, args },
      ...{ server: 'zonewright', setting, repository },
    },
    keepers,
  };
};
