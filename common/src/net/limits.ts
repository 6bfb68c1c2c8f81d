/**
 * Every limit of the sockets in one table: name, default, unit, reason. A limit that is reached costs one client something, and
 * never the process.
 */

export interface LimitRow {
  readonly default: number;
  readonly unit: 'connections' | 'ms' | 'octets' | 'messages';
  readonly reason: string;
}

export const LIMITS = {
  tcpConnections: {
    default: 1000,
    unit: 'connections',
    reason: 'each costs a file descriptor and some kilobytes; over all addresses listened on',
  },
  tcpConnectionsPerClient: {
    default: 100,
    unit: 'connections',
    reason: 'one client (an IPv4 address, an IPv6 /64) does not take the places of all others',
  },
  tcpFirstMessage: {
    default: 10_000,
    unit: 'ms',
    reason: 'whoever connects has something to ask; half a length prefix is no question',
  },
  tcpMessage: {
    default: 10_000,
    unit: 'ms',
    reason: 'a message sent an octet at a time does not hold its place for ever',
  },
  tcpIdle: {
    default: 30_000,
    unit: 'ms',
    reason: 'RFC 7766 6.2.3: a client may ask again without a new connection, for a while; told to who asks (RFC 7828)',
  },
  tcpInFlight: {
    default: 100,
    unit: 'messages',
    reason: 'requests of one connection worked on at a time; reading waits beyond it',
  },
  tcpRequests: {
    default: 100,
    unit: 'messages',
    reason: 'requests of ours that one peer has not answered yet',
  },
  tcpOwed: {
    default: 1_048_576,
    unit: 'octets',
    reason: 'responses kept for a client that does not read them; reading waits beyond it',
  },
  tcpOwedTime: {
    default: 10_000,
    unit: 'ms',
    reason: 'a client that stays above tcpOwed for so long is dropped',
  },
  tcpStalled: {
    default: 30_000,
    unit: 'ms',
    reason: 'a client that is owed anything and takes no whole message for so long is dropped',
  },
  tcpQueued: {
    default: 64,
    unit: 'messages',
    reason: 'messages of a transfer that came in and are not taken yet; reading waits beyond it',
  },
  tcpClose: {
    default: 1_000,
    unit: 'ms',
    reason: 'what a stopping server gives its clients to take what they are owed',
  },
  tlsHandshakes: {
    default: 100,
    unit: 'connections',
    reason: 'handshakes of TLS under way, each of which costs a signature; beyond it whoever has most gives one up',
  },
  tlsHandshake: {
    default: 5_000,
    unit: 'ms',
    reason: 'for a handshake of TLS, which is one round trip',
  },
  udpReceiveBuffer: {
    default: 4_194_304,
    unit: 'octets',
    reason: 'queries that wait in the kernel during a burst; the kernel may grant less (net.core.rmem_max)',
  },
} as const satisfies Readonly<Record<string, LimitRow>>;

/** A value for each limit, in the unit of its row. */
export type Limits = { readonly [Name in keyof typeof LIMITS]: number };

const DEFAULTS = Object.fromEntries(Object.entries(LIMITS).map(([name, row]) => [name, row.default])) as Limits;

/** The defaults with some of them changed. */
export function limitsWith(changes: Partial<Limits> = {}): Limits {
  return { ...DEFAULTS, ...changes };
}
