/**
 * Commit objects: reading what a commit points to, and making the commit of a change to root files.
 *
 * A commit changes the files it is asked to and nothing else: all other entries of the root are carried over octet for octet.
 */

import { isWorthwhile, makeDelta } from './delta.ts';
import { Failure } from './fault.ts';
import { type NamedObject, named, objectName } from './object.ts';
import type { ObjectStore } from './objects.ts';
import { step } from './step.ts';
import {
  FILE_MODE,
  filesOf,
  formatTree,
  isFile,
  nameFault,
  type ParsedTree,
  parseTree,
  type TreeEntry,
} from './tree.ts';

export interface Author {
  readonly name: string;
  readonly email: string;
}

/** A change to files of the root: name to new content, or to `null` where the file goes. `time`: seconds since 1970. */
export interface CommitRequest {
  readonly files: ReadonlyMap<string, Uint8Array | null>;
  /** What files hold at the parent, where that is at hand: it has not to be read again. */
  readonly before?: ReadonlyMap<string, Uint8Array>;
  readonly author: Author;
  readonly time: number;
  readonly message: string;
}

/** A state of the root. `files`: name to object name of files (mode 100644); `ignored`: other non-folders, and why. */
export interface Tree {
  readonly commit: string;
  readonly files: ReadonlyMap<string, string>;
  readonly ignored: readonly { readonly name: string; readonly reason: string }[];
}

export interface CommitHead {
  readonly tree: string;
  readonly parents: readonly string[];
  /** Of who committed it: seconds since 1970, 0 where it tells none. */
  readonly time: number;
}

/** What a commit says but its message. */
export function readCommit(objects: ObjectStore, oid: string): CommitHead {
  const { head } = partsOf(objects, oid);
  const lines = head.toString('latin1').split('\n');
  const tree = /^tree ([0-9a-f]{40})$/.exec(lines[0] ?? '')?.[1];
  if (tree === undefined) throw new Failure('corrupt', `the commit ${oid} is damaged`);
  const parents: string[] = [];
  let at = 1;
  for (; at < lines.length; at++) {
    const parent = /^parent ([0-9a-f]{40})$/.exec(lines[at]!)?.[1];
    if (parent === undefined) break;
    parents.push(parent);
  }
  const committer = lines.find((line, number) => number >= at && line.startsWith('committer '));
  const time = Number(/> (\d{1,15}) [+-]\d+$/.exec(committer ?? '')?.[1] ?? 0);
  return { tree, parents, time };
}

/** The message of a commit. */
export const readMessage = (objects: ObjectStore, oid: string): string =>
  partsOf(objects, oid).message.toString('utf8');

/** A commit up to the first empty line, and behind it. */
function partsOf(objects: ObjectStore, oid: string): { readonly head: Buffer; readonly message: Buffer } {
  const content = objects.readTyped(oid, 'commit');
  const octets = Buffer.from(content.buffer, content.byteOffset, content.length);
  const end = octets.indexOf('\n\n');
  return end < 0
    ? { head: octets, message: octets.subarray(octets.length) }
    : { head: octets.subarray(0, end), message: octets.subarray(end + 2) };
}

/** An object of a commit, as it is sent: whole, or as a delta against one of its parent. */
export type Sent = Omit<NamedObject, 'content'> &
  ({ readonly content: Uint8Array } | { readonly base: string; readonly delta: Uint8Array });

/** What a commit brings over its parent. */
export interface Written {
  readonly parent: string | undefined;
  readonly objects: readonly Sent[];
}

/** Of commits that were written and not sent yet. */
const written = new WeakMap<Tree, Written>();

/** What a commit brings, where it was written here and not asked for before. */
export function takeWritten(tree: Tree): Written | undefined {
  const found = written.get(tree);
  written.delete(tree);
  return found;
}

/** The objects of trees that somebody still has: what follows from them is not read, and costs what it changes. */
const parsed = new WeakMap<Tree, ParsedTree>();

function treeOf(commit: string, root: ParsedTree): Tree {
  const tree = { commit, ...filesOf(root.entries) };
  parsed.set(tree, root);
  return tree;
}

function readRoot(objects: ObjectStore, commit: string, before?: Tree): ParsedTree {
  const octets = objects.readTyped(readCommit(objects, commit).tree, 'tree');
  return parseTree(octets, before && parsed.get(before));
}

/** The state of the root at a commit. `before`: the last one known, which is mostly much the same. */
export function readTreeOf(objects: ObjectStore, commit: string, before: Tree | undefined): Tree {
  return commit === before?.commit ? before : treeOf(commit, readRoot(objects, commit, before));
}

/** The same, of a commit that may not be here any more: a `gone` fault. */
export function readSeen(objects: ObjectStore, commit: string, before: Tree | undefined): Tree {
  if (!/^[0-9a-f]{40}$/.test(commit) || !objects.has(commit))
    throw new Failure('gone', `the commit ${commit} is not here any more`);
  return readTreeOf(objects, commit, before);
}

/** Writes the objects of a commit on top of `parent`. Moves no branch. */
export async function writeCommit(
  objects: ObjectStore,
  parent: Tree | undefined,
  request: CommitRequest,
): Promise<Tree> {
  if (!Number.isSafeInteger(request.time) || request.time < 0)
    throw new Failure('usage', 'the time of a commit is a number of seconds since 1970');
  const before = parent === undefined ? NO_TREE : (parsed.get(parent) ?? readRoot(objects, parent.commit));
  const { changed, blobs } = applyFiles(before.entries, request);
  const root = formatTree(changed);
  const tree = named('tree', root.octets);
  const person = `${identity(request.author.name, 'zonewright')} <${identity(request.author.email, 'zonewright')}> ${request.time} +0000`;
  const lines = [
    `tree ${tree.oid}`,
    ...(parent === undefined ? [] : [`parent ${parent.commit}`]),
    `author ${person}`,
    `committer ${person}`,
  ];
  const message = request.message.replaceAll('\0', '').replace(/\s*$/, '\n');
  const commit = named('commit', Buffer.from(`${lines.join('\n')}\n\n${message}`));
  await objects.add([...blobs.map(({ object }) => object), tree, commit]);
  step('git.written');
  const next = treeOf(commit.oid, root);
  const wasTree = { oid: objectName('tree', before.octets), content: before.octets };
  if (blobs.every(({ base }) => base !== 'unread')) {
    const changes = [{ object: tree, base: wasTree }, ...blobs];
    written.set(next, { parent: parent?.commit, objects: [commit, ...changes.flatMap(asSent)] });
  }
  return next;
}

const NO_TREE: ParsedTree = { octets: Buffer.alloc(0), entries: [] };

/** What an object was at the parent. */
interface Base {
  readonly oid: string;
  readonly content: Uint8Array;
}

function asSent({ object, base }: NewObject): readonly Sent[] {
  if (base === undefined || base === 'unread') return [object];
  if (base.oid === object.oid) return [];
  const delta = makeDelta(base.content, object.content);
  return [isWorthwhile(delta, object.content) ? { ...withoutContent(object), base: base.oid, delta } : object];
}

const withoutContent = ({ oid, type }: NamedObject): Pick<NamedObject, 'oid' | 'type'> => ({ oid, type });

interface NewObject {
  readonly object: NamedObject;
  readonly base: Base | undefined | 'unread';
}

/** The entries after a change, and what is in new ones. What is there keeps its place and its mode, what is new stands at the end. */
function applyFiles(
  entries: readonly TreeEntry[],
  { files, before }: Pick<CommitRequest, 'files' | 'before'>,
): { readonly changed: readonly TreeEntry[]; readonly blobs: readonly NewObject[] } {
  for (const name of files.keys()) {
    const reason = nameFault(name);
    if (reason !== undefined) throw new Failure('usage', `a file cannot be written: ${reason}`);
  }
  const octetsOf = (name: string): string => Buffer.from(name).toString('latin1');
  const changes = new Map([...files].map(([name, content]) => [octetsOf(name), content]));
  const contents = new Map([...(before ?? [])].map(([name, content]) => [octetsOf(name), content]));
  const changed: TreeEntry[] = [];
  const blobs: NewObject[] = [];
  const blob = (content: Uint8Array, entry?: TreeEntry): string => {
    const object = named('blob', content);
    const was = entry && contents.get(entry.name);
    if (entry === undefined) blobs.push({ object, base: undefined });
    else blobs.push({ object, base: was === undefined ? 'unread' : { oid: entry.oid, content: was } });
    return object.oid;
  };
  const done = new Set<string>();
  for (const entry of entries) {
    if (done.has(entry.name)) continue;
    const content = changes.get(entry.name);
    if (content !== undefined && !isFile(entry))
      throw new Failure('usage', `${Buffer.from(entry.name, 'latin1')} is no plain file and is left alone`);
    if (content === undefined) {
      changed.push(entry);
      continue;
    }
    if (content !== null) changed.push({ ...entry, oid: blob(content, entry) });
    done.add(entry.name);
  }
  for (const [name, content] of changes)
    if (content !== null && !done.has(name)) changed.push({ mode: FILE_MODE, name, oid: blob(content) });
  return { changed, blobs };
}

/** A name or an address as git accepts it: no angle brackets, no control characters, not empty. */
function identity(text: string, otherwise: string): string {
  const clean = text.replace(/[\p{Cc}<>]+/gu, ' ').replace(/^[\s.,:;"'\\]+|[\s.,:;"'\\]+$/g, '');
  return clean === '' ? otherwise : clean;
}
