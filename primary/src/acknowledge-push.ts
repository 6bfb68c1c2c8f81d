/**
 * NOERROR means: in the remote, and visible. All that has come while the last batch was being pushed is run, and pushed as one commit;
 * where the branch has moved, it is run again on what is new, its prerequisites included. What fails leaves nothing behind.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Name } from '@zonewright/common/name';
import { nextDelay } from '@zonewright/common/service/backoff';
import { serverFailure, type Verdict } from '@zonewright/common/service/name-server';
import { EDE } from '@zonewright/common/wire/edns';
import {
  type Acknowledge,
  DONE,
  fieldsOf,
  logRefusal,
  notDurable,
  type Pending,
  publishBatch,
  STOPPING,
  undecided,
  versionFor,
} from './acknowledge.ts';
import { Batch, type Ran } from './batch.ts';
import { type Pulled, pull } from './pull.ts';
import type { State } from './state.ts';
import { step } from './step.ts';
import { tidy } from './tidy.ts';
import { takeWritten, write } from './write.ts';

/** How long an update is run again because others push first, milliseconds: who asked does not wait any longer. */
const UPDATE_TIME = 20_000;
/** Pauses between those runs, milliseconds: writers that met come apart. */
export const CONTENTION = { base: 2, max: 50 } as const;

const NOTHING_FOUND: Pulled = { arrivedOf: () => 0 };

/** What the versions of a zone have come to that a batch was run on: `DONE`, or why they are not. */
type Settled = (origin: Name) => Verdict;
/** Why a batch is to be run again: the branch has moved, or it is not known what has become of it. */
interface Again {
  readonly kind: 'moved' | 'unknown';
  readonly what: string;
}

export class AcknowledgePush implements Acknowledge {
  readonly #state: State;
  readonly #isStopped: () => boolean;

  constructor(state: State, isStopped: () => boolean) {
    this.#state = state;
    this.#isStopped = isStopped;
  }

  settle(take: () => readonly Pending[]): Promise<void> {
    const { git, versions } = this.#state;
    return git.take(() => versions.take(() => this.#settleNow(take())));
  }

  async #settleNow(all: readonly Pending[]): Promise<void> {
    const { log } = this.#state;
    const until = performance.now() + UPDATE_TIME;
    let left = all;
    for (let tries = 0; left.length > 0; tries++) {
      const batch = new Batch(versionFor(this.#state), this.#state.unwritten.position + 1, this.#state.roomOf);
      const rans = left.map((each) => this.#run(batch, each));
      step('update.run');
      const isLate = performance.now() > until || this.#isStopped();
      const written = await this.#write(batch);
      if (typeof written === 'function' || isLate) {
        const settled = typeof written === 'function' ? written : givenUp(batch, written);
        for (const [i, each] of left.entries()) each.answer(this.#verdict(each, rans[i]!, settled(each.update.origin)));
        setImmediate(() => step('update.answered'));
        return;
      }
      log.debug('update.again', { updates: left.length, tries });
      await pause(nextDelay(tries, CONTENTION, Math.random));
      const pulled = await pull(this.#state, 'remote', true);
      const arrived = pulled.ok ? pulled.value : NOTHING_FOUND;
      const verdictOf = pulled.ok ? undefined : givenUp(batch, { ...written, what: pulled.fault.what });
      left = left.filter((each, i) => {
        const ran = rans[i]!;
        const hasArrived = ran.kind === 'entry' && ran.entry.position <= arrived.arrivedOf(ran.entry.zone);
        if (hasArrived) each.answer(this.#verdict(each, ran, DONE));
        else if (verdictOf !== undefined) each.answer(this.#verdict(each, ran, verdictOf(each.update.origin)));
        return !hasArrived && pulled.ok;
      });
    }
  }

  #run(batch: Batch, asked: Pending): Ran {
    const file = this.#state.publisher.files.of(asked.update.origin);
    if (file === undefined || file.errors.length === 0) return batch.run(asked, this.#state.moment);
    const what = `the file ${file.fileName} in git has errors; repair it first`;
    return { kind: 'refused', verdict: serverFailure(EDE.INVALID_DATA, what), what };
  }

  /** Commits, pushes and publishes, where it is not all to be run again. */
  async #write(batch: Batch): Promise<Settled | Again> {
    const state = this.#state;
    const { entries, deltas } = batch;
    const draft = entries.length === 0 ? undefined : state.unwritten.next(state.served, batch);
    if (draft === undefined) return () => DONE;
    // A commit is going to speak of these positions: no other entry is ever to have them, whatever becomes of it.
    const reserved = await state.journal.write({ entries, closed: entries.map(({ position }) => position) });
    if (!reserved.ok) {
      batch.discard();
      if (state.isClosed) return ofChanged(batch, STOPPING);
      return failed(batch, `the journal cannot be written: ${reserved.fault.what}`);
    }
    state.unwritten.skipTo(draft.position);
    step('write.gathered');
    const written = await write(state, draft);
    if (!written.ok) {
      const { kind, what } = written.fault;
      batch.discard();
      return kind === 'moved' || kind === 'unknown' ? { kind, what } : failed(batch, what);
    }
    const { commit, refused } = written.value;
    const whats = new Map(refused.map(({ part, what }) => [part.origin.key, what]));
    const closed = takeWritten(state, written.value);
    const landed = deltas.filter(({ origin }) => !whats.has(origin.key));
    if (commit !== undefined) await state.note({ inForce: commit, closed, deltas: landed });
    step('write.closed');
    void tidy(state);
    publishBatch(state, batch, (origin) => !whats.has(origin.key));
    step('update.published');
    return ({ key }) => {
      const what = whats.get(key);
      return what === undefined ? DONE : notDurable(what);
    };
  }

  /** What is said to an update whose zone has come to `verdict`. */
  #verdict(asked: Pending, ran: Ran, verdict: Verdict): Verdict {
    const { log, publisher } = this.#state;
    if (verdict !== DONE) {
      if (verdict !== STOPPING) log.error('update.failed', fieldsOf(asked), verdict.ede?.text ?? '');
      return verdict;
    }
    if (ran.kind === 'refused') {
      logRefusal(log, asked, ran);
      return ran.verdict;
    }
    if (ran.kind === 'entry')
      log.info('update.accepted', { ...fieldsOf(asked), serial: ran.entry.to, commit: publisher.commit });
    return DONE;
  }
}

/** Of a batch that has come to nothing. What was refused, or needed nothing, was so by versions that have never been, too. */
const ofChanged =
  (batch: Batch, verdict: Verdict): Settled =>
  (origin) =>
    batch.versionOf(origin) === undefined ? DONE : verdict;

const failed = (batch: Batch, what: string): Settled => ofChanged(batch, notDurable(what));

/** Of a batch that is not run again. */
const givenUp = (batch: Batch, { kind, what }: Again): Settled =>
  ofChanged(batch, kind === 'unknown' ? undecided(what) : notDurable(what));
