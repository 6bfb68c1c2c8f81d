/**
 * A process with copies, for tests that kill it: `copies-program.js FOLDER WHAT`. It says on standard output, a line each, what it has got.
 *
 * `hold` opens the copies and keeps them. `write` also publishes versions of zones without end, now and then one as a whole, and says
 * each round. `fill` keeps a zone that the disk has no room for beside a small one, removes it when that failed, and waits until the other is kept.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Log } from '@zonewright/common/service/log';
import type { Zone } from '@zonewright/common/zone/zone';
import { openCopies } from '@zonewright/secondary/copies/copies';
import { largeZone, nextOf, stateAt, zoneAt } from './copies.ts';
import { nameOf } from './records.ts';

/** To a pipe: synchronous on POSIX systems. */
const say = (what: string | number): void => void process.stdout.write(`${what}\n`);

const waiting = new Map<string, () => void>();
const write: Log['info'] = (event) => {
  say(event);
  waiting.get(event)?.();
};
/** When that is logged. */
const logged = (event: string): Promise<void> => new Promise((done) => waiting.set(event, done));
const log: Log = { debug: write, info: write, warn: write, error: write, child: () => log };

const ZONES = 5;

const [, , folder, what] = process.argv as unknown as readonly string[];
const opened = await openCopies(folder!, { log });
if (!opened.ok) {
  say(opened.fault.what);
} else {
  const copies = opened.value;
  say('open');
  const zones: Zone[] = [];
  await copies.load(({ zone }) => void zones.push(zone));
  say('loaded');
  if (what === 'hold') await pause(600_000);
  for (let i = 0; i < ZONES && what === 'write'; i++) {
    const origin = `zone${i}.test.`;
    if (zones.some((zone) => zone.origin.equals(nameOf(origin)))) continue;
    zones.push(zoneAt(origin, 1));
    copies.save(zones.at(-1)!, undefined, stateAt(1));
  }
  for (let round = 1; what === 'write'; round++) {
    for (const [i, zone] of zones.entries()) {
      const next = nextOf(zone);
      zones[i] = next.zone;
      const isWhole = (round + i) % 40 === 0;
      copies.save(next.zone, isWhole ? undefined : [next.delta], stateAt(next.zone.serial));
    }
    say(round);
    await pause(3);
  }
  if (what === 'fill') {
    const failed = logged('copies.failed');
    copies.save(zoneAt('small.test.', 1), undefined, stateAt(1));
    copies.save(largeZone(nameOf('large.test.'), 100_000), undefined, stateAt(1));
    const timer = setTimeout(() => undefined, 60_000);
    await failed;
    say(`${copies.failure === undefined ? 'no failure' : 'a failure'}, ${copies.waiting} waiting`);
    const written = logged('copies.written');
    copies.remove(nameOf('large.test.'));
    await written;
    say(`${copies.failure === undefined ? 'no failure' : 'a failure'}, ${copies.waiting} waiting`);
    clearTimeout(timer);
    await copies.close();
  }
}
