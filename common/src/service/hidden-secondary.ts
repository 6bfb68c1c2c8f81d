/**
 * A hidden secondary: whoever comes from one address with one key, on as many connections as it likes. It is told, asked and counted as one,
 * on the connection that came last; another takes over when that closes or does not answer.
 *
 * Always holds: on a connection it is asked only about zones at or below those that it has asked for there.
 */
import type { Key } from '../authority/key.ts';
import { isEncrypted } from '../authority/transport.ts';
import type { Name } from '../name.ts';
import type { Peer } from '../net/address.ts';
import type { Connection } from '../net/connection.ts';
import { type Fault, fail, type Result } from '../result.ts';
import type { Message } from '../wire/message.ts';
import { type Link, type LinkOptions, linkByConnection } from './link.ts';

/** One of its connections. */
interface Door {
  readonly connection: Connection;
  readonly key: Key;
  readonly link: Link;
  /** Keys of the names that were asked for on it, each with all below it. */
  readonly zones: Set<string>;
}

/** Zones that one connection may ask to be told of; each covers all zones below it. */
const MAX_REGISTRATIONS = 100;

/** Connections that are tried for one question: a request is signed for each. */
const MAX_TRIED = 3;

/** What tells hidden secondaries apart. */
export const hiddenId = ({ address }: Pick<Peer, 'address'>, { name }: Key): string => `${address} ${name.key}`;

/** Is a name at or below one of those by whose keys these are? As long as its labels take, however many there are. */
export const isBelowAny = ({ key }: Name, zones: ReadonlySet<string>): boolean => {
  if (zones.has('')) return true;
  for (let end = key.indexOf('\0'); end >= 0; end = key.indexOf('\0', end + 1))
    if (zones.has(key.slice(0, end + 1))) return true;
  return false;
};

const covers = ({ zones }: Door, origin: Name): boolean => isBelowAny(origin, zones);

export class HiddenSecondary implements Link {
  readonly id: string;
  readonly address: string;
  /** Does its key say that it can be told at this address? */
  readonly isNamed: boolean;
  /** What it is known by where it is followed. */
  readonly followedAs: string;
  /** Is its key one of those for secondaries? Others may be told as well - who gets certificates - and nobody waits for them. */
  readonly isSecondary: boolean;
  readonly #options: LinkOptions;
  /** The one to be asked first comes first. */
  readonly #doors: Door[] = [];
  #peer = '';

  constructor(peer: Peer, key: Key, options: LinkOptions) {
    this.id = hiddenId(peer, key);
    this.address = peer.address;
    this.isNamed = key.secondary === peer.address;
    this.followedAs = this.isNamed ? this.address : this.id;
    this.isSecondary = key.operation === 'transfer';
    this.#options = options;
  }

  /** Where it was heard of last. */
  get peer(): string {
    return this.#peer;
  }

  get isGone(): boolean {
    return this.#doors.length === 0;
  }

  /** Is it one of those who are named by address? Then it is no other secondary than that. */
  isAmong(named: readonly Link[]): boolean {
    return named.some(({ id }) => id === this.address);
  }

  /** Has it asked, with a key that is in force, to be told of this zone? */
  follows(origin: Name): boolean {
    return this.#doors.some((door) => this.#isInForce(door) && covers(door, origin));
  }

  /**
   * Takes a zone that it asked for on a connection. `known`: so it did before; `standby`: on another connection it is told of more than this;
   * `again`: on another one it is told of this; `new`: of none of these.
   */
  enter(connection: Connection, key: Key, zone: Name): 'known' | 'standby' | 'again' | 'new' {
    const at = this.#doors.findIndex((door) => door.connection === connection);
    const mine = this.#doors[at];
    const isSame = mine?.key.secret.equals(key.secret) === true;
    if (isSame && (mine.zones.has(zone.key) || mine.zones.size >= MAX_REGISTRATIONS || covers(mine, zone)))
      return 'known';
    const others = this.#doors.filter((door) => door !== mine && this.#isInForce(door) && covers(door, zone));
    if (isSame) mine.zones.add(zone.key);
    else {
      if (mine !== undefined) this.#doors.splice(at, 1);
      const link = linkByConnection(connection, key, this.id, this.#options);
      this.#doors.unshift({ connection, key, link, zones: new Set([zone.key]) });
      this.#peer = link.peer;
    }
    if (others.length === 0) return 'new';
    return others.every(({ zones }) => zones.has(zone.key)) ? 'again' : 'standby';
  }

  /** A connection is closed. */
  leave(connection: Connection): void {
    const at = this.#doors.findIndex((door) => door.connection === connection);
    if (at >= 0) this.#doors.splice(at, 1);
    this.#peer = this.#doors[0]?.link.peer ?? this.#peer;
  }

  ask(message: Message, timeout: number): Promise<Result<Message, Fault>> {
    return this.#ask(message, timeout, () => true);
  }

  /** The same on connections over TLS alone. */
  askOverTls(message: Message, timeout: number): Promise<Result<Message, Fault>> {
    return this.#ask(message, timeout, ({ connection }) => isEncrypted(connection.transport));
  }

  async #ask(message: Message, timeout: number, isFit: (door: Door) => boolean): Promise<Result<Message, Fault>> {
    const [question] = message.questions;
    const tried = new Set<Door>();
    for (;;) {
      const door = this.#doors.find(
        (each) =>
          !tried.has(each) &&
          isFit(each) &&
          this.#canAsk(each) &&
          question !== undefined &&
          covers(each, question.name),
      );
      if (door === undefined) return fail({ kind: 'closed', what: 'it has no connection by a key that is in force' });
      tried.add(door);
      const reply = await door.link.ask(message, timeout);
      if (reply.ok) return reply;
      this.#defer(door);
      // The time is up for this question; the next one takes another connection.
      if (reply.fault.kind === 'timeout' || tried.size >= MAX_TRIED) return reply;
    }
  }

  /** One that does not answer is asked after the others. */
  #defer(door: Door): void {
    const at = this.#doors.indexOf(door);
    if (at < 0) return;
    this.#doors.splice(at, 1);
    this.#doors.push(door);
  }

  /** One that has just closed is still there until the process has its next turn: what would be asked meanwhile is for others. */
  #canAsk(door: Door): boolean {
    return !door.connection.isClosed && this.#isInForce(door);
  }

  #isInForce({ key }: Door): boolean {
    return this.#options.keys().get(key.name)?.secret.equals(key.secret) === true;
  }
}
