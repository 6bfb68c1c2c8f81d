/**
 * What a server costs, out of Linux's `/proc` (proc(5)): processor time and memory of a process with all its threads and children.
 *
 * Processor time of processes that run is known to the nanosecond where the kernel tells it of their threads (`schedstat`), else, and
 * always the kernel's part of it, to a hundredth of a second. Children that have ended count as soon as their parent has noticed.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** Processor time in seconds. */
export interface Usage {
  readonly user: number;
  readonly kernel: number;
}

/** USER_HZ, which is 100 on all that Node.js runs on. */
const TICKS = 100;

/** The processor time in `/proc/PID/stat`, that of children who have ended included. */
export const parseStat = (stat: string): Usage => {
  // The program's name, in parentheses, may hold anything.
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [user = 0, kernel = 0, childrenUser = 0, childrenKernel = 0] = fields.slice(11, 15);
  return { user: (user + childrenUser) / TICKS, kernel: (kernel + childrenKernel) / TICKS };
};

/** Seconds that a thread has run, by its `schedstat`; 0 without it. */
export const parseRun = (schedstat: string): number => Number(schedstat.split(' ')[0]) / 1e9;

/** Processor time, where that of all its threads is known more exactly. Those that have ended are not among them. */
export const refined = ({ user, kernel }: Usage, threads: number): Usage => ({
  user: Math.max(user + kernel, threads) - kernel,
  kernel,
});

/** Octets of one line of `/proc/PID/status` or `smaps_rollup`, such as `Pss`; 0 without it. */
export const parseMemory = (text: string, field: string): number =>
  Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0) * 1024;

/** A file of a process; empty where the process has just ended, and so costs nothing more. */
const read = (pid: number, file: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
};

const threadsOf = (pid: number): readonly string[] => {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
};

/** A process and all that come from it. */
const treeOf = (pid: number): readonly number[] => {
  const tree = [pid];
  // What is added while it is walked is walked too.
  for (const parent of tree)
    for (const thread of threadsOf(parent))
      tree.push(...read(parent, `task/${thread}/children`).split(' ').filter(Boolean).map(Number));
  return tree;
};

const sumOver = (pid: number, of: (pid: number) => number): number =>
  treeOf(pid).reduce((sum, each) => sum + of(each), 0);

/** Seconds that the threads of a process have run which have not ended. */
const runOf = (pid: number): number =>
  threadsOf(pid).reduce((sum, thread) => sum + parseRun(read(pid, `task/${thread}/schedstat`)), 0);

/** In seconds, of both. */
export const sumOf = ({ user, kernel }: Usage): number => user + kernel;

/** Processor time of a whole server since it started. */
export const usageOf = (pid: number): Usage =>
  treeOf(pid)
    .map((each) => refined(parseStat(read(each, 'stat')), runOf(each)))
    .reduce((sum, { user, kernel }) => ({ user: sum.user + user, kernel: sum.kernel + kernel }), {
      user: 0,
      kernel: 0,
    });

export const usageSince = (pid: number, before: Usage): Usage => {
  const { user, kernel } = usageOf(pid);
  return { user: user - before.user, kernel: kernel - before.kernel };
};

/** Processor time in seconds of the threads of a process, by their numbers; the first one's is that of the process. */
export const threadUsage = (pid: number): ReadonlyMap<number, number> => {
  const usage = new Map<number, number>();
  for (const thread of threadsOf(pid)) {
    const stat = read(pid, `task/${thread}/stat`);
    if (stat === '') continue;
    const { user, kernel } = refined(parseStat(stat), parseRun(read(pid, `task/${thread}/schedstat`)));
    usage.set(Number(thread), user + kernel);
  }
  return usage;
};

/** Seconds below which the hundredths that the kernel's part is counted in say nothing of it. */
const FEWEST = 0.05;

/** The kernel's part: 0 to 1, and NaN of too little. */
export const kernelShare = (usage: Usage): number =>
  sumOf(usage) < FEWEST ? Number.NaN : Math.min(1, usage.kernel / sumOf(usage));

/** Memory of a whole server in octets: of what its processes share (Pss), each counts its part. */
export const memoryOf = (pid: number): number => sumOver(pid, (each) => parseMemory(read(each, 'smaps_rollup'), 'Pss'));

/** From now on `growthOf` looks; gives the octets that are resident now (Rss). */
export const markMemory = (pid: number): number => {
  // proc(5): 5 sets the greatest resident size to the present one.
  for (const each of treeOf(pid)) writeFileSync(`/proc/${each}/clear_refs`, '5');
  return sumOver(pid, (each) => parseMemory(read(each, 'status'), 'VmRSS'));
};

/** By how many octets a server was larger than `marked` when it was largest. */
export const growthOf = (pid: number, marked: number): number =>
  sumOver(pid, (each) => parseMemory(read(each, 'status'), 'VmHWM')) - marked;
