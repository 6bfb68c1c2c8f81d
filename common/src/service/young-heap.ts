/**
 * The part of V8's heaps that is for what is young, while a thread takes in much that stays.
 *
 * V8 doubles it, up to 32 MB in the thread that serves, whenever much of what is young survives, for it takes that as a sign that it is
 * needed. Of the program and what it takes in at its start all survives, so there would be the most of it, for nothing; and V8 does not
 * give it back while there is little to do.
 *
 * Always holds: it may grow again soon after. This is a matter of the whole process, and a thread that begins lets it grow too, so
 * whoever takes in much says it with each portion.
 */
import { setFlagsFromString } from 'node:v8';

/** How long after it was said last there is to be no more room, milliseconds: what was taken in is published meanwhile. */
const HELD = 5000;
const GROWTH = { none: 1, usual: 2 } as const;

let timer: NodeJS.Timeout | undefined;

/** For some seconds what is young gets no more room than it has. */
export function keepYoungSmall(): void {
  grow('none');
  clearTimeout(timer);
  timer = setTimeout(() => grow('usual'), HELD).unref();
}

const grow = (how: keyof typeof GROWTH): void => setFlagsFromString(`--semi-space-growth-factor=${GROWTH[how]}`);
