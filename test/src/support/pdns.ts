/**
 * PowerDNS's `pdns_server` at 127.0.0.1 as a secondary of ours, of zones or of what a catalog names.
 *
 * It is configured for tests: LMDB in a temporary folder that is removed with its owner, no caches, NOTIFY only signed. It asks for
 * differences only of zones that are told to (`IXFR` among their metadata), and for members of a catalog without a key.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type KeyText, keyParts } from './dig.ts';
import { type Owner, temporaryFolder } from './owner.ts';
import { type Program, run, startProgram } from './process.ts';

export interface PdnsZone {
  readonly zone: string;
  readonly key: KeyText;
  /** A catalog (RFC 9432), whose members are served too. */
  readonly isCatalog?: boolean;
}

export interface PdnsOptions {
  /** Of both; ours listens on it at another address. */
  readonly port: number;
  readonly ours: string;
  readonly zones: readonly PdnsZone[];
}

const ADDRESS = '127.0.0.1';

const configuration = (folder: string, port: number): string => `launch=lmdb
lmdb-filename=${folder}/pdns.lmdb
lmdb-shards=1
local-address=${ADDRESS}
local-port=${port}
query-local-address=${ADDRESS}
socket-dir=${folder}
secondary=yes
allow-axfr-ips=
allow-unsigned-notify=no
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
xfr-cycle-interval=1
write-pid=no
loglevel=6
log-timestamp=no
version-string=anonymous
`;

/** Starts pdns_server and waits until it answers. It may not have its zones yet: wait for those with `until`. */
export const startPdns = async (owner: Owner, { port, ours, zones }: PdnsOptions): Promise<Program> => {
  const folder = temporaryFolder(owner, 'pdns');
  writeFileSync(join(folder, 'pdns.conf'), configuration(folder, port), { mode: 0o600 });
  const util = async (...args: readonly string[]): Promise<void> => {
    const ran = await run('pdnsutil', [`--config-dir=${folder}`, ...args]);
    if (ran.code !== 0) throw new Error(`pdnsutil ${args[0]}: ${ran.stdout}${ran.stderr}`);
  };
  for (const { zone, key, isCatalog = false } of zones) {
    const { name, algorithm, secret } = keyParts(key);
    await util('create-secondary-zone', zone, `${ours}:${port}`);
    await util('import-tsig-key', name, algorithm, secret);
    await util('activate-tsig-key', zone, name, 'secondary');
    await util('activate-tsig-key', zone, name, 'primary');
    // Of differences of a catalog it makes nothing.
    await (isCatalog ? util('set-kind', zone, 'consumer') : util('set-meta', zone, 'IXFR', '1'));
  }
  const args = [`--config-dir=${folder}`, '--daemon=no', '--guardian=no', '--disable-syslog'];
  const program = await startProgram(owner, 'pdns_server', args, { cwd: folder });
  await program.waitForLine('Done launching threads, ready to distribute questions');
  return program;
};
