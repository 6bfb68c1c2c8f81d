/**
 * The record of dns-persist-01 (draft-ietf-acme-dns-persist): a TXT record at `_validation-persist.HOST` that names a CA and an
 * account, and stands for good. Its text has the form of a CAA value (RFC 8659 4.2): `ca.example; accounturi=URL; policy=wildcard`.
 *
 * Left out: `persistUntil` in what is written; it is heeded where somebody else has written it.
 */
import { readIssuerValue } from './issuer-value.ts';

/** What a record has to say for an authorization. */
export interface Standing {
  /** Names of the CA, any of which will do. */
  readonly issuers: readonly string[];
  /** URL of the account. */
  readonly account: string;
  /** Also for the wildcard of the name. */
  readonly isWildcard: boolean;
}

/** The record's text. */
export function standingText({ issuers, account, isWildcard }: Standing): string {
  return `${issuers[0]}; accounturi=${account}${isWildcard ? '; policy=wildcard' : ''}`;
}

/** Whether the address of an account can stand in a record: without what ends a parameter (RFC 8659 4.2). */
export function isWritable(account: string): boolean {
  return /^[!-:<-~]+$/.test(account);
}

/** Whether a text that stands there will do at `now`, milliseconds since 1970. */
export function isStanding(text: string, wanted: Standing, now: number): boolean {
  const value = readIssuerValue(text);
  if (value === undefined || !wanted.issuers.includes(value.domain)) return false;
  const { parameters } = value;
  const until = parameters.get('persistuntil');
  return (
    parameters.get('accounturi') === wanted.account &&
    (!wanted.isWildcard || parameters.get('policy')?.toLowerCase() === 'wildcard') &&
    (until === undefined || Number(until) * 1000 > now)
  );
}
