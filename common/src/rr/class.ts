/** Classes (RFC 1035 3.2.4, RFC 2136 1.3). Zones are of class IN only. */
import { textOctets } from '../name.ts';
import { Mnemonics } from './mnemonics.ts';

export const CLASS = { IN: 1, CH: 3, HS: 4, NONE: 254, ANY: 255 } as const;

const mnemonics = new Map<number, string>(Object.entries(CLASS).map(([mnemonic, code]) => [code, mnemonic]));

const SHORTEST = 2;
const words = new Mnemonics(Object.entries(CLASS), 'CLASS');

/** Reads a mnemonic in any case, or `CLASSnnn` (RFC 3597 5), from octets `start` up to `end`; below 0 for anything else. */
export function readClass(octets: Uint8Array, start: number, end: number): number {
  // Nearly all are IN, and what is asked for may be a type as well.
  if (end - start === 2 && (octets[start]! & 0xdf) === 0x49 && (octets[start + 1]! & 0xdf) === 0x4e) return CLASS.IN;
  return end - start < SHORTEST ? -1 : words.read(octets, start, end);
}

/** The same for a text; `undefined` for anything else. */
export function parseClass(text: string): number | undefined {
  const octets = textOctets(text);
  const code = readClass(octets, 0, octets.length);
  return code < 0 ? undefined : code;
}

export function printClass(code: number): string {
  return mnemonics.get(code) ?? `CLASS${code}`;
}
