/**
 * A zone on a new base: its open entries are run again on what its file says now, and it gets a serial above the one served. Neither
 * prerequisites nor keys are asked again: the entries were judged when they were acknowledged.
 *
 * Always holds: what changes nothing any more, or cannot be done, is dropped and named; the serial only rises; where the content is
 * what was served and the file wants no newer serial, the serial stays.
 */
import { rerun, zoneWithSerial } from '@zonewright/common/authority/run-update';
import type { Name } from '@zonewright/common/name';
import { gather, type Slices } from '@zonewright/common/service/slices';
import { type Delta, diffNames, isEmptyDelta, isSoaEdited } from '@zonewright/common/zone/delta';
import { isNewer, raise } from '@zonewright/common/zone/serial';
import type { Zone } from '@zonewright/common/zone/zone';
import type { Entry, SerialEntry } from './journal/journal.ts';
import { type PlainDelta, recordsOfPlain } from './repository/plain.ts';
import type { Dropped } from './unwritten.ts';

export interface Rebased {
  /** The version to serve. */
  readonly zone: Zone;
  /** Those of the open entries that still hold. */
  readonly open: readonly Entry[];
  readonly dropped: readonly Dropped[];
  /** What is to be an entry: the serial that no other entry says. */
  readonly raised: Pick<SerialEntry, 'from' | 'to'> | undefined;
}

/** Runs open entries on a new base. The serial is what that makes it: newer than the base's where anything changed. */
export async function runAgain(
  next: Zone,
  open: readonly Entry[],
  today: number,
  slices: Slices,
): Promise<Pick<Rebased, 'zone' | 'open' | 'dropped'>> {
  let zone = next;
  const kept: Entry[] = [];
  const dropped: Dropped[] = [];
  for (const entry of open) {
    if (entry.kind !== 'update') continue;
    const outcome = rerun(entry.operations, zone, today);
    if (outcome.ok && outcome.value !== undefined) {
      zone = outcome.value.zone;
      kept.push(entry);
    } else dropped.push({ entry, why: outcome.ok ? 'it changes nothing any more' : outcome.fault.what });
    if (slices.isOver) await slices.pause();
  }
  return { zone, open: kept, dropped };
}

/**
 * Gives a version the serial that it is to be served with, where `serial` is its own choice: above `served`, unless nothing but that
 * would change.
 */
export function serialFor(serial: number, served: number | undefined, isSame: boolean, today: number): number {
  if (served === undefined) return serial;
  return isSame && !isNewer(serial, served) ? served : raise(served, serial, today);
}

/** What of the serial has to be noted, where `base` is what the file says and `open` what still holds of the entries. */
export function settleSerial(
  serial: number,
  base: number,
  kept: readonly Entry[],
  before: readonly Entry[],
): Pick<Rebased, 'open' | 'raised'> {
  const last = kept.at(-1);
  if ((last?.to ?? base) === serial) return { open: kept, raised: undefined };
  // Noted already, as the newest of all: nothing new is to be said.
  const noted = before.at(-1);
  if (noted?.kind === 'serial' && noted.to === serial) return { open: [...kept, noted], raised: undefined };
  return { open: kept, raised: { from: base, to: serial } };
}

/** Names that are looked at before the clock is. */
const STRIDE = 64;

/**
 * What differs between two versions, where that is known to lie in `names` and the SOA. Takes its time in slices.
 */
export async function differenceIn(old: Zone, next: Zone, names: Iterable<Name>, slices: Slices): Promise<Delta> {
  const byKey = new Map<string, Name>();
  for (const name of names) byKey.set(name.key, name);
  const all = [...byKey.values()];
  const whole = diffNames(old, next, all.slice(0, STRIDE));
  const removed = [...whole.removed];
  const added = [...whole.added];
  for (let at = STRIDE; at < all.length; at += STRIDE) {
    if (slices.isOver) await slices.pause();
    const some = diffNames(old, next, all.slice(at, at + STRIDE));
    // Not spread into `push`: a set may hold more records than a call may have arguments.
    for (const record of some.removed.slice(1)) removed.push(record);
    for (const record of some.added.slice(1)) added.push(record);
  }
  return { ...whole, removed, added };
}

/** The names of the records of a difference that came from elsewhere. */
export async function namesOfPlain({ removed, added }: PlainDelta, slices: Slices): Promise<Name[]> {
  const records = [
    ...(await gather(recordsOfPlain(removed), slices)),
    ...(await gather(recordsOfPlain(added), slices)),
  ];
  return records.map(({ name }) => name);
}

/** Do two versions say the same, their serials left out? `names`: where they may differ. */
export async function isSameContent(old: Zone, next: Zone, names: Iterable<Name>, slices: Slices): Promise<boolean> {
  return isEmptyDelta(await differenceIn(old, next, names, slices)) && !isSoaEdited(old, next);
}

/** A zone whose open entries are to be run on a new base. */
export interface Rebase {
  readonly next: Zone;
  /** The version that is served. */
  readonly served: Zone | undefined;
  /** A serial that the new version has to be above where nothing is served: one that was served before. */
  readonly floor: number | undefined;
  readonly open: readonly Entry[];
  readonly today: number;
  /** What differs between the version that is served and another; `undefined` where that is not known, or too much. */
  differenceTo(zone: Zone): Promise<Delta | undefined>;
}

/** Puts a zone on a new base. `delta`: from what is served to what is to be. */
export async function rebase(
  { next, served, floor, open, today, differenceTo }: Rebase,
  slices: Slices,
): Promise<Rebased & { readonly delta: Delta | undefined }> {
  const again = await runAgain(next, open, today, slices);
  const delta = served === undefined ? undefined : await differenceTo(again.zone);
  const isSame = delta !== undefined && served !== undefined && isEmptyDelta(delta) && !isSoaEdited(served, again.zone);
  const serial = serialFor(again.zone.serial, served?.serial ?? floor, isSame, today);
  const zone = zoneWithSerial(again.zone, serial);
  const settled = settleSerial(serial, next.serial, again.open, open);
  const whole =
    delta === undefined ? undefined : { ...delta, to: serial, added: [zone.soaRecord(), ...delta.added.slice(1)] };
  return { zone, dropped: again.dropped, ...settled, delta: whole };
}
