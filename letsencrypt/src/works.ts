/**
 * What is under way: a few orders and publications at a time in the order of `turn.ts`, never two for one name, and no more orders than the
 * budget allows. How each ends is remembered (`memory.ts`, `budget.ts`), counted, and told to the log.
 */
import type { Key } from '@zonewright/common/authority/key';
import type { ZoneTable } from '@zonewright/common/authority/zones';
import { type BackoffBounds, nextDelay } from '@zonewright/common/service/backoff';
import type { Log } from '@zonewright/common/service/log';
import type { CounterHandle, Metrics } from '@zonewright/common/service/metrics';
import type { AcmeClient } from './acme.ts';
import { type BegunOrder, Budget, type Grant, type OrderSubject, type Ration } from './budget.ts';
import type { CaaFault } from './caa.ts';
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
import type { Leftovers } from './leftover.ts';
import { limitedDomains } from './limited.ts';
import type { Memories } from './memories.ts';
import { failed, issuedNow, ordered, published, superseded, unordered } from './memory.ts';
import type { METRICS } from './metrics.ts';
import type { OrderContext } from './order.ts';
import { hostOf, type Posting } from './posting.ts';
import { Servers } from './servers.ts';
import { readJson, type State } from './state.ts';
import { inTurn, isNew, isRenewal, type Task } from './turn.ts';

/** What works need of the service. */
export interface WorkOptions {
  readonly acme: AcmeClient;
  readonly dns: DnsClient;
  readonly zones: ZoneTable;
  readonly key: Key;
  /** Where the servers of a zone are reached. */
  readonly port: number;
  /** How orders are made. */
  readonly orders: Pick<OrderContext, 'challenge' | 'profile' | 'preferredChain'>;
  /** Orders that may be begun. */
  readonly grant: Grant;
  readonly state: State;
  readonly log: Log;
  readonly metrics: Metrics<typeof METRICS>;
  /** Why the CA may not certify these names, if that is so: what CAA records say. */
  refusal(hosts: readonly string[], signal: AbortSignal): Promise<CaaFault | undefined>;
  /** A zone was changed through the DNS server: its copy is to be brought up to date. */
  onPublished(): void;
}

/** Names for which something is under way at the same time, and how many of them may be new ones. */
const MOST_BUSY = 10;
const MOST_NEW = 8;
/** Nothing is ordered for so long after the CA or the DNS server was found to be away; longer each time. */
const AWAY: BackoffBounds = { base: 20_000, max: 600_000 };
const LONGEST_AWAY = 3_600_000;

export class Works {
  readonly #options: WorkOptions;
  readonly #memories: Memories;
  readonly #leftovers: Leftovers;
  readonly #signal: AbortSignal;
  readonly #onEnd: () => void;
  readonly #running = new Map<Promise<void>, Task>();
  readonly #budget: Budget;
  readonly #servers: Servers;
  readonly #outcomes: Readonly<Record<Outcome, CounterHandle>>;
  /** How often, one time after the other, somebody was found to be away. */
  #absences = 0;

  /** @param onEnd called when something has ended, and another may begin */
  constructor(options: WorkOptions, memories: Memories, leftovers: Leftovers, signal: AbortSignal, onEnd: () => void) {
    this.#options = options;
    this.#memories = memories;
    this.#leftovers = leftovers;
    this.#signal = signal;
    this.#onEnd = onEnd;
    const { zones, port, grant, state, metrics } = options;
    this.#servers = new Servers(zones, port);
    this.#budget = new Budget(grant, state.table('order', readJson), state.table('hold', readJson));
    const counter = (outcome: Outcome) => metrics.counter('zonewright_certificate_orders_total', { outcome });
    this.#outcomes = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, counter(outcome)])) as Record<
      Outcome,
      CounterHandle
    >;
  }

  /** Why nothing may be ordered for a request now, if that is so. */
  rationOf(posting: Posting, isDue: boolean, now: number): Ration | undefined {
    return this.#budget.rationOf(this.#subjectOf(posting, isDue), now);
  }

  /** Begins as many of the tasks as there is room for, and gives these. */
  begin(tasks: readonly Task[]): readonly Task[] {
    const subjectOf = (task: Task): OrderSubject => this.#subjectOf(task.posting, isRenewal(task));
    const spent = (task: Task): number => this.#budget.spent(subjectOf(task), Date.now());
    const failures = ({ posting }: Task): number => this.#memories.get(posting.name.key)?.failures ?? 0;
    const isOpen = (task: Task): boolean =>
      task.kind === 'publish' || this.#budget.rationOf(subjectOf(task), Date.now()) === undefined;
    const begun: Task[] = [];
    let left = tasks;
    while (left.length > 0 && this.#running.size < MOST_BUSY && !this.#signal.aborted) {
      const isFull = [...this.#running.values()].filter(isNew).length >= MOST_NEW;
      // Each order that is begun changes whose turn is next.
      const task = inTurn(left, { spent, failures }).find((one) => !(isFull && isNew(one)) && isOpen(one));
      if (task === undefined) break;
      this.#begin(task, subjectOf(task));
      begun.push(task);
      left = left.filter((one) => one !== task);
    }
    return begun;
  }

  /** Resolves when nothing is under way any more; the signal ends it. */
  async ended(): Promise<void> {
    await Promise.all(this.#running.keys());
  }

  #subjectOf({ name, csr }: Posting, isDue: boolean): OrderSubject {
    const { zones } = this.#options;
    const group = groupOf(hostOf(name), zones);
    return { owner: name.key, group, domains: registeredDomains(csr.hosts, zones), isRenewal: isDue };
  }

  #begin(task: Task, subject: OrderSubject): void {
    const { posting } = task;
    const { key } = posting.name;
    this.#memories.begin(posting);
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
        this.#onEnd();
      });
    this.#running.set(run, task);
  }

  async #run(task: Task, order: BegunOrder | undefined, log: Log): Promise<void> {
    const { posting } = task;
    const { key } = posting.name;
    const signal = this.#signal;
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
    if (this.#signal.aborted) return;
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
      this.#budget.away(Math.max(asked, nextDelay(this.#absences++, AWAY, Math.random)), standstill, now);
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
