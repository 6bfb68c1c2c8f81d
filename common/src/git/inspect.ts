/**
 * What a repository is like, beside the branch that is served: which branches there are, and whether they may be pushed to. It is
 * looked at for people, who are then told at the start what they would else find out by an update that fails.
 *
 * Left out: what a server decides only once it has seen a commit, such as protected branches and hooks.
 */
import { constants } from 'node:fs';
import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure, type GitFault, systemCode } from './fault.ts';
import type { Service, Transport } from './session.ts';
import type { Watch } from './watch.ts';

export interface Inspection {
  /** Short names, sorted. */
  readonly branches: readonly string[];
  /** Why nobody who logs in like us may push. */
  readonly pushFault?: GitFault;
}

const HEADS = 'refs/heads/';

/** Asks for what the remote offers to who pushes, and goes. */
export async function inspectRemote(transport: Transport, watch: Watch): Promise<Inspection> {
  try {
    return { branches: await branchesOf(transport, 'git-receive-pack', watch) };
  } catch (error) {
    if (!(error instanceof Failure) || error.fault.kind !== 'refused') throw error;
    return { branches: await branchesOf(transport, 'git-upload-pack', watch), pushFault: error.fault };
  }
}

async function branchesOf(transport: Transport, service: Service, watch: Watch): Promise<readonly string[]> {
  const session = await transport.open(service, watch);
  try {
    const { refs } = await session.advertisement();
    return [...refs.keys()]
      .filter((ref) => ref.startsWith(HEADS))
      .map((ref) => ref.slice(HEADS.length))
      .sort();
  } finally {
    await session.close();
  }
}

/** The same of a bare repository on this machine. */
export async function inspectLocal(gitdir: string): Promise<Inspection> {
  const packed = await readFile(join(gitdir, 'packed-refs'), 'utf8').catch(() => '');
  const names = packed.split('\n').map((line) => line.slice(41));
  const heads = join(gitdir, HEADS);
  const loose = await readdir(heads, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of loose) {
    const path = join(entry.parentPath, entry.name).slice(heads.length);
    if (entry.isFile() && !path.endsWith('.lock')) names.push(`${HEADS}${path}`);
  }
  const branches = new Set(names.filter((name) => name.startsWith(HEADS)).map((name) => name.slice(HEADS.length)));
  const pushFault = await writeFault(gitdir);
  return { branches: [...branches].sort(), ...(pushFault === undefined ? {} : { pushFault }) };
}

async function writeFault(gitdir: string): Promise<GitFault | undefined> {
  for (const folder of ['objects', HEADS]) {
    try {
      await access(join(gitdir, folder), constants.W_OK);
    } catch (error) {
      const code = systemCode(error) ?? 'failed';
      return {
        kind: 'refused',
        what: `${join(gitdir, folder)} cannot be written (${code})`,
        hint: 'does it belong to the user of this process?',
      };
    }
  }
  return undefined;
}
