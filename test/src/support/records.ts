/**
 * Names, records and zones written as text in tests. A tokenizer of its own (one line, no comments, no parentheses), so that the
 * core is tested without the zone file parser above it. What cannot be read throws: it is the test that is wrong.
 */
import { Name } from '@zonewright/common/name';
import type { Result } from '@zonewright/common/result';
import { CLASS } from '@zonewright/common/rr/class';
import type { TextToken } from '@zonewright/common/rr/field';
import { parseRdata } from '@zonewright/common/rr/rdata';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { parseType } from '@zonewright/common/rr/type';
import { Zone } from '@zonewright/common/zone/zone';

/** The value of a result that must be one. */
export function given<T>(result: Result<T, { readonly what: string }>): T {
  if (!result.ok) throw new Error(result.fault.what);
  return result.value;
}

/** A name from presentation form; relative ones end at the root. */
export const nameOf = (text: string, origin?: Name): Name => given(Name.parse(text, origin));

export const hexOf = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

/** Octets from hexadecimal, blanks allowed. */
export const octetsOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));

/** The words of one line; quotes are taken off a word that is quoted as a whole, and stay inside `key="value"`. */
export function tokensOf(text: string): readonly TextToken[] {
  return [...text.matchAll(/"((?:\\[\s\S]|[^"\\])*)"|((?:\\[\s\S]|"(?:\\[\s\S]|[^"\\])*"|[^\s"\\])+\\?)/g)].map(
    (match) => (match[1] === undefined ? { text: match[2]!, isQuoted: false } : { text: match[1], isQuoted: true }),
  );
}

/** RDATA from presentation form. */
export function rdataOf(type: string, text: string, origin: Name = Name.root): Uint8Array {
  return given(parseRdata(parseType(type)!, tokensOf(text), origin));
}

/** `owner ttl type rdata` as a record of class IN. */
export function recordOf(line: string, origin: Name = Name.root): ResourceRecord {
  const match = /^(\S+)\s+(\d+)\s+(\S+)\s*(.*)$/s.exec(line.trim());
  if (match === null) throw new Error(`no record: ${line}`);
  const [, owner, ttl, type, rdata] = match as unknown as readonly string[];
  return {
    name: nameOf(owner!, origin),
    type: parseType(type!)!,
    class: CLASS.IN,
    ttl: Number(ttl),
    rdata: rdataOf(type!, rdata!, origin),
  };
}

/** Records, one a line. */
export const recordsFrom = (text: string, origin?: Name): ResourceRecord[] =>
  text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => recordOf(line, origin));

/** The zone `example.` with the given records beside its SOA (serial 1). */
export function zoneOf(text: string, soa = '@ 3600 SOA ns hostmaster 1 3600 600 86400 300'): Zone {
  const origin = nameOf('example.');
  const zone = Zone.fromRecords(origin, recordsFrom(`${soa}\n${text}`, origin));
  if (zone === undefined) throw new Error('no zone');
  return zone;
}
