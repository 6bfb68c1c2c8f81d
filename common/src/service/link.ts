/**
 * How a secondary is asked something, be it a NOTIFY or a question: by its address over UDP, or on a connection that it has opened.
 *
 * Always holds: where there is a key, a reply is given only once it is verified.
 */
import { randomInt } from 'node:crypto';
import type { Key, KeyTable } from '../authority/key.ts';
import type { NotifyTarget } from '../authority/notify.ts';
import { printPeer, sourceTo } from '../net/address.ts';
import type { Connection } from '../net/connection.ts';
import { exchange } from '../net/exchange.ts';
import { UdpClient } from '../net/udp-client.ts';
import { type Fault, fail, ok, type Result } from '../result.ts';
import { RCODE } from '../wire/code.ts';
import { encodeWithId } from '../wire/encoded.ts';
import { decodeMessage, type Message } from '../wire/message.ts';
import { sign, verify } from '../wire/tsig.ts';
import type { Clock } from './clock.ts';

export interface Link {
  /** No two secondaries have the same: an address, or that and the name of a key. */
  readonly id: string;
  /** What people call it. */
  readonly peer: string;
  /** Asks once. Its ID is replaced. `timeout`: milliseconds. Never rejects. */
  ask(message: Message, timeout: number): Promise<Result<Message, Fault>>;
}

export interface LinkOptions {
  /** Where peers named by address listen. */
  readonly port: number;
  /** Local address to send from to peers of its family, so that they see the address they know. */
  readonly source?: string;
  /** Ends everything that waits. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** The keys in force. */
  keys(): KeyTable;
}

const isInForce = (keys: KeyTable, { name, secret }: Key): boolean => keys.get(name)?.secret.equals(secret) ?? false;

/** Does who answers know the key, and takes it for nothing in this zone? */
const isDenied = ({ rcode }: Message): boolean => rcode === RCODE.REFUSED || rcode === RCODE.NOTAUTH;

/**
 * A secondary by its address. With several keys, all are tried at once, since one that does not know a key says so in a reply that nobody
 * has signed, which is not believed before the time is up; the first good reply counts, and its key is the one that is used from then on.
 * One that has the key for another zone refuses, as NSD does: that counts where no other key is better, so the others are tried then.
 */
export function linkByAddress({ address, keys }: NotifyTarget, options: LinkOptions): Link {
  const { port, signal } = options;
  const source = sourceTo(address, options.source === undefined ? [] : [options.source]);
  const server = { address, port };
  /** By the time that they give. Each has a socket only while it waits for something. */
  const clients = new Map<number, UdpClient>();
  const clientOf = (timeout: number): UdpClient => {
    const client = clients.get(timeout) ?? new UdpClient({ server, source, waits: [timeout] });
    clients.set(timeout, client);
    return client;
  };
  const abort = (): void => {
    for (const client of clients.values()) client.close();
  };
  /** Questions. Only while there are some the end is listened for: each table of keys makes new links, and nobody closes the old. */
  let underWay = 0;
  let known: Key | undefined;
  const askWith = async (key: Key, message: Message, timeout: number): Promise<Result<Message, Fault>> => {
    if (underWay++ === 0) signal.addEventListener('abort', abort);
    const reply = await clientOf(timeout).ask(message, key);
    if (--underWay === 0) signal.removeEventListener('abort', abort);
    if (reply.ok && !isDenied(reply.value)) known = key;
    else if (key === known) known = undefined;
    return reply;
  };
  return {
    id: address,
    peer: address,
    ask: async (message, timeout) => {
      if (signal.aborted) return fail({ kind: 'aborted', what: 'questions have been ended' });
      if (keys.length === 0) {
        // Nothing but the port and the ID keeps forged replies out.
        const from = source === undefined ? {} : { source };
        return exchange({ server, message, transport: 'udp', timeout, tries: 1, signal, ...from });
      }
      const inForce = keys.filter((key) => isInForce(options.keys(), key));
      if (inForce.length === 0) return fail({ kind: 'key', what: 'its key is no longer in force' });
      const first = known !== undefined && inForce.includes(known) ? known : undefined;
      if (first === undefined) return firstGood(inForce.map((key) => askWith(key, message, timeout)));
      const reply = await askWith(first, message, timeout);
      if (!reply.ok || !isDenied(reply.value)) return reply;
      const others = inForce.filter((key) => key !== first);
      return firstGood([Promise.resolve(reply), ...others.map((key) => askWith(key, message, timeout))]);
    },
  };
}

/** The first good reply, as soon as it is there; where none is, that by which it was refused, or all that went wrong. */
function firstGood(replies: readonly Promise<Result<Message, Fault>>[]): Promise<Result<Message, Fault>> {
  return new Promise((resolve) => {
    const faults: Fault[] = [];
    let denial: Result<Message, Fault> | undefined;
    let open = replies.length;
    for (const each of replies)
      void each.then((reply) => {
        if (!reply.ok) faults.push(reply.fault);
        else if (isDenied(reply.value)) denial ??= reply;
        else return resolve(reply);
        if (--open > 0) return;
        resolve(denial ?? fail({ kind: faults[0]!.kind, what: faults.map(({ what }) => what).join('; ') }));
      });
  });
}

/** A secondary on its connection. */
export function linkByConnection(connection: Connection, key: Key, id: string, options: LinkOptions): Link {
  return {
    id,
    peer: printPeer(connection.peer),
    ask: async (message, timeout) => {
      if (!isInForce(options.keys(), key)) return fail({ kind: 'key', what: 'its key is no longer in force' });
      const now = Math.floor(options.clock.wall() / 1000);
      const signed = sign(encodeWithId(message, randomInt(0x10000)), key, { now });
      const reply = await connection.request(signed.octets, timeout);
      if (!reply.ok) return reply;
      const decoded = decodeMessage(reply.value);
      if (!decoded.ok) return fail({ kind: 'malformed', what: decoded.fault.what });
      const { tsig } = decoded.value;
      if (tsig === undefined) return fail({ kind: 'tsig', what: 'a reply without a signature' });
      const verified = verify(reply.value, tsig, key, { now, priorMac: signed.mac });
      return verified.ok ? ok(decoded.value) : fail({ kind: 'tsig', what: verified.fault.what });
    },
  };
}
