/**
 * What a test needs from the machine: programs of real peers, and what happens where one is missing.
 *
 * A test whose program is missing is skipped, with the Debian package in its title, so that ava's summary counts it as
 * skipped. It never counts as passed. Nothing is installed here and no version is compared: a program that has to be newer than those of the
 * system ends in its version (`knotd-3.4`), and stands where `.ci/newer-peers` has put it.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { ExecutionContext, TestFn } from 'ava';

/** The Debian package that brings a program. A program that is not listed is its own package. */
const packages: Readonly<Record<string, string>> = {
  dig: 'bind9-dnsutils',
  nsupdate: 'bind9-dnsutils',
  named: 'bind9',
  delv: 'bind9-dnsutils',
  'named-checkzone': 'bind9-utils',
  'dnssec-keygen': 'bind9-utils',
  'dnssec-signzone': 'bind9-utils',
  'dnssec-dsfromkey': 'bind9-utils',
  'tsig-keygen': 'bind9-utils',
  kdig: 'knot-dnsutils',
  knotd: 'knot',
  'knotd-3.4': 'knot 3.4 (.ci/newer-peers)',
  nsd: 'nsd',
  'nsd-4.12': 'nsd 4.12 (.ci/newer-peers)',
  'nsd-control-4.12': 'nsd 4.12 (.ci/newer-peers)',
  pdns_server: 'pdns-backend-lmdb',
  'ldns-keygen': 'ldnsutils',
  'ldns-signzone': 'ldnsutils',
  sshd: 'openssh-server',
  ssh: 'openssh-client',
  'ssh-keygen': 'openssh-client',
  git: 'git',
  pebble: 'pebble',
  openssl: 'openssl',
  ip: 'iproute2',
  tc: 'iproute2',
  unshare: 'util-linux',
  prlimit: 'util-linux',
};

/** Where Debian keeps the programs of servers; an ordinary user's PATH often leaves these out. */
const systemFolders = ['/usr/sbin', '/sbin', '/usr/local/sbin'];

/** Where `.ci/newer-peers` puts programs: found as that finds it, in the environment `env`. */
export const newerPeers = (env: NodeJS.ProcessEnv = process.env): string => {
  const cache = env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache');
  return join(env.NEWER_PEERS || join(cache, 'zonewright/newer-peers'), 'bin');
};

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
};

/** The path of an executable on PATH, in the system's folders or among the newer peers, or `undefined`. */
export const program = (name: string): string | undefined =>
  [...(process.env.PATH ?? '').split(delimiter), ...systemFolders, newerPeers()]
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isExecutable);

/** The path of an executable that the test has named among its needs. Throws where it is missing. */
export const needed = (name: string): string => {
  const path = program(name);
  if (path === undefined) throw new Error(`${name} is missing: needs package ${packages[name] ?? name}`);
  return path;
};

/** The Debian packages of the programs that are missing, each once, or `undefined` where all are there. */
export const missing = (...programs: readonly string[]): readonly string[] | undefined => {
  const absent = new Set(programs.filter((name) => program(name) === undefined).map((name) => packages[name] ?? name));
  return absent.size === 0 ? undefined : [...absent];
};

/** A test declared by title and body. */
export type Declare<Context> = (title: string, body: (t: ExecutionContext<Context>) => unknown) => void;

/** What `testWith` and `testUnless` return: ava's `test` and `test.serial` for a title and a body, nothing else of it. */
export interface NeedyTest<Context> extends Declare<Context> {
  readonly serial: Declare<Context>;
}

type Body<Context> = (t: ExecutionContext<Context>) => Promise<void>;

/** ava's `test` where `reason` is `undefined`, otherwise a variant that skips each test and says `reason` in its title. */
export const testUnless = <Context>(test: TestFn<Context>, reason: string | undefined): NeedyTest<Context> => {
  const awaited =
    (body: (t: ExecutionContext<Context>) => unknown): Body<Context> =>
    async (t) => {
      await body(t);
    };
  const declare: Declare<Context> = (title, body) =>
    reason === undefined ? test(title, awaited(body)) : test.skip(`${title} (${reason})`, awaited(body));
  const serial: Declare<Context> = (title, body) =>
    reason === undefined ? test.serial(title, awaited(body)) : test.serial.skip(`${title} (${reason})`, awaited(body));
  return Object.assign(declare, { serial });
};

/** ava's `test` where all `programs` are there, otherwise a variant that skips: `title (needs package bind9)`. */
export const testWith = <Context>(test: TestFn<Context>, programs: readonly string[]): NeedyTest<Context> => {
  const absent = missing(...programs);
  return testUnless(test, absent && `needs package ${absent.join(', ')}`);
};
