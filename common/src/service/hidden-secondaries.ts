/**
 * Hidden secondaries, those who asked to be told on connections that they opened: each is told at once of all zones it may have,
 * and from then on of each change, until the last of its connections closes. One whose key names its address is told of changes there, and
 * on a connection only where that is over TLS. What one of them is, is `hidden-secondary.ts`.
 *
 * Always holds: all zones are walked in slices, and for one secondary once in {@link ROUND_PAUSE}; a connection that closes is told nothing any more.
 */
import type { Authority } from '../authority/authority.ts';
import { type Key, mayPerform } from '../authority/key.ts';
import type { NotifyTarget } from '../authority/notify.ts';
import type { Name } from '../name.ts';
import { printPeer } from '../net/address.ts';
import type { Connection } from '../net/connection.ts';
import type { Steps } from '../steps.ts';
import type { Zone } from '../zone/zone.ts';
import type { Followers } from './followers.ts';
import { HiddenSecondary, hiddenId, isBelowAny } from './hidden-secondary.ts';
import type { Link, LinkOptions } from './link.ts';
import type { Log } from './log.ts';
import type { NotifySender } from './notify-sender.ts';
import { FewLinesOfEach } from './rare-line.ts';
import { inSlices } from './slices.ts';

export interface HiddenSecondariesOptions {
  readonly authority: Authority;
  readonly log: Log;
  readonly sender: NotifySender;
  readonly followers: Followers;
  readonly links: LinkOptions;
  /** Those whom keys and name servers' addresses name. */
  named(zone: Zone): readonly Link[];
  /** Is it a zone of which nobody is asked what he serves? */
  isCatalog(origin: Name): boolean;
}

/** Milliseconds after a secondary was told of its zones before it is told of any again, however often it asks for that. */
const ROUND_PAUSE = 500;
/** Zones that are passed over between two looks at the clock: most of many thousands may be none of its. */
const STRIDE = 64;

/** What a hidden secondary is told of in one go: all at or below the names with these keys. */
interface Round {
  readonly hidden: HiddenSecondary;
  readonly key: Key;
  readonly zones: Set<string>;
}

export class HiddenSecondaries {
  readonly #options: HiddenSecondariesOptions;
  /** By {@link hiddenId}. */
  readonly #hidden = new Map<string, HiddenSecondary>();
  /** Who is told of zones, or was just now, by {@link hiddenId}, and what it has asked for since. */
  readonly #rounds = new Map<string, Round | undefined>();
  /** By key: whoever has one may register as often as it likes. */
  readonly #registrations: FewLinesOfEach;
  readonly #connections = new Map<Connection, Set<HiddenSecondary>>();

  constructor(options: HiddenSecondariesOptions) {
    this.#options = options;
    const { log, links } = options;
    this.#registrations = new FewLinesOfEach(links.clock, (key, zones) =>
      log.info('secondary.registered', { key, zones }, 'so many more times'),
    );
  }

  /** Those who are told of a zone on their connections, and nowhere else. */
  of(origin: Name): readonly HiddenSecondary[] {
    return [...this.#hidden.values()].filter((each) => !each.isNamed && each.follows(origin));
  }

  /** Who is named by address and keeps a connection over TLS is asked there, and in plain only where that fails. */
  overTlsFirst(target: NotifyTarget, byAddress: Link): Link {
    return {
      ...byAddress,
      ask: async (message, timeout) => {
        for (const key of target.keys) {
          const reply = await this.#hidden.get(hiddenId(target, key))?.askOverTls(message, timeout);
          if (reply?.ok === true) return reply;
        }
        return byAddress.ask(message, timeout);
      },
    };
  }

  /** What somebody whom NOTIFYs are sent to is known by where it is followed. */
  followedAs(id: string): string {
    return this.#hidden.get(id)?.followedAs ?? id;
  }

  /**
   * Takes a secondary that asked on its connection: it is told at once of every zone it may have - what changed last comes first, as it
   * may have missed that -; and, unless its key says where else it can be told, of each change until the connection closes.
   */
  register(connection: Connection, key: Key, zone: Name): void {
    const hidden = this.#hiddenBy(connection, key);
    const entered = hidden.enter(connection, key, zone);
    if (entered === 'known') return;
    this.#keep(connection, hidden);
    if (entered === 'standby') return;
    const by = key.name.toString();
    if (entered === 'new' && this.#registrations.add(by))
      this.#options.log.info('secondary.registered', {
        peer: printPeer(connection.peer),
        key: by,
        zone: zone.toString(),
      });
    this.#tell(hidden, key, zone);
  }

  /** What one asks for while it is told it is told together, after that. */
  #tell(hidden: HiddenSecondary, key: Key, zone: Name): void {
    const waiting = this.#rounds.get(hidden.id);
    const zones = waiting?.hidden === hidden ? waiting.zones : new Set<string>();
    const round: Round = { hidden, key, zones: zones.add(zone.key) };
    if (this.#rounds.has(hidden.id)) this.#rounds.set(hidden.id, round);
    else this.#begin(round);
  }

  #begin(round: Round): void {
    const { id } = round.hidden;
    this.#rounds.set(id, undefined);
    const end = (): void => {
      const next = this.#rounds.get(id);
      this.#rounds.delete(id);
      if (next !== undefined) this.#begin(next);
    };
    const { clock } = this.#options.links;
    void this.#inSlices(this.#tellAll(round)).then(() => clock.after(ROUND_PAUSE, end));
  }

  async #inSlices(work: Steps<void>): Promise<void> {
    try {
      await inSlices(work);
    } catch (error) {
      this.#options.log.error('process.fault', { during: 'notify', error });
    }
  }

  *#tellAll({ hidden, key, zones: asked }: Round): Steps<void> {
    const { authority, sender, followers, links, named, isCatalog } = this.#options;
    const { zones } = authority;
    const isInVain = (): boolean => hidden.isGone || links.signal.aborted;
    const untold: { readonly origin: Name; readonly at: number }[] = [];
    let passed = 0;
    for (const { origin } of zones) {
      const isIts = isBelowAny(origin, asked) && mayPerform(key, 'transfer', origin);
      if (!isIts && ++passed % STRIDE > 0) continue;
      yield;
      if (isInVain()) return;
      if (!isIts) continue;
      const served = zones.get(origin);
      if (served === undefined) continue;
      sender.admit(origin, hidden);
      const byAddress = named(served);
      const isByAddress = hidden.isNamed || hidden.isAmong(byAddress);
      const followed = isByAddress ? byAddress : hidden.isSecondary ? [hidden] : [];
      for (const each of followed) followers.add(origin, served.serial, each, isCatalog(origin));
      if (asked.has(origin.key)) {
        // It asks for this one itself.
        followers.moves(origin, isByAddress ? hidden.address : hidden.id, 'acknowledged');
        continue;
      }
      untold.push({ origin, at: followers.publishedAt(origin) });
    }
    untold.sort((a, b) => b.at - a.at);
    for (const { origin } of untold) {
      // Once will do.
      sender.tell(origin, hidden, hidden.isNamed ? hidden.address : undefined);
      yield;
      if (isInVain()) return;
    }
    // It is there again: what was in vain while it was away need not wait.
    if (hidden.isNamed) sender.retry(hidden.address);
  }

  close(): void {
    this.#registrations.close();
  }

  #hiddenBy({ peer }: Connection, key: Key): HiddenSecondary {
    const id = hiddenId(peer, key);
    const hidden = this.#hidden.get(id) ?? new HiddenSecondary(peer, key, this.#options.links);
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
    if (hidden.isGone) {
      this.#hidden.delete(hidden.id);
      this.#options.sender.forget(hidden.id, hidden.isNamed ? hidden.address : undefined);
    }
    void this.#inSlices(this.#untell(hidden));
  }

  /** It may be back meanwhile, as another object. */
  *#untell(hidden: HiddenSecondary): Steps<void> {
    const { authority, sender, followers } = this.#options;
    for (const { origin } of authority.zones) {
      yield;
      if (!hidden.follows(origin) && sender.dismiss(origin, hidden)) followers.remove(origin, hidden.id);
    }
  }
}
