/**
 * Knot DNS's `knotd` on an address of this machine, as a primary of zones from files.
 *
 * It is configured for tests: one worker of each kind, no journal unless it takes updates, no signing, all in a temporary folder that is removed
 * with its owner. Knot checks little: a zone that it refuses is answered with SERVFAIL.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type KeyText, keyParts } from './dig.ts';
import { type Owner, temporaryFolder } from './owner.ts';
import { freePort } from './ports.ts';
import { type Program, startProgram } from './process.ts';

export interface FileZone {
  /** Presentation form with the final dot. */
  readonly name: string;
  /** The zone file's text. */
  readonly text: string;
}

export interface ForeignServer {
  readonly address: string;
  readonly port: number;
  readonly program: Program;
}

/** A server whose files are written: it can be started, also several times, one after the other. */
export interface PreparedServer {
  readonly address: string;
  readonly port: number;
  readonly folder: string;
  readonly command: string;
  readonly args: readonly string[];
}

export interface KnotOptions {
  /** The least that it logs: `info` unless given. */
  readonly log?: 'info' | 'warning';
  /** Lines for all zones, verbatim, such as `global-module: mod-cookies`. */
  readonly template?: readonly string[];
  /** May update all zones. Then what changes is kept in the journal, and zone files stay as they are. */
  readonly updater?: KeyText;
}

const configuration = (
  { folder, address, port }: Omit<PreparedServer, 'command' | 'args'>,
  zones: readonly FileZone[],
  { log = 'info', template = [], updater }: KnotOptions,
): string => `server:
    rundir: "${folder}"
    listen: ${address}@${port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    tcp-io-timeout: 10000
    tcp-idle-timeout: 60
database:
    storage: "${folder}/database"
log:
  - target: stderr
    any: ${log}
${updater === undefined ? '' : keySection(updater)}acl:
  - id: anybody
    action: transfer
${updater === undefined ? '' : `  - id: updater\n    key: ${keyParts(updater).name}\n    action: update\n`}template:
  - id: default
    acl: [anybody${updater === undefined ? '' : ', updater'}]
    storage: "${folder}"
    zonefile-load: whole
    ${updater === undefined ? 'journal-content: none' : 'journal-content: changes\n    zonefile-sync: -1'}
    semantic-checks: off
${template.map((line) => `    ${line}\n`).join('')}zone:
${zones.map(({ name }, i) => `  - domain: "${name.replaceAll('\\', '\\\\')}"\n    file: "${i}.zone"\n`).join('')}`;

const keySection = (key: KeyText): string => {
  const { name, algorithm, secret } = keyParts(key);
  return `key:\n  - id: ${name}\n    algorithm: ${algorithm}\n    secret: ${secret}\n`;
};

/** Writes what knotd reads. All of it goes with its owner. */
export const prepareKnot = async (
  owner: Owner,
  zones: readonly FileZone[],
  options: KnotOptions = {},
): Promise<PreparedServer> => {
  const address = '127.0.0.1';
  const port = await freePort(address);
  const folder = temporaryFolder(owner, 'knot');
  mkdirSync(join(folder, 'database'));
  for (const [i, { text }] of zones.entries()) writeFileSync(join(folder, `${i}.zone`), text);
  const file = join(folder, 'knot.conf');
  writeFileSync(file, configuration({ folder, address, port }, zones, options));
  return { address, port, folder, command: 'knotd', args: ['-c', file] };
};

/** Starts knotd and waits until each zone is loaded or refused. */
export const startKnot = async (owner: Owner, zones: readonly FileZone[]): Promise<ForeignServer> => {
  const { address, port, folder, command, args } = await prepareKnot(owner, zones);
  const program = await startProgram(owner, command, args, { cwd: folder });
  // Its log names zones as it likes to escape them, so they are counted: each is loaded, or refused with one line.
  let settled = 0;
  await program.waitForLine((text) => {
    if (/\] loaded, serial|\] zone event 'load' failed/.test(text)) settled++;
    return settled === zones.length;
  });
  return { address, port, program };
};
