/** Rounds: in each, all have their turn, one at a time; who begins is another one from round to round. */
import type { Contestant, Reading, Trials } from './measure.ts';
import { timeline } from './timeline.ts';

export type Field<T> = readonly (readonly [contestant: Contestant, entrant: T])[];

/** `items`, beginning with another one in each round. */
export const turned = <T>(items: readonly T[], round: number): readonly T[] => {
  const at = items.length === 0 ? 0 : round % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
};

/** Plays so many rounds; gives what each entrant's turns have shown. */
export const inTurns = async <T>(
  rounds: number,
  field: Field<T>,
  play: (entrant: T, round: number, contestant: Contestant) => Promise<Reading>,
): Promise<Trials['readings']> => {
  const readings = new Map<Contestant, Reading[]>(field.map(([contestant]) => [contestant, []]));
  for (let round = 0; round < rounds; round++)
    for (const [contestant, entrant] of turned(field, round))
      readings.get(contestant)!.push(await timeline.during('rounds', () => play(entrant, round, contestant)));
  return Object.fromEntries(readings);
};
