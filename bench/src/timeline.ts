/**
 * Where the time of a run goes: how long each of its parts takes, one after the other. A part within another takes its time away from
 * that; what is done side by side is one part.
 */
export const PARTS = ['files', 'starts', 'rounds', 'ends', 'rest'] as const;
/** Writing what servers read; waiting until they answer; measuring; ending them; all else. */
export type Part = (typeof PARTS)[number];

export class Timeline {
  readonly #now: () => number;
  readonly #open: Part[] = ['rest'];
  readonly #spent = new Map<Part, number>();
  #since: number;

  /** `now` gives milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#since = now();
  }

  /** Does `work` as a part. */
  async during<T>(part: Part, work: () => T | Promise<T>): Promise<T> {
    this.#account();
    this.#open.push(part);
    try {
      return await work();
    } finally {
      this.#account();
      this.#open.splice(this.#open.lastIndexOf(part), 1);
    }
  }

  /** Milliseconds of each part since this was asked last. */
  take(): ReadonlyMap<Part, number> {
    this.#account();
    const spent = new Map(PARTS.map((part) => [part, this.#spent.get(part) ?? 0]));
    this.#spent.clear();
    return spent;
  }

  #account(): void {
    const now = this.#now();
    const part = this.#open.at(-1)!;
    this.#spent.set(part, (this.#spent.get(part) ?? 0) + now - this.#since);
    this.#since = now;
  }
}

/** That of this run. */
export const timeline = new Timeline();

const seconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(1);

/** `took 12.3 s (files 1.0, starts 2.0, rounds 9.0, ends 0.1, rest 0.2), 10.1 s of processor time`. */
export const tookText = (spent: ReadonlyMap<Part, number>, processor: number): string => {
  const all = [...spent.values()].reduce((sum, each) => sum + each, 0);
  const parts = [...spent].map(([part, each]) => `${part} ${seconds(each)}`).join(', ');
  return `took ${seconds(all)} s (${parts}), ${processor.toFixed(1)} s of processor time`;
};
