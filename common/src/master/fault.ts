/** What is wrong with the text of a file, and where: all of it in one list, which has an end. */
import { hintAgainst } from './hint.ts';

export interface FileFault {
  readonly kind: 'syntax' | 'rdata' | 'owner' | 'ttl' | 'directive' | 'limit';
  /** The file that `$INCLUDE` names; absent for the file itself. */
  readonly file?: string;
  /** From 1. */
  readonly line: number;
  /** In octets, from 1. */
  readonly column: number;
  /** Printable ASCII. */
  readonly what: string;
  readonly hint?: string;
  readonly severity: 'error';
}

type Where = Pick<FileFault, 'line' | 'column'> & { readonly file: string | undefined };

/** Octets of one fault text. */
const MAX_WHAT = 240;

export class FaultList {
  readonly #limit: number;
  readonly #faults: FileFault[] = [];
  #first: Where | undefined;
  /** All, also those that are over the limit. */
  count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(kind: FileFault['kind'], where: Where, what: string, hint?: string): void {
    this.count++;
    if (this.count > this.#limit) this.#first ??= { file: where.file, line: where.line, column: where.column };
    else this.#push(kind, where, printable(what, MAX_WHAT), hint ?? hintAgainst(what));
  }

  /** In the order of reading. When there are more than the limit, the last one says how many. */
  finish(): readonly FileFault[] {
    if (this.#first !== undefined) this.#push('limit', this.#first, `and ${this.count - this.#limit} more faults`);
    return this.#faults;
  }

  #push(kind: FileFault['kind'], { file, line, column }: Where, what: string, hint?: string): void {
    const place = { ...(file === undefined ? {} : { file }), line, column };
    this.#faults.push({ kind, ...place, what, ...(hint === undefined ? {} : { hint }), severity: 'error' });
  }
}

/** About `length` characters at most, printable ASCII only: fault texts go to terminals and logs. */
export function printable(text: string, length: number): string {
  const escaped = text
    .slice(0, length)
    .replace(/[^ -~]/g, (octet) => `\\${String(octet.charCodeAt(0)).padStart(3, '0')}`);
  return escaped.length < length || escaped === text ? escaped : `${escaped.slice(0, length)}...`;
}
