/**
 * What a change looks like in git: the new content of the zone file, and a commit message that says who did what.
 *
 * Always holds: what comes from outside - names, records, addresses - never breaks a line of the message, and stands at its end only as a
 * name in a line of ours.
 */
import type { Author } from '@zonewright/common/git/store';
import { editZoneFile } from '@zonewright/common/master/edit';
import type { Name } from '@zonewright/common/name';
import type { Fault, Result } from '@zonewright/common/result';
import { CLASS } from '@zonewright/common/rr/class';
import { printRdata } from '@zonewright/common/rr/rdata';
import { printRecord, type ResourceRecord } from '@zonewright/common/rr/record';
import { printType } from '@zonewright/common/rr/type';
import { VERSION } from '@zonewright/common/service/version';
import { contentOf, type Delta } from '@zonewright/common/zone/delta';
import type { Zone } from '@zonewright/common/zone/zone';
import type { UpdateEntry } from './journal/journal.ts';
import type { Marker } from './mark.ts';
import { unservedLines } from './unserved.ts';
import type { Draft, Dropped, Part } from './unwritten.ts';

/** The address of no person: authors are keys. */
const EMAIL = 'noreply@zonewright.invalid';
/** Lines of operations in a commit message, and characters in one of them; the diff has it all. */
const MAX_LINES = 1000;
const MAX_LINE = 500;

/**
 * The content of the zone file after a change that leads to `zone`; `include` gives the files that it includes. The serial in the
 * file may lag behind the one served.
 */
export function editedFile(
  octets: Uint8Array,
  zone: Pick<Zone, 'origin' | 'soaRecord'>,
  delta: Delta | undefined,
  include?: (fileName: string) => Uint8Array | undefined,
): Result<Uint8Array, Fault> {
  const { removed, added } = delta === undefined ? { removed: [], added: [] } : contentOf(delta);
  const change = { removed, added: [...added, zone.soaRecord()], areTtlsKept: true };
  return editZoneFile(octets, change, { origin: zone.origin, ...(include && { include }) });
}

function authorOf(key: Name): Author {
  return { name: `${withoutDot(key.toString())} via zonewright`, email: EMAIL };
}

export const SERVER: Author = { name: `zonewright ${VERSION}`, email: EMAIL };

const withoutDot = (name: string): string => name.replace(/(.)\.$/, '$1');

/** Whose commit it is: the key's whose update comes first, or the server's where there are none but serials. */
export function authorOfDraft(draft: Draft): Author {
  const [first] = keysOf(draft);
  return first === undefined ? SERVER : authorOf(first);
}

function keysOf({ parts }: Draft): readonly Name[] {
  const keys = new Map(updatesOf(parts).map(({ key }) => [key.key, key]));
  return [...keys.values()];
}

/** The updates of all parts in the order in which they were acknowledged. */
function updatesOf(parts: readonly Part[]): readonly UpdateEntry[] {
  return parts
    .flatMap(({ entries }) => entries)
    .filter((entry) => entry.kind === 'update')
    .sort((a, b) => a.position - b.position);
}

/** An operation of an UPDATE (RFC 2136 2.5): `+ RECORD` adds, `- RECORD`, `- NAME TYPE` and `- NAME ANY` delete. */
export function printOperation(operation: ResourceRecord, origin: Name): string {
  const { name, type, class: of, rdata } = operation;
  if (of === CLASS.IN) return shortened(`+ ${printRecord(operation, origin)}`);
  const set = `- ${name.relativeTo(origin)} ${printType(type)}`;
  return shortened(of === CLASS.ANY ? set : `${set} ${printRdata(type, rdata, origin)}`);
}

function shortened(line: string): string {
  return line.length > MAX_LINE ? `${line.slice(0, MAX_LINE)} ...` : line;
}

/** What a commit says: a subject, each update with its source and its operations in zone-file form, serials, and the mark. */
export function draftMessage(draft: Draft, marker: Marker): string {
  const { parts, position, without } = draft;
  const updates = updatesOf(parts);
  const lines = updates.flatMap(updateLines);
  const shown =
    lines.length > MAX_LINES ? [...lines.slice(0, MAX_LINES), `... and ${lines.length - MAX_LINES} more lines`] : lines;
  const dropped = parts.flatMap((part) => part.dropped);
  const [, ...others] = keysOf(draft);
  return [
    subjectOf(parts, updates),
    ...paragraph(shown),
    ...paragraph(dropped.slice(0, MAX_LINES).map(droppedLine)),
    ...paragraph(serialLines(parts)),
    '',
    ...others.map((key) => `Co-authored-by: ${authorOf(key).name} <${EMAIL}>`),
    ...unservedLines(parts),
    ...marker.lines({ position, without: without.map(String) }),
    '',
  ].join('\n');
}

function paragraph(lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ['', ...lines];
}

function subjectOf(parts: readonly Part[], updates: readonly UpdateEntry[]): string {
  const where = parts.length === 1 ? parts[0]!.fileName : `${parts.length} zones`;
  const [first] = updates;
  if (first === undefined) return parts.length === 1 ? `${where}: raise the serial` : `raise the serials of ${where}`;
  return updates.length === 1 ? `${where}: update by ${first.source}` : `${where}: ${updates.length} updates`;
}

/** Who, where from, and what; behind an empty line where another stands before it. */
function updateLines({ key, source, zone, operations }: UpdateEntry, i: number): readonly string[] {
  const who = `By ${withoutDot(key.toString())} from ${source}, zone ${withoutDot(zone.toString())}:`;
  return [...(i === 0 ? [] : ['']), who, ...operations.map((operation) => printOperation(operation, zone))];
}

function droppedLine({ entry, why }: Dropped): string {
  const { key, source, zone, operations } = entry;
  const what = operations.map((operation) => printOperation(operation, zone)).join('; ');
  return shortened(`Not done: ${withoutDot(key.toString())} from ${source}: ${what}: ${why}`);
}

/** Each file, from which serial to which. */
function serialLines(parts: readonly Part[]): readonly string[] {
  const lines = parts.map(({ fileName, base, zone }) => `${fileName}: serial ${base.serial} -> ${zone.serial}`);
  return lines.length > MAX_LINES ? [...lines.slice(0, MAX_LINES), `... and ${lines.length - MAX_LINES} more`] : lines;
}
