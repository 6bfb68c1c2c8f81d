/**
 * Transfers on their way out: how many at once, in which order, and how long one may keep the process to itself. A message is made
 * when its reader has room for it, so what a transfer costs does not depend on the zone.
 *
 * Always holds: one transfer at a time on each connection, so that a client that does not read holds up itself; a place is given
 * back however the transfer ends.
 */
import type { Connection } from '../net/connection.ts';
import { Places } from './places.ts';

/** Transfers out at once; what comes on top waits, and holds no more than its request. */
const MAX_TRANSFERS = 100;
/** Milliseconds for which messages of all transfers are made before the rest of the process has its turn. */
const SLICE_MS = 10;

/** The part of a connection that is needed. */
export type Reader = Pick<Connection, 'send'>;

export class TransferQueue {
  readonly #last = new WeakMap<Reader, Promise<unknown>>();
  readonly #places = new Places(MAX_TRANSFERS);
  readonly #turns = new Turns();

  /** Sends all messages. Gives how many there were, or `undefined` when the connection was closed before the last. */
  send(messages: Iterable<Uint8Array>, to: Reader): Promise<number | undefined> {
    const before = this.#last.get(to) ?? Promise.resolve();
    const mine = before.then(() => this.#places.run(() => this.#sendAll(messages, to)));
    this.#last.set(
      to,
      mine.catch(() => undefined),
    );
    return mine;
  }

  async #sendAll(messages: Iterable<Uint8Array>, to: Reader): Promise<number | undefined> {
    const iterator = messages[Symbol.iterator]();
    for (let count = 0; ; count++) {
      const next = await this.#turns.run(() => iterator.next());
      if (next.done) return count;
      if (await to.send(next.value)) continue;
      iterator.return?.();
      return undefined;
    }
  }
}

/** Work in small pieces, first come first served: after each slice of it, everything else that waits is run. */
class Turns {
  readonly #pieces: (() => void)[] = [];

  run<T>(piece: () => T): Promise<T> {
    if (this.#pieces.length === 0) setImmediate(() => this.#slice());
    return new Promise((resolve, reject) => {
      this.#pieces.push(() => {
        try {
          resolve(piece());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #slice(): void {
    const end = performance.now() + SLICE_MS;
    do {
      this.#pieces[0]!();
      this.#pieces.shift();
    } while (this.#pieces.length > 0 && performance.now() < end);
    if (this.#pieces.length > 0) setImmediate(() => this.#slice());
  }
}
