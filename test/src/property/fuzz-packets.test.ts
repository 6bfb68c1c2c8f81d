/**
 * Spoiled packets on the whole way of a request, from octets to an outcome and what it brings about: nothing is thrown, nothing takes
 * long, and whatever is sent back is a reply that its client takes.
 *
 * 12 000 packets with each run of all tests, a million with `npm run test:fuzz`. The seed is printed; `SEED=n` repeats a run.
 */
import { ClientAddress } from '@zonewright/common/authority/client-address';
import type { Outcome } from '@zonewright/common/authority/outcome';
import { receive, replyWith } from '@zonewright/common/authority/receive';
import type { Responder } from '@zonewright/common/authority/responder';
import { runUpdate } from '@zonewright/common/authority/run-update';
import type { Transport } from '@zonewright/common/authority/transport';
import { decodeMessage, encodeMessage } from '@zonewright/common/wire/message';
import { sign, verify } from '@zonewright/common/wire/tsig';
import test, { type ExecutionContext } from 'ava';
import { NOW, queryOf } from '../support/answering.ts';
import { LONGEST_MS, timed } from '../support/duration.ts';
import { isWhole } from '../support/extent.ts';
import { CLIENT, goodMessages, KEYS, type World, worlds } from '../support/fuzz-world.ts';
import { type Chance, chanceFrom, mutate, seedOfRun } from '../support/mutation.ts';

const PACKETS = isWhole ? 1_000_000 : 12_000;
/** Of the values of a field of 16 bits, every so many are asked for. */
const STEP = isWhole ? 1 : 41;
const seed = seedOfRun();
const all = worlds();

const id = (octets: Uint8Array): number => (octets[0]! << 8) | octets[1]!;
const opcode = (octets: Uint8Array): number => (octets[2]! >> 3) & 15;

/** Octets that a reply may have: what the transport and the client take; echoing a TSIG record makes none longer than its request. */
function limitOf(octets: Uint8Array, transport: Transport): number {
  if (transport === 'tcp') return 65_535;
  const decoded = decodeMessage(octets);
  const edns = decoded.ok ? decoded.value.edns : decoded.fault.request?.edns;
  const own = Math.min(1232, edns?.udpSize ?? 512);
  return decoded.ok && decoded.value.tsig !== undefined ? Math.max(own, octets.length) : own;
}

/** What is wrong with a reply, in words. */
function replyFault(
  request: Uint8Array,
  reply: Uint8Array,
  transport: Transport,
  responder: Responder,
): string | undefined {
  if (id(reply) !== id(request)) return 'the ID is another';
  if ((reply[2]! & 0x80) === 0) return 'QR is not set';
  if (opcode(reply) !== opcode(request)) return 'the opcode is another';
  if (reply.length > limitOf(request, transport)) return `${reply.length} octets`;
  const decoded = decodeMessage(reply);
  if (!decoded.ok) return `unreadable: ${decoded.fault.what}`;
  if (receive(responder, reply, transport, NOW).kind !== 'silence') return 'a reply is answered';
  return undefined;
}

/** How many updates in a row a zone takes before it is what it was. */
const MAX_UPDATES = 50;

/** One server of one world, and what has come of the packets it got. */
class Target {
  readonly outcomes = new Map<string, number>();
  longest = 0;
  readonly #world: World;
  #updates = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Gives what is wrong with what comes of a packet. */
  take(octets: Uint8Array, transport: Transport, responder: Responder, from: string, time: number): string | undefined {
    const before = Uint8Array.from(octets);
    const { ms, result: outcome } = timed(() => {
      responder.from(ClientAddress.of(from), time);
      return receive(responder, octets, transport, NOW);
    });
    this.longest = Math.max(this.longest, ms);
    if (ms >= LONGEST_MS) return `${ms} ms`;
    if (Buffer.compare(before, octets) !== 0) return 'the octets were changed';
    this.outcomes.set(outcome.kind, (this.outcomes.get(outcome.kind) ?? 0) + 1);
    for (const reply of this.#repliesOf(outcome)) {
      const fault = replyFault(octets, reply, transport, responder);
      if (fault !== undefined) return `${fault}, in ${Buffer.from(reply).toString('hex')}`;
    }
    return undefined;
  }

  /** What is sent for an outcome; of a transfer the first two messages. */
  *#repliesOf(outcome: Outcome): Generator<Uint8Array, void, undefined> {
    const options = { now: NOW, identity: { version: '', id: 'ns.test' } };
    switch (outcome.kind) {
      case 'reply':
        yield outcome.octets;
        return;
      case 'notify':
        yield replyWith(outcome.request, 0, options);
        return;
      case 'update': {
        const zone = this.#world.zones.get(outcome.update.origin)!;
        const { ms, result } = timed(() => runUpdate(outcome.update, zone));
        if (ms >= LONGEST_MS) throw new Error(`${ms} ms to update ${zone.origin}`);
        this.longest = Math.max(this.longest, ms);
        if (result.ok && result.value !== undefined) {
          this.outcomes.set('done', (this.outcomes.get('done') ?? 0) + 1);
          this.#world.zones.set(result.value.zone);
          if (++this.#updates % MAX_UPDATES === 0)
            for (const each of this.#world.originals) this.#world.zones.set(each);
        }
        yield replyWith(outcome.request, result.ok ? 0 : result.fault.rcode, options);
        return;
      }
      case 'transfer': {
        const { messages, signer } = outcome;
        let count = 0;
        for (const message of signer === undefined ? messages : signer.signAll(messages, () => NOW)) {
          yield message;
          if (++count === 2) return;
        }
      }
    }
  }
}

const ADDRESSES = [CLIENT, '192.0.2.9', '198.51.100.7', '2001:db8::1', '::ffff:192.0.2.1', 'no address'];
const TRANSPORTS: readonly Transport[] = ['udp', 'tcp'];

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

/** Sends packets to each world in turn, in all the ways that a server can be set up. */
function bombard(t: ExecutionContext, packets: (world: World, chance: Chance) => Generator<Uint8Array>): void {
  t.log(`SEED=${seed}`);
  for (const world of all) {
    const chance = chanceFrom(seed);
    const target = new Target(world);
    let count = 0;
    for (const octets of packets(world, chance)) {
      const transport = TRANSPORTS[count % 2]!;
      const responder = world.responders[chance(world.responders.length)]!;
      const from = ADDRESSES[chance(ADDRESSES.length)]!;
      // Half a second passes with each packet, so that few are held back.
      let fault: string | undefined;
      try {
        fault = target.take(octets, transport, responder, from, count++ * 500);
      } catch (error) {
        fault = error instanceof Error ? error.stack : String(error);
      }
      if (fault === undefined) continue;
      t.fail(`SEED=${seed}, ${world.what}, packet ${count} over ${transport}: ${fault}\n${hex(octets)}`);
      return;
    }
    const outcomes = [...target.outcomes].map(([kind, times]) => `${times} ${kind}`).join(', ');
    t.log(`${world.what}: ${count} packets, ${outcomes}; the longest took ${target.longest.toFixed(1)} ms`);
  }
  t.pass();
}

test('spoiled packets: nothing is thrown, nothing takes 10 ms, and each reply is one', (t) => {
  bombard(t, function* (world, chance) {
    const good = goodMessages(world, chance);
    yield* good;
    for (let i = 0; i < PACKETS / all.length; i++) {
      const from = good[chance(good.length)]!;
      const key = KEYS[chance(2) * chance(KEYS.length)]!;
      const way = chance(6);
      // What is signed as it is goes through; what is spoiled afterwards spoils the signature.
      if (way < 3) yield mutate(from, good, chance);
      else if (way === 3) yield mutate(sign(from, key, { now: NOW }).octets, good, chance);
      else {
        const spoiled = way === 4 ? from : mutate(from, good, chance);
        yield spoiled.length < 12 || spoiled.length > 60_000 ? spoiled : sign(spoiled, key, { now: NOW }).octets;
      }
    }
  });
});

test('all types, classes and header bits', (t) => {
  const questions = ['steps.test. A', 'x.apex.test. A', 'nothing.below.host.steps.test. A', '. A'];
  const fields: readonly ((octets: Uint8Array) => number)[] = [
    (octets) => octets.length - 4 - OPT_OCTETS,
    (octets) => octets.length - 2 - OPT_OCTETS,
    () => 2,
  ];
  bombard(t, function* (_, chance) {
    let turn = 0;
    for (const at of fields) {
      for (let value = chance(STEP); value < 65_536; value += STEP) {
        const octets = Buffer.from(queryOf(questions[turn++ % questions.length]!, { dnssecOk: true }));
        octets.writeUInt16BE(value, at(octets));
        yield octets;
      }
    }
  });
});

/** An OPT record without options. */
const OPT_OCTETS = 11;

test('what decodes encodes, and is the same when it is decoded again', (t) => {
  t.log(`SEED=${seed}`);
  const chance = chanceFrom(seed);
  const good = goodMessages(all[0]!, chance);
  let count = 0;
  for (let i = 0; i < PACKETS / 4; i++) {
    const octets = mutate(good[chance(good.length)]!, good, chance);
    const decoded = decodeMessage(octets);
    if (!decoded.ok) continue;
    count++;
    const { tsig } = decoded.value;
    if (tsig !== undefined) verify(octets, tsig, KEYS[0], { now: NOW });
    const encoded = encodeMessage(decoded.value);
    const again = decodeMessage(encoded);
    const isSame = again.ok && Buffer.compare(encodeMessage(again.value), encoded) === 0;
    if (!isSame) return t.fail(`SEED=${seed} packet ${i}: ${hex(octets)} becomes ${hex(encoded)}`);
  }
  t.true(count > PACKETS / 40, `${count} decoded`);
});
