/** Responses with one ID, in the order in which they came over a connection, for a reader that takes its time. */
import { Alarm } from './alarm.ts';
import type { Receiver } from './connection.ts';
import type { FramedConnection } from './framed-connection.ts';

export class Inbox implements Receiver {
  readonly #connection: FramedConnection;
  readonly #id: number;
  /** How many may wait before the connection is no longer read. */
  readonly #limit: number;
  #queue: Uint8Array[] = [];
  #isHolding = false;
  #hasEnded = false;
  #wake: (() => void) | undefined;

  constructor(connection: FramedConnection, id: number, limit: number) {
    this.#connection = connection;
    this.#id = id;
    this.#limit = limit;
    connection.await(id, this);
  }

  take(octets: Uint8Array): void {
    this.#queue.push(octets);
    if (this.#queue.length >= this.#limit && !this.#isHolding) {
      this.#isHolding = true;
      this.#connection.hold();
    }
    this.#wake?.();
  }

  end(): void {
    this.#hasEnded = true;
    this.#wake?.();
  }

  /** The next message, at most `timeout` ms from now; what came before the end is given before it. */
  async next(timeout: number): Promise<Uint8Array | 'timeout' | 'closed'> {
    if (this.#queue.length === 0 && !this.#hasEnded) await this.#wait(timeout);
    const octets = this.#queue.shift();
    if (this.#queue.length === 0) this.#release();
    return octets ?? (this.#hasEnded ? 'closed' : 'timeout');
  }

  close(): void {
    this.#connection.disregard(this.#id);
    if (this.#queue.length > 0) this.#connection.stray();
    this.#queue = [];
    this.#release();
  }

  #wait(timeout: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        alarm.end();
        this.#wake = undefined;
        resolve();
      };
      // While another reader of the same connection keeps it from being read, silence is not the peer's.
      const alarm: Alarm = new Alarm(() => (this.#connection.isHeld ? alarm.set(timeout) : done()));
      this.#wake = done;
      alarm.set(timeout);
    });
  }

  #release(): void {
    if (!this.#isHolding) return;
    this.#isHolding = false;
    this.#connection.release();
  }
}
