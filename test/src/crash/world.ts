/**
 * The zones of a crash test: small, each written in another hand, with lines of comments and records that people change, and lines that UPDATEs
 * change. All else has to stay as it is.
 */
import type { Name } from '@zonewright/common/name';
import { nameOf } from '../support/records.ts';
import { firstLines, isCounted } from './tally.ts';

export interface CrashZone {
  readonly fileName: string;
  readonly name: Name;
  /** The first text of the file. */
  text(tallies: readonly number[], operators: number): string;
}

/** What stands in a file whose zone cannot be served. */
export const BROKEN = 'this line is (BROKEN';

type Hand = (tallies: readonly number[], operators: readonly number[]) => readonly string[];

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);

/** One line of each: an SOA in several lines, comments at the ends of lines. */
const wide: Hand = (tallies, operators) => [
  '; kept by hand, and by programs',
  '$TTL 300',
  '@       IN SOA ns hostmaster (',
  '                1       ; serial',
  '                3600    ; refresh',
  '                600     ; retry',
  '                86400 300 ) ; expire, minimum',
  '        IN NS   ns      ; the only one',
  '',
  'ns      IN A    127.0.0.1',
  ...operators.flatMap((j) => ['', `; note ${j}: 0`, '', `op${j}     IN TXT  "op${j}=0" ; by hand`, '']),
  '; below: programs',
  ...tallies.flatMap((i) => [`; tally ${i}`, ...firstLines(i), '']),
  '; the end',
];

/** Tabs, an SOA in one line, a serial that is a date, owners left out, `$ORIGIN`. */
const narrow: Hand = (tallies, operators) => [
  '$TTL\t1h',
  '@\tSOA\tns hostmaster 2026010101 3600 600 86400 300 ; serial',
  '\tNS\tns',
  '\tTXT\t"two" "words"',
  'ns\t300\tA\t127.0.0.1',
  '\t300\tAAAA\t::1',
  ...tallies.flatMap((i) => firstLines(i).map((line) => line.replaceAll(/ (?=TXT|")/g, '\t'))),
  'mail\tMX\t10 ns',
  ...operators.flatMap((j) => ['', `;note ${j}: 0`, '', `op${j}\tTXT\t"op${j}=0"`, '']),
  '$ORIGIN deep',
  '@\tA\t192.0.2.1\t; the deep one',
  'er\tA\t192.0.2.2',
];

const zoneOf = (fileName: string, hand: Hand, end: string): CrashZone => ({
  fileName,
  name: nameOf(`${fileName}.`),
  text: (tallies, operators) =>
    hand(tallies, range(operators))
      .map((line) => `${line}${end}`)
      .join(''),
});

export const ZONES: readonly CrashZone[] = [
  zoneOf('alpha.test', wide, '\n'),
  zoneOf('beta.test', narrow, '\n'),
  zoneOf('gamma.test', wide, '\r\n'),
];

/** A zone that comes and goes. */
export const VISITOR = 'visitor.test';
export const VISITOR_TEXT = '@ 300 SOA ns hostmaster 1 3600 600 86400 300\n@ 300 NS ns\nns 300 A 127.0.0.1\n';

/** The line of an SOA that holds its serial. */
const SERIAL = /^(.*?)(\d+)(?=( 3600 600 86400 300)?\s*; serial\r?$)/m;

export function serialIn(text: string): number {
  const found = SERIAL.exec(text);
  if (found === null) throw new Error(`no line with a serial in ${text}`);
  return Number(found[2]);
}

export const withSerialIn = (text: string, change: (serial: number) => number): string =>
  text.replace(SERIAL, (_, before: string, serial: string) => `${before}${change(Number(serial))}`);

/** The value of a note or a record of somebody who works by hand: the note stands in a comment. */
export function handValue(text: string, kind: 'note' | 'record', operator: number): number {
  const found = HAND[kind](operator).exec(text);
  if (found === null) throw new Error(`no ${kind} of ${operator} in ${text}`);
  return Number(found[2]);
}

export const withHandValue = (text: string, kind: 'note' | 'record', operator: number, value: number): string =>
  text.replace(HAND[kind](operator), (_, before: string) => `${before}${value}`);

const HAND = {
  note: (operator: number) => new RegExp(`^(; ?note ${operator}: )(\\d+)`, 'm'),
  record: (operator: number) => new RegExp(`^(op${operator}\\b.*"op${operator}=)(\\d+)`, 'm'),
} as const;

/** The lines that no program has to do with. */
export const handLines = (text: string): string =>
  text
    .split('\n')
    .filter((line) => !isCounted(line) && !/; serial\r?$/.test(line))
    .join('\n');
