/** A race: many who update and some who commit, all in one zone, as fast as they can, with a remote that declines at random. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Chance } from '../support/mutation.ts';
import type { Owner } from '../support/owner.ts';
import type { Secrecy } from '../support/secrecy.ts';
import { Life } from './life.ts';
import { Theatre, type TheatreOptions } from './theatre.ts';
import { ZONES } from './world.ts';

export interface RaceOptions extends Pick<TheatreOptions, 'ack' | 'way'> {
  readonly operations: number;
  readonly chance: Chance;
}

const UPDATERS = 10;
const COMMITTERS = 3;
/** The part of the operations that are commits. */
const COMMITS = 0.03;
/** One push of so many is declined. */
const DECLINED = 5;
const LEISURE = { update: 0, commit: 100 } as const;

export async function race(
  owner: Owner,
  secrecy: Secrecy,
  { operations, chance, way, ack }: RaceOptions,
): Promise<{ readonly line: string; readonly faults: readonly string[] }> {
  const [zone] = ZONES;
  const commit = Math.ceil(operations * COMMITS);
  const setting = { way, ack, zones: [zone!], updaters: UPDATERS, committers: COMMITTERS, chance };
  const theatre = await Theatre.open(owner, secrecy, {
    ...setting,
    operations: { update: operations - commit, commit },
  });
  writeFileSync(
    join(theatre.stage.repository.path, 'hooks', 'pre-receive'),
    `#!/bin/sh\n[ $(($(od -An -N2 -tu2 /dev/urandom) % ${DECLINED})) -ne 0 ] || { echo "not now" >&2; exit 1; }\n`,
    { mode: 0o755 },
  );
  const life = new Life(owner, theatre);
  await life.rise();
  await theatre.play(LEISURE);
  const faults = await theatre.verdict();
  await life.stop().catch((error: Error) => theatre.stage.fail(error.message));
  return { line: theatre.report, faults };
}
