/**
 * Datagrams on their way through a thread that answers them: what the ways of receiving - many with one call of the kernel, or one
 * by one - have in common.
 *
 * Always holds: a datagram that can be answered at once costs no allocation; nothing that comes in ends the thread.
 */
import type { ClientAddress } from '../authority/client-address.ts';
import type { ServeFault } from './fault.ts';

/** Octets of the longest request. */
export const REQUEST_OCTETS = 65_535;
/** Room for a reply: more than is ever sent by UDP (`UDP_SIZE`). */
export const REPLY_OCTETS = 4096;

/** One value takes datagram after datagram: all of it is only good until `answer` returns. */
export interface Datagram {
  /** The request, up to `length`; what comes behind means nothing. */
  readonly octets: Uint8Array;
  length: number;
  /** Where it came from. */
  readonly client: ClientAddress;
  port: number;
  /** Room for the reply. */
  readonly reply: Uint8Array;
  /** Where a reply that is sent later has to go, and from which socket and address; a copy, and opaque. */
  route(): Uint8Array;
}

/** Answers a datagram at once: the length of what it has put into `reply`, or 0 when there is nothing to send now. */
export type AnswerDatagram = (datagram: Datagram) => number;

export interface DatagramHandler {
  /** Called when datagrams have come in, before the first of them is answered. */
  prepare(): void;
  readonly answer: AnswerDatagram;
  /** Called when all that had come in were given to `answer`, before their replies are sent. */
  finish?(): void;
  /** A reply could not be sent, or `answer` has thrown. Replies that get lost with one that is told of are counted only. */
  onFault?(fault: ServeFault): void;
}
