/**
 * A zone file, or a piece of it, as a lossless document. Entries are spans of the file; tokens are lexed again where somebody needs
 * them.
 *
 * Always holds: the entries follow each other without gap (the octet order mark and a rest that could not be read included), so
 * that concatenating them gives the file, octet for octet.
 */
import type { Name } from '../name.ts';
import type { ResourceRecord } from '../rr/record.ts';

interface Span {
  /** Offset of the first octet. */
  readonly start: number;
  /** Behind the line end, or the end of the file. */
  readonly end: number;
}

export interface RecordEntry extends Span {
  readonly kind: 'record';
  /** Class IN, TTL resolved. */
  readonly record: ResourceRecord;
  /** The $ORIGIN in force. */
  readonly origin: Name;
  /** False when the line begins with a blank and means the owner before. */
  readonly hasOwner: boolean;
  readonly hasTtl: boolean;
}

/** What `$INCLUDE` or `$GENERATE` stands for, in order: records, and `$TTL` of included files. */
export type ExpansionStep =
  | { readonly kind: 'record'; readonly record: ResourceRecord; readonly hasTtl: boolean }
  | { readonly kind: 'ttl'; readonly ttl: number };

/** `$INCLUDE` or `$GENERATE`. */
export interface ExpansionEntry extends Span {
  readonly kind: 'expansion';
  readonly steps: readonly ExpansionStep[];
  /** The included file begins with a record that leaves its owner out, and means this one. */
  readonly owner: Name | undefined;
}

/** `$ORIGIN` (RFC 1035 5.1) or `$TTL` (RFC 2308 4). */
export type DirectiveEntry = Span &
  ({ readonly kind: 'origin'; readonly origin: Name } | { readonly kind: 'ttl'; readonly ttl: number });

/** `blank`: nothing but blanks and comments. `fault`: could not be read. */
export type OtherEntry = Span & { readonly kind: 'blank' | 'fault' };

export type Entry = RecordEntry | ExpansionEntry | DirectiveEntry | OtherEntry;

export interface ZoneFile {
  /** The origin at the beginning of the file: the zone's name. */
  readonly origin: Name;
  /** The file, one character (U+0000..U+00FF) per octet. */
  readonly text: string;
  readonly entries: readonly Entry[];
}

/** Octets to one character each. */
export function fileText(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('latin1');
}

/** The reverse of {@link fileText}. */
export function fileOctets(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}
