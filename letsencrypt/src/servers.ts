/**
 * The servers of a zone that a CA may ask: all its NS (RFC 1034 4.2), whose addresses are in the zones here or are asked of the
 * resolver of this machine.
 *
 * Left out: whether the delegation names the same servers as the zone (a parent that is not ours), and ports: all are reached on
 * one.
 *
 * Always holds: ends in bounded time; a name that cannot be resolved now is left out, for nobody else will find it either.
 */
import { Resolver } from 'node:dns/promises';
import type { ZoneTable } from '@zonewright/common/authority/zones';
import type { Name } from '@zonewright/common/name';
import { canonicalAddress, type Peer, peerOf } from '@zonewright/common/net/address';
import { targetOf } from '@zonewright/common/rr/rdata';
import { TYPE } from '@zonewright/common/rr/type';
import type { Zone } from '@zonewright/common/zone/zone';
import { keepAnswers } from './kept-answers.ts';

/** The addresses of a host name, as IP texts; empty where it has none, or nobody answers. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/** Name servers of a zone that are looked at, and addresses of each. */
const SERVERS = 32;
const ADDRESSES = 8;
/** Milliseconds that a resolved name is believed, however it came out, and how many names are kept. */
const AGE = 600_000;
const NAMES = 1024;
/** Milliseconds for one try of the resolver, and how many. */
const RESOLVER = { timeout: 2000, tries: 2 } as const;

export class Servers {
  readonly #zones: ZoneTable;
  readonly #port: number;
  readonly #resolve: Resolve;

  constructor(zones: ZoneTable, port: number, resolve: Resolve = systemResolve) {
    this.#zones = zones;
    this.#port = port;
    this.#resolve = keepAnswers(resolve, { age: AGE, most: NAMES });
  }

  /** Those of a zone, each once. */
  async of(zone: Zone): Promise<readonly Peer[]> {
    const names = (zone.get(zone.origin, TYPE.NS)?.rdatas ?? []).slice(0, SERVERS);
    const addresses = await Promise.all(names.map((rdata) => this.#addressesOf(targetOf(TYPE.NS, rdata))));
    return [...new Set(addresses.flat())].map((address) => peerOf(address, this.#port));
  }

  async #addressesOf(name: Name): Promise<readonly string[]> {
    const here = this.#zones.addressesOf(name);
    if (here.length > 0) return here;
    const found = await this.#resolve(name.toLowerCase().toString());
    return found.slice(0, ADDRESSES).map(canonicalAddress);
  }
}

async function systemResolve(host: string): Promise<readonly string[]> {
  const resolver = new Resolver(RESOLVER);
  const [v4, v6] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
  return [v4, v6].flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
}
