/**
 * Server cookies (RFC 7873, RFC 9018): what a server gives to a client, and knows again, without remembering any client.
 *
 * Version 1 of RFC 9018: version, three reserved octets, the time, and SipHash-2-4 over the client cookie, these eight octets and the address of
 * the client; so servers of other makes that share the secret and the address take each other's cookies.
 * Left out: what a client that shows none is answered (`receive.ts`); random secrets (they come from outside).
 * Always holds: judging and writing allocate nothing.
 */
import { SIPHASH_OCTETS, sipHash, sipHashKey } from '../wire/siphash.ts';
import type { ClientAddress } from './client-address.ts';

export const CLIENT_COOKIE_OCTETS = 8;
export const SERVER_COOKIE_OCTETS = 16;
/** A COOKIE option as this server writes it. */
export const COOKIE_OCTETS = CLIENT_COOKIE_OCTETS + SERVER_COOKIE_OCTETS;

/** Seconds for which a cookie is taken (RFC 9018 4.3). */
export const COOKIE_AGE = 3600;
/** Seconds by which the clock of the server that made it may be ahead (RFC 9018 4.3). */
export const COOKIE_AHEAD = 300;
/** Seconds after which a client gets a new one (RFC 9018 4.3). */
export const COOKIE_RENEWAL = 1800;

/** What a request shows, in the order of what it is worth. */
export const COOKIE = {
  /** No COOKIE option. */
  NONE: 0,
  /** A client cookie alone. */
  CLIENT: 1,
  /** A server cookie that is not ours, of another address, or too old. */
  BAD: 2,
  /** A good one; the client gets a new one. */
  AGED: 3,
  /** A good one; the client gets it again. */
  GOOD: 4,
} as const;

const VERSION = 1;
const MADE_AT = 4;
const HASH_AT = 8;

export class CookieJar {
  readonly #keys: readonly Int32Array[];
  /** What is hashed: client cookie, the first half of the server cookie, address. */
  readonly #input = new Uint8Array(CLIENT_COOKIE_OCTETS + HASH_AT + 16);
  readonly #hash = new Uint8Array(SIPHASH_OCTETS);

  /** `secrets`: 16 octets each, at least one; the first makes cookies, all of them know theirs again (RFC 9018 5). */
  constructor(secrets: readonly Uint8Array[]) {
    if (secrets.length === 0) throw new RangeError('a cookie jar without a secret');
    this.#keys = secrets.map(sipHashKey);
  }

  /**
   * Judges the COOKIE option of `length` octets at `at`; one of {@link COOKIE}. Its length has been checked (RFC 7873 5.2.2).
   *
   * @param now seconds since 1970
   */
  judge(octets: Uint8Array, at: number, length: number, client: ClientAddress, now: number): number {
    if (length === 0) return COOKIE.NONE;
    if (length === CLIENT_COOKIE_OCTETS) return COOKIE.CLIENT;
    const server = at + CLIENT_COOKIE_OCTETS;
    if (length !== COOKIE_OCTETS || octets[server] !== VERSION || client.length === 0) return COOKIE.BAD;
    // RFC 1982: the time has 32 bits, and goes round in 2106.
    const age = (now - read32(octets, server + MADE_AT)) | 0;
    if (age > COOKIE_AGE || age < -COOKIE_AHEAD) return COOKIE.BAD;
    for (let i = 0; i < CLIENT_COOKIE_OCTETS + HASH_AT; i++) this.#input[i] = octets[at + i]!;
    for (let i = 0; i < this.#keys.length; i++) {
      this.#digest(this.#keys[i]!, client);
      let difference = 0;
      for (let j = 0; j < SIPHASH_OCTETS; j++) difference |= this.#hash[j]! ^ octets[server + HASH_AT + j]!;
      if (difference === 0) return i === 0 && age < COOKIE_RENEWAL ? COOKIE.GOOD : COOKIE.AGED;
    }
    return COOKIE.BAD;
  }

  /**
   * Writes the data of a COOKIE option for the client cookie at `at` of `octets`, {@link COOKIE_OCTETS} octets: with the server cookie that follows there if
   * `verdict` is GOOD, with a new one otherwise.
   */
  write(
    verdict: number,
    octets: Uint8Array,
    at: number,
    client: ClientAddress,
    now: number,
    out: Uint8Array,
    outAt: number,
  ): void {
    const copied = verdict === COOKIE.GOOD ? COOKIE_OCTETS : CLIENT_COOKIE_OCTETS;
    for (let i = 0; i < copied; i++) out[outAt + i] = octets[at + i]!;
    if (verdict === COOKIE.GOOD) return;
    const server = outAt + CLIENT_COOKIE_OCTETS;
    out[server] = VERSION;
    for (let i = 1; i < MADE_AT; i++) out[server + i] = 0;
    for (let i = 0; i < 4; i++) out[server + MADE_AT + i] = now >>> (24 - 8 * i);
    for (let i = 0; i < CLIENT_COOKIE_OCTETS + HASH_AT; i++) this.#input[i] = out[outAt + i]!;
    this.#digest(this.#keys[0]!, client);
    for (let i = 0; i < SIPHASH_OCTETS; i++) out[server + HASH_AT + i] = this.#hash[i]!;
  }

  #digest(key: Int32Array, client: ClientAddress): void {
    const before = CLIENT_COOKIE_OCTETS + HASH_AT;
    for (let i = 0; i < client.length; i++) this.#input[before + i] = client.octets[i]!;
    sipHash(key, this.#input, before + client.length, this.#hash, 0);
  }
}

function read32(octets: Uint8Array, at: number): number {
  return (octets[at]! << 24) | (octets[at + 1]! << 16) | (octets[at + 2]! << 8) | octets[at + 3]!;
}
