/**
 * Whom a change of a zone concerns (RFC 1996 3.3): addresses named by transfer keys and NS records, and hidden secondaries on the
 * connections they opened, for zones that come later as well (`hidden-secondaries.ts`). They are told by NOTIFY (`notify-sender.ts`);
 * what comes of that, and what they serve by what they ask, is `followers.ts`.
 *
 * Always holds: who comes from one address with one key is told and counted as one, however many connections it opens.
 */
import { setMaxListeners } from 'node:events';
import type { Authority } from '../authority/authority.ts';
import type { Key, KeyTable } from '../authority/key.ts';
import { keyTargets, type NotifyTarget, notifyTargets } from '../authority/notify.ts';
import type { Name } from '../name.ts';
import type { Peer } from '../net/address.ts';
import type { Connection } from '../net/connection.ts';
import type { Zone } from '../zone/zone.ts';
import { type Clock, systemClock } from './clock.ts';
import { Followers } from './followers.ts';
import { HiddenSecondaries } from './hidden-secondaries.ts';
import { hiddenId } from './hidden-secondary.ts';
import { type Link, type LinkOptions, linkByAddress } from './link.ts';
import type { Log } from './log.ts';
import { NotifySender } from './notify-sender.ts';

export interface NotifierOptions {
  readonly authority: Authority;
  /** Where peers named by address listen. */
  readonly port: number;
  readonly log: Log;
  /** Local address to send from to peers of its family, so that they see the address they know. */
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

/** Who asks may be known by any of these, as its key proves: by the address that this names, and as a hidden one. */
const provenIdentitiesOf = (peer: Peer, key: Key | undefined): readonly string[] =>
  key === undefined ? [] : [...(key.secondary === undefined ? [] : [key.secondary]), hiddenId(peer, key)];

/** The same, and by the address it asks from. */
const identitiesOf = (peer: Peer, key: Key | undefined): readonly string[] =>
  key?.secondary === undefined ? [peer.address, ...provenIdentitiesOf(peer, key)] : provenIdentitiesOf(peer, key);

export class Notifier {
  /** What those who are told have made of it. */
  readonly followers: Followers;
  readonly #options: NotifierOptions;
  readonly #linkOptions: LinkOptions;
  readonly #sender: NotifySender;
  readonly #hidden: HiddenSecondaries;
  /** Links to addresses, by address and keys, of the keys that were in force when they were made. */
  readonly #links = new Map<string, Link>();
  #linkedBy: KeyTable | undefined;
  readonly #abort = new AbortController();

  constructor(options: NotifierOptions) {
    const { port, source, authority, log, clock = systemClock } = options;
    const { signal } = this.#abort;
    // Each question that is under way listens for the end.
    setMaxListeners(0, signal);
    this.#options = options;
    this.followers = new Followers(clock);
    this.#linkOptions = {
      port,
      signal,
      clock,
      keys: () => authority.keys,
      ...(source === undefined ? {} : { source }),
    };
    this.#sender = new NotifySender({
      authority,
      clock,
      log,
      signal,
      acknowledged: (origin, id) => this.followers.moves(origin, this.#hidden.followedAs(id), 'acknowledged'),
      failed: (origin, id, what) => this.followers.failed(origin, this.#hidden.followedAs(id), `NOTIFY: ${what}`),
    });
    this.#hidden = new HiddenSecondaries({
      authority,
      log,
      sender: this.#sender,
      followers: this.followers,
      links: this.#linkOptions,
      named: (zone) => this.#named(zone),
      isCatalog: (origin) => this.#isCatalog(origin),
    });
  }

  /** Tells all who should know that a zone has changed or is gone. */
  announce(zone: Zone): void {
    const { origin } = zone;
    const named = this.#named(zone);
    const hidden = this.#hidden.of(origin);
    this.#sender.announce(origin, [...named, ...hidden]);
    const served = this.#options.authority.zones.get(origin);
    if (served === undefined) this.followers.withdrawn(origin);
    else {
      const followed = [...named, ...hidden.filter((each) => each.isSecondary && !each.isAmong(named))];
      this.followers.published(origin, served.serial, followed, this.#isCatalog(origin));
    }
  }

  /** Takes a secondary that asked on its connection for an SOA, and has to be told there; see {@link HiddenSecondaries.register}. */
  register(connection: Connection, key: Key, zone: Name): void {
    this.#hidden.register(connection, key, zone);
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
    this.#sender.close();
    this.#hidden.close();
    this.followers.close();
  }

  #isCatalog(origin: Name): boolean {
    return this.#options.catalogs?.some((catalog) => catalog.equals(origin)) ?? false;
  }

  /** Those whom keys and name servers' addresses name. */
  #named(zone: Zone): readonly Link[] {
    const { authority, isOwn, isByKeyAlone = false } = this.#options;
    const { zones, keys } = authority;
    const targets = isByKeyAlone ? keyTargets(zone.origin, keys) : notifyTargets(zone, zones, keys);
    return targets.filter(({ address }) => isOwn?.(address) !== true).map((target) => this.#linkTo(target));
  }

  #linkTo(target: NotifyTarget): Link {
    const { authority, linkTo = linkByAddress } = this.#options;
    if (this.#linkedBy !== authority.keys) this.#links.clear();
    this.#linkedBy = authority.keys;
    const id = [target.address, ...target.keys.map(({ name }) => name.key)].join(' ');
    const link = this.#links.get(id) ?? this.#hidden.overTlsFirst(target, linkTo(target, this.#linkOptions));
    this.#links.set(id, link);
    return link;
  }
}
