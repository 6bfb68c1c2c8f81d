/**
 * `POST /hook`: a forge says that somebody pushed. GitHub, Gitea, Forgejo and GitLab in their own forms, and whoever follows Standard
 * Webhooks (as newer GitLabs do).
 *
 * A hook may only make the primary look: what is there, it reads from its repository. So one that is recorded and sent again costs a
 * pull, and there is no memory of those that came. Left out: SHA-1 signatures, and names of repositories.
 *
 * Always holds: nothing of a request is believed before its proof is; all bad ones get the same answer, those that are bad whatever the
 * body is before it is read.
 */
import { createHash, createHmac, type Hmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import {
  type HttpReply,
  type HttpRequest,
  type HttpRoute,
  plainReply,
  UNFINISHED,
} from '@zonewright/common/service/http';
import type { Log } from '@zonewright/common/service/log';
import { RareLine } from '@zonewright/common/service/rare-line';

/** GitHub sends no more. */
const BODY_LIMIT = 25 * 1024 * 1024;
/** Octets of a body that are looked into. What is longer is as good as its proof, and makes the primary pull whatever the branch is. */
const READ_LIMIT = 256 * 1024;
/** Milliseconds that a time in a proof may be off: what Standard Webhooks recommend. */
const MAX_SKEW = 5 * 60_000;

export interface WebhookOptions {
  /** What the forge was given. `whsec_BASE64` is a key of Standard Webhooks. */
  readonly secret: string;
  /** Short name of the branch that is served. */
  readonly branch: string;
  readonly log: Log;
  /** Called for each hook with a good proof, and for each without. */
  count(outcome: 'received' | 'refused'): void;
  /** Asks for a pull; not waited for. */
  pull(): void;
  /** Milliseconds since 1970: proofs of Standard Webhooks have a time. */
  now(): number;
}

/** A proof that is good already, or is to be checked once the body is there. */
interface Claim {
  readonly form: string;
  /** What one of `shown` has to equal once it was fed with the body; absent where the proof is good. */
  readonly mac?: Hmac;
  readonly shown: readonly Buffer[];
}

const one = (value: string | readonly string[] | undefined): string =>
  typeof value === 'string' ? value : (value?.[0] ?? '');
const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Headers with the MAC of the body in hexadecimal, and what stands before it. Gitea sends GitHub's too. */
const MAC_HEADERS = [
  { form: 'forgejo', header: 'x-forgejo-signature', prefix: '' },
  { form: 'gitea', header: 'x-gitea-signature', prefix: '' },
  { form: 'github', header: 'x-hub-signature-256', prefix: 'sha256=' },
] as const;

/** Headers that name the event. */
const EVENT_HEADERS = ['x-github-event', 'x-forgejo-event', 'x-gitea-event', 'x-gitlab-event'] as const;
/** Events that may have moved a branch; also none at all, from scripts. */
const PUSH_EVENTS: ReadonlySet<string> = new Set(['', 'push', 'push hook', 'system hook']);

function claimsOf(headers: IncomingHttpHeaders, secret: string, now: number): readonly Claim[] {
  const claims: Claim[] = [];
  for (const { form, header, prefix } of MAC_HEADERS) {
    const value = one(headers[header]).toLowerCase();
    const digits = value.startsWith(prefix) ? value.slice(prefix.length) : '';
    if (/^[0-9a-f]{64}$/.test(digits))
      claims.push({ form, mac: createHmac('sha256', secret), shown: [Buffer.from(digits, 'hex')] });
  }
  const standard = standardClaim(headers, secret, now);
  if (standard !== undefined) claims.push(standard);
  const token = one(headers['x-gitlab-token']);
  // Hashes have one length: comparing them does not tell that of the secret.
  if (timingSafeEqual(sha256(secret), sha256(token))) claims.push({ form: 'gitlab', shown: [] });
  return claims;
}

/** Standard Webhooks 1.0: the MAC of `ID.TIMESTAMP.BODY`, in Base64, of which there may be several. */
function standardClaim(headers: IncomingHttpHeaders, secret: string, now: number): Claim | undefined {
  const [id, time, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) =>
    one(headers[name]),
  ) as [string, string, string];
  const key = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret)?.[1];
  if (key === undefined || id === '' || !/^\d{1,12}$/.test(time) || Math.abs(Number(time) * 1000 - now) > MAX_SKEW)
    return undefined;
  const shown = signatures.split(' ').flatMap((text) => {
    const digits = /^v1,([A-Za-z0-9+/]{43}=)$/.exec(text)?.[1];
    return digits === undefined ? [] : [Buffer.from(digits, 'base64')];
  });
  if (shown.length === 0) return undefined;
  const mac = createHmac('sha256', Buffer.from(key, 'base64')).update(`${id}.${time}.`);
  return { form: 'standard', mac, shown };
}

function isGood({ mac, shown }: Claim): boolean {
  if (mac === undefined) return true;
  const value = mac.digest();
  return shown.some((candidate) => timingSafeEqual(candidate, value));
}

/** The reference that a payload names; GitHub also sends it as a form. */
function refOf(type: string, body: string): string | undefined {
  const text = type.startsWith('application/x-www-form-urlencoded')
    ? (new URLSearchParams(body).get('payload') ?? '')
    : body;
  try {
    const payload: unknown = JSON.parse(text);
    const ref = typeof payload === 'object' && payload !== null && 'ref' in payload ? payload.ref : undefined;
    return typeof ref === 'string' ? ref : undefined;
  } catch {
    return undefined;
  }
}

/** The route of the hook. */
export function webhook(options: WebhookOptions): HttpRoute {
  const { secret, branch, log } = options;
  const line = new RareLine();

  const refused = (): HttpReply => {
    options.count('refused');
    const count = line.add();
    if (count !== undefined)
      log.warn('hook.refused', { count }, 'no good proof (does the forge have the secret of --hook-secret?)');
    return plainReply(403, 'no');
  };

  const answer = async ({ headers, read }: HttpRequest): Promise<HttpReply> => {
    const claims = claimsOf(headers, secret, options.now());
    if (claims.length === 0) return refused();
    let kept: Uint8Array[] = [];
    let octets = 0;
    const end = await read((chunk) => {
      for (const { mac } of claims) mac?.update(chunk);
      octets += chunk.length;
      if (octets <= READ_LIMIT) kept.push(chunk);
      else kept = [];
    });
    if (end !== 'whole') return UNFINISHED[end];
    const claim = claims.find(isGood);
    if (claim === undefined) return refused();

    options.count('received');
    const event = EVENT_HEADERS.map((name) => one(headers[name])).find((name) => name !== '') ?? '';
    const isPush = PUSH_EVENTS.has(event.toLowerCase());
    const ref = isPush ? refOf(one(headers['content-type']), Buffer.concat(kept).toString('utf8')) : undefined;
    const isOurs = isPush && (ref === undefined || ref === `refs/heads/${branch}`);
    log.info('hook.received', {
      form: claim.form,
      ...(event === '' ? {} : { what: event.slice(0, 100) }),
      ...(ref === undefined ? {} : { ref: ref.slice(0, 200) }),
      pulls: isOurs,
    });
    if (!isOurs) return plainReply(200, isPush ? 'another branch' : 'nothing to do');
    options.pull();
    return plainReply(202, 'accepted');
  };
  return { method: 'POST', bodyLimit: BODY_LIMIT, answer };
}
