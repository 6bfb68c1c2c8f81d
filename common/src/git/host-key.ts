/**
 * The pin of an SSH server's host key: who the server must be (RFC 4251 4.1; fingerprints as OpenSSH prints them). There may be
 * several, of which the server shows any: while a key is replaced, or for servers that take turns.
 *
 * Accepted: `SHA256:BASE64` with or without padding, `ed25519:SHA256:...` and `rsa:SHA256:...`, a whole public key (`ssh-ed25519 AAAA...` or
 * only its Base64). There is no trust on first use and no known_hosts file.
 */
import { createHash } from 'node:crypto';
import { fail, ok, type Result } from '../result.ts';
import type { GitFault } from './fault.ts';

/** Host key algorithms, by the type of key that they prove; the order is the one in which they are tried. */
export const HOST_KEY_ALGORITHMS = {
  ed25519: ['ssh-ed25519'],
  ecdsa: ['ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521'],
  rsa: ['rsa-sha2-512', 'rsa-sha2-256'],
} as const;

export type HostKeyType = keyof typeof HOST_KEY_ALGORITHMS;

export interface HostKeyPin {
  /** SHA-256 of the key blob, Base64 without padding. */
  readonly sha256: string;
  /** The type of the key where the pin tells it. */
  readonly type?: HostKeyType;
}

export const PIN_HINT =
  'get the fingerprint with: ssh-keyscan HOST | ssh-keygen -lf - ; compare it with what the server owner says, and give it as --authenticator SHA256:...';

const FINGERPRINT = /^(?:(rsa|ed25519|ecdsa):)?SHA256:([A-Za-z0-9+/]{43})=?$/i;
const WHOLE_KEY = /^(?:(?:ssh|ecdsa)-[a-z0-9-]+\s+)?(AAAA[A-Za-z0-9+/]+={0,2})(?:\s.*)?$/;

/** The fingerprint of a key blob without its `SHA256:`. */
export function fingerprint(blob: Uint8Array): string {
  return createHash('sha256').update(blob).digest('base64').replace(/=+$/, '');
}

/** Whether the key blob that a server showed is a pinned one. */
export function isPinned(pins: readonly HostKeyPin[], blob: Uint8Array): boolean {
  const print = fingerprint(blob);
  return pins.some((pin) => pin.sha256 === print);
}

/** The types that a pinned key may have, in the order in which they are tried. */
export function pinnedTypes(pins: readonly HostKeyPin[]): readonly HostKeyType[] {
  const types = Object.keys(HOST_KEY_ALGORITHMS) as HostKeyType[];
  return types.filter((type) => pins.some((pin) => pin.type === undefined || pin.type === type));
}

/** Parses the text of `--authenticator`. */
export function parseHostKeyPin(text: string): Result<HostKeyPin, GitFault> {
  const trimmed = text.trim();
  const print = FINGERPRINT.exec(trimmed);
  if (print !== null) {
    const type = print[1]?.toLowerCase() as HostKeyType | undefined;
    return ok(type === undefined ? { sha256: print[2]! } : { sha256: print[2]!, type });
  }
  const whole = WHOLE_KEY.exec(trimmed);
  const blob = whole === null ? undefined : Buffer.from(whole[1]!, 'base64');
  if (blob === undefined || blob.length < 4) return invalid();
  const name = blob.subarray(4, 4 + blob.readUInt32BE(0)).toString('latin1');
  if (name === 'ssh-ed25519') return ok({ sha256: fingerprint(blob), type: 'ed25519' });
  if (name === 'ssh-rsa') return ok({ sha256: fingerprint(blob), type: 'rsa' });
  if (name.startsWith('ecdsa-sha2-')) return ok({ sha256: fingerprint(blob), type: 'ecdsa' });
  return invalid();
}

const invalid = (): Result<never, GitFault> =>
  fail({ kind: 'usage', what: 'the authenticator has an unknown form', hint: PIN_HINT });
