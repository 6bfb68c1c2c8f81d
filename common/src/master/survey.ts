/**
 * A zone file as it is looked at before a change: one reading that keeps nothing but the places that matter. It finds the entries
 * which the change concerns, where new ones would stand, and the pages of the file.
 */
import type { Name } from '../name.ts';
import type { ResourceRecord } from '../rr/record.ts';
import { TYPE } from '../rr/type.ts';
import { DefaultTtl } from './default-ttl.ts';
import { isBlank } from './lexer.ts';
import { type Page, Pages } from './pages.ts';
import { type EntryKind, type ParseOptions, type ScannedRecord, type ScanSink, scanZoneFile } from './scan.ts';
import { keep, type Standing } from './standing.ts';
import {
  type FileChange,
  type Hit,
  hitOf,
  leastOf,
  type TouchedOwner,
  TouchedOwners,
  type TouchedSet,
} from './touched.ts';

export interface Survey {
  readonly origin: Name;
  readonly pages: Pages;
  /** Reading found faults; such a file is not changed, and the rest of this says nothing. */
  readonly isFaulty: boolean;
  readonly entries: number;
  /** With the places where they stand. */
  readonly owners: Iterable<TouchedOwner>;
  /** What stands under each `$ORIGIN`, by its key; of those that come again, the last. */
  readonly sections: ReadonlyMap<string, Section>;
  readonly lastRecord: number | undefined;
  /** Entries that could leave their owner out: how many did, less how many did not. Those of the apex count where there are no others. */
  readonly impliedOwners: number;
  /** Directives that stand for records which the change removes or changes. */
  readonly expansions: ReadonlySet<number>;
  /** Added records that directives stand for already, by their keys: there is nothing to be done for those. */
  readonly known: ReadonlySet<string>;
}

/** The record entries under one `$ORIGIN`. */
export interface Section {
  readonly last: number;
  /** Of types that the change adds. */
  readonly blocks: ReadonlyMap<number, Block>;
}

/** How records of one type stand. */
export interface Block {
  last: number;
  /** One, where no records of other types are between them. */
  runs: number;
  /** It ends in the middle of what belongs to one owner. */
  isCut: boolean;
  owners: number;
}

export function surveyZoneFile(
  octets: Uint8Array,
  options: ParseOptions,
  change: FileChange,
  pageEntries = PAGE_ENTRIES,
): Survey {
  const surveyor = new Surveyor(octets, options.origin, change, pageEntries);
  const faults = scanZoneFile(octets, options, surveyor);
  const { sections, expansions, known } = surveyor;
  return {
    origin: options.origin,
    pages: new Pages(octets, options, surveyor.finish()),
    isFaulty: faults.length > 0,
    entries: surveyor.entries,
    owners: surveyor.owners,
    sections,
    lastRecord: surveyor.lastRecord,
    impliedOwners: surveyor.impliedBelow || surveyor.impliedAtApex,
    expansions,
    known,
  };
}

/** Entries of a page: looking at one costs so many, and keeping the standings of all so many times less. */
const PAGE_ENTRIES = 64;

class Surveyor implements ScanSink {
  entries = 0;
  lastRecord: number | undefined;
  impliedBelow = 0;
  impliedAtApex = 0;
  readonly owners: TouchedOwners;
  readonly sections = new Map<string, Section>();
  readonly expansions = new Set<number>();
  readonly known = new Set<string>();
  readonly #octets: Uint8Array;
  readonly #pageEntries: number;
  readonly #pages: Page[];
  /** The entry with which the next page begins, if not one before. */
  #pageEnd: number;
  /** Records that directives stand for and which the change removes or changes, by their keys. */
  readonly #changed = new Set<string>();
  /** Behind the last entry. */
  #standing: Standing;
  #sectionOrigin: Name;
  #sectionEnd: number | undefined;
  #blocks = new Map<number, Block>();
  /** Types that are added. */
  readonly #wanted: ReadonlySet<number>;
  #type = 0;
  #typeBefore = 0;
  #block: Block | undefined;
  /** The numbers of the owners of the last record, and of the last one with an entry of its own. */
  #number = 0;
  #numberBefore = 0;
  /** The apex, as far as it is known: the owner of the SOA. */
  #apex = -1;
  /** Records of touched owners since the last entry. */
  #found: Found[] = [];

  constructor(octets: Uint8Array, origin: Name, change: FileChange, pageEntries: number) {
    this.#octets = octets;
    this.#pageEntries = pageEntries;
    this.#pageEnd = pageEntries;
    this.owners = new TouchedOwners(change);
    this.#wanted = new Set(change.added.map(({ type }) => type));
    this.#sectionOrigin = origin;
    this.#standing = { origin, owner: undefined, ttl: new DefaultTtl() };
    this.#pages = [{ first: 0, start: 0, standing: this.#standing }];
  }

  onRecord(record: ScannedRecord): void {
    this.#number = record.ownerNumber;
    this.#type = record.type;
    const owner = this.owners.of(record);
    if (owner === undefined) return;
    const set = owner.sets.get(record.type);
    const hit = set && hitOf(set, record);
    this.#found.push({ owner, set, hit, least: set && hit === undefined ? leastOf(set, record) : undefined });
  }

  onEntry(kind: EntryKind, start: number, end: number, _line: number, standing: Standing): void {
    this.#standing = standing;
    if (kind === 'record') this.#record(start);
    else if (kind === 'expansion') this.#expansion();
    else if (kind === 'origin') this.#beginSection(standing.origin);
    if (this.#found.length > 0) this.#found = [];
    this.entries++;
    // Directives may stand for many records, and have pages of their own.
    if (this.entries >= this.#pageEnd || kind === 'expansion' || this.#isExpansion(end)) this.#beginPage(end);
  }

  /** The pages, and at last what stands for the end of the file. */
  finish(): readonly Page[] {
    this.#beginSection(this.#sectionOrigin);
    for (const { sets } of this.owners) {
      for (const { ttl, least } of sets.values())
        if (least !== undefined && !least.isWritten && least.record.ttl !== ttl) this.expansions.add(least.entry);
    }
    for (const key of this.#changed) this.known.delete(key);
    if (this.#pages.at(-1)!.first < this.entries) this.#beginPage(this.#octets.length);
    return this.#pages;
  }

  #record(start: number): void {
    this.lastRecord = this.entries;
    this.#sectionEnd = this.entries;
    this.#countBlock();
    if (this.#type === TYPE.SOA) this.#apex = this.#number;
    const implied = isBlank(this.#octets[start]) ? 1 : this.#number === this.#numberBefore ? -1 : 0;
    if (this.#number === this.#apex) this.impliedAtApex += implied;
    else this.impliedBelow += implied;
    this.#numberBefore = this.#number;
    for (const { owner, set, hit, least } of this.#found) {
      owner.entries.push(this.entries);
      if (set === undefined) continue;
      set.last = this.entries;
      if (hit !== undefined) set.hits.push({ ...hit, entry: this.entries });
      if (least !== undefined) set.least = { record: least, entry: this.entries, isWritten: true };
    }
  }

  #countBlock(): void {
    const isRun = this.#type === this.#typeBefore;
    if (!isRun) {
      if (this.#block !== undefined) this.#block.isCut = this.#number === this.#numberBefore;
      this.#typeBefore = this.#type;
      this.#block = this.#wanted.has(this.#type) ? this.#blockOf(this.#type) : undefined;
      if (this.#block !== undefined) this.#block.runs++;
    }
    const block = this.#block;
    if (block === undefined) return;
    block.last = this.entries;
    if (!isRun || this.#number !== this.#numberBefore) block.owners++;
  }

  #blockOf(type: number): Block {
    const block = this.#blocks.get(type) ?? { last: this.entries, runs: 0, isCut: false, owners: 0 };
    this.#blocks.set(type, block);
    return block;
  }

  #expansion(): void {
    const page = this.#pages.at(-1)!;
    if (page.first === this.entries) page.isExpansion = true;
    for (const { set, hit, least } of this.#found) {
      if (least !== undefined && set !== undefined && (set.least === undefined || set.least.record.ttl > least.ttl))
        set.least = { record: least, entry: this.entries, isWritten: false };
      if (hit === undefined) continue;
      if (hit.isRemoved || set?.added.get(hit.key)?.ttl !== hit.ttl) {
        this.expansions.add(this.entries);
        this.#changed.add(hit.key);
      } else this.known.add(hit.key);
    }
  }

  #beginSection(origin: Name): void {
    if (this.#sectionEnd !== undefined)
      this.sections.set(this.#sectionOrigin.key, { last: this.#sectionEnd, blocks: this.#blocks });
    this.#sectionOrigin = origin;
    this.#sectionEnd = undefined;
    this.#blocks = new Map();
    this.#typeBefore = 0;
    this.#block = undefined;
  }

  #isExpansion(start: number): boolean {
    if (this.#octets[start] !== DOLLAR) return false;
    const letter = this.#octets[start + 1]! | 0x20;
    return letter === LETTER_I || letter === LETTER_G;
  }

  #beginPage(start: number): void {
    this.#pageEnd = this.entries + this.#pageEntries;
    this.#pages.push({ first: this.entries, start, standing: keep(this.#standing) });
  }
}

/** A record of a touched owner. */
interface Found {
  readonly owner: TouchedOwner;
  readonly set: TouchedSet | undefined;
  readonly hit: Hit | undefined;
  readonly least: ResourceRecord | undefined;
}

const DOLLAR = 0x24;
const LETTER_G = 0x67;
const LETTER_I = 0x69;
