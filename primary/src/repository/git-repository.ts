/**
 * The repository on a git store: the head that was taken last, what its files say, and changes of zone files on top of it, pushed
 * at once and never by force. It keeps no zone and no file: only what tells which files have changed.
 */
import { MAX_BLOB } from '@zonewright/common/git/objects';
import type { GitFault, GitStore, Needed, Tidied, Tree } from '@zonewright/common/git/store';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { diffZonesWithin, isEmptyDelta, isSoaEdited } from '@zonewright/common/zone/delta';
import { MAX_RECORDS } from '@zonewright/common/zone/history';
import { gatherImages } from '@zonewright/common/zone/image-region';
import { Zone, type ZoneHandle } from '@zonewright/common/zone/zone';
import { editedFile } from '../commit.ts';
import { readMark } from '../mark.ts';
import { changesSince } from './changes-since.ts';
import { Loader, readIncluded } from './loader.ts';
import { deltaOfPlain, type PlainDelta, plainDelta, recordsOfPlain } from './plain.ts';
import type {
  ChangeRequest,
  Committed,
  Comparison,
  Edit,
  EditRequest,
  Head,
  Pair,
  Portion,
  Reading,
  Repository,
  TakeRequest,
} from './repository.ts';

/** Files and findings of a portion: what is taken in within a few milliseconds. */
const PORTION = 200;
const NOTHING: Portion = { readings: [], gone: [] };
const NO_HISTORY = { isForced: false, marks: [] } as const;

export class GitRepository implements Repository {
  readonly #store: GitStore;
  #loader: Loader;
  /** The head that was taken or written last. */
  #tree: Tree | undefined;
  /** What is being taken. */
  #taking: { readonly tree: Tree; readonly loader: Loader; readonly readings: ReturnType<Loader['load']> } | undefined;
  /** What was committed last, and is not pushed yet. */
  readonly #mostOctets: number;
  #committed: { readonly tree: Tree; readonly objects: ReadonlyMap<string, string> } | undefined;

  /** `mostOctets`: of a file that is written. */
  constructor(store: GitStore, mostOctets = MAX_BLOB) {
    this.#store = store;
    this.#mostOctets = mostOctets;
    this.#loader = new Loader(store);
  }

  async take(request: TakeRequest): Promise<Result<Head, GitFault>> {
    this.#taking = undefined;
    const head = await this.#find(request);
    if (!head.ok) return head;
    const tree = head.value;
    if (tree === undefined) return ok({ commit: undefined, extent: 'none', ...NO_HISTORY, first: NOTHING });
    const since = request.from === 'commit' ? undefined : request.since;
    const isKnown = since !== undefined && since === this.#tree?.commit;
    if (isKnown && tree.commit === since) return ok({ commit: since, extent: 'none', ...NO_HISTORY, first: NOTHING });
    const history = await this.#history(request, tree.commit);
    if (!history.ok) return history;
    const loader = isKnown ? this.#loader : new Loader(this.#store);
    const lastGood = request.from === 'commit' ? request.lastGood : undefined;
    this.#taking = { tree, loader, readings: loader.load(tree, lastGood) };
    const first = await this.next();
    if (!first.ok) return first;
    return ok({ commit: tree.commit, extent: isKnown ? 'changes' : 'all', ...history.value, first: first.value });
  }

  #find(request: TakeRequest): Promise<Result<Tree | undefined, GitFault>> {
    switch (request.from) {
      case 'known':
        return this.#store.head();
      case 'remote':
        return this.#store.fetch();
      case 'commit':
        return this.#store.at(request.commit);
    }
  }

  /** What came since the commit in force. */
  async #history(request: TakeRequest, commit: string): Promise<Result<Pick<Head, 'isForced' | 'marks'>, GitFault>> {
    if (request.from === 'commit' || request.since === undefined || request.since === commit) return ok(NO_HISTORY);
    const log = await this.#store.log(request.since, commit, (message, of) => {
      const mark = request.journal === undefined ? undefined : readMark(message, of);
      return mark?.journal === request.journal ? mark : undefined;
    });
    return log.ok ? ok({ isForced: log.value.isForced, marks: log.value.picked }) : log;
  }

  async next(): Promise<Result<Portion, GitFault>> {
    const readings: Reading[] = [];
    const taking = this.#taking;
    if (taking === undefined) return ok(NOTHING);
    for (let weight = 0; weight < PORTION; ) {
      const step = await taking.readings.next();
      if (step.done !== true) {
        readings.push(step.value);
        weight += weightOf(step.value);
        continue;
      }
      this.#taking = undefined;
      if (!step.value.ok) return step.value;
      this.#tree = taking.tree;
      this.#loader = taking.loader;
      return ok({ readings: gathered(readings), gone: step.value.value });
    }
    return ok({ readings: gathered(readings) });
  }

  async compare(pairs: readonly Pair[]): Promise<Result<readonly Comparison[], GitFault>> {
    return ok(pairs.map(({ served, next }) => comparison(Zone.ofHandle(served), Zone.ofHandle(next))));
  }

  async condense(zone: ZoneHandle): Promise<Result<ZoneHandle, GitFault>> {
    return ok(Zone.ofHandle(zone).condensed().handle);
  }

  async commit({ parent, edits, author, message }: EditRequest): Promise<Result<Committed, GitFault>> {
    const tree = this.#tree;
    if (tree?.commit !== parent) return fail({ kind: 'moved', what: 'the repository has to be read first' });
    const files = new Map<string, Uint8Array>();
    const before = new Map<string, Uint8Array>();
    const refused: { fileName: string; what: string }[] = [];
    for (const edit of edits) {
      const edited = await this.#edit(edit);
      if (edited.ok) {
        files.set(edit.fileName, edited.value.after);
        before.set(edit.fileName, edited.value.before);
      } else if (isAway(edited.fault)) return fail(edited.fault);
      else refused.push({ fileName: edit.fileName, what: edited.fault.what });
    }
    if (files.size === 0) return ok({ commit: undefined, objects: new Map(), sizes: new Map(), refused });
    const time = Math.floor(Date.now() / 1000);
    const next = await this.#store.commit(tree, { files, before, author, time, message });
    if (!next.ok) return next;
    const objects = new Map([...files.keys()].map((fileName) => [fileName, next.value.files.get(fileName)!]));
    this.#committed = { tree: next.value, objects };
    const sizes = new Map([...files].map(([fileName, { length }]) => [fileName, length]));
    return ok({ commit: next.value.commit, objects, sizes, refused });
  }

  async push(): Promise<Result<void, GitFault>> {
    const committed = this.#committed;
    if (committed === undefined) return fail({ kind: 'moved', what: 'nothing was committed' });
    this.#committed = undefined;
    const pushed = await this.#store.push(this.#tree, committed.tree);
    if (!pushed.ok) return pushed;
    this.#tree = committed.tree;
    this.#loader.wrote(committed.objects);
    return ok(undefined);
  }

  async objectOf(fileName: string): Promise<Result<string | undefined, GitFault>> {
    return ok(this.#tree?.files.get(fileName));
  }

  async tidy(needed: Needed): Promise<Result<Tidied | undefined, GitFault>> {
    return needed.commit === this.#tree?.commit ? await this.#store.tidy(needed) : ok(undefined);
  }

  async changesSince(request: ChangeRequest): Promise<Result<PlainDelta | undefined, GitFault>> {
    const commit = this.#tree?.commit;
    return commit === undefined ? ok(undefined) : await changesSince(this.#store, commit, request);
  }

  async close(): Promise<Result<void, GitFault>> {
    await this.#store.close();
    return ok(undefined);
  }

  /** The content of a zone file, and the new one. The files that it includes are as they were when it was read. */
  async #edit({
    fileName,
    soa,
    delta,
  }: Edit): Promise<Result<{ readonly before: Uint8Array; readonly after: Uint8Array }, Fault | GitFault>> {
    const file = this.#loader.fileOf(fileName);
    if (file === undefined) return fail({ kind: 'faulty', what: `there is no file ${fileName}` });
    const octets = await this.#store.read(file.oid);
    if (!octets.ok) return octets;
    const included = await readIncluded(this.#store, octets.value, (name) => file.includes.get(name));
    if (!included.ok) return included;
    const [record] = recordsOfPlain(soa);
    const origin = record!.name;
    const version = { origin, soaRecord: () => record! };
    const change = delta === undefined ? undefined : deltaOfPlain(origin, delta);
    const after = editedFile(octets.value, version, change, (name) => included.value.get(name));
    if (!after.ok) return after;
    const { length } = after.value;
    // Nobody could read it, we neither: what makes it smaller again could not be written.
    if (length > this.#mostOctets)
      return fail({
        kind: 'faulty',
        what: `${fileName} would have ${length} octets, and may have ${this.#mostOctets}`,
      });
    return ok({ before: octets.value, after: after.value });
  }
}

/** Is it the whole repository that cannot be had, and not one file? */
const isAway = (fault: Fault | GitFault): fault is GitFault => fault.kind === 'unreachable' || fault.kind === 'timeout';

/** The same, the small zones among them in one piece of memory, and the names of all in another. */
function gathered(readings: readonly Reading[]): readonly Reading[] {
  const zones = readings.flatMap((reading) => (reading.kind === 'zone' ? (reading.zone ?? []) : []));
  const images = gatherImages(zones.map(({ image }) => image));
  const origins = new Uint8Array(zones.reduce((octets, { origin }) => octets + origin.length, 0));
  let i = 0;
  let at = 0;
  return readings.map((reading) => {
    if (reading.kind !== 'zone' || reading.zone === undefined) return reading;
    const { zone } = reading;
    origins.set(zone.origin, at);
    const origin = origins.subarray(at, at + zone.origin.length);
    at += origin.length;
    return { ...reading, zone: { ...zone, origin, image: images[i++]! } };
  });
}

function weightOf(reading: Reading): number {
  if (reading.kind === 'zone') return 1 + reading.errors.length;
  return reading.kind === 'keys' ? 1 + reading.findings.length + reading.keys.length : 1;
}

function comparison(served: Zone, next: Zone): Comparison {
  const delta = diffZonesWithin(served, next, MAX_RECORDS);
  const isSame = delta !== undefined && isEmptyDelta(delta) && !isSoaEdited(served, next);
  return { isSame, delta: delta === undefined ? undefined : plainDelta(delta) };
}
