/**
 * A program: `flood ADDRESS PORT KINDS RATE COUNT HOSTS SEED` sends so many datagrams of each kind (`random,opcode`) at a steady rate (a second), and reads no
 * answers. It says `ready`; with each USR2 it sends those of the next kind, and says `sent KIND`.
 */
import { createSocket } from 'node:dgram';
import { TYPE } from '@zonewright/common/rr/type';
import { queryOf } from '../answered.ts';
import { type Random, randomFrom } from '../random.ts';
import { ORIGIN } from '../worlds.ts';

const [address = '', port = '', kinds = '', rate = '', count = '', hosts = '', seed = ''] = process.argv.slice(2);

/** The opcodes that nobody has a use for here (RFC 6895 2.2). */
const UNKNOWN = [3, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

const query = (random: Random): Uint8Array =>
  queryOf(`host${random.below(Number(hosts))}.${ORIGIN}`, TYPE.A, random.below(65_536));

/** Each kind of datagram. */
const KINDS: Readonly<Record<string, (random: Random) => Uint8Array>> = {
  query,
  random: (random) => Uint8Array.from({ length: 1 + random.below(512) }, () => random.below(256)),
  truncated: (random) => {
    const whole = query(random);
    return whole.subarray(0, random.below(whole.length));
  },
  opcode: (random) => {
    const whole = query(random);
    whole[2] = UNKNOWN[random.below(UNKNOWN.length)]! << 3;
    return whole;
  },
};

const datagramsOf = (kind: string): readonly Uint8Array[] => {
  const make = KINDS[kind];
  if (make === undefined) throw new Error(`no kind of datagram: ${kind}`);
  const random = randomFrom(Number(seed));
  return Array.from({ length: 1000 }, () => make(random));
};

/** Sends all of one kind, as fast as they are due. */
const flood = (kind: string, done: () => void): void => {
  const datagrams = datagramsOf(kind);
  const started = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    const elapsed = (performance.now() - started) / 1000;
    const due = Math.min(Math.floor(elapsed * Number(rate)), Number(count));
    for (; sent < due; sent++) socket.send(datagrams[sent % datagrams.length]!);
    if (sent < Number(count)) return;
    clearInterval(timer);
    done();
  }, 1);
};

const left = kinds.split(',');
const socket = createSocket('udp4');
socket.on('error', () => undefined);
process.on('SIGUSR2', () => {
  const kind = left.shift()!;
  flood(kind, () => {
    process.stdout.write(`sent ${kind}\n`);
    if (left.length > 0) return;
    socket.close();
    process.stdout.write(`${JSON.stringify({ each: Number(count) })}\n`);
  });
});
socket.connect(Number(port), address, () => process.stdout.write('ready\n'));
