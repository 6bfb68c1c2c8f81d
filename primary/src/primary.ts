/**
 * The one writer of all zones of a primary. Whatever changes a zone - a commit, an UPDATE - takes the same path, one after the other:
 *
 *   change -> check -> serial -> commit in the remote (durable) -> published (visible) -> answer and NOTIFY
 *
 * Always holds: NOERROR to an UPDATE means that its commit is in the remote; a commit with a broken zone leaves the last good
 * version served; a branch is never forced: when the remote has moved, the update runs again on the new head.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { at, type FileFinding, placeOf } from '@zonewright/common/authority/file-finding';
import type { KeyTable } from '@zonewright/common/authority/key';
import type { Authority } from '@zonewright/common/authority/receive';
import { edeCodeOf, runUpdate, type Update, withRaisedSerial } from '@zonewright/common/authority/update';
import { ZoneTable } from '@zonewright/common/authority/zones';
import type { GitFault, GitStore } from '@zonewright/common/git/store';
import { Name } from '@zonewright/common/name';
import { type Peer, printPeer } from '@zonewright/common/net/address';
import { ok, type Result } from '@zonewright/common/result';
import { nextDelay } from '@zonewright/common/service/backoff';
import type { Log } from '@zonewright/common/service/log';
import { serverFailure, type Verdict } from '@zonewright/common/service/name-server';
import { RCODE } from '@zonewright/common/wire/code';
import { EDE } from '@zonewright/common/wire/edns';
import { type Delta, diffZones, isEmptyDelta, isSoaEdited } from '@zonewright/common/zone/delta';
import { History } from '@zonewright/common/zone/history';
import { isNewer } from '@zonewright/common/zone/serial';
import type { Zone } from '@zonewright/common/zone/zone';
import { authorOf, SERVER, serialMessage, updateMessage } from './commit.ts';
import type { LoadedFile, LoadReport } from './loader.ts';
import { type FileEdit, Repository, type WriteFault } from './repository.ts';

export interface PrimaryOptions {
  readonly store: GitStore;
  readonly log: Log;
  readonly serialPolicy: 'auto' | 'strict';
  readonly isTransferOpen: boolean;
  readonly version: string;
  /** What `id.server.` says. */
  readonly id: string;
  /** A version was published, or (`old` alone) a zone withdrawn. */
  onChange(zone: Zone): void;
}

/** Faults of a broken zone that one log line lists. */
const LISTED_ERRORS = 20;
/** How often an update is run again because somebody else pushed first, and for how long, milliseconds. */
const MAX_TRIES = 50;
const MAX_UPDATE_TIME = 20_000;
/** Pauses between those runs, milliseconds: writers that met come apart. */
const CONTENTION = { base: 2, max: 50 } as const;

interface RaisedSerial {
  readonly file: LoadedFile;
  readonly zone: Zone;
  readonly from: number;
  readonly to: number;
}

export class Primary {
  readonly zones = new ZoneTable();
  readonly authority: Authority;
  readonly #options: PrimaryOptions;
  readonly #repository: Repository;
  readonly #histories = new Map<string, History>();
  #queue: Promise<unknown> = Promise.resolve();
  #nextPull: Promise<Result<void, GitFault>> | undefined;
  #fault: GitFault | undefined;
  #waiting = 0;
  #isClosing = false;
  #isClosed = false;

  constructor(options: PrimaryOptions) {
    this.#options = options;
    this.#repository = new Repository(options.store);
    const repository = this.#repository;
    const { zones } = this;
    // Until the first commit is there, nobody knows what is served here: SERVFAIL, not REFUSED.
    zones.await(Name.root);
    this.authority = {
      zones,
      get keys(): KeyTable {
        return repository.keys;
      },
      get identity() {
        return { version: options.version, id: options.id, commit: repository.tree?.commit ?? 'none' };
      },
      isTransferOpen: options.isTransferOpen,
      isPrimary: true,
      historyOf: (origin) => this.#histories.get(origin.key),
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
    return this.zones.size === 0 && this.#repository.keys.size === 0;
  }

  status(): Readonly<Record<string, unknown>> {
    return {
      commit: this.#repository.tree?.commit,
      ...(this.#fault === undefined ? {} : { remote: this.#fault }),
      updatesWaiting: this.#waiting,
      zones: [...this.zones].map((zone) => ({ zone: zone.origin.toString(), serial: zone.serial })),
      refused: [...this.#repository.refused()].map(({ fileName, errors }) => ({
        file: fileName,
        errors: errors.map((error) => describe(fileName, error)),
      })),
    };
  }

  /** Zone and key files that are not in force as they stand at the head. */
  get refusedFiles(): readonly string[] {
    return [...this.#repository.refused()].map(({ fileName }) => fileName);
  }

  /** Why the latest version of this zone is not served, if it is not: `FILE:LINE:COLUMN: what (hint)`. */
  refusal(origin: Name): string | undefined {
    const file = this.#repository.fileOf(origin);
    const [first] = file?.errors ?? [];
    return file === undefined || first === undefined ? undefined : describe(file.fileName, first);
  }

  /** Has a commit been read yet? */
  get hasHead(): boolean {
    return this.#repository.tree !== undefined;
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
    const isFirst = this.#repository.tree === undefined;
    const taken = await this.#repository.take(from);
    if (!taken.ok) return taken;
    if (taken.value !== undefined) {
      if (isFirst) this.zones.delete(Name.root);
      this.#publishLoaded(taken.value);
      this.#report(taken.value);
    }
    const raised = this.#raisedSerials();
    if (raised.length > 0) await this.#writeSerials(raised);
    return ok(undefined);
  }

  #publishLoaded(report: LoadReport): void {
    for (const origin of report.withdrawn) {
      const old = this.zones.get(origin);
      this.zones.delete(origin);
      this.#histories.delete(origin.key);
      this.#options.log.info('zone.withdrawn', { zone: origin.toString() });
      if (old !== undefined) this.#options.onChange(old);
    }
    for (const file of report.rejected) if (this.zones.get(file.origin) === undefined) this.zones.await(file.origin);
    for (const file of report.changed) this.#publishFile(file);
  }

  /** Zones served with a newer serial than their file has, also those whose writing back has failed before. */
  #raisedSerials(): readonly RaisedSerial[] {
    const raised: RaisedSerial[] = [];
    for (const file of this.#repository.files) {
      const zone = this.zones.get(file.origin);
      if (zone === undefined || file.zone === undefined || file.errors.length > 0) continue;
      if (isNewer(zone.serial, file.zone.serial)) raised.push({ file, zone, from: file.zone.serial, to: zone.serial });
    }
    return raised;
  }

  /** Publishes what a file says, with a raised serial where its own is not newer than the one served. */
  #publishFile(file: LoadedFile): void {
    const next = file.zone!;
    const served = this.zones.get(file.origin);
    if (served === undefined) {
      this.#publish(next, undefined);
      return;
    }
    const delta = diffZones(served, next);
    const isContentSame = isEmptyDelta(delta) && !isSoaEdited(served, next);
    if (isContentSame && next.serial === served.serial) return;
    if (isNewer(next.serial, served.serial)) {
      this.#publish(next, delta);
      return;
    }
    // A serial that we raise would break the signature of the SOA.
    if (this.#options.serialPolicy === 'strict' || next.isSigned) {
      const hint = next.isSigned
        ? 'raise the serial and sign the zone again'
        : 'raise the serial, or run the primary with --serial auto';
      const what = `SOA must increase (served: ${served.serial} file: ${next.serial})`;
      const { fileName, soa } = file;
      const error: FileFinding =
        soa === undefined ? { severity: 'error', rule: 'serial', what, hint } : at(soa, 'error', 'serial', what, hint);
      this.#repository.note({ ...file, zone: served, errors: [error] });
      const fields = { zone: file.origin.toString(), file: fileName, errors: [describe(fileName, error)] };
      this.#options.log.error('zone.rejected', fields, what);
      return;
    }
    if (isContentSame) return;
    const zone = withRaisedSerial(next, served.serial);
    this.#publish(zone, diffZones(served, zone));
  }

  #publish(zone: Zone, delta: Delta | undefined): void {
    this.zones.set(zone);
    const history = this.#histories.get(zone.origin.key) ?? new History();
    this.#histories.set(zone.origin.key, history);
    if (delta !== undefined) history.add(delta);
    this.#options.log.info('zone.loaded', { zone: zone.origin.toString(), serial: zone.serial });
    this.#options.onChange(zone);
  }

  #report(report: LoadReport): void {
    const { log } = this.#options;
    const commit = this.#repository.tree?.commit;
    for (const { fileName, origin, zone, errors } of report.rejected) {
      const served = zone === undefined ? 'no version of it is served' : `serial ${zone.serial} stays served`;
      log.error(
        'zone.rejected',
        {
          zone: origin.toString(),
          file: fileName,
          commit,
          errors: errors.slice(0, LISTED_ERRORS).map((error) => describe(fileName, error)),
        },
        `${errors.length} error(s) in ${fileName}, ${served}`,
      );
    }
    for (const { fileName, finding } of report.keyFindings)
      log.warn('key.rejected', { file: fileName }, describe(fileName, finding));
    for (const { fileName, reason } of report.ignored) log.info('file.ignored', { file: fileName, reason });
    log.info('commit.loaded', {
      commit,
      zones: this.zones.size,
      keys: this.#repository.keys.size,
      changed: report.changed.length,
    });
  }

  /** Writes raised serials back. A failure costs nothing but a line in the log: they are served, and tried again with the next pull. */
  async #writeSerials(raised: readonly RaisedSerial[]): Promise<void> {
    const { log } = this.#options;
    const edits: FileEdit[] = [];
    for (const { file, zone } of raised) {
      const edited = await this.#repository.edit(file, zone);
      if (edited.ok) edits.push(edited.value);
      else log.warn('serial.not-written', { zone: zone.origin.toString() }, edited.fault.what);
    }
    if (edits.length === 0) return;
    const written = await this.#repository.write(edits, SERVER, serialMessage(raised));
    if (!written.ok) {
      log.warn('serial.not-written', { commit: this.#repository.tree?.commit }, written.fault.what);
      return;
    }
    const commit = this.#repository.tree?.commit;
    for (const { zone, from, to } of raised) {
      log.info('serial.raised', { zone: zone.origin.toString(), from, serial: to, commit });
    }
  }

  async #updateNow(update: Update, from: Peer): Promise<Verdict> {
    const { log } = this.#options;
    const fields = { zone: update.origin.toString(), key: update.key.name.toString(), peer: printPeer(from) };
    const until = performance.now() + MAX_UPDATE_TIME;
    for (let tries = 0; tries < MAX_TRIES && performance.now() < until; tries++) {
      if (this.#isClosed) return STOPPING;
      const served = this.zones.get(update.origin);
      const file = this.#repository.fileOf(update.origin);
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
        log.warn('update.failed', fields, `${file.fileName} has errors at the head`);
        return serverFailure(EDE.INVALID_DATA, `the file ${file.fileName} in git has errors; repair it first`);
      }
      const { zone, delta } = outcome.value;
      const edited = await this.#repository.edit(file, zone, delta);
      const message = updateMessage(file.fileName, delta, update.key, from);
      const written: Result<void, WriteFault> = edited.ok
        ? await this.#repository.write([edited.value], authorOf(update.key), message)
        : edited;
      if (written.ok) {
        this.#publish(zone, delta);
        log.info('update.accepted', { ...fields, serial: zone.serial, commit: this.#repository.tree?.commit });
        return { rcode: RCODE.NOERROR };
      }
      const { fault } = written;
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
      if (this.#repository.hasArrived(fault, file.fileName)) {
        log.info('update.accepted', { ...fields, serial: zone.serial, commit: this.#repository.tree?.commit });
        return { rcode: RCODE.NOERROR };
      }
    }
    log.error('update.failed', fields, 'the remote kept moving');
    return serverFailure(EDE.NETWORK_ERROR, 'the change could not be written to git: others kept pushing');
  }
}

const STOPPING: Verdict = serverFailure(EDE.NOT_READY, 'this server is being stopped');

/** `FILE:LINE:COLUMN: what (hint)` */
export function describe(fileName: string, finding: FileFinding): string {
  const { what, hint } = finding;
  return `${placeOf(fileName, finding)}: ${what}${hint === undefined ? '' : ` (${hint})`}`;
}
