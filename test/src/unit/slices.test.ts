/** Work in slices, and how long all else waits for it. */
import { setImmediate } from 'node:timers/promises';
import { inSlices } from '@zonewright/common/service/slices';
import type { Steps } from '@zonewright/common/steps';
import test from 'ava';
import { VirtualClock } from '../support/virtual-clock.ts';

/** So many milliseconds of work, at each of which something is told. */
function* busyFor(time: number, tell: () => void): Steps<number> {
  for (let done = 0; done < time; done++) {
    tell();
    const until = performance.now() + 1;
    while (performance.now() < until);
    yield;
  }
  return time;
}

test('of many who have much to do one has a slice at a time, and all come to their end', async (t) => {
  const busy = new Set<number>();
  let most = 0;
  let left = 20;
  const turn = async (): Promise<void> => {
    await setImmediate();
    most = Math.max(most, busy.size);
    busy.clear();
  };
  for (let i = 0; i < 20; i++) {
    void inSlices(busyFor(30, () => void busy.add(i))).then(() => void left--);
    if (i % 5 === 0) await turn();
  }
  while (left > 0) await turn();
  t.is(most, 1);
});

test('no time of a test passes while work in slices waits for its turn', async (t) => {
  const clock = new VirtualClock();
  let left = 10;
  clock.after(0, () => {
    for (let i = 0; i < 10; i++) void inSlices(busyFor(25, () => {})).then(() => void left--);
  });
  await clock.advance(1);
  t.is(left, 0);
});
