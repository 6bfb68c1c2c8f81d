/**
 * A request with its sender established: whether it was signed, and by whom, is a property of this value, made by one verifier
 * (`authenticate.ts`), and no listener, opcode or transport has a say in it.
 */
import { type EdnsOption, extendedError, OPTION, UDP_SIZE } from '../wire/edns.ts';
import { encodeMessage, type Message } from '../wire/message.ts';
import { sign, tsigSize } from '../wire/tsig.ts';
import type { Identity } from './identity.ts';
import type { Key } from './key.ts';

export type Transport = 'udp' | 'tcp';

export interface Request {
  readonly message: Message;
  /** The key that signed it; `undefined` for an unsigned request. */
  readonly key?: Key;
  readonly transport: Transport;
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
