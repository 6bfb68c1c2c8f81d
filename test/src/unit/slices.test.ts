/** Work in slices, and how long all else waits for it. */
import { setImmediate } from 'node:timers/promises';
import { inSlices } from '@zonewright/common/service/slices';
import type { Steps } from '@zonewright/common/steps';
import test from 'ava';

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
