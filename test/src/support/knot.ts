/**
 * Knot DNS's `knotd` on an address of this machine, as a primary of zones from files.
 *
 * It is configured for tests: one worker of each kind, no journal, no signing, all in a temporary folder that is removed
 * with its owner. Knot checks little: a zone that it refuses is answered with SERVFAIL.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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

const configuration = (folder: string, address: string, port: number, zones: readonly FileZone[]): string => `server:
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
    any: info
acl:
  - id: anybody
    action: transfer
template:
  - id: default
    acl: anybody
    storage: "${folder}"
    zonefile-load: whole
    journal-content: none
    semantic-checks: off
zone:
${zones.map(({ name }, i) => `  - domain: "${name.replaceAll('\\', '\\\\')}"\n    file: "${i}.zone"\n`).join('')}`;

/** Starts knotd and waits until each zone is loaded or refused. */
export const startKnot = async (owner: Owner, zones: readonly FileZone[]): Promise<ForeignServer> => {
  const address = '127.0.0.1';
  const port = await freePort(address);
  const folder = temporaryFolder(owner, 'knot');
  mkdirSync(join(folder, 'database'));
  for (const [i, { text }] of zones.entries()) writeFileSync(join(folder, `${i}.zone`), text);
  const file = join(folder, 'knot.conf');
  writeFileSync(file, configuration(folder, address, port, zones));
  const program = await startProgram(owner, 'knotd', ['-c', file], { cwd: folder });
  // Its log names zones as it likes to escape them, so they are counted: each is loaded, or refused with one line.
  let settled = 0;
  await program.waitForLine((text) => {
    if (/\] loaded, serial|\] zone event 'load' failed/.test(text)) settled++;
    return settled === zones.length;
  });
  return { address, port, program };
};
