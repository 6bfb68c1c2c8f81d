/**
 * A delta that is kept for long, as octets (`record-octets.ts`): as objects its records would take many times the memory, and the garbage
 * collector would walk through all of them again and again. They are made when somebody asks for them.
 */
import type { Name } from '../name.ts';
import type { ResourceRecord } from '../rr/record.ts';
import type { Delta } from './delta.ts';
import { type Difference, differenceOf } from './difference.ts';
import { readRecords, recordOctets, writeRecords } from './record-octets.ts';

export class KeptDelta implements Difference {
  readonly from: number;
  readonly to: number;
  readonly records: number;
  readonly octets: number;
  /** What is removed, and behind it what is added. Must not be modified. */
  readonly written: Uint8Array;
  readonly #origin: Name;
  /** Where in it begins what is added. */
  readonly #middle: number;

  constructor(delta: Delta, { records, octets }: Difference = differenceOf(delta)) {
    const { origin, from, to, removed, added } = delta;
    this.from = from;
    this.to = to;
    this.records = records;
    this.octets = octets;
    this.#origin = origin;
    this.written = writeRecords([removed, added]);
    this.#middle = removed.reduce((sum, record) => sum + recordOctets(record), 0);
  }

  sequence(): Iterable<ResourceRecord> {
    return readRecords(this.written);
  }

  /** With all its records as objects. */
  get delta(): Delta {
    const removed = [...readRecords(this.written.subarray(0, this.#middle))];
    const added = [...readRecords(this.written.subarray(this.#middle))];
    return { origin: this.#origin, from: this.from, to: this.to, removed, added };
  }
}
