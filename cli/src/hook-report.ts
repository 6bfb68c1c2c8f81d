/**
 * What a hook says to whoever pushed: lines that git shows as `remote: ...`.
 *
 * Always holds: what was pushed says nothing but printable characters on one line, no line and no number of lines is beyond a limit,
 * and errors are not crowded out by what is less.
 */
import { type FileFinding, isError, printFinding } from '@zonewright/common/authority/file-finding';
import { redactText } from '@zonewright/common/service/redact';
import { printable } from './printable.ts';

type Severity = FileFinding['severity'];

/** Lines of each kind that are shown. */
const SHOWN = { error: 200, warning: 100, note: 50 } as const satisfies Record<Severity, number>;
/** Characters of a line. */
const MAX_LINE_LENGTH = 1000;

export class HookReport {
  readonly #write: (line: string) => void;
  readonly #counts: Record<Severity, number> = { error: 0, warning: 0, note: 0 };
  readonly #faulty = new Set<string>();

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  get errors(): number {
    return this.#counts.error;
  }

  find(fileName: string, finding: FileFinding): void {
    if (isError(finding)) this.#faulty.add(fileName);
    this.#add(finding.severity, () => printFinding(quoted(fileName), finding));
  }

  note(text: string): void {
    this.#add('note', () => text);
  }

  /** What is not shown, and the verdict. */
  finish(): void {
    for (const [severity, most] of Object.entries(SHOWN)) {
      const more = this.#counts[severity as Severity] - most;
      if (more > 0) this.#write(`and ${more} more ${severity}s`);
    }
    if (this.errors === 0) return;
    const files = this.#faulty.size === 1 ? 'one file' : `${this.#faulty.size} files`;
    const errors = this.errors === 1 ? 'one error' : `${this.errors} errors`;
    this.#write(`refused: ${errors} in ${files}; nothing of this push is taken`);
  }

  #add(severity: Severity, line: () => string): void {
    if (++this.#counts[severity] <= SHOWN[severity]) this.#write(printable(redactText(line()), MAX_LINE_LENGTH));
  }
}

/** A file name as git writes those that are not plain: in quotes, octets in octal (git-config(1), `core.quotePath`). */
export function quoted(fileName: string): string {
  if (/^[!-~]+$/.test(fileName) && !fileName.startsWith('"')) return fileName;
  const octets = Buffer.from(fileName).toString('latin1');
  const inOctal = (octet: string): string =>
    octet === '"' || octet === '\\' ? `\\${octet}` : `\\${octet.charCodeAt(0).toString(8).padStart(3, '0')}`;
  return `"${octets.replace(/[^ -~]|["\\]/g, inOctal)}"`;
}
