/**
 * Convergence (docs/convergence.md): 75 seconds of bad luck with `npm run test:endurance`, `npm run test:convergence` for longer; `MINUTES=n` says how
 * long. The seed is printed; `SEED=n` repeats the order of events, as far as the machine's time allows that.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import anyTest from 'ava';
import type { ConvergenceReport } from '../convergence/convergence.ts';
import { convergenceReason } from '../convergence/reason.ts';
import { seedOfRun } from '../support/mutation.ts';
import { testUnless } from '../support/needs.ts';
import { startNamespace } from '../support/netns.ts';
import { temporaryFolder } from '../support/owner.ts';
import { startProgram } from '../support/process.ts';

const SHORT = 75;
/** Seconds for all that is not bad luck. */
const REST = 240;
const SECONDS_EACH = 60;
const MAIN = fileURLToPath(new URL('../convergence/main.js', import.meta.url));

const test = testUnless(anyTest, convergenceReason());

test('after partitions, loss, kills and wrong clocks all servers are alike, have served nothing else, and nothing acknowledged is missing', async (t) => {
  const { MINUTES: minutes } = process.env;
  const seconds = minutes === undefined ? SHORT : Math.round(Number(minutes) * SECONDS_EACH);
  const seed = seedOfRun();
  t.timeout((seconds + REST) * 1000);
  t.log(`SEED=${seed}`);
  const within = await startNamespace(t, ['127.0.0.1']);
  const file = join(temporaryFolder(t, 'convergence'), 'report');
  const args = [MAIN, `${seed}`, `${seconds}`, file];
  const program = await startProgram(t, process.execPath, args, { within, name: 'convergence' });
  const { code } = await program.ended;
  t.is(code, 0);
  const report = JSON.parse(readFileSync(file, 'utf8')) as ConvergenceReport;
  t.log(...report.lines.map((line) => `${line}\n`));
  if (report.faults.length > 0) t.log(...[...report.events, ...report.texts].map((line) => `${line}\n`));
  t.deepEqual(report.faults, []);
});
