/**
 * What a thread does with a datagram: plain queries are answered from the zones at hand, without an allocation; other messages that
 * need nothing but zones are answered too; the rest - changes, transfers, all that is signed - is handed over to control.
 *
 * Always holds: what control has published before a datagram came in is in force for it; no datagram ends the thread, and control
 * gets no more of them than it has places for.
 */
import type { MessagePort } from 'node:worker_threads';
import { receiveMessageOnPort } from 'node:worker_threads';
import { KeyTable } from '../authority/key.ts';
import { receiveOpen } from '../authority/receive.ts';
import { Responder, WITHHELD } from '../authority/responder.ts';
import { ZoneTable } from '../authority/zones.ts';
import { Name } from '../name.ts';
import type { Datagram, DatagramHandler } from '../net/datagram.ts';
import type { ServeFault } from '../net/fault.ts';
import { HEADER_OCTETS } from '../wire/message.ts';
import { Zone } from '../zone/zone.ts';
import { HandingOver } from './handed-over.ts';
import { ImageGarbage } from './image-garbage.ts';
import type { UdpBoard } from './udp-board.ts';
import type { FromThread, ToThread, UdpStart, ZoneMessage } from './udp-message.ts';

/** Octets of a request that is no plain query. EDNS says that we take 1232; clients go to TCP beyond that. */
export const MAX_REQUEST_OCTETS = 4096;
/** The bit of the third octet that responses have (RFC 1035 4.1.1). */
const QR = 0x80;

export class UdpAnswering implements DatagramHandler {
  readonly #port: MessagePort;
  readonly #board: UdpBoard;
  readonly #responder: Responder;
  readonly #zones = new ZoneTable();
  readonly #handing = new HandingOver();
  /** Takes the messages that are not about answering. */
  readonly #other: (message: ToThread) => void;
  #seen = 0;
  /** Seconds since 1970, and milliseconds. */
  #now = 0;
  #time = 0;
  /** When control was told of a fault last. */
  #toldAt = 0;
  #received = 0;
  #answered = 0;
  #handedOver = 0;
  #dropped = 0;

  constructor(start: UdpStart, board: UdpBoard, port: MessagePort, other: (message: ToThread) => void) {
    this.#port = port;
    this.#board = board;
    this.#other = other;
    this.#zones.follow(new ImageGarbage('at-once', () => this.#responder.forget()));
    this.#responder = new Responder(
      {
        zones: this.#zones,
        keys: new KeyTable([]),
        identity: { version: '', id: start.id },
        isTransferOpen: false,
        isPrimary: false,
        historyOf: () => undefined,
        expiryOf: () => undefined,
      },
      start.settings,
    );
  }

  /** Messages that were taken so far. */
  get seen(): number {
    return this.#seen;
  }

  prepare(): void {
    const time = Date.now();
    this.#time = time;
    this.#now = Math.floor(time / 1000);
    if (this.#board.posted !== this.#seen) this.takeMessages();
  }

  /** Takes all messages that are there. */
  takeMessages(): void {
    // Read first: what is posted from here on is seen the next time.
    this.#seen = this.#board.posted;
    for (let next = receiveMessageOnPort(this.#port); next !== undefined; next = receiveMessageOnPort(this.#port))
      this.take(next.message as ToThread);
  }

  take(message: ToThread): void {
    switch (message.kind) {
      case 'zone':
        this.#zones.set(this.#zoneOf(message));
        return;
      case 'zones':
        for (const zone of message.zones) this.#zones.set(this.#zoneOf(zone));
        return;
      case 'await':
        this.#zones.await(nameOf(message.origin), message.lack);
        return;
      case 'delete':
        this.#zones.delete(nameOf(message.origin));
        return;
      case 'cookies':
        this.#responder.renewCookies(message.secret);
        return;
      default:
        this.#other(message);
    }
  }

  #zoneOf({ origin, root, chain, image }: ZoneMessage): Zone {
    if (image !== undefined) return Zone.ofHandle({ origin, root, chain, image });
    const before = this.#zones.get(nameOf(origin));
    if (before === undefined) throw new Error('a version of a zone that is not here');
    return Zone.ofHandle({ origin, root, chain, image: before.image.handle }, before.image);
  }

  readonly answer = (datagram: Datagram): number => {
    this.#received++;
    const responder = this.#responder;
    responder.octets = datagram.reply;
    responder.from(datagram.client, this.#time);
    const length = responder.respond(datagram.octets, 'udp', this.#now, datagram.length);
    if (length > 0) {
      this.#answered++;
      return length;
    }
    return length === WITHHELD ? 0 : this.#answerOther(datagram);
  };

  /**
   * A datagram that is no plain query. Responses and less than a header are met with silence, and so are requests longer than any
   * that we have said we take (RFC 6891 6.2.3): to read them would cost most.
   */
  #answerOther(datagram: Datagram): number {
    if (datagram.length < HEADER_OCTETS || datagram.length > MAX_REQUEST_OCTETS) return 0;
    if ((datagram.octets[2]! & QR) !== 0) return 0;
    const octets = datagram.octets.slice(0, datagram.length);
    const outcome = receiveOpen(this.#responder, octets, 'udp', this.#now);
    if (outcome === undefined) {
      this.#handOver(octets, datagram);
      return 0;
    }
    if (outcome.kind !== 'reply' || outcome.octets.length > datagram.reply.length) return 0;
    datagram.reply.set(outcome.octets);
    this.#answered++;
    return outcome.octets.length;
  }

  #handOver(octets: Uint8Array, datagram: Datagram): void {
    if (!this.#board.takePlace(octets.length)) {
      this.#dropped++;
      return;
    }
    this.#handedOver++;
    this.#handing.add({ route: datagram.route(), octets });
  }

  /** Hands over what of a batch is for control. */
  finish(): void {
    const requests = this.#handing.take();
    if (requests !== undefined) this.#port.postMessage(requests satisfies FromThread, [requests.octets.buffer]);
  }

  /** Tells control of one fault a second: whoever can make one can make many. */
  onFault(fault: ServeFault): void {
    if (this.#toldAt === this.#now) return;
    this.#toldAt = this.#now;
    this.#port.postMessage({ kind: 'fault', fault } satisfies FromThread);
  }

  /** Adds what was counted to the board. */
  report(): void {
    this.#board.count(this.#received, this.#answered, this.#handedOver, this.#dropped);
    this.#received = this.#answered = this.#handedOver = this.#dropped = 0;
  }
}

function nameOf(wire: Uint8Array): Name {
  const name = Name.fromWire(wire);
  if (!name.ok) throw new Error(`a zone with ${name.fault.what}`);
  return name.value;
}
