/**
 * What services post at `_letsencrypt._tcp.HOST`, read: one CSR and the certificates beside it, or what is wrong with them. Where
 * there are several CSRs, the newest counts, if it is known which one that is. `search.ts` finds them in a zone. Pure.
 */
import { createHash } from 'node:crypto';
import type { Name } from '@zonewright/common/name';
import { Name as Names } from '@zonewright/common/name';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { type Certificate, parseCertificate } from './certificate.ts';
import { type Csr, parseCsr } from './csr.ts';
import { csrRdata, REQUEST_LABELS, readTlsaSet, TLSA_PREFIX, type TlsaSet } from './tlsa.ts';

/** A request that can be met. */
export interface Posting {
  /** Owner of the TLSA set. */
  readonly name: Name;
  /** Apex of its zone. */
  readonly origin: Name;
  /** Names the request by what it asks for, its key and its host names: the same for another CSR that asks for the same. */
  readonly id: string;
  readonly csr: Csr;
  readonly set: TlsaSet;
  /** DER of the older CSRs that stand beside it. */
  readonly older: readonly Uint8Array[];
  /** Those that can be read. */
  readonly certificates: readonly Certificate[];
  readonly chain: readonly Certificate[];
}

/**
 * A request that cannot be met: `several` CSRs, one that does not hold (`csr`), a name not ours to certify (`host`), more records than can
 * be changed at once (`size`).
 */
export interface PostingFault extends Fault {
  readonly kind: 'several' | 'csr' | 'host' | 'size';
}

/** What stands at one name. */
export interface Found {
  readonly name: Name;
  readonly origin: Name;
  readonly posting: Result<Posting, PostingFault>;
  /** RDATA of the status records of ours beside it (`status.ts`). */
  readonly statuses: readonly Uint8Array[];
}

/** A posting without the place where it stands. */
export type Content = Omit<Posting, 'name' | 'origin'>;

const CSR_PREFIX_OCTETS = TLSA_PREFIX.csr.length;

/** Octets of a TLSA set that is looked at: with its prerequisites and what is put in, an UPDATE of it fits a message. */
export const SET_OCTETS = 30_000;

/** The name that `host`, without `*.`, has in the DNS. */
export function nameOfHost(host: string): Name {
  const name = Names.parse(`${host.replace(/^\*\./, '')}.`);
  // Host names are checked by whoever reads them; none of them is too long to be a name.
  if (!name.ok) throw new TypeError(`${host}: ${name.fault.what}`);
  return name.value;
}

/** `_letsencrypt._tcp.HOST`; `undefined` when that is too long. */
export function postingName(host: Name): Name | undefined {
  const [first, second] = REQUEST_LABELS;
  const below = host.child(second);
  const name = below.ok ? below.value.child(first) : below;
  return name.ok ? name.value : undefined;
}

/** The host name that a set belongs to. */
export function hostOf(name: Name): Name {
  return name.ancestor(name.labelCount - REQUEST_LABELS.length);
}

/**
 * Reads a TLSA set; `undefined` for one in which nobody requests anything.
 *
 * @param newest of several CSRs (RDATA) the one that was put in last, as far as that is known
 */
export function readPosting(
  rdatas: readonly Uint8Array[],
  newest: (rdatas: readonly Uint8Array[]) => Uint8Array | undefined = () => undefined,
): Result<Content, PostingFault> | undefined {
  const set = readTlsaSet(rdatas);
  if (set.csrs.length === 0) return undefined;
  const octets = rdatas.reduce((sum, rdata) => sum + rdata.length, 0);
  if (octets > SET_OCTETS) {
    const what = `the TLSA records have ${octets} octets, more than the ${SET_OCTETS} that can be changed at once`;
    return fail({ kind: 'size', what, hint: 'remove those that are not needed' });
  }
  const [first] = set.csrs;
  const der = set.csrs.length === 1 ? first : newest(set.csrs.map(csrRdata))?.subarray(CSR_PREFIX_OCTETS);
  if (der === undefined) {
    const what = `there are ${set.csrs.length} CSRs, and it is not known which one counts`;
    return fail({ kind: 'several', what, hint: 'remove all of them but one' });
  }
  const csr = parseCsr(der, { anyKey: true });
  if (!csr.ok) {
    const { what, hint } = csr.fault;
    return fail({ kind: 'csr', what, ...(hint !== undefined && { hint }) });
  }
  return ok({
    id: requestId(csr.value),
    csr: csr.value,
    set,
    older: set.csrs.filter((one) => Buffer.compare(one, der) !== 0),
    certificates: readable(set.certificates),
    chain: readable(set.chain),
  });
}

/** See {@link Posting.id}. */
export function requestId({ publicKey, hosts }: Pick<Csr, 'publicKey' | 'hosts'>): string {
  return createHash('sha256')
    .update(publicKey)
    .update([...hosts].sort().join(' '))
    .digest('hex');
}

function readable(ders: readonly Uint8Array[]): readonly Certificate[] {
  return ders.flatMap((der) => {
    const certificate = parseCertificate(der);
    return certificate.ok ? [certificate.value] : [];
  });
}
