/**
 * What a commit changes, known as a whole before any of it is published: a fault on the way - of the remote, of the disk, of the
 * thread that reads - leaves no half of a commit.
 */

import type { GitFault } from '@zonewright/common/git/store';
import type { Name } from '@zonewright/common/name';
import { ok, type Result } from '@zonewright/common/result';
import { Slices } from '@zonewright/common/service/slices';
import { keepYoungSmall } from '@zonewright/common/service/young-heap';
import { Zone } from '@zonewright/common/zone/zone';
import { withoutChain } from './repository/plain.ts';
import type { Comparison, Pair, Portion, Reading, Repository, ZoneReading } from './repository/repository.ts';

export interface Intake {
  readonly zones: readonly ZoneIntake[];
  readonly keys: readonly Extract<Reading, { kind: 'keys' }>[];
  readonly others: readonly Extract<Reading, { kind: 'other' }>[];
  /** Files that are there no more. */
  readonly gone: readonly string[];
}

export interface ZoneIntake {
  readonly reading: ZoneReading;
  /** Present when the file has no errors; beside errors the last good version. */
  readonly zone?: Zone;
  /** With the version that is served, if there is one. */
  comparison?: Comparison;
}

/** One for all zones that have none of something. */
export const NONE: readonly never[] = [];
/** Records of zones, both versions counted, that are compared in one request. */
const COMPARED_RECORDS = 20_000;
/** Zones of one request. */
const COMPARED_ZONES = 100;

export const orNone = <T>(list: readonly T[]): readonly T[] => (list.length === 0 ? NONE : list);

/** Fetches what was taken, from its first portion on, and has it compared with what is served. */
export async function takeIn(
  repository: Repository,
  first: Portion,
  served: (origin: Name) => Zone | undefined,
): Promise<Result<Intake, GitFault>> {
  const zones: ZoneIntake[] = [];
  const keys: Extract<Reading, { kind: 'keys' }>[] = [];
  const others: Extract<Reading, { kind: 'other' }>[] = [];
  for (let portion = first; ; ) {
    const { gone } = portion;
    // Asked for before this one is worked on, so that the other side has work meanwhile.
    const asked = gone === undefined ? repository.next() : undefined;
    if (asked !== undefined) keepYoungSmall();
    for (const reading of portion.readings) {
      if (reading.kind === 'keys') keys.push(reading);
      else if (reading.kind === 'other') others.push(reading);
      else {
        const { zone, source, errors, ...rest } = reading;
        const plain = {
          ...rest,
          ...(source === undefined ? {} : { source: { oid: source.oid, includes: orNone(source.includes) } }),
          errors: orNone(errors),
        };
        zones.push({ reading: plain, ...(zone === undefined ? {} : { zone: Zone.ofHandle(zone) }) });
      }
    }
    if (gone !== undefined || asked === undefined) {
      const compared = await compareAll(repository, zones, served);
      return compared.ok ? ok({ zones, keys, others, gone: gone ?? [] }) : compared;
    }
    const next = await asked;
    if (!next.ok) return next;
    portion = next.value;
  }
}

async function compareAll(
  repository: Repository,
  zones: readonly ZoneIntake[],
  servedOf: (origin: Name) => Zone | undefined,
): Promise<Result<void, GitFault>> {
  const slices = new Slices();
  let waiting: { readonly intake: ZoneIntake; readonly pair: Pair }[] = [];
  let records = 0;
  const flush = async (): Promise<Result<void, GitFault>> => {
    const compared = await repository.compare(waiting.map(({ pair }) => pair));
    if (!compared.ok) return compared;
    for (const [i, { intake }] of waiting.entries()) intake.comparison = compared.value[i]!;
    waiting = [];
    records = 0;
    return ok(undefined);
  };
  for (const intake of zones) {
    const { zone } = intake;
    const served = zone === undefined ? undefined : servedOf(zone.origin);
    if (zone !== undefined && served !== undefined) {
      waiting.push({ intake, pair: { served: withoutChain(served.handle), next: withoutChain(zone.handle) } });
      records += served.size + zone.size;
    }
    if (records > COMPARED_RECORDS || waiting.length >= COMPARED_ZONES) {
      const flushed = await flush();
      if (!flushed.ok) return flushed;
    }
    if (slices.isOver) await slices.pause();
  }
  return waiting.length === 0 ? ok(undefined) : flush();
}
