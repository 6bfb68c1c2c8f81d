/**
 * Authoritative answers by the algorithm of RFC 1034 4.3.2 with RFC 2181, 2308 (negative answers), 4592 (wildcards), 6604 (RCODE
 * of chains), 6672 (DNAME), 8020 (NXDOMAIN cuts), 8482 (ANY over UDP), 9471 (glue), and for who asks for them (RFC 3225) the
 * signatures and proofs of 4035 3.1 and 5155 7.2: from a query and a zone image straight into the octets of a reply.
 *
 * One value serves for query after query; nothing is allocated.
 * Always holds: data of one zone only; a CNAME or DNAME that leads out of the zone is the resolver's to follow; a reply that does
 * not fit is empty and has TC set.
 */
import { MAX_NAME_OCTETS } from '../name.ts';
import { read16 } from '../octets.ts';
import { TYPE } from '../rr/type.ts';
import { RCODE } from '../wire/code.ts';
import type { Chain } from '../zone/chain.ts';
import type { Image } from '../zone/image.ts';
import { HAS } from '../zone/image-layout.ts';
import { LookupName } from '../zone/lookup-name.ts';
import type { Zone } from '../zone/zone.ts';
import { Additional } from './additional.ts';
import { Denial } from './denial.ts';
import type { Query } from './query.ts';
import { RESPONSE_KIND } from './rate-limit.ts';
import { QUESTION_AT, type Reply, SECTION } from './reply.ts';

/** CNAMEs and DNAMEs followed within a zone. */
const MAX_CHAIN = 16;

/** What the search for a name goes on with. */
const GO_ON = -1;

export class Answering {
  readonly #additional = new Additional();
  /** The target of a CNAME or DNAME that is followed. */
  readonly #target: LookupName = new LookupName();
  /** Two, because the name that a DNAME leads from may be the one that another DNAME made. */
  readonly #made: readonly [Uint8Array, Uint8Array] = [
    new Uint8Array(MAX_NAME_OCTETS),
    new Uint8Array(MAX_NAME_OCTETS),
  ];
  readonly #seen = new Int32Array(MAX_CHAIN);
  readonly #denial = new Denial();

  /** What the answer is, and the hash of the name that it was made from, for who counts answers: those of the first name of a chain. */
  kind: number = RESPONSE_KIND.ANSWER;
  source = 0;

  #zone!: Zone;
  #image!: Image;
  #root = 0;
  #query!: Query;
  #reply!: Reply;
  #isMinimalAny = false;
  /** Are signatures and proofs wanted, and are there any? */
  #isSigned = false;
  #chain: Chain | undefined;

  /** The name being looked for, the number of the label at which the apex begins in it, and its octets as they are written. */
  #name!: LookupName;
  #apex = 0;
  #octets!: Uint8Array;
  #octetsAt = 0;
  /** Where the name stands in the reply. */
  #nameAt = QUESTION_AT;
  /** Where the RDATA stands of the record that leads to the next name. */
  #targetAt = 0;

  /**
   * Answers from `zone`, whose apex is at or above the name; the reply has been begun. Gives the RCODE.
   *
   * @param minimalAny ANY gets one set of the name (RFC 8482 4.1)
   */
  answer(zone: Zone, query: Query, reply: Reply, minimalAny: boolean): number {
    this.#zone = zone;
    this.#image = zone.image;
    this.#root = zone.root;
    this.#query = query;
    this.#reply = reply;
    this.#isMinimalAny = minimalAny;
    this.#name = query.name;
    this.#octets = query.octets;
    this.#octetsAt = query.nameAt;
    this.#nameAt = QUESTION_AT;
    this.#isSigned = query.edns.isDnssecOk && zone.isSigned;
    this.#chain = this.#isSigned ? zone.chain : undefined;
    this.#denial.clear();
    this.#additional.begin(zone, reply, this.#isSigned);
    reply.isAuthoritative = true;
    this.#note(RESPONSE_KIND.ANSWER, 0);
    for (let steps = 0; steps < MAX_CHAIN && this.#isNew(steps); steps++) {
      const rcode = this.#step();
      if (rcode !== GO_ON) return rcode;
    }
    return this.#positive(RCODE.NOERROR);
  }

  /** Notes the name; `false` when the chain has been there, and so goes round. */
  #isNew(steps: number): boolean {
    const hash = this.#name.hashes[0]!;
    for (let i = 0; i < steps; i++) if (this.#seen[i] === hash) return false;
    this.#seen[steps] = hash;
    return true;
  }

  /** Goes down from the apex to the name, one label at a time, as far as there are names (RFC 1034 4.3.2 step 3). */
  #step(): number {
    const image = this.#image;
    const name = this.#name;
    this.#apex = name.labels - this.#zone.labels;
    let node = image.apexOf(this.#root);
    for (let i = this.#apex; ; i--) {
      const flags = image.flags(node);
      const isCut = i < this.#apex && (flags & HAS.ns) !== 0;
      // DS is the parent's (RFC 4035 3.1.4.1).
      if (isCut && !(i === 0 && this.#query.type === TYPE.DS)) return this.#referral(node, i);
      if (i === 0) return this.#found(node, i);
      if ((flags & HAS.dname) !== 0) return this.#dname(node, i);
      const child = image.findSuffix(this.#root, name, i - 1, this.#apex);
      if (child === 0 || image.isHash(child)) return this.#missing(node, i);
      node = child;
    }
  }

  /** There is no such name; `encloser`, the suffix that begins with label `i`, is the closest one (RFC 4592 3.3.1). */
  #missing(encloser: number, i: number): number {
    const wildcard = this.#image.findWildcard(this.#root, encloser, this.#name, i, this.#apex);
    // NS at a wildcard makes no zone cut of the names it covers: data like any other (RFC 4592 4.2 leaves it undefined).
    if (wildcard !== 0) return this.#found(wildcard, i);
    this.#note(RESPONSE_KIND.NXDOMAIN, this.#name.hashes[this.#apex]!);
    return this.#negative(RCODE.NXDOMAIN, i);
  }

  #note(kind: number, source: number): void {
    this.kind = kind;
    this.source = source;
  }

  /** The data of the name: that of its node, or of the wildcard below the suffix that begins with label `i`, if that is not 0. */
  #found(node: number, i: number): number {
    const image = this.#image;
    const { type } = this.#query;
    if (this.#name === this.#query.name) this.#note(RESPONSE_KIND.ANSWER, image.hashOf(node));
    this.#reply.ownerAt(this.#nameAt);
    if (type === TYPE.ANY || type === TYPE.RRSIG) return this.#several(node, type, i);
    const set = image.set(node, type);
    if (set === 0) return this.#alias(node, i);
    if (!this.#put(node, set)) return this.#truncated(RCODE.NOERROR);
    this.#expanded(i);
    return this.#positive(RCODE.NOERROR);
  }

  /** What was asked for is not there: a CNAME leads on. */
  #alias(node: number, i: number): number {
    const image = this.#image;
    const cname = (image.flags(node) & HAS.cname) === 0 ? 0 : image.set(node, TYPE.CNAME);
    if (cname === 0) return this.#negative(RCODE.NOERROR, i);
    if (!this.#put(node, cname)) return this.#truncated(RCODE.NOERROR);
    this.#expanded(i);
    return this.#follow(image.bytes, image.setData(cname) + 2);
  }

  /** ANY, and RRSIG, which is a set for each type that is signed. */
  #several(node: number, type: number, label: number): number {
    const image = this.#image;
    const count = image.setCount(node);
    let isAny = false;
    for (let i = 0; i < count; i++) {
      const set = image.setAt(node, i);
      if (type !== TYPE.ANY && image.setType(set) !== type) continue;
      isAny = true;
      const isOnly = this.#isMinimalAny && type === TYPE.ANY;
      // Signatures come with the set, for those who want them.
      if (isOnly && image.setType(set) === TYPE.RRSIG && i + 1 < count) continue;
      if (!this.#isThere(node, set)) {
        const fits = isOnly
          ? this.#putSigned(SECTION.answer, node, set)
          : this.#reply.putSet(SECTION.answer, image, set);
        if (!fits) return this.#truncated(RCODE.NOERROR);
      }
      if (isOnly) break;
    }
    if (!isAny) return this.#alias(node, label);
    this.#expanded(label);
    return this.#positive(RCODE.NOERROR);
  }

  /** Puts a set into the answer section. Does it fit? */
  #put(node: number, set: number): boolean {
    return this.#isThere(node, set) || this.#putSigned(SECTION.answer, node, set);
  }

  /** Notes a set of the answer, and what it wants. Does it stand there already: a DNAME that led to its own owner? */
  #isThere(node: number, set: number): boolean {
    return !this.#additional.want(node, set, this.#nameAt) && this.#image.setType(set) === TYPE.DNAME;
  }

  /** Puts a set and its signatures (RFC 4035 3.1.1). Do they fit? */
  #putSigned(section: number, node: number, set: number, ttl = -1): boolean {
    const image = this.#image;
    const reply = this.#reply;
    if (!reply.putSet(section, image, set, ttl)) return false;
    this.#targetAt = reply.rdataAt;
    const signatures = this.#isSigned ? image.signatures(node, image.setType(set)) : 0;
    return signatures === 0 || reply.putSet(section, image, signatures, ttl);
  }

  /** The answer was made from the wildcard below the suffix that begins with label `i`: nothing is closer. */
  #expanded(i: number): void {
    if (i > 0 && this.#chain !== undefined) this.#denial.expanded(this.#chain, this.#name, i, this.#apex);
  }

  /** Puts the gathered proofs into the authority section. Do they fit? */
  #putProofs(): boolean {
    const image = this.#image;
    const { nodes, count } = this.#denial;
    for (let i = 0; i < count; i++) {
      const node = nodes[i]!;
      this.#reply.ownerNode(image, node, this.#zone.origin.wire);
      if (!this.#putSigned(SECTION.authority, node, image.set(node, this.#chain!.type))) return false;
    }
    return true;
  }

  /** Goes on with the name at `octets[at]`, which was written last; it may lead out of the zone. */
  #follow(octets: Uint8Array, at: number): number {
    const zone = this.#zone;
    const target = this.#target;
    this.#nameAt = this.#targetAt;
    target.read(octets, at);
    const apex = target.labels - zone.labels;
    if (apex < 0 || !target.endsWith(apex, zone.apexWire)) return this.#positive(RCODE.NOERROR);
    this.#name = target;
    this.#octets = octets;
    this.#octetsAt = at;
    return GO_ON;
  }

  /** The name is below a DNAME, which is the suffix that begins with label `i` (RFC 6672 3.2). */
  #dname(node: number, i: number): number {
    const image = this.#image;
    const reply = this.#reply;
    const set = image.set(node, TYPE.DNAME);
    const ttl = image.setTtl(set);
    reply.ownerNode(image, node, this.#zone.origin.wire);
    if (this.#additional.isNew(set) && !this.#putSigned(SECTION.answer, node, set))
      return this.#truncated(RCODE.NOERROR);
    const target = image.setData(set) + 2;
    const targetOctets = read16(image.bytes, target - 2);
    const own = this.#name.starts[i]!;
    if (own + targetOctets > MAX_NAME_OCTETS) return this.#positive(RCODE.YXDOMAIN);
    const made = this.#octets === this.#made[0] ? this.#made[1] : this.#made[0];
    for (let at = 0; at < own; at++) made[at] = this.#octets[this.#octetsAt + at]!;
    for (let at = 0; at < targetOctets; at++) made[own + at] = image.bytes[target + at]!;
    reply.ownerAt(this.#nameAt);
    if (!reply.putName(SECTION.answer, TYPE.CNAME, ttl, made, own + targetOctets))
      return this.#truncated(RCODE.NOERROR);
    this.#targetAt = reply.rdataAt;
    return this.#query.type === TYPE.CNAME ? this.#positive(RCODE.NOERROR) : this.#follow(made, 0);
  }

  #positive(rcode: number): number {
    if (!this.#putProofs()) return this.#truncated(rcode);
    this.#additional.put();
    return rcode;
  }

  /**
   * The SOA at the TTL of negative answers (RFC 2308 3). Label `i` is that of the closest encloser, when it is not the name itself
   * that exists without data.
   */
  #negative(rcode: number, i: number): number {
    const image = this.#image;
    const apex = image.apexOf(this.#root);
    const soa = image.set(apex, TYPE.SOA);
    this.#reply.ownerNode(image, apex, this.#zone.origin.wire);
    const ttl = Math.min(image.setTtl(soa), this.#zone.negativeTtl);
    if (!this.#putSigned(SECTION.authority, apex, soa, ttl)) return this.#truncated(rcode);
    if (this.#chain !== undefined) {
      if (i > 0) this.#denial.noName(this.#chain, this.#name, i, this.#apex);
      else this.#denial.noData(this.#chain, this.#name, 0, this.#apex);
    }
    return this.#putProofs() ? rcode : this.#truncated(rcode);
  }

  /** To the servers of the zone below the cut, which is the suffix that begins with label `i` (RFC 1034 4.3.2 step 3b). */
  #referral(node: number, i: number): number {
    const image = this.#image;
    const reply = this.#reply;
    const set = image.set(node, TYPE.NS);
    this.#note(RESPONSE_KIND.REFERRAL, image.hashOf(node));
    if (reply.count(SECTION.answer) === 0) {
      reply.isAuthoritative = false;
      reply.ownerAt(QUESTION_AT + this.#name.starts[i]!);
    } else reply.ownerNode(image, node, this.#zone.origin.wire);
    if (!reply.putSet(SECTION.authority, image, set)) return this.#truncated(RCODE.NOERROR);
    if (this.#isSigned && !this.#putTrust(node, i)) return this.#truncated(RCODE.NOERROR);
    // Without them nobody can go on: better to ask again over TCP (RFC 9471 3.1).
    return this.#additional.putGlue(node, set, this.#apex - i) ? RCODE.NOERROR : this.#truncated(RCODE.NOERROR);
  }

  /** Puts the DS of a delegation, or the proof that it has none (RFC 4035 3.1.4). Does it fit? */
  #putTrust(node: number, i: number): boolean {
    const ds = this.#image.set(node, TYPE.DS);
    if (ds === 0 && this.#chain !== undefined) this.#denial.noData(this.#chain, this.#name, i, this.#apex);
    return (ds === 0 || this.#putSigned(SECTION.authority, node, ds)) && this.#putProofs();
  }

  #truncated(rcode: number): number {
    this.#reply.truncate();
    return rcode;
  }
}
