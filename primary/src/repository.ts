/**
 * The repository as the primary sees it: the head that was taken last, what its files say, and changes of zone files on top of
 * it, pushed at once and never by force.
 */
import type { KeyTable } from '@zonewright/common/authority/key';
import type { FileFinding } from '@zonewright/common/authority/zone-file';
import type { Author, GitFault, GitStore, Tree } from '@zonewright/common/git/store';
import type { Name } from '@zonewright/common/name';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import type { Delta } from '@zonewright/common/zone/delta';
import type { Zone } from '@zonewright/common/zone/zone';
import { editedFile } from './commit.ts';
import { type LoadedFile, Loader, type LoadReport, readIncluded } from './loader.ts';

/** The new content of a zone file, and the version of the zone that it stands for. */
export interface FileEdit {
  readonly file: LoadedFile;
  readonly zone: Zone;
  readonly octets: Uint8Array;
}

/** Why a change is not in the remote. After `unknown` it may be: `commit` has to be looked for. */
export type WriteFault = Fault & { readonly commit?: Tree };

export class Repository {
  readonly #store: GitStore;
  readonly #loader: Loader;
  #tree: Tree | undefined;

  constructor(store: GitStore) {
    this.#store = store;
    this.#loader = new Loader(store);
  }

  /** The head that was taken or written last. */
  get tree(): Tree | undefined {
    return this.#tree;
  }

  get keys(): KeyTable {
    return this.#loader.keys;
  }

  get files(): Iterable<LoadedFile> {
    return this.#loader.files;
  }

  /** Files that are not in force as they stand at the head, and why. */
  refused(): Iterable<{ readonly fileName: string; readonly errors: readonly FileFinding[] }> {
    return this.#loader.refused();
  }

  fileOf(origin: Name): LoadedFile | undefined {
    return this.#loader.fileOf(origin);
  }

  /** Notes of a file what was decided about it, until it changes. */
  note(file: LoadedFile): void {
    this.#loader.wrote(file);
  }

  /** Takes what is known without the remote (`known`), or what the remote has; gives what changed, `undefined` when nothing did. */
  async take(from: 'known' | 'remote'): Promise<Result<LoadReport | undefined, GitFault>> {
    const head = from === 'known' ? await this.#store.head() : await this.#store.fetch();
    if (!head.ok) return head;
    const tree = head.value;
    if (tree === undefined && this.#tree !== undefined) {
      const what = 'the branch is not there any more';
      return fail({
        kind: 'refused',
        what,
        hint: 'what was last read stays served; was it renamed? see --remote URL#BRANCH',
      });
    }
    if (tree === undefined || tree.commit === this.#tree?.commit) return ok(undefined);
    const loaded = await this.#loader.load(tree);
    if (loaded.ok) this.#tree = tree;
    return loaded;
  }

  /** Edits the file of a zone so that it leads to `zone`; `delta` is what changed besides the serial. */
  async edit(file: LoadedFile, zone: Zone, delta?: Delta): Promise<Result<FileEdit, Fault>> {
    const octets = await this.#store.read(file.oid);
    if (!octets.ok) return octets;
    const included = await readIncluded(this.#store, octets.value, (name) => file.includes.get(name));
    if (!included.ok) return included;
    const edited = editedFile(octets.value, zone, delta, (name) => included.value.get(name));
    return edited.ok ? ok({ file, zone, octets: edited.value }) : edited;
  }

  /** Commits edits on top of the head that was taken last, and pushes. Then, and only then, they are part of it. */
  async write(edits: readonly FileEdit[], author: Author, message: string): Promise<Result<void, WriteFault>> {
    const tree = this.#tree;
    const files = new Map(edits.map(({ file, octets }) => [file.fileName, octets]));
    const next = await this.#store.commit(tree, { files, author, time: Math.floor(Date.now() / 1000), message });
    if (!next.ok) return next;
    const pushed = await this.#store.push(tree, next.value);
    if (!pushed.ok) return fail({ ...pushed.fault, commit: next.value });
    this.#tree = next.value;
    for (const { file, zone } of edits) this.note({ ...file, oid: next.value.files.get(file.fileName)!, zone });
    return ok(undefined);
  }

  /** After a push with unknown outcome: is the file at the head the one that was pushed? Others may have pushed on top of it. */
  hasArrived({ kind, commit }: WriteFault, fileName: string): boolean {
    const oid = commit?.files.get(fileName);
    return kind === 'unknown' && oid !== undefined && this.#tree?.files.get(fileName) === oid;
  }
}
