/**
 * A request with its sender established: whether it was signed, and by whom, is a property of this value, made by one verifier,
 * and no listener, opcode or transport has a say in it.
 */
import { Writer } from '../octets.ts';
import { fail, ok, type Result } from '../result.ts';
import { RCODE, TSIG_ERROR } from '../wire/code.ts';
import { type EdnsOption, extendedError, OPTION, UDP_SIZE } from '../wire/edns.ts';
import { encodeMessage, type Message, responseTo } from '../wire/message.ts';
import { refuse, sign, tsigSize, verify } from '../wire/tsig.ts';
import type { Identity } from './identity.ts';
import type { Key, KeyTable } from './key.ts';

export type Transport = 'udp' | 'tcp';

export interface Request {
  readonly message: Message;
  /** The key that signed it; `undefined` for an unsigned request. */
  readonly key?: Key;
  readonly transport: Transport;
}

/** Establishes who sent a decoded request; the failure is the finished reply that says why not (RFC 8945 5.2). */
export function authenticate(
  octets: Uint8Array,
  message: Message,
  transport: Transport,
  keys: KeyTable,
  now: number,
): Result<Request, { reply: Uint8Array; what: string }> {
  const { tsig } = message;
  if (tsig === undefined) return ok({ message, transport });
  const key = keys.get(tsig.keyName);
  const verified = verify(octets, tsig, key, { now });
  if (verified.ok && key !== undefined) return ok({ message, key, transport });
  const { error, what } = verified.ok ? { error: TSIG_ERROR.BADKEY, what: 'unknown key' } : verified.fault;
  const plain = (rcode: number): Uint8Array =>
    encodeMessage({ ...responseTo(message, rcode), ...ednsFor(message, []) }, 512);
  if (error < 0) return fail({ reply: plain(RCODE.FORMERR), what });
  if (error === TSIG_ERROR.BADTIME && key !== undefined) {
    const serverTime = new Writer();
    serverTime.u48(now);
    const signed = sign(plain(RCODE.NOTAUTH), key, {
      now,
      timeSigned: tsig.timeSigned,
      priorMac: tsig.mac,
      fudge: tsig.fudge,
      error,
      other: serverTime.finish(),
    });
    return fail({ reply: signed.octets, what });
  }
  return fail({ reply: refuse(plain(RCODE.NOTAUTH), tsig, error), what });
}

/** The EDNS part of a response: there when it is there in the request (RFC 6891 6.1.1, 7). */
export function ednsFor({ edns }: Message, options: readonly EdnsOption[]): Pick<Message, 'edns'> {
  return edns === undefined ? {} : { edns: { udpSize: UDP_SIZE, version: 0, dnssecOk: edns.dnssecOk, options } };
}

export interface ReplyOptions {
  /** Seconds since 1970. */
  readonly now: number;
  readonly identity: Identity;
  /** Extended DNS Error, sent to clients that speak EDNS (RFC 8914). */
  readonly ede?: { readonly code: number; readonly text: string };
  /** What else the OPT record of the reply holds, where there is one. */
  readonly options?: readonly EdnsOption[];
}

/** Octets that the reply may have with all that belongs to it: what the transport and the client take (RFC 6891 6.2.5). */
export function replyLimit({ message, transport }: Request): number {
  return transport === 'tcp' ? 65535 : Math.min(UDP_SIZE, message.edns?.udpSize ?? 512);
}

/** Finishes a reply: EDNS as the request had it (RFC 6891 6.1.1), the size the transport takes, the signature (RFC 8945 5.3). */
export function finishReply(request: Request, reply: Message, options: ReplyOptions): Uint8Array {
  const { message, key } = request;
  const { edns } = message;
  const limit = replyLimit(request);
  const replyOptions: EdnsOption[] = [...(options.options ?? [])];
  if (options.ede !== undefined) replyOptions.push(extendedError(options.ede.code, options.ede.text));
  if (edns?.options.some(({ code }) => code === OPTION.NSID))
    replyOptions.push({ code: OPTION.NSID, data: Buffer.from(options.identity.id, 'utf8') });
  const whole: Message = { ...reply, ...ednsFor(message, replyOptions) };
  const octets = encodeMessage(whole, key === undefined ? limit : limit - tsigSize(key));
  return signReply(request, octets, options.now);
}

/** The reply with a signature where the request had one (RFC 8945 5.3). `now` is seconds since 1970. */
export function signReply({ message, key }: Request, reply: Uint8Array, now: number): Uint8Array {
  if (key === undefined || message.tsig === undefined) return reply;
  return sign(reply, key, { now, priorMac: message.tsig.mac }).octets;
}
