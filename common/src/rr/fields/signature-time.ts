/** The times of RRSIG and SIG (RFC 4034 3.2): YYYYMMDDHHmmSS, in UTC, or seconds since 1970. They end in February 2106. */
import { parseNumber } from '../encoding.ts';
import { type Field, unsigned } from '../field.ts';

function parseTime(text: string): number | undefined {
  if (text.length !== 14) return parseNumber(text, 0xffffffff);
  if (!/^\d+$/.test(text)) return undefined;
  const [, ...parts] = /^(....)(..)(..)(..)(..)(..)$/.exec(text)!;
  const [year, month, day, hour, minute, second] = parts.map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const time = Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
  // What Date takes for another day or hour, as the 31st of June, is printed differently.
  return time >= 0 && time <= 0xffffffff && printTime(time) === text ? time : undefined;
}

function printTime(time: number): string {
  return new Date(time * 1000).toISOString().replace(/\D/g, '').slice(0, 14);
}

export const signatureTime: Field = unsigned(4, 'time as YYYYMMDDHHmmSS of 1970..2106', parseTime, printTime);
