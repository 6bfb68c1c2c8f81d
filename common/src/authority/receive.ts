/**
 * What a name server does with a datagram or a framed message: from octets to an outcome, without I/O. Whatever can be answered
 * from the zones at hand is answered here; what needs more (a change, a pull, a transfer's stream) is handed out as a value.
 *
 * RFC 1035 4.1.1, RFC 5936, RFC 1995, RFC 1996, RFC 2136, RFC 6891, RFC 7873 5.4, RFC 8906, RFC 9619. Responses (QR set) are met with silence.
 */
import type { Name } from '../name.ts';
import { CLASS } from '../rr/class.ts';
import { readSoa } from '../rr/soa.ts';
import { TYPE } from '../rr/type.ts';
import { OPCODE, RCODE } from '../wire/code.ts';
import { asksForExpiry, EDE } from '../wire/edns.ts';
import { decodeMessage, encodeMessage, type Message, type Question, responseTo } from '../wire/message.ts';
import { tsigSize } from '../wire/tsig.ts';
import type { Zone } from '../zone/zone.ts';
import { authenticate } from './authenticate.ts';
import type { Authority } from './authority.ts';
import { COOKIE, DEMAND } from './cookie.ts';
import { LEAST_UDP_SIZE } from './edns-request.ts';
import { identify } from './identity.ts';
import { mayPerform } from './key.ts';
import type { Outcome } from './outcome.ts';
import { rejectionBy } from './rejection.ts';
import { ednsFor, finishReply, optionsFor, type ReplyOptions, type Request, signReply } from './request.ts';
import { type Responder, WITHHELD } from './responder.ts';
import { transfer } from './transfer-request.ts';
import { type Transport, transportBeyond } from './transport.ts';
import { edeCodeOf, readUpdate } from './update.ts';

/** The reply to a request that was handed out: an RCODE, and a text for clients that speak EDNS. */
export function replyWith(request: Request, rcode: number, options: ReplyOptions): Uint8Array {
  const isAuthoritative = request.message.opcode === OPCODE.NOTIFY;
  return finishReply(request, { ...responseTo(request.message, rcode), aa: isAuthoritative }, options);
}

const MAX_MESSAGE_OCTETS = 65_535;
const SERVED_OPCODES: ReadonlySet<number> = new Set([OPCODE.QUERY, OPCODE.NOTIFY, OPCODE.UPDATE]);

/** Handles one message. `now` is seconds since 1970. */
export function receive(responder: Responder, octets: Uint8Array, transport: Transport, now: number): Outcome {
  const length = responder.respond(octets, transport, now);
  if (length === WITHHELD) return SILENCE;
  if (length > 0) return replyOf(responder.octets.slice(0, length), responder.what);
  const read = decode(responder, octets, transport);
  if ('kind' in read) return read;
  const forwarded = forwardedZone(responder.authority, read);
  if (forwarded !== undefined)
    return forward(
      responder.authority,
      { message: read, transport, ...responder.courtesies(read, transport, now) },
      forwarded,
      octets,
      now,
    );
  if (responder.authority.isReady === false && read.tsig !== undefined)
    return responder.withholds(transport) ? SILENCE : notReady(responder.authority, { message: read, transport }, now);
  const authenticated = authenticate(octets, read, transport, responder.authority.keys, now);
  if (!authenticated.ok && responder.withholds(transport)) return SILENCE;
  if (!authenticated.ok) {
    const { reply, what, rejection } = authenticated.fault;
    return { kind: 'reply', octets: reply, what, ...(rejection === undefined ? {} : { rejection }) };
  }
  return judge(responder, authenticated.value, now);
}

/** Nobody can sign this: the key of the request is not here to do it. */
function notReady({ identity }: Authority, request: Request, now: number): Outcome {
  const what = 'the keys are not loaded yet';
  const ede = { code: EDE.NOT_READY, text: what };
  return { kind: 'reply', octets: replyWith(request, RCODE.SERVFAIL, { now, identity, ede }), what };
}

/**
 * The zone of an UPDATE that is the primaries' to judge (RFC 2136 6): its key need not be known here, but there has to be one. What is meant for
 * no zone of ours is nobody's.
 */
function forwardedZone({ isPrimary, forwardsOver, zones }: Authority, message: Message): Name | undefined {
  const isOurs = isPrimary || forwardsOver === undefined || message.opcode !== OPCODE.UPDATE;
  if (isOurs || message.tsig === undefined || (message.edns?.version ?? 0) > 0) return undefined;
  const [section, ...more] = message.questions;
  if (section === undefined || more.length > 0 || section.type !== TYPE.SOA || section.class !== CLASS.IN)
    return undefined;
  return zones.isAwaited(section.name) ? section.name : zones.zoneOf(section.name)?.origin;
}

function forward(
  { forwardsOver, identity }: Authority,
  request: Request,
  zone: Name,
  octets: Uint8Array,
  now: number,
): Outcome {
  const beyond = transportBeyond(forwardsOver === 'plain' ? undefined : forwardsOver, request.transport);
  const isProven = request.transport !== 'udp' || (request.cookieVerdict ?? COOKIE.NONE) >= COOKIE.AGED;
  if (beyond === undefined) return { kind: 'forward', request, zone, octets: octets.slice(), isProven };
  const what = `updates are passed on over ${beyond}: they have to come over it`;
  const ede = { code: EDE.PROHIBITED, text: what };
  return { kind: 'reply', octets: replyWith(request, RCODE.REFUSED, { now, identity, ede }), what };
}

/**
 * Handles what {@link Responder.respond} has left, in a thread that has zones and neither keys nor histories. `undefined`: the message is
 * for the thread that has.
 */
export function receiveOpen(
  responder: Responder,
  octets: Uint8Array,
  transport: Transport,
  now: number,
): Outcome | undefined {
  // Theirs is the costly part of decoding, and nothing here could answer it.
  if (CLOSED_OPCODES.has(((octets[2] ?? 0) >> 3) & 15)) return undefined;
  const read = decode(responder, octets, transport);
  if ('kind' in read) return read;
  return isOpen(read) ? judge(responder, { message: read, transport }, now) : undefined;
}

const CLOSED_OPCODES: ReadonlySet<number> = new Set([OPCODE.NOTIFY, OPCODE.UPDATE]);
const CLOSED_TYPES: ReadonlySet<number> = new Set([TYPE.AXFR, TYPE.IXFR]);

/** Can the message be answered with zones alone? */
function isOpen({ questions, tsig, edns }: Message): boolean {
  if (tsig !== undefined) return false;
  // What is asked in class CH may be of the commit that is served.
  if (questions.some((question) => question.class === CLASS.CH || CLOSED_TYPES.has(question.type))) return false;
  return !asksForExpiry(edns);
}

function decode(responder: Responder, octets: Uint8Array, transport: Transport): Message | Outcome {
  const decoded = decodeMessage(octets);
  if (decoded.ok) return decoded.value.qr ? SILENCE : decoded.value;
  const { request, what } = decoded.fault;
  if (request === undefined || request.qr || responder.withholds(transport)) return SILENCE;
  // What follows the header is the opcode's: that of one we do not know cannot be wrong (RFC 8906 3.1.4).
  const rcode = SERVED_OPCODES.has(request.opcode) ? RCODE.FORMERR : RCODE.NOTIMP;
  const reply = { ...responseTo(request, rcode), ...ednsFor(request, []) };
  return { kind: 'reply', octets: encodeMessage(reply, LEAST_UDP_SIZE), what };
}

/** Handles a request from a known sender, or from anybody. */
function judge(responder: Responder, authenticated: Request, now: number): Outcome {
  const { message, transport } = authenticated;
  const request = { ...authenticated, ...responder.courtesies(message, transport, now) };
  const call = new Call(responder, request, now);
  if ((message.edns?.version ?? 0) > 0) return call.refuse(RCODE.BADVERS, 'an EDNS version other than 0');
  if (!SERVED_OPCODES.has(message.opcode)) return call.refuse(RCODE.NOTIMP, `opcode ${message.opcode}`);
  if (asksForCookie(request)) return call.cookie();
  if (message.questions.length !== 1) return call.refuse(RCODE.FORMERR, `${message.questions.length} questions`);
  switch (message.opcode) {
    case OPCODE.QUERY:
      return call.query(message.questions[0]!);
    case OPCODE.NOTIFY:
      return call.notify(message.questions[0]!);
    default:
      return call.update();
  }
}

const SILENCE: Outcome = { kind: 'silence' };

/** A query without a question that shows a cookie asks for a server cookie alone (RFC 7873 5.4). */
function asksForCookie({ message, cookie }: Request): boolean {
  return message.opcode === OPCODE.QUERY && message.questions.length === 0 && cookie !== undefined;
}

function replyOf(octets: Uint8Array, what: string | undefined): Outcome {
  return what === undefined ? { kind: 'reply', octets } : { kind: 'reply', octets, what };
}

/** What a reply says beside its answer. */
type Extra = Omit<ReplyOptions, 'now' | 'identity'>;

/** One request on its way to an outcome. */
class Call {
  readonly #responder: Responder;
  readonly #authority: Authority;
  readonly #request: Request;
  readonly #now: number;

  constructor(responder: Responder, request: Request, now: number) {
    this.#responder = responder;
    this.#authority = responder.authority;
    this.#request = request;
    this.#now = now;
  }

  get #message(): Message {
    return this.#request.message;
  }

  /** Nobody signs a request in the name of another, or shows another's cookie (RFC 7873 5.2.5). */
  get #isWithheld(): boolean {
    const { key, cookieVerdict = COOKIE.NONE, transport } = this.#request;
    return key === undefined && cookieVerdict < COOKIE.AGED && this.#responder.withholds(transport);
  }

  #options(more: Extra): ReplyOptions {
    return { now: this.#now, identity: this.#authority.identity, ...more };
  }

  #reply(reply: Message, more: Extra = {}): Uint8Array {
    return finishReply(this.#request, reply, this.#options(more));
  }

  refuse(rcode: number, what: string, edeCode: number = EDE.OTHER): Outcome {
    if (this.#isWithheld) return SILENCE;
    const more = rcode === RCODE.BADVERS ? {} : { ede: { code: edeCode, text: what } };
    const { key, message } = this.#request;
    // Anybody asks for transfers. Who updates without a key has forgotten it.
    const isRejection = edeCode === EDE.PROHIBITED && (key !== undefined || message.opcode !== OPCODE.QUERY);
    const octets = this.#reply(responseTo(message, rcode), more);
    return { kind: 'reply', octets, what, ...(isRejection ? { rejection: rejectionBy(key) } : {}) };
  }

  /** A good cookie, and whether the one that was shown is good (RFC 7873 5.4). */
  cookie(): Outcome {
    if (this.#isWithheld) return SILENCE;
    const rcode = this.#request.cookieVerdict === COOKIE.BAD ? RCODE.BADCOOKIE : RCODE.NOERROR;
    return { kind: 'reply', octets: this.#reply(responseTo(this.#message, rcode)) };
  }

  query(question: Question): Outcome {
    const demanded = this.#cookieDemand();
    if (demanded !== undefined) return demanded;
    const isTransfer = question.type === TYPE.AXFR || question.type === TYPE.IXFR;
    if (question.class === CLASS.CH) return this.#identity(question);
    if (question.class === CLASS.IN && isTransfer) return this.#isWithheld ? SILENCE : this.#transfer(question);
    const { key, message, transport } = this.#request;
    const reserved = key === undefined ? 0 : tsigSize(key);
    const octets = this.#responder.respondTo(message, transport, this.#now, reserved);
    if (octets === undefined) return SILENCE;
    const outcome = replyOf(signReply(this.#request, octets, this.#now), this.#responder.what);
    return this.#registering(question, outcome);
  }

  /** What who has to show a cookie, and shows none that is good, gets instead of an answer (RFC 7873 5.2.3). */
  #cookieDemand(): Outcome | undefined {
    const { key, cookieVerdict = COOKIE.NONE, transport } = this.#request;
    if (key !== undefined || transport !== 'udp') return undefined;
    const demand = this.#responder.demand(cookieVerdict);
    if (demand === DEMAND.ANSWER) return undefined;
    if (this.#isWithheld) return SILENCE;
    const isTruncated = demand === DEMAND.TRUNCATE;
    const reply = responseTo(this.#message, isTruncated ? RCODE.NOERROR : RCODE.BADCOOKIE);
    return { kind: 'reply', octets: this.#reply({ ...reply, tc: isTruncated }) };
  }

  /**
   * A SOA query on a connection, signed by a key that may transfer, asks to be notified on its connection. One that asks for EXPIRE as well
   * (RFC 7314) refreshes a copy: what Knot reads next on that connection has to be its transfer.
   */
  #registering(question: Question, outcome: Outcome): Outcome {
    const { key, transport, message } = this.#request;
    const asks =
      outcome.kind === 'reply' &&
      key !== undefined &&
      transport !== 'udp' &&
      question.type === TYPE.SOA &&
      !asksForExpiry(message.edns) &&
      mayPerform(key, 'transfer', question.name);
    return asks ? { ...outcome, registers: { key, zone: question.name } } : outcome;
  }

  #identity(question: Question): Outcome {
    const answers = identify(this.#authority.identity, question.name, question.type);
    if (answers === undefined) return this.refuse(RCODE.REFUSED, 'no such name in class CH', EDE.NOT_AUTHORITATIVE);
    if (this.#isWithheld) return SILENCE;
    return { kind: 'reply', octets: this.#reply({ ...responseTo(this.#message, RCODE.NOERROR), aa: true, answers }) };
  }

  #transfer(question: Question): Outcome {
    const about = (zone: Zone): Extra => {
      const expire = this.#authority.expiryOf(zone);
      return expire === undefined ? { zone } : { zone, expire };
    };
    return transfer(question, {
      authority: this.#authority,
      request: this.#request,
      reply: (reply, zone) => this.#reply(reply, about(zone)),
      sign: (octets) => signReply(this.#request, octets, this.#now),
      options: (zone) => optionsFor(this.#request, this.#options(about(zone)), MAX_MESSAGE_OCTETS),
      refuse: (rcode, what, edeCode) => this.refuse(rcode, what, edeCode),
    });
  }

  notify(question: Question): Outcome {
    if (question.class !== CLASS.IN || question.type !== TYPE.SOA)
      return this.refuse(RCODE.FORMERR, 'a NOTIFY for something other than IN SOA');
    const soa = this.#message.answers.find((record) => record.type === TYPE.SOA && record.name.equals(question.name));
    const outcome = { kind: 'notify', request: this.#request, zone: question.name } as const;
    return soa === undefined ? outcome : { ...outcome, serial: readSoa(soa.rdata).serial };
  }

  update(): Outcome {
    const { isPrimary, forwardsOver } = this.#authority;
    // What is passed on does not come here: of that which does, it is said what is wrong with it.
    if (!isPrimary && forwardsOver === undefined)
      return this.refuse(RCODE.REFUSED, 'a secondary takes no updates', EDE.NOT_AUTHORITATIVE);
    const beyond = transportBeyond(this.#request.key?.limits?.transport, this.#request.transport);
    if (beyond !== undefined) return this.refuse(RCODE.REFUSED, `updates of this key need ${beyond}`, EDE.PROHIBITED);
    const update = readUpdate(this.#message, this.#request.key, this.#authority.zones);
    if (!update.ok) return this.refuse(update.fault.rcode, update.fault.what, edeCodeOf(update.fault));
    return { kind: 'update', request: this.#request, update: update.value };
  }
}
