/**
 * The additional section: addresses, as far as the zone has them, of the names that records point to (RFC 1034 4.3.2 step 6, RFC
 * 2782), with SVCB and HTTPS also the records of their kind (RFC 9460 4.1), and glue (RFC 9471).
 *
 * Left out: TLSA for MX and SRV, which nothing asks for (RFC 7672, RFC 7673), names that only a wildcard has, and proofs that
 * something does not exist.
 * Sets that do not fit are left out, but for glue that a referral cannot do without. Nothing is allocated.
 */
import { read16 } from '../octets.ts';
import { shapeOf } from '../rr/shape.ts';
import { TYPE } from '../rr/type.ts';
import type { Image } from '../zone/image.ts';
import { HAS } from '../zone/image-layout.ts';
import { LookupName } from '../zone/lookup-name.ts';
import type { Zone } from '../zone/zone.ts';
import { type Reply, SECTION } from './reply.ts';

/** Names that are looked up for one reply: each costs a search (CVE-2024-11187). */
const MAX_TARGETS = 256;
/** Sets of a reply that ask for addresses. */
const MAX_WANTING = 32;
const SLOTS = 2048;

/** Instead of the node of a zone cut. */
const NO_CUT = 0;
/** Instead of a place in the reply: the owner is the name of the node, and stands nowhere yet. */
const NOWHERE = 0;
const ADDRESSES: readonly number[] = [TYPE.A, TYPE.AAAA];

const isService = (type: number): boolean => type === TYPE.SVCB || type === TYPE.HTTPS;

export class Additional {
  readonly #target = new LookupName();
  #zone!: Zone;
  #image!: Image;
  #reply!: Reply;
  #isSigned = false;
  readonly #wantingNodes = new Int32Array(MAX_WANTING);
  readonly #wantingSets = new Int32Array(MAX_WANTING);
  readonly #wantingOwners = new Int32Array(MAX_WANTING);
  #wanting = 0;
  #targets = 0;
  /** Was one of the names that were sought at a zone cut elsewhere in the zone? */
  #isElsewhere = false;
  // Sets that are in the reply already; those with another stamp belong to an earlier one.
  readonly #sets = new Int32Array(SLOTS);
  readonly #stamps = new Int32Array(SLOTS);
  #stamp = 0;
  #noted = 0;

  /** @param isSigned signatures are wanted, and there are some */
  begin(zone: Zone, reply: Reply, isSigned: boolean): void {
    this.#zone = zone;
    this.#image = zone.image;
    this.#reply = reply;
    this.#isSigned = isSigned;
    this.#wanting = 0;
    this.#targets = 0;
    this.#noted = 0;
    this.#stamp = (this.#stamp + 1) | 0;
  }

  /** Notes that a set is in the reply; `false` when it has been noted before. */
  isNew(set: number): boolean {
    // So full that a search would be long: a set may then stand twice.
    if (this.#noted > SLOTS / 2) return true;
    let slot = Math.imul(set, 0x9e3779b1) >>> 21;
    for (; this.#stamps[slot] === this.#stamp; slot = (slot + 1) & (SLOTS - 1))
      if (this.#sets[slot] === set) return false;
    this.#stamps[slot] = this.#stamp;
    this.#sets[slot] = set;
    this.#noted++;
    return true;
  }

  /**
   * Notes a set that is in the reply, and that its names may want addresses. `false` when it has been noted before.
   *
   * @param owner where its owner stands in the reply, which is not the name of the node when a wildcard made it
   */
  want(node: number, set: number, owner: number): boolean {
    if (shapeOf(this.#image.setType(set))?.wantsAddress === true) this.#note(node, set, owner);
    return this.isNew(set);
  }

  #note(node: number, set: number, owner: number): void {
    if (this.#wanting === MAX_WANTING) return;
    this.#wantingNodes[this.#wanting] = node;
    this.#wantingOwners[this.#wanting] = owner;
    this.#wantingSets[this.#wanting++] = set;
  }

  /** Puts what the noted sets want, as long as it fits; SVCB sets that an alias leads to are noted meanwhile. */
  put(): void {
    for (let i = 0; i < this.#wanting; i++) {
      const set = this.#wantingSets[i]!;
      if (isService(this.#image.setType(set))) this.#eachService(this.#wantingNodes[i]!, set, this.#wantingOwners[i]!);
      else this.#eachTarget(set, NO_CUT, 0);
    }
  }

  /**
   * Puts the glue for the NS set of a zone cut, whose name has `labels` labels more than the apex. What is at or below the cut has to
   * fit, else `false` (RFC 9471 3.1); addresses elsewhere in the zone are put if they fit (3.2).
   */
  putGlue(cut: number, set: number, labels: number): boolean {
    this.#isElsewhere = false;
    if (!this.#eachTarget(set, cut, labels)) return false;
    return !this.#isElsewhere || this.#eachTarget(set, NO_CUT, 0);
  }

  /** Walks the names of a set; with a `cut` those at or below it. `false` when what has to fit does not. */
  #eachTarget(set: number, cut: number, labels: number): boolean {
    const image = this.#image;
    const { bytes } = image;
    const shape = shapeOf(image.setType(set))!;
    let at = image.setData(set);
    for (let i = image.setSize(set); i > 0; i--) {
      let name = at + 2 + shape.fixed;
      for (let j = shape.strings; j > 0; j--) name += 1 + bytes[name]!;
      const found = this.#find(image.setType(set), name, cut, labels);
      if (found !== 0 && !this.#putAddresses(found, NOWHERE) && cut !== NO_CUT) return false;
      at += 2 + read16(bytes, at);
    }
    return true;
  }

  /** Walks the TargetNames of an SVCB or HTTPS set: addresses, and the set of the same type (RFC 9460 4.1). */
  #eachService(node: number, set: number, owner: number): void {
    const image = this.#image;
    const { bytes } = image;
    const type = image.setType(set);
    let at = image.setData(set);
    for (let i = image.setSize(set); i > 0; i--) {
      // SvcPriority, behind the length (RFC 9460 2.2).
      const isAlias = bytes[at + 2] === 0 && bytes[at + 3] === 0;
      const name = at + 4;
      const found = this.#find(type, name, NO_CUT, 0);
      if (found !== 0) {
        this.#putAddresses(found, NOWHERE);
        const next = image.set(found, type);
        // What a service leads to is of no use beyond that.
        if (next !== 0 && this.isNew(next) && this.#put(found, next, NOWHERE) && isAlias)
          this.#note(found, next, NOWHERE);
      } else if (bytes[name] === 0 && !isAlias) this.#putAddresses(node, owner);
      at += 2 + read16(bytes, at);
    }
  }

  /** The node of the name at an offset in the image; 0 when it is of no use. */
  #find(type: number, at: number, cut: number, labels: number): number {
    const image = this.#image;
    // The root as a target means "none" (RFC 7505, RFC 2782, RFC 9460 2.5.1), or the owner of a service (2.5.2).
    if (image.bytes[at] === 0) return 0;
    if (cut === NO_CUT && ++this.#targets > MAX_TARGETS) return 0;
    const target = this.#target;
    target.read(image.bytes, at);
    const apex = target.labels - this.#zone.labels;
    if (apex < 0 || !target.endsWith(apex, this.#zone.apexWire)) return 0;
    if (cut !== NO_CUT && (apex < labels || !image.isSuffix(cut, target, apex - labels, apex))) {
      this.#isElsewhere = true;
      return 0;
    }
    const found = image.findSuffix(this.#zone.root, target, 0, apex);
    // What is at or below a zone cut is for the way to its servers, and for nothing else (RFC 1034 4.2.1).
    return found !== 0 && type !== TYPE.NS && this.#isBelowCut(apex) ? 0 : found;
  }

  /** Is the target, which exists, at or below a zone cut? */
  #isBelowCut(apex: number): boolean {
    const image = this.#image;
    if (image.cutsOf(this.#zone.root) === 0) return false;
    for (let i = apex - 1; i >= 0; i--) {
      const node = image.findKnown(this.#zone.root, this.#target, i, apex);
      if ((image.flags(node) & HAS.ns) !== 0) return true;
    }
    return false;
  }

  /** Do the addresses of a node, as far as they are not in the reply, all fit? */
  #putAddresses(node: number, owner: number): boolean {
    const image = this.#image;
    let isAll = true;
    for (let i = 0; i < ADDRESSES.length; i++) {
      const set = image.set(node, ADDRESSES[i]!);
      if (set !== 0 && this.isNew(set) && !this.#put(node, set, owner)) isAll = false;
    }
    return isAll;
  }

  /** Puts a set of a node, whose owner is to be that at a place in the reply. Does it fit? */
  #put(node: number, set: number, owner: number): boolean {
    const image = this.#image;
    const reply = this.#reply;
    if (owner === NOWHERE) reply.ownerNode(image, node, this.#zone.origin.wire);
    else reply.ownerAt(owner);
    if (!reply.putSet(SECTION.additional, image, set)) return false;
    if (this.#isSigned) this.#putSignatures(node, image.setType(set));
    return true;
  }

  /** Those that do not fit are left out (RFC 4035 3.1.1); glue has none. */
  #putSignatures(node: number, type: number): void {
    const signatures = this.#image.signatures(node, type);
    if (signatures !== 0) this.#reply.putSet(SECTION.additional, this.#image, signatures);
  }
}
