/**
 * Crashes: a primary that is ended at every step of its way, again and again, while its zones are updated and committed to, and the remote has
 * its moods. What it finds is a report: nothing is asserted here.
 */
import type { Chance } from '../support/mutation.ts';
import type { Owner } from '../support/owner.ts';
import type { Secrecy } from '../support/secrecy.ts';
import { Life } from './life.ts';
import { Plan } from './plan.ts';
import { Theatre, type TheatreOptions } from './theatre.ts';
import { makeWeather } from './weather.ts';
import { ZONES } from './world.ts';

/** A place to crash in; `share`: its part of all crashes; `never`: steps to which there is no way there. */
export interface Place extends Pick<TheatreOptions, 'way' | 'ack'> {
  readonly share: number;
  readonly never?: readonly string[];
}

export interface CrashOptions {
  /** So many at least; more, up to {@link MORE} at each place, while there are steps at which no life has ended. */
  readonly kills: number;
  readonly places: readonly Place[];
  readonly steps: readonly string[];
  readonly chance: Chance;
}

export interface CrashReport {
  readonly lines: readonly string[];
  readonly faults: readonly string[];
  /** Lives that were ended by SIGKILL. */
  readonly kills: number;
  /** Steps at which no life has ended. */
  readonly open: readonly string[];
}

const MORE = 8;
const UPDATERS = 6;
const COMMITTERS = 2;
const LEISURE = { update: 60, commit: 700 } as const;
/** Milliseconds that a life lasts at most after it is ready: where no step is waited for, where one is, and where that is a new one. */
const ANY = 600;
const PATIENCE = 2500;
const LONG_PATIENCE = 15_000;
/** One life of so many ends at any time, and one of so many that go on for too long by SIGTERM. */
const ANY_TIME = 12;
const GENTLE = 3;

export async function crash(owner: Owner, secrecy: Secrecy, options: CrashOptions): Promise<CrashReport> {
  const { kills, places, steps, chance } = options;
  const plan = new Plan(steps, chance);
  const all = places.reduce((sum, { share }) => sum + share, 0);
  const reports = await Promise.all(
    places.map((place) => crashAt(owner, secrecy, place, Math.ceil((kills * place.share) / all), plan, chance)),
  );
  return {
    lines: [...reports.map(({ line }) => line), `steps: ${plan.report}`],
    faults: reports.flatMap(({ faults }) => faults),
    kills: reports.reduce((sum, report) => sum + report.kills, 0),
    open: plan.open,
  };
}

async function crashAt(
  owner: Owner,
  secrecy: Secrecy,
  { way, ack, never = [] }: Place,
  wanted: number,
  plan: Plan,
  chance: Chance,
): Promise<{ readonly line: string; readonly faults: readonly string[]; readonly kills: number }> {
  const setting = { way, ack, zones: ZONES, updaters: UPDATERS, committers: COMMITTERS, chance };
  const theatre = await Theatre.open(owner, secrecy, setting);
  const life = new Life(owner, theatre);
  // Whatever the weather, the first life begins well: who knows no zones yet has nothing to serve.
  await life.rise();
  let isHealed = false;
  const weather = makeWeather(theatre.stage.repository, theatre.passage, chance, () => isHealed);
  const played = theatre.play(LEISURE);
  let kills = 0;
  try {
    await life.stop();
    const isEnough = (): boolean =>
      kills >= wanted + MORE || (kills >= wanted && plan.open.every((step) => never.includes(step)));
    while (!isEnough() && !theatre.stage.hasFailed()) {
      const ending = chance(ANY_TIME) === 0 ? undefined : plan.next(`${way} ${ack}`, never);
      const isGentle = ending !== undefined && chance(GENTLE) === 0;
      const patience = ending === undefined ? chance(ANY) : plan.isNew(ending) ? LONG_PATIENCE : PATIENCE;
      const { hasEnded, reached } = await life.live(ending, patience, isGentle);
      if (ending !== undefined) plan.note(`${way} ${ack}`, ending, hasEnded, reached);
      if (hasEnded || !isGentle) kills++;
      else theatre.stage.count('lives ended by SIGTERM');
    }
    if (!theatre.stage.hasFailed()) await life.rise();
  } catch (error) {
    theatre.stage.fail((error as Error).message);
  }
  isHealed = true;
  await weather;
  theatre.end();
  await played;
  const hasRisen = !theatre.stage.hasFailed();
  const faults = await theatre.verdict();
  if (hasRisen) await life.stop().catch((error: Error) => theatre.stage.fail(error.message));
  return { line: `${kills} crashes, ${theatre.report}`, faults, kills };
}
