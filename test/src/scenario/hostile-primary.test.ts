/**
 * A running secondary whose primary, or whoever has its key, sends what it should not: each thing in a zone of its own, since after one of them a primary is
 * asked ever more rarely. What is served stays as it was, the log says what came, and the next good version is taken. Transfers without end:
 * `endurance/endless.test.ts`.
 */
import anyTest from 'ava';
import { begin, complains, recovers, setStage } from '../support/hostile-stage.ts';
import { HOSTILE, HOSTILE_DIFFERENCES } from '../support/hostile-transfers.ts';
import { testWith } from '../support/needs.ts';
import { secrecyOf } from '../support/secrecy.ts';

const secrecy = secrecyOf(anyTest);
const test = testWith(anyTest, ['dig']);

test('whatever a primary sends, a running secondary serves on what it had, and takes what is good', async (t) => {
  const stage = await setStage(t, secrecy);
  const hostile = [
    ...Object.entries(HOSTILE),
    ...Object.entries(HOSTILE_DIFFERENCES).map(([what, play]) => [`differences ${what}`, [play, /./]] as const),
  ].map(([what, [play, fault]], i) => ({ what, play, fault, zone: `z${i}.example` }));
  const zones = hostile.map(({ zone }) => zone);
  const before = await begin(stage, zones);
  t.is(before[0]!.length, 5, 'a zone is four records, the SOA twice, and an answer');
  for (const { zone, play } of hostile) await stage.offer(zone, 2, play);
  for (const { zone, fault } of hostile) await complains(stage, zone, fault);
  for (const [i, { zone, what }] of hostile.entries()) t.deepEqual(await stage.served(zone), before[i], what);
  await recovers(t, stage, zones);
});
