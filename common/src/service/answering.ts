/** How a name server answers, and guards itself against requests in the name of others: from options to settings. */
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { CookieSettings } from '../authority/cookie.ts';
import type { RateLimit } from '../authority/rate-limit.ts';
import { SIPHASH_KEY_OCTETS } from '../wire/siphash.ts';
import type { Values } from './options.ts';
import type { ANSWERING_OPTIONS } from './service-options.ts';
import { beginThreads } from './thread.ts';
import { UDP_THREAD } from './threads.ts';

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

type AnsweringValues = Values<readonly [], typeof ANSWERING_OPTIONS>;

const udpWorkersOf = ({ udpWorkers }: AnsweringValues): number => udpWorkers ?? Math.max(1, availableParallelism() - 1);

/** Begins the threads that will answer UDP: of several, all where they can share a port. */
export function beginAnswering(values: AnsweringValues): void {
  beginThreads(UDP_THREAD, process.platform === 'linux' ? udpWorkersOf(values) : 1);
}

/** A secret for cookies that is not given is random, and so forgotten at the end: clients just learn a new cookie. */
export function answeringOf(values: AnsweringValues): AnsweringSettings {
  const { cookieSecret, requireCookies, rateLimit, rateLimitSlip, roundRobin, udp } = values;
  const secrets = cookieSecret.length > 0 ? cookieSecret : [randomBytes(SIPHASH_KEY_OCTETS)];
  const cookies = { secrets, isRequired: requireCookies };
  const settings = {
    cookies,
    isSecretRenewed: cookieSecret.length === 0,
    isRotating: roundRobin,
    udpWorkers: udpWorkersOf(values),
    udp,
  };
  if (rateLimit === undefined) return settings;
  return { ...settings, rateLimit: { rate: rateLimit, slip: rateLimitSlip, seed: randomBytes(4).readInt32LE() } };
}
