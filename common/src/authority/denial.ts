/**
 * Proofs of denial in an answer from a signed zone: which nodes' NSEC or NSEC3 records have to stand in its authority section
 * (RFC 4035 3.1.3, 3.1.4; RFC 5155 7.2).
 *
 * The three questions that are asked here cover all cases. "There is no such type": `noData`, for names that exist, and for the DS of
 * a delegation without one. "There is no such name": `noName`, also where a wildcard takes its place but has no data either.
 * "There is no closer name than the wildcard": `expanded`.
 * An NSEC that covers a name also says that what it is below exists, so with NSEC that is one record; with NSEC3 the closest
 * encloser takes one of its own.
 *
 * Left out: whether the type is really not in a record's bitmap; records are given as the signer made them.
 * Always holds: a node stands in a proof once (RFC 4035 3.1.3.2); allocates nothing.
 */
import type { Chain } from '../zone/chain.ts';
import type { LookupName } from '../zone/lookup-name.ts';

/** Nodes in the proofs of one answer: one for each name of the longest chain of aliases, three for the last, and some to spare. */
export const MAX_PROOFS = 32;

/**
 * Blocks of 64 octets that are hashed for the proofs of one answer, some milliseconds' worth: enough for the three names of RFC 5155
 * 7.2.2 with 500 iterations and the longest salt. An answer that takes more - a long chain of aliases, a closest encloser far above -
 * goes without the rest of its proofs.
 */
const MAX_BLOCKS = 10_000;

export class Denial {
  /** Nodes whose record of the chain's type proves something, in the order in which they were found; valid up to `count`. */
  readonly nodes: Int32Array = new Int32Array(MAX_PROOFS);
  count = 0;
  #blocks = MAX_BLOCKS;

  clear(): void {
    this.count = 0;
    this.#blocks = MAX_BLOCKS;
  }

  /**
   * The name that begins with label `i` exists and has no data of the type asked for (RFC 4035 3.1.3.1, RFC 5155 7.2.3), or it is a
   * delegation without DS (RFC 4035 3.1.4, RFC 5155 7.2.4, 7.2.7). The apex begins with label `apex`.
   */
  noData(chain: Chain, name: LookupName, i: number, apex: number): void {
    const node = this.#find(chain, name, i, apex);
    if (chain.parameters === undefined || chain.isMatch || i === apex) this.#put(node);
    // Only an unsigned delegation, or what is above such ones alone, has no NSEC3 of its own: by opt-out.
    else this.#proveEncloser(chain, name, i + 1, apex);
  }

  /**
   * The name does not exist, and neither does a wildcard below its closest encloser, which begins with label `i` (RFC 4035 3.1.3.2,
   * RFC 5155 7.2.2), or that wildcard has no data of the type asked for (RFC 4035 3.1.3.4, RFC 5155 7.2.5).
   */
  noName(chain: Chain, name: LookupName, i: number, apex: number): void {
    let encloser = i;
    if (chain.parameters === undefined) this.#put(this.#find(chain, name, 0, apex));
    else encloser = this.#proveEncloser(chain, name, i, apex);
    if (this.#spend(chain)) this.#put(chain.findWildcard(name, encloser, apex));
  }

  /** The answer comes from the wildcard below the name that begins with label `i` (RFC 4035 3.1.3.3, RFC 5155 7.2.6). */
  expanded(chain: Chain, name: LookupName, i: number, apex: number): void {
    this.#put(this.#find(chain, name, chain.parameters === undefined ? 0 : i - 1, apex));
  }

  /**
   * The closest encloser, at or above label `i`, that has an NSEC3 record, and the next closer name covered (RFC 5155 7.2.1). Gives the
   * label it begins with.
   */
  #proveEncloser(chain: Chain, name: LookupName, i: number, apex: number): number {
    let encloser = i;
    let node = this.#find(chain, name, encloser, apex);
    while (!chain.isMatch && encloser < apex) node = this.#find(chain, name, ++encloser, apex);
    this.#put(node);
    this.#put(this.#find(chain, name, encloser - 1, apex));
    return encloser;
  }

  #find(chain: Chain, name: LookupName, i: number, apex: number): number {
    return this.#spend(chain) ? chain.find(name, i, apex) : 0;
  }

  /** May one more name be sought? */
  #spend(chain: Chain): boolean {
    this.#blocks -= chain.blocks;
    return this.#blocks >= 0;
  }

  #put(node: number): void {
    if (node === 0 || this.count === MAX_PROOFS) return;
    for (let i = 0; i < this.count; i++) if (this.nodes[i] === node) return;
    this.nodes[this.count++] = node;
  }
}
