/**
 * A request with its sender established: whether it was signed, and by whom, is a property of this value, made by one verifier
 * (`authenticate.ts`), and no listener, opcode or transport has a say in it.
 */
import { BARE_EDNS, type EdnsOption, extendedError, OPTION, UDP_SIZE } from '../wire/edns.ts';
import { encodeMessage, HEADER_OCTETS, type Message, responseTo } from '../wire/message.ts';
import { sign, tsigSize } from '../wire/tsig.ts';
import type { ClientAddress } from './client-address.ts';
import { COOKIE, COOKIE_OCTETS, type CookieJar } from './cookie.ts';
import { EdnsReply } from './edns-reply.ts';
import { EdnsRequest } from './edns-request.ts';
import type { Identity } from './identity.ts';
import type { Key } from './key.ts';
import { PADDING_BLOCK, paddingFor } from './padding.ts';
import { isEncrypted, type Transport } from './transport.ts';

export interface Request {
  readonly message: Message;
  /** The key that signed it; `undefined` for an unsigned request. */
  readonly key?: Key;
  readonly transport: Transport;
  /** The data of the COOKIE option of its reply, from {@link showCookie}. */
  readonly cookie?: Uint8Array;
  /** What the cookie that it shows is worth, one of COOKIE; where there is one and it is judged. */
  readonly cookieVerdict?: number;
  /** What a client that asks is told of the time its connection may be idle, in units of 100 ms (RFC 7828); not over UDP. */
  readonly keepalive?: number;
}

/** The cookie that a message shows, judged (one of COOKIE), and for a client that sent one the data of the option that answers it. */
export function showCookie(
  { edns }: Message,
  jar: CookieJar,
  client: ClientAddress,
  now: number,
): { readonly verdict: number; readonly cookie?: Uint8Array } {
  const shown = new EdnsRequest();
  shown.readValue(edns);
  const verdict = jar.judge(shown, client, now);
  if (verdict === COOKIE.NONE || client.length === 0) return { verdict };
  const cookie = new Uint8Array(COOKIE_OCTETS);
  jar.write(verdict, shown, client, now, cookie);
  return { verdict, cookie };
}

/** The EDNS part of a response: there when it is there in the request (RFC 6891 6.1.1, 7). */
export function ednsFor({ edns }: Message, options: readonly EdnsOption[]): Pick<Message, 'edns'> {
  return edns === undefined ? {} : { edns: { ...BARE_EDNS, dnssecOk: edns.dnssecOk, options } };
}

/** QTYPE and QCLASS. */
const QUESTION_REST = 4;

export interface ReplyOptions {
  /** Seconds since 1970. */
  readonly now: number;
  readonly identity: Identity;
  /** Extended DNS Error, sent to clients that speak EDNS (RFC 8914). */
  readonly ede?: { readonly code: number; readonly text: string };
  /** The zone that the reply is made from: labels of its origin without the root's, and its serial (RFC 9660). */
  readonly zone?: { readonly labels: number; readonly serial: number };
  /** Seconds until that zone expires, in a reply to SOA, AXFR or IXFR (RFC 7314). */
  readonly expire?: number;
}

/** Octets that the reply may have with all that belongs to it: what the transport and the client take (RFC 6891 6.2.5). */
export function replyLimit({ message, transport }: Request): number {
  return transport !== 'udp' ? 65535 : Math.min(UDP_SIZE, message.edns?.udpSize ?? 512);
}

/** The options of the OPT record of a reply, as many as have room in `room` octets. */
export function optionsFor(
  { message, cookie, keepalive }: Request,
  options: ReplyOptions,
  room: number,
): readonly EdnsOption[] {
  const asked = new EdnsRequest();
  asked.readValue(message.edns);
  const reply = new EdnsReply(Buffer.from(options.identity.id, 'utf8'));
  reply.begin(asked);
  if (cookie !== undefined) reply.cookieData(cookie);
  if (keepalive !== undefined) reply.keepalive(asked, keepalive);
  if (options.expire !== undefined) reply.expire(asked, options.expire);
  if (options.zone !== undefined) reply.zoneVersion(asked, options.zone.labels, options.zone.serial);
  if (options.ede !== undefined) reply.error(extendedError(options.ede.code, options.ede.text).data);
  reply.fit(room);
  return reply.options();
}

/** Finishes a reply: EDNS as the request had it (RFC 6891 6.1.1), the size the transport takes, the signature (RFC 8945 5.3). */
export function finishReply(request: Request, reply: Message, options: ReplyOptions): Uint8Array {
  const { message, key } = request;
  const limit = replyLimit(request);
  const room = key === undefined ? limit : limit - tsigSize(key);
  const asked = reply.questions.reduce((sum, { name }) => sum + name.wire.length + QUESTION_REST, HEADER_OCTETS);
  const whole: Message = { ...reply, ...ednsFor(message, optionsFor(request, options, room - asked)) };
  const plain = encodeMessage(whole, room);
  if (!wantsPadding(request)) return signReply(request, plain, options.now);
  const padding = paddingOf(plain.length + limit - room, limit);
  return signReply(
    request,
    padding === undefined ? plain : encodeMessage(withOption(whole, padding), room),
    options.now,
  );
}

/**
 * A reply that somebody else has made, as it is, where the transport and the client take it. Else its RCODE and the question, truncated (RFC 2136
 * 2.1, RFC 6891 6.2.5): unsigned, since whoever passes it on has no key.
 */
export function relayedReply(request: Request, octets: Uint8Array, options: ReplyOptions): Uint8Array {
  if (octets.length <= replyLimit(request)) return octets;
  return finishReply(request, { ...responseTo(request.message, octets[3]! & 15), tc: true }, options);
}

/** Does the client ask for padding (RFC 7830 4), where nobody else sees how long a reply would be without it? */
export function wantsPadding({ message, transport }: Pick<Request, 'message' | 'transport'>): boolean {
  return isEncrypted(transport) && (message.edns?.options.some(({ code }) => code === OPTION.PADDING) ?? false);
}

/** The option by which a reply of `length` octets fills blocks (RFC 8467 4.1); `undefined` where there is no room for it. */
export function paddingOf(length: number, limit: number): EdnsOption | undefined {
  const octets = paddingFor(length, PADDING_BLOCK.response, limit);
  return octets === undefined ? undefined : { code: OPTION.PADDING, data: new Uint8Array(octets) };
}

function withOption(reply: Message, option: EdnsOption): Message {
  const { edns = BARE_EDNS } = reply;
  return { ...reply, edns: { ...edns, options: [...edns.options, option] } };
}

/** The reply with a signature where the request had one (RFC 8945 5.3). `now` is seconds since 1970. */
export function signReply({ message, key }: Request, reply: Uint8Array, now: number): Uint8Array {
  if (key === undefined || message.tsig === undefined) return reply;
  return sign(reply, key, { now, priorMac: message.tsig.mac }).octets;
}
