/**
 * The ACME secondary as a process: a replica of the key's zone and of all zones below it, the issuer that acts on them, and the
 * status page. It opens no DNS port: it asks, and is told of changes on a connection that it keeps open itself.
 */
import { hostname } from 'node:os';
import type { Authority } from '@zonewright/common/authority/authority';
import { type Key, KeyTable } from '@zonewright/common/authority/key';
import { ZoneTable } from '@zonewright/common/authority/zones';
import { type Peer, printPeer, sourceTo } from '@zonewright/common/net/address';
import { type Fault, ok, type Result } from '@zonewright/common/result';
import type { Endpoint } from '@zonewright/common/service/endpoint';
import type { ExitCode } from '@zonewright/common/service/exit';
import { runService } from '@zonewright/common/service/lifecycle';
import type { ProcessLog } from '@zonewright/common/service/log';
import { createMetrics } from '@zonewright/common/service/metrics';
import { startPages } from '@zonewright/common/service/pages';
import { Replica } from '@zonewright/common/service/replica';
import { VERSION } from '@zonewright/common/service/version';
import type { AcmeClient } from './acme.ts';
import type { Grant } from './budget.ts';
import { type CaaFault, checkCaa, createCaaLookup } from './caa.ts';
import { DnsClient } from './dns.ts';
import { Issuer, type IssuerOptions } from './issuer.ts';
import { METRICS } from './metrics.ts';
import { methodsOf } from './proof.ts';
import { State, type StateStore } from './state.ts';
import type { NameScope } from './watch.ts';

export interface LetsencryptOptions {
  /** An update key; what it covers is looked after. */
  readonly key: Key;
  readonly server: Peer;
  /** URL of the ACME directory, to be shown. */
  readonly directory: string;
  readonly acme: AcmeClient;
  /** The CA also certifies keys that public ones refuse. */
  readonly isAnyKey: boolean;
  /** Where the names of a request may be. */
  readonly names: NameScope;
  readonly orders: NonNullable<IssuerOptions['orders']>;
  /** Orders that may be begun. */
  readonly grant: Grant;
  /** Are CAA records looked at before anything is ordered? */
  readonly isCaaChecked: boolean;
  /** Is what is done about a request written beside it? */
  readonly isStatusWritten: boolean;
  /** Where is kept what has to outlive the process. */
  readonly store?: StateStore;
  readonly log: ProcessLog;
  /** Local address to ask from. */
  readonly source?: string;
  readonly monitor?: Endpoint;
  readonly http?: Endpoint;
  report(fault: Fault): void;
}

/** Milliseconds: orders that are given up take their TXT records away. */
const STOP_LIMIT = 20_000;

/** Runs until a signal ends it. */
export function runLetsencrypt(options: LetsencryptOptions): Promise<ExitCode> {
  const { key, server, directory, acme, log, source } = options;
  const metrics = createMetrics(METRICS);
  const dnsSource = sourceTo(server.address, source === undefined ? [] : [source]);
  const zones = new ZoneTable();
  const authority: Authority = {
    zones,
    keys: new KeyTable([key]),
    identity: { version: `Zonewright ${VERSION}`, id: hostname() },
    isTransferOpen: false,
    isPrimary: false,
    historyOf: (origin) => replica.historyOf(origin),
    expiryOf: (zone) => replica.expireSaidOf(zone.origin),
  };
  const replica: Replica = new Replica({
    sources: [{ key, primary: server, isHidden: true }],
    authority,
    log,
    ...(source !== undefined && { addresses: [source] }),
    onChange: (origin, zone) => issuer.changed(origin, zone),
  });
  const state = new State(log, options.store);
  const lookup = createCaaLookup();
  const refusal: IssuerOptions['refusal'] = async (hosts, signal): Promise<CaaFault | undefined> => {
    if (!options.isCaaChecked) return undefined;
    // A CA that does not answer now is asked for the order all the same, and that fails as it should.
    const directory = await acme.directory({ signal });
    const account = directory.ok ? await acme.account({ signal }) : directory;
    if (!directory.ok || !account.ok) return undefined;
    const identities = directory.value.caaIdentities;
    const methods = methodsOf(options.orders.challenge);
    const checked = await checkCaa(hosts, { identities, account: account.value.url, methods }, zones, lookup);
    return checked.ok ? undefined : checked.fault;
  };
  const issuer: Issuer = new Issuer({
    acme,
    dns: new DnsClient({ server, key, ...(dnsSource !== undefined && { source: dnsSource }) }),
    zones,
    key,
    port: server.port,
    isAnyKey: options.isAnyKey,
    names: options.names,
    orders: options.orders,
    grant: options.grant,
    isStatusWritten: options.isStatusWritten,
    state,
    log,
    metrics,
    historyOf: (origin) => replica.historyOf(origin),
    refusal,
    onPublished: () => replica.refreshAll(),
  });
  const closing: (() => Promise<void>)[] = [];

  const start = async (): Promise<Result<Readonly<Record<string, unknown>>, Fault>> => {
    const pages = await startPages({
      service: 'letsencrypt',
      http: options.http,
      monitor: options.monitor,
      log,
      metrics,
      ready: () => replica.unready(),
      status: () => ({ directory, zones: replica.status(), certificates: issuer.status() }),
    });
    if (!pages.ok) return pages;
    closing.push(() => pages.value.close());
    replica.start();
    return ok({ service: 'letsencrypt', primary: printPeer(server), zone: key.zone.toString(), directory });
  };

  const stop = async (): Promise<void> => {
    await issuer.stop();
    await replica.stop();
    await state.close();
    acme.close();
    for (const close of closing) await close();
  };

  return runService({
    log,
    start,
    stop,
    hup: () => replica.refreshAll(),
    report: options.report,
    stopLimit: STOP_LIMIT,
  });
}
