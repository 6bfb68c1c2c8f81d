/**
 * Transfers on their way out: how many at once, in which order, and how long one may keep the process to itself. A message is made
 * when its reader has room for it, so what a transfer costs does not depend on the zone.
 *
 * Always holds: one transfer at a time on each connection, so that a client that does not read holds up itself; a place is given
 * back however the transfer ends.
 */
import { setImmediate } from 'node:timers/promises';
import type { Connection } from '../net/connection.ts';

/** Transfers out at once; what comes on top waits, and holds no more than its request. */
const MAX_TRANSFERS = 100;
/** Milliseconds that a reader who takes everything at once is served before others have their turn. */
const SLICE_MS = 10;

/** The part of a connection that is needed. */
export type Reader = Pick<Connection, 'send'>;

export class TransferQueue {
  readonly #last = new WeakMap<Reader, Promise<unknown>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** Sends all messages. Gives how many there were, or `undefined` when the connection was closed before the last. */
  send(messages: Iterable<Uint8Array>, to: Reader): Promise<number | undefined> {
    const before = this.#last.get(to) ?? Promise.resolve();
    const mine = before.then(() => this.#whenFree(() => sendAll(messages, to)));
    this.#last.set(
      to,
      mine.catch(() => undefined),
    );
    return mine;
  }

  async #whenFree<T>(transfer: () => Promise<T>): Promise<T> {
    if (this.#running >= MAX_TRANSFERS) await new Promise<void>((free) => this.#waiting.push(free));
    else this.#running++;
    try {
      return await transfer();
    } finally {
      // A place is handed on, not given back, while somebody waits for it.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}

async function sendAll(messages: Iterable<Uint8Array>, to: Reader): Promise<number | undefined> {
  let count = 0;
  let since = performance.now();
  for (const message of messages) {
    if (!(await to.send(message))) return undefined;
    count++;
    if (performance.now() - since < SLICE_MS) continue;
    // Waiting for room does not let anybody else run as long as there is room.
    await setImmediate();
    since = performance.now();
  }
  return count;
}
