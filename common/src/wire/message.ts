/**
 * Messages (RFC 1035 4.1, RFC 2136 2, RFC 6891 6.1, RFC 8945 4.2): octets <-> values.
 *
 * OPT and TSIG are taken out of the additional section and checked for their place and number.
 * Always holds: a decoded message has only valid RDATA; what decodes, encodes.
 */
import type { Name } from '../name.ts';
import { Reader, Writer } from '../octets.ts';
import { fail, ok, type Result } from '../result.ts';
import { CLASS } from '../rr/class.ts';
import { skipOctets } from '../rr/field.ts';
import { readRdata, writeRdata } from '../rr/rdata.ts';
import type { ResourceRecord } from '../rr/record.ts';
import { TYPE } from '../rr/type.ts';
import { OPCODE } from './code.ts';
import { type Edns, optSize, readOpt, writeOpt } from './edns.ts';
import type { Section } from './section.ts';
import { readTsig, type Tsig } from './tsig-record.ts';

export interface Question {
  readonly name: Name;
  readonly type: number;
  readonly class: number;
}

export interface Header {
  /** 0..65535 */
  readonly id: number;
  readonly qr: boolean;
  readonly opcode: number;
  readonly aa: boolean;
  readonly tc: boolean;
  readonly rd: boolean;
  readonly ra: boolean;
  readonly ad: boolean;
  readonly cd: boolean;
  /** Twelve bits: the upper eight come from OPT. */
  readonly rcode: number;
}

/** The sections of an UPDATE carry other names in RFC 2136: zone, prerequisite, update, additional. */
export interface Message extends Header {
  readonly questions: readonly Question[];
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  /** Without OPT and TSIG. */
  readonly additionals: readonly ResourceRecord[];
  readonly edns?: Edns;
  readonly tsig?: Tsig;
}

/** A message whose answers are octets yet, to be read one at a time: `answers` is empty. */
export interface Envelope extends Message {
  readonly section: Section;
}

export interface MessageFault {
  readonly kind: 'format';
  readonly what: string;
  readonly at: number;
  /**
   * What a reply takes up, unless there are less than twelve octets: the header, the question where there is one alone, and the OPT
   * record, be it the one at fault (RFC 6891 7). No other records.
   */
  readonly request?: Message;
}

export const HEADER_OCTETS = 12;
/** Questions and records that a request other than UPDATE may announce; the most that any has a use for is four. */
export const MAX_REQUEST_RECORDS = 16;

/** A query or request with everything unset. */
export function emptyMessage(id: number, opcode: number): Message {
  const flags = { qr: false, aa: false, tc: false, rd: false, ra: false, ad: false, cd: false };
  return { id, opcode, ...flags, rcode: 0, questions: [], answers: [], authorities: [], additionals: [] };
}

/** A response to `request` with its ID, opcode, question, RD and CD copied and nothing in it yet (RFC 1035 4.1.1). */
export function responseTo(request: Message, rcode: number): Message {
  return {
    ...emptyMessage(request.id, request.opcode),
    qr: true,
    rd: request.rd,
    cd: request.cd,
    rcode,
    questions: request.questions,
  };
}

function readHeader(octets: Uint8Array): Header {
  const flags = (octets[2]! << 8) | octets[3]!;
  return {
    id: (octets[0]! << 8) | octets[1]!,
    qr: (flags & 0x8000) !== 0,
    opcode: (flags >> 11) & 15,
    aa: (flags & 0x0400) !== 0,
    tc: (flags & 0x0200) !== 0,
    rd: (flags & 0x0100) !== 0,
    ra: (flags & 0x0080) !== 0,
    ad: (flags & 0x0020) !== 0,
    cd: (flags & 0x0010) !== 0,
    rcode: flags & 15,
  };
}

const FLAGS = [
  ['qr', 0x8000],
  ['aa', 0x0400],
  ['rd', 0x0100],
  ['ra', 0x0080],
  ['ad', 0x0020],
  ['cd', 0x0010],
] as const satisfies readonly (readonly [keyof Header, number])[];

function flagsOf(header: Header, tc: boolean): number {
  let flags = (header.opcode << 11) | (header.rcode & 15) | (tc ? 0x0200 : 0);
  for (const [name, bit] of FLAGS) if (header[name]) flags |= bit;
  return flags;
}

function readQuestion(reader: Reader): Question {
  return { name: reader.name(true), type: reader.u16(), class: reader.u16() };
}

function readRecord(reader: Reader, opcode: number): ResourceRecord {
  const name = reader.name(true);
  const type = reader.u16();
  const rrClass = reader.u16();
  const ttl = reader.u32();
  const length = reader.u16();
  // RFC 2136 2.4, 2.5: records of class ANY or NONE, and prerequisites that name a set, carry no data.
  const isBare = length === 0 && opcode === OPCODE.UPDATE && (rrClass === CLASS.ANY || rrClass === CLASS.NONE);
  const isRaw = type === TYPE.OPT || type === TYPE.TSIG;
  const rdata = isBare
    ? new Uint8Array(0)
    : isRaw
      ? Uint8Array.from(reader.bytes(length))
      : readRdata(type, length, reader);
  return { name, type, class: rrClass, ttl, rdata };
}

/** Steps over records that are to be read later. */
function skipSection(reader: Reader, count: number): void {
  for (let i = 0; i < count && reader.fault === undefined; i++) {
    reader.skipName();
    refuseMeta(reader.u16(), reader);
    skipOctets(reader, 6);
    skipOctets(reader, reader.u16());
  }
}

function refuseMeta(type: number, reader: Reader): void {
  if (type === TYPE.OPT || type === TYPE.TSIG) reader.fail('an OPT or TSIG record outside the additional section');
}

/** Octets to a message. Faults: anything cut short, out of place, twice, left over. */
export function decodeMessage(octets: Uint8Array): Result<Message, MessageFault> {
  const decoded = decode(octets, false);
  return decoded.ok ? ok(decoded.value.message) : decoded;
}

/** The same without reading the answers: what is wrong with their names and data tells whoever does. */
export function openEnvelope(octets: Uint8Array): Result<Envelope, MessageFault> {
  const decoded = decode(octets, true);
  return decoded.ok ? ok({ ...decoded.value.message, section: decoded.value.section }) : decoded;
}

interface Decoded {
  readonly message: Message;
  /** The answers that were only stepped over. */
  readonly section: Section;
}

function decode(octets: Uint8Array, isEnvelope: boolean): Result<Decoded, MessageFault> {
  if (octets.length < HEADER_OCTETS) return fail({ kind: 'format', what: 'less than a header', at: 0 });
  const header = readHeader(octets);
  const reader = new Reader(octets, 4);
  const counts = [reader.u16(), reader.u16(), reader.u16(), reader.u16()] as const;
  const isUpdate = header.opcode === OPCODE.UPDATE;
  if (!header.qr && !isUpdate && counts.reduce((sum, count) => sum + count) > MAX_REQUEST_RECORDS)
    reader.fail(`a request of more than ${MAX_REQUEST_RECORDS} records`);
  const questions: Question[] = [];
  for (let i = 0; i < counts[0] && reader.fault === undefined; i++) questions.push(readQuestion(reader));
  const section = (count: number): ResourceRecord[] => {
    const records: ResourceRecord[] = [];
    for (let i = 0; i < count && reader.fault === undefined; i++) {
      const record = readRecord(reader, header.opcode);
      refuseMeta(record.type, reader);
      records.push(record);
    }
    return records;
  };
  const isAsked = questions.length === 1 && reader.fault === undefined;
  const passed: Section = { octets, start: reader.offset, count: isEnvelope ? counts[1] : 0 };
  skipSection(reader, passed.count);
  const answers = section(counts[1] - passed.count);
  const authorities = section(counts[2]);
  const additionals: ResourceRecord[] = [];
  let opt: ReturnType<typeof readOpt> | undefined;
  let tsig: Tsig | undefined;
  for (let i = 0; i < counts[3] && reader.fault === undefined; i++) {
    const start = reader.offset;
    if (tsig !== undefined) reader.fail('a record after TSIG');
    const record = readRecord(reader, header.opcode);
    if (reader.fault !== undefined) break;
    if (record.type === TYPE.OPT) {
      if (opt !== undefined) reader.fail('two OPT records');
      opt = readOpt(record, reader);
    } else if (record.type === TYPE.TSIG) tsig = readTsig(record, start, reader);
    else additionals.push(record);
  }
  if (reader.fault === undefined && reader.left > 0) reader.fail('octets after the last record');
  if (reader.fault !== undefined) {
    const request: Message = {
      ...emptyMessage(header.id, header.opcode),
      ...header,
      questions: isAsked ? questions : [],
      ...(opt === undefined ? {} : { edns: opt.edns }),
    };
    return fail({ kind: 'format', what: reader.fault.what, at: reader.fault.at, request });
  }
  const message: Message = {
    ...header,
    rcode: header.rcode | ((opt?.extendedRcode ?? 0) << 4),
    questions,
    answers,
    authorities,
    additionals,
    ...(opt === undefined ? {} : { edns: opt.edns }),
    ...(tsig === undefined ? {} : { tsig }),
  };
  return ok({ message, section: passed });
}

export function writeRecord(record: ResourceRecord, out: Writer): void {
  out.compressedName(record.name);
  out.u16(record.type);
  out.u16(record.class);
  out.u32(record.ttl);
  const lengthAt = out.length;
  out.u16(0);
  writeRdata(record.type, record.rdata, out);
  out.patch16(lengthAt, out.length - lengthAt - 2);
}

/**
 * A message to octets, at most `limit` of them; a TSIG record is not written (signing is done on the octets, see `tsig.ts`),
 * so the caller keeps room for it. What does not fit: additional records are left out one by one; answers and authorities
 * are left out all together, with TC set (RFC 2181 9), and so are questions. OPT always stands, without its options if they
 * alone are too much. `limit` is at least 23: a header and a bare OPT.
 */
export function encodeMessage(message: Message, limit = 65535): Uint8Array {
  const edns =
    message.edns !== undefined && optSize(message.edns) > limit - HEADER_OCTETS
      ? { ...message.edns, options: [] }
      : message.edns;
  const out = new Writer(limit - (edns === undefined ? 0 : optSize(edns)));
  out.u16(message.id);
  out.u16(flagsOf(message, message.tc));
  out.u16(message.questions.length);
  for (let i = 0; i < 3; i++) out.u16(0);
  for (const question of message.questions) {
    out.compressedName(question.name);
    out.u16(question.type);
    out.u16(question.class);
  }
  const afterQuestions = out.isFull ? HEADER_OCTETS : out.length;
  for (const records of [message.answers, message.authorities]) {
    for (const record of records) {
      if (out.isFull) break;
      writeRecord(record, out);
    }
  }
  const counts = [message.answers.length, message.authorities.length, 0];
  if (out.isFull) {
    out.rewind(afterQuestions);
    out.patch16(2, flagsOf(message, true));
    if (afterQuestions === HEADER_OCTETS) out.patch16(4, 0);
    counts.fill(0);
  } else {
    for (const record of message.additionals) {
      const start = out.length;
      writeRecord(record, out);
      if (out.isFull) {
        out.rewind(start);
        continue;
      }
      counts[2]!++;
    }
  }
  const whole = new Writer(limit);
  whole.bytes(out.finish());
  if (edns !== undefined) {
    writeOpt(edns, message.rcode, whole);
    counts[2]!++;
  }
  for (const [i, count] of counts.entries()) whole.patch16(6 + 2 * i, count);
  return whole.finish();
}
