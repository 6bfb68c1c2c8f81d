/**
 * The objects of a bare repository: commits, trees and blobs by their SHA-1 name (gitrepository-layout(5)).
 *
 * Reading: packs, loose objects, alternates. What is read has the content that its name says, or is a `corrupt` fault. Writing:
 * loose objects and whole packs, durable when it returns. No object is ever removed or changed here.
 *
 * Reading waits for the disk: an object that is in memory anyway costs less than a turn of the event loop.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { Failure, systemCode } from './fault.ts';
import { hasLoose, readLoose, writeLoose } from './loose.ts';
import { type GitObject, type NamedObject, type ObjectType, objectName, tooLarge } from './object.ts';
import { Pack } from './pack.ts';
import { PackCache } from './pack-cache.ts';
import { addPack } from './pack-writer.ts';
import { PACK_FILES, type ReceivedPack, receivePack, type Size, UNPACK_LIMIT } from './received-pack.ts';

const MAX_ALTERNATES = 16;
/** Trees and commits larger than this are refused, in octets. */
export const MAX_STRUCTURE = 64 * 1024 * 1024;

/** The most octets of a file that are read where the reader sets no limit. */
export const MAX_BLOB = 64 * 1024 * 1024;

/** Objects that are written at a time: as many as Node.js has threads for files. */
const AT_ONCE = 4;

/** Packs that another process removed are kept open until this many others are gone too: readers may still need them. */
const MAX_GONE = 8;

export class ObjectStore {
  readonly #folder: string;
  readonly #first: readonly string[];
  readonly #cache = new PackCache();
  #folders: readonly string[] | undefined;
  #packs: ReadonlyMap<string, Pack> = new Map();
  #grown: Size = { files: 0, octets: 0 };

  /** `folders`: where the objects are, if elsewhere than in the repository's own folder for them; the first is written to. */
  constructor(gitdir: string, folders: readonly string[] = [join(gitdir, 'objects')]) {
    this.#folder = folders[0]!;
    this.#first = folders;
  }

  /** The object of that name; faults: `corrupt` (missing, damaged), `limit` (larger than `limit` octets). */
  read(oid: string, limit: number): GitObject {
    const object = this.#find(oid, limit);
    if (object === undefined) throw new Failure('corrupt', `the repository lacks the object ${oid}`);
    if (object.content.length > limit) throw tooLarge(limit, oid);
    if (objectName(object.type, object.content) !== oid) throw new Failure('corrupt', `the object ${oid} is damaged`);
    return object;
  }

  /** The content of an object of one type. It is never written to. */
  readTyped(oid: string, type: ObjectType, limit: number = MAX_STRUCTURE): Uint8Array {
    const object = this.read(oid, limit);
    if (object.type !== type) throw new Failure('corrupt', `the object ${oid} is a ${object.type}, not a ${type}`);
    return object.content;
  }

  /** Whether the object is there, without reading it. */
  has(oid: string): boolean {
    if (this.#inPack(oid) !== undefined) return true;
    if (this.#objectFolders().some((folder) => hasLoose(folder, oid))) return true;
    this.#scan();
    return this.#inPack(oid) !== undefined;
  }

  /** Writes objects, as far as they are not there: a few as files of their own, many as a pack. */
  async add(objects: readonly NamedObject[]): Promise<void> {
    this.#scan();
    const folders = this.#objectFolders();
    const isThere = (oid: string): boolean =>
      this.#inPack(oid) !== undefined || folders.some((folder) => hasLoose(folder, oid));
    const missing = new Map(objects.filter(({ oid }) => !isThere(oid)).map((object) => [object.oid, object]));
    if (missing.size > UNPACK_LIMIT)
      this.#grow({ files: PACK_FILES, octets: await addPack(this.#folder, missing.values()) });
    else await this.#addLoose([...missing.values()]);
  }

  /** Some at a time: their syncs share the journal of the file system, and each of them takes little memory. */
  async #addLoose(objects: readonly NamedObject[]): Promise<void> {
    for (let first = 0; first < objects.length; first += AT_ONCE) {
      const writes = objects.slice(first, first + AT_ONCE).map(async ({ oid, type, content }) => {
        this.#grow({ files: 1, octets: await writeLoose(this.#folder, oid, type, content) });
      });
      // None is left behind at work, also where one of them fails.
      await Promise.allSettled(writes);
      await Promise.all(writes);
    }
  }

  /** Receives a whole pack, as a remote sends it; `accept` adds it. */
  async receive(chunks: AsyncIterable<Uint8Array>): Promise<ReceivedPack> {
    const pack = await receivePack(this.#folder, chunks);
    const accept = async (): Promise<Size> => {
      const size = await pack.accept();
      this.#grow(size);
      return size;
    };
    return { accept, close: pack.close };
  }

  /** What has been added since this was made. */
  get grown(): Size {
    return this.#grown;
  }

  #grow({ files, octets }: Size): void {
    this.#grown = { files: this.#grown.files + files, octets: this.#grown.octets + octets };
  }

  close(): void {
    for (const pack of this.#packs.values()) pack.close();
    this.#packs = new Map();
  }

  #find(oid: string, limit: number): GitObject | undefined {
    for (const isAgain of [false, true]) {
      if (isAgain) this.#scan();
      const hit = this.#inPack(oid);
      if (hit !== undefined) return hit.pack.read(hit.offset, limit, oid);
      for (const folder of this.#objectFolders()) {
        const loose = readLoose(folder, oid, limit);
        if (loose !== undefined) return loose;
      }
    }
    return undefined;
  }

  #inPack(oid: string): { readonly pack: Pack; readonly offset: number } | undefined {
    const name = Buffer.from(oid, 'hex');
    for (const pack of this.#packs.values()) {
      const offset = pack.find(name);
      if (offset !== undefined) return { pack, offset };
    }
    return undefined;
  }

  /** Looks which packs there are. */
  #scan(): void {
    const found = new Map<string, Pack>();
    for (const folder of this.#objectFolders()) {
      for (const name of ifThere(() => readdirSync(join(folder, 'pack'))) ?? []) {
        if (!name.endsWith('.idx')) continue;
        const path = join(folder, 'pack', name);
        // A pack may be removed by `git gc` while it is looked at: then its objects are in another one.
        const pack = this.#packs.get(path) ?? ifThere(() => Pack.open(path, this.#cache));
        if (pack !== undefined) found.set(path, pack);
      }
    }
    const gone = [...this.#packs].filter(([path]) => !found.has(path));
    this.#packs = new Map([...found, ...gone.slice(-MAX_GONE)]);
    for (const [, pack] of gone.slice(0, -MAX_GONE)) pack.close();
  }

  #objectFolders(): readonly string[] {
    if (this.#folders !== undefined) return this.#folders;
    const folders = [...this.#first];
    for (let at = 0; at < folders.length && folders.length < MAX_ALTERNATES; at++) {
      const text = ifThere(() => readFileSync(join(folders[at]!, 'info', 'alternates'), 'utf8')) ?? '';
      for (const line of text.split('\n')) {
        if (line === '' || line.startsWith('#')) continue;
        folders.push(isAbsolute(line) ? line : join(folders[at]!, line));
      }
    }
    this.#folders = folders;
    return folders;
  }
}

/** What `read` gives, or `undefined` where the file or folder is not there. */
function ifThere<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
