/**
 * Tree objects, on octets (gitformat-pack(5); entry order as in git's `base_name_compare`).
 *
 * Entries that this program does not own are carried over untouched, whatever their name or mode: a name is octets here. Which
 * names are files of the store is decided by `filesOf`.
 */
import { Failure } from './fault.ts';

export interface TreeEntry {
  /** Octal digits as they stand in the object: `100644`, `40000`. */
  readonly mode: string;
  readonly name: Buffer;
  readonly oid: string;
}

export const FILE_MODE = '100644';
/** Executable, and with the group's right to write, as old versions of git noted it: what is in a file does not depend on it. */
const FILE_MODES: ReadonlySet<string> = new Set([FILE_MODE, '100755', '100664']);
const FOLDER_MODE = '40000';
/** The most entries that a root may have. */
export const MAX_ENTRIES = 100_000;
const OID_OCTETS = 20;

/** The entries of a tree object, in its order. */
export function parseTree(content: Uint8Array): TreeEntry[] {
  const octets = Buffer.from(content.buffer, content.byteOffset, content.length);
  const entries: TreeEntry[] = [];
  for (let at = 0; at < octets.length; ) {
    const space = octets.indexOf(0x20, at);
    const end = space < 0 ? -1 : octets.indexOf(0, space);
    const mode = space < 0 ? '' : octets.toString('latin1', at, space);
    if (end < 0 || end + 1 + OID_OCTETS > octets.length || !/^[0-7]{1,7}$/.test(mode))
      throw new Failure('corrupt', 'the root of the repository is damaged');
    if (entries.length >= MAX_ENTRIES)
      throw new Failure('limit', `the root of the repository has more than ${MAX_ENTRIES} entries`);
    entries.push({
      mode,
      name: octets.subarray(space + 1, end),
      oid: octets.toString('hex', end + 1, end + 1 + OID_OCTETS),
    });
    at = end + 1 + OID_OCTETS;
  }
  return entries;
}

/** A tree object out of entries in any order. */
export function formatTree(entries: readonly TreeEntry[]): Buffer {
  const key = (entry: TreeEntry): Buffer =>
    isFolder(entry) ? Buffer.concat([entry.name, Buffer.from('/')]) : entry.name;
  const sorted = entries.map((entry) => ({ entry, key: key(entry) })).sort((a, b) => Buffer.compare(a.key, b.key));
  return Buffer.concat(
    sorted.flatMap(({ entry }) => [
      Buffer.from(`${entry.mode} `),
      entry.name,
      Buffer.of(0),
      Buffer.from(entry.oid, 'hex'),
    ]),
  );
}

const isFolder = (entry: TreeEntry): boolean => entry.mode.replace(/^0+/, '') === FOLDER_MODE;

/** Why a name can be no file of the store, or `undefined` where it can. */
export function nameFault(name: string): string | undefined {
  if (name === '') return 'empty name';
  if (/\p{Cc}/u.test(name)) return 'control character in the name';
  if (name === '.' || name === '..' || name.includes('/')) return 'name is a path';
  if (name.toLowerCase() === '.git') return 'reserved name';
  return undefined;
}

export interface Listing {
  readonly files: Map<string, string>;
  readonly ignored: { name: string; reason: string }[];
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeName(octets: Buffer): string | undefined {
  try {
    return UTF8.decode(octets);
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
  const seen = new Set<string>();
  for (const entry of entries) {
    const name = decodeName(entry.name);
    const shown = (name ?? entry.name.toString('latin1')).replace(/\p{Cc}/gu, '?');
    const isDouble = seen.has(entry.name.toString('latin1'));
    seen.add(entry.name.toString('latin1'));
    if (isDouble) {
      if (name !== undefined) files.delete(name);
      ignored.push({ name: shown, reason: 'duplicate name' });
      continue;
    }
    if (isFolder(entry)) continue;
    const reason = name === undefined ? 'name is not UTF-8' : (nameFault(name) ?? modeFault(entry.mode));
    if (reason !== undefined) ignored.push({ name: shown, reason });
    else files.set(name!, entry.oid);
  }
  return { files, ignored };
}
