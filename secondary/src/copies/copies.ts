/**
 * Copies of zones on the disk, as the thread that serves sees them. What is to be written waits for a moment (`waiting.ts`), so that what
 * changes all the time is written now and then; then a thread of its own writes it (`thread.ts`), one group after the other. That a zone is
 * current is worth a write only every now and then: what a crash takes of it is that the zone expires that much sooner.
 *
 * Versions are handed over by their memory, which is shared, so nothing here takes time in proportion to a zone.
 *
 * Always holds: a disk that fails stops nothing but copies; it is said once, and tried again. What somebody takes away is made anew, with all
 * that is served.
 */
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, PRIVATE_FOLDER } from '@zonewright/common/git/durable';
import { StoreClient } from '@zonewright/common/lmdb/client';
import { packDeltas } from '@zonewright/common/lmdb/delta-values';
import { lockFile, type Release } from '@zonewright/common/lmdb/lock';
import { memoryOf } from '@zonewright/common/lmdb/pack';
import type { Name } from '@zonewright/common/name';
import { fail, ok, type Result } from '@zonewright/common/result';
import { nextDelay } from '@zonewright/common/service/backoff';
import { type Clock, systemClock } from '@zonewright/common/service/clock';
import type { Copies, Copy, CopyState } from '@zonewright/common/service/copies';
import type { Log } from '@zonewright/common/service/log';
import { gather, Slices } from '@zonewright/common/service/slices';
import type { Delta } from '@zonewright/common/zone/delta';
import { joinDeltas } from '@zonewright/common/zone/delta-octets';
import { hashSeed } from '@zonewright/common/zone/lookup-name';
import { readRecords } from '@zonewright/common/zone/record-octets';
import { Zone } from '@zonewright/common/zone/zone';
import { COPIES_THREAD } from '../threads.ts';
import { type CopiesFault, copiesFault, faultOf } from './fault.ts';
import { plainState, stateOfPlain } from './head.ts';
import type { LoadedCopy } from './load.ts';
import type { CopyWrite } from './store.ts';
import type { CopiesData, CopiesMethods, Portion } from './thread.ts';
import { type Waiting, WaitingList } from './waiting.ts';

export interface CopiesOptions {
  readonly log: Log;
  readonly clock?: Clock;
}

/** Milliseconds that a version waits to be written, for those that come meanwhile. */
const SAVE_WAIT = 100;
/** The same for the news that a version is current. */
const CONFIRM_WAIT = 10_000;
/** Milliseconds before it is tried again when the disk has failed. */
const RETRY = { base: 1000, max: 60_000 } as const;
/** Zones in one request. */
const GROUP_ZONES = 500;

/**
 * Opens the copies in a folder, or makes both. The folder is this process's alone until they are closed: another gets a fault of kind
 * `usage`. A file that cannot be read is put aside, since all of it can be had again; with a disk that fails there are no copies until
 * it works.
 */
export async function openCopies(directory: string, options: CopiesOptions): Promise<Result<Copies, CopiesFault>> {
  const copies = new DiskCopies(directory, options);
  const opened = await copies.open();
  if (opened.ok || opened.fault.kind === 'disk') return ok(copies);
  await copies.close();
  return opened;
}

class DiskCopies implements Copies {
  readonly #directory: string;
  readonly #path: string;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #client: StoreClient<CopiesMethods>;
  readonly #waiting = new WaitingList();
  #release: Release | undefined;
  #isClosed = false;
  /** When what waits is to be written, and what cancels that. */
  #alarm: { readonly at: number; readonly cancel: () => void } | undefined;
  /** Requests take turns. */
  #last: Promise<unknown> = Promise.resolve();
  #failures = 0;
  #failure: string | undefined;

  constructor(directory: string, { log, clock = systemClock }: CopiesOptions) {
    this.#directory = directory;
    this.#path = join(directory, 'copies.mdb');
    this.#log = log;
    this.#clock = clock;
    this.#client = new StoreClient({
      kind: COPIES_THREAD,
      data: { path: this.#path, seed: hashSeed() } satisfies CopiesData,
      fault: (why) => copiesFault('disk', this.#path, why),
    });
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get failure(): string | undefined {
    return this.#failure;
  }

  /** Takes the folder, and looks whether the file is good. */
  async open(): Promise<Result<void, CopiesFault>> {
    const opened = await this.#open();
    if (opened.ok) return opened;
    if (opened.fault.kind === 'disk') this.#noteFailure(opened.fault);
    return opened;
  }

  async #open(): Promise<Result<void, CopiesFault>> {
    if (this.#release !== undefined) return ok(undefined);
    let release: Release | undefined;
    try {
      await makeFolder(this.#directory, PRIVATE_FOLDER);
      release = lockFile(join(this.#directory, 'lock'));
      if (!existsSync(this.#path)) this.#waiting.lost();
      let opened = await this.#client.ask('open', []);
      if (!opened.ok && opened.fault.kind === 'corrupt') {
        this.#log.error('copies.damaged', { what: opened.fault.what, aside: `${this.#path}.damaged` });
        renameSync(this.#path, `${this.#path}.damaged`);
        this.#waiting.lost();
        opened = await this.#client.ask('open', []);
      }
      if (opened.ok) this.#release = release;
      else release();
      return opened;
    } catch (error) {
      release?.();
      return fail(faultOf(this.#path, error));
    }
  }

  async load(take: (copy: Copy) => void): Promise<void> {
    if (this.#release === undefined) return;
    const slices = new Slices();
    const damaged: Uint8Array[] = [];
    const ask = (after?: Uint8Array): Promise<Result<Portion, CopiesFault>> =>
      this.#inTurn(() => this.#client.ask('load', [after]));
    for (let next: Promise<Result<Portion, CopiesFault>> | undefined = ask(); next !== undefined; ) {
      const portion: Result<Portion, CopiesFault> = await next;
      if (!portion.ok) {
        this.#noteFailure(portion.fault);
        return;
      }
      const { copies }: Portion = portion.value;
      const after: Uint8Array | undefined = portion.value.next;
      next = after && ask(after);
      for (const { key, zone, what } of portion.value.damaged) {
        this.#log.warn('copy.damaged', { ...(zone === undefined ? {} : { zone }), what });
        damaged.push(key);
      }
      for (const copy of copies) {
        if (slices.isOver) await slices.pause();
        await this.#found(copy, slices, take);
      }
    }
    const swept = await this.#inTurn(() => this.#client.ask('sweep', [damaged]));
    if (!swept.ok) this.#noteFailure(swept.fault);
  }

  save(zone: Zone, deltas: readonly Delta[] | undefined, state: CopyState): void {
    this.#waiting.save(zone, deltas, state);
    this.#schedule(SAVE_WAIT);
  }

  confirm(origin: Name, state: CopyState): void {
    if (this.#waiting.confirm(origin, state)) this.#schedule(CONFIRM_WAIT);
  }

  remove(origin: Name): void {
    this.#waiting.remove(origin);
    this.#schedule(SAVE_WAIT);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#alarm?.cancel();
    await this.#inTurn(() => this.#write());
    await this.#client.close();
    this.#letGo();
  }

  async #found(copy: LoadedCopy, slices: Slices, take: (copy: Copy) => void): Promise<void> {
    const zone = Zone.ofHandle(copy.zone);
    const state = stateOfPlain(copy.state);
    const deltas = copy.deltas === undefined ? [] : joinDeltas(await gather(readRecords(copy.deltas), slices));
    this.#waiting.found(zone, state, copy.since, copy.sinceOctets);
    take({ zone, deltas, state });
  }

  /** Writes in so many milliseconds, if not before. */
  #schedule(wait: number): void {
    if (this.#isClosed) return;
    const at = this.#clock.now() + (this.#failures > 0 ? nextDelay(this.#failures - 1, RETRY, Math.random) : wait);
    if (this.#alarm !== undefined && (this.#failures > 0 || this.#alarm.at <= at)) return;
    this.#alarm?.cancel();
    const cancel = this.#clock.after(at - this.#clock.now(), () => {
      this.#alarm = undefined;
      void this.#inTurn(() => this.#write());
    });
    this.#alarm = { at, cancel };
  }

  #inTurn<T>(what: () => Promise<T>): Promise<T> {
    const done = this.#last.then(what);
    this.#last = done.catch(() => undefined);
    return done;
  }

  /**
   * Writes all that waits, unless the disk fails. What comes meanwhile waits as long as ever, so that it is not written one by one; at the
   * end it does not.
   */
  async #write(): Promise<void> {
    const opened = await this.#open();
    if (!opened.ok) {
      if (this.#waiting.size > 0) this.#failed(opened.fault);
      return;
    }
    for (let left = this.#waiting.size; left > 0; left = this.#isClosed ? this.#waiting.size : left - GROUP_ZONES) {
      const group = this.#waiting.take(GROUP_ZONES);
      const slices = new Slices();
      const writes: CopyWrite[] = [];
      for (const each of group) {
        if (slices.isOver) await slices.pause();
        writes.push(await writeOf(each, slices));
      }
      const memory = writes.flatMap(({ kept }) => (kept === undefined ? [] : memoryOf(kept.deltas)));
      const written = await this.#client.ask('write', [writes], memory);
      if (!written.ok) {
        for (const each of group) this.#waiting.failed(each, false);
        // Somebody may have taken the folder away: what is locked is then not what another process would find.
        if (written.fault.kind === 'corrupt' || !existsSync(this.#path)) this.#letGo();
        this.#failed(written.fault);
        return;
      }
      const unfit = new Set(written.value);
      for (const [i, each] of group.entries()) {
        if (unfit.has(i)) this.#waiting.failed(each, true);
        else this.#waiting.written(each);
      }
      if (this.#failures > 0) this.#log.info('copies.written', { after: this.#failures });
      this.#failures = 0;
      this.#failure = undefined;
    }
    if (this.#waiting.size > 0) this.#schedule(SAVE_WAIT);
  }

  /** It has to be opened anew. */
  #letGo(): void {
    this.#release?.();
    this.#release = undefined;
  }

  #failed(fault: CopiesFault): void {
    this.#noteFailure(fault);
    this.#schedule(SAVE_WAIT);
  }

  #noteFailure({ what, hint }: CopiesFault): void {
    this.#failure = what;
    if (this.#failures++ === 0) this.#log.error('copies.failed', { what, hint });
  }
}

async function writeOf({ origin, version }: Waiting, slices: Slices): Promise<CopyWrite> {
  const wire = origin.wire.slice();
  if (version === undefined) return { origin: wire, kept: undefined };
  const { zone, state, isWhole, deltas } = version;
  return {
    origin: wire,
    kept: {
      state: plainState(state),
      serial: zone.serial,
      snapshot: isWhole ? { image: zone.image.handle, root: zone.root } : undefined,
      deltas: await packDeltas(deltas, slices),
    },
  };
}
