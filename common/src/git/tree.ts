/**
 * Tree objects, on octets (gitformat-pack(5); entry order as in git's `base_name_compare`).
 *
 * Entries that this program does not own are carried over untouched, whatever their name or mode: a name is octets here. Which
 * names are files of the store is decided by `filesOf`.
 */
import { Failure, quoteRemote } from './fault.ts';
import { OID_OCTETS } from './object.ts';

export interface TreeEntry {
  /** Octal digits as they stand in the object: `100644`, `40000`. */
  readonly mode: string;
  /** A character for each octet, so that strings sort as octets do. */
  readonly name: string;
  readonly oid: string;
}

/** A tree object and what is in it, in its order. */
export interface ParsedTree {
  readonly octets: Buffer;
  readonly entries: readonly TreeEntry[];
}

export const FILE_MODE = '100644';
/** Executable, and with the group's right to write, as old versions of git noted it: what is in a file does not depend on it. */
const FILE_MODES: ReadonlySet<string> = new Set([FILE_MODE, '100755', '100664']);
const FOLDER_MODES: ReadonlySet<string> = new Set(['40000', '040000', '0040000']);
/** The most entries that a root may have. */
export const MAX_ENTRIES = 100_000;

/** The entries of a tree object. Those that `before` has too are taken from there, which costs less time, and no memory. */
export function parseTree(content: Uint8Array, before?: ParsedTree): ParsedTree {
  const octets = Buffer.from(content.buffer, content.byteOffset, content.length);
  const entries: TreeEntry[] = [];
  const known = new Known(before);
  for (let at = 0; at < octets.length; ) {
    const entry = known.same(octets, at) ?? parseEntry(octets, at, entries.length + 1);
    if (entries.length >= MAX_ENTRIES)
      throw new Failure('limit', `the root of the repository has more than ${MAX_ENTRIES} entries`);
    entries.push(entry);
    known.pass(entry);
    at += lengthOf(entry);
  }
  return { octets, entries };
}

const lengthOf = ({ mode, name }: TreeEntry): number => mode.length + 1 + name.length + 1 + OID_OCTETS;

/** A root that git does not read either: what stands behind such an entry is not known, so nothing of it is taken. */
function damaged(number: number, why: string): Failure {
  return new Failure('corrupt', `the root of the repository is damaged: entry ${number}${why}`);
}

/** A name, fit for a line of text. */
const escaped = (name: string): string =>
  quoteRemote(name.replace(/[^ -~]/g, (octet) => `\\x${octet.charCodeAt(0).toString(16).padStart(2, '0')}`));

/** The entry that begins at `at`; `number`: which one it is, from 1. */
function parseEntry(octets: Buffer, at: number, number: number): TreeEntry {
  const space = octets.indexOf(0x20, at);
  const end = space < 0 ? -1 : octets.indexOf(0, space);
  const mode = space < 0 ? '' : octets.toString('latin1', at, space);
  if (end < 0 || end + 1 + OID_OCTETS > octets.length) throw damaged(number, ' is cut short');
  const name = octets.toString('latin1', space + 1, end);
  if (!/^[0-7]{1,7}$/.test(mode)) throw damaged(number, `, "${escaped(name)}", has the mode "${escaped(mode)}"`);
  return {
    mode,
    name,
    oid: octets.toString('hex', end + 1, end + 1 + OID_OCTETS),
  };
}

/** Goes through an older tree beside a newer one. */
class Known {
  readonly #entries: readonly TreeEntry[];
  readonly #octets: Buffer;
  #next = 0;
  #at = 0;

  constructor(tree: ParsedTree | undefined) {
    this.#entries = tree?.entries ?? [];
    this.#octets = tree?.octets ?? Buffer.alloc(0);
  }

  /** The next entry, where the same octets stand at `at`. */
  same(octets: Buffer, at: number): TreeEntry | undefined {
    const entry = this.#entries[this.#next];
    if (entry === undefined) return undefined;
    const length = lengthOf(entry);
    for (let i = 0; i < length; i++) if (octets[at + i] !== this.#octets[this.#at + i]) return undefined;
    return entry;
  }

  /** Leaves behind what stands up to `entry` in the order of trees. */
  pass({ name }: TreeEntry): void {
    for (let entry = this.#entries[this.#next]; entry !== undefined && entry.name <= name; ) {
      this.#at += lengthOf(entry);
      entry = this.#entries[++this.#next];
    }
  }
}

/** A tree object out of entries in any order. */
export function formatTree(unsorted: Iterable<TreeEntry>): ParsedTree {
  const key = (entry: TreeEntry): string => (isFolder(entry) ? `${entry.name}/` : entry.name);
  const entries = [...unsorted].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
  const octets = Buffer.allocUnsafeSlow(entries.reduce((sum, entry) => sum + lengthOf(entry), 0));
  let at = 0;
  for (const { mode, name, oid } of entries) {
    at += octets.write(`${mode} ${name}\0`, at, 'latin1');
    at += octets.write(oid, at, 'hex');
  }
  return { octets, entries };
}

export const isFolder = ({ mode }: TreeEntry): boolean => FOLDER_MODES.has(mode);

/** Names that need no closer look: printable ASCII, no path, no dot at the start. */
const PLAIN = /^[!-\-0-~][ -.0-~]*$/;

/** Why a name can be no file of the store, or `undefined` where it can. */
export function nameFault(name: string): string | undefined {
  if (PLAIN.test(name)) return undefined;
  if (name === '') return 'empty name';
  if (/\p{Cc}/u.test(name)) return 'control character in the name';
  if (name === '.' || name === '..' || name.includes('/')) return 'name is a path';
  if (name.toLowerCase() === '.git') return 'reserved name';
  return undefined;
}

export interface Listing {
  readonly files: ReadonlyMap<string, string>;
  readonly ignored: readonly { readonly name: string; readonly reason: string }[];
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeName(octets: string): string | undefined {
  if (PLAIN.test(octets)) return octets;
  try {
    return UTF8.decode(Buffer.from(octets, 'latin1'));
  } catch {
    return undefined;
  }
}

export const isFile = ({ mode }: TreeEntry): boolean => FILE_MODES.has(mode);

function modeFault(mode: string): string | undefined {
  if (mode === '120000') return 'symbolic link';
  if (mode === '160000') return 'submodule';
  return FILE_MODES.has(mode) ? undefined : `mode ${mode}`;
}

/** The files among the entries: plain files of a usable, unique name. Folders are left out in silence, all else with its reason. */
export function filesOf(entries: readonly TreeEntry[]): Listing {
  const files = new Map<string, string>();
  const ignored: { name: string; reason: string }[] = [];
  const isAscending = entries.every(({ name }, at) => at === 0 || entries[at - 1]!.name < name);
  const seen = isAscending ? undefined : new Set<string>();
  for (const entry of entries) {
    const isDouble = seen?.has(entry.name) === true;
    seen?.add(entry.name);
    if (isFolder(entry) && !isDouble) continue;
    const name = decodeName(entry.name);
    const reason = isDouble ? 'duplicate name' : reasonAgainst(name, entry.mode);
    if (reason === undefined) files.set(name!, entry.oid);
    else ignored.push({ name: (name ?? entry.name).replace(/\p{Cc}/gu, '?'), reason });
    if (isDouble && name !== undefined) files.delete(name);
  }
  return { files, ignored };
}

/** Why an entry is no file of the store, or `undefined` where it is one. */
function reasonAgainst(name: string | undefined, mode: string): string | undefined {
  return name === undefined ? 'name is not UTF-8' : (nameFault(name) ?? modeFault(mode));
}

/** The object name of a plain file among the entries of a tree object, found without reading all of them; `undefined` where there is none, or two. */
export function findFile(content: Uint8Array, name: string): string | undefined {
  const octets = Buffer.from(content.buffer, content.byteOffset, content.length);
  const wanted = Buffer.from(` ${name}\0`);
  // The same octets may stand in the hash of another entry, but seldom do.
  if (!octets.includes(wanted)) return undefined;
  let found: string | undefined;
  for (let at = 0, number = 1; at < octets.length; number++) {
    const space = octets.indexOf(0x20, at);
    const end = space < 0 ? -1 : octets.indexOf(0, space);
    if (end < 0 || end + 1 + OID_OCTETS > octets.length) throw damaged(number, ' is cut short');
    if (end + 1 - space === wanted.length && wanted.compare(octets, space, end + 1) === 0) {
      if (found !== undefined) return undefined;
      if (FILE_MODES.has(octets.toString('latin1', at, space)))
        found = octets.toString('hex', end + 1, end + 1 + OID_OCTETS);
    }
    at = end + 1 + OID_OCTETS;
  }
  return found;
}
