/**
 * TXT records for challenges (RFC 8555 8.4): put for a whole order at once, seen by the servers of the zone, and taken away.
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
import { txtRdata, txtText } from '@zonewright/common/rr/txt';
import { TYPE } from '@zonewright/common/rr/type';
import type { Zone } from '@zonewright/common/zone/zone';
import type { DnsClient, DnsFault } from './dns.ts';
import type { Place } from './place.ts';

/** A text and where it is to stand. */
export interface Answer {
  readonly place: Place;
  readonly text: string;
}

/** Seconds. Nobody is served by keeping them. */
const TTL = 60;
/** Milliseconds between two looks at a server. */
const LOOK_AGAIN = { least: 50, most: 1000 } as const;
/** A server to which there is no way (another address family, a firewall that says so) is given up after so many looks. */
const UNREACHABLE_LOOKS = 3;
/** Milliseconds that a server which gives no answer at all is waited for, since it last gave one. */
const SILENT_LIMIT = 30_000;
/** Milliseconds that a server has to show what it was asked for; secondaries that are not told ask every few minutes. */
const LAG_LIMIT = 300_000;
/** Milliseconds for taking the records away, also when the service is being stopped. */
const TIDY_TIMEOUT = 5000;
const TIDY_TRIES = 2;
/** Records that are taken away by one UPDATE. */
const TIDY_RECORDS = 200;

function recordOf({ place, text }: Answer): ResourceRecord {
  return { name: place.name, type: TYPE.TXT, class: CLASS.IN, ttl: TTL, rdata: txtRdata(text) };
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

/**
 * Puts all answers, for `ttl` seconds; where one zone refuses, those of the other zones may stand: {@link takeAway} has to be
 * called anyway.
 */
export async function put(
  dns: DnsClient,
  answers: readonly Answer[],
  signal?: AbortSignal,
  ttl = TTL,
): Promise<Result<void, DnsFault>> {
  for (const [zone, own] of byZone(answers)) {
    const operations = own.map((answer) => ({ ...recordOf(answer), ttl }));
    const updated = await dns.update(zone.origin, { operations }, { signal });
    if (!updated.ok) return updated;
  }
  return ok(undefined);
}

/** Takes the answers away; has no signal since it is also to be done when everything else is given up. */
export async function takeAway(dns: DnsClient, answers: readonly Answer[]): Promise<Result<void, DnsFault>> {
  let last: DnsFault | undefined;
  for (const [zone, own] of byZone(answers)) {
    for (let at = 0; at < own.length; at += TIDY_RECORDS) {
      const operations = own
        .slice(at, at + TIDY_RECORDS)
        .map((answer) => ({ ...recordOf(answer), class: CLASS.NONE, ttl: 0 }));
      for (let left = TIDY_TRIES; left > 0; left--) {
        const updated = await dns.update(zone.origin, { operations }, { signal: AbortSignal.timeout(TIDY_TIMEOUT) });
        if (!updated.ok) last = updated.fault;
        if (updated.ok || updated.fault.kind === 'refused') break;
      }
    }
  }
  return last === undefined ? ok(undefined) : fail(last);
}

/** A server that does not show the answers. */
export interface Blind {
  readonly server: string;
  readonly what: string;
  /** It answers, without them; else it does not answer. */
  readonly isBehind: boolean;
}

/**
 * Waits until `dns` and the other `servers` show all answers, and gives those that do not. One that answers without them is
 * waited for longest, since the CA would believe it. One that gives no answer is given up sooner, and one that cannot be
 * reached at all at once: those who resolve ask another.
 */
export async function waitVisible(
  dns: DnsClient,
  answers: readonly Answer[],
  serversOf: (zone: Zone) => Promise<readonly Peer[]>,
  signal: AbortSignal,
): Promise<readonly Blind[]> {
  const looks = [...byZone(answers)].map(async ([zone, own]) => {
    const others = (await serversOf(zone)).filter((server) => !isSamePeer(server, dns.server));
    return Promise.all([dns.server, ...others].map((server) => watch(dns, server, own, signal)));
  });
  return (await Promise.all(looks)).flat().filter((blind) => blind !== undefined);
}

async function watch(
  dns: DnsClient,
  server: Peer,
  answers: readonly Answer[],
  signal: AbortSignal,
): Promise<Blind | undefined> {
  const began = performance.now();
  let answeredAt = began;
  let unreachable = 0;
  for (let pause: number = LOOK_AGAIN.least; ; pause = Math.min(2 * pause, LOOK_AGAIN.most)) {
    const seen = await look(dns, server, answers, signal);
    if (seen === undefined) return undefined;
    const isBehind = seen.kind === 'old';
    const next = performance.now() + pause;
    if (isBehind) answeredAt = next;
    unreachable = seen.kind === 'unreachable' ? unreachable + 1 : 0;
    const isOver =
      next > began + LAG_LIMIT ||
      next > answeredAt + SILENT_LIMIT ||
      unreachable >= UNREACHABLE_LOOKS ||
      signal.aborted;
    if (isOver) return { server: printPeer(server), what: seen.what, isBehind };
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
  for (const { name, texts } of byName(answers)) {
    const found = isSamePeer(server, dns.server)
      ? await dns.lookup(name, TYPE.TXT, { signal })
      : await dns.lookupAt(server, name, TYPE.TXT, { signal });
    if (!found.ok) return found.fault;
    const shown = new Set(found.value.map(txtText));
    if (!texts.every((text) => shown.has(text))) return { kind: 'old', what: `${name} TXT is not there yet` };
  }
  return undefined;
}

function byName(answers: readonly Answer[]): Iterable<{ readonly name: Name; readonly texts: readonly string[] }> {
  const names = new Map<string, { readonly name: Name; readonly texts: string[] }>();
  for (const { place, text } of answers) {
    const entry = names.get(place.name.key) ?? { name: place.name, texts: [] };
    names.set(place.name.key, entry);
    entry.texts.push(text);
  }
  return names.values();
}
