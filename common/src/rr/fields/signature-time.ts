/**
 * The times of RRSIG and SIG (RFC 4034 3.1.5, 3.2): YYYYMMDDHHmmSS, in UTC, or seconds since 1970. There are 32 bits, which wrap
 * around every 136 years: the years 1970 to 2106 are printed, and others are read as the time that they wrap to, since servers
 * that look at the clock print them.
 */
import { parseNumber } from '../encoding.ts';
import { type Field, unsigned } from '../field.ts';

function parseTime(text: string): number | undefined {
  if (text.length !== 14) return parseNumber(text, 0xffffffff);
  const date = parseNumber(text.slice(0, 8), 99991231);
  const clock = parseNumber(text.slice(8), 235959);
  if (date === undefined || clock === undefined) return undefined;
  const [year, month, day] = [Math.floor(date / 10_000), Math.floor(date / 100) % 100, date % 100];
  const [hour, minute, second] = [Math.floor(clock / 10_000), Math.floor(clock / 100) % 100, clock % 100];
  const isDay = month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
  if (!isDay || minute > 59 || second > 59) return undefined;
  return (Date.UTC(year, month - 1, day, hour, minute, second) / 1000) >>> 0;
}

function daysIn(year: number, month: number): number {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
}

function printTime(time: number): string {
  return new Date(time * 1000).toISOString().replace(/\D/g, '').slice(0, 14);
}

export const signatureTime: Field = unsigned(4, 'time as YYYYMMDDHHmmSS', parseTime, printTime);
