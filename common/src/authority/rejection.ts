/**
 * Why somebody may not, as a word that is counted: the errors of TSIG (RFC 8945 5.2), an update or a NOTIFY without a signature, a key
 * that is good and not for this, and a client certificate (RFC 9103 9.3.4) that is not good. Beside it stands the name that a key was shown under, which proves nothing.
 */
import type { Name } from '../name.ts';
import { TSIG_ERROR } from '../wire/code.ts';

export const REJECTIONS = ['badsig', 'badkey', 'badtime', 'badtrunc', 'unsigned', 'denied', 'badcert'] as const;

export type RejectionReason = (typeof REJECTIONS)[number];

export interface Rejection {
  readonly reason: RejectionReason;
  readonly key?: Name;
}

const BY_ERROR: Readonly<Record<number, RejectionReason>> = {
  [TSIG_ERROR.BADSIG]: 'badsig',
  [TSIG_ERROR.BADKEY]: 'badkey',
  [TSIG_ERROR.BADTIME]: 'badtime',
  [TSIG_ERROR.BADTRUNC]: 'badtrunc',
};

/** The rejection that an error of TSIG is. */
export function rejectionOf(error: number, key: Name): Rejection | undefined {
  const reason = BY_ERROR[error];
  return reason === undefined ? undefined : { reason, key };
}

/** That of somebody who may not, by the key that has been proven. */
export function rejectionBy(key: { readonly name: Name } | undefined): Rejection {
  return key === undefined ? { reason: 'unsigned' } : { reason: 'denied', key: key.name };
}
