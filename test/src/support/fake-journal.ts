/** A FAKE: a journal in memory that outlives the primary that wrote it, and whose disk fails when told to. */
import { fail, ok, type Result } from '@zonewright/common/result';
import type { Delta } from '@zonewright/common/zone/delta';
import { History } from '@zonewright/common/zone/history';
import {
  type Entry,
  type Journal,
  type JournalFault,
  type JournalWrite,
  type Kept,
  type LastGood,
  saysNothing,
  type ZoneNote,
} from '@zonewright/primary/journal/journal';
import { Marker, newMarkSecret } from '@zonewright/primary/mark';

export class FakeJournal implements Journal {
  readonly marker: Marker;
  readonly kept: Kept;
  /** Do writes fail? */
  isFull = false;
  /** Writes wait for it. */
  held: Promise<void> = Promise.resolve();
  #isClosed = false;
  readonly writes: JournalWrite[] = [];
  readonly #open = new Map<number, Entry>();
  readonly #lastGood = new Map<string, LastGood>();
  readonly #notes = new Map<string, ZoneNote>();
  readonly #histories = new Map<string, History>();
  #inForce: string | undefined;
  #position = 0;
  #time = 0;

  constructor(before?: FakeJournal) {
    this.marker = before?.marker ?? new Marker(newMarkSecret());
    if (before !== undefined) {
      for (const entry of before.#open.values()) this.#open.set(entry.position, entry);
      for (const [fileName, source] of before.#lastGood) this.#lastGood.set(fileName, source);
      for (const [key, note] of before.#notes) this.#notes.set(key, note);
      for (const [key, history] of before.#histories) this.#histories.set(key, history);
      this.#inForce = before.#inForce;
      this.#position = before.#position;
      this.#time = before.#time;
    }
    this.kept = {
      inForce: this.#inForce,
      open: [...this.#open.values()],
      lastGood: new Map(this.#lastGood),
      notes: [...this.#notes.values()],
      position: this.#position,
      time: this.#time,
    };
  }

  /** As a process finds it that is started after this one was killed. */
  again(): FakeJournal {
    return new FakeJournal(this);
  }

  /** What is open now. */
  get open(): readonly Entry[] {
    return [...this.#open.values()];
  }

  get notes(): readonly ZoneNote[] {
    return [...this.#notes.values()];
  }

  get inForce(): string | undefined {
    return this.#inForce;
  }

  async write(what: JournalWrite): Promise<Result<void, JournalFault>> {
    await new Promise(setImmediate);
    await this.held;
    if (this.#isClosed) return fail({ kind: 'disk', what: 'it has been closed' });
    if (this.isFull) return fail({ kind: 'disk', what: 'no space left on the device' });
    this.writes.push(what);
    for (const entry of what.entries ?? []) {
      if (entry.position <= this.#position) throw new Error('a position is given twice');
      this.#open.set(entry.position, entry);
      this.#position = entry.position;
    }
    for (const position of what.closed ?? []) this.#open.delete(position);
    this.#inForce = what.inForce ?? this.#inForce;
    this.#time = what.time ?? this.#time;
    for (const [fileName, source] of what.lastGood ?? []) {
      if (source === undefined) this.#lastGood.delete(fileName);
      else this.#lastGood.set(fileName, source);
    }
    for (const note of what.notes ?? []) {
      if (saysNothing(note)) this.#notes.delete(note.zone.key);
      else this.#notes.set(note.zone.key, note);
    }
    for (const { key } of what.withdrawn ?? []) this.#histories.delete(key);
    for (const delta of what.deltas ?? []) {
      const history = new History();
      for (const each of this.#histories.get(delta.origin.key)?.all ?? []) history.add(each);
      history.add(delta);
      this.#histories.set(delta.origin.key, history);
    }
    return ok(undefined);
  }

  async historyOf({ key }: { readonly key: string }): Promise<readonly Delta[]> {
    return this.#histories.get(key)?.all ?? [];
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }
}
