/**
 * What the OPT record of a request says (RFC 6891 6.1), read from its octets.
 *
 * One value is used for request after request. Left out: options of an EDNS version other than 0, which nobody knows how to
 * read; the meaning of options that are not in the list below, which are passed over (RFC 6891 6.1.2).
 * Always holds: reading allocates nothing; of an option that stands there twice the first counts (RFC 7873 5.2).
 */
import { copyOctets, read16 } from '../octets.ts';
import { type Edns, isCookieLength, LARGEST_COOKIE, OPTION } from '../wire/edns.ts';

/** What every client takes without EDNS (RFC 1035 4.2.1), and with it at least (RFC 6891 6.2.3). Octets. */
export const LEAST_UDP_SIZE = 512;
const DNSSEC_OK = 0x8000;

export class EdnsRequest {
  /** Was there an OPT record? */
  isPresent = false;
  /** Octets, at least {@link LEAST_UDP_SIZE}. */
  udpSize = LEAST_UDP_SIZE;
  version = 0;
  /** RFC 3225. */
  isDnssecOk = false;
  hasNsid = false;
  /** A copy of the data of the COOKIE option, and how many octets of it count: 8, or 16 to 40; 0 without one. */
  readonly cookie = new Uint8Array(LARGEST_COOKIE);
  cookieLength = 0;
  /** A COOKIE option of a length that none can have: FORMERR (RFC 7873 5.2.2). */
  isCookieMalformed = false;
  /** RFC 7828 3.2.1: a client sends it empty; anything else is no wish. */
  hasKeepalive = false;
  hasExpire = false;
  hasZoneVersion = false;
  hasPadding = false;

  /** A request without an OPT record. */
  clear(): void {
    this.isPresent = false;
    this.udpSize = LEAST_UDP_SIZE;
    this.version = 0;
    this.isDnssecOk = false;
    this.hasNsid = false;
    this.cookieLength = 0;
    this.isCookieMalformed = false;
    this.hasKeepalive = false;
    this.hasExpire = false;
    this.hasZoneVersion = false;
    this.hasPadding = false;
  }

  /**
   * Reads an OPT record: its RDATA, its CLASS and its TTL field. `false`: an option is cut short, which is FORMERR.
   * Whether its owner is the root, and it the only one, is for the caller to see.
   */
  read(octets: Uint8Array, start: number, length: number, udpSize: number, ttl: number): boolean {
    this.clear();
    this.isPresent = true;
    this.udpSize = Math.max(udpSize, LEAST_UDP_SIZE);
    this.version = (ttl >>> 16) & 0xff;
    this.isDnssecOk = (ttl & DNSSEC_OK) !== 0;
    if (this.version !== 0) return true;
    const end = start + length;
    let at = start;
    while (at < end) {
      if (at + 4 > end) return false;
      const code = read16(octets, at);
      const size = read16(octets, at + 2);
      at += 4;
      if (at + size > end) return false;
      this.#take(code, octets, at, size);
      at += size;
    }
    return true;
  }

  /** Takes what the codec has read; without it there was no OPT record. */
  readValue(edns: Edns | undefined): void {
    this.clear();
    if (edns === undefined) return;
    this.isPresent = true;
    this.udpSize = edns.udpSize;
    this.version = edns.version;
    this.isDnssecOk = edns.dnssecOk;
    if (edns.version !== 0) return;
    for (const { code, data } of edns.options) this.#take(code, data, 0, data.length);
  }

  #take(code: number, octets: Uint8Array, at: number, size: number): void {
    switch (code) {
      // RFC 5001 2.1, RFC 9660 3.2: whatever data it has is ignored.
      case OPTION.NSID:
        this.hasNsid = true;
        return;
      case OPTION.EXPIRE:
        this.hasExpire = true;
        return;
      case OPTION.ZONEVERSION:
        this.hasZoneVersion = true;
        return;
      case OPTION.PADDING:
        this.hasPadding = true;
        return;
      case OPTION.KEEPALIVE:
        this.hasKeepalive ||= size === 0;
        return;
      case OPTION.COOKIE:
        this.#takeCookie(octets, at, size);
    }
  }

  #takeCookie(octets: Uint8Array, at: number, size: number): void {
    if (this.cookieLength > 0 || this.isCookieMalformed) return;
    this.isCookieMalformed = !isCookieLength(size);
    if (this.isCookieMalformed) return;
    this.cookieLength = size;
    copyOctets(octets, at, this.cookie, 0, size);
  }
}
