/**
 * What has to hold when all is over, judged by the whole past of the branch: what was acknowledged is there, once and in order; what was pushed
 * by hand is among the ancestors, and in force; a commit of the server changes the lines that it has to and no others.
 */
import type { Hands } from './hands.ts';
import { type Past, type PastCommit, pastOf } from './past.ts';
import type { Stage } from './stage.ts';
import { countsIn } from './tally.ts';
import { BROKEN, type CrashZone, handLines } from './world.ts';

/** The trailer by which a commit of the server says which entries of its journal are in it. */
const MARK = /^Zonewright-Journal: ([0-9a-f]{32}) (\d+) [0-9a-f]{32}$/m;

const isOurs = ({ author }: PastCommit): boolean => /\bzonewright\b/.test(author);

/** All that is wrong with the branch as it is now. */
export async function judge(stage: Stage, hands: readonly Hands[]): Promise<readonly string[]> {
  const fileNames = stage.zones.map(({ fileName }) => fileName);
  return faultsIn(await pastOf(stage.repository, fileNames), stage, hands);
}

/** All that is wrong with a past. */
export function faultsIn(
  past: Past,
  stage: Pick<Stage, 'zones' | 'tallies' | 'ack'>,
  hands: readonly Pick<Hands, 'number' | 'commits' | 'faultsIn'>[],
): readonly string[] {
  const { zones } = stage;
  const head = past.commits.at(-1)!;
  const ids = new Set(past.commits.map(({ id }) => id));
  const textOf = ({ files }: PastCommit, fileName: string): string => past.texts.get(files.get(fileName) ?? '') ?? '';
  const lost = hands.flatMap(({ number, commits }) =>
    commits.filter((id) => !ids.has(id)).map((id) => `commit ${id} of hands ${number} is lost`),
  );
  return [
    ...lost,
    ...zones.flatMap((zone) => hands.flatMap((each) => each.faultsIn(zone, textOf(head, zone.fileName)))),
    ...zones.flatMap((zone) => finalFaults(stage, zone, textOf(head, zone.fileName))),
    ...orderFaults(past, zones, textOf),
    ...ownFaults(past, zones, textOf),
    ...(stage.ack === 'journal' ? markFaults(past) : []),
  ];
}

/** Every acknowledged update is at the head. */
function finalFaults({ tallies }: Pick<Stage, 'tallies'>, zone: CrashZone, text: string): readonly string[] {
  if (text.includes(BROKEN)) return [`${zone.fileName} is broken at the end`];
  const counts = countsIn(text);
  return tallies
    .filter((tally) => tally.zone === zone)
    .flatMap(({ number, settled, may }) => {
      const count = counts.get(number);
      if (typeof count === 'string') return [`${zone.fileName} at the end: ${count}`];
      if (count !== undefined && count >= settled && count <= may) return [];
      return [`${zone.fileName} at the end: tally ${number} is at ${count}, and ${settled} to ${may} are possible`];
    });
}

/** In each commit each tally is whole, and nowhere less than in a parent: nothing was run twice, or in another order. */
function orderFaults(
  { commits }: Past,
  zones: readonly CrashZone[],
  textOf: (commit: PastCommit, fileName: string) => string,
): readonly string[] {
  const faults: string[] = [];
  const known = new Map<string, ReadonlyMap<number, number>>();
  for (const commit of commits) {
    const counts = new Map<number, number>();
    for (const { fileName } of zones)
      for (const [number, count] of countsIn(textOf(commit, fileName)))
        if (typeof count === 'string') faults.push(`${commit.id}: ${count}`);
        else counts.set(number, count);
    for (const parent of commit.parents)
      for (const [number, before] of known.get(parent) ?? [])
        if ((counts.get(number) ?? -1) < before)
          faults.push(`${commit.id}: tally ${number} goes from ${before} to ${counts.get(number) ?? 'nothing'}`);
    known.set(commit.id, counts);
  }
  return faults;
}

/** A commit of the server has one parent, and differs from it in lines that UPDATEs change and in serials. */
function ownFaults(
  { commits }: Past,
  zones: readonly CrashZone[],
  textOf: (commit: PastCommit, fileName: string) => string,
): readonly string[] {
  const byId = new Map(commits.map((commit) => [commit.id, commit]));
  return commits.filter(isOurs).flatMap((commit) => {
    const parent = byId.get(commit.parents[0] ?? '');
    if (parent === undefined || commit.parents.length !== 1)
      return [`${commit.id} has ${commit.parents.length} parents`];
    return zones
      .filter(({ fileName }) => handLines(textOf(commit, fileName)) !== handLines(textOf(parent, fileName)))
      .map(({ fileName }) => `${commit.id} changes other lines of ${fileName}`);
  });
}

/** Of one journal, positions rise from commit to commit. */
function markFaults({ commits }: Past): readonly string[] {
  const faults: string[] = [];
  let last: { readonly id: string; readonly journal: string; readonly position: number } | undefined;
  for (const { id, message } of commits.filter(isOurs)) {
    const [, journal = '', position = '0'] = MARK.exec(message) ?? [];
    if (journal === '') faults.push(`${id} has no mark`);
    else {
      if (last !== undefined && (journal !== last.journal || Number(position) < last.position))
        faults.push(`${id} has the mark ${journal} ${position}, after ${last.journal} ${last.position} of ${last.id}`);
      last = { id, journal, position: Number(position) };
    }
  }
  return faults;
}
