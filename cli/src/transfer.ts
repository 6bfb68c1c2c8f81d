/**
 * A zone transfer for the eye (RFC 5936, RFC 1995): all records in the order they came, once the transfer has come to its end.
 *
 * Always holds: an incomplete transfer is a fault; with a key, only verified messages count.
 */
import { InboundTransfer } from '@zonewright/common/authority/inbound';
import type { Name } from '@zonewright/common/name';
import { type Peer, printPeer } from '@zonewright/common/net/address';
import { openStream, type Stream } from '@zonewright/common/net/stream';
import type { TlsClient } from '@zonewright/common/net/tls-client';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { CLASS } from '@zonewright/common/rr/class';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { writeSoa } from '@zonewright/common/rr/soa';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE } from '@zonewright/common/wire/code';
import { emptyMessage, type Message } from '@zonewright/common/wire/message';
import type { TsigKey } from '@zonewright/common/wire/tsig';
import { EDNS, exchangeFault, refusal } from './server.ts';

export interface Transfer {
  readonly server: Peer;
  readonly records: readonly ResourceRecord[];
  readonly messages: number;
}

/** ms for connecting and for each message. */
const TIMEOUT = 10_000;

/** Only the serial of the SOA counts (RFC 1995 3). */
function requestFor(zone: Name, serial: number | undefined): Message {
  const type = serial === undefined ? TYPE.AXFR : TYPE.IXFR;
  const request = { ...emptyMessage(0, OPCODE.QUERY), questions: [{ name: zone, type, class: CLASS.IN }], edns: EDNS };
  if (serial === undefined) return request;
  const rdata = writeSoa({ mname: zone, rname: zone, serial, refresh: 0, retry: 0, expire: 0, minimum: 0 });
  return { ...request, authorities: [{ name: zone, type: TYPE.SOA, class: CLASS.IN, ttl: 0, rdata }] };
}

/** Transfers from the first of the addresses that can be connected to. With `serial` an IXFR from there, else an AXFR. */
export async function transfer(
  servers: readonly Peer[],
  zone: Name,
  serial: number | undefined,
  key: TsigKey | undefined,
  tls?: TlsClient,
): Promise<Result<Transfer, Fault>> {
  let last: Fault = { kind: 'unreachable', what: 'the server has no address' };
  for (const server of servers) {
    const opened = await openStream({ server, timeout: TIMEOUT, ...(tls === undefined ? {} : { tls }) });
    if (!opened.ok) {
      last = exchangeFault(opened.fault, server);
      continue;
    }
    try {
      return await receive(opened.value, zone, serial, key);
    } finally {
      opened.value.close();
    }
  }
  return fail(last);
}

async function receive(
  stream: Stream,
  zone: Name,
  serial: number | undefined,
  key: TsigKey | undefined,
): Promise<Result<Transfer, Fault>> {
  const server = stream.peer;
  const inbound = new InboundTransfer(zone, serial);
  const records: ResourceRecord[] = [];
  let messages = 0;
  for await (const reply of stream.conversation(requestFor(zone, serial), key)) {
    if (!reply.ok) return fail(exchangeFault(reply.fault, server));
    const refused = refusal({ server, message: reply.value }, 'transfer');
    if (refused !== undefined) return fail(refused);
    messages++;
    for (const record of reply.value.answers) records.push(record);
    const end = inbound.take(reply.value.answers);
    if (end?.kind === 'inbound') return fail({ ...end, what: `${printPeer(server)}: ${end.what}` });
    if (end !== undefined) return ok({ server, records, messages });
  }
  return fail({ kind: 'unreachable', what: `${printPeer(server)} ended the transfer early` });
}
