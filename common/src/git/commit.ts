/**
 * Commit objects: reading what a commit points to, and making the commit of a change to root files.
 *
 * A commit changes the files it is asked to and nothing else: all other entries of the root are carried over octet for octet.
 */
import { Failure } from './fault.ts';
import type { ObjectStore } from './objects.ts';
import { FILE_MODE, filesOf, formatTree, isFile, nameFault, parseTree, type TreeEntry } from './tree.ts';

export interface Author {
  readonly name: string;
  readonly email: string;
}

/** A change to files of the root: name to new content, or to `null` where the file goes. `time`: seconds since 1970. */
export interface CommitRequest {
  readonly files: ReadonlyMap<string, Uint8Array | null>;
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
}

/** The tree and the parents that a commit names. */
export function readCommit(objects: ObjectStore, oid: string): CommitHead {
  const text = Buffer.from(objects.readTyped(oid, 'commit')).toString('latin1');
  const header = text.split('\n\n', 1)[0]!.split('\n');
  const tree = /^tree ([0-9a-f]{40})$/.exec(header[0] ?? '')?.[1];
  if (tree === undefined) throw new Failure('corrupt', `the commit ${oid} is damaged`);
  const parents: string[] = [];
  for (const line of header.slice(1)) {
    const parent = /^parent ([0-9a-f]{40})$/.exec(line)?.[1];
    if (parent === undefined) break;
    parents.push(parent);
  }
  return { tree, parents };
}

/** The root entries of a commit. */
export function readRoot(objects: ObjectStore, commit: string): TreeEntry[] {
  return parseTree(objects.readTyped(readCommit(objects, commit).tree, 'tree'));
}

/** The state of the root at a commit. */
export function readTreeOf(objects: ObjectStore, commit: string): Tree {
  return { commit, ...filesOf(readRoot(objects, commit)) };
}

/** Writes the objects of a commit on top of `parent`. Moves no branch. */
export async function writeCommit(
  objects: ObjectStore,
  parent: string | undefined,
  request: CommitRequest,
): Promise<Tree> {
  if (!Number.isSafeInteger(request.time) || request.time < 0)
    throw new Failure('usage', 'the time of a commit is a number of seconds since 1970');
  const entries = parent === undefined ? [] : readRoot(objects, parent);
  const changed = await applyFiles(objects, entries, request.files);
  const tree = await objects.write('tree', formatTree(changed));
  const person = `${identity(request.author.name, 'zonewright')} <${identity(request.author.email, 'zonewright')}> ${request.time} +0000`;
  const lines = [
    `tree ${tree}`,
    ...(parent === undefined ? [] : [`parent ${parent}`]),
    `author ${person}`,
    `committer ${person}`,
  ];
  const message = request.message.replaceAll('\0', '').replace(/\s*$/, '\n');
  const commit = await objects.write('commit', Buffer.from(`${lines.join('\n')}\n\n${message}`));
  return { commit, ...filesOf(changed) };
}

async function applyFiles(
  objects: ObjectStore,
  entries: readonly TreeEntry[],
  files: ReadonlyMap<string, Uint8Array | null>,
): Promise<TreeEntry[]> {
  for (const name of files.keys()) {
    const reason = nameFault(name);
    if (reason !== undefined) throw new Failure('usage', `a file cannot be written: ${reason}`);
  }
  const replaced = new Set([...files.keys()].map((name) => Buffer.from(name).toString('latin1')));
  const kept: TreeEntry[] = [];
  const modes = new Map<string, string>();
  for (const entry of entries) {
    if (!replaced.has(entry.name.toString('latin1'))) kept.push(entry);
    else if (isFile(entry)) modes.set(entry.name.toString('utf8'), entry.mode);
    else throw new Failure('usage', `${entry.name.toString('utf8')} is no plain file and is left alone`);
  }
  for (const [name, content] of files) {
    if (content !== null)
      kept.push({
        mode: modes.get(name) ?? FILE_MODE,
        name: Buffer.from(name),
        oid: await objects.write('blob', content),
      });
  }
  return kept;
}

/** A name or an address as git accepts it: no angle brackets, no control characters, not empty. */
function identity(text: string, otherwise: string): string {
  const clean = text.replace(/[\p{Cc}<>]+/gu, ' ').replace(/^[\s.,:;"'\\]+|[\s.,:;"'\\]+$/g, '');
  return clean === '' ? otherwise : clean;
}
