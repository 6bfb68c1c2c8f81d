/**
 * Zone transfers out: AXFR (RFC 5936) and IXFR (RFC 1995) as sequences of messages, packed full, each made when it is asked for,
 * so that a transfer costs one message of memory. It walks one version of the zone from start to end.
 *
 * Left out: condensing several differences into one.
 */
import { Writer } from '../octets.ts';
import type { ResourceRecord } from '../rr/record.ts';
import { readSoa } from '../rr/soa.ts';
import { TYPE } from '../rr/type.ts';
import { RCODE } from '../wire/code.ts';
import { writeOpt } from '../wire/edns.ts';
import { encodeMessage, type Message, responseTo, writeRecord } from '../wire/message.ts';
import type { Delta } from '../zone/delta.ts';
import { isNewer } from '../zone/serial.ts';
import type { Zone } from '../zone/zone.ts';
import { ednsFor } from './request.ts';

/** Octets of records in one message: names beyond 16 KiB can not be compressed to, and smaller messages flow better. */
const MESSAGE_OCTETS = 16_384;
/** A record may be larger than the above, in a message of its own; what is kept free for OPT and TSIG. */
const MAX_MESSAGE_OCTETS = 65_535;
const RESERVED_OCTETS = 512;

/** AXFR: the SOA, everything else, the SOA again. */
export function* axfrRecords(zone: Zone): Generator<ResourceRecord, void, undefined> {
  yield zone.soaRecord();
  yield* zone.records();
  yield zone.soaRecord();
}

/**
 * IXFR from `serial`: one SOA when there is nothing newer, the differences when they are known, else the whole zone in AXFR
 * form (RFC 1995 4).
 */
export function* ixfrRecords(
  zone: Zone,
  serial: number,
  deltas: readonly Delta[] | undefined,
): Generator<ResourceRecord, void, undefined> {
  if (!isNewer(zone.serial, serial)) {
    yield zone.soaRecord();
    return;
  }
  if (deltas === undefined || deltas.at(-1)?.to !== zone.serial) {
    yield* axfrRecords(zone);
    return;
  }
  yield zone.soaRecord();
  for (const delta of deltas) {
    yield* delta.removed;
    yield* delta.added;
  }
  yield zone.soaRecord();
}

/** The serial that an IXFR request holds in its authority section; `undefined` when it is not well formed (RFC 1995 3). */
export function requestedSerial(request: Message): number | undefined {
  const [soa] = request.authorities;
  const isSound =
    request.authorities.length === 1 && soa?.type === TYPE.SOA && soa.name.equals(request.questions[0]!.name);
  return isSound ? readSoa(soa.rdata).serial : undefined;
}

/**
 * Packs records into reply messages; the question stands in each (RFC 5936 2.2.1), OPT in the first where the request had it
 * (2.2.5). They are not signed yet. A record that no message can hold (with its names above some 64,000 octets) ends them early:
 * a transfer without its end is none.
 */
export function* packMessages(
  request: Message,
  records: Iterable<ResourceRecord>,
): Generator<Uint8Array, void, undefined> {
  const head = encodeMessage({ ...responseTo(request, RCODE.NOERROR), aa: true }).subarray(0, 12);
  let { edns } = ednsFor(request, []);
  let out = new Writer();
  let count = 0;
  const start = (): void => {
    out = new Writer();
    out.bytes(head);
    for (const question of request.questions) {
      out.compressedName(question.name);
      out.u16(question.type);
      out.u16(question.class);
    }
    count = 0;
  };
  const write = (record: ResourceRecord): void => {
    writeRecord(record, out);
    count++;
  };
  const hasRoom = (): boolean =>
    !out.isFull && out.length <= (count === 1 ? MAX_MESSAGE_OCTETS - RESERVED_OCTETS : MESSAGE_OCTETS);
  const finish = (): Uint8Array => {
    out.patch16(6, count);
    if (edns !== undefined) {
      writeOpt(edns, RCODE.NOERROR, out);
      out.patch16(10, 1);
      edns = undefined;
    }
    return out.finish();
  };
  start();
  for (const record of records) {
    const before = out.length;
    write(record);
    if (hasRoom()) continue;
    out.rewind(before);
    count--;
    if (count > 0) yield finish();
    start();
    write(record);
    if (!hasRoom()) return;
  }
  if (count > 0) yield finish();
}
