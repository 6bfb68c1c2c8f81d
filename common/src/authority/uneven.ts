/**
 * Records of a zone file that stand twice, and sets with more than one TTL (RFC 2181 5). A zone holds each record once, with the
 * least TTL of its set: when numbers agree with the file's, there are none, and nothing has to be looked up.
 *
 * Otherwise the file is read twice more: once to sort out by hashes what can be meant, once to look at that. So memory is for what
 * is uneven, not for what is not.
 */
import type { Place, ScannedRecord, ScanSink } from '../master/scan.ts';
import type { Name } from '../name.ts';
import { canonicalRdata } from '../rr/rdata.ts';
import { recordKey } from '../rr/record.ts';
import { printType, TYPE } from '../rr/type.ts';
import { extendHash, extendNameHash, spread } from '../zone/lookup-name.ts';
import type { Zone } from '../zone/zone.ts';
import { at, type FindingList, lineOf } from './file-finding.ts';

/** Reads the file again. */
export type Scan = (sink: ScanSink) => unknown;

/** Finds what is uneven among `count` records that are in the zone. */
export function findUneven(scan: Scan, zone: Zone, count: number, findings: FindingList): void {
  const records = new Sieve(count);
  const sets = new Sieve(count);
  const isInside = insideOf(zone.origin);
  scan({
    onRecord({ name, type, ttl, rdata }) {
      if (!isInside(name)) return;
      const set = hashOf(type, name);
      records.add(mix(set, canonicalRdata(type, rdata)), undefined);
      if (type !== TYPE.RRSIG) sets.add(set, ttl);
    },
  });
  if (records.found.size > 0 || sets.found.size > 0) scan(new Look(zone, records.found, sets.found, findings));
}

class Look implements ScanSink {
  readonly #zone: Zone;
  readonly #records: ReadonlySet<number>;
  readonly #sets: ReadonlySet<number>;
  readonly #findings: FindingList;
  readonly #isInside: (name: Name) => boolean;
  /** The line of the first of those that are the same. */
  readonly #first = new Map<string, string>();
  /** The TTL of a set, until it is told. */
  readonly #ttls = new Map<string, number>();

  constructor(zone: Zone, records: ReadonlySet<number>, sets: ReadonlySet<number>, findings: FindingList) {
    this.#zone = zone;
    this.#records = records;
    this.#sets = sets;
    this.#findings = findings;
    this.#isInside = insideOf(zone.origin);
  }

  onRecord(record: ScannedRecord): void {
    const { name, type, ttl, rdata } = record;
    if (!this.#isInside(name)) return;
    const hash = hashOf(type, name);
    if (this.#records.has(mix(hash, canonicalRdata(type, rdata)))) this.#repeated(name, type, rdata, record);
    if (type !== TYPE.RRSIG && this.#sets.has(hash)) this.#differing(name, type, ttl, record);
  }

  #repeated(name: Name, type: number, rdata: Uint8Array, place: Place): void {
    const key = recordKey({ name, type, rdata });
    const line = this.#first.get(key);
    if (line === undefined) this.#first.set(key, lineOf(place));
    else {
      const what = `${name} ${printType(type)} stands here again, see ${line}`;
      this.#findings.add(at(place, 'warning', 'duplicate', what));
    }
  }

  #differing(name: Name, type: number, ttl: number, place: Place): void {
    const key = `${type} ${name.key}`;
    const usual = this.#ttls.get(key) ?? this.#zone.get(name, type)?.ttl ?? ttl;
    this.#ttls.set(key, usual === ttl ? usual : TOLD);
    if (usual === ttl || usual === TOLD) return;
    const what = `TTL ${ttl}, where other ${printType(type)} records of ${name} have ${usual}`;
    this.#findings.add(at(place, 'warning', 'ttl-differs', what, `${usual} is used for all (RFC 2181 5.2)`));
  }
}

const TOLD = -1;

/** Hashes that came more than once, with values that differ where they have values. */
class Sieve {
  readonly found = new Set<number>();
  /** Open addressing: hashes, 0 for a free slot. */
  readonly #hashes: Int32Array;
  readonly #values: Int32Array;

  constructor(count: number) {
    const slots = 2 ** Math.ceil(Math.log2(2 * count + 1));
    this.#hashes = new Int32Array(slots);
    this.#values = new Int32Array(slots);
  }

  add(hash: number, value: number | undefined): void {
    const mask = this.#hashes.length - 1;
    let slot = (hash ^ (hash >>> 15)) & mask;
    for (; this.#hashes[slot] !== 0; slot = (slot + 1) & mask) {
      if (this.#hashes[slot] !== hash) continue;
      if (value === undefined || this.#values[slot] !== value) this.found.add(hash);
      return;
    }
    this.#hashes[slot] = hash;
    this.#values[slot] = value ?? 0;
  }
}

/** Goes on with a hash; never 0. */
function mix(start: number, octets: Uint8Array): number {
  const hash = extendHash(start, octets, 0, octets.length);
  return hash === 0 ? 1 : hash;
}

/** A number that is equal for equal names of one type, never 0; its key need not be made for it. */
export function hashOf(type: number, { wire }: Name): number {
  const hash = extendNameHash(spread(type), wire, 0, wire.length);
  return hash === 0 ? 1 : hash;
}

/** Tells whether names are in the zone; asking for one name again and again is cheap. */
function insideOf(origin: Name): (name: Name) => boolean {
  let last: Name | undefined;
  let isInside = false;
  return (name) => {
    if (name !== last) {
      last = name;
      isInside = name.isSubdomainOf(origin);
    }
    return isInside;
  };
}
