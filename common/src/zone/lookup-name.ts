/**
 * A name made ready for lookups: lower-cased octets, where its labels begin, and a hash for each of its suffixes. One object is
 * filled again for each query, so that looking a name up allocates nothing.
 *
 * The hash of a name is made of its parent's and of that of its first label: one pass over the octets gives those of all ancestors.
 * Each octet stands for a number that nobody outside of the process knows once it is
 * {@link seedHashes seeded}: else whoever may write names could choose many with the same hash, and make all of them slow.
 */

/** Octets as they compare (RFC 4343): ASCII upper-case letters become lower-case ones. Length octets stay what they are. */
export const LOWER: Uint8Array = Uint8Array.from({ length: 256 }, (_, octet) =>
  octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet,
);

const MAX_OCTETS = 255;
export const MAX_LABELS = 127;
const ROOT_HASH = 0x811c9dc5 | 0;
const LABEL_HASH = ROOT_HASH;
const PRIME = 0x01000193;

/** Octets of a seed: four for each value of an octet. */
export const SEED_OCTETS = 1024;
/** What each octet stands for in hashes, and what it does in names, where case does not count. */
const NUMBERS: Int32Array = Int32Array.from({ length: 256 }, (_, octet) => spread(octet + 1));
const NAME_NUMBERS: Int32Array = NUMBERS.map((_, octet) => NUMBERS[LOWER[octet]!]!);
let isInUse = false;

/**
 * Takes random octets, {@link SEED_OCTETS} of them, for all hashes to come. Threads that share images need the same. `false`, and
 * nothing happens, once a name has been hashed: it would not be found again.
 */
export function seedHashes(random: Uint8Array): boolean {
  if (isInUse) return false;
  const view = new DataView(random.buffer, random.byteOffset, SEED_OCTETS);
  for (let octet = 0; octet < 256; octet++) NUMBERS[octet] = view.getInt32(4 * octet);
  for (let octet = 0; octet < 256; octet++) NAME_NUMBERS[octet] = NUMBERS[LOWER[octet]!]!;
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

/** The hash of what has the hash `start` and before it a part of its own, of which `own` is the hash: of a parent and a label. */
function join(start: number, own: number): number {
  const hash = Math.imul(start ^ own, PRIME);
  return hash ^ (hash >>> 15);
}

/** Goes on with a hash by a label: the octets `from` to `to`, exclusive. */
export function extendHash(start: number, octets: Uint8Array, from: number, to: number): number {
  let hash = LABEL_HASH;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ NUMBERS[octets[at]!]!, PRIME);
  return join(start, hash);
}

/** The same for a label in any case. */
export function extendNameHash(start: number, octets: Uint8Array, from: number, to: number): number {
  let hash = LABEL_HASH;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ NAME_NUMBERS[octets[at]!]!, PRIME);
  return join(start, hash);
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
    const { lower, starts, hashes } = this;
    isInUse = true;
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
      let hash = Math.imul(LABEL_HASH ^ NUMBERS[size]!, PRIME);
      for (let at = length + 1; at < end; at++) {
        const octet = octets[start + at]!;
        lower[at] = LOWER[octet]!;
        hash = Math.imul(hash ^ NAME_NUMBERS[octet]!, PRIME);
      }
      hashes[labels++] = hash;
      length = end;
    }
    this.length = length + 1;
    this.labels = labels;
    let hash = ROOT_HASH;
    hashes[labels] = hash;
    for (let i = labels - 1; i >= 0; i--) {
      hash = join(hash, hashes[i]!);
      hashes[i] = hash;
    }
    return start + length + 1;
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
