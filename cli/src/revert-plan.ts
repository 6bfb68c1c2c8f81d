/**
 * What a revert does to the files of the head: for each zone its new content, or why it cannot be.
 *
 * A zone is changed record by record on the version of the head, by the editor that keeps comments and layout. Text of an older version
 * is put back where there is no good zone to be changed: its file is gone, or has errors. Always holds: what is written was read
 * again, has no errors, holds the records that were wanted, and has a serial newer than the head's and than that of what it takes back.
 */
import { isError, placeOf } from '@zonewright/common/authority/file-finding';
import { withRaisedSerial } from '@zonewright/common/authority/run-update';
import { fileZone, readZoneFile, type ZoneReading, zoneFileName } from '@zonewright/common/authority/zone-file';
import type { GitStore, Tree } from '@zonewright/common/git/store';
import type { Name } from '@zonewright/common/name';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import type { RecordChange } from '@zonewright/common/rr/record';
import { contentOf, diffZones, isEmptyDelta, isSoaEdited } from '@zonewright/common/zone/delta';
import { isNewer } from '@zonewright/common/zone/serial';
import type { Zone } from '@zonewright/common/zone/zone';
import { editedFile } from '@zonewright/primary/commit';
import { readIncluded } from '@zonewright/primary/repository/loader';
import { ZoneHistory } from '@zonewright/primary/repository/zone-history';
import { differenceOfRecords, type RecordDifference } from './check-difference.ts';
import { type Conflict, restore, reverse } from './revert-records.ts';

/** What becomes of one file. */
export interface FilePlan {
  readonly fileName: string;
  /** `null`: it goes. */
  readonly content: Uint8Array | null;
  readonly from?: number;
  readonly to?: number;
  readonly difference: readonly RecordDifference[];
}

export interface Plan {
  readonly files: readonly FilePlan[];
  readonly conflicts: readonly PlanConflict[];
  /** Files that the commit changed and a revert does not, and why. */
  readonly left: readonly { readonly fileName: string; readonly reason: string }[];
}

/** `what`: of the file as a whole, where it is no record. */
export type PlanConflict = { readonly fileName: string } & (
  | Conflict
  | { readonly kind: 'file'; readonly what: string }
);

/** What to come back from, or to. */
export type Goal =
  /** `before`: `undefined` where it is the first commit. */
  | { readonly kind: 'commit'; readonly before: Tree | undefined; readonly after: Tree }
  | { readonly kind: 'version'; readonly origin: Name; readonly tree: Tree };

/** `isForced`: conflicts are told, and passed over. */
export async function planRevert(
  store: GitStore,
  head: Tree,
  goal: Goal,
  isForced: boolean,
): Promise<Result<Plan, Fault>> {
  const files: FilePlan[] = [];
  const conflicts: PlanConflict[] = [];
  const left: { fileName: string; reason: string }[] = [];
  const origins = goal.kind === 'version' ? [goal.origin] : [];
  if (goal.kind === 'commit') {
    for (const fileName of changedFiles(goal.before, goal.after)) {
      const role = fileZone(fileName);
      if (role.kind === 'zone') origins.push(role.origin);
      else left.push({ fileName, reason: role.kind === 'keys' ? 'a file of keys' : 'no zone file' });
    }
  }
  for (const origin of origins) {
    const planned = await new ZonePlan(store, head, origin, isForced).plan(goal);
    if (!planned.ok) return planned;
    if (planned.value === 'no zone') left.push({ fileName: zoneFileName(origin), reason: 'no zone file' });
    else {
      if (planned.value.file !== undefined) files.push(planned.value.file);
      conflicts.push(...planned.value.conflicts);
    }
  }
  return ok({ files, conflicts, left });
}

function changedFiles(before: Tree | undefined, after: Tree): readonly string[] {
  const names = new Set([...(before?.files.keys() ?? []), ...after.files.keys()]);
  return [...names].filter((name) => before?.files.get(name) !== after.files.get(name));
}

interface Planned {
  /** `undefined`: nothing is to be done. */
  readonly file?: FilePlan;
  readonly conflicts: readonly PlanConflict[];
}

const NOTHING: Planned = { conflicts: [] };

class ZonePlan {
  readonly #store: GitStore;
  readonly #head: Tree;
  readonly #origin: Name;
  readonly #isForced: boolean;
  readonly #history: ZoneHistory;
  readonly #fileName: string;

  constructor(store: GitStore, head: Tree, origin: Name, isForced: boolean) {
    this.#store = store;
    this.#head = head;
    this.#origin = origin;
    this.#isForced = isForced;
    this.#history = new ZoneHistory(store, origin);
    this.#fileName = this.#history.fileName;
  }

  async plan(goal: Goal): Promise<Result<Planned | 'no zone', Fault>> {
    const now = await this.#read(this.#head);
    if (!now.ok) return now;
    if (goal.kind === 'version') {
      const wanted = await this.#read(goal.tree);
      if (!wanted.ok) return wanted;
      if (now.value?.zone === undefined) return this.#putBack(goal.tree, wanted.value, [now.value]);
      return this.#change(now.value.zone, restore(wanted.value!.zone!, now.value.zone), []);
    }
    const before = goal.before === undefined ? ok(undefined) : await this.#read(goal.before);
    if (!before.ok) return before;
    const after = await this.#read(goal.after);
    if (!after.ok) return after;
    if (before.value?.hasSoa !== true && after.value?.hasSoa !== true) return ok('no zone');
    return await this.#takeBack(goal, before.value, after.value, now.value);
  }

  async #takeBack(
    goal: Goal & { kind: 'commit' },
    before: ZoneReading | undefined,
    after: ZoneReading | undefined,
    now: ZoneReading | undefined,
  ): Promise<Result<Planned, Fault>> {
    const isUntouched = this.#head.files.get(this.#fileName) === goal.after.files.get(this.#fileName);
    if (before === undefined) return ok(this.#takeAway(now, isUntouched || isSame(after?.zone, now?.zone)));
    if (now === undefined && after !== undefined)
      return ok({ conflicts: [this.#conflict('the file is not there any more')] });
    if (now === undefined || (isUntouched && after !== undefined && after.zone === undefined))
      return await this.#putBack(goal.before!, before, [after, now]);
    if (now.zone === undefined) return fail(this.#broken('the file has errors at the head', now, 'repair it first'));
    const old = await this.#good(goal.before!);
    if (!old.ok) return old;
    if (after === undefined) {
      const conflict = this.#conflict('the file is there again');
      return await this.#change(now.zone, restore(old.value, now.zone), [conflict]);
    }
    if (after.zone === undefined)
      return fail(this.#broken('the version of the commit has errors: what it changed cannot be told', after));
    const { change, conflicts } = reverse(old.value, after.zone, now.zone);
    return await this.#change(
      now.zone,
      change,
      conflicts.map((conflict) => ({ fileName: this.#fileName, ...conflict })),
    );
  }

  #takeAway(now: ZoneReading | undefined, isUntouched: boolean): Planned {
    if (now === undefined) return NOTHING;
    const conflicts = isUntouched ? [] : [this.#conflict('the file has changed since')];
    const serial = now.readable?.serial;
    const from = serial === undefined ? {} : { from: serial };
    return { file: { fileName: this.#fileName, content: null, ...from, difference: [] }, conflicts };
  }

  /** The zone of the head with another content. */
  async #change(zone: Zone, change: RecordChange, conflicts: readonly PlanConflict[]): Promise<Result<Planned, Fault>> {
    if (conflicts.length > 0 && !this.#isForced) return ok({ conflicts });
    const changed = zone.change(change);
    if (changed === undefined) return fail(this.#fault('the zone would be left without its SOA'));
    const content = contentOf(diffZones(zone, changed));
    if (content.removed.length + content.added.length === 0 && !isSoaEdited(zone, changed)) return ok({ conflicts });
    if (zone.isSigned)
      return fail(this.#fault('the zone is signed elsewhere', 'change it where it is signed, and sign it again'));
    // Not only newer than before: the change may have brought an older SOA along.
    const next = withRaisedSerial(changed, zone.serial);
    const written = await this.#write(this.#head, next, diffZones(zone, next));
    if (!written.ok) return written;
    const delta = diffZones(zone, next);
    const difference = differenceOfRecords(isSoaEdited(zone, next) ? delta : contentOf(delta));
    const serials = { from: zone.serial, to: next.serial };
    return ok({ file: { fileName: this.#fileName, content: written.value, ...serials, difference }, conflicts });
  }

  /** The text of an older version, with a serial newer than those of later ones. The last of `later` is that of the head. */
  async #putBack(
    tree: Tree,
    reading: ZoneReading | undefined,
    later: readonly (ZoneReading | undefined)[],
  ): Promise<Result<Planned, Fault>> {
    const zone = reading?.zone;
    if (zone === undefined) return fail(this.#broken('the version that would be put back has errors', reading));
    const last = later.at(-1) === undefined ? await this.#last() : ok(undefined);
    if (!last.ok) return last;
    const serials = [...later, last.value].flatMap((each) => each?.readable?.serial ?? []);
    const newest = serials.reduce((a, b) => (isNewer(b, a) ? b : a), zone.serial);
    if (zone.isSigned && newest !== zone.serial)
      return fail(this.#fault('the zone is signed elsewhere', 'sign it again with a newer serial'));
    const next = withRaisedSerial(zone, newest);
    const written = await this.#write(tree, next, undefined);
    if (!written.ok) return written;
    const file = { fileName: this.#fileName, content: written.value, to: next.serial, difference: [] };
    return ok({ file, conflicts: [] });
  }

  /** The file of a tree edited so that it says `next`. */
  async #write(
    tree: Tree,
    next: Zone,
    delta: ReturnType<typeof diffZones> | undefined,
  ): Promise<Result<Uint8Array, Fault>> {
    const octets = await this.#store.read(tree.files.get(this.#fileName)!);
    if (!octets.ok) return octets;
    // What it includes is what stands beside it at the head, where it will be.
    const included = await readIncluded(this.#store, octets.value, (name) => this.#head.files.get(name));
    if (!included.ok) return included;
    const include = (name: string): Uint8Array | undefined => included.value.get(name);
    const edited = editedFile(octets.value, next, delta, include);
    if (!edited.ok) return fail(this.#fault(edited.fault.what, edited.fault.hint));
    const reading = readZoneFile(edited.value, this.#origin, include);
    if (reading.zone === undefined) return fail(this.#broken('the zone would have errors', reading));
    if (reading.zone.serial === next.serial && isSame(reading.zone, next)) return edited;
    return fail(this.#fault('the file cannot be made to say what it said', 'a file that it includes has changed'));
  }

  async #read(tree: Tree): Promise<Result<ZoneReading | undefined, Fault>> {
    const state = await this.#history.stateOf((name) => tree.files.get(name));
    if (!state.ok) return state;
    return state.value === undefined ? ok(undefined) : await this.#history.read(state.value);
  }

  /** The version of a commit, or the last before it without errors: what `log` compares with too. */
  async #good(tree: Tree): Promise<Result<Zone, Fault>> {
    const state = await this.#history.stateOf((name) => tree.files.get(name));
    if (!state.ok) return state;
    const good = await this.#history.goodAt(tree.commit, state.value);
    if (!good.ok) return good;
    const zone = good.value.reading?.zone;
    return zone === undefined ? fail(this.#fault('no version before the commit is without errors')) : ok(zone);
  }

  /** The last version that there was, of a zone that has no file now. */
  async #last(): Promise<Result<ZoneReading | undefined, Fault>> {
    const change = await this.#history.changes(this.#head.commit).next();
    if (change.done === true) return change.value.ok ? ok(undefined) : change.value;
    const state = change.value.parents.map((parent) => parent.state).find((each) => each !== undefined);
    return state === undefined ? ok(undefined) : await this.#history.read(state);
  }

  #conflict(what: string): PlanConflict {
    return { fileName: this.#fileName, kind: 'file', what };
  }

  #fault(what: string, hint?: string): Fault {
    return { kind: 'revert', what: `${this.#fileName}: ${what}`, ...(hint === undefined ? {} : { hint }) };
  }

  #broken(what: string, reading: ZoneReading | undefined, hint?: string): Fault {
    const first = reading?.findings.find(isError);
    const place = first === undefined ? '' : ` (${placeOf(this.#fileName, first)}: ${first.what})`;
    return this.#fault(`${what}${place}`, hint);
  }
}

/** Do two versions hold the same but for their serials? */
function isSame(a: Zone | undefined, b: Zone | undefined): boolean {
  return a !== undefined && b !== undefined && isEmptyDelta(diffZones(a, b)) && !isSoaEdited(a, b);
}
