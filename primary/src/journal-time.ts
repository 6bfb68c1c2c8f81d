/**
 * The time that entries of the journal are stamped with: milliseconds since 1970, as far as anybody can know. How long updates wait is
 * judged by it, and somebody may set the time of day at any moment, or start the machine with a wrong one.
 *
 * Always holds: it goes on evenly while a process runs, whatever the time of day does. Over a restart it goes on where it was, as long
 * as something waits: never back, and forward by {@link MOST_AWAY} at most. So an age is never forgotten, and none comes from a clock
 * that was set.
 */
import { type Clock, systemClock } from '@zonewright/common/service/clock';
import type { Kept } from './journal/journal.ts';

/** What a time without a process counts at most, milliseconds: a clock that was set forward cannot be told from it. */
const MOST_AWAY = 3_600_000;
/** Between two notes of the time, milliseconds. What comes behind the last of them is time without a process. */
const NOTE_INTERVAL = 60_000;

export interface TimeKeeping {
  /** Does anything wait whose age is to be known after a restart? */
  isNeeded(): boolean;
  note(time: number): Promise<void>;
}

export class JournalTime {
  readonly #clock: Clock;
  readonly #start: number;
  readonly #began: number;
  #cancel: (() => void) | undefined;

  constructor({ open, time }: Pick<Kept, 'open' | 'time'>, clock: Clock = systemClock) {
    this.#clock = clock;
    this.#began = clock.now();
    const wall = clock.wall();
    const updates = open.filter(({ kind }) => kind === 'update');
    const last = updates.reduce((latest, entry) => Math.max(latest, entry.time), time);
    this.#start = updates.length === 0 ? wall : Math.min(Math.max(wall, last), last + MOST_AWAY);
  }

  now(): number {
    return Math.floor(this.#start + this.#clock.now() - this.#began);
  }

  /** The time of day, which somebody may have set. */
  get wall(): number {
    return this.#clock.wall();
  }

  /** Seconds since a time of this journal. */
  since(time: number): number {
    return Math.max(0, this.now() - time) / 1000;
  }

  /** Sees to it that the time is noted now and then, as long as it is needed. */
  keep(keeping: TimeKeeping): void {
    if (this.#cancel !== undefined || !keeping.isNeeded()) return;
    this.#cancel = this.#clock.after(NOTE_INTERVAL, () => {
      this.#cancel = undefined;
      if (keeping.isNeeded()) void keeping.note(this.now()).then(() => this.keep(keeping));
    });
  }

  close(): void {
    this.#cancel?.();
  }
}
