/**
 * Connections on which primaries tell us of changes. We open one and ask for the SOA on it, signed, which makes a Zonewright primary
 * tell us there of every zone that the key may have. A hidden secondary keeps it for ever, and so does one that reaches its primary over
 * TLS, as it would be told in plain elsewhere; any other that the primary knows by address does this once after each start.
 *
 * What the primary asks there is answered: NOTIFY, and which serial is served. What it may not is counted and told like that of others.
 *
 * Always holds: a primary has one such connection of us, however many keys name it. It allows a client so many, and transfers need some.
 */

import type { Authority } from '../../authority/authority.ts';
import type { Key } from '../../authority/key.ts';
import { receive, replyWith } from '../../authority/receive.ts';
import { rejectionBy } from '../../authority/rejection.ts';
import { Responder } from '../../authority/responder.ts';
import type { Name } from '../../name.ts';
import { type Peer, printPeer } from '../../net/address.ts';
import type { Stream } from '../../net/stream.ts';
import type { Fault, Result } from '../../result.ts';
import { TYPE } from '../../rr/type.ts';
import { EDE } from '../../wire/edns.ts';
import { nextDelay } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import { question } from '../inquiry.ts';
import type { Log } from '../log.ts';
import type { Verdict } from '../name-server.ts';
import { Places } from '../places.ts';
import type { Rejections } from '../rejections.ts';
import { primaryId, type Upstream } from '../upstream.ts';
import { type Reach, type ReplicaSource, routeTo } from './primaries.ts';

export interface RegistrationsOptions {
  readonly authority: Authority;
  readonly upstream: Upstream;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly reach: Reach;
  /** Takes what primaries ask here and may not. */
  readonly rejections: Rejections;
  /** Judges a NOTIFY. */
  notified(origin: Name, key: Key | undefined, serial: number | undefined, from: Peer): Verdict;
  /** The primary of this source has answered, and may tell of zones on the connection from now on. */
  connected(source: ReplicaSource): void;
}

const RECONNECT = { base: 1000, max: 60_000 } as const;
/** Milliseconds after which a connection that ends is made anew as if it were the first: some servers close each of them soon. */
const LASTING = 2000;
/** SOA queries under way on one connection, each by a key of its own. */
const MAX_REGISTERING = 20;

/** The connection to a primary. */
interface Line {
  readonly stream: Promise<Result<Stream, Fault>>;
  readonly questions: Places;
  /** Sources that ask, or have asked, on it. */
  users: number;
}

export class Registrations {
  readonly #options: RegistrationsOptions;
  readonly #responder: Responder;
  /** Those that are open or being opened, by {@link primaryId}. */
  readonly #lines = new Map<string, Line>();

  constructor(options: RegistrationsOptions) {
    this.#options = options;
    this.#responder = new Responder(options.authority);
  }

  /** Registers, and stays registered where it is told nowhere else, or in plain. */
  async keep(source: ReplicaSource): Promise<void> {
    const { clock, random, reach } = this.#options;
    let told: string | undefined;
    for (let attempt = 0; !reach.signal.aborted; attempt++) {
      const begun = clock.now();
      const failure = await this.#register(source);
      if (failure !== undefined && failure !== told) this.#tell(source, failure);
      told = failure;
      const wasConnected = failure === undefined;
      if (wasConnected && !source.isHidden && reach.tls === undefined) return;
      if (wasConnected && clock.now() - begun >= LASTING) attempt = 0;
      await this.#pause(nextDelay(attempt, RECONNECT, random), clock);
    }
  }

  /** Where the zone of the key is asked for, its refresh says what is wrong; by a key for all zones none may be known. */
  #tell({ key, primary, isHidden }: ReplicaSource, what: string): void {
    const { log, reach } = this.#options;
    if (!key.zone.isRoot || isHidden || reach.signal.aborted) return;
    log.warn('primary.failed', { primary: printPeer(primary), key: key.name.toString(), what });
  }

  /** Until the connection is gone, if that is to be kept. Why could the primary not be asked? */
  async #register(source: ReplicaSource): Promise<string | undefined> {
    const { log, connected } = this.#options;
    const { key, primary } = source;
    const line = this.#lineTo(source);
    line.users++;
    const opened = await line.stream;
    if (!opened.ok) return opened.fault.what;
    const stream = opened.value;
    const reply = await line.questions.run(() => stream.request(question(key.zone, TYPE.SOA), key));
    if (reply.ok) {
      log.debug('secondary.connected', { primary: printPeer(primary), key: key.name.toString() });
      connected(source);
      await stream.closed;
    }
    if (--line.users === 0) stream.close();
    return reply.ok ? undefined : reply.fault.what;
  }

  /** The connection that there is, or a new one. */
  #lineTo(source: ReplicaSource): Line {
    const { upstream, reach } = this.#options;
    const route = routeTo(source, reach);
    const id = primaryId(route);
    const known = this.#lines.get(id);
    if (known !== undefined) return known;
    const stream = upstream.connect(route, (octets, on) => this.#received(octets, on, source.primary));
    const line: Line = { stream, questions: new Places(MAX_REGISTERING), users: 0 };
    this.#lines.set(id, line);
    void this.#untilGone(stream).then(() => this.#lines.delete(id));
    return line;
  }

  async #untilGone(opening: Promise<Result<Stream, Fault>>): Promise<void> {
    const opened = await opening;
    if (!opened.ok) return;
    opened.value.keep();
    await opened.value.closed;
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
  async #received(octets: Uint8Array, stream: Stream, primary: Peer): Promise<void> {
    const { authority, clock, reach, notified, rejections } = this.#options;
    const from = (): string => printPeer(primary);
    const now = Math.floor(clock.wall() / 1000);
    const outcome = receive(this.#responder, octets, reach.tls === undefined ? 'tcp' : 'tls', now);
    if (outcome.kind === 'reply') {
      if (outcome.rejection !== undefined) rejections.add(outcome.rejection, outcome.what ?? '', from);
      await stream.send(outcome.octets);
    }
    if (outcome.kind !== 'notify') return;
    const { rcode, ede } = notified(outcome.zone, outcome.request.key, outcome.serial, primary);
    if (ede?.code === EDE.PROHIBITED) rejections.add(rejectionBy(outcome.request.key), ede.text, from);
    const base = { now, identity: authority.identity };
    await stream.send(replyWith(outcome.request, rcode, ede === undefined ? base : { ...base, ede }));
  }
}
