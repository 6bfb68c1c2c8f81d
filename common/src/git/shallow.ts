/** Where the history of a repository ends for want of older commits (gitrepository-layout(5), `shallow`). */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from './durable.ts';

/** The commits whose parents are missing on purpose. */
export async function readShallow(gitdir: string): Promise<Set<string>> {
  const text = await readFile(join(gitdir, 'shallow'), 'utf8').catch(() => '');
  return new Set(text.split('\n').filter((line) => /^[0-9a-f]{40}$/.test(line)));
}

/** Only what changes is written. */
export async function writeShallow(gitdir: string, oids: ReadonlySet<string>): Promise<void> {
  const valid = [...oids].filter((oid) => /^[0-9a-f]{40}$/.test(oid)).sort();
  const before = await readShallow(gitdir);
  if (valid.length === before.size && valid.every((oid) => before.has(oid))) return;
  await writeDurably(join(gitdir, 'shallow'), valid.map((oid) => `${oid}\n`).join(''));
}
