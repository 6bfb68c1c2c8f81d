/**
 * Preloaded into a primary, and so into each of its threads (`--import`): ends the process by SIGKILL at the n-th time that a thread comes to
 * a step. `CRASH_STEP` and `CRASH_COUNT` say at which; the file `CRASH_NOTES` gets a line for each step at its first time, and for the end.
 *
 * Always holds: nothing that the process does after that step is done; the kernel ends it before the call returns.
 */
import { subscribe } from 'node:diagnostics_channel';
import { appendFileSync } from 'node:fs';

const { CRASH_STEP: wanted, CRASH_COUNT: count = '1', CRASH_NOTES: notes } = process.env;
const seen = new Set<unknown>();
let left = Number(count);

if (notes !== undefined)
  subscribe('zonewright:step', (step) => {
    if (!seen.has(step)) {
      seen.add(step);
      appendFileSync(notes, `reached ${step}\n`);
    }
    if (step !== wanted || --left > 0) return;
    appendFileSync(notes, `ended ${step}\n`);
    process.kill(process.pid, 'SIGKILL');
  });
