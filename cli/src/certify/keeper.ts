/**
 * Keeps a certificate: runs rounds for as long as it is not stopped, each some time after the one before.
 *
 * Always holds: no fault ends it, nor anything that who is told of one throws; rounds do not overlap; pauses are drawn by chance,
 * so that many who started together do not ask together; after a fault they grow up to an hour.
 */
import { type Fault, fail, type Result } from '@zonewright/common/result';
import { nextDelay } from '@zonewright/common/service/backoff';
import { type Clock, systemClock } from '@zonewright/common/service/clock';
import { harmless, reasonOf } from './callback.ts';
import type { Obtained } from './obtain.ts';

/** Milliseconds between two looks where all is well: at most and at least; of a short-lived certificate, a part of what is left of it. */
const LOOKS = { base: 10_000, max: 3_600_000 } as const;
const LIFE_PARTS = 24;
/** Milliseconds after rounds that failed. */
const BACKOFF = { base: 30_000, max: 3_600_000 } as const;

/** What came of a round, and in how many milliseconds the next one is. */
export type RoundEvent =
  | ({ readonly kind: 'round'; readonly pause: number } & Obtained)
  | { readonly kind: 'fault'; readonly pause: number; readonly fault: Fault };

export interface KeeperOptions {
  /** One round; what it throws, or rejects with, counts as a fault. */
  run(signal: AbortSignal): Promise<Result<Obtained, Fault>>;
  /** What it throws is a warning of the process. */
  onRound(event: RoundEvent): void;
  readonly clock?: Clock;
  /** A number in [0, 1). */
  readonly random?: () => number;
}

/**
 * Milliseconds until the next look where the certificate will do, before jitter.
 *
 * @param left milliseconds until it ends
 */
export function interval(left: number): number {
  return Math.min(LOOKS.max, Math.max(LOOKS.base, left / LIFE_PARTS));
}

/** See above. Begins when `start` is called. */
export class Keeper {
  readonly #run: KeeperOptions['run'];
  readonly #tell: (event: RoundEvent) => void;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;
  #cancel: (() => void) | undefined;
  #isAskedAgain = false;
  #failures = 0;

  constructor(options: KeeperOptions) {
    this.#run = async (signal) => options.run(signal);
    this.#tell = harmless('onRound', (event) => options.onRound(event));
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
  }

  /** Begins a round now; where one is under way, another follows it at once. */
  start(): void {
    if (this.#abort.signal.aborted) return;
    this.#isAskedAgain = this.#running !== undefined;
    if (this.#isAskedAgain) return;
    this.#cancel?.();
    this.#running = this.#turn().finally(() => {
      this.#running = undefined;
      if (this.#isAskedAgain) this.start();
    });
  }

  /** Ends the round that is under way. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#cancel?.();
    await this.#running;
  }

  async #turn(): Promise<void> {
    const { signal } = this.#abort;
    const result = await this.#run(signal).catch((error: unknown) => fail(faultOf(error)));
    if (signal.aborted) return;
    this.#failures = result.ok ? 0 : this.#failures + 1;
    const pause = result.ok ? this.#pauseAfter(result.value) : nextDelay(this.#failures - 1, BACKOFF, this.#random);
    this.#cancel = this.#clock.after(pause, () => this.start());
    this.#tell(result.ok ? { kind: 'round', pause, ...result.value } : { kind: 'fault', pause, fault: result.fault });
  }

  #pauseAfter({ chain }: Obtained): number {
    const base = interval(chain[0]!.notAfter - this.#clock.wall());
    return nextDelay(0, { base, max: base }, this.#random);
  }
}

function faultOf(error: unknown): Fault {
  return { kind: 'bug', what: reasonOf(error) };
}
