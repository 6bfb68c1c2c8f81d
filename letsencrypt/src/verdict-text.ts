/** What is said about a verdict: on the status page, in the status beside the request, and, once, in the log. */
import type { Log } from '@zonewright/common/service/log';
import type { Memory } from './memory.ts';
import { type Found, hostOf } from './posting.ts';
import type { StatusText } from './status.ts';
import type { Verdict } from './watch.ts';

/** What stands at a name, and what is to be done about it. */
export interface Judged {
  readonly found: Found;
  readonly verdict: Verdict;
}

const at = (time: number): string => new Date(time).toISOString();

/** An entry of `/status`. */
export function describe(
  { name, posting }: Found,
  verdict: Verdict,
  memory: Memory | undefined,
): Readonly<Record<string, unknown>> {
  return {
    host: hostOf(name).toString(),
    hosts: posting.ok ? posting.value.csr.hosts : [],
    state: verdict.kind,
    ...(verdict.kind === 'current' && { until: at(verdict.certificate.notAfter), due: at(verdict.dueAt) }),
    ...(verdict.kind === 'waiting' && { retry: at(verdict.until), limit: verdict.limit }),
    ...(verdict.kind === 'unclear' && { failure: verdict.fault.what }),
    ...(memory?.reason !== undefined && { failure: memory.reason, failures: memory.failures }),
  };
}

/**
 * The status that is to stand beside a request; `any`: what stands there may stay.
 *
 * Nothing is said where all is well from the start: `issued` only takes the place of something else.
 */
export function statusFor(found: Found, verdict: Verdict, memory: Memory | undefined): StatusText | undefined | 'any' {
  const { posting, statuses } = found;
  const request = posting.ok ? posting.value.id : undefined;
  switch (verdict.kind) {
    case 'unclear': {
      const { kind, what } = verdict.fault;
      return { state: kind === 'several' ? 'unclear' : 'refused', reason: what };
    }
    case 'busy':
      return { state: 'ordered', ...(request !== undefined && { request }) };
    case 'current':
      return statuses.length === 0 ? undefined : { state: 'issued' };
    case 'waiting': {
      const { until: next, limit } = verdict;
      const { failures = 0, reason: what, isRefused = false } = memory ?? {};
      const reason = memory?.said ?? what;
      if (limit !== undefined) return { state: 'waiting', reason: limit, next };
      // What is published is about to be seen.
      if (failures === 0 || request === undefined) return 'any';
      return {
        state: isRefused ? 'refused' : 'waiting',
        ...(reason !== undefined && { reason }),
        next,
        failures,
        request,
      };
    }
    default:
      return 'any';
  }
}

/** Tells the log what cannot be met, or not now: once as long as it stays the same. */
export class Sayings {
  readonly #log: Log;
  readonly #said = new Map<string, string>();

  constructor(log: Log) {
    this.#log = log;
  }

  say({ name }: Found, verdict: Verdict): void {
    const { key } = name;
    const host = hostOf(name).toString();
    if (verdict.kind === 'unclear') {
      const { kind, hint, what } = verdict.fault;
      if (this.#isNew(key, what)) this.#log.warn('certificate.unclear', { host, fault: kind, hint }, what);
    } else if (verdict.kind === 'waiting' && verdict.limit !== undefined) {
      const { limit, until } = verdict;
      if (this.#isNew(key, limit)) this.#log.warn('certificate.rationed', { host, retry: at(until) }, limit);
    } else this.#said.delete(key);
  }

  /** Forgets names at which nothing is requested any more. */
  forget(present: ReadonlySet<string>): void {
    for (const key of this.#said.keys()) if (!present.has(key)) this.#said.delete(key);
  }

  #isNew(key: string, what: string): boolean {
    if (this.#said.get(key) === what) return false;
    this.#said.set(key, what);
    return true;
  }
}
