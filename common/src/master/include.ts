/**
 * `$INCLUDE` (RFC 1035 5.1): which files may be named, and which a file asks for, so that somebody can read them before.
 *
 * Only plain names of files beside the file itself. Files of keys are not included by any spelling: their secrets would become
 * names, data and fault texts.
 */
import { EntryLexer } from './lexer.ts';
import { DEFAULT_FILE_LIMITS } from './limits.ts';

/** Letters, digits, `.`, `-`, `_`, `+`, `@`; neither a path nor hidden. */
const PLAIN = /^[a-z0-9_@][a-z0-9_@.+-]*$/i;
/** `_keys`, `example.com._keys`, in whatever case a file system takes them. */
const KEYS = /(?:^|\.)_keys\.*$/i;
const MAX_FILE_NAME = 255;

/** Why a file of this name is not included, if it is not. */
export function includeFault(fileName: string): string | undefined {
  if (KEYS.test(fileName)) return 'a file of keys is not included';
  if (PLAIN.test(fileName) && fileName.length <= MAX_FILE_NAME) return undefined;
  return 'only a file beside this one can be included, by its plain name';
}

export const isInclude = (directive: string): boolean => directive.toUpperCase() === '$INCLUDE';

/** How far a directive is looked at for its file name, octets: more, and many of them would cost more than the file. */
const MAX_LOOK = 4096;
/** Files that one zone may include, directly or not. */
const MAX_FILES = 1000;

/** The files that a file names, by a look at the lines that begin with `$`; of more than it may include, the first. */
export function includesIn(octets: Uint8Array): Iterable<string> {
  const names = new Set<string>();
  const view = Buffer.from(octets.buffer, octets.byteOffset, octets.length);
  for (let at = view.indexOf('$'); at >= 0; at = view.indexOf('\n$', at) + 1 || -1) {
    if (names.size >= DEFAULT_FILE_LIMITS.inclusions) break;
    if (!isInclude(view.toString('latin1', at, at + '$INCLUDE'.length))) continue;
    const lexer = new EntryLexer(octets.subarray(at, at + MAX_LOOK));
    lexer.read(0);
    const isNamed = lexer.count > 1 && isInclude(lexer.word(0));
    if (isNamed && includeFault(lexer.word(1)) === undefined) names.add(lexer.word(1));
  }
  return names;
}

/** All files that are needed to read one file, found one after the other: `next` asks for a file, `give` answers. */
export class IncludedFiles {
  /** By name; `undefined`: there is no such file, or none that can be read. */
  readonly files = new Map<string, Uint8Array | undefined>();
  readonly #wanted: string[];
  #octets = 0;

  constructor(octets: Uint8Array) {
    this.#wanted = [...includesIn(octets)];
  }

  /** The name of a file that has not been asked for. */
  next(): string | undefined {
    for (let name = this.#wanted.pop(); name !== undefined; name = this.#wanted.pop()) {
      // Beyond the limits reading them is refused anyway.
      const isRoom = this.files.size < MAX_FILES && this.#octets <= DEFAULT_FILE_LIMITS.includedOctets;
      if (isRoom && !this.files.has(name)) return name;
    }
    return undefined;
  }

  give(name: string, octets: Uint8Array | undefined): void {
    this.files.set(name, octets);
    if (octets === undefined) return;
    this.#octets += octets.length;
    for (const other of includesIn(octets)) this.#wanted.push(other);
  }
}
