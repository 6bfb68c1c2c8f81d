/**
 * What is served, and how it came to be: zones published by what their files say, serials raised where the files have not, histories
 * kept, keys in force. Here only decisions are made; what a commit changes is known before (`intake.ts`).
 *
 * Always holds: publishing what a commit changes cannot fail; it is done in slices, so that queries do not wait for it.
 */
import { at, type FileFinding, placeOf } from '@zonewright/common/authority/file-finding';
import { withRaisedSerial } from '@zonewright/common/authority/update';
import { ZoneTable } from '@zonewright/common/authority/zones';
import { Name } from '@zonewright/common/name';
import type { Log } from '@zonewright/common/service/log';
import { gather, Slices } from '@zonewright/common/service/slices';
import type { Delta } from '@zonewright/common/zone/delta';
import { History } from '@zonewright/common/zone/history';
import { isNewer } from '@zonewright/common/zone/serial';
import type { Zone } from '@zonewright/common/zone/zone';
import { Files, type Located, type ZoneFile } from './files.ts';
import type { Intake, ZoneIntake } from './intake.ts';
import { recordsOfPlain } from './plain.ts';
import type { Head } from './repository.ts';

export interface PublisherOptions {
  readonly log: Log;
  readonly serialPolicy: 'auto' | 'strict';
  /** A version was published, or (`old` alone) a zone withdrawn. */
  onChange(zone: Zone): void;
}

/** Faults of a broken zone that one log line lists. */
const LISTED_ERRORS = 20;

/** A zone served with a newer serial than its file has. */
export interface RaisedSerial {
  readonly fileName: string;
  readonly zone: Zone;
  readonly from: number;
  readonly to: number;
}

export class Publisher {
  readonly zones = new ZoneTable();
  readonly files = new Files();
  readonly #options: PublisherOptions;
  readonly #histories = new Map<string, History>();
  /** Zones served with a newer serial than their file has, by the name of the file. */
  readonly #raised = new Map<string, Name>();
  #commit: string | undefined;

  constructor(options: PublisherOptions) {
    this.#options = options;
    // Until the first commit is there, nobody knows what is served here: SERVFAIL, not REFUSED.
    this.zones.await(Name.root);
  }

  /** The head that is in force. */
  get commit(): string | undefined {
    return this.#commit;
  }

  historyOf(origin: Name): History | undefined {
    return this.#histories.get(origin.key);
  }

  /** Publishes what a commit changes. Nothing of it can fail. */
  async takeOver({ commit, extent }: Head, intake: Intake): Promise<void> {
    const isFirst = this.#commit === undefined;
    for (const reading of intake.keys) this.files.takeKeys(reading);
    const seen = new Set([
      ...intake.zones.map(({ reading }) => reading.fileName),
      ...intake.keys.map(({ fileName }) => fileName),
    ]);
    for (const fileName of extent === 'all' ? this.files.missing(seen) : intake.gone) this.#forget(fileName);
    const keyFindings = [
      ...intake.keys.flatMap(({ fileName, findings }) => findings.map((finding) => ({ fileName, finding }))),
      ...this.files.gatherKeys(),
    ];
    const ignored = intake.others.map(({ fileName, reason }) => ({ fileName, reason }));
    let changed = 0;
    const slices = new Slices();
    for (const each of intake.zones) {
      const { fileName } = each.reading;
      const file = this.files.takeZone(each.reading, each.zone);
      if (typeof file === 'string') ignored.push({ fileName, reason: file });
      else if (each.zone === undefined) this.#reject(file, commit);
      else {
        changed++;
        await this.#publishFile(file, each.zone, each.comparison, slices);
        this.#compareSerials(fileName, file.origin);
      }
      if (slices.isOver) await slices.pause();
    }
    if (isFirst && this.files.of(Name.root) === undefined) this.zones.delete(Name.root);
    // Not before: whoever asks for the commit in force is to see what it says.
    this.#commit = commit;
    this.#report(keyFindings, ignored, changed);
  }

  #forget(fileName: string): void {
    const origin = this.files.forget(fileName);
    if (origin === undefined) return;
    const old = this.zones.get(origin);
    this.zones.delete(origin);
    this.#histories.delete(origin.key);
    this.#raised.delete(fileName);
    this.#options.log.info('zone.withdrawn', { zone: origin.toString() });
    if (old !== undefined) this.#options.onChange(old);
  }

  #reject({ fileName, origin, errors }: ZoneFile, commit: string | undefined): void {
    const served = this.zones.get(origin);
    if (served === undefined) this.zones.await(origin);
    this.#raised.delete(fileName);
    const what = served === undefined ? 'no version of it is served' : `serial ${served.serial} stays served`;
    this.#options.log.error(
      'zone.rejected',
      {
        zone: origin.toString(),
        file: fileName,
        commit,
        errors: errors.slice(0, LISTED_ERRORS).map((error) => describe(fileName, error)),
      },
      `${errors.length} error(s) in ${fileName}, ${what}`,
    );
  }

  /** Notes whether the file of a zone is to get the serial that is served. */
  #compareSerials(fileName: string, origin: Name): void {
    const file = this.files.of(origin);
    const zone = this.zones.get(origin);
    const isRaised =
      zone !== undefined && file?.serial !== undefined && file.errors.length === 0 && isNewer(zone.serial, file.serial);
    if (isRaised) this.#raised.set(fileName, origin);
    else this.#raised.delete(fileName);
  }

  /** Publishes what a file says, with a raised serial where its own is not newer than the one served. */
  async #publishFile(file: ZoneFile, next: Zone, comparison: ZoneIntake['comparison'], slices: Slices): Promise<void> {
    const served = this.zones.get(file.origin);
    if (served === undefined || comparison === undefined) {
      this.publish(next, undefined);
      return;
    }
    const { isSame, delta } = comparison;
    if (isSame && next.serial === served.serial) return;
    const deltaTo = async (zone: Zone): Promise<Delta | undefined> => {
      if (delta === undefined) return undefined;
      const removed = await gather(recordsOfPlain(delta.removed), slices);
      const [, ...added] = await gather(recordsOfPlain(delta.added), slices);
      return {
        origin: zone.origin,
        from: served.serial,
        to: zone.serial,
        removed,
        added: [zone.soaRecord(), ...added],
      };
    };
    if (isNewer(next.serial, served.serial)) {
      this.publish(next, await deltaTo(next));
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
      this.files.note({ ...file, errors: [error] });
      const fields = { zone: file.origin.toString(), file: fileName, errors: [describe(fileName, error)] };
      this.#options.log.error('zone.rejected', fields, what);
      return;
    }
    if (isSame) return;
    const zone = withRaisedSerial(next, served.serial);
    this.publish(zone, await deltaTo(zone));
  }

  /** Makes a version visible; `delta` is what it changes, `undefined` where that is not known. */
  publish(zone: Zone, delta: Delta | undefined): void {
    this.zones.set(zone);
    const { key } = zone.origin;
    if (delta === undefined) this.#histories.delete(key);
    else {
      const history = this.#histories.get(key) ?? new History();
      history.add(delta);
      this.#histories.set(key, history);
    }
    // A start that finds thousands of zones is one line of the log: `commit.loaded`.
    const tell = this.#commit === undefined ? 'debug' : 'info';
    this.#options.log[tell]('zone.loaded', { zone: zone.origin.toString(), serial: zone.serial });
    this.#options.onChange(zone);
  }

  #report(
    keyFindings: readonly Located[],
    ignored: readonly { readonly fileName: string; readonly reason: string }[],
    changed: number,
  ): void {
    const { log } = this.#options;
    for (const { fileName, finding } of keyFindings)
      log.warn('key.rejected', { file: fileName }, describe(fileName, finding));
    for (const { fileName, reason } of ignored) log.info('file.ignored', { file: fileName, reason });
    log.info('commit.loaded', { commit: this.#commit, zones: this.zones.size, keys: this.files.keys.size, changed });
  }

  /** Zones whose files are to get the serial that is served, also those whose writing back has failed before. */
  *raised(): Generator<RaisedSerial, void, undefined> {
    for (const [fileName, origin] of this.#raised) {
      const zone = this.zones.get(origin)!;
      yield { fileName, zone, from: this.files.of(origin)!.serial!, to: zone.serial };
    }
  }

  /** Takes the commit of our own changes as the head in force. */
  follow(commit: string): void {
    this.#commit = commit;
  }

  /** Notes that the file of a zone says what this version does. */
  wrote(zone: Zone): void {
    const file = this.files.of(zone.origin);
    if (file === undefined) return;
    this.files.note({ ...file, serial: zone.serial });
    this.#raised.delete(file.fileName);
  }
}

/** `FILE:LINE:COLUMN: what (hint)` */
export function describe(fileName: string, finding: FileFinding): string {
  const { what, hint } = finding;
  return `${placeOf(fileName, finding)}: ${what}${hint === undefined ? '' : ` (${hint})`}`;
}
