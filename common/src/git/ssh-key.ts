/**
 * Key pairs that a client shows to an SSH server (RFC 4253 6.6, RFC 8709; the text forms are OpenSSH's).
 *
 * `ed25519:BASE64` is the 32-octet seed (RFC 8032 5.1.5). Private key files are PEM (PKCS #1, PKCS #8, SEC 1) or OpenSSH's own container,
 * with a passphrase or without; `TYPE:BASE64` may also be what stands between the first and the last line of such a file, for a line
 * of environment. The secret lives in a `KeyObject`, which neither `JSON.stringify` nor `util.inspect` opens. `rsa:SEED` of the
 * original, a seed for its own generator, is not supported.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createRequire } from 'node:module';
import type { default as Ssh2 } from 'ssh2';
import { fail, ok, type Result } from '../result.ts';
import type { GitFault } from './fault.ts';

/** Loaded when a key needs it: whoever has no ssh remote is spared its time and memory. */
const ssh2 = (): typeof Ssh2 => createRequire(import.meta.url)('ssh2');

export type SshKeyType = 'ed25519' | 'rsa' | 'ecdsa';

export interface SshKey {
  readonly type: SshKeyType;
  readonly secret: KeyObject;
}

/** A key file that needs a passphrase to be read. */
export interface LockedSshKey {
  readonly type: 'locked';
  readonly text: string;
}

const FORMS =
  'write ed25519:BASE64 with the 32 octets of the seed, or give an OpenSSH or PEM private key: --ssh-key @FILE';
const usage = (what: string, hint = FORMS): Result<never, GitFault> => fail({ kind: 'usage', what, hint });

const TYPES: Readonly<Record<string, SshKeyType>> = { ed25519: 'ed25519', rsa: 'rsa', ec: 'ecdsa' };
const SEED_OCTETS = 32;
/** PKCS #8 of an Ed25519 key up to the seed (RFC 8410 7). */
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');
/** How OpenSSH's container begins; the cipher follows (PROTOCOL.key). */
const CONTAINER = Buffer.from('openssh-key-v1\0');
/** Structures that a PEM file without passphrase may hold, by the words in its first line. */
const STRUCTURES = ['PRIVATE KEY', 'RSA PRIVATE KEY', 'EC PRIVATE KEY'] as const;

/**
 * Parses the text of `--ssh-key`: `ed25519:BASE64`, the content of a private key file, or `TYPE:` and the body of one. Faults never
 * repeat it.
 */
export function readSshKey(text: string): Result<SshKey | LockedSshKey, GitFault> {
  const trimmed = text.trim();
  if (trimmed.startsWith('-----BEGIN ')) return readFile(trimmed);
  const [, word = '', data = ''] = /^(ed25519|rsa|ecdsa):([A-Za-z0-9+/]+={0,2})$/i.exec(trimmed) ?? [];
  const type = word.toLowerCase();
  if (type === '') return usage('the ssh key has an unknown form');
  const octets = Buffer.from(data, 'base64');
  if (type === 'ed25519' && octets.length === SEED_OCTETS) return ok(fromSeed(octets));
  return readBody(type, octets);
}

/** A key that is ready for use. Without its passphrase, or with a wrong one, a fault of kind `usage`. */
export function unlockSshKey(key: SshKey | LockedSshKey, passphrase: string | undefined): Result<SshKey, GitFault> {
  if (key.type !== 'locked') return ok(key);
  const hint = 'give it with --ssh-passphrase @FILE or in ZONEWRIGHT_SSH_PASSPHRASE';
  if (passphrase === undefined) return usage('the ssh key has a passphrase, and none is given', hint);
  const parsed = parseFile(key.text, passphrase);
  return parsed.ok
    ? parsed
    : usage('the ssh key cannot be read with the passphrase that is given', 'is it the right one?');
}

/** A key without passphrase; what {@link readSshKey} reads. */
export function parseSshKey(text: string): Result<SshKey, GitFault> {
  const read = readSshKey(text);
  return read.ok ? unlockSshKey(read.value, undefined) : read;
}

/** The body of a key file, read as if it had its first and last line. */
function readBody(type: string, octets: Buffer): Result<SshKey | LockedSshKey, GitFault> {
  const isContainer = octets.subarray(0, CONTAINER.length).equals(CONTAINER);
  const lines = octets.toString('base64').match(/.{1,64}/g) ?? [];
  for (const words of isContainer ? ['OPENSSH PRIVATE KEY'] : STRUCTURES) {
    const read = readFile(`-----BEGIN ${words}-----\n${lines.join('\n')}\n-----END ${words}-----\n`);
    if (read.ok && (read.value.type === type || read.value.type === 'locked')) return read;
  }
  if (type === 'ed25519') return usage('the ssh key is neither 32 octets in Base64 nor the body of a key file');
  return usage(
    'the ssh key is not the body of a key file of its type',
    'rsa:SEED of the OCaml suite is not supported: make a key with ssh-keygen, and give it with --ssh-key @FILE',
  );
}

const readFile = (text: string): Result<SshKey | LockedSshKey, GitFault> =>
  isLocked(text) ? ok({ type: 'locked', text }) : parseFile(text);

function isLocked(text: string): boolean {
  if (!text.startsWith('-----BEGIN OPENSSH ')) return /^-----BEGIN ENCRYPTED |^Proc-Type: 4,ENCRYPTED/m.test(text);
  const body = Buffer.from(text.replaceAll(/^-----.*$/gm, ''), 'base64');
  const cipher = lengthPrefixed('none');
  return !body.subarray(CONTAINER.length, CONTAINER.length + cipher.length).equals(cipher);
}

function parseFile(text: string, passphrase?: string): Result<SshKey, GitFault> {
  const unreadable = 'the ssh key file cannot be read';
  let secret: KeyObject;
  try {
    if (text.startsWith('-----BEGIN OPENSSH ')) {
      const parsed = ssh2().utils.parseKey(text, passphrase);
      if (parsed instanceof Error) return usage(unreadable);
      secret = createPrivateKey(parsed.getPrivatePEM());
    } else {
      secret = createPrivateKey(passphrase === undefined ? text : { key: text, passphrase });
    }
  } catch {
    return usage(unreadable);
  }
  const type = TYPES[secret.asymmetricKeyType ?? ''];
  return type === undefined ? usage('the ssh key has a type that SSH does not know') : ok({ type, secret });
}

function fromSeed(seed: Uint8Array): SshKey {
  const secret = createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, seed]), format: 'der', type: 'pkcs8' });
  return { type: 'ed25519', secret };
}

const seedOf = (key: SshKey): Buffer => key.secret.export({ format: 'der', type: 'pkcs8' }).subarray(-SEED_OCTETS);

/** A fresh Ed25519 key. */
export function generateSshKey(): SshKey {
  return { type: 'ed25519', secret: generateKeyPairSync('ed25519').privateKey };
}

/** A string or octets with its length before it (RFC 4251 5). */
function lengthPrefixed(value: string | Uint8Array): Buffer {
  const octets = typeof value === 'string' ? Buffer.from(value) : value;
  const length = Buffer.alloc(4);
  length.writeUInt32BE(octets.length);
  return Buffer.concat([length, octets]);
}

/** The public key of an Ed25519 key as a blob (RFC 8709 4). */
function ed25519Blob(key: SshKey): Buffer {
  const point = createPublicKey(key.secret).export({ format: 'der', type: 'spki' }).subarray(-SEED_OCTETS);
  return Buffer.concat([lengthPrefixed('ssh-ed25519'), lengthPrefixed(point)]);
}

/** The line for `authorized_keys`: `ssh-ed25519 AAAA... comment`. */
export function publicLine(key: SshKey, comment = ''): string {
  let line: string;
  if (key.type === 'ed25519') {
    line = `ssh-ed25519 ${ed25519Blob(key).toString('base64')}`;
  } else {
    const parsed = ssh2().utils.parseKey(clientKeyText(key));
    if (parsed instanceof Error) throw parsed;
    line = `${parsed.type} ${parsed.getPublicSSH().toString('base64')}`;
  }
  return comment === '' ? line : `${line} ${comment}`;
}

/** The secret as `--ssh-key` takes it: `ed25519:BASE64`, for other types PEM. To be shown only to who asked for a new key. */
export function privateText(key: SshKey): string {
  return key.type === 'ed25519' ? `ed25519:${seedOf(key).toString('base64')}` : clientKeyText(key);
}

/** The secret in a form that the SSH library reads: PKCS #1, SEC 1, or for Ed25519 OpenSSH's container (PROTOCOL.key). */
export function clientKeyText(key: SshKey): string {
  if (key.type === 'rsa') return key.secret.export({ format: 'pem', type: 'pkcs1' }).toString();
  if (key.type === 'ecdsa') return key.secret.export({ format: 'pem', type: 'sec1' }).toString();
  const blob = ed25519Blob(key);
  const point = blob.subarray(-SEED_OCTETS);
  const check = Buffer.alloc(8); // two equal numbers, there to notice a wrong passphrase
  const inner = Buffer.concat([check, blob, lengthPrefixed(Buffer.concat([seedOf(key), point])), lengthPrefixed('')]);
  const padding = Buffer.from([1, 2, 3, 4, 5, 6, 7]).subarray(0, (8 - (inner.length % 8)) % 8);
  const container = Buffer.concat([
    CONTAINER,
    lengthPrefixed('none'),
    lengthPrefixed('none'),
    lengthPrefixed(''),
    Buffer.from([0, 0, 0, 1]),
    lengthPrefixed(blob),
    lengthPrefixed(Buffer.concat([inner, padding])),
  ]);
  const lines = container.toString('base64').match(/.{1,70}/g) ?? [];
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join('\n')}\n-----END OPENSSH PRIVATE KEY-----\n`;
}
