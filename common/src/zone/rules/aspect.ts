/**
 * What is to be seen of a node without taking it apart: by this the rules pass over most names, with no object made of them.
 *
 * Always holds: a node of which a rule has something to tell has the aspect that the rule looks for; the reverse need not be.
 */

import { read16 } from '../../octets.ts';
import { TYPE } from '../../rr/type.ts';
import type { Image } from '../image.ts';
import { HAS, SET, signedBy } from '../image-layout.ts';
import { ASTERISK, areSameOctets, LookupName } from '../lookup-name.ts';
import type { Zone } from '../zone.ts';
import { AT_CUT, GLUE } from './cut.ts';
import { ASPECT } from './rule.ts';
import { MAX_SET_OCTETS, USUAL_RECORDS } from './size.ts';

/** Octets of a record in a message beside RDATA and its length: a pointer, type, class, TTL. */
const RECORD_OCTETS = 10;

/** What may stand at a zone cut. */
const CUT_TYPES: ReadonlySet<number> = new Set([...GLUE, ...AT_CUT]);
/** Types with targets that rules are about: how many octets stand before the name, or {@link ODD} where no glance will do. */
const ODD = -1;
const TARGET_AT: ReadonlyMap<number, number> = new Map([
  [TYPE.NS, 0],
  [TYPE.MX, 2],
  [TYPE.SRV, 6],
  [TYPE.SVCB, ODD],
  [TYPE.HTTPS, ODD],
]);

const lookup = new LookupName();
const wire = new Uint8Array(256);

export class Aspects {
  readonly #zone: Zone;
  readonly #image: Image;
  readonly #apex: number;
  readonly #hasHidden: boolean;
  readonly #hasAsterisk: boolean;
  /** The name that the node before was below, and what hides there. */
  #parentAt = 0;
  #parentOctets = 0;
  #parentFlags = 0;

  constructor(zone: Zone) {
    const { image, root } = zone;
    this.#zone = zone;
    this.#image = image;
    this.#apex = image.apexOf(root);
    this.#hasHidden = image.cutsOf(root) > 0 || image.dnamesOf(root) > 0;
    this.#hasAsterisk = zone.apexWire.includes(ASTERISK);
    this.#parentFlags = image.flags(this.#apex) & HAS.dname;
  }

  /** What is to be seen, at least of the aspects that are wanted. */
  of(node: number, wanted: number): number {
    const image = this.#image;
    if (wanted === ASPECT.large) return this.#isLarge(node) ? ASPECT.large : 0;
    const flags = image.flags(node);
    const own = image.nameOctets(node);
    const at = image.nameAt(node);
    const { bytes } = image;
    const label = own === 0 ? 0 : 1 + bytes[at]!;
    let aspects = node === this.#apex ? ASPECT.apex : 0;
    const isLarge = this.#isLarge(node);
    if (isLarge) aspects |= ASPECT.large;
    if (this.#hasAsterisk || hasAsterisk(bytes, at + label, at + own)) aspects |= ASPECT.asterisk;
    if ((flags & HAS.rrsig) !== 0 && (isLarge || hasLostSignature(image, node))) aspects |= ASPECT.lostSignature;
    if (this.#hasOddTarget(node)) aspects |= ASPECT.target;
    if (!this.#hasHidden || own === 0) return aspects;
    const above = this.#flagsAbove(at + label, own - label);
    if (
      (above & HAS.ns) !== 0
        ? hasOtherThan(image, node, GLUE)
        : (flags & HAS.ns) !== 0 && hasOtherThan(image, node, CUT_TYPES)
    )
      aspects |= ASPECT.cut;
    if ((above & HAS.dname) !== 0) aspects |= ASPECT.dname;
    return aspects;
  }

  #isLarge(node: number): boolean {
    const image = this.#image;
    let records = 0;
    let octets = wire.length;
    for (let i = image.setCount(node) - 1; i >= 0; i--) {
      const set = image.setAt(node, i);
      records += image.setSize(set);
      octets += image.setOctets(set);
    }
    return records > USUAL_RECORDS || octets + RECORD_OCTETS * records > MAX_SET_OCTETS;
  }

  #hasOddTarget(node: number): boolean {
    const image = this.#image;
    const { bytes } = image;
    for (let i = image.setCount(node) - 1; i >= 0; i--) {
      const set = image.setAt(node, i);
      const before = TARGET_AT.get(image.setType(set));
      if (before === undefined) continue;
      const name = image.nameAt(node);
      if (before === ODD || (bytes[name] === 1 && bytes[name + 1] === ASTERISK)) return true;
      let at = image.setData(set);
      for (let left = image.setSize(set); left > 0; left--) {
        const end = at + 2 + read16(bytes, at);
        if (this.#isOddTarget(at + 2 + before, end)) return true;
        at = end;
      }
    }
    return false;
  }

  /** Might a rule have something to tell of what stands at `at`, a name in wire form if all is well? */
  #isOddTarget(at: number, end: number): boolean {
    const image = this.#image;
    const { root, apexWire, labels } = this.#zone;
    if (isDigit(image.bytes[at + 1]!) || lookup.read(image.bytes, at) !== end) return true;
    const apex = lookup.labels - labels;
    if (apex < 0 || !lookup.endsWith(apex, apexWire)) return false;
    const node = image.findSuffix(root, lookup, 0, apex);
    if (node === 0 || image.dnamesOf(root) > 0 || (image.flags(node) & HAS.cname) !== 0) return true;
    return image.set(node, TYPE.A) === 0 && image.set(node, TYPE.AAAA) === 0;
  }

  /** NS and DNAME of the name of so many octets that stands at `at`, and of the names above it. NS of the apex is no cut. */
  #flagsAbove(at: number, octets: number): number {
    const { bytes } = this.#image;
    if (octets === this.#parentOctets && areSameOctets(bytes, at, bytes, this.#parentAt, octets))
      return this.#parentFlags;
    const { root, apexWire } = this.#zone;
    wire.set(bytes.subarray(at, at + octets));
    wire.set(apexWire, octets);
    lookup.read(wire, 0);
    const apex = lookup.labels - this.#zone.labels;
    let flags = this.#image.flags(this.#apex) & HAS.dname;
    for (let i = 0; i < apex; i++) flags |= this.#image.flags(this.#image.findSuffix(root, lookup, i, apex));
    this.#parentAt = at;
    this.#parentOctets = octets;
    this.#parentFlags = flags;
    return flags;
  }
}

/** Targets that look like addresses begin with a digit. */
function isDigit(octet: number): boolean {
  return octet >= 0x30 && octet <= 0x39;
}

function hasAsterisk(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] === ASTERISK) return true;
  return false;
}

function hasOtherThan(image: Image, node: number, types: ReadonlySet<number>): boolean {
  for (let i = image.setCount(node) - 1; i >= 0; i--) if (!types.has(image.setType(image.setAt(node, i)))) return true;
  return false;
}

function hasLostSignature(image: Image, node: number): boolean {
  for (let i = image.setCount(node) - 1; i >= 0; i--) {
    const key = image.words[image.setAt(node, i) + SET.key]!;
    const signed = signedBy(key);
    if (signed >= 0 && image.set(node, signed) === 0) return true;
  }
  return false;
}
