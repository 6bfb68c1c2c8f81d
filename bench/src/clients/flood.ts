/**
 * A program: `flood ADDRESS PORT KIND RATE COUNT HOSTS SEED` sends so many datagrams of one kind at a steady rate (a second), and reads no answers.
 */
import { createSocket } from 'node:dgram';
import { TYPE } from '@zonewright/common/rr/type';
import { queryOf } from '../answered.ts';
import { type Random, randomFrom } from '../random.ts';
import { ORIGIN } from '../worlds.ts';

const [address = '', port = '', kind = '', rate = '', count = '', hosts = '', seed = ''] = process.argv.slice(2);
const random = randomFrom(Number(seed));

/** The opcodes that nobody has a use for here (RFC 6895 2.2). */
const UNKNOWN = [3, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

const query = (): Uint8Array => queryOf(`host${random.below(Number(hosts))}.${ORIGIN}`, TYPE.A, random.below(65_536));

/** Each kind of datagram. */
const KINDS: Readonly<Record<string, (random: Random) => Uint8Array>> = {
  query,
  random: () => Uint8Array.from({ length: 1 + random.below(512) }, () => random.below(256)),
  truncated: () => {
    const whole = query();
    return whole.subarray(0, random.below(whole.length));
  },
  opcode: () => {
    const whole = query();
    whole[2] = UNKNOWN[random.below(UNKNOWN.length)]! << 3;
    return whole;
  },
};

const make = KINDS[kind];
if (make === undefined) throw new Error(`no kind of datagram: ${kind}`);
const datagrams = Array.from({ length: 1000 }, () => make(random));

const socket = createSocket('udp4');
socket.on('error', () => undefined);
socket.connect(Number(port), address, () => {
  const started = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    const elapsed = (performance.now() - started) / 1000;
    const due = Math.min(Math.floor(elapsed * Number(rate)), Number(count));
    for (; sent < due; sent++) socket.send(datagrams[sent % datagrams.length]!);
    if (sent < Number(count)) return;
    clearInterval(timer);
    socket.close();
    process.stdout.write(`${JSON.stringify({ sent })}\n`);
  }, 1);
});
