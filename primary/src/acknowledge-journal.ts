/**
 * NOERROR means: in the journal, on the disk, and visible, here and, where that is wanted, at secondaries. The commit comes later; how
 * many updates may wait for it, and for how long, is bounded. All that has come while the last batch was being made durable is one batch, and one sync of the disk.
 */
import type { Name } from '@zonewright/common/name';
import type { Log } from '@zonewright/common/service/log';
import { serverFailure, type Verdict } from '@zonewright/common/service/name-server';
import { Slices } from '@zonewright/common/service/slices';
import { RCODE } from '@zonewright/common/wire/code';
import { EDE } from '@zonewright/common/wire/edns';
import {
  type Acknowledge,
  DONE,
  fieldsOf,
  logRefusal,
  type Pending,
  publishBatch,
  STOPPING,
  versionFor,
} from './acknowledge.ts';
import { Batch, type Ran } from './batch.ts';
import type { Entry } from './journal/journal.ts';
import type { State } from './state.ts';
import { step } from './step.ts';

/** How much may wait for the remote. */
export interface UnpushedLimits {
  readonly updates: number;
  /** Seconds since the oldest was acknowledged. */
  readonly age: number;
}

export interface JournalOptions {
  readonly limits: UnpushedLimits;
  /** Why what waits of a zone is not in the remote yet, if that is known. */
  waitsFor(origin: Name): string | undefined;
  /** Something is there to be written. */
  onEntries(): void;
  /** Waits until a version is served elsewhere as well; gives why it is not, where that takes too long. */
  spread?(origin: Name, serial: number): Promise<string | undefined>;
}

export class AcknowledgeJournal implements Acknowledge {
  readonly #state: State;
  readonly #options: JournalOptions;

  constructor(state: State, options: JournalOptions) {
    this.#state = state;
    this.#options = options;
  }

  settle(take: () => readonly Pending[]): Promise<void> {
    return this.#state.versions.take(() => this.#settleNow(take()));
  }

  async #settleNow(all: readonly Pending[]): Promise<void> {
    const { log, journal, unwritten } = this.#state;
    if (all.length === 0) return;
    const batch = new Batch(versionFor(this.#state), unwritten.position + 1, this.#state.roomOf);
    const rans: Ran[] = [];
    const slices = new Slices();
    for (const each of all) {
      rans.push(this.#run(batch, each));
      if (slices.isOver) await slices.pause();
    }
    step('update.run');
    const { entries, deltas } = batch;
    if (entries.length > 0) {
      const written = await journal.write({ entries, deltas });
      if (!written.ok) {
        const { kind, what } = written.fault;
        const { isClosed } = this.#state;
        if (!isClosed) log.error('journal.failed', { kind, updates: entries.length }, what);
        batch.discard();
        // Also of those without an entry: what they were judged by has never been.
        const failed = isClosed ? STOPPING : serverFailure(EDE.NOT_READY, `the journal cannot be written: ${what}`);
        for (const { answer } of all) answer(failed);
        return;
      }
      step('update.journalled');
      this.#tellStuck(entries);
      publishBatch(this.#state, batch);
      unwritten.note(entries);
      this.#state.keepTime();
      step('update.published');
    }
    for (const [i, each] of all.entries()) this.#answer(each, rans[i]!);
    setImmediate(() => step('update.answered'));
    if (entries.length > 0) this.#options.onEntries();
  }

  /** Also what changes nothing is answered when secondaries serve what is served here: it may have been sent before. */
  #answer(asked: Pending, ran: Ran): void {
    const { log, publisher } = this.#state;
    const { spread } = this.#options;
    const verdict = verdictOf(log, asked, ran);
    const { origin } = asked.update;
    const serial = ran.kind === 'entry' ? ran.entry.to : publisher.zones.get(origin)?.serial;
    if (spread === undefined || ran.kind === 'refused' || serial === undefined) {
      asked.answer(verdict);
      return;
    }
    void spread(origin, serial).then((missing) => {
      if (missing !== undefined) log.warn('update.unspread', { ...fieldsOf(asked), serial }, missing);
      asked.answer(missing === undefined ? verdict : serverFailure(EDE.NOT_READY, missing));
    });
  }

  #run(batch: Batch, asked: Pending): Ran {
    const full = this.#isFull(batch, asked);
    if (full === undefined) return batch.run(asked, this.#state.moment);
    return { kind: 'refused', verdict: serverFailure(EDE.NOT_READY, full), what: full };
  }

  /** Why no more is taken, if so. */
  #isFull(batch: Batch, { update }: Pending): string | undefined {
    const { limits, waitsFor } = this.#options;
    const { time, unwritten } = this.#state;
    const { updates, oldest } = unwritten.waiting(update.origin);
    const age = oldest === undefined ? 0 : Math.floor(time.since(oldest));
    const isOld = oldest !== undefined && age >= limits.age;
    if (updates + batch.entries.length < limits.updates && !isOld) return undefined;
    const limit = isOld ? `--max-unpushed-age is ${limits.age} s` : `--max-unpushed is ${limits.updates}`;
    const why = waitsFor(update.origin);
    const waiting = `${updates} updates wait to be written to git, the oldest for ${age} s`;
    return `${waiting}, and ${limit}${why === undefined ? '' : `: ${why}`}`;
  }

  /** The first updates of a zone whose file cannot be written to. Before they are noted. */
  #tellStuck(entries: readonly Entry[]): void {
    const { log, unwritten } = this.#state;
    for (const origin of new Map(entries.map(({ zone }) => [zone.key, zone])).values()) {
      const standing = unwritten.of(origin);
      if (standing?.isBroken !== true || standing.open.some(({ kind }) => kind === 'update')) continue;
      const { fileName } = standing;
      log.warn(
        'update.waits',
        { zone: origin.toString(), file: fileName },
        `updates of this zone are kept, and written to git once ${fileName} is repaired`,
      );
    }
  }
}

/** The answer to an update that is as durable as it is going to be; it is said in the log as well. */
function verdictOf(log: Log, asked: Pending, ran: Ran): Verdict {
  if (ran.kind === 'refused') {
    if (ran.verdict.rcode === RCODE.SERVFAIL) log.warn('update.failed', fieldsOf(asked), ran.what);
    else logRefusal(log, asked, ran);
    return ran.verdict;
  }
  if (ran.kind === 'entry')
    log.info('update.accepted', { ...fieldsOf(asked), serial: ran.entry.to, position: ran.entry.position });
  return DONE;
}
