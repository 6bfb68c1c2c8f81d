/**
 * ACME renewal information (ARI, RFC 9773): when the CA suggests that a certificate is renewed.
 *
 * Left out: the choice of an instant in the window and the schedule; they need a clock and a random number.
 */

import { asRecord, printable } from './acme-problem.ts';
import type { Certificate } from './certificate.ts';

/** When the CA suggests renewal; a window in the past means now (RFC 9773 4.2). */
export interface RenewalInfo {
  /** Milliseconds since 1970; the renewal is due at a random instant from `start` to `end`. */
  readonly start: number;
  readonly end: number;
  /** A page for people that says why. */
  readonly explanation?: string;
  /** Seconds until it is worth asking again, from {@link ASK_AGAIN}`.least` to `.most`. */
  readonly askAgain: number;
}

/** Bounds for the Retry-After of renewal information, in seconds (RFC 9773 4.3.1 to 4.3.3). */
export const ASK_AGAIN = { least: 60, usual: 6 * 3600, most: 86_400 } as const;

/**
 * How ARI names a certificate: base64url(authority key identifier) "." base64url(serial number), without padding
 * (RFC 9773 4.1). `undefined` if it has no authority key identifier.
 */
export function certificateId(certificate: Pick<Certificate, 'authorityKeyId' | 'serialNumber'>): string | undefined {
  const { authorityKeyId, serialNumber } = certificate;
  if (authorityKeyId === undefined) return undefined;
  return `${Buffer.from(authorityKeyId).toString('base64url')}.${Buffer.from(serialNumber).toString('base64url')}`;
}

/** Reads renewal information, with the Retry-After it came with; `undefined` if it is none, or its window is empty. */
export function readRenewalInfo(body: unknown, retryAfter: number | undefined): RenewalInfo | undefined {
  const { suggestedWindow, explanationURL } = asRecord(body);
  const { start, end } = asRecord(suggestedWindow);
  const window = { start: instant(start), end: instant(end) };
  // RFC 9773 4.2: a window that does not end after it starts counts as no answer at all.
  if (!(window.start < window.end)) return undefined;
  return {
    ...window,
    ...(typeof explanationURL === 'string' && { explanation: printable(explanationURL) }),
    askAgain: Math.min(Math.max(retryAfter ?? ASK_AGAIN.usual, ASK_AGAIN.least), ASK_AGAIN.most),
  };
}

function instant(text: unknown): number {
  return typeof text === 'string' ? Date.parse(text) : Number.NaN;
}
