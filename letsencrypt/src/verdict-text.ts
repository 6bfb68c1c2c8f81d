/** What is said about a verdict: on the status page, and in the status beside the request. Pure. */
import type { Memory } from './memory.ts';
import { type Found, hostOf } from './posting.ts';
import type { StatusText } from './status.ts';
import type { Verdict } from './watch.ts';

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
      const { failures = 0, reason, isRefused = false } = memory ?? {};
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
