/** Classes (RFC 1035 3.2.4, RFC 2136 1.3). Zones are of class IN only. */

export const CLASS = { IN: 1, CH: 3, HS: 4, NONE: 254, ANY: 255 } as const;

const mnemonics = new Map<number, string>(Object.entries(CLASS).map(([mnemonic, code]) => [code, mnemonic]));

/** Reads a mnemonic in any case, or `CLASSnnn` (RFC 3597 5). */
export function parseClass(text: string): number | undefined {
  const upper = text.toUpperCase();
  const generic = /^CLASS(\d{1,5})$/.exec(upper);
  if (generic !== null) return Number(generic[1]) <= 0xffff ? Number(generic[1]) : undefined;
  return Object.hasOwn(CLASS, upper) ? CLASS[upper as keyof typeof CLASS] : undefined;
}

export function printClass(code: number): string {
  return mnemonics.get(code) ?? `CLASS${code}`;
}
