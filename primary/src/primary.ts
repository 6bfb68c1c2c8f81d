/**
 * A primary: zones from git, updates to git.
 *
 *   UPDATE -> run on the newest version -> journal -> visible -> NOERROR, NOTIFY -> commit, push
 *   commit -> fetch, read, compare -> journal -> visible -> NOTIFY
 *
 * This is the facade: the ways themselves are `acknowledge-journal.ts` and `acknowledge-push.ts` (what NOERROR means), `writer.ts`
 * (commits and pushes), `pull.ts` and `takeover.ts` (commits of others), `restore.ts` (the restart). What is heavy - git, reading,
 * parsing, building, comparing, editing files - is asked of the repository, which may be another thread.
 *
 * Always holds: what NOERROR was said to is never lost; a commit with a broken zone leaves the last good version served; a branch is
 * never forced; serials only rise.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Authority } from '@zonewright/common/authority/authority';
import type { KeyTable } from '@zonewright/common/authority/key';
import type { Update } from '@zonewright/common/authority/update';
import type { ZoneTable } from '@zonewright/common/authority/zones';
import { Name } from '@zonewright/common/name';
import { type Peer, printPeer } from '@zonewright/common/net/address';
import { ok, type Result } from '@zonewright/common/result';
import type { FollowerStatus } from '@zonewright/common/service/followers';
import { serverFailure, type Verdict } from '@zonewright/common/service/name-server';
import { RCODE } from '@zonewright/common/wire/code';
import { EDE } from '@zonewright/common/wire/edns';
import { type Acknowledge, logRefusal, type Pending, STOPPING } from './acknowledge.ts';
import { AcknowledgeJournal, type UnpushedLimits } from './acknowledge-journal.ts';
import { AcknowledgePush } from './acknowledge-push.ts';
import { describe } from './publisher.ts';
import { type PullFault, pull } from './pull.ts';
import { restore } from './restore.ts';
import { State, type StateOptions } from './state.ts';
import { tidy } from './tidy.ts';
import { Writer } from './writer.ts';

export interface PrimaryOptions extends StateOptions {
  /** What NOERROR to an UPDATE means: in the journal, at secondaries as well, or in the remote. */
  readonly ack: 'journal' | 'secondaries' | 'push';
  /** What secondaries of a zone serve, for the status page. */
  followersOf?(origin: Name): readonly FollowerStatus[];
  /** With `secondaries`: waits until as many as are to serve a version do; gives why they do not, where that takes too long. */
  spread?(origin: Name, serial: number): Promise<string | undefined>;
  readonly unpushed: UnpushedLimits;
  readonly isTransferOpen: boolean;
  readonly version: string;
  /** What `id.server.` says. */
  readonly id: string;
}

/** Updates that are run together: those behind them wait for their answers. */
const MAX_BATCH = 1000;
/** How long a start waits for the histories of the zones, milliseconds. */
const HISTORY_WAIT = 1000;

export class Primary {
  readonly zones: ZoneTable;
  readonly authority: Authority;
  readonly #state: State;
  readonly #ack: PrimaryOptions['ack'];
  readonly #followersOf: NonNullable<PrimaryOptions['followersOf']>;
  readonly #acknowledge: Acknowledge;
  readonly #writer: Writer;
  #nextPull: Promise<Result<void, PullFault>> | undefined;
  #pending: Pending[] = [];
  #settling: Promise<void> | undefined;
  /** Updates that are not answered yet. */
  readonly #unanswered = new Set<Promise<Verdict>>();
  #isClosing = false;
  /** Is what was served before still to be restored, since nothing of the repository can be read? */
  #isAway = false;

  constructor(options: PrimaryOptions) {
    const state = new State(options);
    const { publisher } = state;
    this.#state = state;
    this.#ack = options.ack;
    this.#followersOf = options.followersOf ?? (() => []);
    this.#writer = new Writer(state);
    this.#acknowledge =
      options.ack === 'push'
        ? new AcknowledgePush(state, () => state.isClosed)
        : new AcknowledgeJournal(state, {
            limits: options.unpushed,
            waitsFor: (origin) => this.#repairOf(origin) ?? this.#waitsFor,
            onEntries: this.#writer.wake,
            ...(options.ack === 'secondaries' && options.spread !== undefined ? { spread: options.spread } : {}),
          });
    this.zones = publisher.zones;
    this.authority = {
      zones: this.zones,
      get keys(): KeyTable {
        return publisher.files.keys;
      },
      get isReady() {
        return publisher.commit !== undefined;
      },
      get identity() {
        return { version: options.version, id: options.id, commit: publisher.commit ?? 'none' };
      },
      isTransferOpen: options.isTransferOpen,
      isPrimary: true,
      historyOf: (origin) => publisher.histories.of(origin),
      expiryOf: (zone) => zone.soa.expire,
    };
  }

  /** Loads what is known without the remote, so that it can be served while the remote cannot be reached: what was served before. */
  async loadKnown(): Promise<Result<void, PullFault>> {
    const state = this.#state;
    const loaded = await state.git.take(() => this.#load());
    const late = new AbortController();
    const histories = state.publisher.histories.fetch(state.journal, [...this.zones]);
    await Promise.race([histories, pause(HISTORY_WAIT, undefined, { signal: late.signal }).catch(() => undefined)]);
    late.abort();
    return loaded;
  }

  async #load(): Promise<Result<void, PullFault>> {
    const state = this.#state;
    const restored = await restore(state);
    this.#isAway = false;
    if (restored.ok && restored.value) return ok(undefined);
    const pulled = await pull(state, 'known');
    this.#isAway = !restored.ok && !pulled.ok && pulled.fault.kind === 'unreachable';
    if (!restored.ok && !this.#isAway)
      state.log.error('journal.unfit', { commit: state.journal.kept.inForce }, restored.fault.what);
    return pulled.ok ? ok(undefined) : pulled;
  }

  /** Fetches and publishes what changed. Calls that come while one is waiting share it. */
  pull(): Promise<Result<void, PullFault>> {
    this.#nextPull ??= this.#state.git.take(async () => {
      this.#nextPull = undefined;
      if (this.#isAway) {
        await this.#load();
        void this.#state.publisher.histories.fetch(this.#state.journal, [...this.zones]);
      }
      const pulled = await pull(this.#state, 'remote');
      if (!pulled.ok) return pulled;
      void tidy(this.#state);
      this.#writer.retry();
      return ok(undefined);
    });
    return this.#nextPull;
  }

  /** Applies an UPDATE; resolves when it is as durable as NOERROR says, and visible, or refused. */
  update(update: Update, from: Peer): Promise<Verdict> {
    if (this.#isClosing) return Promise.resolve(STOPPING);
    const source = printPeer(from);
    if (this.#state.publisher.isCatalog(update.origin)) {
      const what = `${update.origin} is a catalog, which follows from the files of the zones`;
      const verdict = { rcode: RCODE.REFUSED, ede: { code: EDE.PROHIBITED, text: what } };
      logRefusal(this.#state.log, { update, source }, { kind: 'refused', verdict, what });
      return Promise.resolve(verdict);
    }
    const answered = new Promise<Verdict>((answer) => {
      this.#pending.push({ update, source, answer });
    });
    this.#settling ??= this.#settle();
    this.#unanswered.add(answered);
    void answered.then(() => this.#unanswered.delete(answered));
    return answered;
  }

  async #settle(): Promise<void> {
    let taken: readonly Pending[] = [];
    while (this.#pending.length > 0) {
      try {
        await this.#acknowledge.settle(() => {
          taken = this.#pending.splice(0, MAX_BATCH);
          return taken;
        });
      } catch (error) {
        this.#state.log.error('process.fault', { during: 'update', error });
        for (const { answer } of taken) answer(serverFailure(EDE.OTHER, 'a fault of this server'));
      }
    }
    this.#settling = undefined;
  }

  /** Updates that are not answered yet. */
  get updatesWaiting(): number {
    return this.#unanswered.size;
  }

  /** Updates that are acknowledged and not in the remote. `age`: seconds since the first of them was acknowledged. */
  get unpushed(): { readonly updates: number; readonly age: number | undefined } {
    const { unwritten, time } = this.#state;
    const { updates, oldest } = unwritten.allWaiting;
    return { updates, age: oldest === undefined ? undefined : time.since(oldest) };
  }

  /**
   * Takes no more updates; resolves when those that were taken are answered and what can be written is in the remote, or after `limit`
   * milliseconds. The rest stays in the journal, or has failed.
   */
  async close(limit: number): Promise<void> {
    this.#isClosing = true;
    const start = performance.now();
    const late = new AbortController();
    const answered = Promise.all([this.#settling, ...this.#unanswered]);
    await Promise.race([answered, pause(limit, undefined, { signal: late.signal }).catch(() => undefined)]);
    late.abort();
    const left = limit - (performance.now() - start);
    if (left > 0) await this.#writer.flush(left);
    this.#state.isClosed = true;
    this.#writer.close();
    this.#state.time.close();
    await this.#state.journal.close();
  }

  /** Zones that are served, the catalog not counted. */
  get zoneCount(): number {
    const { catalog } = this.#state.publisher;
    return this.zones.size - (catalog !== undefined && this.zones.get(catalog) !== undefined ? 1 : 0);
  }

  /** Is there nothing to serve, and no key by which anybody could tell us to pull? */
  get isEmpty(): boolean {
    return this.zoneCount === 0 && this.#state.publisher.files.keys.size === 0;
  }

  /** Why nothing is written, if something is in the way of all. */
  get #waitsFor(): string | undefined {
    return this.#writer.waitsFor ?? this.#state.fault?.what;
  }

  /** What has to be repaired before what waits of a zone is written, if that is so. */
  #repairOf(origin: Name): string | undefined {
    const standing = this.#state.unwritten.of(origin);
    return standing?.isBroken === true ? `the repair of ${standing.fileName}` : undefined;
  }

  status(): Readonly<Record<string, unknown>> {
    const { publisher, fault, unwritten } = this.#state;
    const { updates, age } = this.unpushed;
    const waitsFor = this.#waitsFor;
    return {
      commit: publisher.commit,
      ...(fault === undefined ? {} : { remote: fault }),
      ack: this.#ack,
      updatesWaiting: this.updatesWaiting,
      unpushed: {
        updates,
        ...(age === undefined ? {} : { age: Math.floor(age) }),
        ...(updates > 0 && waitsFor !== undefined ? { waitsFor } : {}),
      },
      zones: [...this.zones]
        .sort((a, b) => Name.compare(a.origin, b.origin))
        .map(({ origin, serial }) => {
          const open = unwritten.of(origin)?.open.length ?? 0;
          const repair = open === 0 ? undefined : this.#repairOf(origin);
          return {
            zone: origin.toString(),
            serial,
            ...(open === 0 ? {} : { unpushed: open }),
            ...(repair === undefined ? {} : { waitsFor: repair }),
            secondaries: this.#followersOf(origin),
          };
        }),
      refused: [...publisher.files.refused()].map(({ fileName, errors }) => ({
        file: fileName,
        errors: errors.map((error) => describe(fileName, error)),
      })),
    };
  }

  /** Zone and key files that are not in force as they stand at the head. */
  get refusedFiles(): readonly string[] {
    return [...this.#state.publisher.files.refused()].map(({ fileName }) => fileName);
  }

  /** Why the latest version of this zone is not served, if it is not: `FILE:LINE:COLUMN: what (hint)`. */
  refusal(origin: Name): string | undefined {
    const file = this.#state.publisher.files.of(origin);
    const [first] = file?.errors ?? [];
    return file === undefined || first === undefined ? undefined : describe(file.fileName, first);
  }

  /** Has a commit been read yet? */
  get hasHead(): boolean {
    return this.#state.publisher.commit !== undefined;
  }
}
