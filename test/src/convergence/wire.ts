/**
 * A wire between network namespaces, with faults: one process that has a TUN interface for each address it is given and carries the IPv4
 * packets from one to the other, late, twice or not at all, as the rule for that way says. The kernel's own means for that (`tc netem`)
 * are modules that many machines do not have; a TUN interface is nearly everywhere, and below TCP and UDP alike.
 *
 * `wire.js SEED ADDRESS...` makes the interfaces `zw0`, `zw1`... in its own namespace, says `up`, and reads rules as lines of JSON from its
 * standard input: `{"0>2": {"loss": 0.1, "least": 0, "most": 30, "twice": 0.05}}`, instead of those before. A way that has no rule is a good one.
 * Always holds: what is late by chance overtakes nothing by intention; the fate of the n-th packet follows from the seed.
 */
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { linuxCalls, POLL, POLLIN } from '@zonewright/common/net/linux-calls';
import { type Chance, chanceFrom } from '../support/mutation.ts';
import type { Rule, Rules } from './weather.ts';

const [seed = '', ...addresses] = process.argv.slice(2);

/** `ioctl` and `struct ifreq` of `linux/if_tun.h`. */
const TUNSETIFF = 0x400454ca;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;
const REQUEST_OCTETS = 128;
const FLAGS_AT = 16;
/** Packets that are under way at most; what comes beyond is lost, as in any router. */
const MAX_UNDER_WAY = 10_000;
const MAX_PACKET = 65_536;
const STDIN = 0;
/** Where a packet says whom it is for. */
const DESTINATION = 16;
const VERSION_FOUR = 4;
const SCALE = 1_000_000;

interface Late {
  readonly due: number;
  readonly to: number;
  readonly packet: Uint8Array;
}

const loaded = linuxCalls();
if (!loaded.ok) throw new Error(loaded.fault);
const calls = loaded.value;
const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
const ioctl = koffi.load(null).func('ioctl', 'int', ['int', 'ulong', 'uintptr_t']) as unknown as (
  fd: number,
  request: number,
  argument: bigint,
) => number;

function openTun(name: string): number {
  const fd = openSync('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK);
  const request = Buffer.from(new ArrayBuffer(REQUEST_OCTETS));
  request.write(name, 'latin1');
  request.writeUInt16LE(IFF_TUN | IFF_NO_PI, FLAGS_AT);
  if (ioctl(fd, TUNSETIFF, calls.addressOf(request)) < 0) throw new Error(`no TUN interface: error ${calls.errno()}`);
  return fd;
}

/** Does something happen that has this probability? */
const happens = (chance: Chance, probability: number): boolean => chance(SCALE) < probability * SCALE;

const destinations = new Map(addresses.map((address, i) => [address, i]));
const tuns = addresses.map((_, i) => openTun(`zw${i}`));
const chance = chanceFrom(Number(seed));
const polled = Buffer.from(new ArrayBuffer(Math.max(REQUEST_OCTETS, (1 + tuns.length) * POLL.octets)));
for (const [i, fd] of [STDIN, ...tuns].entries()) {
  polled.writeInt32LE(fd, i * POLL.octets + POLL.fd);
  polled.writeInt16LE(POLLIN, i * POLL.octets + POLL.events);
}
const polledAt = calls.addressOf(polled);
const room = Buffer.alloc(MAX_PACKET);
/** Sorted by when they are due. */
const late: Late[] = [];
let rules: Rules = {};
let words = '';

function carry(from: number, packet: Uint8Array): void {
  if (packet[0]! >> 4 !== VERSION_FOUR) return;
  const to = destinations.get(packet.subarray(DESTINATION, DESTINATION + 4).join('.'));
  if (to === undefined) return;
  const rule = rules[`${from}>${to}`];
  if (rule === undefined) write({ due: 0, to, packet });
  else for (let copies = copiesBy(rule); copies > 0; copies--) delay(rule, to, packet);
}

function copiesBy({ loss, twice }: Rule): number {
  if (happens(chance, loss)) return 0;
  return happens(chance, twice) ? 2 : 1;
}

function delay({ least, most }: Rule, to: number, packet: Uint8Array): void {
  if (late.length >= MAX_UNDER_WAY) return;
  const due = performance.now() + least + chance(Math.max(1, Math.round(most - least)));
  let at = late.length;
  while (at > 0 && late[at - 1]!.due > due) at--;
  late.splice(at, 0, { due, to, packet: Uint8Array.from(packet) });
}

function write({ to, packet }: Late): void {
  try {
    writeSync(tuns[to]!, packet);
  } catch {
    // Nobody is there: the namespace has gone, or its interface is down.
  }
}

/** `undefined`: there is nothing. */
function read(fd: number): Buffer | undefined {
  try {
    return room.subarray(0, readSync(fd, room));
  } catch {
    return undefined;
  }
}

writeSync(1, 'up\n');
for (;;) {
  const now = performance.now();
  while (late.length > 0 && late[0]!.due <= now) write(late.shift()!);
  const wait = late.length === 0 ? -1 : Math.ceil(late[0]!.due - now);
  calls.poll(polledAt, 1 + tuns.length, wait);
  for (const [i, fd] of [STDIN, ...tuns].entries()) {
    if (polled.readInt16LE(i * POLL.octets + POLL.returned) === 0) continue;
    const octets = read(fd);
    if (fd !== STDIN) {
      if (octets !== undefined) carry(i - 1, octets);
      continue;
    }
    if (octets?.length === 0) {
      for (const tun of tuns) closeSync(tun);
      process.exit(0);
    }
    const lines = (words + (octets ?? '')).split('\n');
    words = lines.pop()!;
    for (const line of lines) rules = JSON.parse(line) as Rules;
  }
}
