/**
 * The part of V8's heaps that is for what is young, while a thread takes in much that stays.
 *
 * V8 doubles it, up to 32 MB in the thread that serves, whenever much of what is young survives, for then it is assumed to be needed. What
 * is taken in at a start all survives, and so the most would be taken for nothing; nothing gives it back to a process that then has little to do.
 *
 * Always holds: it may grow again when that is over. It is a matter of the whole process, and a thread that is started lets it grow too: so
 * whoever takes in much says it now and then. V8 may not know the flag one day: then all is as if nobody had said it.
 */
import { setFlagsFromString } from 'node:v8';

/** What is young gets no more room than it has. */
export function keepYoungSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/** It gets more room when it needs that. */
export function letYoungGrow(): void {
  setFlagsFromString('--semi-space-growth-factor=2');
}
