/**
 * Races: ten who update and three who commit, all in one zone. Two hundred operations with `npm run test:endurance`, ten thousand with `npm run test:race`;
 * `OPERATIONS=n` says how many. The seed is printed.
 */
import anyTest from 'ava';
import { race } from '../crash/race.ts';
import { chanceFrom, seedOfRun } from '../support/mutation.ts';
import { testWith } from '../support/needs.ts';
import { secrecyOf } from '../support/secrecy.ts';

const SHORT = 200;
/** Milliseconds that one operation may take on average, and all the rest. */
const EACH = 200;
const REST = 240_000;

const secrecy = secrecyOf(anyTest);
const test = testWith(anyTest, ['git']);

for (const [ack, share] of [
  ['journal', 1],
  ['push', 0.3],
] as const)
  test.serial(`nothing is lost where ten update and three commit to one zone, with --ack ${ack}`, async (t) => {
    const operations = Math.ceil(Number(process.env.OPERATIONS ?? SHORT) * share);
    t.timeout(REST + operations * EACH);
    const seed = seedOfRun();
    t.log(`SEED=${seed}`);
    const { line, faults } = await race(t, secrecy, { operations, way: 'git', ack, chance: chanceFrom(seed) });
    t.log(line);
    t.deepEqual(faults, []);
  });
