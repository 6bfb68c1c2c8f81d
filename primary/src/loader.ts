/**
 * From the files of a commit to zones and keys. Only files whose object changed are read. A zone file with errors changes nothing:
 * the last good version stays, the others move on, and what is wrong is kept for the status page.
 *
 * Always holds: files that are neither zones nor keys are left alone.
 */
import { type Key, KeyTable } from '@zonewright/common/authority/key';
import {
  type FileFinding,
  fileZone,
  readKeyFile,
  readZoneFile,
  zoneFileName,
} from '@zonewright/common/authority/zone-file';
import type { GitFault, GitStore, Tree } from '@zonewright/common/git/store';
import type { Name } from '@zonewright/common/name';
import { ok, type Result } from '@zonewright/common/result';
import type { Zone } from '@zonewright/common/zone/zone';

/** The file of a zone at the head that was read last. */
export interface LoadedFile {
  readonly fileName: string;
  readonly oid: string;
  readonly origin: Name;
  /** What the file says; the last good version when `errors` is not empty, `undefined` when there never was one. */
  readonly zone: Zone | undefined;
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
  readonly keys: readonly Key[];
}

export class Loader {
  readonly #store: GitStore;
  readonly #zoneFiles = new Map<string, LoadedFile>();
  readonly #keyFiles = new Map<string, KeyFile>();
  /** Files seen to be no zones, by name: not read again until they change. */
  readonly #others = new Map<string, string>();
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
    const contents = await this.#readChanged(tree);
    if (!contents.ok) return contents;
    const changed: LoadedFile[] = [];
    const rejected: LoadedFile[] = [];
    const keyFindings: { fileName: string; finding: FileFinding }[] = [];
    const ignored: { fileName: string; reason: string }[] = tree.ignored.map(({ name, reason }) => ({
      fileName: name,
      reason,
    }));
    for (const [fileName, octets] of contents.value) {
      const oid = tree.files.get(fileName)!;
      const role = fileZone(fileName);
      if (role.kind === 'keys') {
        const { keys, findings } = readKeyFile(octets, role.domain);
        this.#keyFiles.set(fileName, { oid, keys });
        keyFindings.push(...findings.map((finding) => ({ fileName, finding })));
      } else if (role.kind === 'zone') {
        const file = this.#readZone(fileName, oid, role.origin, octets);
        if (file === undefined) {
          this.#others.set(fileName, oid);
          ignored.push({ fileName, reason: 'no SOA in it' });
        } else (file.errors.length === 0 ? changed : rejected).push(file);
      } else {
        this.#others.set(fileName, oid);
        ignored.push({ fileName, reason: role.reason });
      }
    }
    const withdrawn = this.#forgetMissing(tree);
    this.#keys = new KeyTable([...this.#keyFiles.values()].flatMap(({ keys }) => keys));
    return ok({ changed, rejected, withdrawn, keyFindings, ignored });
  }

  #readZone(fileName: string, oid: string, origin: Name, octets: Uint8Array): LoadedFile | undefined {
    const previous = this.#zoneFiles.get(fileName);
    const { zone, findings, hasSoa } = readZoneFile(octets, origin);
    if (previous === undefined && !hasSoa) return undefined;
    const errors = findings.filter(({ severity }) => severity === 'error');
    const file = { fileName, oid, origin, zone: errors.length === 0 ? zone : previous?.zone, errors };
    this.#zoneFiles.set(fileName, file);
    return file;
  }

  async #readChanged(tree: Tree): Promise<Result<ReadonlyMap<string, Uint8Array>, GitFault>> {
    const contents = new Map<string, Uint8Array>();
    for (const [fileName, oid] of tree.files) {
      const known =
        this.#zoneFiles.get(fileName)?.oid ?? this.#keyFiles.get(fileName)?.oid ?? this.#others.get(fileName);
      if (known === oid) continue;
      // What can be told by the name alone is not read: it may be large, and it is not ours.
      const octets = fileZone(fileName).kind === 'other' ? ok(new Uint8Array(0)) : await this.#store.read(oid);
      if (!octets.ok) return octets;
      contents.set(fileName, octets.value);
    }
    return ok(contents);
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
