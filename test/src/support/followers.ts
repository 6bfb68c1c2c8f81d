/**
 * Other servers as a secondary of one zone of ours: BIND, Knot and NSD at 127.0.0.1, signed, allowed to be transferred from in
 * turn, so that what they got can be read.
 *
 * Each is configured for tests, in a temporary folder that is removed with its owner; none checks or changes what it gets.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type KeyText, keyParts } from './dig.ts';
import { startNamed } from './named.ts';
import { type Owner, temporaryFolder } from './owner.ts';
import { type Program, startProgram } from './process.ts';

export const FOLLOWER = '127.0.0.1';

export interface Followed {
  /** Presentation form without final dot. */
  readonly zone: string;
  /** Ours; it listens on the follower's port. */
  readonly primary: string;
  readonly port: number;
  readonly key: KeyText;
}

export type FollowerName = 'named' | 'knotd' | 'nsd';

const startBind = async (owner: Owner, { zone, primary, port, key }: Followed): Promise<Program> => {
  const zones = [{ name: zone, primaries: [{ address: primary, port, key }] }];
  return (await startNamed(owner, { port, keys: [key], zones, options: 'check-names secondary ignore;' })).program;
};

const knotConfiguration = (folder: string, { zone, primary, port, key }: Followed): string => {
  const { name, algorithm, secret } = keyParts(key);
  return `server:
    rundir: "${folder}"
    listen: ${FOLLOWER}@${port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "${folder}/database"
log:
  - target: stderr
    any: debug
key:
  - id: "${name}"
    algorithm: ${algorithm}
    secret: "${secret}"
remote:
  - id: primary
    address: ${primary}@${port}
    via: ${FOLLOWER}
    key: "${name}"
acl:
  - id: peer
    key: "${name}"
    action: [transfer, notify]
zone:
  - domain: "${zone}"
    storage: "${folder}"
    master: primary
    acl: peer
    semantic-checks: off
`;
};

const startKnot = async (owner: Owner, followed: Followed): Promise<Program> => {
  const folder = temporaryFolder(owner, 'knot');
  mkdirSync(join(folder, 'database'));
  const file = join(folder, 'knot.conf');
  writeFileSync(file, knotConfiguration(folder, followed), { mode: 0o600 });
  const program = await startProgram(owner, 'knotd', ['-c', file], { cwd: folder });
  await program.waitForLine('server started');
  return program;
};

const nsdConfiguration = (folder: string, { zone, primary, port, key }: Followed): string => {
  const { name, algorithm, secret } = keyParts(key);
  return `server:
  ip-address: ${FOLLOWER}@${port}
  server-count: 1
  username: ""
  chroot: ""
  zonesdir: "${folder}"
  database: ""
  pidfile: ""
  xfrdfile: ""
  xfrdir: "${folder}/transfers"
  zonelistfile: "${folder}/zone.list"
  xfrd-reload-timeout: 0
  verbosity: 2
remote-control:
  control-enable: no
key:
  name: "${name}"
  algorithm: ${algorithm}
  secret: "${secret}"
zone:
  name: "${zone}"
  zonefile: "zone"
  allow-notify: ${primary} ${name}
  request-xfr: ${primary}@${port} ${name}
  outgoing-interface: ${FOLLOWER}
  provide-xfr: 127.0.0.0/8 ${name}
  min-retry-time: 1
  min-refresh-time: 1
`;
};

const startNsd = async (owner: Owner, followed: Followed): Promise<Program> => {
  const folder = temporaryFolder(owner, 'nsd');
  mkdirSync(join(folder, 'transfers'));
  const file = join(folder, 'nsd.conf');
  writeFileSync(file, nsdConfiguration(folder, followed), { mode: 0o600 });
  const program = await startProgram(owner, 'nsd', ['-d', '-c', file], { cwd: folder });
  await program.waitForLine('nsd started');
  return program;
};

/** Starts a follower and waits until it answers. It may not have the zone yet: wait for that with `until`. */
export const startFollower: Readonly<Record<FollowerName, (owner: Owner, followed: Followed) => Promise<Program>>> = {
  named: startBind,
  knotd: startKnot,
  nsd: startNsd,
};
