/** What a process uses, out of Linux's `/proc` (proc(5)); nothing elsewhere. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Usage {
  /** Octets of resident memory that is no part of a file: pages of a file, such as a journal's, are the system's to take back. */
  readonly resident: number;
  /** Of these all but what V8 has not collected, or keeps for new objects (`heap-thread.ts`). */
  readonly memory: number;
  /** Seconds of processor time since its start. */
  readonly cpu: number;
}

/** USER_HZ, which is 100 on all that Node.js runs on. */
const TICKS = 100;

/** The variable that names the folder in which threads of services tell of their heaps. */
export const HEAPS = 'SOAK_HEAPS';

/** Octets that the heaps of all threads of a process hold and do not need; a number is missing while it is written. */
const spareOf = (pid: number, heaps: string): number =>
  readdirSync(heaps)
    .filter((name) => name.startsWith(`${pid}.`))
    .reduce((sum, name) => sum + (Number(readFileSync(join(heaps, name), 'utf8')) || 0), 0);

/** `heaps`: the folder in which its threads tell of their heaps. */
export const usageOf = (pid: number, heaps: string): Usage | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The program's name, in parentheses, may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [, resident = '0'] = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    const cpu = (Number(fields[11]) + Number(fields[12])) / TICKS;
    return { resident: Number(resident) * 1024, memory: Number(resident) * 1024 - spareOf(pid, heaps), cpu };
  } catch {
    return undefined;
  }
};

/** Into so many spells each third of the time is divided. */
const SPELLS = 5;
/** Versions of a large zone on their way from one thread to another come and go; this share of the samples is taken to be without. */
const QUIET = 0.1;
/** What fills up slowly and is bounded - histories, caches, compiled code - may still add from one third to the next, as a share. */
const GROWTH = 0.03;

export interface Memory {
  /** Octets in each spell at its quietest moments, which a leak raises as well. */
  readonly floors: readonly number[];
  /**
   * Is there no leak? The first third of the time is the start, and does not count. A leak goes on as long as there is work, so each
   * spell of the last third is above each of the second one as soon as it adds, in a third of the time, more than what spells differ by;
   * and it adds more than {@link GROWTH}. What is steady goes up and down: that five spells happen to be above five others has a
   * chance of 1 in 252, and then they would have to be so by that share. What levels off has done so, or adds less.
   */
  readonly isFlat: boolean;
}

/** `samples`: octets, taken at regular intervals. */
export const memoryOf = (samples: readonly number[]): Memory => {
  const count = 3 * SPELLS;
  const floors = Array.from({ length: count }, (_, i) => {
    const spell = samples.slice((samples.length * i) / count, (samples.length * (i + 1)) / count).sort((a, b) => a - b);
    return spell[Math.floor(spell.length * QUIET)] ?? 0;
  });
  const second = floors.slice(SPELLS, 2 * SPELLS).sort((a, b) => a - b);
  const last = floors.slice(2 * SPELLS).sort((a, b) => a - b);
  const isAbove = last[0]! > second.at(-1)!;
  const middle = SPELLS >> 1;
  return { floors, isFlat: !isAbove || last[middle]! <= second[middle]! * (1 + GROWTH) };
};
