/**
 * A transfer from the primary of a zone: IXFR where we have something to start from (RFC 1995), AXFR (RFC 5936) where not, or where the
 * IXFR was no good. What comes back is complete, verified, checked and newer, or a fault.
 *
 * Always holds: a transfer ends, whatever the primary sends. One that comes slower than over any line, or goes on for too long, is
 * given up.
 */
import { applyInbound, type Inbound, InboundTransfer } from '../authority/inbound.ts';
import type { Name } from '../name.ts';
import type { KeptStreams } from '../net/kept-streams.ts';
import { openStream, type Stream } from '../net/stream.ts';
import { type Fault, fail, ok, type Result } from '../result.ts';
import { recordsOf } from '../rr/record.ts';
import { TYPE } from '../rr/type.ts';
import { RCODE } from '../wire/code.ts';
import type { Envelope, Message } from '../wire/message.ts';
import { fileOctetsLike } from '../zone/builder.ts';
import { isNewer } from '../zone/serial.ts';
import type { Zone } from '../zone/zone.ts';
import { expireOf, idleTimeOf, inquiry, keepingOpen, knowsNoEdns, refusal, withoutEdns } from './inquiry.ts';
import type { News, Route } from './upstream.ts';

/** Milliseconds a transfer may pause between two messages, and may take in all. */
const TRANSFER_TIMEOUT = 30_000;
const TRANSFER_LIMIT = 7_200_000;
/** Milliseconds within which a reply begins on a connection that was kept: one that is no longer there may be silent. */
const KEPT_REPLY_TIME = 3000;
/** Octets that come in each period of so many milliseconds: what comes in drops holds a place for nothing. */
const LEAST_OCTETS = 16_384;
const RATE_PERIOD = 60_000;

/** Milliseconds as above; tests have less time. */
export interface Pace {
  readonly timeout: number;
  readonly limit: number;
  readonly period: number;
  readonly keptReply: number;
}

const USUAL_PACE: Pace = {
  timeout: TRANSFER_TIMEOUT,
  limit: TRANSFER_LIMIT,
  period: RATE_PERIOD,
  keptReply: KEPT_REPLY_TIME,
};

/** What is asked for: all that is newer than `held`, as differences from `current` where that is given. */
interface Order {
  readonly origin: Name;
  readonly current: Zone | undefined;
  readonly held: Zone | undefined;
}

/** How it comes. */
interface Line {
  readonly route: Route;
  readonly pace: Pace;
  readonly streams: KeptStreams | undefined;
}

export interface TransferOptions {
  readonly pace?: Pace;
  /** Where connections are kept for the next transfer; each is closed at its end unless given. */
  readonly streams?: KeptStreams;
  /** An IXFR was no good, and an AXFR follows. */
  onVain?(fault: Fault): void;
}

/** Transfers what is newer than `current`. */
export async function transferNewer(
  route: Route,
  origin: Name,
  current: Zone | undefined,
  { pace = USUAL_PACE, streams, onVain }: TransferOptions = {},
): Promise<Result<News, Fault>> {
  const line = { route, pace, streams };
  const first = await transfer(line, { origin, current, held: current });
  if (current === undefined || first.ok || UNANSWERED.has(first.fault.kind)) return first;
  onVain?.(first.fault);
  return transfer(line, { origin, current: undefined, held: current });
}

/** Faults after which another request would have no other outcome. */
const UNANSWERED: ReadonlySet<string> = new Set(['unreachable', 'aborted']);

async function transfer(line: Line, order: Order): Promise<Result<News, Fault>> {
  const { origin, current } = order;
  const plain = inquiry(origin, current === undefined ? TYPE.AXFR : TYPE.IXFR);
  const request = {
    ...(line.streams === undefined ? plain : keepingOpen(plain)),
    authorities: current === undefined ? [] : recordsOf(current.soaSet),
  };
  const received = await converse(line, order, request);
  const isTooOld = received.ok && received.value === 'no EDNS';
  const outcome = isTooOld ? await converse(line, order, withoutEdns(request)) : received;
  if (!outcome.ok) return outcome;
  return outcome.value === 'no EDNS'
    ? fail({ kind: 'refused', what: 'the primary refuses any form' })
    : finish(order, outcome.value);
}

/** What came, and what the first message said about the expiry of the primary's copy. */
interface Received {
  readonly inbound: Inbound;
  readonly expire: number | undefined;
  /** Milliseconds for which the primary keeps the connection, where it says so. */
  readonly idleTime: number | undefined;
}

function finish({ current, held }: Order, { inbound, expire }: Received): Result<News, Fault> {
  if (inbound.kind === 'current')
    return current === undefined
      ? fail({ kind: 'inbound', what: 'a transfer of one SOA' })
      : ok({ applied: undefined, expire });
  const applied = applyInbound(current, inbound);
  if ('kind' in applied) return fail(applied);
  const { serial } = applied.zone;
  if (serial === held?.serial) return ok({ applied: undefined, expire });
  if (held === undefined || isNewer(serial, held.serial)) return ok({ applied, expire });
  return fail({ kind: 'inbound', what: `serial ${serial} was transferred, which is not newer than ${held.serial}` });
}

/**
 * Asks on a connection that is there, or that is made for it. One that is there may have been closed meanwhile, or have been lost
 * without a word on the way, which is no fault of the primary (RFC 7766 6.2.4). `no EDNS`: the primary is older than that.
 */
async function converse(line: Line, order: Order, request: Message): Promise<Result<Received | 'no EDNS', Fault>> {
  const { route, pace, streams } = line;
  const kept = streams?.take(route);
  const received = kept && (await converseOnKept(kept, line, order, request));
  if (received !== undefined && (received.ok || received.fault.kind !== 'closed')) return received;
  const { signal: _, ...way } = route;
  const opened = await openStream({ ...way, timeout: pace.timeout });
  return opened.ok ? converseOn(opened.value, line, order, request) : opened;
}

/** The same where the stream has to show first that it is still there: `closed` where nothing comes. */
async function converseOnKept(
  stream: Stream,
  line: Line,
  order: Order,
  request: Message,
): Promise<Result<Received | 'no EDNS', Fault>> {
  const before = stream.received;
  const watch = setTimeout(() => {
    if (stream.received === before) stream.close();
  }, line.pace.keptReply);
  const received = await converseOn(stream, line, order, request);
  clearTimeout(watch);
  return received;
}

/** The stream is kept where all went well, and closed where not. */
async function converseOn(
  stream: Stream,
  { route, pace, streams }: Line,
  { origin, current, held }: Order,
  request: Message,
): Promise<Result<Received | 'no EDNS', Fault>> {
  let tooSlow: Fault | undefined;
  const watch = watchPace(stream, pace, (fault) => {
    tooSlow = fault;
    stream.close();
  });
  const messages = stream.transfer(request, route.key);
  const inbound = new InboundTransfer(origin, current?.serial, held && fileOctetsLike(held));
  const received = await receiveAll(messages, inbound);
  clearInterval(watch);
  if (streams !== undefined && received.ok && received.value !== 'no EDNS' && received.value.idleTime !== 0)
    streams.keep(route, stream, received.value.idleTime);
  else stream.close();
  return tooSlow === undefined ? received : fail(tooSlow);
}

/** Looks once a period whether enough has come in. */
function watchPace(stream: Stream, { limit, period }: Pace, end: (fault: Fault) => void): NodeJS.Timeout {
  const begun = performance.now();
  let before = stream.received;
  return setInterval(() => {
    const came = stream.received - before;
    before = stream.received;
    if (came < LEAST_OCTETS) end({ kind: 'inbound', what: `${came} octets in ${period / 1000} s are too few` });
    else if (performance.now() - begun > limit) end({ kind: 'inbound', what: `no end within ${limit / 1000} s` });
  }, period);
}

const saidBy = ({ edns }: Message): Omit<Received, 'inbound'> => ({
  expire: expireOf(edns),
  idleTime: idleTimeOf(edns),
});

async function receiveAll(
  messages: AsyncIterable<Result<Envelope, Fault>>,
  inbound: InboundTransfer,
): Promise<Result<Received | 'no EDNS', Fault>> {
  let first: Envelope | undefined;
  for await (const message of messages) {
    if (!message.ok) return message;
    const { rcode, section } = message.value;
    if (first === undefined && knowsNoEdns(message.value)) return ok('no EDNS');
    first ??= message.value;
    // Whether it has the zone a primary says by its SOA: a transfer may be refused for other reasons, and in the middle.
    if (rcode !== RCODE.NOERROR) return fail({ ...refusal(message.value), kind: 'refused' });
    const progress = inbound.takeSection(section);
    if (progress === undefined) continue;
    return progress.kind === 'inbound' ? fail(progress) : ok({ inbound: progress, ...saidBy(first) });
  }
  return fail({ kind: 'closed', what: 'the transfer ended before its final SOA' });
}
