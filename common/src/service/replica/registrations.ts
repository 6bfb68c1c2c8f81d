/**
 * Connections on which primaries tell us of changes. We open one and ask for the SOA on it, signed, which makes a Zonewright primary
 * tell us there of every zone that the key may have. A hidden secondary keeps it for ever; one that the primary knows by
 * address does this once after each start.
 *
 * What the primary asks there is answered: NOTIFY, and which serial is served.
 */

import type { Key } from '../../authority/key.ts';
import { type Authority, receive, replyWith } from '../../authority/receive.ts';
import { Responder } from '../../authority/responder.ts';
import type { Name } from '../../name.ts';
import { type Peer, printPeer } from '../../net/address.ts';
import type { Stream } from '../../net/stream.ts';
import { TYPE } from '../../rr/type.ts';
import { nextDelay } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import { question } from '../inquiry.ts';
import type { Log } from '../log.ts';
import type { Verdict } from '../name-server.ts';
import type { Upstream } from '../upstream.ts';
import { type Reach, type ReplicaSource, routeTo } from './primaries.ts';

export interface RegistrationsOptions {
  readonly authority: Authority;
  readonly upstream: Upstream;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly reach: Reach;
  /** Judges a NOTIFY. */
  notified(origin: Name, key: Key | undefined, serial: number | undefined, from: Peer): Verdict;
  /** The primary of this source has answered, and may tell of zones on the connection from now on. */
  connected(source: ReplicaSource): void;
}

const RECONNECT = { base: 1000, max: 60_000 } as const;

export class Registrations {
  readonly #options: RegistrationsOptions;
  readonly #responder: Responder;

  constructor(options: RegistrationsOptions) {
    this.#options = options;
    this.#responder = new Responder(options.authority);
  }

  /** Registers, and stays registered where the source is hidden. */
  async keep(source: ReplicaSource): Promise<void> {
    const { clock, random, reach } = this.#options;
    for (let attempt = 0; !reach.signal.aborted; attempt++) {
      const wasConnected = await this.#register(source);
      if (wasConnected && !source.isHidden) return;
      if (wasConnected) attempt = 0;
      await this.#pause(nextDelay(attempt, RECONNECT, random), clock);
    }
  }

  /** Until the connection is gone, if that is to be kept. Could the primary be asked? */
  async #register(source: ReplicaSource): Promise<boolean> {
    const { upstream, log, reach, connected } = this.#options;
    const { key, primary } = source;
    const opened = await upstream.connect(routeTo(source, reach), (octets, stream) =>
      this.#received(octets, stream, source),
    );
    if (!opened.ok) return false;
    const stream = opened.value;
    stream.keep();
    const reply = await stream.request(question(key.zone, TYPE.SOA), key);
    if (reply.ok) {
      log.debug('secondary.connected', { primary: printPeer(primary), key: key.name.toString() });
      connected(source);
      await stream.closed;
    }
    stream.close();
    return reply.ok;
  }

  #pause(wait: number, clock: Clock): Promise<void> {
    const { signal } = this.#options.reach;
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const cancel = clock.after(wait, done);
      signal.addEventListener('abort', done);
    });
  }

  /** A request of the primary on our own connection. */
  async #received(octets: Uint8Array, stream: Stream, source: ReplicaSource): Promise<void> {
    const { authority, clock, reach, notified } = this.#options;
    const now = Math.floor(clock.wall() / 1000);
    const outcome = receive(this.#responder, octets, reach.tls === undefined ? 'tcp' : 'tls', now);
    if (outcome.kind === 'reply') await stream.send(outcome.octets);
    if (outcome.kind !== 'notify') return;
    const { rcode, ede } = notified(outcome.zone, outcome.request.key, outcome.serial, source.primary);
    const base = { now, identity: authority.identity };
    await stream.send(replyWith(outcome.request, rcode, ede === undefined ? base : { ...base, ede }));
  }
}
