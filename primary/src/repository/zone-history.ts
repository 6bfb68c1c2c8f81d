/**
 * The versions of a zone in git: commits that changed its file, or a file that it includes, and the zone at each of them.
 *
 * A version is named by a text, the object names of its files, so that what is the same is read once. A few of them are kept: what
 * a version is compared with is mostly the next to be looked at.
 */
import { readZoneFile, type ZoneReading, zoneFileName } from '@zonewright/common/authority/zone-file';
import type { GitFault, GitStore, History, Lookup } from '@zonewright/common/git/store';
import { IncludedFiles } from '@zonewright/common/master/include';
import { scanZoneFile } from '@zonewright/common/master/scan';
import type { Name } from '@zonewright/common/name';
import { fail, ok, type Result } from '@zonewright/common/result';
import { readSoa } from '@zonewright/common/rr/soa';
import { TYPE } from '@zonewright/common/rr/type';
import { diffZonesWithin, isEmptyDelta, isSoaEdited } from '@zonewright/common/zone/delta';
import { isNewer } from '@zonewright/common/zone/serial';
import type { Zone } from '@zonewright/common/zone/zone';
import { readUnserved } from '../unserved.ts';
import { readIncluded } from './loader.ts';

/** Versions of a zone that are kept. */
const KEPT_VERSIONS = 3;
/** Files of which is kept what they include. */
const KEPT_FILES = 1000;
/** Files that are followed from include to include. */
const MAX_INCLUDED = 1000;
/** Octets at the beginning of a file where its SOA mostly stands. */
const TOP = 1024;
const LF = 0x0a;
/** Versions that are looked through for one without errors. */
const MAX_BROKEN = 1000;

/** A version without errors. */
export interface Good {
  /** `undefined`: there is none, or the zone had no file then. */
  readonly reading: ZoneReading | undefined;
  /** Commits with versions that were passed over, newest first. */
  readonly broken: readonly string[];
}

/** What the search for a serial found. */
export type Found =
  | { readonly kind: 'one'; readonly commit: string; readonly zone: Zone }
  | { readonly kind: 'none' }
  /** Versions that say different things. */
  | { readonly kind: 'several'; readonly commits: readonly string[] };

export class ZoneHistory {
  readonly fileName: string;
  readonly #origin: Name;
  readonly #store: GitStore;
  readonly #kept = new Map<string, ZoneReading>();
  #latest: { readonly oid: string; readonly octets: Uint8Array } | undefined;
  /** By object name: the files that a file names. */
  readonly #includes = new Map<string, readonly string[]>();

  constructor(store: GitStore, origin: Name) {
    this.#store = store;
    this.#origin = origin;
    this.fileName = zoneFileName(origin);
  }

  /** The commits that changed the zone, newest first. What they say is for {@link read}. */
  changes(from: string, options: { readonly since?: number; readonly signal?: AbortSignal } = {}): History {
    return this.#store.history({ from, ...options, stateOf: (lookup) => this.stateOf(lookup) });
  }

  /** The version at a commit; `undefined` where the zone has no file. */
  async stateOf(lookup: Lookup): Promise<Result<string | undefined, GitFault>> {
    const oid = lookup(this.fileName);
    if (oid === undefined) return ok(undefined);
    const parts = [`${this.fileName} ${oid}`];
    const seen = new Set<string>();
    for (const waiting = [oid]; waiting.length > 0; ) {
      const names = await this.#includedBy(waiting.pop()!);
      if (!names.ok) return names;
      for (const name of names.value) {
        if (seen.has(name) || seen.size >= MAX_INCLUDED) continue;
        seen.add(name);
        const included = lookup(name);
        parts.push(`${name} ${included ?? '-'}`);
        if (included !== undefined) waiting.push(included);
      }
    }
    return ok(parts.join('\n'));
  }

  /** The zone of a version. */
  async read(state: string): Promise<Result<ZoneReading, GitFault>> {
    const kept = this.#kept.get(state);
    if (kept !== undefined) return ok(kept);
    const files = new Map(state.split('\n').map((part) => part.split(' ') as [string, string]));
    const octets = await this.#octetsOf(files.get(this.fileName)!);
    if (!octets.ok) return octets.fault.kind === 'limit' ? ok(unreadable(octets.fault)) : octets;
    const included = await readIncluded(this.#store, octets.value, (name) => {
      const oid = files.get(name);
      return oid === '-' ? undefined : oid;
    });
    if (!included.ok) return included;
    const reading = readZoneFile(octets.value, this.#origin, (name) => included.value.get(name));
    this.#kept.set(state, reading);
    if (this.#kept.size > KEPT_VERSIONS) this.#kept.delete(this.#kept.keys().next().value!);
    return ok(reading);
  }

  /** The version of a commit, or the last before it that has no errors. */
  async goodAt(commit: string, state: string | undefined): Promise<Result<Good, GitFault>> {
    const broken: string[] = [];
    const found = state === undefined ? undefined : await this.read(state);
    if (found?.ok === false) return found;
    if (found === undefined || found.value.zone !== undefined) return ok({ reading: found?.value, broken });
    const changes = this.changes(commit);
    while (broken.length < MAX_BROKEN) {
      const change = await changes.next();
      if (change.done === true) return change.value.ok ? ok({ reading: undefined, broken }) : change.value;
      const { state: at } = change.value;
      const reading = at === undefined ? ok(undefined) : await this.read(at);
      if (!reading.ok) return reading;
      if (reading.value === undefined || reading.value.zone !== undefined)
        return ok({ reading: reading.value, broken });
      broken.push(change.value.commit);
    }
    return ok({ reading: undefined, broken });
  }

  /**
   * The version that was served with a serial, by what the commits of the server say of others (`unserved.ts`). None where two that say
   * different things are left: which of them was served, git does not know. The search ends at a version with an older serial, unless serials went back on the way.
   */
  async versionOf(serial: number, from: string, signal?: AbortSignal): Promise<Result<Found, GitFault>> {
    const changes = this.changes(from, signal === undefined ? {} : { signal });
    let found: { readonly commit: string; readonly zone: Zone } | undefined;
    let newer: number | undefined;
    let isFalling = true;
    /** Was there a version with the serial, or a newer one? */
    let isPassed = false;
    /** Of each serial, how many of the next versions that have it were not served with it. */
    const unserved = new Map<number, number>();
    const isUnserved = (own: number): boolean => {
      const left = unserved.get(own) ?? 0;
      if (left > 0) unserved.set(own, left - 1);
      return left > 0;
    };
    for (;;) {
      const change = await changes.next();
      if (change.done === true) {
        if (!change.value.ok) return change.value;
        // Of what was not looked at, any version may have the serial too.
        const isSure = change.value.value.isWhole || (isFalling && newer !== undefined && isNewer(serial, newer));
        return ok(found !== undefined && isSure ? { kind: 'one', ...found } : { kind: 'none' });
      }
      const { commit, state } = change.value;
      const own = state === undefined ? ok(undefined) : await this.#serialOf(state);
      if (!own.ok) return own;
      const about = await this.#store.about(commit);
      if (!about.ok) return about;
      for (const each of readUnserved(about.value.message, this.fileName))
        unserved.set(each, (unserved.get(each) ?? 0) + 1);
      if (state === undefined || own.value === undefined) continue;
      // Nobody was served it with that serial: it is not older or newer than what was.
      if (own.value !== serial && isUnserved(own.value)) continue;
      if (newer !== undefined && own.value !== newer && !isNewer(newer, own.value)) isFalling = false;
      newer = own.value;
      isPassed ||= own.value === serial || isNewer(own.value, serial);
      if (isFalling && isPassed && isNewer(serial, own.value))
        return ok(found === undefined ? { kind: 'none' } : { kind: 'one', ...found });
      if (own.value !== serial) continue;
      const reading = await this.read(state);
      if (!reading.ok) return reading;
      const { zone } = reading.value;
      // A version with errors was never served.
      if (zone === undefined) continue;
      if (isUnserved(serial)) continue;
      if (found === undefined) found = { commit, zone };
      else if (!isSame(found.zone, zone)) return ok({ kind: 'several', commits: [found.commit, commit] });
    }
  }

  /** The serial of a version, without reading all of it where it stands at the beginning. */
  async #serialOf(state: string): Promise<Result<number | undefined, GitFault>> {
    const kept = this.#kept.get(state);
    if (kept !== undefined) return ok(kept.readable?.serial);
    const octets = await this.#octetsOf(state.slice(this.fileName.length + 1).split('\n', 1)[0]!);
    if (!octets.ok) return octets.fault.kind === 'limit' ? ok(undefined) : octets;
    const serial = serialAtTop(octets.value, this.#origin);
    if (serial !== undefined) return ok(serial);
    const reading = await this.read(state);
    return reading.ok ? ok(reading.value.readable?.serial) : reading;
  }

  /** The content of a file. What is looked at for what it includes is mostly read next. */
  async #octetsOf(oid: string): Promise<Result<Uint8Array, GitFault>> {
    if (this.#latest?.oid === oid) return ok(this.#latest.octets);
    const octets = await this.#store.read(oid);
    if (octets.ok) this.#latest = { oid, octets: octets.value };
    return octets;
  }

  async #includedBy(oid: string): Promise<Result<readonly string[], GitFault>> {
    const known = this.#includes.get(oid);
    if (known !== undefined) return ok(known);
    const octets = await this.#octetsOf(oid);
    if (!octets.ok && octets.fault.kind !== 'limit') return fail(octets.fault);
    const names = octets.ok ? namedIn(octets.value) : [];
    this.#includes.set(oid, names);
    if (this.#includes.size > KEPT_FILES) this.#includes.delete(this.#includes.keys().next().value!);
    return ok(names);
  }
}

/** The serial of the SOA of the apex, if that stands in the first lines. */
function serialAtTop(octets: Uint8Array, origin: Name): number | undefined {
  const end = octets.length <= TOP ? octets.length : octets.lastIndexOf(LF, TOP) + 1;
  let serial: number | undefined;
  scanZoneFile(
    octets.subarray(0, end),
    { origin },
    {
      onRecord({ type, name, rdata }) {
        if (serial === undefined && type === TYPE.SOA && name.equals(origin)) ({ serial } = readSoa(rdata));
      },
    },
  );
  return serial;
}

function isSame(a: Zone, b: Zone): boolean {
  const delta = diffZonesWithin(a, b, 0);
  return delta !== undefined && isEmptyDelta(delta) && !isSoaEdited(a, b);
}

function namedIn(octets: Uint8Array): readonly string[] {
  const included = new IncludedFiles(octets);
  const names: string[] = [];
  for (let name = included.next(); name !== undefined; name = included.next()) {
    names.push(name);
    included.give(name, undefined);
  }
  return names;
}

function unreadable({ what }: GitFault): ZoneReading {
  return { findings: [{ severity: 'error', rule: 'limit', what }], hasSoa: false };
}
