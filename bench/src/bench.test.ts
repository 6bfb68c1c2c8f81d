/** The bench without servers: what it reads, what it reckons, what it writes, and that all that is measured stands in the results. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '@zonewright/test/support/zonewright';
import test from 'ava';
import { dropsIn } from './areas/input.ts';
import { parseDnsperf } from './dnsperf.ts';
import { differences, readingOf } from './loads.ts';
import { AREAS, type Area, type Contestant, type Measure, type Trials } from './measure.ts';
import { MEASURES, plannedOf } from './measures.ts';
import { kernelShare, parseMemory, parseRun, parseStat, refined, sumOf } from './process-usage.ts';
import { randomFrom } from './random.ts';
import { HEADINGS, outcomeOf, remarksOf, rowOf, tableOf } from './report.ts';
import { sectionsIn, withSection } from './results.ts';
import { inTurns, turned } from './rounds.ts';
import { SCALES, type Scale } from './scales.ts';
import { Scope } from './scope.ts';
import { greatest, median, quantile } from './statistics.ts';
import { Timeline, tookText } from './timeline.ts';
import { plainWorld, questionsOf } from './worlds.ts';

const printed = (completed: number, codes: string): string => `DNS Performance Testing Tool
Version 2.10.0

[Status] Sending queries (to 127.0.0.1:31034)
[Status] Testing complete (end of file)

Statistics:

  Queries sent:         13738
  Queries completed:    ${completed} (99.98%)
  Queries lost:         3 (0.02%)

${codes}
  Average packet size:  request 34, response 57
  Run time (s):         0.503064
`;

test("dnsperf's answers, losses and RCODEs are read", (t) => {
  t.deepEqual(parseDnsperf(printed(13735, '  Response codes:       NOERROR 12403 (90.30%), NXDOMAIN 1332 (9.70%)')), {
    completed: 13735,
    lost: 3,
    codes: { NOERROR: 12403, NXDOMAIN: 1332 },
    octets: 57,
  });
});

test('dnsperf without any answer is read, and one that has come to no end is a failure', (t) => {
  t.deepEqual(parseDnsperf(printed(0, '')), { completed: 0, lost: 3, codes: {}, octets: 0 });
  t.throws(() => parseDnsperf('Error: unable to bind'), { message: /nothing of "Queries completed"/ });
});

test('processor time is that of the process and of its children who have ended, whatever it is called', (t) => {
  const stat = '42 (a) R (b) S 1 42 42 0 -1 4194560 6161 0 0 0 150 50 25 75 20 0 11 0 100 1000 200';
  t.deepEqual(parseStat(stat), { user: 1.75, kernel: 1.25 });
});

test('what the threads of a process have run says its processor time more exactly, unless some have ended', (t) => {
  t.is(parseRun('123456789 55 3\n'), 0.123456789);
  t.is(parseRun(''), 0);
  const exact = refined({ user: 1.75, kernel: 1.25 }, 3.0125);
  t.is(exact.kernel, 1.25);
  t.is(sumOf(exact), 3.0125);
  t.is(sumOf(refined({ user: 1.75, kernel: 1.25 }, 0.5)), 3);
});

test("the kernel's share is not told of less than its steps can tell", (t) => {
  t.is(kernelShare({ user: 0.25, kernel: 0.75 }), 0.75);
  t.is(kernelShare({ user: -0.001, kernel: 0.08 }), 1);
  t.is(kernelShare({ user: 0.01, kernel: 0.01 }), Number.NaN);
  const trials: Trials = { readings: { zonewright: [{ figures: { cpu: 1 }, kernel: Number.NaN }] } };
  t.is(cellsOf(measure, trials)["kernel's share"], '');
});

test('memory is read in octets', (t) => {
  const text = 'Rss:               10 kB\nPss:                7 kB\nPss_Dirty:          3 kB\n';
  t.is(parseMemory(text, 'Pss'), 7168);
  t.is(parseMemory(text, 'VmHWM'), 0);
});

test('datagrams that the kernel has dropped are found by the port', (t) => {
  const table = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  12: 0100007F:14B4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000000000000000 17
  13: 0100007F:14B5 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000000000000000 4
`;
  t.is(dropsIn(table, 0x14b4), 17);
  t.is(dropsIn(table, 53), 0);
});

test('the median is the middle, a quantile the least that its share does not exceed', (t) => {
  t.is(median([3, 1, 10]), 3);
  t.is(median([4, 1, 2, 10]), 3);
  t.is(median([]), Number.NaN);
  const thousand = Array.from({ length: 1000 }, (_, i) => 1000 - i);
  t.is(quantile(thousand, 0.999), 999);
  t.is(quantile([5], 0.999), 5);
  t.is(greatest(thousand), 1000);
});

test('in each round all have their turn, and another one begins', async (t) => {
  t.deepEqual(turned(['a', 'b', 'c'], 4), ['b', 'c', 'a']);
  const order: string[] = [];
  const field: readonly (readonly [Contestant, string])[] = [
    ['zonewright', 'ours'],
    ['knot', 'theirs'],
  ];
  const readings = await inTurns(3, field, (entrant, round) => {
    order.push(`${entrant}${round}`);
    return Promise.resolve({ figures: { cpu: round } });
  });
  t.deepEqual(order, ['ours0', 'theirs0', 'theirs1', 'ours1', 'ours2', 'theirs2']);
  t.deepEqual(readings.knot, [{ figures: { cpu: 0 } }, { figures: { cpu: 1 } }, { figures: { cpu: 2 } }]);
});

test('a seed asks the same again, in the shares that the world has', (t) => {
  const asked = (seed: number): string[] => questionsOf(plainWorld(100), randomFrom(seed), 10_000).trim().split('\n');
  t.deepEqual(asked(7), asked(7));
  t.notDeepEqual(asked(7), asked(8));
  const share = (pattern: RegExp): number => asked(7).filter((line) => pattern.test(line)).length / 10_000;
  t.true(Math.abs(share(/^host\d+\.example\. A$/) - 0.8) < 0.02);
  t.true(Math.abs(share(/^none\d+\.example\. A$/) - 0.1) < 0.02);
  t.true(Math.abs(share(/^host\d+\.example\. AAAA$/) - 0.1) < 0.02);
});

const measure: Measure = {
  area: 'udp',
  title: 'questions',
  experiment: { planned: () => 0, run: () => Promise.reject(new Error('not run')) },
  figure: 'cpu',
  unit: 'us',
  wanted: { times: 0.9, of: ['knot', 'nsd'] },
};

const trialsOf = (figures: Readonly<Partial<Record<Contestant, readonly number[]>>>): Trials => ({
  readings: Object.fromEntries(
    Object.entries(figures).map(([contestant, values]) => [contestant, values.map((cpu) => ({ figures: { cpu } }))]),
  ),
});

const cellsOf = (of: Measure, trials: Trials): Readonly<Record<string, string>> =>
  Object.fromEntries(rowOf(outcomeOf(of, trials), trials).map((cell, i) => [HEADINGS[i]!, cell]));

test('ours is measured by the best of those named, by medians', (t) => {
  const trials = trialsOf({ zonewright: [9, 5, 4], knot: [10, 9, 11], nsd: [20, 20, 20], bind: [1, 1, 1] });
  const cells = cellsOf(measure, trials);
  t.is(cells.ours, '5.00');
  t.is(cells.ratio, '0.50 × Knot');
  t.is(cells.wanted, '0.9 × Knot or NSD');
  t.is(cells.reached, 'yes');
});

test('what is missed says by how much', (t) => {
  t.is(cellsOf(measure, trialsOf({ zonewright: [18], knot: [10], nsd: [20] })).reached, 'missed by 100 %');
  const limit: Measure = { ...measure, wanted: { atMost: 2 }, unit: 'ms' };
  t.is(cellsOf(limit, trialsOf({ zonewright: [3] })).reached, 'missed by 50 %');
  t.is(cellsOf(limit, trialsOf({ zonewright: [900] })).reached, 'missed by 898.0 ms');
  t.is(cellsOf(limit, trialsOf({ bind: [3] })).reached, 'not measured');
});

test('nothing is compared with what was too little to be counted', (t) => {
  t.is(cellsOf({ ...measure, wanted: undefined }, trialsOf({ zonewright: [1], bind: [0] })).ratio, '');
});

test('ours may be measured by itself under other conditions', (t) => {
  const own: Measure = { ...measure, wanted: { times: 1.1, of: ['baseline'] }, baseline: 'off' };
  const cells = cellsOf(own, trialsOf({ zonewright: [10.5], baseline: [10], knot: [1] }));
  t.like(cells, { beside: '10.00 off', ratio: '1.05 × off', wanted: '1.1 × off', reached: 'yes' });
});

test('the greatest of several rounds counts where the measure says so', (t) => {
  const longest: Measure = { ...measure, of: 'greatest', wanted: undefined };
  const cells = cellsOf(longest, trialsOf({ zonewright: [1, 7, 2] }));
  t.like(cells, { ours: '7.00', wanted: '', reached: '' });
});

test('a reading has microseconds an answer, and the share of the kernel and of what was lost', (t) => {
  const reading = readingOf({ user: 0.25, kernel: 0.75 }, { completed: 100_000, lost: 25_000 });
  t.deepEqual(reading, { figures: { cpu: 10 }, kernel: 0.75, lost: 0.2 });
  const trials: Trials = { readings: { zonewright: [reading], nsd: [{ ...reading, kernel: 0.5, lost: 0.001 }] } };
  t.is(cellsOf(measure, trials)["kernel's share"], '75 / - / 50 / - %');
  t.deepEqual(remarksOf(measure, trials), ['questions: ours lost 20.0 % of the questions.']);
});

test('other answers than ours are remarked on', (t) => {
  const ours = { completed: 100, lost: 0, codes: { NOERROR: 90, NXDOMAIN: 10 }, octets: 57 };
  t.deepEqual(differences('Knot', ours, { ...ours, codes: { NOERROR: 91, NXDOMAIN: 9 }, octets: 58 }), []);
  t.regex(differences('Knot', ours, { ...ours, codes: { REFUSED: 100 } }).join(), /^Knot answers otherwise: /);
  t.regex(differences('NSD', ours, { ...ours, octets: 83 }).join(), /^An answer of NSD has 83 octets/);
});

test('a table is aligned', (t) => {
  t.is(tableOf(['what', 'ours'], [['µs', '1.00']]), '| what | ours |\n| ---- | ---- |\n| µs   | 1.00 |\n');
});

test('the section of an area is replaced and the others stay, in the order of the areas', (t) => {
  const first = withSection(withSection('', 'axfr', 'old\n'), 'udp', 'questions\n');
  const page = withSection(first, 'axfr', 'new\n');
  t.deepEqual(
    [...sectionsIn(page)],
    [
      ['udp', 'questions'],
      ['axfr', 'new'],
    ],
  );
  t.true(page.startsWith('# '));
});

test('what a scope owns ends with it, the last first, whatever comes of the work', async (t) => {
  const ended: string[] = [];
  const work = Scope.within((scope) => {
    for (const name of ['first', 'second']) scope.teardown(() => ended.push(name));
    return Promise.reject(new Error('it did not work'));
  });
  await t.throwsAsync(work, { message: 'it did not work' });
  t.deepEqual(ended, ['second', 'first']);
});

test('what a scope has within ends with it, before what it owned before, and has failed with it', async (t) => {
  const ended: string[] = [];
  const work = Scope.within((scope) => {
    scope.teardown(() => ended.push('outer'));
    const inner = scope.inner();
    inner.teardown(() => ended.push(inner.passed ? 'inner' : 'inner, failed'));
    const done = scope.inner();
    done.teardown(() => ended.push('done'));
    return done.end().then(() => Promise.reject(new Error('it did not work')));
  });
  await t.throwsAsync(work, { message: 'it did not work' });
  t.deepEqual(ended, ['done', 'inner, failed', 'outer']);
});

test('each part of a run has its time, without that of the parts within it', async (t) => {
  let now = 0;
  const timeline = new Timeline(() => now);
  const pass = (by: number): void => {
    now += by;
  };
  pass(1000);
  await timeline.during('rounds', async () => {
    pass(5000);
    await timeline.during('ends', () => pass(300));
    pass(200);
  });
  t.is(
    tookText(timeline.take(), 4.04),
    'took 6.5 s (files 0.0, starts 0.0, rounds 5.2, ends 0.3, rest 1.0), 4.0 s of processor time',
  );
  pass(100);
  t.is(timeline.take().get('rest'), 100);
});

/** Seconds of rounds in areas, as they are planned. */
const planned = (areas: readonly Area[], scale: Scale): number =>
  areas.reduce((sum, area) => sum + plannedOf(area, scale), 0);

/** Seconds that rounds may be planned to take: what they need is started besides, which takes a third of that again. */
const QUICK = 85;
const GAP_AND_INPUT = 9 * 60;

test('a quick run is planned so that it takes less than two minutes', (t) => {
  const seconds = planned(AREAS, SCALES.quick);
  t.true(seconds < QUICK, `${seconds} s`);
});

test('a full run of gaps and bad input is planned so that it takes less than twelve minutes', (t) => {
  const seconds = planned(['gap', 'input'], SCALES.full);
  t.true(seconds < GAP_AND_INPUT, `${seconds} s`);
});

test('each measure has a title of its own', (t) => {
  const titles = MEASURES.map(({ area, title }) => `${area} ${title}`);
  t.is(new Set(titles).size, titles.length);
});

const results = join(root, 'bench/RESULTS.md');

(existsSync(results) ? test : test.skip)('each measure has a row in the results of its area', (t) => {
  const sections = sectionsIn(readFileSync(results, 'utf8'));
  const absent = MEASURES.filter(({ area, title }) => !sections.get(area)?.includes(`\n| ${title} `));
  t.deepEqual(
    absent.map(({ area, title }) => `${area}: ${title}`),
    [],
  );
});
