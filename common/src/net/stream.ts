/**
 * A connection that we open to a server, of TCP (RFC 7766) or of TLS (RFC 7858, RFC 9103): requests multiplexed by ID, transfers, and
 * what the server asks over it.
 *
 * Always holds: a message is given to the caller only once it is verified, where there is a key; `close` and the signal end
 * everything that waits.
 */
import { connect, type Socket } from 'node:net';
import { isEncrypted } from '../authority/transport.ts';
import { read16 } from '../octets.ts';
import { fail, ok, type Result } from '../result.ts';
import { decodeMessage, type Envelope, type Message, openEnvelope } from '../wire/message.ts';
import type { TsigKey } from '../wire/tsig.ts';
import { type Peer, printPeer } from './address.ts';
import { Alarm } from './alarm.ts';
import type { Carrier } from './connection.ts';
import { aborted, type ExchangeFault, type ServeFault, tlsUnreachable, unreachable } from './fault.ts';
import { FramedConnection } from './framed-connection.ts';
import { Inbox } from './inbox.ts';
import { limitsWith } from './limits.ts';
import { padded } from './padding.ts';
import { type Decode, Request, randomId } from './request.ts';
import type { TlsClient } from './tls-client.ts';

export interface Stream {
  /** The server. */
  readonly peer: Peer;
  readonly local: Peer;
  /** Resolves when the connection is gone, whoever ended it. Never rejects. */
  readonly closed: Promise<void>;
  /** Octets that have come in so far. */
  readonly received: number;
  /** Did something come in that nobody had asked for, or something that is not whole? */
  readonly isUnclean: boolean;
  /** Sends octets as they are. Resolves when there is room for more: with `false` when it is closed. */
  send(octets: Uint8Array): Promise<boolean>;
  /** Asks and waits for the reply, as {@link exchange} does. Several may be under way. */
  request(message: Message, key?: TsigKey): Promise<Result<Message, ExchangeFault>>;
  /**
   * Asks, and gives each message of the reply (RFC 5936 2.2): verified ones, or one fault, which is the last. Whether the reply
   * is complete only its reader knows: break then. Asked when iteration begins; for one iteration.
   */
  conversation(message: Message, key?: TsigKey): AsyncIterable<Result<Message, ExchangeFault>>;
  /** The same with the answers left as octets: for a transfer that may be large. */
  transfer(message: Message, key?: TsigKey): AsyncIterable<Result<Envelope, ExchangeFault>>;
  /**
   * Sends a request that somebody else has made, and maybe signed, as it is, and gives the octets of the first response with its ID: nothing of it
   * is verified. The ID must be that of no other request on this connection.
   */
  relay(octets: Uint8Array): Promise<Result<Uint8Array, ExchangeFault>>;
  /** Notices a server that vanishes, by TCP keep-alive: for a connection on which the server will ask something. */
  keep(): void;
  /** Whether it keeps the process alive, as it does at first. */
  hold(isHeld: boolean): void;
  /** Ends it once what was sent before is out. */
  close(): void;
}

export interface StreamOptions {
  readonly server: Peer;
  /** ms for connecting, and for each message waited for; 10 000 unless given. */
  readonly timeout?: number;
  /** Ends the connection, also later. */
  readonly signal?: AbortSignal;
  /** The local address, IP text. */
  readonly source?: string;
  /** Makes the connection secure: nothing is sent before the server has proven who it is. Plain TCP unless given. */
  readonly tls?: TlsClient;
  /** Takes requests of the server, such as NOTIFY; they are dropped unless given. */
  receive?(octets: Uint8Array, stream: Stream): void | Promise<void>;
  onFault?(fault: ServeFault): void;
}

export const TCP_TIMEOUT_MS = 10_000;

const NEVER = Number.POSITIVE_INFINITY;
/** The caller decides for how long a connection of its own is worth keeping. */
const CLIENT_LIMITS = limitsWith({ tcpFirstMessage: NEVER, tcpMessage: NEVER, tcpIdle: NEVER });

class ClientStream implements Stream {
  readonly peer: Peer;
  readonly local: Peer;
  readonly closed: Promise<void>;
  readonly #connection: FramedConnection;
  readonly #socket: Socket;
  readonly #timeout: number;
  readonly #signal: AbortSignal | undefined;

  constructor(
    connection: FramedConnection,
    socket: Socket,
    { server, timeout = TCP_TIMEOUT_MS, signal }: StreamOptions,
  ) {
    this.#connection = connection;
    this.#socket = socket;
    this.#timeout = timeout;
    this.#signal = signal;
    this.peer = server;
    this.local = connection.local;
    this.closed = connection.closed;
  }

  get received(): number {
    return this.#socket.bytesRead;
  }

  get isUnclean(): boolean {
    return this.#connection.isUnclean;
  }

  send(octets: Uint8Array): Promise<boolean> {
    return this.#connection.send(octets);
  }

  async request(message: Message, key?: TsigKey): Promise<Result<Message, ExchangeFault>> {
    for await (const reply of this.conversation(message, key)) return reply;
    return fail(this.#silent('closed'));
  }

  conversation(message: Message, key?: TsigKey): AsyncGenerator<Result<Message, ExchangeFault>, void, void> {
    return this.#converse(message, key, decodeMessage);
  }

  transfer(message: Message, key?: TsigKey): AsyncGenerator<Result<Envelope, ExchangeFault>, void, void> {
    return this.#converse(message, key, openEnvelope);
  }

  async *#converse<Reply extends Message>(
    message: Message,
    key: TsigKey | undefined,
    decode: Decode<Reply>,
  ): AsyncGenerator<Result<Reply, ExchangeFault>, void, void> {
    let skew: number | undefined = 0;
    while (skew !== undefined) skew = yield* this.#attempt(message, key, skew, decode);
  }

  async relay(octets: Uint8Array): Promise<Result<Uint8Array, ExchangeFault>> {
    if (this.#connection.isClosed) return fail(this.#silent('closed'));
    const inbox = new Inbox(this.#connection, read16(octets, 0), CLIENT_LIMITS.tcpQueued);
    try {
      void this.#connection.send(octets);
      const reply = await inbox.next(this.#timeout);
      return typeof reply === 'string' ? fail(this.#silent(reply)) : ok(reply);
    } finally {
      inbox.close();
    }
  }

  keep(): void {
    this.#connection.keep();
  }

  hold(isHeld: boolean): void {
    if (isHeld) this.#socket.ref();
    else this.#socket.unref();
  }

  close(): void {
    this.#connection.close();
  }

  /** Gives the seconds by which the server's clock is ahead, when the request is to be signed again with its time. */
  async *#attempt<Reply extends Message>(
    message: Message,
    key: TsigKey | undefined,
    skew: number,
    decode: Decode<Reply>,
  ): AsyncGenerator<Result<Reply, ExchangeFault>, number | undefined, void> {
    const isPadded = isEncrypted(this.#connection.transport);
    const prepared = Request.prepare(isPadded ? padded(message, key) : message, key, this.#freeId(), skew);
    if (!prepared.ok || this.#connection.isClosed) {
      yield prepared.ok ? fail(this.#silent('closed')) : prepared;
      return undefined;
    }
    const request = prepared.value;
    const inbox = new Inbox(this.#connection, request.id, CLIENT_LIMITS.tcpQueued);
    let unsettled: Reply[] = [];
    try {
      void this.#connection.send(request.octets);
      for (;;) {
        const octets = await inbox.next(this.#timeout);
        if (typeof octets === 'string') {
          yield fail(this.#silent(octets));
          return undefined;
        }
        const verdict = request.judgeAs(octets, decode);
        if (verdict.kind === 'skew') return verdict.seconds;
        if (verdict.kind === 'fault') {
          yield fail(verdict.fault);
          return undefined;
        }
        if (verdict.kind === 'stranger') {
          // Nobody else can send on this connection: a server that goes on like that would hold it for ever.
          yield fail({ kind: 'malformed', what: `${printPeer(this.peer)} sent what is no reply to the request` });
          return undefined;
        }
        unsettled.push(verdict.message);
        if (!request.isSettled) continue;
        for (const settled of unsettled) yield ok(settled);
        unsettled = [];
      }
    } finally {
      inbox.close();
    }
  }

  #freeId(): number {
    let id = randomId();
    while (this.#connection.isAwaited(id)) id = randomId();
    return id;
  }

  #silent(kind: 'timeout' | 'closed'): ExchangeFault {
    if (this.#signal?.aborted === true) return aborted(this.peer);
    const server = printPeer(this.peer);
    return kind === 'closed'
      ? { kind, what: `${server} closed the connection before it had replied` }
      : {
          kind,
          what: `no reply from ${server} over ${this.#connection.transport.toUpperCase()} within ${this.#timeout} ms`,
        };
  }
}

/** Begins to connect. Node throws for a port or an address that cannot be. */
function dial(server: Peer, source: string | undefined): Result<Socket, ExchangeFault> {
  const local = source === undefined ? {} : { localAddress: source };
  try {
    return ok(connect({ host: server.address, port: server.port, ...local, allowHalfOpen: true, noDelay: true }));
  } catch (error) {
    return fail(unreachable(server, error));
  }
}

/** Gives what carries messages to the server once it is there, or why it never will be. */
function whenCarried(
  tcp: Socket,
  { server, tls }: Pick<StreamOptions, 'server' | 'tls'>,
  settle: (carried: Result<Carrier, ExchangeFault>) => void,
): void {
  if (tls === undefined) {
    tcp.once('error', (error) => settle(fail(unreachable(server, error))));
    tcp.once('connect', () => settle(ok({ transport: 'tcp', socket: tcp, tcp })));
    return;
  }
  // What is wrong below is told above, where it is not TLS that is at fault.
  let isConnected = false;
  tcp.once('connect', () => {
    isConnected = true;
  });
  const socket = tls.over(tcp, server);
  socket.on('error', (error) => settle(fail((isConnected ? tlsUnreachable : unreachable)(server, error))));
  socket.once('close', () => {
    tcp.destroy();
    settle(fail(tlsUnreachable(server, { code: 'ECONNRESET' })));
  });
  socket.once('secureConnect', () => {
    const objection = tls.objection(socket, server);
    if (objection !== undefined) socket.destroy();
    settle(objection === undefined ? ok({ transport: 'tls', socket, tcp }) : fail(objection));
  });
}

/** Connects. The stream is the caller's to close. */
export function openStream(options: StreamOptions): Promise<Result<Stream, ExchangeFault>> {
  const { server, timeout = TCP_TIMEOUT_MS, signal, source, tls, receive, onFault = () => undefined } = options;
  if (signal?.aborted === true) return Promise.resolve(fail(aborted(server)));
  return new Promise((resolve) => {
    const dialled = dial(server, source);
    if (!dialled.ok) {
      resolve(dialled);
      return;
    }
    const tcp = dialled.value;
    const abort = (): void => {
      tcp.destroy();
      resolve(fail(aborted(server)));
    };
    const alarm = new Alarm(() => {
      // Only TLS has something to wait for on a connection that is there.
      const what = tcp.connecting
        ? `cannot connect to ${printPeer(server)} within ${timeout} ms`
        : `connected to ${printPeer(server)}, but no TLS handshake came within ${timeout} ms`;
      const hint = tcp.connecting ? {} : { hint: 'does it speak TLS there?' };
      tcp.destroy();
      resolve(fail({ kind: 'timeout', what, ...hint }));
    });
    alarm.set(timeout);
    signal?.addEventListener('abort', abort);
    tcp.on('close', () => {
      alarm.end();
      signal?.removeEventListener('abort', abort);
    });
    whenCarried(tcp, { server, ...(tls === undefined ? {} : { tls }) }, (carried) => {
      alarm.end();
      if (!carried.ok) {
        resolve(carried);
        return;
      }
      const connection = new FramedConnection(carried.value, server, {
        limits: CLIENT_LIMITS,
        receive: (octets) => (receive === undefined ? connection.stray() : receive(octets, stream)),
        onFault,
      });
      const stream = new ClientStream(connection, tcp, options);
      resolve(ok(stream));
    });
  });
}
