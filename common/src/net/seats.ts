/**
 * Few places for many peers of whom nothing is known: all may be taken by anybody, and whoever comes then gets one nevertheless, from
 * another.
 *
 * Always holds: whoever comes has a place; there is never more than the limit of them; a client that holds fewer places than another
 * loses none to it.
 */

export class Seats<Holder> {
  readonly #limit: number;
  readonly #isSpare: (holder: Holder) => boolean;
  /** With the client of each; the oldest first. */
  readonly #held = new Map<Holder, string>();

  /** `isSpare`: of one client the spare ones give way first. */
  constructor(limit: number, isSpare: (holder: Holder) => boolean = () => true) {
    this.#limit = limit;
    this.#isSpare = isSpare;
  }

  /** A place for `holder`, of this client. Gives who has none any more for that: the oldest of the client that holds most. */
  take(holder: Holder, client: string): Holder | undefined {
    this.#held.set(holder, client);
    if (this.#held.size <= this.#limit) return undefined;
    const counts = new Map<string, number>();
    for (const each of this.#held.values()) counts.set(each, (counts.get(each) ?? 0) + 1);
    let found: Holder | undefined;
    let most = 0;
    for (const [each, its] of this.#held) {
      const weight = 2 * counts.get(its)! + (this.#isSpare(each) ? 1 : 0);
      if (each !== holder && weight > most) [found, most] = [each, weight];
    }
    if (found !== undefined) this.#held.delete(found);
    return found;
  }

  /** Gives a place back, if it is held. */
  leave(holder: Holder): void {
    this.#held.delete(holder);
  }
}
