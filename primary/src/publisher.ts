/**
 * What is served, and how it became so: zones published, their histories, what is known of their files, the keys in force. Decisions
 * are made before (`takeover.ts`), and journalled.
 *
 * Always holds: publishing what a commit changes cannot fail; it is done in slices, so that queries do not wait for it.
 */

import { type FileFinding, placeOf } from '@zonewright/common/authority/file-finding';
import { secondaryKeysThatDiffer } from '@zonewright/common/authority/key';
import { isNamedAsKeys } from '@zonewright/common/authority/zone-file';
import { ZoneTable } from '@zonewright/common/authority/zones';
import { Name } from '@zonewright/common/name';
import type { Log } from '@zonewright/common/service/log';
import { Slices } from '@zonewright/common/service/slices';
import type { Delta } from '@zonewright/common/zone/delta';
import type { Zone } from '@zonewright/common/zone/zone';
import type { CatalogStep } from './catalog.ts';
import { printOperation } from './commit.ts';
import { Files, type Located, type ZoneFile } from './files.ts';
import { Histories } from './histories.ts';
import type { Takeover, Withdrawal, ZoneDecision } from './takeover.ts';
import type { Dropped, Unwritten } from './unwritten.ts';

export interface PublisherOptions {
  readonly log: Log;
  /** The name of the catalog to be published of all zones. */
  readonly catalog?: Name;
  /** A version was published, or (`old` alone) a zone withdrawn. */
  onChange(zone: Zone): void;
  /** A zone stays as it is, and keys by which secondaries are told of it have changed. */
  onRekeyed?(zone: Zone): void;
}

/** Faults of a broken zone, and operations of an entry that is dropped, that one log line lists. */
const LISTED = 20;

export class Publisher {
  readonly zones = new ZoneTable();
  readonly files: Files;
  readonly histories = new Histories();
  readonly #options: PublisherOptions & { onWasteful(zone: Zone): void };
  readonly #unwritten: Unwritten;
  #commit: string | undefined;

  /** `onWasteful`: a version was published whose image is worth a copy. */
  constructor(options: PublisherOptions & { onWasteful(zone: Zone): void }, unwritten: Unwritten) {
    this.#options = options;
    this.files = new Files(options.catalog);
    this.#unwritten = unwritten;
    // Until the first commit is there, nobody knows what is served here: SERVFAIL, not REFUSED.
    this.zones.await(Name.root);
  }

  /** The head that is in force. */
  get commit(): string | undefined {
    return this.#commit;
  }

  get catalog(): Name | undefined {
    return this.#options.catalog;
  }

  isCatalog(origin: Name): boolean {
    return this.#options.catalog?.equals(origin) === true;
  }

  /** Publishes what a commit changes. Nothing of it can fail. */
  async takeOver(takeover: Takeover, catalog?: CatalogStep): Promise<void> {
    const { commit, zones, keys, gone, ignored } = takeover;
    const isFirst = this.#commit === undefined;
    const before = this.files.keys;
    for (const reading of keys) this.files.takeKeys(reading);
    for (const each of gone) this.#withdraw(each);
    const keyFindings = [
      ...keys.flatMap(({ fileName, findings }) => findings.map((finding) => ({ fileName, finding }))),
      ...this.files.gatherKeys(),
    ];
    const slices = new Slices();
    for (const each of zones) {
      this.#settle(each, commit);
      if (slices.isOver) await slices.pause();
    }
    // Not before what it names can be transferred (RFC 9432 6).
    if (catalog !== undefined) this.publish(catalog.zone, 'anew', catalog.deltas);
    if (isFirst && this.files.of(Name.root) === undefined) this.zones.delete(Name.root);
    // Not before: whoever asks for the commit in force is to see what it says.
    this.#commit = commit;
    const rekeyed =
      isFirst || (keys.length === 0 && gone.length === 0) ? [] : secondaryKeysThatDiffer(before, this.files.keys);
    if (rekeyed.length > 0)
      for (const zone of [...this.zones]) {
        if (rekeyed.some(({ zone: above }) => zone.origin.isSubdomainOf(above))) this.#options.onRekeyed?.(zone);
        if (slices.isOver) await slices.pause();
      }
    const changed = zones.filter(({ standing }) => !standing.isBroken).length;
    this.#report(keyFindings, ignored, changed);
  }

  #settle({ file, standing, zone, delta, isNews, dropped }: ZoneDecision, commit: string | undefined): void {
    if (file !== undefined) this.files.note(file);
    this.#unwritten.settle(standing);
    if (zone !== undefined) this.publish(zone, isNews ? 'anew' : 'silently', delta === undefined ? [] : [delta]);
    if (file !== undefined && standing.isBroken) this.#reject(file, commit);
    for (const each of dropped) this.#drop(each);
  }

  #withdraw({ fileName, origin, open }: Withdrawal): void {
    this.files.forget(fileName);
    if (origin === undefined) return;
    this.#unwritten.forget(origin);
    for (const entry of open) if (entry.kind === 'update') this.#drop({ entry, why: 'its zone is gone' });
    if (this.isCatalog(origin)) return;
    const old = this.zones.get(origin);
    this.zones.delete(origin);
    this.histories.forget(origin);
    this.#options.log.info('zone.withdrawn', { zone: origin.toString() });
    if (old !== undefined) this.#options.onChange(old);
  }

  #drop({ entry, why }: Dropped): void {
    const { position, zone, key, source, operations } = entry;
    this.#options.log.error(
      'update.dropped',
      {
        zone: zone.toString(),
        key: key.toString(),
        peer: source,
        position,
        operations: operations.slice(0, LISTED).map((operation) => printOperation(operation, zone)),
      },
      `an acknowledged update is not in the remote, and will not be: ${why}`,
    );
  }

  #reject({ fileName, origin, errors }: ZoneFile, commit: string | undefined): void {
    const served = this.zones.get(origin);
    if (served === undefined) this.zones.await(origin);
    const what = served === undefined ? 'no version of it is served' : `serial ${served.serial} stays served`;
    const listed = errors.slice(0, LISTED).map((error) => describe(fileName, error));
    this.#options.log.error(
      'zone.rejected',
      { zone: origin.toString(), file: fileName, commit, errors: listed },
      `${errors.length} error(s) in ${fileName}, ${what}${errors.length === 1 ? `: ${errors[0]!.what}` : ''}`,
    );
  }

  /**
   * Makes a version visible; `deltas` lead there from the one before, and are none where that is not known. `silently`: it says what the
   * one before said, with the same serial.
   */
  publish(zone: Zone, how: 'anew' | 'silently', deltas: readonly Delta[]): void {
    this.zones.set(zone);
    if (zone.isWasteful) this.#options.onWasteful(zone);
    if (how === 'silently') return;
    if (deltas.length === 0) this.histories.forget(zone.origin);
    for (const delta of deltas) this.histories.add(delta);
    // A start that finds thousands of zones is one line of the log: `commit.loaded`.
    const tell = this.#commit === undefined ? 'debug' : 'info';
    this.#options.log[tell]('zone.loaded', { zone: zone.origin.toString(), serial: zone.serial });
    this.#options.onChange(zone);
  }

  #report(keyFindings: readonly Located[], ignored: Takeover['ignored'], changed: number): void {
    const { log } = this.#options;
    for (const { fileName, finding } of keyFindings)
      log.warn('key.rejected', { file: fileName }, describe(fileName, finding));
    for (const { fileName, reason } of ignored) {
      const fields = { file: fileName, reason };
      if (isNamedAsKeys(fileName)) log.warn('file.ignored', fields, 'the keys in it are not in force');
      else log.info('file.ignored', fields);
    }
    log.info('commit.loaded', { commit: this.#commit, zones: this.zones.size, keys: this.files.keys.size, changed });
  }

  /** Takes the commit of our own changes as the head in force. */
  follow(commit: string): void {
    this.#commit = commit;
  }
}

/** `FILE:LINE:COLUMN: what (hint)` */
export function describe(fileName: string, finding: FileFinding): string {
  const { what, hint } = finding;
  return `${placeOf(fileName, finding)}: ${what}${hint === undefined ? '' : ` (${hint})`}`;
}
