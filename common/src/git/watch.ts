/**
 * The clock of one operation: ends it when the peer is silent for too long, when it takes too long in all, or when the store
 * is closed.
 *
 * `signal` fires once, its reason is a `Failure`. Time in which only this program works (indexing a pack) is not counted:
 * `rest` stops the clock, `progress` starts it anew.
 */
import { Failure } from './fault.ts';

/** An operation as a whole may take this many times the allowed silence. */
const WHOLE_OPERATION = 40;

export class Watch {
  readonly #controller = new AbortController();
  readonly #silence: number;
  readonly #peer: string;
  readonly #closed: AbortSignal;
  readonly #onClosed: () => void;
  readonly #whole: NodeJS.Timeout;
  #timer: NodeJS.Timeout | undefined;
  #heard = 0;
  #isStopped = false;

  /** `silence`: milliseconds the peer may be silent; `closed`: fires when the store is closed. */
  constructor(peer: string, silence: number, closed: AbortSignal) {
    this.#peer = peer;
    this.#silence = silence;
    this.#closed = closed;
    this.#onClosed = () => this.#abort(new Failure('unreachable', 'the repository was closed'));
    this.#whole = setTimeout(() => this.#timedOut(WHOLE_OPERATION * silence), WHOLE_OPERATION * silence);
    closed.addEventListener('abort', this.#onClosed);
    if (closed.aborted) this.#onClosed();
    this.progress();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The peer was heard, or took octets. */
  progress(): void {
    if (this.#isStopped) return;
    this.#heard++;
    if (this.#timer === undefined) this.#start();
    else this.#timer.refresh();
  }

  /** Nothing is expected of the peer for now. */
  rest(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /**
   * Waits for `work`, but no longer than the operation may take, and `grace` milliseconds more: work that notices its end by
   * itself knows best what it means.
   */
  async run<T>(work: Promise<T>, grace = 0): Promise<T> {
    let onAbort: (() => void) | undefined;
    let timer: NodeJS.Timeout | undefined;
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => {
        if (grace === 0) reject(this.signal.reason);
        else timer = setTimeout(() => reject(this.signal.reason), grace);
      };
      this.signal.addEventListener('abort', onAbort);
      if (this.signal.aborted) onAbort();
    });
    try {
      return await Promise.race([work, aborted]);
    } finally {
      clearTimeout(timer);
      this.signal.removeEventListener('abort', onAbort!);
      // What lost the race may still fail; nobody is left to hear it.
      work.catch(() => {});
    }
  }

  /** Ends the watch; nothing fires afterwards. */
  stop(): void {
    this.#isStopped = true;
    this.rest();
    clearTimeout(this.#whole);
    this.#closed.removeEventListener('abort', this.#onClosed);
  }

  #start(): void {
    this.#timer = setTimeout(() => {
      // A busy event loop runs timers before it reads sockets: look once more after it has read them.
      const heard = this.#heard;
      setImmediate(() => {
        if (this.#timer !== undefined && this.#heard === heard) this.#timedOut(this.#silence);
      });
    }, this.#silence);
  }

  #timedOut(milliseconds: number): void {
    this.#abort(new Failure('timeout', `${this.#peer} did not answer within ${milliseconds / 1000} s`));
  }

  #abort(failure: Failure): void {
    this.stop();
    this.#controller.abort(failure);
  }
}
