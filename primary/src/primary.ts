/**
 * The one writer of all zones of a primary. Whatever changes a zone - a commit, an UPDATE - takes the same path, one after the other:
 *
 *   change -> check -> serial -> commit in the remote (durable) -> published (visible) -> answer and NOTIFY
 *
 * What is heavy - git, reading, parsing, building, comparing, editing files - is asked of the repository, which may be another
 * thread; here the decisions are made, in slices where there are many.
 *
 * Always holds: NOERROR to an UPDATE means that its commit is in the remote; a commit with a broken zone leaves the last good
 * version served; a branch is never forced: when the remote has moved, the update runs again on the new head.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { KeyTable } from '@zonewright/common/authority/key';
import type { Authority } from '@zonewright/common/authority/receive';
import { edeCodeOf, runUpdate, type Update } from '@zonewright/common/authority/update';
import type { ZoneTable } from '@zonewright/common/authority/zones';
import type { Author, GitFault } from '@zonewright/common/git/store';
import type { Name } from '@zonewright/common/name';
import { type Peer, printPeer } from '@zonewright/common/net/address';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { nextDelay } from '@zonewright/common/service/backoff';
import type { Log } from '@zonewright/common/service/log';
import { serverFailure, type Verdict } from '@zonewright/common/service/name-server';
import { gather, Slices } from '@zonewright/common/service/slices';
import { RCODE } from '@zonewright/common/wire/code';
import { EDE } from '@zonewright/common/wire/edns';
import { Zone } from '@zonewright/common/zone/zone';
import { authorOf, SERVER, serialMessage, updateMessage } from './commit.ts';
import { takeIn } from './intake.ts';
import { plainDelta, plainRecords } from './plain.ts';
import { describe, Publisher, type PublisherOptions, type RaisedSerial } from './publisher.ts';
import type { Committed, Edit, Repository } from './repository.ts';

export interface PrimaryOptions extends PublisherOptions {
  readonly repository: Repository;
  readonly isTransferOpen: boolean;
  readonly version: string;
  /** What `id.server.` says. */
  readonly id: string;
}

/** How often an update is run again because somebody else pushed first, and for how long, milliseconds. */
const MAX_TRIES = 50;
const MAX_UPDATE_TIME = 20_000;
/** Pauses between those runs, milliseconds: writers that met come apart. */
const CONTENTION = { base: 2, max: 50 } as const;
const BRANCH_GONE: GitFault = {
  kind: 'refused',
  what: 'the branch is not there any more',
  hint: 'what was last read stays served; was it renamed? see --remote URL#BRANCH',
};

/** Why a change is not in the remote. After `unknown` it may be: as `objects`, the names of what was pushed. */
type WriteFault = Fault & Partial<Pick<Committed, 'objects'>>;

export class Primary {
  readonly zones: ZoneTable;
  readonly authority: Authority;
  readonly #log: Log;
  readonly #repository: Repository;
  readonly #publisher: Publisher;
  #queue: Promise<unknown> = Promise.resolve();
  #nextPull: Promise<Result<void, GitFault>> | undefined;
  #fault: GitFault | undefined;
  #waiting = 0;
  #isClosing = false;
  #isClosed = false;

  constructor(options: PrimaryOptions) {
    this.#log = options.log;
    this.#repository = options.repository;
    const publisher = new Publisher(options);
    this.#publisher = publisher;
    this.zones = publisher.zones;
    this.authority = {
      zones: this.zones,
      get keys(): KeyTable {
        return publisher.files.keys;
      },
      get identity() {
        return { version: options.version, id: options.id, commit: publisher.commit ?? 'none' };
      },
      isTransferOpen: options.isTransferOpen,
      isPrimary: true,
      historyOf: (origin) => publisher.historyOf(origin),
      expiryOf: (zone) => zone.soa.expire,
    };
  }

  /** Loads what is known without the remote, so that it can be served while the remote cannot be reached. */
  loadKnown(): Promise<Result<void, GitFault>> {
    return this.#inTurn(() => this.#take('known'));
  }

  /** Fetches and publishes what changed. Calls that come while one is waiting share it. */
  pull(): Promise<Result<void, GitFault>> {
    this.#nextPull ??= this.#inTurn(() => {
      this.#nextPull = undefined;
      return this.#pullNow();
    });
    return this.#nextPull;
  }

  /** Applies an UPDATE; resolves when it is in the remote and visible, or refused. */
  update(update: Update, from: Peer): Promise<Verdict> {
    if (this.#isClosing) return Promise.resolve(STOPPING);
    this.#waiting++;
    return this.#inTurn(() => this.#updateNow(update, from)).finally(() => this.#waiting--);
  }

  /** Updates that are not answered yet. */
  get updatesWaiting(): number {
    return this.#waiting;
  }

  /** Takes no more updates, and resolves when those that were taken are answered. After `limit` milliseconds the rest fails. */
  async close(limit: number): Promise<void> {
    this.#isClosing = true;
    const late = new AbortController();
    await Promise.race([this.#queue, pause(limit, undefined, { signal: late.signal }).catch(() => undefined)]);
    late.abort();
    this.#isClosed = true;
  }

  /** Is there nothing to serve, and no key by which anybody could tell us to pull? */
  get isEmpty(): boolean {
    return this.zones.size === 0 && this.#publisher.files.keys.size === 0;
  }

  status(): Readonly<Record<string, unknown>> {
    return {
      commit: this.#publisher.commit,
      ...(this.#fault === undefined ? {} : { remote: this.#fault }),
      updatesWaiting: this.#waiting,
      zones: [...this.zones].map((zone) => ({ zone: zone.origin.toString(), serial: zone.serial })),
      refused: [...this.#publisher.files.refused()].map(({ fileName, errors }) => ({
        file: fileName,
        errors: errors.map((error) => describe(fileName, error)),
      })),
    };
  }

  /** Zone and key files that are not in force as they stand at the head. */
  get refusedFiles(): readonly string[] {
    return [...this.#publisher.files.refused()].map(({ fileName }) => fileName);
  }

  /** Why the latest version of this zone is not served, if it is not: `FILE:LINE:COLUMN: what (hint)`. */
  refusal(origin: Name): string | undefined {
    const file = this.#publisher.files.of(origin);
    const [first] = file?.errors ?? [];
    return file === undefined || first === undefined ? undefined : describe(file.fileName, first);
  }

  /** Has a commit been read yet? */
  get hasHead(): boolean {
    return this.#publisher.commit !== undefined;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async #pullNow(): Promise<Result<void, GitFault>> {
    const taken = await this.#take('remote');
    this.#fault = taken.ok ? undefined : taken.fault;
    return taken;
  }

  async #take(from: 'known' | 'remote'): Promise<Result<void, GitFault>> {
    const { commit } = this.#publisher;
    const head = await this.#repository.take({ from, ...(commit === undefined ? {} : { since: commit }) });
    if (!head.ok) return head;
    if (head.value.commit === undefined && this.#publisher.commit !== undefined) return fail(BRANCH_GONE);
    if (head.value.extent !== 'none') {
      const intake = await takeIn(this.#repository, head.value.first, (origin) => this.zones.get(origin));
      if (!intake.ok) return intake;
      await this.#publisher.takeOver(head.value, intake.value);
    }
    await this.#writeSerials();
    return ok(undefined);
  }

  /** Writes raised serials back. A failure costs nothing but a line in the log: they are served, and tried again with the next pull. */
  async #writeSerials(): Promise<void> {
    const log = this.#log;
    const slices = new Slices();
    const raised = await gather(this.#publisher.raised(), slices);
    if (raised.length === 0) return;
    const edits = await gather(editsOf(raised), slices);
    const written = await this.#write(edits, SERVER, serialMessage(raised));
    if (!written.ok) {
      log.warn('serial.not-written', { commit: this.#publisher.commit }, written.fault.what);
      return;
    }
    const refused = new Map(written.value.map(({ fileName, what }) => [fileName, what]));
    for (const { fileName, zone, from, to } of raised) {
      const what = refused.get(fileName);
      const fields = { zone: zone.origin.toString() };
      if (what !== undefined) log.warn('serial.not-written', fields, what);
      else {
        this.#publisher.wrote(zone);
        if (zone.isWasteful) void this.#inTurn(() => this.#condense(zone));
        log.info('serial.raised', { ...fields, from, serial: to, commit: this.#publisher.commit });
      }
      if (slices.isOver) await slices.pause();
    }
  }

  /** Commits on top of the head that is in force, and pushes; gives the files that could not be edited. */
  async #write(
    edits: readonly Edit[],
    author: Author,
    message: string,
  ): Promise<Result<Committed['refused'], WriteFault>> {
    const committed = await this.#repository.commit({ parent: this.#publisher.commit, edits, author, message });
    if (!committed.ok) return committed;
    const { commit, objects, refused } = committed.value;
    if (commit === undefined) return fail({ kind: 'faulty', what: refused.map(({ what }) => what).join('; ') });
    const pushed = await this.#repository.push();
    if (!pushed.ok) return fail({ ...pushed.fault, objects });
    this.#publisher.follow(commit);
    return ok(refused);
  }

  /** After a push with unknown outcome: is the file at the head the one that was pushed? Others may have pushed on top of it. */
  async #hasArrived({ kind, objects }: WriteFault, fileName: string): Promise<boolean> {
    const oid = objects?.get(fileName);
    if (kind !== 'unknown' || oid === undefined) return false;
    const now = await this.#repository.objectOf(fileName);
    return now.ok && now.value === oid;
  }

  /** Puts a version that is full of garbage into an image of its own. Where that fails, the next change tries again. */
  async #condense(zone: Zone): Promise<void> {
    if (this.#isClosed || this.zones.get(zone.origin) !== zone) return;
    const condensed = await this.#repository.condense(zone.handle);
    if (condensed.ok) this.zones.set(Zone.ofHandle(condensed.value));
  }

  async #updateNow(update: Update, from: Peer): Promise<Verdict> {
    const log = this.#log;
    const fields = { zone: update.origin.toString(), key: update.key.name.toString(), peer: printPeer(from) };
    const until = performance.now() + MAX_UPDATE_TIME;
    for (let tries = 0; tries < MAX_TRIES && performance.now() < until; tries++) {
      if (this.#isClosed) return STOPPING;
      const served = this.zones.get(update.origin);
      const file = this.#publisher.files.of(update.origin);
      if (served === undefined || file === undefined)
        return {
          rcode: RCODE.NOTAUTH,
          ede: { code: EDE.NOT_AUTHORITATIVE, text: 'the zone is no longer served here' },
        };
      const outcome = runUpdate(update, served);
      if (!outcome.ok) {
        log.info('update.refused', { ...fields, rcode: outcome.fault.rcode }, outcome.fault.what);
        return { rcode: outcome.fault.rcode, ede: { code: edeCodeOf(outcome.fault), text: outcome.fault.what } };
      }
      if (outcome.value === undefined) return { rcode: RCODE.NOERROR };
      if (file.errors.length > 0) {
        outcome.value.zone.discard();
        log.warn('update.failed', fields, `${file.fileName} has errors at the head`);
        return serverFailure(EDE.INVALID_DATA, `the file ${file.fileName} in git has errors; repair it first`);
      }
      const { zone, delta } = outcome.value;
      const { fileName } = file;
      const edit = { fileName, soa: plainRecords([zone.soaRecord()]), delta: plainDelta(delta) };
      const message = updateMessage(fileName, delta, update.key, from);
      const written = await this.#write([edit], authorOf(update.key), message);
      if (written.ok) {
        this.#publisher.publish(zone, delta);
        this.#publisher.wrote(zone);
        if (zone.isWasteful) void this.#inTurn(() => this.#condense(zone));
        log.info('update.accepted', { ...fields, serial: zone.serial, commit: this.#publisher.commit });
        return { rcode: RCODE.NOERROR };
      }
      const { fault } = written;
      zone.discard();
      if (fault.kind !== 'moved' && fault.kind !== 'unknown') {
        log.error('update.failed', fields, fault.what);
        return serverFailure(EDE.NETWORK_ERROR, `the change could not be written to git: ${fault.what}`);
      }
      log.debug('update.again', fields, fault.what);
      await pause(nextDelay(tries, CONTENTION, Math.random));
      const pulled = await this.#pullNow();
      if (!pulled.ok) {
        log.error('update.failed', fields, pulled.fault.what);
        return serverFailure(EDE.NETWORK_ERROR, `the change could not be written to git: ${pulled.fault.what}`);
      }
      if (await this.#hasArrived(fault, fileName)) {
        log.info('update.accepted', { ...fields, serial: delta.to, commit: this.#publisher.commit });
        return { rcode: RCODE.NOERROR };
      }
    }
    log.error('update.failed', fields, 'the remote kept moving');
    return serverFailure(EDE.NETWORK_ERROR, 'the change could not be written to git: others kept pushing');
  }
}

function* editsOf(raised: readonly RaisedSerial[]): Generator<Edit, void, undefined> {
  for (const { fileName, zone } of raised) yield { fileName, soa: plainRecords([zone.soaRecord()]) };
}

const STOPPING: Verdict = serverFailure(EDE.NOT_READY, 'this server is being stopped');
