/**
 * A program: `visible ADDRESS PORT COUNT HOSTS FIRST ADDRESS:PORT...` replaces addresses of `hostI.example.` by signed UPDATEs (RFC 2136, RFC 8945) to the
 * first server, one after the other, each with one more address than the one before, from number FIRST on, and asks all others again and
 * again until each answers with it: how long that took since the UPDATE was sent. Beside those it prints how long the answer to the UPDATE took.
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

/** Milliseconds between two questions to one server: of few, and of many. */
const INTERVAL = 1;
const WIDE_INTERVAL = 5;
const MANY = 5;
/** Milliseconds after which an update is not waited for any more, and the longest pause before the next. */
const PATIENCE = 60_000;
const REST = 20;

const [address = '', port = '', amount = '', hosts = '', first = '', ...others] = process.argv.slice(2);
const key = given(parseTsigKey(KEY));
const origin = nameOf(ORIGIN);
const questions = [{ name: origin, type: TYPE.SOA, class: CLASS.IN }];
const interval = others.length > MANY ? WIDE_INTERVAL : INTERVAL;

const update = async (n: number): Promise<void> => {
  const host = `host${n % Number(hosts)}`;
  const authorities = [`delete ${host} A`, `add ${host} 300 A ${updatedAddress(n)}`].map((line) =>
    updateRecordOf(line, origin),
  );
  const message = { ...emptyMessage(0, OPCODE.UPDATE), questions, authorities };
  const reply = given(await exchange({ server: { address, port: Number(port) }, message, key, timeout: PATIENCE }));
  if (reply.rcode !== RCODE.NOERROR) throw new Error(`UPDATE: ${printRcode(reply.rcode)}`);
};

/** Resolves when one answers with the n-th address. */
const shown = (socket: Socket, [to, at]: readonly [string, number], n: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const wanted = Buffer.from(parseIpv4(updatedAddress(n))!);
    const query = queryOf(`host${n % Number(hosts)}.${ORIGIN}`, TYPE.A, n & 0xffff);
    const end = performance.now() + PATIENCE;
    const ask = (): void => {
      if (performance.now() > end) reject(new Error(`${to} does not show update ${n}`));
      else socket.send(query, at, to);
    };
    const timer = setInterval(ask, interval);
    socket.on('message', (reply: Buffer) => {
      if (reply.readUInt16BE(0) !== (n & 0xffff) || !reply.includes(wanted)) return;
      clearInterval(timer);
      socket.removeAllListeners('message');
      resolve(performance.now());
    });
    ask();
  });

const places = others.map((text) => {
  const [to = '', at = ''] = text.split(':');
  return [to, Number(at)] as const;
});
const sockets = places.map(() => createSocket('udp4').on('error', () => undefined));

const answers: number[] = [];
const latencies: number[] = [];
const lasts: number[] = [];
for (let n = Number(first); n < Number(first) + Number(amount); n++) {
  const started = performance.now();
  const answered = update(n).then(() => void answers.push(performance.now() - started));
  const times = await Promise.all(places.map((place, i) => shown(sockets[i]!, place, n)));
  await answered;
  latencies.push(...times.map((time) => time - started));
  lasts.push(Math.max(...times) - started);
  await pause(Math.random() * REST);
}
for (const socket of sockets) socket.close();
process.stdout.write(`${JSON.stringify({ answers, latencies, lasts })}\n`);
