/**
 * A client that asks over UDP as fast as it is answered: each answer is judged, and the next question goes where it came from.
 *
 * It is written as what answers datagrams, so that it costs as little as the server does. So many questions are under way at a time;
 * one without an answer is asked again, since datagrams may get lost. A _client_ is a socket: what it has seen never goes back.
 */
import type { Peer } from '@zonewright/common/net/address';
import type { Datagram, DatagramHandler } from '@zonewright/common/net/datagram';
import type { ServeFault } from '@zonewright/common/net/fault';
import { NAME, NAME_FOUR, ROUTE } from '@zonewright/common/net/route';
import { type Asked, Checker, type Since } from './checker.ts';
import { type Sample, sampleOf } from './sample.ts';
import type { Role, Versions } from './versions.ts';
import type { SoakWorld } from './world.ts';

export interface LoadOptions {
  readonly world: SoakWorld;
  readonly versions: Versions;
  readonly role: Role;
  /** IPv4. */
  readonly server: Peer;
  readonly seed: number;
  readonly clients: number;
  /** Questions of one client that are under way. */
  readonly window: number;
}

export interface LoadReport {
  readonly answers: number;
  readonly again: number;
  readonly wrong: number;
  /** The first that were. */
  readonly faults: readonly string[];
  /** The longest that an answer took, milliseconds, where it was not asked for again. */
  readonly longest: number;
}

/** Milliseconds until a question is asked again. */
const PATIENCE = 1000;
/** What is never answered is a fault. */
const TRIES = 10;
const FAULTS = 10;
/** What an ID holds beside the number of the question that is under way: which one of them it is. */
const NUMBER_BITS = 10;
const NUMBER = (1 << NUMBER_BITS) - 1;
const ID = 0xffff;

interface Pending {
  readonly client: number;
  asked: Asked;
  query: Uint8Array;
  id: number;
  readonly since: Since;
  /** 0 while nothing is under way. */
  sentAt: number;
  tries: number;
}

export class Load implements DatagramHandler {
  readonly #options: LoadOptions;
  readonly #checker: Checker;
  readonly #sample: Sample;
  readonly #pending: readonly Pending[];
  readonly #routes: readonly Uint8Array[];
  /** What each client has seen: the version of each cell, the serial of each zone. */
  readonly #seen: readonly Int32Array[];
  readonly #serials: readonly Uint32Array[];
  readonly #address: readonly number[];
  readonly #faults: string[] = [];
  #now = performance.now();
  #isEnding = false;
  #answers = 0;
  #again = 0;
  #wrong = 0;
  #longest = 0;

  constructor(options: LoadOptions, sockets: readonly number[]) {
    const { world, versions, server, clients, window, seed } = options;
    this.#options = options;
    this.#checker = new Checker(versions);
    this.#sample = sampleOf(world, seed);
    this.#address = server.address.split('.').map(Number);
    this.#routes = sockets.map((socket) => routeTo(server, socket));
    this.#seen = sockets.map(() => new Int32Array(world.cells));
    this.#serials = sockets.map(() => new Uint32Array(world.zones.length));
    const [asked, query] = this.#sample.next();
    this.#pending = Array.from({ length: clients * window }, (_, i) => ({
      client: i % clients,
      asked,
      query,
      id: i,
      since: { version: 0, serial: 0 },
      sentAt: 0,
      tries: 0,
    }));
  }

  prepare(): void {
    this.#now = performance.now();
  }

  /** Asks what has no answer yet, and what was never asked. */
  repeat(send: (route: Uint8Array, query: Uint8Array) => void): void {
    this.prepare();
    for (const pending of this.#pending) {
      if (pending.sentAt === 0) {
        if (this.#isEnding) continue;
        this.#next(pending);
      } else if (this.#now - pending.sentAt < PATIENCE * pending.tries) continue;
      else if (pending.tries++ === TRIES) {
        this.#note(pending.asked, 'no answer');
        pending.sentAt = 0;
        continue;
      } else this.#again++;
      send(this.#routes[pending.client]!, queryWith(pending));
    }
  }

  readonly answer = ({ octets, length, client, port, reply }: Datagram): number => {
    const id = (octets[0]! << 8) | octets[1]!;
    const pending = this.#pending[id & NUMBER];
    // The second answer to what was asked twice.
    if (pending === undefined || pending.id !== id || pending.sentAt === 0) return 0;
    const { server } = this.#options;
    if (port !== server.port || this.#address.some((octet, i) => octet !== client.octets[i]))
      this.#note(pending.asked, `answered from ${client.octets.subarray(0, client.length).join('.')} port ${port}`);
    else this.#judge(pending, Buffer.from(octets.buffer, octets.byteOffset, length));
    pending.sentAt = 0;
    if (this.#isEnding) return 0;
    this.#next(pending);
    const query = queryWith(pending);
    reply.set(query);
    return query.length;
  };

  onFault({ kind, what }: ServeFault): void {
    // The kernel has had no room: it will be asked again.
    if (kind === 'receiver') this.#noteText(what);
  }

  /** Asks nothing new. */
  end(): void {
    this.#isEnding = true;
  }

  get isDone(): boolean {
    return this.#isEnding && this.#pending.every(({ sentAt }) => sentAt === 0);
  }

  report(): LoadReport {
    const [answers, again, wrong, longest] = [this.#answers, this.#again, this.#wrong, this.#longest];
    return { answers, again, wrong, faults: this.#faults, longest: Math.round(longest) };
  }

  #next(pending: Pending): void {
    const [asked, query] = this.#sample.next();
    const { cell, zone } = asked.question;
    const { versions, role } = this.#options;
    pending.asked = asked;
    pending.query = query;
    pending.id = (pending.id + NUMBER + 1) & ID;
    pending.since.version = Math.max(versions.least(cell, role), this.#seen[pending.client]![cell]!);
    pending.since.serial = this.#serials[pending.client]![zone.number]!;
    pending.sentAt = this.#now;
    pending.tries = 1;
  }

  #judge({ asked, since, client, sentAt, tries }: Pending, octets: Buffer): void {
    const version = this.#checker.check(asked, octets, since);
    this.#answers++;
    if (version < 0) {
      this.#note(asked, this.#checker.fault);
      return;
    }
    const { cell, zone } = asked.question;
    const seen = this.#seen[client]!;
    seen[cell] = Math.max(seen[cell]!, version);
    if (this.#checker.serial !== 0) this.#serials[client]![zone.number] = this.#checker.serial;
    if (tries === 1) this.#longest = Math.max(this.#longest, this.#now - sentAt);
  }

  #note({ question, manner }: Asked, what: string): void {
    this.#noteText(`${this.#options.role}: ${question.name} type ${question.type} (${manner}): ${what}`);
  }

  #noteText(what: string): void {
    this.#wrong++;
    if (this.#faults.length < FAULTS) this.#faults.push(what);
  }
}

/** The query of what is under way, with its ID. */
function queryWith({ query, id }: Pending): Uint8Array {
  query[0] = id >> 8;
  query[1] = id & 255;
  return query;
}

/** As the routes of what receives datagrams are made. */
function routeTo({ address, port }: Peer, socket: number): Uint8Array {
  const AF_INET = 2;
  const route = new Uint8Array(ROUTE.octets);
  const view = new DataView(route.buffer);
  view.setInt32(ROUTE.socket, socket, true);
  view.setInt32(ROUTE.nameLength, NAME_FOUR, true);
  view.setUint16(ROUTE.name, AF_INET, true);
  view.setUint16(ROUTE.name + NAME.port, port);
  route.set(address.split('.').map(Number), ROUTE.name + NAME.four);
  return route;
}
