/**
 * Sends NOTIFYs (RFC 1996) and repeats them until they are acknowledged: to addresses named by transfer keys and NS records,
 * and to hidden secondaries on the connections they opened, for zones that come later as well. When and whom is `authority/notify.ts`,
 * what comes of it `followers.ts`, how somebody is asked `link.ts`.
 *
 * Always holds: what this costs does not grow with what has changed before; a connection that closes is told nothing any more.
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
import type { Zone } from '../zone/zone.ts';
import { type Clock, systemClock } from './clock.ts';
import { Followers } from './followers.ts';
import { type Link, type LinkOptions, linkByAddress, linkByConnection } from './link.ts';
import type { Log } from './log.ts';

/** A connection on which a hidden secondary is told of zones. */
interface Registered {
  readonly connection: Connection;
  /** By the zones that were asked for, each with all below it. */
  readonly zones: Map<string, { readonly zone: Name; readonly key: Key; readonly link: Link }>;
}

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
/** Zones that one connection may ask to be told of; each covers all zones below it. */
const MAX_REGISTRATIONS = 100;

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
  readonly #registered = new Map<Connection, Registered>();
  readonly #abort = new AbortController();
  #connections = 0;
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
    const links = [...this.#named(zone), ...this.#hidden(origin)];
    const now = this.#clock.now();
    this.#targets.set(origin.key, new Map(links.map((link) => [link.id, link])));
    for (const { id } of links) this.#announcements.announce(origin, id, now);
    const served = authority.zones.get(origin);
    if (served === undefined) this.followers.withdrawn(origin);
    else if (!this.#isCatalog(origin)) this.followers.published(origin, served.serial, links);
    this.#schedule();
  }

  /**
   * Takes a secondary that asked on its connection: it is told at once of every zone it may have; and, unless its key says where
   * else it can be told, of each change until the connection closes.
   */
  register(connection: Connection, key: Key, zone: Name): void {
    const registered = this.#registered.get(connection) ?? this.#begin(connection);
    if (registered.zones.has(zone.key) || registered.zones.size >= MAX_REGISTRATIONS) return;
    const link = linkByConnection(connection, key, `connection ${++this.#connections}`, this.#linkOptions);
    registered.zones.set(zone.key, { zone, key, link });
    this.#options.log.info('secondary.registered', {
      peer: printPeer(connection.peer),
      key: key.name.toString(),
      zone: zone.toString(),
    });
    const now = this.#clock.now();
    const isToldByAddress = key.secondary === connection.peer.address;
    for (const served of this.#options.authority.zones) {
      const { origin, serial } = served;
      if (!origin.isSubdomainOf(zone) || !mayPerform(key, 'transfer', origin)) continue;
      this.#targetsOf(origin).set(link.id, link);
      const followed = this.#isCatalog(origin) ? [] : isToldByAddress ? this.#named(served) : [link];
      for (const each of followed) this.followers.add(origin, serial, each);
      if (!origin.equals(zone)) this.#announcements.announce(origin, link.id, now);
      // It asks for this one itself.
      else this.followers.moves(origin, link.id, 'acknowledged');
    }
    this.#schedule();
  }

  /**
   * Somebody has asked for what changed since `serial`. That a secondary serves it is said by a key that names this secondary, and by no
   * other, whatever address it comes from: over UDP that may be anybody's.
   */
  asked(origin: Name, key: Key | undefined, serial: number): void {
    if (key?.secondary !== undefined) this.followers.serves(origin, key.secondary, serial);
  }

  /** A secondary has been sent a version of a zone. */
  sent(origin: Name, key: Key | undefined, to: Peer): void {
    this.followers.moves(origin, key?.secondary ?? to.address, 'transferred');
    for (const { connection, zones } of this.#registered.values()) {
      if (connection.peer.address !== to.address) continue;
      for (const { key: its, link } of zones.values())
        if (key !== undefined && its.name.equals(key.name)) this.followers.moves(origin, link.id, 'transferred');
    }
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

  /** Those who are told on their connections. */
  #hidden(origin: Name): readonly Link[] {
    const { keys } = this.#options.authority;
    const links: Link[] = [];
    for (const { connection, zones } of this.#registered.values()) {
      for (const { zone, key, link } of zones.values()) {
        if (!origin.isSubdomainOf(zone) || key.secondary === connection.peer.address) continue;
        if (keys.get(key.name)?.secret.equals(key.secret) !== true) continue;
        links.push(link);
        // Once on a connection is enough.
        break;
      }
    }
    return links;
  }

  #begin(connection: Connection): Registered {
    const registered: Registered = { connection, zones: new Map() };
    this.#registered.set(connection, registered);
    connection.keep();
    void connection.closed.then(() => this.#end(registered));
    return registered;
  }

  #end({ connection, zones }: Registered): void {
    this.#registered.delete(connection);
    for (const { link } of zones.values()) this.#announcements.forget(link.id);
    for (const { origin } of this.#options.authority.zones) {
      const targets = this.#targets.get(origin.key);
      for (const { link } of zones.values())
        if (targets?.delete(link.id) === true) this.followers.remove(origin, link.id);
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

  /** Was it acknowledged, or is nobody there to be told any more? */
  async #send({ zone: origin, target, attempt }: Announcement): Promise<boolean> {
    const { authority, log } = this.#options;
    const link = this.#targets.get(origin.key)?.get(target);
    if (link === undefined) return true;
    const message = notifyMessage(origin, authority.zones.get(origin)?.soaSet);
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
