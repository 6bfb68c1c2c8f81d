/** What can go wrong at a socket, as closed unions. No fault holds an octet of a message or of a key. */
import { TSIG_ERROR } from '../wire/code.ts';
import { type Peer, printPeer } from './address.ts';

/** An address could not be bound. */
export interface ListenFault {
  readonly kind: 'listen';
  /** The system's error code: `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`, `EAFNOSUPPORT`, `EINVAL` (no IP address) ... */
  readonly code: string;
  readonly address: string;
  readonly port: number;
  readonly transport: 'udp' | 'tcp' | 'tls';
  readonly what: string;
  readonly hint?: string;
}

/** Something went wrong while serving; serving goes on. May come once per datagram: count these, and log them sparsely. */
export interface ServeFault {
  readonly kind:
    | 'send' // a datagram could not be sent
    | 'socket' // the socket itself reported an error (accept, receive)
    | 'limit' // a client was turned away or dropped, see limits.ts
    | 'certificate' // a client has shown one that is not good, and is served as one that shows none
    | 'receiver'; // the function that receives has thrown: a bug
  readonly what: string;
  readonly peer?: Peer;
}

/** A request got no reply that could be used. */
export type ExchangeFault =
  | {
      readonly kind:
        | 'unreachable' // no connection, or the network says that there is no way
        | 'timeout' // silence
        | 'closed' // the peer closed the connection before it had replied
        | 'malformed' // what came is no DNS message, or no part of this conversation
        | 'aborted'; // the caller's signal
      readonly what: string;
      readonly hint?: string;
    }
  | {
      readonly kind: 'tsig';
      /** `BADSIG`, `BADKEY`, `BADTIME`, `BADTRUNC` (RFC 8945 3), or `FORMERR`. */
      readonly error: string;
      readonly what: string;
      readonly hint?: string;
    };

const TSIG_NAMES = new Map<number, string>(Object.entries(TSIG_ERROR).map(([name, code]) => [code, name]));

/** The mnemonic of a value of the TSIG error field; -1 stands for FORMERR. */
export function printTsigError(error: number): string {
  return error === -1 ? 'FORMERR' : (TSIG_NAMES.get(error) ?? `TSIG error ${error}`);
}

/** The code of a system error, `EIO` where it has none. */
export function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'EIO';
}

const SYSTEM_TEXT: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EADDRINUSE: 'the port is in use',
  ERR_INVALID_IP_ADDRESS: 'the local address is not an IP address',
  ERR_SOCKET_BAD_PORT: 'not a port',
  EADDRNOTAVAIL: 'this machine does not have the address',
  EAFNOSUPPORT: 'this machine does not have the address family',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'no route to the host',
  EINVAL: 'not an IP address, or one that cannot be used here',
  EMFILE: 'too many open files',
  EMSGSIZE: 'the message is too large',
  EISDIR: 'it is a folder',
  ENETUNREACH: 'the network is unreachable',
  ENOENT: 'there is no such file',
  EPERM: 'forbidden by a firewall of this machine',
  EPIPE: 'connection closed',
  ETIMEDOUT: 'timed out',
};

const LISTEN_HINT: Readonly<Record<string, string>> = {
  EACCES: 'ports below 1024 need root or CAP_NET_BIND_SERVICE; or use --port',
  EADDRINUSE: 'another name server is running there; stop it, or use --port or --listen',
  EADDRNOTAVAIL: 'use --listen with an address that "ip address" shows',
  EAFNOSUPPORT: 'use --listen with an address of the other family',
  EINVAL: 'use --listen with an IPv4 or IPv6 address',
};

export function systemText(code: string): string {
  return SYSTEM_TEXT[code] ?? code;
}

/** What the code of a failed check of the other end means. */
const TLS_TEXT: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is of no authority that is trusted here, but signed by itself',
  ECONNRESET: 'it ended the handshake',
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: 'it does not speak DNS over TLS (ALPN dot)',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it wants a client certificate',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'it does not speak TLS 1.3',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'it does not speak TLS 1.3',
  ERR_SSL_WRONG_VERSION_NUMBER: 'what it speaks is not TLS',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  INVALID_PURPOSE: 'its certificate is not meant for this end of TLS',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is of no authority that is trusted here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is of no authority that is trusted here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is of no authority that is trusted here',
};

/** What is wrong with the other end of TLS, by the code of the error. */
export function tlsText(code: string): string {
  return TLS_TEXT[code] ?? systemText(code);
}

export function listenFault(code: string, at: Peer, transport: ListenFault['transport']): ListenFault {
  const hint = transport === 'tls' ? LISTEN_HINT[code]?.replace('--port', '--tls-port') : LISTEN_HINT[code];
  const what = `cannot listen on ${printPeer(at)} (${transport.toUpperCase()}): ${systemText(code)}`;
  return { kind: 'listen', code, ...at, transport, what, ...(hint === undefined ? {} : { hint }) };
}

export function unreachable(peer: Peer, error: unknown): ExchangeFault {
  return { kind: 'unreachable', what: `cannot reach ${printPeer(peer)}: ${systemText(codeOf(error))}` };
}

/** Who is there is not known to be who is wanted, or there is no secure connection. */
export function untrusted(server: Peer, why: string): ExchangeFault {
  return { kind: 'unreachable', what: `cannot reach ${printPeer(server)} over TLS: ${why}` };
}

/** Why there is no secure connection to a server. */
export function tlsUnreachable(server: Peer, error: unknown): ExchangeFault {
  return untrusted(server, tlsText(codeOf(error)));
}

export function aborted(peer: Peer): ExchangeFault {
  return { kind: 'aborted', what: `the exchange with ${printPeer(peer)} was given up` };
}
