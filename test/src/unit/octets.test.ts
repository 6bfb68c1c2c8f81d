/** The writer's compression of names (RFC 1035 4.1.4): against a plain model, with many names, taken back, and with bad luck. */
import type { Name } from '@zonewright/common/name';
import { Reader, Writer } from '@zonewright/common/octets';
import test from 'ava';
import fc from 'fast-check';
import { nameOf } from '../support/records.ts';
import { busyTime } from '../support/thread-time.ts';

const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);

/** What a writer does, written to be read: suffixes in a map, taken back by looking at all of them. */
class Model {
  octets: number[] = [];
  readonly #suffixes = new Map<string, number>();

  compressedName({ wire }: Name): void {
    for (let at = 0; wire[at] !== 0; at += 1 + wire[at]!) {
      const suffix = Buffer.from(wire.subarray(at)).toString('latin1');
      const seen = this.#suffixes.get(suffix);
      if (seen !== undefined) {
        this.octets.push(0xc0 | (seen >> 8), seen & 0xff);
        return;
      }
      if (this.octets.length < 0x4000) this.#suffixes.set(suffix, this.octets.length);
      this.octets.push(...wire.subarray(at, at + 1 + wire[at]!));
    }
    this.octets.push(0);
  }

  rewind(length: number): void {
    this.octets.length = length;
    for (const [suffix, at] of this.#suffixes) if (at >= length) this.#suffixes.delete(suffix);
  }
}

const someName = fc
  .array(fc.constantFrom('a', 'b', 'A', 'ab', 'example', 'x'.repeat(63)), { maxLength: 3 })
  .map((labels) => nameOf(labels.length === 0 ? '.' : `${labels.join('.')}.`));

test('names are compressed as far as a plain model does, also after some were taken back', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 9, arbitrary: someName }, { weight: 1, arbitrary: fc.nat(50) }), { maxLength: 60 }),
      (steps) => {
        const out = new Writer();
        const model = new Model();
        const marks = [0];
        for (const step of steps) {
          if (typeof step === 'number') {
            marks.length = Math.max(1, marks.length - step);
            out.rewind(marks.at(-1)!);
            model.rewind(marks.at(-1)!);
          } else {
            out.compressedName(step);
            model.compressedName(step);
            marks.push(out.length);
          }
        }
        return Buffer.compare(out.finish(), Uint8Array.from(model.octets)) === 0;
      },
    ),
    { seed, numRuns: 500 },
  );
  t.pass();
});

test('thousands of names share their ends, and a writer taken back whole is as good as new', (t) => {
  const names = Array.from({ length: 3000 }, (_, i) => nameOf(`n${i}.d${i % 100}.example.`));
  const out = new Writer();
  const write = (): Uint8Array => {
    for (const name of names) out.compressedName(name);
    return out.finish();
  };
  const first = write();
  const reader = new Reader(first);
  t.deepEqual(
    names.map(() => reader.name(true).toString()),
    names.map(String),
  );
  t.true(first.length < 3000 * 9, `${first.length} octets`);
  out.rewind(0);
  t.deepEqual(write(), first);
});

test('a name that did not fit is no target of pointers', (t) => {
  const out = new Writer(12);
  out.compressedName(nameOf('b.'));
  out.compressedName(nameOf('a.b.example.'));
  t.true(out.isFull);
  out.rewind(3);
  out.compressedName(nameOf('a.b.'));
  out.compressedName(nameOf('a.b.'));
  const reader = new Reader(out.finish());
  t.deepEqual(
    [1, 2, 3].map(() => reader.name(true).toString()),
    ['b.', 'a.b.', 'a.b.'],
  );
  t.is(reader.left, 0);
});

test('a name is written from the middle of other octets', (t) => {
  const { wire } = nameOf('www.example.');
  const out = new Writer();
  out.compressedWire(Uint8Array.from([...wire, 7, 7, ...wire, 9]), wire.length + 2);
  out.compressedName(nameOf('example.'));
  const reader = new Reader(out.finish());
  t.deepEqual([reader.name(true).toString(), reader.name(true).toString()], ['www.example.', 'example.']);
  t.is(out.length, 13 + 2);
});

test('names that were made to collide cost compression, not time', (t) => {
  // All prefixes of a name of 127 labels, over and over, fill the table with suffixes that are alike.
  const labels = Array.from({ length: 127 }, () => 'a');
  const out = new Writer();
  const ended = busyTime();
  for (let round = 0; round < 200; round++)
    for (let i = 0; i < 127; i++) out.compressedName(nameOf(`${labels.slice(i).join('.')}.`));
  t.true(ended() < 5000);
  t.is(out.length, 255 + 126 * 2 + 199 * 127 * 2);
});
