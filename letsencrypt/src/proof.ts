/**
 * Proving to the CA that the names of an order are ours (RFC 8555 7.5.1): the records are put for all names at once, waited for
 * until every server of their zones shows them, and then the CA is told to look.
 *
 * By dns-01 each order has values of its own, which are taken away whatever comes. By dns-persist-01, where that is chosen and the CA
 * offers it, a record is written once, and stays.
 *
 * Always holds: a server that answers without the records keeps the CA from being told, for it would be believed.
 */
import type { KeyScope } from '@zonewright/common/authority/key';
import type { ZoneTable } from '@zonewright/common/authority/zones';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { txtText } from '@zonewright/common/rr/txt';
import { TYPE } from '@zonewright/common/rr/type';
import type { Log } from '@zonewright/common/service/log';
import type { AcmeClient } from './acme.ts';
import type { AcmeFault } from './acme-problem.ts';
import type { Authorization, Challenge, ChallengeType } from './acme-resource.ts';
import { type Answer, put, waitVisible } from './challenge.ts';
import type { DnsClient, DnsFault } from './dns.ts';
import { type Leftovers, markOf } from './leftover.ts';
import { CHALLENGE, type PlaceFault, placeOf, STANDING } from './place.ts';
import type { Servers } from './servers.ts';
import { isStanding, isWritable, type Standing, standingText } from './standing.ts';
import { step } from './step.ts';

/** A server of a zone never showed what it was asked for. */
interface LagFault extends Fault {
  readonly kind: 'lag';
  /** What everybody may read of it. */
  readonly said: string;
}

export type ProofFault = AcmeFault | DnsFault | PlaceFault | LagFault;

export interface ProofContext {
  readonly acme: AcmeClient;
  readonly dns: DnsClient;
  readonly zones: ZoneTable;
  readonly scope: Pick<KeyScope, 'zone'>;
  readonly servers: Servers;
  readonly leftovers: Leftovers;
  /** What is preferred, where the CA offers it; dns-01 unless given. */
  readonly challenge?: ChallengeType;
  /** Carries the name the order is for. */
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** The ways that names may be proven in (RFC 8657 4): the preferred one, and the one that is left where the CA does not offer that. */
export function methodsOf(preferred: ChallengeType | undefined): readonly ChallengeType[] {
  return preferred === undefined || preferred === 'dns-01' ? ['dns-01'] : [preferred, 'dns-01'];
}

/** Seconds that a record which stands may be kept by others. */
const STANDING_TTL = 3600;

/** One authorization with what the CA is told, and the record that it then looks for. */
interface Plan {
  readonly authorization: Authorization;
  readonly challenge: Challenge;
  readonly answer: Answer;
  readonly standing?: Standing;
}

/** Proves all authorizations, none of which is valid yet; `account` is the URL of ours. */
export async function prove(
  context: ProofContext,
  pending: readonly Authorization[],
  account: string,
): Promise<Result<void, ProofFault>> {
  const { acme, leftovers } = context;
  const wildcards = new Set(pending.filter(({ wildcard }) => wildcard).map(({ host }) => host));
  const plans: Plan[] = [];
  for (const authorization of pending) {
    const plan = planFor(context, authorization, account, wildcards.has(authorization.host));
    if (!plan.ok) return plan;
    plans.push(plan.value);
  }
  const passing = plans.filter(({ standing }) => standing === undefined).map(({ answer }) => answer);
  const marks = passing.map(({ place, text }) => ({ place, text: markOf(text, acme.thumbprint) }));
  await leftovers.hold([...passing, ...marks]);
  try {
    return await show(context, plans, [...passing, ...marks]);
  } finally {
    await leftovers.release([...passing, ...marks]);
    step('challenge.gone');
  }
}

function planFor(
  { zones, scope, challenge: preferred }: ProofContext,
  authorization: Authorization,
  account: string,
  isWildcard: boolean,
): Result<Plan, ProofFault> {
  const { host, status, challenge, standing } = authorization;
  if (status !== 'pending') return fail({ kind: 'unauthorized', what: `the authorization of ${host} is ${status}` });
  // A record for an account that is not ours would let others have certificates.
  const isOurs = (standing?.account === undefined || standing.account === account) && isWritable(account);
  if (preferred === 'dns-persist-01' && standing !== undefined && isOurs) {
    const wanted = { issuers: standing.issuers, account, isWildcard };
    const place = placeOf(host, zones, scope, STANDING);
    if (!place.ok) return place;
    const answer = { place: place.value, text: standingText(wanted) };
    return ok({ authorization, challenge: standing, answer, standing: wanted });
  }
  if (challenge === undefined) return fail({ kind: 'unauthorized', what: `the CA offers no dns-01 for ${host}` });
  const place = placeOf(host, zones, scope, CHALLENGE);
  if (!place.ok) return place;
  return ok({ authorization, challenge, answer: { place: place.value, text: challenge.digest } });
}

async function show(
  context: ProofContext,
  plans: readonly Plan[],
  passing: readonly Answer[],
): Promise<Result<void, ProofFault>> {
  const { acme, dns, servers, log, signal } = context;
  const began = performance.now();
  if (passing.length > 0) {
    const written = await put(dns, passing, signal);
    if (!written.ok) return written;
  }
  const standing = await stand(context, plans);
  if (!standing.ok) return standing;
  step('challenge.put');
  const answers = [...passing, ...standing.value];
  const blind = await waitVisible(dns, answers, (zone) => servers.of(context.zones.get(zone.origin) ?? zone), signal);
  if (signal.aborted) return fail({ kind: 'aborted', what: 'the challenge was given up' });
  const milliseconds = Math.round(performance.now() - began);
  const names = [...new Set(answers.map(({ place }) => place.name.toString()))];
  const behind = blind.find(({ isBehind }) => isBehind);
  if (behind !== undefined) {
    const what = `${behind.server} still does not show the challenge: ${behind.what}`;
    const said = 'a name server of the zone still does not show the challenge';
    return fail({ kind: 'lag', what, said, hint: 'is it told of changes, and does it get the zone?' });
  }
  if (blind.length > 0) log.warn('challenge.invisible', { names, servers: blind, milliseconds });
  else log.info('challenge.visible', { names, milliseconds });
  step('challenge.seen');
  for (const { authorization, challenge } of plans) {
    const answered = await acme.answerChallenge(authorization, { signal, challenge });
    if (!answered.ok) return answered;
  }
  step('challenge.told');
  for (const { authorization } of plans) {
    const valid = await acme.waitForAuthorization(authorization, { signal });
    if (!valid.ok) return valid;
  }
  step('challenge.valid');
  return ok(undefined);
}

/** Writes the records that are to stand and do not; gives those that it wrote. */
async function stand(
  { dns, signal }: ProofContext,
  plans: readonly Plan[],
): Promise<Result<readonly Answer[], ProofFault>> {
  const missing = new Map<string, Answer>();
  for (const { answer, standing } of plans) {
    if (standing === undefined) continue;
    const found = await dns.lookup(answer.place.name, TYPE.TXT, { signal });
    if (!found.ok) return found;
    const isThere = found.value.some((rdata) => isStanding(txtText(rdata), standing, Date.now()));
    if (!isThere) missing.set(`${answer.place.name.key} ${answer.text}`, answer);
  }
  const answers = [...missing.values()];
  const written = await put(dns, answers, signal, STANDING_TTL);
  return written.ok ? ok(answers) : written;
}
