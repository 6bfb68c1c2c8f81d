/**
 * The times of RRSIG and SIG (RFC 4034 3.1.5, 3.2): YYYYMMDDHHmmSS, in UTC, or seconds since 1970. There are 32 bits, which wrap
 * around every 136 years: the years 1970 to 2106 are printed, and others are read as the time that they wrap to, since servers
 * that look at the clock print them.
 */
import { type Field, unsigned } from '../field.ts';
import { readNumber } from '../word.ts';

function readTime(octets: Uint8Array, start: number, end: number): number {
  if (end - start !== 14) return readNumber(octets, start, end, 0xffffffff);
  const date = readNumber(octets, start, start + 8, 99991231);
  const clock = readNumber(octets, start + 8, end, 235959);
  if (date < 0 || clock < 0) return -1;
  const year = Math.trunc(date / 10_000);
  const month = Math.trunc(date / 100) % 100;
  const day = date % 100;
  const hour = Math.trunc(clock / 10_000);
  const minute = Math.trunc(clock / 100) % 100;
  const second = clock % 100;
  const isDay = month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
  if (!isDay || minute > 59 || second > 59) return -1;
  return (daysBefore(year, month) * 86_400 + (day - 1) * 86_400 + hour * 3600 + minute * 60 + second) >>> 0;
}

/** Days from 1 January 1970 to the first of a month of the Gregorian calendar. Years are counted from March, so that leap days are last. */
function daysBefore(year: number, month: number): number {
  const full = month > 2 ? year : year - 1;
  const months = month > 2 ? month - 3 : month + 9;
  const leaps = Math.floor(full / 4) - Math.floor(full / 100) + Math.floor(full / 400);
  return 365 * full + leaps + Math.trunc((153 * months + 2) / 5) - 719_468;
}

function daysIn(year: number, month: number): number {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
}

function printTime(time: number): string {
  return new Date(time * 1000).toISOString().replace(/\D/g, '').slice(0, 14);
}

export const signatureTime: Field = unsigned(4, 'time as YYYYMMDDHHmmSS', readTime, printTime);
