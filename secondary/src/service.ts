/** A secondary at work: the wiring of the replica, the sockets and the status page. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Authority } from '@zonewright/common/authority/authority';
import { KeyTable } from '@zonewright/common/authority/key';
import { ZoneTable } from '@zonewright/common/authority/zones';
import { sourceTo } from '@zonewright/common/net/address';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { answeringOf } from '@zonewright/common/service/answering';
import { measureAnswering } from '@zonewright/common/service/answering-metrics';
import { noCopies } from '@zonewright/common/service/copies';
import type { ExitCode } from '@zonewright/common/service/exit';
import { Forwarder } from '@zonewright/common/service/forwarder';
import { runService } from '@zonewright/common/service/lifecycle';
import { createLog, type ProcessLog } from '@zonewright/common/service/log';
import { prepareNameServer } from '@zonewright/common/service/name-server';
import type { CommandContext } from '@zonewright/common/service/options';
import { openMetrics, startPages } from '@zonewright/common/service/pages';
import { Rejections } from '@zonewright/common/service/rejections';
import { Replica } from '@zonewright/common/service/replica';
import { type Following, primaryTlsOf, tlsListeningOf } from '@zonewright/common/service/tls-options';
import { VERSION } from '@zonewright/common/service/version';
import { printRcode, RCODE } from '@zonewright/common/wire/code';
import { Catalogs } from './catalogs.ts';
import { Chain } from './chain.ts';
import type { SecondaryValues } from './command.ts';
import { openCopies } from './copies/copies.ts';
import { METRICS } from './metrics.ts';
import { catalogFault, listensAt, sourcesOf } from './sources.ts';

/** Runs until a signal ends it. */
export function runSecondary(values: SecondaryValues, context: CommandContext): Promise<ExitCode> {
  const log = createLog({
    level: values.logLevel,
    app: 'zonewright-secondary',
    ...(values.syslog === undefined ? {} : { syslog: values.syslog }),
  });
  const service = new SecondaryService(values, log);
  return runService({
    log,
    start: () => service.start(),
    stop: () => service.stop(),
    hup: () => service.refresh(),
    report: (fault) => void context.fail(fault),
  });
}

class SecondaryService {
  readonly #values: SecondaryValues;
  readonly #log: ProcessLog;
  readonly #closing: (() => unknown)[] = [];
  readonly #following: Following<unknown>[] = [];
  #replica: Replica | undefined;

  constructor(values: SecondaryValues, log: ProcessLog) {
    this.#values = values;
    this.#log = log;
  }

  async start(): Promise<Result<Readonly<Record<string, unknown>>, Fault>> {
    const { keys, port, primaryPort = port, listen, http, monitor, primaryTlsPort, tlsPort, catalog } = this.#values;
    const { data, forwardUpdates = false, tlsClientCert } = this.#values;
    const tls = await tlsListeningOf(this.#values, this.#log);
    if (!tls.ok) return tls;
    this.#follow(tls.value);
    const upstream = await primaryTlsOf(this.#values, this.#log);
    if (!upstream.ok) return upstream;
    this.#follow(upstream.value);
    const [asked, heard] = upstream.value === undefined ? [primaryPort, port] : [primaryTlsPort, tlsPort];
    const given = sourcesOf(keys, asked, listensAt(listen, heard));
    if (!given.ok) return given;
    const { sources, own } = given.value;
    const unreachable = catalogFault(catalog, sources);
    if (unreachable !== undefined) return fail(unreachable);
    const metrics = await openMetrics(METRICS, this.#values);
    const published = metrics.counter('zonewright_zone_changes_total');
    const forwardsFailed = metrics.counter('zonewright_updates_forward_failed_total');
    const zones = new ZoneTable();
    const authority: Authority = {
      zones,
      keys: new KeyTable(keys),
      identity: { version: `Zonewright ${VERSION}`, id: hostname() },
      isTransferOpen: false,
      isPrimary: false,
      ...(forwardUpdates
        ? { forwardsOver: upstream.value === undefined ? 'plain' : tlsClientCert === undefined ? 'tls' : 'mtls' }
        : {}),
      historyOf: (origin) => this.#replica?.historyOf(origin),
      expiryOf: (zone) => this.#replica?.expireSaidOf(zone.origin) ?? 0,
    };
    const source = listen.length === 1 ? { source: listen[0]! } : {};
    const chain = new Chain({ own, authority, port, catalogs: catalog, log: this.#log, ...source });
    this.#closing.push(() => chain.close());
    const copies = data === undefined ? ok(noCopies) : await openCopies(join(data, 'copies'), { log: this.#log });
    if (!copies.ok) return copies;
    this.#closing.push(() => copies.value.close());
    const rejections = new Rejections(this.#log);
    const replica: Replica = new Replica({
      sources,
      named: catalog,
      authority,
      log: this.#log,
      addresses: listen,
      copies: copies.value,
      rejections,
      ...(upstream.value === undefined ? {} : { tls: upstream.value.value }),
      onChange: (origin, zone) => {
        published.add();
        chain.changed(origin, zone);
        if (zone !== undefined) catalogs.published(zone);
      },
    });
    this.#replica = replica;
    const catalogs = new Catalogs({
      names: catalog,
      log: this.#log,
      isOfOthers: (...member) => replica.isOfOthers(...member),
      setMembers: (name, members) => replica.setMembers(name, members),
    });
    const forwarder = new Forwarder({
      primariesOf: (zone) => replica.primariesOf(zone),
      reach: ({ address }) => {
        const source = sourceTo(address, listen);
        return {
          ...(source === undefined ? {} : { source }),
          ...(upstream.value === undefined ? {} : { tls: upstream.value.value }),
        };
      },
      log: this.#log,
      onFailed: () => forwardsFailed.add(),
      onForwarded: (rcode) => metrics.counter('zonewright_updates_forwarded_total', { rcode: printRcode(rcode) }).add(),
    });
    this.#closing.push(() => forwarder.close());
    const prepared = prepareNameServer({
      addresses: listen,
      port,
      ...(tls.value === undefined ? {} : { tls: tls.value.listening }),
      authority,
      ...answeringOf(this.#values),
      log: this.#log,
      rejections,
      hooks: {
        // The core refuses updates where `isPrimary` is not set; this is never reached.
        update: async () => ({ rcode: RCODE.REFUSED }),
        forward: (...update) => forwarder.forward(...update),
        notify: async ({ key }, zone, serial, from) => replica.notified(zone, key, serial, from),
        register: (connection, key, zone) => chain.register(connection, key, zone),
        asked: (...request) => chain.asked(...request),
        sent: (...transfer) => chain.sent(...transfer),
      },
    });
    this.#closing.push(() => prepared.close());
    await replica.load();
    const server = await prepared.listen();
    if (!server.ok) return server;
    measureAnswering(metrics, server.value, tls.value?.expiry);
    metrics.onRead(() => {
      metrics.gauge('zonewright_zones').set(zones.size);
      metrics.gauge('zonewright_zones_missing').set(replica.missing().length);
      metrics.gauge('zonewright_zones_failing').set(replica.failing());
      const left = replica.leastExpiry();
      if (left === undefined) metrics.forget('zonewright_zone_expiry_seconds', {});
      else metrics.gauge('zonewright_zone_expiry_seconds').set(left);
      metrics.gauge('zonewright_copies_failed').set(copies.value.failure === undefined ? 0 : 1);
    });
    const pages = await startPages({
      service: 'secondary',
      http,
      monitor,
      log: this.#log,
      metrics,
      ready: () => replica.unready(),
      status: () => ({
        zones: replica.status(),
        ...(catalog.length === 0 ? {} : { catalogs: catalogs.status() }),
        ...(data === undefined ? {} : { copies: { waiting: copies.value.waiting, failure: copies.value.failure } }),
      }),
    });
    if (!pages.ok) return pages;
    this.#closing.push(() => pages.value.close());
    replica.start();
    const primaries = [...new Set(sources.map(({ primary }) => primary.address))];
    return ok({
      service: 'secondary',
      version: VERSION,
      listen: server.value.bound,
      ...(tls.value === undefined ? {} : { tls: server.value.boundTls }),
      udp: { way: server.value.udp.way, threads: server.value.udp.threads },
      primaries,
      ...(own.length === 0 ? {} : { secondaries: own.map(({ name }) => name.toString()) }),
    });
  }

  async stop(): Promise<void> {
    await this.#replica?.stop();
    for (const close of this.#closing) await close();
  }

  /** Reads certificates again, and asks primaries for all zones. */
  async refresh(): Promise<void> {
    await Promise.all(this.#following.map((files) => files.renew()));
    this.#replica?.refreshAll();
  }

  #follow(files: Following<unknown> | undefined): void {
    if (files === undefined) return;
    this.#following.push(files);
    this.#closing.push(() => files.close());
  }
}
