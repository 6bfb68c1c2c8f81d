/** SOA RDATA (RFC 1035 3.3.13, RFC 2308 4). */
import type { Name } from '../name.ts';
import { Reader, Writer } from '../octets.ts';

export interface Soa {
  readonly mname: Name;
  readonly rname: Name;
  /** RFC 1982, 0..2^32-1. */
  readonly serial: number;
  /** Seconds, as the three after it. */
  readonly refresh: number;
  readonly retry: number;
  readonly expire: number;
  /** The TTL of negative answers (RFC 2308 4). */
  readonly minimum: number;
}

/** Takes valid SOA RDATA. */
export function readSoa(rdata: Uint8Array): Soa {
  const reader = new Reader(rdata);
  return {
    mname: reader.name(false),
    rname: reader.name(false),
    serial: reader.u32(),
    refresh: reader.u32(),
    retry: reader.u32(),
    expire: reader.u32(),
    minimum: reader.u32(),
  };
}

export function writeSoa(soa: Soa): Uint8Array {
  const out = new Writer();
  out.name(soa.mname);
  out.name(soa.rname);
  for (const value of [soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum]) out.u32(value);
  return out.finish();
}

/** The same SOA RDATA with another serial. */
export function withSerial(rdata: Uint8Array, serial: number): Uint8Array {
  return writeSoa({ ...readSoa(rdata), serial });
}
