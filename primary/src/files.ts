/**
 * What is known of the files of the repository where zones are served: whether each is in force as it stands at the head, and
 * what to do about one that is not. A zone file with errors changes nothing: the last good version stays, the others move on, and
 * what is wrong is kept for the status page.
 */
import type { FileFinding } from '@zonewright/common/authority/file-finding';
import { type Key, KeyTable } from '@zonewright/common/authority/key';
import { joinKeys } from '@zonewright/common/authority/key-set';
import { fileZone, zoneFileName } from '@zonewright/common/authority/zone-file';
import type { Place } from '@zonewright/common/master/scan';
import type { Name } from '@zonewright/common/name';
import type { Zone } from '@zonewright/common/zone/zone';
import { nameTaken } from './catalog.ts';
import { keyOfPlain } from './repository/plain.ts';
import type { Reading, Source, ZoneReading } from './repository/repository.ts';

/** The file of a zone. */
export interface ZoneFile {
  readonly fileName: string;
  readonly origin: Name;
  /** Where the SOA of the apex stands. */
  readonly soa?: Place;
  /** Why the file at the head is not served. */
  readonly errors: readonly FileFinding[];
}

interface KeyFile {
  /** Of the last version without errors; where there never was one, those that are good. */
  readonly keys: readonly Key[];
  readonly errors: readonly FileFinding[];
  /** What the keys were read from. */
  readonly source: Source | undefined;
}

/** A finding in a file. */
export interface Located {
  readonly fileName: string;
  readonly finding: FileFinding;
}

/** The zone that a file of this name is of. */
export function originOf(fileName: string): Name {
  const role = fileZone(fileName);
  if (role.kind !== 'zone') throw new Error(`a zone in ${fileName}`);
  return role.origin;
}

export class Files {
  readonly #zones = new Map<string, ZoneFile>();
  readonly #keyFiles = new Map<string, KeyFile>();
  #keys = new KeyTable();
  readonly #catalog: Name | undefined;

  /** `catalog`: a name that no file may have. */
  constructor(catalog?: Name) {
    this.#catalog = catalog;
  }

  /** The keys in force. */
  get keys(): KeyTable {
    return this.#keys;
  }

  /** The file of the zone with this apex. */
  of(origin: Name): ZoneFile | undefined {
    return this.#zones.get(zoneFileName(origin));
  }

  zone(fileName: string): ZoneFile | undefined {
    return this.#zones.get(fileName);
  }

  /** Files that are not in force as they stand at the head, and why. */
  *refused(): Generator<{ readonly fileName: string; readonly errors: readonly FileFinding[] }, void, undefined> {
    for (const { fileName, errors } of this.#zones.values()) if (errors.length > 0) yield { fileName, errors };
    for (const [fileName, { errors }] of this.#keyFiles) if (errors.length > 0) yield { fileName, errors };
  }

  /**
   * What there is to be noted of a zone file; `zone` where it has no errors. Where it is no zone, why not, unless it was one before,
   * or `isKnown`: a zone does not vanish by a mistake.
   */
  judge({ fileName, soa, errors, reason }: ZoneReading, zone: Zone | undefined, isKnown = false): ZoneFile | string {
    const before = this.#zones.get(fileName);
    if (before === undefined && !isKnown && reason !== undefined) return reason;
    const origin = zone?.origin ?? before?.origin ?? originOf(fileName);
    const findings = this.#catalog?.equals(origin) ? [nameTaken(origin)] : errors;
    return { fileName, origin, ...(soa === undefined ? {} : { soa }), errors: findings };
  }

  /** Notes of a file what was decided about it, until it changes. */
  note(file: ZoneFile): ZoneFile {
    this.#zones.set(file.fileName, file);
    return file;
  }

  takeKeys({ fileName, keys, findings, source }: Extract<Reading, { kind: 'keys' }>): void {
    const before = this.#keyFiles.get(fileName);
    const errors = findings.filter(({ severity }) => severity === 'error');
    // As with zones: who repairs the file has to be able to tell us.
    const isKept = errors.length > 0 && before !== undefined;
    this.#keyFiles.set(fileName, {
      keys: isKept ? before.keys : keys.map(keyOfPlain),
      errors,
      source: isKept ? before.source : source,
    });
  }

  /** What the keys of a file that are in force were read from. */
  keySource(fileName: string): Source | undefined {
    return this.#keyFiles.get(fileName)?.source;
  }

  /** Forgets a file that is gone; gives the zone that it was. */
  forget(fileName: string): Name | undefined {
    const origin = this.#zones.get(fileName)?.origin;
    this.#zones.delete(fileName);
    this.#keyFiles.delete(fileName);
    return origin;
  }

  /** The files of zones and keys that are not among these. */
  missing(fileNames: ReadonlySet<string>): readonly string[] {
    return [...this.#zones.keys(), ...this.#keyFiles.keys()].filter((fileName) => !fileNames.has(fileName));
  }

  /** Puts the keys of all files in force; gives where they contradict each other. */
  gatherKeys(): readonly Located[] {
    const { keys, contradictions } = joinKeys(this.#keyFiles);
    this.#keys = new KeyTable(keys);
    return contradictions.map(({ fileNames, finding }) => ({ fileName: fileNames[0]!, finding }));
  }
}
