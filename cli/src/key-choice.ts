/**
 * Keys out of files, and which of them is for which zone. A key on a command line is seen by all users of the machine (`ps`), so here
 * it has to stand in a file.
 *
 * Always holds: no fault holds what was given for a key, nor anything of the file; names are compared label by label.
 */
import { readFileSync, statSync } from 'node:fs';
import { type Key, mayPerform, OPERATIONS, parseKey } from '@zonewright/common/authority/key';
import type { Name } from '@zonewright/common/name';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { redactText, rememberSecret } from '@zonewright/common/service/redact';

/** The name of a file that holds keys. */
export type KeyPath = string;

/** `@FILE`, or the name of a file that is there. */
export function parseKeyPath(text: string): Result<KeyPath, Fault> {
  if (text.startsWith('@') && text.length > 1) return ok(text.slice(1));
  if (statSync(text, { throwIfNoEntry: false })?.isFile() === true) return ok(text);
  rememberSecret(text);
  const what = 'this is no file; and a key is not given here itself, where all users of the machine can see it';
  return fail({
    kind: 'usage',
    what,
    hint: 'write it into a file that only the user of the hook can read: --key @FILE',
  });
}

export interface KeyFile {
  readonly keys: readonly Key[];
  /** May users read it who are neither the owner nor of the group? */
  readonly isOpen: boolean;
}

/** The largest file of keys, in octets. */
const MAX_KEY_FILE = 1024 * 1024;
/** The right to read of everybody else. */
const OTHERS = 0o004;

/** The keys of a file: `NAME:ALG:SECRET`, each on a line or behind blanks; `;` and `#` begin comments. */
export function readKeys(path: KeyPath): Result<KeyFile, Fault> {
  const problem = (what: string, hint?: string): Result<never, Fault> =>
    fail({ kind: 'usage', what: `the key file ${path}: ${what}`, ...(hint === undefined ? {} : { hint }) });
  let text: string;
  let isOpen: boolean;
  try {
    const { size, mode } = statSync(path);
    if (size > MAX_KEY_FILE) return problem(`larger than ${MAX_KEY_FILE} octets`);
    isOpen = (mode & OTHERS) !== 0;
    text = readFileSync(path, 'latin1');
  } catch (error) {
    return problem(`cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`);
  }
  const keys: Key[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    for (const word of line.replace(/[;#].*/s, '').split(/\s+/)) {
      if (word === '') continue;
      rememberSecret(word);
      const key = parseKey(word);
      if (!key.ok) return problem(`line ${index + 1}: ${redactText(key.fault.what)}`, key.fault.hint);
      keys.push(key.value);
    }
  }
  return keys.length === 0 ? problem('there is no key in it') : ok({ keys, isOpen });
}

/** The key to tell a server of a zone with: one of that very zone, else of the nearest above it; of several, the one that may least. */
export function keyFor(zone: Name, keys: readonly Key[]): Key | undefined {
  const rank = ({ operation }: Key): number => OPERATIONS.indexOf(operation);
  const isBetter = (a: Key, b: Key): boolean => {
    const [near, far] = [a.zone.labels.length, b.zone.labels.length];
    return near > far || (near === far && rank(a) < rank(b));
  };
  let best: Key | undefined;
  for (const key of keys) {
    if (mayPerform(key, 'notify', zone) && (best === undefined || isBetter(key, best))) best = key;
  }
  return best;
}
