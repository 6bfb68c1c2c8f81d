/**
 * A question as it came in, read in place: header, name, type, class and what EDNS asks for. One value serves for query after
 * query, so that reading one allocates nothing.
 *
 * Only the plain form is read here - opcode QUERY, one question, nothing behind it but an OPT record - which is what resolvers
 * send. All else, also all that is malformed, is for the codec of messages (`wire/message.ts`), whose values can be taken over.
 */
import { read16 } from '../octets.ts';
import { TYPE } from '../rr/type.ts';
import { HEADER_OCTETS, type Message } from '../wire/message.ts';
import { LookupName } from '../zone/lookup-name.ts';
import { EdnsRequest } from './edns-request.ts';

/** Bits of the header's flags (RFC 1035 4.1.1, RFC 4035 3.2.2). */
export const FLAG = { qr: 0x8000, aa: 0x0400, tc: 0x0200, rd: 0x0100, cd: 0x0010 } as const;
const OPCODE_BITS = 0x7800;
/** An OPT record without options: root, type, class, TTL, length. */
const OPT_OCTETS = 11;

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

  /** Reads a message of `length` octets; `false` when it is none of the plain form, and then the content is undefined. */
  read(octets: Uint8Array, length: number): boolean {
    if (length < HEADER_OCTETS) return false;
    this.id = read16(octets, 0);
    this.flags = read16(octets, 2);
    if ((this.flags & (FLAG.qr | OPCODE_BITS)) !== 0) return false;
    if (read16(octets, 4) !== 1 || read16(octets, 6) !== 0 || read16(octets, 8) !== 0) return false;
    const end = this.name.read(octets, HEADER_OCTETS);
    if (end < 0 || end + 4 > length) return false;
    this.octets = octets;
    this.nameAt = HEADER_OCTETS;
    this.type = read16(octets, end);
    this.class = read16(octets, end + 2);
    const additionals = read16(octets, 10);
    if (additionals > 1) return false;
    if (additionals === 1) return this.#readOpt(octets, end + 4, length);
    this.edns.clear();
    return end + 4 === length;
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
    this.flags = (message.rd ? FLAG.rd : 0) | (message.cd ? FLAG.cd : 0);
    this.octets = question.name.wire;
    this.nameAt = 0;
    this.name.read(question.name.wire, 0);
    this.type = question.type;
    this.class = question.class;
    this.edns.readValue(message.edns);
  }
}
