/**
 * Sends NOTIFYs (RFC 1996) and repeats them until they are acknowledged: to addresses named by transfer keys and NS records,
 * and to hidden secondaries on the connections they opened, for zones that come later as well. When and whom is `authority/notify.ts`,
 * what comes of it `followers.ts`, how somebody is asked `link.ts`.
 *
 * Always holds: what this costs does not grow with what has changed before; a connection that closes is told nothing any more; who
 * comes from one address with one key is told and counted as one, however many connections it opens.
 */
import { setMaxListeners } from 'node:events';
import { type Key, type KeyTable, mayPerform } from '../authority/key.ts';
import {
  type Announcement,
  Announcements,
  type NotifyTarget,
  notifyMessage,
  notifyTargets,
} from '../authority/notify.ts';
import type { Authority } from '../authority/receive.ts';
import type { Name } from '../name.ts';
import { type Peer, printPeer } from '../net/address.ts';
import type { Connection } from '../net/connection.ts';
import { printRcode, RCODE } from '../wire/code.ts';
import { encodedOnce } from '../wire/encoded.ts';
import type { Message } from '../wire/message.ts';
import type { Zone } from '../zone/zone.ts';
import { type Clock, systemClock } from './clock.ts';
import { Followers } from './followers.ts';
import { HiddenSecondary, hiddenId } from './hidden-secondary.ts';
import { type Link, type LinkOptions, linkByAddress } from './link.ts';
import type { Log } from './log.ts';

export interface NotifierOptions {
  readonly authority: Authority;
  /** Where peers named by address listen. */
  readonly port: number;
  readonly log: Log;
  /** Local address to send from, so that peers see the address they know. */
  readonly source?: string;
  /** Are the name servers of a zone left to its primary, and only secondaries told that keys name? */
  readonly isByKeyAlone?: boolean;
  /** Zones of which nobody is asked what he serves: catalogs (RFC 9432), about which Knot answers no questions over UDP. */
  readonly catalogs?: readonly Name[];
  /** Is this an address of ours, which nobody has to tell? */
  isOwn?(address: string): boolean;
  readonly clock?: Clock;
  /** How who is named by address is asked: over UDP unless given. */
  readonly linkTo?: (target: NotifyTarget, options: LinkOptions) => Link;
}

/** Milliseconds for the acknowledgement of a NOTIFY that is sent for the first time, and of one that is repeated. */
const FIRST_ACK_TIMEOUT = 500;
const ACK_TIMEOUT = 3000;

/** Who asks may be known by any of these, as its key proves: by the address that this names, and as a hidden one. */
const provenIdentitiesOf = (peer: Peer, key: Key | undefined): readonly string[] =>
  key === undefined ? [] : [...(key.secondary === undefined ? [] : [key.secondary]), hiddenId(peer, key)];

/** The same, and by the address it asks from. */
const identitiesOf = (peer: Peer, key: Key | undefined): readonly string[] =>
  key?.secondary === undefined ? [peer.address, ...provenIdentitiesOf(peer, key)] : provenIdentitiesOf(peer, key);

/** Is it one of those who are named by address? Then it is no other secondary than that. */
const isAmong = ({ address }: HiddenSecondary, named: readonly Link[]): boolean =>
  named.some(({ id }) => id === address);

export class Notifier {
  /** What those who are told have made of it. */
  readonly followers: Followers;
  readonly #options: NotifierOptions;
  readonly #clock: Clock;
  readonly #announcements = new Announcements();
  readonly #linkOptions: LinkOptions;
  /** Links to addresses, by address and keys, of the keys that were in force when they were made. */
  readonly #links = new Map<string, Link>();
  #linkedBy: KeyTable | undefined;
  /** All that may be told, by zone and identity: the keys of one zone mean nothing for another. */
  readonly #targets = new Map<string, Map<string, Link>>();
  /** Those who are told on their connections, by {@link hiddenId}. */
  readonly #hidden = new Map<string, HiddenSecondary>();
  readonly #connections = new Map<Connection, Set<HiddenSecondary>>();
  readonly #notices = new WeakMap<Zone, Message>();
  readonly #abort = new AbortController();
  #cancel: (() => void) | undefined;
  #isSendingSoon = false;

  constructor(options: NotifierOptions) {
    // Each question that is under way listens for the end.
    setMaxListeners(0, this.#abort.signal);
    const { port, source, authority, clock = systemClock } = options;
    this.#options = options;
    this.#clock = clock;
    this.followers = new Followers(clock);
    this.#linkOptions = {
      port,
      signal: this.#abort.signal,
      clock,
      keys: () => authority.keys,
      ...(source === undefined ? {} : { source }),
    };
  }

  /** Tells all who should know that a zone has changed or is gone. */
  announce(zone: Zone): void {
    const { authority } = this.#options;
    const { origin } = zone;
    const named = this.#named(zone);
    const hidden = this.#hiddenOf(origin);
    const links = [...named, ...hidden];
    const now = this.#clock.now();
    if (links.length === 0) this.#targets.delete(origin.key);
    else this.#targets.set(origin.key, new Map(links.map((link) => [link.id, link])));
    for (const { id } of links) this.#announcements.announce(origin, id, now);
    const served = authority.zones.get(origin);
    if (served === undefined) this.followers.withdrawn(origin);
    else {
      const followed = [...named, ...hidden.filter((each) => each.isSecondary && !isAmong(each, named))];
      this.followers.published(origin, served.serial, followed, this.#isCatalog(origin));
    }
    this.#schedule();
  }

  /**
   * Takes a secondary that asked on its connection: it is told at once of every zone it may have; and, unless its key says where
   * else it can be told, of each change until the connection closes.
   */
  register(connection: Connection, key: Key, zone: Name): void {
    const hidden = this.#hiddenBy(connection, key);
    const entered = hidden.enter(connection, key, zone);
    if (entered === 'known') return;
    this.#keep(connection, hidden);
    if (entered === 'standby') return;
    if (entered === 'new')
      this.#options.log.info('secondary.registered', {
        peer: printPeer(connection.peer),
        key: key.name.toString(),
        zone: zone.toString(),
      });
    const now = this.#clock.now();
    // It is there again: what was in vain while it was away need not wait.
    if (hidden.isNamed) this.#announcements.retry(hidden.address, now);
    for (const served of this.#options.authority.zones) {
      const { origin, serial } = served;
      if (!origin.isSubdomainOf(zone) || !mayPerform(key, 'transfer', origin)) continue;
      this.#targetsOf(origin).set(hidden.id, hidden);
      const named = this.#named(served);
      const followed = hidden.isNamed || isAmong(hidden, named) ? named : hidden.isSecondary ? [hidden] : [];
      for (const each of followed) this.followers.add(origin, serial, each, this.#isCatalog(origin));
      if (!origin.equals(zone)) this.#announcements.announce(origin, hidden.id, now);
      // It asks for this one itself.
      else this.followers.moves(origin, hidden.id, 'acknowledged');
    }
    this.#schedule();
  }

  /**
   * Somebody has asked for what changed since `serial`. That a secondary serves it is said by its key, and by no address, which over UDP may
   * be anybody's - but where nothing better is to be known.
   */
  asked(origin: Name, key: Key | undefined, from: Peer, serial: number): void {
    for (const id of this.#isCatalog(origin) ? identitiesOf(from, key) : provenIdentitiesOf(from, key))
      this.followers.serves(origin, id, serial);
  }

  /** A secondary has been sent the version of a zone with this serial. */
  sent(origin: Name, key: Key | undefined, to: Peer, serial: number): void {
    for (const id of identitiesOf(to, key)) this.followers.sent(origin, id, serial);
  }

  close(): void {
    this.#abort.abort();
    this.#cancel?.();
    this.followers.close();
  }

  #isCatalog(origin: Name): boolean {
    return this.#options.catalogs?.some((catalog) => catalog.equals(origin)) ?? false;
  }

  #targetsOf(origin: Name): Map<string, Link> {
    let targets = this.#targets.get(origin.key);
    if (targets === undefined) {
      targets = new Map();
      this.#targets.set(origin.key, targets);
    }
    return targets;
  }

  /** Those whom keys and name servers' addresses name. */
  #named(zone: Zone): readonly Link[] {
    const { authority, isOwn, isByKeyAlone = false } = this.#options;
    return notifyTargets(zone, authority.zones, authority.keys)
      .filter(({ address, keys }) => isOwn?.(address) !== true && (keys.length > 0 || !isByKeyAlone))
      .map((target) => this.#linkTo(target));
  }

  #linkTo(target: NotifyTarget): Link {
    const { authority, linkTo = linkByAddress } = this.#options;
    if (this.#linkedBy !== authority.keys) this.#links.clear();
    this.#linkedBy = authority.keys;
    const id = [target.address, ...target.keys.map(({ name }) => name.key)].join(' ');
    const link = this.#links.get(id) ?? linkTo(target, this.#linkOptions);
    this.#links.set(id, link);
    return link;
  }

  /** Those who are told on their connections, and nowhere else. */
  #hiddenOf(origin: Name): readonly HiddenSecondary[] {
    return [...this.#hidden.values()].filter((each) => !each.isNamed && each.follows(origin));
  }

  #hiddenBy({ peer }: Connection, key: Key): HiddenSecondary {
    const id = hiddenId(peer, key);
    const hidden = this.#hidden.get(id) ?? new HiddenSecondary(peer, key, this.#linkOptions);
    this.#hidden.set(id, hidden);
    return hidden;
  }

  #keep(connection: Connection, hidden: HiddenSecondary): void {
    const known = this.#connections.get(connection);
    if (known !== undefined) {
      known.add(hidden);
      return;
    }
    const all = new Set([hidden]);
    this.#connections.set(connection, all);
    connection.keep();
    void connection.closed.then(() => {
      this.#connections.delete(connection);
      for (const each of all) {
        each.leave(connection);
        this.#left(each);
      }
    });
  }

  /** Of what no other connection of it asked for, a secondary is told no more. */
  #left(hidden: HiddenSecondary): void {
    const { id } = hidden;
    if (hidden.isGone) {
      this.#hidden.delete(id);
      this.#announcements.forget(id);
    }
    for (const { origin } of this.#options.authority.zones) {
      if (hidden.follows(origin) || this.#targets.get(origin.key)?.delete(id) !== true) continue;
      this.followers.remove(origin, id);
    }
  }

  #schedule(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const { nextAt } = this.#announcements;
    if (nextAt === undefined || this.#abort.signal.aborted) return;
    const wait = nextAt - this.#clock.now();
    if (wait > 0) this.#cancel = this.#clock.after(wait, () => this.#sendDue());
    else if (!this.#isSendingSoon) {
      // What is announced in one go is sent together, and before anything else is read.
      this.#isSendingSoon = true;
      queueMicrotask(() => this.#sendDue());
    }
  }

  #sendDue(): void {
    this.#isSendingSoon = false;
    if (this.#abort.signal.aborted) return;
    for (const announcement of this.#announcements.due(this.#clock.now())) {
      void this.#send(announcement)
        .catch((error: unknown) => {
          this.#options.log.error('process.fault', { during: 'notify', error });
          return false;
        })
        .then((isAcknowledged) => {
          this.#announcements.ended(announcement, isAcknowledged, this.#clock.now());
          if (isAcknowledged) this.followers.moves(announcement.zone, announcement.target, 'acknowledged');
          this.#schedule();
        });
    }
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

  /** Was it acknowledged, or is nobody there to be told any more? */
  async #send({ zone: origin, target, attempt }: Announcement): Promise<boolean> {
    const { authority, log } = this.#options;
    const link = this.#targets.get(origin.key)?.get(target);
    if (link === undefined) return true;
    const message = this.#noticeOf(origin);
    const reply = await link.ask(message, attempt === 0 ? FIRST_ACK_TIMEOUT : ACK_TIMEOUT);
    const failure = !reply.ok
      ? reply.fault.what
      : reply.value.rcode === RCODE.NOERROR
        ? undefined
        : printRcode(reply.value.rcode);
    const fields = { zone: origin.toString(), peer: link.peer };
    if (failure === undefined) log.debug('notify.acknowledged', fields);
    else if (!this.#abort.signal.aborted) log.debug('notify.failed', { ...fields, what: failure });
    // Of a zone that is gone, nobody has to be told again.
    if (failure === undefined && authority.zones.get(origin) === undefined)
      this.#targets.get(origin.key)?.delete(target);
    if (this.#targets.get(origin.key)?.size === 0) this.#targets.delete(origin.key);
    return failure === undefined;
  }
}
