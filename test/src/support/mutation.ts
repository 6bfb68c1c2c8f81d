/**
 * Good octets made bad by chance: flipped, cut, put together anew, their counts and lengths and pointers turned wild.
 * Always holds: the same seed makes the same octets, and what is given stays as it is.
 */
import { type Chance, chanceFrom } from './nasty.ts';

/** The seed of a run: `SEED=n`, or any. */
export const seedOfRun = (): number => Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));

const INTERESTING = [0, 1, 2, 0x0c, 0x0f, 0x28, 0x29, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xc1, 0xfa, 0xfe, 0xff];
const WILD_COUNTS = [0, 1, 2, 3, 255, 0x8000, 0xffff];
const HEADER_OCTETS = 12;
/** No message has more. */
const MAX_OCTETS = 65_535;

type Change = (octets: Buffer, at: number, chance: Chance, others: readonly Uint8Array[]) => Uint8Array;

const setting =
  (value: (chance: Chance, old: number) => number): Change =>
  (octets, at, chance) => {
    if (at < octets.length) octets[at] = value(chance, octets[at]!);
    return octets;
  };

const pick = <T>(from: readonly T[], chance: Chance): T => from[chance(from.length)]!;

/** Each as likely as any other. */
const CHANGES: readonly Change[] = [
  setting((chance) => chance(256)),
  setting((chance) => pick(INTERESTING, chance)),
  setting((chance, old) => old ^ (1 << chance(8))),
  setting((_, old) => old + 1),
  // Case of a letter.
  setting((_, old) => old ^ 0x20),
  // Cut short.
  (octets, at) => octets.subarray(0, at),
  // A part left out, or said again and again.
  (octets, at, chance) => Buffer.concat([octets.subarray(0, at), octets.subarray(at + 1 + chance(12))]),
  (octets, at, chance) => {
    const part = octets.subarray(at, at + 1 + chance(40));
    const times = chance(8) === 0 ? chance(400) : chance(4);
    return Buffer.concat([octets, ...Array<Buffer>(times).fill(part)]);
  },
  (octets, at, chance) => {
    const part = octets.subarray(at, at + 1 + chance(30));
    return Buffer.concat([octets.subarray(0, at), part, octets.subarray(at)]);
  },
  // A part of another message.
  (octets, at, chance, others) => {
    const other = pick(others, chance);
    const from = chance(other.length + 1);
    return Buffer.concat([octets.subarray(0, at), other.subarray(from, from + 1 + chance(40)), octets.subarray(at)]);
  },
  (octets, at, chance, others) => Buffer.concat([octets.subarray(0, at), pick(others, chance).subarray(at)]),
  // A wild count; one more, one less.
  (octets, _, chance) => {
    if (octets.length >= HEADER_OCTETS) octets.writeUInt16BE(pick(WILD_COUNTS, chance), 4 + 2 * chance(4));
    return octets;
  },
  (octets, _, chance) => {
    const at = 5 + 2 * chance(4);
    if (octets.length >= HEADER_OCTETS) octets[at] = octets[at]! + (chance(2) === 0 ? 1 : -1);
    return octets;
  },
  // A pointer: to the header, the question, near, anywhere.
  (octets, at, chance) => {
    const target = pick([chance(16), HEADER_OCTETS, at - chance(4), at + chance(4), chance(0x4000)], chance);
    if (at + 1 < octets.length) octets.writeUInt16BE(0xc000 | (target & 0x3fff), at);
    return octets;
  },
  // A wild length, or type, or class.
  (octets, at, chance) => {
    if (at + 1 < octets.length) octets.writeUInt16BE(pick([0, 1, 255, 256, 0x7fff, 0xffff, chance(65536)], chance), at);
    return octets;
  },
  // Nothing but octets.
  (octets, at, chance) => {
    for (let i = at; i < octets.length; i++) octets[i] = chance(256);
    return octets;
  },
];

/** `octets` with one to four changes; `others` are what parts are taken from. */
export function mutate(octets: Uint8Array, others: readonly Uint8Array[], chance: Chance): Uint8Array {
  let changed: Uint8Array = octets;
  for (let i = chance(4); i >= 0; i--) {
    const at = chance(3) === 0 ? chance(HEADER_OCTETS) : chance(changed.length + 1);
    changed = pick(CHANGES, chance)(Buffer.from(changed), at, chance, others).subarray(0, MAX_OCTETS);
  }
  // Half of them as sockets give them: parts of a larger buffer.
  return chance(2) === 0
    ? Uint8Array.from(changed)
    : Buffer.concat([Buffer.alloc(3), changed, Buffer.alloc(3)]).subarray(3, 3 + changed.length);
}

export { type Chance, chanceFrom };
