/**
 * A question as it came in, read in place: header, name, type, class and what EDNS asks for. One value serves for query after
 * query, so that reading one allocates nothing.
 *
 * Only the plain form is read here - one question, nothing behind it but an OPT record - which is what resolvers send, and what
 * is cut short before the end of its question is told. All else is for the codec of messages (`wire/message.ts`), whose
 * values can be taken over.
 */
import { read16 } from '../octets.ts';
import { TYPE } from '../rr/type.ts';
import { OPCODE } from '../wire/code.ts';
import { HEADER_OCTETS, MAX_REQUEST_RECORDS, type Message } from '../wire/message.ts';
import { LookupName } from '../zone/lookup-name.ts';
import { EdnsRequest } from './edns-request.ts';

/** Bits of the header's flags (RFC 1035 4.1.1, RFC 4035 3.2.2). */
export const FLAG = { qr: 0x8000, aa: 0x0400, tc: 0x0200, rd: 0x0100, cd: 0x0010 } as const;
export const OPCODE_BITS = 0x7800;
const OPCODE_SHIFT = 11;

const MAX_LABEL_OCTETS = 63;

/** What a message is found to be. */
export const FORM = {
  /** A question and maybe OPT. */
  PLAIN: 0,
  /** A request that is not all there, or announces more records than any has: nothing of it but the header is worth reading. */
  CUT: 1,
  OTHER: 2,
} as const;
/** An OPT record without options, and the shortest record of any type: root, type, class, TTL, length. */
const OPT_OCTETS = 11;
/** The shortest question: root, type, class. */
const LEAST_QUESTION = 5;

export class Query {
  /** The octets in which the name stands as it was asked, and where it begins. */
  octets: Uint8Array = new Uint8Array(0);
  nameAt = HEADER_OCTETS;
  id = 0;
  /** Those of the request. */
  flags = 0;
  readonly name: LookupName = new LookupName();
  type = 0;
  class = 0;
  readonly edns: EdnsRequest = new EdnsRequest();

  /** Reads a message of `length` octets; one of {@link FORM}. Of a message that is cut only header and length are known. */
  read(octets: Uint8Array, length: number): number {
    if (length < HEADER_OCTETS) return FORM.OTHER;
    this.id = read16(octets, 0);
    this.flags = read16(octets, 2);
    if ((this.flags & FLAG.qr) !== 0) return FORM.OTHER;
    if (this.#isAbsurd(octets, length)) return FORM.CUT;
    if (read16(octets, 4) !== 1 || read16(octets, 6) !== 0 || read16(octets, 8) !== 0) return FORM.OTHER;
    const end = this.name.read(octets, HEADER_OCTETS);
    if (end < 0 || end + 4 > length) return isCut(octets, length) ? FORM.CUT : FORM.OTHER;
    this.octets = octets;
    this.nameAt = HEADER_OCTETS;
    this.type = read16(octets, end);
    this.class = read16(octets, end + 2);
    const additionals = read16(octets, 10);
    if (additionals === 1) return this.#readOpt(octets, end + 4, length) ? FORM.PLAIN : FORM.OTHER;
    this.edns.clear();
    return additionals === 0 && end + 4 === length ? FORM.PLAIN : FORM.OTHER;
  }

  /** Do the counts alone say that the message cannot be right? */
  #isAbsurd(octets: Uint8Array, length: number): boolean {
    const questions = read16(octets, 4);
    const records = read16(octets, 6) + read16(octets, 8) + read16(octets, 10);
    const least = HEADER_OCTETS + LEAST_QUESTION * questions + OPT_OCTETS * records;
    if (questions !== 1 && least > length) return true;
    return this.opcode !== OPCODE.UPDATE && questions + records > MAX_REQUEST_RECORDS;
  }

  get opcode(): number {
    return (this.flags & OPCODE_BITS) >> OPCODE_SHIFT;
  }

  #readOpt(octets: Uint8Array, at: number, total: number): boolean {
    if (at + OPT_OCTETS > total || octets[at] !== 0 || read16(octets, at + 1) !== TYPE.OPT) return false;
    const length = read16(octets, at + 9);
    if (at + OPT_OCTETS + length !== total) return false;
    const ttl = (read16(octets, at + 5) << 16) | read16(octets, at + 7);
    return this.edns.read(octets, at + OPT_OCTETS, length, read16(octets, at + 3), ttl);
  }

  /** Takes over a decoded query that has one question. */
  take(message: Message): void {
    const question = message.questions[0]!;
    this.id = message.id;
    this.flags = (message.opcode << OPCODE_SHIFT) | (message.rd ? FLAG.rd : 0) | (message.cd ? FLAG.cd : 0);
    this.octets = question.name.wire;
    this.nameAt = 0;
    this.name.read(question.name.wire, 0);
    this.type = question.type;
    this.class = question.class;
    this.edns.readValue(message.edns);
  }
}

/** Does a message end before its first question does? One whose name has a pointer, or is too long, is wrong in other ways. */
function isCut(octets: Uint8Array, length: number): boolean {
  let at = HEADER_OCTETS;
  while (at < length && octets[at]! > 0 && octets[at]! <= MAX_LABEL_OCTETS) at += 1 + octets[at]!;
  return at >= length || (octets[at] === 0 && at + 5 > length);
}
