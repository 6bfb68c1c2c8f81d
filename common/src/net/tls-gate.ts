/**
 * TLS for a server: from a connection of TCP to a secure one (RFC 7858, RFC 8310, RFC 9103). It listens nowhere itself; listeners of TCP
 * hand it what they have let in, and all of them share its certificate, which may be replaced while it runs.
 *
 * TLS 1.3 only (RFC 9103 7.1). A client that names protocols must name `dot`; one that names none is taken for an older client of
 * RFC 7858. Where clients may show certificates no session is resumed, so that a certificate counts for the connection it was shown on.
 * Left out: early data, which could be replayed (RFC 8446 8).
 * Always holds: handshakes are few at a time and short, and one client does not keep others from theirs; what is no TLS costs its sender
 * the connection.
 */
import { constants, X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { createSecureContext, createServer, type Server, type TLSSocket } from 'node:tls';
import { fail, ok, type Result } from '../result.ts';
import { clientOf, type Peer, peerOf, printPeer } from './address.ts';
import { codeOf, type ServeFault, tlsText } from './fault.ts';
import { LIMITS, type Limits } from './limits.ts';
import { Seats } from './seats.ts';

/** RFC 7858 3.1, RFC 9103 7.1. */
export const ALPN = ['dot'] as const;

/** Who the server is, in PEM. */
export interface TlsIdentity {
  /** Its certificate, and those between it and an authority. */
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Authorities of certificates that clients may show; they are asked for none without it. */
  readonly clientCa?: Buffer;
}

/** The certificate and the key cannot be used. */
export interface TlsFault {
  readonly kind: 'tls';
  /** Set where the key is that of another certificate. */
  readonly isMismatch?: true;
  /** Never holds the key. */
  readonly what: string;
}

/** Why OpenSSL does not take `which`. */
export function unusable(which: string, error: unknown): TlsFault {
  const text = error instanceof Error ? error.message : String(error);
  const fault = { kind: 'tls', what: `${which} cannot be used: ${text}` } as const;
  return codeOf(error) === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH' ? { ...fault, isMismatch: true } : fault;
}

/** A secure connection that has come about. */
export interface Secured {
  readonly socket: TLSSocket;
  readonly transport: 'tls' | 'mtls';
  /** What is wrong with the certificate that the client has shown. */
  readonly fault?: ServeFault;
}

type GateLimits = Pick<Limits, 'tlsHandshake' | 'tlsHandshakes'>;

interface Entering {
  readonly place: string;
  readonly socket: Socket;
  readonly peer: Peer;
  readonly done: (secured: Secured) => void;
}

/** Of both ends: whoever is gone has none. */
function placeOf(socket: Socket): string | undefined {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  if (remoteAddress === undefined) return undefined;
  return `${printPeer(peerOf(remoteAddress, remotePort ?? 0))} ${printPeer(peerOf(localAddress ?? '', localPort ?? 0))}`;
}

function contextOf({ cert, key, clientCa }: TlsIdentity) {
  return {
    cert,
    key,
    ...(clientCa === undefined ? {} : { ca: clientCa, secureOptions: constants.SSL_OP_NO_TICKET }),
    minVersion: 'TLSv1.3',
  } as const;
}

function check(identity: TlsIdentity): Result<void, TlsFault> {
  try {
    createSecureContext(contextOf(identity));
    return ok(undefined);
  } catch (error) {
    return fail(unusable('the certificate and its key', error));
  }
}

function badCertificate({ authorizationError: error }: TLSSocket, peer: Peer): ServeFault {
  // It is a code, whatever its type says.
  const why = tlsText(typeof error === 'string' ? error : codeOf(error));
  const what = `${printPeer(peer)} counts as a client without a certificate: ${why}`;
  return { kind: 'certificate', what, peer };
}

export class TlsGate {
  readonly #server: Server;
  readonly #asksClients: boolean;
  /** By their places. */
  readonly #entering = new Map<string, Entering>();
  /** Of them: of one client those give way first that have said nothing. */
  readonly #seats: Seats<Entering>;
  #cert: Buffer;

  private constructor(identity: TlsIdentity, limits: GateLimits) {
    this.#seats = new Seats(limits.tlsHandshakes, ({ socket }) => socket.bytesRead === 0);
    this.#cert = identity.cert;
    this.#asksClients = identity.clientCa !== undefined;
    this.#server = createServer({
      ...contextOf(identity),
      ALPNProtocols: [...ALPN],
      requestCert: this.#asksClients,
      // Who shows none may ask what everybody may.
      rejectUnauthorized: false,
      handshakeTimeout: limits.tlsHandshake,
    });
    this.#server.on('secureConnection', (socket) => this.#entered(socket));
    // The connection of TCP is closed then, which is where it is counted.
    this.#server.on('tlsClientError', (_error, socket) => {
      socket.destroy();
    });
  }

  static open(
    identity: TlsIdentity,
    limits: GateLimits = {
      tlsHandshake: LIMITS.tlsHandshake.default,
      tlsHandshakes: LIMITS.tlsHandshakes.default,
    },
  ): Result<TlsGate, TlsFault> {
    const checked = check(identity);
    return checked.ok ? ok(new TlsGate(identity, limits)) : checked;
  }

  /** When the certificate ends: milliseconds since 1970. */
  get end(): number {
    return Date.parse(new X509Certificate(this.#cert).validTo);
  }

  /** Handshakes under way. */
  get handshakes(): number {
    return this.#entering.size;
  }

  /** From now on it is somebody else to clients that connect; a fault changes nothing. Whether clients are asked stays as it was. */
  renew(identity: TlsIdentity): Result<void, TlsFault> {
    const checked = check(identity);
    if (!checked.ok) return checked;
    this.#server.setSecureContext(contextOf(identity));
    this.#cert = identity.cert;
    return checked;
  }

  /** Begins the handshake of a client that has connected with `allowHalfOpen`; `done` is called if it comes to an end. */
  enter(socket: Socket, peer: Peer, done: (secured: Secured) => void): ServeFault | undefined {
    socket.on('error', () => undefined);
    const place = placeOf(socket);
    if (place === undefined) {
      socket.destroy();
      return undefined;
    }
    const entering: Entering = { place, socket, peer, done };
    const given = this.#seats.take(entering, clientOf(peer.address));
    if (given !== undefined) {
      this.#leave(given);
      given.socket.destroy();
    }
    this.#entering.set(place, entering);
    socket.once('close', () => this.#leave(entering));
    this.#server.emit('connection', socket);
    if (given === undefined) return undefined;
    return { kind: 'limit', what: `ended the TLS handshake of ${printPeer(given.peer)}: too many`, peer: given.peer };
  }

  #leave(entering: Entering): void {
    this.#seats.leave(entering);
    // Somebody else may be at this place by now.
    if (this.#entering.get(entering.place) === entering) this.#entering.delete(entering.place);
  }

  #entered(socket: TLSSocket): void {
    const place = placeOf(socket);
    const entering = place === undefined ? undefined : this.#entering.get(place);
    if (entering === undefined) {
      socket.on('error', () => undefined);
      socket.destroy();
      return;
    }
    this.#leave(entering);
    const { peer, done } = entering;
    if (!this.#asksClients || socket.getPeerX509Certificate() === undefined) done({ socket, transport: 'tls' });
    else if (socket.authorized) done({ socket, transport: 'mtls' });
    else done({ socket, transport: 'tls', fault: badCertificate(socket, peer) });
  }
}
