/**
 * What a message came over, and what a key may demand of it (RFC 7858, RFC 9103): the `transport=` word of its limits.
 *
 * Always holds: `mtls` is said only of a connection whose client has shown a certificate of an authority that this server was given.
 */

/** `mtls`: TLS, and the client is known by its certificate. */
export const TRANSPORTS = ['udp', 'tcp', 'tls', 'mtls'] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** Those of a connection. */
export type StreamTransport = Exclude<Transport, 'udp'>;

/** What may be demanded, and what it is called to a client that has not met it. */
export const DEMANDS = {
  tls: 'TLS',
  mtls: 'TLS with a client certificate',
} as const satisfies Partial<Record<Transport, string>>;
export type DemandedTransport = keyof typeof DEMANDS;

/** Can nobody on the way read it? */
export function isEncrypted(transport: Transport): boolean {
  return transport === 'tls' || transport === 'mtls';
}

/** What is missing of the transport that is demanded; `undefined` for nothing. */
export function transportBeyond(demanded: DemandedTransport | undefined, transport: Transport): string | undefined {
  if (demanded === undefined) return undefined;
  const isMet = TRANSPORTS.indexOf(transport) >= TRANSPORTS.indexOf(demanded);
  return isMet ? undefined : DEMANDS[demanded];
}
