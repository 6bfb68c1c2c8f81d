/**
 * One of the threads that answer UDP, seen from control, over all of its lives: it is started, told of the zones, and replaced when it
 * dies. Its sockets outlive it where they are opened here, so that what comes in meanwhile waits in the kernel.
 */
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';
import type { ResponderSettings } from '../authority/responder.ts';
import type { Lack, ZoneFollower, ZoneTable } from '../authority/zones.ts';
import type { Name } from '../name.ts';
import type { Peer } from '../net/address.ts';
import type { ListenFault } from '../net/fault.ts';
import { sendAlong, wakeLinuxSocket } from '../net/linux-socket.ts';
import { peerOfRoute } from '../net/route.ts';
import { type Fault, fail, ok, type Result } from '../result.ts';
import type { ImageHandle } from '../zone/image.ts';
import { hashSeed } from '../zone/lookup-name.ts';
import type { Zone } from '../zone/zone.ts';
import { nextDelay } from './backoff.ts';
import { eachRequest, type RoutedRequest } from './handed-over.ts';
import type { Log } from './log.ts';
import { endOfThread, startThread } from './thread.ts';
import { UDP_THREAD } from './threads.ts';
import { UdpBoard } from './udp-board.ts';
import type { FromThread, ToThread, UdpStart, UdpWay, ZoneMessage } from './udp-message.ts';

export interface UdpMemberOptions {
  readonly way: UdpWay;
  readonly zones: ZoneTable;
  /** What the server calls itself (NSID). */
  readonly id: string;
  readonly settings: ResponderSettings;
  readonly log: Log;
  /** Takes a request that was handed over; `reply` may be called later, or never. */
  receive(octets: Uint8Array, from: Peer, reply: (octets: Uint8Array) => void): void;
}

/** Back-off before a thread that died is replaced, milliseconds. */
const REPLACEMENT = { base: 10, max: 1000 } as const;
/** A thread that lived so long, milliseconds, did not die of its start. */
const LIFETIME = 10_000;
/** Zones of one message where a thread is told of all: what they share is in it once, and what becomes of it is garbage while it is young. */
const ZONES_TOLD = 200;

type Binding = Extract<ToThread, { kind: 'bind' }>;

/** Tells a thread of zones. */
class Feed implements ZoneFollower {
  #post: (message: ToThread) => void;
  /** The memory of the image of each zone that the thread has. */
  readonly #images = new Map<string, ImageHandle['words']>();

  constructor(post: (message: ToThread) => void) {
    this.#post = post;
  }

  /** Tells all that is in the table, and from now on each change. Gives how to end that. */
  static follow(zones: ZoneTable, post: (message: ToThread) => void): () => void {
    const feed = new Feed(post);
    const told: ZoneMessage[] = [];
    feed.#post = (message) => {
      if (message.kind === 'zone') told.push(message);
      else post(message);
    };
    const unfollow = zones.follow(feed);
    // The memory of a name may hold those of many zones, and all of it would go along.
    feed.#post = (message) => post(message.kind === 'zone' ? { ...message, origin: message.origin.slice() } : message);
    for (let at = 0; at < told.length; at += ZONES_TOLD)
      post({ kind: 'zones', zones: told.slice(at, at + ZONES_TOLD) });
    return unfollow;
  }

  set(zone: Zone): void {
    const { origin, root, chain, image } = zone.handle;
    const { key } = zone.origin;
    const isKnown = this.#images.get(key) === image.words;
    this.#images.set(key, image.words);
    this.#post({ kind: 'zone', origin, root, chain, ...(isKnown ? {} : { image }) });
  }

  await({ key, wire }: Name, lack: Lack): void {
    this.#images.delete(key);
    this.#post({ kind: 'await', origin: wire, lack });
  }

  delete({ key, wire }: Name): void {
    this.#images.delete(key);
    this.#post({ kind: 'delete', origin: wire });
  }
}

export class UdpMember {
  readonly board: UdpBoard = new UdpBoard();
  /** Those of this thread, opened here (`linux`). */
  readonly sockets: Set<number> = new Set();
  readonly #options: UdpMemberOptions;
  /** What the thread has opened (`portable`), and who waits to hear of the next. */
  readonly #bindings: Binding[] = [];
  readonly #asked: ((fault: ListenFault | undefined) => void)[] = [];
  /** Those that cookies were renewed with last. */
  readonly #secrets: Uint8Array[] = [];
  #isServing = false;
  #isTold = false;
  #unfollow: (() => void) | undefined;
  #port: MessagePort | undefined;
  /** Of the thread that was started last. */
  #ended: Promise<unknown> | undefined;
  #deaths = 0;
  #replacement: NodeJS.Timeout | undefined;

  constructor(options: UdpMemberOptions) {
    this.#options = options;
  }

  /** Has the thread, and those that follow it, make cookies with another secret. */
  renewCookies(secret: Uint8Array): void {
    this.#secrets.push(secret);
    // A jar knows two.
    this.#secrets.splice(0, this.#secrets.length - 2);
    this.post({ kind: 'cookies', secret });
  }

  /** Starts the thread; resolves when it takes messages. */
  start(): Promise<Result<void, Fault>> {
    this.board.clearPlaces();
    const { id, settings, way } = this.#options;
    const { port1: port, port2 } = new MessageChannel();
    const start: UdpStart = { board: this.board.memory, hashSeed: hashSeed(), id, settings, way };
    const worker = startThread(UDP_THREAD, { start, port: port2 }, [port2]);
    const ready = new Promise<Result<void, Fault>>((resolve) => {
      port.on('message', (message: FromThread) => {
        if (message.kind === 'ready') resolve(ok(undefined));
        else this.#take(message);
      });
    });
    this.#port = port;
    if (this.#isTold) this.tell();
    for (const secret of this.#secrets) this.post({ kind: 'cookies', secret });
    for (const binding of this.#bindings) this.post(binding);
    if (this.#isServing) this.serve();
    const ended = this.#endOf(worker).then((reason) => {
      this.#unfollow?.();
      port.close();
      this.#port = undefined;
      return fail<Fault>({ kind: 'thread', what: `a thread that answers UDP has ended: ${reason}` });
    });
    this.#ended = ended;
    return Promise.race([ready, ended]);
  }

  /** Waits until the thread has ended, sees to its replacement unless it was told to, and gives the reason. */
  async #endOf(worker: Worker): Promise<string> {
    const born = performance.now();
    const reason = (await endOfThread(worker)) ?? 'it was told to';
    if (!this.board.isStopped) {
      this.#deaths = performance.now() - born > LIFETIME ? 0 : this.#deaths + 1;
      this.#options.log.error('udp.thread-lost', { error: reason }, 'another thread takes its place');
      this.#replacement = setTimeout(() => void this.start(), nextDelay(this.#deaths, REPLACEMENT, Math.random));
    }
    return String(reason);
  }

  /** Posts a message; one that is for a thread that has died is not needed: its successor is told all. */
  post(message: ToThread): void {
    this.#port?.postMessage(message);
    this.board.notePosted();
  }

  /** Tells the thread of all zones, and from now on of each change. */
  tell(): void {
    this.#isTold = true;
    this.#unfollow = Feed.follow(this.#options.zones, (message) => this.post(message));
  }

  /** Has the thread answer on its sockets. */
  serve(): void {
    this.#isServing = true;
    this.post({ kind: 'serve', sockets: [...this.sockets] });
  }

  /** Has the thread open a socket; gives why it could not. */
  bind(binding: Omit<Binding, 'kind'>): Promise<ListenFault | undefined> {
    const message = { kind: 'bind', ...binding } as const;
    this.post(message);
    return new Promise((resolve) => {
      this.#asked.push((fault) => {
        if (fault === undefined) this.#bindings.push(message);
        resolve(fault);
      });
    });
  }

  /** Has the thread close what it has opened. */
  unbind(): void {
    this.#bindings.length = 0;
    this.post({ kind: 'unbind' });
  }

  #take(message: FromThread): void {
    switch (message.kind) {
      case 'requests':
        for (const request of eachRequest(message)) this.#receive(request);
        return;
      case 'bound':
        this.#asked.shift()?.(message.fault);
        return;
      case 'fault':
        if (message.fault.kind === 'receiver')
          this.#options.log.error('process.fault', { during: 'udp', ...message.fault });
        else this.#options.log.debug('net.fault', { what: message.fault.what });
        return;
      default:
        return;
    }
  }

  /** What is wrong with one request costs that one, and none of those behind it. */
  #receive({ route, octets }: RoutedRequest): void {
    const { log, receive } = this.#options;
    this.board.leavePlace(octets.length);
    try {
      receive(octets, peerOfRoute(route), (reply) => this.#reply(route, reply));
    } catch (error) {
      log.error('process.fault', { during: 'udp', error });
    }
  }

  #reply(route: Uint8Array, octets: Uint8Array): void {
    if (this.board.isStopped) return;
    if (this.#options.way === 'portable') {
      this.post({ kind: 'reply', route, octets });
      return;
    }
    const fault = sendAlong(route, octets);
    if (fault !== undefined) this.#options.log.debug('net.fault', { what: `a reply cannot be sent: ${fault}` });
  }

  /** Ends the thread; resolves when it has ended. */
  async stop(): Promise<void> {
    this.board.stop();
    clearTimeout(this.#replacement);
    this.post({ kind: 'close' });
    for (const socket of this.sockets) wakeLinuxSocket(socket);
    await this.#ended;
  }
}
