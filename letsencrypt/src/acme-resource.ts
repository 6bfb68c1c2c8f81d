/**
 * The resources of ACME (RFC 8555 7.1) as this suite uses them, read from what the CA sends: only the fields that are used,
 * each checked, so that nothing behind this border has to doubt them.
 */

import type { AcmeProblem } from './acme-problem.ts';
import { asRecord, printable, readProblem } from './acme-problem.ts';
import { readHost } from './host.ts';

/** An account (RFC 8555 7.1.2). */
export interface Account {
  /** The key identifier of the account. */
  readonly url: string;
  /** Whether this call made it. */
  readonly isNew: boolean;
}

/** An order (RFC 8555 7.1.3): plain data, it can be stored and taken up again. */
export interface Order {
  readonly url: string;
  readonly status: 'pending' | 'ready' | 'processing' | 'valid' | 'invalid';
  readonly hosts: readonly string[];
  /** URLs. */
  readonly authorizations: readonly string[];
  readonly finalize: string;
  /** Once it is `valid`. */
  readonly certificate?: string;
  readonly error?: AcmeProblem;
}

/** What a directory says of its CA (RFC 8555 7.1.1), as far as it is used. */
export interface Directory {
  /** The issuer domain names that CAA records know the CA by. */
  readonly caaIdentities: readonly string[];
  /** Names of the profiles on offer (draft-ietf-acme-profiles); none where the CA knows no such thing. */
  readonly profiles: readonly string[];
  /** URL before the names of certificates (RFC 9773 4.1). */
  readonly renewalInfo?: string;
}

/** The kinds of challenges that are met. */
export const CHALLENGE_TYPES = ['dns-01', 'dns-persist-01'] as const;

/** One of {@link CHALLENGE_TYPES}. */
export type ChallengeType = (typeof CHALLENGE_TYPES)[number];

/** An authorization (RFC 8555 7.1.4), with what is asked for. */
export interface Authorization {
  readonly url: string;
  /** The name without `*.`; the challenge of `*.example.com` stands at the same name as the one of `example.com`. */
  readonly host: string;
  readonly wildcard: boolean;
  readonly status: 'pending' | 'valid' | 'invalid' | 'deactivated' | 'expired' | 'revoked';
  /** The dns-01 challenge; absent if the CA offers none, as for names that are already `valid`. */
  readonly challenge?: DnsChallenge;
  /** The dns-persist-01 challenge, if the CA offers one that can be met. */
  readonly standing?: StandingChallenge;
}

/** A challenge of any kind, as the CA is told of it. */
export interface Challenge {
  readonly type: ChallengeType;
  readonly url: string;
  readonly status: 'pending' | 'processing' | 'valid' | 'invalid';
  readonly error?: AcmeProblem;
}

/** A dns-01 challenge (RFC 8555 8.4). */
export interface DnsChallenge extends Challenge {
  readonly token: string;
  /** Where the TXT record is looked for: `_acme-challenge.` and the host. */
  readonly name: string;
  /** What has to stand there, among others: base64url(SHA-256(token "." thumbprint)). */
  readonly digest: string;
}

/** A dns-persist-01 challenge (draft-ietf-acme-dns-persist): a record that stands for good names the CA and the account. */
export interface StandingChallenge extends Challenge {
  /** Names of the CA; the record has one of them. At least one. */
  readonly issuers: readonly string[];
  /** The account that the CA wants to see there, if it says so. */
  readonly account?: string;
}

const ORDER_STATUS = ['pending', 'ready', 'processing', 'valid', 'invalid'] as const;
const AUTHORIZATION_STATUS = ['pending', 'valid', 'invalid', 'deactivated', 'expired', 'revoked'] as const;
const CHALLENGE_STATUS = ['pending', 'processing', 'valid', 'invalid'] as const;

/** How many authorizations or names an order may have. */
const MOST = 1000;

/** How many names a CA may have in a challenge that stands (draft-ietf-acme-dns-persist). */
const ISSUERS = 10;

/** Reads a directory; what is not there, or of another shape, is as if the CA did not offer it. */
export function readDirectory(body: unknown): Directory {
  const { meta, renewalInfo } = asRecord(body);
  const { caaIdentities, profiles } = asRecord(meta);
  return {
    caaIdentities: strings(caaIdentities) ?? [],
    profiles: Object.keys(asRecord(profiles)).slice(0, MOST),
    ...(typeof renewalInfo === 'string' && { renewalInfo }),
  };
}

/** Reads an order; `undefined` if it is none. */
export function readOrder(body: unknown, url: unknown): Order | undefined {
  const order = asRecord(body);
  const status = ORDER_STATUS.find((known) => known === order.status);
  const authorizations = strings(order.authorizations);
  const identifiers = Array.isArray(order.identifiers) ? order.identifiers : [];
  const hosts = strings(identifiers.map((identifier) => asRecord(identifier).value));
  const { finalize, certificate, error } = order;
  if (typeof url !== 'string' || status === undefined || authorizations === undefined || hosts === undefined) {
    return undefined;
  }
  if (typeof finalize !== 'string' || (status === 'valid' && typeof certificate !== 'string')) return undefined;
  return {
    url,
    status,
    hosts,
    authorizations,
    finalize,
    ...(typeof certificate === 'string' && { certificate }),
    ...(error !== undefined && { error: readProblem(error, 0) }),
  };
}

/** Reads an authorization; `digest` computes the key authorization digest of a token. `undefined` if it is none. */
export function readAuthorization(
  body: unknown,
  url: string,
  digest: (token: string) => string,
): Authorization | undefined {
  const authorization = asRecord(body);
  const identifier = asRecord(authorization.identifier);
  const status = AUTHORIZATION_STATUS.find((known) => known === authorization.status);
  const host = identifier.value;
  if (status === undefined || identifier.type !== 'dns' || typeof host !== 'string') return undefined;
  const offered = Array.isArray(authorization.challenges) ? authorization.challenges : [];
  const [dns, standing] = CHALLENGE_TYPES.map((type) => {
    const given = asRecord(offered.find((one) => asRecord(one).type === type));
    const challenge = readChallenge(type, given);
    return challenge && { given, challenge };
  });
  const token = dns?.given.token;
  const issuers = standing && readIssuers(standing.given['issuer-domain-names']);
  const account = standing?.given.accounturi;
  return {
    url,
    host: printable(host).toLowerCase(),
    wildcard: authorization.wildcard === true,
    status,
    ...(dns !== undefined &&
      typeof token === 'string' && {
        challenge: {
          ...dns.challenge,
          token,
          name: `_acme-challenge.${host.toLowerCase()}`,
          digest: digest(token),
        },
      }),
    ...(standing !== undefined &&
      issuers !== undefined && {
        standing: { ...standing.challenge, issuers, ...(typeof account === 'string' && { account }) },
      }),
  };
}

function readChallenge(type: ChallengeType, given: Readonly<Record<string, unknown>>): Challenge | undefined {
  const status = CHALLENGE_STATUS.find((known) => known === given.status);
  const { url, error } = given;
  if (typeof url !== 'string' || status === undefined) return undefined;
  return { type, url, status, ...(error !== undefined && { error: readProblem(error, 0) }) };
}

/** Names that can stand in a record as they are; `undefined` if there is none. */
function readIssuers(value: unknown): readonly string[] | undefined {
  const issuers = strings(value)
    ?.slice(0, ISSUERS)
    .flatMap((name) => readHost(name.replace(/\.$/, '')) ?? []);
  return issuers === undefined || issuers.length === 0 ? undefined : issuers;
}

function strings(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value) || value.length > MOST) return undefined;
  return value.every((item) => typeof item === 'string') ? value : undefined;
}
