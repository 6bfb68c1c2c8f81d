/**
 * The objects of a repository as a hook of `git receive-pack` sees them: those that are there, and those that a push has brought and
 * that wait for the verdict in a folder of their own (git-receive-pack(1), "QUARANTINE ENVIRONMENT"; git(1), `GIT_OBJECT_DIRECTORY`,
 * `GIT_ALTERNATE_OBJECT_DIRECTORIES`).
 *
 * Reading only. No git program is run. Whether the repository is bare does not matter here.
 */
import { existsSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import type { Result } from '../result.ts';
import { readTreeOf, type Tree } from './commit.ts';
import { type GitFault, settleNow } from './fault.ts';
import { MAX_BLOB, ObjectStore } from './objects.ts';

export class PushedObjects {
  readonly #objects: ObjectStore;

  /** `folder`: where the hook runs; `env`: what git has told it. */
  constructor(folder: string, env: Readonly<Record<string, string | undefined>>) {
    const gitdir = resolve(folder, env.GIT_DIR ?? (existsSync(join(folder, '.git')) ? '.git' : '.'));
    const own = env.GIT_OBJECT_DIRECTORY || join(gitdir, 'objects');
    this.#objects = new ObjectStore(gitdir, [own, ...splitFolders(env.GIT_ALTERNATE_OBJECT_DIRECTORIES ?? '')]);
  }

  /** The root at a commit. `before`: one that is much the same. */
  tree(commit: string, before?: Tree): Result<Tree, GitFault> {
    return settleNow(() => readTreeOf(this.#objects, commit, before));
  }

  /** The content of a file. `limit`: octets. */
  read(oid: string, limit: number = MAX_BLOB): Result<Uint8Array, GitFault> {
    return settleNow(() => this.#objects.readTyped(oid, 'blob', limit));
  }

  close(): void {
    this.#objects.close();
  }
}

const ESCAPES: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** A list of folders. One with a separator in its name stands in quotes, with escapes as in C. */
function splitFolders(text: string): readonly string[] {
  const folders: string[] = [];
  const item = new RegExp(`"((?:[^"\\\\]|\\\\.)*)"|[^${delimiter}]+`, 'gs');
  for (const [plain, quoted] of text.matchAll(item)) folders.push(quoted === undefined ? plain : unquoted(quoted));
  return folders;
}

function unquoted(text: string): string {
  const octets = Buffer.from(text).toString('latin1');
  const plain = octets.replace(/\\([0-7]{1,3}|.)/gs, (_, code: string) =>
    /^[0-7]/.test(code) ? String.fromCharCode(Number.parseInt(code, 8) & 0xff) : (ESCAPES[code] ?? code),
  );
  return Buffer.from(plain, 'latin1').toString();
}
