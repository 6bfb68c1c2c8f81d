/**
 * An ACME client (RFC 8555) for dns-01 and dns-persist-01: the port that the order flow talks to. `acme-library.ts` implements it.
 *
 * Every method ends in bounded time, can be aborted, and returns faults as values. Nothing is looked up in DNS here: whether
 * a challenge can be seen by the CA is for the caller to know. Nothing is stored; an {@link Order} can be, and taken up again.
 *
 * Left out: http-01, revocation, key rollover.
 */

import type { KeyObject } from 'node:crypto';
import { Agent } from 'node:https';
import { createSecureContext, rootCertificates } from 'node:tls';
import { fail, ok, type Result } from '@zonewright/common/result';
import { Client } from 'acme-client';
import { LibraryClient } from './acme-library.ts';
import type { AcmeFault } from './acme-problem.ts';
import type { RenewalInfo } from './acme-renewal.ts';
import type { Account, Authorization, Challenge, Directory, Order } from './acme-resource.ts';
import { isFitUrl, isLoopback } from './acme-url.ts';
import { type Certificate, parseBundle } from './certificate.ts';
import { exportKey, kindOf } from './key.ts';

/** Directories of Let's Encrypt. */
export const LETS_ENCRYPT = {
  production: 'https://acme-v02.api.letsencrypt.org/directory',
  staging: 'https://acme-staging-v02.api.letsencrypt.org/directory',
} as const;

/** What may end a call early. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** What a call comes to. */
export type Outcome<T> = Promise<Result<T, AcmeFault>>;

/** The ACME server, seen from one account. */
export interface AcmeClient {
  /** Names the account's key (RFC 7638): base64url. */
  readonly thumbprint: string;
  /** What the CA says of itself; asked for once a day. */
  directory(options?: CallOptions): Outcome<Directory>;
  /**
   * Finds the account of the key, or makes it if the terms are agreed to. The CA is asked once, before everything else
   * and for all who ask at the same time, and again when it does not know the account any more.
   */
  account(options?: CallOptions): Outcome<Account>;
  /** Orders a certificate for `hosts`; `replaces` is the ARI identifier of the certificate it follows (RFC 9773 5). */
  newOrder(
    hosts: readonly string[],
    options?: CallOptions & { readonly replaces?: string; readonly profile?: string },
  ): Outcome<Order>;
  /** The order as it is now. */
  order(url: string, options?: CallOptions): Outcome<Order>;
  /** The authorizations of an order, in its order; those that are `pending` want their challenge met. */
  authorizations(order: Order, options?: CallOptions): Outcome<readonly Authorization[]>;
  /** Tells the CA that a challenge of the authorization can be checked (RFC 8555 7.5.1); the dns-01 one unless given. */
  answerChallenge(
    authorization: Authorization,
    options?: CallOptions & { readonly challenge?: Challenge },
  ): Outcome<void>;
  /** Waits until the authorization is `valid`; a challenge that failed is a fault with the CA's problem. */
  waitForAuthorization(authorization: Authorization, options?: CallOptions): Outcome<Authorization>;
  /** Waits until the order is `ready`, hands in the CSR (DER), waits until it is `valid`. */
  finalize(order: Order, csr: Uint8Array, options?: CallOptions): Outcome<Order>;
  /** The chain of a `valid` order as PEM, the leaf first; with an issuer of that common name if the CA has one. */
  certificate(order: Order, options?: CallOptions & { readonly preferredChain?: string }): Outcome<string>;
  /** When the CA suggests to renew (RFC 9773); `undefined` if this CA, or this certificate, knows no such thing. */
  renewalInfo(certificate: Certificate, options?: CallOptions): Outcome<RenewalInfo | undefined>;
  /** Closes the connections that are kept. */
  close(): void;
}

/** How to reach a CA, and as whom. */
export interface AcmeOptions {
  /** URL of the directory; `http:` only on loopback. */
  readonly directory: string;
  /** P-256, P-384 or RSA. */
  readonly accountKey: KeyObject;
  /** Needed to make an account (RFC 8555 7.3). */
  readonly termsAgreed: boolean;
  readonly email?: string;
  /** External account binding (RFC 8555 7.3.4); the key as the CA gives it, in base64url. */
  readonly eab?: { readonly kid: string; readonly hmacKey: string };
  /** PEM of authorities that the directory's TLS may be signed by, besides the usual ones. */
  readonly caPem?: string;
  /** Milliseconds for one request with its nonce and retries. Default 30000. */
  readonly timeout?: number;
  readonly poll?: Partial<PollLimits>;
  /** Told the URL of each account that was made: the first one, and another where the CA has lost that. */
  onAccountMade?(url: string): void;
}

/** How the state of an authorization or an order is asked for; milliseconds. The CA's Retry-After counts between the bounds. */
export interface PollLimits {
  /**
   * Before the first question, and between two at least: without a Retry-After it doubles each time. The first one comes so
   * soon whatever the CA says, since most are done by then. Default 100.
   */
  readonly least: number;
  /** Between two questions at most. Default 15000. */
  readonly most: number;
  /** In all. Default 300000. */
  readonly total: number;
}

/** Milliseconds for one call without `timeout`. */
const TIMEOUT = 30_000;

/** A client for a CA. The directory is not asked before the first call. `usage` if the options cannot work. */
export function createAcmeClient(options: AcmeOptions): Result<AcmeClient, AcmeFault> {
  const url = URL.canParse(options.directory) ? new URL(options.directory) : undefined;
  if (url === undefined || !isFitUrl(url.href, url)) {
    return fail({ kind: 'usage', what: `the directory ${JSON.stringify(options.directory)} is no https URL` });
  }
  const kind = kindOf(options.accountKey);
  if (kind !== 'p256' && kind !== 'p384' && kind !== 'rsa') {
    return fail({ kind: 'usage', what: `CAs take no account keys of type ${kind ?? 'unknown'}` });
  }
  const { caPem } = options;
  if (caPem !== undefined && !parseBundle(caPem).ok) {
    return fail({ kind: 'usage', what: 'the CA file of the directory holds no certificates in PEM' });
  }
  const makeClient = (): Client =>
    new Client({
      directoryUrl: url.href,
      accountKey: exportKey(options.accountKey),
      ...(options.eab && { externalAccountBinding: { ...options.eab } }),
    });
  const agent = new Agent({
    keepAlive: true,
    // Of idle connections only; requests have the time-out of their exchange.
    timeout: 5000,
    // Made once: to read so many certificates takes longer than all the rest of a connection.
    ...(caPem !== undefined && { secureContext: createSecureContext({ ca: [...rootCertificates, caPem] }) }),
  });
  const line = { agent, timeout: options.timeout ?? TIMEOUT, directory: url, proxy: !isLoopback(url), nonces: [] };
  return ok(new LibraryClient(makeClient, line, options));
}
