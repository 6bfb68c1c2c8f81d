/** The octets of a changed file while they are put together: what stays is copied, or left out, up to an offset; the rest is written. */
import { fileOctets } from './document.ts';
import { isOrderMark, ORDER_MARK_OCTETS } from './frame.ts';

export class Revision {
  readonly #octets: Uint8Array;
  readonly #parts: Uint8Array[] = [];
  #length = 0;
  /** Up to where the old octets are in the parts or left out. */
  #done = 0;
  #mark = 0;

  constructor(octets: Uint8Array) {
    this.#octets = octets;
  }

  /** Takes the old octets up to an offset as they are. */
  copyTo(offset: number): void {
    if (offset > this.#done) this.#push(this.#octets.subarray(this.#done, offset));
    this.#done = Math.max(this.#done, offset);
  }

  /** Leaves the old octets up to an offset out. */
  skipTo(offset: number): void {
    this.#done = Math.max(this.#done, offset);
  }

  /** One character per octet. */
  write(text: string): void {
    if (text !== '') this.#push(fileOctets(text));
  }

  /** Does what is written next stand in a line that has been begun? */
  get isInLine(): boolean {
    if (this.#length === 0) return false;
    if (this.#length === ORDER_MARK_OCTETS && isOrderMark(this.#octets, 0)) return false;
    return this.#parts.at(-1)!.at(-1) !== LF;
  }

  get length(): number {
    return this.#length;
  }

  /** From here on the octets are asked for by {@link sinceMark}. */
  mark(): void {
    this.#mark = this.#parts.length;
  }

  sinceMark(): Uint8Array {
    return Buffer.concat(this.#parts.slice(this.#mark));
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#parts, this.#length);
  }

  #push(part: Uint8Array): void {
    this.#parts.push(part);
    this.#length += part.length;
  }
}

const LF = 0x0a;
