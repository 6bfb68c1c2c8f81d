/**
 * From the files of a commit to zones and keys. Only files whose object changed are read, and zone files that include one of them.
 * A zone file with errors changes nothing: the last good version stays, the others move on, and what is wrong is kept for the
 * status page.
 *
 * Always holds: files that are neither zones nor keys are left alone.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Key, KeyTable } from '@zonewright/common/authority/key';
import {
  type FileFinding,
  fileZone,
  readKeyFile,
  readZoneFile,
  zoneFileName,
} from '@zonewright/common/authority/zone-file';
import type { GitFault, GitStore, Tree } from '@zonewright/common/git/store';
import { IncludedFiles } from '@zonewright/common/master/include';
import { DEFAULT_FILE_LIMITS } from '@zonewright/common/master/limits';
import type { Place } from '@zonewright/common/master/scan';
import type { Name } from '@zonewright/common/name';
import { ok, type Result } from '@zonewright/common/result';
import type { Zone } from '@zonewright/common/zone/zone';

/** The file of a zone at the head that was read last. */
export interface LoadedFile {
  readonly fileName: string;
  readonly oid: string;
  /** The files that it includes: object names, `undefined` for those that are not there. */
  readonly includes: ReadonlyMap<string, string | undefined>;
  readonly origin: Name;
  /** What the file says; the last good version when `errors` is not empty, `undefined` when there never was one. */
  readonly zone: Zone | undefined;
  /** Where the SOA of the apex stands. */
  readonly soa?: Place;
  /** Why the file at the head is not served. */
  readonly errors: readonly FileFinding[];
}

export interface LoadReport {
  /** Zones whose file changed and is good. */
  readonly changed: readonly LoadedFile[];
  /** Zone files with errors that were not there at the last load. */
  readonly rejected: readonly LoadedFile[];
  /** Zones whose file is gone. */
  readonly withdrawn: readonly Name[];
  /** Findings in key files that changed: file and what. Never a secret. */
  readonly keyFindings: readonly { readonly fileName: string; readonly finding: FileFinding }[];
  /** Files that look like zones or keys and are not, and why. */
  readonly ignored: readonly { readonly fileName: string; readonly reason: string }[];
}

interface KeyFile {
  readonly oid: string;
  /** Of the last version without errors; where there never was one, those that are good. */
  readonly keys: readonly Key[];
  readonly errors: readonly FileFinding[];
}

/** What one file was found to be. */
type Reading =
  | { readonly kind: 'zone'; readonly file: LoadedFile }
  | { readonly kind: 'keys'; readonly file: KeyFile; readonly findings: readonly FileFinding[] }
  | ({ readonly kind: 'other'; readonly reason: string } & OtherFile);

/** A file that was seen to be no zone. */
type OtherFile = Pick<LoadedFile, 'oid' | 'includes'>;

const NONE: ReadonlyMap<string, undefined> = new Map();
/** Files are read so long, in milliseconds, before the rest of the thread has a turn: reading one waits for nothing. */
const READ_SLICE = 10;

export class Loader {
  readonly #store: GitStore;
  readonly #zoneFiles = new Map<string, LoadedFile>();
  readonly #keyFiles = new Map<string, KeyFile>();
  /** Files seen to be no zones, by name: not read again until they change. */
  readonly #others = new Map<string, OtherFile>();
  #keys = new KeyTable();

  constructor(store: GitStore) {
    this.#store = store;
  }

  /** The keys of the files loaded last. */
  get keys(): KeyTable {
    return this.#keys;
  }

  get files(): Iterable<LoadedFile> {
    return this.#zoneFiles.values();
  }

  /** Files that are not in force as they stand at the head, and why. */
  *refused(): Generator<{ readonly fileName: string; readonly errors: readonly FileFinding[] }, void, undefined> {
    for (const { fileName, errors } of this.#zoneFiles.values()) if (errors.length > 0) yield { fileName, errors };
    for (const [fileName, { errors }] of this.#keyFiles) if (errors.length > 0) yield { fileName, errors };
  }

  /** The file of the zone with this apex. */
  fileOf(origin: Name): LoadedFile | undefined {
    return this.#zoneFiles.get(zoneFileName(origin));
  }

  /** Takes over what we wrote ourselves, so that it is not read back. */
  wrote(file: LoadedFile): void {
    this.#zoneFiles.set(file.fileName, file);
  }

  /** Reads what changed. A fault, of the store, leaves all as it was. */
  async load(tree: Tree): Promise<Result<LoadReport, GitFault>> {
    const readings = new Map<string, Reading>();
    let until = performance.now() + READ_SLICE;
    for (const [fileName, oid] of tree.files) {
      if (this.#oidOf(fileName) === oid && !this.#hasChangedInclude(fileName, tree)) continue;
      const reading = await this.#read(fileName, oid, tree);
      if (!reading.ok) return reading;
      readings.set(fileName, reading.value);
      if (performance.now() < until) continue;
      await nextTurn();
      until = performance.now() + READ_SLICE;
    }
    const changed: LoadedFile[] = [];
    const rejected: LoadedFile[] = [];
    const keyFindings: { fileName: string; finding: FileFinding }[] = [];
    const ignored = tree.ignored.map(({ name, reason }) => ({ fileName: name, reason }));
    for (const [fileName, reading] of readings) {
      if (reading.kind === 'zone') {
        this.#zoneFiles.set(fileName, reading.file);
        (reading.file.errors.length === 0 ? changed : rejected).push(reading.file);
      } else if (reading.kind === 'keys') {
        this.#keyFiles.set(fileName, reading.file);
        for (const finding of reading.findings) keyFindings.push({ fileName, finding });
      } else {
        this.#others.set(fileName, { oid: reading.oid, includes: reading.includes });
        ignored.push({ fileName, reason: reading.reason });
      }
    }
    const withdrawn = this.#forgetMissing(tree);
    for (const finding of this.#gatherKeys()) keyFindings.push(finding);
    return ok({ changed, rejected, withdrawn, keyFindings, ignored });
  }

  #oidOf(fileName: string): string | undefined {
    return this.#zoneFiles.get(fileName)?.oid ?? this.#keyFiles.get(fileName)?.oid ?? this.#others.get(fileName)?.oid;
  }

  #hasChangedInclude(fileName: string, tree: Tree): boolean {
    const { includes } = this.#zoneFiles.get(fileName) ?? this.#others.get(fileName) ?? { includes: NONE };
    for (const [name, oid] of includes) if (tree.files.get(name) !== oid) return true;
    return false;
  }

  async #read(fileName: string, oid: string, tree: Tree): Promise<Result<Reading, GitFault>> {
    const role = fileZone(fileName);
    // What can be told by the name alone is not read: it may be large, and it is not ours.
    if (role.kind === 'other') return ok({ kind: 'other', oid, includes: NONE, reason: role.reason });
    const octets = await this.#store.read(oid);
    if (!octets.ok && octets.fault.kind !== 'limit') return octets;
    if (role.kind === 'keys') {
      const previous = this.#keyFiles.get(fileName);
      const read = octets.ok
        ? readKeyFile(octets.value, role.domain)
        : { keys: [], findings: [tooLarge(octets.fault)] };
      const errors = read.findings.filter(({ severity }) => severity === 'error');
      // As with zones: who repairs the file has to be able to tell us.
      const keys = errors.length > 0 && previous !== undefined ? previous.keys : read.keys;
      return ok({ kind: 'keys', file: { oid, keys, errors }, findings: read.findings });
    }
    const { origin } = role;
    const previous = this.#zoneFiles.get(fileName);
    if (!octets.ok) {
      if (previous === undefined) return ok({ kind: 'other', oid, includes: NONE, reason: octets.fault.what });
      return ok({ kind: 'zone', file: { ...previous, oid, errors: [tooLarge(octets.fault)] } });
    }
    const included = await readIncluded(this.#store, octets.value, (name) => tree.files.get(name));
    if (!included.ok) return included;
    const includes = new Map([...included.value.keys()].map((name) => [name, tree.files.get(name)]));
    const { zone, soa, findings, hasSoa } = readZoneFile(octets.value, origin, (name) => included.value.get(name));
    if (previous === undefined && !hasSoa) return ok({ kind: 'other', oid, includes, reason: 'no SOA in it' });
    const errors = findings.filter(({ severity }) => severity === 'error');
    return ok({
      kind: 'zone',
      file: {
        fileName,
        oid,
        includes,
        origin,
        zone: errors.length === 0 ? zone : previous?.zone,
        ...(soa === undefined ? {} : { soa }),
        errors,
      },
    });
  }

  /** Puts the keys of all files in force. Of different keys with one name none is; gives where that is so. */
  #gatherKeys(): readonly { readonly fileName: string; readonly finding: FileFinding }[] {
    const byName = new Map<string, { readonly fileName: string; readonly key: Key }[]>();
    for (const [fileName, { keys }] of this.#keyFiles) {
      for (const key of keys) byName.set(key.name.key, [...(byName.get(key.name.key) ?? []), { fileName, key }]);
    }
    const inForce: Key[] = [];
    const findings: { fileName: string; finding: FileFinding }[] = [];
    for (const [first, ...others] of byName.values()) {
      const isSame = ({ secret, limits }: Key): boolean =>
        secret.equals(first!.key.secret) && limits?.text === first!.key.limits?.text;
      const isOne = others.every(({ key }) => isSame(key));
      if (isOne) inForce.push(first!.key);
      else {
        const what = `key ${first!.key.name} stands also in ${others.map(({ fileName }) => fileName).join(', ')}, with another secret or other limits`;
        const finding = { severity: 'error', rule: 'key-once', what, hint: 'keep one: neither is used' } as const;
        findings.push({ fileName: first!.fileName, finding });
      }
    }
    this.#keys = new KeyTable(inForce);
    return findings;
  }

  #forgetMissing(tree: Tree): readonly Name[] {
    const withdrawn: Name[] = [];
    for (const [fileName, { origin }] of this.#zoneFiles) {
      if (tree.files.has(fileName)) continue;
      this.#zoneFiles.delete(fileName);
      withdrawn.push(origin);
    }
    for (const files of [this.#keyFiles, this.#others]) {
      for (const fileName of files.keys()) if (!tree.files.has(fileName)) files.delete(fileName);
    }
    return withdrawn;
  }
}

/** The files that a zone file includes, by name. Of one that is too large nothing is there. */
export async function readIncluded(
  store: GitStore,
  octets: Uint8Array,
  oidOf: (fileName: string) => string | undefined,
): Promise<Result<ReadonlyMap<string, Uint8Array | undefined>, GitFault>> {
  const included = new IncludedFiles(octets);
  for (let name = included.next(); name !== undefined; name = included.next()) {
    const oid = oidOf(name);
    const read = oid === undefined ? undefined : await store.read(oid, DEFAULT_FILE_LIMITS.includedOctets);
    if (read?.ok === false && read.fault.kind !== 'limit') return read;
    included.give(name, read?.ok ? read.value : undefined);
  }
  return ok(included.files);
}

function tooLarge(fault: GitFault): FileFinding {
  return {
    severity: 'error',
    rule: 'limit',
    what: fault.what,
    ...(fault.hint === undefined ? {} : { hint: fault.hint }),
  };
}
