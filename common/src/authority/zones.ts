/** The zones being served. Published as a whole: a reader that took a zone from it keeps that version. */
import type { Name } from '../name.ts';
import { printIpv4, printIpv6 } from '../rr/encoding.ts';
import { TYPE } from '../rr/type.ts';
import { EDE } from '../wire/edns.ts';
import { LookupName } from '../zone/lookup-name.ts';
import type { Zone } from '../zone/zone.ts';

/** Why a zone of ours has no data: an Extended DNS Error (RFC 8914 4.15, 4.25). */
export const LACK = {
  unready: { code: EDE.NOT_READY, text: 'this zone has no data now' },
  expired: { code: EDE.INVALID_DATA, text: 'this zone has expired: its primary was not reached in time' },
} as const;

export type Lack = keyof typeof LACK;

/** An apex of ours, with the version of its zone that is served; `undefined` while there is no data. */
export interface Apex {
  readonly origin: Name;
  /** Those of the origin, the root label not counted. */
  readonly labels: number;
  /** The origin in lower case. */
  readonly wire: Uint8Array;
  zone: Zone | undefined;
  /** Why there is no data, where that is so. */
  readonly lack: Lack;
  /** Another apex with the same hash. */
  next: Apex | undefined;
}

/** Is told what is in a table of zones, and each change of it, before anybody can act on it. */
export interface ZoneFollower {
  /** A version is published. */
  set(zone: Zone): void;
  /** A zone is ours and has no data. */
  await(origin: Name, lack: Lack): void;
  delete(origin: Name): void;
}

export class ZoneTable {
  readonly #followers = new Set<ZoneFollower>();
  readonly #byHash = new Map<number, Apex>();
  readonly #lookup = new LookupName();
  #size = 0;
  /** What no apex that was ever here has had more labels than. */
  #deepest = 0;

  /** Publishes a version of a zone. */
  set(zone: Zone): void {
    // Made now, so that no query waits for it.
    void zone.chain;
    this.#put(zone.origin, zone, 'unready');
    for (const follower of this.#followers) follower.set(zone);
  }

  /** Declares a zone ours although there is no data for it: not transferred yet, or expired. It is answered with SERVFAIL. */
  await(origin: Name, lack: Lack = 'unready'): void {
    this.#put(origin, undefined, lack);
    for (const follower of this.#followers) follower.await(origin, lack);
  }

  /** Tells all that is there, and from now on each change. Gives how to end that. */
  follow(follower: ZoneFollower): () => void {
    for (const { origin, zone, lack } of this.#entries()) {
      if (zone === undefined) follower.await(origin, lack);
      else follower.set(zone);
    }
    this.#followers.add(follower);
    return () => void this.#followers.delete(follower);
  }

  #put(origin: Name, zone: Zone | undefined, lack: Lack): void {
    this.#remove(origin);
    this.#lookup.read(origin.wire, 0);
    const hash = this.#lookup.hashes[0]!;
    const next = this.#byHash.get(hash);
    const { labels } = this.#lookup;
    this.#byHash.set(hash, { origin, labels, wire: origin.toLowerCase().wire, zone, lack, next });
    this.#deepest = Math.max(this.#deepest, labels);
    if (zone !== undefined) this.#size++;
  }

  /** Withdraws a zone. */
  delete(origin: Name): void {
    this.#remove(origin);
    for (const follower of this.#followers) follower.delete(origin);
  }

  #remove(origin: Name): void {
    this.#lookup.read(origin.wire, 0);
    const hash = this.#lookup.hashes[0]!;
    const kept: Apex[] = [];
    for (let at = this.#byHash.get(hash); at !== undefined; at = at.next) {
      if (!at.origin.equals(origin)) kept.push(at);
      else if (at.zone !== undefined) this.#size--;
    }
    const first = kept.reduceRight<Apex | undefined>((next, entry) => ({ ...entry, next }), undefined);
    if (first === undefined) this.#byHash.delete(hash);
    else this.#byHash.set(hash, first);
  }

  /**
   * The nearest apex of ours at or above the suffix of `name` that begins with label `from` (RFC 1034 4.3.2 step 2). Allocates
   * nothing.
   */
  nearest(name: LookupName, from: number): Apex | undefined {
    for (let i = Math.max(from, name.labels - this.#deepest); i <= name.labels; i++) {
      const apex = this.#apexAt(name, i);
      if (apex !== undefined) return apex;
    }
    return undefined;
  }

  /** The apex that is the suffix of `name` that begins with label `i`. */
  #apexAt(name: LookupName, i: number): Apex | undefined {
    let apex = this.#byHash.get(name.hashes[i]!);
    while (apex !== undefined && !name.endsWith(i, apex.wire)) apex = apex.next;
    return apex;
  }

  #nearestTo(name: Name): Apex | undefined {
    this.#lookup.read(name.wire, 0);
    return this.nearest(this.#lookup, 0);
  }

  /** Is the nearest zone at or above `name` one without data? */
  isAwaited(name: Name): boolean {
    return this.lackOf(name) !== undefined;
  }

  /** Why the nearest zone at or above `name` has no data, where that is so. */
  lackOf(name: Name): Lack | undefined {
    const apex = this.#nearestTo(name);
    return apex?.zone === undefined ? apex?.lack : undefined;
  }

  /** Is it the apex of a zone of ours, be it one without data? */
  isApex(name: Name): boolean {
    this.#lookup.read(name.wire, 0);
    return this.#apexAt(this.#lookup, 0) !== undefined;
  }

  /** The nearest apex of ours at or above `name`, be its zone one without data. */
  apexOf(name: Name): Name | undefined {
    return this.#nearestTo(name)?.origin;
  }

  /** The zone with exactly this apex. */
  get(origin: Name): Zone | undefined {
    this.#lookup.read(origin.wire, 0);
    return this.#apexAt(this.#lookup, 0)?.zone;
  }

  /** The zone nearest to `name`, at or above it, of those that have data. */
  zoneOf(name: Name): Zone | undefined {
    this.#lookup.read(name.wire, 0);
    for (let i = 0; i <= this.#lookup.labels; i++) {
      const zone = this.#apexAt(this.#lookup, i)?.zone;
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

  /** How many zones have data. */
  get size(): number {
    return this.#size;
  }

  *[Symbol.iterator](): Generator<Zone, void, undefined> {
    for (const { zone } of this.#entries()) if (zone !== undefined) yield zone;
  }

  *#entries(): Generator<Apex, void, undefined> {
    for (const first of this.#byHash.values())
      for (let at: Apex | undefined = first; at !== undefined; at = at.next) yield at;
  }
}
