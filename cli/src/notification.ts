/**
 * A NOTIFY to a server, and what it says to it (RFC 1996). Over TCP, because a primary of this kind answers only after it has pulled.
 * The SOA in the answer section is a hint that servers may use (3.7); all of it but the serial is made up, as the original's is.
 */
import { notifyMessage } from '@zonewright/common/authority/notify';
import type { Name } from '@zonewright/common/name';
import type { Peer } from '@zonewright/common/net/address';
import { type Fault, fail, type Result } from '@zonewright/common/result';
import type { RRset } from '@zonewright/common/rr/record';
import { writeSoa } from '@zonewright/common/rr/soa';
import { TYPE } from '@zonewright/common/rr/type';
import type { TsigKey } from '@zonewright/common/wire/tsig';
import { type Ask, ask, EDNS, type Reply, refusal } from './server.ts';

export interface Notification extends Pick<Ask, 'timeout' | 'onServer'> {
  readonly zone: Name;
  /** To announce. */
  readonly serial?: number;
  readonly key?: TsigKey;
}

/** Tells the first of the addresses that answers. The fault says what the server did not like, in its own words. */
export async function notify(
  servers: readonly Peer[],
  { zone, serial, ...rest }: Notification,
): Promise<Result<Reply, Fault>> {
  const message = notifyMessage(zone, serial === undefined ? undefined : soaOf(zone, serial));
  const reply = await ask(servers, { ...rest, message: { ...message, edns: EDNS }, transport: 'tcp' });
  const refused = reply.ok ? refusal(reply.value, 'notify') : undefined;
  return refused === undefined ? reply : fail(refused);
}

function soaOf(zone: Name, serial: number): RRset {
  const rdata = writeSoa({ mname: zone, rname: zone, serial, refresh: 0, retry: 0, expire: 0, minimum: 0 });
  return { name: zone, type: TYPE.SOA, ttl: 0, rdatas: [rdata] };
}
