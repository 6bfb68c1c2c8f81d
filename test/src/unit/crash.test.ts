/** How a crash test judges: what was lost, run twice or run by half is noticed, and so is a line that nobody had to change. */
import { readZoneFile } from '@zonewright/common/authority/zone-file';
import test from 'ava';
import type { Past, PastCommit } from '../crash/past.ts';
import { Plan } from '../crash/plan.ts';
import { countsIn, Tally } from '../crash/tally.ts';
import { faultsIn } from '../crash/verdict.ts';
import { BROKEN, handLines, handValue, serialIn, withHandValue, withSerialIn, ZONES } from '../crash/world.ts';
import { chanceFrom } from '../support/mutation.ts';

const [zone] = ZONES;
const MARK = `Zonewright-Journal: ${'0'.repeat(32)}`;

/** The text of the first zone with one tally at a count. */
const textAt = (count: number): string => {
  const last = Array.from({ length: Math.min(8, count + 1) }, (_, i) => `w0 TXT "w0=${count - i}"\n`).join('');
  return zone!.text([0], 1).replace('"u0=0"', `"u0=${count}"`).replace('w0 TXT "w0=0"\n', last);
};

interface Step {
  readonly text: string;
  readonly author?: string;
  readonly position?: number;
}

const ours = (text: string, position: number): Step => ({ text, author: 'key via zonewright', position });

/** A past of one line. */
const pastOf = (steps: readonly Step[]): Past => ({
  commits: steps.map(
    ({ author = 'hands 0', position }, i): PastCommit => ({
      id: `c${i}`,
      parents: i === 0 ? [] : [`c${i - 1}`],
      author,
      message: position === undefined ? '' : `alpha.test: update\n\n${MARK} ${position} ${'1'.repeat(32)}\n`,
      files: new Map([[zone!.fileName, `t${i}`]]),
    }),
  ),
  texts: new Map(steps.map(({ text }, i) => [`t${i}`, text])),
});

const judged = (steps: readonly Step[], settled: number, commits: readonly string[] = []): string => {
  const tally = new Tally(0, zone!);
  tally.may = settled;
  tally.settle(settled);
  const hands = { number: 0, commits: [...commits], faultsIn: () => [] };
  return faultsIn(pastOf(steps), { zones: [zone!], tallies: [tally], ack: 'journal' }, [hands]).join('; ');
};

test('each zone is good in every hand, and what is changed in it is found again', (t) => {
  for (const { text, name } of ZONES) {
    const first = text([0, 1], 2);
    t.deepEqual(readZoneFile(Buffer.from(first), name).findings, []);
    t.deepEqual(
      [...countsIn(first)],
      [
        [0, 0],
        [1, 0],
      ],
    );
    t.is(serialIn(withSerialIn(first, (serial) => serial + 7)), serialIn(first) + 7);
    for (const kind of ['note', 'record'] as const) {
      const changed = withHandValue(first, kind, 1, 12);
      t.is(handValue(changed, kind, 1), 12);
      t.is(handValue(changed, kind, 0), 0);
      t.not(handLines(changed), handLines(first));
    }
    t.is(handLines(withSerialIn(first, (serial) => serial + 1)), handLines(first));
    t.is(readZoneFile(Buffer.from(`${first}${BROKEN}\n`), name).zone, undefined);
  }
});

test('a tally is whole at each count that it is at, and at no other', (t) => {
  for (let count = 0; count < 20; count++) t.is(countsIn(textAt(count)).get(0), count);
  const text = textAt(12);
  for (const spoiled of [
    text.replace('w0 TXT "w0=9"\n', ''),
    text.replace('"u0=12"', '"u0=13"'),
    `${text}u0 TXT "u0=11"\n`,
    `${text}w0 TXT "w0=4"\n`,
    text.replace('"u0=12"', '"other"'),
  ])
    t.is(typeof countsIn(spoiled).get(0), 'string', spoiled);
});

test('what is acknowledged and pushed has to be at the head', (t) => {
  const steps = [{ text: textAt(0) }, ours(textAt(2), 2), ours(textAt(3), 3)];
  t.is(judged(steps, 3, ['c0']), '');
  t.regex(judged(steps, 4), /tally 0 is at 3, and 4 to 4 are possible/);
  t.regex(judged(steps, 2), /tally 0 is at 3, and 2 to 2 are possible/);
  t.regex(judged(steps, 3, ['elsewhere']), /commit elsewhere of hands 0 is lost/);
  t.regex(judged([...steps, { text: `${textAt(3)}${BROKEN}\n` }], 3), /is broken at the end/);
});

test('what goes back, is run again, or changes other lines is found wherever it is in the past', (t) => {
  const back = [{ text: textAt(0) }, ours(textAt(2), 2), { text: textAt(1) }, ours(textAt(3), 3)];
  t.regex(judged(back, 3), /c2: tally 0 goes from 2 to 1/);
  const again = [{ text: textAt(0) }, ours(`${textAt(3)}u0 TXT "u0=2"\n`, 2), ours(textAt(4), 4)];
  t.regex(judged(again, 4), /c1: tally 0 has the counts 3, 2/);
  const other = [{ text: textAt(0) }, ours(textAt(1).replace('; the end', ''), 1), ours(textAt(2), 2)];
  t.regex(judged(other, 2), /c1 changes other lines of alpha\.test/);
  const unmarked = [{ text: textAt(0) }, { text: textAt(1), author: 'key via zonewright' }];
  t.regex(judged(unmarked, 1), /c1 has no mark/);
  t.regex(
    judged([{ text: textAt(0) }, ours(textAt(1), 5), ours(textAt(2), 4)], 2),
    /c2 has the mark .* 4, after .* 5 of c1/,
  );
});

test('each step has its turn, and one that is not come to does not keep the others from theirs', (t) => {
  const plan = new Plan(['a', 'b', 'never'], chanceFrom(1));
  for (let i = 0; i < 30; i++) {
    const ending = plan.next('here')!;
    plan.note('here', ending, ending.step !== 'never', ['a', 'b', 'c']);
  }
  t.deepEqual(plan.open, ['never']);
  t.regex(plan.report, /^a \d+, b \d+, never 0 \(never reached\), c \(unknown\)$/);
  const times = [.../ (\d+),/g[Symbol.matchAll](plan.report)].map(([, count]) => Number(count));
  t.true(times[0]! >= 6 && times[1]! >= 6);
});
