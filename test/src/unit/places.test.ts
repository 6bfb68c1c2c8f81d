/** Places for work: whose turn it is. */
import { Places } from '@zonewright/common/service/places';
import test from 'ava';

test('lines take turns while several wait, each in its order', async (t) => {
  const places = new Places(1, 3);
  const order: string[] = [];
  const run = (what: string, line: number): Promise<void> => places.run(async () => void order.push(what), line);
  const all = ['a', 'b', 'c', 'd', 'e', 'f'].map((what) => run(what, 1));
  all.push(run('A', 0), run('B', 0), run('1', 2));
  await Promise.all(all);
  t.deepEqual(order, ['a', 'A', 'b', '1', 'B', 'c', 'd', 'e', 'f']);
});

test('a hundred thousand that wait all have their turn', async (t) => {
  const places = new Places(80);
  let count = 0;
  await Promise.all(Array.from({ length: 100_000 }, () => places.run(async () => count++)));
  t.is(count, 100_000);
});
