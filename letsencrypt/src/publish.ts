/**
 * Changing the TLSA set at `_letsencrypt._tcp.HOST`: what the ACME secondary and `certify` write.
 *
 * RFC 2136 has no prerequisite "this one record is there", only one for a whole set (2.4.2). So the set is read from the
 * server, the change computed from it, and sent with the set as its prerequisite: whoever came between makes it fail as a
 * whole, and it is computed anew. What is in the set and none of ours (readTlsaSet's `other`) is never touched.
 */
import type { Name } from '@zonewright/common/name';
import { fail, ok, type Result } from '@zonewright/common/result';
import { CLASS } from '@zonewright/common/rr/class';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import { RCODE } from '@zonewright/common/wire/code';
import type { Certificate } from './certificate.ts';
import type { DnsClient, DnsFault } from './dns.ts';
import { certificateRdata, chainRdata, csrRdata, octetsKey, readTlsaSet, type TlsaSet } from './tlsa.ts';

/** A certificate with the authorities between it and a root, in order. */
export interface Issued {
  readonly certificate: Certificate;
  /** Without the certificate itself. */
  readonly chain: readonly Certificate[];
}

/** RDATA to take out and to put in. */
export interface TlsaChange {
  readonly removed: readonly Uint8Array[];
  readonly added: readonly Uint8Array[];
}

/** Seconds; what the original suite gives these records. */
export const TLSA_TTL = 3600;

/** How often a change is computed anew when others change the set too. */
const TRIES = 5;

function without(octets: readonly Uint8Array[], others: readonly Uint8Array[]): readonly Uint8Array[] {
  const known = new Set(others.map(octetsKey));
  return octets.filter((one) => !known.has(octetsKey(one)));
}

const octetsOf = (rdatas: readonly Uint8Array[]): number => rdatas.reduce((sum, { length }) => sum + length, 0);

/** From the set as it is to one that holds, of all certificates, exactly those issued. The CSRs stay, but for those `older` than the one that was met. */
export function publication(
  set: TlsaSet,
  { certificate, chain }: Issued,
  older: readonly Uint8Array[] = [],
): TlsaChange {
  const before = [
    ...set.certificates.map(certificateRdata),
    ...set.chain.map(chainRdata),
    ...set.csrs.filter((csr) => older.some((one) => Buffer.compare(one, csr) === 0)).map(csrRdata),
  ];
  const after = [certificateRdata(certificate.der), ...chain.map(({ der }) => chainRdata(der))];
  return { removed: without(before, after), added: without(after, before) };
}

/** From the set as it is to one that asks for a certificate: this CSR, no other one, and no certificates. */
export function application(set: TlsaSet, csr: Uint8Array): TlsaChange {
  const before = [...set.csrs.map(csrRdata), ...set.certificates.map(certificateRdata), ...set.chain.map(chainRdata)];
  const after = [csrRdata(csr)];
  return { removed: without(before, after), added: without(after, before) };
}

export function isEmptyChange({ removed, added }: TlsaChange): boolean {
  return removed.length === 0 && added.length === 0;
}

/** Runs a change; `decide` is given the set as it is now, and may say that there is nothing to do (any more). */
export async function changeTlsa(
  dns: DnsClient,
  zone: Name,
  name: Name,
  decide: (set: TlsaSet) => TlsaChange | undefined,
  signal?: AbortSignal,
): Promise<Result<'changed' | 'unchanged', DnsFault>> {
  for (let left = TRIES; ; left--) {
    const found = await dns.lookup(name, TYPE.TLSA, { signal });
    if (!found.ok) return found;
    const change = decide(readTlsaSet(found.value));
    if (change === undefined || isEmptyChange(change)) return ok('unchanged');
    const updated = await dns.update(zone, updateOf(name, found.value, change), { signal });
    if (updated.ok) return ok('changed');
    const { rcode } = updated.fault;
    const isOvertaken = rcode === RCODE.NXRRSET || rcode === RCODE.YXRRSET;
    if (!isOvertaken || left <= 1) return fail(updated.fault);
  }
}

function updateOf(
  name: Name,
  present: readonly Uint8Array[],
  { removed, added }: TlsaChange,
): { readonly prerequisites: readonly ResourceRecord[]; readonly operations: readonly ResourceRecord[] } {
  const base = { name, type: TYPE.TLSA };
  const prerequisites =
    present.length === 0
      ? [{ ...base, class: CLASS.NONE, ttl: 0, rdata: new Uint8Array(0) }]
      : present.map((rdata) => ({ ...base, class: CLASS.IN, ttl: 0, rdata }));
  const put = (rdata: Uint8Array): ResourceRecord => ({ ...base, class: CLASS.IN, ttl: TLSA_TTL, rdata });
  const kept = without(present, removed);
  // The shorter way to the same set: a message has an end.
  const away =
    octetsOf(removed) <= octetsOf(kept)
      ? removed.map((rdata) => ({ ...base, class: CLASS.NONE, ttl: 0, rdata }))
      : [{ ...base, class: CLASS.ANY, ttl: 0, rdata: new Uint8Array(0) }, ...kept.map(put)];
  return { prerequisites, operations: [...away, ...added.map(put)] };
}
