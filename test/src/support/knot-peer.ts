/**
 * Knot DNS's `knotd` at 127.0.0.1 on the other side of a transfer, as the primary or a secondary of ours.
 *
 * It is configured for tests: one worker of each kind, nothing is checked, all in a temporary folder that is removed with its owner. What its
 * zones are is the caller's to say, in lines of its configuration.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type KeyText, keyParts } from './dig.ts';
import { type Owner, temporaryFolder } from './owner.ts';
import { type Program, startProgram } from './process.ts';

export interface KnotPeerOptions {
  /** Of both; ours listens on it at another address. */
  readonly port: number;
  readonly ours: string;
  /** Each is an ID of a key, and of a `remote` that is ours, asked with this key. All may transfer and notify, by the ACL `peer`. */
  readonly keys: readonly KeyText[];
  /** The sections `template` and `zone`. Files are written into `folder`. */
  readonly zones: (folder: string) => string;
  readonly log?: 'info' | 'debug';
  /** Further lines of its section `server`, verbatim. */
  readonly server?: readonly string[];
}

export interface KnotPeer {
  readonly program: Program;
  /** Other zones: knotd reads its configuration again (signal HUP), and the files of its zones. */
  configure(zones: (folder: string) => string): void;
}

const ADDRESS = '127.0.0.1';

const keySections = (keys: readonly KeyText[], target: string): string => {
  const parts = keys.map(keyParts);
  return `key:
${parts.map(({ name, algorithm, secret }) => `  - id: "${name}"\n    algorithm: ${algorithm}\n    secret: "${secret}"\n`).join('')}remote:
${parts.map(({ name }) => `  - id: "${name}"\n    address: ${target}\n    via: ${ADDRESS}\n    key: "${name}"\n`).join('')}acl:
  - id: peer
    key: [${parts.map(({ name }) => `"${name}"`).join(', ')}]
    action: [transfer, notify]
`;
};

/** Starts knotd and waits until it answers. Zones that come from elsewhere may not be there yet: wait for those with `until`. */
export const startKnotPeer = async (
  owner: Owner,
  { port, ours, keys, zones, log = 'info', server = [] }: KnotPeerOptions,
): Promise<KnotPeer> => {
  const folder = temporaryFolder(owner, 'knot');
  mkdirSync(join(folder, 'database'));
  const file = join(folder, 'knot.conf');
  const write = (text: string): void =>
    writeFileSync(
      file,
      `server:
    rundir: "${folder}"
    listen: ${ADDRESS}@${port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
${server.map((line) => `    ${line}\n`).join('')}database:
    storage: "${folder}/database"
log:
  - target: stderr
    any: ${log}
${keySections(keys, `${ours}@${port}`)}${text}`,
      { mode: 0o600 },
    );
  write(zones(folder));
  const program = await startProgram(owner, 'knotd', ['-c', file], { cwd: folder });
  await program.waitForLine('server started');
  return {
    program,
    configure: (next) => {
      write(next(folder));
      program.signal('SIGHUP');
    },
  };
};
