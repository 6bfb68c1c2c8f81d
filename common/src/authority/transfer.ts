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
import { encodeMessage, type Message, responseTo, writeRecord } from '../wire/message.ts';
import type { Delta } from '../zone/delta.ts';
import { isNewer } from '../zone/serial.ts';
import type { Zone } from '../zone/zone.ts';

/** Octets of records in one message: names beyond 16 KiB can not be compressed to, and smaller messages flow better. */
const MESSAGE_OCTETS = 16_384;
/** A record may be larger than the above; what is kept free for the header, OPT and TSIG. */
const RESERVED_OCTETS = 512;

/** AXFR: the SOA, everything else, the SOA again. */
export function* axfrRecords(zone: Zone): Generator<ResourceRecord, void, undefined> {
  yield zone.soaRecord();
  yield* zone.records();
  yield zone.soaRecord();
}

/**
 * IXFR from `serial`: one SOA when there is nothing newer, the differences when they are known and smaller than the zone, else
 * the whole zone in AXFR form (RFC 1995 4).
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

/** Packs records into reply messages; the question stands in each (RFC 5936 2.2.1). They are not signed yet. */
export function* packMessages(
  request: Message,
  records: Iterable<ResourceRecord>,
): Generator<Uint8Array, void, undefined> {
  const head = encodeMessage({ ...responseTo(request, RCODE.NOERROR), aa: true });
  const questionOctets = head.subarray(12);
  let out = new Writer(65535 - RESERVED_OCTETS);
  let count = 0;
  const start = (): void => {
    out = new Writer(65535 - RESERVED_OCTETS);
    out.bytes(head.subarray(0, 12));
    if (questionOctets.length > 0) {
      const [question] = request.questions;
      out.compressedName(question!.name);
      out.u16(question!.type);
      out.u16(question!.class);
    }
    count = 0;
  };
  const finish = (): Uint8Array => {
    out.patch16(6, count);
    return out.finish();
  };
  start();
  for (const record of records) {
    const before = out.length;
    writeRecord(record, out);
    count++;
    if (count > 1 && (out.isFull || out.length > MESSAGE_OCTETS)) {
      out.rewind(before);
      count--;
      yield finish();
      start();
      writeRecord(record, out);
      count = 1;
    }
  }
  if (count > 0) yield finish();
}
