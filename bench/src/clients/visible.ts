/**
 * A program: `visible ADDRESS PORT COUNT HOSTS FIRST ADDRESS:PORT...` replaces addresses of `hostI.example.` by signed UPDATEs (RFC 2136, RFC 8945) to the
 * first server, one after the other, each with one more address than the one before, from number FIRST on, and asks all others again and
 * again until each answers with it: how long that took since the UPDATE was sent. Beside those it prints how long the answer to the UPDATE took.
 *
 * What it asks takes processor time from those that it measures, so it asks no more than it takes to tell a latency to a tenth, or to 10 ms where
 * that is less: the pause between two questions to one server is a tenth of the time since the UPDATE was sent, but 1 to 10 ms, and with many
 * servers 0.1 ms for each of them at least. The first question comes after half of the shortest latency of the update before: what were
 * twice as quick now would be seen then, and looked for twice as early next time. All makes are asked by the same rule.
 */
import { createSocket, type Socket } from 'node:dgram';
import { setTimeout as pause } from 'node:timers/promises';
import { parseTsigKey } from '@zonewright/common/authority/key';
import { exchange } from '@zonewright/common/net/exchange';
import { CLASS } from '@zonewright/common/rr/class';
import { parseIpv4 } from '@zonewright/common/rr/encoding';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE, printRcode, RCODE } from '@zonewright/common/wire/code';
import { emptyMessage } from '@zonewright/common/wire/message';
import { given, nameOf } from '@zonewright/test/support/records';
import { updateRecordOf } from '@zonewright/test/support/update-text';
import { queryOf } from '../answered.ts';
import { KEY } from '../servers.ts';
import { ORIGIN, updatedAddress } from '../worlds.ts';

/** Milliseconds between two questions to one server: the bounds, for each server that there is, and the part of what has passed. */
const SHORTEST = 1;
const LONGEST = 10;
const EACH = 0.1;
const PART = 0.1;
/** The part of the shortest latency of the update before, before which nothing is asked. */
const LEAD = 0.5;
/** Milliseconds after which an update is not waited for any more, and the longest pause before the next. */
const PATIENCE = 60_000;
const REST = 20;

const [address = '', port = '', amount = '', hosts = '', first = '', ...others] = process.argv.slice(2);
const key = given(parseTsigKey(KEY));
const origin = nameOf(ORIGIN);
const questions = [{ name: origin, type: TYPE.SOA, class: CLASS.IN }];
const shortest = Math.min(LONGEST, Math.max(SHORTEST, others.length * EACH));

const update = async (n: number): Promise<void> => {
  const host = `host${n % Number(hosts)}`;
  const authorities = [`delete ${host} A`, `add ${host} 300 A ${updatedAddress(n)}`].map((line) =>
    updateRecordOf(line, origin),
  );
  const message = { ...emptyMessage(0, OPCODE.UPDATE), questions, authorities };
  const reply = given(await exchange({ server: { address, port: Number(port) }, message, key, timeout: PATIENCE }));
  if (reply.rcode !== RCODE.NOERROR) throw new Error(`UPDATE: ${printRcode(reply.rcode)}`);
};

/** Resolves when one answers with the n-th address, which was sent at `started`; asks first `lead` milliseconds later. */
const shown = (
  socket: Socket,
  [to, at]: readonly [string, number],
  n: number,
  started: number,
  lead: number,
): Promise<number> =>
  new Promise((resolve, reject) => {
    const wanted = Buffer.from(parseIpv4(updatedAddress(n))!);
    const query = queryOf(`host${n % Number(hosts)}.${ORIGIN}`, TYPE.A, n & 0xffff);
    const ask = (): void => {
      const passed = performance.now() - started;
      if (passed > PATIENCE) reject(new Error(`${to} does not show update ${n}`));
      else {
        socket.send(query, at, to);
        timer = setTimeout(ask, Math.min(LONGEST, Math.max(shortest, passed * PART)));
      }
    };
    let timer = setTimeout(ask, lead);
    socket.on('message', (reply: Buffer) => {
      if (reply.readUInt16BE(0) !== (n & 0xffff) || !reply.includes(wanted)) return;
      clearTimeout(timer);
      socket.removeAllListeners('message');
      resolve(performance.now());
    });
  });

const places = others.map((text) => {
  const [to = '', at = ''] = text.split(':');
  return [to, Number(at)] as const;
});
const sockets = places.map(() => createSocket('udp4').on('error', () => undefined));

const answers: number[] = [];
const latencies: number[] = [];
const lasts: number[] = [];
let lead = 0;
for (let n = Number(first); n < Number(first) + Number(amount); n++) {
  const started = performance.now();
  const answered = update(n).then(() => void answers.push(performance.now() - started));
  const times = await Promise.all(places.map((place, i) => shown(sockets[i]!, place, n, started, lead)));
  await answered;
  latencies.push(...times.map((time) => time - started));
  lasts.push(Math.max(...times) - started);
  lead = (Math.min(...times) - started) * LEAD;
  await pause(Math.random() * REST);
}
for (const socket of sockets) socket.close();
process.stdout.write(`${JSON.stringify({ answers, latencies, lasts })}\n`);
