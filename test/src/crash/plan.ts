/**
 * At which step the next life ends: of those that ended the fewest lives, the ones that have not been come to in vain; first at once, later
 * also after a while.
 */
import type { Chance } from '../support/mutation.ts';

export interface Ending {
  readonly step: string;
  /** At its so-manieth time. */
  readonly count: number;
}

/** Times that a step may be passed before it counts: powers of two up to this one. */
const PASSED = 5;
/** So many lives in which a step was not come to count as one that has ended there. */
const IN_VAIN = 2;

export class Plan {
  readonly #chance: Chance;
  readonly #ended: Map<string, number>;
  readonly #planned = new Map<string, number>();
  readonly #vain = new Map<string, number>();
  readonly #reached = new Set<string>();

  constructor(steps: readonly string[], chance: Chance) {
    this.#chance = chance;
    this.#ended = new Map(steps.map((step) => [step, 0]));
  }

  /** `place`: where the life is lived; there is no way to the steps `never` from there. `undefined` where there are no steps. */
  next(place: string, never: readonly string[] = []): Ending | undefined {
    const costOf = (step: string): number =>
      this.#ended.get(step)! +
      (this.#planned.get(step) ?? 0) +
      (this.#vain.get(`${place} ${step}`) ?? 0) / IN_VAIN +
      this.#chance(1000) / 2000;
    const [step] = [...this.#ended.keys()]
      .filter((each) => !never.includes(each))
      .map((each) => [each, costOf(each)] as const)
      .reduce<readonly [string | undefined, number]>(
        (best, each) => (each[1] < best[1] ? each : best),
        [undefined, Number.POSITIVE_INFINITY],
      );
    if (step === undefined) return undefined;
    add(this.#planned, step, 1);
    const count = this.#ended.get(step) === 0 ? 1 : 1 + this.#chance(2 ** this.#chance(PASSED));
    return { step, count };
  }

  /** How a life ended that was to end so; `reached`: the steps that it came to. */
  note(place: string, { step }: Ending, hasEnded: boolean, reached: Iterable<string>): void {
    add(this.#planned, step, -1);
    if (hasEnded) add(this.#ended, step, 1);
    else add(this.#vain, `${place} ${step}`, 1);
    for (const each of reached) this.#reached.add(each);
  }

  /** Has no life ended there yet? */
  isNew({ step }: Ending): boolean {
    return this.#ended.get(step) === 0;
  }

  /** Steps at which no life has ended. */
  get open(): readonly string[] {
    return [...this.#ended].filter(([, times]) => times === 0).map(([step]) => step);
  }

  /** How often lives ended at each step, and steps that nobody knew of. */
  get report(): string {
    const times = [...this.#ended].map(
      ([step, count]) => `${step} ${count}${this.#reached.has(step) ? '' : ' (never reached)'}`,
    );
    const unknown = [...this.#reached].filter((step) => !this.#ended.has(step)).map((step) => `${step} (unknown)`);
    return [...times, ...unknown].join(', ');
  }
}

function add(counts: Map<string, number>, key: string, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}
