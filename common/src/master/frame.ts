/** Where reading is in one of the files that are open, one including the other: the state of RFC 1035 5.1. */
import { MAX_NAME_OCTETS, Name } from '../name.ts';
import { Words } from '../rr/words.ts';
import { EntryLexer } from './lexer.ts';
import type { Place } from './scanned.ts';

/** Where reading is in one file. */
export class Frame {
  readonly file: string | undefined;
  readonly lexer: EntryLexer;
  /** The words of the entry at hand. */
  readonly words: Words;
  /** Faults that were known when the file was begun. */
  readonly known: number;
  at = 0;
  line = 1;
  origin: Name;
  /** The owner's wire form: its first `ownerLength` octets; none when that is 0. */
  readonly owner: Uint8Array = new Uint8Array(MAX_NAME_OCTETS);
  ownerLength = 0;
  ownerNumber = 0;
  /** The octets that gave `owner`, to spare reading them again; 0 to 0 for none. */
  #textStart = 0;
  #textEnd = 0;
  /** An owner that could not be read: lines that refer to it are not faults of their own. */
  isOwnerLost = false;
  /** The owner is the one of the file that includes this one. */
  isOwnerInherited = false;

  constructor(file: string | undefined, octets: Uint8Array, maxWords: number, origin: Name, known: number) {
    this.file = file;
    this.lexer = new EntryLexer(octets, maxWords);
    this.words = new Words(this.lexer);
    this.origin = origin;
    this.known = known;
  }

  /** Passes over an octet order mark at the beginning of the file. */
  passOrderMark(): void {
    if (isOrderMark(this.lexer.octets, 0)) this.at = ORDER_MARK_OCTETS;
  }

  /** Are these the octets that gave the owner, under the origin in force? */
  isSameOwner(start: number, end: number): boolean {
    const { octets } = this.lexer;
    let before = this.#textEnd;
    if (end - start !== before - this.#textStart) return false;
    // Backwards: names that count up differ at their end.
    for (let at = end - 1; at >= start; at--) if (octets[at] !== octets[--before]) return false;
    return true;
  }

  /** Takes what has been written into `owner` as the owner, which stands at these octets. */
  setOwner(length: number, number: number, start: number, end: number): void {
    this.ownerLength = length;
    this.ownerNumber = number;
    this.#textStart = start;
    this.#textEnd = end;
    this.isOwnerLost = false;
  }

  /** Takes an owner that stands before what is read. */
  beginWith({ wire }: Name, number: number): void {
    this.owner.set(wire);
    this.setOwner(wire.length, number, 0, 0);
  }

  /** The owner, to be kept; none where it is not known. */
  get ownerName(): Name | undefined {
    if (this.ownerLength === 0 || this.isOwnerLost) return undefined;
    const name = Name.fromWire(this.owner.slice(0, this.ownerLength));
    if (!name.ok) throw new Error(`an owner that is ${name.fault.what}`);
    return name.value;
  }

  /** Takes over the owner of the file that includes this one. */
  inheritOwner(from: Frame): void {
    this.owner.set(from.owner);
    this.ownerLength = from.ownerLength;
    this.ownerNumber = from.ownerNumber;
    this.isOwnerLost = from.isOwnerLost;
    this.isOwnerInherited = from.file === undefined || from.isOwnerInherited;
  }

  /** Takes note that the owner is not known. */
  loseOwner(): void {
    this.isOwnerLost = true;
    this.forgetOwnerText();
  }

  /** What stands for the owner now may mean another one. */
  forgetOwnerText(): void {
    this.#textEnd = this.#textStart;
  }

  /** The place of an offset in the entry at hand. */
  place(at: number): Place {
    const { octets, start, firstLineEnd } = this.lexer;
    let line = this.line;
    let lineStart = start;
    if (at >= firstLineEnd) {
      for (;;) {
        const next = octets.indexOf(LF, lineStart);
        if (next < 0 || next >= at) break;
        line++;
        lineStart = next + 1;
      }
    }
    return { file: this.file, line, column: at - lineStart + 1 };
  }
}

const LF = 0x0a;
export const ORDER_MARK_OCTETS = 3;

/** Does an octet order mark (U+FEFF in UTF-8) stand there? */
export function isOrderMark(octets: Uint8Array, at: number): boolean {
  return octets[at] === 0xef && octets[at + 1] === 0xbb && octets[at + 2] === 0xbf;
}
