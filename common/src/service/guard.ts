/** What a name server guards itself with against requests in the name of others: from options to settings. */
import { randomBytes } from 'node:crypto';
import type { CookieSettings } from '../authority/cookie.ts';
import type { RateLimit } from '../authority/rate-limit.ts';
import { SIPHASH_KEY_OCTETS } from '../wire/siphash.ts';
import type { Values } from './options.ts';
import type { GUARD_OPTIONS } from './service-options.ts';

export interface Guards {
  readonly cookies: CookieSettings;
  /** Responses are not limited unless given. */
  readonly rateLimit?: RateLimit;
}

/** A secret for cookies that is not given is random, and so forgotten at the end: clients just learn a new cookie. */
export function guardsOf(values: Values<readonly [], typeof GUARD_OPTIONS>): Guards {
  const { cookieSecret, requireCookies, rateLimit, rateLimitSlip } = values;
  const secrets = cookieSecret.length > 0 ? cookieSecret : [randomBytes(SIPHASH_KEY_OCTETS)];
  const cookies = { secrets, isRequired: requireCookies };
  if (rateLimit === undefined) return { cookies };
  return { cookies, rateLimit: { rate: rateLimit, slip: rateLimitSlip, seed: randomBytes(4).readInt32LE() } };
}
