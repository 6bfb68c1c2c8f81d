/**
 * Zone transfers out: AXFR (RFC 5936) and IXFR (RFC 1995) as sequences of messages, packed full, each made when it is asked for,
 * so that a transfer costs one message of memory. It walks one version of the zone from start to end, all of it: glue and what
 * lies below a cut as well (RFC 5936 3.5).
 *
 * Always holds: an IXFR of more than a packet has the shortest of its forms.
 */
import { Writer } from '../octets.ts';
import { CLASS } from '../rr/class.ts';
import type { ResourceRecord } from '../rr/record.ts';
import { readSoa } from '../rr/soa.ts';
import { TYPE } from '../rr/type.ts';
import { RCODE } from '../wire/code.ts';
import { BARE_EDNS, type Edns, type EdnsOption, UDP_SIZE, writeOpt } from '../wire/edns.ts';
import { encodeMessage, HEADER_OCTETS, type Message, type Question, responseTo, writeRecord } from '../wire/message.ts';
import type { Difference } from '../zone/difference.ts';
import { isNewer } from '../zone/serial.ts';
import type { RecordWalk } from '../zone/walk.ts';
import type { Zone } from '../zone/zone.ts';
import { ednsFor, paddingOf } from './request.ts';

/** Octets of records in one message: names beyond 16 KiB can not be compressed to, and smaller messages flow better. */
const MESSAGE_OCTETS = 16_384;
/** A record may be larger than the above, in a message of its own; what is kept free for OPT and TSIG. */
const MAX_MESSAGE_OCTETS = 65_535;
const RESERVED_OCTETS = 512;

/** What is left to be sent of a transfer, a record at a time. */
interface Source {
  readonly isDone: boolean;
  /** Writes the next record, which stays the next. */
  write(out: Writer): void;
  next(): void;
}

/** Records one by one, none of them made before it is asked for. */
class RecordSource implements Source {
  readonly #records: Iterator<ResourceRecord>;
  #next: IteratorResult<ResourceRecord>;

  constructor(records: Iterable<ResourceRecord>) {
    this.#records = records[Symbol.iterator]();
    this.#next = this.#records.next();
  }

  get isDone(): boolean {
    return this.#next.done === true;
  }

  write(out: Writer): void {
    if (this.#next.done !== true) writeRecord(this.#next.value, out);
  }

  next(): void {
    this.#next = this.#records.next();
  }
}

/** AXFR straight out of the zone's image. */
class ZoneSource implements Source {
  readonly #zone: Zone;
  readonly #walk: RecordWalk;
  /** Of the SOAs at both ends, how many are sent. */
  #soas = 0;

  constructor(zone: Zone) {
    this.#zone = zone;
    this.#walk = zone.walk();
  }

  get isDone(): boolean {
    return this.#soas === 2;
  }

  get #isAtSoa(): boolean {
    return this.#soas === 0 || this.#walk.isDone;
  }

  write(out: Writer): void {
    if (this.#isAtSoa) writeRecord(this.#zone.soaRecord(), out);
    else this.#walk.write(out);
  }

  next(): void {
    if (this.#isAtSoa) this.#soas++;
    else this.#walk.next();
  }
}

/** AXFR: the SOA, everything else, the SOA again. */
export class AxfrRecords implements Iterable<ResourceRecord> {
  readonly #zone: Zone;

  constructor(zone: Zone) {
    this.#zone = zone;
  }

  /** The same records, to be written into messages. */
  source(): Source {
    return new ZoneSource(this.#zone);
  }

  *[Symbol.iterator](): Generator<ResourceRecord, void, undefined> {
    yield this.#zone.soaRecord();
    yield* this.#zone.records();
    yield this.#zone.soaRecord();
  }
}

export function axfrRecords(zone: Zone): AxfrRecords {
  return new AxfrRecords(zone);
}

/** The differences in the form of an IXFR (RFC 1995 4): the newest SOA around them all, and each with its own two. */
export function* differenceRecords(zone: Zone, difference: Difference): Generator<ResourceRecord, void, undefined> {
  yield zone.soaRecord();
  yield* difference.sequence();
  yield zone.soaRecord();
}

/**
 * IXFR from `serial`: one SOA when there is nothing newer (RFC 1995 2), the differences when they are known, else, and when that
 * is shorter, the whole zone in AXFR form (RFC 1995 4). What is one packet in any form goes as differences, which say more.
 */
export function ixfrRecords(zone: Zone, serial: number, difference: Difference | undefined): Iterable<ResourceRecord> {
  if (isCurrent(zone, serial)) return [zone.soaRecord()];
  return isWorth(zone, difference) ? differenceRecords(zone, difference) : axfrRecords(zone);
}

/** Does a difference lead to this version, and is it not larger than that? */
export function isWorth(zone: Zone, difference: Difference | undefined): difference is Difference {
  const isKnown = difference !== undefined && difference.to === zone.serial;
  return isKnown && difference.octets <= Math.max(zone.octets, UDP_SIZE);
}

/**
 * Has a client with this serial nothing newer to get? One whose distance is not defined (RFC 1982 3.2) gets what one with an
 * unknown serial gets: everything.
 */
export function isCurrent(zone: Zone, serial: number): boolean {
  return serial === zone.serial || isNewer(serial, zone.serial);
}

/** The serial that an IXFR request holds in its authority section; `undefined` when it is not well formed (RFC 1995 3). */
export function requestedSerial(request: Message): number | undefined {
  const [soa] = request.authorities;
  const isSound =
    request.authorities.length === 1 &&
    soa?.type === TYPE.SOA &&
    soa.class === CLASS.IN &&
    soa.name.equals(request.questions[0]!.name);
  return isSound ? readSoa(soa.rdata).serial : undefined;
}

/** Each message is padded, with the signature that it will have, of so many octets. */
export interface Padding {
  readonly signature: number;
}

/** Where messages are put together, one at a time, and never while another waits to be read. */
const draft = new Writer();

/**
 * Packs records into reply messages; the question stands in each (RFC 5936 2.2.1), OPT, with the options given, in the first where
 * the request had it (2.2.5). They are not signed yet. A record that no message can hold (with its names above some 64,000 octets) ends them
 * a transfer without its end is none.
 */
export function* packMessages(
  request: Message,
  records: Iterable<ResourceRecord>,
  options: readonly EdnsOption[] = [],
  padding?: Padding,
): Generator<Uint8Array, void, undefined> {
  const source = records instanceof AxfrRecords ? records.source() : new RecordSource(records);
  let { edns } = ednsFor(request, options);
  while (!source.isDone) {
    // Nothing but the record that comes next is held while a message is on its way: readers may be slow, and many.
    const message = packOne(request, source, edns, padding);
    if (message === undefined) return;
    // Padding stands in each of them, whatever else is said once (RFC 7830 3).
    edns = padding === undefined ? undefined : BARE_EDNS;
    yield message;
  }
}

/** One message of the records that come next, as many as fit; `undefined` when the first of them fits into none. */
function packOne(
  request: Message,
  source: Source,
  edns: Edns | undefined,
  padding: Padding | undefined,
): Uint8Array | undefined {
  const out = draft;
  writeHead(request, out);
  for (const question of request.questions) writeQuestion(question, out);
  source.write(out);
  if (out.isFull || out.length > MAX_MESSAGE_OCTETS - RESERVED_OCTETS) return undefined;
  let count = 1;
  for (source.next(); !source.isDone; source.next()) {
    const before = out.length;
    source.write(out);
    if (out.isFull || out.length > MESSAGE_OCTETS) {
      out.rewind(before);
      break;
    }
    count++;
  }
  return finishMessage(count, edns, padding, out);
}

/** The question and the answers of a message, as they stand behind its header. */
export interface Body {
  readonly octets: Uint8Array;
  /** How many answers there are. */
  readonly count: number;
}

/** The body of the one message that has all the records; `undefined` where one has no room for them. */
export function packBody(question: Question, records: Iterable<ResourceRecord>): Body | undefined {
  const out = draft;
  out.rewind(0);
  // Pointers count from the start of the header, whatever it is.
  for (let i = 0; i < HEADER_OCTETS; i++) out.u8(0);
  writeQuestion(question, out);
  let count = 0;
  for (const record of records) {
    writeRecord(record, out);
    if (out.isFull || out.length > MESSAGE_OCTETS) return undefined;
    count++;
  }
  return { octets: out.finish().subarray(HEADER_OCTETS), count };
}

/** The reply to a request that has asked the question of this body, not signed yet; OPT and padding as {@link packMessages} has them. */
export function messageWith(
  { octets, count }: Body,
  request: Message,
  options: readonly EdnsOption[],
  padding?: Padding,
): Uint8Array {
  writeHead(request, draft);
  draft.bytes(octets);
  return finishMessage(count, ednsFor(request, options).edns, padding, draft);
}

/** The header of a reply without records (RFC 1035 4.1.1). */
function writeHead(request: Message, out: Writer): void {
  out.rewind(0);
  const head = { ...responseTo(request, RCODE.NOERROR), aa: true, questions: [] };
  out.bytes(encodeMessage(head));
  out.patch16(4, request.questions.length);
}

function writeQuestion({ name, type, class: rrClass }: Question, out: Writer): void {
  out.compressedName(name);
  out.u16(type);
  out.u16(rrClass);
}

function finishMessage(count: number, edns: Edns | undefined, padding: Padding | undefined, out: Writer): Uint8Array {
  out.patch16(6, count);
  if (edns !== undefined) {
    const start = out.length;
    writeOpt(edns, RCODE.NOERROR, out);
    const option = padding === undefined ? undefined : paddingOf(out.length + padding.signature, MAX_MESSAGE_OCTETS);
    if (option !== undefined) {
      out.rewind(start);
      writeOpt({ ...edns, options: [...edns.options, option] }, RCODE.NOERROR, out);
    }
    out.patch16(10, 1);
  }
  return out.finish();
}
