/**
 * CSRs and certificates in TLSA records at `_letsencrypt._tcp.HOST`: the protocol between a service and the ACME secondary.
 *
 * RDATA is usage, selector, matching type, data (RFC 6698 2.1); the data is always the whole DER:
 *
 * | usage selector matching | data |
 * |---|---|
 * | 3 255 0 | a certificate signing request (selector 255: private use) |
 * | 3 0 0 | the certificate of the service (DANE-EE, full certificate) |
 * | 0 0 0 | a certificate of an authority of its chain |
 *
 * Everything else belongs to somebody else, and stays.
 */

/** The labels in front of the host name, left-most first. */
export const REQUEST_LABELS = ['_letsencrypt', '_tcp'] as const;

/** Usage, selector and matching type of the three kinds. */
export const TLSA_PREFIX = { csr: [3, 255, 0], certificate: [3, 0, 0], chain: [0, 0, 0] } as const;

/** What tells RDATA, or DER, apart in sets and maps. */
export const octetsKey = (octets: Uint8Array): string => Buffer.from(octets).toString('latin1');

/** A TLSA RRset taken apart: DER of each kind, and the RDATA of what is none of them, each in the order given. */
export interface TlsaSet {
  readonly csrs: readonly Uint8Array[];
  readonly certificates: readonly Uint8Array[];
  readonly chain: readonly Uint8Array[];
  readonly other: readonly Uint8Array[];
}

/** Sorts the RDATA of a TLSA RRset by meaning. The views share the octets given. */
export function readTlsaSet(rdatas: readonly Uint8Array[]): TlsaSet {
  const data = (kind: keyof typeof TLSA_PREFIX) =>
    rdatas.filter((rdata) => kindOf(rdata) === kind).map((rdata) => rdata.subarray(3));
  return {
    csrs: data('csr'),
    certificates: data('certificate'),
    chain: data('chain'),
    other: rdatas.filter((rdata) => kindOf(rdata) === undefined),
  };
}

function kindOf(rdata: Uint8Array): keyof typeof TLSA_PREFIX | undefined {
  if (rdata.length < 4) return undefined;
  for (const kind of ['csr', 'certificate', 'chain'] as const) {
    if (TLSA_PREFIX[kind].every((octet, i) => rdata[i] === octet)) return kind;
  }
  return undefined;
}

/** RDATA of a signing request. */
export function csrRdata(der: Uint8Array): Uint8Array {
  return Uint8Array.of(...TLSA_PREFIX.csr, ...der);
}

/** RDATA of the certificate of the service. */
export function certificateRdata(der: Uint8Array): Uint8Array {
  return Uint8Array.of(...TLSA_PREFIX.certificate, ...der);
}

/** RDATA of an authority's certificate. */
export function chainRdata(der: Uint8Array): Uint8Array {
  return Uint8Array.of(...TLSA_PREFIX.chain, ...der);
}
