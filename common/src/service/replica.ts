/**
 * Copies of zones kept current from a primary: what the secondary and the ACME secondary share. For each zone it asks for the SOA
 * when `authority/refresh.ts` says so or a NOTIFY came, transfers by IXFR or AXFR (`authority/inbound.ts`), and publishes the
 * result as one step. Zones below a key's zone are taken up when a signed NOTIFY names them, and dropped when the primary no
 * longer has them.
 *
 * Left out: copies on disk, several primaries for a zone.
 */
import { applyInbound, type Inbound, type InboundFault, InboundTransfer } from '../authority/inbound.ts';
import { type Key, mayPerform } from '../authority/key.ts';
import { type Authority, receive, replyWith } from '../authority/receive.ts';
import { dueNow, newRefresh, nextDue, type Refresh, type RefreshEvent, step } from '../authority/refresh.ts';
import type { Name } from '../name.ts';
import { type Peer, printPeer } from '../net/address.ts';
import { exchange } from '../net/exchange.ts';
import { openStream, type Stream } from '../net/stream.ts';
import { type Fault, fail, ok, type Result } from '../result.ts';
import { CLASS } from '../rr/class.ts';
import { recordsOf } from '../rr/record.ts';
import { readSoa } from '../rr/soa.ts';
import { TYPE } from '../rr/type.ts';
import { OPCODE, printRcode, RCODE } from '../wire/code.ts';
import { EDE, extendedErrorText } from '../wire/edns.ts';
import { emptyMessage, type Message } from '../wire/message.ts';
import { History } from '../zone/history.ts';
import { isNewer } from '../zone/serial.ts';
import type { Zone } from '../zone/zone.ts';
import { nextDelay } from './backoff.ts';
import type { Log } from './log.ts';
import type { Verdict } from './name-server.ts';

/** Where zones at and below `key.zone` come from. */
export interface ReplicaSource {
  readonly key: Key;
  readonly primary: Peer;
  /** The primary does not know our address: NOTIFYs come on a connection that we keep open. */
  readonly isHidden: boolean;
}

export interface ReplicaOptions {
  readonly sources: readonly ReplicaSource[];
  /** Its zones are written by the replica, its keys are those of the sources. */
  readonly authority: Authority;
  readonly log: Log;
  /** Local address to ask from, so that the primary sees the address it knows. */
  readonly source?: string;
  /** A version was published (`zone`), or the zone was withdrawn or has expired (`undefined`). */
  onChange?(origin: Name, zone: Zone | undefined): void;
}

interface Entry {
  readonly origin: Name;
  readonly source: ReplicaSource;
  /** Named by a key, and so kept whatever the primary says; else it came by a NOTIFY. */
  readonly isConfigured: boolean;
  readonly history: History;
  refresh: Refresh;
  /** What went wrong last, for the status page. */
  failure?: string;
}

const TIMEOUT = 5000;
/** Milliseconds a transfer may pause between two messages. */
const TRANSFER_TIMEOUT = 30_000;
/** Transfers and SOA queries under way at once. */
const MAX_BUSY = 20;
const RECONNECT = { base: 1000, max: 60_000 } as const;

const seconds = (): number => Math.floor(Date.now() / 1000);

export class Replica {
  readonly #options: ReplicaOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #abort = new AbortController();
  readonly #streams = new Set<Stream>();
  #busy = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ReplicaOptions) {
    this.#options = options;
  }

  /** Begins to ask; returns at once. */
  start(): void {
    for (const source of this.#options.sources) {
      if (!source.key.zone.isRoot || source.isHidden) this.#take(source.key.zone, source, !source.key.zone.isRoot);
      void this.#stayRegistered(source);
    }
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    clearTimeout(this.#timer);
    for (const stream of this.#streams) stream.close();
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

  #take(origin: Name, source: ReplicaSource, isConfigured: boolean): Entry {
    const entry: Entry = {
      origin,
      source,
      isConfigured,
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
      const outcome = await this.#update(entry);
      if (this.#abort.signal.aborted) return;
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
    if (authority.zones.get(entry.origin) === undefined) return;
    log.info('zone.withdrawn', { zone: entry.origin.toString() });
    authority.zones.delete(entry.origin);
    onChange?.(entry.origin, undefined);
  }

  /** Makes the zone current. The fault `gone`: the primary says that it does not serve the zone. */
  async #update(entry: Entry): Promise<Result<void, Fault>> {
    const { origin, source } = entry;
    const { zones } = this.#options.authority;
    const reply = await exchange({ ...this.#route(source), message: question(origin, TYPE.SOA), transport: 'auto' });
    if (!reply.ok) return reply;
    const soa = reply.value.answers.find((record) => record.type === TYPE.SOA && record.name.equals(origin));
    if (soa === undefined) return fail(refusal(reply.value));
    const current = zones.get(origin);
    if (current !== undefined && !isNewer(readSoa(soa.rdata).serial, current.serial)) return ok(undefined);
    if (current !== undefined) {
      const incremental = await this.#transfer(entry, current);
      if (incremental.ok) return incremental;
      this.#options.log.debug('transfer.ixfr-failed', { zone: origin.toString(), what: incremental.fault.what });
    }
    return this.#transfer(entry, undefined);
  }

  #route({ primary, key }: ReplicaSource): {
    server: Peer;
    key: Key;
    timeout: number;
    signal: AbortSignal;
    source?: string;
  } {
    const { source } = this.#options;
    const route = { server: primary, key, timeout: TIMEOUT, signal: this.#abort.signal };
    return source === undefined ? route : { ...route, source };
  }

  /** IXFR from `current`, AXFR without. */
  async #transfer(entry: Entry, current: Zone | undefined): Promise<Result<void, Fault>> {
    const { origin, source } = entry;
    const opened = await openStream({ ...this.#route(source), timeout: TRANSFER_TIMEOUT });
    if (!opened.ok) return opened;
    const stream = opened.value;
    this.#streams.add(stream);
    try {
      const request =
        current === undefined
          ? question(origin, TYPE.AXFR)
          : { ...question(origin, TYPE.IXFR), authorities: recordsOf(current.soaSet) };
      const inbound = await receiveAll(
        stream.conversation(request, source.key),
        new InboundTransfer(origin, current?.serial),
      );
      if (!inbound.ok) return inbound;
      if (inbound.value.kind === 'current')
        return current === undefined ? fail({ kind: 'inbound', what: 'a transfer of one SOA' }) : ok(undefined);
      const zone = applyInbound(origin, current, inbound.value);
      if ('kind' in zone) return fail(zone);
      const held = this.#options.authority.zones.get(origin);
      if (held !== undefined && !isNewer(zone.serial, held.serial)) {
        return fail({
          kind: 'inbound',
          what: `serial ${zone.serial} was transferred, which is not newer than ${held.serial}`,
        });
      }
      this.#publish(entry, zone, inbound.value);
      return ok(undefined);
    } finally {
      this.#streams.delete(stream);
      stream.close();
    }
  }

  #publish(entry: Entry, zone: Zone, inbound: Inbound): void {
    const { authority, log, onChange } = this.#options;
    if (inbound.kind === 'differences') {
      for (const { removed, added } of inbound.changes) {
        entry.history.add({
          origin: zone.origin,
          from: readSoa(removed[0]!.rdata).serial,
          to: readSoa(added[0]!.rdata).serial,
          removed,
          added,
        });
      }
    } else entry.history.clear();
    authority.zones.set(zone);
    const form = inbound.kind === 'differences' ? 'IXFR' : 'AXFR';
    log.info('transfer.in', {
      zone: zone.origin.toString(),
      serial: zone.serial,
      primary: printPeer(entry.source.primary),
      form,
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
        receive: (octets, stream) => void this.#onPush(octets, stream, source),
      });
      if (opened.ok) {
        const stream = opened.value;
        this.#streams.add(stream);
        stream.keep();
        const reply = await stream.request(question(source.key.zone, TYPE.SOA), source.key);
        if (reply.ok) {
          log.debug('secondary.connected', fields);
          if (source.isHidden) this.#refreshFrom(source);
          attempt = 0;
          await stream.closed;
        }
        this.#streams.delete(stream);
        stream.close();
        if (reply.ok && !source.isHidden) return;
      }
      await pause(nextDelay(attempt, RECONNECT, Math.random), this.#abort.signal);
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
    const outcome = receive(authority, octets, 'tcp', seconds());
    if (outcome.kind !== 'notify') return;
    const { rcode, ede } = this.notified(outcome.zone, outcome.request.key, outcome.serial, source.primary);
    const base = { now: seconds(), identity: authority.identity };
    await stream.send(replyWith(outcome.request, rcode, ede === undefined ? base : { ...base, ede }));
  }
}

function question(name: Name, type: number): Message {
  return { ...emptyMessage(0, OPCODE.QUERY), questions: [{ name, type, class: CLASS.IN }] };
}

/** Why there is no SOA in a reply. */
function refusal(reply: Message): Fault {
  const text = extendedErrorText(reply.edns);
  const what = `the primary answers ${printRcode(reply.rcode)} without an SOA${text === undefined ? '' : `: ${text}`}`;
  const isGone = [RCODE.REFUSED, RCODE.NOTAUTH, RCODE.NXDOMAIN, RCODE.NOERROR].some((rcode) => rcode === reply.rcode);
  return { kind: isGone ? 'gone' : 'refused', what };
}

async function receiveAll(
  messages: AsyncIterable<Result<Message, Fault>>,
  transfer: InboundTransfer,
): Promise<Result<Inbound, Fault>> {
  for await (const message of messages) {
    if (!message.ok) return message;
    if (message.value.rcode !== RCODE.NOERROR) return fail(refusal(message.value));
    const progress: Inbound | InboundFault | undefined = transfer.take(message.value.answers);
    if (progress === undefined) continue;
    return progress.kind === 'inbound' ? fail(progress) : ok(progress);
  }
  return fail({ kind: 'closed', what: 'the transfer ended before its final SOA' });
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      done();
    });
  });
}
