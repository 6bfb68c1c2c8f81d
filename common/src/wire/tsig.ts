/**
 * TSIG (RFC 8945): signing and verifying messages, one alone and in streams.
 *
 * A key is a `KeyObject`, so that its secret is neither printed by accident nor converted for each message. MACs are compared
 * in constant time. Truncated MACs are accepted down to half the hash and never below ten octets (5.2.2.1), of a key that asks
 * for more down to that (5.2.4); ours are full.
 * Left out: GSS-TSIG, HMAC-MD5, a cache of times seen (5.2.3: a key may be several clients', whose messages overtake each other;
 * replays are noticed by `authority/replay.ts`).
 */
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { Name } from '../name.ts';
import { Writer } from '../octets.ts';
import { fail, ok, type Result } from '../result.ts';
import { CLASS } from '../rr/class.ts';
import { TSIG_ERROR } from './code.ts';
import { type Tsig, writeTsig } from './tsig-record.ts';

export interface TsigAlgorithm {
  /** As written in keys: `SHA256`. */
  readonly mnemonic: string;
  /** OpenSSL's name of the hash. */
  readonly hash: string;
  readonly macOctets: number;
  /** BIND's private DNSKEY number, by which key files name it. */
  readonly number: number;
  readonly name: Name;
}

function algorithm(mnemonic: string, hash: string, macOctets: number, number: number): TsigAlgorithm {
  const name = Name.parse(`hmac-${hash}.`);
  if (!name.ok) throw new Error(name.fault.what);
  return { mnemonic, hash, macOctets, number, name: name.value };
}

/** RFC 8945 6, without HMAC-MD5. */
export const TSIG_ALGORITHMS: readonly TsigAlgorithm[] = [
  algorithm('SHA1', 'sha1', 20, 161),
  algorithm('SHA224', 'sha224', 28, 162),
  algorithm('SHA256', 'sha256', 32, 163),
  algorithm('SHA384', 'sha384', 48, 164),
  algorithm('SHA512', 'sha512', 64, 165),
];

export interface TsigKey {
  readonly name: Name;
  readonly algorithm: TsigAlgorithm;
  readonly secret: KeyObject;
  /** Octets of a MAC below which it is BADTRUNC (RFC 8945 5.2.4): the local policy. {@link leastMac} unless given. */
  readonly minMac?: number;
}

/** Octets of the shortest MAC that RFC 8945 5.2.2.1 permits: ten, or half the hash if that is more. */
export function leastMac({ macOctets }: TsigAlgorithm): number {
  return Math.max(10, macOctets / 2);
}

/** A key from its parts. The secret must not be empty. */
export function tsigKey(name: Name, algorithm: TsigAlgorithm, secret: Uint8Array): TsigKey {
  return { name, algorithm, secret: createSecretKey(secret) };
}

/** Seconds; what RFC 8945 10 recommends. */
export const FUDGE = 300;

/** Octets of a TSIG record (4.2), and of what of it is digested (4.3.3), without names, MAC and other data. */
const RECORD_OCTETS = 26;
const VARIABLES_OCTETS = 18;

/** Octets of a whole record. */
function recordSize(keyName: Name, algorithm: Name, macOctets: number, otherOctets: number): number {
  return keyName.wire.length + algorithm.wire.length + RECORD_OCTETS + macOctets + otherOctets;
}

/** Octets that signing with `key` adds to a message. */
export function tsigSize(key: TsigKey, otherOctets = 0): number {
  return recordSize(key.name, key.algorithm.name, key.algorithm.macOctets, otherOctets);
}

interface Signed {
  readonly octets: Uint8Array;
  readonly mac: Uint8Array;
}

interface SignOptions {
  /** Seconds since 1970. */
  readonly now: number;
  /** The request's MAC when signing a response (5.4.1), or the prior message's within a stream (5.3.1). */
  readonly priorMac?: Uint8Array;
  /** Only time and fudge are digested, as on all but the first message of a stream. */
  readonly timersOnly?: boolean;
  readonly fudge?: number;
  readonly error?: number;
  readonly other?: Uint8Array;
  /** Differs from `now` in a BADTIME reply, which repeats the client's time (5.2.3). */
  readonly timeSigned?: number;
}

const NOTHING = new Uint8Array(0);

function digest(
  key: TsigKey,
  priorMac: Uint8Array | undefined,
  parts: readonly Uint8Array[],
  tsig: Omit<Tsig, 'start' | 'mac'>,
  timersOnly: boolean,
): Buffer {
  const hmac = createHmac(key.algorithm.hash, key.secret);
  const { keyName, algorithm, other } = tsig;
  const size = keyName.wire.length + algorithm.wire.length + VARIABLES_OCTETS + other.length;
  const variables = new Writer(size, size);
  if (priorMac !== undefined) {
    hmac.update(Uint8Array.of(priorMac.length >> 8, priorMac.length & 0xff));
    hmac.update(priorMac);
  }
  for (const part of parts) hmac.update(part);
  if (!timersOnly) {
    variables.name(tsig.keyName.toLowerCase());
    variables.u16(CLASS.ANY);
    variables.u32(0);
    variables.name(tsig.algorithm.toLowerCase());
  }
  variables.u48(tsig.timeSigned);
  variables.u16(tsig.fudge);
  if (!timersOnly) {
    variables.u16(tsig.error);
    variables.u16(tsig.other.length);
    variables.bytes(tsig.other);
  }
  hmac.update(variables.octets.subarray(0, variables.length));
  return hmac.digest();
}

function append(message: Uint8Array, tsig: Omit<Tsig, 'start'>): Uint8Array {
  const { keyName, algorithm, mac, other } = tsig;
  const size = message.length + recordSize(keyName, algorithm, mac.length, other.length);
  const out = new Writer(size, size);
  out.bytes(message);
  const count = ((message[10]! << 8) | message[11]!) + 1;
  out.patch16(10, count);
  writeTsig(tsig, out);
  return out.octets;
}

/** Signs an encoded message: gives it with the TSIG record at its end, and the MAC. */
export function sign(message: Uint8Array, key: TsigKey, options: SignOptions): Signed {
  const tsig = {
    keyName: key.name,
    algorithm: key.algorithm.name,
    timeSigned: options.timeSigned ?? options.now,
    fudge: options.fudge ?? FUDGE,
    originalId: (message[0]! << 8) | message[1]!,
    error: options.error ?? TSIG_ERROR.NOERROR,
    other: options.other ?? NOTHING,
  };
  const mac = Uint8Array.from(digest(key, options.priorMac, [message], tsig, options.timersOnly ?? false));
  return { octets: append(message, { ...tsig, mac }), mac };
}

/** Puts an unsigned TSIG record with an error at the end of a reply (5.2.1, 5.2.2). */
export function refuse(message: Uint8Array, request: Tsig, error: number): Uint8Array {
  return append(message, { ...request, mac: NOTHING, error, other: NOTHING });
}

export interface TsigFault {
  readonly kind: 'tsig';
  /** A value of TSIG_ERROR; for FORMERR (a MAC of an impossible size) -1. */
  readonly error: number;
  readonly what: string;
}

interface VerifyOptions {
  readonly now: number;
  readonly priorMac?: Uint8Array;
  readonly timersOnly?: boolean;
  /** Unsigned messages of a stream since the last signed one, whole (5.3.1). */
  readonly unsigned?: readonly Uint8Array[];
}

/** The message as it was signed: without its TSIG record, with the original ID and one additional record less (5.2). */
function beforeSigning(octets: Uint8Array, tsig: Tsig): Uint8Array {
  // Not `slice`: that of a Buffer is a view, and what was received must stay as it is.
  const message = Uint8Array.from(octets.subarray(0, tsig.start));
  const count = ((message[10]! << 8) | message[11]!) - 1;
  message.set([tsig.originalId >> 8, tsig.originalId & 0xff], 0);
  message.set([count >> 8, count & 0xff], 10);
  return message;
}

/**
 * Verifies a received message with `key`; the caller has found the key by `tsig.keyName`, `undefined` when there is none.
 * Checks in the order of RFC 8945 5.2: key, size of the MAC (5.2.2.1: FORMERR), MAC, time, truncation.
 */
export function verify(
  octets: Uint8Array,
  tsig: Tsig,
  key: TsigKey | undefined,
  options: VerifyOptions,
): Result<TsigKey, TsigFault> {
  const fault = (error: number, what: string): Result<never, TsigFault> => fail({ kind: 'tsig', error, what });
  if (key === undefined) return fault(TSIG_ERROR.BADKEY, `unknown key ${tsig.keyName}`);
  if (!key.algorithm.name.equals(tsig.algorithm))
    return fault(TSIG_ERROR.BADKEY, `key ${tsig.keyName} is not one for ${tsig.algorithm}`);
  const { macOctets } = key.algorithm;
  if (tsig.mac.length > macOctets || tsig.mac.length < leastMac(key.algorithm))
    return fault(-1, `a MAC of ${tsig.mac.length} octets`);
  const parts = [...(options.unsigned ?? []), beforeSigning(octets, tsig)];
  const expected = digest(key, options.priorMac, parts, tsig, options.timersOnly ?? false);
  if (!timingSafeEqual(expected.subarray(0, tsig.mac.length), tsig.mac))
    return fault(TSIG_ERROR.BADSIG, `a MAC that key ${tsig.keyName} did not make`);
  if (Math.abs(options.now - tsig.timeSigned) > tsig.fudge) {
    return fault(
      TSIG_ERROR.BADTIME,
      `signed ${tsig.timeSigned - options.now} s from now (at most ${tsig.fudge} s are allowed); compare the clocks`,
    );
  }
  if (tsig.mac.length < (key.minMac ?? 0))
    return fault(TSIG_ERROR.BADTRUNC, `a MAC of ${tsig.mac.length} octets; key ${tsig.keyName} wants ${key.minMac}`);
  return ok(key);
}
