/**
 * What control and a thread that answers UDP tell each other without a message: a few words of shared memory. One board a thread.
 *
 * The thread may be waiting in the kernel for datagrams, and looks at the board when some have come, before it answers them: so
 * a change whose number stands here is in force for whatever comes in after it.
 */

/** Words that are counted up and down. */
const WORD = {
  /** Messages for the thread so far. */
  posted: 0,
  /** 1: the thread is to end. */
  isStopped: 1,
  /** Requests handed to control that it has not looked at yet, and their octets. */
  waiting: 2,
  waitingOctets: 3,
} as const;
const WORDS = 4;

/** Sums, 64-bit floats: exact up to 2^53. */
export const COUNTS = ['received', 'answered', 'handedOver', 'dropped'] as const;
export type Counts = Readonly<Record<(typeof COUNTS)[number], number>>;

/**
 * Requests of one thread that wait for control, and their octets: what is beyond is dropped, as the kernel drops what nobody fetches.
 * Control takes all that wait in one turn, so they are few.
 */
export const MAX_HANDED_OVER = 100;
export const MAX_HANDED_OVER_OCTETS = 131_072;

export class UdpBoard {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #counts: Float64Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(4 * WORDS + 8 * COUNTS.length)) {
    this.memory = memory;
    this.#words = new Int32Array(memory, 0, WORDS);
    this.#counts = new Float64Array(memory, 4 * WORDS, COUNTS.length);
  }

  /** How many messages were posted. */
  get posted(): number {
    return Atomics.load(this.#words, WORD.posted);
  }

  /** Says that another message was posted. */
  notePosted(): void {
    Atomics.add(this.#words, WORD.posted, 1);
    Atomics.notify(this.#words, WORD.posted);
  }

  /** Waits until more than `seen` messages were posted, or for so many milliseconds. */
  awaitPosted(seen: number, limit: number): void {
    Atomics.wait(this.#words, WORD.posted, seen, limit);
  }

  get isStopped(): boolean {
    return Atomics.load(this.#words, WORD.isStopped) === 1;
  }

  stop(): void {
    Atomics.store(this.#words, WORD.isStopped, 1);
    this.notePosted();
  }

  /** Takes a place among the requests that wait for control; `false` when there is none. */
  takePlace(octets: number): boolean {
    const words = this.#words;
    if (Atomics.load(words, WORD.waiting) >= MAX_HANDED_OVER) return false;
    if (Atomics.load(words, WORD.waitingOctets) + octets > MAX_HANDED_OVER_OCTETS) return false;
    Atomics.add(words, WORD.waiting, 1);
    Atomics.add(words, WORD.waitingOctets, octets);
    return true;
  }

  /** Control has looked at a request. */
  leavePlace(octets: number): void {
    Atomics.sub(this.#words, WORD.waiting, 1);
    Atomics.sub(this.#words, WORD.waitingOctets, octets);
  }

  /** A thread begins: what the one before had handed over is gone with it. */
  clearPlaces(): void {
    Atomics.store(this.#words, WORD.waiting, 0);
    Atomics.store(this.#words, WORD.waitingOctets, 0);
  }

  /** Adds to the sums. Only the thread does. */
  count(received: number, answered: number, handedOver: number, dropped: number): void {
    const counts = this.#counts;
    counts[0]! += received;
    counts[1]! += answered;
    counts[2]! += handedOver;
    counts[3]! += dropped;
  }

  get counts(): Counts {
    const [received = 0, answered = 0, handedOver = 0, dropped = 0] = this.#counts;
    return { received, answered, handedOver, dropped };
  }
}
