/**
 * One request, one reply (RFC 1035 4.2, RFC 7766 5, RFC 5452): over UDP, over TCP, or over UDP and again over TCP when the reply
 * is truncated; or over TLS, and then over nothing else.
 *
 * Each exchange has a port and an ID of its own, both random. What does not come from the server, or is no reply to this
 * request, is ignored, and waiting goes on. A repeated request is the same octets, so that a server can tell that it is one.
 * Left out: the meaning of the RCODE, EDNS (the caller's message says what it offers), retrying without EDNS.
 */
import type { Socket } from 'node:dgram';
import { fail, ok, type Result } from '../result.ts';
import { UDP_SIZE } from '../wire/edns.ts';
import type { Message } from '../wire/message.ts';
import type { TsigKey } from '../wire/tsig.ts';
import { isSamePeer, type Peer, peerOf, printPeer } from './address.ts';
import { aborted, type ExchangeFault, unreachable } from './fault.ts';
import { Request, randomId } from './request.ts';
import { openStream, TCP_TIMEOUT_MS } from './stream.ts';
import type { TlsClient } from './tls-client.ts';
import { udpSocket } from './udp-socket.ts';

export const UDP_TIMEOUT_MS = 2_000;
const UDP_TRIES = 3;
const TCP_TRIES = 1;

export interface ExchangeOptions {
  readonly server: Peer;
  /** Its ID is replaced. */
  readonly message: Message;
  /** Signs the request; the reply must then be signed too. */
  readonly key?: TsigKey;
  /** `auto` unless given: UDP, and TCP for a truncated reply or a request larger than what UDP carries unfragmented. */
  readonly transport?: 'udp' | 'tcp' | 'auto';
  /** ms a try; unless given, 2 000 over UDP, 10 000 over TCP (for connecting, and again for the reply). */
  readonly timeout?: number;
  /** How often the request is sent; unless given, three times over UDP, once over TCP. */
  readonly tries?: number;
  readonly signal?: AbortSignal;
  /** The local address, IP text. */
  readonly source?: string;
  /** Asks over TLS, whatever `transport` says. */
  readonly tls?: TlsClient;
}

type Reply = Result<Message, ExchangeFault>;

/** Asks. An RCODE other than NOERROR is a reply like any other. Never rejects. */
export async function exchange(options: ExchangeOptions): Promise<Reply> {
  const { server, message, key, tls, transport = 'auto', signal } = options;
  if (signal?.aborted === true) return fail(aborted(server));
  const prepared = Request.prepare(message, key, randomId());
  if (!prepared.ok) return prepared;
  if (tls !== undefined || transport === 'tcp' || (transport === 'auto' && prepared.value.octets.length > UDP_SIZE)) {
    return exchangeTcp(options);
  }
  const reply = await new Datagrams(options, prepared.value).reply;
  return transport === 'auto' && reply.ok && reply.value.tc ? exchangeTcp(options) : reply;
}

async function exchangeTcp(options: ExchangeOptions): Promise<Reply> {
  const { server, message, key, timeout = TCP_TIMEOUT_MS, tries = TCP_TRIES, signal, source, tls } = options;
  for (let left = tries; ; left--) {
    const reply = await exchangeOnce();
    const isFinal = reply.ok || reply.fault.kind === 'tsig' || reply.fault.kind === 'aborted';
    if (isFinal || left <= 1) return reply;
  }
  async function exchangeOnce(): Promise<Reply> {
    const opened = await openStream({
      server,
      timeout,
      ...(signal === undefined ? {} : { signal }),
      ...(source === undefined ? {} : { source }),
      ...(tls === undefined ? {} : { tls }),
    });
    if (!opened.ok) return opened;
    const reply = await opened.value.request(message, key);
    opened.value.close();
    await opened.value.closed;
    return reply;
  }
}

/** An exchange over UDP while it is under way. */
class Datagrams {
  readonly reply: Promise<Reply>;
  readonly #options: ExchangeOptions;
  readonly #timeout: number;
  readonly #socket: Socket;
  #settle: (reply: Reply) => void = () => undefined;
  #request: Request;
  #triesLeft: number;
  #isSettled = false;
  #timer: NodeJS.Timeout | undefined;
  /** Why what came could not be used: more telling than that nothing came. */
  #fault: ExchangeFault | undefined;
  readonly #abort = (): void => this.#finish(fail(aborted(this.#options.server)));

  constructor(options: ExchangeOptions, request: Request) {
    this.#options = options;
    this.#request = request;
    this.#timeout = options.timeout ?? UDP_TIMEOUT_MS;
    this.#triesLeft = options.tries ?? UDP_TRIES;
    this.reply = new Promise((resolve) => {
      this.#settle = resolve;
    });
    const { server, signal, source } = options;
    // The types of Node do not tell that it is given an error where there is no way to the server.
    const connected = (error?: unknown): void => (error ? this.#finish(fail(unreachable(server, error))) : this.#try());
    this.#socket = udpSocket(server.address);
    this.#socket.on('error', (error) => this.#finish(fail(unreachable(server, error))));
    this.#socket.on('message', (octets, from) => {
      // The socket is connected, but something may have come in before it was.
      if (isSamePeer(peerOf(from.address, from.port), server)) this.#take(octets);
    });
    signal?.addEventListener('abort', this.#abort);
    this.#socket.bind({ port: 0, exclusive: true, ...(source === undefined ? {} : { address: source }) }, () => {
      // Only a connected socket hears that the port is closed, and nothing from strangers.
      if (!this.#isSettled) this.#guard(() => this.#socket.connect(server.port, server.address, connected));
    });
  }

  #try(): void {
    if (this.#isSettled) return;
    if (this.#triesLeft === 0) {
      const { server } = this.#options;
      const what = `no reply from ${printPeer(server)} over UDP within ${this.#timeout} ms`;
      this.#finish(fail(this.#fault ?? { kind: 'timeout', what }));
      return;
    }
    this.#triesLeft--;
    this.#timer = setTimeout(() => this.#try(), this.#timeout);
    this.#send();
  }

  #send(): void {
    this.#guard(() =>
      this.#socket.send(this.#request.octets, (error) => {
        if (error !== null) this.#finish(fail(unreachable(this.#options.server, error)));
      }),
    );
  }

  /** Node throws for a port or an address that cannot be. */
  #guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#finish(fail(unreachable(this.#options.server, error)));
    }
  }

  #take(octets: Uint8Array): void {
    if (this.#isSettled) return;
    const verdict = this.#request.judge(octets);
    if (verdict.kind === 'reply') this.#finish(ok(verdict.message));
    else if (verdict.kind === 'skew') this.#signAgain(verdict.seconds);
    else if (verdict.kind === 'fault') {
      this.#fault = verdict.fault;
      // It may be forged, so the right reply gets what is left of this try; but the server will hardly change its mind.
      if (verdict.fault.kind === 'tsig') this.#triesLeft = 0;
    }
  }

  #signAgain(skew: number): void {
    const prepared = Request.prepare(this.#options.message, this.#options.key, randomId(), skew);
    if (!prepared.ok) {
      this.#finish(prepared);
      return;
    }
    this.#request = prepared.value;
    this.#send();
  }

  #finish(reply: Reply): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener('abort', this.#abort);
    this.#socket.close(() => this.#settle(reply));
  }
}
