/**
 * Who sent this (RFC 8945 5.2)? The one verifier of the server: from a decoded message to a request with its key, or to the reply
 * that says why not. Which of these replies are signed, 5.3.2 says: those to a client whose MAC was right (BADTIME, BADTRUNC);
 * never those to one that may be anybody (FORMERR, BADKEY, BADSIG).
 *
 * A key that has expired (`key-limits.ts`) is no longer in force, as if its line were gone: BADKEY, for all that it may do. That is
 * told only after the MAC and the time have been found right: whoever does not have the key cannot find out when it ends.
 */
import { Writer } from '../octets.ts';
import { fail, ok, type Result } from '../result.ts';
import { RCODE, TSIG_ERROR } from '../wire/code.ts';
import { encodeMessage, type Message, responseTo } from '../wire/message.ts';
import { refuse, sign, tsigSize, verify } from '../wire/tsig.ts';
import type { Tsig } from '../wire/tsig-record.ts';
import type { Key, KeyTable } from './key.ts';
import { hasExpired } from './key-limits.ts';
import { type Rejection, rejectionOf } from './rejection.ts';
import { ednsFor, type Request } from './request.ts';
import type { Transport } from './transport.ts';

/** The finished reply to a request whose sender could not be established, and why. */
export interface Unauthenticated {
  readonly reply: Uint8Array;
  /** Never holds a secret. */
  readonly what: string;
  /** `undefined`: the TSIG record itself is malformed. */
  readonly rejection?: Rejection | undefined;
}

/** Octets: such a reply fits wherever DNS gets through (RFC 1035 4.2.1). */
const REPLY_OCTETS = 512;

/** Establishes who sent a decoded request. `now`: seconds since 1970. */
export function authenticate(
  octets: Uint8Array,
  message: Message,
  transport: Transport,
  keys: KeyTable,
  now: number,
): Result<Request, Unauthenticated> {
  const { tsig } = message;
  if (tsig === undefined) return ok({ message, transport });
  const key = keys.get(tsig.keyName);
  const verified = verify(octets, tsig, key, { now });
  if (verified.ok && key !== undefined) {
    if (!hasExpired(key, now)) return ok({ message, key, transport });
    return fail(unsigned(message, tsig, TSIG_ERROR.BADKEY, `key ${key.name} has expired`));
  }
  const { error, what } = verified.ok ? { error: TSIG_ERROR.BADKEY, what: 'unknown key' } : verified.fault;
  if (error < 0) return fail({ reply: plain(message, RCODE.FORMERR, REPLY_OCTETS), what });
  const isProven = error === TSIG_ERROR.BADTIME || error === TSIG_ERROR.BADTRUNC;
  if (key !== undefined && isProven) return fail(signed(message, tsig, key, error, now, what));
  return fail(unsigned(message, tsig, error, what));
}

function plain(message: Message, rcode: number, limit: number): Uint8Array {
  return encodeMessage({ ...responseTo(message, rcode), ...ednsFor(message, []) }, limit);
}

function unsigned(message: Message, tsig: Tsig, error: number, what: string): Unauthenticated {
  const reply = refuse(plain(message, RCODE.NOTAUTH, REPLY_OCTETS), tsig, error);
  return { reply, what, rejection: rejectionOf(error, tsig.keyName) };
}

/** 5.2.3: BADTIME repeats the client's time, by which it can verify the reply, and carries ours in six octets. */
function signed(message: Message, tsig: Tsig, key: Key, error: number, now: number, what: string): Unauthenticated {
  const other = new Writer();
  if (error === TSIG_ERROR.BADTIME) other.u48(now);
  const reply = sign(plain(message, RCODE.NOTAUTH, REPLY_OCTETS - tsigSize(key, other.length)), key, {
    now,
    timeSigned: error === TSIG_ERROR.BADTIME ? tsig.timeSigned : now,
    priorMac: tsig.mac,
    fudge: tsig.fudge,
    error,
    other: other.finish(),
  });
  return { reply: reply.octets, what, rejection: rejectionOf(error, key.name) };
}
