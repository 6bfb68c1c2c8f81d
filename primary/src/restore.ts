/**
 * The restart from the journal: the commit that was in force, with last good versions of files that are broken in it, and the open
 * entries run again on it. That is what was served when the process ended, serials included, whatever the remote has become since.
 */
import { at } from '@zonewright/common/authority/file-finding';
import { rerun, zoneWithSerial } from '@zonewright/common/authority/run-update';
import { zoneFileName } from '@zonewright/common/authority/zone-file';
import type { GitFault } from '@zonewright/common/git/store';
import type { Name } from '@zonewright/common/name';
import { ok, type Result } from '@zonewright/common/result';
import { Slices } from '@zonewright/common/service/slices';
import type { Zone } from '@zonewright/common/zone/zone';
import type { ZoneFile } from './files.ts';
import { takeIn } from './intake.ts';
import type { Entry } from './journal/journal.ts';
import type { ZoneNotes } from './notes.ts';
import type { State } from './state.ts';
import type { ZoneDecision } from './takeover.ts';
import { entriesByZone, newStanding, type Standing } from './unwritten.ts';

/** Serves again what was served. False where there is nothing to begin with. In the turn of the repository. */
export async function restore(state: State): Promise<Result<boolean, GitFault>> {
  const { repository, journal, publisher, lastGood, notes } = state;
  const { inForce, open } = journal.kept;
  const byZone = entriesByZone(open);
  // Known as open whatever becomes of the rest.
  for (const entries of byZone.values()) state.unwritten.settle(orphan(entries, notes));
  state.keepTime();
  if (inForce === undefined) return ok(false);
  const taken = await repository.take({ from: 'commit', commit: inForce, lastGood });
  if (!taken.ok) return taken;
  const intake = await takeIn(repository, taken.value.first, () => undefined);
  if (!intake.ok) return intake;
  return state.versions.take(async () => {
    const { zones, keys, others } = intake.value;
    const slices = new Slices();
    const { today } = state.moment;
    const ignored = others.map(({ fileName, reason }) => ({ fileName, reason }));
    const decisions: ZoneDecision[] = [];
    for (const { reading, zone } of zones) {
      const { fileName, source } = reading;
      const judged = publisher.files.judge(reading, zone, lastGood.has(fileName));
      if (typeof judged === 'string') {
        ignored.push({ fileName, reason: judged });
        continue;
      }
      const { origin } = judged;
      // What was withdrawn and is back is served only with a newer serial, and is withdrawn no more then.
      const isWithdrawn = notes.floorOf(origin) !== undefined || publisher.isCatalog(origin);
      const isRefused = isWithdrawn || lastGood.has(fileName);
      const file = isRefused && judged.errors.length === 0 ? notRaised(judged) : judged;
      const base = isWithdrawn ? undefined : zone;
      const entries = byZone.get(origin.key) ?? [];
      decisions.push({
        file,
        standing: {
          origin,
          fileName,
          base,
          source,
          octets: reading.octets ?? 0,
          isBroken: file.errors.length > 0,
          open: entries,
          dropped: [],
          arrived: notes.arrivedOf(origin),
        },
        ...(base === undefined ? {} : { zone: await asServed(base, entries, today, slices) }),
        isNews: true,
        closed: [],
        dropped: [],
      });
      if (slices.isOver) await slices.pause();
    }
    const takeover = { commit: inForce, zones: decisions, keys, gone: [], ignored };
    const catalog = await state.decideCatalog(takeover, state.time.wall);
    if (catalog !== undefined) await state.note({ notes: [catalog.note] });
    await publisher.takeOver(takeover, catalog);
    return ok(true);
  });
}

/** A file without errors that was not in force all the same. */
function notRaised(file: ZoneFile): ZoneFile {
  const error = at(file.soa, 'error', 'serial', 'SOA must increase', 'raise the serial above the one served');
  return { ...file, errors: [error] };
}

/** A zone of which nothing is known but its entries. */
function orphan(open: readonly Entry[], notes: ZoneNotes): Standing {
  const origin: Name = open[0]!.zone;
  return { ...newStanding(origin, zoneFileName(origin)), open, arrived: notes.arrivedOf(origin) };
}

/**
 * The version that open entries led to. Each has the serial that it had then; those before a raised serial were run on this base
 * without theirs, as it was raised for all of them.
 */
async function asServed(base: Zone, open: readonly Entry[], today: number, slices: Slices): Promise<Zone> {
  const raised = open.findLastIndex(({ kind }) => kind === 'serial');
  let zone = base;
  for (const [i, entry] of open.entries()) {
    if (entry.kind === 'update') {
      const outcome = rerun(entry.operations, zone, today);
      if (outcome.ok && outcome.value !== undefined) zone = outcome.value.zone;
    }
    if (i >= raised) zone = zoneWithSerial(zone, entry.to);
    if (slices.isOver) await slices.pause();
  }
  return zone;
}
