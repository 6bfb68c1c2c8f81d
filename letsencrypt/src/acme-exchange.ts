/**
 * One call of the ACME library, made safe. The library shares one HTTP instance, retries behind our back for as long as
 * the CA says, has no time-outs, and throws bare texts; here each call gets its own trust, deadline and abort signal,
 * and every way to fail becomes a value.
 *
 * Nonces of responses are kept for the next request (RFC 8555 6.5.1), so that one is asked for only at the beginning.
 *
 * How: our interceptors replace the library's on its HTTP instance, once, and find the call they serve in an
 * `AsyncLocalStorage`. A response of 400 or more ends the call with its problem, except badNonce, which the library
 * answers with the new nonce, five times at most (RFC 8555 6.5).
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import type { Agent } from 'node:https';
import { fail, ok, type Result } from '@zonewright/common/result';
import { axios } from 'acme-client';
import {
  type AcmeFault,
  type AcmeProblem,
  asRecord,
  printable,
  problemFault,
  readProblem,
  readRetryAfter,
} from './acme-problem.ts';
import { isAccountUrl, isFitUrl } from './acme-url.ts';

/** How a call goes out. */
export interface Line {
  /** Of the CA; it says which URLs are asked (`acme-url.ts`). */
  readonly directory: URL;
  readonly agent: Agent;
  /** Milliseconds for one call, with its nonce and its retries. */
  readonly timeout: number;
  /** Whether a proxy of the environment (HTTPS_PROXY) is used. */
  readonly proxy: boolean;
  /** Those that are not used yet, the newest last; empty at first. */
  readonly nonces: string[];
}

/** The outcome of a call, and the Retry-After (seconds) of its last response. */
export interface Answer<T> {
  readonly value: T;
  readonly retryAfter?: number;
}

interface Exchange {
  readonly line: Line;
  readonly signal: AbortSignal;
  retryAfter?: number | undefined;
  problem?: AcmeProblem;
  /** Why the call was ended by us. */
  unfit?: string;
  /** The answer to the first POST that is not refused has to name an account. */
  isAccountDue: boolean;
}

/** The most that one response may hold, in octets. */
const RESPONSE_OCTETS = 1 << 20;
/** Nonces that are kept; as many requests as are under way at once. */
const NONCES = 16;

const exchanges = new AsyncLocalStorage<Exchange>();

/** Carries a problem, or why we ended the call, out of the library; never leaves this file. */
class ProblemResponse extends Error {}

/** Ends the call where it would go on to a URL that is not asked. */
function expectFit(exchange: Exchange, url: unknown): void {
  if (typeof url === 'string' && isFitUrl(url, exchange.line.directory)) return;
  exchange.unfit = `the CA names ${JSON.stringify(url)}, where it is not asked: it is no https URL`;
  throw new ProblemResponse();
}

/** Ends the call where the answer names no account of this CA; without one the library would ask for it without end. */
function expectAccount(exchange: Exchange, url: unknown): void {
  if (typeof url === 'string' && isAccountUrl(url, exchange.line.directory)) return;
  exchange.unfit = `the CA names ${JSON.stringify(url) ?? 'none'} as our account: it has to be a URL with the origin of its directory`;
  throw new ProblemResponse();
}

axios.interceptors.request.clear();
axios.interceptors.response.clear();
axios.interceptors.request.use((config) => {
  const exchange = exchanges.getStore();
  if (exchange === undefined) throw new TypeError('a call of the ACME library outside of an exchange');
  expectFit(exchange, config.url);
  config.beforeRedirect = ({ href }: Readonly<Record<string, unknown>>) => expectFit(exchange, href);
  config.signal = exchange.signal;
  config.httpsAgent = exchange.line.agent;
  config.maxContentLength = RESPONSE_OCTETS;
  // A signed request names its URL (RFC 8555 6.4): it means nothing anywhere else.
  config.maxRedirects = config.method === 'post' ? 0 : 3;
  config.headers.set('User-Agent', 'zonewright');
  if (!exchange.line.proxy) config.proxy = false;
  // The library asks for a nonce by HEAD before each request, and for nothing else.
  const nonce = config.method === 'head' ? exchange.line.nonces.pop() : undefined;
  if (nonce !== undefined) {
    const headers = { 'replay-nonce': nonce };
    config.adapter = () => Promise.resolve({ data: '', status: 200, statusText: '', headers, config });
  }
  return config;
});
axios.interceptors.response.use((response) => {
  const exchange = exchanges.getStore();
  if (exchange === undefined) return response;
  exchange.retryAfter = readRetryAfter(response.headers['retry-after'], Date.now());
  if (response.status < 400) {
    keepNonce(exchange.line, response);
    if (exchange.isAccountDue && response.config.method === 'post') {
      expectAccount(exchange, response.headers.location);
      exchange.isAccountDue = false;
    }
    return response;
  }
  exchange.problem = readProblem(response.data, response.status, exchange.retryAfter);
  // The library takes the nonce of this response itself.
  if (exchange.problem.type === 'badNonce') return response;
  keepNonce(exchange.line, response);
  throw new ProblemResponse();
}, againIfStale);

/**
 * A connection that was kept, and that the server closed as the request went out, says nothing about the CA: the request goes out
 * again. That comes to an end, since each time uses one such connection up. Was it taken all the same, its nonce is refused.
 */
function againIfStale(error: unknown): unknown {
  const { code, config, request } = asRecord(error);
  const { reusedSocket, _currentRequest } = asRecord(request);
  // A GET that may be redirected has the request of Node inside.
  const isReused = reusedSocket === true || asRecord(_currentRequest).reusedSocket === true;
  if (!isReused || (code !== 'ECONNRESET' && code !== 'EPIPE')) throw error;
  return axios.request(config as Parameters<typeof axios.request>[0]);
}

function keepNonce({ nonces }: Line, response: { headers: unknown; config: { method?: string | undefined } }): void {
  const nonce = asRecord(response.headers)['replay-nonce'];
  // That of a HEAD is used by whoever asked.
  if (response.config.method === 'head' || typeof nonce !== 'string' || !/^[A-Za-z0-9_-]+$/.test(nonce)) return;
  nonces.push(nonce);
  if (nonces.length > NONCES) nonces.shift();
}

/**
 * Runs one call of the library. `where` names it in faults; `signal` ends it with the fault `aborted`.
 *
 * @param isAccountDue the call is to find or make the account
 */
export async function exchange<T>(
  line: Line,
  where: string,
  signal: AbortSignal | undefined,
  call: () => Promise<T>,
  isAccountDue = false,
): Promise<Result<Answer<T>, AcmeFault>> {
  if (signal?.aborted) return fail({ kind: 'aborted', what: `${where}: stopped` });
  // Not AbortSignal.any: a signal that lives as long as the service would collect what it is joined with.
  const controller = new AbortController();
  const abort = () => controller.abort();
  const timer = setTimeout(abort, line.timeout);
  signal?.addEventListener('abort', abort, { once: true });
  const state: Exchange = { line, signal: controller.signal, isAccountDue };
  try {
    const value = await exchanges.run(state, call);
    return ok(state.retryAfter === undefined ? { value } : { value, retryAfter: state.retryAfter });
  } catch (error) {
    if (signal?.aborted) return fail({ kind: 'aborted', what: `${where}: stopped` });
    if (controller.signal.aborted) {
      return fail({ kind: 'timeout', what: `${where}: no answer within ${line.timeout / 1000} s` });
    }
    return fail(toFault(error, state, where));
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}

function toFault(error: unknown, state: Exchange, where: string): AcmeFault {
  if (state.unfit !== undefined) return { kind: 'unexpected', what: printable(`${where}: ${state.unfit}`) };
  if (error instanceof ProblemResponse && state.problem !== undefined) return problemFault(state.problem, where);
  const { code, message, isAxiosError } = asRecord(error);
  const text = typeof message === 'string' && message !== '' ? message : String(code);
  if (isAxiosError === true && code === 'ERR_BAD_RESPONSE') {
    return { kind: 'unexpected', what: printable(`${where}: ${text}`) };
  }
  if (isAxiosError === true) {
    const untrusted = typeof code === 'string' && /CERT|SIGNED|ISSUER|ALTNAME/.test(code);
    return {
      kind: 'unreachable',
      what: printable(`${where}: ${text === code ? text : `${text} (${code})`}`),
      ...(untrusted && { hint: 'give the CA of the directory with --ca-file' }),
    };
  }
  // A nonce that was refused until the library gave up.
  if (state.problem !== undefined) return problemFault(state.problem, where);
  return { kind: 'unexpected', what: printable(`${where}: ${text}`) };
}
