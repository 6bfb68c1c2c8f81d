/**
 * A repository of zones as a scenario has it: a bare one that a primary is pointed at, and somebody else's clone beside it,
 * from which commits are pushed with native git. What it answers is read with native git too: a second opinion.
 */
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { git, gitEnvironment } from './git-peers.ts';
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

/** A commit of these files without a parent, as git-fast-import(1) reads it. */
const firstCommit = (files: Files): Buffer => {
  const message = 'somebody else\n';
  const head = `commit refs/heads/main\ncommitter Somebody Else <else@example.org> now\ndata ${message.length}\n${message}`;
  const changes = Object.entries(files).flatMap(([name, content = '']) => {
    const octets = Buffer.from(content);
    const path = name.replace(/["\\]/g, '\\$&');
    return [Buffer.from(`M 100644 inline "${path}"\ndata ${octets.length}\n`), octets, Buffer.from('\n')];
  });
  return Buffer.concat([Buffer.from(head), ...changes, Buffer.from('done\n')]);
};

/** What a clone is told: no chores of git's own, and where it is from. */
const cloneConfiguration = (path: string): string => `[gc]
	auto = 0
[maintenance]
	auto = false
[remote "origin"]
	url = ${path}
	fetch = +refs/heads/*:refs/remotes/origin/*
`;

/**
 * Makes a repository with one commit of `files`, or without any commit. It is removed with its owner.
 *
 * Tests make many of them, so all is done by as few programs as git can do it with: the first commit is written where it belongs, and
 * the clone beside it, in the folder `clone`, reads the objects of the repository instead of fetching them.
 */
export const makeRepository = async (owner: Owner, files?: Files): Promise<Repository> => {
  const folder = temporaryFolder(owner, 'repository');
  const path = join(folder, 'zones.git');
  const clone = join(folder, 'clone');
  await git(folder, 'init', '--quiet', '--bare', '--initial-branch=main', path);
  await git(folder, 'init', '--quiet', '--initial-branch=main', clone);
  writeFileSync(join(clone, '.git/objects/info/alternates'), `${join(path, 'objects')}\n`);
  appendFileSync(join(clone, '.git/config'), cloneConfiguration(path));

  /** Puts the clone to the head of the repository; there may be none. */
  const reset = async (): Promise<void> => {
    const head = await git(path, 'for-each-ref', '--format=%(objectname)', 'refs/heads/main');
    if (head !== '') await git(clone, 'reset', '--quiet', '--hard', head);
  };
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
      await reset();
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
  if (files !== undefined) {
    const args = ['-C', path, 'fast-import', '--quiet', '--done', '--date-format=now'];
    const ran = await run('git', args, { env: gitEnvironment, input: firstCommit(files) });
    if (ran.code !== 0) throw new Error(ran.stderr);
    await reset();
  }
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
  });
