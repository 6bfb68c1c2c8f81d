/**
 * Server cookies (RFC 7873, RFC 9018): what a server gives to a client, and knows again, without remembering any client.
 *
 * Version 1 of RFC 9018: version, three reserved octets, the time, and SipHash-2-4 over the client cookie, these eight octets and the address of
 * the client; so servers of other makes that share the secret and the address take each other's cookies.
 * Left out: random secrets (they come from outside).
 * Always holds: judging and writing allocate nothing.
 */
import { copyOctets } from '../octets.ts';
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

/** What a server that requires cookies does with a request over UDP. */
export const DEMAND = {
  ANSWER: 0,
  /** No COOKIE option: an empty reply with TC set, which sends the client to TCP. */
  TRUNCATE: 1,
  /** A client that knows cookies: BADCOOKIE, with a good one (RFC 7873 5.2.3, 5.2.4). */
  REFUSE: 2,
} as const;

const VERSION = 1;
// Offsets in the option: after the client cookie stand version, three reserved octets, time, hash.
const VERSION_AT = CLIENT_COOKIE_OCTETS;
const TIME_AT = VERSION_AT + 4;
const HASH_AT = VERSION_AT + 8;

/** What a request shows: the data of its COOKIE option. */
interface Shown {
  readonly cookie: Uint8Array;
  readonly cookieLength: number;
}

export interface CookieSettings {
  /** 16 octets each, at least one; the first makes cookies, all of them know theirs again (RFC 9018 5). */
  readonly secrets: readonly Uint8Array[];
  /** Are requests over UDP without a good cookie not answered? */
  readonly isRequired: boolean;
}

export class CookieJar {
  #keys: readonly Int32Array[];
  readonly #isRequired: boolean;
  /** What is hashed: client cookie, the first half of the server cookie, address. */
  readonly #input = new Uint8Array(HASH_AT + 16);
  readonly #hash = new Uint8Array(SIPHASH_OCTETS);

  constructor({ secrets, isRequired }: CookieSettings) {
    if (secrets.length === 0) throw new RangeError('a cookie jar without a secret');
    this.#keys = secrets.map(sipHashKey);
    this.#isRequired = isRequired;
  }

  /** From now on `secret` makes cookies, and those of the secret before are still known (RFC 7873 7.1). */
  renew(secret: Uint8Array): void {
    this.#keys = [sipHashKey(secret), ...this.#keys.slice(0, 1)];
  }

  /**
   * Judges the cookie of a request; one of {@link COOKIE}.
   *
   * @param now seconds since 1970
   */
  judge({ cookie, cookieLength }: Shown, client: ClientAddress, now: number): number {
    if (cookieLength === 0) return COOKIE.NONE;
    if (cookieLength === CLIENT_COOKIE_OCTETS) return COOKIE.CLIENT;
    if (cookieLength !== COOKIE_OCTETS || cookie[VERSION_AT] !== VERSION || client.length === 0) return COOKIE.BAD;
    // RFC 1982: the time has 32 bits, and goes round in 2106.
    const age = (now - read32(cookie, TIME_AT)) | 0;
    if (age > COOKIE_AGE || age < -COOKIE_AHEAD) return COOKIE.BAD;
    for (let i = 0; i < this.#keys.length; i++) {
      this.#digest(this.#keys[i]!, cookie, client);
      let difference = 0;
      for (let j = 0; j < SIPHASH_OCTETS; j++) difference |= this.#hash[j]! ^ cookie[HASH_AT + j]!;
      if (difference === 0) return i === 0 && age < COOKIE_RENEWAL ? COOKIE.GOOD : COOKIE.AGED;
    }
    return COOKIE.BAD;
  }

  /**
   * May a request over UDP be answered, if only those with a good cookie are? One of {@link DEMAND}, always ANSWER unless the jar is
   * to require cookies.
   */
  demand(verdict: number): number {
    if (!this.#isRequired || verdict >= COOKIE.AGED) return DEMAND.ANSWER;
    return verdict === COOKIE.NONE ? DEMAND.TRUNCATE : DEMAND.REFUSE;
  }

  /**
   * Writes the data of a COOKIE option for the cookie that was judged, {@link COOKIE_OCTETS} octets at the start of `out`: the same
   * again if `verdict` is GOOD, with a new server cookie otherwise.
   */
  write(verdict: number, { cookie }: Shown, client: ClientAddress, now: number, out: Uint8Array): void {
    const copied = verdict === COOKIE.GOOD ? COOKIE_OCTETS : CLIENT_COOKIE_OCTETS;
    copyOctets(cookie, 0, out, 0, copied);
    if (verdict === COOKIE.GOOD) return;
    out[VERSION_AT] = VERSION;
    for (let i = VERSION_AT + 1; i < TIME_AT; i++) out[i] = 0;
    for (let i = 0; i < 4; i++) out[TIME_AT + i] = now >>> (24 - 8 * i);
    this.#digest(this.#keys[0]!, out, client);
    copyOctets(this.#hash, 0, out, HASH_AT, SIPHASH_OCTETS);
  }

  #digest(key: Int32Array, cookie: Uint8Array, client: ClientAddress): void {
    copyOctets(cookie, 0, this.#input, 0, HASH_AT);
    copyOctets(client.octets, 0, this.#input, HASH_AT, client.length);
    sipHash(key, this.#input, HASH_AT + client.length, this.#hash, 0);
  }
}

function read32(octets: Uint8Array, at: number): number {
  return (octets[at]! << 24) | (octets[at + 1]! << 16) | (octets[at + 2]! << 8) | octets[at + 3]!;
}
