/**
 * Entries of a file that new text is to look like: which one near a place is the model, and its layout. What was found last is
 * kept, since many new lines may stand at one place.
 */
import { TYPE } from '../rr/type.ts';
import type { RecordEntry } from './document.ts';
import { locateHeader } from './header.ts';
import { type EntryLayout, layoutOf } from './layout.ts';
import type { EntryLexer } from './lexer.ts';
import type { Pages } from './pages.ts';

/** How far a better layout is looked for. */
const NEAR_ENTRIES = 16;

export class Models {
  readonly #pages: Pages;
  readonly #entries: number;
  readonly #lexer: EntryLexer;
  #layout: { readonly start: number; readonly layout: EntryLayout } | undefined;
  #chosen: { readonly place: string; readonly layout: EntryLayout } | undefined;

  /** `entries`: how many there are. `lexer` is over the file's text. */
  constructor(pages: Pages, entries: number, lexer: EntryLexer) {
    this.#pages = pages;
    this.#entries = entries;
    this.#lexer = lexer;
  }

  /** For a new line behind the entry `model`, which is the one of that index, with or without TTL. */
  forLine(index: number, model: RecordEntry, hasTtl: boolean): EntryLayout {
    const place = `${index} ${hasTtl}`;
    if (this.#chosen?.place !== place) this.#chosen = { place, layout: this.#layoutNear(index, model, hasTtl) };
    return this.#chosen.layout;
  }

  /** For a TTL that is put into an entry. */
  withTtl(index: number, hasOwner: boolean): EntryLayout | undefined {
    const model = this.near(index, (entry) => entry.hasOwner === hasOwner && this.#hasTtlFirst(entry));
    return model && this.#layoutOf(model);
  }

  /** The entry itself, or the nearest one before it, or else behind it, that is of some kind: its columns fit best. */
  near(index: number, isFit: (entry: RecordEntry) => boolean): RecordEntry | undefined {
    for (const step of [-1, 1]) {
      for (let i = index; Math.abs(i - index) <= NEAR_ENTRIES; i += step) {
        if (i < 0 || i >= this.#entries || this.#pages.isExpansion(i)) break;
        const entry = this.#pages.entry(i);
        if (entry?.kind === 'expansion') break;
        if (entry?.kind === 'record' && entry.record.type !== TYPE.SOA && isFit(entry)) return entry;
      }
    }
    return undefined;
  }

  /** The layout that a new line behind a model has. One whose owner leaves no room for columns is not imitated, if others have them. */
  #layoutNear(index: number, model: RecordEntry, hasTtl: boolean): EntryLayout {
    const near = this.near(index, (entry) => entry.hasTtl === hasTtl) ?? model;
    const layout = this.#layoutOf(near);
    const column = layout.fields[1]?.column ?? 0;
    if (!near.hasOwner || layout.fields[1]?.gap !== ' ') return layout;
    const other = this.near(index, (entry) => {
      if (entry.hasTtl !== hasTtl || !entry.hasOwner || entry.record.type !== near.record.type) return false;
      this.#lexer.read(entry.start);
      const [end, next] = [this.#lexer.ends[0]!, this.#lexer.starts[1]!];
      return next - end > 1 && next - entry.start < column;
    });
    return other === undefined ? layout : this.#layoutOf(other);
  }

  /** Does the entry state a TTL, and before the class if that is stated as well? */
  #hasTtlFirst(entry: RecordEntry): boolean {
    if (!entry.hasTtl) return false;
    this.#lexer.read(entry.start);
    const header = locateHeader(this.#lexer);
    return header.class < 0 || header.ttl < header.class;
  }

  #layoutOf(entry: RecordEntry): EntryLayout {
    const { start } = entry;
    if (this.#layout?.start !== start) this.#layout = { start, layout: layoutOf(this.#lexer, entry) };
    return this.#layout.layout;
  }
}
