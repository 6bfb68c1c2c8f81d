/**
 * The state on the disk: a database of LMDB in the folder of `--data`, written by LMDB's own thread. Values are JSON, each with a
 * checksum.
 *
 * Nothing in it is irreplaceable: a database that is damaged is laid aside, and another one made.
 *
 * Always holds: the folder is this process's alone until the state is closed.
 */
import { createHash } from 'node:crypto';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, PRIVATE_FOLDER } from '@zonewright/common/git/durable';
import { type Database, getSealed, makeRoomIn, openOrCreate } from '@zonewright/common/lmdb/environment';
import { faultOfError, type StoreFault, type StoreWords, storeFault } from '@zonewright/common/lmdb/fault';
import { lockFile, type Release } from '@zonewright/common/lmdb/lock';
import { seal } from '@zonewright/common/lmdb/seal';
import { fail, ok, type Result } from '@zonewright/common/result';
import type { Json, StateEntry, StateStore } from './state.ts';

const WORDS: StoreWords = { noun: 'state', ifCorrupt: 'remove it: what it holds is found out again' };
/** Of what is written here. Another one is not read. */
const FORMAT = 1;
const FORMAT_KEY = Buffer.from('format');
/** Octets of one value; a certificate with its chain is a few thousand. */
export const STATE_VALUE_OCTETS = 1_048_576;

/** A state that was opened, and the file that was laid aside for it, if its like was damaged. */
export interface OpenedState {
  readonly store: StateStore;
  readonly damaged?: string;
}

/** Opens the state in a folder, or makes both. Another process that has the folder is a fault of kind `usage`. */
export async function openState(directory: string): Promise<Result<OpenedState, StoreFault>> {
  const path = join(directory, 'state.mdb');
  let release: Release;
  try {
    await makeFolder(directory, PRIVATE_FOLDER);
    release = lockFile(join(directory, 'lock'));
  } catch (error) {
    return fail(faultOfError(WORDS, path, error));
  }
  const store = openStore(path, release);
  if (store.ok) return ok({ store: store.value });
  if (store.fault.kind === 'corrupt') {
    const damaged = `${path}.damaged`;
    try {
      renameSync(path, damaged);
      const another = openStore(path, release);
      if (another.ok) return ok({ store: another.value, damaged });
    } catch {
      // What is said is why the first one could not be used.
    }
  }
  release();
  return store;
}

function openStore(path: string, release: Release): Result<StateStore, StoreFault> {
  try {
    const db = openOrCreate(path, () => [FORMAT_KEY, Buffer.from(JSON.stringify(FORMAT))]);
    const kept = readAll(db);
    if (kept !== undefined) return ok(new DatabaseStore(db, path, release, kept));
    void db.close();
    return fail(storeFault(WORDS, 'corrupt', path, `it is not of format ${FORMAT}`));
  } catch (error) {
    return fail(faultOfError(WORDS, path, error));
  }
}

/** Values that are damaged are left out; `undefined` for a database of another format. */
function readAll(db: Database): readonly StateEntry[] | undefined {
  if (read(db, FORMAT_KEY) !== FORMAT) return undefined;
  return [...db.getKeys()].flatMap((key) => {
    const entry = key.equals(FORMAT_KEY) ? undefined : read(db, key);
    if (!Array.isArray(entry)) return [];
    const [kind, name, value] = entry as readonly (Json | undefined)[];
    return typeof kind === 'string' && typeof name === 'string' ? [{ kind, key: name, value }] : [];
  });
}

function read(db: Database, key: Buffer): Json | undefined {
  const octets = getSealed(db, key);
  try {
    return octets && (JSON.parse(Buffer.from(octets).toString()) as Json);
  } catch {
    return undefined;
  }
}

class DatabaseStore implements StateStore {
  readonly kept: readonly StateEntry[];
  readonly #db: Database;
  readonly #path: string;
  readonly #release: Release;

  constructor(db: Database, path: string, release: Release, kept: readonly StateEntry[]) {
    this.kept = kept;
    this.#db = db;
    this.#path = path;
    this.#release = release;
  }

  async write(entries: readonly StateEntry[]): Promise<Result<void, StoreFault>> {
    const values = entries.map(({ kind, key, value }) => {
      const octets = value === undefined ? undefined : Buffer.from(JSON.stringify([kind, key, value]));
      // What is too long is not kept, nor is what stood there before.
      return { key: keyOf(kind, key), octets: (octets?.length ?? 0) <= STATE_VALUE_OCTETS ? octets : undefined };
    });
    try {
      const octets = values.reduce((sum, value) => sum + (value.octets?.length ?? 0), 0);
      makeRoomIn(this.#db, this.#path, values.length, octets);
      await this.#db.batch(() => {
        for (const value of values) {
          if (value.octets === undefined) void this.#db.remove(value.key);
          else void this.#db.put(value.key, Buffer.from(seal(value.key, value.octets)));
        }
      });
      return ok(undefined);
    } catch (error) {
      return fail(faultOfError(WORDS, this.#path, error));
    }
  }

  async close(): Promise<void> {
    await this.#db.close();
    this.#release();
  }
}

/** A name may be longer than a key of LMDB. */
function keyOf(kind: string, key: string): Buffer {
  return createHash('sha256').update(`${kind} ${key}`).digest();
}
