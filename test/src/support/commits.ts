/** Histories as a test plans them, made by `git fast-import`: whatever merges and clocks it wants, thousands of commits in no time. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { git, gitEnvironment } from './git-peers.ts';
import { needed } from './needs.ts';

export interface PlannedCommit {
  /** By their numbers, smaller than the own one. */
  readonly parents: readonly number[];
  /** Seconds since 1970. */
  readonly time: number;
  readonly message?: string;
  /** All files; one of a digit unless given. */
  readonly files?: Readonly<Record<string, string>>;
}

const data = (text: string): string => `data ${Buffer.byteLength(text)}\n${text}\n`;

/** Makes a bare repository `r.git` of these commits in a folder; gives their names by their numbers. `main` is at the last one. */
export async function importCommits(
  folder: string,
  commits: readonly PlannedCommit[],
): Promise<{ readonly path: string; readonly oids: readonly string[] }> {
  const path = join(folder, 'r.git');
  await git(folder, 'init', '-q', '--bare', '-b', 'main', path);
  const stream = commits.map(({ parents, time, message, files }, number) =>
    [
      // A name for each, so that whoever has no parents is not taken to follow from the one before.
      `commit refs/heads/c${number}\n`,
      `mark :${number + 1}\n`,
      `committer A <a@example.org> ${time} +0000\n`,
      data(message ?? String(number)),
      ...parents.map((parent, i) => `${i === 0 ? 'from' : 'merge'} :${parent + 1}\n`),
      'deleteall\n',
      ...Object.entries(files ?? { f: String(number % 10) }).map(
        ([name, text]) => `M 100644 inline ${name}\n${data(text)}`,
      ),
    ].join(''),
  );
  const marks = join(path, 'marks');
  await new Promise<void>((resolve, reject) => {
    const args = ['fast-import', '--quiet', `--export-marks=${marks}`];
    const child = execFile(needed('git'), args, { cwd: path, env: gitEnvironment }, (error) =>
      error === null ? resolve() : reject(error),
    );
    child.stdin!.end(`${stream.join('')}done\n`);
  });
  const oids = commits.map(() => '');
  for (const line of readFileSync(marks, 'utf8').trim().split('\n')) {
    const [number = '', oid = ''] = line.split(' ');
    oids[Number(number.slice(1)) - 1] = oid;
  }
  await git(path, 'update-ref', 'refs/heads/main', oids.at(-1)!);
  return { path, oids };
}
