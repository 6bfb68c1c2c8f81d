/** What a soak found, as lines to be read by people. */
import type { ServerReport, SoakReport } from './soak.ts';
import type { Memory } from './usage.ts';

const MEGABYTE = 2 ** 20;

const floorsOf = ({ floors }: Memory): string => floors.map((octets) => Math.round(octets / MEGABYTE)).join(' ');

const lineOf = ([role, { load, rate, cpu, memory, resident }]: readonly [string, ServerReport]): string =>
  `${role}: ${load.answers} answers over UDP, ${load.wrong} wrong, ${load.again} asked again; ${Math.round(rate)} a second, ` +
  `${cpu.toFixed(1)} us of CPU each with all else; longest ${load.longest} ms; ` +
  `memory ${floorsOf(memory)} MB at its least, one spell after the other; ${floorsOf(resident)} MB with what V8 has not collected`;

export const linesOf = ({ servers, counts }: SoakReport): readonly string[] => [
  ...Object.entries(servers).map(lineOf),
  [...counts].map(([what, count]) => `${count} ${what}`).join(', '),
];
