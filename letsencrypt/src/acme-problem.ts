/**
 * What goes wrong with a CA, as values: problem documents (RFC 8555 6.7, RFC 9457) and failures of the way there.
 * A `what` is one printable line without a secret in it, also when a hostile CA writes it.
 */

import type { Fault } from '@zonewright/common/result';

/** A problem document of the CA, with the HTTP status and Retry-After it came with. */
export interface AcmeProblem {
  /** The last part of `urn:ietf:params:acme:error:...`, or the whole type if it is none of ACME's. */
  readonly type: string;
  /** HTTP status; 0 if the problem stood inside a resource. */
  readonly status: number;
  readonly detail: string;
  /** Seconds, as the CA said, not bounded. */
  readonly retryAfter?: number;
  readonly subproblems: readonly AcmeSubproblem[];
}

/** A part of a problem that concerns one name (RFC 8555 6.7.1). */
export interface AcmeSubproblem {
  readonly type: string;
  readonly detail: string;
  readonly host?: string;
}

/**
 * Kinds of failures:
 * `usage` options that cannot work; `unreachable` no connection, or no trust in it; `timeout` no answer, or no result, in time;
 * `aborted` by the caller; `rateLimited` come back later; `server` the CA has a fault of its own, come back later;
 * `account` the CA does not take the account; `unauthorized` the account may not, or the challenge was not met;
 * `challenge` the CA could not check the challenge (DNS); `host` a name the CA does not certify; `csr` a CSR it does not take;
 * `malformed` the CA did not understand; `unexpected` we did not understand the CA.
 */
export type AcmeFaultKind =
  | 'usage'
  | 'unreachable'
  | 'timeout'
  | 'aborted'
  | 'rateLimited'
  | 'server'
  | 'account'
  | 'unauthorized'
  | 'challenge'
  | 'host'
  | 'csr'
  | 'malformed'
  | 'unexpected';

/** A failure of a request to the CA, or of what was requested. */
export interface AcmeFault extends Fault {
  readonly kind: AcmeFaultKind;
  /** Seconds until it makes sense to try again, if the CA said so; not bounded. */
  readonly retryAfter?: number;
  readonly problem?: AcmeProblem;
  /** The CA answers, but did not decide in time on an order or an authorization. */
  readonly isUndecided?: true;
}

/** RFC 8555 6.7, RFC 9773 7.4 (alreadyReplaced), the profiles draft (invalidProfile). */
const KINDS: Readonly<Record<string, AcmeFaultKind>> = {
  accountDoesNotExist: 'account',
  alreadyReplaced: 'malformed',
  badCSR: 'csr',
  badNonce: 'server',
  badPublicKey: 'csr',
  badSignatureAlgorithm: 'account',
  caa: 'host',
  connection: 'challenge',
  dns: 'challenge',
  externalAccountRequired: 'account',
  incorrectResponse: 'challenge',
  invalidContact: 'account',
  invalidProfile: 'malformed',
  malformed: 'malformed',
  orderNotReady: 'malformed',
  rateLimited: 'rateLimited',
  rejectedIdentifier: 'host',
  serverInternal: 'server',
  tls: 'challenge',
  unauthorized: 'unauthorized',
  unsupportedContact: 'account',
  unsupportedIdentifier: 'host',
  userActionRequired: 'account',
};

const HINTS: Readonly<Record<string, string>> = {
  externalAccountRequired: 'give --eab-kid and --eab-hmac-key of your account with this CA',
  invalidContact: 'give a working --email, or none',
  unsupportedContact: 'give a working --email, or none',
  userActionRequired: 'the terms of service have changed: open the address the CA names',
  caa: 'allow this CA in a CAA record of the zone, or remove the record',
};

const URN = 'urn:ietf:params:acme:error:';

/** The fault that a problem means. `where` says what was being done: `newOrder`, `authorization of www.example.com`. */
export function problemFault(problem: AcmeProblem, where: string): AcmeFault {
  const kind = KINDS[problem.type] ?? kindOfStatus(problem.status);
  const details = [problem.detail, ...problem.subproblems.map((sub) => `${sub.host ?? ''}: ${sub.detail}`)];
  const hint = HINTS[problem.type];
  return {
    kind,
    what: printable(`${where}: ${problem.type}: ${details.filter((detail) => detail !== '').join('; ')}`),
    problem,
    ...(hint !== undefined && { hint }),
    ...(problem.retryAfter !== undefined && { retryAfter: problem.retryAfter }),
  };
}

function kindOfStatus(status: number): AcmeFaultKind {
  if (status === 429) return 'rateLimited';
  if (status === 401 || status === 403) return 'unauthorized';
  if (status >= 500) return 'server';
  return status >= 400 ? 'malformed' : 'unexpected';
}

/** A problem document, whatever the CA sent in its place. */
export function readProblem(body: unknown, status: number, retryAfter?: number): AcmeProblem {
  const { type, detail, subproblems } = asRecord(body);
  return {
    type: readType(type, status),
    status,
    detail: typeof detail === 'string' ? printable(detail) : '',
    ...(retryAfter !== undefined && { retryAfter }),
    subproblems: (Array.isArray(subproblems) ? subproblems.slice(0, 100) : []).map((part) => {
      const sub = asRecord(part);
      const host = asRecord(sub.identifier).value;
      return {
        type: readType(sub.type, 0),
        detail: typeof sub.detail === 'string' ? printable(sub.detail) : '',
        ...(typeof host === 'string' && { host: printable(host) }),
      };
    }),
  };
}

function readType(type: unknown, status: number): string {
  if (typeof type !== 'string' || type === 'about:blank') return `HTTP ${status}`;
  return printable(type.startsWith(URN) ? type.slice(URN.length) : type);
}

/** Retry-After as seconds from `now` (milliseconds since 1970), at least 0; `undefined` if there is none (RFC 9110 10.2.3). */
export function readRetryAfter(header: unknown, now: number): number | undefined {
  if (typeof header !== 'string') return undefined;
  if (/^\d{1,10}$/.test(header)) return Number(header);
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - now) / 1000));
}

/** One line of at most 400 characters, without control characters. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ');
  return line.length > 400 ? `${line.slice(0, 400)}...` : line;
}

/** `value` as an object to look into; an empty one if it is none. */
export function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
