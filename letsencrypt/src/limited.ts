/**
 * What a limit of the CA (`rateLimited`, RFC 8555 6.6) is about. There is no field that says so: an identifier of a subproblem (6.7.1), or
 * the text, may name a registered domain, and the usual texts say whether it is one exact set of names or one host. Pure.
 */
import type { AcmeProblem } from './acme-problem.ts';

/** Limits of one set of names or of one host, as Boulder's texts have it, whatever names they list. */
const OF_NAMES = /exact set|failed authorizations/i;

/**
 * Those of the registered domains (with a final dot) that the CA says are limited; `undefined` where it says that it is one set of
 * names or one host.
 */
export function limitedDomains(
  problem: Pick<AcmeProblem, 'detail' | 'subproblems'> | undefined,
  domains: readonly string[],
): readonly string[] | undefined {
  const { detail = '', subproblems = [] } = problem ?? {};
  const texts = [detail, ...subproblems.flatMap((sub) => [sub.detail, sub.host ?? ''])];
  if (texts.some((text) => OF_NAMES.test(text))) return undefined;
  const words = new Set(texts.flatMap((text) => text.toLowerCase().match(/[a-z0-9_-]+(?:\.[a-z0-9_-]+)+/g) ?? []));
  return domains.filter((domain) => words.has(domain.replace(/\.$/, '')));
}
