/**
 * The times of RRSIG and SIG (RFC 4034 3.1.5, 3.2): YYYYMMDDHHmmSS, in UTC, or seconds since 1970. There are 32 bits, which wrap
 * around every 136 years: the years 1970 to 2106 are printed, and others are read as the time that they wrap to, since servers
 * that look at the clock print them.
 */
import { parseNumber } from '../encoding.ts';
import { type Field, unsigned } from '../field.ts';

function parseTime(text: string): number | undefined {
  if (text.length !== 14) return parseNumber(text, 0xffffffff);
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined) return undefined;
  const [year, month, day, hour, minute, second] = parts as [number, number, number, number, number, number];
  const time = Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
  // What Date takes for another day or hour, as the 31st of June, is printed differently.
  return printTime(time) === text ? (time % 2 ** 32) >>> 0 : undefined;
}

function printTime(time: number): string {
  return new Date(time * 1000).toISOString().replace(/\D/g, '').slice(0, 14);
}

export const signatureTime: Field = unsigned(4, 'time as YYYYMMDDHHmmSS', parseTime, printTime);
