/**
 * Requests over UDP to one server, many of them under way over one socket: for who asks about thousands of zones, to whom a socket a
 * question (`exchange.ts`) is too much.
 *
 * All share one port, so only the ID keeps forged replies out (RFC 5452): this is for signed requests, of which no unsigned reply
 * is believed. Always holds: the socket is there while something is under way, and for a moment longer, in which it
 * keeps no process alive; each request has an ID of its own among these.
 */
import type { Socket } from 'node:dgram';
import { fail, ok, type Result } from '../result.ts';
import type { Message } from '../wire/message.ts';
import type { TsigKey } from '../wire/tsig.ts';
import { isSamePeer, type Peer, peerOf, printPeer } from './address.ts';
import { aborted, type ExchangeFault, unreachable } from './fault.ts';
import { Request, randomId } from './request.ts';
import { udpSocket } from './udp-socket.ts';

type Reply = Result<Message, ExchangeFault>;

export interface UdpClientOptions {
  readonly server: Peer;
  /** The local address, IP text. */
  readonly source?: string | undefined;
  /** Milliseconds after each sending; after the last there is no reply. */
  readonly waits: readonly number[];
}

interface Pending {
  readonly message: Message;
  readonly key: TsigKey;
  request: Request;
  /** How often it was sent. */
  sent: number;
  timer?: NodeJS.Timeout;
  /** Why what came could not be used: more telling than that nothing came. */
  fault?: ExchangeFault;
  settle(reply: Reply): void;
}

/** Milliseconds for which a socket is kept that waits for nothing: what is asked again and again is asked over the same. */
const LINGER = 2000;

export class UdpClient {
  readonly #options: UdpClientOptions;
  readonly #pending = new Map<number, Pending>();
  #lingering: NodeJS.Timeout | undefined;
  #socket: { readonly socket: Socket; isConnected: boolean } | undefined;

  constructor(options: UdpClientOptions) {
    this.#options = options;
  }

  /** Asks; the message's ID is replaced. The reply may be truncated. Never rejects. */
  ask(message: Message, key: TsigKey): Promise<Reply> {
    const prepared = Request.prepare(message, key, this.#freeId());
    if (!prepared.ok) return Promise.resolve(prepared);
    const request = prepared.value;
    return new Promise((settle) => {
      this.#pending.set(request.id, { message, key, request, sent: 0, settle });
      clearTimeout(this.#lingering);
      this.#socket?.socket.ref();
      if (this.#socket === undefined) this.#open();
      else if (this.#socket.isConnected) this.#send(request.id);
    });
  }

  /** Gives up all that is under way. */
  close(): void {
    this.#failAll(aborted(this.#options.server));
  }

  #freeId(): number {
    let id = randomId();
    while (this.#pending.has(id)) id = randomId();
    return id;
  }

  #open(): void {
    const { server, source } = this.#options;
    const lost = (error: unknown): void => {
      if (this.#socket === opened) this.#failAll(unreachable(server, error));
    };
    const connected = (error?: unknown): void => {
      if (error) lost(error);
      else if (this.#socket === opened) {
        opened.isConnected = true;
        for (const id of this.#pending.keys()) this.#send(id);
      }
    };
    const socket = udpSocket(server.address);
    const opened = { socket, isConnected: false };
    this.#socket = opened;
    socket.on('error', lost);
    socket.on('message', (octets, from) => {
      // The socket is connected, but something may have come in before it was.
      if (isSamePeer(peerOf(from.address, from.port), server)) this.#take(octets);
    });
    // Only a connected socket hears that the port is closed, and nothing from strangers. Node throws for an address that cannot be.
    const guard = (act: () => void): void => {
      try {
        act();
      } catch (error) {
        lost(error);
      }
    };
    guard(() =>
      socket.bind({ port: 0, exclusive: true, ...(source === undefined ? {} : { address: source }) }, () => {
        if (this.#socket === opened) guard(() => socket.connect(server.port, server.address, connected));
      }),
    );
  }

  #send(id: number): void {
    const pending = this.#pending.get(id)!;
    const { server, waits } = this.#options;
    const wait = waits[pending.sent];
    if (wait === undefined) {
      const what = `no reply from ${printPeer(server)} over UDP, asked ${pending.sent} times`;
      this.#finish(id, fail(pending.fault ?? { kind: 'timeout', what }));
      return;
    }
    pending.sent++;
    pending.timer = setTimeout(() => this.#send(id), wait);
    const { socket } = this.#socket!;
    socket.send(pending.request.octets, (error) => {
      if (error !== null && this.#socket?.socket === socket) this.#failAll(unreachable(server, error));
    });
  }

  #take(octets: Uint8Array): void {
    const id = octets.length < 2 ? -1 : (octets[0]! << 8) | octets[1]!;
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    const verdict = pending.request.judge(octets);
    if (verdict.kind === 'reply') this.#finish(id, ok(verdict.message));
    else if (verdict.kind === 'skew') this.#signAgain(id, pending, verdict.seconds);
    else if (verdict.kind === 'fault') {
      pending.fault = verdict.fault;
      // It may be forged, so the right reply gets what is left of this try; but the server will hardly change its mind.
      if (verdict.fault.kind === 'tsig') pending.sent = this.#options.waits.length;
    }
  }

  #signAgain(id: number, pending: Pending, skew: number): void {
    const prepared = Request.prepare(pending.message, pending.key, id, skew);
    if (!prepared.ok) {
      this.#finish(id, prepared);
      return;
    }
    pending.request = prepared.value;
    clearTimeout(pending.timer);
    pending.sent = Math.min(pending.sent, this.#options.waits.length - 1);
    this.#send(id);
  }

  #finish(id: number, reply: Reply): void {
    const pending = this.#pending.get(id)!;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    if (this.#pending.size === 0) this.#linger();
    pending.settle(reply);
  }

  #failAll(fault: ExchangeFault): void {
    this.#close();
    const all = [...this.#pending.values()];
    this.#pending.clear();
    for (const { timer, settle } of all) {
      clearTimeout(timer);
      settle(fail(fault));
    }
  }

  #linger(): void {
    this.#socket?.socket.unref();
    this.#lingering = setTimeout(() => this.#close(), LINGER).unref();
  }

  #close(): void {
    clearTimeout(this.#lingering);
    this.#socket?.socket.close();
    this.#socket = undefined;
  }
}
