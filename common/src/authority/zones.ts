/** The zones being served. Published as a whole: a reader that took a zone from it keeps that version. */
import type { Name } from '../name.ts';
import { printIpv4, printIpv6 } from '../rr/encoding.ts';
import { TYPE } from '../rr/type.ts';
import type { Zone } from '../zone/zone.ts';

export class ZoneTable {
  readonly #zones = new Map<string, Zone>();
  readonly #awaited = new Set<string>();

  /** Publishes a version of a zone. */
  set(zone: Zone): void {
    this.#zones.set(zone.origin.key, zone);
    this.#awaited.delete(zone.origin.key);
  }

  /** Withdraws a zone. */
  delete(origin: Name): void {
    this.#zones.delete(origin.key);
    this.#awaited.delete(origin.key);
  }

  /** Declares a zone ours although there is no data for it: not transferred yet, or expired. It is answered with SERVFAIL. */
  await(origin: Name): void {
    this.#zones.delete(origin.key);
    this.#awaited.add(origin.key);
  }

  /** Is the nearest zone at or above `name` one without data? */
  isAwaited(name: Name): boolean {
    for (let at: Name | undefined = name; at !== undefined; at = at.parent()) {
      if (this.#zones.has(at.key)) return false;
      if (this.#awaited.has(at.key)) return true;
    }
    return false;
  }

  /** Is it the apex of a zone of ours, be it one without data? */
  isApex(name: Name): boolean {
    return this.#zones.has(name.key) || this.#awaited.has(name.key);
  }

  /** The zone with exactly this apex. */
  get(origin: Name): Zone | undefined {
    return this.#zones.get(origin.key);
  }

  /** The zone nearest to `name`, at or above it (RFC 1034 4.3.2 step 2). */
  zoneOf(name: Name): Zone | undefined {
    for (let at: Name | undefined = name; at !== undefined; at = at.parent()) {
      const zone = this.#zones.get(at.key);
      if (zone !== undefined) return zone;
    }
    return undefined;
  }

  /** The addresses of a name as far as its zone is here: IP texts, IPv4 first. */
  addressesOf(name: Name): readonly string[] {
    const zone = this.zoneOf(name);
    const v4 = zone?.get(name, TYPE.A)?.rdatas.map(printIpv4) ?? [];
    const v6 = zone?.get(name, TYPE.AAAA)?.rdatas.map(printIpv6) ?? [];
    return [...v4, ...v6];
  }

  get size(): number {
    return this.#zones.size;
  }

  [Symbol.iterator](): Iterator<Zone> {
    return this.#zones.values();
  }
}
