/**
 * Knot DNS's `knotd` at 127.0.0.1 on the other side of a transfer, as the primary or a secondary of ours.
 *
 * It is configured for tests: one worker of each kind, nothing is checked, all in a temporary folder that is removed with its owner. What its
 * zones are is the caller's to say, in lines of its configuration.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Certificate } from './certificates.ts';
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
  /** Further lines of what each key names, verbatim: of the `remote`, whose port is another one than ours then, and of the ACL. */
  readonly remote?: { readonly port: number; readonly lines: readonly string[] };
  readonly acl?: readonly string[];
  /** The program: `knotd` unless given. */
  readonly version?: KnotVersion;
}

/** 3.4 knows transfers over TLS, 3.2 does not. */
export type KnotVersion = 'knotd' | 'knotd-3.4';

export interface KnotPeer {
  readonly program: Program;
  /** Other zones: knotd reads its configuration again (signal HUP), and the files of its zones. */
  configure(zones: (folder: string) => string): void;
}

const ADDRESS = '127.0.0.1';

/** Lines of the section `server`: what it shows to whoever it speaks TLS with, on both sides. */
export const knotCertificate = ({ cert, key }: Certificate): readonly string[] => [
  `cert-file: "${cert}"`,
  `key-file: "${key}"`,
];

const indented = (lines: readonly string[]): string => lines.map((line) => `    ${line}\n`).join('');

const keySections = ({ port, ours, keys, remote = { port, lines: [] }, acl = [] }: KnotPeerOptions): string => {
  const parts = keys.map(keyParts);
  const remotes = parts.map(
    ({ name }) =>
      `  - id: "${name}"\n    address: ${ours}@${remote.port}\n    via: ${ADDRESS}\n    key: "${name}"\n${indented(remote.lines)}`,
  );
  return `key:
${parts.map(({ name, algorithm, secret }) => `  - id: "${name}"\n    algorithm: ${algorithm}\n    secret: "${secret}"\n`).join('')}remote:
${remotes.join('')}acl:
  - id: peer
    key: [${parts.map(({ name }) => `"${name}"`).join(', ')}]
    action: [transfer, notify]
${indented(acl)}`;
};

/** Starts knotd and waits until it answers. Zones that come from elsewhere may not be there yet: wait for those with `until`. */
export const startKnotPeer = async (owner: Owner, options: KnotPeerOptions): Promise<KnotPeer> => {
  const { port, zones, log = 'info', server = [], version = 'knotd' } = options;
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
${indented(server)}database:
    storage: "${folder}/database"
log:
  - target: stderr
    any: ${log}
${keySections(options)}${text}`,
      { mode: 0o600 },
    );
  write(zones(folder));
  const program = await startProgram(owner, version, ['-c', file], { cwd: folder });
  await program.waitForLine('server started');
  return {
    program,
    configure: (next) => {
      write(next(folder));
      program.signal('SIGHUP');
    },
  };
};
