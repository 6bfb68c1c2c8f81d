/**
 * What a commit did to a zone, or to a name of it: one entry of `zonewright log`.
 *
 * A version with errors is told as such, and nothing is compared with it: what it changed shows where the file was repaired. Of a
 * merge there is what it did itself, and not what came with one of its parents.
 */
import { isError, placeOf } from '@zonewright/common/authority/file-finding';
import type { ZoneReading } from '@zonewright/common/authority/zone-file';
import type { Change, CommitText, GitFault, GitStore } from '@zonewright/common/git/store';
import type { Name } from '@zonewright/common/name';
import { ok, type Result } from '@zonewright/common/result';
import { type RecordChange, type ResourceRecord, recordKey } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import { type Delta, diffNames, diffZonesWithin, isSoaEdited } from '@zonewright/common/zone/delta';
import type { Zone } from '@zonewright/common/zone/zone';
import type { ZoneHistory } from '@zonewright/primary/repository/zone-history';
import { differenceOfRecords, printDifference, type RecordDifference } from './check-difference.ts';
import { printable, printJson } from './printable.ts';

/** What is asked for. */
export interface Subject {
  readonly name?: Name;
  readonly type?: number;
}

export interface LogEntry {
  readonly commit: string;
  readonly author: CommitText['author'];
  /** RFC 3339, by the author's clock. */
  readonly time: string;
  readonly message: string;
  /** `edited`: from one good version to another. */
  readonly kind: 'added' | 'removed' | 'edited' | 'broken';
  /** Serials before and after. */
  readonly from?: number;
  readonly to?: number;
  /** Commits with errors between the two versions: some of it may be their doing. */
  readonly broken?: readonly string[];
  readonly changes: readonly RecordDifference[];
  /** Were there more than are told? */
  readonly isCut: boolean;
  /** `FILE:LINE:COLUMN: what` of a version with errors. */
  readonly errors: readonly string[];
}

/** Records that one entry tells, and errors. */
const MAX_TOLD = 10_000;
const MAX_ERRORS = 20;
/** The digits of a commit that are shown. */
const SHORT = 12;

/** The entry of a commit; `undefined` where it is of no interest to who asks. */
export async function entryOf(
  store: GitStore,
  history: ZoneHistory,
  change: Change,
  subject: Subject,
): Promise<Result<LogEntry | undefined, GitFault>> {
  if (change.isCut) return ok(undefined);
  const next = change.state === undefined ? undefined : await history.read(change.state);
  if (next?.ok === false) return next;
  const told = await storyOf(history, change, next?.value, subject);
  if (!told.ok || told.value === undefined) return told as Result<undefined, GitFault>;
  const about = await store.about(change.commit);
  if (!about.ok) return about;
  const { author, time, message } = about.value;
  return ok({ commit: change.commit, author, time: printTime(time), message, ...told.value });
}

type Story = Omit<LogEntry, 'commit' | 'author' | 'time' | 'message'>;

async function storyOf(
  history: ZoneHistory,
  { parents }: Change,
  next: ZoneReading | undefined,
  subject: Subject,
): Promise<Result<Story | undefined, GitFault>> {
  const isWhole = subject.name === undefined && subject.type === undefined;
  if (next !== undefined && next.zone === undefined) {
    // What it changed of a name nobody can tell: that shows where the file was repaired.
    if (!isWhole) return ok(undefined);
    // A file without any SOA is no zone yet, or no more.
    if (!next.hasSoa && parents.every(({ state }) => state === undefined)) return ok(undefined);
    const errors = next.findings.filter(isError).slice(0, MAX_ERRORS);
    const texts = errors.map((finding) => `${placeOf(history.fileName, finding)}: ${finding.what}`);
    return ok({ kind: 'broken', changes: [], isCut: false, errors: texts });
  }
  const before: Zone[] = [];
  const broken = new Set<string>();
  for (const { commit, state } of parents) {
    const good = await history.goodAt(commit, state);
    if (!good.ok) return good;
    if (good.value.reading?.zone !== undefined) before.push(good.value.reading.zone);
    for (const each of good.value.broken) broken.add(each);
  }
  const [first] = before;
  const zone = next?.zone;
  if (first === undefined && zone === undefined) return ok(undefined);
  const numbers = {
    ...(first === undefined ? {} : { from: first.serial }),
    ...(zone === undefined ? {} : { to: zone.serial }),
    ...(broken.size === 0 ? {} : { broken: [...broken] }),
  };
  const kind = first === undefined ? 'added' : zone === undefined ? 'removed' : 'edited';
  const change = kind === 'edited' ? ownChange(before, zone!, subject) : wholeChange(first, zone, subject);
  if (change === undefined) return ok({ kind, ...numbers, changes: [], isCut: true, errors: [] });
  const changes = differenceOfRecords(change);
  return ok(isWhole || changes.length > 0 ? { kind, ...numbers, changes, isCut: false, errors: [] } : undefined);
}

/** What a zone has, all of it new or gone; of the whole zone that it came or went says enough. */
function wholeChange(old: Zone | undefined, next: Zone | undefined, { name, type }: Subject): RecordChange {
  const recordsOf = (zone: Zone | undefined): readonly ResourceRecord[] => {
    if (zone === undefined || (name === undefined && type === undefined)) return [];
    const soa = [zone.soaRecord()].filter(isOf({ ...(name && { name }), type: type ?? TYPE.SOA }));
    return [...soa, ...firstOf(zone.records(), isOf({ ...(name && { name }), ...(type !== undefined && { type }) }))];
  };
  return { removed: recordsOf(old), added: recordsOf(next) };
}

function firstOf(
  records: Iterable<ResourceRecord>,
  isWanted: (record: ResourceRecord) => boolean,
): readonly ResourceRecord[] {
  const found: ResourceRecord[] = [];
  for (const record of records) if (isWanted(record) && found.push(record) >= MAX_TOLD) break;
  return found;
}

/** What a version has that none of those before it had, and has no more what all of them had; `undefined`: too much. */
function ownChange(before: readonly Zone[], next: Zone, subject: Subject): RecordChange | undefined {
  const changes: RecordChange[] = [];
  for (const old of before) {
    const delta =
      subject.name === undefined ? diffZonesWithin(old, next, MAX_TOLD) : diffNames(old, next, [subject.name]);
    if (delta === undefined) return undefined;
    changes.push(interesting(delta, old, next, subject));
  }
  const [first, ...others] = changes;
  return {
    removed: others.reduce((records, { removed }) => common(records, removed), first!.removed),
    added: others.reduce((records, { added }) => common(records, added), first!.added),
  };
}

/** The SOA counts where somebody asks for it, or where more of it changed than its serial. */
function interesting({ removed, added }: Delta, old: Zone, next: Zone, subject: Subject): RecordChange {
  const isWanted = isOf(subject);
  const isSoaShown = subject.type === TYPE.SOA || isSoaEdited(old, next);
  const of = ([soa, ...records]: readonly ResourceRecord[]): readonly ResourceRecord[] =>
    [...(isSoaShown ? [soa!] : []), ...records].filter(isWanted);
  return { removed: of(removed), added: of(added) };
}

function isOf({ name, type }: Subject): (record: ResourceRecord) => boolean {
  return (record) => (name === undefined || record.name.equals(name)) && (type === undefined || record.type === type);
}

function common(some: readonly ResourceRecord[], others: readonly ResourceRecord[]): readonly ResourceRecord[] {
  const keyOf = (record: ResourceRecord): string => `${record.ttl} ${recordKey(record)}`;
  const keys = new Set(others.map(keyOf));
  return some.filter((record) => keys.has(keyOf(record)));
}

/** The last second of the year 9999, beyond which RFC 3339 has no dates. */
const LAST_SECOND = 253_402_300_799;

const printTime = (seconds: number): string =>
  new Date(Math.min(seconds, LAST_SECOND) * 1000).toISOString().replace('.000Z', 'Z');

const subjectOf = (message: string): string => message.trimStart().split('\n', 1)[0]!.trimEnd();

const shortList = (commits: readonly string[]): string => commits.map((commit) => commit.slice(0, SHORT)).join(' ');

/** Lines for people. */
export function printEntry(entry: LogEntry): readonly string[] {
  const { commit, author, time, message, kind, from, to, broken = [], changes, isCut, errors } = entry;
  const what = {
    added: `zone added, serial ${to}`,
    removed: `zone removed, serial ${from}`,
    broken: 'errors, not served',
    edited: `serial ${from} -> ${to}`,
  }[kind];
  return [
    `${commit.slice(0, SHORT)} ${time} ${what}, by ${printable(author.name)} <${printable(author.email)}>`,
    `    ${printable(subjectOf(message))}`,
    ...(broken.length === 0 ? [] : [`    since the last version without errors; with errors: ${shortList(broken)}`]),
    ...errors.map((error) => `  ! ${printable(error)}`),
    ...changes.map((change) => `  ${printDifference(change)}`),
    ...(isCut ? [`  more than ${MAX_TOLD} records`] : []),
  ];
}

/** One line of JSON. */
export function jsonOfEntry({ message, author, isCut, ...entry }: LogEntry): string {
  return printJson({
    ...entry,
    author: author.name,
    email: author.email,
    subject: subjectOf(message),
    ...(isCut ? { isCut } : {}),
  });
}
