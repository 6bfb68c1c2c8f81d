/**
 * `--poll`: looks at the repository each so many seconds, give or take a tenth, so that servers that were started together come apart.
 *
 * Always holds: it asks for no pull while one is under way, and each pull, whoever asked for it, begins the interval anew.
 */

/** How much of the interval is left to chance. */
const JITTER = 0.2;

/** How long to wait, given a `chance` of 0 to 1. Milliseconds. */
export const pollDelay = (interval: number, chance: number): number =>
  Math.round(interval * (1 - JITTER / 2 + JITTER * chance));

export interface PollOptions {
  /** Milliseconds between the end of a pull and the next one. */
  readonly interval: number;
  pull(): void;
  /** 0 to 1. */
  random(): number;
}

export class Poll {
  readonly #options: PollOptions;
  #timer: NodeJS.Timeout | undefined;
  #underWay = 0;
  #isClosed = false;

  constructor(options: PollOptions) {
    this.#options = options;
    this.#wait();
  }

  /** To be told of every pull. */
  around(pull: Promise<unknown>): void {
    this.#underWay++;
    clearTimeout(this.#timer);
    const done = (): void => {
      if (--this.#underWay === 0) this.#wait();
    };
    pull.then(done, done);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #wait(): void {
    if (this.#isClosed) return;
    const { interval, random, pull } = this.#options;
    this.#timer = setTimeout(pull, pollDelay(interval, random()));
  }
}
