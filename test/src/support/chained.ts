/**
 * Signing without keys: a zone gets the NSEC or NSEC3 records that a signer would give it (RFC 4035 2, RFC 5155 7.1), and a signature of
 * no worth for each set. For tests of what is put into answers, where signing with keys would take too long.
 *
 * Written from the RFCs and without what it tests: names are compared by their keys, and node:crypto hashes.
 */
import { createHash } from 'node:crypto';
import type { Name } from '@zonewright/common/name';
import { CLASS } from '@zonewright/common/rr/class';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import { Zone } from '@zonewright/common/zone/zone';
import { given } from './records.ts';

const { RRSIG, NSEC, NSEC3, NSEC3PARAM } = TYPE;

/** How to make the chain; an NSEC chain unless there are hash parameters. */
export interface ChainOptions {
  readonly hash?: { readonly iterations: number; readonly salt: Uint8Array; readonly isOptOut: boolean };
}

/** The hash of a name (RFC 5155 5). */
export function hashOf(name: Name, { iterations, salt }: NonNullable<ChainOptions['hash']>): Buffer {
  let hash = createHash('sha1').update(name.toLowerCase().wire).update(salt).digest();
  for (let i = 0; i < iterations; i++) hash = createHash('sha1').update(hash).update(salt).digest();
  return hash;
}

/** base32hex (RFC 4648 7) in upper case, as BIND writes it. */
export function base32hex(octets: Uint8Array): string {
  const bits = [...octets].map((octet) => octet.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{5}/g) ?? []).map((five) => Number.parseInt(five, 2).toString(32).toUpperCase()).join('');
}

/** A type bitmap (RFC 4034 4.1.2). */
export function bitmapOf(types: Iterable<number>): Buffer {
  const windows = new Map<number, Buffer>();
  for (const type of types) {
    const window = windows.get(type >> 8) ?? Buffer.alloc(32);
    windows.set(type >> 8, window);
    window[(type & 255) >> 3]! |= 0x80 >> (type & 7);
  }
  return Buffer.concat(
    [...windows]
      .sort(([a], [b]) => a - b)
      .map(([number, octets]) => {
        const length = octets.findLastIndex((octet) => octet !== 0) + 1;
        return Buffer.from([number, length, ...octets.subarray(0, length)]);
      }),
  );
}

/** A name that the chain has an entry for, with the types of its bitmap without those of the chain itself. */
interface Link {
  readonly name: Name;
  readonly types: ReadonlySet<number>;
}

/** The names with authoritative data (RFC 4035 2.3): not those below a zone cut or a DNAME. */
function linksOf(zone: Zone): Link[] {
  const links: Link[] = [];
  for (const { name, rrsets } of zone.nodes()) {
    const cut = zone.cutAt(name);
    if ((cut !== undefined && !cut.name.equals(name)) || zone.dnameAbove(name) !== undefined) continue;
    const types = [...rrsets.keys()].filter((type) => cut === undefined || type === TYPE.NS || type === TYPE.DS);
    links.push({ name, types: new Set(types) });
  }
  return links;
}

const isSigned = (zone: Zone, { name, types }: Link): boolean =>
  name.equals(zone.origin) || !types.has(TYPE.NS) || types.has(TYPE.DS);

/** A signature (RFC 4034 3.1) as far as its form goes. */
function signature(zone: Zone, name: Name, type: number, ttl: number): ResourceRecord {
  const head = Buffer.alloc(18);
  head.writeUInt16BE(type, 0);
  head[2] = 13;
  head[3] = name.labelCount - (name.isWildcard ? 1 : 0);
  head.writeUInt32BE(ttl, 4);
  head.writeUInt32BE(4_000_000_000, 8);
  const rdata = Buffer.concat([head, zone.origin.wire, Buffer.from('no worth')]);
  return { name, type: RRSIG, class: CLASS.IN, ttl, rdata: Uint8Array.from(rdata) };
}

/** The zone with a chain and signatures. */
export function chainZone(zone: Zone, { hash }: ChainOptions): Zone {
  const { origin } = zone;
  const ttl = Math.min(zone.soa.minimum, zone.soaSet.ttl);
  const made: ResourceRecord[] = [];
  const add = (name: Name, type: number, rdata: Uint8Array, ownTtl = ttl): void => {
    made.push(
      { name, type, class: CLASS.IN, ttl: ownTtl, rdata: Uint8Array.from(rdata) },
      signature(zone, name, type, ownTtl),
    );
  };
  const links = linksOf(zone);
  for (const link of links) {
    for (const type of link.types) {
      const isDelegation = type === TYPE.NS && !link.name.equals(origin);
      if (!isDelegation) made.push(signature(zone, link.name, type, zone.get(link.name, type)!.ttl));
    }
  }
  if (hash === undefined) {
    for (const [i, { name, types }] of links.entries()) {
      const next = links[(i + 1) % links.length]!.name;
      add(name, NSEC, Buffer.concat([next.wire, bitmapOf([...types, RRSIG, NSEC])]));
    }
  } else {
    const parameters = Buffer.from([1, 0, hash.iterations >> 8, hash.iterations, hash.salt.length, ...hash.salt]);
    add(origin, NSEC3PARAM, parameters, 0);
    const hashed = new Map<string, Link>();
    for (const link of links) {
      if (hash.isOptOut && !isSigned(zone, link)) continue;
      const types = isSigned(zone, link) ? [...link.types, RRSIG] : link.types;
      const all = link.name.equals(origin) ? [...types, NSEC3PARAM] : types;
      hashed.set(link.name.key, { name: link.name, types: new Set(all) });
    }
    for (const { name } of [...hashed.values()]) {
      for (let above = name; above.labelCount > origin.labelCount; above = above.parent()!)
        if (!hashed.has(above.key)) hashed.set(above.key, { name: above, types: new Set() });
    }
    const ring = [...hashed.values()].map((link) => ({ ...link, hash: hashOf(link.name, hash) }));
    ring.sort((a, b) => Buffer.compare(a.hash, b.hash));
    const head = Buffer.from(parameters);
    head[1] = hash.isOptOut ? 1 : 0;
    for (const [i, { types, hash: own }] of ring.entries()) {
      const next = ring[(i + 1) % ring.length]!.hash;
      add(given(origin.child(base32hex(own))), NSEC3, Buffer.concat([head, Buffer.of(20), next, bitmapOf(types)]));
    }
  }
  return Zone.fromRecords(origin, [...zone.records(), zone.soaRecord(), ...made])!;
}
