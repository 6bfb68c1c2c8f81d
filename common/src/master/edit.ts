/**
 * Surgical changes of zone files: the lines a change concerns, and no other octet.
 *
 * The file is read once, for the places that matter (`survey.ts`). The pages that hold them are walked with the state their text
 * stands for - owner, `$ORIGIN`, default TTL - and the pages behind them, until the state is the old one again. Where a kept entry
 * would come to mean something else (its owner or TTL was implied by an entry that is gone or changed) that is written out in it.
 * Always holds: all text that is new has been read again (`stretch.ts`), and the records of the file are the old ones less `removed`
 * plus `added`, in the expected order, without a fault. So no octets in the data of an UPDATE can become another record or a directive.
 */
import type { Name } from '../name.ts';
import { fail, ok, type Result } from '../result.ts';
import { CLASS } from '../rr/class.ts';
import { printRecord, type ResourceRecord, recordKey } from '../rr/record.ts';
import type { DefaultTtl } from './default-ttl.ts';
import { type ExpansionEntry, type ExpansionStep, fileText, type RecordEntry } from './document.ts';
import { printLine } from './layout.ts';
import { EntryLexer } from './lexer.ts';
import { DEFAULT_FILE_LIMITS } from './limits.ts';
import { Models } from './models.ts';
import type { Pages } from './pages.ts';
import { type Addition, type EditPlan, planEdit } from './plan.ts';
import { Revision } from './revision.ts';
import { rewriteEntry } from './rewrite.ts';
import type { ParseOptions } from './scan.ts';
import { isSameStanding } from './standing.ts';
import { isStretchGood } from './stretch.ts';
import { type Survey, surveyZoneFile } from './survey.ts';
import type { FileChange } from './touched.ts';
export interface EditFault {
  /** `faulty`: the file could not be read without faults. `class`: a record of a class other than IN. `unwritable`: no text means these records. */
  readonly kind: 'faulty' | 'class' | 'unwritable';
  readonly what: string;
  readonly hint?: string;
}

/** How the file is read. */
export interface EditOptions extends ParseOptions {
  /** Entries that are looked at together: of no influence on what comes out. */
  readonly pageEntries?: number;
}

/**
 * The file after the change. Removed records that are not in the file are passed over, added ones that are there already get the
 * new TTL; an added SOA takes the place of any other. Without any difference the octets are the same. A `$INCLUDE` or `$GENERATE`
 * whose records the change concerns is written out first: it becomes a comment, and its records follow.
 */
export function editZoneFile(
  octets: Uint8Array,
  change: FileChange,
  options: EditOptions,
): Result<Uint8Array, EditFault> {
  if (change.added.some((record) => record.class !== CLASS.IN))
    return fail({ kind: 'class', what: 'a record of a class other than IN' });
  const survey = surveyZoneFile(octets, options, change, options.pageEntries);
  if (survey.isFaulty) return fail({ kind: 'faulty', what: 'the zone file has faults', hint: 'repair it first' });
  const written = survey.expansions.size === 0 ? survey : writtenOut(survey, change, options);
  const plan = written && planEdit(written);
  for (const isPlain of [false, true]) {
    const edited = plan && new Edit(written, plan, isPlain).run(options);
    if (edited !== undefined) return ok(edited);
  }
  return fail({ kind: 'unwritable', what: 'the changed records cannot be written to the zone file' });
}

const NO_PLAN: EditPlan = { dropped: new Set(), replaced: new Map(), additions: new Map() };

/** The file with directives written out that stand for what the change concerns. */
function writtenOut(
  survey: Survey,
  { removed, added, areTtlsKept = false }: FileChange,
  options: EditOptions,
): Survey | undefined {
  const octets = new Edit(survey, NO_PLAN, false, survey.expansions).run(options);
  const rest = { removed, added: added.filter((record) => !survey.known.has(recordKey(record))), areTtlsKept };
  return octets && surveyZoneFile(octets, options, rest, options.pageEntries);
}

function hasSameTtl(step: ExpansionStep, ttl: DefaultTtl): boolean {
  if (step.kind === 'ttl') {
    ttl.direct(step.ttl);
    return true;
  }
  const { record, hasTtl } = step;
  return ttl.pass(record.type, record.rdata, hasTtl ? record.ttl : undefined) === record.ttl;
}

class Edit {
  readonly #survey: Survey;
  readonly #pages: Pages;
  readonly #plan: EditPlan;
  /** Everything new goes to the end, with absolute names, TTL and class. */
  readonly #isPlain: boolean;
  /** Directives to be written out, whether that is needed or not. */
  readonly #expansions: ReadonlySet<number>;
  readonly #lexer: EntryLexer;
  readonly #models: Models;
  readonly #revision: Revision;
  /** The page where the stretch begins that is being written, and the one that is walked next. */
  #begin = 0;
  #page = 0;
  #areStretchesGood = true;
  /** The records the stretch should have, in order. */
  #expected: ResourceRecord[] = [];
  #ttl: DefaultTtl;
  #origin: Name;
  #owner: Name | undefined;
  /** How the author wrote `#owner`, where it was read under the `$ORIGIN` in force. */
  #ownerText: string | undefined;
  readonly #plain: ResourceRecord[] = [];
  readonly #firstLineEnd: string;

  constructor(survey: Survey, plan: EditPlan, isPlain: boolean, expansions: ReadonlySet<number> = new Set()) {
    this.#survey = survey;
    this.#pages = survey.pages;
    this.#plan = plan;
    this.#isPlain = isPlain;
    this.#expansions = expansions;
    this.#lexer = new EntryLexer(survey.pages.octets);
    this.#models = new Models(survey.pages, survey.entries, this.#lexer);
    this.#revision = new Revision(survey.pages.octets);
    this.#firstLineEnd = lineEndAt(survey.pages.octets, survey.pages.octets.indexOf(LF));
    const { standing } = survey.pages.at(0);
    this.#ttl = standing.ttl.clone();
    this.#origin = standing.origin;
  }

  /** The octets of the changed file, if they mean what they should. */
  run({ limits }: EditOptions): Uint8Array | undefined {
    const { dropped, replaced, additions } = this.#plan;
    const places = new Set([...dropped, ...replaced.keys(), ...additions.keys(), ...this.#expansions]);
    const pages = new Set([...places].map((entry) => this.#pages.pageOf(entry)));
    this.#add(-1);
    for (const page of [...pages].sort((a, b) => a - b)) {
      if (page < this.#page || page === this.#pages.count) continue;
      this.#goTo(page);
      this.#walk();
    }
    this.#goTo(this.#pages.count);
    for (const record of this.#plain) this.#append(printRecord(record), record, record.ttl, this.#lineEnd(undefined));
    this.#finishStretch();
    if (!this.#areStretchesGood || this.#revision.length > (limits?.octets ?? DEFAULT_FILE_LIMITS.octets))
      return undefined;
    return this.#revision.finish();
  }

  /** Goes to a page: by walking while the state is another one than it was, then at once. */
  #goTo(page: number): void {
    while (this.#page < page && !this.#isSettled()) this.#walk();
    if (this.#page === page) return;
    this.#finishStretch();
    const { start, standing } = this.#pages.at(page);
    this.#revision.copyTo(start);
    this.#revision.mark();
    this.#begin = page;
    this.#page = page;
    this.#expected = [];
    this.#origin = standing.origin;
    this.#owner = standing.owner;
    this.#ownerText = undefined;
    this.#ttl = standing.ttl.clone();
  }

  #isSettled(): boolean {
    const state = { origin: this.#origin, owner: this.#owner, ttl: this.#ttl };
    return isSameStanding(state, this.#pages.at(this.#page).standing);
  }

  #finishStretch(): void {
    this.#revision.copyTo(this.#pages.at(this.#page).start);
    this.#areStretchesGood &&= isStretchGood(
      this.#pages,
      this.#begin,
      this.#page,
      this.#revision.sinceMark(),
      this.#expected,
    );
  }

  #walk(): void {
    const { first } = this.#pages.at(this.#page);
    for (const [i, entry] of this.#pages.entriesOf(this.#page++).entries()) {
      if (entry.kind === 'record') this.#record(entry, first + i);
      else if (entry.kind === 'expansion') this.#expansion(entry, this.#expansions.has(first + i));
      else if (entry.kind === 'ttl') this.#ttl.direct(entry.ttl);
      else if (entry.kind === 'origin') {
        this.#origin = entry.origin;
        this.#ownerText = undefined;
      }
      this.#add(first + i);
    }
  }

  #record(entry: RecordEntry, index: number): void {
    const replacement = this.#plan.replaced.get(index);
    if (entry.hasOwner) this.#ownerText = undefined;
    const isGone = this.#plan.dropped.has(index) || (this.#isPlain && replacement !== undefined);
    if (isGone) {
      this.#replace(entry);
      if (entry.hasOwner) this.#ownerText = this.#ownerOf(entry);
      if (replacement !== undefined) this.#plain.push(replacement);
      return;
    }
    const target = replacement ?? entry.record;
    const needsOwner = !entry.hasOwner && (this.#owner === undefined || !this.#owner.equals(entry.record.name));
    const needsTtl = !entry.hasTtl && this.#needsTtl(entry, target);
    if (replacement !== undefined || needsOwner || needsTtl) {
      const owner = needsOwner ? { owner: this.#ownerText ?? entry.record.name.relativeTo(entry.origin) } : {};
      const model = needsTtl ? this.#models.withTtl(index, entry.hasOwner || needsOwner) : undefined;
      const text = rewriteEntry(this.#lexer, entry, { record: target, needsTtl, model, ...owner });
      this.#replace(entry);
      if (text === undefined) {
        this.#insert({ record: target, model: index });
        return;
      }
      this.#revision.write(text);
    }
    this.#pass(entry.record.name, target, entry.hasTtl || needsTtl ? target.ttl : undefined);
  }

  /** A directive stays as it is, unless its records are to be written out or would come to mean something else. */
  #expansion(entry: ExpansionEntry, isWritten: boolean): void {
    const ttl = this.#ttl.clone();
    const isOwnerSame = entry.owner === undefined || this.#owner?.equals(entry.owner) === true;
    if (!isWritten && isOwnerSame && entry.steps.every((step) => hasSameTtl(step, ttl))) {
      this.#ttl = ttl;
      for (const step of entry.steps) if (step.kind === 'record') this.#expected.push(step.record);
      return;
    }
    this.#replace(entry);
    const text = fileText(this.#pages.octets.subarray(entry.start, entry.end));
    this.#revision.write(text.replaceAll(/[^\n]*\n|[^\n]+$/g, '; $&'));
    let due: number | undefined;
    for (const step of entry.steps) {
      if (step.kind === 'ttl') {
        due = step.ttl;
        continue;
      }
      due = this.#direct(due);
      const { record } = step;
      const isTtlWritten =
        this.#ttl.isMinimumUsed(record.type) || this.#ttl.of(record.type, record.rdata) !== record.ttl;
      const line = printLine(undefined, { record, origin: this.#origin, isOwnerImplied: false, isTtlWritten });
      this.#append(line, record, isTtlWritten ? record.ttl : undefined, this.#lineEnd(undefined));
    }
    this.#direct(due);
    // The entries behind it are read under another origin and owner, as far as they know.
    this.#ownerText = undefined;
  }

  /** Writes the `$TTL` that an included file has brought, where what stands behind it would be read otherwise without. */
  #direct(ttl: number | undefined): undefined {
    const next = this.#ttl.clone();
    if (ttl !== undefined) next.direct(ttl);
    if (next.equals(this.#ttl)) return;
    this.#write(`$TTL ${ttl}`, this.#lineEnd(undefined));
    this.#ttl = next;
  }

  #needsTtl(entry: RecordEntry, target: ResourceRecord): boolean {
    if (this.#ttl.of(target.type, target.rdata) !== target.ttl) return true;
    // The MINIMUM is the TTL of many; a new one must not change them all.
    return this.#ttl.isMinimumUsed(target.type) && this.#ttl.of(target.type, entry.record.rdata) !== target.ttl;
  }

  #pass(owner: Name, record: ResourceRecord, statedTtl: number | undefined): void {
    this.#ttl.pass(record.type, record.rdata, statedTtl);
    this.#owner = owner;
    this.#expected.push(record);
  }

  #add(index: number): void {
    for (const addition of this.#plan.additions.get(index) ?? []) {
      if (this.#isPlain) this.#plain.push(addition.record);
      else {
        const entry = this.#pages.entry(index);
        if (entry !== undefined) this.#revision.copyTo(entry.end);
        this.#insert(addition);
      }
    }
  }

  /** Writes a line of its own, in the layout of the entry `model` or one near it. */
  #insert({ record, model: index }: Addition): void {
    const model = this.#recordAt(index);
    const isTtlUsual = model?.hasTtl === true && this.#isTtlStatedAnyway(model.record);
    const isMinimumUsed = this.#ttl.isMinimumUsed(record.type);
    const isTtlWritten = isTtlUsual || isMinimumUsed || this.#ttl.of(record.type, record.rdata) !== record.ttl;
    const isOwnerImplied = this.#owner?.equals(record.name) === true && this.#isOwnerLeftOut(index, record);
    const layout = model && this.#models.forLine(index!, model, isTtlWritten);
    const line = printLine(layout, { record, origin: this.#origin, isOwnerImplied, isTtlWritten });
    this.#append(line, record, isTtlWritten ? record.ttl : undefined, this.#lineEnd(model));
  }

  #recordAt(index: number | undefined): RecordEntry | undefined {
    const entry = index === undefined ? undefined : this.#pages.entry(index);
    return entry?.kind === 'record' ? entry : undefined;
  }

  /** Would a record state its TTL here, where it need not? */
  #isTtlStatedAnyway({ type, ttl, rdata }: ResourceRecord): boolean {
    return !this.#ttl.isFixed || this.#ttl.of(type, rdata) === ttl;
  }

  /** Do records of one owner leave it out here: this owner's, or else those of others? */
  #isOwnerLeftOut(index: number | undefined, record: ResourceRecord): boolean {
    const model = this.#recordAt(index);
    if (model === undefined || !model.record.name.equals(record.name)) return false;
    if (!model.hasOwner) return true;
    const before = this.#models.near(index! - 1, () => true);
    return before?.record.name.equals(record.name) === true && before.start < model.start
      ? false
      : this.#survey.impliedOwners > 0;
  }

  #append(line: string, record: ResourceRecord, statedTtl: number | undefined, lineEnd: string): void {
    this.#write(line, lineEnd);
    this.#pass(record.name, record, statedTtl);
  }

  #write(line: string, lineEnd: string): void {
    this.#revision.write((this.#revision.isInLine ? lineEnd : '') + line + lineEnd);
  }

  /** What is written next stands in the place of an entry. */
  #replace({ start, end }: RecordEntry | ExpansionEntry): void {
    this.#revision.copyTo(start);
    this.#revision.skipTo(end);
  }

  /** As in the model, or else as in the file's first line. */
  #lineEnd(model: RecordEntry | undefined): string {
    const { octets } = this.#pages;
    const isEnded = model !== undefined && octets[model.end - 1] === LF;
    return isEnded ? lineEndAt(octets, model.end - 1) : this.#firstLineEnd;
  }

  #ownerOf(entry: RecordEntry): string {
    this.#lexer.read(entry.start);
    return this.#lexer.raw(0);
  }
}

const lineEndAt = (octets: Uint8Array, at: number): string => (at > 0 && octets[at - 1] === CR ? '\r\n' : '\n');

const LF = 0x0a;
const CR = 0x0d;
