/**
 * The objects of a bare repository: commits, trees and blobs by their SHA-1 name (gitrepository-layout(5)).
 *
 * Reading: packs, loose objects, alternates. What is read has the content that its name says, or is a `corrupt` fault. Writing:
 * loose objects and whole packs, durable when it returns. No object is ever removed or changed here.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';
import { deflate, inflate } from 'node:zlib';
import { indexPack } from 'isomorphic-git';
import { exists, writeDurably } from './durable.ts';
import { Failure, systemCode } from './fault.ts';
import { type GitObject, type ObjectType, Pack } from './pack.ts';
import { durableFs } from './pack-index.ts';

const inflated = promisify<Uint8Array, { maxOutputLength: number }, Buffer>(inflate);
const deflated = promisify<Uint8Array, Buffer>(deflate);

/** Room for `commit 12345678901234567890\0`. */
const LONGEST_HEADER = 64;
const MAX_ALTERNATES = 16;
/** Trees and commits larger than this are refused, in octets. */
export const MAX_STRUCTURE = 64 * 1024 * 1024;

/** The most octets of a file that are read where the reader sets no limit. */
export const MAX_BLOB = 64 * 1024 * 1024;
/** A pack of no more objects than this is taken apart into loose objects, as git does (`fetch.unpackLimit`). */
const UNPACK_LIMIT = 32;
/** A pack of more octets than this stays a pack. */
const UNPACK_OCTETS = 1024 * 1024;
/** Deflate makes 1 MiB out of no more than 1032 MiB. */
const MAX_UNPACKED = 1040 * UNPACK_OCTETS;

/** The name of an object. */
export function objectName(type: ObjectType, content: Uint8Array): string {
  return createHash('sha1').update(`${type} ${content.length}\0`).update(content).digest('hex');
}

export class ObjectStore {
  readonly #folder: string;
  #folders: readonly string[] | undefined;
  #packs = new Map<string, Pack>();
  #scanning: Promise<void> | undefined;

  constructor(gitdir: string) {
    this.#folder = join(gitdir, 'objects');
  }

  /** The object of that name; faults: `corrupt` (missing, damaged), `limit` (larger than `limit` octets). */
  async read(oid: string, limit: number): Promise<GitObject> {
    const object = await this.#find(oid, limit);
    if (object === undefined) throw new Failure('corrupt', `the repository lacks the object ${oid}`);
    if (object.content.length > limit) throw new Failure('limit', `the object ${oid} is larger than ${limit} octets`);
    if (objectName(object.type, object.content) !== oid) throw new Failure('corrupt', `the object ${oid} is damaged`);
    return object;
  }

  /** The content of an object of one type. */
  async readTyped(oid: string, type: ObjectType, limit: number = MAX_STRUCTURE): Promise<Uint8Array> {
    const object = await this.read(oid, limit);
    if (object.type !== type) throw new Failure('corrupt', `the object ${oid} is a ${object.type}, not a ${type}`);
    return object.content;
  }

  /** Whether the object is there, without reading it. */
  async has(oid: string): Promise<boolean> {
    if (this.#inPack(oid) !== undefined || (await this.#isLoose(oid))) return true;
    await this.#scan();
    return this.#inPack(oid) !== undefined;
  }

  /** Writes a loose object, unless it is there, and returns its name. */
  async write(type: ObjectType, content: Uint8Array): Promise<string> {
    const oid = objectName(type, content);
    if (!(await this.has(oid))) await this.#writeLoose(oid, type, content);
    return oid;
  }

  async #writeLoose(oid: string, type: ObjectType, content: Uint8Array): Promise<void> {
    const whole = await deflated(Buffer.concat([Buffer.from(`${type} ${content.length}\0`), content]));
    await writeDurably(this.#loosePath(this.#folder, oid), whole, 0o444);
  }

  /** Adds a whole pack, as a remote sent it, and indexes it. The pack must not lean on objects outside of it. */
  async addPack(pack: Uint8Array): Promise<void> {
    const octets = Buffer.from(pack.buffer, pack.byteOffset, pack.length);
    const name = octets.subarray(-20).toString('hex');
    const isWhole = octets.length >= 32 && createHash('sha1').update(octets.subarray(0, -20)).digest('hex') === name;
    if (!isWhole || octets.toString('latin1', 0, 4) !== 'PACK')
      throw new Failure('corrupt', 'the remote sent a damaged pack');
    if (octets.readUInt32BE(8) === 0) return;
    const file = `pack-${name}.pack`;
    await writeDurably(join(this.#folder, 'pack', file), octets, 0o444);
    try {
      await indexPack({
        fs: durableFs,
        dir: join(this.#folder, 'pack'),
        gitdir: join(this.#folder, '..'),
        filepath: file,
      });
    } catch (error) {
      if (/^E[A-Z]+$/.test(systemCode(error) ?? '')) throw error; // the disk, not the pack
      throw new Failure('corrupt', 'the remote sent a pack that cannot be indexed');
    }
    const isSmall = octets.readUInt32BE(8) <= UNPACK_LIMIT && octets.length <= UNPACK_OCTETS;
    if (isSmall) await this.#unpack(join(this.#folder, 'pack', file.replace(/pack$/, 'idx')));
    else await this.#scan();
  }

  /** Takes a pack apart, so that years of small fetches do not leave years of packs. */
  async #unpack(indexPath: string): Promise<void> {
    const pack = await Pack.open(indexPath);
    try {
      for (const oid of pack.names()) {
        const object = await pack.read(pack.find(oid)!, MAX_UNPACKED, (base) => this.read(base, MAX_UNPACKED));
        // Not `write`: the object is there already, in the pack that is about to go.
        await this.#writeLoose(oid, object.type, object.content);
      }
    } finally {
      await pack.close();
    }
    await rm(indexPath);
    await rm(indexPath.replace(/idx$/, 'pack'));
  }

  /** How many packs there are. */
  async countPacks(): Promise<number> {
    await this.#scan();
    return this.#packs.size;
  }

  async close(): Promise<void> {
    const packs = [...this.#packs.values()];
    this.#packs = new Map();
    for (const pack of packs) await pack.close();
  }

  async #find(oid: string, limit: number): Promise<GitObject | undefined> {
    for (const isAgain of [false, true]) {
      if (isAgain) await this.#scan();
      const hit = this.#inPack(oid);
      if (hit !== undefined) return await hit.pack.read(hit.offset, limit, (base) => this.read(base, limit));
      const loose = await this.#readLoose(oid, limit);
      if (loose !== undefined) return loose;
    }
    return undefined;
  }

  #inPack(oid: string): { readonly pack: Pack; readonly offset: number } | undefined {
    for (const pack of this.#packs.values()) {
      const offset = pack.find(oid);
      if (offset !== undefined) return { pack, offset };
    }
    return undefined;
  }

  async #isLoose(oid: string): Promise<boolean> {
    for (const folder of await this.#objectFolders()) if (await exists(this.#loosePath(folder, oid))) return true;
    return false;
  }

  async #readLoose(oid: string, limit: number): Promise<GitObject | undefined> {
    for (const folder of await this.#objectFolders()) {
      const raw = await readFile(this.#loosePath(folder, oid)).catch((error: unknown) => {
        if (systemCode(error) === 'ENOENT') return undefined;
        throw error;
      });
      if (raw !== undefined) return await parseLoose(oid, raw, limit);
    }
    return undefined;
  }

  #loosePath(folder: string, oid: string): string {
    return join(folder, oid.slice(0, 2), oid.slice(2));
  }

  /** Looks which packs there are. Scans that are asked for at the same time are one. */
  async #scan(): Promise<void> {
    this.#scanning ??= this.#scanNow().finally(() => {
      this.#scanning = undefined;
    });
    await this.#scanning;
  }

  async #scanNow(): Promise<void> {
    const found = new Map<string, Pack>();
    for (const folder of await this.#objectFolders()) {
      const names = await readdir(join(folder, 'pack')).catch(() => []);
      for (const name of names) {
        if (!name.endsWith('.idx')) continue;
        const path = join(folder, 'pack', name);
        // A pack may be removed by `git gc` while it is looked at: then its objects are in another one.
        const pack = this.#packs.get(path) ?? (await Pack.open(path).catch(ignoreMissing));
        if (pack !== undefined) found.set(path, pack);
      }
    }
    // Packs that are gone are let go of without closing them: somebody may be reading. The collector closes their files.
    const gone = [...this.#packs].filter(([path]) => !found.has(path));
    this.#packs = new Map([...found, ...gone.slice(-MAX_GONE)]);
    for (const [, pack] of gone.slice(0, -MAX_GONE)) await pack.close();
  }

  async #objectFolders(): Promise<readonly string[]> {
    if (this.#folders !== undefined) return this.#folders;
    const folders = [this.#folder];
    for (let at = 0; at < folders.length && folders.length < MAX_ALTERNATES; at++) {
      const text = await readFile(join(folders[at]!, 'info', 'alternates'), 'utf8').catch(() => '');
      for (const line of text.split('\n')) {
        if (line === '' || line.startsWith('#')) continue;
        folders.push(isAbsolute(line) ? line : join(folders[at]!, line));
      }
    }
    this.#folders = folders;
    return folders;
  }
}

/** Packs that another process removed are kept open until this many others are gone too: readers may still need them. */
const MAX_GONE = 8;

function ignoreMissing(error: unknown): undefined {
  if (systemCode(error) === 'ENOENT') return undefined;
  throw error;
}

async function parseLoose(oid: string, raw: Uint8Array, limit: number): Promise<GitObject> {
  const damaged = (): Failure => new Failure('corrupt', `the object ${oid} is damaged`);
  let whole: Buffer;
  try {
    whole = await inflated(raw, { maxOutputLength: limit + LONGEST_HEADER });
  } catch (error) {
    if (systemCode(error) === 'ERR_BUFFER_TOO_LARGE')
      throw new Failure('limit', `the object ${oid} is larger than ${limit} octets`);
    throw damaged();
  }
  const end = whole.indexOf(0);
  const header = /^(commit|tree|blob|tag) \d+$/.exec(whole.toString('latin1', 0, Math.min(end, LONGEST_HEADER)));
  if (end < 0 || header === null) throw damaged();
  return { type: header[1] as ObjectType, content: whole.subarray(end + 1) };
}
