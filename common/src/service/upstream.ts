/**
 * A conversation with the primary of a zone (RFC 1034 4.3.5): is there a newer version, and if so, which? First the SOA; then IXFR
 * where we have something to start from, AXFR where not, or where the IXFR was no good. What comes back is complete and verified,
 * or a fault; nothing is published here.
 */
import { type Applied, applyInbound, type Inbound, InboundTransfer } from '../authority/inbound.ts';
import type { Key } from '../authority/key.ts';
import type { Name } from '../name.ts';
import type { Peer } from '../net/address.ts';
import { exchange } from '../net/exchange.ts';
import { openStream } from '../net/stream.ts';
import { type Fault, fail, ok, type Result } from '../result.ts';
import { CLASS } from '../rr/class.ts';
import { recordsOf } from '../rr/record.ts';
import { readSoa } from '../rr/soa.ts';
import { TYPE } from '../rr/type.ts';
import { OPCODE, printRcode, RCODE } from '../wire/code.ts';
import { extendedErrorText } from '../wire/edns.ts';
import { emptyMessage, type Message } from '../wire/message.ts';
import { isNewer } from '../zone/serial.ts';
import type { Zone } from '../zone/zone.ts';

/** How the primary is reached. */
export interface Route {
  readonly server: Peer;
  readonly key: Key;
  /** Ends everything that waits. */
  readonly signal: AbortSignal;
  /** Local address to ask from, IP text. */
  readonly source?: string;
}

/** Milliseconds for the answer to an SOA query. */
export const SOA_TIMEOUT = 5000;
/** Milliseconds a transfer may pause between two messages. */
const TRANSFER_TIMEOUT = 30_000;

/** A question of class IN; its ID is set when it is sent. */
export function question(name: Name, type: number): Message {
  return { ...emptyMessage(0, OPCODE.QUERY), questions: [{ name, type, class: CLASS.IN }] };
}

/**
 * Asks for what is newer than `current`; `undefined` when nothing is. The fault `gone`: the primary says that it does not serve
 * the zone.
 */
export async function askForNewer(
  route: Route,
  origin: Name,
  current: Zone | undefined,
): Promise<Result<Applied | undefined, Fault>> {
  const reply = await exchange({
    ...route,
    message: question(origin, TYPE.SOA),
    transport: 'auto',
    timeout: SOA_TIMEOUT,
  });
  if (!reply.ok) return reply;
  const soa = reply.value.answers.find((record) => record.type === TYPE.SOA && record.name.equals(origin));
  if (soa === undefined) return fail(refusal(reply.value));
  if (current === undefined) return transfer(route, origin, undefined);
  if (!isNewer(readSoa(soa.rdata).serial, current.serial)) return ok(undefined);
  const incremental = await transfer(route, origin, current);
  return incremental.ok ? incremental : transfer(route, origin, undefined, current.serial);
}

/** IXFR from `current`, AXFR without; `held` is the serial that the result has to be newer than. */
async function transfer(
  route: Route,
  origin: Name,
  current: Zone | undefined,
  held: number | undefined = current?.serial,
): Promise<Result<Applied | undefined, Fault>> {
  const opened = await openStream({ ...route, timeout: TRANSFER_TIMEOUT });
  if (!opened.ok) return opened;
  const stream = opened.value;
  const request =
    current === undefined
      ? question(origin, TYPE.AXFR)
      : { ...question(origin, TYPE.IXFR), authorities: recordsOf(current.soaSet) };
  const inbound = await receiveAll(
    stream.conversation(request, route.key),
    new InboundTransfer(origin, current?.serial),
  );
  stream.close();
  if (!inbound.ok) return inbound;
  if (inbound.value.kind === 'current')
    return current === undefined ? fail({ kind: 'inbound', what: 'a transfer of one SOA' }) : ok(undefined);
  const applied = applyInbound(current, inbound.value);
  if ('kind' in applied) return fail(applied);
  const { zone } = applied;
  if (held !== undefined && !isNewer(zone.serial, held)) {
    const what = `serial ${zone.serial} was transferred, which is not newer than ${held}`;
    return fail({ kind: 'inbound', what });
  }
  return ok(applied);
}

async function receiveAll(
  messages: AsyncIterable<Result<Message, Fault>>,
  inbound: InboundTransfer,
): Promise<Result<Inbound, Fault>> {
  for await (const message of messages) {
    if (!message.ok) return message;
    if (message.value.rcode !== RCODE.NOERROR) return fail(refusal(message.value));
    const progress = inbound.take(message.value.answers);
    if (progress === undefined) continue;
    return progress.kind === 'inbound' ? fail(progress) : ok(progress);
  }
  return fail({ kind: 'closed', what: 'the transfer ended before its final SOA' });
}

/** Why there is no SOA in a reply. */
function refusal(reply: Message): Fault {
  const text = extendedErrorText(reply.edns);
  const what = `the primary answers ${printRcode(reply.rcode)} without an SOA${text === undefined ? '' : `: ${text}`}`;
  const isGone = [RCODE.REFUSED, RCODE.NOTAUTH, RCODE.NXDOMAIN, RCODE.NOERROR].some((rcode) => rcode === reply.rcode);
  return { kind: isGone ? 'gone' : 'refused', what };
}
