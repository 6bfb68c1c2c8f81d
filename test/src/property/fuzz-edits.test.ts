/**
 * UPDATEs on hand-written zone files: the file says what is served, and only lines that say something else are others than before.
 * What a line says is told by reading; which lines differ, by comparing texts. The seed is printed; `SEED=n` repeats a run.
 */
import type { Key } from '@zonewright/common/authority/key';
import { runUpdate } from '@zonewright/common/authority/run-update';
import type { RecordEntry } from '@zonewright/common/master/document';
import { parseZoneFile } from '@zonewright/common/master/parse';
import { Name } from '@zonewright/common/name';
import { CLASS } from '@zonewright/common/rr/class';
import { type ResourceRecord, recordKey } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import { contentOf, type Delta, isSoaEdited } from '@zonewright/common/zone/delta';
import type { Zone } from '@zonewright/common/zone/zone';
import { editedFile } from '@zonewright/primary/commit';
import test from 'ava';
import { type CorpusFile, corpus, includedFile, read } from '../support/corpus.ts';
import { isWhole } from '../support/extent.ts';
import { commentOf, diffLines, linesOf, missingIn, printDiff } from '../support/line-diff.ts';
import { chanceFrom, seedOfRun } from '../support/mutation.ts';
import { randomUpdate } from '../support/random-update.ts';
import { given, nameOf } from '../support/records.ts';

/** Sequences for each file, and updates of each; more with `npm run test:fuzz`. */
const SEQUENCES = isWhole ? 50 : 1;
const UPDATES = 24;
const MOST_SHOWN = 20;

const seed = seedOfRun();
const key = { name: nameOf('any._update.'), operation: 'update', zone: Name.root } as Key;

const textOf = (octets: Uint8Array): string => Buffer.from(octets).toString('latin1');
const contentIn = (zone: Zone): string =>
  [zone.soaRecord(), ...zone.records()]
    .map((record) => `${record.ttl} ${recordKey(record)}`)
    .sort()
    .join('\n');

/** A file as lines, with what the records of each line are. */
class Lines {
  readonly lines: readonly string[];
  readonly entries: readonly RecordEntry[];
  readonly #numbers = new Map<RecordEntry, readonly [first: number, end: number]>();
  /** The lines of directives that stand for records, by the keys of those. */
  readonly #directives: { readonly keys: ReadonlySet<string>; readonly span: readonly [number, number] }[] = [];
  readonly hasTtl: boolean;

  constructor(octets: Uint8Array, origin: Name) {
    const { file, faults } = parseZoneFile(octets, { origin, include: includedFile });
    if (faults.length > 0) throw new Error(faults[0]!.what);
    this.lines = linesOf(file.text);
    let line = 0;
    for (const entry of file.entries) {
      const count = linesOf(file.text.slice(entry.start, entry.end)).length;
      // The order mark is an entry without a line of its own.
      const isLine = file.text[entry.end - 1] === '\n' || entry.end === file.text.length;
      if (entry.kind === 'record') this.#numbers.set(entry, [line, line + count]);
      if (entry.kind === 'expansion') {
        const keys = new Set(entry.steps.flatMap((step) => (step.kind === 'record' ? [recordKey(step.record)] : [])));
        this.#directives.push({ keys, span: [line, line + count] });
      }
      if (isLine) line += count;
    }
    this.entries = [...this.#numbers.keys()];
    this.hasTtl = file.entries.some(({ kind }) => kind === 'ttl');
  }

  /** The numbers of an entry's lines. */
  of(entry: RecordEntry): readonly number[] {
    const [first, end] = this.#numbers.get(entry)!;
    return Array.from({ length: end - first }, (_, i) => first + i);
  }

  textOf(entry: RecordEntry): readonly string[] {
    return this.lines.slice(...this.#numbers.get(entry)!);
  }

  /** The numbers of the lines of directives that stand for one of these. */
  directives(keys: ReadonlySet<string>): readonly number[] {
    return this.#directives
      .filter((each) => [...keys].some((key) => each.keys.has(key)))
      .flatMap(({ span: [first, end] }) => Array.from({ length: end - first }, (_, i) => first + i));
  }
}

/** What is wrong with a changed file, if anything. */
function wrong(
  file: CorpusFile,
  before: Uint8Array,
  after: Uint8Array,
  delta: Delta,
  old: Zone,
  next: Zone,
): string | undefined {
  const { zone, findings } = read(after, file.origin);
  if (zone === undefined) return `no zone: ${findings.find(({ severity }) => severity === 'error')?.what}`;
  if (contentIn(zone) !== contentIn(next))
    return `the file says\n${missingIn(contentIn(zone).split('\n'), contentIn(next).split('\n')).join('\n')}\nserved is\n${missingIn(contentIn(next).split('\n'), contentIn(zone).split('\n')).join('\n')}`;
  return wrongLines(new Lines(before, file.origin), new Lines(after, file.origin), delta, isSoaEdited(old, next));
}

function wrongLines(before: Lines, after: Lines, delta: Delta, isSoaChanged: boolean): string | undefined {
  const { removed: gone, added: come } = contentOf(delta);
  const touched = new Set([...gone, ...come].map(recordKey));
  const isTouched = ({ record }: RecordEntry): boolean => record.type === TYPE.SOA || touched.has(recordKey(record));
  const setOf = ({ name, type }: ResourceRecord): string => `${type} ${name.key}`;
  const ttls = new Map(gone.map((record) => [setOf(record), record.ttl]));
  // A line that left out what stood in one before it, which is another now; one that has the least TTL of its set from now on.
  const isExcused = (entry: RecordEntry, i: number): boolean => {
    const isBehind = before.entries[i - 1] !== undefined && isTouched(before.entries[i - 1]!);
    const isUneven = (ttls.get(setOf(entry.record)) ?? entry.record.ttl) !== entry.record.ttl;
    return isUneven || (isBehind && !entry.hasOwner) || (!entry.hasTtl && !before.hasTtl);
  };
  const expanded = before.directives(touched);
  const open = new Set(expanded);
  for (const [i, entry] of before.entries.entries())
    if (isTouched(entry) || isExcused(entry, i)) for (const line of before.of(entry)) open.add(line);
  if (before.lines.at(-1)?.endsWith('\n') === false) open.add(before.lines.length - 1);

  let at = 0;
  let kept = 0;
  for (const [line, text] of before.lines.entries()) {
    if (open.has(line)) continue;
    const found = after.lines.indexOf(text, at);
    if (found < 0) return `a line is another that says the same: ${JSON.stringify(text)}`;
    at = found + 1;
    kept++;
  }
  const written = after.entries.filter(isTouched).flatMap((entry) => after.of(entry));
  const others = before.entries.filter((entry, i) => !isTouched(entry) && isExcused(entry, i)).length;
  if (expanded.length === 0 && after.lines.length - kept > written.length + others + 1)
    return 'there are lines that need not be';

  const soaIn = (lines: Lines): readonly string[] =>
    lines.textOf(lines.entries.find(({ record }) => record.type === TYPE.SOA)!);
  const soaLines = diffLines(soaIn(before), soaIn(after)).removed.length;
  if (!isSoaChanged && soaLines > 1) return `${soaLines} lines of the SOA are others`;

  return wrongComments(before, after, gone, come, expanded.length > 0);
}

/** Comments go with the line of a record that goes, and not otherwise. */
function wrongComments(
  before: Lines,
  after: Lines,
  gone: readonly ResourceRecord[],
  come: readonly ResourceRecord[],
  isExpanded: boolean,
): string | undefined {
  const commentsOf = (lines: readonly string[]): string[] => lines.flatMap((line) => commentOf(line) ?? []);
  const lost = missingIn(commentsOf(before.lines), commentsOf(after.lines));
  if (lost.length === 0 || isExpanded) return undefined;
  const setOf = ({ name, type }: ResourceRecord): string => `${type} ${name.key}`;
  const room = new Map<string, number>();
  for (const record of come) room.set(setOf(record), (room.get(setOf(record)) ?? 0) + 1);
  const allowed: string[] = [];
  const goneKeys = new Set(gone.map(recordKey));
  const kept = new Set(come.map(recordKey));
  for (const entry of before.entries) {
    const id = recordKey(entry.record);
    const lines = before.textOf(entry);
    if (!goneKeys.has(id)) continue;
    // Of a string that goes.
    if (lines.length > 1) allowed.push(...commentsOf(lines));
    else if (!kept.has(id)) allowed.push(...commentsOf(lines));
  }
  const missed = missingIn(lost, allowed);
  return missed.length === 0 ? undefined : `comments are lost: ${JSON.stringify(missed)}`;
}

test('after any updates of any file the file says what is served, and no line is another without need', (t) => {
  t.log(`SEED=${seed}`);
  t.true(corpus.length >= 40);
  const stock = corpus.flatMap(({ octets, origin }) => [...(read(octets, origin).zone?.records() ?? [])]);
  let [changes, refused] = [0, 0];
  const faults: string[] = [];
  for (const [number, file] of corpus.entries()) {
    for (let sequence = 0; sequence < SEQUENCES; sequence++) {
      const chance = chanceFrom(seed + number * 1_000_003 + sequence);
      let { octets } = file;
      let zone = read(octets, file.origin).zone!;
      for (let i = 0; i < UPDATES; i++) {
        const { kinds, operations } = randomUpdate({ zone, chance, stock });
        const outcome = runUpdate(
          { origin: file.origin, scope: file.origin, key, prerequisites: [], operations },
          zone,
        );
        if (!outcome.ok || outcome.value === undefined) {
          refused++;
          continue;
        }
        const { zone: next, delta } = outcome.value;
        const edited = editedFile(octets, next, delta, includedFile);
        const fault = edited.ok ? wrong(file, octets, edited.value, delta, zone, next) : edited.fault.what;
        if (fault !== undefined) {
          const shown = edited.ok ? printDiff(textOf(octets), textOf(edited.value)) : '';
          faults.push(
            `SEED=${seed} ${file.name}, sequence ${sequence}, update ${i} (${kinds.join(', ')}): ${fault}\n${shown}`,
          );
          break;
        }
        octets = given(edited);
        zone = next;
        changes++;
      }
    }
  }
  t.log(`${corpus.length} files, ${changes} changes, ${refused} refused or without effect`);
  if (faults.length > 0) t.fail(`${faults.length} sequences broke off:\n${faults.slice(0, MOST_SHOWN).join('\n')}`);
  t.true(changes > refused);
});

test('no octet in a name, a target or a text that comes makes anything else of a file', (t) => {
  const every = Array.from({ length: 256 }, (_, octet) => octet);
  for (const { name, octets, origin } of corpus) {
    const { zone } = read(octets, origin);
    const below = (label: Uint8Array): Name => given(Name.fromLabels([label, ...origin.labels]));
    const operations = every.flatMap((octet) => [
      addition(below(Uint8Array.of(octet, 0x78)), TYPE.TXT, Uint8Array.of(4, 0x22, octet, 0x22, octet)),
      addition(below(Buffer.from('octets')), TYPE.PTR, Uint8Array.of(2, octet, octet, 0)),
      addition(below(Buffer.from('octets')), TYPE.TXT, Uint8Array.of(2, octet, 0x41, 1, octet)),
    ]);
    const { zone: next, delta } = given(
      runUpdate({ origin, scope: origin, key, prerequisites: [], operations }, zone!),
    )!;
    const edited = given(editedFile(octets, next, delta, includedFile));
    t.is(contentIn(read(edited, origin).zone!), contentIn(next), name);
    const before = textOf(octets);
    const lines = linesOf(before);
    const { removed, added } = diffLines(lines, linesOf(textOf(edited)));
    // The serial, and what stood behind no line end.
    t.true(removed.length <= (before.endsWith('\n') ? 1 : 2) + soaCopies(lines), name);
    t.is(added.length, removed.length + delta.added.length - 1, name);
  }
});

/** SOAs beside the first. */
const soaCopies = (lines: readonly string[]): number =>
  lines.filter((line) => /\sSOA\s/i.test(line) && !line.startsWith(';')).length - 1;

const addition = (name: Name, type: number, rdata: Uint8Array): ResourceRecord => ({
  name,
  type,
  class: CLASS.IN,
  ttl: 60,
  rdata,
});
