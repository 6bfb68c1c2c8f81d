/**
 * What the secondaries of each zone serve, as far as is known: from what they ask (an IXFR names the serial it starts from), and from
 * their own answers. A secondary is asked for its SOA until it serves what is served here, soon where it has acknowledged a NOTIFY or has got
 * a transfer; when, is `follower-probes.ts`.
 *
 * Always holds: a secondary counts as serving a version only if it has said so - of a zone about which nobody is asked, if it was sent it; one
 * that answers with a serial which was never published counts as serving nothing, and one that does not answer as serving what it said last;
 * nothing is asked of one that is known to be current, and whoever is behind is asked again.
 */
import type { Name } from '../name.ts';
import { readSoa } from '../rr/soa.ts';
import { TYPE } from '../rr/type.ts';
import { printRcode } from '../wire/code.ts';
import { encodedOnce } from '../wire/encoded.ts';
import type { Message } from '../wire/message.ts';
import { isNewer } from '../zone/serial.ts';
import type { Clock } from './clock.ts';
import { newProbe, type Probe, Probes, type Sign } from './follower-probes.ts';
import { question } from './inquiry.ts';
import type { Link } from './link.ts';

/** A secondary of one zone, for the status page. */
export interface FollowerStatus {
  readonly secondary: string;
  /** `undefined`: nobody knows yet. */
  readonly serial: number | undefined;
  /** Seconds since there is a version that it does not serve; 0 when there is none. */
  readonly lag: number;
  /** What went wrong when it was asked last. */
  readonly failure?: string;
}

/** How many secondaries serve a version, and how many were to. */
export interface Reached {
  readonly serving: number;
  readonly wanted: number;
}

interface Follower {
  readonly link: Link;
  readonly zone: Followed;
  serial: number | undefined;
  /** As milliseconds of the clock; `undefined` while it is current. */
  behindSince: number | undefined;
  failure: string | undefined;
  readonly probe: Probe;
}

interface Waiter {
  readonly serial: number;
  readonly wanted: number | undefined;
  settle(reached: Reached): void;
}

interface Followed {
  readonly origin: Name;
  /** What they are asked; made when one of them is. */
  question: Message | undefined;
  /** Nobody is asked what he serves of it: what is known is what was asked for, and sent. */
  readonly isQuiet: boolean;
  serial: number;
  /** When the newest versions were published, oldest first. */
  published: readonly { readonly serial: number; readonly at: number }[];
  /** {@link NOBODY} until one comes. */
  followers: Map<string, Follower>;
  /** In the order of their serials; {@link NO_WAITERS} until one comes. */
  waiters: Waiter[];
}

/** Of zones without a secondary, of which there may be many thousands: nothing is ever put into these. */
const NOBODY: Followed['followers'] = new Map();
const NO_WAITERS: Followed['waiters'] = [];

/** Versions of a zone of which it is known when they were published. */
const MAX_PUBLISHED = 100;
/** Milliseconds for the answer to an SOA query. */
const PROBE_TIMEOUT = 1000;

const serves = (held: number | undefined, serial: number): boolean =>
  held !== undefined && (held === serial || isNewer(held, serial));

const isFollowed = (follower: Follower): boolean => follower.zone.followers.get(follower.link.id) === follower;

export class Followers {
  readonly #clock: Clock;
  readonly #zones = new Map<string, Followed>();
  readonly #behind = new Set<Follower>();
  readonly #probes: Probes<Follower>;
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#probes = new Probes({
      clock,
      isAwaited: ({ zone }) => zone.waiters.length > 0,
      isBehind: (follower) => isFollowed(follower) && follower.behindSince !== undefined,
      ask: (follower) => this.#ask(follower),
    });
  }

  /** A version is published, and these are told of it. Whoever else was is no secondary of the zone any more. */
  published(origin: Name, serial: number, links: readonly Link[], isQuiet = false): void {
    const zone = this.#zoneOf(origin, serial, isQuiet);
    const now = this.#clock.now();
    if (zone.serial !== serial || zone.published.length === 0) {
      zone.serial = serial;
      zone.published = [...zone.published.slice(1 - MAX_PUBLISHED), { serial, at: now }];
    }
    const told = new Set(links.map(({ id }) => id));
    for (const [id, follower] of zone.followers) {
      if (!told.has(id)) this.#drop(follower);
      else this.#judge(follower, now);
    }
    for (const link of links) this.#add(zone, link, now);
    this.#settle(zone);
  }

  /** A secondary has come. */
  add(origin: Name, serial: number, link: Link, isQuiet = false): void {
    const zone = this.#zoneOf(origin, serial, isQuiet);
    this.#add(zone, link, this.#clock.now());
  }

  /** When the newest version of a zone was published, as milliseconds of the clock; 0 where nobody knows. */
  publishedAt(origin: Name): number {
    return this.#zones.get(origin.key)?.published.at(-1)?.at ?? 0;
  }

  /** A zone is withdrawn. */
  withdrawn(origin: Name): void {
    const zone = this.#zones.get(origin.key);
    if (zone === undefined) return;
    this.#zones.delete(origin.key);
    for (const follower of zone.followers.values()) this.#drop(follower);
    for (const waiter of zone.waiters.splice(0)) waiter.settle(this.#reached(zone, waiter));
  }

  /** A secondary is gone. */
  remove(origin: Name, id: string): void {
    const zone = this.#zones.get(origin.key);
    const follower = zone?.followers.get(id);
    if (zone === undefined || follower === undefined) return;
    this.#drop(follower);
    this.#settle(zone);
  }

  /** A secondary has said what it serves. What has not been published here is not believed. */
  serves(origin: Name, id: string, serial: number): void {
    const follower = this.#zones.get(origin.key)?.followers.get(id);
    if (follower !== undefined) this.#hear(follower, serial);
  }

  /** A secondary has been sent a version: of a zone about which it is not asked, that is all there is to know. */
  sent(origin: Name, id: string, serial: number): void {
    if (this.#zones.get(origin.key)?.isQuiet === true) this.serves(origin, id, serial);
    else this.moves(origin, id, 'transferred');
  }

  /** A secondary that is behind could not be told. */
  failed(origin: Name, id: string, what: string): void {
    const follower = this.#zones.get(origin.key)?.followers.get(id);
    if (follower?.behindSince !== undefined) follower.failure = what;
  }

  /** A secondary has shown that it may soon serve what it has not served yet. */
  moves(origin: Name, id: string, sign: Sign): void {
    const follower = this.#zones.get(origin.key)?.followers.get(id);
    if (follower === undefined || follower.behindSince === undefined) return;
    if (!follower.zone.isQuiet) this.#probes.heardOf(follower, sign);
  }

  /**
   * Resolves when as many secondaries as are `wanted` - all that are known, and one at least, unless given - serve this version or a newer one,
   * or when `timeout` milliseconds are over.
   */
  served(origin: Name, serial: number, wanted: number | undefined, timeout: number): Promise<Reached> {
    const zone = this.#zones.get(origin.key);
    if (zone === undefined || this.#isClosed) return Promise.resolve({ serving: 0, wanted: wanted ?? 1 });
    return new Promise((resolve) => {
      const waiter: Waiter = {
        serial,
        wanted,
        settle: (reached) => {
          cancel();
          resolve(reached);
        },
      };
      const cancel = this.#clock.after(timeout, () => {
        const at = zone.waiters.indexOf(waiter);
        if (at >= 0) zone.waiters.splice(at, 1);
        waiter.settle(this.#reached(zone, waiter));
      });
      if (zone.waiters === NO_WAITERS) zone.waiters = [];
      zone.waiters.push(waiter);
      this.#settle(zone);
      if (zone.waiters.length > 0) this.#hurry(zone);
    });
  }

  /** The secondaries of a zone. */
  status(origin: Name): readonly FollowerStatus[] {
    const now = this.#clock.now();
    return [...(this.#zones.get(origin.key)?.followers.values() ?? [])].map(
      ({ link, serial, behindSince, failure }) => ({
        secondary: link.peer,
        serial,
        lag: behindSince === undefined ? 0 : Math.round(now - behindSince) / 1000,
        ...(failure === undefined ? {} : { failure }),
      }),
    );
  }

  /** How many secondaries do not serve the newest version of some zone, and the seconds of the one that is behind for longest. */
  get behind(): { readonly secondaries: number; readonly lag: number } {
    const now = this.#clock.now();
    const ids = new Set<string>();
    let longest = 0;
    for (const { link, behindSince } of this.#behind) {
      ids.add(link.id);
      longest = Math.max(longest, now - (behindSince ?? now));
    }
    return { secondaries: ids.size, lag: Math.round(longest) / 1000 };
  }

  /** Asks nobody any more; who waits is told what is known. */
  close(): void {
    this.#isClosed = true;
    this.#probes.close();
    for (const { origin } of [...this.#zones.values()]) this.withdrawn(origin);
  }

  #zoneOf(origin: Name, serial: number, isQuiet: boolean): Followed {
    let zone = this.#zones.get(origin.key);
    if (zone === undefined) {
      // Field by field: there is one for each of many zones.
      zone = {
        origin,
        question: undefined,
        isQuiet,
        serial,
        published: [],
        followers: NOBODY,
        waiters: NO_WAITERS,
      };
      this.#zones.set(origin.key, zone);
    }
    return zone;
  }

  #add(zone: Followed, link: Link, now: number): void {
    const known = zone.followers.get(link.id);
    if (known?.link === link || this.#isClosed) return;
    const follower: Follower = {
      link,
      zone,
      serial: known?.serial,
      behindSince: known?.behindSince,
      failure: undefined,
      probe: newProbe(),
    };
    if (known !== undefined) this.#drop(known);
    if (zone.followers === NOBODY) zone.followers = new Map();
    zone.followers.set(link.id, follower);
    this.#judge(follower, now);
  }

  #drop(follower: Follower): void {
    this.#probes.forget(follower);
    this.#behind.delete(follower);
    const { zone, link } = follower;
    if (zone.followers.get(link.id) === follower) zone.followers.delete(link.id);
  }

  /** Notes whether it is behind, and since when. */
  #judge(follower: Follower, now: number): void {
    const { zone, serial } = follower;
    if (serves(serial, zone.serial) || (zone.isQuiet && serial === undefined)) {
      follower.behindSince = undefined;
      this.#behind.delete(follower);
      return;
    }
    const missed = serial === undefined ? undefined : zone.published.find((each) => !serves(serial, each.serial));
    // What it misses may have been published before the oldest that is known.
    const isSure = missed !== undefined && missed !== zone.published[0];
    follower.behindSince = isSure ? missed.at : (follower.behindSince ?? missed?.at ?? now);
    this.#behind.add(follower);
    if (!zone.isQuiet) this.#probes.behind(follower);
  }

  /** `false`: it is a serial that has not been published here. */
  #hear(follower: Follower, serial: number): boolean {
    if (isNewer(serial, follower.zone.serial)) return false;
    const isNews = follower.serial !== serial;
    follower.serial = serial;
    follower.failure = undefined;
    if (isNews) follower.probe.asked = 0;
    this.#judge(follower, this.#clock.now());
    if (follower.behindSince === undefined) this.#probes.forget(follower);
    this.#settle(follower.zone);
    return true;
  }

  /** Somebody waits: who is asked at leisure is asked soon. */
  #hurry(zone: Followed): void {
    for (const follower of zone.followers.values()) {
      if (follower.behindSince !== undefined && !zone.isQuiet) this.#probes.hurry(follower);
    }
  }

  async #ask(follower: Follower): Promise<void> {
    const { link, zone } = follower;
    zone.question ??= encodedOnce(question(zone.origin, TYPE.SOA));
    const reply = await link.ask(zone.question, PROBE_TIMEOUT);
    if (!isFollowed(follower)) return;
    const soa = reply.ok
      ? reply.value.answers.find(({ type, name }) => type === TYPE.SOA && name.equals(zone.origin))
      : undefined;
    const serial = soa && readSoa(soa.rdata).serial;
    if (serial === undefined)
      follower.failure = reply.ok ? `${printRcode(reply.value.rcode)} without an SOA` : reply.fault.what;
    // It serves what is of somebody else, or of a past that is lost.
    else if (!this.#hear(follower, serial)) {
      follower.failure = `it serves serial ${serial}, and ${zone.serial} is published`;
      follower.serial = undefined;
      this.#judge(follower, this.#clock.now());
    }
  }

  #reached({ followers }: Followed, { serial, wanted }: Waiter): Reached {
    let serving = 0;
    for (const follower of followers.values()) if (serves(follower.serial, serial)) serving++;
    return { serving, wanted: wanted ?? Math.max(1, followers.size) };
  }

  /** Who waits for a newer version waits for longer, so the first that has to wait ends the search. */
  #settle(zone: Followed): void {
    for (let first = zone.waiters[0]; first !== undefined; first = zone.waiters[0]) {
      const reached = this.#reached(zone, first);
      if (reached.serving < reached.wanted) return;
      zone.waiters.shift();
      first.settle(reached);
    }
  }
}
