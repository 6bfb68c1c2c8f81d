/**
 * Rounds of the same work: one at the earliest instant that anybody asks for, one at a time. Who asks while a round is under way gets
 * another one behind it, and asking again and again does not put it off.
 */
import type { Log } from '@zonewright/common/service/log';

const LONGEST_TIMER = 86_400_000;

export class Rounds {
  readonly #least: number;
  readonly #round: () => Promise<void>;
  readonly #log: Log;
  #timer: NodeJS.Timeout | undefined;
  /** By the steady clock. */
  #at = Number.POSITIVE_INFINITY;
  #running: Promise<void> | undefined;
  #isStopped = false;

  /** @param least milliseconds from being asked for to the beginning of a round */
  constructor(least: number, round: () => Promise<void>, log: Log) {
    this.#least = least;
    this.#round = round;
    this.#log = log;
  }

  /** Asks for a round in so many milliseconds, or sooner if one is planned already; in a day at the latest. */
  plan(milliseconds: number): void {
    if (this.#isStopped) return;
    const wait = Math.min(Math.max(milliseconds, this.#least), LONGEST_TIMER);
    const at = performance.now() + wait;
    if (at >= this.#at) return;
    this.#at = at;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#begin(), wait);
  }

  /** The last round. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #begin(): void {
    this.#at = Number.POSITIVE_INFINITY;
    if (this.#running !== undefined) {
      this.plan(this.#least);
      return;
    }
    this.#running = this.#round()
      .catch((error: unknown) => this.#log.error('process.fault', { during: 'search', error }))
      .finally(() => {
        this.#running = undefined;
      });
  }
}
