/**
 * Preloaded into a program (`--import`): ends it by SIGKILL when it comes to the step that is named in the file `KILLED_AT`, which a test
 * may change while the program runs.
 */
import { subscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';

const { KILLED_AT: file } = process.env;

if (file !== undefined)
  subscribe('zonewright:step', (step) => {
    if (step === readFileSync(file, 'utf8')) process.kill(process.pid, 'SIGKILL');
  });
