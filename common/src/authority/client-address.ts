/**
 * Where a request comes from, as octets: what cookies are bound to (RFC 9018 4.4) and what rates are counted by.
 *
 * One value is used for request after request. Left out: zone ids, which are skipped.
 * Always holds: nothing is allocated; an IPv4-mapped IPv6 address is the IPv4 address that it is.
 */

/** Dotted decimal with at most three digits a part, as sockets print it. */
const PARTS = 4;
const GROUPS = 8;

const DOT = 0x2e;
const COLON = 0x3a;

export class ClientAddress {
  /** An IPv4 address is in the first four; what comes behind `length` means nothing. */
  readonly octets = new Uint8Array(16);
  /** 4 or 16; 0 while no address is known. */
  length = 0;

  /** The address that a text says; none if it is none. */
  static of(text: string): ClientAddress {
    const client = new ClientAddress();
    client.read(text);
    return client;
  }

  /** Forgets the address. */
  clear(): void {
    this.length = 0;
  }

  /** Takes the text of an IP address, in the spelling of a socket or any other; `false`, and no address, if it is none. */
  read(text: string): boolean {
    this.length = 0;
    if (this.#isFour(text)) this.length = 4;
    else if (this.#isSix(text)) {
      this.length = 16;
      this.#unmap();
    }
    return this.length > 0;
  }

  /** Takes an address out of `from`, 4 or 16 octets at `at`, as the system keeps it. */
  take(from: Uint8Array, at: number, length: 4 | 16): void {
    for (let i = 0; i < length; i++) this.octets[i] = from[at + i]!;
    this.length = length;
    if (length === 16) this.#unmap();
  }

  #isFour(text: string): boolean {
    return text.length >= 7 && text.charCodeAt(text.length - 1) !== COLON && this.#readFour(text, 0, text.length, 0);
  }

  /** Dotted decimal from `start` to `end`, put at `at`. */
  #readFour(text: string, start: number, end: number, at: number): boolean {
    let part = 0;
    let value = 0;
    let digits = 0;
    for (let i = start; i < end; i++) {
      const code = text.charCodeAt(i);
      const digit = code - 0x30;
      if (code === DOT) {
        if (digits === 0 || part === PARTS - 1) return false;
        this.octets[at + part++] = value;
        value = 0;
        digits = 0;
      } else if (digit >= 0 && digit <= 9) {
        value = 10 * value + digit;
        if (++digits > 3 || value > 255) return false;
      } else return false;
    }
    this.octets[at + part] = value;
    return part === PARTS - 1 && digits > 0;
  }

  #isSix(text: string): boolean {
    const zone = text.indexOf('%');
    const end = zone < 0 ? text.length : zone;
    let group = 0;
    /** Before which group `::` stands; -1 without one. */
    let gap = -1;
    let at = 0;
    if (end >= 2 && text.charCodeAt(0) === COLON) {
      if (text.charCodeAt(1) !== COLON) return false;
      gap = 0;
      at = 2;
    }
    while (at < end) {
      if (group === GROUPS) return false;
      const start = at;
      let value = 0;
      let code = 0;
      for (; at < end; at++) {
        code = text.charCodeAt(at);
        const digit = hexDigit(code);
        if (digit < 0) break;
        value = (value << 4) | digit;
      }
      if (at < end && code === DOT) {
        if (group > GROUPS - 2 || !this.#readFour(text, start, end, 2 * group)) return false;
        group += 2;
        break;
      }
      if (at === start || at - start > 4) return false;
      this.octets[2 * group] = value >> 8;
      this.octets[2 * group + 1] = value;
      group++;
      if (at === end) break;
      if (code !== COLON || ++at === end) return false;
      if (text.charCodeAt(at) === COLON) {
        if (gap >= 0) return false;
        gap = group;
        at++;
      }
    }
    if (gap < 0) return group === GROUPS;
    if (group === GROUPS) return false;
    const moved = 2 * (group - gap);
    this.octets.copyWithin(16 - moved, 2 * gap, 2 * group);
    this.octets.fill(0, 2 * gap, 16 - moved);
    return true;
  }

  #unmap(): void {
    for (let i = 0; i < 10; i++) if (this.octets[i] !== 0) return;
    if (this.octets[10] !== 0xff || this.octets[11] !== 0xff) return;
    this.octets.copyWithin(0, 12, 16);
    this.length = 4;
  }
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
