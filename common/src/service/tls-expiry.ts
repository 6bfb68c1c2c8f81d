/**
 * When a certificate ends, told in time: whoever renews it may have stopped. It is looked at when it is taken and once a day from then on.
 *
 * Always holds: a certificate that has ended is served nevertheless; whether to believe it is the client's to say.
 */
import { type Clock, systemClock } from './clock.ts';
import type { Log } from './log.ts';

/** Milliseconds. */
const DAY = 86_400_000;
/** What is told of from then on: milliseconds before the end. */
const WARNING = 7 * DAY;

export class TlsExpiry {
  readonly #file: string;
  readonly #log: Log;
  readonly #clock: Clock;
  #end: number;
  #cancel: (() => void) | undefined;

  /** `end`: milliseconds since 1970; `file`: whose certificate it is. */
  constructor(end: number, file: string, log: Log, clock: Clock = systemClock) {
    this.#end = end;
    this.#file = file;
    this.#log = log;
    this.#clock = clock;
    this.#look();
  }

  /** Seconds until the end; negative behind it. */
  get left(): number {
    return (this.#end - this.#clock.wall()) / 1000;
  }

  /** Another certificate has taken its place. */
  renew(end: number): void {
    this.close();
    this.#end = end;
    this.#look();
  }

  close(): void {
    this.#cancel?.();
  }

  #look(): void {
    this.#cancel = this.#clock.after(DAY, () => this.#look());
    const left = this.#end - this.#clock.wall();
    if (left > WARNING) return;
    const days = Math.floor(left / DAY);
    const when = left <= 0 ? 'has expired' : days === 0 ? 'expires within a day' : `expires in ${days} day(s)`;
    const fields = { file: this.#file, expires: new Date(this.#end).toISOString() };
    this.#log.warn('tls.expires', fields, `the certificate that is served ${when}`);
  }
}
