/** A connection that carries DNS messages both ways, as it looks to whoever has one. */
import type { Socket } from 'node:net';
import type { StreamTransport } from '../authority/transport.ts';
import type { Result } from '../result.ts';
import type { Peer } from './address.ts';
import type { ServeFault } from './fault.ts';
import type { Limits } from './limits.ts';

/** A request of ours over a connection got no response. */
export interface RequestFault {
  readonly kind: 'timeout' | 'closed' | 'busy' /* its ID is in use, or too many are waiting */;
  readonly what: string;
}

/** What carries the messages. */
export interface Carrier {
  readonly transport: StreamTransport;
  /** Messages go over this one. */
  readonly socket: Socket;
  /** That of TCP: the same, or what is below TLS. */
  readonly tcp: Socket;
}

export interface Connection {
  readonly transport: StreamTransport;
  readonly peer: Peer;
  readonly local: Peer;
  /** Resolves when the connection is gone, whoever ended it. Never rejects. */
  readonly closed: Promise<void>;
  /** Can nothing be sent any more? So it is before `closed` resolves. */
  readonly isClosed: boolean;
  /**
   * Sends a message of at most 65535 octets (a larger one is a bug, and costs the connection). Resolves when there is room for
   * another one: with `false` when it is closed. Never rejects.
   */
  send(octets: Uint8Array): Promise<boolean>;
  /**
   * The same for a reply to what is being received, which nobody waits to see sent: replies to messages that came together go
   * together. The octets may change afterwards.
   */
  reply(octets: Uint8Array): void;
  /** Sends a request of ours and waits for the response with its ID, at most `timeout` ms. The response is not verified. */
  request(octets: Uint8Array, timeout: number): Promise<Result<Uint8Array, RequestFault>>;
  /** From now on the connection is not closed for being idle; a peer that vanishes is found by TCP keep-alive. */
  keep(): void;
  /** Ends it once what was sent before is out. */
  close(): void;
}

/** Who waits for responses with one ID. */
export interface Receiver {
  take(octets: Uint8Array): void;
  /** The connection is gone; nothing follows. */
  end(): void;
}

export interface ConnectionOptions {
  readonly limits: Limits;
  /**
   * Takes a request of the peer. A promise is for one that is answered later: until it settles, the request counts as in flight
   * and the connection is not idle.
   */
  receive(octets: Uint8Array, connection: Connection): void | Promise<void>;
  onFault(fault: ServeFault): void;
}
