/**
 * `npm run bench -- [quick] [AREA...] [--write] [--seed N]`: measures, prints the tables, and writes `bench/RESULTS.md`; a quick run writes only
 * with `--write`.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { missing } from '@zonewright/test/support/needs';
import { describeMachine, presentLoad } from './machine.ts';
import { AREAS, type Area, type Bench, type Experiment, type Trials } from './measure.ts';
import { MEASURES, plannedOf } from './measures.ts';
import { sumOf, usageOf } from './process-usage.ts';
import { HEADINGS, outcomeOf, remarksOf, rowOf, tableOf } from './report.ts';
import { writeSection } from './results.ts';
import { SCALES } from './scales.ts';
import { Scope } from './scope.ts';
import { Standing } from './standing.ts';
import { timeline, tookText } from './timeline.ts';

const PROGRAMS = [
  'git',
  'knotd',
  'nsd',
  'named',
  'nsupdate',
  'dnsperf',
  'dnssec-keygen',
  'dnssec-dsfromkey',
  'ldns-signzone',
  'taskset',
  'pebble',
];

const print = (text: string): void => void process.stdout.write(text);

const isArea = (text: string): text is Area => (AREAS as readonly string[]).includes(text);

/** Measures an area and gives its section of the results. */
const measure = async (area: Area, bench: Bench, machine: string): Promise<string> => {
  const done = new Map<Experiment, Trials>();
  const rows: (readonly string[])[] = [];
  const remarks: string[] = [];
  const load = presentLoad();
  for (const each of MEASURES.filter((it) => it.area === area)) {
    let trials = done.get(each.experiment);
    if (trials === undefined) {
      bench.say(`${area}: ${each.title}`);
      trials = await each.experiment.run(bench);
      done.set(each.experiment, trials);
      remarks.push(...remarksOf(each, trials));
    }
    rows.push(rowOf(outcomeOf(each, trials), trials));
  }
  const { name, loadRounds, questions, million, large, signed, zones, several, many, file, certificates } = bench.scale;
  const sizes =
    name === 'full'
      ? ''
      : ` 1 M stands for ${million}, 100 k for ${large} (signed ${signed}), 10 k zones for ${zones}, 10 secondaries for ${several}, 50 for ${many}, 50 MB for ${file / 1e6}, 200 names for ${certificates}.`;
  const rough = name === 'full' ? '' : ' Its figures are rough: zones are small, loads short, rounds few.';
  const run =
    `A ${name} run of ${new Date().toISOString().slice(0, 16)}Z with seed ${bench.seed}: ${loadRounds} round${loadRounds === 1 ? '' : 's'} of ${questions} questions; ` +
    `load average ${load} before it.${rough}${sizes} On ${machine}.`;
  const notes = remarks.map((remark) => `- ${remark}\n`).join('');
  return `${run}\n\n${tableOf(HEADINGS, rows)}${notes === '' ? '' : `\n${notes}`}`;
};

const main = async (): Promise<number> => {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { write: { type: 'boolean', default: false }, seed: { type: 'string' } },
  });
  const unknown = positionals.filter((word) => word !== 'quick' && !isArea(word));
  const seed = values.seed === undefined ? randomInt(2 ** 32) : Number(values.seed);
  if (unknown.length > 0 || !Number.isInteger(seed)) {
    process.stderr.write(`usage: npm run bench -- [quick] [${AREAS.join('|')}]... [--write] [--seed N]\n`);
    return 2;
  }
  const absent = missing(...PROGRAMS);
  if (absent !== undefined) {
    process.stderr.write(`needs the packages ${absent.join(', ')}\n`);
    return 2;
  }
  const isQuick = positionals.includes('quick');
  const chosen = AREAS.filter((area) => positionals.includes(area));
  const started = performance.now();
  const say = (text: string): void =>
    void process.stderr.write(`${((performance.now() - started) / 1000).toFixed(0).padStart(5)} s  ${text}\n`);
  const scale = isQuick ? SCALES.quick : SCALES.full;
  const machine = await describeMachine();
  for (const area of chosen.length === 0 ? AREAS : chosen) {
    const processor = sumOf(usageOf(process.pid));
    timeline.take();
    say(`${area}: about ${plannedOf(area, scale).toFixed(0)} s of rounds`);
    const section = await Scope.within((scope) =>
      measure(area, { scale, seed, say, standing: new Standing(scope) }, machine),
    );
    say(`${area}: ${tookText(timeline.take(), sumOf(usageOf(process.pid)) - processor)}`);
    print(`\n## ${area}\n\n${section}`);
    if (!isQuick || values.write) writeSection(area, section);
  }
  say('done');
  return 0;
};

const INTERRUPTED = 130;
const interruption = new Promise<number>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => void Scope.endAll().finally(() => resolve(INTERRUPTED)));
});
const work = main();
// What fails after an interruption fails because of it.
process.exit(
  await Promise.race([
    work.catch(async (fault) => {
      if (Scope.isInterrupted) return interruption;
      // Of what goes on side by side, the others are still there when one has failed.
      await Scope.endAll();
      throw fault;
    }),
    interruption,
  ]),
);
