/**
 * One connection, of TCP or of TLS over it, that carries DNS messages both ways (RFC 7766, RFC 7858): framing, pipelining,
 * back-pressure, time-outs, and requests of ours over it, whichever side opened it.
 *
 * A message with QR set belongs to the request of ours that has its ID; where there is none it is dropped, so that responses
 * are never answered. Reading waits while too much is in flight, owed, or not taken.
 * Always holds: a peer can hold a connection without asking anything, or without reading, only for the time that the limits
 * give; after `closed` nothing is called and no timer runs.
 */
import type { Socket } from 'node:net';
import type { StreamTransport } from '../authority/transport.ts';
import { fail, ok, type Result } from '../result.ts';
import { type Peer, peerOf, printPeer } from './address.ts';
import { Alarm } from './alarm.ts';
import type { Carrier, Connection, ConnectionOptions, Receiver, RequestFault } from './connection.ts';
import { Framer, MAX_MESSAGE_OCTETS } from './framing.ts';
import { Output } from './output.ts';

const KEEP_ALIVE_MS = 60_000;
/** Messages of one connection that are handed on before all others have their turn. */
const TURN_MESSAGES = 32;

const isResponse = (octets: Uint8Array): boolean => octets.length >= 3 && (octets[2]! & 0x80) !== 0;
const idOf = (octets: Uint8Array): number => (octets[0]! << 8) | octets[1]!;

type Wait = 'tcpFirstMessage' | 'tcpMessage' | 'tcpIdle';

export class FramedConnection implements Connection {
  readonly transport: StreamTransport;
  readonly peer: Peer;
  readonly #socket: Socket;
  readonly #tcp: Socket;
  readonly #options: ConnectionOptions;
  readonly #framer = new Framer();
  /** Most connections are asked nothing, and have none. */
  #receivers: Map<number, Receiver> | undefined;
  readonly #alarm = new Alarm(() => this.close());
  readonly #output: Output;
  readonly #onGone: (() => void) | undefined;
  #waiting: Wait | undefined;
  #inFlight = 0;
  #holds = 0;
  #hasReceived = false;
  #isKept = false;
  #hasEnded = false;
  #hasStrays = false;
  #isPumping = false;
  /** Messages handed on since others had their turn, and the end of that turn. */
  #handed = 0;
  #turn: NodeJS.Immediate | undefined;
  #isClosing = false;
  #isGone = false;
  #closed: Promise<void> | undefined;

  /** Takes over sockets that are connected to `peer`, opened with `allowHalfOpen`; `onGone` is called when they are gone. */
  constructor(carrier: Carrier, peer: Peer, options: ConnectionOptions, onGone?: () => void) {
    const { socket } = carrier;
    this.transport = carrier.transport;
    this.#socket = socket;
    this.#tcp = carrier.tcp;
    this.#options = options;
    this.#onGone = onGone;
    this.peer = peer;
    const drop = (why: string): void => this.#drop(why);
    this.#output = new Output(carrier, options.limits, () => this.#pump(), drop);
    socket.on('close', () => this.#end());
    // What went wrong does not matter to anyone: 'close' follows.
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Uint8Array) => {
      this.#framer.push(chunk);
      this.#pump();
    });
    socket.on('end', () => {
      this.#hasEnded = true;
      this.#pump();
    });
    this.#arm(false);
  }

  get local(): Peer {
    return peerOf(this.#socket.localAddress ?? '', this.#socket.localPort ?? 0);
  }

  get closed(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      if (this.#isGone) resolve();
      else this.#socket.once('close', () => resolve());
    });
    return this.#closed;
  }

  get isClosed(): boolean {
    return this.#isClosing || this.#socket.destroyed;
  }

  /** Is the peer kept from sending, so that its silence says nothing? */
  get isHeld(): boolean {
    return this.#holds > 0;
  }

  /** How many of our requests wait for responses. */
  get awaited(): number {
    return this.#receivers?.size ?? 0;
  }

  /** Did something come that nobody had asked for, or something that is not whole? */
  get isUnclean(): boolean {
    return this.#hasStrays || this.#framer.isPartial || this.#framer.unread > 0;
  }

  isAwaited(id: number): boolean {
    return this.#receivers?.has(id) === true;
  }

  async send(octets: Uint8Array): Promise<boolean> {
    this.reply(octets);
    return !this.isClosed && this.#output.room();
  }

  reply(octets: Uint8Array): void {
    if (this.isClosed) return;
    if (octets.length > MAX_MESSAGE_OCTETS) {
      this.#breakOff(new RangeError(`a message of ${octets.length} octets is too large to be sent`));
      return;
    }
    this.#output.put(octets);
    if (this.#isPumping) return;
    this.#output.flush();
    this.#arm(false);
  }

  async request(octets: Uint8Array, timeout: number): Promise<Result<Uint8Array, RequestFault>> {
    const id = idOf(octets);
    const peer = printPeer(this.peer);
    if (this.isClosed) return fail({ kind: 'closed', what: `the connection of ${peer} is closed` });
    if (this.isAwaited(id) || this.awaited >= this.#options.limits.tcpRequests) {
      return fail({ kind: 'busy', what: `${this.awaited} requests wait for ${peer}` });
    }
    return new Promise((resolve) => {
      const settle = (result: Result<Uint8Array, RequestFault>): void => {
        alarm.end();
        this.disregard(id);
        resolve(result);
      };
      const silence = `no response from ${peer} within ${timeout} ms`;
      const alarm = new Alarm(() => settle(fail({ kind: 'timeout', what: silence })));
      this.await(id, {
        take: (response) => settle(ok(response)),
        end: () => settle(fail({ kind: 'closed', what: `${peer} closed the connection before it had replied` })),
      });
      alarm.set(timeout);
      void this.send(octets);
    });
  }

  /** From now on `receiver` gets the responses with this ID. The ID must be free. */
  await(id: number, receiver: Receiver): void {
    this.#receivers ??= new Map();
    this.#receivers.set(id, receiver);
    this.#arm(false);
  }

  /** Something has come that nobody wants. */
  stray(): void {
    this.#hasStrays = true;
  }

  /** From now on responses with this ID are dropped. */
  disregard(id: number): void {
    this.#receivers?.delete(id);
    this.#arm(true);
  }

  /** Stops reading, until `release` has been called as often. */
  hold(): void {
    this.#holds++;
  }

  release(): void {
    this.#holds--;
    this.#pump();
  }

  keep(): void {
    this.#isKept = true;
    this.#tcp.setKeepAlive(true, KEEP_ALIVE_MS);
    this.#arm(false);
  }

  close(): void {
    if (this.isClosed) return;
    this.#output.flush();
    this.#isClosing = true;
    // Where the kernel has all, this needs no ceremony: it sends what it has, and then the end. TLS says that it is the end (RFC 8446 6.1).
    if (this.#output.isEmpty && this.#socket === this.#tcp) this.#socket.destroy();
    else this.#socket.destroySoon();
  }

  /** Ends it at once, without what it owes. */
  destroy(): void {
    this.#socket.destroy();
  }

  #isBlocked(): boolean {
    return (
      this.#turn !== undefined ||
      this.#holds > 0 ||
      this.#inFlight >= this.#options.limits.tcpInFlight ||
      this.#output.isTooMuch
    );
  }

  #isBusy(): boolean {
    return this.#isBlocked() || this.#inFlight > 0 || !this.#output.isEmpty || this.awaited > 0;
  }

  /** Lets the rest of the process have its turn: one client that asks much does not hold up all others. */
  #giveTurn(): void {
    this.#handed = 0;
    this.#turn = setImmediate(() => {
      this.#turn = undefined;
      if (!this.isClosed) this.#pump();
    });
  }

  /** Hands on all messages that have come, as long as nothing blocks; what they are answered with at once is sent together. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    let count = 0;
    for (; !this.#isBlocked() && !this.isClosed; count++) {
      const message = this.#framer.next();
      if (message === undefined) break;
      this.#deliver(message);
      if (++this.#handed >= TURN_MESSAGES) this.#giveTurn();
    }
    this.#output.flush();
    this.#isPumping = false;
    if (this.isClosed) return;
    if (this.#isBlocked()) this.#socket.pause();
    else {
      if (this.#socket.isPaused()) this.#socket.resume();
      if (this.#hasEnded) this.#finish();
    }
    this.#arm(count > 0);
  }

  #deliver(message: Uint8Array): void {
    this.#hasReceived = true;
    // Nothing can be answered here: there is not even an ID (RFC 1035 4.1.1).
    if (message.length === 0) this.close();
    else if (isResponse(message)) this.#respond(message);
    else this.#handOn(message);
  }

  #respond(message: Uint8Array): void {
    const receiver = this.#receivers?.get(idOf(message));
    if (receiver === undefined) this.stray();
    else receiver.take(message);
  }

  #handOn(message: Uint8Array): void {
    try {
      const later = this.#options.receive(message, this);
      if (later === undefined) return;
      this.#inFlight++;
      later
        .catch((error: unknown) => this.#breakOff(error))
        .finally(() => {
          this.#inFlight--;
          if (!this.isClosed) this.#pump();
        });
    } catch (error) {
      this.#breakOff(error);
    }
  }

  /** A bug on our side costs the connection, not the process. */
  #breakOff(error: unknown): void {
    const what = error instanceof Error ? error.message : String(error);
    this.#options.onFault({ kind: 'receiver', what, peer: this.peer });
    this.close();
  }

  /** The peer sends no more: what it asked is answered, what it was asked never will be. */
  #finish(): void {
    this.#endReceivers();
    if (this.#inFlight === 0 && this.#output.isEmpty) this.close();
  }

  #end(): void {
    this.#isClosing = true;
    this.#isGone = true;
    this.#alarm.end();
    this.#output.end();
    this.#endReceivers();
    this.#receivers = undefined;
    this.#onGone?.();
  }

  #endReceivers(): void {
    if (this.#receivers !== undefined) for (const receiver of [...this.#receivers.values()]) receiver.end();
  }

  #drop(why: string): void {
    this.#options.onFault({ kind: 'limit', what: `dropped ${printPeer(this.peer)}, which ${why}`, peer: this.peer });
    // A plain close would leave what is owed in the kernel for minutes.
    this.#tcp.resetAndDestroy();
  }

  /** Sets the alarm for what is waited for now; `isAnew` when a message came, so that the same wait begins again. */
  #arm(isAnew: boolean): void {
    if (this.isClosed || this.#isPumping) return;
    const wanted = this.#wanted();
    if (wanted === this.#waiting && !isAnew) return;
    this.#waiting = wanted;
    if (wanted === undefined) this.#alarm.stop();
    else this.#alarm.set(this.#options.limits[wanted]);
  }

  #wanted(): Wait | undefined {
    if (this.#isBusy()) return undefined;
    if (this.#framer.isPartial) return 'tcpMessage';
    if (!this.#hasReceived) return 'tcpFirstMessage';
    return this.#isKept ? undefined : 'tcpIdle';
  }
}
