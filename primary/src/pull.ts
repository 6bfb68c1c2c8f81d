/**
 * Pulling: what the remote has is fetched, read and compared without holding up updates; in the end, in the turn of the versions, it is
 * decided what that makes of each zone (`takeover.ts`), journalled, and published.
 *
 * Always holds: a fault on the way leaves all as it was; only marks of our own close entries, and only those that a commit of ours can
 * have held.
 */
import type { GitFault } from '@zonewright/common/git/store';
import type { Name } from '@zonewright/common/name';
import { fail, ok, type Result } from '@zonewright/common/result';
import { takeIn } from './intake.ts';
import type { JournalFault, JournalWrite, LastGood } from './journal/journal.ts';
import type { Head, Source } from './repository/repository.ts';
import type { State } from './state.ts';
import { step } from './step.ts';
import { decideAll, type Takeover } from './takeover.ts';

export type PullFault = GitFault | JournalFault;

/** What a pull has found of our own commits. */
export interface Pulled {
  /** Up to which position the entries of a zone are in the remote, as far as that is news. */
  arrivedOf(origin: Name): number;
}

const NO_NEWS: Pulled = { arrivedOf: () => 0 };

const BRANCH_GONE: GitFault = {
  kind: 'refused',
  what: 'the branch is not there any more',
  hint: 'what was last read stays served; was it renamed? see --remote URL#BRANCH',
};

/** In the turn of the repository. `isInTurn`: in that of the versions as well. */
export async function pull(
  state: State,
  from: 'known' | 'remote',
  isInTurn = false,
): Promise<Result<Pulled, PullFault>> {
  const pulled = await pullNow(state, from, isInTurn);
  if (from === 'remote') state.fault = pulled.ok ? undefined : pulled.fault;
  return pulled;
}

async function pullNow(state: State, from: 'known' | 'remote', isInTurn: boolean): Promise<Result<Pulled, PullFault>> {
  const { repository, publisher, journal } = state;
  const since = publisher.commit ?? journal.kept.inForce;
  const taken = await repository.take({ from, journal: journal.marker.id, ...(since === undefined ? {} : { since }) });
  if (!taken.ok) return taken;
  const head = taken.value;
  if (head.commit === undefined && publisher.commit !== undefined) return fail(BRANCH_GONE);
  if (head.extent === 'none') return ok(NO_NEWS);
  const intake = await takeIn(repository, head.first, state.served);
  if (!intake.ok) return intake;
  step('pull.fetched');
  const finish = async (): Promise<Result<Pulled, PullFault>> => {
    if (head.isForced && since !== undefined)
      state.log.warn(
        'branch.forced',
        { from: since, commit: head.commit },
        'the history of the branch was rewritten: what it says now is served',
      );
    const arrivedOf = arrivals(state, head);
    const { zones, files } = publisher;
    const { unwritten, serialPolicy, notes } = state;
    const time = state.time.wall;
    const takeover = await decideAll(
      {
        zones,
        files,
        unwritten,
        serialPolicy,
        arrivedOf,
        floorOf: (origin) => notes.floorOf(origin),
        lastOf: async (origin) =>
          journal.kept.inForce === undefined ? undefined : (await journal.historyOf(origin)).at(-1)?.to,
        time,
      },
      head,
      intake.value,
    );
    const lastGood = lastGoodOf(state, takeover);
    const catalog = await state.decideCatalog(takeover, time);
    const noted = [...notes.changesBy(takeover, time), ...(catalog === undefined ? [] : [catalog.note])];
    const written = await journal.write({ ...journalled(state, takeover, lastGood), notes: noted });
    if (!written.ok) return written;
    step('pull.journalled');
    state.noted = takeover.commit ?? state.noted;
    notes.take(noted);
    for (const [fileName, source] of lastGood) {
      if (source === undefined) state.lastGood.delete(fileName);
      else state.lastGood.set(fileName, source);
    }
    await publisher.takeOver(takeover, catalog);
    for (const { raised } of takeover.zones) if (raised !== undefined) state.unwritten.skipTo(raised.position);
    step('pull.published');
    return ok({ arrivedOf });
  };
  return isInTurn ? finish() : state.versions.take(finish);
}

/**
 * What our marks in the commits that came since say of each zone. One beyond what a commit can have held that was made since the start
 * is of a time that the journal has forgotten, having been put back: it says nothing of what was acknowledged since.
 */
function arrivals(state: State, head: Head): (origin: Name) => number {
  const { attempted, journal, unwritten } = state;
  const marks = head.marks.filter((mark) => journal.marker.isOurs(mark));
  let newest = 0;
  for (const { position } of marks) newest = Math.max(newest, position);
  // Whatever the journal has forgotten, no position is ever given twice.
  unwritten.skipTo(newest);
  const byZone = new Map<string, number>();
  return (origin) => {
    if (newest === 0) return 0;
    const known = byZone.get(origin.key);
    if (known !== undefined) return known;
    const text = origin.toString();
    let arrived = 0;
    for (const { position, without } of marks) {
      const upTo = position <= attempted ? position : journal.kept.position;
      if (upTo > arrived && !without.includes(text)) arrived = upTo;
    }
    byZone.set(origin.key, arrived);
    return arrived;
  };
}

/** What changes of the last good versions that have to be kept. */
function lastGoodOf({ lastGood, publisher }: State, { zones, keys, gone }: Takeover): Map<string, Source | undefined> {
  const changes = new Map<string, Source | undefined>();
  const note = (fileName: string, source: Source | undefined): void => {
    const before = lastGood.get(fileName);
    if (before?.oid !== source?.oid) changes.set(fileName, source);
  };
  for (const { file, standing } of zones)
    if (file !== undefined) note(file.fileName, standing.isBroken ? standing.source : undefined);
  for (const { fileName, findings } of keys) {
    const isBroken = findings.some(({ severity }) => severity === 'error');
    note(fileName, isBroken ? publisher.files.keySource(fileName) : undefined);
  }
  for (const { fileName } of gone) note(fileName, undefined);
  return changes;
}

function journalled(
  { publisher }: State,
  { commit, zones, gone }: Takeover,
  lastGood: ReadonlyMap<string, Source | undefined>,
): JournalWrite {
  const plain = ([fileName, source]: readonly [string, Source | undefined]): [string, LastGood | undefined] => [
    fileName,
    source && { oid: source.oid, includes: new Map(source.includes) },
  ];
  const unknown = zones.filter(({ zone, delta, isNews }) => zone !== undefined && isNews && delta === undefined);
  return {
    ...(commit === undefined ? {} : { inForce: commit }),
    entries: zones.flatMap(({ raised }) => raised ?? []),
    closed: [
      ...zones.flatMap(({ closed }) => closed),
      ...gone.flatMap(({ open }) => open.map(({ position }) => position)),
    ],
    lastGood: new Map([...lastGood].map(plain)),
    deltas: zones.flatMap(({ delta, isNews }) => (isNews ? (delta ?? []) : [])),
    withdrawn: [
      // At the first start nothing is known of any zone, and there is nothing to forget.
      ...(publisher.commit === undefined ? [] : unknown.map(({ standing }) => standing.origin)),
      ...gone.flatMap(({ origin }) => origin ?? []),
    ],
  };
}
