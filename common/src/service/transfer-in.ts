/**
 * A transfer from the primary of a zone: IXFR where we have something to start from (RFC 1995), AXFR (RFC 5936) where not, or where the
 * IXFR was no good. What comes back is complete, verified, checked and newer, or a fault.
 */
import { type Applied, applyInbound, type Inbound, InboundTransfer } from '../authority/inbound.ts';
import type { Name } from '../name.ts';
import { openStream } from '../net/stream.ts';
import { type Fault, fail, ok, type Result } from '../result.ts';
import { recordsOf } from '../rr/record.ts';
import { TYPE } from '../rr/type.ts';
import { RCODE } from '../wire/code.ts';
import type { Message } from '../wire/message.ts';
import { fileOctetsLike } from '../zone/builder.ts';
import { isNewer } from '../zone/serial.ts';
import type { Zone } from '../zone/zone.ts';
import { question, type Route, refusal } from './upstream.ts';

/** Milliseconds a transfer may pause between two messages. */
const TRANSFER_TIMEOUT = 30_000;

/** Transfers what is newer than `current`; `undefined` when nothing is. */
export async function transferNewer(
  route: Route,
  origin: Name,
  current: Zone | undefined,
): Promise<Result<Applied | undefined, Fault>> {
  if (current === undefined) return transfer(route, origin, undefined);
  const incremental = await transfer(route, origin, current);
  return incremental.ok ? incremental : transfer(route, origin, undefined, current);
}

/** IXFR from `current`, AXFR without; `held` is what the result has to be newer than. */
async function transfer(
  route: Route,
  origin: Name,
  current: Zone | undefined,
  held: Zone | undefined = current,
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
    new InboundTransfer(origin, current?.serial, held && fileOctetsLike(held)),
  );
  stream.close();
  if (!inbound.ok) return inbound;
  if (inbound.value.kind === 'current')
    return current === undefined ? fail({ kind: 'inbound', what: 'a transfer of one SOA' }) : ok(undefined);
  const applied = applyInbound(current, inbound.value);
  if ('kind' in applied) return fail(applied);
  const { zone } = applied;
  if (held !== undefined && !isNewer(zone.serial, held.serial)) {
    const what = `serial ${zone.serial} was transferred, which is not newer than ${held.serial}`;
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
