/**
 * From the files of a commit to zones and keys. Only files whose object changed are read, and zone files that include one of them.
 * Nothing of what was read is kept but the names of objects: what to do about a file with errors is for those who serve.
 *
 * Always holds: files that are neither zones nor keys are left alone.
 */
import type { FileFinding } from '@zonewright/common/authority/file-finding';
import { fileZone, readKeyFile, readZoneFile } from '@zonewright/common/authority/zone-file';
import type { GitFault, GitStore, Tree } from '@zonewright/common/git/store';
import { IncludedFiles } from '@zonewright/common/master/include';
import { DEFAULT_FILE_LIMITS } from '@zonewright/common/master/limits';
import { fail, ok, type Result } from '@zonewright/common/result';
import { plainKey } from './plain.ts';
import type { Reading, Source } from './repository.ts';

/** A file of the head that was read last. */
export interface LoadedFile {
  readonly oid: string;
  /** The files that it includes: object names, `undefined` for those that are not there. */
  readonly includes: ReadonlyMap<string, string | undefined>;
}

/** No object has this name: the file is read with each commit. */
const UNREAD = '';
const NONE: ReadonlyMap<string, undefined> = new Map();
const NO_LAST_GOOD: ReadonlyMap<string, Source> = new Map();

export class Loader {
  readonly #store: GitStore;
  #files = new Map<string, LoadedFile>();

  constructor(store: GitStore) {
    this.#store = store;
  }

  fileOf(fileName: string): LoadedFile | undefined {
    return this.#files.get(fileName);
  }

  /** Takes over what we wrote ourselves, so that it is not read back. */
  wrote(objects: ReadonlyMap<string, string>): void {
    for (const [fileName, oid] of objects)
      this.#files.set(fileName, { includes: this.#files.get(fileName)?.includes ?? NONE, oid });
  }

  /**
   * Reads what changed, file by file; gives the files that are gone. After a fault, of the store, all is as it was. `lastGood`: what is
   * taken instead of a file that was not in force as it stands there.
   */
  async *load(
    tree: Tree,
    lastGood: ReadonlyMap<string, Source> = NO_LAST_GOOD,
  ): AsyncGenerator<Reading, Result<readonly string[], GitFault>, void> {
    const files = new Map<string, LoadedFile>();
    for (const { name, reason } of tree.ignored) yield { kind: 'other', fileName: name, reason };
    for (const [fileName, oid] of tree.files) {
      const known = this.#files.get(fileName);
      if (known?.oid === oid && !hasChangedInclude(known, tree)) {
        files.set(fileName, known);
        continue;
      }
      const read = await this.#read(fileName, oid, (name) => tree.files.get(name));
      if (!read.ok) return read;
      files.set(fileName, { oid: read.value.isRead ? oid : UNREAD, includes: read.value.includes });
      const { reading } = read.value;
      const good = lastGood.get(fileName);
      const before = good === undefined ? undefined : await this.#readSource(fileName, good);
      if (before?.ok === false) return before;
      yield before === undefined ? reading : withLastGood(reading, before.value);
    }
    const gone = [...this.#files.keys()].filter((fileName) => !files.has(fileName));
    this.#files = files;
    return ok(gone);
  }

  async #readSource(fileName: string, { oid, includes }: Source): Promise<Result<Reading, GitFault>> {
    const oids = new Map(includes);
    const read = await this.#read(fileName, oid, (name) => oids.get(name));
    if (!read.ok) return read;
    return read.value.isRead
      ? ok(read.value.reading)
      : fail({ kind: 'gone', what: `the last good version of ${fileName} is not here any more` });
  }

  async #read(
    fileName: string,
    oid: string,
    oidOf: (fileName: string) => string | undefined,
  ): Promise<Result<{ readonly reading: Reading; readonly isRead: boolean } & Pick<LoadedFile, 'includes'>, GitFault>> {
    const role = fileZone(fileName);
    // What can be told by the name alone is not read: it may be large, and it is not ours.
    const taken = (reading: Reading, includes: LoadedFile['includes'] = NONE, isRead = true) =>
      ok({ reading, includes, isRead });
    if (role.kind === 'other') return taken({ kind: 'other', fileName, reason: role.reason });
    const octets = await this.#store.read(oid);
    if (!octets.ok) {
      const { fault } = octets;
      if (!isOfOneFile(fault)) return octets;
      const findings = [unreadable(fault)];
      const reading: Reading =
        role.kind === 'keys'
          ? { kind: 'keys', fileName, keys: [], findings }
          : { kind: 'zone', fileName, errors: findings, reason: fault.what };
      // What is damaged may be repaired.
      return taken(reading, NONE, fault.kind === 'limit');
    }
    if (role.kind === 'keys') {
      const { keys, findings } = readKeyFile(octets.value, role.domain);
      const source = findings.some(isError) ? {} : { source: { oid, includes: [] } };
      return taken({ kind: 'keys', fileName, keys: keys.map(plainKey), findings, ...source });
    }
    const included = await readIncluded(this.#store, octets.value, oidOf);
    if (!included.ok) return included;
    const includes = new Map([...included.value.keys()].map((name) => [name, oidOf(name)]));
    const { zone, soa, findings, hasSoa } = readZoneFile(octets.value, role.origin, (name) => included.value.get(name));
    const reading: Reading = {
      kind: 'zone',
      fileName,
      ...(zone === undefined ? {} : { zone: zone.handle, source: { oid, includes: present(includes) } }),
      octets: octets.value.length,
      ...(soa === undefined ? {} : { soa }),
      errors: findings.filter(isError),
      ...(hasSoa ? {} : { reason: 'no SOA in it' }),
    };
    return taken(reading, includes);
  }
}

/** Does a fault of the store concern the file that was to be read, and nothing else? */
const isOfOneFile = ({ kind }: GitFault): boolean => kind === 'limit' || kind === 'damaged';

const isError = ({ severity }: FileFinding): boolean => severity === 'error';

const present = (includes: LoadedFile['includes']): Source['includes'] =>
  [...includes].flatMap(([name, oid]) => (oid === undefined ? [] : [[name, oid] as const]));

function hasErrors(reading: Reading): boolean {
  if (reading.kind === 'other') return false;
  return reading.kind === 'zone' ? reading.errors.length > 0 : reading.findings.some(isError);
}

/** What is wrong with a file, and what stays in force beside it: what was read from its last good version. */
function withLastGood(reading: Reading, before: Reading): Reading {
  if (hasErrors(before)) return reading;
  if (reading.kind === 'keys' && before.kind === 'keys')
    return { ...reading, keys: before.keys, ...(before.source && { source: before.source }) };
  if (reading.kind !== 'zone' || before.kind !== 'zone' || before.zone === undefined) return reading;
  const { reason: _, ...rest } = reading;
  return { ...rest, zone: before.zone, ...(before.source && { source: before.source }) };
}

function hasChangedInclude({ includes }: LoadedFile, tree: Tree): boolean {
  for (const [name, oid] of includes) if (tree.files.get(name) !== oid) return true;
  return false;
}

/** The files that a zone file includes, by name. Of one that is too large, or damaged, nothing is there. */
export async function readIncluded(
  store: GitStore,
  octets: Uint8Array,
  oidOf: (fileName: string) => string | undefined,
): Promise<Result<ReadonlyMap<string, Uint8Array | undefined>, GitFault>> {
  const included = new IncludedFiles(octets);
  for (let name = included.next(); name !== undefined; name = included.next()) {
    const oid = oidOf(name);
    const read = oid === undefined ? undefined : await store.read(oid, DEFAULT_FILE_LIMITS.includedOctets);
    if (read?.ok === false && !isOfOneFile(read.fault)) return read;
    included.give(name, read?.ok ? read.value : undefined);
  }
  return ok(included.files);
}

function unreadable(fault: GitFault): FileFinding {
  return {
    severity: 'error',
    rule: fault.kind,
    what: fault.what,
    ...(fault.hint === undefined ? {} : { hint: fault.hint }),
  };
}
