/** What is wrong with a file of the repository, as lines for people: the common form of all that finds something in files. */
import type { FileFault, FileRecord } from '../master/parse.ts';

/** What is wrong with a file, and where. */
export interface FileFinding {
  /** An error: the zone (the key) is not taken. */
  readonly severity: 'error' | 'warning';
  /** Stable name of the rule. */
  readonly rule?: string;
  /** From 1; absent for what concerns the whole file. */
  readonly line?: number;
  /** In octets, from 1. */
  readonly column?: number;
  readonly what: string;
  readonly hint?: string;
}

/** A fault of reading. */
export function fromFault(fault: FileFault): FileFinding {
  const { severity, kind, line, column, what, hint } = fault;
  return { severity, rule: kind, line, column, what, ...(hint === undefined ? {} : { hint }) };
}

/** A finding at the place of a record. */
export function at(
  entry: FileRecord,
  severity: FileFinding['severity'],
  rule: string,
  what: string,
  hint?: string,
): FileFinding {
  return { severity, rule, line: entry.line, column: entry.column, what, ...(hint === undefined ? {} : { hint }) };
}

function byPlace(a: FileFinding, b: FileFinding): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

/** How many are handed out: more of them help nobody. */
const LIMIT = 1000;

/** In the order of the lines, and at most a thousand: warnings are left out first, and the last one says how many. */
export function inOrder(findings: readonly FileFinding[]): readonly FileFinding[] {
  if (findings.length <= LIMIT) return [...findings].sort(byPlace);
  const errors = findings.filter(isError);
  const warnings = findings.filter((finding) => !isError(finding));
  const kept = [...errors, ...warnings].slice(0, LIMIT).sort(byPlace);
  const severity = errors.length > LIMIT ? 'error' : 'warning';
  return [...kept, { severity, rule: 'limit', what: `and ${findings.length - LIMIT} more like these` }];
}

/** Is it one that keeps the zone or the key from being taken? */
export function isError(finding: FileFinding): boolean {
  return finding.severity === 'error';
}
