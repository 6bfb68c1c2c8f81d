/**
 * From a key file of the repository to keys: lines `NAME DNSKEY 0 3 163 SECRET`.
 * Always holds: no finding holds RDATA of a key.
 */
import { type FileRecord, parseZoneFile } from '../master/parse.ts';
import { Name } from '../name.ts';
import { rdataKey } from '../rr/record.ts';
import { TYPE } from '../rr/type.ts';
import { at, type FileFinding, fromFault, inOrder, isError } from './file-finding.ts';
import { KEYS_LABEL, keyFileName } from './file-role.ts';
import { type Key, keyOfRecord } from './key.ts';

export interface KeyReading {
  /** Those without an error: a bad key does not take the others with it. */
  readonly keys: readonly Key[];
  readonly findings: readonly FileFinding[];
}

/**
 * Reads a key file: lines `NAME DNSKEY 0 3 163 SECRET`, the names at or below `domain`. Names without final dot are relative to
 * it. Two different keys of one name leave none.
 */
export function readKeyFile(octets: Uint8Array, domain: Name): KeyReading {
  const { records, faults } = parseZoneFile(octets, { origin: domain, isSecret: true });
  const read = records.map((entry) => readKey(entry, domain));
  const byName = new Map<string, Read[]>();
  for (const it of read) {
    if (it.key === undefined) continue;
    const same = byName.get(it.key.name.key);
    if (same === undefined) byName.set(it.key.name.key, [it]);
    else same.push(it);
  }
  const keys: Key[] = [];
  const repeated: FileFinding[] = [];
  for (const [first, ...others] of byName.values()) {
    const again = others.map((other) => repetition(first!, other));
    for (const finding of again) repeated.push(finding);
    if (!again.some(isError)) keys.push(first!.key!);
  }
  return {
    keys,
    findings: inOrder([...faults.map(fromFault), ...read.flatMap(({ findings }) => findings), ...repeated]),
  };
}

interface Read {
  readonly entry: FileRecord;
  /** Absent when a finding is an error. */
  readonly key?: Key;
  readonly findings: readonly FileFinding[];
}

function readKey(entry: FileRecord, domain: Name): Read {
  const { record } = entry;
  const key = keyOfRecord(record);
  if (!key.ok) return { entry, findings: [at(entry, 'error', 'key', key.fault.what, key.fault.hint)] };
  // Its zone, not only its name: `x._update.mirage` is below `_update.mirage` too, whose key file has no say in `mirage`.
  if (!key.value.zone.isSubdomainOf(domain)) {
    const hint = `write it into ${keyFileName(key.value.zone)}, or into ${KEYS_LABEL}`;
    return { entry, findings: [at(entry, 'error', 'outside', `key ${record.name} is not for ${domain}`, hint)] };
  }
  if (!isDoubled(key.value.zone, domain)) return { entry, key: key.value, findings: [] };
  const what = `key ${record.name} is one for ${key.value.zone}`;
  return { entry, key: key.value, findings: [at(entry, 'warning', 'doubled', what, 'is the final dot missing?')] };
}

/** The same key once more is untidy; another one of that name makes it unclear which of them counts. */
function repetition(first: Read, other: Read): FileFinding {
  const { name } = first.entry.record;
  const isSame = rdataKey(TYPE.DNSKEY, first.entry.record.rdata) === rdataKey(TYPE.DNSKEY, other.entry.record.rdata);
  if (isSame)
    return at(other.entry, 'warning', 'duplicate', `key ${name} stands here again, see line ${first.entry.line}`);
  const what = `a second key ${name}; the first is in line ${first.entry.line}`;
  return at(other.entry, 'error', 'key-once', what, 'keep one: neither is used');
}

/** `mirage.mirage.` in the keys of `mirage.`: the sign of a missing final dot. */
function isDoubled(zone: Name, domain: Name): boolean {
  if (domain.isRoot) return false;
  const doubled = domain.rebase(Name.root, domain);
  return doubled.ok && zone.isSubdomainOf(doubled.value);
}
