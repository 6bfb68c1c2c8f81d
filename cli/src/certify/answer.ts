/**
 * What the DNS answers to a signing request at `_letsencrypt._tcp.HOST`: the certificate with its chain, and the status that the
 * ACME secondary writes beside it.
 *
 * Always holds: a certificate that is given back has the key and exactly the names of the request, is in force, and was issued
 * by the first authority of the chain, where any authority stands there. Path validation is left to who uses it.
 */
import type { Name } from '@zonewright/common/name';
import type { Peer } from '@zonewright/common/net/address';
import type { TlsClient } from '@zonewright/common/net/tls-client';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { TYPE } from '@zonewright/common/rr/type';
import type { TsigKey } from '@zonewright/common/wire/tsig';
import { type Certificate, chainFor, fits, parseCertificate } from '@zonewright/letsencrypt/certificate';
import { type Csr, parseCsr } from '@zonewright/letsencrypt/csr';
import { DnsClient, type DnsClientOptions, type DnsFault } from '@zonewright/letsencrypt/dns';
import { nameOfHost, postingName, requestId } from '@zonewright/letsencrypt/posting';
import { type StatusText, statusOf } from '@zonewright/letsencrypt/status';
import { readTlsaSet, type TlsaSet } from '@zonewright/letsencrypt/tlsa';
import { resolveServer } from '../server.ts';

const DAY = 86_400_000;

/** Where a request is posted and answered. */
export interface Place {
  readonly dns: DnsClient;
  readonly name: Name;
}

/** Who is asked, and for which host. */
export interface Asked {
  /** `HOST[:PORT]`. */
  readonly server: string;
  readonly port: number;
  /** Over TLS, and over nothing else then. */
  readonly tls?: TlsClient;
  readonly dnsKey: TsigKey | undefined;
  readonly hostname: string;
}

/** What stands at the place. */
export interface Answer {
  /** The newest fitting certificate, first, and the authorities above it. */
  readonly chain?: readonly Certificate[];
  /** There is one request, and it asks for the same. */
  readonly isPosted: boolean;
}

/** The first address of the server that answers, and its answer. */
export async function reach(
  { server, port, tls, dnsKey, hostname }: Asked,
  csr: Csr,
  signal?: AbortSignal,
): Promise<Result<{ readonly place: Place; readonly answer: Answer }, Fault>> {
  const name = postingName(nameOfHost(hostname));
  if (name === undefined) return fail({ kind: 'usage', what: `${hostname} is too long to request a certificate for` });
  const peers = await resolveServer(server, port);
  if (!peers.ok) return peers;
  return firstToAnswer(peers.value, { ...(dnsKey && { key: dnsKey }), ...(tls && { tls }) }, name, csr, signal);
}

async function firstToAnswer(
  peers: readonly Peer[],
  way: Pick<DnsClientOptions, 'key' | 'tls'>,
  name: Name,
  csr: Csr,
  signal: AbortSignal | undefined,
): Promise<Result<{ readonly place: Place; readonly answer: Answer }, Fault>> {
  let last: Fault = { kind: 'unreachable', what: 'the server has no address' };
  for (const server of peers) {
    const place = { dns: new DnsClient({ server, ...way }), name };
    const answer = await look(place, csr, signal);
    if (answer.ok) return ok({ place, answer: answer.value });
    last = answer.fault;
    if (last.kind !== 'unreachable' && last.kind !== 'timeout') break;
  }
  return fail(last);
}

/** Asks once. */
export async function look({ dns, name }: Place, csr: Csr, signal?: AbortSignal): Promise<Result<Answer, DnsFault>> {
  const rdatas = await dns.lookup(name, TYPE.TLSA, { signal });
  if (!rdatas.ok) return rdatas;
  const set = readTlsaSet(rdatas.value);
  const chain = chainIn(set, csr, Date.now());
  return ok({ isPosted: isPosted(set, csr), ...(chain && { chain }) });
}

/** What is said at a place about this request; `undefined` where nothing is, or it cannot be had. */
export async function lookForStatus(
  { dns, name }: Place,
  csr: Csr,
  signal?: AbortSignal,
): Promise<StatusText | undefined> {
  const rdatas = await dns.lookup(name, TYPE.TXT, { signal });
  if (!rdatas.ok) return undefined;
  const id = requestId(csr);
  const isAbout = ({ request = '' }: StatusText): boolean => id.startsWith(request);
  return rdatas.value.map(statusOf).find((status) => status !== undefined && isAbout(status));
}

/**
 * Whether a certificate answers the request now, and for longer than a day (or, of a short-lived one, a third of its life).
 *
 * @param now milliseconds since 1970
 */
export function isFitting(certificate: Certificate, csr: Csr, now: number): boolean {
  const left = Math.min(DAY, (certificate.notAfter - certificate.notBefore) / 3);
  return fits(certificate, csr, { now, until: now + left });
}

/** Whether one certificate was issued after another. It need not last longer: lifetimes shrink, and the older one may be revoked. */
export function isNewer(one: Certificate, other: Certificate): boolean {
  return one.notBefore === other.notBefore ? one.notAfter > other.notAfter : one.notBefore > other.notBefore;
}

/** The newest fitting certificate of a set, with its chain. */
export function chainIn(set: TlsaSet, csr: Csr, now: number): readonly Certificate[] | undefined {
  const good = readable(set.certificates).filter((one) => isFitting(one, csr, now));
  const others = readable(set.chain);
  for (const leaf of good.sort((a, b) => (isNewer(a, b) ? -1 : 1))) {
    const chain = chainFor(leaf, others);
    // Authorities of another certificate may be left beside it; a root that issued it is no part of the chain.
    const isRoot = ({ subject, issuer }: Certificate): boolean =>
      Buffer.from(subject).equals(issuer) && Buffer.from(subject).equals(leaf.issuer);
    if (chain.length > 1 || others.length === 0 || others.some(isRoot)) return chain;
  }
  return undefined;
}

function readable(ders: readonly Uint8Array[]): Certificate[] {
  return ders.map(parseCertificate).flatMap((one) => (one.ok ? [one.value] : []));
}

/** Several servers of a host have copies of one key, and requests of their own: those ask for the same, and none is put in place of another. */
function isPosted({ csrs }: TlsaSet, csr: Csr): boolean {
  const [der, ...more] = csrs;
  if (der === undefined || more.length > 0) return false;
  if (Buffer.from(der).equals(csr.der)) return true;
  const posted = parseCsr(der, { anyKey: true });
  return posted.ok && requestId(posted.value) === requestId(csr);
}
