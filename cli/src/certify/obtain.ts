/**
 * One round of `certify`: the key and the request out of their files, the certificate out of the DNS into its file. The request is
 * posted where it is not, and waited for where no certificate is at hand that will do.
 *
 * Always holds: a file that holds a good certificate costs one question, and no waiting; a server that is away is no fault then.
 * Nothing is posted that stands there already. A newer certificate in the DNS is taken, whoever had it made and why.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { printPeer } from '@zonewright/common/net/address';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import type { Certificate } from '@zonewright/letsencrypt/certificate';
import type { Csr } from '@zonewright/letsencrypt/csr';
import type { DnsFault } from '@zonewright/letsencrypt/dns';
import { application, changeTlsa } from '@zonewright/letsencrypt/publish';
import type { StatusText } from '@zonewright/letsencrypt/status';
import { type Answer, type Asked, isFitting, isNewer, look, lookForStatus, type Place, reach } from './answer.ts';
import { certificates, request, type Wanted, writeCertificates } from './files.ts';
import { isFinal, printStatus } from './progress.ts';

/** Milliseconds before the first look and between two. */
const FIRST_LOOK = 500;
const NEXT_LOOK = 2000;
/** Milliseconds that a server has to answer, where a good certificate is at hand anyway. */
const GLANCE = 10_000;

/** A certificate that is wanted: from whom, for which names, in which files. */
export interface CertificateRequest extends Asked, Wanted {
  readonly certificateFile: string;
}

/** How far a round goes. */
export interface Effort {
  /** Seconds to wait for a certificate. */
  readonly wait: number;
  /** Take what is in the DNS although the file holds one that will do. */
  readonly isForced?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Told what is going on, a line at a time. */
  say(line: string): void;
  /** Called before a new certificate is written. */
  beforeWrite?(): Promise<Result<void, Fault>>;
}

/** What the certificate file holds after a round. */
export interface Obtained {
  /** `kept`: nothing was to be done. */
  readonly outcome: 'kept' | 'fetched';
  /** The certificate first. */
  readonly chain: readonly Certificate[];
}

/** Runs one round. */
export async function obtain(wanted: CertificateRequest, effort: Effort): Promise<Result<Obtained, Fault>> {
  const csr = await request(wanted, effort.say);
  if (!csr.ok) return csr;
  const present = await certificates(wanted.certificateFile);
  if (!present.ok) return present;
  const isGood = present.value[0] !== undefined && isFitting(present.value[0], csr.value, Date.now());
  if (isGood && effort.isForced !== true) return renew(wanted, csr.value, present.value, effort);

  const reached = await reach(wanted, csr.value, effort.signal);
  if (!reached.ok) return reached;
  const { place, answer } = reached.value;
  if (answer.chain !== undefined) {
    effort.say(`found a certificate at ${place.name}`);
    return write(wanted, answer.chain, effort);
  }
  const stale = answer.isPosted ? undefined : await lookForStatus(place, csr.value, effort.signal);
  if (answer.isPosted) effort.say(`the signing request is already at ${place.name}`);
  else {
    const posted = await post(wanted, place, csr.value, effort);
    if (!posted.ok) return posted;
  }
  const chain = await poll(place, csr.value, stale, effort);
  return chain.ok ? write(wanted, chain.value, effort) : chain;
}

/** Where the file holds a good certificate: takes a newer one if there is, and asks for one when it is time and nobody does. */
async function renew(
  wanted: CertificateRequest,
  csr: Csr,
  present: readonly Certificate[],
  effort: Effort,
): Promise<Result<Obtained, Fault>> {
  const kept = ok({ outcome: 'kept', chain: present } as const);
  const limit = AbortSignal.timeout(GLANCE);
  const signal = effort.signal === undefined ? limit : AbortSignal.any([effort.signal, limit]);
  const reached = await reach(wanted, csr, signal);
  if (!reached.ok) {
    effort.say(`note: it is not known whether there is a newer certificate: ${reached.fault.what}`);
    return kept;
  }
  const { place, answer } = reached.value;
  const [found] = answer.chain ?? [];
  if (found !== undefined && isNewer(found, present[0]!)) {
    effort.say(`found a newer certificate at ${place.name}`);
    return write(wanted, answer.chain!, effort);
  }
  if (!isDue(present[0]!, Date.now())) return kept;
  if (answer.isPosted) {
    const status = await lookForStatus(place, csr, signal);
    effort.say(`it is time for a newer certificate${status === undefined ? '' : `: ${printStatus(status)}`}`);
  } else if (wanted.dnsKey !== undefined) {
    const posted = await post(wanted, place, csr, { ...effort, signal });
    if (!posted.ok) effort.say(`note: ${posted.fault.what}`);
  }
  return kept;
}

/**
 * Whether two thirds of its life are over: a newer one should be there, or on its way.
 *
 * @param now milliseconds since 1970
 */
export function isDue({ notBefore, notAfter }: Certificate, now: number): boolean {
  return now >= notBefore + ((notAfter - notBefore) / 3) * 2;
}

async function write(
  { certificateFile }: CertificateRequest,
  chain: readonly Certificate[],
  { beforeWrite }: Effort,
): Promise<Result<Obtained, Fault>> {
  const prepared = (await beforeWrite?.()) ?? ok(undefined);
  if (!prepared.ok) return prepared;
  const written = await writeCertificates(certificateFile, chain);
  return written.ok ? ok({ outcome: 'fetched', chain }) : written;
}

async function post(
  { dnsKey }: CertificateRequest,
  { dns, name }: Place,
  csr: Csr,
  { say, signal }: Effort,
): Promise<Result<void, Fault>> {
  if (dnsKey === undefined) {
    const what = `there is no certificate at ${name}, and no key to request one`;
    return fail({ kind: 'usage', what, hint: 'give --dns-key' });
  }
  // Whoever signs a question for an SOA on a connection is taken for a secondary: unsigned, unless the server answers nobody so.
  const unsigned = await dns.unsigned().zoneOf(name, { signal });
  const zone = !unsigned.ok && unsigned.fault.kind === 'refused' ? await dns.zoneOf(name, { signal }) : unsigned;
  if (!zone.ok) return zone;
  say(`posting the signing request at ${name} in zone ${zone.value} of ${printPeer(dns.server)}`);
  const posted = await changeTlsa(dns, zone.value, name, (set) => application(set, csr.der), signal);
  return posted.ok ? ok(undefined) : posted;
}

/**
 * Looks until the certificate is there, the request is refused for good, or the time is over. A server that is away for a while is
 * no reason to give up. A status that stood there before the request was posted is about another one.
 */
async function poll(
  place: Place,
  csr: Csr,
  stale: StatusText | undefined,
  { wait, say, signal }: Effort,
): Promise<Result<readonly Certificate[], Fault>> {
  const deadline = performance.now() + wait * 1000;
  say(`waiting up to ${wait} s for the certificate`);
  let lastFault: DnsFault | undefined;
  let said = stale && printStatus(stale);
  let status: StatusText | undefined;
  for (let next = FIRST_LOOK; ; next = NEXT_LOOK) {
    const isOver = await rest(Math.min(next, deadline - performance.now()), signal);
    if (isOver) return fail({ kind: 'aborted', what: 'told to stop' });
    const patience = AbortSignal.timeout(Math.ceil(Math.max(deadline - performance.now(), NEXT_LOOK)));
    const limit = signal === undefined ? patience : AbortSignal.any([signal, patience]);
    const answer: Result<Answer, DnsFault> = await look(place, csr, limit);
    if (answer.ok && answer.value.chain !== undefined) return ok(answer.value.chain);
    if (!answer.ok && answer.fault.kind !== lastFault?.kind) say(`${answer.fault.what}; trying again`);
    lastFault = answer.ok ? undefined : answer.fault;
    if (lastFault?.kind === 'refused') return fail(lastFault);
    const found = answer.ok ? await lookForStatus(place, csr, limit) : undefined;
    if (found !== undefined && printStatus(found) !== said) {
      status = found;
      said = printStatus(found);
      say(said);
    }
    const left = deadline - performance.now();
    if (status !== undefined && isFinal(status, Date.now() + left)) return fail(refusal(place, status));
    if (left <= 0) return fail(lateness(place, wait, lastFault, status));
  }
}

/** Waits; `true` where the signal says to stop. */
async function rest(milliseconds: number, signal: AbortSignal | undefined): Promise<boolean> {
  if (milliseconds > 0) await pause(milliseconds, undefined, { ...(signal && { signal }) }).catch(() => undefined);
  return signal?.aborted === true;
}

function refusal({ name }: Place, status: StatusText): Fault {
  return { kind: 'refused', what: `no certificate at ${name}: ${printStatus(status)}` };
}

function lateness({ name }: Place, wait: number, last: DnsFault | undefined, status: StatusText | undefined): Fault {
  if (last !== undefined) return last.kind === 'aborted' ? { ...last, kind: 'timeout' } : last;
  const what = `no certificate at ${name} after ${wait} s`;
  if (status !== undefined)
    return { kind: 'timeout', what: `${what}: ${printStatus(status)}`, hint: 'call again to go on waiting' };
  const hint = 'does the letsencrypt service run? its log and its /status say why; call again to go on waiting';
  return { kind: 'timeout', what, hint };
}
