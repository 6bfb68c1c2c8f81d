/**
 * EDNS(0) (RFC 6891): the OPT record as a part of the message rather than a record of its additional section.
 * Left out: the meaning of most options; they are carried as octets. Options of a version other than 0 are never a fault.
 */

import { Reader, type Writer } from '../octets.ts';
import type { ResourceRecord } from '../rr/record.ts';
import { TYPE } from '../rr/type.ts';

export const OPTION = { NSID: 3, EXPIRE: 9, COOKIE: 10, KEEPALIVE: 11, PADDING: 12, EDE: 15, ZONEVERSION: 19 } as const;

export interface EdnsOption {
  readonly code: number;
  readonly data: Uint8Array;
}

export interface Edns {
  /** The largest UDP payload the sender takes, octets; below 512 counts as 512 (RFC 6891 6.2.3). */
  readonly udpSize: number;
  readonly version: number;
  /** DNSSEC OK (RFC 3225). */
  readonly dnssecOk: boolean;
  readonly options: readonly EdnsOption[];
}

/** Size that passes every path unfragmented; what we offer and, at most, what we send. */
export const UDP_SIZE = 1232;

/** What this server says of itself without being asked for more. */
export const BARE_EDNS: Edns = { udpSize: UDP_SIZE, version: 0, dnssecOk: false, options: [] };

/** Octets of the longest COOKIE option: a client cookie of 8 and a server cookie of 32 (RFC 7873 4). */
export const LARGEST_COOKIE = 40;

/** May the data of a COOKIE option have so many octets: a client cookie alone, or a server cookie of 8 to 32 behind it (RFC 7873 5.2.2)? */
export function isCookieLength(octets: number): boolean {
  return octets === 8 || (octets >= 16 && octets <= LARGEST_COOKIE);
}

/** An Extended DNS Error (RFC 8914) as an option. `infoCode` from {@link EDE}. */
export function extendedError(infoCode: number, text: string): EdnsOption {
  const octets = Buffer.from(text, 'utf8');
  return { code: OPTION.EDE, data: Uint8Array.from([infoCode >> 8, infoCode & 0xff, ...octets]) };
}

/** INFO-CODEs of RFC 8914 4 that we use. */
export const EDE = {
  OTHER: 0,
  NOT_READY: 14,
  PROHIBITED: 18,
  NOT_AUTHORITATIVE: 20,
  NOT_SUPPORTED: 21,
  NETWORK_ERROR: 23,
  INVALID_DATA: 24,
} as const;

/** The text of the first Extended DNS Error, if there is one. */
export function extendedErrorText(edns: Edns | undefined): string | undefined {
  const option = edns?.options.find(({ code, data }) => code === OPTION.EDE && data.length > 2);
  return option === undefined ? undefined : Buffer.from(option.data.subarray(2)).toString('utf8');
}

/** Does a request ask for how long a copy may be served (RFC 7314)? */
export function asksForExpiry(edns: Edns | undefined): boolean {
  return edns?.options.some(({ code }) => code === OPTION.EXPIRE) ?? false;
}

/** Interprets an OPT record; faults are left in `reader`. Gives also the upper eight bits of the RCODE. */
export function readOpt(record: ResourceRecord, reader: Reader): { edns: Edns; extendedRcode: number } {
  if (!record.name.isRoot) reader.fail('an OPT record whose owner is not the root');
  const inner = new Reader(record.rdata);
  const options: EdnsOption[] = [];
  const version = (record.ttl >>> 16) & 0xff;
  while (inner.left > 0) {
    const code = inner.u16();
    options.push({ code, data: inner.bytes(inner.u16()) });
  }
  // What follows the header of another version is for that to say (RFC 6891 6.1.3).
  if (inner.fault !== undefined && version === 0) reader.fail('an EDNS option cut short');
  // Of several the first counts (RFC 7873 5.2).
  const cookie = options.find(({ code }) => code === OPTION.COOKIE)?.data.length ?? 8;
  if (!isCookieLength(cookie) && version === 0) reader.fail(`a COOKIE option of ${cookie} octets`);
  return {
    edns: {
      udpSize: Math.max(512, record.class),
      version,
      dnssecOk: (record.ttl & 0x8000) !== 0,
      options,
    },
    extendedRcode: record.ttl >>> 24,
  };
}

export function writeOpt(edns: Edns, rcode: number, out: Writer): void {
  out.u8(0);
  out.u16(TYPE.OPT);
  out.u16(edns.udpSize);
  out.u8(rcode >> 4);
  out.u8(edns.version);
  out.u16(edns.dnssecOk ? 0x8000 : 0);
  out.u16(edns.options.reduce((sum, option) => sum + 4 + option.data.length, 0));
  for (const option of edns.options) {
    out.u16(option.code);
    out.u16(option.data.length);
    out.bytes(option.data);
  }
}

/** Octets that {@link writeOpt} needs. */
export function optSize(edns: Edns): number {
  return edns.options.reduce((sum, option) => sum + 4 + option.data.length, 11);
}
