/**
 * The one writer of all zones of a primary. Whatever changes a zone - a commit, an UPDATE - takes the same path, one after the other:
 *
 *   change -> check -> serial -> commit in the remote (durable) -> published (visible) -> answer and NOTIFY
 *
 * Always holds: NOERROR to an UPDATE means that its commit is in the remote; a commit with a broken zone leaves the last good
 * version served; a branch is never forced: when the remote has moved, the update runs again on the new head.
 */
import type { KeyTable } from '@zonewright/common/authority/key';
import type { Authority } from '@zonewright/common/authority/receive';
import { runUpdate, type Update, withRaisedSerial } from '@zonewright/common/authority/update';
import type { FileFinding } from '@zonewright/common/authority/zone-file';
import { ZoneTable } from '@zonewright/common/authority/zones';
import type { GitFault, GitStore, Tree } from '@zonewright/common/git/store';
import { Name } from '@zonewright/common/name';
import { type Peer, printPeer } from '@zonewright/common/net/address';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import type { Log } from '@zonewright/common/service/log';
import type { Verdict } from '@zonewright/common/service/name-server';
import { RCODE } from '@zonewright/common/wire/code';
import { EDE } from '@zonewright/common/wire/edns';
import { type Delta, diffZones, isEmptyDelta, isSoaEdited } from '@zonewright/common/zone/delta';
import { History } from '@zonewright/common/zone/history';
import { isNewer } from '@zonewright/common/zone/serial';
import type { Zone } from '@zonewright/common/zone/zone';
import { authorOf, editedFile, SERVER, serialMessage, updateMessage } from './commit.ts';
import { type LoadedFile, Loader, type LoadReport } from './loader.ts';

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

/** How often an update is run again because somebody else pushed first, and for how long, milliseconds. */
const MAX_TRIES = 50;
const MAX_UPDATE_TIME = 20_000;

interface RaisedSerial {
  readonly file: LoadedFile;
  readonly zone: Zone;
  readonly from: number;
  readonly to: number;
}

/** Why a change is not written. `oid`: the file that was pushed, whose way may have ended anywhere. */
type WriteFault = Fault & { readonly oid?: string };

export class Primary {
  readonly zones = new ZoneTable();
  readonly authority: Authority;
  readonly #options: PrimaryOptions;
  readonly #loader: Loader;
  readonly #histories = new Map<string, History>();
  #tree: Tree | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #nextPull: Promise<Result<void, GitFault>> | undefined;
  #fault: GitFault | undefined;
  #waiting = 0;

  constructor(options: PrimaryOptions) {
    this.#options = options;
    this.#loader = new Loader(options.store);
    const loader = this.#loader;
    const commit = (): string => this.#tree?.commit ?? 'none';
    const { zones } = this;
    // Until the first commit is there, nobody knows what is served here: SERVFAIL, not REFUSED.
    zones.await(Name.root);
    this.authority = {
      zones,
      get keys(): KeyTable {
        return loader.keys;
      },
      get identity() {
        return { version: options.version, id: options.id, commit: commit() };
      },
      isTransferOpen: options.isTransferOpen,
      isPrimary: true,
      historyOf: (origin) => this.#histories.get(origin.key),
    };
  }

  /** Loads what is known without the remote, so that it can be served while the remote cannot be reached. */
  loadKnown(): Promise<Result<void, GitFault>> {
    return this.#inTurn(async () => {
      const head = await this.#options.store.head();
      return head.ok ? this.#take(head.value) : head;
    });
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
    this.#waiting++;
    return this.#inTurn(() => this.#updateNow(update, from)).finally(() => this.#waiting--);
  }

  /** Updates that are not answered yet. */
  get updatesWaiting(): number {
    return this.#waiting;
  }

  /** Resolves when everything that was begun is finished. */
  async idle(): Promise<void> {
    await this.#queue;
  }

  /** Is there nothing to serve, and no key by which anybody could tell us to pull? */
  get isEmpty(): boolean {
    return this.zones.size === 0 && this.#loader.keys.size === 0;
  }

  status(): Readonly<Record<string, unknown>> {
    return {
      commit: this.#tree?.commit,
      ...(this.#fault === undefined ? {} : { remote: this.#fault }),
      updatesWaiting: this.#waiting,
      zones: [...this.zones].map((zone) => ({ zone: zone.origin.toString(), serial: zone.serial })),
      refused: [...this.#loader.files]
        .filter(({ errors }) => errors.length > 0)
        .map(({ fileName, errors }) => ({ file: fileName, errors: errors.map(describe) })),
    };
  }

  /** Zone files that are not served as they stand at the head. */
  get refusedFiles(): readonly string[] {
    return [...this.#loader.files].filter(({ errors }) => errors.length > 0).map(({ fileName }) => fileName);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async #pullNow(): Promise<Result<void, GitFault>> {
    const fetched = await this.#options.store.fetch();
    if (!fetched.ok) {
      this.#fault = fetched.fault;
      return fetched;
    }
    const taken = await this.#take(fetched.value);
    this.#fault = taken.ok ? undefined : taken.fault;
    return taken;
  }

  async #take(tree: Tree | undefined): Promise<Result<void, GitFault>> {
    if (tree === undefined) return ok(undefined);
    if (tree.commit !== this.#tree?.commit) {
      const loaded = await this.#loader.load(tree);
      if (!loaded.ok) return loaded;
      if (this.#tree === undefined) this.zones.delete(Name.root);
      this.#tree = tree;
      this.#publishLoaded(loaded.value);
      this.#report(tree, loaded.value);
    }
    const raised = this.#raisedSerials();
    if (raised.length > 0) await this.#commitSerials(raised);
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
    for (const file of this.#loader.files) {
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
    if (this.#options.serialPolicy === 'strict') {
      const what = `SOA must increase (served: ${served.serial} file: ${next.serial})`;
      this.#loader.wrote({
        ...file,
        zone: served,
        errors: [
          { severity: 'error', rule: 'serial', what, hint: 'raise the serial, or run the primary with --serial auto' },
        ],
      });
      this.#options.log.error('zone.rejected', { zone: file.origin.toString(), file: file.fileName }, what);
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

  #report(tree: Tree, report: LoadReport): void {
    const { log } = this.#options;
    for (const { fileName, origin, zone, errors } of report.rejected) {
      const served = zone === undefined ? 'no version of it is served' : `serial ${zone.serial} stays served`;
      log.error(
        'zone.rejected',
        {
          zone: origin.toString(),
          file: fileName,
          commit: tree.commit,
          errors: errors.slice(0, 20).map((error) => `${fileName}:${describe(error)}`),
        },
        `${errors.length} error(s) in ${fileName}, ${served}`,
      );
    }
    for (const { fileName, finding } of report.keyFindings)
      log.warn('key.rejected', { file: fileName }, `${fileName}:${describe(finding)}`);
    for (const { fileName, reason } of report.ignored) log.debug('file.ignored', { file: fileName, reason });
    log.info('commit.loaded', {
      commit: tree.commit,
      zones: this.zones.size,
      keys: this.#loader.keys.size,
      changed: report.changed.length,
    });
  }

  /** Writes raised serials back. A failure costs nothing but a line in the log: they are served, and tried again with the next pull. */
  async #commitSerials(raised: readonly RaisedSerial[]): Promise<void> {
    const { log, store } = this.#options;
    const tree = this.#tree!;
    const files = new Map<string, Uint8Array>();
    for (const { file, zone } of raised) {
      const octets = await store.read(file.oid);
      const edited = octets.ok ? editedFile(octets.value, zone, undefined) : octets;
      if (edited.ok) files.set(file.fileName, edited.value);
      else log.warn('serial.not-written', { zone: zone.origin.toString() }, edited.fault.what);
    }
    if (files.size === 0) return;
    const request = { files, author: SERVER, time: Math.floor(Date.now() / 1000), message: serialMessage(raised) };
    const next = await store.commit(tree, request);
    const pushed = next.ok ? await store.push(tree, next.value) : next;
    if (!next.ok || !pushed.ok) {
      log.warn('serial.not-written', { commit: tree.commit }, pushed.ok ? '' : pushed.fault.what);
      return;
    }
    this.#tree = next.value;
    for (const { file, zone, from, to } of raised) {
      this.#loader.wrote({ ...file, oid: next.value.files.get(file.fileName)!, zone });
      log.info('serial.raised', { zone: zone.origin.toString(), from, serial: to, commit: next.value.commit });
    }
  }

  async #updateNow(update: Update, from: Peer): Promise<Verdict> {
    const { log } = this.#options;
    const fields = { zone: update.origin.toString(), key: update.key.name.toString(), peer: printPeer(from) };
    const until = performance.now() + MAX_UPDATE_TIME;
    for (let tries = 0; tries < MAX_TRIES && performance.now() < until; tries++) {
      const served = this.zones.get(update.origin);
      const file = this.#loader.fileOf(update.origin);
      if (served === undefined || file === undefined)
        return {
          rcode: RCODE.NOTAUTH,
          ede: { code: EDE.NOT_AUTHORITATIVE, text: 'the zone is no longer served here' },
        };
      const outcome = runUpdate(update, served);
      if (!outcome.ok) {
        log.info('update.refused', { ...fields, rcode: outcome.fault.rcode }, outcome.fault.what);
        return { rcode: outcome.fault.rcode, ede: { code: EDE.OTHER, text: outcome.fault.what } };
      }
      if (outcome.value === undefined) return { rcode: RCODE.NOERROR };
      if (file.errors.length > 0) {
        log.warn('update.failed', fields, `${file.fileName} has errors at the head`);
        return failed(EDE.INVALID_DATA, `the file ${file.fileName} in git has errors; repair it first`);
      }
      const { zone, delta } = outcome.value;
      const written = await this.#write(file, zone, delta, update, from);
      if (written.ok) {
        this.#publish(zone, delta);
        log.info('update.accepted', { ...fields, serial: zone.serial, commit: this.#tree?.commit });
        return { rcode: RCODE.NOERROR };
      }
      const { fault } = written;
      if (fault.kind !== 'moved' && fault.kind !== 'unknown') {
        log.error('update.failed', fields, fault.what);
        return failed(EDE.NETWORK_ERROR, `the change could not be written to git: ${fault.what}`);
      }
      log.debug('update.again', fields, fault.what);
      const pulled = await this.#pullNow();
      if (!pulled.ok) {
        log.error('update.failed', fields, pulled.fault.what);
        return failed(EDE.NETWORK_ERROR, `the change could not be written to git: ${pulled.fault.what}`);
      }
      if (this.#hasArrived(fault, file.fileName)) {
        log.info('update.accepted', { ...fields, serial: zone.serial, commit: this.#tree?.commit });
        return { rcode: RCODE.NOERROR };
      }
    }
    log.error('update.failed', fields, 'the remote kept moving');
    return failed(EDE.NETWORK_ERROR, 'the change could not be written to git: others kept pushing');
  }

  /** After a push with unknown outcome: is the file at the head the one that was pushed? Others may have pushed on top of it. */
  #hasArrived(fault: WriteFault, fileName: string): boolean {
    return fault.kind === 'unknown' && fault.oid !== undefined && this.#tree?.files.get(fileName) === fault.oid;
  }

  /** Commits a change of one zone and pushes it. */
  async #write(
    file: LoadedFile,
    zone: Zone,
    delta: Delta,
    update: Update,
    from: Peer,
  ): Promise<Result<void, WriteFault>> {
    const { store } = this.#options;
    const tree = this.#tree!;
    const octets = await store.read(file.oid);
    if (!octets.ok) return octets;
    const edited = editedFile(octets.value, zone, delta);
    if (!edited.ok) return edited;
    const next = await store.commit(tree, {
      files: new Map([[file.fileName, edited.value]]),
      author: authorOf(update.key),
      time: Math.floor(Date.now() / 1000),
      message: updateMessage(file.fileName, delta, update.key, from),
    });
    if (!next.ok) return next;
    const pushed = await store.push(tree, next.value);
    if (!pushed.ok) return fail({ ...pushed.fault, oid: next.value.files.get(file.fileName)! });
    this.#tree = next.value;
    this.#loader.wrote({ ...file, oid: next.value.files.get(file.fileName)!, zone });
    return ok(undefined);
  }
}

function failed(code: number, text: string): Verdict {
  return { rcode: RCODE.SERVFAIL, ede: { code, text } };
}

/** `LINE:COLUMN: what (hint)` */
export function describe({ line, column, what, hint }: FileFinding): string {
  const where = line === undefined ? '' : `${line}:${column ?? 1}: `;
  return `${where}${what}${hint === undefined ? '' : ` (${hint})`}`;
}
