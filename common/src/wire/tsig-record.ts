/** The TSIG record (RFC 8945 4.2) as it stands in a message: reading and writing, no cryptography. */
import type { Name } from '../name.ts';
import { Reader, type Writer } from '../octets.ts';
import { CLASS } from '../rr/class.ts';
import type { ResourceRecord } from '../rr/record.ts';
import { TYPE } from '../rr/type.ts';

export interface Tsig {
  readonly keyName: Name;
  readonly algorithm: Name;
  /** Seconds since 1970, 48 bits. */
  readonly timeSigned: number;
  /** Seconds of clock difference allowed, RFC 8945 5.2.3. */
  readonly fudge: number;
  readonly mac: Uint8Array;
  readonly originalId: number;
  /** A value of TSIG_ERROR. */
  readonly error: number;
  /** The server's time, six octets, with BADTIME; else empty. */
  readonly other: Uint8Array;
  /** Where the record starts in the message that it was read from. */
  readonly start: number;
}

/** Interprets a TSIG record; faults are left in `reader`. */
export function readTsig(record: ResourceRecord, start: number, reader: Reader): Tsig {
  if (record.class !== CLASS.ANY || record.ttl !== 0)
    reader.fail('a TSIG record whose class is not ANY or whose TTL is not 0');
  const inner = new Reader(record.rdata);
  const algorithm = inner.name(false);
  const timeSigned = inner.u48();
  const fudge = inner.u16();
  const mac = inner.bytes(inner.u16());
  const originalId = inner.u16();
  const error = inner.u16();
  const other = inner.bytes(inner.u16());
  if (inner.left > 0) inner.fail('octets left over');
  if (inner.fault !== undefined) reader.fail(`a TSIG record with ${inner.fault.what}`);
  return { keyName: record.name, algorithm, timeSigned, fudge, mac, originalId, error, other, start };
}

/** Writes the whole record; neither name is compressed (RFC 8945 4.2). */
export function writeTsig(tsig: Omit<Tsig, 'start'>, out: Writer): void {
  out.name(tsig.keyName);
  out.u16(TYPE.TSIG);
  out.u16(CLASS.ANY);
  out.u32(0);
  out.u16(tsig.algorithm.wire.length + 16 + tsig.mac.length + tsig.other.length);
  out.name(tsig.algorithm);
  out.u48(tsig.timeSigned);
  out.u16(tsig.fudge);
  out.u16(tsig.mac.length);
  out.bytes(tsig.mac);
  out.u16(tsig.originalId);
  out.u16(tsig.error);
  out.u16(tsig.other.length);
  out.bytes(tsig.other);
}
