/**
 * Crashes: fifty with `npm run test:endurance`, a thousand with `npm run test:crash`; `KILLS=n` says how many. Each step of a change has its
 * turn in any case. The seed is printed; `SEED=n` repeats what is done, as far as the machine's time allows that.
 */
import { STEPS, type Step } from '@zonewright/primary/step';
import anyTest from 'ava';
import { crash, type Place } from '../crash/crash.ts';
import { chanceFrom, seedOfRun } from '../support/mutation.ts';
import { testWith } from '../support/needs.ts';
import { secrecyOf } from '../support/secrecy.ts';

const SHORT = 50;
/** Milliseconds that one crash may take, all that goes on beside it included, and all the rest. */
const EACH = 10_000;
const REST = 900_000;
/** Steps that need a connection, and one that needs a journal of updates. */
const CONNECTED: readonly Step[] = ['git.sending', 'git.sent', 'git.received', 'git.accepted'];
const JOURNALLED: readonly Step[] = ['update.journalled'];
const PLACES: readonly Place[] = [
  { way: 'local', ack: 'journal', share: 4, never: CONNECTED },
  { way: 'git', ack: 'journal', share: 4 },
  { way: 'http', ack: 'journal', share: 3 },
  { way: 'git', ack: 'push', share: 1, never: JOURNALLED },
];

const secrecy = secrecyOf(anyTest);
const test = testWith(anyTest, ['git']);

test('whenever a primary is killed, every acknowledged update is in the remote once and in order, and so is every commit', async (t) => {
  const kills = Number(process.env.KILLS ?? SHORT);
  t.timeout(REST + kills * EACH);
  const seed = seedOfRun();
  t.log(`SEED=${seed}`);
  const report = await crash(t, secrecy, { kills, places: PLACES, steps: STEPS, chance: chanceFrom(seed) });
  t.log(...report.lines.map((line) => `${line}\n`));
  t.deepEqual(report.faults, []);
  t.true(report.kills >= kills);
  t.deepEqual(report.open, [], 'steps at which no life has ended');
});
