/** A program: takes a transfer of a whole zone, each of its names twice, far apart, and prints in JSON how many records it has. */
import { InboundTransfer } from '@zonewright/common/authority/inbound';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import { nameOf, recordOf } from './records.ts';

const NAMES = 100_000;
/** Records of one message. */
const MESSAGE = 500;

const origin = nameOf('example.');
const soa = recordOf('@ 60 SOA ns hostmaster 1 3600 600 86400 300', origin);
const address = recordOf('@ 60 A 192.0.2.1', origin);
const recordAt = (i: number): ResourceRecord => ({
  ...address,
  name: nameOf(`h${i % NAMES}.example.`),
  rdata: Uint8Array.of(10, i >> 16, i >> 8, i),
});

const inbound = new InboundTransfer(origin);
inbound.take([soa]);
for (let at = 0; at < 2 * NAMES; at += MESSAGE)
  inbound.take(Array.from({ length: MESSAGE }, (_, i) => recordAt(at + i)));
const result = inbound.take([soa]);
if (result?.kind !== 'whole') throw new Error(JSON.stringify(result));
const { zone } = result;
const last = zone.get(nameOf(`h${NAMES - 1}.example.`), TYPE.A)?.rdatas;
process.stdout.write(JSON.stringify({ records: zone.size, last: last?.map((rdata) => [...rdata]) }));
