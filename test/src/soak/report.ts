/** What a soak found, as lines to be read by people. */
import type { ServerReport, SoakReport } from './soak.ts';

const MEGABYTE = 2 ** 20;

const lineOf = ([role, { load, rate, cpu, memory }]: readonly [string, ServerReport]): string =>
  `${role}: ${load.answers} answers over UDP, ${load.wrong} wrong, ${load.again} asked again; ${Math.round(rate)} a second, ` +
  `${cpu.toFixed(1)} us of CPU each with all else; longest ${load.longest} ms; ` +
  `memory ${memory.floors.map((octets) => Math.round(octets / MEGABYTE)).join(' ')} MB at its least, one spell after the other`;

export const linesOf = ({ servers, counts }: SoakReport): readonly string[] => [
  ...Object.entries(servers).map(lineOf),
  [...counts].map(([what, count]) => `${count} ${what}`).join(', '),
];
