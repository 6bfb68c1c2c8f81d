/**
 * A stretch of a changed file that was written anew, between pages that stay as they are.
 *
 * It is read again before it is used. When it holds the records that it should, in their order and without a fault, and what stands
 * behind it has the same standing as before, then all of the file means what it should: nothing else of it is different.
 */
import { CLASS } from '../rr/class.ts';
import { type ResourceRecord, rdataKey } from '../rr/record.ts';
import type { Pages } from './pages.ts';
import { type ScannedRecord, type ScanSink, scanZoneFile } from './scan.ts';
import { isSameStanding, type Standing } from './standing.ts';

/** `begin` and `end` are the numbers of its first page and of the one behind it, `octets` what stands between them now. */
export function isStretchGood(
  pages: Pages,
  begin: number,
  end: number,
  octets: Uint8Array,
  expected: readonly ResourceRecord[],
): boolean {
  const reader = new Reader(expected, pages.at(begin).standing);
  const faults = scanZoneFile(octets, pages.optionsAt(begin), reader);
  if (faults.length > 0 || !reader.isAsExpected) return false;
  if (end === pages.count) return true;
  const isLineEnded = octets.length === 0 || octets.at(-1) === LF;
  return isLineEnded && isSameStanding(reader.standing, pages.at(end).standing);
}

class Reader implements ScanSink {
  /** Behind the last entry. */
  standing: Standing;
  readonly #expected: readonly ResourceRecord[];
  #count = 0;
  #isEqual = true;

  constructor(expected: readonly ResourceRecord[], standing: Standing) {
    this.#expected = expected;
    this.standing = standing;
  }

  get isAsExpected(): boolean {
    return this.#isEqual && this.#count === this.#expected.length;
  }

  onRecord(record: ScannedRecord): void {
    const expected = this.#expected[this.#count++];
    this.#isEqual &&= expected !== undefined && isSame(record, expected);
  }

  onEntry(_kind: unknown, _start: number, _end: number, _line: number, standing: Standing): void {
    this.standing = standing;
  }
}

function isSame({ name, type, ttl, rdata }: ScannedRecord, expected: ResourceRecord): boolean {
  if (expected.class !== CLASS.IN || type !== expected.type || ttl !== expected.ttl) return false;
  if (!name.equals(expected.name)) return false;
  return Buffer.compare(rdata, expected.rdata) === 0 || rdataKey(type, rdata) === rdataKey(type, expected.rdata);
}

const LF = 0x0a;
