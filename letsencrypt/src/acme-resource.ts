/**
 * The resources of ACME (RFC 8555 7.1) as this suite uses them, read from what the CA sends: only the fields that are used,
 * each checked, so that nothing behind this border has to doubt them.
 */

import type { AcmeProblem } from './acme-problem.ts';
import { asRecord, printable, readProblem } from './acme-problem.ts';

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

/** An authorization (RFC 8555 7.1.4), with what dns-01 asks for. */
export interface Authorization {
  readonly url: string;
  /** The name without `*.`; the challenge of `*.example.com` stands at the same name as the one of `example.com`. */
  readonly host: string;
  readonly wildcard: boolean;
  readonly status: 'pending' | 'valid' | 'invalid' | 'deactivated' | 'expired' | 'revoked';
  /** The dns-01 challenge; absent if the CA offers none, as for names that are already `valid`. */
  readonly challenge?: DnsChallenge;
}

/** A dns-01 challenge (RFC 8555 8.4). */
export interface DnsChallenge {
  readonly url: string;
  readonly token: string;
  readonly status: 'pending' | 'processing' | 'valid' | 'invalid';
  /** Where the TXT record is looked for: `_acme-challenge.` and the host. */
  readonly name: string;
  /** What has to stand there, among others: base64url(SHA-256(token "." thumbprint)). */
  readonly digest: string;
  readonly error?: AcmeProblem;
}

const ORDER_STATUS = ['pending', 'ready', 'processing', 'valid', 'invalid'] as const;
const AUTHORIZATION_STATUS = ['pending', 'valid', 'invalid', 'deactivated', 'expired', 'revoked'] as const;
const CHALLENGE_STATUS = ['pending', 'processing', 'valid', 'invalid'] as const;

/** How many authorizations or names an order may have. */
const MOST = 1000;

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
  const challenge = asRecord(offered.find((one) => asRecord(one).type === 'dns-01'));
  const challengeStatus = CHALLENGE_STATUS.find((known) => known === challenge.status);
  const { url: challengeUrl, token, error } = challenge;
  const isUsable = typeof challengeUrl === 'string' && typeof token === 'string' && challengeStatus !== undefined;
  return {
    url,
    host: printable(host).toLowerCase(),
    wildcard: authorization.wildcard === true,
    status,
    ...(isUsable && {
      challenge: {
        url: challengeUrl,
        token,
        status: challengeStatus,
        name: `_acme-challenge.${host.toLowerCase()}`,
        digest: digest(token),
        ...(error !== undefined && { error: readProblem(error, 0) }),
      },
    }),
  };
}

function strings(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value) || value.length > MOST) return undefined;
  return value.every((item) => typeof item === 'string') ? value : undefined;
}
