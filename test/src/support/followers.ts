/**
 * Other servers as a secondary of one zone of ours: BIND, Knot and NSD at 127.0.0.1, signed, allowed to be transferred from in
 * turn, so that what they got can be read.
 *
 * Each is configured for tests, in a temporary folder that is removed with its owner; none checks or changes what it gets.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Certificate } from './certificates.ts';
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
  /** The primary is asked over TLS, by those that can: BIND and NSD. */
  readonly tls?: FollowedTls;
}

export interface FollowedTls {
  readonly port: number;
  /** Path of the authority's certificate. */
  readonly ca: string;
  /** The name that the primary's certificate is for. */
  readonly name: string;
  /** What is shown to the primary, if anything. */
  readonly client?: Certificate;
}

export type FollowerName = 'named' | 'knotd' | 'nsd';

const tlsClause = ({ ca, name, client }: FollowedTls): string => {
  const shown = client === undefined ? '' : `cert-file "${client.cert}"; key-file "${client.key}";`;
  return `tls xot { ca-file "${ca}"; remote-hostname "${name}"; protocols { TLSv1.3; }; ${shown} };\n`;
};

const startBind = async (owner: Owner, { zone, primary, port, key, tls }: Followed): Promise<Program> => {
  const peer = { address: primary, port: tls?.port ?? port, key, ...(tls === undefined ? {} : { tls: 'xot' }) };
  const zones = [{ name: zone, primaries: [peer] }];
  const options = 'check-names secondary ignore;';
  const extra = tls === undefined ? '' : tlsClause(tls);
  return (await startNamed(owner, { port, keys: [key], zones, options, extra })).program;
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

const nsdConfiguration = (folder: string, { zone, primary, port, key, tls }: Followed): string => {
  const { name, algorithm, secret } = keyParts(key);
  const shown = tls?.client && `  client-cert: "${tls.client.cert}"\n  client-key: "${tls.client.key}"\n`;
  const tlsAuth = tls && `tls-auth:\n  name: xot\n  auth-domain-name: "${tls.name}"\n${shown ?? ''}`;
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
  verbosity: ${tls === undefined ? 2 : 3}
${tls === undefined ? '' : `  tls-cert-bundle: "${tls.ca}"\n`}remote-control:
  control-enable: no
${tlsAuth ?? ''}key:
  name: "${name}"
  algorithm: ${algorithm}
  secret: "${secret}"
zone:
  name: "${zone}"
  zonefile: "zone"
  allow-notify: ${primary} ${name}
  request-xfr: ${primary}@${tls?.port ?? port} ${name}${tls === undefined ? '' : ' xot'}
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
