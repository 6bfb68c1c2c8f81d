/**
 * Private keys of services: which kinds there are, which of them a public CA certifies, making them, PEM in and out.
 * A key never leaves the process except through {@link exportKey}; no fault text holds a part of one.
 */

import { createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';

/** The kinds of keys that can be told apart; `p521` and `ed25519` are for CAs of one's own. */
export type KeyKind = 'rsa' | 'p256' | 'p384' | 'p521' | 'ed25519';

/** Why a key cannot be made or read: `bits`, `pem` (no private key in it), `encrypted`, `kind` (one that is not used here). */
export interface KeyFault extends Fault {
  readonly kind: 'bits' | 'pem' | 'encrypted' | 'kind';
}

/** Smallest and largest RSA modulus that CAs certify, in bits. */
export const RSA_BITS = { least: 2048, most: 4096 } as const;

const CURVES: Readonly<Record<string, KeyKind>> = { prime256v1: 'p256', secp384r1: 'p384', secp521r1: 'p521' };
const CURVE_OF = { p256: 'P-256', p384: 'P-384' } as const;

/** Which kind a key (private or public) is; `undefined` for all others. */
export function kindOf(key: KeyObject): KeyKind | undefined {
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return 'rsa';
    case 'ec':
      return CURVES[key.asymmetricKeyDetails?.namedCurve ?? ''];
    case 'ed25519':
      return 'ed25519';
    default:
      return undefined;
  }
}

/**
 * Why a public CA would not certify this key, `undefined` if it would: RSA of 2048 to 4096 bits with exponent 65537, P-256,
 * P-384. With `anyKey`, also P-521 and Ed25519.
 */
export function refuseKey(key: KeyObject, anyKey: boolean): string | undefined {
  const kind = kindOf(key);
  switch (kind) {
    case 'rsa': {
      const { modulusLength = 0, publicExponent } = key.asymmetricKeyDetails ?? {};
      if (modulusLength < RSA_BITS.least || modulusLength > RSA_BITS.most || modulusLength % 8 !== 0) {
        return `RSA keys of ${modulusLength} bits are not certified (${RSA_BITS.least} to ${RSA_BITS.most})`;
      }
      return publicExponent === 65537n ? undefined : `RSA keys with an exponent other than 65537 are not certified`;
    }
    case 'p256':
    case 'p384':
      return undefined;
    case 'p521':
    case 'ed25519':
      return anyKey ? undefined : `${kind === 'p521' ? 'P-521' : 'Ed25519'} keys are not certified by public CAs`;
    case undefined:
      return `keys of type ${key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType} are not certified`;
  }
}

const generate = promisify(generateKeyPair);

/** A new private key. `bits` is for RSA, 2048 to 4096 in steps of 8 (default 4096), and ignored otherwise. */
export async function makeKey(
  kind: 'p256' | 'p384' | 'rsa' | 'ed25519',
  bits = 4096,
): Promise<Result<KeyObject, KeyFault>> {
  switch (kind) {
    case 'p256':
    case 'p384':
      return ok((await generate('ec', { namedCurve: CURVE_OF[kind] })).privateKey);
    case 'ed25519':
      return ok((await generate('ed25519')).privateKey);
    case 'rsa':
      if (!Number.isInteger(bits) || bits < RSA_BITS.least || bits > RSA_BITS.most || bits % 8 !== 0) {
        return fail({ kind: 'bits', what: `an RSA key has ${RSA_BITS.least} to ${RSA_BITS.most} bits in steps of 8` });
      }
      return ok((await generate('rsa', { modulusLength: bits })).privateKey);
  }
}

/** The private key as PEM, PKCS #8 (RFC 5958). */
export function exportKey(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' }) as string;
}

/** Reads a private key from PEM: PKCS #8, `RSA PRIVATE KEY` (PKCS #1), `EC PRIVATE KEY` (RFC 5915, curve parameters before it allowed). */
export function importKey(pem: string): Result<KeyObject, KeyFault> {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem)) {
    return fail({
      kind: 'encrypted',
      what: 'the private key is encrypted',
      hint: 'take the pass phrase off: openssl pkey -in encrypted.pem -out key.pem',
    });
  }
  const block = /-----BEGIN ((?:RSA |EC )?PRIVATE KEY)-----[\s\S]+?-----END \1-----/.exec(pem);
  if (block === null) return fail({ kind: 'pem', what: 'there is no private key in PEM' });
  try {
    const key = createPrivateKey(`${block[0]}\n`);
    if (kindOf(key) !== undefined) return ok(key);
    return fail({ kind: 'kind', what: `private keys of type ${key.asymmetricKeyType} are not used here` });
  } catch {
    return fail({ kind: 'pem', what: 'the private key is damaged' });
  }
}
