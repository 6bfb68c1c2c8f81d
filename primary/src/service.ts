/** A primary at work: the wiring of store, writer, sockets, notifier and status page. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { mayPerform } from '@zonewright/common/authority/key';
import { describeRemote } from '@zonewright/common/git/remote';
import { ownAddresses } from '@zonewright/common/net/own-address';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { answeringOf } from '@zonewright/common/service/answering';
import { measureAnswering } from '@zonewright/common/service/answering-metrics';
import { nextDelay } from '@zonewright/common/service/backoff';
import type { ExitCode } from '@zonewright/common/service/exit';
import type { Reached } from '@zonewright/common/service/followers';
import { runService, type ServiceContext } from '@zonewright/common/service/lifecycle';
import { createLog, type ProcessLog } from '@zonewright/common/service/log';
import { type PreparedNameServer, prepareNameServer, serverFailure } from '@zonewright/common/service/name-server';
import { Notifier } from '@zonewright/common/service/notifier';
import type { CommandContext } from '@zonewright/common/service/options';
import { openMetrics, startPages } from '@zonewright/common/service/pages';
import { storeOptionsOf } from '@zonewright/common/service/remote-options';
import { Slices } from '@zonewright/common/service/slices';
import { type TlsFollowing, tlsListeningOf } from '@zonewright/common/service/tls-options';
import { VERSION } from '@zonewright/common/service/version';
import { RCODE } from '@zonewright/common/wire/code';
import { EDE } from '@zonewright/common/wire/edns';
import { type Ack, printAck } from './ack-option.ts';
import { DEFAULT_UNPUSHED, DEFAULT_UNPUSHED_AGE, type PrimaryValues } from './command.ts';
import { openJournal } from './journal/database.ts';
import { type Journal, memoryJournal } from './journal/journal.ts';
import { METRICS } from './metrics.ts';
import { Primary } from './primary.ts';
import type { PullFault } from './pull.ts';
import { RemoteReport } from './remote-report.ts';
import { searchChanges } from './repository/changes-search.ts';
import { LoaderClient } from './repository/loader-client.ts';
import { startTriggers, type Triggers } from './trigger/triggers.ts';

/** Back-off while the remote cannot be reached, or holds nothing yet. */
const RETRY = { base: 1000, max: 60_000 } as const;
/** A NOTIFY is answered when what it announced is served, or after this time: senders do not wait for ever. Milliseconds. */
const NOTIFY_ANSWER = 3000;
/** At the start the remote is waited for this long. Then what is known is served, be it that nothing is. Milliseconds. */
const FIRST_WAIT = 2000;
/** What updates under way, and writing what waits, may take once the service is to stop. Milliseconds. */
const LAST_UPDATES = 5000;
/** Secondaries have so long to serve what an update waits for: milliseconds. */
const SPREAD_TIME = 5000;
/** Faults that time does not heal. */
const FINAL_FAULTS: ReadonlySet<PullFault['kind']> = new Set(['usage', 'refused', 'hostkey']);

/** Runs until a signal ends it. */
export function runPrimary(values: PrimaryValues, context: CommandContext): Promise<ExitCode> {
  const log = createLog({
    level: values.logLevel,
    app: 'zonewright-primary',
    ...(values.syslog === undefined ? {} : { syslog: values.syslog }),
  });
  const service = new PrimaryService(values, log);
  return runService({
    log,
    start: (running) => service.start(running),
    stop: () => service.stop(),
    hup: async () => {
      await service.renewTls();
      await service.pull();
    },
    report: (fault) => void context.fail(fault),
  });
}

class PrimaryService {
  readonly #values: PrimaryValues;
  readonly #log: ProcessLog;
  readonly #closing: (() => unknown)[] = [];
  #primary: Primary | undefined;
  #tls: TlsFollowing | undefined;
  #triggers: Triggers | undefined;
  #report: RemoteReport | undefined;
  #pulling: Promise<unknown> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #attempt = 0;
  #isStopping = false;

  constructor(values: PrimaryValues, log: ProcessLog) {
    this.#values = values;
    this.#log = log;
  }

  async start(context: ServiceContext): Promise<Result<Readonly<Record<string, unknown>>, Fault>> {
    const { remote, port, listen, data } = this.#values;
    const tls = await tlsListeningOf(this.#values, this.#log);
    if (!tls.ok) return tls;
    this.#tls = tls.value;
    this.#closing.push(() => tls.value?.close());
    const store = await storeOptionsOf(this.#values, data);
    if (!store.ok) return store;
    const ack = this.#ackOf();
    if (!ack.ok) return ack;
    const journal = await this.#openJournal();
    if (!journal.ok) return journal;
    this.#closing.push(() => journal.value.close());
    // A repository that was here and is away is waited for: what was acknowledged has to get there.
    const wasHere = journal.value.kept.inForce !== undefined;
    const loader = new LoaderClient({ remote, store: { ...store.value, wasHere }, log: this.#log });
    this.#closing.push(() => loader.close());
    const opened = await loader.open();
    if (!opened.ok && !(wasHere && opened.fault.kind === 'unreachable')) return opened;
    const metrics = await openMetrics(METRICS, this.#values);
    const triggers = await startTriggers(this.#values, { remote, log: this.#log, metrics, pull: () => this.pull() });
    if (!triggers.ok) return triggers;
    this.#triggers = triggers.value;
    this.#closing.push(() => triggers.value.close());
    this.#report = new RemoteReport({ remote, log: this.#log, inspect: loader.inspect });
    const published = metrics.counter('zonewright_zone_changes_total');
    let notifier: Notifier | undefined;
    const { maxUnpushed, maxUnpushedAge } = this.#values;
    if (ack.value.kind === 'push' && (maxUnpushed !== DEFAULT_UNPUSHED || maxUnpushedAge !== DEFAULT_UNPUSHED_AGE))
      this.#log.warn(
        'option.ignored',
        { ack: 'push' },
        '--max-unpushed and --max-unpushed-age mean nothing with --ack push',
      );
    const primary = new Primary({
      repository: loader,
      journal: journal.value,
      ack: ack.value.kind,
      spread: async (origin, serial) => {
        const wanted = ack.value.kind === 'secondaries' ? ack.value.wanted : undefined;
        const reached = await notifier?.followers.served(origin, serial, wanted, SPREAD_TIME);
        return unspread(serial, reached ?? { serving: 0, wanted: wanted ?? 1 });
      },
      followersOf: (origin) => notifier?.followers.status(origin) ?? [],
      unpushed: { updates: maxUnpushed, age: maxUnpushedAge },
      log: this.#log,
      serialPolicy: this.#values.serial,
      ...(this.#values.catalog === undefined ? {} : { catalog: this.#values.catalog }),
      isTransferOpen: this.#values.axfr,
      version: `Zonewright ${VERSION}`,
      id: hostname(),
      onChange: (zone) => {
        published.add();
        notifier?.announce(zone);
      },
      onRekeyed: (zone) => notifier?.announce(zone),
    });
    this.#primary = primary;
    const prepared = this.#prepare(primary, loader, () => notifier);
    this.#closing.push(() => prepared.close());
    await primary.loadKnown();
    const first = primary.pull();
    this.#pulling = first;
    triggers.value.around(first);
    const soon = await inTime(first, FIRST_WAIT);
    if (soon !== undefined && isHopeless(soon, primary)) return soon;
    if (context.signal.aborted) return ok({});
    if (soon === undefined && primary.isEmpty)
      this.#log.warn(
        'pull.waits',
        { remote: describeRemote(remote) },
        'the remote has not told its commit yet: until then everything is answered with SERVFAIL',
      );

    notifier = new Notifier({
      authority: primary.authority,
      port,
      log: this.#log,
      isOwn: ownAddresses(listen),
      catalogs: this.#values.catalog === undefined ? [] : [this.#values.catalog],
      ...(listen.length === 1 ? { source: listen[0]! } : {}),
    });
    const server = await prepared.listen();
    if (!server.ok) return server;
    this.#closing.unshift(() => notifier?.close());
    const slices = new Slices();
    for (const zone of [...primary.zones]) {
      notifier.announce(zone);
      if (slices.isOver) await slices.pause();
    }

    measureAnswering(metrics, server.value, tls.value?.expiry);
    metrics.onRead(() => {
      metrics.gauge('zonewright_zones').set(primary.zones.size);
      metrics.gauge('zonewright_zones_refused').set(primary.refusedFiles.length);
      const { updates, age } = primary.unpushed;
      metrics.gauge('zonewright_updates_unpushed').set(updates);
      metrics.gauge('zonewright_updates_unpushed_age_seconds').set(age ?? 0);
      metrics.gauge('zonewright_keys').set(primary.authority.keys.size);
      const { secondaries, lag } = notifier?.followers.behind ?? { secondaries: 0, lag: 0 };
      metrics.gauge('zonewright_secondaries_behind').set(secondaries);
      metrics.gauge('zonewright_secondary_lag_seconds').set(lag);
    });
    const pages = await startPages({
      service: 'primary',
      http: this.#values.http,
      monitor: this.#values.monitor,
      log: this.#log,
      metrics,
      ready: () => (primary.zoneCount === 0 ? ['no zone is served'] : []),
      status: () => primary.status(),
      routes: triggers.value.routes,
    });
    if (!pages.ok) return pages;
    this.#closing.push(() => pages.value.close());
    // Who has answered nothing but SERVFAIL is not ready.
    const pulled = primary.isEmpty ? await first : undefined;
    if (pulled !== undefined && isHopeless(pulled, primary)) return pulled;
    void first.then((result) => this.#afterPull(result));
    return ok({
      service: 'primary',
      version: VERSION,
      listen: server.value.bound,
      ...(tls.value === undefined ? {} : { tls: server.value.boundTls }),
      udp: { way: server.value.udp.way, threads: server.value.udp.threads },
      remote: describeRemote(remote),
      ack: printAck(ack.value),
      ...(this.#values.ack === undefined && ack.value.kind === 'push'
        ? { why: '--ack push, since there is no --data: without it nothing can be kept until it is pushed' }
        : {}),
      zones: primary.zones.size,
    });
  }

  /** What NOERROR means: what can be kept here is, unless that is not wanted. */
  #ackOf(): Result<Ack, Fault> {
    const { ack, data } = this.#values;
    if (data !== undefined || ack?.kind === 'push') return ok(ack ?? { kind: 'journal' });
    if (ack === undefined) return ok({ kind: 'push' });
    return fail({ kind: 'usage', what: `--ack ${ack.kind} needs --data`, hint: 'name a folder for the journal' });
  }

  async #openJournal(): Promise<Result<Journal, Fault>> {
    const { data } = this.#values;
    return data === undefined ? ok(memoryJournal()) : openJournal(join(data, 'journal'));
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#retry);
    // A remote that does not answer must not keep us: what is acknowledged is in the journal.
    await this.#primary?.close(LAST_UPDATES);
    for (const close of this.#closing) await close();
  }

  /** Reads certificates again. */
  async renewTls(): Promise<void> {
    await this.#tls?.renew();
  }

  /** Pulls, and goes on trying while that cannot work. */
  async pull(): Promise<Result<void, PullFault>> {
    if (this.#primary === undefined || this.#isStopping) return ok(undefined);
    clearTimeout(this.#retry);
    const pulling = this.#primary.pull();
    // Whoever asks while one is waiting shares it, and so its consequences.
    if (pulling !== this.#pulling) {
      this.#pulling = pulling;
      this.#triggers?.around(pulling);
      void pulling.then((result) => this.#afterPull(result));
    }
    return await pulling;
  }

  #afterPull(result: Result<void, PullFault>): void {
    if (this.#isStopping) return;
    const primary = this.#primary!;
    if (!result.ok) {
      const { kind, what, hint } = result.fault;
      const text = `${what}${hint === undefined ? '' : ` (${hint})`}`;
      this.#log.error(
        'pull.failed',
        { remote: describeRemote(this.#values.remote), kind, zones: primary.zones.size },
        text,
      );
    } else if (primary.isEmpty) {
      void this.#report?.empty(primary.hasHead);
    } else {
      if (primary.zoneCount === 0)
        this.#log.warn(
          'repository.no-zones',
          { remote: describeRemote(this.#values.remote) },
          'the repository holds no zones (push a zone file named like its zone)',
        );
      void this.#report?.pulled();
      this.#attempt = 0;
      return;
    }
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.pull(), nextDelay(this.#attempt++, RETRY, Math.random));
  }

  #prepare(primary: Primary, loader: LoaderClient, notifier: () => Notifier | undefined): PreparedNameServer {
    return prepareNameServer({
      addresses: this.#values.listen,
      port: this.#values.port,
      ...(this.#tls === undefined ? {} : { tls: this.#tls.listening }),
      authority: primary.authority,
      ...answeringOf(this.#values),
      log: this.#log,
      hooks: {
        update: (update, from) => primary.update(update, from),
        notify: async ({ key }, zone) => {
          if (key === undefined || !mayPerform(key, 'notify', zone)) {
            return {
              rcode: RCODE.REFUSED,
              ede: {
                code: EDE.PROHIBITED,
                text: 'a NOTIFY that makes this server pull must be signed by a key for this zone',
              },
            };
          }
          this.#log.info('notify.received', { zone: zone.toString(), key: key.name.toString() });
          const pulled = await inTime(this.pull(), NOTIFY_ANSWER);
          if (pulled !== undefined && !pulled.ok) return serverFailure(EDE.NETWORK_ERROR, pulled.fault.what);
          const refusal = primary.refusal(zone);
          if (refusal !== undefined) return serverFailure(EDE.INVALID_DATA, refusal);
          // It was pulled, as was asked for: a zone may have been removed. But the name may be wrong as well.
          const isServed = pulled === undefined || primary.zones.get(zone) !== undefined;
          const text = `pulled; no zone ${zone} is served here`;
          return { rcode: RCODE.NOERROR, ...(isServed ? {} : { ede: { code: EDE.NOT_AUTHORITATIVE, text } }) };
        },
        register: (connection, key, zone) => notifier()?.register(connection, key, zone),
        asked: (zone, key, from, serial) => notifier()?.asked(zone, key, from, serial),
        sent: (zone, key, to, serial) => notifier()?.sent(zone, key, to, serial),
        changesSince: searchChanges(loader, this.#log),
      },
    });
  }
}

/** Can it never come to serving anything? */
function isHopeless(pulled: Result<void, PullFault>, { isEmpty }: Primary): pulled is { ok: false; fault: PullFault } {
  return !pulled.ok && FINAL_FAULTS.has(pulled.fault.kind) && isEmpty;
}

/** Why an update is not acknowledged though it is kept, if too few secondaries serve it. */
function unspread(serial: number, { serving, wanted }: Reached): string | undefined {
  if (serving >= wanted) return undefined;
  return `kept and served here; only ${serving} of ${wanted} secondaries serve serial ${serial}`;
}

/** What `work` gives; `undefined` when it takes longer than `limit` milliseconds. */
async function inTime<T>(work: Promise<T>, limit: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((done) => {
    timer = setTimeout(() => done(undefined), limit);
  });
  const first = await Promise.race([work, late]);
  clearTimeout(timer);
  return first;
}
