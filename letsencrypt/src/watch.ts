/**
 * What the ACME secondary has to do for a name: a pure function of what stands in the zone, what it remembers about the name,
 * and the time. The rules:
 *
 * - One CSR, and no certificate that answers it and is not due: a certificate is ordered.
 * - A certificate is due when the CA says so, else at two thirds of its life (`renewal.ts`).
 * - A certificate that was issued and is not in the zone is published, not ordered again.
 * - Certificates that are superseded, not readable, or not in the chain are taken out.
 * - After a failure a name waits, longer each time; changes of the zone do not wake it, only another request does.
 * - Only so many orders are begun for a name, and in all, in a time, whatever is requested (`budget.ts`).
 * - Several CSRs, or one that does not hold, are said and left alone.
 *
 * Times are milliseconds since 1970.
 */
import type { Name } from '@zonewright/common/name';
import { type BackoffBounds, nextDelay } from '@zonewright/common/service/backoff';
import type { Ration } from './budget.ts';
import { type Certificate, chainFor, fits } from './certificate.ts';
import { type Found, hostOf, nameOfHost, type Posting, type PostingFault } from './posting.ts';
import { type Issued, isEmptyChange, publication } from './publish.ts';
import { dueAt } from './renewal.ts';

/** What is remembered about a name as long as its request stays the same. */
export interface Memory {
  /** {@link Posting.id} of the request it is about. */
  readonly id: string;
  /** Something is under way for the name. */
  readonly isBusy: boolean;
  /** Failures since the last success. */
  readonly failures: number;
  /** Nothing is tried before. */
  readonly notBefore: number;
  /** Why it failed last. */
  readonly reason?: string;
  /** What the CA has issued last, be it published or not. */
  readonly issued?: Issued;
  /** A new certificate is published, and the zone has not shown it yet. */
  readonly isSettling?: true;
}

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

const DAY = 86_400_000;

/** Delays after failures: from 1 to 2 minutes after the first, up to a day. */
const BACKOFF: BackoffBounds = { base: 120_000, max: DAY };
/** The longest Retry-After that is believed. */
const MAX_RETRY_AFTER = 7 * DAY;
/** How long a zone may take to show what was published before it is published again. */
const SETTLE = 60_000;
/** How long the copy of a zone may take to show that a request is gone. */
const CATCH_UP = 5000;

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
  /** Why nothing may be ordered at a name now, if that is so. */
  ration?(owner: Name): Ration | undefined;
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
  if (wanted !== undefined && isEmptyChange(publication(posting.set, wanted))) {
    return { kind: 'current', certificate: wanted.certificate, dueAt: dueOf(wanted.certificate) };
  }
  if (known !== undefined && now < known.notBefore) return { kind: 'waiting', until: known.notBefore };
  if (wanted !== undefined) return { kind: 'publish', posting, issued: wanted };
  const ration = rules.ration?.(posting.name);
  if (ration !== undefined) return { kind: 'waiting', until: ration.until, limit: ration.what };
  const due = posting.certificates.find((one) => isGood(one, posting.csr, one.notBefore));
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

/** What is remembered when something begins for a request. */
export function begun(memory: Memory | undefined, posting: Posting): Memory {
  const known = memory?.id === posting.id ? memory : { id: posting.id, failures: 0, notBefore: 0 };
  return { ...known, isBusy: true };
}

/** The CA has issued; it is still to be published. */
export function issuedNow(memory: Memory, issued: Issued): Memory {
  return { ...memory, issued };
}

/**
 * It is published: nothing is done for a minute, or, where it is new, until the zone shows it. So somebody who takes out what is
 * put in, again and again, is met once a minute.
 */
export function published({ id, issued }: Memory, now: number, isNew: boolean): Memory {
  const memory = { id, isBusy: false, failures: 0, notBefore: now + SETTLE, ...(issued && { issued }) };
  return isNew ? { ...memory, isSettling: true } : memory;
}

/** The zone shows what should stand there. */
export function seen(memory: Memory): Memory {
  if (memory.isSettling === undefined) return memory;
  const { isSettling: _, ...settled } = memory;
  return { ...settled, notBefore: 0 };
}

/** The request is gone from the server; the copy of the zone will show it. */
export function superseded(memory: Memory, now: number): Memory {
  return { ...memory, isBusy: false, notBefore: Math.max(memory.notBefore, now + CATCH_UP) };
}

/**
 * It failed.
 *
 * @param retryAfter seconds, as the CA said
 * @param random returns a number in [0, 1)
 */
export function failed(
  memory: Memory,
  failure: { readonly what: string; readonly retryAfter?: number },
  now: number,
  random: () => number,
): Memory {
  const asked = Math.min((failure.retryAfter ?? 0) * 1000, MAX_RETRY_AFTER);
  const notBefore = now + Math.max(asked, nextDelay(memory.failures, BACKOFF, random));
  return { ...memory, isBusy: false, failures: memory.failures + 1, notBefore, reason: failure.what };
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

/** Is what is remembered about a name that no longer stands in any zone of no more use? */
export function isForgettable(memory: Memory, now: number): boolean {
  return !memory.isBusy && now >= memory.notBefore;
}
