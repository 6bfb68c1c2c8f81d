/**
 * How a secondary is asked something, be it a NOTIFY or a question: by its address over UDP, or, where it is hidden, on the connection
 * that it has opened.
 *
 * Always holds: where there is a key, a reply is given only once it is verified.
 */
import { randomInt } from 'node:crypto';
import type { Key, KeyTable } from '../authority/key.ts';
import type { NotifyTarget } from '../authority/notify.ts';
import { printPeer } from '../net/address.ts';
import type { Connection } from '../net/connection.ts';
import { exchange } from '../net/exchange.ts';
import { UdpClient } from '../net/udp-client.ts';
import { type Fault, fail, ok, type Result } from '../result.ts';
import { encodeWithId } from '../wire/encoded.ts';
import { decodeMessage, type Message } from '../wire/message.ts';
import { sign, verify } from '../wire/tsig.ts';
import type { Clock } from './clock.ts';

export interface Link {
  /** No two secondaries have the same: an address, or the number of a connection. */
  readonly id: string;
  /** What people call it. */
  readonly peer: string;
  /** Asks once. Its ID is replaced. `timeout`: milliseconds. Never rejects. */
  ask(message: Message, timeout: number): Promise<Result<Message, Fault>>;
}

export interface LinkOptions {
  /** Where peers named by address listen. */
  readonly port: number;
  /** Local address to send from, so that peers see the address they know. */
  readonly source?: string;
  /** Ends everything that waits. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** The keys in force. */
  keys(): KeyTable;
}

const isInForce = (keys: KeyTable, { name, secret }: Key): boolean => keys.get(name)?.secret.equals(secret) ?? false;

/**
 * A secondary by its address. With several keys, all are tried at once, since one that does not know a key says so in a reply that nobody
 * has signed, which is not believed before the time is up; the first good reply counts, and its key is the one that is used from then on.
 */
export function linkByAddress({ address, keys }: NotifyTarget, options: LinkOptions): Link {
  const { port, source, signal } = options;
  const server = { address, port };
  /** By the time that they give. Each has a socket only while it waits for something. */
  const clients = new Map<number, UdpClient>();
  const clientOf = (timeout: number): UdpClient => {
    const client = clients.get(timeout) ?? new UdpClient({ server, source, waits: [timeout] });
    clients.set(timeout, client);
    return client;
  };
  signal.addEventListener('abort', () => {
    for (const client of clients.values()) client.close();
  });
  let known: Key | undefined;
  const askWith = async (key: Key, message: Message, timeout: number): Promise<Result<Message, Fault>> => {
    const reply = await clientOf(timeout).ask(message, key);
    if (reply.ok) known = key;
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
      if (known !== undefined && inForce.includes(known)) return askWith(known, message, timeout);
      return firstGood(inForce.map((key) => askWith(key, message, timeout)));
    },
  };
}

/** The first good reply, as soon as it is there; where none is, all that went wrong. */
function firstGood(replies: readonly Promise<Result<Message, Fault>>[]): Promise<Result<Message, Fault>> {
  return new Promise((resolve) => {
    const faults: Fault[] = [];
    for (const each of replies)
      void each.then((reply) => {
        if (reply.ok) resolve(reply);
        else if (faults.push(reply.fault) === replies.length)
          resolve(fail({ kind: faults[0]!.kind, what: faults.map(({ what }) => what).join('; ') }));
      });
  });
}

/** A hidden secondary on its connection. */
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
