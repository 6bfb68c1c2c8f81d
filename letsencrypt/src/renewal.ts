/**
 * When a certificate is renewed. Where the CA says when (ARI, RFC 9773), then; else at two thirds of its life, and a little
 * later for each certificate in its own way, so that those that were issued together are not renewed together. Pure.
 *
 * Always holds: the same certificate has the same instant everywhere and after every restart; whatever the CA says, no
 * certificate is renewed in the first third of its life (or on its first day, if that is sooner), and none after five sixths of
 * it, so that there is time left for a CA that is away.
 *
 * Times are milliseconds since 1970.
 */
import { createHash } from 'node:crypto';
import type { Certificate } from './certificate.ts';

/** Parts of a life: when it is renewed unless the CA says otherwise, how much later at most, and the latest instant. */
const RENEW_AT = 2 / 3;
const JITTER = 1 / 20;
const LATEST = 5 / 6;
/** A CA that wants every certificate renewed at once gets one order a day. */
const LEAST_AGE = 86_400_000;

/** What of a certificate decides. */
export type Lifetime = Pick<Certificate, 'notBefore' | 'notAfter' | 'serialNumber'>;

/** When a certificate is to be renewed; `suggested` is the instant that the CA says, if it says one. */
export function dueAt(certificate: Lifetime, suggested?: number): number {
  const { notBefore, notAfter } = certificate;
  const life = notAfter - notBefore;
  if (suggested === undefined) return notBefore + Math.round(life * (RENEW_AT + JITTER * fractionOf(certificate)));
  const earliest = notBefore + Math.min(LEAST_AGE, life / 3);
  return Math.round(Math.min(Math.max(suggested, earliest), notBefore + life * LATEST));
}

/** A number in [0, 1) that belongs to the certificate. */
function fractionOf({ serialNumber }: Lifetime): number {
  return createHash('sha256').update(serialNumber).digest().readUInt32BE(0) / 2 ** 32;
}
