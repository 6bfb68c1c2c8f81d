/**
 * NOTIFY out (RFC 1996): whom to tell, and when to tell them again until they acknowledge. Pure: time comes in, what is due goes out.
 * Only the newest serial of a zone is announced, and one at a time to each target: what changes while a NOTIFY is under way is told
 * once that has ended.
 */
import type { Name } from '../name.ts';
import { CLASS } from '../rr/class.ts';
import { targetOf } from '../rr/rdata.ts';
import { type RRset, recordsOf } from '../rr/record.ts';
import { TYPE } from '../rr/type.ts';
import { OPCODE } from '../wire/code.ts';
import { emptyMessage, type Message } from '../wire/message.ts';
import type { Zone } from '../zone/zone.ts';
import type { Key, KeyTable } from './key.ts';
import type { ZoneTable } from './zones.ts';

export interface NotifyTarget {
  /** IP address in text form. */
  readonly address: string;
  /** To sign with: the target may have only one of those that name it. None: not signed (NS records). */
  readonly keys: readonly Key[];
}

/** The request that announces a zone; its ID is set when it is sent. */
export function notifyMessage(origin: Name, soa?: RRset): Message {
  return {
    ...emptyMessage(0, OPCODE.NOTIFY),
    aa: true,
    questions: [{ name: origin, type: TYPE.SOA, class: CLASS.IN }],
    answers: soa === undefined ? [] : recordsOf(soa),
  };
}

/** The secondaries that transfer keys name for a zone: one target an address, with all keys that name it. */
export function keyTargets(origin: Name, keys: KeyTable): readonly NotifyTarget[] {
  const signers = new Map<string, readonly Key[]>();
  for (const key of keys.secondariesOf(origin))
    signers.set(key.secondary!, [...(signers.get(key.secondary!) ?? []), key]);
  return [...signers].map(([address, each]) => ({ address, keys: each }));
}

/**
 * Whom a change of a zone is told to: secondaries named in transfer keys, and the addresses of the zone's name servers other
 * than the primary (the SOA's MNAME). One target an address; a key's comes before a name server's.
 */
export function notifyTargets(zone: Zone, zones: ZoneTable, keys: KeyTable): readonly NotifyTarget[] {
  const targets = new Map(keyTargets(zone.origin, keys).map((target) => [target.address, target]));
  const { mname } = zone.soa;
  for (const rdata of zone.get(zone.origin, TYPE.NS)?.rdatas ?? []) {
    const server = targetOf(TYPE.NS, rdata);
    if (server.equals(mname)) continue;
    for (const address of zones.addressesOf(server))
      if (!targets.has(address)) targets.set(address, { address, keys: [] });
  }
  return [...targets.values()];
}

/** Milliseconds from one sending that was not acknowledged to the next; after the last the target is given up until the next change. */
export const NOTIFY_WAITS: readonly number[] = [1, 2, 4, 8, 15, 30, 60, 120, 300, 900, 3600].map(
  (seconds) => seconds * 1000,
);
/** NOTIFYs under way to one target, and to all. */
const MAX_SENDING = 20;
const MAX_SENDING_ALL = 200;
/** Sendings in a row without an answer after which one at a time has to do for a target. */
const FAILURES = 5;

/** What became of a sending; who refuses one is there, and may take the next. */
export type SendingEnd = 'acknowledged' | 'refused' | 'unanswered';

export interface Announcement {
  readonly zone: Name;
  /** Identifies the target: no two have the same. */
  readonly target: string;
  /** How often it was sent before. */
  readonly attempt: number;
}

interface Waiting {
  readonly zone: Name;
  /** As milliseconds of the clock: when it was sent last, and is to be sent. */
  readonly sentAt: number;
  readonly dueAt: number;
}

interface Sent {
  readonly announcement: Announcement;
  /** Has the zone changed since? */
  isOutdated: boolean;
}

/**
 * What waits for one target. Zones that were sent equally often wait equally long, so each of these rounds is in the order in which it
 * is due, and nothing has to be searched.
 */
class Queue {
  readonly #rounds: readonly Map<string, Waiting>[] = Array.from({ length: NOTIFY_WAITS.length + 1 }, () => new Map());
  readonly #sent = new Map<string, Sent>();
  #failures = 0;

  /** How many more may be sent. */
  get room(): number {
    return Math.max(0, (this.#failures < FAILURES ? MAX_SENDING : 1) - this.#sent.size);
  }

  get isEmpty(): boolean {
    return this.#sent.size === 0 && this.#rounds.every((round) => round.size === 0);
  }

  get nextAt(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const round of this.#rounds)
      for (const { dueAt } of round.values()) {
        next = Math.min(next, dueAt);
        break;
      }
    return next;
  }

  announce(zone: Name, now: number): void {
    const sent = this.#sent.get(zone.key);
    if (sent !== undefined) {
      sent.isOutdated = true;
      return;
    }
    const attempt = this.#rounds.findIndex((round) => round.has(zone.key));
    const waiting = this.#rounds[attempt]?.get(zone.key);
    // What is about to be sent will have the newest serial.
    if (attempt === 0 || attempt === 1) return;
    this.#rounds[attempt]?.delete(zone.key);
    const [pause] = NOTIFY_WAITS;
    // However often a zone changes, a target that is away is told of it once in so long.
    const isLate = waiting === undefined || waiting.sentAt + pause! <= now;
    const sentAt = waiting?.sentAt ?? now;
    this.#rounds[isLate ? 0 : 1]!.set(zone.key, { zone, sentAt, dueAt: isLate ? now : now + pause! });
  }

  drop({ key }: Name): void {
    for (const round of this.#rounds) round.delete(key);
  }

  /** Of what has not been acknowledged. */
  get zones(): readonly Name[] {
    const waiting = this.#rounds.flatMap((round) => [...round.values()].map(({ zone }) => zone));
    return [...waiting, ...[...this.#sent.values()].map(({ announcement }) => announcement.zone)];
  }

  /** What waits because it was not acknowledged is due. */
  retry(now: number): void {
    this.#failures = 0;
    const [first, ...later] = this.#rounds;
    for (const round of later) {
      for (const [key, { zone }] of round) first!.set(key, { zone, sentAt: now, dueAt: now });
      round.clear();
    }
  }

  take(target: string, now: number, limit: number, due: Announcement[]): void {
    for (const [attempt, round] of this.#rounds.entries()) {
      for (const [key, { zone, dueAt }] of round) {
        if (dueAt > now || due.length >= limit || this.room === 0) break;
        round.delete(key);
        const announcement = { zone, target, attempt };
        this.#sent.set(key, { announcement, isOutdated: false });
        due.push(announcement);
      }
    }
  }

  ended(announcement: Announcement, end: SendingEnd, now: number): void {
    const { zone, attempt } = announcement;
    const sent = this.#sent.get(zone.key);
    // It may be of a queue that was forgotten, and this one have one of the same zone under way.
    if (sent?.announcement !== announcement) return;
    this.#sent.delete(zone.key);
    this.#failures = end === 'unanswered' ? this.#failures + 1 : 0;
    if (end === 'acknowledged') {
      if (sent.isOutdated) this.#rounds[0]!.set(zone.key, { zone, sentAt: now, dueAt: now });
      return;
    }
    const next = sent.isOutdated ? 0 : attempt;
    const wait = NOTIFY_WAITS[next];
    if (wait !== undefined) this.#rounds[next + 1]!.set(zone.key, { zone, sentAt: now, dueAt: now + wait });
  }
}

/**
 * Announcements until they are acknowledged: one of a zone at a time to each target, which is told again of what changes meanwhile. Times
 * are milliseconds of any steady clock, and never go back.
 *
 * Always holds: a target that does not acknowledge keeps no other waiting; how a sending ended counts for that sending alone.
 */
export class Announcements {
  readonly #queues = new Map<string, Queue>();
  /** Those of forgotten targets as well. */
  readonly #sending = new Set<Announcement>();

  /** Announces, at once where nothing is under way. */
  announce(zone: Name, target: string, now: number): void {
    let queue = this.#queues.get(target);
    if (queue === undefined) {
      queue = new Queue();
      this.#queues.set(target, queue);
    }
    queue.announce(zone, now);
  }

  /** What is to be sent now, no more than `limit`. Each is under way until it is said to have ended. */
  due(now: number, limit = Number.POSITIVE_INFINITY): readonly Announcement[] {
    const due: Announcement[] = [];
    const room = Math.min(limit, MAX_SENDING_ALL - this.#sending.size);
    const served: string[] = [];
    for (const [target, queue] of this.#queues) {
      if (due.length >= room) break;
      const before = due.length;
      queue.take(target, now, room, due);
      if (due.length > before) served.push(target);
    }
    // Who was served goes behind all others.
    for (const target of served) {
      const queue = this.#queues.get(target)!;
      this.#queues.delete(target);
      this.#queues.set(target, queue);
    }
    for (const announcement of due) this.#sending.add(announcement);
    return due;
  }

  /** Ends a sending: the target has acknowledged it, or it is to be sent again later. */
  ended(announcement: Announcement, end: SendingEnd, now: number): void {
    if (!this.#sending.delete(announcement)) return;
    const { target } = announcement;
    const queue = this.#queues.get(target);
    queue?.ended(announcement, end, now);
    if (queue?.isEmpty === true) this.#queues.delete(target);
  }

  /** The target has been heard of: what it did not acknowledge is sent again at once. */
  retry(target: string, now: number): void {
    this.#queues.get(target)?.retry(now);
  }

  /** A target need not be told of a zone, if that is not under way. */
  drop(zone: Name, target: string): void {
    const queue = this.#queues.get(target);
    queue?.drop(zone);
    if (queue?.isEmpty === true) this.#queues.delete(target);
  }

  /** Drops all that waits for a target. Gives the zones of which it was not told. */
  forget(target: string): readonly Name[] {
    const zones = this.#queues.get(target)?.zones ?? [];
    this.#queues.delete(target);
    return zones;
  }

  /** When something is due next; `undefined` when nothing waits that may be sent. */
  get nextAt(): number | undefined {
    if (this.#sending.size >= MAX_SENDING_ALL) return undefined;
    let next = Number.POSITIVE_INFINITY;
    for (const queue of this.#queues.values()) if (queue.room > 0) next = Math.min(next, queue.nextAt);
    return next === Number.POSITIVE_INFINITY ? undefined : next;
  }
}
