/**
 * Response rate limiting: how many alike responses a network gets in a second over UDP, where anybody can ask in its name.
 *
 * A token bucket for each pair of a prefix and a kind of response, in a table of fixed size; where it is full, the bucket that
 * was used longest ago makes room. Of what is too much every n-th is answered truncated, so that who asks honestly comes again
 * over TCP, and the rest is dropped.
 * Left out: who is exempt (TCP, good cookies: the caller does not ask then).
 * Threads that share a table may count a response twice or not at all when they meet at one bucket, and nothing worse.
 * Always holds: a judgement allocates nothing and looks at four buckets at most.
 */
import type { ClientAddress } from './client-address.ts';

/** What a response is counted as, beside its prefix. `hash` of {@link RateLimiter.judge} tells responses of a kind apart. */
export const RESPONSE_KIND = {
  /** By the owner of the records; for a wildcard the wildcard's, so that random names count together. */
  ANSWER: 0,
  /** By zone. */
  NXDOMAIN: 1,
  /** By the delegated name. */
  REFERRAL: 2,
  /** Not told apart. */
  ERROR: 3,
} as const;

export const RATE = { ANSWER: 0, SLIP: 1, DROP: 2 } as const;

export interface RateLimit {
  /** Responses a second. 1 or more. */
  readonly rate: number;
  /** Every so many responses too many one is sent truncated; 0: none. */
  readonly slip: number;
  /** Any 32 bits that nobody guesses, so that nobody can choose who shares a bucket. */
  readonly seed: number;
  /** The table, {@link RATE_MEMORY} octets, where several threads count together; one of its own unless given. */
  readonly memory?: SharedArrayBuffer;
}

/** Buckets in the table: one MiB. A power of two. */
export const RATE_BUCKETS = 65_536;
/** Octets of the table: two counters and four words a bucket. */
export const RATE_MEMORY: number = 4 * (2 + 4 * RATE_BUCKETS);
/** Buckets that one prefix and kind may be in. */
const WAYS = 4;
/** Octets of an IPv4 prefix (/24) and of an IPv6 prefix (/56). */
const PREFIX_OCTETS = { four: 3, six: 7 } as const;
/** A bucket is full after this time, and holds what may be sent in it. Milliseconds. */
const WINDOW = 1000;

/** How many of the first octets of an address are its network's, whose clients count as one. */
export function prefixOctets({ length }: ClientAddress): number {
  return length === 4 ? PREFIX_OCTETS.four : PREFIX_OCTETS.six;
}

/** The finishing steps of MurmurHash3: each bit of the sum has a say in each bit of the result. */
function mix(hash: number, value: number): number {
  let h = Math.imul(hash ^ value, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

export class RateLimiter {
  readonly #rate: number;
  readonly #slip: number;
  readonly #seed: number;
  /** Responses that were sent truncated, and that were not sent, so far. */
  readonly #counts: Int32Array;
  /** What the bucket is for, as 32 bits other than 0; 0: for nothing. */
  readonly #marks: Int32Array;
  /** Thousandths of a response that may still be sent. */
  readonly #tokens: Int32Array;
  /** When it was used last: milliseconds, lower 32 bits. */
  readonly #times: Int32Array;
  /** Responses too many since the bucket was full. */
  readonly #excess: Int32Array;

  constructor({ rate, slip, seed, memory = new SharedArrayBuffer(RATE_MEMORY) }: RateLimit) {
    this.#rate = rate;
    this.#slip = slip;
    this.#seed = seed;
    const words = new Int32Array(memory);
    const column = (number: number): Int32Array =>
      words.subarray(2 + number * RATE_BUCKETS, 2 + (number + 1) * RATE_BUCKETS);
    this.#counts = words.subarray(0, 2);
    this.#marks = column(0);
    this.#tokens = column(1);
    this.#times = column(2);
    this.#excess = column(3);
  }

  /** Responses that were sent truncated so far. */
  get slipped(): number {
    return this.#counts[0]! >>> 0;
  }

  /** Responses that were not sent so far. */
  get dropped(): number {
    return this.#counts[1]! >>> 0;
  }

  /** One of {@link RATE}. `kind` of {@link RESPONSE_KIND}; `now` milliseconds, from whatever moment on. */
  judge(client: ClientAddress, kind: number, hash: number, now: number): number {
    const bucket = this.#bucketOf(client, kind, hash, now | 0);
    const tokens = this.#tokens[bucket]!;
    if (tokens >= 1000) {
      this.#tokens[bucket] = tokens - 1000;
      return RATE.ANSWER;
    }
    const excess = (this.#excess[bucket]! + 1) & 0x7fffffff;
    this.#excess[bucket] = excess;
    if (this.#slip > 0 && excess % this.#slip === 0) {
      this.#counts[0]!++;
      return RATE.SLIP;
    }
    this.#counts[1]!++;
    return RATE.DROP;
  }

  /** The bucket, with what it has gained since it was used last. */
  #bucketOf(client: ClientAddress, kind: number, hash: number, now: number): number {
    const octets = prefixOctets(client);
    let key = mix(this.#seed, mix(hash, (client.length << 8) | kind));
    let mark = this.#seed ^ hash;
    for (let i = 0; i < octets; i++) {
      key = mix(key, client.octets[i]!);
      mark = mix(mark, (client.octets[i]! << 8) | kind);
    }
    mark |= 1;
    const first = (key & (RATE_BUCKETS / WAYS - 1)) * WAYS;
    let oldest = first;
    for (let bucket = first; bucket < first + WAYS; bucket++) {
      if (this.#marks[bucket] === mark) {
        this.#fill(bucket, now);
        return bucket;
      }
      if (this.#isOlder(bucket, oldest, now)) oldest = bucket;
    }
    this.#marks[oldest] = mark;
    this.#tokens[oldest] = this.#rate * WINDOW;
    this.#times[oldest] = now;
    this.#excess[oldest] = 0;
    return oldest;
  }

  #isOlder(bucket: number, other: number, now: number): boolean {
    if (this.#marks[other] === 0) return false;
    return this.#marks[bucket] === 0 || ((now - this.#times[bucket]!) | 0) > ((now - this.#times[other]!) | 0);
  }

  #fill(bucket: number, now: number): void {
    const elapsed = (now - this.#times[bucket]!) | 0;
    this.#times[bucket] = now;
    // A clock that was set back gives nothing and takes nothing.
    if (elapsed <= 0) return;
    const whole = this.#rate * WINDOW;
    const tokens = this.#tokens[bucket]! + Math.min(elapsed, WINDOW) * this.#rate;
    if (tokens < whole) this.#tokens[bucket] = tokens;
    else {
      this.#tokens[bucket] = whole;
      this.#excess[bucket] = 0;
    }
  }
}
