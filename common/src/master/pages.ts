/**
 * A zone file as pages: stretches of a few entries, each with the standing of its first one. A page is read into entries when
 * somebody looks at it; all others are octets. So a change costs what it looks at, and memory does not depend on the file.
 */
import type { Entry } from './document.ts';
import { parseEntries } from './parse.ts';
import type { ParseOptions } from './scan.ts';
import type { Standing } from './standing.ts';

export interface Page {
  /** The number of its first entry: entries are counted through the file, from 0. */
  readonly first: number;
  /** The offset of its first octet. */
  readonly start: number;
  readonly standing: Standing;
  /** It is nothing but a directive that may stand for many records: reading it costs as much as those. */
  isExpansion?: boolean;
}

/** Pages kept open: changes go through a file in order, and look a few entries back and ahead. */
const OPEN_PAGES = 3;

export class Pages {
  readonly octets: Uint8Array;
  readonly #options: ParseOptions;
  /** The last one stands for the end of the file, and has no entries. */
  readonly #pages: readonly Page[];
  /** By the number of the page, the latest last. */
  readonly #open = new Map<number, readonly Entry[]>();

  constructor(octets: Uint8Array, options: ParseOptions, pages: readonly Page[]) {
    this.octets = octets;
    this.#options = options;
    this.#pages = pages;
  }

  get count(): number {
    return this.#pages.length - 1;
  }

  /** A page, or what stands for the end of the file behind the last one. */
  at(page: number): Page {
    return this.#pages[page]!;
  }

  /** How a piece is read that begins where this page does. */
  optionsAt(page: number): ParseOptions {
    return page === 0 ? this.#options : { ...this.#options, standing: this.at(page).standing };
  }

  /** The page that holds an entry. */
  pageOf(entry: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.at(middle + 1).first <= entry) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Is it worth looking there for a model? */
  isExpansion(entry: number): boolean {
    return this.at(this.pageOf(entry)).isExpansion === true;
  }

  entriesOf(page: number): readonly Entry[] {
    const entries =
      this.#open.get(page) ??
      parseEntries(this.octets, this.at(page).start, this.at(page + 1).start, this.optionsAt(page));
    this.#open.delete(page);
    this.#open.set(page, entries);
    const [oldest] = this.#open.keys();
    if (this.#open.size > OPEN_PAGES) this.#open.delete(oldest!);
    return entries;
  }

  entry(entry: number): Entry | undefined {
    const page = this.pageOf(entry);
    return page === this.count ? undefined : this.entriesOf(page)[entry - this.at(page).first];
  }
}
