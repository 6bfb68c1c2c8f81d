/**
 * The keys of all key files of a repository together. A key may stand in several of them, if it is the same in each.
 *
 * Always holds: of different keys with one name none is in force, and no finding holds a secret.
 */
import type { FileFinding } from './file-finding.ts';
import type { Key } from './key.ts';

export interface KeySet {
  /** Those in force. */
  readonly keys: readonly Key[];
  readonly contradictions: readonly Contradiction[];
}

/** A name that has different keys. */
export interface Contradiction {
  /** Where they stand, two files at least. */
  readonly fileNames: readonly string[];
  /** As of the first of the files. */
  readonly finding: FileFinding;
}

/** Joins the keys of files, by file name. */
export function joinKeys(files: Iterable<readonly [string, { readonly keys: readonly Key[] }]>): KeySet {
  const byName = new Map<string, { readonly fileName: string; readonly key: Key }[]>();
  for (const [fileName, { keys }] of files) {
    for (const key of keys) {
      const same = byName.get(key.name.key);
      if (same === undefined) byName.set(key.name.key, [{ fileName, key }]);
      else same.push({ fileName, key });
    }
  }
  const inForce: Key[] = [];
  const contradictions: Contradiction[] = [];
  for (const places of byName.values()) {
    const [{ key: first }, ...others] = places as [(typeof places)[number], ...typeof places];
    if (others.every(({ key }) => isSame(key, first))) inForce.push(first);
    else contradictions.push(contradiction(first, [...new Set(places.map(({ fileName }) => fileName))]));
  }
  return { keys: inForce, contradictions };
}

function isSame(a: Key, b: Key): boolean {
  return a.secret.equals(b.secret) && a.limits?.text === b.limits?.text;
}

function contradiction({ name }: Key, fileNames: readonly string[]): Contradiction {
  const what = `key ${name} stands also in ${fileNames.slice(1).join(', ')}, with another secret or other limits`;
  return { fileNames, finding: { severity: 'error', rule: 'key-once', what, hint: 'keep one: neither is used' } };
}
