/**
 * A program: `updates ADDRESS PORT RATE COUNT HOSTS FIRST` replaces addresses of `hostI.example.` by signed UPDATEs (RFC 2136, RFC 8945) over UDP, each with one
 * more address than the one before, from number FIRST on: COUNT of them at a steady rate (a second), or with RATE 0 as fast as they are answered,
 * a window of them under way. It uses several sockets and repeats nothing.
 */
import { createSocket } from 'node:dgram';
import { parseTsigKey } from '@zonewright/common/authority/key';
import { Request } from '@zonewright/common/net/request';
import { CLASS } from '@zonewright/common/rr/class';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE, printRcode, RCODE } from '@zonewright/common/wire/code';
import { emptyMessage } from '@zonewright/common/wire/message';
import { given, nameOf } from '@zonewright/test/support/records';
import { updateRecordOf } from '@zonewright/test/support/update-text';
import { KEY } from '../servers.ts';
import { ORIGIN, updatedAddress } from '../worlds.ts';

const SOCKETS = 8;
/** Updates under way, where there is no rate: what a busy site has. */
const WINDOW = 32;
/** Milliseconds after which an answer is not waited for any more. */
const PATIENCE = 10_000;

const [address = '', port = '', rate = '', amount = '', hosts = '', first = ''] = process.argv.slice(2);
const count = Number(amount);
const key = given(parseTsigKey(KEY));
const origin = nameOf(ORIGIN);
const questions = [{ name: origin, type: TYPE.SOA, class: CLASS.IN }];

/** The n-th update, signed; its ID is the n modulo 65536. */
const updateAt = (n: number): Uint8Array => {
  const host = `host${n % Number(hosts)}`;
  const authorities = [`delete ${host} A`, `add ${host} 300 A ${updatedAddress(n)}`].map((line) =>
    updateRecordOf(line, origin),
  );
  return given(Request.prepare({ ...emptyMessage(0, OPCODE.UPDATE), questions, authorities }, key, n & 0xffff)).octets;
};

const sentAt = new Map<number, number>();
const latencies: number[] = [];
const refused: Record<string, number> = {};
let sent = 0;
let last = 0;

const sockets = Array.from({ length: SOCKETS }, () => createSocket({ type: 'udp4', recvBufferSize: 1 << 20 }));
for (const socket of sockets) {
  socket.on('error', () => undefined);
  socket.on('message', (reply: Uint8Array) => {
    const id = (reply[0]! << 8) | reply[1]!;
    const at = sentAt.get(id);
    if (at === undefined) return;
    sentAt.delete(id);
    last = performance.now();
    const rcode = reply[3]! & 15;
    if (rcode === RCODE.NOERROR) latencies.push(last - at);
    else refused[printRcode(rcode)] = (refused[printRcode(rcode)] ?? 0) + 1;
    if (Number(rate) === 0) send();
  });
}

function send(): void {
  if (sent === count) return;
  const n = Number(first) + sent;
  const octets = updateAt(n);
  sentAt.set(n & 0xffff, performance.now());
  sockets[sent++ % SOCKETS]!.send(octets, Number(port), address);
}

const started = performance.now();
if (Number(rate) === 0) for (let i = 0; i < WINDOW; i++) send();
const timer = setInterval(() => {
  const now = performance.now();
  const due = Number(rate) === 0 ? 0 : Math.min(count, Math.ceil(((now - started) / 1000) * Number(rate)));
  while (sent < due) send();
  for (const [id, at] of sentAt) if (now - at > PATIENCE) sentAt.delete(id);
  // Of those that are lost, others take the place.
  if (Number(rate) === 0) for (let i = sentAt.size; i < WINDOW; i++) send();
  if (sent < count || sentAt.size > 0) return;
  clearInterval(timer);
  for (const socket of sockets) socket.close();
  const seconds = ((last === 0 ? now : last) - started) / 1000;
  process.stdout.write(
    `${JSON.stringify({ sent, latencies, seconds, refused, lastAt: performance.timeOrigin + last })}\n`,
  );
}, 1);
