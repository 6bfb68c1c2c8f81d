/** What a rule of a good zone is: a row with its name, how bad a breach is, where it is written, and how to find one. */
import type { Name } from '../../name.ts';
import type { RRset } from '../../rr/record.ts';
import type { Zone, ZoneNode } from '../zone.ts';

/** A breach, as the rule tells it. */
export interface Breach {
  /** The set it is about, where it is about one. */
  readonly type?: number;
  /** The record of that set that is at fault, where it is a single one. */
  readonly rdata?: Uint8Array;
  readonly what: string;
  readonly hint?: string;
}

/** What is to be seen of a node without taking it apart (`aspect.ts`). */
export const ASPECT = {
  apex: 1,
  /** All sets together have more records, or are larger, than one may be without a word. */
  large: 2,
  /** At or below a zone cut, with data that do not belong there. */
  cut: 4,
  /** Below a DNAME. */
  dname: 8,
  /** There is an asterisk in a label that is not the first. */
  asterisk: 16,
  /** A signature of what is not here. */
  lostSignature: 32,
  /** Points to a name that is not plainly elsewhere, or here with an address; or a wildcard points. */
  target: 64,
} as const;

interface RuleRow {
  /** Stable name. */
  readonly rule: string;
  /** An error: the zone is not taken. */
  readonly severity: 'error' | 'warning';
  /** Where it is written: `RFC 1034 3.6.2`. */
  readonly source: string;
  /** It says what a server can hold and answer at all: a copy of another server's zone is held to these rules alone. */
  readonly isLimit?: true;
  /** What a name must have for the rule to look at it: see {@link ASPECT}. */
  readonly aspect?: number;
}

/** A rule looks at one name, with its surroundings where it must. */
interface NameRule extends RuleRow {
  readonly aspect: number;
  find(zone: Zone, node: ZoneNode): Iterable<Breach>;
}

/** A rule that concerns some types: it looks at each set of these. */
interface SetRule extends RuleRow {
  readonly types: readonly number[];
  findIn(zone: Zone, rrset: RRset, node: ZoneNode): Iterable<Breach>;
}

export type Rule = NameRule | SetRule;

export const NONE: readonly Breach[] = [];

export function isApex(zone: Zone, name: Name): boolean {
  // The length first: it tells most names from the apex without a look at their labels.
  return name.wire.length === zone.origin.wire.length && name.equals(zone.origin);
}
