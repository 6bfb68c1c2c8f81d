/**
 * Differences that come in one datagram (RFC 1995 2): what most changes are, and what needs neither a connection nor another thread.
 *
 * Left out: all else that an IXFR may be answered with, which goes over TCP. Always holds: nothing is done here that takes long.
 */
import type { Name } from '../name.ts';
import { RCODE } from '../wire/code.ts';
import type { Message } from '../wire/message.ts';
import { isNewer } from '../zone/serial.ts';
import type { Zone } from '../zone/zone.ts';
import { type Applied, applyInbound, InboundTransfer } from './inbound.ts';

/** What the verified reply to an IXFR over UDP leads to, `applied` being none where nothing is newer; `undefined`: TCP has to tell. */
export function datagramNews(
  reply: Message,
  origin: Name,
  current: Zone,
): { readonly applied: Applied | undefined } | undefined {
  if (reply.rcode !== RCODE.NOERROR || reply.tc) return undefined;
  const inbound = new InboundTransfer(origin, current.serial).take(reply.answers);
  if (inbound?.kind === 'current') return { applied: undefined };
  if (inbound?.kind !== 'differences') return undefined;
  const { changes } = inbound;
  const added = changes.reduce((sum, change) => sum + change.added.length, 0);
  // What would have a large zone copied is for the thread of transfers.
  if (current.isWasteful || !current.hasRoomFor(added)) return undefined;
  const applied = applyInbound(current, inbound);
  return 'kind' in applied || !isNewer(applied.zone.serial, current.serial) ? undefined : { applied };
}
