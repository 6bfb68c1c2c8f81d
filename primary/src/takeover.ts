/**
 * What a commit makes of the zones, decided before any of it is journalled or published: for each zone its new base, the open entries
 * that still hold, the version to be served and its serial.
 *
 * Always holds: a file with errors, or one whose serial was to be raised and was not, changes nothing; a zone that is gone takes its
 * open entries with it, and they are named.
 */
import { at, type FileFinding } from '@zonewright/common/authority/file-finding';
import type { ZoneTable } from '@zonewright/common/authority/zones';
import type { Name } from '@zonewright/common/name';
import { gather, Slices } from '@zonewright/common/service/slices';
import type { Delta } from '@zonewright/common/zone/delta';
import { dateSerial, isNewer } from '@zonewright/common/zone/serial';
import type { Zone } from '@zonewright/common/zone/zone';
import { type Files, originOf, type ZoneFile } from './files.ts';
import { type Intake, NONE, orNone, type ZoneIntake } from './intake.ts';
import type { Entry, SerialEntry } from './journal/journal.ts';
import { differenceIn, isSameContent, namesOfPlain, rebase } from './rebase.ts';
import { recordsOfPlain } from './repository/plain.ts';
import type { Head } from './repository/repository.ts';
import { type Dropped, namesOf, newStanding, type Standing, type Unwritten } from './unwritten.ts';

/** What becomes of a zone. */
export interface ZoneDecision {
  /** To be noted of its file; `undefined` where the file is as it was. */
  readonly file: ZoneFile | undefined;
  readonly standing: Standing;
  /** The version to be served, if it is another one. */
  readonly zone?: Zone;
  /** From the version that is served; `undefined` where that is not known. */
  readonly delta?: Delta | undefined;
  /** Has it another serial than the version that is served, so that others are to know? */
  readonly isNews: boolean;
  readonly closed: readonly number[];
  readonly raised?: SerialEntry;
  readonly dropped: readonly Dropped[];
}

/** A zone whose file is gone, and what of it was not written yet. */
export interface Withdrawal {
  readonly fileName: string;
  /** `undefined`: it was a file of keys. */
  readonly origin: Name | undefined;
  readonly open: readonly Entry[];
  /** The newest that is known to have been served of it. */
  readonly serial: number | undefined;
}

export interface Takeover {
  readonly commit: string | undefined;
  readonly zones: readonly ZoneDecision[];
  readonly keys: Intake['keys'];
  readonly gone: readonly Withdrawal[];
  readonly ignored: readonly { readonly fileName: string; readonly reason: string }[];
}

/** Where a takeover starts from. */
export interface Situation {
  readonly zones: ZoneTable;
  readonly files: Files;
  readonly unwritten: Unwritten;
  readonly serialPolicy: 'auto' | 'strict';
  /** Up to which position the entries of a zone are in a commit that came since. */
  arrivedOf(origin: Name): number;
  /** The serial that a zone was withdrawn with. */
  floorOf(origin: Name): number | undefined;
  /** The newest serial that the journal knows of a zone that was served before the start, and could not be restored. */
  lastOf(origin: Name): Promise<number | undefined>;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** Decides what a commit makes of everything. Takes its time in slices, in which nothing of the situation may change. */
export async function decideAll(
  situation: Situation,
  head: Pick<Head, 'commit' | 'extent'>,
  intake: Intake,
): Promise<Takeover> {
  const { files, unwritten } = situation;
  const slices = new Slices();
  const zones: ZoneDecision[] = [];
  const ignored = intake.others.map(({ fileName, reason }) => ({ fileName, reason }));
  const decided = new Set<string>();
  let position = unwritten.position;
  const decide = async (standing: Standing, each: ZoneIntake | undefined, file: ZoneFile | undefined) => {
    const decision = await decideZone(situation, standing, each, file, position + 1, slices);
    if (decision.raised !== undefined) position++;
    zones.push(decision);
  };
  for (const each of intake.zones) {
    const { fileName } = each.reading;
    const origin = each.zone?.origin ?? files.zone(fileName)?.origin ?? originOf(fileName);
    const known = unwritten.of(origin);
    const file = files.judge(each.reading, each.zone, known !== undefined);
    if (typeof file === 'string') ignored.push({ fileName, reason: file });
    else await decide(known ?? newStanding(file.origin, file.fileName), each, file);
    decided.add(fileName);
    if (slices.isOver) await slices.pause();
  }
  const gone = await goneOf(situation, head, intake, decided);
  const withdrawn = new Set(gone.map(({ fileName }) => fileName));
  for (const standing of [...unwritten.open()]) {
    const { fileName, origin, open } = standing;
    if (decided.has(fileName) || withdrawn.has(fileName)) continue;
    if (open[0]!.position <= situation.arrivedOf(origin)) await decide(standing, undefined, undefined);
  }
  return { commit: head.commit, zones, keys: intake.keys, gone, ignored };
}

/** Files that are there no more; of zones that were known by their entries alone, too. */
async function goneOf(
  { zones, files, unwritten, floorOf, lastOf }: Situation,
  { extent }: Pick<Head, 'extent'>,
  intake: Intake,
  decided: ReadonlySet<string>,
): Promise<readonly Withdrawal[]> {
  const seen = new Set([...decided, ...intake.keys.map(({ fileName }) => fileName)]);
  const missing =
    extent === 'all'
      ? [...files.missing(seen), ...[...unwritten.open()].map(({ fileName }) => fileName).filter((it) => !seen.has(it))]
      : intake.gone;
  const open = new Map([...unwritten.open()].map((standing) => [standing.fileName, standing]));
  const all: Withdrawal[] = [];
  for (const fileName of new Set(missing)) {
    const standing = open.get(fileName);
    const entries = standing?.open ?? [];
    const origin = files.zone(fileName)?.origin ?? standing?.origin;
    const known = origin && (zones.get(origin)?.serial ?? entries.at(-1)?.to ?? floorOf(origin));
    const serial = known ?? (origin && (await lastOf(origin)));
    all.push({ fileName, origin, open: entries, serial });
  }
  return all;
}

async function decideZone(
  situation: Situation,
  before: Standing,
  intake: ZoneIntake | undefined,
  file: ZoneFile | undefined,
  position: number,
  slices: Slices,
): Promise<ZoneDecision> {
  const { zones, arrivedOf, time } = situation;
  const { origin } = before;
  const served = zones.get(origin);
  const arrived = Math.max(before.arrived, arrivedOf(origin));
  const octets = intake?.reading.octets ?? before.octets;
  const next = intake === undefined ? before.base : intake.zone;
  const isReadable = file === undefined ? !before.isBroken : file.errors.length === 0;
  if (next === undefined || !isReadable) {
    const standing = { ...before, octets, isBroken: before.isBroken || intake !== undefined, arrived };
    return { file, standing, isNews: false, closed: [], dropped: [] };
  }
  const names = before.open.length === 0 ? undefined : await namesBetween(before, served, intake, slices);
  const floor = served === undefined ? await floorFor(situation, before, next) : undefined;
  const wrong = await serialFault(situation, before, next, floor, intake, names, slices);
  if (wrong !== undefined && file !== undefined) {
    const error = at(file.soa, 'error', 'serial', wrong.what, wrong.hint);
    const standing = { ...before, octets, isBroken: true, arrived };
    return { file: { ...file, errors: [error] }, standing, isNews: false, closed: [], dropped: [] };
  }
  const rebased = await rebase(
    {
      next,
      served,
      floor,
      open: before.open.filter((entry) => entry.position > arrived),
      today: dateSerial(time),
      differenceTo: async (zone) => {
        if (served !== undefined && names !== undefined) return differenceIn(served, zone, names, slices);
        const known = before.open.length === 0 ? intake?.comparison?.delta : undefined;
        if (served === undefined || known === undefined) return undefined;
        const removed = await gather(recordsOfPlain(known.removed), slices);
        const added = await gather(recordsOfPlain(known.added), slices);
        return { origin, from: served.serial, to: zone.serial, removed, added };
      },
    },
    slices,
  );
  const { from, to } = rebased.raised ?? { from: 0, to: 0 };
  const raised: SerialEntry | undefined =
    rebased.raised === undefined ? undefined : { kind: 'serial', position, time, zone: origin, from, to };
  const open = raised === undefined ? rebased.open : [...rebased.open, raised];
  const isNews = served?.serial !== rebased.zone.serial;
  // What says the same with the same serial is not handed out again.
  const isKept = served !== undefined && !isNews && open.length === 0 && before.open.length === 0;
  const still = new Set(rebased.open.map((entry) => entry.position));
  return {
    file,
    standing: {
      origin,
      fileName: before.fileName,
      base: isKept ? served : next,
      source: intake?.reading.source ?? before.source,
      octets,
      isBroken: false,
      open: orNone(open),
      dropped: open.length === 0 ? NONE : [...before.dropped, ...rebased.dropped],
      arrived: 0,
    },
    ...(isKept ? {} : { zone: rebased.zone, delta: rebased.delta }),
    isNews,
    closed: before.open.map((entry) => entry.position).filter((each) => !still.has(each)),
    ...(raised === undefined ? {} : { raised }),
    dropped: rebased.dropped,
  };
}

/** The serial that a zone which is not served has to be above: one that it was served with before. */
async function floorFor(
  { serialPolicy, floorOf, lastOf }: Situation,
  { origin, open }: Standing,
  next: Zone,
): Promise<number | undefined> {
  const known = open.at(-1)?.to ?? floorOf(origin);
  if (known !== undefined) return known;
  const last = await lastOf(origin);
  // It was never withdrawn, and who raises serials himself says the same with the same one.
  const isSame = last === next.serial && (next.isSigned || serialPolicy === 'strict');
  return isSame ? undefined : last;
}

/** Where what the file says may differ from what is served, and from the old base; `undefined`: anywhere. */
async function namesBetween(
  { open }: Standing,
  served: Zone | undefined,
  intake: ZoneIntake | undefined,
  slices: Slices,
): Promise<readonly Name[] | undefined> {
  const own = [...namesOf(open)];
  if (intake === undefined) return own;
  const delta = served === undefined ? undefined : intake.comparison?.delta;
  return delta === undefined ? undefined : [...(await namesOfPlain(delta, slices)), ...own];
}

/** Why a zone cannot be served as its file says, for its serial, if so. A serial that we raise would break the signature of an SOA. */
async function serialFault(
  { zones, serialPolicy }: Situation,
  { origin, base, open }: Standing,
  next: Zone,
  floor: number | undefined,
  intake: ZoneIntake | undefined,
  names: readonly Name[] | undefined,
  slices: Slices,
): Promise<FileFinding | undefined> {
  const served = zones.get(origin);
  if (intake === undefined || (serialPolicy !== 'strict' && !next.isSigned)) return undefined;
  if (served === undefined) {
    // It was served once. What was to be written of it then is run again on any serial, as long as no signature is broken by that.
    const isFree = floor === undefined || (open.length > 0 && !next.isSigned);
    return isFree || isNewer(next.serial, floor) ? undefined : notIncreased(next, floor);
  }
  if (base === undefined) return undefined;
  // Who writes a file knows the serial in it, and not those of updates that are not written yet.
  const least = next.isSigned ? served.serial : base.serial;
  if (isNewer(next.serial, least)) return undefined;
  const isAsBefore =
    open.length === 0
      ? intake.comparison?.isSame === true
      : names !== undefined && (await isSameContent(base, next, names, slices));
  return next.serial === base.serial && isAsBefore ? undefined : notIncreased(next, least);
}

function notIncreased(next: Zone, least: number): FileFinding {
  const hint = next.isSigned
    ? 'raise the serial and sign the zone again'
    : 'raise the serial, or run the primary with --serial auto';
  const what = `SOA must increase (served: ${least} file: ${next.serial})`;
  return { severity: 'error', rule: 'serial', what, hint };
}
