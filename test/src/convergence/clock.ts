/**
 * Preloaded into a server of ours, and so into each of its threads (`--import`): the time of day is that of the machine and the milliseconds
 * that stand in the file `CLOCK_STEP`. It is read again as often as every 100 ms, so that a running process sees its clock stepped.
 *
 * Only `Date.now()` and `new Date()` are stepped: that is where the servers have the time of day from. The steady clock, by which timers go,
 * is never stepped by a real machine either.
 */
import { readFileSync } from 'node:fs';

const FRESH = 100;
const { CLOCK_STEP: file } = process.env;
const machine = Date.now.bind(Date);
let step = 0;
let next = 0;

function now(): number {
  const steady = performance.now();
  if (file !== undefined && steady >= next) {
    next = steady + FRESH;
    try {
      step = Number(readFileSync(file, 'utf8'));
    } catch {
      step = 0;
    }
  }
  return machine() + step;
}

globalThis.Date = new Proxy(Date, {
  construct: (target, args: [], newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
  get: (target, property, receiver) => (property === 'now' ? now : Reflect.get(target, property, receiver)),
});
