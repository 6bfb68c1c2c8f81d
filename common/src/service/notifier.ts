/**
 * Sends NOTIFYs (RFC 1996) and repeats them until they are acknowledged: to addresses named by transfer keys and NS records,
 * and to hidden secondaries on the connections they opened. When and whom is `authority/notify.ts`; here are the sockets.
 */
import { randomInt } from 'node:crypto';
import { type Key, mayPerform } from '../authority/key.ts';
import {
  type Announcement,
  Announcements,
  type NotifyTarget,
  notifyMessage,
  notifyTargets,
} from '../authority/notify.ts';
import type { Authority } from '../authority/receive.ts';
import type { Name } from '../name.ts';
import { printPeer } from '../net/address.ts';
import type { Connection } from '../net/connection.ts';
import { exchange } from '../net/exchange.ts';
import { printRcode, RCODE } from '../wire/code.ts';
import { decodeMessage, encodeMessage } from '../wire/message.ts';
import { sign, verify } from '../wire/tsig.ts';
import type { Zone } from '../zone/zone.ts';
import type { Log } from './log.ts';

/** A connection on which a hidden secondary wants to be told of `zone` and all zones below it. */
interface Registration {
  readonly connection: Connection;
  readonly key: Key;
  readonly zone: Name;
}

export interface NotifierOptions {
  readonly authority: Authority;
  /** Where peers named by address listen. */
  readonly port: number;
  readonly log: Log;
  /** Local address to send from, so that peers see the address they know. */
  readonly source?: string;
}

/** Milliseconds for one acknowledgement. */
const ACK_TIMEOUT = 3000;
/** Zones that one connection may ask to be told of; each covers all zones below it. */
const MAX_REGISTRATIONS = 100;
/** NOTIFYs under way at once. */
const MAX_SENDING = 50;

export class Notifier {
  readonly #options: NotifierOptions;
  readonly #announcements = new Announcements();
  /** By zone and address: the keys of one zone mean nothing for another. */
  readonly #targets = new Map<string, NotifyTarget>();
  readonly #registrations = new Map<string, Registration>();
  readonly #connectionIds = new WeakMap<Connection, number>();
  readonly #abort = new AbortController();
  #connections = 0;
  #sending = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  /** Tells all who should know that a zone has changed or is gone. */
  announce(zone: Zone): void {
    const { authority } = this.#options;
    const now = performance.now();
    for (const target of notifyTargets(zone, authority.zones, authority.keys)) {
      this.#targets.set(`${target.address} ${zone.origin.key}`, target);
      this.#announcements.announce(zone.origin, target.address, now);
    }
    for (const [id, { connection, key, zone: above }] of this.#registrations) {
      const isToldByAddress = key.secondary === connection.peer.address;
      const isInForce = authority.keys.get(key.name)?.secret.equals(key.secret) ?? false;
      if (isInForce && !isToldByAddress && zone.origin.isSubdomainOf(above)) {
        this.#announcements.announce(zone.origin, id, now);
      }
    }
    this.#schedule();
  }

  /**
   * Takes a secondary that asked on its connection: it is told at once of every zone it may have; and, unless its key says where
   * else it can be told, of each change until the connection closes.
   */
  register(connection: Connection, key: Key, zone: Name): void {
    const number = this.#connectionIds.get(connection) ?? ++this.#connections;
    this.#connectionIds.set(connection, number);
    const prefix = `connection ${number} `;
    const id = `${prefix}${zone.key}`;
    const held = [...this.#registrations.keys()].filter((each) => each.startsWith(prefix)).length;
    if (this.#registrations.has(id) || held >= MAX_REGISTRATIONS) return;
    this.#registrations.set(id, { connection, key, zone });
    connection.keep();
    void connection.closed.then(() => {
      this.#registrations.delete(id);
      this.#announcements.forget(id);
    });
    this.#options.log.info('secondary.registered', {
      peer: printPeer(connection.peer),
      key: key.name.toString(),
      zone: zone.toString(),
    });
    const now = performance.now();
    for (const served of this.#options.authority.zones) {
      const isCovered = served.origin.isSubdomainOf(zone) && mayPerform(key, 'transfer', served.origin);
      if (isCovered && !served.origin.equals(zone)) this.#announcements.announce(served.origin, id, now);
    }
    this.#schedule();
  }

  close(): void {
    this.#abort.abort();
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const { nextAt } = this.#announcements;
    if (nextAt === undefined || this.#abort.signal.aborted || this.#sending >= MAX_SENDING) return;
    this.#timer = setTimeout(() => this.#sendDue(), Math.max(0, Math.min(nextAt - performance.now(), 2 ** 30)));
    this.#timer.unref();
  }

  #sendDue(): void {
    for (const announcement of this.#announcements.due(performance.now(), MAX_SENDING - this.#sending)) {
      this.#sending++;
      void this.#send(announcement)
        .catch((error: unknown) => this.#options.log.error('process.fault', { during: 'notify', error }))
        .finally(() => {
          this.#sending--;
          this.#schedule();
        });
    }
    this.#schedule();
  }

  async #send(announcement: Announcement): Promise<void> {
    const { authority, log } = this.#options;
    const { zone: origin, target } = announcement;
    const registration = this.#registrations.get(target);
    const message = notifyMessage(origin, authority.zones.get(origin)?.soaSet);
    let failure: string | undefined;
    if (registration !== undefined) failure = await this.#sendOn(registration, message);
    else failure = await this.#sendTo(this.#targets.get(`${target} ${origin.key}`)!, message);
    const fields = {
      zone: origin.toString(),
      peer: registration === undefined ? target : printPeer(registration.connection.peer),
    };
    if (failure === undefined) {
      this.#announcements.acknowledged(announcement);
      log.debug('notify.acknowledged', fields);
    } else if (!this.#abort.signal.aborted) log.debug('notify.failed', { ...fields, what: failure });
  }

  /**
   * What went wrong, if anything. With several keys, all are tried at once, since a target that does not know one says so in a
   * reply that nobody has signed, which is not believed before the time is up; the first acknowledgement counts.
   */
  async #sendTo(
    { address, keys }: NotifyTarget,
    message: ReturnType<typeof notifyMessage>,
  ): Promise<string | undefined> {
    const { port, source } = this.#options;
    const enough = new AbortController();
    const common = {
      server: { address, port },
      message,
      transport: 'udp',
      timeout: ACK_TIMEOUT,
      tries: 1,
      signal: AbortSignal.any([this.#abort.signal, enough.signal]),
      ...(source === undefined ? {} : { source }),
    } as const;
    const signers = keys.length === 0 ? [{}] : keys.map((key) => ({ key }));
    const failures = await Promise.all(
      signers.map(async (signer) => {
        const reply = await exchange({ ...common, ...signer });
        if (!reply.ok) return reply.fault.what;
        if (reply.value.rcode !== RCODE.NOERROR) return printRcode(reply.value.rcode);
        enough.abort();
        return undefined;
      }),
    );
    return failures.includes(undefined) ? undefined : failures.join('; ');
  }

  /** What went wrong, if anything. */
  async #sendOn(
    { connection, key }: Registration,
    message: ReturnType<typeof notifyMessage>,
  ): Promise<string | undefined> {
    const now = Math.floor(Date.now() / 1000);
    const signed = sign(encodeMessage({ ...message, id: randomInt(0x10000) }), key, { now });
    const reply = await connection.request(signed.octets, ACK_TIMEOUT);
    if (!reply.ok) return reply.fault.what;
    const decoded = decodeMessage(reply.value);
    if (!decoded.ok) return decoded.fault.what;
    const { tsig, rcode } = decoded.value;
    if (tsig === undefined) return 'an acknowledgement without a signature';
    const verified = verify(reply.value, tsig, key, { now, priorMac: signed.mac });
    if (!verified.ok) return verified.fault.what;
    return rcode === RCODE.NOERROR ? undefined : printRcode(rcode);
  }
}
