/**
 * What reading a zone file hands out: records, one after the other, as octets. All records of a file are ONE object that is filled
 * again for each, so that a record costs no memory; who keeps something of it asks for what may be kept, which is made then.
 */
import { Name } from '../name.ts';
import type { Frame } from './frame.ts';
import type { Standing } from './standing.ts';

/** Where something stands. */
export interface Place {
  /** The file that `$INCLUDE` names; `undefined` for the file itself. */
  readonly file: string | undefined;
  /** From 1. */
  readonly line: number;
  /** In octets, from 1. */
  readonly column: number;
}

/** A record of class IN, its TTL resolved, and its place, which is counted out when it is asked for. Holds during the call. */
export interface ScannedRecord extends Place {
  /** The owner's uncompressed wire form, case as written: the first `ownerLength` octets. */
  readonly owner: Uint8Array;
  readonly ownerLength: number;
  /** Records with the same number have the same owner, octet for octet. One that is written again may have another number. */
  readonly ownerNumber: number;
  readonly type: number;
  /** Seconds, 0..2^31-1. */
  readonly ttl: number;
  /** Does the record state its TTL? */
  readonly isTtlStated: boolean;
  /** The RDATA's wire form, its names uncompressed: the first `dataLength` octets. */
  readonly data: Uint8Array;
  readonly dataLength: number;
  /** The owner, to be kept; one object for an {@link ownerNumber}. */
  readonly name: Name;
  /** A copy of the RDATA, to be kept. */
  readonly rdata: Uint8Array;
}

/** `expansion`: `$INCLUDE` or `$GENERATE`. `blank`: nothing but blanks and comments. `fault`: could not be read. */
export type EntryKind = 'record' | 'expansion' | 'origin' | 'ttl' | 'blank' | 'fault';

export interface ScanSink {
  onRecord(record: ScannedRecord): void;
  /** `$TTL`, also one within an included file. */
  onTtl?(ttl: number): void;
  /** An entry of the file itself is done: octets `start` up to `end`. `standing` is that behind it, and goes on with the reading. */
  onEntry?(kind: EntryKind, start: number, end: number, line: number, standing: Standing): void;
  /** An included file made use of the owner that stands before the directive. */
  onOwnerInherited?(): void;
}

/** The record at hand. */
export class RecordAtHand implements ScannedRecord {
  owner: Uint8Array = new Uint8Array(0);
  ownerLength = 0;
  ownerNumber = 0;
  type = 0;
  ttl = 0;
  isTtlStated = false;
  data: Uint8Array = new Uint8Array(0);
  dataLength = 0;
  /** Where it is read; its entry begins at `start`. */
  frame: Frame;
  start = 0;
  #name = Name.root;
  /** The number of the owner that `#name` is. */
  #named = 0;

  constructor(frame: Frame) {
    this.frame = frame;
  }

  get name(): Name {
    if (this.#named !== this.ownerNumber) {
      const name = Name.fromWire(this.owner.slice(0, this.ownerLength));
      if (!name.ok) throw new Error(`an owner that is ${name.fault.what}`);
      this.#name = name.value;
      this.#named = this.ownerNumber;
    }
    return this.#name;
  }

  get rdata(): Uint8Array {
    return this.data.slice(0, this.dataLength);
  }

  get file(): string | undefined {
    return this.frame.file;
  }

  get line(): number {
    return this.frame.place(this.start).line;
  }

  get column(): number {
    return this.frame.place(this.start).column;
  }
}
