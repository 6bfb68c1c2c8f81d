/**
 * A program: `transfer ADDRESS PORT ZONE RECORDS` takes a zone by AXFR (RFC 5936), counts records and throws them away.
 *
 * It ends when so many records have come, the second SOA included; no record is looked at. Anything but NOERROR, and an end of the
 * connection before that, is a failure.
 */
import { connect } from 'node:net';
import { Framer, frame } from '@zonewright/common/net/framing';
import { TYPE } from '@zonewright/common/rr/type';
import { queryOf } from '../answered.ts';

const [address = '', port = '', zone = '', records = ''] = process.argv.slice(2);

const started = performance.now();
const stream = connect(Number(port), address, () => stream.write(frame(queryOf(zone, TYPE.AXFR))));
const framer = new Framer();
let left = Number(records);
let octets = 0;
let messages = 0;

const take = (message: Uint8Array): void => {
  messages++;
  octets += message.length;
  if ((message[3]! & 15) !== 0) throw new Error(`RCODE ${message[3]! & 15}`);
  left -= (message[6]! << 8) | message[7]!;
  if (left > 0) return;
  const seconds = (performance.now() - started) / 1000;
  process.stdout.write(`${JSON.stringify({ seconds, octets, messages })}\n`);
  stream.destroy();
};

stream.on('data', (chunk: Uint8Array) => {
  framer.push(chunk);
  for (let message = framer.next(); message !== undefined; message = framer.next()) take(message);
});
stream.on('end', () => {
  throw new Error(`the server has ended the transfer, ${left} records before its end`);
});
