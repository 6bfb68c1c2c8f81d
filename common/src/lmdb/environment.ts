/**
 * A database file of LMDB: made, looked through, opened. One file with its file of locks beside it, both for their owner only; keys and
 * values are octets.
 *
 * Always holds: a file of that name is a whole database, whatever happens while it is made.
 */
import { chmodSync, closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { checkDatabase } from './check.ts';
import { Unusable } from './fault.ts';
import { makeRoom, type Statistics } from './room.ts';
import { seal, unseal } from './seal.ts';

/** Of the file of locks, which LMDB fills with what it needs. It is mapped: a hole in it could not be filled on a full disk. */
const LOCK_OCTETS = 8192;

export type Database = RootDatabase<Buffer, Buffer>;

/**
 * Opens the database of that file, or makes one that holds a first value. Throws {@link Unusable}, system errors, and those of LMDB, which have
 * a number as `code`.
 */
export function openOrCreate(path: string, first: () => readonly [key: Buffer, value: Uint8Array]): Database {
  if (!existsSync(path)) create(path, ...first());
  const damage = checkDatabase(path);
  if (damage !== undefined) throw new Unusable(damage);
  return openDatabase(path);
}

/** Makes room for a transaction on an open database (`room.ts`). */
export function makeRoomIn(db: Database, path: string, values: number, octets: number): void {
  makeRoom(path, db.getStats() as Statistics, values, octets);
}

/** What stands under a key; `undefined` when nothing does, or what is there is damaged. */
export function getSealed(db: Database, key: Buffer): Uint8Array | undefined {
  const value = db.getBinary(key);
  return value === undefined ? undefined : unseal(key, value);
}

export function putSealed(db: Database, key: Buffer, value: Uint8Array): void {
  db.put(key, Buffer.from(seal(key, value)));
}

/** Under another name until it is one. */
function create(path: string, key: Buffer, value: Uint8Array): void {
  const draft = `${path}.new`;
  rmSync(draft, { force: true });
  const db = openDatabase(draft);
  makeRoomIn(db, draft, 1, value.length);
  db.transactionSync(() => putSealed(db, key, value));
  void db.close();
  renameSync(draft, path);
  rmSync(lockOf(draft), { force: true });
  const folder = openSync(dirname(path), 'r');
  fsyncSync(folder);
  closeSync(folder);
}

const lockOf = (path: string): string => `${path}-lock`;

function openDatabase(path: string): Database {
  writeFileSync(lockOf(path), Buffer.alloc(LOCK_OCTETS), { mode: 0o600 });
  const db = open<Buffer, Buffer>({
    path,
    noSubdir: true,
    encoding: 'binary',
    keyEncoding: 'binary',
    cache: false,
    // A transaction that is over is on the disk.
    overlappingSync: false,
    maxReaders: 8,
    permissionsMode: 0o600,
  } as Parameters<typeof open>[0] & { readonly permissionsMode: number });
  chmodSync(path, 0o600);
  return db;
}
