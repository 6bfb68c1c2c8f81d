/**
 * A zone file as a document: its entries, which join to the same octets, with the records that they stand for. For small files, and
 * for pieces of large ones (`pages.ts`); who only wants the records scans them (`scan.ts`) and keeps nothing.
 */
import type { Name } from '../name.ts';
import { CLASS } from '../rr/class.ts';
import type { ResourceRecord } from '../rr/record.ts';
import { type Entry, type ExpansionStep, fileText, type ZoneFile } from './document.ts';
import type { FileFault } from './fault.ts';
import { isBlank } from './lexer.ts';
import { DEFAULT_FILE_LIMITS } from './limits.ts';
import {
  type EntryKind,
  type ParseOptions,
  type Place,
  type ScannedRecord,
  type ScanSink,
  scanZoneFile,
} from './scan.ts';
import type { Standing } from './standing.ts';

export type { FileFault } from './fault.ts';
export { DEFAULT_FILE_LIMITS, type FileLimits } from './limits.ts';
export type { ParseOptions } from './scan.ts';

export interface FileRecord extends Place {
  /** Class IN, TTL resolved. */
  readonly record: ResourceRecord;
}

export interface ParsedFile {
  readonly file: ZoneFile;
  readonly records: readonly FileRecord[];
  /** Empty when the file is good. When there are more than the limit, the last one says how many. */
  readonly faults: readonly FileFault[];
}

/** Reads a whole file. What is wrong with it stands in `faults`; what could be read stands in `records` all the same. */
export function parseZoneFile(octets: Uint8Array, options: ParseOptions): ParsedFile {
  const writer = new DocumentWriter(octets, 0, undefined);
  const faults = scanZoneFile(octets, options, writer);
  const isTooLarge = octets.length > (options.limits?.octets ?? DEFAULT_FILE_LIMITS.octets);
  const { entries, records } = writer;
  return { file: { origin: options.origin, text: isTooLarge ? '' : fileText(octets), entries }, records, faults };
}

/** The entries between two offsets of a file without faults. The first has the standing of `options`. */
export function parseEntries(octets: Uint8Array, start: number, end: number, options: ParseOptions): readonly Entry[] {
  const piece = octets.subarray(start, end);
  const writer = new DocumentWriter(piece, start, options.standing?.owner);
  scanZoneFile(piece, options, writer);
  return writer.entries;
}

class DocumentWriter implements ScanSink {
  readonly entries: Entry[] = [];
  readonly records: FileRecord[] = [];
  readonly #octets: Uint8Array;
  readonly #offset: number;
  /** Since the last entry. */
  #steps: ExpansionStep[] = [];
  #owner: Name | undefined;
  #isOwnerInherited = false;

  /** `offset`: where the octets begin in their file. `owner`: the one in force before them. */
  constructor(octets: Uint8Array, offset: number, owner: Name | undefined) {
    this.#octets = octets;
    this.#offset = offset;
    this.#owner = owner;
  }

  onRecord({ name, type, ttl, rdata, isTtlStated, file, line, column }: ScannedRecord): void {
    const record = { name, type, class: CLASS.IN, ttl, rdata };
    this.records.push({ record, file, line, column });
    this.#steps.push({ kind: 'record', record, hasTtl: isTtlStated });
  }

  onTtl(ttl: number): void {
    this.#steps.push({ kind: 'ttl', ttl });
  }

  onOwnerInherited(): void {
    this.#isOwnerInherited = true;
  }

  onEntry(kind: EntryKind, start: number, end: number, _line: number, { origin }: Standing): void {
    this.entries.push(this.#entry(kind, start + this.#offset, end + this.#offset, origin));
    this.#steps = [];
    this.#isOwnerInherited = false;
  }

  #entry(kind: EntryKind, start: number, end: number, origin: Name): Entry {
    const [step] = this.#steps;
    switch (kind) {
      case 'origin':
        return { kind, start, end, origin };
      case 'ttl':
        if (step?.kind !== 'ttl') break;
        return { kind, start, end, ttl: step.ttl };
      case 'record': {
        if (step?.kind !== 'record') break;
        this.#owner = step.record.name;
        return { kind, start, end, record: step.record, origin, hasOwner: this.#hasOwner(start), hasTtl: step.hasTtl };
      }
      case 'expansion':
        return { kind, start, end, steps: this.#steps, owner: this.#isOwnerInherited ? this.#owner : undefined };
      default:
        return { kind, start, end };
    }
    throw new Error(`an entry of kind ${kind} without what it says`);
  }

  #hasOwner(start: number): boolean {
    return !isBlank(this.#octets[start - this.#offset]);
  }
}
