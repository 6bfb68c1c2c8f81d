/**
 * The ACME client over acme-client's low-level calls: each through an exchange, its answer checked, and our own polling.
 * The library signs, keeps nonces and knows the directory; it never polls, retries or looks anything up for us.
 */

import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { fail, ok, type Result } from '@zonewright/common/result';
import { axios, type Client } from 'acme-client';
import type { AcmeClient, AcmeOptions, CallOptions, Outcome, PollLimits } from './acme.ts';
import { AccountHolder } from './acme-account.ts';
import { type Answer, exchange, type Line } from './acme-exchange.ts';
import { type AcmeFault, problemFault } from './acme-problem.ts';
import { certificateId, type RenewalInfo, readRenewalInfo } from './acme-renewal.ts';
import {
  type Account,
  type Authorization,
  type Challenge,
  type Directory,
  type Order,
  readAuthorization,
  readDirectory,
  readOrder,
} from './acme-resource.ts';
import type { Certificate } from './certificate.ts';
import { printPem } from './pem.ts';

const POLL: PollLimits = { least: 100, most: 15_000, total: 300_000 };
/** Milliseconds that a directory is believed. */
const DIRECTORY_AGE = 86_400_000;

/** {@link AcmeClient} over acme-client; made by `createAcmeClient`. */
export class LibraryClient implements AcmeClient {
  readonly #accounts: AccountHolder;
  readonly #line: Line;
  readonly #options: AcmeOptions;
  readonly #poll: PollLimits;
  readonly thumbprint: string;
  #directory: { readonly value: Directory; readonly until: number } | undefined;

  constructor(makeClient: () => Client, line: Line, options: AcmeOptions) {
    this.#accounts = new AccountHolder(makeClient, line, options);
    this.#line = line;
    this.#options = options;
    this.#poll = { ...POLL, ...options.poll };
    this.thumbprint = thumbprint(options.accountKey);
  }

  async directory({ signal }: CallOptions = {}): Outcome<Directory> {
    if (this.#directory !== undefined && performance.now() < this.#directory.until) return ok(this.#directory.value);
    const answer = await exchange(this.#line, 'directory', signal, () => axios.get<unknown>(this.#options.directory));
    if (!answer.ok) return answer;
    const value = readDirectory(answer.value.value.data);
    this.#directory = { value, until: performance.now() + DIRECTORY_AGE };
    return ok(value);
  }

  async account({ signal }: CallOptions = {}): Outcome<Account> {
    const known = await this.#accounts.get(signal);
    return known.ok ? ok(known.value.account) : known;
  }

  async newOrder(
    hosts: readonly string[],
    options: CallOptions & { readonly replaces?: string; readonly profile?: string } = {},
  ): Outcome<Order> {
    const { signal, replaces, profile } = options;
    const request = {
      identifiers: hosts.map((value) => ({ type: 'dns', value })),
      ...(replaces !== undefined && { replaces }),
      ...(profile !== undefined && { profile }),
    };
    const made = await this.#call('newOrder', signal, (client) => client.createOrder(request));
    if (!made.ok) return made;
    return expected(readOrder(made.value.value, made.value.value.url), 'newOrder');
  }

  async order(url: string, { signal }: CallOptions = {}): Outcome<Order> {
    const answer = await this.#order(url, signal);
    return answer.ok ? ok(answer.value.value) : answer;
  }

  async #order(url: string, signal: AbortSignal | undefined): Outcome<Answer<Order>> {
    const answer = await this.#call('order', signal, (client) => client.getOrder(byUrl(url)));
    if (!answer.ok) return answer;
    return expectedAnswer(answer.value, readOrder(answer.value.value, url), 'order');
  }

  async authorizations(order: Order, { signal }: CallOptions = {}): Outcome<readonly Authorization[]> {
    const found: Authorization[] = [];
    // One after the other: CAs limit how many requests they take at a time.
    for (const url of order.authorizations) {
      const authorization = await this.#authorization(url, signal);
      if (!authorization.ok) return authorization;
      found.push(authorization.value.value);
    }
    return ok(found);
  }

  async #authorization(url: string, signal: AbortSignal | undefined): Outcome<Answer<Authorization>> {
    const answer = await this.#call('authorization', signal, (client) =>
      client.getAuthorizations(byAuthorization(url)),
    );
    if (!answer.ok) return answer;
    const read = readAuthorization(answer.value.value[0], url, (token) => this.#digest(token));
    return expectedAnswer(answer.value, read, 'authorization');
  }

  /** RFC 8555 8.1 and 8.4. */
  #digest(token: string): string {
    return createHash('sha256').update(`${token}.${this.thumbprint}`).digest('base64url');
  }

  async answerChallenge(
    authorization: Authorization,
    options: CallOptions & { readonly challenge?: Challenge } = {},
  ): Outcome<void> {
    const { host } = authorization;
    const { signal, challenge = authorization.challenge } = options;
    if (challenge === undefined) return fail({ kind: 'unexpected', what: `the CA offers no dns-01 for ${host}` });
    const { url, status } = challenge;
    // Of all this the library uses the URL.
    const answered = await this.#call(`challenge of ${host}`, signal, (client) =>
      client.completeChallenge({ type: 'dns-01', url, token: '', status }),
    );
    if (answered.ok) return ok(undefined);
    if (answered.fault.kind !== 'malformed') return answered;
    // A CA refuses an answer that it has had already, as after a request that was sent again: the authorization tells.
    const now = await this.#authorization(authorization.url, signal);
    return now.ok && now.value.value.status === 'valid' ? ok(undefined) : answered;
  }

  async waitForAuthorization(authorization: Authorization, { signal }: CallOptions = {}): Outcome<Authorization> {
    const where = `authorization of ${authorization.wildcard ? '*.' : ''}${authorization.host}`;
    return this.#wait(
      where,
      signal,
      () => this.#authorization(authorization.url, signal),
      (now) => {
        if (now.status === 'valid') return ok(now);
        if (now.status === 'pending') return undefined;
        const problem = now.challenge?.error ?? now.standing?.error;
        if (problem !== undefined) return fail(problemFault(problem, where));
        return fail({ kind: 'unauthorized', what: `${where}: it is ${now.status}` });
      },
    );
  }

  async finalize(order: Order, csr: Uint8Array, { signal }: CallOptions = {}): Outcome<Order> {
    const judge = (now: Order, isDone: (now: Order) => boolean): Result<Order, AcmeFault> | undefined => {
      if (isDone(now)) return ok(now);
      if (now.status !== 'invalid') return undefined;
      if (now.error !== undefined) return fail(problemFault(now.error, 'order'));
      return fail({ kind: 'unauthorized', what: 'order: it is invalid' });
    };
    const isReady = ({ status }: Order): boolean => status !== 'pending' && status !== 'invalid';
    const isValid = ({ status }: Order): boolean => status === 'valid';
    const ask = () => this.#order(order.url, signal);
    const first = await this.order(order.url, { signal });
    if (!first.ok) return first;
    const ready = judge(first.value, isReady) ?? (await this.#wait('order', signal, ask, (now) => judge(now, isReady)));
    if (!ready.ok || ready.value.status === 'valid') return ready;
    if (ready.value.status === 'ready') {
      const request = { ...byUrl(order.url), finalize: ready.value.finalize };
      const pem = printPem('CERTIFICATE REQUEST', csr);
      const handed = await this.#call('finalize', signal, (client) => client.finalizeOrder(request, pem));
      if (!handed.ok) return handed;
      const now = readOrder(handed.value.value, order.url);
      const done = now && judge(now, isValid);
      if (done !== undefined) return done;
    }
    return this.#wait('order', signal, ask, (now) => judge(now, isValid));
  }

  async certificate(order: Order, options: CallOptions & { readonly preferredChain?: string } = {}): Outcome<string> {
    if (order.status !== 'valid' || order.certificate === undefined) {
      return fail({ kind: 'malformed', what: `certificate: the order is ${order.status}` });
    }
    const request = { ...byUrl(order.url), status: 'valid' as const, certificate: order.certificate };
    const answer = await this.#call('certificate', options.signal, (client) =>
      client.getCertificate(request, options.preferredChain),
    );
    if (!answer.ok) return answer;
    const pem: unknown = answer.value.value;
    return expected(
      typeof pem === 'string' && pem.includes('-----BEGIN CERTIFICATE-----') ? pem : undefined,
      'certificate',
    );
  }

  async renewalInfo(certificate: Certificate, { signal }: CallOptions = {}): Outcome<RenewalInfo | undefined> {
    const id = certificateId(certificate);
    const directory = await this.directory({ signal });
    if (!directory.ok) return directory;
    const { renewalInfo } = directory.value;
    if (renewalInfo === undefined || id === undefined) return ok(undefined);
    const url = `${renewalInfo.replace(/\/$/, '')}/${id}`;
    const answer = await exchange(this.#line, 'renewalInfo', signal, () => axios.get<unknown>(url));
    if (!answer.ok) return answer;
    return expected(readRenewalInfo(answer.value.value.data, answer.value.retryAfter), 'renewalInfo');
  }

  close(): void {
    this.#line.agent.destroy();
  }

  /** A call in the name of the account. */
  async #call<T>(
    where: string,
    signal: AbortSignal | undefined,
    call: (client: Client) => Promise<T>,
  ): Outcome<Answer<T>> {
    const known = await this.#accounts.get(signal);
    if (!known.ok) return known;
    const { client } = known.value;
    const answer = await exchange(this.#line, where, signal, () => call(client));
    // A CA that has lost its accounts, or was set up anew, is asked for ours again; the library would not.
    if (!answer.ok && answer.fault.problem?.type === 'accountDoesNotExist') this.#accounts.lost(client);
    return answer;
  }

  /** Asks until `decide` has an outcome, or the time is up; first after the shortest wait. */
  async #wait<T>(
    where: string,
    signal: AbortSignal | undefined,
    ask: () => Outcome<Answer<T>>,
    decide: (value: T) => Result<T, AcmeFault> | undefined,
  ): Outcome<T> {
    const { least, most, total } = this.#poll;
    const deadline = performance.now() + total;
    const pauses = (milliseconds: number): Promise<boolean> =>
      sleep(milliseconds, true, signal && { signal }).catch(() => false);
    if (!(await pauses(least))) return fail({ kind: 'aborted', what: `${where}: stopped` });
    for (let pause = least; ; pause = Math.min(pause * 2, most)) {
      const answer = await ask();
      if (!answer.ok) return answer;
      const outcome = decide(answer.value.value);
      if (outcome !== undefined) return outcome;
      const { retryAfter } = answer.value;
      const delay = retryAfter === undefined ? pause : Math.min(Math.max(retryAfter * 1000, least), most);
      if (performance.now() + delay > deadline) {
        const what = `${where}: the CA did not decide within ${total / 1000} s`;
        return fail({ kind: 'timeout', what, isUndecided: true });
      }
      if (!(await pauses(delay))) return fail({ kind: 'aborted', what: `${where}: stopped` });
    }
  }
}

function expected<T>(value: T | undefined, where: string): Result<T, AcmeFault> {
  if (value !== undefined) return ok(value);
  return fail({ kind: 'unexpected', what: `${where}: the CA sent something else` });
}

function expectedAnswer<T>(answer: Answer<unknown>, value: T | undefined, where: string): Result<Answer<T>, AcmeFault> {
  const read = expected(value, where);
  return read.ok ? ok({ ...answer, value: read.value }) : read;
}

/** The library takes whole resources and reads little of them; this is the little. */
function byUrl(url: string): { url: string } & Parameters<Client['getOrder']>[0] {
  return { url, status: 'ready', identifiers: [], authorizations: [], finalize: '' };
}

function byAuthorization(url: string): Parameters<Client['getAuthorizations']>[0] {
  return { ...byUrl(''), authorizations: [url] };
}

/** RFC 7638: SHA-256 over the required members of the public JWK, in lexicographic order. */
function thumbprint(key: KeyObject): string {
  const { crv, kty, x, y, e, n } = createPublicKey(key).export({ format: 'jwk' });
  const members = kty === 'RSA' ? { e, kty, n } : { crv, kty, x, y };
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url');
}
