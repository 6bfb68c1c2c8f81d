/** The order of a zone's names is what sorting all of them gives, whatever comes and goes, and older versions stay. */
import { Name } from '@zonewright/common/name';
import { CHUNK_ENTRIES, compareNames, Order } from '@zonewright/common/zone/order';
import test from 'ava';
import fc from 'fast-check';
import { runs } from '../support/extent.ts';

const by = (sought: number) => (entry: number) => entry - sought;

/** The greatest number that is not above `sought`; the greatest of all where there is none. */
const before = (sorted: readonly number[], sought: number): number =>
  sorted.findLast((entry) => entry <= sought) ?? sorted.at(-1) ?? -1;

const small = fc.integer({ min: 0, max: 3000 });

test('an order that is changed at random is a sorted list, and what it was before stays', (t) => {
  const edits = fc.array(fc.record({ isAdded: fc.boolean(), start: small, count: fc.integer({ min: 1, max: 900 }) }), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(fc.uniqueArray(small, { maxLength: 40 }), edits, fc.array(small), (first, steps, sought) => {
      const numbers = new Set(first);
      let order = Order.fromSorted([...numbers].sort((a, b) => a - b));
      for (const { isAdded, start, count } of steps) {
        const older = { order, content: [...order] };
        const draft = order.change();
        for (let i = 0; i < count; i++) {
          // Neither ascending nor all of them.
          const entry = (start + i * 7) % 3001;
          if (isAdded) draft.insert(entry, by(entry));
          else draft.remove(by(entry));
          if (isAdded) numbers.add(entry);
          else numbers.delete(entry);
        }
        order = draft.finish();
        t.deepEqual([...older.order], older.content);
        const sorted = [...numbers].sort((a, b) => a - b);
        t.deepEqual([...order], sorted);
        t.is(order.size, sorted.length);
        for (const number of sought) t.is(order.predecessor(by(number)), before(sorted, number));
      }
    }),
    { numRuns: runs(60) },
  );
});

test('an entry that is the same as another takes its place', (t) => {
  const draft = Order.fromSorted([10, 20, 30]).change();
  draft.insert(21, (entry) => (entry >> 1) - 10);
  const order = draft.finish();
  t.deepEqual([...order], [10, 21, 30]);
  t.is(order.size, 3);
});

test('finding a place in an order asks for few entries, however it has grown', (t) => {
  let order = Order.empty;
  for (let round = 0; round < 20; round++) {
    const draft = order.change();
    for (let i = 0; i < 1000; i++) draft.insert(round * 1000 + i, by(round * 1000 + i));
    order = draft.finish();
  }
  let asked = 0;
  t.is(
    order.predecessor((entry) => {
      asked++;
      return entry - 7777;
    }),
    7777,
  );
  t.true(asked <= 2 + Math.log2(20_000 / (CHUNK_ENTRIES / 2)) + Math.log2(CHUNK_ENTRIES) + 1, `${asked}`);
});

const label = fc.uint8Array({ minLength: 1, maxLength: 4 });
const anyName = fc.array(label, { maxLength: 5 }).map((labels) => {
  const made = Name.fromLabels(labels);
  return made.ok ? made.value : Name.root;
});

test('octets of names compare as their keys do', (t) => {
  fc.assert(
    fc.property(anyName, anyName, (a, b) => {
      const octets = Uint8Array.of(0xff, ...a.wire, ...b.wire);
      const at = 1 + a.wire.length;
      const order = compareNames(octets, 1, at - 1, octets, at, at + b.wire.length - 1);
      t.is(Math.sign(order), Name.compare(a, b));
    }),
    { numRuns: runs(2000) },
  );
});
