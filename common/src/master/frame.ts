/** Where reading is in one of the files that are open, one including the other: the state of RFC 1035 5.1. */
import type { Name } from '../name.ts';
import { EntryLexer } from './lexer.ts';

/** Where reading is in one file. */
export class Frame {
  readonly file: string | undefined;
  readonly lexer: EntryLexer;
  /** Faults that were known when the file was begun. */
  readonly known: number;
  at = 0;
  line = 1;
  origin: Name;
  owner: Name | undefined;
  /** The octets that gave `owner`, to spare parsing them again; 0 to 0 for none. */
  ownerStart = 0;
  ownerEnd = 0;
  /** An owner that could not be read: lines that refer to it are not faults of their own. */
  isOwnerLost = false;
  /** The owner is the one of the file that includes this one. */
  isOwnerInherited = false;

  constructor(file: string | undefined, octets: Uint8Array, maxWords: number, origin: Name, known: number) {
    this.file = file;
    this.lexer = new EntryLexer(octets, maxWords);
    this.origin = origin;
    this.known = known;
    if (isOrderMark(octets, 0)) this.at = ORDER_MARK_OCTETS;
  }

  /** Are these the octets that gave the owner, under the origin in force? */
  isSameOwner(start: number, end: number): boolean {
    const { octets } = this.lexer;
    if (end - start !== this.ownerEnd - this.ownerStart) return false;
    for (let i = 0; i < end - start; i++) if (octets[start + i] !== octets[this.ownerStart + i]) return false;
    return true;
  }

  /** Takes an owner that stands at these octets. */
  setOwner(owner: Name, start: number, end: number): void {
    this.owner = owner;
    this.ownerStart = start;
    this.ownerEnd = end;
    this.isOwnerLost = false;
  }

  /** What stands for the owner now may mean another one. */
  forgetOwnerText(): void {
    this.ownerEnd = this.ownerStart;
  }
}

const ORDER_MARK_OCTETS = 3;

/** Does an octet order mark (U+FEFF in UTF-8) stand there? */
export function isOrderMark(octets: Uint8Array, at: number): boolean {
  return octets[at] === 0xef && octets[at + 1] === 0xbb && octets[at + 2] === 0xbf;
}
