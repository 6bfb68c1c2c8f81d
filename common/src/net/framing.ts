/**
 * Messages in a stream of octets, each behind its length in two octets (RFC 1035 4.2.2, RFC 7766 8).
 *
 * Always holds: what is kept of an unfinished message is at most twice what has come of it, whatever length it announces.
 */

export const MAX_MESSAGE_OCTETS = 65535;

/** Puts a message with its length in front at an offset; gives where it ends. */
export function putFrame(message: Uint8Array, into: Uint8Array, at: number): number {
  const { length } = message;
  into[at] = length >> 8;
  into[at + 1] = length;
  into.set(message, at + 2);
  return at + 2 + length;
}

/** A message with its length in front, in one piece, so that both travel in one segment (RFC 7766 8). */
export function frame(message: Uint8Array): Uint8Array {
  if (message.length > MAX_MESSAGE_OCTETS) throw new RangeError(`a message of ${message.length} octets`);
  const framed = Buffer.allocUnsafe(2 + message.length);
  putFrame(message, framed, 0);
  return framed;
}

const NOTHING = new Uint8Array(0);

/** Takes octets as they come, gives messages as they are whole. */
export class Framer {
  #input: Uint8Array = NOTHING;
  /** What has been looked at of the input. */
  #at = 0;
  /** The first octet of a length whose second has not come yet. */
  #high = -1;
  /** The length announced; -1 before it is known. */
  #wanted = -1;
  #message: Uint8Array = NOTHING;
  #filled = 0;

  /** Takes the next octets. They must not be modified later. */
  push(octets: Uint8Array): void {
    this.#input = this.unread === 0 ? octets : Buffer.concat([this.#input.subarray(this.#at), octets]);
    this.#at = 0;
  }

  /** The next whole message (a view of the input where it came in one piece), or `undefined`: more octets are needed. */
  next(): Uint8Array | undefined {
    if (!this.#readLength()) return undefined;
    const input = this.#input;
    const start = this.#at;
    const end = Math.min(start + this.#wanted - this.#filled, input.length);
    this.#at = end;
    if (this.#filled === 0 && end - start === this.#wanted) return this.#complete(input.subarray(start, end));
    this.#keep(input.subarray(start, end));
    if (this.#filled === this.#wanted) return this.#complete(this.#message.subarray(0, this.#wanted));
    this.#letGo();
    return undefined;
  }

  /** Has something come of a message that is not whole? Only meaningful after `next` gave `undefined`. */
  get isPartial(): boolean {
    return this.#high >= 0 || this.#wanted >= 0;
  }

  /** Octets pushed that `next` has not looked at. */
  get unread(): number {
    return this.#input.length - this.#at;
  }

  #readLength(): boolean {
    const input = this.#input;
    while (this.#wanted < 0 && this.#at < input.length) {
      const octet = input[this.#at++]!;
      if (this.#high < 0) this.#high = octet;
      else {
        this.#wanted = (this.#high << 8) | octet;
        this.#high = -1;
      }
    }
    if (this.#wanted >= 0) return true;
    this.#letGo();
    return false;
  }

  /** Nothing is left of the input: it is not kept for as long as a connection is idle. */
  #letGo(): void {
    this.#input = NOTHING;
    this.#at = 0;
  }

  #keep(octets: Uint8Array): void {
    const length = this.#filled + octets.length;
    if (length > this.#message.length) {
      const larger = new Uint8Array(Math.min(this.#wanted, Math.max(512, 2 * length)));
      larger.set(this.#message.subarray(0, this.#filled));
      this.#message = larger;
    }
    this.#message.set(octets, this.#filled);
    this.#filled = length;
  }

  #complete(message: Uint8Array): Uint8Array {
    this.#wanted = -1;
    this.#message = NOTHING;
    this.#filled = 0;
    return message;
  }
}
