/**
 * Full load and changes of all kinds at once: twenty seconds with `npm run test:endurance`, ten minutes and a large zone of 300 000 records with
 * `npm run test:soak`; `SOAK=n` says how many seconds. The seed is printed; `SEED=n` repeats what is asked.
 */
import { platform } from 'node:os';
import anyTest from 'ava';
import { linesOf } from '../soak/report.ts';
import { soak } from '../soak/soak.ts';
import { seedOfRun } from '../support/mutation.ts';
import { testWith } from '../support/needs.ts';
import { secrecyOf } from '../support/secrecy.ts';

const SHORT = { length: 20, scale: { large: 20_000, small: 5, hosts: 100, names: 40 } } as const;
const LARGE = 150_000;
/** Seconds that memory grows for at every start. */
const WARM = 120;

const secrecy = secrecyOf(anyTest);
const test = testWith(anyTest, ['git']);

test('no answer is wrong under load while zones are updated, committed, reloaded and transferred, and memory stays', async (t) => {
  const length = Number(process.env.SOAK ?? SHORT.length);
  const isLong = length > SHORT.length;
  t.timeout((length + 300) * 1000);
  const seed = seedOfRun();
  t.log(`SEED=${seed}`);
  const scale = isLong ? { ...SHORT.scale, large: LARGE } : SHORT.scale;
  const report = await soak(t, secrecy, { scale, seed, length });
  t.log(...linesOf(report));
  const { primary, secondary } = report.servers;
  const faults = [report.faults, ...[primary, secondary].flatMap(({ load, errors }) => [load.faults, errors])];
  t.deepEqual(faults.flat(), []);
  for (const { load, memory } of [primary, secondary]) {
    t.is(load.wrong, 0);
    t.true(load.answers > 0);
    // The first third of the time does not count (`soak/usage.ts` says what does).
    if (length >= 3 * WARM && platform() === 'linux') t.true(memory.isFlat, 'memory grows');
  }
});
