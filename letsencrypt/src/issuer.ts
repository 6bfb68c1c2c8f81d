/**
 * The part of the ACME secondary that acts: after every change of a zone, and when something falls due, it looks at all requests
 * (`watch.ts` judges) and runs what is to be done, a few orders at a time, never two for one name.
 *
 * Left out: keeping what it remembers (back-offs, orders, certificates not published yet) over a restart.
 */
import type { Key } from '@zonewright/common/authority/key';
import type { ZoneTable } from '@zonewright/common/authority/zones';
import type { Name } from '@zonewright/common/name';
import type { Log } from '@zonewright/common/service/log';
import type { CounterHandle, Metrics } from '@zonewright/common/service/metrics';
import type { Zone } from '@zonewright/common/zone/zone';
import type { AcmeClient } from './acme.ts';
import { type OrderRecord, type Ration, rationOf, recordOrder } from './budget.ts';
import type { Certificate } from './certificate.ts';
import { parseCsr } from './csr.ts';
import type { DnsClient, DnsFault } from './dns.ts';
import { Leftovers } from './leftover.ts';
import type { METRICS } from './metrics.ts';
import { type OrderContext, type OrderFault, obtain } from './order.ts';
import { type Found, findPostings, hostOf, type Posting, requestId } from './posting.ts';
import { changeTlsa, type Issued, publication } from './publish.ts';
import { Servers } from './servers.ts';
import { Suggestions } from './suggestions.ts';
import {
  againAt,
  begun,
  failed,
  isForgettable,
  issuedNow,
  judge,
  type Memory,
  type NameScope,
  published,
  seen,
  superseded,
  type Verdict,
} from './watch.ts';

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
  readonly log: Log;
  readonly metrics: Metrics<typeof METRICS>;
  /** How orders are made. */
  readonly orders?: Pick<OrderContext, 'challenge' | 'profile' | 'preferredChain'>;
  /** A zone was changed through the DNS server: its copy is to be brought up to date. */
  onPublished(): void;
}

/** Names for which something is under way at the same time. */
const MOST_BUSY = 4;
/** Changes gather at least so long (milliseconds), and so many times as long as it took to search them. */
const GATHER = { least: 50, factor: 10 } as const;
const LONGEST_TIMER = 86_400_000;

export class Issuer {
  readonly #options: IssuerOptions;
  readonly #abort = new AbortController();
  /** Zones that have changed since they were searched, by their apex. */
  readonly #changed = new Map<string, Zone>();
  /** What was found in each zone. */
  readonly #found = new Map<string, readonly Found[]>();
  readonly #memories = new Map<string, Memory>();
  readonly #verdicts = new Map<string, { readonly found: Found; readonly verdict: Verdict }>();
  readonly #running = new Set<Promise<void>>();
  #orders: OrderRecord = [];
  /** What was said about a name that cannot be met, or not now, so that it is said once. */
  readonly #said = new Map<string, string>();
  readonly #suggestions: Suggestions;
  readonly #servers: Servers;
  readonly #leftovers: Leftovers;
  readonly #issued: CounterHandle;
  readonly #failed: CounterHandle;
  #timer: NodeJS.Timeout | undefined;
  #wakeAt = Number.POSITIVE_INFINITY;
  /** Milliseconds in which changes gather before they are looked at. */
  #gather: number = GATHER.least;

  constructor(options: IssuerOptions) {
    this.#options = options;
    const { metrics, acme, dns, zones, port, log } = options;
    this.#servers = new Servers(zones, port);
    this.#leftovers = new Leftovers(dns, acme.thumbprint, log);
    this.#suggestions = new Suggestions(acme, log, Math.random);
    this.#issued = metrics.counter('zonewright_certificates_issued_total');
    this.#failed = metrics.counter('zonewright_certificate_failures_total');
    metrics.onRead(() => {
      for (const kind of ['unclear', 'busy', 'current', 'waiting', 'publish', 'order'] as const) {
        const count = [...this.#verdicts.values()].filter(({ verdict }) => verdict.kind === kind).length;
        metrics.gauge('zonewright_certificate_requests', { state: kind }).set(count);
      }
    });
  }

  /** A zone has a new version, or is gone. */
  changed(origin: Name, zone: Zone | undefined): void {
    if (zone === undefined) {
      this.#found.delete(origin.key);
      this.#changed.delete(origin.key);
    } else this.#changed.set(origin.key, zone);
    this.#wake(this.#gather);
  }

  /** Gives up what is under way; TXT records are still taken away. */
  async stop(): Promise<void> {
    this.#abort.abort();
    clearTimeout(this.#timer);
    await Promise.all(this.#running);
    await this.#leftovers.stop();
  }

  /** One entry a name for `/status`. */
  status(): readonly Readonly<Record<string, unknown>>[] {
    return [...this.#verdicts].map(([key, { found, verdict }]) => {
      const memory = this.#memories.get(key);
      const { posting } = found;
      const at = (time: number): string => new Date(time).toISOString();
      return {
        host: hostOf(found.name).toString(),
        hosts: posting.ok ? posting.value.csr.hosts : [],
        state: verdict.kind,
        ...(verdict.kind === 'current' && { until: at(verdict.certificate.notAfter), due: at(verdict.dueAt) }),
        ...(verdict.kind === 'waiting' && { retry: at(verdict.until), limit: verdict.limit }),
        ...(verdict.kind === 'unclear' && { failure: verdict.fault.what }),
        ...(memory?.reason !== undefined && { failure: memory.reason, failures: memory.failures }),
      };
    });
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
      this.#examine();
    }, wait);
  }

  #search(): void {
    if (this.#changed.size === 0) return;
    const began = performance.now();
    for (const [key, zone] of this.#changed) {
      this.#found.set(key, findPostings(zone));
      this.#leftovers.search(zone);
    }
    this.#changed.clear();
    this.#gather = Math.max(GATHER.least, GATHER.factor * (performance.now() - began));
  }

  #examine(): void {
    this.#search();
    const now = Date.now();
    const { key: scope, isAnyKey, names } = this.#options;
    const suggested = (one: Certificate): number | undefined => this.#suggestions.of(one);
    const ration = (owner: Name): Ration | undefined => rationOf(this.#orders, owner, Date.now());
    const rules = { zone: scope.zone, names, isAnyKey, suggested, ration };
    const current: Certificate[] = [];
    const present = new Set<string>();
    let next = Number.POSITIVE_INFINITY;
    for (const found of [...this.#found.values()].flat()) {
      const { key } = found.name;
      present.add(key);
      const verdict = judge(found, this.#memories.get(key), rules, now);
      this.#verdicts.set(key, { found, verdict });
      this.#say(key, found, verdict);
      if (verdict.kind === 'current') {
        this.#remember(key, seen);
        current.push(verdict.certificate);
      }
      if (verdict.kind === 'order' || verdict.kind === 'publish') this.#begin(verdict);
      next = Math.min(next, againAt(verdict));
    }
    for (const key of this.#verdicts.keys()) if (!present.has(key)) this.#verdicts.delete(key);
    for (const key of this.#said.keys()) if (!present.has(key)) this.#said.delete(key);
    for (const [key, memory] of this.#memories) {
      if (!present.has(key) && isForgettable(memory, now)) this.#memories.delete(key);
    }
    void this.#suggest(current, now);
    // What found no place is begun when something else ends.
    this.#wake(next === Number.POSITIVE_INFINITY ? LONGEST_TIMER : next - now);
  }

  /** Asks what the CA suggests, and examines again when it has said something, or is to be asked again. */
  async #suggest(certificates: readonly Certificate[], now: number): Promise<void> {
    const { hasAsked, next } = await this.#suggestions.ask(certificates, now, this.#abort.signal);
    this.#wake(hasAsked ? GATHER.least : next - Date.now());
  }

  #say(key: string, { name }: Found, verdict: Verdict): void {
    const what =
      verdict.kind === 'unclear' ? verdict.fault.what : verdict.kind === 'waiting' ? verdict.limit : undefined;
    if (what === undefined) {
      this.#said.delete(key);
      return;
    }
    if (this.#said.get(key) === what) return;
    this.#said.set(key, what);
    const { log } = this.#options;
    const host = hostOf(name).toString();
    if (verdict.kind === 'unclear') {
      const { kind, hint } = verdict.fault;
      log.warn('certificate.unclear', { host, fault: kind, hint }, what);
    } else if (verdict.kind === 'waiting') {
      log.warn('certificate.rationed', { host, retry: new Date(verdict.until).toISOString() }, what);
    }
  }

  #begin(verdict: Extract<Verdict, { kind: 'order' | 'publish' }>): void {
    const { key } = verdict.posting.name;
    if (this.#running.size >= MOST_BUSY || this.#abort.signal.aborted) return;
    this.#memories.set(key, begun(this.#memories.get(key), verdict.posting));
    this.#verdicts.set(key, { ...this.#verdicts.get(key)!, verdict: { kind: 'busy' } });
    const log = this.#options.log.child({ host: hostOf(verdict.posting.name).toString() });
    const run = this.#run(verdict, log)
      .catch((error: unknown) => {
        log.error('process.fault', { during: 'order', error });
        this.#remember(key, (memory) => failed(memory, { what: 'a bug, see process.fault' }, Date.now(), Math.random));
      })
      .finally(() => {
        this.#running.delete(run);
        this.#wake(GATHER.least);
      });
    this.#running.add(run);
  }

  async #run(verdict: Extract<Verdict, { kind: 'order' | 'publish' }>, log: Log): Promise<void> {
    const { posting } = verdict;
    const { key } = posting.name;
    let issued: Issued;
    if (verdict.kind === 'publish') issued = verdict.issued;
    else {
      const { hosts } = posting.csr;
      log.info('certificate.requested', { hosts, why: verdict.why });
      // A CA that suggests when to renew wants to know which certificate a new one follows (RFC 9773 5).
      const follows =
        verdict.why === 'due' && this.#suggestions.of(verdict.due) !== undefined ? verdict.due : undefined;
      const onAsk = (): void => {
        this.#orders = recordOrder(this.#orders, posting.name, Date.now());
      };
      const obtained = await obtain(
        {
          ...this.#options,
          ...this.#options.orders,
          scope: this.#options.key,
          servers: this.#servers,
          leftovers: this.#leftovers,
          log,
          signal: this.#abort.signal,
          onAsk,
        },
        { csr: posting.csr, follows },
      );
      if (!obtained.ok) return this.#fail(posting, obtained.fault, log);
      issued = obtained.value;
      this.#issued.add();
      this.#remember(key, (memory) => issuedNow(memory, issued));
      log.info('certificate.issued', { hosts, until: new Date(issued.certificate.notAfter).toISOString() });
    }
    await this.#publish(posting, issued, verdict.kind === 'order', log);
  }

  async #publish(posting: Posting, issued: Issued, isNew: boolean, log: Log): Promise<void> {
    const { dns, zones, onPublished } = this.#options;
    const { name, id } = posting;
    const zone = zones.zoneOf(name)?.origin ?? posting.origin;
    let isAsked = true;
    const written = await changeTlsa(
      dns,
      zone,
      name,
      (set) => {
        const ids = set.csrs.map((der) => {
          const csr = parseCsr(der, { anyKey: true });
          return csr.ok ? requestId(csr.value) : undefined;
        });
        isAsked = ids.length === 1 && ids[0] === id;
        return isAsked ? publication(set, issued) : undefined;
      },
      this.#abort.signal,
    );
    if (!written.ok) return this.#fail(posting, written.fault, log);
    if (isAsked) log.info('certificate.published', { zone: zone.toString() });
    else log.info('certificate.superseded', {}, 'the request is not there any more');
    this.#remember(name.key, (memory) =>
      isAsked ? published(memory, Date.now(), isNew) : superseded(memory, Date.now()),
    );
    onPublished();
  }

  #fail({ name, csr }: Posting, fault: OrderFault | DnsFault, log: Log): void {
    if (this.#abort.signal.aborted) return;
    this.#failed.add();
    this.#remember(name.key, (memory) => failed(memory, fault, Date.now(), Math.random));
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

  #remember(key: string, step: (memory: Memory) => Memory): void {
    const memory = this.#memories.get(key);
    if (memory !== undefined) this.#memories.set(key, step(memory));
  }
}
