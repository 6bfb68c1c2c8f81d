/**
 * NOTIFY out (RFC 1996): whom to tell, and when to tell them again until they acknowledge. Pure: time comes in, what is due goes out.
 * Only the newest serial of a zone is announced to a target; a newer one replaces what is still waiting.
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

/**
 * Whom a change of a zone is told to: secondaries named in transfer keys, and the addresses of the zone's name servers other
 * than the primary (the SOA's MNAME). One target an address; a key's comes before a name server's.
 */
export function notifyTargets(zone: Zone, zones: ZoneTable, keys: KeyTable): readonly NotifyTarget[] {
  const targets = new Map<string, readonly Key[]>();
  for (const key of keys.secondariesOf(zone.origin))
    targets.set(key.secondary!, [...(targets.get(key.secondary!) ?? []), key]);
  for (const rdata of zone.get(zone.origin, TYPE.NS)?.rdatas ?? []) {
    const server = targetOf(TYPE.NS, rdata);
    if (server.equals(zone.soa.mname)) continue;
    for (const address of zones.addressesOf(server)) if (!targets.has(address)) targets.set(address, []);
  }
  return [...targets].map(([address, signers]) => ({ address, keys: signers }));
}

/** Milliseconds to wait for an acknowledgement after each sending; after the last the target is given up until the next change. */
export const NOTIFY_WAITS: readonly number[] = [1, 2, 4, 8, 15, 30, 60, 120, 300, 900, 3600].map(
  (seconds) => seconds * 1000,
);

export interface Announcement {
  readonly zone: Name;
  /** Identifies the target: an address or a connection. */
  readonly target: string;
  readonly attempt: number;
  /** Tells it from a later one of the same zone to the same target. */
  readonly number: number;
}

interface Waiting {
  readonly announcement: Announcement;
  readonly dueAt: number;
}

/**
 * Announcements that wait for their acknowledgement. Times are in milliseconds of any steady clock, and never go back. What has been
 * sent equally often waits equally long, so each of these rounds is in the order in which it is due, and nothing has to be
 * searched.
 */
export class Announcements {
  readonly #rounds: readonly Map<string, Waiting>[] = Array.from({ length: NOTIFY_WAITS.length + 1 }, () => new Map());
  #count = 0;

  #key(zone: Name, target: string): string {
    return `${target} ${zone.key}`;
  }

  /** Announces, at once; a waiting announcement of the same zone to the same target is replaced. */
  announce(zone: Name, target: string, now: number): void {
    const key = this.#key(zone, target);
    for (const round of this.#rounds) round.delete(key);
    this.#rounds[0]!.set(key, { announcement: { zone, target, attempt: 0, number: ++this.#count }, dueAt: now });
  }

  /** Ends an announcement; not one that has replaced it while it was under way. */
  acknowledged({ zone, target, number }: Announcement): void {
    const key = this.#key(zone, target);
    for (const round of this.#rounds) if (round.get(key)?.announcement.number === number) round.delete(key);
  }

  /** Drops all that waits for a target. */
  forget(target: string): void {
    for (const round of this.#rounds)
      for (const [key, { announcement }] of round) if (announcement.target === target) round.delete(key);
  }

  /** What is to be sent now, at most `limit`. Each is put off by its wait; those sent for the last time are dropped. */
  due(now: number, limit: number): readonly Announcement[] {
    const due: Announcement[] = [];
    for (const [attempt, round] of this.#rounds.entries()) {
      for (const [key, { announcement, dueAt }] of round) {
        if (dueAt > now || due.length >= limit) break;
        due.push(announcement);
        round.delete(key);
        const wait = NOTIFY_WAITS[attempt];
        const next = { announcement: { ...announcement, attempt: attempt + 1 }, dueAt: now + (wait ?? 0) };
        if (wait !== undefined) this.#rounds[attempt + 1]!.set(key, next);
      }
    }
    return due;
  }

  /** When something is due next; `undefined` when nothing waits. */
  get nextAt(): number | undefined {
    let next: number | undefined;
    for (const round of this.#rounds)
      for (const { dueAt } of round.values()) {
        next = Math.min(next ?? dueAt, dueAt);
        break;
      }
    return next;
  }
}
