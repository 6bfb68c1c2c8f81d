/**
 * The judgement of one file: what it is by its name, what is wrong with it, and how it differs from the version before.
 *
 * Left out: reading and printing. Always holds: a report names keys, and holds nothing of their secrets.
 */
import type { Key } from '@zonewright/common/authority/key';
import {
  type FileFinding,
  type FileRole,
  fileZone,
  readKeyFile,
  readZoneFile,
} from '@zonewright/common/authority/zone-file';
import { parseZoneFile } from '@zonewright/common/master/parse';
import { Name } from '@zonewright/common/name';
import { printRecord, type ResourceRecord } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import { contentOf, type Delta, diffZones, isEmptyDelta, isSoaEdited } from '@zonewright/common/zone/delta';
import { isNewer } from '@zonewright/common/zone/serial';
import { Zone } from '@zonewright/common/zone/zone';
import { plainName } from './words.ts';

export interface FileReport {
  readonly role: FileRole['kind'];
  /** The zone, or the domain of the keys. */
  readonly name?: Name;
  /** `left alone`: the primary does not look at such a file. `removed`: the file is empty. */
  readonly status: 'checked' | 'faulty' | 'removed' | 'left alone';
  /** Why it is left alone. */
  readonly reason?: string;
  readonly serial?: number;
  readonly findings: readonly FileFinding[];
  /** What differs from the version before: records, or `key NAME`. */
  readonly removed: readonly string[];
  readonly added: readonly string[];
}

/** How a file is named: by itself, or by somebody who says which zone it holds. */
export type Named = { readonly fileName: string } | { readonly zoneName: string };

type Difference = Pick<FileReport, 'findings' | 'removed' | 'added'>;

const SAME: Difference = { findings: [], removed: [], added: [] };

/** Checks a file. `old` is the version before; empty octets stand for a file that is not there. */
export function checkFile(octets: Uint8Array, named: Named, old?: Uint8Array): FileReport {
  const role = roleOf(named, octets);
  if (role.kind === 'other') return otherFile(role.reason, octets);
  const name = role.kind === 'keys' ? role.domain : role.origin;
  if (octets.length === 0) return { role: role.kind, name, status: 'removed', ...SAME };
  return role.kind === 'keys' ? checkKeys(octets, name, old) : checkZoneFile(octets, name, old);
}

/**
 * Of a name that was given for the zone, a final dot and the case do not matter, if there is a zone in the file; without one
 * it may be any file of the repository, which a hook passes on.
 */
function roleOf(named: Named, octets: Uint8Array): FileRole {
  if ('fileName' in named) return fileZone(named.fileName);
  const { zoneName } = named;
  const role = fileZone(zoneName.replace(/(?<=[^\\])\.$/, ''));
  if (role.kind !== 'other' || !holdsSoa(octets)) return role;
  const origin = Name.parse(zoneName === '@' ? '.' : zoneName);
  return origin.ok ? { kind: 'zone', origin: origin.value } : role;
}

function holdsSoa(octets: Uint8Array): boolean {
  return parseZoneFile(octets, { origin: Name.root }).records.some(({ record }) => record.type === TYPE.SOA);
}

/** A zone in a file that nobody will look at is a mistake. */
function otherFile(reason: string, octets: Uint8Array): FileReport {
  if (!holdsSoa(octets)) return { role: 'other', status: 'left alone', reason, ...SAME };
  const what = `there is a zone in it, but the primary leaves this file alone: ${reason}`;
  const finding: FileFinding = { severity: 'error', rule: 'file-name', what, hint: 'rename it, or use --zone-name' };
  return { role: 'other', status: 'faulty', reason, ...SAME, findings: [finding] };
}

function statusOf(findings: readonly FileFinding[]): 'checked' | 'faulty' {
  return findings.some(({ severity }) => severity === 'error') ? 'faulty' : 'checked';
}

function checkZoneFile(octets: Uint8Array, origin: Name, old: Uint8Array | undefined): FileReport {
  const { zone, findings } = readZoneFile(octets, origin);
  const difference =
    zone === undefined || old === undefined || old.length === 0 ? SAME : compareZones(old, zone, origin);
  const all = [...findings, ...difference.findings];
  const serial = zone === undefined ? {} : { serial: zone.serial };
  return { role: 'zone', name: origin, status: statusOf(all), ...serial, ...difference, findings: all };
}

function compareZones(old: Uint8Array, next: Zone, origin: Name): Difference {
  const { records } = parseZoneFile(old, { origin });
  const before = Zone.fromRecords(
    origin,
    records.map(({ record }) => record),
  );
  if (before === undefined) {
    const what = `the version before holds no zone ${plainName(origin)}: nothing to compare`;
    return { ...SAME, findings: [{ severity: 'warning', rule: 'old-version', what }] };
  }
  const delta = diffZones(before, next);
  const isSoaSame = before.serial === next.serial && !isSoaEdited(before, next);
  if (isEmptyDelta(delta) && isSoaSame) return SAME;
  const { removed, added } = isSoaSame ? contentOf(delta) : delta;
  const lines = { removed: removed.map(print), added: added.map(print) };
  return { ...lines, findings: isNewer(next.serial, before.serial) ? [] : [serialFinding(delta)] };
}

const print = (record: ResourceRecord): string => printRecord(record);

/** The wording is the original's, which hooks may look for. */
function serialFinding({ origin, from, to }: Delta): FileFinding {
  return {
    severity: 'error',
    rule: 'serial',
    what: `SOA must increase for ${plainName(origin)} (old: ${from} new: ${to})`,
    hint: 'without this check the primary raises it by itself, unless it runs with --serial strict',
  };
}

function checkKeys(octets: Uint8Array, domain: Name, old: Uint8Array | undefined): FileReport {
  const { keys, findings } = readKeyFile(octets, domain);
  const difference = old === undefined ? SAME : compareKeys(readKeyFile(old, domain).keys, keys);
  return { role: 'keys', name: domain, status: statusOf(findings), ...difference, findings };
}

function compareKeys(old: readonly Key[], next: readonly Key[]): Difference {
  const lacks = (others: readonly Key[]) => (key: Key) => !others.some((other) => isSameKey(key, other));
  const line = (key: Key): string => `key ${key.name} ${key.algorithm.mnemonic}`;
  return { findings: [], removed: old.filter(lacks(next)).map(line), added: next.filter(lacks(old)).map(line) };
}

function isSameKey(a: Key, b: Key): boolean {
  return a.name.equals(b.name) && a.algorithm === b.algorithm && a.secret.equals(b.secret);
}
