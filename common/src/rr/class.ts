/** Classes (RFC 1035 3.2.4, RFC 2136 1.3). Zones are of class IN only. */

import { parseNumber } from './encoding.ts';

export const CLASS = { IN: 1, CH: 3, HS: 4, NONE: 254, ANY: 255 } as const;

const mnemonics = new Map<number, string>(Object.entries(CLASS).map(([mnemonic, code]) => [code, mnemonic]));

/** Both cases that people write; the words of a zone file are asked for all the time. */
const codes = new Map<string, number>(
  Object.entries(CLASS).flatMap(([mnemonic, code]) => [
    [mnemonic, code],
    [mnemonic.toLowerCase(), code],
  ]),
);

/** Reads a mnemonic in any case, or `CLASSnnn` (RFC 3597 5). */
export function parseClass(text: string): number | undefined {
  const code = codes.get(text);
  // TTLs are asked for too, and most words begin with a digit or are too long.
  if (code !== undefined || text.length < 2 || text.length > 10 || text.charCodeAt(0) < 0x41) return code;
  const upper = text.toUpperCase();
  return upper.startsWith('CLASS') ? parseNumber(upper.slice(5), 0xffff) : codes.get(upper);
}

export function printClass(code: number): string {
  return mnemonics.get(code) ?? `CLASS${code}`;
}
