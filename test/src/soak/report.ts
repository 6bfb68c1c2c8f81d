/** What a soak found, as lines to be read by people. */
import type { ServerReport, SoakReport } from './soak.ts';

const MEGABYTE = 2 ** 20;

const lineOf = ([role, { load, rate, cpu, memory }]: readonly [string, ServerReport]): string =>
  `${role}: ${load.answers} answers over UDP, ${load.wrong} wrong, ${load.again} asked again; ${Math.round(rate)} a second, ` +
  `${cpu.toFixed(1)} us of CPU each with all else; longest ${load.longest} ms; ` +
  `memory ${memory.quarters.map(({ floor, mean }) => `${Math.round(floor / MEGABYTE)} (${Math.round(mean / MEGABYTE)})`).join(', ')} MB by quarters, the least (on average)`;

export const linesOf = ({ servers, counts }: SoakReport): readonly string[] => [
  ...Object.entries(servers).map(lineOf),
  [...counts].map(([what, count]) => `${count} ${what}`).join(', '),
];
