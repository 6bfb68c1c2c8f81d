/**
 * NLnet Labs' `nsd` on an address of this machine, as a primary of zones from files.
 *
 * It is configured for tests: one process that answers, no rate limit, no remote control, all in a temporary folder that is
 * removed with its owner. NSD answers for a zone that it refuses with SERVFAIL.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type KeyText, keyParts } from './dig.ts';
import type { FileZone, ForeignServer, PreparedServer } from './knot.ts';
import { nsdKey, nsdServer } from './nsd-peer.ts';
import { type Owner, temporaryFolder } from './owner.ts';
import { freePort } from './ports.ts';
import { startProgram } from './process.ts';

export interface NsdOptions {
  /** Lines of its section `server`, verbatim, which win over those that stand here. */
  readonly server?: readonly string[];
  /** Who signs with it may transfer as well. */
  readonly key?: KeyText;
}

/** It answers all that is asked, each time the same. */
const ANSWERS: readonly string[] = [
  'rrl-ratelimit: 0',
  'rrl-whitelist-ratelimit: 0',
  'minimal-responses: no',
  'round-robin: no',
  'refuse-any: no',
  'tcp-query-count: 0',
  'tcp-timeout: 60',
  'verbosity: 1',
];

const configuration = (
  { folder, address, port }: Omit<PreparedServer, 'command' | 'args'>,
  zones: readonly FileZone[],
  { server = [], key }: NsdOptions,
): string => {
  const provided = key === undefined ? '' : `  provide-xfr: 0.0.0.0/0 ${keyParts(key).name}\n`;
  const sections = zones.map(
    ({ name }, i) => `zone:\n  name: "${name}"\n  zonefile: "${i}.zone"\n  provide-xfr: 0.0.0.0/0 NOKEY\n${provided}`,
  );
  return [
    nsdServer({ folder, address, port }, [...ANSWERS, ...server]),
    key === undefined ? '' : nsdKey(key),
    ...sections,
  ].join('');
};

/** Writes what nsd reads. All of it goes with its owner. */
export const prepareNsd = async (
  owner: Owner,
  zones: readonly FileZone[],
  options: NsdOptions = {},
): Promise<PreparedServer> => {
  const address = '127.0.0.1';
  const port = await freePort(address);
  const folder = temporaryFolder(owner, 'nsd');
  mkdirSync(join(folder, 'transfers'));
  for (const [i, { text }] of zones.entries()) writeFileSync(join(folder, `${i}.zone`), text);
  const file = join(folder, 'nsd.conf');
  writeFileSync(file, configuration({ folder, address, port }, zones, options), { mode: 0o600 });
  return { address, port, folder, command: 'nsd', args: ['-d', '-c', file] };
};

/** Starts nsd and waits until it answers: its zones are read, or refused, before that. */
export const startNsd = async (owner: Owner, zones: readonly FileZone[]): Promise<ForeignServer> => {
  const { address, port, folder, command, args } = await prepareNsd(owner, zones);
  const program = await startProgram(owner, command, args, { cwd: folder });
  await program.waitForLine('nsd started');
  return { address, port, program };
};
