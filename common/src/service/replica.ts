/**
 * Copies of zones kept current from a primary: what the secondary and the ACME secondary share. For each zone it asks for the SOA
 * when `authority/refresh.ts` says so or a NOTIFY came, has `transfers.ts` transfer what is newer, and publishes the result as one
 * step. Zones below a key's zone are taken up when a signed NOTIFY names them, and dropped when the primary no
 * longer has them.
 *
 * Left out: copies on disk, several primaries for a zone.
 */
import { setMaxListeners } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { Applied } from '../authority/inbound.ts';
import { type Key, mayPerform } from '../authority/key.ts';
import { type Authority, receive, replyWith } from '../authority/receive.ts';
import { dueNow, newRefresh, nextDue, type Refresh, type RefreshEvent, step } from '../authority/refresh.ts';
import { Responder } from '../authority/responder.ts';
import type { Name } from '../name.ts';
import { type Peer, printPeer } from '../net/address.ts';
import { openStream, type Stream } from '../net/stream.ts';
import type { TlsClient } from '../net/tls-client.ts';
import { TYPE } from '../rr/type.ts';
import { RCODE } from '../wire/code.ts';
import { EDE } from '../wire/edns.ts';
import { History } from '../zone/history.ts';
import { isNewer } from '../zone/serial.ts';
import type { Zone } from '../zone/zone.ts';
import { nextDelay } from './backoff.ts';
import type { Log } from './log.ts';
import type { Verdict } from './name-server.ts';
import { Transfers } from './transfers.ts';
import { askForNewer, question, type Route, SOA_TIMEOUT } from './upstream.ts';

/** Where zones at and below `key.zone` come from. */
export interface ReplicaSource {
  readonly key: Key;
  readonly primary: Peer;
  /** The primary does not know our address: NOTIFYs come on a connection that we keep open. */
  readonly isHidden: boolean;
}

export interface ReplicaOptions {
  readonly sources: readonly ReplicaSource[];
  /** Zones at or below those of the keys that are asked for from the start, and kept as if a key named them: catalogs. */
  readonly named?: readonly Name[];
  /** Its zones are written by the replica, its keys are those of the sources. */
  readonly authority: Authority;
  readonly log: Log;
  /** Local address to ask from, so that the primary sees the address it knows. */
  readonly source?: string;
  /** Reaches primaries over TLS, and over nothing else. */
  readonly tls?: TlsClient;
  /** A version was published (`zone`), or the zone was withdrawn or has expired (`undefined`). */
  onChange?(origin: Name, zone: Zone | undefined): void;
}

interface Entry {
  readonly origin: Name;
  readonly source: ReplicaSource;
  /** Named by a key, and so kept whatever the primary says; else it came by a NOTIFY. */
  readonly isConfigured: boolean;
  /** The catalog that lists it. */
  readonly catalog?: Name;
  readonly history: History;
  refresh: Refresh;
  /** What went wrong last, for the status page. */
  failure?: string;
}

/** Transfers and SOA queries under way at once. */
const MAX_BUSY = 20;
const RECONNECT = { base: 1000, max: 60_000 } as const;

const seconds = (): number => Math.floor(Date.now() / 1000);

export class Replica {
  readonly #options: ReplicaOptions;
  /** For what a primary sends on our own connections. */
  readonly #responder: Responder;
  readonly #entries = new Map<string, Entry>();
  readonly #abort = new AbortController();
  readonly #transfers: Transfers;
  #busy = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ReplicaOptions) {
    // Each question that is under way listens for the end, and there may be many.
    setMaxListeners(0, this.#abort.signal);
    this.#options = options;
    this.#responder = new Responder(options.authority);
    this.#transfers = new Transfers(options);
  }

  /** Begins to ask; returns at once. */
  start(): void {
    for (const source of this.#options.sources) {
      if (!source.key.zone.isRoot || source.isHidden) this.#take(source.key.zone, source, !source.key.zone.isRoot);
      void this.#stayRegistered(source);
    }
    for (const origin of this.#options.named ?? []) {
      const source = this.#options.sources.find(({ key }) => mayPerform(key, 'transfer', origin));
      if (source !== undefined && !this.#entries.has(origin.key)) this.#take(origin, source, true);
    }
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    clearTimeout(this.#timer);
    await this.#transfers.close();
  }

  /** Seconds until the zone may not be served any more, unless its primary is reached before. */
  expiryOf(origin: Name): number {
    const expireAt = this.#entries.get(origin.key)?.refresh.expireAt;
    return expireAt === undefined ? 0 : Math.max(0, Math.floor((expireAt - performance.now()) / 1000));
  }

  historyOf(origin: Name): History | undefined {
    return this.#entries.get(origin.key)?.history;
  }

  /** One line a zone for `/status`. */
  status(): readonly Readonly<Record<string, unknown>>[] {
    return [...this.#entries.values()].map(({ origin, source, refresh, failure }) => ({
      zone: origin.toString(),
      primary: printPeer(source.primary),
      serial: refresh.soa?.serial,
      failures: refresh.failures,
      ...(failure === undefined ? {} : { failure }),
    }));
  }

  /** Zones named by keys that have no data. */
  missing(): readonly string[] {
    const { zones } = this.#options.authority;
    return [...this.#entries.values()]
      .filter(({ origin }) => zones.get(origin) === undefined)
      .map(({ origin }) => origin.toString());
  }

  /** Takes the zones that a catalog lists from where that comes from, and drops those that it lists no more (RFC 9432 5). */
  setMembers(catalog: Name, members: readonly Name[]): void {
    const source = this.#entries.get(catalog.key)?.source;
    if (source === undefined) return;
    const listed = new Set(members.map(({ key }) => key));
    for (const entry of [...this.#entries.values()])
      if (entry.catalog?.equals(catalog) && !listed.has(entry.origin.key)) this.#withdraw(entry);
    for (const origin of members) {
      const known = this.#entries.get(origin.key);
      if (known === undefined || (!known.isConfigured && known.catalog === undefined))
        this.#take(origin, known?.source ?? source, true, catalog);
    }
    this.#schedule();
  }

  /** Asks for every zone now. */
  refreshAll(): void {
    for (const entry of this.#entries.values()) this.#happened(entry, { kind: 'notified' });
  }

  /** Judges a NOTIFY: it is believed when signed by a key that may, or when it comes from the zone's primary. */
  notified(origin: Name, key: Key | undefined, serial: number | undefined, from: Peer): Verdict {
    const isSigned = key !== undefined && mayPerform(key, 'notify', origin);
    const known = this.#entries.get(origin.key);
    const isPrimary = known !== undefined && known.source.primary.address === from.address;
    if (!isSigned && !isPrimary)
      return {
        rcode: RCODE.REFUSED,
        ede: { code: EDE.PROHIBITED, text: 'NOTIFY must be signed or come from the primary' },
      };
    const entry = known ?? this.#adopt(origin, key!);
    if (entry === undefined)
      return {
        rcode: RCODE.REFUSED,
        ede: { code: EDE.NOT_AUTHORITATIVE, text: 'no key here names a primary for this zone' },
      };
    const held = entry.refresh.soa?.serial;
    if (serial === undefined || held === undefined || isNewer(serial, held))
      this.#happened(entry, { kind: 'notified' });
    return { rcode: RCODE.NOERROR };
  }

  #adopt(origin: Name, key: Key): Entry | undefined {
    const candidates = this.#options.sources.filter((source) => mayPerform(source.key, 'transfer', origin));
    const source = candidates.find((candidate) => candidate.key.name.equals(key.name)) ?? candidates[0];
    return source === undefined ? undefined : this.#take(origin, source, false);
  }

  #take(origin: Name, source: ReplicaSource, isConfigured: boolean, catalog?: Name): Entry {
    const entry: Entry = {
      origin,
      source,
      isConfigured,
      ...(catalog === undefined ? {} : { catalog }),
      history: new History(),
      refresh: newRefresh(performance.now()),
    };
    this.#entries.set(origin.key, entry);
    if (isConfigured) this.#options.authority.zones.await(origin);
    return entry;
  }

  #happened(entry: Entry, event: RefreshEvent): void {
    entry.refresh = step(entry.refresh, event, performance.now(), Math.random());
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#abort.signal.aborted) return;
    let next = Number.POSITIVE_INFINITY;
    for (const { refresh } of this.#entries.values()) next = Math.min(next, nextDue(refresh));
    if (next === Number.POSITIVE_INFINITY) return;
    // While at the limit of what runs at once, the end of one schedules the next.
    const wait = this.#busy >= MAX_BUSY ? 1000 : Math.max(0, Math.min(next - performance.now(), 2 ** 30));
    this.#timer = setTimeout(() => this.#runDue(), wait);
  }

  #runDue(): void {
    const now = performance.now();
    for (const entry of this.#entries.values()) {
      const due = dueNow(entry.refresh, now);
      if (due === 'expire') this.#expire(entry);
      else if (due === 'ask' && this.#busy < MAX_BUSY) void this.#ask(entry);
    }
    this.#schedule();
  }

  #expire(entry: Entry): void {
    const { authority, log, onChange } = this.#options;
    log.warn('zone.expired', { zone: entry.origin.toString(), primary: printPeer(entry.source.primary) });
    entry.refresh = step(entry.refresh, { kind: 'expired' }, performance.now(), 0);
    entry.history.clear();
    authority.zones.await(entry.origin);
    onChange?.(entry.origin, undefined);
  }

  async #ask(entry: Entry): Promise<void> {
    const { log, authority } = this.#options;
    this.#busy++;
    entry.refresh = step(entry.refresh, { kind: 'started' }, performance.now(), 0);
    const fields = { zone: entry.origin.toString(), primary: printPeer(entry.source.primary) };
    try {
      const route = this.#route(entry.source);
      const outcome = await askForNewer(route, entry.origin, authority.zones.get(entry.origin), (...what) =>
        this.#transfers.transfer(...what),
      );
      if (this.#abort.signal.aborted) return;
      if (outcome.ok && outcome.value !== undefined) this.#publish(entry, outcome.value);
      const zone = authority.zones.get(entry.origin);
      if (outcome.ok && zone !== undefined) {
        delete entry.failure;
        this.#happened(entry, { kind: 'succeeded', soa: zone.soa });
      } else if (outcome.ok) {
        // It expired while the primary said that it is current: what is gone has to be transferred again.
        this.#happened(entry, { kind: 'failed' });
      } else if (outcome.fault.kind === 'gone' && !entry.isConfigured) this.#withdraw(entry);
      else {
        if (entry.failure !== outcome.fault.what) log.warn('refresh.failed', { ...fields, what: outcome.fault.what });
        entry.failure = outcome.fault.what;
        this.#happened(entry, { kind: 'failed' });
      }
    } catch (error) {
      log.error('process.fault', { during: 'refresh', ...fields, error });
      this.#happened(entry, { kind: 'failed' });
    } finally {
      this.#busy--;
      this.#schedule();
    }
  }

  #withdraw(entry: Entry): void {
    const { authority, log, onChange } = this.#options;
    this.#entries.delete(entry.origin.key);
    if (entry.isConfigured && authority.zones.get(entry.origin) === undefined) authority.zones.delete(entry.origin);
    if (authority.zones.get(entry.origin) === undefined) return;
    log.info('zone.withdrawn', { zone: entry.origin.toString() });
    authority.zones.delete(entry.origin);
    onChange?.(entry.origin, undefined);
  }

  #route({ primary, key }: ReplicaSource): Route {
    const { source, tls } = this.#options;
    const route = { server: primary, key, signal: this.#abort.signal };
    return { ...route, ...(source === undefined ? {} : { source }), ...(tls === undefined ? {} : { tls }) };
  }

  #publish(entry: Entry, { zone, deltas }: Applied): void {
    const { authority, log, onChange } = this.#options;
    // There are none also when they were too many to be kept.
    if (deltas === undefined || deltas.length === 0) entry.history.clear();
    else for (const delta of deltas) entry.history.add(delta);
    authority.zones.set(zone);
    log.info('transfer.in', {
      zone: zone.origin.toString(),
      serial: zone.serial,
      primary: printPeer(entry.source.primary),
      form: deltas === undefined ? 'AXFR' : 'IXFR',
    });
    onChange?.(zone.origin, zone);
  }

  /**
   * Opens a connection and asks for the SOA on it, which makes a Zonewright primary tell us there of every zone that the key may
   * have. A hidden secondary keeps it for ever; one that the primary knows by address does this once after each start.
   */
  async #stayRegistered(source: ReplicaSource): Promise<void> {
    const { log } = this.#options;
    const fields = { primary: printPeer(source.primary), key: source.key.name.toString() };
    for (let attempt = 0; !this.#abort.signal.aborted; attempt++) {
      const opened = await openStream({
        ...this.#route(source),
        timeout: SOA_TIMEOUT,
        receive: (octets, stream) => void this.#onPush(octets, stream, source),
      });
      if (opened.ok) {
        const stream = opened.value;
        stream.keep();
        const reply = await stream.request(question(source.key.zone, TYPE.SOA), source.key);
        if (reply.ok) {
          log.debug('secondary.connected', fields);
          if (source.isHidden) this.#refreshFrom(source);
          attempt = 0;
          await stream.closed;
        }
        stream.close();
        if (reply.ok && !source.isHidden) return;
      }
      await pause(nextDelay(attempt, RECONNECT, Math.random), undefined, { signal: this.#abort.signal }).catch(
        () => undefined,
      );
    }
  }

  /** While the connection was away NOTIFYs may have been missed. */
  #refreshFrom(source: ReplicaSource): void {
    for (const entry of this.#entries.values())
      if (entry.source === source) this.#happened(entry, { kind: 'notified' });
  }

  /** A request of the primary on our own connection: only NOTIFY makes sense there. */
  async #onPush(octets: Uint8Array, stream: Stream, source: ReplicaSource): Promise<void> {
    const { authority } = this.#options;
    const outcome = receive(this.#responder, octets, 'tcp', seconds());
    if (outcome.kind !== 'notify') return;
    const { rcode, ede } = this.notified(outcome.zone, outcome.request.key, outcome.serial, source.primary);
    const base = { now: seconds(), identity: authority.identity };
    await stream.send(replyWith(outcome.request, rcode, ede === undefined ? base : { ...base, ede }));
  }
}
