/**
 * Network namespaces: addresses such as 10.0.42.2 and the port 53 for tests, out of reach of any real network.
 *
 * A namespace has only `lo`, with the addresses asked for; no packet leaves it. Root makes one at once, others through a
 * user namespace, where the kernel allows it: `namespaceReason` says why not, for `testUnless`.
 */
import { spawnSync } from 'node:child_process';
import { missing } from './needs.ts';
import type { Owner } from './owner.ts';
import { type Place, type Ran, type RunOptions, run, startProgram } from './process.ts';

const isRoot = process.getuid?.() === 0;
const unshare = ['unshare', ...(isRoot ? [] : ['--user', '--map-root-user']), '--net', '--mount'] as const;

/** A script for `sh -c` that brings up `lo` with the addresses it gets as arguments, up to `--`, and becomes the rest. */
const script = `set -e
ip link set lo up
while [ "$1" != -- ]; do
  case "$1" in
    *:*) ip -6 addr add "$1/128" dev lo nodad ;;
    *) ip addr add "$1/32" dev lo ;;
  esac
  shift
done
shift
exec "$@"`;

const inside = (command: string, args: readonly string[], addresses: readonly string[]): [string, string[]] => {
  const [program, ...options] = unshare;
  return [program, [...options, 'sh', '-c', script, 'sh', ...addresses, '--', command, ...args]];
};

let reason: string | undefined | null = null;

/** Why no namespace can be made on this machine, as words for a test's title, or `undefined` where it can. */
export const namespaceReason = (): string | undefined => {
  if (reason === null) {
    const absent = missing('unshare', 'nsenter', 'ip');
    const [program, args] = inside('true', [], ['10.0.42.1']);
    reason =
      absent !== undefined
        ? `needs package ${absent.join(', ')}`
        : spawnSync(program, args, { timeout: 10_000 }).status === 0
          ? undefined
          : 'needs network namespaces, which this machine forbids';
  }
  return reason;
};

/** Whether a namespace can be made on this machine. */
export const namespacesWork = (): boolean => namespaceReason() === undefined;

/** Runs one program to its end in a namespace of its own with `addresses` (IPv4 or IPv6) on `lo`. */
export const inNamespace = (
  command: string,
  args: readonly string[],
  addresses: readonly string[],
  options: RunOptions = {},
): Promise<Ran> => run(...inside(command, args, addresses), options);

/** A namespace that stays. */
export interface Namespace extends Place {
  /** A process in it. */
  readonly pid: number;
}

/**
 * A namespace with `addresses` on `lo` that several programs share: pass it as `within` to `run`, `startProgram`, `dig`,
 * `startNamed` and the others. It ends with its owner.
 */
export const startNamespace = async (owner: Owner, addresses: readonly string[]): Promise<Namespace> => {
  const [program, args] = inside('sh', ['-c', 'echo up; exec sleep infinity'], addresses);
  const holder = await startProgram(owner, program, args, { name: 'namespace' });
  await holder.waitForLine(/^up$/);
  const user = isRoot ? [] : ['--user', '--preserve-credentials'];
  return {
    pid: holder.pid,
    enter: (command, commandArgs) => [
      'nsenter',
      // Not its mount namespace: entering that would change the working folder to /.
      ['--target', `${holder.pid}`, ...user, '--net', '--', command, ...commandArgs],
    ],
  };
};
