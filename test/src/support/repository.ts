/**
 * A repository of zones as a scenario has it: a bare one that a primary is pointed at, and somebody else's clone beside it,
 * from which commits are pushed with native git. What it answers is read with native git too: a second opinion.
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { git, gitEnvironment } from './git-peers.ts';
import { needed } from './needs.ts';
import { type Owner, temporaryFolder } from './owner.ts';
import { run } from './process.ts';
import { until } from './until.ts';

/** Path to new content; `undefined` removes the file. */
export type Files = Readonly<Record<string, string | Uint8Array | undefined>>;

/** Makes new content out of what stands at the head. */
export type MakeFiles = (read: (path: string) => string) => Files;

export interface Repository {
  /** The folder that holds the bare repository `zones.git`: the root for `git daemon` and the others. */
  readonly folder: string;
  /** The bare repository. */
  readonly path: string;
  /** Commits on top of the branch as it is now and pushes, again when somebody else was faster; returns the commit. */
  push(files: Files | MakeFiles): Promise<string>;
  /** The commit that `main` is at. */
  head(): Promise<string>;
  /** The content of a file at a commit, unless given the head. */
  read(file: string, commit?: string): Promise<string>;
  /** Runs git in the bare repository. */
  git(...args: readonly string[]): Promise<string>;
}

const MAX_TRIES = 50;

/** A path as fast-import takes it. */
const quoted = (path: string): string => `"${path.replace(/["\\]/g, '\\$&')}"`;

/** One commit on top of `parent`, as git-fast-import(1) reads it. */
const commitStream = (files: Files, parent: string): Buffer => {
  const message = 'somebody else\n';
  const changes = Object.entries(files).flatMap(([name, content]) => {
    if (content === undefined) return [Buffer.from(`D ${quoted(name)}\n`)];
    const octets = Buffer.from(content);
    return [Buffer.from(`M 100644 inline ${quoted(name)}\ndata ${octets.length}\n`), octets, Buffer.from('\n')];
  });
  return Buffer.concat([
    Buffer.from('commit refs/heads/main\ncommitter Somebody Else <else@example.org> now\n'),
    Buffer.from(`data ${message.length}\n${message}${parent === '' ? '' : `from ${parent}\n`}`),
    ...changes,
    Buffer.from('done\n'),
  ]);
};

/**
 * Makes a repository with one commit of `files`, or without any commit. It is removed with its owner.
 *
 * Tests make many of them, so each thing is done by as few programs as git can do it with: the first commit is written where it
 * belongs, and the clone reads the objects of the repository instead of fetching them.
 */
export const makeRepository = async (owner: Owner, files?: Files): Promise<Repository> => {
  const folder = temporaryFolder(owner, 'repository');
  const path = join(folder, 'zones.git');
  const clone = join(folder, 'clone');
  await git(folder, 'init', '--quiet', '--bare', '--initial-branch=main', path);
  await git(folder, 'init', '--quiet', '--initial-branch=main', clone);
  writeFileSync(join(clone, '.git/objects/info/alternates'), `${join(path, 'objects')}\n`);
  appendFileSync(join(clone, '.git/config'), `[remote "origin"]\n\turl = ${path}\n[fastimport]\n\tunpackLimit = 1\n`);

  const commit = async (place: string, all: Files, parent: string): Promise<string> => {
    const args = ['-C', place, 'fast-import', '--quiet', '--force', '--done', '--date-format=now'];
    const ran = await run('git', args, { env: gitEnvironment, input: commitStream(all, parent) });
    if (ran.code !== 0) throw new Error(ran.stderr);
    return git(place, 'rev-parse', 'refs/heads/main');
  };
  const push = async (all: Files | MakeFiles): Promise<string> => {
    for (let tries = 1; ; tries++) {
      const head = await git(path, 'for-each-ref', '--format=%(objectname)', 'refs/heads/main');
      const read = (name: string): string =>
        execFileSync(needed('git'), ['show', `${head}:${name}`], { cwd: path, env: gitEnvironment, encoding: 'utf8' });
      const made = await commit(clone, typeof all === 'function' ? all(read) : all, head);
      try {
        await git(clone, 'push', '--quiet', path, `${made}:refs/heads/main`);
        return made;
      } catch (error) {
        if (tries === MAX_TRIES) throw error;
      }
    }
  };
  if (files !== undefined) await commit(path, files, '');
  return {
    folder,
    path,
    push,
    head: () => git(path, 'rev-parse', 'main'),
    read: (file, commit = 'main') => git(path, 'show', `${commit}:${file}`),
    git: (...args) => git(path, ...args),
  };
};

/** Waits until a file at the head says this, and gives it. */
export const says = (repository: Repository, words: RegExp, file = 'mirage'): Promise<string> =>
  until(() => repository.read(file), {
    what: `${file} says ${words}`,
    holds: (text) => words.test(text),
    timeout: 20_000,
  });
