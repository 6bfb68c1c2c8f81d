/**
 * What a changing zone may be at this moment, as numbers in memory that all threads share.
 *
 * All that changes is a _cell_, and its state follows from its version: 0, 1, 2 and so on. A version _may_ be seen from the moment that
 * its change is sent, and _must_ be from the moment that it is acknowledged. So an answer is right if its content is that of a version
 * from the one that had to be seen when the question was sent, to the one that may be seen when the answer has come.
 * Always holds: of one cell, only one change is under way.
 */
const MAY = 0;
const MUST = 1;
const WORDS = 2;

/**
 * Whose answers: what is acknowledged binds a primary at once. A secondary follows in its own time, which depends on all that it and the
 * machine have to do; what binds it is only that it does not go back, and comes to the last version in the end.
 */
export type Role = 'primary' | 'secondary';

export class Versions {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(cells: number | SharedArrayBuffer) {
    this.memory =
      typeof cells === 'number' ? new SharedArrayBuffer(cells * WORDS * Int32Array.BYTES_PER_ELEMENT) : cells;
    this.#words = new Int32Array(this.memory);
  }

  get cells(): number {
    return this.#words.length / WORDS;
  }

  /** The version that the next change of a cell makes may be seen from now on; gives it. */
  begin(cell: number): number {
    return Atomics.add(this.#words, cell * WORDS + MAY, 1) + 1;
  }

  /** What began is acknowledged. */
  settle(cell: number): void {
    Atomics.store(this.#words, cell * WORDS + MUST, this.latest(cell));
  }

  /** The newest that may be seen. */
  latest(cell: number): number {
    return Atomics.load(this.#words, cell * WORDS + MAY);
  }

  /** The oldest that may be seen. */
  least(cell: number, role: Role): number {
    return role === 'primary' ? Atomics.load(this.#words, cell * WORDS + MUST) : 0;
  }
}
