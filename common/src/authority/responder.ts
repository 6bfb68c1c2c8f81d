/**
 * Queries for data of class IN, from octets to octets: which zone, the answer or why there is none, EDNS, size. What can be said of
 * a plain query is said without an allocation; signed ones take the same way once they are decoded.
 *
 * RFC 1035 4.1.1, RFC 6891, RFC 7873, RFC 8914. Left out, and told by {@link Responder.respond}: all that is no plain query.
 */

import { CLASS } from '../rr/class.ts';
import { isMetaType, TYPE } from '../rr/type.ts';
import { OPCODE, RCODE } from '../wire/code.ts';
import { EDE, extendedError, UDP_SIZE } from '../wire/edns.ts';
import type { Message } from '../wire/message.ts';
import type { Zone } from '../zone/zone.ts';
import { Answering } from './answer.ts';
import type { Authority } from './authority.ts';
import { ClientAddress } from './client-address.ts';
import { COOKIE, CookieJar, type CookieSettings, DEMAND } from './cookie.ts';
import { EdnsReply } from './edns-reply.ts';
import { FORM, Query } from './query.ts';
import { RATE, type RateLimit, RateLimiter, RESPONSE_KIND } from './rate-limit.ts';
import { Reply } from './reply.ts';
import { type Request, showCookie } from './request.ts';
import { isEncrypted, type Transport } from './transport.ts';
import { type Apex, LACK, type Lack } from './zones.ts';

const MAX_MESSAGE_OCTETS = 65_535;
const KEEPALIVE_UNIT_MS = 100;

/** Why a query gets no answer: for the log, and as the data of an Extended DNS Error. */
interface Reason {
  readonly what: string;
  readonly rcode: number;
  readonly error: Uint8Array | undefined;
}

function reason(rcode: number, code: number, what: string): Reason {
  return { what, rcode, error: extendedError(code, what).data };
}

/** What is refused whatever zones there are. */
const NO_OPCODE = Array.from({ length: 16 }, (_, opcode) => reason(RCODE.NOTIMP, EDE.OTHER, `opcode ${opcode}`));
const NO_VERSION: Reason = { what: 'an EDNS version other than 0', rcode: RCODE.BADVERS, error: undefined };
const NO_CLASS = reason(RCODE.REFUSED, EDE.NOT_SUPPORTED, 'only class IN is served');
const NO_QUESTION = reason(RCODE.FORMERR, EDE.OTHER, 'a question for a meta type');
const NO_META = reason(RCODE.NOTIMP, EDE.NOT_SUPPORTED, 'a question for a meta type');
const CUT = 'a message that is cut short, or announces too many records';

const NO_DATA = {
  unready: reason(RCODE.SERVFAIL, LACK.unready.code, LACK.unready.text),
  expired: reason(RCODE.SERVFAIL, LACK.expired.code, LACK.expired.text),
} as const satisfies Record<Lack, Reason>;
const NO_ZONE = reason(RCODE.REFUSED, EDE.NOT_AUTHORITATIVE, 'no zone of this server');

/** NOTIFY and UPDATE: whoever has keys takes them. */
function isForOthers(opcode: number): boolean {
  return opcode === OPCODE.NOTIFY || opcode === OPCODE.UPDATE;
}

function isTransfer(type: number): boolean {
  return type === TYPE.AXFR || type === TYPE.IXFR;
}

/** Why a request gets no answer, whatever zones there are. */
function refusalOf({ opcode, class: of, type, edns }: Query): Reason | undefined {
  if (edns.version !== 0) return NO_VERSION;
  if (opcode !== OPCODE.QUERY) return NO_OPCODE[opcode];
  if (of !== CLASS.IN) return NO_CLASS;
  if (type === TYPE.OPT || type === TYPE.TSIG) return NO_QUESTION;
  return isMetaType(type) && type !== TYPE.ANY ? NO_META : undefined;
}

/** Instead of the length of a reply: its client is sent nothing, for it is sent too much. */
export const WITHHELD = -1;

export interface ResponderSettings {
  /** Server cookies (RFC 7873); without them none are given. */
  readonly cookies?: CookieSettings;
  /** Responses over UDP to clients without a good cookie; not limited unless given. */
  readonly rateLimit?: RateLimit;
  /** How long a TCP connection may be idle, milliseconds (RFC 7828). */
  readonly idleTime?: number;
  /** Are the records of a set in another order each time? */
  readonly isRotating?: boolean;
}

export class Responder {
  readonly authority: Authority;
  /** Counts what it has held back. */
  readonly limiter: RateLimiter | undefined;
  /** Why the last query was not answered with data, for the log. */
  what: string | undefined;
  readonly #settings: ResponderSettings;
  readonly #cookies: CookieJar | undefined;
  #client = new ClientAddress();
  /** Milliseconds, the lower 32 bits. */
  #time = 0;
  readonly #query = new Query();
  #answering = new Answering();
  readonly #reply = new Reply(new Uint8Array(MAX_MESSAGE_OCTETS));
  readonly #edns: EdnsReply;
  #turn = 0;

  constructor(authority: Authority, settings: ResponderSettings = {}) {
    this.authority = authority;
    this.#settings = settings;
    const { cookies, rateLimit } = settings;
    this.#cookies = cookies === undefined ? undefined : new CookieJar(cookies);
    this.limiter = rateLimit === undefined ? undefined : new RateLimiter(rateLimit);
    this.#edns = new EdnsReply(Buffer.from(authority.identity.id, 'utf8'));
  }

  /** The octets of the last reply; they change with the next. */
  get octets(): Uint8Array {
    return this.#reply.octets;
  }

  /** Where replies are written to from now on: room for the longest that is asked for, {@link UDP_SIZE} by UDP. */
  set octets(octets: Uint8Array) {
    this.#reply.octets = octets;
  }

  /** Lets go of the zone that was answered from last, which would stay in memory until the next is. */
  forget(): void {
    this.#answering = new Answering();
  }

  /** Says where the next request comes from, and when: milliseconds of any clock. */
  from(client: ClientAddress, time: number): void {
    this.#client = client;
    this.#time = time | 0;
  }

  /**
   * Answers a plain query; gives the length of the reply, which stands in `octets`, 0 when the message is something else, or
   * {@link WITHHELD}.
   *
   * @param now seconds since 1970
   * @param length octets of the message, if more stands behind it
   */
  respond(octets: Uint8Array, transport: Transport, now: number, length: number = octets.length): number {
    const query = this.#query;
    const form = query.read(octets, length);
    if (form === FORM.CUT) return this.#cut(transport);
    if (form === FORM.OTHER || isForOthers(query.opcode)) return 0;
    if (query.edns.isCookieMalformed || query.class === CLASS.CH || isTransfer(query.type)) return 0;
    return this.#respond(transport, now, 0);
  }

  /** What follows the header is the opcode's: that of one we do not know cannot be wrong (RFC 8906 3.1.4). */
  #cut(transport: Transport): number {
    const { opcode } = this.#query;
    const isServed = opcode === OPCODE.QUERY || isForOthers(opcode);
    this.what = isServed ? CUT : NO_OPCODE[opcode]!.what;
    if (this.withholds(transport)) return WITHHELD;
    return this.#reply.bare(this.#query, isServed ? RCODE.FORMERR : RCODE.NOTIMP);
  }

  /** Answers a query that was decoded, and is of the kind that `respond` answers; `reserved` octets are kept free behind the reply. */
  respondTo(message: Message, transport: Transport, now: number, reserved: number): Uint8Array | undefined {
    this.#query.take(message);
    const length = this.#respond(transport, now, reserved);
    return length === WITHHELD ? undefined : this.octets.slice(0, length);
  }

  /** Makes cookies with another secret; see {@link CookieJar.renew}. */
  renewCookies(secret: Uint8Array): void {
    this.#cookies?.renew(secret);
  }

  /** What is done with a request over UDP whose cookie is worth this; one of DEMAND. */
  demand(verdict: number): number {
    return this.#cookies?.demand(verdict) ?? DEMAND.ANSWER;
  }

  /** Is a refusal not sent, because there were too many of them? Those that are too many and sent need no cut: they carry nothing. */
  withholds(transport: Transport): boolean {
    if (this.limiter === undefined || transport !== 'udp') return false;
    return this.limiter.judge(this.#client, RESPONSE_KIND.ERROR, 0, this.#time) === RATE.DROP;
  }

  /** What the OPT record of any other reply to a request says, if it was asked for. */
  courtesies(
    message: Message,
    transport: Transport,
    now: number,
  ): Pick<Request, 'cookie' | 'cookieVerdict' | 'keepalive'> {
    const { idleTime } = this.#settings;
    const shown = this.#cookies === undefined ? undefined : showCookie(message, this.#cookies, this.#client, now);
    return {
      ...(shown?.cookie === undefined ? {} : { cookie: shown.cookie, cookieVerdict: shown.verdict }),
      ...(transport === 'udp' || idleTime === undefined ? {} : { keepalive: Math.floor(idleTime / KEEPALIVE_UNIT_MS) }),
    };
  }

  #respond(transport: Transport, now: number, reserved: number): number {
    this.what = undefined;
    const answering = this.#answering;
    const query = this.#query;
    const reply = this.#reply;
    const edns = this.#edns;
    const limit = (transport === 'udp' ? Math.min(UDP_SIZE, query.edns.udpSize) : MAX_MESSAGE_OCTETS) - reserved;
    const verdict = this.#prepare(transport, now);
    const demand = transport === 'udp' ? this.demand(verdict) : DEMAND.ANSWER;
    let rcode: number = RCODE.NOERROR;
    let zone: Zone | undefined;
    const refusal = refusalOf(query);
    if (refusal !== undefined) {
      if (refusal.error !== undefined) edns.error(refusal.error);
      this.what = refusal.what;
      rcode = refusal.rcode;
    } else if (demand === DEMAND.ANSWER) {
      const apex = this.#place();
      zone = apex?.zone;
      if (zone === undefined) {
        const why = apex === undefined ? NO_ZONE : NO_DATA[apex.lack];
        edns.error(why.error!);
        this.what = why.what;
        rcode = why.rcode;
      } else {
        if (query.edns.hasZoneVersion) edns.zoneVersion(query.edns, zone.labels, zone.serial);
        if (query.edns.hasExpire && query.type === TYPE.SOA && query.name.labels === zone.labels) {
          const expiry = this.authority.expiryOf(zone);
          if (expiry === undefined) return 0;
          edns.expire(query.edns, expiry);
        }
      }
    } else if (demand === DEMAND.REFUSE) rcode = RCODE.BADCOOKIE;
    edns.fit(limit - reply.least(query));
    reply.begin(query, limit - edns.size());
    if (demand === DEMAND.TRUNCATE && refusal === undefined) reply.truncate();
    if (zone !== undefined) {
      if (this.#settings.isRotating === true) reply.rotation = this.#turn = (this.#turn + 1) & 0xffff;
      rcode = answering.answer(zone, query, reply, transport === 'udp');
    }
    if (this.limiter !== undefined && transport === 'udp' && verdict < COOKIE.AGED) {
      const kind = zone === undefined ? RESPONSE_KIND.ERROR : answering.kind;
      const rate = this.limiter.judge(this.#client, kind, zone === undefined ? 0 : answering.source, this.#time);
      if (rate === RATE.DROP) return WITHHELD;
      if (rate === RATE.SLIP) reply.truncate();
    }
    // Signatures go behind the padding and are part of what is seen.
    if (query.edns.hasPadding && isEncrypted(transport)) edns.pad(reply.length + reserved, MAX_MESSAGE_OCTETS);
    return reply.finish(rcode, edns);
  }

  /** Begins the OPT record; gives what the cookie of the request is worth. */
  #prepare(transport: Transport, now: number): number {
    const request = this.#query.edns;
    const edns = this.#edns;
    const { idleTime } = this.#settings;
    edns.begin(request);
    if (transport !== 'udp' && idleTime !== undefined)
      edns.keepalive(request, Math.floor(idleTime / KEEPALIVE_UNIT_MS));
    const cookies = this.#cookies;
    if (cookies === undefined) return COOKIE.NONE;
    const verdict = cookies.judge(request, this.#client, now);
    if (verdict !== COOKIE.NONE) edns.cookie(request, cookies, verdict, this.#client, now);
    return verdict;
  }

  /**
   * The apex of ours that the question is for: the nearest one, but for DS at an apex that above it (RFC 4035 3.1.4.1), if there is a
   * zone of ours, be it one without data.
   */
  #place(): Apex | undefined {
    const { zones } = this.authority;
    const { name, type } = this.#query;
    const nearest = zones.nearest(name, 0);
    if (type !== TYPE.DS || nearest === undefined || nearest.labels < name.labels || name.labels === 0) return nearest;
    return zones.nearest(name, 1) ?? nearest;
  }
}
