/**
 * A git conversation over any two-way stream: what ssh and git:// have in common (gitprotocol-pack(5)).
 *
 * A conversation that ends after the advertisement says so with a flush, or the server would report a hung-up client. Nothing
 * waits for the end of the stream before it reads.
 */
import type { Duplex, Writable } from 'node:stream';
import { Failure } from './fault.ts';
import { FLUSH, PktReader } from './pkt-line.ts';
import { readAdvertisement, received, type Service, type Session } from './session.ts';
import type { Watch } from './watch.ts';

export interface Channel {
  readonly stream: Duplex;
  /** Why the server ended the stream, where the connection tells more than that it did (exit code, standard error). */
  diagnose(): Promise<Failure | undefined>;
  /** Frees what is below the stream. */
  release(): void;
}

/** The largest piece that is written at once, so that a slow peer still shows progress. */
const PIECE = 64 * 1024;
/** How long a peer has to close after a goodbye, in milliseconds. */
const GOODBYE = 500;

export function openDuplexSession(channel: Channel, service: Service, peer: string, watch: Watch): Session {
  const { stream } = channel;
  const reader = new PktReader(received(stream, peer, watch));
  let isAsked = false;
  stream.on('error', () => {}); // the reader reports it; without a listener it would end the process
  const onAbort = (): void => {
    stream.destroy(watch.signal.reason);
    channel.release();
  };
  watch.signal.addEventListener('abort', onAbort, { once: true });
  if (watch.signal.aborted) onAbort();

  return {
    async advertisement() {
      const found = await readAdvertisement(reader, service);
      if (found !== undefined) return found;
      throw (await watch.run(channel.diagnose())) ?? new Failure('unreachable', `${peer} closed the connection`);
    },

    async exchange(body) {
      isAsked = true;
      await send(stream, body, watch);
      return reader.rest();
    },

    async close() {
      watch.signal.removeEventListener('abort', onAbort);
      // Who was given up is told nothing more.
      if (!stream.destroyed && !watch.signal.aborted) {
        if (!isAsked && stream.writable) stream.write(FLUSH);
        stream.end();
        stream.resume();
        await settled(stream, 'close', GOODBYE);
      }
      stream.destroy();
      channel.release();
    },
  };
}

/** Writes with back pressure. A peer that stops reading ends the writing; its reply says why. */
export async function send(stream: Writable, body: readonly Uint8Array[], watch: Watch): Promise<void> {
  for (const part of body) {
    for (let at = 0; at < part.length; at += PIECE) {
      if (!stream.writable || stream.destroyed) return;
      if (!stream.write(part.subarray(at, at + PIECE))) await watch.run(settled(stream, 'drain'));
      watch.progress();
    }
  }
}

/** Waits for `event`, the end of the stream, or `milliseconds`, whatever comes first. */
function settled(stream: Writable, event: 'drain' | 'close', milliseconds?: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const name of [event, 'close', 'error']) stream.removeListener(name, done);
      clearTimeout(timer);
      resolve();
    };
    const timer = milliseconds === undefined ? undefined : setTimeout(done, milliseconds);
    for (const name of [event, 'close', 'error']) stream.once(name, done);
  });
}
