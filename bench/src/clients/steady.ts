/**
 * A program: `steady ADDRESS PORT RATE HOSTS SEED` asks for addresses of `hostI.example.` at a steady rate (queries a second), whatever becomes of the
 * answers, and notes how long each takes. It says `steady` when answers come, and stops asking at TERM.
 */
import { createSocket } from 'node:dgram';
import { TYPE } from '@zonewright/common/rr/type';
import { queryOf } from '../answered.ts';
import { randomFrom } from '../random.ts';
import { ORIGIN } from '../worlds.ts';

/** Milliseconds for which answers are waited for at the end. */
const PATIENCE = 2000;
/** Answers after which it has begun. */
const BEGUN = 100;
const MAX_ID = 65_536;

const [address = '', port = '', rate = '', hosts = '', seed = ''] = process.argv.slice(2);
const random = randomFrom(Number(seed));
const queries = Array.from({ length: 1000 }, () => queryOf(`host${random.below(Number(hosts))}.${ORIGIN}`, TYPE.A));

/** When the query of an ID was sent, as `performance.now()` has it; 0 where it has been answered. */
const sentAt = new Float64Array(MAX_ID);
const latencies: number[] = [];
let started = performance.now();
let sent = 0;
let hasBegun = false;
let next = 0;

/** What was slow because everything was new does not count. */
const begin = (): void => {
  hasBegun = true;
  latencies.length = 0;
  sent = 0;
  started = performance.now();
  process.stdout.write('steady\n');
};

const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 22 });
socket.on('error', () => undefined);
socket.on('message', (reply: Uint8Array) => {
  const id = (reply[0]! << 8) | reply[1]!;
  const at = sentAt[id]!;
  sentAt[id] = 0;
  // One that is answered twice, or was sent before it all began.
  if (at < started) return;
  latencies.push(performance.now() - at);
  if (!hasBegun && latencies.length >= BEGUN) begin();
});

const timer = setInterval(() => {
  const due = Math.floor(((performance.now() - started) / 1000) * Number(rate));
  for (; sent < due; sent++) {
    next = (next + 1) % MAX_ID;
    const query = Uint8Array.from(queries[next % queries.length]!);
    query[0] = next >> 8;
    query[1] = next & 255;
    sentAt[next] = performance.now();
    socket.send(query, Number(port), address);
  }
}, 1);

process.once('SIGTERM', () => {
  clearInterval(timer);
  const end = performance.now() + PATIENCE;
  const look = setInterval(() => {
    if (latencies.length < sent && performance.now() < end) return;
    clearInterval(look);
    socket.close();
    process.stdout.write(`${JSON.stringify({ sent, latencies })}\n`);
  }, 10);
});
