/**
 * Fresh zone files, for zones that have no author's layout yet: columns, names relative to the zone, one record a line with its
 * owner (so that later changes touch no line beside them), the SOA with its numbers explained.
 *
 * Always holds: ASCII only, and reading the text with the same origin gives the same records.
 */
import { Name } from '../name.ts';
import { CLASS } from '../rr/class.ts';
import { printRdata } from '../rr/rdata.ts';
import { compareRdata, type ResourceRecord } from '../rr/record.ts';
import { readSoa } from '../rr/soa.ts';
import { printType, TYPE } from '../rr/type.ts';

const MAX_OWNER_COLUMN = 32;
const TYPE_COLUMN_WIDTH = 8;
const DEFAULT_TTL = 3600;
/** What a person looks for first; other types follow by their number. */
const FIRST_TYPES: readonly number[] = [TYPE.SOA, TYPE.NS, TYPE.MX, TYPE.CNAME, TYPE.A, TYPE.AAAA];

/** Prints the records of a zone, in canonical order of owners with the apex first. Records must be of class IN. */
export function printZoneFile(origin: Name, records: readonly ResourceRecord[]): string {
  if (records.some((record) => record.class !== CLASS.IN)) throw new Error('a record of a class other than IN');
  const defaultTtl = commonTtl(records);
  const sorted = [...records].sort(
    (a, b) =>
      apexFirst(a, b, origin) ||
      Name.compare(a.name, b.name) ||
      typeRank(a.type) - typeRank(b.type) ||
      compareRdata(a.type, a.rdata, b.rdata),
  );
  const owners = sorted.map((record) => record.name.relativeTo(origin));
  const width = Math.min(
    MAX_OWNER_COLUMN,
    2 + Math.max(14, ...new Set(owners.map((owner) => Math.min(owner.length, MAX_OWNER_COLUMN)))),
  );
  let text = `$ORIGIN ${origin}\n$TTL ${defaultTtl}\n`;
  let wasApex = true;
  for (const [i, record] of sorted.entries()) {
    const isApex = record.name.equals(origin);
    if (wasApex && !isApex) text += '\n';
    wasApex = isApex;
    const ttl = record.ttl === defaultTtl ? '' : `${record.ttl} `;
    // A TTL of its own stands at the end of the owner's column, so that types stay below each other.
    const head = `${column(owners[i]!, width - ttl.length)}${ttl}${column(printType(record.type), TYPE_COLUMN_WIDTH)}`;
    text += `${(head + (record.type === TYPE.SOA ? printSoa(record, origin, width) : printRdata(record.type, record.rdata, origin))).trimEnd()}\n`;
  }
  return text;
}

/** Pads to a column, with one blank at least. */
function column(text: string, width: number): string {
  return `${text} `.padEnd(width);
}

function printSoa(record: ResourceRecord, origin: Name, width: number): string {
  const { mname, rname, ...numbers } = readSoa(record.rdata);
  const indent = ' '.repeat(width + TYPE_COLUMN_WIDTH);
  const lines = Object.entries(numbers).map(([label, value]) => `${indent}${column(String(value), 12)}; ${label}\n`);
  return `${mname.relativeTo(origin)} ${rname.relativeTo(origin)} (\n${lines.join('')}${indent})`;
}

/** The TTL most records have, the SOA aside; the largest of those. */
function commonTtl(records: readonly ResourceRecord[]): number {
  const counts = new Map<number, number>();
  for (const { type, ttl } of records) if (type !== TYPE.SOA) counts.set(ttl, (counts.get(ttl) ?? 0) + 1);
  let common: readonly [ttl: number, count: number] = [
    records.find((record) => record.type === TYPE.SOA)?.ttl ?? DEFAULT_TTL,
    0,
  ];
  for (const [ttl, count] of counts)
    if (count > common[1] || (count === common[1] && ttl > common[0])) common = [ttl, count];
  return common[0];
}

function apexFirst(a: ResourceRecord, b: ResourceRecord, origin: Name): number {
  return Number(b.name.equals(origin)) - Number(a.name.equals(origin));
}

function typeRank(type: number): number {
  const rank = FIRST_TYPES.indexOf(type);
  return rank < 0 ? FIRST_TYPES.length + type : rank;
}
