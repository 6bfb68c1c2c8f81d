/**
 * TLS towards a server (RFC 8310, RFC 9103): how it proves who it is, by the key of its certificate or by an authority, and how we do.
 * There is no mode in which the server need not prove it.
 *
 * TLS 1.3 only. `dot` is asked for (RFC 9103 7.1); a server that chooses another protocol is none, one that chooses nothing at all, as
 * NSD 4.6 does, has proven who it is, which is what the protocol's name could add nothing to.
 * Left out: resumed sessions, early data.
 */
import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { fail, ok, type Result } from '../result.ts';
import type { Peer } from './address.ts';
import { type ExchangeFault, untrusted } from './fault.ts';
import { ALPN, type TlsFault, unusable } from './tls-gate.ts';

export interface TlsTrust {
  /** SHA-256 of the SubjectPublicKeyInfo of keys, base64 (RFC 7858 4.2): the server must have one of them; any unless given. */
  readonly pins?: readonly string[];
  /** Authorities in PEM, or those that Node.js knows: the certificate must be of one of them, and for the server's name or address. */
  readonly ca?: Buffer | 'system';
  /** The name that the certificate must be for; the server's address unless given. */
  readonly name?: string;
  /** Our own certificate and its key, PEM, for a server that asks. */
  readonly identity?: { readonly cert: Buffer; readonly key: Buffer };
}

/** The pin of the key that a server has shown. */
export function pinOf(socket: TLSSocket): string | undefined {
  const key = socket.getPeerX509Certificate()?.publicKey.export({ type: 'spki', format: 'der' });
  return key === undefined ? undefined : createHash('sha256').update(key).digest('base64');
}

export class TlsClient {
  #trust: TlsTrust;
  #context: SecureContext;

  private constructor(trust: TlsTrust, context: SecureContext) {
    this.#trust = trust;
    this.#context = context;
  }

  static open(trust: TlsTrust): Result<TlsClient, TlsFault> {
    const context = contextOf(trust);
    return context.ok ? ok(new TlsClient(trust, context.value)) : context;
  }

  /** What it was made of; can be posted to another thread, which makes its own of it. */
  get trust(): TlsTrust {
    return this.#trust;
  }

  /** From now on connections are made in this way; a fault changes nothing. */
  renew(trust: TlsTrust): Result<void, TlsFault> {
    const context = contextOf(trust);
    if (!context.ok) return context;
    this.#trust = trust;
    this.#context = context.value;
    return ok(undefined);
  }

  /** TLS over a socket that is connecting to `server`: it emits `secureConnect`, and then {@link TlsClient.objection} has to be asked. */
  over(socket: Socket, server: Peer): TLSSocket {
    const { ca, name } = this.#trust;
    const isChecked = ca !== undefined;
    return connect({
      socket,
      host: server.address,
      ...(name === undefined ? {} : { servername: name }),
      secureContext: this.#context,
      ALPNProtocols: [...ALPN],
      rejectUnauthorized: isChecked,
    });
  }

  /** What stands against the server at the other end of a connection that has come about; `undefined` for nothing. */
  objection(socket: TLSSocket, server: Peer): ExchangeFault | undefined {
    const { ca, pins = [] } = this.#trust;
    if (socket.alpnProtocol !== ALPN[0] && socket.alpnProtocol !== false)
      return untrusted(server, 'it does not speak DNS over TLS (ALPN dot)');
    if (ca !== undefined && !socket.authorized) return untrusted(server, 'its certificate is not trusted');
    const pin = pinOf(socket);
    if (pin !== undefined && pins.includes(pin)) return undefined;
    if (ca !== undefined && pins.length === 0) return undefined;
    return { ...untrusted(server, `the pin of its key is ${pin}`), hint: 'compare it with the one that is configured' };
  }
}

function contextOf({ ca, identity }: TlsTrust): Result<SecureContext, TlsFault> {
  try {
    const own = identity === undefined ? {} : { cert: identity.cert, key: identity.key };
    // An empty list is no list: what is not checked needs none.
    const authorities = ca === undefined || ca === 'system' ? {} : { ca };
    return ok(createSecureContext({ ...own, ...authorities, minVersion: 'TLSv1.3' }));
  } catch (error) {
    return fail(unusable('the certificates', error));
  }
}
