/**
 * Asks a server many questions at once: over one UDP socket and one TCP connection, with a bounded number under way.
 *
 * Messages are octets and go as they are, but for the ID, which is this asker's to give. What is not answered is sent again,
 * as a resolver does - over UDP after a while, over TCP when the connection has ended - and in the end is `undefined`: silence.
 * How long that takes allows for a machine that does much else; an answer that has come is never asked for again.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket as Stream } from 'node:net';
import type { Peer } from '@zonewright/common/net/address';
import { Framer, frame } from '@zonewright/common/net/framing';

export type Transport = 'udp' | 'tcp';

/** Requests under way at once, for each transport: less than a socket buffer holds, so that nothing is lost. */
const WINDOW = 48;
/** Milliseconds until a request is sent again, and how often it is sent. */
const PATIENCE: Readonly<Record<Transport, { readonly timeout: number; readonly tries: number }>> = {
  udp: { timeout: 2_000, tries: 15 },
  tcp: { timeout: 10_000, tries: 3 },
};

interface Pending {
  readonly octets: Uint8Array;
  readonly transport: Transport;
  readonly settle: (reply: Uint8Array | undefined) => void;
  /** The connection that it was sent on last. */
  stream: Stream | undefined;
  tries: number;
  timer: NodeJS.Timeout | undefined;
}

export class Asker {
  readonly peer: Peer;
  readonly #pending = new Map<number, Pending>();
  readonly #waiting: (() => void)[] = [];
  readonly #udp: Socket;
  #tcp: Promise<Stream> | undefined;
  #id = 0;
  #free = WINDOW;
  #isClosed = false;

  private constructor(peer: Peer, udp: Socket) {
    this.peer = peer;
    this.#udp = udp;
    udp.on('message', (octets) => this.#take(octets));
    // A refused datagram is silence, which is what the caller gets to see.
    udp.on('error', () => undefined);
  }

  static async to(peer: Peer): Promise<Asker> {
    const udp = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
    udp.connect(peer.port, peer.address);
    await once(udp, 'connect');
    return new Asker(peer, udp);
  }

  /** The reply to a message with a header, its ID as in the request. */
  async ask(octets: Uint8Array, transport: Transport): Promise<Uint8Array | undefined> {
    if (this.#free === 0) await new Promise<void>((free) => this.#waiting.push(free));
    else this.#free--;
    try {
      return await this.#exchange(octets, transport);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }

  close(): void {
    this.#udp.close();
    this.#isClosed = true;
    void this.#tcp?.then((stream) => stream.destroy());
  }

  #exchange(octets: Uint8Array, transport: Transport): Promise<Uint8Array | undefined> {
    const id = this.#id++ & 0xffff;
    const request = Uint8Array.from(octets);
    request[0] = id >> 8;
    request[1] = id & 0xff;
    return new Promise((settle) => {
      const { tries } = PATIENCE[transport];
      const pending: Pending = { octets: request, transport, settle, stream: undefined, tries, timer: undefined };
      this.#pending.set(id, pending);
      this.#try(id, pending);
    });
  }

  #try(id: number, pending: Pending): void {
    clearTimeout(pending.timer);
    if (pending.tries-- === 0 || this.#isClosed) {
      this.#pending.delete(id);
      pending.settle(undefined);
      return;
    }
    pending.timer = setTimeout(() => this.#try(id, pending), PATIENCE[pending.transport].timeout);
    if (pending.transport === 'udp') this.#udp.send(pending.octets);
    else void this.#write(pending);
  }

  async #write(pending: Pending): Promise<void> {
    try {
      pending.stream = await this.#stream();
      pending.stream.write(frame(pending.octets));
    } catch {
      // It could not be opened: there is another try.
    }
  }

  #take(octets: Uint8Array): void {
    if (octets.length < 2) return;
    const id = (octets[0]! << 8) | octets[1]!;
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    pending.settle(octets);
  }

  #stream(): Promise<Stream> {
    this.#tcp ??= this.#connect();
    return this.#tcp;
  }

  async #connect(): Promise<Stream> {
    const stream = connect(this.peer.port, this.peer.address);
    stream.setNoDelay(true);
    const framer = new Framer();
    stream.on('data', (chunk: Uint8Array) => {
      framer.push(chunk);
      for (let message = framer.next(); message !== undefined; message = framer.next()) this.#take(message);
    });
    stream.on('error', () => undefined);
    stream.on('close', () => {
      this.#tcp = undefined;
      for (const [id, pending] of [...this.#pending]) if (pending.stream === stream) this.#try(id, pending);
    });
    await once(stream, 'connect');
    return stream;
  }
}
