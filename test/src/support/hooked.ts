/**
 * A bare repository with hooks of ours in it, and a clone beside it from which native git pushes: over a path unless told another
 * URL. What a push says is what its user sees.
 */
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { git, gitEnvironment } from './git-peers.ts';
import { needed } from './needs.ts';
import { type Owner, temporaryFolder } from './owner.ts';
import { run, startProgram } from './process.ts';
import { root } from './zonewright.ts';

/** Path to new content; `undefined` removes the file, a `link` is a symbolic one. */
export type Content = Readonly<Record<string, string | Uint8Array | { readonly link: string } | undefined>>;

export interface Pushed {
  readonly isTaken: boolean;
  /** What the hooks have said, line by line. */
  readonly remote: readonly string[];
  /** All that git has printed. */
  readonly text: string;
}

export interface PushOptions {
  /** Words for `git push`, such as `-o max-change=off`. */
  readonly words?: readonly string[];
  /** `HEAD:main` unless given. */
  readonly refspec?: string;
  readonly url?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Hooked {
  /** The folder of the bare repository `zones.git`. */
  readonly folder: string;
  readonly path: string;
  readonly clone: string;
  /** Writes the files in the clone. */
  write(files: Content): void;
  /** Writes and commits them, on top of what was committed last, and pushes. */
  push(files: Content, options?: PushOptions): Promise<Pushed>;
  /** Pushes what was committed otherwise. */
  pushOnly(options?: PushOptions): Promise<Pushed>;
  /** Puts the clone back to what the branch of the bare repository is. */
  reset(): Promise<void>;
  git(...args: readonly string[]): Promise<string>;
}

export interface Hooks {
  /** Words after `zonewright hook pre-receive`. */
  readonly pre?: readonly string[];
  readonly post?: readonly string[];
  /** Where the folder of the repository is, other than in the system's temporary one. */
  readonly name?: string;
}

const bin = join(root, 'bin', 'zonewright');
const inQuotes = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** Writes a hook to a path: `kind` is its name in git, `words` are those after it. */
export type WriteHook = (path: string, kind: string, words: readonly string[]) => void;

const writeScript = (path: string, text: string): void => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, 0o755);
};

/** Writes a hook that is nothing but a call of ours, under the test's node. */
export const writeHook: WriteHook = (path, kind, words) => {
  const command = [process.execPath, bin, 'hook', kind, ...words].map(inQuotes).join(' ');
  writeScript(path, `#!/bin/sh\nexec ${command}\n`);
};

/** What the hooks of `startHooks` need. */
export const HOOK_NEEDS = ['git', 'bash'] as const;

/**
 * Starts one process for many hooks, and gives what writes those: for tests of what a hook says, and not of its process. That one is
 * told all that git tells a hook.
 */
export const startHooks = async (owner: Owner): Promise<WriteHook> => {
  const path = fileURLToPath(new URL('./hook-program.js', import.meta.url));
  const program = await startProgram(owner, process.execPath, [path], { name: 'hooks' });
  const port = (await program.waitForLine(/^port /)).slice('port '.length);
  return (to, kind, words) =>
    writeScript(
      to,
      `#!${needed('bash')}
exec 3<>/dev/tcp/127.0.0.1/${port}
{ printf '%s\\0' "$PWD" ${[kind, ...words].map(inQuotes).join(' ')} ''; env -0; printf '\\0'; cat; printf '\\0'; } >&3
read -r code <&3
cat <&3 >&2
exit "$code"
`,
    );
};

/** Makes the repository, empty; its hooks are processes of their own unless others are given. */
export const makeHooked = async (owner: Owner, hooks: Hooks, writeOne: WriteHook = writeHook): Promise<Hooked> => {
  const folder = join(temporaryFolder(owner, 'hooked'), hooks.name ?? '.');
  const path = join(folder, 'zones.git');
  const clone = join(folder, 'clone');
  mkdirSync(folder, { recursive: true });
  await git(folder, 'init', '--quiet', '--bare', '--initial-branch=main', path);
  await git(path, 'config', 'receive.advertisePushOptions', 'true');
  await git(path, 'config', 'receive.denyDeleteCurrent', 'ignore');
  if (hooks.pre !== undefined) writeOne(join(path, 'hooks', 'pre-receive'), 'pre-receive', hooks.pre);
  if (hooks.post !== undefined) writeOne(join(path, 'hooks', 'post-receive'), 'post-receive', hooks.post);
  await git(folder, 'init', '--quiet', '--initial-branch=main', clone);
  const write = (files: Content): void => {
    for (const [name, content] of Object.entries(files)) {
      const file = join(clone, name);
      rmSync(file, { force: true, recursive: true });
      if (content === undefined) continue;
      mkdirSync(dirname(file), { recursive: true });
      if (typeof content === 'object' && 'link' in content) symlinkSync(content.link, file);
      else writeFileSync(file, content);
    }
  };
  const pushOnly: Hooked['pushOnly'] = async ({ words = [], refspec = 'HEAD:main', url = path, env = {} } = {}) => {
    const args = ['-C', clone, 'push', ...words, url, refspec];
    const ran = await run(needed('git'), args, { env: { ...gitEnvironment, ...env }, timeout: 120_000 });
    const text = `${ran.stdout}${ran.stderr}`;
    const remote = [...text.matchAll(/^remote: (.*)$/gm)].map(([, line]) => line!.trimEnd());
    return { isTaken: ran.code === 0, remote, text };
  };
  return {
    folder,
    path,
    clone,
    write,
    pushOnly,
    push: async (files, options) => {
      write(files);
      await git(clone, 'add', '--all');
      await git(clone, 'commit', '--quiet', '--allow-empty', '--message', 'somebody');
      return pushOnly(options);
    },
    reset: async () => {
      await git(clone, 'fetch', '--quiet', path, 'main');
      await git(clone, 'reset', '--quiet', '--hard', 'FETCH_HEAD');
    },
    git: (...args) => git(clone, ...args),
  };
};
