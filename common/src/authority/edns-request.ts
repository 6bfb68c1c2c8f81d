/**
 * What the OPT record of a request says (RFC 6891 6.1), read from its octets.
 *
 * One value is used for request after request. Left out: options of an EDNS version other than 0, which nobody knows how to
 * read; the meaning of options that are not in the list below, which are passed over (RFC 6891 6.1.2).
 * Always holds: reading allocates nothing; of an option that stands there twice the first counts (RFC 7873 5.2).
 */
import { OPTION } from '../wire/edns.ts';
import { CLIENT_COOKIE_OCTETS } from './cookie.ts';

/** What every client takes without EDNS (RFC 1035 4.2.1), and with it at least (RFC 6891 6.2.3). Octets. */
export const LEAST_UDP_SIZE = 512;
/** A COOKIE option has a client cookie alone, or a server cookie of 8 to 32 octets behind it (RFC 7873 4). */
const LEAST_FULL_COOKIE = 16;
const LARGEST_COOKIE = 40;
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
  /** Where the data of the COOKIE option begins, and its octets; 0 without one. */
  cookieAt = 0;
  cookieLength = 0;
  /** A COOKIE option of a length that none can have: FORMERR (RFC 7873 5.2.2). */
  isCookieMalformed = false;
  /** A copy of the client cookie, as long as `cookieLength` is not 0. */
  readonly clientCookie = new Uint8Array(CLIENT_COOKIE_OCTETS);
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
    this.cookieAt = 0;
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
      const code = (octets[at]! << 8) | octets[at + 1]!;
      const size = (octets[at + 2]! << 8) | octets[at + 3]!;
      at += 4;
      if (at + size > end) return false;
      this.#take(code, octets, at, size);
      at += size;
    }
    return true;
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
    if (size !== CLIENT_COOKIE_OCTETS && (size < LEAST_FULL_COOKIE || size > LARGEST_COOKIE)) {
      this.isCookieMalformed = true;
      return;
    }
    this.cookieAt = at;
    this.cookieLength = size;
    for (let i = 0; i < CLIENT_COOKIE_OCTETS; i++) this.clientCookie[i] = octets[at + i]!;
  }
}
