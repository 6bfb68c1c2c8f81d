/**
 * Removing from a cache what is needed no more: all but one commit with its trees and files, and what else is named.
 *
 * A pack goes when less than half of its octets are needed, after what is needed of it was written anew; others stay as they are. So what
 * is left holds at most twice what is needed.
 *
 * Always holds: whenever the process ends, what is needed is there, and what is half removed is not taken for the past of what is there.
 */
import { readdirSync, statSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readCommit } from './commit.ts';
import type { NamedObject } from './object.ts';
import type { ObjectStore } from './objects.ts';
import { packedObjects } from './pack.ts';
import { addPack } from './pack-writer.ts';
import { PACK_FILES, type Size } from './received-pack.ts';
import { writeShallow } from './shallow.ts';
import { step } from './step.ts';
import { isFolder, parseTree } from './tree.ts';

/** The most octets of an object that is written anew: as much as is taken in. */
const MAX_MOVED = 1024 ** 3;

/** What is to stay: a commit without its past, and objects beside it. */
export interface Needed {
  readonly commit: string;
  readonly objects: Iterable<string>;
}

const FANOUT = /^[0-9a-f]{2}$/;

/** What the files in a repository's folder of objects take. */
export function sizeOf(gitdir: string): Size {
  const folder = join(gitdir, 'objects');
  let files = 0;
  let octets = 0;
  for (const part of readdirSync(folder)) {
    if (part !== 'pack' && !FANOUT.test(part)) continue;
    for (const name of readdirSync(join(folder, part))) {
      files += name.endsWith('.pack') ? PACK_FILES : 1;
      octets += statSync(join(folder, part, name), { throwIfNoEntry: false })?.size ?? 0;
    }
  }
  return { files, octets };
}

/** Removes what is not needed. Nobody else may write to the repository meanwhile; who reads may find that something is gone. */
export async function sweep(gitdir: string, objects: ObjectStore, needed: Needed): Promise<void> {
  const folder = join(gitdir, 'objects');
  const names = namesOf(objects, needed);
  const { parents } = readCommit(objects, needed.commit);
  // First of all: nothing may count as having its past here while that is not so.
  await writeShallow(gitdir, new Set(parents.length === 0 ? [] : [needed.commit]));
  step('sweep.cut');
  const { sparse, moved } = await packsToGo(join(folder, 'pack'), names);
  if (moved.size > 0) await addPack(folder, contentsOf(objects, moved));
  step('sweep.moved');
  for (const name of sparse) {
    // Without its index it is no pack.
    await rm(join(folder, 'pack', `${name}.idx`), { force: true });
    step('sweep.removing');
    await rm(join(folder, 'pack', `${name}.pack`), { force: true });
  }
  for (const part of await readdir(folder)) {
    if (!FANOUT.test(part)) continue;
    for (const name of await readdir(join(folder, part)))
      if (!names.has(part + name)) {
        await rm(join(folder, part, name), { force: true });
        step('sweep.removing');
      }
  }
}

/** The commit, the trees and files that it leads to, as far as they are here, and the others. */
function namesOf(objects: ObjectStore, { commit, objects: others }: Needed): ReadonlySet<string> {
  const names = new Set([commit, ...others]);
  const trees = [readCommit(objects, commit).tree];
  for (let tree = trees.pop(); tree !== undefined; tree = trees.pop()) {
    if (names.has(tree)) continue;
    names.add(tree);
    if (!objects.has(tree)) continue;
    for (const entry of parseTree(objects.readTyped(tree, 'tree')).entries) {
      if (isFolder(entry)) trees.push(entry.oid);
      else names.add(entry.oid);
    }
  }
  return names;
}

/** Packs that are to go, and the objects in them that are needed and nowhere else to be found. */
async function packsToGo(
  folder: string,
  names: ReadonlySet<string>,
): Promise<{ readonly sparse: readonly string[]; readonly moved: ReadonlySet<string> }> {
  const sparse: string[] = [];
  const moved = new Set<string>();
  const kept = new Set<string>();
  for (const file of await readdir(folder)) {
    if (!file.endsWith('.idx')) continue;
    const name = file.slice(0, -'.idx'.length);
    const found: string[] = [];
    let [octets, all] = [0, 0];
    for (const object of packedObjects(join(folder, file))) {
      all += object.octets;
      if (!names.has(object.oid)) continue;
      octets += object.octets;
      found.push(object.oid);
    }
    const isSparse = 2 * octets < all;
    if (isSparse) sparse.push(name);
    for (const oid of found) (isSparse ? moved : kept).add(oid);
  }
  for (const oid of kept) moved.delete(oid);
  return { sparse, moved };
}

function* contentsOf(objects: ObjectStore, names: Iterable<string>): Generator<NamedObject, void, undefined> {
  for (const oid of names) yield { oid, ...objects.read(oid, MAX_MOVED) };
}
