/** The whole past of a branch, read with native git: each commit with its parents, and what the files of zones were at it. */

import { gitEnvironment } from '../support/git-peers.ts';
import { needed } from '../support/needs.ts';
import { run } from '../support/process.ts';
import type { Repository } from '../support/repository.ts';

export interface PastCommit {
  readonly id: string;
  readonly parents: readonly string[];
  readonly author: string;
  readonly message: string;
  /** Files of interest: the object name; those that are not there are left out. */
  readonly files: ReadonlyMap<string, string>;
}

export interface Past {
  /** Parents before their children. */
  readonly commits: readonly PastCommit[];
  /** Contents by object name. */
  readonly texts: ReadonlyMap<string, string>;
}

/** How a commit is printed: fields ended by NUL, commits by the record separator. */
const FORMAT = '%H%x00%P%x00%an%x00%B%x00%x1e';

export async function pastOf({ path }: Repository, fileNames: readonly string[]): Promise<Past> {
  const git = async (args: readonly string[], input?: string): Promise<string> => {
    const ran = await run(needed('git'), args, {
      cwd: path,
      env: gitEnvironment as Readonly<Record<string, string>>,
      timeout: 300_000,
      ...(input === undefined ? {} : { input }),
    });
    if (ran.code !== 0) throw new Error(`git ${args.join(' ')}: ${ran.stderr}`);
    return ran.stdout;
  };
  const log = await git(['log', '--topo-order', '--reverse', `--format=${FORMAT}`, 'main']);
  const commits = log
    .split('\x1e')
    .map((text) => text.trimStart().split('\0'))
    .filter(([id]) => id !== '');
  const wanted = commits.flatMap(([id]) => fileNames.map((name) => `${id}:${name}`));
  const checked = (await git(['cat-file', '--batch-check=%(objectname)'], `${wanted.join('\n')}\n`))
    .trimEnd()
    .split('\n');
  const oids = new Map(wanted.map((name, i) => [name, checked[i]!]));
  const isOid = (oid: string): boolean => /^[0-9a-f]{40}$/.test(oid);
  const distinct = [...new Set(checked.filter(isOid))];
  return {
    commits: commits.map(([id, parents, author, message]) => ({
      id: id!,
      parents: parents === '' ? [] : parents!.split(' '),
      author: author!,
      message: message!,
      files: new Map(
        fileNames.flatMap((name) => {
          const oid = oids.get(`${id}:${name}`)!;
          return isOid(oid) ? [[name, oid] as const] : [];
        }),
      ),
    })),
    texts: contentsOf(await git(['cat-file', '--batch'], `${distinct.join('\n')}\n`)),
  };
}

/** What `git cat-file --batch` prints: `OID blob SIZE`, the content, a line end. All of it is ASCII here. */
function contentsOf(printed: string): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (let at = 0; at < printed.length; ) {
    const end = printed.indexOf('\n', at);
    const [oid = '', , size = '0'] = printed.slice(at, end).split(' ');
    texts.set(oid, printed.slice(end + 1, end + 1 + Number(size)));
    at = end + 2 + Number(size);
  }
  return texts;
}
