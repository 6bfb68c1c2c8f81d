/**
 * The journal on the disk, as the thread that serves sees it. Octets are made and read here, in slices; the rest is done by a thread of
 * its own (`thread.ts`).
 *
 * Group commit: one transaction is under way at a time, and all writes that come meanwhile are the next one. So an idle journal
 * writes at once, and the busier it is, the more writes share a sync.
 *
 * Always holds: a write that cannot be put into octets is a fault of that write alone.
 */
import { join } from 'node:path';
import { makeFolder, PRIVATE_FOLDER } from '@zonewright/common/git/durable';
import { StoreClient } from '@zonewright/common/lmdb/client';
import { packDeltas } from '@zonewright/common/lmdb/delta-values';
import { Unusable } from '@zonewright/common/lmdb/fault';
import { lockFile, type Release } from '@zonewright/common/lmdb/lock';
import { memoryOf, Packing, type Packs, unpack } from '@zonewright/common/lmdb/pack';
import type { Name } from '@zonewright/common/name';
import { fail, ok, type Result } from '@zonewright/common/result';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { gather, Slices } from '@zonewright/common/service/slices';
import type { Delta } from '@zonewright/common/zone/delta';
import { joinDeltas } from '@zonewright/common/zone/delta-octets';
import { readRecords } from '@zonewright/common/zone/record-octets';
import { Marker } from '../mark.ts';
import { JOURNAL_THREAD } from '../threads.ts';
import { faultOf, journalFault } from './fault.ts';
import type { Entry, Journal, JournalFault, JournalWrite, Kept, LastGood, ZoneNote } from './journal.ts';
import { readEntry, readLastGood, readNote, writeEntry, writeLastGood, writeNote } from './octets.ts';
import type { Stored, StoredWrite } from './store.ts';
import type { JournalData, JournalMethods } from './thread.ts';

type JournalClient = StoreClient<JournalMethods>;

interface Waiting {
  readonly what: JournalWrite;
  readonly settle: (result: Result<void, JournalFault>) => void;
}

/**
 * Opens the journal in a folder, or makes both. The folder is this process's alone until the journal is closed: another gets a fault
 * of kind `usage`.
 */
export async function openJournal(directory: string): Promise<Result<Journal, JournalFault>> {
  const path = join(directory, 'journal.mdb');
  let release: Release;
  try {
    await makeFolder(directory, PRIVATE_FOLDER);
    release = lockFile(join(directory, 'lock'));
  } catch (error) {
    return fail(faultOf(path, error));
  }
  const client: JournalClient = new StoreClient({
    kind: JOURNAL_THREAD,
    data: path satisfies JournalData,
    fault: (why) => journalFault('disk', path, why),
  });
  const stored = await client.ask('open', []);
  if (stored.ok) return ok(new DatabaseJournal(path, client, release, stored.value, await keptOf(stored.value)));
  await client.close();
  release();
  return stored;
}

class DatabaseJournal implements Journal {
  readonly marker: Marker;
  readonly kept: Kept;
  readonly #path: string;
  readonly #client: JournalClient;
  readonly #release: Release;
  #generation: number;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #isClosed = false;

  constructor(path: string, client: JournalClient, release: Release, { secret, generation }: Stored, kept: Kept) {
    this.marker = new Marker(secret);
    this.kept = kept;
    this.#path = path;
    this.#client = client;
    this.#release = release;
    this.#generation = generation;
  }

  write(what: JournalWrite): Promise<Result<void, JournalFault>> {
    if (this.#isClosed) return Promise.resolve(fail(journalFault('disk', this.#path, 'it has been closed')));
    const written = new Promise<Result<void, JournalFault>>((settle) => this.#waiting.push({ what, settle }));
    this.#writing ??= this.#write();
    return written;
  }

  async historyOf(origin: Name): Promise<readonly Delta[]> {
    if (this.#isClosed) return [];
    const octets = await this.#client.ask('historyOf', [new Uint8Array(origin.wire)]);
    return octets.ok ? joinDeltas(await gather(recordsOf(octets.value), new Slices())) : [];
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#writing;
    await this.#client.close();
    this.#release();
  }

  /** Writes until nothing waits. */
  async #write(): Promise<void> {
    // What is asked for in the same turn belongs together.
    await undefined;
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      const slices = new Slices();
      const writes: StoredWrite[] = [];
      const able: Waiting[] = [];
      for (const each of group) {
        const stored = await storedOr(this.#path, each.what, slices);
        if (stored.ok) {
          writes.push(stored.value);
          able.push(each);
        } else each.settle(stored);
      }
      if (able.length === 0) continue;
      const packs = writes.flatMap(({ entries, lastGood, notes, withdrawn, deltas }) => [
        entries,
        lastGood,
        notes,
        withdrawn,
        deltas,
      ]);
      const memory = memoryOf(packs.flat());
      const result = await this.#client.ask('write', [this.#generation, writes], memory);
      if (result.ok) this.#generation++;
      for (const { settle } of able) settle(result);
    }
    this.#writing = undefined;
  }
}

async function storedOr(path: string, what: JournalWrite, slices: Slices): Promise<Result<StoredWrite, JournalFault>> {
  try {
    return ok(await storedWrite(what, slices));
  } catch (error) {
    // Whoever waits has to hear of it, also of a bug.
    if (error instanceof Unusable) return fail(faultOf(path, error));
    return fail(journalFault('disk', path, String(error)));
  }
}

async function storedWrite(what: JournalWrite, slices: Slices): Promise<StoredWrite> {
  return {
    entries: await packed(what.entries ?? [], writeEntry, slices),
    closed: what.closed ?? [],
    inForce: what.inForce,
    time: what.time,
    lastGood: await packed(what.lastGood ?? [], ([fileName, good]) => writeLastGood(fileName, good), slices),
    notes: await packed(what.notes ?? [], writeNote, slices),
    withdrawn: await packed(what.withdrawn ?? [], ({ wire }) => wire, slices),
    deltas: await packDeltas(what.deltas ?? [], slices),
  };
}

async function packed<T>(all: Iterable<T>, write: (each: T) => Uint8Array, slices: Slices): Promise<Packs> {
  const packing = new Packing();
  for (const each of all) {
    if (slices.isOver) await slices.pause();
    packing.add(write(each));
  }
  return packing.end();
}

function* recordsOf(parts: Packs): Generator<ResourceRecord, void, undefined> {
  for (const part of unpack(parts)) yield* readRecords(part);
}

function* goodsOf(packs: Packs): Generator<readonly [string, LastGood], void, undefined> {
  for (const octets of unpack(packs)) {
    const [fileName, good] = readLastGood(octets);
    if (good !== undefined) yield [fileName, good];
  }
}

function* notesOf(packs: Packs): Generator<ZoneNote, void, undefined> {
  for (const octets of unpack(packs)) yield readNote(octets);
}

function* entriesOf(packs: Packs): Generator<Entry, void, undefined> {
  for (const octets of unpack(packs)) yield readEntry(octets);
}

async function keptOf({ inForce, position, time, open, lastGood, notes }: Stored): Promise<Kept> {
  const slices = new Slices();
  const entries = await gather(entriesOf(open), slices);
  const goods = await gather(goodsOf(lastGood), slices);
  const known = await gather(notesOf(notes), slices);
  return { inForce, position, time, open: entries, lastGood: new Map(goods), notes: known };
}
