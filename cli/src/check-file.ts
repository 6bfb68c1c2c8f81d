/**
 * The judgement of one file: what it is by its name, what is wrong with it, and how it differs from the version before.
 *
 * Left out: reading and printing. Always holds: what the primary takes is no fault here, what it refuses is one; a report names
 * keys, and holds nothing of their secrets.
 */
import { at, inOrder } from '@zonewright/common/authority/file-finding';
import {
  type FileFinding,
  type FileRole,
  fileZone,
  isNamedAsKeys,
  readKeyFile,
  readZoneFile,
  type ZoneReading,
} from '@zonewright/common/authority/zone-file';
import { type ScannedRecord, scanZoneFile } from '@zonewright/common/master/scan';
import { Name } from '@zonewright/common/name';
import { TYPE } from '@zonewright/common/rr/type';
import { contentOf, countDifferences, diffZones, isSoaEdited } from '@zonewright/common/zone/delta';
import { isNewer } from '@zonewright/common/zone/serial';
import type { Zone } from '@zonewright/common/zone/zone';
import { type Difference, differenceOfKeys, differenceOfRecords } from './check-difference.ts';
import { plainName } from './words.ts';

export interface FileReport {
  readonly role: FileRole['kind'];
  /** The zone, or the domain of the keys. */
  readonly name?: Name;
  /** `left alone`: the primary does not look at such a file. `removed`: the file is empty, and there is a version before it. */
  readonly status: 'checked' | 'faulty' | 'removed' | 'left alone';
  /** Why it is left alone. */
  readonly reason?: string;
  readonly serial?: number;
  readonly findings: readonly FileFinding[];
  /** What differs from the version before, in order. */
  readonly difference: readonly Difference[];
  /** Instead of it, where the differences of a zone are only counted. */
  readonly counted?: Counted;
}

/** What differs between two versions of a zone, in records, the SOAs not counted. */
export interface Counted {
  /** Records of the version before. */
  readonly before: number;
  /** Gone, or there in another form: with other data or another TTL. */
  readonly removed: number;
  readonly added: number;
  /** Serials. */
  readonly from: number;
  readonly to: number;
}

export type Include = (fileName: string) => Uint8Array | undefined;

/** What the user says about a file. */
export interface Given {
  /** The name of the file, by which it is a zone, keys, or nothing of ours. */
  readonly fileName: string;
  /** The name of the zone (or key file) instead. */
  readonly zoneName?: string;
  /** The version before; empty octets stand for a file that was not there. */
  readonly old?: Uint8Array;
  /** The content of a file that is included; `undefined` when there is none. Without it `$INCLUDE` is a fault. */
  readonly include?: Include;
  /** The same for the version before, where that included other files. */
  readonly includeOld?: Include;
  /** The differences of a zone are counted, not listed. */
  readonly isCounted?: boolean;
  /** A serial that is not raised is an error, unless the primary raises it (`auto`). */
  readonly serial?: 'auto' | 'strict';
  /** One of several: files that are nothing of ours are passed over, as the primary does. */
  readonly isOneOfMany?: boolean;
}

type Comparison = Pick<FileReport, 'findings' | 'difference' | 'counted'>;

const SAME: Comparison = { findings: [], difference: [] };

/** Checks a file. */
export function checkFile(octets: Uint8Array, given: Given): FileReport {
  const role = roleOf(given, octets);
  if (role.kind === 'other') return otherFile(role.reason, octets, given);
  const name = role.kind === 'keys' ? role.domain : role.origin;
  if (octets.length === 0 && given.old !== undefined) return { role: role.kind, name, status: 'removed', ...SAME };
  return role.kind === 'keys' ? checkKeys(octets, name, given.old) : checkZoneFile(octets, name, given);
}

/**
 * Of a name that was given for the zone, a final dot and the case do not matter, if there is a zone in the file; without one
 * it may be any file of the repository, which a hook passes on.
 */
function roleOf(given: Given, octets: Uint8Array): FileRole {
  const { fileName, zoneName } = given;
  if (zoneName === undefined) return fileZone(fileName);
  const role = fileZone(zoneName.replace(/(?<=[^\\])\.$/, ''));
  if (role.kind !== 'other' || !holdsSoa(octets, given)) return role;
  const origin = Name.parse(zoneName === '@' ? '.' : zoneName);
  return origin.ok ? { kind: 'zone', origin: origin.value } : role;
}

function holdsSoa(octets: Uint8Array, { include }: Given): boolean {
  let isFound = false;
  const onRecord = ({ type }: ScannedRecord): void => {
    isFound ||= type === TYPE.SOA;
  };
  scanZoneFile(octets, { origin: Name.root, ...(include && { include }) }, { onRecord });
  return isFound;
}

/** A zone, or keys, in a file that nobody will look at is a mistake. */
function otherFile(reason: string, octets: Uint8Array, given: Given): FileReport {
  const isKeys = octets.length > 0 && isNamedAsKeys(given.zoneName ?? given.fileName);
  if (!isKeys && !holdsSoa(octets, given)) return { role: 'other', status: 'left alone', reason, ...SAME };
  const content = isKeys ? 'its name says that keys are in it' : 'there is a zone in it';
  const what = `${content}, but the primary leaves this file alone: ${reason}`;
  const finding: FileFinding = { severity: 'error', rule: 'file-name', what, hint: 'rename it, or use --zone-name' };
  return { role: 'other', status: 'faulty', reason, ...SAME, findings: [finding] };
}

function statusOf(findings: readonly FileFinding[]): 'checked' | 'faulty' {
  return findings.some(({ severity }) => severity === 'error') ? 'faulty' : 'checked';
}

function checkZoneFile(octets: Uint8Array, origin: Name, given: Given): FileReport {
  const { old, include, includeOld = include } = given;
  const reading = readZoneFile(octets, origin, include);
  const before = old === undefined || old.length === 0 ? undefined : readZoneFile(old, origin, includeOld);
  if (!reading.hasSoa && before?.hasSoa !== true && given.isOneOfMany) return withoutSoa(origin);
  const next = reading.readable;
  const { findings, difference, counted } =
    before === undefined || next === undefined ? SAME : compareZones(before, next, reading, given);
  return {
    role: 'zone',
    name: origin,
    status: statusOf([...reading.findings, ...findings]),
    ...(next === undefined ? {} : { serial: next.serial }),
    findings: inOrder([...reading.findings, ...findings]),
    // Of a file with faults nobody knows all that it should hold.
    difference: reading.zone === undefined ? [] : difference,
    ...(reading.zone === undefined || counted === undefined ? {} : { counted }),
  };
}

/** `package.json` could be the name of a zone, and is none: the primary takes a file for a zone once there is an SOA in it. */
function withoutSoa(origin: Name): FileReport {
  const reason = 'no SOA in it';
  const what = `no SOA record for ${origin}: the primary leaves this file alone`;
  const finding: FileFinding = { severity: 'warning', rule: 'soa-missing', line: 1, column: 1, what };
  return { role: 'other', name: origin, status: 'left alone', reason, ...SAME, findings: [finding] };
}

function compareZones(old: ZoneReading, next: Zone, reading: ZoneReading, given: Given): Comparison {
  const before = old.readable;
  if (before === undefined) {
    const what = `the version before holds no zone ${plainName(next.origin)}: nothing to compare`;
    return { ...SAME, findings: [{ severity: 'warning', rule: 'old-version', what }] };
  }
  const findings: FileFinding[] = old.zone === undefined ? [faultyBefore()] : [];
  const isSoaSame = before.serial === next.serial && !isSoaEdited(before, next);
  const { changes, ...comparison } = given.isCounted
    ? countChanges(before, next)
    : listChanges(before, next, isSoaSame);
  if (changes === 0 && isSoaSame) return { ...SAME, findings };
  if (!isNewer(next.serial, before.serial)) findings.push(serialFinding(old, next, reading, given.serial));
  return { ...comparison, findings };
}

type Changes = Pick<FileReport, 'difference' | 'counted'> & { readonly changes: number };

function countChanges(before: Zone, next: Zone): Changes {
  const { removed, added } = countDifferences(before, next);
  const counted = { before: before.size - 1, removed, added, from: before.serial, to: next.serial };
  return { changes: removed + added, difference: [], counted };
}

function listChanges(before: Zone, next: Zone, isSoaSame: boolean): Changes {
  const delta = diffZones(before, next);
  const content = contentOf(delta);
  return {
    changes: content.removed.length + content.added.length,
    difference: differenceOfRecords(isSoaSame ? content : delta),
  };
}

function faultyBefore(): FileFinding {
  const what = 'the version before has faults itself: compared is what could be read of it';
  return { severity: 'warning', rule: 'old-version', what };
}

/** The wording is the original's, which hooks may look for. A serial that the primary raises would break the signature of the SOA. */
function serialFinding(
  old: ZoneReading,
  { origin, serial, isSigned }: Zone,
  { soa }: ZoneReading,
  policy: Given['serial'],
): FileFinding {
  const serials = `(old: ${old.readable?.serial} new: ${serial})`;
  const find = (severity: FileFinding['severity'], what: string, hint: string): FileFinding =>
    at(soa, severity, 'serial', what, hint);
  if (policy === 'auto' && !isSigned)
    return find('note', `the serial does not rise ${serials}`, 'the primary raises it by itself');
  const what = `SOA must increase for ${plainName(origin)} ${serials}`;
  const hint = isSigned
    ? 'raise the serial and sign the zone again'
    : policy === 'strict'
      ? 'raise it'
      : 'without this check the primary raises it by itself, unless it runs with --serial strict';
  // Who serves has not taken a version with faults: what counts is the serial before that, which is not known here.
  const isKnown = policy === undefined || old.zone !== undefined;
  return find(isKnown ? 'error' : 'warning', what, hint);
}

function checkKeys(octets: Uint8Array, domain: Name, old: Uint8Array | undefined): FileReport {
  const { keys, findings } = readKeyFile(octets, domain);
  const difference = old === undefined ? [] : differenceOfKeys(readKeyFile(old, domain).keys, keys);
  return { role: 'keys', name: domain, status: statusOf(findings), findings, difference };
}
