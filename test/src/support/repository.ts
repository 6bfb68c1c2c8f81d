/**
 * A repository of zones as a scenario has it: a bare one that a primary is pointed at, and somebody else's clone beside it,
 * from which commits are pushed with native git. What it answers is read with native git too: a second opinion.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { git } from './git-peers.ts';
import { type Owner, temporaryFolder } from './owner.ts';
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

/** Makes a repository with one commit of `files`, or without any commit. It is removed with its owner. */
export const makeRepository = async (owner: Owner, files?: Files): Promise<Repository> => {
  const folder = temporaryFolder(owner, 'repository');
  const path = join(folder, 'zones.git');
  const clone = join(folder, 'clone');
  await git(folder, 'init', '--quiet', '--bare', '--initial-branch=main', path);
  await git(folder, 'init', '--quiet', '--initial-branch=main', clone);
  await git(clone, 'remote', 'add', 'origin', path);

  const write = (all: Files): void => {
    for (const [name, content] of Object.entries(all)) {
      const file = join(clone, name);
      if (content === undefined) rmSync(file, { force: true });
      else {
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, content);
      }
    }
  };
  const read = (name: string): string => readFileSync(join(clone, name), 'utf8');
  const push = async (all: Files | MakeFiles): Promise<string> => {
    for (let tries = 1; ; tries++) {
      const isEmpty = (await git(path, 'branch', '--list', 'main')) === '';
      if (!isEmpty) {
        await git(clone, 'fetch', '--quiet', 'origin', 'main');
        await git(clone, 'reset', '--quiet', '--hard', 'FETCH_HEAD');
      }
      write(typeof all === 'function' ? all(read) : all);
      await git(clone, 'add', '--all');
      await git(clone, 'commit', '--quiet', '--allow-empty', '--message', 'somebody else');
      try {
        await git(clone, 'push', '--quiet', 'origin', 'HEAD:main');
        return await git(clone, 'rev-parse', 'HEAD');
      } catch (error) {
        if (tries === MAX_TRIES) throw error;
      }
    }
  };
  if (files !== undefined) await push(files);
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
