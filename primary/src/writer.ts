/**
 * The writer: what is acknowledged and not in the remote becomes a commit, one at a time, and is pushed. When nothing is going on it
 * writes at once; under load it gathers, the longer the more it costs, up to a second. Where the branch has moved, what is new is
 * pulled, which runs open entries again, and it is tried again, for ever; where the remote is away or declines, after a while.
 *
 * Always holds: a branch is never forced; updates do not wait for it.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { nextDelay } from '@zonewright/common/service/backoff';
import { CONTENTION } from './acknowledge-push.ts';
import { type PullFault, pull } from './pull.ts';
import type { State } from './state.ts';
import { step } from './step.ts';
import { tidy } from './tidy.ts';
import { takeWritten, type Written, write } from './write.ts';

/** Back-off while the remote is away or declines, milliseconds. */
const RETRY = { base: 1000, max: 60_000 } as const;
/** The longest that is gathered, milliseconds. */
const MAX_GATHER = 1000;
/** What is gathered after a write, for each update in it, and as a multiple of the time that it took: milliseconds. */
const GATHER_PER_UPDATE = 50;
const GATHER_PER_TIME = 10;

export class Writer {
  readonly #state: State;
  #timer: NodeJS.Timeout | undefined;
  #isWriting = false;
  /** When the next write may begin, by `performance.now`. */
  #notBefore = 0;
  #failures = 0;
  /** How often in a row somebody else was first. */
  #contention = 0;
  #fault: PullFault | undefined;
  #idle: (() => void)[] = [];

  constructor(state: State) {
    this.#state = state;
  }

  /** Something may be there to be written. */
  readonly wake = (): void => {
    if (this.#timer !== undefined || this.#isWriting || this.#state.isClosed) return;
    if (!this.#state.unwritten.isWritable(this.#state.served)) {
      for (const done of this.#idle.splice(0)) done();
      return;
    }
    this.#timer = setTimeout(() => void this.#write(), Math.max(0, this.#notBefore - performance.now()));
    // What waits is kept: it does not hold a process that has nothing else to do.
    this.#timer.unref();
  };

  /** The remote has been heard of: it is tried at once. */
  readonly retry = (): void => {
    this.#failures = 0;
    this.#notBefore = 0;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.wake();
  };

  /** Why what waits is not written, if something is in the way. */
  get waitsFor(): string | undefined {
    return this.#fault?.what;
  }

  /** Writes what can be written; resolves when there is nothing more, or after so many milliseconds. */
  async flush(limit: number): Promise<void> {
    const isIdle = new Promise<void>((done) => this.#idle.push(done));
    this.retry();
    const late = new AbortController();
    await Promise.race([isIdle, pause(limit, undefined, { signal: late.signal }).catch(() => undefined)]);
    late.abort();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  async #write(): Promise<void> {
    this.#timer = undefined;
    this.#isWriting = true;
    try {
      await this.#state.git.take(() => this.#writeNow());
    } finally {
      this.#isWriting = false;
      this.wake();
    }
  }

  async #writeNow(): Promise<void> {
    const state = this.#state;
    const draft = state.isClosed ? undefined : state.unwritten.next(state.served);
    if (draft === undefined) return;
    step('write.gathered');
    const start = performance.now();
    const written = await write(state, draft);
    if (written.ok) {
      await this.#settle(written.value);
      const end = performance.now();
      const updates = draft.parts.reduce((sum, { entries }) => sum + entries.length, 0);
      const gather = Math.max(GATHER_PER_UPDATE * updates, GATHER_PER_TIME * (end - start));
      this.#notBefore = end + Math.min(MAX_GATHER, gather);
      return;
    }
    const { fault } = written;
    if (fault.kind !== 'moved' && fault.kind !== 'unknown') {
      this.#fail(fault);
      return;
    }
    const pulled = await pull(state, 'remote');
    if (!pulled.ok) {
      this.#fail(pulled.fault);
      return;
    }
    state.log.debug('write.again', { tries: ++this.#contention }, fault.what);
    this.#notBefore = performance.now() + nextDelay(this.#contention, CONTENTION, Math.random);
  }

  async #settle(written: Written): Promise<void> {
    const { log, unwritten } = this.#state;
    const { draft, commit, refused } = written;
    for (const { part, what } of refused) {
      unwritten.refuse(part);
      log.error('write.refused', { zone: part.origin.toString(), file: part.fileName }, what);
    }
    const closed = takeWritten(this.#state, written);
    if (draft === undefined || commit === undefined) return;
    await this.#state.note({ inForce: commit, closed });
    step('write.closed');
    void tidy(this.#state);
    this.#fault = undefined;
    this.#failures = 0;
    this.#contention = 0;
    for (const { origin, base, zone, entries } of draft.parts)
      if (entries.some(({ kind }) => kind === 'serial'))
        log.info('serial.raised', { zone: origin.toString(), from: base.serial, serial: zone.serial, commit });
    log.info('commit.pushed', { commit, zones: draft.parts.length, position: draft.position });
  }

  #fail(fault: PullFault): void {
    const { log, unwritten } = this.#state;
    // Both who pulls and who writes try again: while neither can, one of them says so.
    const isTold = this.#fault?.what === fault.what && this.#state.fault?.what === fault.what;
    this.#fault = fault;
    const delay = nextDelay(this.#failures++, RETRY, Math.random);
    this.#notBefore = performance.now() + delay;
    const { updates } = unwritten.waiting();
    const hint = fault.hint === undefined ? '' : ` (${fault.hint})`;
    const fields = { kind: fault.kind, updates, again: Math.ceil(delay / 1000) };
    log[isTold ? 'debug' : 'warn']('write.failed', fields, `${fault.what}${hint}`);
  }
}
