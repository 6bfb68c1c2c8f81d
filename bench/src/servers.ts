/**
 * The four servers, each with one worker, the same zones, minimal answers and no rate limit. Ours reads its zones from a bare repository on
 * this machine, the others from files.
 */
import { join } from 'node:path';
import type { KeyText } from '@zonewright/test/support/dig';
import { type FileZone, type PreparedServer, prepareKnot } from '@zonewright/test/support/knot';
import { prepareNamed } from '@zonewright/test/support/named';
import { prepareNsd } from '@zonewright/test/support/nsd';
import { type Owner, temporaryFolder } from '@zonewright/test/support/owner';
import { freePort } from '@zonewright/test/support/ports';
import { type Program, run, startProgram } from '@zonewright/test/support/process';
import { makeRepository, type Repository } from '@zonewright/test/support/repository';
import { keyLine } from '@zonewright/test/support/secrecy';
import { root } from '@zonewright/test/support/zonewright';
import { SERVER_CORE } from './affinity.ts';
import { answered } from './answered.ts';
import type { Field } from './rounds.ts';
import { timeline } from './timeline.ts';

export const SERVERS = ['zonewright', 'knot', 'nsd', 'bind'] as const;
export type ServerName = (typeof SERVERS)[number];

/** What they are called. */
export const TITLES: Readonly<Record<ServerName, string>> = {
  zonewright: 'ours',
  knot: 'Knot',
  nsd: 'NSD',
  bind: 'BIND',
};

/** May change and transfer every zone. No secret: the servers live as long as a measure, on loopback. */
export const KEY: KeyText = 'bench._update:SHA256:YSBrZXkgdGhhdCBvbmx5IGEgYmVuY2ggaGFzIGFuIHVzZSBm';

export interface Setting {
  readonly zones: readonly FileZone[];
  /** On a core of its own, see `affinity.ts`. */
  readonly isPinned?: boolean;
  /** Whether cookies are answered with cookies, which Knot and NSD do not do unless told. */
  readonly hasCookies?: boolean;
  /** Whether all take updates, into a journal; BIND then reads no zone file again. */
  readonly isDynamic?: boolean;
  /** Further options of ours; those that it does not have (yet) are left out. */
  readonly flags?: readonly Flag[];
}

export interface Flag {
  readonly name: `--${string}`;
  readonly value: string;
}

/** One process that answers, as all others have it. */
const ONE_WORKER: Flag = { name: '--udp-workers', value: '1' };

/** A server with its files, not started yet. */
export interface Prepared extends PreparedServer {
  readonly server: ServerName;
  readonly setting: Setting;
  /** Of ours. */
  readonly repository?: Repository;
}

export interface Running extends Prepared {
  readonly program: Program;
  /** When it was started, as `performance.now()` has it. */
  readonly started: number;
}

let help: Promise<string> | undefined;

/** Whether our primary has an option. */
export const hasOption = async (name: string): Promise<boolean> => {
  help ??= run(process.execPath, [join(root, 'bin/zonewright'), 'primary', '--help']).then(({ stdout }) => stdout);
  return new RegExp(`^ *${name}\\b(?!-)`, 'm').test(await help);
};

const prepareOurs = async (
  owner: Owner,
  { zones, isDynamic = false, flags = [] }: Setting,
): Promise<PreparedServer & { repository: Repository }> => {
  const files = Object.fromEntries(zones.map(({ name, text }) => [name.replace(/\.$/, ''), text]));
  const repository = await makeRepository(owner, { _keys: keyLine(KEY), ...files });
  const address = '127.0.0.1';
  const port = await freePort(address);
  const args = ['--remote', repository.path, '--axfr', '--listen', address, '--port', `${port}`, '--log-level', 'warn'];
  if (isDynamic) args.push('--data', join(temporaryFolder(owner, 'data'), 'data'));
  for (const { name, value } of [ONE_WORKER, ...flags]) if (await hasOption(name)) args.push(name, value);
  const command = [join(root, 'bin/zonewright'), 'primary', ...args];
  return { address, port, folder: repository.folder, command: process.execPath, args: command, repository };
};

type Prepare = (owner: Owner, setting: Setting) => Promise<PreparedServer>;

const PREPARE: Readonly<Record<ServerName, Prepare>> = {
  zonewright: prepareOurs,
  knot: (owner, { zones, hasCookies = false, isDynamic = false }) =>
    prepareKnot(owner, zones, {
      log: 'warning',
      template: hasCookies ? ['global-module: mod-cookies'] : [],
      ...(isDynamic ? { updater: KEY } : {}),
    }),
  nsd: (owner, { zones, hasCookies = false }) =>
    prepareNsd(owner, zones, { server: ['minimal-responses: yes', `answer-cookie: ${hasCookies ? 'yes' : 'no'}`] }),
  bind: (owner, { zones, hasCookies = false, isDynamic = false }) =>
    prepareNamed(owner, {
      zones: zones.map((zone) => (isDynamic ? { ...zone, allowUpdate: [`key ${KEY.split(':')[0]}`] } : zone)),
      keys: [KEY],
      options: `minimal-responses yes; answer-cookie ${hasCookies ? 'yes' : 'no'};`,
    }),
};

/** Writes what a server reads; it goes with its owner. */
export const prepare = async (owner: Owner, server: ServerName, setting: Setting): Promise<Prepared> => ({
  ...(await PREPARE[server](owner, setting)),
  server,
  setting,
});

/** Writes what several servers read, all at once. */
export const prepareAll = (
  owner: Owner,
  setting: Setting,
  servers: readonly ServerName[] = SERVERS,
): Promise<readonly Prepared[]> =>
  timeline.during('files', () => Promise.all(servers.map((server) => prepare(owner, server, setting))));

/** Starts a server, and does not wait for anything. */
export const launch = async (owner: Owner, prepared: Prepared): Promise<Running> => {
  const { command, args, folder, server, setting } = prepared;
  const started = performance.now();
  const where = setting.isPinned === true ? SERVER_CORE : {};
  const program = await startProgram(owner, command, args, { ...where, cwd: folder, name: server });
  // Nothing of what it has is needed any more: it need not take leave of it.
  owner.teardown(() => program.stop('SIGKILL'));
  return { ...prepared, program, started };
};

/** Starts servers, all at once, and waits until each answers for its last zone. */
export const startServers = async (
  owner: Owner,
  setting: Setting,
  servers: readonly ServerName[] = SERVERS,
): Promise<readonly Running[]> => {
  const prepared = await prepareAll(owner, setting, servers);
  const start = async (each: Prepared): Promise<Running> => {
    const running = await launch(owner, each);
    await answered(running, apexesOf(setting.zones));
    return running;
  };
  return timeline.during('starts', () => Promise.all(prepared.map(start)));
};

/** The names of zones. */
export const apexesOf = (zones: readonly FileZone[]): readonly string[] => zones.map(({ name }) => name);

/** Servers as a field of `inTurns`, each under its own name. */
export const fieldOf = <T extends { readonly server: ServerName }>(servers: readonly T[]): Field<T> =>
  servers.map((server) => [server.server, server]);
