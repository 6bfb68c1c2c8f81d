/** Questions by chance, made beforehand: each in one of the manners, as the octets of a query. */
import { CLASS } from '@zonewright/common/rr/class';
import { OPCODE } from '@zonewright/common/wire/code';
import { BARE_EDNS, OPTION } from '@zonewright/common/wire/edns';
import { emptyMessage, encodeMessage } from '@zonewright/common/wire/message';
import { chanceFrom } from '../support/mutation.ts';
import { type Asked, askedOf, COOKIE, type Manner } from './checker.ts';
import type { Question, SoakWorld } from './world.ts';

/** Each is asked again and again, so that most answers need not be read. */
const SIZE = 4000;
const MANNERS: readonly Manner[] = ['plain', 'edns', 'cookie'];

const EDNS = {
  plain: {},
  edns: { edns: BARE_EDNS },
  cookie: { edns: { ...BARE_EDNS, options: [{ code: OPTION.COOKIE, data: COOKIE }] } },
} as const;

/** A query with the ID 0. */
export const queryOf = ({ name, type }: Question, manner: Manner): Uint8Array =>
  encodeMessage({ ...emptyMessage(0, OPCODE.QUERY), questions: [{ name, type, class: CLASS.IN }], ...EDNS[manner] });

export interface Sample {
  /** One of them, with its octets, which are to be given back as they are but for the ID. */
  next(): readonly [Asked, Uint8Array];
}

export const sampleOf = (world: SoakWorld, seed: number, size = SIZE): Sample => {
  const chance = chanceFrom(seed);
  const all = Array.from({ length: size }, () => {
    const manner = MANNERS[chance(MANNERS.length)]!;
    const question = world.question(chance);
    return [askedOf(question, manner), queryOf(question, manner)] as const;
  });
  return { next: () => all[chance(all.length)]! };
};
