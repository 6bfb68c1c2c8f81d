/**
 * What a move of the branch changes at the root of the repository: files that came, went or are others, and zone files that include
 * one of them. Only the root counts, as for the primary.
 */
import { fileZone } from '@zonewright/common/authority/zone-file';
import type { Tree } from '@zonewright/common/git/commit';
import type { GitFault } from '@zonewright/common/git/fault';
import type { PushedObjects } from '@zonewright/common/git/pushed';
import { includeFault, includesIn } from '@zonewright/common/master/include';
import { DEFAULT_FILE_LIMITS } from '@zonewright/common/master/limits';
import { ok, type Result } from '@zonewright/common/result';
import type { ReadFile } from './included.ts';
import type { BranchMove } from './push.ts';

/** The root of the repository at a commit. */
export type Root = Pick<Tree, 'files' | 'ignored'>;

export interface Changes {
  readonly before: Root;
  readonly after: Root;
  /** Files that came, went or are others. */
  readonly changed: ReadonlySet<string>;
  /** Zone files that are as they were, and include one of those. */
  readonly including: ReadonlySet<string>;
  /** Files that are included by some zone file. */
  readonly included: ReadonlySet<string>;
  /** Why the old root could not be read. */
  readonly oldFault?: GitFault;
}

const NOTHING: Root = { files: new Map(), ignored: [] };

/** Compares the two roots. An old one that is too large to be read counts as empty: a push may be what makes it smaller. */
export function changesOf(objects: PushedObjects, { old, next }: BranchMove): Result<Changes, GitFault> {
  const oldTree = old === undefined ? undefined : objects.tree(old);
  if (oldTree?.ok === false && oldTree.fault.kind !== 'limit') return oldTree;
  const before = oldTree?.ok ? oldTree.value : undefined;
  const nextTree = next === undefined ? undefined : objects.tree(next, before);
  if (nextTree?.ok === false) return nextTree;
  const after = nextTree?.value ?? NOTHING;
  const changed = new Set<string>();
  for (const [name, oid] of after.files) if (before?.files.get(name) !== oid) changed.add(name);
  for (const name of before?.files.keys() ?? []) if (!after.files.has(name)) changed.add(name);
  return ok({
    before: before ?? NOTHING,
    after,
    changed,
    ...includesOf(objects, after, changed),
    ...(oldTree?.ok === false ? { oldFault: oldTree.fault } : {}),
  });
}

/** The content of the files of a root that may be included. */
export function readIncluded(objects: PushedObjects, { files }: Root): ReadFile {
  return (name) => {
    const oid = files.get(name);
    const read = oid === undefined ? undefined : objects.read(oid, DEFAULT_FILE_LIMITS.includedOctets);
    return read?.ok ? read.value : undefined;
  };
}

/**
 * Nothing says beforehand which zone files include one that changed: each file that may matter is looked at once, and none is kept.
 * The work is in proportion to what is in the repository, however files include each other.
 */
function includesOf(
  objects: PushedObjects,
  root: Root,
  changed: ReadonlySet<string>,
): Pick<Changes, 'including' | 'included'> {
  const including = new Set<string>();
  if (![...changed].some((name) => includeFault(name) === undefined)) return { including, included: including };
  const zones = new Set([...root.files.keys()].filter((name) => fileZone(name).kind === 'zone'));
  const includers = readIncludes(objects, root, zones);
  const included = new Set(includers.keys());
  const names = new Map<string, string[]>();
  for (const [name, oid] of root.files) put(names, oid, name);
  const waiting = [...changed];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const oids = includers.get(name) ?? [];
    includers.delete(name);
    for (const includer of oids.flatMap((oid) => names.get(oid) ?? [])) {
      if (zones.has(includer) && !changed.has(includer)) including.add(includer);
      waiting.push(includer);
    }
  }
  return { including, included };
}

/** By the name of a file, the blobs that include it: of zone files, and of what those include. */
function readIncludes(objects: PushedObjects, { files }: Root, zones: Iterable<string>): Map<string, string[]> {
  const includers = new Map<string, string[]>();
  const seen = new Set<string>();
  const waiting = [...zones].map((name) => files.get(name)!);
  for (let oid = waiting.pop(); oid !== undefined; oid = waiting.pop()) {
    if (seen.has(oid)) continue;
    seen.add(oid);
    const octets = objects.read(oid);
    for (const name of octets.ok ? includesIn(octets.value) : []) {
      put(includers, name, oid);
      const next = files.get(name);
      if (next !== undefined && !seen.has(next)) waiting.push(next);
    }
  }
  return includers;
}

function put(map: Map<string, string[]>, key: string, value: string): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}
