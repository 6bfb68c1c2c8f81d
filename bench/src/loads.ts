/**
 * The same load for several servers, in turns: processor time of the server for each answer.
 *
 * Each server is asked by dnsperf as fast as it answers, with a hundred questions under way, alone; the others run and have nothing to
 * do. The order turns by one from round to round.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@zonewright/test/support/owner';
import { dnsperf, type Load } from './dnsperf.ts';
import type { Bench, Experiment, Reading, Trials } from './measure.ts';
import { kernelShare, type Usage, usageOf, usageSince } from './process-usage.ts';
import { randomFrom } from './random.ts';
import { type Field, inTurns } from './rounds.ts';
import type { Scale } from './scales.ts';
import { Scope } from './scope.ts';
import {
  type Flag,
  fieldOf,
  type Running,
  SERVERS,
  type ServerName,
  type Setting,
  startServers,
  TITLES,
} from './servers.ts';
import { timeline } from './timeline.ts';
import { questionsOf, type World } from './worlds.ts';

/** Asks a server all questions of a file, as fast as it answers. */
export type Ask = (server: Running, questions: string) => Promise<Load>;

export interface LoadOptions {
  readonly world: (bench: Bench, scope: Scope) => World | Promise<World>;
  /** dnsperf over UDP unless given. */
  readonly ask?: Ask;
  readonly setting?: Partial<Setting>;
  /** The part of the questions of a round that are asked, where each costs much; 1 unless given. */
  readonly share?: number;
  /** Seconds that one question takes, about. */
  readonly pace?: number;
  /** Options of ours as `baseline`, which makes it a comparison of ours with itself. */
  readonly baseline?: readonly Flag[];
}

/** Shares of RCODEs that differ by more than this are another answer. */
const SHARE = 0.02;
/** Answers that are larger than ours by this factor, or smaller, are worth a remark. */
const SIZE = 1.1;

/** The figures of one load. */
export const readingOf = (usage: Usage, load: Pick<Load, 'completed' | 'lost'>): Reading => ({
  figures: { cpu: ((usage.user + usage.kernel) / load.completed) * 1e6 },
  kernel: kernelShare(usage),
  lost: load.lost / (load.completed + load.lost),
});

/** What is different in the answers of a server, as remarks. */
export const differences = (server: string, ours: Load, theirs: Load): readonly string[] => {
  const shareOf = (load: Load, code: string): number => (load.codes[code] ?? 0) / load.completed;
  const codes = new Set([...Object.keys(ours.codes), ...Object.keys(theirs.codes)]);
  const other = [...codes].filter((code) => Math.abs(shareOf(ours, code) - shareOf(theirs, code)) > SHARE);
  const factor = theirs.octets / ours.octets;
  return [
    ...(other.length === 0
      ? []
      : [`${server} answers otherwise: ${JSON.stringify(theirs.codes)}, ours ${JSON.stringify(ours.codes)}.`]),
    ...(factor > SIZE || factor < 1 / SIZE
      ? [`An answer of ${server} has ${theirs.octets} octets on average, one of ours ${ours.octets}.`]
      : []),
  ];
};

/** Questions after which ours has compiled what it answers with; the others have no compiler. */
const COMPILED = 20_000;

/** How often a server is asked all questions before it counts. */
const warmUpsOf = (server: ServerName, { questions }: Scale): number =>
  server === 'zonewright' ? Math.ceil(COMPILED / questions) : 1;

const compare = async (bench: Bench, field: Field<Running>, questions: string, ask: Ask): Promise<Trials> => {
  const last = new Map<Running, Load>();
  await timeline.during('rounds', async () => {
    for (const [, server] of field)
      for (let i = 0; i < warmUpsOf(server.server, bench.scale); i++) await ask(server, questions);
  });
  const readings = await inTurns(bench.scale.loadRounds, field, async (server) => {
    const before = usageOf(server.program.pid);
    const done = await ask(server, questions);
    last.set(server, done);
    return readingOf(usageSince(server.program.pid, before), done);
  });
  const [[, first]] = field as readonly [Field<Running>[number]];
  const remarks = [...last].flatMap(([{ server }, load]) => differences(TITLES[server], last.get(first)!, load));
  return { readings, remarks };
};

/** Seconds that a question takes, and a client beside its questions, about. */
const PACE = 15e-6;
const CLIENT = 0.15;

/** The experiment of a load: its figure is `cpu`, microseconds for each answer. */
export const loadOf = ({
  world,
  ask = (server, questions) => dnsperf(server, questions),
  setting = {},
  baseline,
  share = 1,
  pace = PACE,
}: LoadOptions): Experiment => ({
  planned: (scale) => {
    const servers = baseline === undefined ? SERVERS : (['zonewright', 'zonewright'] as const);
    const loads = servers.reduce((sum, server) => sum + warmUpsOf(server, scale) + scale.loadRounds, 0);
    return loads * (CLIENT + scale.questions * share * pace);
  },
  run: (bench) =>
    Scope.within(async (scope) => {
      const made = await timeline.during('files', () => world(bench, scope));
      const questions = join(temporaryFolder(scope, 'questions'), 'questions');
      writeFileSync(questions, questionsOf(made, randomFrom(bench.seed), Math.ceil(bench.scale.questions * share)));
      const whole: Setting = { ...setting, zones: made.zones, isPinned: true };
      if (baseline === undefined) return compare(bench, fieldOf(await bench.standing.servers(whole)), questions, ask);
      const start = async (each: Setting): Promise<Running> => (await startServers(scope, each, ['zonewright']))[0]!;
      const [ours, other] = await Promise.all([start(whole), start({ ...whole, flags: baseline })]);
      return compare(bench, [...fieldOf([ours]), ['baseline', other]], questions, ask);
    }),
});
