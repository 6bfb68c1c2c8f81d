/**
 * Connections on which a transfer has come to a good end, kept for the next one from the same server (RFC 5936 4.1.1, RFC 7766 6.2.1): to
 * connect costs more than what most changes are, over TLS many times more. The one that was used last is taken first, so that those
 * beyond what is needed become idle and are closed (RFC 7766 6.2.2).
 *
 * Always holds: one transfer at a time on each; none is kept for longer than the server says (RFC 7828 3.2.2), nor for long in all, so that
 * the certificate by which it was opened is looked at again; one on which something came that nobody asked for is not used again. None
 * keeps a process alive while it is kept.
 * Left out: whether the server has closed or forgotten it meanwhile, which only asking tells.
 */
import { isSamePeer, type Peer } from './address.ts';
import type { Stream } from './stream.ts';
import type { TlsClient } from './tls-client.ts';

/** How a connection was made: one that was made otherwise is another one. */
export interface Way {
  readonly server: Peer;
  readonly source?: string;
  readonly tls?: TlsClient;
}

interface Kept {
  readonly way: Way;
  /** What had come in when it was put by. */
  readonly received: number;
  readonly timer: NodeJS.Timeout;
}

/** Milliseconds for which a connection is kept that is not used; servers close idle ones after as long or longer. */
export const KEPT_TIME = 10_000;
/** Connections that are kept, to all servers together. */
const MAX_KEPT = 50;
/** Milliseconds after its first transfer at which a connection is closed, however often it is used. */
const MAX_AGE = 600_000;

const isSameWay = (one: Way, other: Way): boolean =>
  isSamePeer(one.server, other.server) && one.source === other.source && one.tls === other.tls;

export class KeptStreams {
  /** The one that was put by last is the last. */
  readonly #kept = new Map<Stream, Kept>();
  /** When each was put by first, by `performance.now`. */
  readonly #since = new WeakMap<Stream, number>();
  readonly #maxAge: number;

  /** `maxAge`: milliseconds as above; tests have less time. */
  constructor({ maxAge = MAX_AGE }: { readonly maxAge?: number } = {}) {
    this.#maxAge = maxAge;
  }

  /** One that is there already; the caller gives it back by {@link keep}, or closes it. */
  take(way: Way): Stream | undefined {
    for (const [stream, kept] of [...this.#kept].reverse()) {
      if (!isSameWay(kept.way, way)) continue;
      this.#forget(stream);
      if (stream.received === kept.received && !stream.isUnclean) {
        stream.hold(true);
        return stream;
      }
      stream.close();
    }
    return undefined;
  }

  /** Puts one by on which nothing is under way. `time`: milliseconds for which the server keeps it. */
  keep(way: Way, stream: Stream, time: number = KEPT_TIME): void {
    const left = this.#left(stream);
    if (stream.isUnclean || left <= 0) {
      stream.close();
      return;
    }
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= MAX_KEPT && oldest !== undefined) this.#end(oldest);
    const timer = setTimeout(() => this.#end(stream), Math.min(time, KEPT_TIME, left)).unref();
    this.#kept.set(stream, { way, received: stream.received, timer });
    stream.hold(false);
  }

  /** Milliseconds for which it may still be used. */
  #left(stream: Stream): number {
    const now = performance.now();
    const since = this.#since.get(stream);
    if (since !== undefined) return since + this.#maxAge - now;
    this.#since.set(stream, now);
    void stream.closed.then(() => this.#forget(stream));
    return this.#maxAge;
  }

  #end(stream: Stream): void {
    this.#forget(stream);
    stream.close();
  }

  #forget(stream: Stream): void {
    clearTimeout(this.#kept.get(stream)?.timer);
    this.#kept.delete(stream);
  }
}
