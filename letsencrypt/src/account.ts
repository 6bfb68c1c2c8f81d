/**
 * The key of the ACME account (RFC 8555 6.2, 7.3). The key is the account: whoever has it can order and revoke.
 *
 * Two sources. A **seed** gives the same key on every machine and after every loss of data, so that nothing has to be
 * stored (and the CA's limits on new accounts are never met):
 *
 *     okm    = HKDF-SHA256(ikm = seed as UTF-8, salt = empty, info = "zonewright acme account p256", L = 48)   RFC 5869
 *     scalar = (okm as a big-endian number) mod (n - 1) + 1,    n = the order of P-256                         FIPS 186-5 A.2.1
 *
 * This never changes; another derivation would get another info string. A seed is a secret: `openssl rand -base64 30`.
 * A **file** holds a private key in PEM, and is made (mode 0600) if it does not exist.
 */

import { createECDH, createPrivateKey, hkdfSync, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { makeNew } from '@zonewright/common/git/durable';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { exportKey, importKey, kindOf, makeKey } from './key.ts';

/** Types of account keys that CAs take. */
export type AccountKeyType = 'p256' | 'p384' | 'rsa';

/** Where the account key comes from; exactly one of `seed` and `file`. */
export interface AccountKeySource {
  readonly seed?: string;
  /** Path of a PEM file. */
  readonly file?: string;
  /** Of a key that is made; a key that is read has to be of this type if it is given. Default p256. */
  readonly type?: AccountKeyType;
  /** Of an RSA key that is made: 2048 to 4096. Default 4096. */
  readonly bits?: number;
}

/**
 * Why there is no account key: `usage` (options that do not go together), `file` (unreadable, unwritable), `key` (no key
 * in it, or of another type).
 */
export interface AccountKeyFault extends Fault {
  readonly kind: 'usage' | 'file' | 'key';
}

const INFO = 'zonewright acme account p256';
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** The P-256 account key of a seed; see the head of this file. */
export function accountKeyFromSeed(seed: string): KeyObject {
  const okm = Buffer.from(hkdfSync('sha256', Buffer.from(seed, 'utf8'), Buffer.alloc(0), INFO, 48));
  const scalar = (BigInt(`0x${okm.toString('hex')}`) % (ORDER - 1n)) + 1n;
  const d = Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex');
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(d);
  const point = ecdh.getPublicKey();
  return createPrivateKey({
    format: 'jwk',
    key: {
      kty: 'EC',
      crv: 'P-256',
      d: d.toString('base64url'),
      x: point.subarray(1, 33).toString('base64url'),
      y: point.subarray(33).toString('base64url'),
    },
  });
}

/** The account key of a source. A file that does not exist is made, durably, before the key is used. */
export async function accountKey(source: AccountKeySource): Promise<Result<KeyObject, AccountKeyFault>> {
  if ((source.seed === undefined) === (source.file === undefined)) {
    return usage('give one of --account-key-seed and --account-key');
  }
  if (source.seed !== undefined) {
    if (source.seed === '') return usage('--account-key-seed is empty', 'openssl rand -base64 30 makes a good one');
    if (source.type !== undefined && source.type !== 'p256') {
      return usage(
        `--account-key-seed makes p256 keys, not ${source.type}`,
        `use --account-key FILE for an account key of type ${source.type}; the file is made if it does not exist`,
      );
    }
    return ok(accountKeyFromSeed(source.seed));
  }
  return readOrMake(source.file!, source);
}

async function readOrMake(file: string, source: AccountKeySource): Promise<Result<KeyObject, AccountKeyFault>> {
  let pem: string;
  try {
    pem = await readFile(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return make(file, source);
    return fail({ kind: 'file', what: `cannot read the account key ${file}: ${codeOf(error)}` });
  }
  const key = importKey(pem);
  if (!key.ok) {
    const { what, hint } = key.fault;
    return fail({ kind: 'key', what: `${file}: ${what}`, ...(hint !== undefined && { hint }) });
  }
  const type = kindOf(key.value);
  if (type !== 'p256' && type !== 'p384' && type !== 'rsa') {
    return fail({ kind: 'key', what: `${file}: CAs take no account keys of type ${type}` });
  }
  if (source.type !== undefined && source.type !== type) {
    return fail({ kind: 'key', what: `${file}: the account key is of type ${type}, not ${source.type}` });
  }
  return key;
}

async function make(file: string, source: AccountKeySource): Promise<Result<KeyObject, AccountKeyFault>> {
  const key = await makeKey(source.type ?? 'p256', source.bits);
  if (!key.ok) return usage(key.fault.what);
  try {
    // A key that another process made in the meantime is never replaced.
    const isOurs = await makeNew(file, exportKey(key.value), 0o600);
    return isOurs ? key : fail({ kind: 'file', what: `cannot write the account key ${file}: EEXIST` });
  } catch (error) {
    return fail({ kind: 'file', what: `cannot write the account key ${file}: ${codeOf(error)}` });
  }
}

function usage(what: string, hint?: string): { readonly ok: false; readonly fault: AccountKeyFault } {
  return fail(hint === undefined ? { kind: 'usage', what } : { kind: 'usage', what, hint });
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown error';
}
