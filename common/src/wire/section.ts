/**
 * The records of a section of a message (RFC 1035 4.1.3), one after the other, as octets: all of them are ONE object that is filled again
 * for each, so that a transfer of many records makes no object of any. Who keeps one asks for what may be kept, which is made then.
 *
 * Always holds: what is handed out has valid RDATA, its names uncompressed, as in a message that was decoded.
 */
import { MAX_NAME_OCTETS, Name } from '../name.ts';
import { type OctetsFault, Reader, Writer } from '../octets.ts';
import { copyRdata, MAX_RDATA_OCTETS } from '../rr/rdata.ts';
import type { ResourceRecord } from '../rr/record.ts';

/** Where a section stands: so many records, which have been stepped over. */
export interface Section {
  readonly octets: Uint8Array;
  readonly start: number;
  readonly count: number;
}

/** A record as octets, which hold until the next is at hand. */
export interface RecordAtHand extends Pick<ResourceRecord, 'type' | 'class' | 'ttl'> {
  /** The owner's uncompressed wire form, case as it came: the first `ownerLength` octets. */
  readonly owner: Uint8Array;
  readonly ownerLength: number;
  /** The RDATA, names uncompressed: the first `dataLength` octets. */
  readonly data: Uint8Array;
  readonly dataLength: number;
  /** The record, to be kept. */
  readonly record: ResourceRecord;
}

/** A record that is an object already. */
export const atHand = (record: ResourceRecord): RecordAtHand => ({
  type: record.type,
  class: record.class,
  ttl: record.ttl,
  owner: record.name.wire,
  ownerLength: record.name.wire.length,
  data: record.rdata,
  dataLength: record.rdata.length,
  record,
});

export class SectionReader implements RecordAtHand {
  readonly owner: Uint8Array = new Uint8Array(MAX_NAME_OCTETS);
  ownerLength = 0;
  type = 0;
  class = 0;
  ttl = 0;
  readonly #rdata = new Writer(MAX_RDATA_OCTETS);
  #reader = new Reader(this.owner, 0, 0);
  #left = 0;

  /** Begins to read; what is at hand is the record before its first. */
  begin({ octets, start, count }: Section): void {
    this.#reader = new Reader(octets, start);
    this.#left = count;
  }

  /** Takes the next record; false behind the last one, and when there is a {@link fault}. */
  next(): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    const reader = this.#reader;
    this.ownerLength = reader.wireName(true, this.owner);
    this.type = reader.u16();
    this.class = reader.u16();
    this.ttl = reader.u32();
    copyRdata(this.type, reader.u16(), reader, this.#rdata);
    return reader.fault === undefined;
  }

  get fault(): OctetsFault | undefined {
    return this.#reader.fault;
  }

  get data(): Uint8Array {
    return this.#rdata.octets;
  }

  get dataLength(): number {
    return this.#rdata.length;
  }

  get record(): ResourceRecord {
    const name = Name.fromWire(this.owner.slice(0, this.ownerLength));
    if (!name.ok) throw new Error(`an owner that is ${name.fault.what}`);
    return { name: name.value, type: this.type, class: this.class, ttl: this.ttl, rdata: this.#rdata.finish() };
  }
}
