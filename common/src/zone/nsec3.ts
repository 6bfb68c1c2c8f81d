/**
 * Hashed owner names (RFC 5155 3, 5): the parameters of a chain, the hash of a name, and the label that it makes.
 *
 * The names of NSEC3 records are HASH.apex; base32hex keeps the order of octets (RFC 4648 7), so the chain's order is the canonical
 * order of these names. Left out: making chains; hash algorithms other than SHA-1, of which there are none (5155 11).
 */
import { copyOctets } from '../octets.ts';
import { BLOCK_OCTETS, paddedOctets, SHA1_OCTETS, sha1 } from './sha1.ts';

/** The hash algorithm SHA-1 (RFC 5155 11). */
export const NSEC3_SHA1 = 1;
/** The flag of an NSEC3 record that spans unsigned delegations (RFC 5155 3.1.2.1). */
export const OPT_OUT = 1;
/** Octets of the first label of an NSEC3 record's name: 32 characters for 160 bits. */
export const HASH_LABEL_OCTETS = 32;

/** What NSEC3 and NSEC3PARAM records have in common (RFC 5155 3.2, 4.2). */
export interface Nsec3Parameters {
  readonly algorithm: number;
  /** Additional rounds, 0..65535. */
  readonly iterations: number;
  /** 0..255 octets. */
  readonly salt: Uint8Array;
}

const PARAMETERS = { algorithm: 0, flags: 1, iterations: 2, saltLength: 4, salt: 5 } as const;

/** The parameters of an NSEC3 or NSEC3PARAM RDATA; `undefined` where it is cut short. */
export function readNsec3Parameters(rdata: Uint8Array): Nsec3Parameters | undefined {
  const saltLength = rdata[PARAMETERS.saltLength];
  const end = PARAMETERS.salt + (saltLength ?? 0);
  if (saltLength === undefined || rdata.length < end) return undefined;
  return {
    algorithm: rdata[PARAMETERS.algorithm]!,
    iterations: (rdata[PARAMETERS.iterations]! << 8) | rdata[PARAMETERS.iterations + 1]!,
    salt: rdata.slice(PARAMETERS.salt, end),
  };
}

/** About how many blocks SHA-1 takes for the hash of a name. */
export function hashBlocks({ iterations, salt }: Nsec3Parameters): number {
  return ((iterations + 1) * paddedOctets(SHA1_OCTETS + salt.length)) / BLOCK_OCTETS;
}

const MAX_NAME_AND_SALT = 255 + 255;
const message = new Uint8Array(paddedOctets(MAX_NAME_AND_SALT));

/**
 * The hash of a name (RFC 5155 5): 20 octets to `digest`. The name is `lower[start..end)`: wire form in lower case with the root
 * label, 1..255 octets. Allocates nothing.
 */
export function hashName(
  { iterations, salt }: Nsec3Parameters,
  lower: Uint8Array,
  start: number,
  end: number,
  digest: Uint8Array,
): void {
  const length = end - start;
  copyOctets(lower, start, message, 0, length);
  copyOctets(salt, 0, message, length, salt.length);
  sha1(message, length + salt.length, iterations === 0 ? digest : message);
  if (iterations === 0) return;
  message.set(salt, SHA1_OCTETS);
  for (let left = iterations; left > 0; left--) sha1(message, SHA1_OCTETS + salt.length, left === 1 ? digest : message);
}

const ALPHABET = Uint8Array.from(Buffer.from('0123456789abcdefghijklmnopqrstuv', 'latin1'));

/** Writes 20 octets as the 32 characters of base32hex (RFC 4648 7), in lower case. */
export function writeBase32hex(digest: Uint8Array, out: Uint8Array, at: number): void {
  let bits = 0;
  let held = 0;
  let end = at;
  for (let i = 0; i < SHA1_OCTETS; i++) {
    bits = ((bits << 8) | digest[i]!) & 0xfff;
    for (held += 8; held >= 5; held -= 5) out[end++] = ALPHABET[(bits >> (held - 5)) & 31]!;
  }
}
