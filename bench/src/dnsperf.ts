/** DNS-OARC's `dnsperf` as the load: how it is started, and what it prints. */
import { run } from '@zonewright/test/support/process';
import { CLIENT_CORE } from './affinity.ts';

export interface Load {
  readonly completed: number;
  readonly lost: number;
  /** Answers by RCODE, such as `NXDOMAIN`. */
  readonly codes: Readonly<Record<string, number>>;
  /** Octets of an answer, on average. */
  readonly octets: number;
}

/** Reads what dnsperf prints at its end. Throws where it has not come to one. */
export const parseDnsperf = (text: string): Load => {
  const after = (label: string): string => {
    const found = new RegExp(`^ *${label}: +(.*)$`, 'm').exec(text)?.[1];
    if (found === undefined) throw new Error(`dnsperf says nothing of "${label}":\n${text}`);
    return found;
  };
  const completed = Number.parseInt(after('Queries completed'), 10);
  return {
    completed,
    lost: Number.parseInt(after('Queries lost'), 10),
    codes:
      completed === 0
        ? {}
        : Object.fromEntries(
            [...after('Response codes').matchAll(/(\S+) (\d+) \(/g)].map(([, code, count]) => [code!, Number(count)]),
          ),
    octets: completed === 0 ? 0 : Number(/response (\d+)/.exec(after('Average packet size'))?.[1]),
  };
};

export interface Target {
  readonly address: string;
  readonly port: number;
}

/** Milliseconds that one load may take. */
const LONGEST = 600_000;

/** Asks what the file `queries` says, once; `more` are further options. */
export const dnsperf = async (
  { address, port }: Target,
  queries: string,
  more: readonly string[] = [],
): Promise<Load> => {
  const args = ['-s', address, '-p', `${port}`, '-d', queries, '-n', '1', '-T', '1', '-W', ...more];
  const ran = await run('dnsperf', [...args, '-O', 'suppress=timeout'], {
    ...CLIENT_CORE,
    timeout: LONGEST,
  });
  return parseDnsperf(ran.stdout);
};
