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
import { type Fault, fail, ok, type Result } from '../result.ts';
import { decodeMessage, encodeMessage, type Message } from '../wire/message.ts';
import { sign, verify } from '../wire/tsig.ts';
import type { Clock } from './clock.ts';

export interface Link {
  /** No two secondaries have the same: an address, or the number of a connection. */
  readonly id: string;
  /** What people call it. */
  readonly peer: string;
  /** Does it tell of itself only on a connection of its own? */
  readonly isHidden: boolean;
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
  let known: Key | undefined;
  const signersOf = (): readonly { key?: Key }[] => {
    if (keys.length === 0) return [{}];
    const inForce = keys.filter((key) => isInForce(options.keys(), key));
    const [only] = known !== undefined && inForce.includes(known) ? [known] : [];
    return (only === undefined ? inForce : [only]).map((key) => ({ key }));
  };
  return {
    id: address,
    peer: address,
    isHidden: false,
    ask: async (message, timeout) => {
      const signers = signersOf();
      if (signers.length === 0) return fail({ kind: 'key', what: 'its key is no longer in force' });
      const enough = new AbortController();
      const all = signers.length === 1 ? signal : AbortSignal.any([signal, enough.signal]);
      const common = { server: { address, port }, message, transport: 'udp', timeout, tries: 1, signal: all } as const;
      const replies = await Promise.all(
        signers.map(async (signer) => {
          const reply = await exchange({ ...common, ...signer, ...(source === undefined ? {} : { source }) });
          if (reply.ok) {
            known = signer.key;
            if (signers.length > 1) enough.abort();
          } else if (signer.key === known) known = undefined;
          return reply;
        }),
      );
      return replies.find(({ ok: isGood }) => isGood) ?? fail(faultOf(replies));
    },
  };
}

function faultOf(replies: readonly Result<Message, Fault>[]): Fault {
  const faults = replies.flatMap((reply) => (reply.ok ? [] : [reply.fault]));
  return { kind: faults[0]?.kind ?? 'timeout', what: faults.map(({ what }) => what).join('; ') };
}

/** A hidden secondary on its connection. */
export function linkByConnection(connection: Connection, key: Key, id: string, options: LinkOptions): Link {
  return {
    id,
    peer: printPeer(connection.peer),
    isHidden: true,
    ask: async (message, timeout) => {
      if (!isInForce(options.keys(), key)) return fail({ kind: 'key', what: 'its key is no longer in force' });
      const now = Math.floor(options.clock.wall() / 1000);
      const signed = sign(encodeMessage({ ...message, id: randomInt(0x10000) }), key, { now });
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
