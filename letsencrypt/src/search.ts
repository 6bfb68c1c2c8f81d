/**
 * Where something is requested: all TLSA sets at `_letsencrypt._tcp.HOST` of one zone, kept up to date with its versions. After a change
 * only the names that the differences between the versions touch are looked at again; without those, all names. Pure.
 *
 * The history of the zone also tells which of several CSRs was put in last. Once known, this stays known as long as the set is
 * the same.
 *
 * Always holds: a set that is the same in two versions of a zone is read once.
 */
import { Name } from '@zonewright/common/name';
import { ok, type Result } from '@zonewright/common/result';
import { TYPE } from '@zonewright/common/rr/type';
import type { Delta } from '@zonewright/common/zone/delta';
import type { Zone } from '@zonewright/common/zone/zone';
import { type Content, type Found, type PostingFault, readPosting } from './posting.ts';
import { statusOf } from './status.ts';
import { octetsKey, REQUEST_LABELS } from './tlsa.ts';

/** The part of a zone's history that is needed. */
export interface ZoneHistory {
  readonly all: readonly Delta[];
  since(serial: number): readonly Delta[] | undefined;
}

/** A name at which nothing is requested any more, and a status of ours still stands. */
export type Stale = Omit<Found, 'posting'>;

/** The end of the comparing form of the names looked for, which holds the labels from the root down. */
const SUFFIX = Name.parse(`${REQUEST_LABELS.join('.')}.`);
const suffix = SUFFIX.ok ? SUFFIX.value.key : '';

interface Entry {
  readonly name: Name;
  /** RDATA of the TLSA set, in order. */
  readonly set: readonly string[];
  readonly content: Result<Content, PostingFault> | undefined;
  readonly statuses: readonly Uint8Array[];
}

export class ZoneSearch {
  readonly #entries = new Map<string, Entry>();
  #zone: Zone | undefined;

  /** Takes over a version of the zone; in steps between which others may have their turn. */
  *update(zone: Zone, history?: ZoneHistory): Generator<void, void, undefined> {
    const before = this.#zone;
    const newest = newestIn(history);
    const deltas = before && history?.since(before.serial);
    this.#zone = zone;
    if (deltas === undefined) {
      const gone = new Set(this.#entries.keys());
      for (const { name } of zone.eachNode()) {
        if (name.key.endsWith(suffix)) {
          this.#read(zone, name, newest);
          gone.delete(name.key);
        }
        yield;
      }
      for (const key of gone) this.#entries.delete(key);
      return;
    }
    const touched = new Map<string, Name>();
    for (const { added, removed } of deltas) {
      for (const records of [removed, added]) {
        for (const { name } of records) if (name.key.endsWith(suffix)) touched.set(name.key, name);
      }
      yield;
    }
    for (const name of touched.values()) {
      this.#read(zone, name, newest);
      yield;
    }
  }

  /** The names at which something is requested. */
  *found(): Generator<Found, void, undefined> {
    for (const { name, content, statuses } of this.#entries.values()) {
      if (content === undefined || this.#zone === undefined) continue;
      const { origin } = this.#zone;
      const posting = content.ok ? ok({ name, origin, ...content.value }) : content;
      yield { name, origin, posting, statuses };
    }
  }

  *stale(): Generator<Stale, void, undefined> {
    for (const { name, content, statuses } of this.#entries.values()) {
      if (content === undefined && this.#zone !== undefined) yield { name, origin: this.#zone.origin, statuses };
    }
  }

  #read(zone: Zone, name: Name, newest: Newest): void {
    const rdatas = zone.get(name, TYPE.TLSA)?.rdatas ?? [];
    const statuses = (zone.get(name, TYPE.TXT)?.rdatas ?? []).filter((rdata) => statusOf(rdata) !== undefined);
    const set = rdatas.map(octetsKey);
    const before = this.#entries.get(name.key);
    const isSame = before?.set.length === set.length && before.set.every((one, i) => one === set[i]);
    const content = isSame ? before.content : readPosting(rdatas, (csrs) => newest(name, csrs));
    if (content === undefined && statuses.length === 0) this.#entries.delete(name.key);
    else this.#entries.set(name.key, { name, set, content, statuses });
  }
}

/** All names of one version of a zone where something is requested. */
export function findPostings(zone: Zone, history?: ZoneHistory): readonly Found[] {
  const search = new ZoneSearch();
  for (const _ of search.update(zone, history));
  return [...search.found()];
}

/** Of several records (RDATA) at a name the one that was put in last. */
type Newest = (name: Name, rdatas: readonly Uint8Array[]) => Uint8Array | undefined;

/** Reads the history once, and only if it is asked for. */
function newestIn(history: ZoneHistory | undefined): Newest {
  let times: ReadonlyMap<string, number> | undefined;
  return (name, rdatas) => {
    times ??= timesOf(history?.all ?? []);
    const at = (rdata: Uint8Array): number => times?.get(`${name.key} ${octetsKey(rdata)}`) ?? -1;
    const [latest, second] = rdatas.toSorted((a, b) => at(b) - at(a));
    // Those that were put in together, or before the history begins, have no order.
    return latest !== undefined && second !== undefined && at(latest) > at(second) ? latest : undefined;
  };
}

/** With which difference each TLSA record of a request was put in. */
function timesOf(deltas: readonly Delta[]): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  deltas.forEach(({ added }, i) => {
    for (const { name, type, rdata } of added) {
      if (type === TYPE.TLSA && name.key.endsWith(suffix)) times.set(`${name.key} ${octetsKey(rdata)}`, i);
    }
  });
  return times;
}
