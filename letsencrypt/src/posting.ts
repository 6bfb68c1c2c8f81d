/**
 * What services post at `_letsencrypt._tcp.HOST`, found in a zone and read: one CSR and the certificates beside it, or what is
 * wrong with them. Pure.
 *
 * Always holds: a set that did not change between two versions of a zone is read once.
 */
import { createHash } from 'node:crypto';
import type { Name } from '@zonewright/common/name';
import { Name as Names } from '@zonewright/common/name';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import type { RRset } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import type { Zone } from '@zonewright/common/zone/zone';
import { type Certificate, parseCertificate } from './certificate.ts';
import { type Csr, parseCsr } from './csr.ts';
import { REQUEST_LABELS, readTlsaSet, type TlsaSet } from './tlsa.ts';

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
  /** Those that can be read. */
  readonly certificates: readonly Certificate[];
  readonly chain: readonly Certificate[];
}

/** A request that cannot be met: `several` CSRs, one that does not hold (`csr`), a name not ours to certify (`host`). */
export interface PostingFault extends Fault {
  readonly kind: 'several' | 'csr' | 'host';
}

/** What stands at one name. */
export interface Found {
  readonly name: Name;
  readonly origin: Name;
  readonly posting: Result<Posting, PostingFault>;
}

type Content = Omit<Posting, 'name' | 'origin'>;

/** The end of the comparing form of the names looked for, which holds the labels from the root down. */
const SUFFIX = Names.parse(`${REQUEST_LABELS.join('.')}.`);
const suffix = SUFFIX.ok ? SUFFIX.value.key : '';

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

/** All names of a zone where something is requested. */
export function findPostings(zone: Zone): readonly Found[] {
  const found: Found[] = [];
  for (const { name, rrsets } of zone.eachNode()) {
    if (!name.key.endsWith(suffix)) continue;
    const rrset = rrsets.get(TYPE.TLSA);
    const content = rrset && readOnce(rrset);
    if (content === undefined) continue;
    const { origin } = zone;
    found.push({ name, origin, posting: content.ok ? ok({ name, origin, ...content.value }) : content });
  }
  return found;
}

const known = new WeakMap<RRset, { readonly content: Result<Content, PostingFault> | undefined }>();

function readOnce(rrset: RRset): Result<Content, PostingFault> | undefined {
  const before = known.get(rrset);
  if (before !== undefined) return before.content;
  const content = readContent(rrset);
  known.set(rrset, { content });
  return content;
}

/** `undefined` for a set in which nobody requests anything. */
function readContent(rrset: RRset): Result<Content, PostingFault> | undefined {
  const set = readTlsaSet(rrset.rdatas);
  const [der, ...more] = set.csrs;
  if (der === undefined) return undefined;
  if (more.length > 0) {
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
