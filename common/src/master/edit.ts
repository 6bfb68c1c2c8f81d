/**
 * Surgical changes of zone files: the lines a change concerns, and no other octet.
 *
 * The file is walked once with the state its text stands for - owner, `$ORIGIN`, default TTL. Where a kept entry would come to
 * mean something else (its owner or TTL was implied by an entry that is gone or changed) that is written out in it.
 * Always holds: the text given back has been read again, and its records are the old ones less `removed` plus `added`, in the
 * expected order, without a fault. So no octets in the data of an UPDATE can become another record or a directive.
 */
import type { Name } from '../name.ts';
import { fail, ok, type Result } from '../result.ts';
import { CLASS } from '../rr/class.ts';
import { printRecord, type ResourceRecord, rdataKey, recordKey } from '../rr/record.ts';
import { TYPE } from '../rr/type.ts';
import { DefaultTtl } from './default-ttl.ts';
import { type ExpansionEntry, type ExpansionStep, fileOctets, type RecordEntry, type ZoneFile } from './document.ts';
import { layoutOf, printLine } from './layout.ts';
import { EntryLexer } from './lexer.ts';
import { parseZoneFile } from './parse.ts';
import { type Addition, type EditPlan, planEdit, type RecordChange, touchedExpansions } from './plan.ts';
import { rewriteEntry } from './rewrite.ts';
import { type ParseOptions, scanZoneFile } from './scan.ts';

export type { RecordChange } from './plan.ts';

export interface EditFault {
  /** `faulty`: the file could not be read without faults. `class`: a record of a class other than IN. `unwritable`: no text means these records. */
  readonly kind: 'faulty' | 'class' | 'unwritable';
  readonly what: string;
  readonly hint?: string;
}

/** How a changed file is read again: as it was read before. */
export type EditOptions = Pick<ParseOptions, 'limits' | 'include'>;

/**
 * The file after the change. Removed records that are not in the file are passed over, added ones that are there already get the
 * new TTL. Without any difference the octets are the same. A `$INCLUDE` or `$GENERATE` whose records the change concerns is
 * written out first: it becomes a comment, and its records follow.
 */
export function editZoneFile(
  file: ZoneFile,
  change: RecordChange,
  options: EditOptions = {},
): Result<Uint8Array, EditFault> {
  if (file.isFaulty) return fail({ kind: 'faulty', what: 'the zone file has faults', hint: 'repair it first' });
  if (change.added.some((record) => record.class !== CLASS.IN))
    return fail({ kind: 'class', what: 'a record of a class other than IN' });
  const { touched, known } = touchedExpansions(file, change);
  const written = touched.size === 0 ? file : writtenOut(file, touched, options);
  const added = known.size === 0 ? change.added : change.added.filter((record) => !known.has(recordKey(record)));
  const plan = written && planEdit(written, { removed: change.removed, added });
  for (const isPlain of [false, true]) {
    const octets = plan && apply(written, plan, options, isPlain);
    if (octets !== undefined) return ok(octets);
  }
  return fail({ kind: 'unwritable', what: 'the changed records cannot be written to the zone file' });
}

const NO_PLAN: EditPlan = { dropped: new Set(), replaced: new Map(), additions: new Map() };

/** The file with directives written out. */
function writtenOut(file: ZoneFile, expansions: ReadonlySet<number>, options: EditOptions): ZoneFile | undefined {
  const octets = apply(file, NO_PLAN, options, false, expansions);
  return octets && parseZoneFile(octets, { ...options, origin: file.origin }).file;
}

/** The octets of the changed file, if they mean what they should. */
function apply(
  file: ZoneFile,
  plan: EditPlan,
  options: EditOptions,
  isPlain: boolean,
  expansions: ReadonlySet<number> = new Set(),
): Uint8Array | undefined {
  const edit = new Edit(file, plan, isPlain, expansions);
  edit.run();
  const octets = fileOctets(edit.text);
  return isAsExpected(octets, file.origin, edit.expected, options) ? octets : undefined;
}

function isAsExpected(
  octets: Uint8Array,
  origin: Name,
  expected: readonly ResourceRecord[],
  options: EditOptions,
): boolean {
  let count = 0;
  let isEqual = true;
  const faults = scanZoneFile(
    octets,
    { ...options, origin },
    {
      onRecord({ name, type, ttl, rdata }) {
        const other = expected[count++];
        isEqual &&= other !== undefined && isSame({ name, type, class: CLASS.IN, ttl, rdata }, other);
      },
    },
  );
  return faults.length === 0 && isEqual && count === expected.length;
}

function isSame(a: ResourceRecord, b: ResourceRecord): boolean {
  if (a.type !== b.type || a.ttl !== b.ttl || !a.name.equals(b.name)) return false;
  return Buffer.compare(a.rdata, b.rdata) === 0 || rdataKey(a.type, a.rdata) === rdataKey(b.type, b.rdata);
}

function hasSameTtl(step: ExpansionStep, ttl: DefaultTtl): boolean {
  if (step.kind === 'ttl') {
    ttl.direct(step.ttl);
    return true;
  }
  const { record, hasTtl } = step;
  return ttl.pass(record.type, record.rdata, hasTtl ? record.ttl : undefined) === record.ttl;
}

const ORDER_MARK_OCTETS = 3;
/** How far a better layout is looked for. */
const NEAR_ENTRIES = 16;

class Edit {
  readonly #file: ZoneFile;
  readonly #plan: EditPlan;
  /** Everything new goes to the end, with absolute names, TTL and class. */
  readonly #isPlain: boolean;
  /** Directives to be written out, whether that is needed or not. */
  readonly #expansions: ReadonlySet<number>;
  readonly #lexer: EntryLexer;
  readonly #parts: string[] = [];
  /** Up to where the file's text is in `#parts` or left out. */
  #copied = 0;
  #ttl = new DefaultTtl();
  #origin: Name;
  #owner: Name | undefined;
  /** How the author wrote `#owner`, where it was read under the `$ORIGIN` in force. */
  #ownerText: string | undefined;
  /** Entries that could leave their owner out: how many did, less how many did not. */
  #impliedOwners = 0;
  readonly #plain: ResourceRecord[] = [];
  /** The records the new text should have, in order. */
  readonly expected: ResourceRecord[] = [];

  constructor(file: ZoneFile, plan: EditPlan, isPlain: boolean, expansions: ReadonlySet<number>) {
    this.#file = file;
    this.#plan = plan;
    this.#isPlain = isPlain;
    this.#expansions = expansions;
    this.#lexer = new EntryLexer(file.octets);
    this.#origin = file.origin;
  }

  get text(): string {
    return this.#parts.join('');
  }

  run(): void {
    const { entries, text } = this.#file;
    this.#countImpliedOwners();
    this.#add(-1);
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!;
      if (entry.kind === 'record') this.#record(entry, i);
      else if (entry.kind === 'expansion') this.#expansion(entry, this.#expansions.has(i));
      else if (entry.kind === 'ttl') this.#ttl.direct(entry.ttl);
      else if (entry.kind === 'origin') {
        this.#origin = entry.origin;
        this.#ownerText = undefined;
      }
      this.#add(i);
    }
    this.#copyTo(text.length);
    for (const record of this.#plain) this.#append(printRecord(record), record, record.ttl, this.#lineEnd(undefined));
  }

  #record(entry: RecordEntry, index: number): void {
    const replacement = this.#plan.replaced.get(index);
    if (entry.hasOwner) this.#ownerText = undefined;
    const isGone = this.#plan.dropped.has(index) || (this.#isPlain && replacement !== undefined);
    if (isGone) {
      this.#copyTo(entry.start);
      this.#copied = entry.end;
      if (entry.hasOwner) this.#ownerText = this.#ownerOf(entry);
      if (replacement !== undefined) this.#plain.push(replacement);
      return;
    }
    const target = replacement ?? entry.record;
    const needsOwner = !entry.hasOwner && (this.#owner === undefined || !this.#owner.equals(entry.record.name));
    const needsTtl = !entry.hasTtl && this.#needsTtl(entry, target);
    if (replacement !== undefined || needsOwner || needsTtl) {
      const owner = needsOwner ? { owner: this.#ownerText ?? entry.record.name.relativeTo(entry.origin) } : {};
      const text = rewriteEntry(this.#lexer, entry, { record: target, needsTtl, ...owner });
      this.#copyTo(entry.start);
      this.#copied = entry.end;
      if (text === undefined) {
        this.#insert({ record: target, model: index });
        return;
      }
      this.#parts.push(text);
    }
    this.#pass(entry.record.name, target, entry.hasTtl || needsTtl ? target.ttl : undefined);
  }

  /** A directive stays as it is, unless its records are to be written out or would come to mean something else. */
  #expansion(entry: ExpansionEntry, isWritten: boolean): void {
    const ttl = this.#ttl.clone();
    const isOwnerSame = entry.owner === undefined || this.#owner?.equals(entry.owner) === true;
    if (!isWritten && isOwnerSame && entry.steps.every((step) => hasSameTtl(step, ttl))) {
      this.#ttl = ttl;
      for (const step of entry.steps) if (step.kind === 'record') this.expected.push(step.record);
      return;
    }
    this.#copyTo(entry.start);
    this.#copied = entry.end;
    const text = this.#file.text.slice(entry.start, entry.end);
    this.#parts.push(text.replaceAll(/[^\n]*\n|[^\n]+$/g, '; $&'));
    for (const step of entry.steps) {
      if (step.kind !== 'record') continue;
      const { record } = step;
      const isTtlWritten =
        this.#ttl.isMinimumUsed(record.type) || this.#ttl.of(record.type, record.rdata) !== record.ttl;
      const line = printLine(undefined, { record, origin: this.#origin, isOwnerImplied: false, isTtlWritten });
      this.#append(line, record, isTtlWritten ? record.ttl : undefined, this.#lineEnd(undefined));
    }
    // The entries behind it are read under another origin and owner, as far as they know.
    this.#ownerText = undefined;
  }

  #needsTtl(entry: RecordEntry, target: ResourceRecord): boolean {
    if (this.#ttl.of(target.type, target.rdata) !== target.ttl) return true;
    // The MINIMUM is the TTL of many; a new one must not change them all.
    return this.#ttl.isMinimumUsed(target.type) && this.#ttl.of(target.type, entry.record.rdata) !== target.ttl;
  }

  #pass(owner: Name, record: ResourceRecord, statedTtl: number | undefined): void {
    this.#ttl.pass(record.type, record.rdata, statedTtl);
    this.#owner = owner;
    this.expected.push(record);
  }

  #add(index: number): void {
    for (const addition of this.#plan.additions.get(index) ?? []) {
      if (this.#isPlain) this.#plain.push(addition.record);
      else {
        const entry = this.#file.entries[index];
        if (entry !== undefined) this.#copyTo(entry.end);
        this.#insert(addition);
      }
    }
  }

  /** Writes a line of its own, in the layout of the entry `model` or one near it. */
  #insert({ record, model: index }: Addition): void {
    const model = this.#recordAt(index);
    const isTtlUsual = !this.#ttl.isFixed && model?.hasTtl === true;
    const isMinimumUsed = this.#ttl.isMinimumUsed(record.type);
    const isTtlWritten = isTtlUsual || isMinimumUsed || this.#ttl.of(record.type, record.rdata) !== record.ttl;
    const isOwnerImplied = this.#owner?.equals(record.name) === true && this.#isOwnerLeftOut(model, record);
    const near = model && this.#nearWithTtl(index!, isTtlWritten);
    const layout = near && layoutOf(this.#lexer, near);
    const line = printLine(layout, { record, origin: this.#origin, isOwnerImplied, isTtlWritten });
    this.#append(line, record, isTtlWritten ? record.ttl : undefined, this.#lineEnd(model));
  }

  #recordAt(index: number | undefined): RecordEntry | undefined {
    const entry = index === undefined ? undefined : this.#file.entries[index];
    return entry?.kind === 'record' ? entry : undefined;
  }

  /** The entry itself or the nearest one before it that has a TTL, or has none: its columns fit best. */
  #nearWithTtl(index: number, hasTtl: boolean): RecordEntry | undefined {
    for (let i = index; i >= Math.max(0, index - NEAR_ENTRIES); i--) {
      const entry = this.#recordAt(i);
      if (entry?.hasTtl === hasTtl && entry.record.type !== TYPE.SOA) return entry;
    }
    return this.#recordAt(index);
  }

  #isOwnerLeftOut(model: RecordEntry | undefined, record: ResourceRecord): boolean {
    if (model === undefined || !model.record.name.equals(record.name)) return false;
    return !model.hasOwner || this.#impliedOwners > 0;
  }

  #append(line: string, record: ResourceRecord, statedTtl: number | undefined, lineEnd: string): void {
    const last = this.#parts.at(-1);
    const isAtStart =
      last === undefined ||
      (this.#parts.length === 1 && last.length === ORDER_MARK_OCTETS && last.startsWith('\u00ef'));
    this.#parts.push(isAtStart || last.endsWith('\n') ? '' : lineEnd, line + lineEnd);
    this.#pass(record.name, record, statedTtl);
  }

  #copyTo(offset: number): void {
    if (offset > this.#copied) this.#parts.push(this.#file.text.slice(this.#copied, offset));
    this.#copied = Math.max(this.#copied, offset);
  }

  /** As in the model, or else as in the file's first line. */
  #lineEnd(model: RecordEntry | undefined): string {
    const { text } = this.#file;
    const at = model !== undefined && text[model.end - 1] === '\n' ? model.end - 1 : text.indexOf('\n');
    return at > 0 && text[at - 1] === '\r' ? '\r\n' : '\n';
  }

  #ownerOf(entry: RecordEntry): string {
    this.#lexer.read(entry.start);
    return this.#lexer.raw(0);
  }

  #countImpliedOwners(): void {
    let before: Name | undefined;
    for (const entry of this.#file.entries) {
      if (entry.kind !== 'record') continue;
      if (before !== undefined && (!entry.hasOwner || before.equals(entry.record.name)))
        this.#impliedOwners += entry.hasOwner ? -1 : 1;
      before = entry.record.name;
    }
  }
}
