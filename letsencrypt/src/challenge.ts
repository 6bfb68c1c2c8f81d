/**
 * TXT records for dns-01 (RFC 8555 8.4): put for a whole order at once, seen by the servers of the zone, and taken away.
 *
 * One UPDATE for each zone, which only adds: the values of a name and of its wildcard stand side by side, and so do those of
 * other ACME clients. Exactly what was put is taken away.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Name } from '@zonewright/common/name';
import { isSamePeer, type Peer, printPeer } from '@zonewright/common/net/address';
import { fail, ok, type Result } from '@zonewright/common/result';
import { CLASS } from '@zonewright/common/rr/class';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import type { Zone } from '@zonewright/common/zone/zone';
import type { DnsClient, DnsFault } from './dns.ts';
import type { Place } from './place.ts';

/** A value and where it is to stand. */
export interface Answer {
  readonly place: Place;
  /** The digest, base64url. */
  readonly digest: string;
}

/** Seconds. Nobody is served by keeping them. */
const TTL = 60;
/** Milliseconds between two looks at a server. */
const LOOK_AGAIN = { least: 50, most: 1000 } as const;
/** A server to which there is no way (another address family, a firewall that says so) is given up after so many looks. */
const UNREACHABLE_LOOKS = 3;
/** Milliseconds for taking the records away, also when the service is being stopped. */
const TIDY_TIMEOUT = 5000;
const TIDY_TRIES = 2;

function recordOf({ place, digest }: Answer): ResourceRecord {
  const text = Buffer.from(digest, 'latin1');
  return {
    name: place.name,
    type: TYPE.TXT,
    class: CLASS.IN,
    ttl: TTL,
    rdata: Uint8Array.from([text.length, ...text]),
  };
}

/** The answers of each zone. */
export function byZone(answers: readonly Answer[]): ReadonlyMap<Zone, readonly Answer[]> {
  const zones = new Map<string, { readonly zone: Zone; readonly answers: Answer[] }>();
  for (const answer of answers) {
    const { zone } = answer.place;
    const entry = zones.get(zone.origin.key) ?? { zone, answers: [] };
    zones.set(zone.origin.key, entry);
    entry.answers.push(answer);
  }
  return new Map([...zones.values()].map((entry) => [entry.zone, entry.answers]));
}

/** Puts all answers; where one zone refuses, those of the other zones may stand: {@link takeAway} has to be called anyway. */
export async function put(
  dns: DnsClient,
  answers: readonly Answer[],
  signal?: AbortSignal,
): Promise<Result<void, DnsFault>> {
  for (const [zone, own] of byZone(answers)) {
    const updated = await dns.update(zone.origin, { operations: own.map(recordOf) }, { signal });
    if (!updated.ok) return updated;
  }
  return ok(undefined);
}

/** Takes the answers away; has no signal since it is also to be done when everything else is given up. */
export async function takeAway(dns: DnsClient, answers: readonly Answer[]): Promise<Result<void, DnsFault>> {
  let last: DnsFault | undefined;
  for (const [zone, own] of byZone(answers)) {
    const operations = own.map((answer) => ({ ...recordOf(answer), class: CLASS.NONE, ttl: 0 }));
    for (let left = TIDY_TRIES; left > 0; left--) {
      const updated = await dns.update(zone.origin, { operations }, { signal: AbortSignal.timeout(TIDY_TIMEOUT) });
      if (!updated.ok) last = updated.fault;
      if (updated.ok || updated.fault.kind === 'refused') break;
    }
  }
  return last === undefined ? ok(undefined) : fail(last);
}

/** A server that does not show the answers. */
export interface Blind {
  readonly server: string;
  readonly what: string;
}

/**
 * Waits until `dns` and the other `servers` show all answers, or `limit` milliseconds are over: with those that do not.
 * The CA may still see them, so this is no failure. A server that cannot be reached at all is given up sooner.
 */
export async function waitVisible(
  dns: DnsClient,
  answers: readonly Answer[],
  serversOf: (zone: Zone) => readonly Peer[],
  limit: number,
  signal: AbortSignal,
): Promise<readonly Blind[]> {
  const deadline = performance.now() + limit;
  const looks: Promise<Blind | undefined>[] = [];
  for (const [zone, own] of byZone(answers)) {
    const others = serversOf(zone).filter((server) => !isSamePeer(server, dns.server));
    for (const server of [dns.server, ...others]) looks.push(watch(dns, server, own, deadline, signal));
  }
  return (await Promise.all(looks)).filter((blind) => blind !== undefined);
}

async function watch(
  dns: DnsClient,
  server: Peer,
  answers: readonly Answer[],
  deadline: number,
  signal: AbortSignal,
): Promise<Blind | undefined> {
  let unreachable = 0;
  for (let pause: number = LOOK_AGAIN.least; ; pause = Math.min(2 * pause, LOOK_AGAIN.most)) {
    const seen = await look(dns, server, answers, signal);
    if (seen === undefined) return undefined;
    unreachable = seen.kind === 'unreachable' ? unreachable + 1 : 0;
    const isOver = performance.now() + pause > deadline || unreachable >= UNREACHABLE_LOOKS || signal.aborted;
    if (isOver) return { server: printPeer(server), what: seen.what };
    await sleep(pause, undefined, { signal }).catch(() => undefined);
  }
}

/** What is not seen; `undefined` when all is. */
async function look(
  dns: DnsClient,
  server: Peer,
  answers: readonly Answer[],
  signal: AbortSignal,
): Promise<{ readonly kind: string; readonly what: string } | undefined> {
  const names = new Map<string, { readonly name: Name; readonly digests: string[] }>();
  for (const { place, digest } of answers) {
    const entry = names.get(place.name.key) ?? { name: place.name, digests: [] };
    names.set(place.name.key, entry);
    entry.digests.push(digest);
  }
  for (const { name, digests } of names.values()) {
    const found = isSamePeer(server, dns.server)
      ? await dns.lookup(name, TYPE.TXT, { signal })
      : await dns.lookupAt(server, name, TYPE.TXT, { signal });
    if (!found.ok) return found.fault;
    const texts = new Set(found.value.map((rdata) => Buffer.from(rdata.subarray(1)).toString('latin1')));
    if (!digests.every((digest) => texts.has(digest))) return { kind: 'old', what: `${name} TXT is not there yet` };
  }
  return undefined;
}
