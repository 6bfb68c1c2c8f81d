/** What a process uses, out of Linux's `/proc` (proc(5)); nothing elsewhere. */
import { readFileSync } from 'node:fs';

export interface Usage {
  /** Octets of resident memory. */
  readonly memory: number;
  /** Seconds of processor time since its start. */
  readonly cpu: number;
}

/** USER_HZ, which is 100 on all that Node.js runs on. */
const TICKS = 100;

export const usageOf = (pid: number): Usage | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The program's name, in parentheses, may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [, memory = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return { memory: Number(memory) * 1024, cpu: (Number(fields[11]) + Number(fields[12])) / TICKS };
  } catch {
    return undefined;
  }
};

/** What the memory of the last quarter may be above that of the second one: as a share, and in octets. */
const SHARE = 1.1;
const OCTETS = 20 * 2 ** 20;
/** Versions of a large zone on their way from one thread to another come and go; this share of the samples is taken to be without. */
const QUIET = 0.1;

export interface Memory {
  /** Octets in each quarter of the time: on average, and of the quietest moments, which a leak raises as well. */
  readonly quarters: readonly { readonly mean: number; readonly floor: number }[];
  readonly isFlat: boolean;
}

/** `samples`: octets, taken at regular intervals. */
export const memoryOf = (samples: readonly number[]): Memory => {
  const quarters = [0, 1, 2, 3].map((i) => {
    const quarter = samples.slice((samples.length * i) / 4, (samples.length * (i + 1)) / 4).sort((a, b) => a - b);
    const mean = quarter.reduce((sum, sample) => sum + sample, 0) / Math.max(1, quarter.length);
    return { mean, floor: quarter[Math.floor(quarter.length * QUIET)] ?? 0 };
  });
  const [, second, , last] = quarters;
  const most = Math.max(second!.floor * SHARE, second!.floor + OCTETS);
  return { quarters, isFlat: last!.floor <= most };
};
