/**
 * From a key file of the repository to keys: lines `NAME DNSKEY 0 3 163 SECRET`, and beside them `NAME TXT "..."` with the limits
 * of a key (`key-limits.ts`).
 * Always holds: no finding holds RDATA of a key. A key whose limits cannot be read is not in force.
 */
import type { ZoneFile } from '../master/document.ts';
import { type FileRecord, parseZoneFile } from '../master/parse.ts';
import { Name } from '../name.ts';
import { rdataKey } from '../rr/record.ts';
import { TYPE } from '../rr/type.ts';
import { at, type FileFinding, fromFault, inOrder, isError } from './file-finding.ts';
import { KEYS_LABEL, keyFileName } from './file-role.ts';
import { type Key, keyOfRecord } from './key.ts';
import { withLimits } from './key-limits.ts';

export interface KeyReading {
  /** Those without an error: a bad key does not take the others with it. */
  readonly keys: readonly Key[];
  readonly findings: readonly FileFinding[];
}

/**
 * Reads a key file: lines `NAME DNSKEY 0 3 163 SECRET`, the names at or below `domain`, and their limits. Names without final dot
 * are relative to it. Two different keys of one name leave none.
 */
export function readKeyFile(octets: Uint8Array, domain: Name): KeyReading {
  const { file, records, faults } = parseZoneFile(octets, { origin: domain, isSecret: true });
  const limits = new Limits(records, lostOwners(file));
  const keyRecords = records.filter(({ record }) => record.type !== TYPE.TXT);
  const read = keyRecords.map((entry) => limits.on(readKey(entry, domain)));
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
    findings: inOrder([
      ...faults.map(fromFault),
      ...read.flatMap(({ findings }) => findings),
      ...repeated,
      ...limits.unused(keyRecords),
    ]),
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

/** The TXT records of a key file, by the keys that they stand beside. */
class Limits {
  readonly #byOwner = new Map<string, FileRecord[]>();
  readonly #lost: ReadonlySet<string>;

  /** `lost`: owners of lines that cannot be read, and may have been limits. */
  constructor(records: readonly FileRecord[], lost: ReadonlySet<string>) {
    this.#lost = lost;
    for (const entry of records) {
      if (entry.record.type !== TYPE.TXT) continue;
      const same = this.#byOwner.get(entry.record.name.key);
      if (same === undefined) this.#byOwner.set(entry.record.name.key, [entry]);
      else same.push(entry);
    }
  }

  /** The key with its limits, or without being one. */
  on(read: Read): Read {
    const { entry, key } = read;
    if (key === undefined) return read;
    const refuse = (where: FileRecord, what: string, hint?: string): Read => ({
      entry,
      findings: [...read.findings, at(where, 'error', 'key-limits', what, hint)],
    });
    if (this.#lost.has(key.name.key))
      return refuse(entry, `key ${key.name} is not used: a line of that name cannot be read, and may limit it`);
    const [limits, second] = this.#byOwner.get(key.name.key) ?? [];
    if (limits === undefined) return read;
    if (second !== undefined) return refuse(second, `key ${key.name} has more than one TXT record`, 'write one');
    const limited = withLimits(key, limits.record.rdata);
    return limited.ok ? { ...read, key: limited.value } : refuse(limits, limited.fault.what, limited.fault.hint);
  }

  /** Limits of nothing: the name is misspelt, perhaps, and a key goes without them. */
  unused(keys: readonly FileRecord[]): readonly FileFinding[] {
    const owners = new Set(keys.map(({ record }) => record.name.key));
    return [...this.#byOwner.values()]
      .map(([entry]) => entry!)
      .filter(({ record }) => !owners.has(record.name.key))
      .map((entry) => at(entry, 'error', 'key-limits', `limits of ${entry.record.name}, which is no key of this file`));
  }
}

/**
 * Owners of the lines that cannot be read: that of the line where it has one, else of the line before it. The line may have been a
 * TXT record, and a key must not be without its limits because of a typing error.
 */
function lostOwners({ entries, text, origin }: ZoneFile): ReadonlySet<string> {
  const lost = new Set<string>();
  let owner: Name | undefined;
  let around = origin;
  for (const entry of entries) {
    if (entry.kind === 'record') owner = entry.record.name;
    else if (entry.kind === 'origin') around = entry.origin;
    else if (entry.kind === 'fault') {
      const [word] = /^[^\s;()"]+/.exec(text.slice(entry.start, entry.end)) ?? [];
      const own = word === undefined ? undefined : Name.parse(word, around);
      if (own?.ok) owner = own.value;
      if (owner !== undefined) lost.add(owner.key);
    }
  }
  return lost;
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
