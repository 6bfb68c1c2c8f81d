/** What is remembered about all names (`memory.ts`), by the comparing form of the name, and kept in the state but for what is under way. */
import { begun, isForgettable, type Memory, readMemory, recalled, writeMemory } from './memory.ts';
import type { Found, Posting } from './posting.ts';
import type { Json, StateTable } from './state.ts';

export class Memories {
  readonly #memories = new Map<string, Memory>();
  readonly #kept: StateTable<Json>;

  constructor(kept: StateTable<Json>) {
    this.#kept = kept;
    for (const [key, value] of kept.entries()) {
      const memory = readMemory(value);
      if (memory !== undefined) this.#memories.set(key, memory);
    }
  }

  get(key: string): Memory | undefined {
    return this.#memories.get(key);
  }

  /** Something begins for a request. After a restart nothing is under way, so it is not kept. */
  begin(posting: Posting): void {
    const { key } = posting.name;
    this.#memories.set(key, begun(this.#memories.get(key), posting));
  }

  /** Where nothing is remembered, takes up a wait that the status beside the request tells of. */
  recall(found: Found, now: number): void {
    const { key } = found.name;
    const memory = this.#memories.has(key) ? undefined : recalled(found, now);
    if (memory !== undefined) this.#memories.set(key, memory);
  }

  /** Changes what is remembered about a name, if anything is. Resolves when that is kept. */
  async change(key: string, step: (memory: Memory) => Memory): Promise<void> {
    const before = this.#memories.get(key);
    const memory = before && step(before);
    if (memory === undefined || memory === before) return;
    this.#memories.set(key, memory);
    await this.#kept.set(key, writeMemory(memory));
  }

  /** Forgets names that are in no zone, as soon as they need not wait any more. */
  forget(present: ReadonlySet<string>, now: number): void {
    for (const [key, memory] of this.#memories) {
      if (present.has(key) || !isForgettable(memory, now)) continue;
      this.#memories.delete(key);
      void this.#kept.delete(key);
    }
  }
}
