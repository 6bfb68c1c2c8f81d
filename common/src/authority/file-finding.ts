/** What is wrong with a file of the repository, as lines for people: the common form of all that finds something in files. */
import type { FileFault } from '../master/fault.ts';
import type { Place } from '../master/scan.ts';

/** What is wrong with a file, and where. */
export interface FileFinding {
  /** An error: the zone (the key) is not taken. A note: what the server makes of it by itself. */
  readonly severity: 'error' | 'warning' | 'note';
  /** Stable name of the rule. */
  readonly rule?: string;
  /** The file that `$INCLUDE` names, when it stands in one. */
  readonly file?: string;
  /** From 1; absent for what concerns the whole file. */
  readonly line?: number;
  /** In octets, from 1. */
  readonly column?: number;
  readonly what: string;
  readonly hint?: string;
}

/** A fault of reading. */
export function fromFault({ kind, ...fault }: FileFault): FileFinding {
  return { ...fault, rule: kind };
}

/** A finding at a place of a file, as far as that is known. */
export function at(
  found: Place | undefined,
  severity: FileFinding['severity'],
  rule: string,
  what: string,
  hint?: string,
): FileFinding {
  const where = found && {
    ...(found.file === undefined ? {} : { file: found.file }),
    line: found.line,
    column: found.column,
  };
  return { severity, rule, ...where, what, ...(hint === undefined ? {} : { hint }) };
}

/** `FILE:LINE:COLUMN` of a finding in `fileName`, or in a file that it includes. */
export function placeOf(fileName: string, { file, line, column }: FileFinding): string {
  return line === undefined ? (file ?? fileName) : `${file ?? fileName}:${line}:${column ?? 1}`;
}

/** One line for people: `FILE:LINE:COLUMN: error: what (hint)`. */
export function printFinding(fileName: string, finding: FileFinding): string {
  const { severity, what, hint } = finding;
  return `${placeOf(fileName, finding)}: ${severity}: ${what}${hint === undefined ? '' : ` (${hint})`}`;
}

/** `line 7`, `line 7 of FILE`. */
export function lineOf({ file, line }: Place): string {
  return file === undefined ? `line ${line}` : `line ${line} of ${file}`;
}

function byPlace(a: FileFinding, b: FileFinding): number {
  const [first, second] = [a.file ?? '', b.file ?? ''];
  if (first !== second) return first < second ? -1 : 1;
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

/** How many are handed out: more of them help nobody. */
export const LIMIT = 1000;

/** Findings as they come, of which no more are kept than are handed out. */
export class FindingList {
  readonly #errors: FileFinding[] = [];
  readonly #warnings: FileFinding[] = [];
  #count = 0;
  #errorCount = 0;

  /** Is there an error among them? */
  get hasError(): boolean {
    return this.#errorCount > 0;
  }

  add(finding: FileFinding): void {
    this.#count++;
    if (isError(finding)) this.#errorCount++;
    const list = isError(finding) ? this.#errors : this.#warnings;
    if (list.length < LIMIT) list.push(finding);
  }

  /** By file and line, and at most a thousand: warnings are left out first, and the last one says how many. */
  finish(): readonly FileFinding[] {
    const kept = [...this.#errors, ...this.#warnings].slice(0, LIMIT).sort(byPlace);
    if (this.#count <= LIMIT) return kept;
    const severity = this.#errorCount > LIMIT ? 'error' : 'warning';
    return [...kept, { severity, rule: 'limit', what: `and ${this.#count - LIMIT} more like these` }];
  }
}

/** The findings of a list in the order of {@link FindingList.finish}. */
export function inOrder(findings: Iterable<FileFinding>): readonly FileFinding[] {
  const list = new FindingList();
  for (const finding of findings) list.add(finding);
  return list.finish();
}

/** Is it one that keeps the zone or the key from being taken? */
export function isError(finding: Pick<FileFinding, 'severity'>): boolean {
  return finding.severity === 'error';
}
