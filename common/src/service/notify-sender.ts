/**
 * NOTIFYs on their way (RFC 1996 3.6, 4.2 to 4.8): who may be told of each zone, and what comes back. When they are told, and told again, is
 * `authority/notify.ts`, how somebody is asked `link.ts`, and whom a change concerns `notifier.ts`.
 *
 * Always holds: a NOTIFY names the version that is served as it is sent; what this costs does not grow with what has changed before.
 */
import type { Authority } from '../authority/authority.ts';
import { type Announcement, Announcements, NOTIFY_WAITS, notifyMessage, type SendingEnd } from '../authority/notify.ts';
import type { Name } from '../name.ts';
import { printRcode, RCODE } from '../wire/code.ts';
import { encodedOnce } from '../wire/encoded.ts';
import type { Message } from '../wire/message.ts';
import type { Zone } from '../zone/zone.ts';
import type { Clock } from './clock.ts';
import type { Link } from './link.ts';
import type { Log } from './log.ts';

export interface NotifySenderOptions {
  readonly authority: Authority;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends all sending. */
  readonly signal: AbortSignal;
  /** Is told who has acknowledged a NOTIFY. */
  acknowledged(origin: Name, id: string): void;
  /** One could not be told, and why. */
  failed(origin: Name, id: string, what: string): void;
}

/** Milliseconds for the acknowledgement of a NOTIFY that is sent for the first time, and of one that is repeated. */
const FIRST_ACK_TIMEOUT = 500;
const ACK_TIMEOUT = 3000;
/**
 * NOTIFYs that are sent at a time, and the milliseconds after which the next ones are, if those have not all been acknowledged: so that the
 * answer to an UPDATE, and transfers to those who were told first, do not wait until the last of many has been told.
 */
const SHARE = 8;
const PACE = 2;

export class NotifySender {
  readonly #options: NotifySenderOptions;
  readonly #announcements = new Announcements();
  /** All that may be told, by zone and identity: the keys of one zone mean nothing for another. */
  readonly #targets = new Map<string, Map<string, Link>>();
  readonly #notices = new WeakMap<Zone, Message>();
  /** Those that were sent last and have not been acknowledged: {@link SHARE} at most, and none once that of the clock is over. */
  readonly #share = new Set<Announcement>();
  #shareEndsAt = 0;
  #cancel: (() => void) | undefined;
  #isSendingSoon = false;

  constructor(options: NotifySenderOptions) {
    this.#options = options;
  }

  /** Announces a zone to these, and from now on to nobody else. */
  announce(origin: Name, links: readonly Link[]): void {
    const now = this.#options.clock.now();
    if (links.length === 0) this.#targets.delete(origin.key);
    else this.#targets.set(origin.key, new Map(links.map((link) => [link.id, link])));
    for (const { id } of links) this.#announcements.announce(origin, id, now);
    this.#sendSoon();
  }

  /** From now on this one may be told of a zone as well. */
  admit(origin: Name, link: Link): void {
    const targets = this.#targets.get(origin.key);
    if (targets === undefined) this.#targets.set(origin.key, new Map([[link.id, link]]));
    else targets.set(link.id, link);
  }

  /** This one is told of a zone no more. `false`: it was not, or somebody else has taken its place. */
  dismiss(origin: Name, link: Link): boolean {
    const targets = this.#targets.get(origin.key);
    return targets?.get(link.id) === link && targets.delete(link.id);
  }

  /**
   * Announces a zone to one who may be told of it, and then not to `other` as well, unless that is under way. Who may not be told any more
   * was left out when the zone changed: the others have been told since.
   */
  tell(origin: Name, link: Link, other?: string): void {
    if (this.#targets.get(origin.key)?.get(link.id) !== link) return;
    if (other !== undefined) this.#announcements.drop(origin, other);
    this.#announcements.announce(origin, link.id, this.#options.clock.now());
    this.#sendSoon();
  }

  /** This one has been heard of: what it did not acknowledge is sent again at once. */
  retry(id: string): void {
    this.#announcements.retry(id, this.#options.clock.now());
    this.#sendSoon();
  }

  /** This one is gone. What it was not told is told to its `heir`, where there is one. */
  forget(id: string, heir?: string): void {
    const untold = this.#announcements.forget(id);
    const now = this.#options.clock.now();
    if (heir !== undefined) for (const origin of untold) this.#announcements.announce(origin, heir, now);
    this.#schedule();
  }

  /** Once the signal has been given. */
  close(): void {
    this.#cancel?.();
  }

  /** What is announced in one go is sent together, and its first before anything else is read. */
  #sendSoon(): void {
    if (this.#isSendingSoon) return;
    this.#isSendingSoon = true;
    queueMicrotask(() => this.#sendDue());
  }

  /** What is due now has to wait for all else: who cannot be asked says so at once, many thousands of times. */
  #schedule(): void {
    if (this.#isSendingSoon) return;
    this.#cancel?.();
    this.#cancel = undefined;
    const { clock, signal } = this.#options;
    if (signal.aborted) return;
    const nextAt = this.#share.size < SHARE ? this.#announcements.nextAt : this.#shareEndsAt;
    if (nextAt !== undefined) this.#cancel = clock.after(Math.max(0, nextAt - clock.now()), () => this.#sendDue());
  }

  #sendDue(): void {
    const { clock, signal } = this.#options;
    this.#isSendingSoon = false;
    if (signal.aborted) return;
    const now = clock.now();
    if (now >= this.#shareEndsAt) {
      this.#share.clear();
      this.#shareEndsAt = now + PACE;
    }
    for (const announcement of this.#announcements.due(now, SHARE - this.#share.size)) {
      this.#share.add(announcement);
      void this.#follow(announcement);
    }
    this.#schedule();
  }

  /** Sends one, and notes what has become of it. */
  async #follow(announcement: Announcement): Promise<void> {
    const { clock, log, acknowledged } = this.#options;
    const end = await this.#send(announcement).catch((error: unknown): SendingEnd => {
      log.error('process.fault', { during: 'notify', error });
      return 'unanswered';
    });
    this.#share.delete(announcement);
    this.#announcements.ended(announcement, end, clock.now());
    if (end === 'acknowledged') acknowledged(announcement.zone, announcement.target);
    this.#schedule();
  }

  /** The same for all who are told of a version. */
  #noticeOf(origin: Name): Message {
    const zone = this.#options.authority.zones.get(origin);
    if (zone === undefined) return notifyMessage(origin);
    const notice = this.#notices.get(zone) ?? encodedOnce(notifyMessage(origin, zone.soaSet));
    this.#notices.set(zone, notice);
    return notice;
  }

  /** Where nobody is there to be told any more, it counts as acknowledged. */
  async #send({ zone: origin, target, attempt }: Announcement): Promise<SendingEnd> {
    const { authority, log, signal } = this.#options;
    // Each announcement of a zone has its own.
    const targets = this.#targets.get(origin.key);
    const link = targets?.get(target);
    if (targets === undefined || link === undefined) return 'acknowledged';
    const message = this.#noticeOf(origin);
    const reply = await link.ask(message, attempt === 0 ? FIRST_ACK_TIMEOUT : ACK_TIMEOUT);
    const failure = !reply.ok
      ? reply.fault.what
      : reply.value.rcode === RCODE.NOERROR
        ? undefined
        : printRcode(reply.value.rcode);
    const fields = { zone: origin.toString(), peer: link.peer };
    if (failure === undefined) log.debug('notify.acknowledged', fields);
    else if (!signal.aborted) {
      log.debug('notify.failed', { ...fields, what: failure });
      this.#options.failed(origin, target, failure);
    }
    // Of a zone that is gone, nobody has to be told again, and in the end it is given up.
    const isOver = failure === undefined || attempt === NOTIFY_WAITS.length;
    if (isOver && authority.zones.get(origin) === undefined) targets.delete(target);
    if (targets.size === 0 && this.#targets.get(origin.key) === targets) this.#targets.delete(origin.key);
    if (failure === undefined) return 'acknowledged';
    return reply.ok ? 'refused' : 'unanswered';
  }
}
