/** How a name server answers, and guards itself against requests in the name of others: from options to settings. */
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { CookieSettings } from '../authority/cookie.ts';
import type { RateLimit } from '../authority/rate-limit.ts';
import { SIPHASH_KEY_OCTETS } from '../wire/siphash.ts';
import type { Values } from './options.ts';
import type { ANSWERING_OPTIONS } from './service-options.ts';

export interface AnsweringSettings {
  readonly cookies: CookieSettings;
  /** Is the secret for cookies replaced now and then? One that was given is its owner's to replace. */
  readonly isSecretRenewed: boolean;
  /** Responses are not limited unless given. */
  readonly rateLimit?: RateLimit;
  /** Are the records of a set in another order each time? */
  readonly isRotating: boolean;
  /** Threads that answer UDP. */
  readonly udpWorkers: number;
  readonly udp: 'auto' | 'portable';
}

/** A secret for cookies that is not given is random, and so forgotten at the end: clients just learn a new cookie. */
export function answeringOf(values: Values<readonly [], typeof ANSWERING_OPTIONS>): AnsweringSettings {
  const { cookieSecret, requireCookies, rateLimit, rateLimitSlip, roundRobin, udp } = values;
  const secrets = cookieSecret.length > 0 ? cookieSecret : [randomBytes(SIPHASH_KEY_OCTETS)];
  const cookies = { secrets, isRequired: requireCookies };
  const settings = {
    cookies,
    isSecretRenewed: cookieSecret.length === 0,
    isRotating: roundRobin,
    udpWorkers: values.udpWorkers ?? Math.max(1, availableParallelism() - 1),
    udp,
  };
  if (rateLimit === undefined) return settings;
  return { ...settings, rateLimit: { rate: rateLimit, slip: rateLimitSlip, seed: randomBytes(4).readInt32LE() } };
}
