/**
 * A name made ready for lookups: lower-cased octets, where its labels begin, and a hash for each of its suffixes. One object is
 * filled again for each query, so that looking a name up allocates nothing.
 *
 * The hash runs from the root down, label by label, so the hash of a name continues that of its parent: one pass over the octets
 * gives those of all ancestors. Each octet stands for a number that nobody outside of the process knows once it is
 * {@link seedHashes seeded}: else whoever may write names could choose many with the same hash, and make all of them slow.
 */

/** Octets as they compare (RFC 4343): ASCII upper-case letters become lower-case ones. Length octets stay what they are. */
export const LOWER: Uint8Array = Uint8Array.from({ length: 256 }, (_, octet) =>
  octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet,
);

const MAX_OCTETS = 255;
export const MAX_LABELS = 127;
const ROOT_HASH = 0x811c9dc5 | 0;
const PRIME = 0x01000193;

/** Octets of a seed: four for each value of an octet. */
export const SEED_OCTETS = 1024;
/** What each octet stands for in hashes. */
const NUMBERS: Int32Array = Int32Array.from({ length: 256 }, (_, octet) => spread(octet + 1));
let isInUse = false;

/**
 * Takes random octets, {@link SEED_OCTETS} of them, for all hashes to come. Threads that share images need the same. `false`, and
 * nothing happens, once a name has been hashed: it would not be found again.
 */
export function seedHashes(random: Uint8Array): boolean {
  if (isInUse) return false;
  const view = new DataView(random.buffer, random.byteOffset, SEED_OCTETS);
  for (let octet = 0; octet < 256; octet++) NUMBERS[octet] = view.getInt32(4 * octet);
  return true;
}

/** What this thread hashes by, for {@link seedHashes} of a thread that is to share its images. */
export function hashSeed(): Uint8Array {
  const seed = new DataView(new ArrayBuffer(SEED_OCTETS));
  NUMBERS.forEach((number, octet) => {
    seed.setInt32(4 * octet, number);
  });
  return new Uint8Array(seed.buffer);
}

/** Goes on with a hash by the octets `from` to `to`, exclusive. */
export function extendHash(start: number, octets: Uint8Array, from: number, to: number): number {
  let hash = start;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ NUMBERS[octets[at]!]!, PRIME);
  return hash ^ (hash >>> 15);
}

/** The same for octets of a name in any case. */
export function extendNameHash(start: number, octets: Uint8Array, from: number, to: number): number {
  let hash = start;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ NUMBERS[LOWER[octets[at]!]!]!, PRIME);
  return hash ^ (hash >>> 15);
}

/** Are so many octets of two names the same, whatever their case (RFC 4343)? */
export function areSameOctets(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number, count: number): boolean {
  for (let i = 0; i < count; i++) {
    const left = a[aStart + i]!;
    const right = b[bStart + i]!;
    if (left !== right && LOWER[left] !== LOWER[right]) return false;
  }
  return true;
}

export class LookupName {
  /** Uncompressed wire form in lower case; valid up to `length`. */
  readonly lower: Uint8Array = new Uint8Array(MAX_OCTETS + 1);
  /** Where each label begins, the left-most first; at `labels` stands the root label. */
  readonly starts: Uint8Array = new Uint8Array(MAX_LABELS + 1);
  /** The hash of the suffix that begins with each label; that of the root at `labels`. */
  readonly hashes: Int32Array = new Int32Array(MAX_LABELS + 1);
  /** Octets, 1..255. */
  length = 1;
  /** Labels without the root label, 0..127. */
  labels = 0;

  /**
   * Takes the uncompressed name that begins at `start`; gives where it ends, or -1 when there is none (a pointer, cut short, too
   * long), and then the content is undefined.
   */
  read(octets: Uint8Array, start: number): number {
    const { lower, starts } = this;
    let labels = 0;
    let length = 0;
    for (;;) {
      const size = octets[start + length];
      if (size === undefined || size > 63 || length + size >= MAX_OCTETS) return -1;
      starts[labels] = length;
      lower[length] = size;
      if (size === 0) break;
      const end = length + 1 + size;
      if (start + end > octets.length) return -1;
      for (let at = length + 1; at < end; at++) lower[at] = LOWER[octets[start + at]!]!;
      length = end;
      labels++;
    }
    this.length = length + 1;
    this.labels = labels;
    this.#hash();
    return start + length + 1;
  }

  #hash(): void {
    const { lower, starts, hashes } = this;
    isInUse = true;
    let hash = ROOT_HASH;
    hashes[this.labels] = hash;
    for (let i = this.labels - 1; i >= 0; i--) {
      hash = extendHash(hash, lower, starts[i]!, starts[i + 1]!);
      hashes[i] = hash;
    }
  }

  /** The hash of the wildcard (`*` label) below the suffix that begins with label `i`. */
  wildcardHash(i: number): number {
    return extendHash(this.hashes[i]!, ASTERISK_LABEL, 0, ASTERISK_LABEL.length);
  }

  /** Is the suffix that begins with label `i` this name, given in wire form, lower case? */
  endsWith(i: number, wire: Uint8Array): boolean {
    const start = this.starts[i]!;
    if (this.length - start !== wire.length) return false;
    for (let at = 0; at < wire.length; at++) if (this.lower[start + at] !== wire[at]) return false;
    return true;
  }
}

export const ASTERISK = 0x2a;
const ASTERISK_LABEL = Uint8Array.of(1, ASTERISK);

/** Spreads a hash over all bits, so that its upper ones can be a slot (the finalizer of MurmurHash3). */
export function spread(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
