/**
 * `zonewright hook pre-receive`: would the primary take what is being pushed? Each file that changed is judged by the rules of the
 * primary and compared with the version before; what the primary refuses is an error, what it leaves alone is said.
 *
 * Always holds: a file that the push does not touch, nor anything that it includes, is no reason to refuse it; what cannot be read is.
 */
import type { FileFinding } from '@zonewright/common/authority/file-finding';
import { joinKeys } from '@zonewright/common/authority/key-set';
import { type FileRole, fileZone, readKeyFile, readZoneFile } from '@zonewright/common/authority/zone-file';
import type { GitFault } from '@zonewright/common/git/fault';
import { MAX_BLOB } from '@zonewright/common/git/objects';
import type { PushedObjects } from '@zonewright/common/git/pushed';
import { fail, ok, type Result } from '@zonewright/common/result';
import { checkFile, type FileReport } from './check-file.ts';
import { HookReport, quoted } from './hook-report.ts';
import { includedBy } from './included.ts';
import { changeFinding, type MaxChange } from './max-change.ts';
import type { BranchMove } from './push.ts';
import { type Changes, changesOf, readIncluded } from './push-changes.ts';
import { plainName } from './words.ts';

export interface Policy {
  readonly branch: string;
  /** As the primary has it. */
  readonly serial: 'auto' | 'strict';
  readonly maxChange: MaxChange;
  /** May the branch be deleted? */
  readonly isDeletionAllowed: boolean;
}

/** A file that is neither a zone nor keys is looked into for a zone only up to this size, in octets. */
const MAX_LOOK = 4 * 1024 * 1024;
/** Entries at the root that the primary leaves alone, and that others have for reasons of their own. The rest is somebody's trick. */
const HARMLESS = /^(?:symbolic link|submodule|mode |name is not UTF-8)/;
const GONE = Uint8Array.of();
/** For the primary an empty file is one without an SOA; `checkFile` takes it for a removal. */
const BLANK = Uint8Array.of(0x0a);
const TOO_LARGE: FileFinding = {
  severity: 'error',
  rule: 'limit',
  what: `larger than ${MAX_BLOB} octets, of which nothing is read`,
};

/** Judges a move of the branch. Gives whether it may be. */
export function judgeMove(
  objects: PushedObjects,
  move: BranchMove,
  policy: Policy,
  write: (line: string) => void,
): Result<boolean, GitFault> {
  const { branch, isDeletionAllowed } = policy;
  if (move.next === undefined) {
    if (!isDeletionAllowed)
      write(`the branch ${quoted(branch)} is what is served, and may not be deleted (--allow-deletion)`);
    else write(`the branch ${quoted(branch)} goes: what was last read of it stays served`);
    return ok(isDeletionAllowed);
  }
  const changes = changesOf(objects, move);
  if (!changes.ok) return changes;
  const judge = new Judge(objects, changes.value, policy, new HookReport(write));
  return judge.judge();
}

class Judge {
  readonly #objects: PushedObjects;
  readonly #changes: Changes;
  readonly #policy: Policy;
  readonly #report: HookReport;
  #fault: GitFault | undefined;

  constructor(objects: PushedObjects, changes: Changes, policy: Policy, report: HookReport) {
    this.#objects = objects;
    this.#changes = changes;
    this.#policy = policy;
    this.#report = report;
  }

  judge(): Result<boolean, GitFault> {
    const { changed, including, oldFault } = this.#changes;
    const report = this.#report;
    if (oldFault !== undefined)
      report.note(`the version before cannot be read, all files are judged as new: ${oldFault.what}`);
    this.#judgeIgnored();
    for (const fileName of [...changed, ...including].sort()) {
      this.#judgeFile(fileName, fileZone(fileName));
      if (this.#fault !== undefined) return fail(this.#fault);
    }
    this.#judgeKeys();
    if (this.#fault !== undefined) return fail(this.#fault);
    report.finish();
    return ok(report.errors === 0);
  }

  /** What is at the root and no file of the primary: of it, what is new. */
  #judgeIgnored(): void {
    const { before, after } = this.#changes;
    const known = new Set(before.ignored.map(({ name, reason }) => `${reason} ${name}`));
    for (const { name, reason } of after.ignored) {
      if (known.has(`${reason} ${name}`)) continue;
      const wasFile = before.files.has(name) && fileZone(name).kind !== 'other';
      const severity = wasFile || !HARMLESS.test(reason) ? 'error' : 'warning';
      const what = `${reason}: the primary leaves it alone${wasFile ? ', and what it was goes' : ''}`;
      this.#report.find(name, { severity, rule: 'file-kind', what });
    }
  }

  #judgeFile(fileName: string, role: FileRole): void {
    const { before, after } = this.#changes;
    const [oldOid, oid] = [before.files.get(fileName), after.files.get(fileName)];
    const old = oldOid === undefined ? GONE : this.#read(oldOid, role);
    if (oid === undefined) {
      if (old !== undefined && role.kind !== 'other') this.#judgeRemoval(fileName, role, old);
      return;
    }
    const octets = this.#read(oid, role);
    if (octets === undefined) {
      if (role.kind !== 'other') this.#report.find(fileName, TOO_LARGE);
      return;
    }
    const [readNext, readOld] = [readIncluded(this.#objects, after), readIncluded(this.#objects, before)];
    const report = checkFile(octets.length === 0 && role.kind === 'zone' ? BLANK : octets, {
      fileName,
      old: old ?? GONE,
      include: includedBy([octets], readNext),
      includeOld: includedBy([old], readOld),
      isCounted: true,
      isOneOfMany: true,
      serial: this.#policy.serial,
    });
    this.#tell(fileName, report, oldOid !== undefined);
  }

  #tell(fileName: string, report: FileReport, isOld: boolean): void {
    // A file without a zone was told of when it came, unless zones include it.
    const isPlain = report.status === 'left alone' && (isOld || this.#changes.included.has(fileName));
    for (const finding of isPlain ? [] : report.findings) this.#report.find(fileName, finding);
    const { name, counted, status } = report;
    if (report.role === 'keys') this.#tellKeys(fileName, report);
    if (report.role !== 'zone' || status !== 'checked' || name === undefined) return;
    const zone = `${quoted(fileName)}: zone ${plainName(name)}`;
    if (!isOld) this.#report.note(`${zone} is new, serial ${report.serial}`);
    if (counted === undefined) return;
    const { removed, added, before, from, to } = counted;
    const serials = from === to ? `serial ${to}` : `serial ${from} -> ${to}`;
    this.#report.note(`${zone}, ${serials}, records: ${removed} removed, ${added} added`);
    this.#judgeChange(fileName, { removed, before, isGone: false });
  }

  #tellKeys(fileName: string, { difference }: FileReport): void {
    if (difference.length === 0) return;
    const removed = difference.filter(({ change }) => change === 'removed').length;
    this.#report.note(`${quoted(fileName)}: keys: ${removed} removed, ${difference.length - removed} added`);
  }

  #judgeRemoval(fileName: string, role: Exclude<FileRole, { kind: 'other' }>, old: Uint8Array): void {
    if (role.kind === 'keys') {
      const { keys } = readKeyFile(old, role.domain);
      if (keys.length === 0) return;
      const what = `the file goes, and ${keys.length === 1 ? 'one key' : `${keys.length} keys`} of ${plainName(role.domain)} with it`;
      this.#report.find(fileName, { severity: 'warning', rule: 'removal', what });
      return;
    }
    const { hasSoa, readable } = readZoneFile(
      old,
      role.origin,
      includedBy([old], readIncluded(this.#objects, this.#changes.before)),
    );
    if (!hasSoa) return;
    const what = `THE ZONE ${plainName(role.origin)} GOES: it is answered no more, and secondaries drop it`;
    this.#report.find(fileName, { severity: 'warning', rule: 'removal', what });
    const records = readable === undefined ? 0 : readable.size - 1;
    this.#judgeChange(fileName, { removed: records, before: records, isGone: true });
  }

  #judgeChange(fileName: string, change: Parameters<typeof changeFinding>[1]): void {
    const finding = changeFinding(this.#policy.maxChange, change);
    if (finding !== undefined) this.#report.find(fileName, finding);
  }

  /** Keys that contradict each other in two files: only all key files together tell. */
  #judgeKeys(): void {
    const { changed, after } = this.#changes;
    if (![...changed].some((name) => after.files.has(name) && fileZone(name).kind === 'keys')) return;
    const files = new Map<string, ReturnType<typeof readKeyFile>>();
    for (const [fileName, oid] of after.files) {
      const role = fileZone(fileName);
      const octets = role.kind === 'keys' ? this.#read(oid, role) : undefined;
      if (role.kind === 'keys' && octets !== undefined) files.set(fileName, readKeyFile(octets, role.domain));
    }
    for (const { fileNames, finding } of joinKeys(files).contradictions)
      if (fileNames.some((name) => changed.has(name))) this.#report.find(fileNames[0]!, finding);
  }

  /** The content of a file; `undefined` where it is too large. Whatever else is wrong with it ends the judgement. */
  #read(oid: string, role: FileRole): Uint8Array | undefined {
    const read = role.kind === 'other' ? this.#objects.read(oid, MAX_LOOK) : this.#objects.read(oid);
    if (read.ok) return read.value;
    if (read.fault.kind !== 'limit') this.#fault ??= read.fault;
    return undefined;
  }
}
