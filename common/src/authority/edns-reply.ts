/**
 * What the OPT record of a reply holds (RFC 6891 6.1): a table of options, in the order of their worth, and the writer that walks it.
 *
 * One value is used for reply after reply: `begin`, what is to be said, `fit`, `write`.
 * Always holds: nothing is allocated after the construction; a reply to a request without EDNS has no OPT record; an option
 * that the request did not ask for is not in the reply, but for the error (RFC 8914 2).
 */
import { copyOctets } from '../octets.ts';
import { TYPE } from '../rr/type.ts';
import { type EdnsOption, OPTION, UDP_SIZE } from '../wire/edns.ts';
import type { ClientAddress } from './client-address.ts';
import { COOKIE, COOKIE_OCTETS, type CookieJar } from './cookie.ts';
import type { EdnsRequest } from './edns-request.ts';
import { PADDING_BLOCK, paddingFor } from './padding.ts';

/** Root owner, TYPE, CLASS, TTL, RDLENGTH. */
const OPT_OCTETS = 11;
/** OPTION-CODE and OPTION-LENGTH. */
const OPTION_HEAD = 4;
/** INFO-CODE, which comes before the text (RFC 8914 2). */
const INFO_CODE_OCTETS = 2;
/** SOA-SERIAL (RFC 9660 6.2), the only type there is. */
const SOA_SERIAL = 0;
const DNSSEC_OK_HIGH = 0x80;

/** An option with its data, of which `length` octets are sent; -1 while it is not part of the reply. */
interface Slot {
  readonly code: number;
  data: Uint8Array;
  length: number;
}

function slot(code: number, octets: number): Slot {
  return { code, data: new Uint8Array(octets), length: -1 };
}

function put32(value: number, out: Uint8Array, at: number): void {
  for (let i = 0; i < 4; i++) out[at + i] = value >>> (24 - 8 * i);
}

export class EdnsReply {
  /** What the server calls itself (RFC 5001). */
  readonly #nsid: Uint8Array;
  readonly #cookie = slot(OPTION.COOKIE, COOKIE_OCTETS);
  readonly #keepalive = slot(OPTION.KEEPALIVE, 2);
  readonly #expire = slot(OPTION.EXPIRE, 4);
  readonly #zoneVersion = slot(OPTION.ZONEVERSION, 6);
  readonly #name = slot(OPTION.NSID, 0);
  readonly #error = slot(OPTION.EDE, 0);
  readonly #padding = slot(OPTION.PADDING, PADDING_BLOCK.response);
  /** What is dropped first when there is no room is the last. */
  readonly #slots: readonly Slot[] = [
    this.#cookie,
    this.#keepalive,
    this.#expire,
    this.#zoneVersion,
    this.#name,
    this.#error,
    this.#padding,
  ];
  #isPresent = false;
  #isDnssecOk = false;
  /** Octets of all options with their heads. */
  #optionOctets = 0;

  constructor(nsid: Uint8Array) {
    this.#nsid = nsid;
  }

  /** Begins the OPT record of the reply to `request`, with the options that depend on nothing else. */
  begin(request: EdnsRequest): void {
    this.#isPresent = request.isPresent;
    this.#isDnssecOk = request.isDnssecOk;
    if (this.#optionOctets > 0) {
      for (let i = 0; i < this.#slots.length; i++) this.#slots[i]!.length = -1;
      this.#optionOctets = 0;
    }
    if (!request.hasNsid) return;
    this.#name.data = this.#nsid;
    this.#say(this.#name, this.#nsid.length);
  }

  /** So many octets of the data of an option are sent; -1: it is not part of the reply. */
  #say(option: Slot, length: number): void {
    if (option.length >= 0) this.#optionOctets -= OPTION_HEAD + option.length;
    option.length = length;
    if (length >= 0) this.#optionOctets += OPTION_HEAD + length;
  }

  /** A cookie, for a client that sent one. `verdict` of the jar; `now` seconds since 1970. */
  cookie(request: EdnsRequest, jar: CookieJar, verdict: number, client: ClientAddress, now: number): void {
    if (verdict === COOKIE.NONE || client.length === 0) return;
    jar.write(verdict, request, client, now, this.#cookie.data);
    this.#say(this.#cookie, COOKIE_OCTETS);
  }

  /** The data of a COOKIE option, written by a jar before. */
  cookieData(data: Uint8Array): void {
    this.#cookie.data.set(data);
    this.#say(this.#cookie, COOKIE_OCTETS);
  }

  /** How long the connection may be idle, in units of 100 ms, for a client that asked for it over TCP (RFC 7828 3.2.2, 3.3.2). */
  keepalive(request: EdnsRequest, timeout: number): void {
    if (!request.hasKeepalive) return;
    this.#keepalive.data[0] = timeout >> 8;
    this.#keepalive.data[1] = timeout;
    this.#say(this.#keepalive, 2);
  }

  /** Seconds until the zone expires, for a client that asked (RFC 7314 4). For SOA, AXFR and IXFR only. */
  expire(request: EdnsRequest, seconds: number): void {
    if (!request.hasExpire) return;
    put32(seconds, this.#expire.data, 0);
    this.#say(this.#expire, 4);
  }

  /** The zone that the reply is made from, for a client that asked: labels of its origin without the root's, and its serial (RFC 9660 2). */
  zoneVersion(request: EdnsRequest, labels: number, serial: number): void {
    if (!request.hasZoneVersion) return;
    this.#zoneVersion.data[0] = labels;
    this.#zoneVersion.data[1] = SOA_SERIAL;
    put32(serial, this.#zoneVersion.data, 2);
    this.#say(this.#zoneVersion, 6);
  }

  /** An Extended DNS Error: the data of `extendedError()`, made once for each text. */
  error(data: Uint8Array): void {
    this.#error.data = data;
    this.#say(this.#error, data.length);
  }

  /** Fills blocks, the last thing that is said: `length` octets are all the rest of the message, `limit` those that it may have. */
  pad(length: number, limit: number): void {
    if (this.#isPresent)
      this.#say(this.#padding, paddingFor(length + this.size(), PADDING_BLOCK.response, limit) ?? -1);
  }

  /** Octets of the record; 0 when there is none. */
  size(): number {
    return this.#isPresent ? OPT_OCTETS + this.#optionOctets : 0;
  }

  /** Drops what has no room in `room` octets: the error's text first, then the error, and the cookie last. The bare record stays. */
  fit(room: number): void {
    let excess = this.size() - room;
    if (excess > 0 && this.#error.length > INFO_CODE_OCTETS) {
      excess -= this.#error.length - INFO_CODE_OCTETS;
      this.#say(this.#error, INFO_CODE_OCTETS);
    }
    for (let i = this.#slots.length - 1; i >= 0 && excess > 0; i--) {
      const dropped = this.#slots[i]!;
      if (dropped.length < 0) continue;
      excess -= OPTION_HEAD + dropped.length;
      this.#say(dropped, -1);
    }
  }

  /** The options as values, for a reply that is built of values. */
  options(): readonly EdnsOption[] {
    return this.#slots
      .filter(({ length }) => length >= 0)
      .map(({ code, data, length }) => ({ code, data: data.slice(0, length) }));
  }

  /** Writes the record, with the upper eight bits of `rcode` (12 bits); gives its octets, as `size` does. */
  write(out: Uint8Array, at: number, rcode: number): number {
    if (!this.#isPresent) return 0;
    const size = this.size();
    out[at] = 0;
    out[at + 1] = 0;
    out[at + 2] = TYPE.OPT;
    out[at + 3] = UDP_SIZE >> 8;
    out[at + 4] = UDP_SIZE & 0xff;
    out[at + 5] = rcode >> 4;
    out[at + 6] = 0;
    out[at + 7] = this.#isDnssecOk ? DNSSEC_OK_HIGH : 0;
    out[at + 8] = 0;
    out[at + 9] = (size - OPT_OCTETS) >> 8;
    out[at + 10] = size - OPT_OCTETS;
    let next = at + OPT_OCTETS;
    if (next === at + size) return size;
    for (let i = 0; i < this.#slots.length; i++) {
      const { code, data, length } = this.#slots[i]!;
      if (length < 0) continue;
      out[next] = code >> 8;
      out[next + 1] = code;
      out[next + 2] = length >> 8;
      out[next + 3] = length;
      next += OPTION_HEAD;
      copyOctets(data, 0, out, next, length);
      next += length;
    }
    return size;
  }
}
