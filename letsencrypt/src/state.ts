/**
 * What the ACME secondary remembers, as tables of JSON values by kind and key: in memory, and on the disk where there is a store
 * (`state-store.ts`). So what is remembered reads the same with `--data` and without; only a restart tells the difference.
 *
 * One write is under way at a time, and what is set meanwhile goes with the next: the last value of each key.
 *
 * Always holds: no disk keeps anything from being remembered for now. What could not be written is tried again with the next write,
 * and a value that its table cannot read is dropped.
 */
import type { StoreFault } from '@zonewright/common/lmdb/fault';
import type { Result } from '@zonewright/common/result';
import type { Log } from '@zonewright/common/service/log';

/** A value that JSON can hold. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };

/** For tables whose values are read by those who take them out. */
export const readJson = (value: Json): Json => value;

/** One value of the state; `undefined` where it is taken out. */
export interface StateEntry {
  readonly kind: string;
  readonly key: string;
  readonly value: Json | undefined;
}

/** Where the state outlives the process. */
export interface StateStore {
  /** What was there when it was opened. */
  readonly kept: readonly StateEntry[];
  /** Resolves when all entries are on the disk, or none. */
  write(entries: readonly StateEntry[]): Promise<Result<void, StoreFault>>;
  close(): Promise<void>;
}

/** The values of one kind. */
export interface StateTable<T> {
  get(key: string): T | undefined;
  entries(): IterableIterator<readonly [key: string, value: T]>;
  /** Takes effect at once; resolves when it is on the disk, where there is one, or could not be written. */
  set(key: string, value: T): Promise<void>;
  delete(key: string): Promise<void>;
}

export class State {
  readonly #store: StateStore | undefined;
  readonly #log: Log;
  #waiting = new Map<string, StateEntry>();
  #writing: Promise<void> | undefined;
  /** The write that begins when the one under way has ended. */
  #next: Promise<void> | undefined;

  constructor(log: Log, store?: StateStore) {
    this.#log = log;
    this.#store = store;
  }

  /**
   * The table of a kind, with what was kept of it. To be called once for each kind.
   *
   * @param read gives `undefined` for what is no value of the table
   */
  table<T extends Json>(kind: string, read: (value: Json) => T | undefined): StateTable<T> {
    const values = new Map<string, T>();
    for (const entry of this.#store?.kept ?? []) {
      const value = entry.kind === kind && entry.value !== undefined ? read(entry.value) : undefined;
      if (value !== undefined) values.set(entry.key, value);
    }
    return {
      get: (key) => values.get(key),
      entries: () => values.entries(),
      set: (key, value) => {
        values.set(key, value);
        return this.#keep({ kind, key, value });
      },
      delete: (key) => (values.delete(key) ? this.#keep({ kind, key, value: undefined }) : Promise.resolve()),
    };
  }

  /** After what is still to be written. */
  async close(): Promise<void> {
    await (this.#next ?? this.#writing);
    await this.#store?.close();
  }

  #keep(entry: StateEntry): Promise<void> {
    if (this.#store === undefined) return Promise.resolve();
    this.#waiting.set(`${entry.kind} ${entry.key}`, entry);
    const before = this.#writing ?? Promise.resolve();
    // Whoever comes while a write is under way waits for the one after it, together with all others.
    this.#next ??= before.then(() => this.#write(this.#store!));
    return this.#next;
  }

  async #write(store: StateStore): Promise<void> {
    this.#writing = this.#next;
    this.#next = undefined;
    const entries = this.#waiting;
    this.#waiting = new Map();
    const written = await store.write([...entries.values()]);
    if (written.ok) return;
    const { kind, what, hint } = written.fault;
    this.#log.error('state.fault', { fault: kind, hint }, what);
    this.#waiting = new Map([...entries, ...this.#waiting]);
  }
}
