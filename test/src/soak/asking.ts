/** Those who ask over TCP, on one connection and many questions at a time; and those who send what nobody can have a use for. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { Asker } from '../support/asking.ts';
import { mutate } from '../support/mutation.ts';
import { Checker } from './checker.ts';
import type { Scenery } from './peers.ts';
import { queryOf, sampleOf } from './sample.ts';

/** Questions of the sample, and of those at a time. */
const SAMPLE = 2000;
const AT_A_TIME = 16;
/** On a machine that has much to do an answer may take longer than a try. */
const TRIES = 5;
/** Milliseconds between two packets of garbage, about, and between two questions. */
const INTERVAL = 5;
/** Packets of garbage that go together. */
const BURST = 10;
/** Octets of one, at most: what is not cut into parts on its way. */
const LARGEST = 1400;

export async function askOverTcp(scenery: Scenery): Promise<void> {
  const { world, versions, primary, chance } = scenery;
  const sample = sampleOf(world, chance(2 ** 31), SAMPLE);
  const checker = new Checker(versions);
  const asker = await Asker.to(primary);
  const seen = new Int32Array(world.cells);
  const ask = async (): Promise<void> => {
    while (!scenery.isOver()) {
      const [asked, query] = sample.next();
      const { cell } = asked.question;
      const version = Math.max(versions.least(cell, 'primary'), seen[cell]!);
      let octets = await asker.ask(query, 'tcp');
      for (let tries = 1; octets === undefined && tries < TRIES; tries++) {
        scenery.count('slow answers over TCP');
        octets = await asker.ask(query, 'tcp');
      }
      if (octets === undefined) {
        scenery.fail(`${asked.question.name} over TCP: no answer`);
        continue;
      }
      // Answers of one connection may come in another order than they were asked for (RFC 7766 6.2.1.1).
      const shown = checker.check(asked, Buffer.from(octets), { version, serial: 0 });
      if (shown < 0) scenery.fail(`${asked.question.name} over TCP: ${checker.fault}`);
      else {
        seen[cell] = Math.max(seen[cell]!, shown);
        scenery.count('answers over TCP');
      }
      await pause(chance(INTERVAL));
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, ask));
  asker.close();
}

export async function sendGarbage({ world, primary, secondary, chance, isOver, count }: Scenery): Promise<void> {
  const good = Array.from({ length: 100 }, () => queryOf(world.question(chance), 'cookie'));
  const socket = createSocket('udp4');
  socket.on('error', () => undefined);
  while (!isOver()) {
    for (let i = 0; i < BURST; i++) {
      const octets = mutate(good[chance(good.length)]!, good, chance);
      const { address, port } = chance(4) === 0 ? secondary : primary;
      socket.send(octets.subarray(0, LARGEST), port, address, () => undefined);
      count('packets of garbage');
    }
    await pause(BURST * INTERVAL);
  }
  socket.close();
  await once(socket, 'close');
}
