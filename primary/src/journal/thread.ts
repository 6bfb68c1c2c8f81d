/**
 * The thread that has the journal's store. It answers requests (`database.ts`), one after the other: LMDB writes and syncs
 * within the call, which nobody else has to wait for.
 *
 * After a fault the store is closed, and opened again by the next request, so that what a failed write has left in memory plays no
 * part. A bug ends the thread.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { Name } from '@zonewright/common/name';
import { fail, ok, type Result } from '@zonewright/common/result';
import { faultOf } from './fault.ts';
import type { JournalFault } from './journal.ts';
import type { Packs } from './pack.ts';
import { JournalStore, type Stored, type StoredWrite } from './store.ts';

/** What the thread starts with: the file. */
export type JournalData = string;

/** Requests, and what is answered to them. */
export interface JournalMethods {
  open(): Stored;
  write(generation: number, writes: readonly StoredWrite[]): void;
  /** The origin in wire form. */
  historyOf(origin: Uint8Array): Packs;
  close(): void;
}

export interface JournalRequest {
  readonly id: number;
  readonly method: keyof JournalMethods;
  readonly args: readonly unknown[];
}

export interface JournalAnswer {
  readonly id: number;
  readonly result: Result<unknown, JournalFault>;
}

const path = workerData as JournalData;
let store: JournalStore | undefined;

async function close(): Promise<void> {
  const closing = store;
  store = undefined;
  await closing?.close();
}

const opened = (): JournalStore => {
  store ??= new JournalStore(path);
  return store;
};

const methods = {
  open: () => opened().stored,
  write: (generation, writes) => opened().write(generation, writes),
  historyOf: (origin) => {
    const name = Name.fromWire(origin);
    return name.ok ? opened().historyOf(name.value) : [];
  },
  close: () => {},
} satisfies JournalMethods;

async function answer(method: keyof JournalMethods, args: readonly unknown[]): Promise<Result<unknown, JournalFault>> {
  try {
    const value = (methods[method] as (...all: readonly unknown[]) => unknown)(...args);
    if (method === 'close') await close();
    return ok(value);
  } catch (error) {
    await close();
    return fail(faultOf(path, error));
  }
}

/** One after the other, also where closing takes a while. */
let last: Promise<void> = Promise.resolve();

parentPort!.on('message', ({ id, method, args }: JournalRequest) => {
  last = last.then(async () => {
    const result = await answer(method, args);
    parentPort!.postMessage({ id, result } satisfies JournalAnswer);
  });
});
