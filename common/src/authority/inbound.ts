/**
 * Zone transfers in: the records of the messages of one AXFR or IXFR (RFC 5936 2.2, RFC 1995 4), in any number of messages and
 * any of the forms allowed, become a value only when the stream has ended as it must. Anything odd is a fault; what was served
 * stays untouched.
 *
 * A whole zone is built while it arrives, from the octets of the messages, and takes no more than it will when it is served: no object
 * is made of a record. Those of differences are objects until they are applied, and so they may be fewer.
 */
import type { Name } from '../name.ts';
import { CLASS } from '../rr/class.ts';
import { compareRdata, type RecordChange, type ResourceRecord } from '../rr/record.ts';
import { readSoa } from '../rr/soa.ts';
import { isMetaType, TYPE } from '../rr/type.ts';
import { atHand, type RecordAtHand, type Section, SectionReader } from '../wire/section.ts';
import { TOO_LARGE, ZoneBuilder } from '../zone/builder.ts';
import { checkLimits } from '../zone/check.ts';
import { type Delta, diffNames } from '../zone/delta.ts';
import { MAX_ZONE_NAMES } from '../zone/image-first.ts';
import { isNewer } from '../zone/serial.ts';
import type { Zone } from '../zone/zone.ts';
import { ZoneEdit } from '../zone/zone-edit.ts';

export interface InboundFault {
  readonly kind: 'inbound';
  readonly what: string;
}

export type Inbound =
  /** The primary has nothing newer. */
  | { readonly kind: 'current' }
  | { readonly kind: 'whole'; readonly zone: Zone }
  /** Differences to be applied in order; each removes the old and adds the new SOA. */
  | { readonly kind: 'differences'; readonly changes: readonly RecordChange[] };

/** Records that one transfer may bring, and octets of their names and data: what a process can hold. */
const MAX_RECORDS = 5_000_000;
const MAX_OCTETS = 512 * 2 ** 20;
/** Records of one name of a whole zone: those of a name become objects when it is read, also to be checked. */
const MAX_NAME_RECORDS = 100_000;
/** Records of differences, each an object on the heap; beyond it the whole zone does better. */
const MAX_DIFFERENCES = 200_000;
/**
 * Records of the names that differences touch, of each as often as they do: a change costs what stands at its names, and nothing else
 * is done meanwhile.
 */
const MAX_TOUCHED = 100_000;
/** Labels of the names that differences add, without those of the zone: each may become an empty non-terminal. */
const MAX_ADDED_LABELS = 1_000_000;
/** Octets of one record: more could be neither answered nor transferred on. */
const MAX_RECORD_OCTETS = 64_000;

type State = 'first' | 'second' | 'whole' | 'removing' | 'adding' | 'done';

export class InboundTransfer {
  readonly #zone: Name;
  /** The serial we have; `undefined` when a whole zone was asked for. */
  readonly #serial: number | undefined;
  readonly #expected: number;
  readonly #mostNames: number;
  #state: State = 'first';
  #fault: InboundFault | undefined;
  #newest: ResourceRecord | undefined;
  /** Of a whole zone, from its second record on. */
  #builder: ZoneBuilder | undefined;
  #count = 0;
  #octets = 0;
  #addedLabels = 0;
  #changes: { removed: ResourceRecord[]; added: ResourceRecord[] }[] = [];
  readonly #reader = new SectionReader();

  /** `expected`: octets of a zone file that is about as large as what comes, as far as that is known. `mostNames`: of the zone. */
  constructor(zone: Name, serial?: number, expected = 0, mostNames = MAX_ZONE_NAMES) {
    this.#mostNames = mostNames;
    this.#zone = zone;
    this.#serial = serial;
    this.#expected = expected;
  }

  /** Takes the answer section of the next message. Gives the result once complete, `undefined` while more must come. */
  take(records: readonly ResourceRecord[]): Inbound | InboundFault | undefined {
    for (const record of records) this.#takeOne(atHand(record));
    return this.#progress(records.length);
  }

  /** The same for one that has not been read yet. */
  takeSection(section: Section): Inbound | InboundFault | undefined {
    const reader = this.#reader;
    reader.begin(section);
    while (this.#fault === undefined && reader.next()) this.#takeOne(reader);
    if (reader.fault !== undefined) this.#fail(`a reply with ${reader.fault.what} (octet ${reader.fault.at})`);
    return this.#progress(section.count);
  }

  #takeOne(record: RecordAtHand): void {
    if (this.#fault !== undefined) return;
    const what = this.#outsider(record) ?? this.#place(record, record.type === TYPE.SOA);
    if (what !== undefined) this.#fail(what);
  }

  /** What all that was taken comes to, the last message being one of so many records. */
  #progress(records: number): Inbound | InboundFault | undefined {
    if (records === 0) this.#fail('a message without records');
    if (this.#fault !== undefined) return this.#fault;
    const isNothingNewer =
      this.#state === 'second' && this.#serial !== undefined && !isNewer(serialOf(this.#newest!), this.#serial);
    if (isNothingNewer) return { kind: 'current' };
    if (this.#state !== 'done') return undefined;
    if (this.#builder === undefined) return { kind: 'differences', changes: this.#changes };
    const zone = this.#builder.finish();
    const { mostRecords, isTooLarge } = this.#builder;
    if (zone === undefined) return fault(isTooLarge ? TOO_LARGE : 'not exactly one SOA in the zone');
    return mostRecords > MAX_NAME_RECORDS ? fault(`a name of ${mostRecords} records`) : { kind: 'whole', zone };
  }

  #fail(what: string): void {
    this.#fault ??= fault(what);
  }

  /** Why the record can be in no transfer of this zone, if it can not. */
  #outsider(record: RecordAtHand): string | undefined {
    const octets = record.ownerLength + record.dataLength;
    this.#octets += octets;
    if (++this.#count > MAX_RECORDS) return `more than ${MAX_RECORDS} records`;
    if (this.#changes.length > 0 && this.#count > MAX_DIFFERENCES)
      return `more than ${MAX_DIFFERENCES} records of differences`;
    if (this.#octets > MAX_OCTETS) return `more than ${MAX_OCTETS} octets`;
    if (octets > MAX_RECORD_OCTETS) return `a record of ${octets} octets`;
    if (record.class !== CLASS.IN || isMetaType(record.type)) return 'a record that can be in no zone';
    if (!this.#begin(record)) return `${record.record.name} is not in zone ${this.#zone}`;
    if (record.type === TYPE.SOA && !record.record.name.equals(this.#zone)) return `an SOA at ${record.record.name}`;
    return undefined;
  }

  /** Is the owner in the zone? It becomes that of what is built next. */
  #begin(record: RecordAtHand): boolean {
    return this.#builder?.begin(record.owner) ?? record.record.name.isSubdomainOf(this.#zone);
  }

  /** Puts the record where it belongs; gives what is wrong with its place. */
  #place(record: RecordAtHand, isSoa: boolean): string | undefined {
    switch (this.#state) {
      case 'first':
        if (!isSoa) return 'the first record is not the SOA';
        this.#newest = record.record;
        this.#state = 'second';
        return undefined;
      case 'second':
        if (isSoa && serialOf(record.record) === this.#serial && serialOf(this.#newest!) !== this.#serial) {
          this.#changes.push({ removed: [record.record], added: [] });
          this.#state = 'removing';
          return undefined;
        }
        this.#state = 'whole';
        this.#beginZone(this.#newest!);
        this.#begin(record);
        return this.#placeWhole(record, isSoa);
      case 'whole':
        return this.#placeWhole(record, isSoa);
      case 'removing':
        return this.#placeRemoved(record.record, isSoa);
      case 'adding':
        return this.#placeAdded(record.record, isSoa);
      case 'done':
        return 'records after the final SOA';
    }
  }

  #placeWhole(record: RecordAtHand, isSoa: boolean): string | undefined {
    if (!isSoa) return this.#build(record);
    if (serialOf(record.record) !== serialOf(this.#newest!))
      return 'an SOA with another serial in the middle of the zone';
    return this.#end(record.record);
  }

  #beginZone({ name, type, ttl, rdata }: ResourceRecord): void {
    this.#builder = new ZoneBuilder(this.#zone, this.#expected, this.#mostNames);
    this.#builder.add(name, type, ttl, rdata);
  }

  #build({ type, ttl, data, dataLength }: RecordAtHand): string | undefined {
    const builder = this.#builder!;
    builder.put(type, ttl, data, dataLength);
    return builder.isTooLarge ? TOO_LARGE : undefined;
  }

  #placeRemoved(record: ResourceRecord, isSoa: boolean): string | undefined {
    const { removed, added } = this.#changes.at(-1)!;
    if (!isSoa) {
      removed.push(record);
      return undefined;
    }
    // Without this a stream could go round in circles for as long as it likes.
    if (!isNewer(serialOf(record), serialOf(removed[0]!))) return 'a difference that does not lead to a newer version';
    added.push(record);
    this.#state = 'adding';
    return undefined;
  }

  #placeAdded(record: ResourceRecord, isSoa: boolean): string | undefined {
    const { added } = this.#changes.at(-1)!;
    if (!isSoa) {
      this.#addedLabels += record.name.labelCount - this.#zone.labelCount;
      added.push(record);
      return this.#addedLabels > MAX_ADDED_LABELS
        ? `differences with names of more than ${MAX_ADDED_LABELS} labels`
        : undefined;
    }
    if (serialOf(record) !== serialOf(added[0]!)) return 'differences that do not join';
    if (serialOf(record) === serialOf(this.#newest!))
      return isSameData(record, added[0]!) ? this.#end(record) : 'differences that lead to another SOA';
    this.#changes.push({ removed: [record], added: [] });
    this.#state = 'removing';
    return undefined;
  }

  #end(soa: ResourceRecord): string | undefined {
    if (!isSameData(soa, this.#newest!)) return 'a final SOA that differs from the first';
    this.#state = 'done';
    return undefined;
  }
}

const serialOf = (soa: ResourceRecord): number => readSoa(soa.rdata).serial;

const isSameData = (a: ResourceRecord, b: ResourceRecord): boolean => compareRdata(a.type, a.rdata, b.rdata) === 0;

/** What a finished transfer leads to. */
export interface Applied {
  readonly zone: Zone;
  /** How it came about from the version we had, each naming every record that it changed; `undefined` when it came whole. */
  readonly deltas: readonly Delta[] | undefined;
}

type Finished = Exclude<Inbound, { kind: 'current' }>;

/**
 * The zone that a finished transfer leads to; a fault when differences do not fit the version they are for, or when more stands at
 * a name than can be answered. A zone that is bad in other ways is the primary's to judge: a copy is what it serves.
 */
export function applyInbound(current: Zone | undefined, inbound: Finished): Applied | InboundFault {
  const applied = apply(current, inbound);
  if ('kind' in applied) return applied;
  const names =
    inbound.kind === 'whole' ? undefined : inbound.changes.flatMap(({ added }) => added.map(({ name }) => name));
  const [wrong] = checkLimits(applied.zone, names);
  return wrong === undefined ? applied : fault(`${wrong.name}: ${wrong.what}`);
}

function apply(current: Zone | undefined, inbound: Finished): Applied | InboundFault {
  if (inbound.kind === 'whole') return { zone: inbound.zone, deltas: undefined };
  if (current === undefined) return fault('differences where there is nothing that they are for');
  const deltas: Delta[] = [];
  let zone = current;
  let touched = 0;
  for (const change of inbound.changes) {
    const next = applyChange(zone, change);
    if ('kind' in next) return next;
    for (const name of new Map([...namesOf(change)].map((each) => [each.key, each])).values())
      touched += zone.typesOf(name).reduce((sum, type) => sum + zone.sizeOf(name, type), 0);
    if (touched > MAX_TOUCHED) return fault(`differences that touch more than ${MAX_TOUCHED} records`);
    // What was sent need not name all: a record that is added changes the TTL of its whole set (RFC 2181 5.2).
    deltas.push(diffNames(zone, next, namesOf(change)));
    zone = next;
  }
  // Differences can go on for ever, each with few names.
  if (zone.isTooLarge()) return fault(TOO_LARGE);
  return { zone, deltas };
}

function applyChange(zone: Zone, change: RecordChange): Zone | InboundFault {
  if (serialOf(change.removed[0]!) !== zone.serial) return fault('differences from another version than ours');
  const edit = new ZoneEdit(zone);
  for (const record of change.removed) {
    // What is not there tells that the versions differ although their serials do not.
    if (!edit.has(record)) return fault(`differences that remove what is not there: ${record.name}`);
    edit.remove(record);
  }
  for (const record of change.added) edit.add(record);
  return edit.finish() ?? fault('differences that leave no SOA');
}

function* namesOf({ removed, added }: RecordChange): Generator<Name, void, undefined> {
  for (const { name } of removed) yield name;
  for (const { name } of added) yield name;
}

const fault = (what: string): InboundFault => ({ kind: 'inbound', what });
