/**
 * The part of the ACME secondary that acts: after every change of a zone, and when something falls due (`rounds.ts`), it looks at all
 * requests (`watch.ts` judges), has done what is to be done (`works.ts`), and says beside each request what that is (`status-records.ts`).
 */
import type { Name } from '@zonewright/common/name';
import { Slices } from '@zonewright/common/service/slices';
import type { Zone } from '@zonewright/common/zone/zone';
import type { Certificate } from './certificate.ts';
import { Leftovers } from './leftover.ts';
import { Memories } from './memories.ts';
import { seen } from './memory.ts';
import { measure } from './metrics.ts';
import type { Found, Posting } from './posting.ts';
import { countsAsIssued } from './provenance.ts';
import { Rounds } from './rounds.ts';
import { type Stale, type ZoneHistory, ZoneSearch } from './search.ts';
import { readJson } from './state.ts';
import { StatusRecords } from './status-records.ts';
import { Suggestions } from './suggestions.ts';
import type { Task } from './turn.ts';
import { describe, type Judged, Sayings, statusFor } from './verdict-text.ts';
import { againAt, judge, type NameScope } from './watch.ts';
import { type WorkOptions, Works } from './works.ts';

export interface IssuerOptions extends WorkOptions {
  /** The CA also certifies keys that public ones refuse. */
  readonly isAnyKey: boolean;
  /** Where the names of a request may be. */
  readonly names: NameScope;
  /** Is what is done about a request written beside it? */
  readonly isStatusWritten: boolean;
  historyOf(origin: Name): ZoneHistory | undefined;
}

/** Changes gather so long (milliseconds), between bounds so many times as long as it took to look at the last ones. */
const GATHER = { least: 50, most: 1000, factor: 10 } as const;
/** Milliseconds after the start before what is remembered about names that are in no zone is forgotten: zones take a while to come. */
const FORGET_AFTER = 3_600_000;

export class Issuer {
  readonly #options: IssuerOptions;
  readonly #abort = new AbortController();
  readonly #beganAt = Date.now();
  /** Zones that have changed since they were searched, by their apex. */
  readonly #changed = new Map<string, Zone>();
  /** What is found in each zone. */
  readonly #searches = new Map<string, ZoneSearch>();
  readonly #memories: Memories;
  readonly #judged = new Map<string, Judged>();
  readonly #works: Works;
  readonly #sayings: Sayings;
  readonly #statuses: StatusRecords;
  readonly #suggestions: Suggestions;
  readonly #leftovers: Leftovers;
  readonly #rounds: Rounds;
  /** Milliseconds in which changes gather before they are looked at. */
  #gather: number = GATHER.least;

  constructor(options: IssuerOptions) {
    this.#options = options;
    const { metrics, acme, dns, log, state } = options;
    const { signal } = this.#abort;
    this.#rounds = new Rounds(GATHER.least, () => this.#examine(), log);
    this.#leftovers = new Leftovers(dns, acme.thumbprint, log);
    this.#suggestions = new Suggestions(acme, state.table('renewal', readJson), log, Math.random);
    this.#memories = new Memories(state.table('name', readJson));
    this.#works = new Works(options, this.#memories, this.#leftovers, signal, () => this.#rounds.plan(GATHER.least));
    this.#sayings = new Sayings(log);
    this.#statuses = new StatusRecords(dns, log, signal, () => {
      options.onPublished();
      this.#rounds.plan(GATHER.least);
    });
    metrics.onRead(() => measure(metrics, [...this.#judged.values()], Date.now()));
  }

  /** A zone has a new version, or is gone. */
  changed(origin: Name, zone: Zone | undefined): void {
    if (zone === undefined) {
      this.#searches.delete(origin.key);
      this.#changed.delete(origin.key);
    } else this.#changed.set(origin.key, zone);
    this.#rounds.plan(this.#gather);
  }

  /** Gives up what is under way; TXT records are still taken away. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#rounds.stop();
    await this.#works.ended();
    await this.#leftovers.stop();
  }

  /** One entry a name for `/status`. */
  status(): readonly Readonly<Record<string, unknown>>[] {
    return [...this.#judged].map(([key, { found, verdict }]) => describe(found, verdict, this.#memories.get(key)));
  }

  async #search(slices: Slices): Promise<void> {
    if (this.#changed.size === 0) return;
    for (const [key, zone] of this.#changed) {
      this.#changed.delete(key);
      const search = this.#searches.get(key) ?? new ZoneSearch();
      this.#searches.set(key, search);
      for (const _ of search.update(zone, this.#options.historyOf(zone.origin))) {
        if (slices.isOver) await slices.pause();
      }
      this.#leftovers.search(zone);
    }
  }

  async #examine(): Promise<void> {
    const began = performance.now();
    const slices = new Slices();
    await this.#search(slices);
    const { key: scope, isAnyKey, names } = this.#options;
    const rules = {
      zone: scope.zone,
      names,
      isAnyKey,
      suggested: (one: Certificate) => this.#suggestions.of(one),
      ration: (posting: Posting, isDue: boolean) => this.#works.rationOf(posting, isDue, Date.now()),
    };
    const current: Certificate[] = [];
    const tasks: Task[] = [];
    const present = new Set<string>();
    let next = Number.POSITIVE_INFINITY;
    for (const found of this.#found()) {
      const now = Date.now();
      const { key } = found.name;
      present.add(key);
      this.#memories.recall(found, now);
      const verdict = judge(found, this.#memories.get(key), rules, now);
      this.#judged.set(key, { found, verdict });
      this.#sayings.say(found, verdict);
      if (verdict.kind === 'current') {
        void this.#memories.change(key, seen);
        const isIssued = found.posting.ok && this.#isIssued(verdict.certificate, found.posting.value);
        if (isIssued) current.push(verdict.certificate);
      }
      if (verdict.kind === 'order' && verdict.why === 'due') current.push(verdict.due);
      if (verdict.kind === 'order' || verdict.kind === 'publish') tasks.push(verdict);
      next = Math.min(next, againAt(verdict));
      if (slices.isOver) await slices.pause();
    }
    this.#forget(present);
    const took = performance.now() - began;
    this.#gather = Math.min(Math.max(GATHER.least, GATHER.factor * took), GATHER.most);
    for (const { posting } of this.#works.begin(tasks)) {
      const { key } = posting.name;
      this.#judged.set(key, { ...this.#judged.get(key)!, verdict: { kind: 'busy' } });
    }
    next = Math.min(next, this.#writeStatuses());
    void this.#suggest(current, Date.now());
    // What found no place is begun when something else ends.
    this.#rounds.plan(next - Date.now());
  }

  *#found(): Generator<Found, void, undefined> {
    for (const search of this.#searches.values()) yield* search.found();
  }

  #forget(present: ReadonlySet<string>): void {
    const now = Date.now();
    for (const key of this.#judged.keys()) if (!present.has(key)) this.#judged.delete(key);
    this.#sayings.forget(present);
    if (now < this.#beganAt + FORGET_AFTER) return;
    this.#memories.forget(present, now);
  }

  /** Asks what the CA suggests, and examines again when it has said something, or is to be asked again. */
  async #suggest(certificates: readonly Certificate[], now: number): Promise<void> {
    const { hasAsked, next } = await this.#suggestions.ask(certificates, now, this.#abort.signal);
    this.#rounds.plan(hasAsked ? GATHER.least : next - Date.now());
  }

  /** When the next status is to be written. */
  #writeStatuses(): number {
    if (!this.#options.isStatusWritten) return Number.POSITIVE_INFINITY;
    const now = Date.now();
    let next = Number.POSITIVE_INFINITY;
    for (const [key, { found, verdict }] of this.#judged) {
      const wanted = statusFor(found, verdict, this.#memories.get(key));
      if (wanted !== 'any') next = Math.min(next, this.#statuses.want(found, wanted, now));
    }
    const stale = new Map<string, Stale>();
    for (const search of this.#searches.values()) for (const one of search.stale()) stale.set(one.name.key, one);
    for (const one of stale.values()) next = Math.min(next, this.#statuses.want(one, undefined, now));
    this.#statuses.forget((key) => this.#judged.has(key) || stale.has(key), now);
    return next;
  }

  /** What posters put there by themselves the CA is not asked about. */
  #isIssued(certificate: Certificate, posting: Posting): boolean {
    const memory = this.#memories.get(posting.name.key);
    return countsAsIssued(certificate, posting, memory?.id === posting.id ? memory.issued : undefined);
  }
}
