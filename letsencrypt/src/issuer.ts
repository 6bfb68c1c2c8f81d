/**
 * The part of the ACME secondary that acts: after every change of a zone, and when something falls due, it looks at all requests
 * (`watch.ts` judges) and runs what is to be done (`fulfilment.ts`), a few orders at a time in the order of `turn.ts`, never two
 * for one name. What it learns it remembers (`memory.ts`, `budget.ts`), and says beside the request (`status-records.ts`).
 */
import type { Key } from '@zonewright/common/authority/key';
import type { ZoneTable } from '@zonewright/common/authority/zones';
import type { Name } from '@zonewright/common/name';
import { type BackoffBounds, nextDelay } from '@zonewright/common/service/backoff';
import type { Log } from '@zonewright/common/service/log';
import type { CounterHandle, Metrics } from '@zonewright/common/service/metrics';
import { Slices } from '@zonewright/common/service/slices';
import type { Zone } from '@zonewright/common/zone/zone';
import type { AcmeClient } from './acme.ts';
import { type BegunOrder, Budget, type Grant, type OrderSubject } from './budget.ts';
import type { CaaFault } from './caa.ts';
import type { Certificate } from './certificate.ts';
import type { DnsClient } from './dns.ts';
import { groupOf, registeredDomains } from './domain.ts';
import {
  type Fulfilment,
  type FulfilmentFault,
  failureOf,
  fulfil,
  isOver,
  OUTCOMES,
  type Outcome,
  outcomeOf,
  standstillOf,
} from './fulfilment.ts';
import { Leftovers } from './leftover.ts';
import { limitedDomains } from './limited.ts';
import { Memories } from './memories.ts';
import { failed, issuedNow, ordered, published, seen, superseded, unordered } from './memory.ts';
import { type METRICS, measure } from './metrics.ts';
import type { OrderContext } from './order.ts';
import { type Found, hostOf, type Posting } from './posting.ts';
import { countsAsIssued } from './provenance.ts';
import { type Stale, type ZoneHistory, ZoneSearch } from './search.ts';
import { Servers } from './servers.ts';
import { readJson, type State } from './state.ts';
import { StatusRecords } from './status-records.ts';
import { Suggestions } from './suggestions.ts';
import { inTurn, isNew, isRenewal, type Task } from './turn.ts';
import { describe, type Judged, Sayings, statusFor } from './verdict-text.ts';
import { againAt, judge, type NameScope } from './watch.ts';

export interface IssuerOptions {
  readonly acme: AcmeClient;
  readonly dns: DnsClient;
  readonly zones: ZoneTable;
  readonly key: Key;
  /** Where the servers of a zone are reached. */
  readonly port: number;
  /** The CA also certifies keys that public ones refuse. */
  readonly isAnyKey: boolean;
  /** Where the names of a request may be. */
  readonly names: NameScope;
  /** How orders are made. */
  readonly orders: Pick<OrderContext, 'challenge' | 'profile' | 'preferredChain'>;
  /** Orders that may be begun. */
  readonly grant: Grant;
  /** Is what is done about a request written beside it? */
  readonly isStatusWritten: boolean;
  readonly state: State;
  readonly log: Log;
  readonly metrics: Metrics<typeof METRICS>;
  historyOf(origin: Name): ZoneHistory | undefined;
  /** Why the CA may not certify these names, if that is so: what CAA records say. */
  refusal(hosts: readonly string[], signal: AbortSignal): Promise<CaaFault | undefined>;
  /** A zone was changed through the DNS server: its copy is to be brought up to date. */
  onPublished(): void;
}

/** Names for which something is under way at the same time, and how many of them may be new ones. */
const MOST_BUSY = 10;
const MOST_NEW = 8;
/** Changes gather so long (milliseconds), between bounds so many times as long as it took to look at the last ones. */
const GATHER = { least: 50, most: 1000, factor: 10 } as const;
const LONGEST_TIMER = 86_400_000;
/** Nothing is ordered for so long after the CA or the DNS server was found to be away; longer each time. */
const AWAY: BackoffBounds = { base: 20_000, max: 600_000 };
const LONGEST_AWAY = 3_600_000;
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
  readonly #running = new Map<Promise<void>, Task>();
  readonly #budget: Budget;
  readonly #sayings: Sayings;
  readonly #statuses: StatusRecords;
  readonly #suggestions: Suggestions;
  readonly #servers: Servers;
  readonly #leftovers: Leftovers;
  readonly #outcomes: Readonly<Record<Outcome, CounterHandle>>;
  /** How often, one time after the other, somebody was found to be away. */
  #absences = 0;
  #timer: NodeJS.Timeout | undefined;
  #wakeAt = Number.POSITIVE_INFINITY;
  #examining: Promise<void> | undefined;
  /** Milliseconds in which changes gather before they are looked at. */
  #gather: number = GATHER.least;

  constructor(options: IssuerOptions) {
    this.#options = options;
    const { metrics, acme, dns, zones, port, log, state, grant } = options;
    this.#servers = new Servers(zones, port);
    this.#leftovers = new Leftovers(dns, acme.thumbprint, log);
    this.#suggestions = new Suggestions(acme, state.table('renewal', readJson), log, Math.random);
    this.#budget = new Budget(grant, state.table('order', readJson), state.table('hold', readJson));
    this.#memories = new Memories(state.table('name', readJson));
    this.#sayings = new Sayings(log);
    this.#statuses = new StatusRecords(dns, log, this.#abort.signal, () => {
      options.onPublished();
      this.#wake(GATHER.least);
    });
    const counter = (outcome: Outcome) => metrics.counter('zonewright_certificate_orders_total', { outcome });
    this.#outcomes = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, counter(outcome)])) as Record<
      Outcome,
      CounterHandle
    >;
    metrics.onRead(() => measure(metrics, [...this.#judged.values()], Date.now()));
  }

  /** A zone has a new version, or is gone. */
  changed(origin: Name, zone: Zone | undefined): void {
    if (zone === undefined) {
      this.#searches.delete(origin.key);
      this.#changed.delete(origin.key);
    } else this.#changed.set(origin.key, zone);
    this.#wake(this.#gather);
  }

  /** Gives up what is under way; TXT records are still taken away. */
  async stop(): Promise<void> {
    this.#abort.abort();
    clearTimeout(this.#timer);
    await this.#examining;
    await Promise.all(this.#running.keys());
    await this.#leftovers.stop();
  }

  /** One entry a name for `/status`. */
  status(): readonly Readonly<Record<string, unknown>>[] {
    return [...this.#judged].map(([key, { found, verdict }]) => describe(found, verdict, this.#memories.get(key)));
  }

  /** Examines in so many milliseconds, or sooner if that is planned already: changes without end do not put it off. */
  #wake(milliseconds: number): void {
    if (this.#abort.signal.aborted) return;
    const wait = Math.min(Math.max(milliseconds, GATHER.least), LONGEST_TIMER);
    const at = performance.now() + wait;
    if (at >= this.#wakeAt) return;
    this.#wakeAt = at;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#wakeAt = Number.POSITIVE_INFINITY;
      // Whoever wakes it while it is at work has it work once more.
      if (this.#examining !== undefined) return this.#wake(GATHER.least);
      this.#examining = this.#examine()
        .catch((error: unknown) => this.#options.log.error('process.fault', { during: 'search', error }))
        .finally(() => {
          this.#examining = undefined;
        });
    }, wait);
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
      ration: (posting: Posting, isDue: boolean) => this.#budget.rationOf(this.#subjectOf(posting, isDue), Date.now()),
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
    this.#beginInTurn(tasks);
    next = Math.min(next, this.#writeStatuses());
    void this.#suggest(current, Date.now());
    // What found no place is begun when something else ends.
    this.#wake(next === Number.POSITIVE_INFINITY ? LONGEST_TIMER : next - Date.now());
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
    this.#wake(hasAsked ? GATHER.least : next - Date.now());
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

  #subjectOf({ name, csr }: Posting, isDue: boolean): OrderSubject {
    const { zones } = this.#options;
    const group = groupOf(hostOf(name), zones);
    return { owner: name.key, group, domains: registeredDomains(csr.hosts, zones), isRenewal: isDue };
  }

  #beginInTurn(tasks: readonly Task[]): void {
    const subjectOf = (task: Task): OrderSubject => this.#subjectOf(task.posting, isRenewal(task));
    const spent = (task: Task): number => this.#budget.spent(subjectOf(task), Date.now());
    const failures = ({ posting }: Task): number => this.#memories.get(posting.name.key)?.failures ?? 0;
    const isOpen = (task: Task): boolean =>
      task.kind === 'publish' || this.#budget.rationOf(subjectOf(task), Date.now()) === undefined;
    let left = tasks;
    while (left.length > 0 && this.#running.size < MOST_BUSY && !this.#abort.signal.aborted) {
      const isFull = [...this.#running.values()].filter(isNew).length >= MOST_NEW;
      // Each order that is begun changes whose turn is next.
      const task = inTurn(left, { spent, failures }).find((one) => !(isFull && isNew(one)) && isOpen(one));
      if (task === undefined) return;
      this.#begin(task, subjectOf(task));
      left = left.filter((one) => one !== task);
    }
  }

  #begin(task: Task, subject: OrderSubject): void {
    const { posting } = task;
    const { key } = posting.name;
    this.#memories.begin(posting);
    this.#judged.set(key, { ...this.#judged.get(key)!, verdict: { kind: 'busy' } });
    const order = task.kind === 'order' ? this.#budget.begin(subject, Date.now()) : undefined;
    const log = this.#options.log.child({ host: hostOf(posting.name).toString() });
    const run = this.#run(task, order, log)
      .catch((error: unknown) => {
        log.error('process.fault', { during: 'order', error });
        void this.#memories.change(key, (memory) =>
          failed(memory, { what: 'a bug, see process.fault' }, Date.now(), Math.random),
        );
      })
      .finally(() => {
        this.#running.delete(run);
        this.#wake(GATHER.least);
      });
    this.#running.set(run, task);
  }

  async #run(task: Task, order: BegunOrder | undefined, log: Log): Promise<void> {
    const { posting } = task;
    const { key } = posting.name;
    const { signal } = this.#abort;
    let isAsked = false;
    let isIssued = false;
    const done = await fulfil(
      {
        ...this.#options,
        ...this.#options.orders,
        scope: this.#options.key,
        servers: this.#servers,
        leftovers: this.#leftovers,
        log,
        signal,
        onAsk: () => {
          isAsked = true;
        },
        onOrder: (url) => this.#memories.change(key, (memory) => ordered(memory, url)),
        refusal: (hosts) => this.#options.refusal(hosts, signal),
        begun: this.#memories.get(key)?.order,
        onIssued: (issued) => {
          isIssued = true;
          this.#outcomes.issued.add();
          void this.#memories.change(key, (memory) => issuedNow(memory, issued));
          this.#back();
        },
      },
      task,
    );
    if (order !== undefined && !isAsked) this.#budget.cancel(order);
    else if (order !== undefined && done.kind === 'failed' && !isIssued) this.#budget.fail(order);
    if (done.kind === 'failed') {
      const { fault } = done;
      // An order that can come to nothing any more is not taken up again.
      if (isOver(fault)) void this.#memories.change(key, unordered);
      this.#fail(posting, fault, log);
    } else this.#end(posting, done);
  }

  #end({ name }: Posting, done: Exclude<Fulfilment, { kind: 'failed' }>): void {
    const now = Date.now();
    void this.#memories.change(name.key, (memory) =>
      done.kind === 'published' ? published(memory, now, done.isNew) : superseded(memory, now),
    );
    this.#options.onPublished();
  }

  #fail({ name, csr }: Posting, fault: FulfilmentFault, log: Log): void {
    if (this.#abort.signal.aborted) return;
    const now = Date.now();
    const failure = failureOf(fault);
    const outcome = outcomeOf(fault);
    this.#outcomes[outcome].add();
    if (outcome === 'limited') {
      const domains = registeredDomains(csr.hosts, this.#options.zones);
      const said = limitedDomains('problem' in fault ? fault.problem : undefined, domains);
      this.#budget.limited({ owner: name.key, domains, said, retryAfter: failure.retryAfter }, now);
    }
    void this.#memories.change(name.key, (memory) => failed(memory, failure, now, Math.random));
    const standstill = standstillOf(fault);
    if (standstill !== undefined) {
      const asked = Math.min((failure.retryAfter ?? 0) * 1000, LONGEST_AWAY);
      this.#budget.away(now + Math.max(asked, nextDelay(this.#absences++, AWAY, Math.random)), standstill);
    }
    const memory = this.#memories.get(name.key);
    log.warn('certificate.failed', {
      hosts: csr.hosts,
      fault: fault.kind,
      reason: fault.what,
      hint: fault.hint,
      failures: memory?.failures,
      retry: memory && new Date(memory.notBefore).toISOString(),
    });
  }

  #back(): void {
    this.#absences = 0;
    this.#budget.back();
  }
}
