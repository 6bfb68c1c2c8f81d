/**
 * The TTL of records that do not state one: `$TTL` (RFC 2308 4), else the last stated TTL (RFC 1035 5.1), else 3600.
 * A SOA that is the first record and states none takes its MINIMUM, which then stands as if `$TTL` had said it (as BIND does).
 * Reading and editing share this, so that an edit knows what its text will mean.
 */
import { MAX_TTL } from '../rr/record.ts';
import { readSoa } from '../rr/soa.ts';
import { TYPE } from '../rr/type.ts';

const FALLBACK_TTL = 3600;

export class DefaultTtl {
  #default: number | undefined;
  #stated: number | undefined;
  #hasRecord = false;

  /** The same state, to go on from it on trial. */
  clone(): DefaultTtl {
    const clone = new DefaultTtl();
    clone.#default = this.#default;
    clone.#stated = this.#stated;
    clone.#hasRecord = this.#hasRecord;
    return clone;
  }

  /** Will all records get the same TTL from here on, be it from this or from the other? */
  equals(other: DefaultTtl): boolean {
    if (this.#default !== undefined || other.#default !== undefined) return this.#default === other.#default;
    return this.#stated === other.#stated && this.#hasRecord === other.#hasRecord;
  }

  /** `$TTL`. */
  direct(ttl: number): void {
    this.#default = ttl;
  }

  /** Is there a default that does not change from record to record? */
  get isFixed(): boolean {
    return this.#default !== undefined;
  }

  /** What a record without TTL would get here, in seconds. */
  of(type: number, rdata: Uint8Array): number {
    return (
      this.#default ??
      this.#stated ??
      (this.isMinimumUsed(type) ? Math.min(readSoa(rdata).minimum, MAX_TTL) : FALLBACK_TTL)
    );
  }

  /** Would a record of this type, written here without TTL, take the MINIMUM of the SOA? */
  isMinimumUsed(type: number): boolean {
    return type === TYPE.SOA && !this.#hasRecord && this.#default === undefined;
  }

  /** Takes note of a record and gives back its TTL. `stated` is `undefined` when the record states none. */
  pass(type: number, rdata: Uint8Array, stated: number | undefined): number {
    const ttl = stated ?? this.of(type, rdata);
    if (stated !== undefined) this.#stated = stated;
    else if (this.isMinimumUsed(type)) this.#default = ttl;
    this.#hasRecord = true;
    return ttl;
  }
}
