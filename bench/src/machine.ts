/** What a run was made on. */
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { run } from '@zonewright/test/support/process';

/** How programs say their version. */
const PROGRAMS = {
  Knot: ['knotd', '--version'],
  NSD: ['nsd', '-v'],
  BIND: ['named', '-v'],
  dnsperf: ['dnsperf', '-h'],
} as const satisfies Readonly<Record<string, readonly [string, string]>>;

const versionOf = async (command: string, flag: string): Promise<string> => {
  const { stdout, stderr } = await run(command, [flag]);
  return /\d+\.\d+(?:\.\d+)?/.exec(stdout + stderr)?.[0] ?? '?';
};

/** Cores, kernel and versions, in one sentence. */
export const describeMachine = async (): Promise<string> => {
  const versions = await Promise.all(
    Object.entries(PROGRAMS).map(async ([name, [command, flag]]) => `${name} ${await versionOf(command, flag)}`),
  );
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  const hardware = `${availableParallelism()} cores of ${cpus()[0]?.model.trim() ?? 'an unknown processor'}, ${memory} GiB`;
  return `${hardware}, Linux ${release()}, Node.js ${process.versions.node}, ${versions.join(', ')}`;
};

/** How much else there is to do, as the average of the last minute. */
export const presentLoad = (): string => loadavg()[0]!.toFixed(1);
