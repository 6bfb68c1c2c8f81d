/**
 * NLnet Labs' `nsd` at 127.0.0.1 on the other side of a transfer, as the primary or a secondary of ours.
 *
 * It is configured for tests: one process that answers, remote control by a socket in its folder, what changes is served at once, all in a temporary folder that is
 * removed with its owner. What its zones are is the caller's to say, in sections of its configuration.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type KeyText, keyParts } from './dig.ts';
import { type Owner, temporaryFolder } from './owner.ts';
import { type Program, run, startProgram } from './process.ts';

export interface NsdPeerOptions {
  /** Of both; ours listens on it at another address. */
  readonly port: number;
  /** Lines of its section `server`, verbatim, which win over those that stand here. */
  readonly server?: readonly string[];
  /** Further sections, verbatim. */
  readonly sections: string;
  /** Zone files, by what sections call them. */
  readonly files?: Readonly<Record<string, string>>;
  /** The program: `nsd` unless given. 4.12 knows catalogs, 4.6 does not. */
  readonly version?: 'nsd' | 'nsd-4.12';
}

export interface NsdPeer {
  readonly program: Program;
  /** Writes a zone file anew; signal HUP makes nsd read it. */
  write(file: string, text: string): void;
  /** Runs a command of `nsd-control`, of 4.12. Throws where that fails. */
  control(...command: readonly string[]): Promise<void>;
}

const ADDRESS = '127.0.0.1';

/** A key as a section of `nsd.conf`. */
export const nsdKey = (key: KeyText): string => {
  const { name, algorithm, secret } = keyParts(key);
  return `key:\n  name: "${name}"\n  algorithm: ${algorithm}\n  secret: "${secret}"\n`;
};

/** The sections `server`, with further lines, and `remote-control` of `nsd.conf`: one process, and all it writes below a folder. */
export const nsdServer = (
  { folder, address, port }: { readonly folder: string; readonly address: string; readonly port: number },
  lines: readonly string[],
): string => `server:
  ip-address: ${address}@${port}
  server-count: 1
  username: ""
  chroot: ""
  zonesdir: "${folder}"
  database: ""
  pidfile: ""
  xfrdfile: ""
  xfrdir: "${folder}/transfers"
  zonelistfile: "${folder}/zone.list"
${lines.map((line) => `  ${line}\n`).join('')}remote-control:
  control-enable: no
`;

/** Starts nsd and waits until it answers. Zones that come from elsewhere may not be there yet: wait for those with `until`. */
export const startNsdPeer = async (
  owner: Owner,
  { port, server = [], sections, files = {}, version = 'nsd' }: NsdPeerOptions,
): Promise<NsdPeer> => {
  const folder = temporaryFolder(owner, 'nsd');
  mkdirSync(join(folder, 'transfers'));
  const write = (file: string, text: string): void => writeFileSync(join(folder, file), text, { mode: 0o600 });
  for (const [file, text] of Object.entries(files)) write(file, text);
  write(
    'nsd.conf',
    `${nsdServer({ folder, address: ADDRESS, port }, ['xfrd-reload-timeout: 0', 'verbosity: 2', ...server])}remote-control:
  control-enable: yes
  control-interface: "${folder}/control"
${sections}`,
  );
  const file = join(folder, 'nsd.conf');
  const program = await startProgram(owner, version, ['-d', '-c', file], { cwd: folder });
  await program.waitForLine('nsd started');
  return {
    program,
    write,
    control: async (...command) => {
      const ran = await run('nsd-control-4.12', ['-c', file, ...command]);
      if (ran.code !== 0) throw new Error(`nsd-control ${command.join(' ')}: ${ran.stdout}${ran.stderr}`);
    },
  };
};
