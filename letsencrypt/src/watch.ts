/**
 * What the ACME secondary has to do for a name: a pure function of what stands in the zone, what it remembers about the name,
 * and the time. The rules:
 *
 * - One CSR, and no certificate that answers it and is not due: a certificate is ordered.
 * - A certificate is due when the CA says so, else at two thirds of its life (`renewal.ts`).
 * - Another one for what was issued is a renewal (`provenance.ts`); whatever else stands there, it is a new certificate.
 * - A certificate that was issued and is not in the zone is published, not ordered again.
 * - Certificates that are superseded, not readable, or not in the chain are taken out.
 * - After a failure a name waits (`memory.ts`); changes of the zone do not wake it, only another request does.
 * - Only so many orders are begun for a name, and in all, in a time, whatever is requested (`budget.ts`).
 * - Several CSRs of which it is not known which is the newest, or one that does not hold, are said and left alone.
 *
 * Times are milliseconds since 1970.
 */
import type { Name } from '@zonewright/common/name';
import type { Ration } from './budget.ts';
import { type Certificate, chainFor, fits } from './certificate.ts';
import { heldUntil, type Memory } from './memory.ts';
import { type Found, hostOf, nameOfHost, type Posting, type PostingFault } from './posting.ts';
import { renewed } from './provenance.ts';
import { type Issued, isEmptyChange, publication } from './publish.ts';
import { dueAt } from './renewal.ts';

/** What is to be done for a name. */
export type Verdict =
  | { readonly kind: 'unclear'; readonly fault: PostingFault }
  | { readonly kind: 'busy' }
  | { readonly kind: 'current'; readonly certificate: Certificate; readonly dueAt: number }
  /**
   * Nothing before `until`: after a failure, because the zone does not show yet what was published, or, where `limit` says so,
   * because too much was ordered.
   */
  | { readonly kind: 'waiting'; readonly until: number; readonly limit?: string }
  | { readonly kind: 'publish'; readonly posting: Posting; readonly issued: Issued }
  | { readonly kind: 'order'; readonly posting: Posting; readonly why: 'new' | 'changed' }
  | { readonly kind: 'order'; readonly posting: Posting; readonly why: 'due'; readonly due: Certificate };

/**
 * Does the certificate answer the request, and is not due at `due`? That it may begin a little later by our clock does not
 * matter.
 */
export function isGood(certificate: Certificate, csr: Posting['csr'], now: number, due = dueAt(certificate)): boolean {
  return now < due && fits(certificate, csr, { now: Math.max(now, certificate.notBefore), until: now });
}

/**
 * Where the names of a request may be: anywhere in the zone of the service's key (the protocol as it always was), or only at
 * and below the host that it is posted for.
 */
export const NAME_SCOPES = ['zone', 'host'] as const;

/** One of {@link NAME_SCOPES}. */
export type NameScope = (typeof NAME_SCOPES)[number];

/** What requests the service meets. */
export interface Rules {
  /** Names at and below it: the zone of the service's key. */
  readonly zone: Name;
  readonly names: NameScope;
  /** Also keys that public CAs refuse (Ed25519, P-521): for a CA of one's own. */
  readonly isAnyKey: boolean;
  /** When the CA suggests to renew a certificate, if it does. */
  suggested?(certificate: Certificate): number | undefined;
  /** Why nothing may be ordered for a request now, if that is so. */
  ration?(posting: Posting, isRenewal: boolean): Ration | undefined;
}

/** Judges one name. */
export function judge(found: Found, memory: Memory | undefined, rules: Rules, now: number): Verdict {
  if (memory?.isBusy === true) return { kind: 'busy' };
  if (!found.posting.ok) return { kind: 'unclear', fault: found.posting.fault };
  const posting = found.posting.value;
  const fault = refuse(posting, rules);
  if (fault !== undefined) return { kind: 'unclear', fault };
  const known = memory?.id === posting.id ? memory : undefined;
  const dueOf = (one: Certificate): number => dueAt(one, rules.suggested?.(one));
  const wanted = wantedAt(posting, known?.issued, now, dueOf);
  if (wanted !== undefined && isEmptyChange(publication(posting.set, wanted, posting.older))) {
    return { kind: 'current', certificate: wanted.certificate, dueAt: dueOf(wanted.certificate) };
  }
  const held = known && heldUntil(known, now);
  if (held !== undefined) return { kind: 'waiting', until: held };
  if (wanted !== undefined) return { kind: 'publish', posting, issued: wanted };
  const due = renewed(posting, known?.issued, now, (one) => isGood(one, posting.csr, one.notBefore));
  const ration = rules.ration?.(posting, due !== undefined);
  if (ration !== undefined) return { kind: 'waiting', until: ration.until, limit: ration.what };
  if (due !== undefined) return { kind: 'order', posting, why: 'due', due };
  return { kind: 'order', posting, why: posting.set.certificates.length > 0 ? 'changed' : 'new' };
}

function refuse({ name, csr }: Posting, { zone, names, isAnyKey }: Rules): PostingFault | undefined {
  const { hosts, keyKind } = csr;
  const foreign = hosts.find((host) => !nameOfHost(host).isSubdomainOf(zone));
  if (foreign !== undefined) {
    const what = `the CSR asks for ${foreign}, which is not in ${zone}`;
    return { kind: 'host', what, hint: 'the key of this service covers no other zone' };
  }
  const own = hostOf(name);
  const outside = names === 'host' ? hosts.find((host) => !nameOfHost(host).isSubdomainOf(own)) : undefined;
  if (outside !== undefined) {
    const what = `the CSR asks for ${outside}, which is not at or below ${own}`;
    return { kind: 'host', what, hint: 'this service runs with --names host; post a request for each host' };
  }
  if (isAnyKey || (keyKind !== 'ed25519' && keyKind !== 'p521')) return undefined;
  const what = `the CSR has a key of type ${keyKind}, which public CAs do not certify`;
  return { kind: 'csr', what, hint: 'make it with --type p256' };
}

/** The certificates that should stand there; `undefined` when none of those there are is good. */
function wantedAt(
  posting: Posting,
  issued: Issued | undefined,
  now: number,
  dueOf: (certificate: Certificate) => number,
): Issued | undefined {
  const known = issued === undefined ? [] : [issued.certificate];
  const good = [...posting.certificates, ...known].filter((one) => isGood(one, posting.csr, now, dueOf(one)));
  good.sort((a, b) => b.notAfter - a.notAfter);
  const [certificate] = good;
  if (certificate === undefined) return undefined;
  const [, ...chain] = chainFor(certificate, [...posting.chain, ...(issued?.chain ?? [])]);
  return { certificate, chain };
}

/** When a name has to be looked at again although nothing has changed; `Infinity`: not at all. */
export function againAt(verdict: Verdict): number {
  switch (verdict.kind) {
    case 'current':
      return verdict.dueAt;
    case 'waiting':
      return verdict.until;
    default:
      return Number.POSITIVE_INFINITY;
  }
}
