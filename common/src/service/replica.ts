/**
 * Copies of zones kept current from their primaries: what the secondary and the ACME secondary share. Here is which zones there are:
 * those of keys; those below a key's zone that a signed NOTIFY named, until their primary has them no more (`replica/rumours.ts`); and the members of
 * catalog zones (`replica/members.ts`). Who is asked for them, and when, is `replica/asking.ts`; what becomes of what comes, `replica/serving.ts`.
 *
 * Copies that outlive the process are served from the start, each as long as it may be.
 */
import { setMaxListeners } from 'node:events';
import { type Key, mayPerform } from '../authority/key.ts';
import type { Authority } from '../authority/receive.ts';
import { newRefresh } from '../authority/refresh.ts';
import { Name } from '../name.ts';
import { type Peer, printPeer } from '../net/address.ts';
import type { TlsClient } from '../net/tls-client.ts';
import { RCODE } from '../wire/code.ts';
import { EDE } from '../wire/edns.ts';
import { History } from '../zone/history.ts';
import { isNewer } from '../zone/serial.ts';
import type { Zone } from '../zone/zone.ts';
import { type Clock, systemClock } from './clock.ts';
import { type Copies, type Copy, noCopies } from './copies.ts';
import type { Log } from './log.ts';
import type { Verdict } from './name-server.ts';
import { Asking } from './replica/asking.ts';
import { type HeldZone, isNamed, isRumour, namerOf } from './replica/held-zone.ts';
import { Members } from './replica/members.ts';
import {
  Absences,
  isOfOthers,
  Primaries,
  type ReplicaSource,
  sourcesCovering,
  sourcesOfMember,
} from './replica/primaries.ts';
import { Registrations } from './replica/registrations.ts';
import { Rumours } from './replica/rumours.ts';
import { Serving } from './replica/serving.ts';
import { DnsUpstream, type Upstream } from './upstream.ts';

export type { ReplicaSource } from './replica/primaries.ts';

export interface ReplicaOptions {
  readonly sources: readonly ReplicaSource[];
  /** Zones at or below those of the keys that are asked for from the start, and kept as if a key named them: catalogs. */
  readonly named?: readonly Name[];
  /** Its zones are written by the replica, its keys are those of the sources. */
  readonly authority: Authority;
  readonly log: Log;
  /** Our addresses. Where one of them alone is of a primary's family, that is asked from, so that it sees the address it knows. */
  readonly addresses?: readonly string[];
  /** Reaches primaries over TLS, and over nothing else. */
  readonly tls?: TlsClient;
  /** Copies that outlive the process; there are none unless given. */
  readonly copies?: Copies;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** Asks primaries, by DNS unless given. */
  readonly upstream?: Upstream;
  /** A version was published (`zone`), or the zone was withdrawn or has expired (`undefined`). */
  onChange?(origin: Name, zone: Zone | undefined): void;
}

const refused = (code: number, text: string): Verdict => ({ rcode: RCODE.REFUSED, ede: { code, text } });

export class Replica {
  readonly #sources: readonly ReplicaSource[];
  readonly #authority: Authority;
  readonly #copies: Copies;
  readonly #named: readonly Name[];
  readonly #clock: Clock;
  readonly #upstream: Upstream;
  readonly #serving: Serving;
  readonly #asking: Asking;
  readonly #registrations: Registrations;
  readonly #absences = new Absences();
  readonly #rumours = new Rumours();
  /** Those for all zones that were never reached: which zones there are, nobody knows. */
  readonly #unreached = new Set<ReplicaSource>();
  readonly #abort = new AbortController();
  readonly #zones = new Map<string, HeldZone>();
  readonly #members: Members;

  constructor(options: ReplicaOptions) {
    const { sources, named = [], authority, log, addresses = [], tls, copies = noCopies, onChange } = options;
    const { clock = systemClock, random = Math.random, upstream = new DnsUpstream({ log }) } = options;
    // Each question that is under way listens for the end, and there may be many.
    setMaxListeners(0, this.#abort.signal);
    this.#sources = sources;
    for (const source of sources) if (source.key.zone.isRoot) this.#unreached.add(source);
    this.#authority = authority;
    this.#copies = copies;
    this.#named = named;
    this.#clock = clock;
    this.#upstream = upstream;
    const { zones } = authority;
    this.#serving = new Serving({ zones, copies, clock, log, onChange: (...change) => onChange?.(...change) });
    const reach = { addresses, tls, signal: this.#abort.signal };
    const asker = { upstream, clock, random, log, reach };
    this.#asking = new Asking({
      ...asker,
      serving: this.#serving,
      absences: this.#absences,
      gone: (held) => {
        this.#drop(held);
        this.#members.freed(held.origin);
      },
    });
    this.#members = new Members({
      zones: this.#zones,
      sources,
      log,
      take: (member, catalog) => this.#take(member, { catalogs: [catalog] }),
      assign: (held, catalogs) => this.#assign(held, catalogs),
      ask: (held) => this.#asking.happened(held, { kind: 'notified' }),
      drop: (held) => this.#drop(held),
    });
    this.#registrations = new Registrations({
      ...asker,
      authority,
      notified: (...notify) => this.notified(...notify),
      connected: (source) => {
        this.#reached(source);
        // While the connection was away NOTIFYs may have been missed.
        if (source.isHidden) this.#refreshFrom(source);
      },
    });
  }

  /** Serves what was kept; nobody is asked yet. */
  async load(): Promise<void> {
    this.#takeConfigured();
    await this.#copies.load((copy) => this.#restore(copy));
    if (this.missing().length > 0) this.#upstream.prepare?.();
  }

  /** Begins to ask; returns at once. What was kept is served if it was loaded before. */
  start(): void {
    this.#takeConfigured();
    this.#asking.begin();
    for (const source of this.#sources) void this.#registrations.keep(source);
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    this.#asking.end();
    await this.#upstream.close();
  }

  /** Seconds until the zone may not be served any more, unless its primary is reached before. */
  expiryOf(origin: Name): number {
    const expireAt = this.#zones.get(origin.key)?.refresh.expireAt;
    return expireAt === undefined ? 0 : Math.max(0, Math.floor((expireAt - this.#clock.now()) / 1000));
  }

  historyOf(origin: Name): History | undefined {
    return this.#zones.get(origin.key)?.history;
  }

  /** Where a zone comes from, as its primaries are to be asked; none for what is no zone of ours. */
  primariesOf(origin: Name): readonly Peer[] {
    return this.#zones.get(origin.key)?.primaries.peers(this.#clock.now()) ?? [];
  }

  /** Zones whose primaries had nothing to say that can be used when they were asked last. */
  failing(): number {
    let count = 0;
    for (const { refresh } of this.#zones.values()) if (refresh.failures > 0) count++;
    return count;
  }

  /** The least {@link expiryOf} of all zones that ever came, 0 where one has expired; `undefined` where there are none. */
  leastExpiry(): number | undefined {
    let least: number | undefined;
    for (const { origin, copy } of this.#zones.values())
      if (copy !== undefined) least = Math.min(least ?? Number.POSITIVE_INFINITY, this.expiryOf(origin));
    return least;
  }

  /** One line a zone for `/status`. */
  status(): readonly Readonly<Record<string, unknown>>[] {
    return [...this.#zones.values()].map((held) => {
      const { origin, refresh, checkedAt, failure } = held;
      const [primary, ...others] = this.primariesOf(origin).map(printPeer);
      const namedBy = namerOf(held);
      return {
        zone: origin.toString(),
        primary,
        ...(others.length === 0 ? {} : { others }),
        'named by': typeof namedBy === 'string' ? namedBy : namedBy.toString(),
        serial: refresh.soa?.serial,
        expires: this.expiryOf(origin),
        ...(checkedAt === undefined ? {} : { checked: Math.floor((this.#clock.now() - checkedAt) / 1000) }),
        failures: refresh.failures,
        ...(failure === undefined ? {} : { failure }),
      };
    });
  }

  /** Zones named by keys and catalogs, or learnt and once there, that have nothing to be served. */
  missing(): readonly string[] {
    const { zones } = this.#authority;
    return [...this.#zones.values()]
      .filter((held) => zones.get(held.origin) === undefined && !isRumour(held))
      .map(({ origin }) => origin.toString());
  }

  /** Asks for every zone now. */
  refreshAll(): void {
    for (const held of this.#zones.values()) this.#asking.happened(held, { kind: 'notified' });
  }

  /** Judges a NOTIFY: it is believed when signed by a key that may, or when it comes from a primary of the zone. */
  notified(origin: Name, key: Key | undefined, serial: number | undefined, from: Peer): Verdict {
    const isSigned = key !== undefined && mayPerform(key, 'notify', origin);
    const known = this.#zones.get(origin.key);
    if (!isSigned && known?.primaries.at(from.address) === undefined)
      return refused(EDE.PROHIBITED, 'NOTIFY must be signed or come from the primary');
    const held = known ?? this.#learn(origin, key);
    if ('rcode' in held) return held;
    const sender = held.primaries.at(from.address, key) ?? (isSigned ? held.primaries.withKey(key) : undefined);
    const current = held.refresh.soa?.serial;
    if (serial === undefined || current === undefined || isNewer(serial, current)) {
      held.tip = { from: sender, serial, isSigned };
      this.#asking.happened(held, { kind: 'notified', serial });
    }
    return { rcode: RCODE.NOERROR };
  }

  /**
   * Takes the members of a catalog zone (RFC 9432), which come from where that comes from, and drops those that are none any more. A
   * zone that a key names or a NOTIFY has named stays what it is; one that another catalog has is this one's once the other leaves it.
   * One of other primaries is refused, until it is theirs no more.
   */
  setMembers(catalog: Name, members: readonly Name[]): void {
    this.#members.set(catalog, members);
  }

  /** Do keys say that a zone which a catalog lists comes from elsewhere? */
  isOfOthers(member: Name, catalog: Name): boolean {
    return isOfOthers(member, catalog, false, this.#sources);
  }

  /** Makes a zone a member of these catalogs; it comes from elsewhere when the first of them is another. */
  #assign(held: HeldZone, catalogs: readonly Name[]): void {
    const isMoved = catalogs[0] !== held.catalogs[0];
    held.catalogs = catalogs;
    if (isMoved && !held.isConfigured && !held.isLearnt) held.primaries = this.#primariesOf(held.origin, catalogs);
    if (this.#authority.zones.get(held.origin) === undefined) this.#serving.awaits(held);
  }

  #primariesOf(origin: Name, [catalog]: readonly Name[]): Primaries {
    const sources =
      catalog === undefined ? sourcesCovering(origin, this.#sources) : sourcesOfMember(origin, catalog, this.#sources);
    return new Primaries(sources, this.#absences);
  }

  /** The zones of the keys, and what else was named. That of a root key is the root, or nothing, as its primary says. */
  #takeConfigured(): void {
    for (const { key, isHidden } of this.#sources) {
      const isRoot = key.zone.isRoot;
      if (!this.#zones.has(key.zone.key) && (!isRoot || isHidden)) this.#take(key.zone, { isConfigured: !isRoot });
    }
    for (const origin of this.#named) if (!this.#zones.has(origin.key)) this.#take(origin, { isConfigured: true });
    if (this.#zones.get(Name.root.key)?.copy === undefined) this.#awaitRest();
  }

  /** Takes a zone that a signed NOTIFY names, by the key of one of its primaries and not of a secondary of ours. */
  #learn(origin: Name, key: Key | undefined): HeldZone | Verdict {
    const source = this.#sources.find((each) => key?.name.equals(each.key.name));
    if (source === undefined) return refused(EDE.NOT_AUTHORITATIVE, 'this key names no primary to learn zones from');
    if (!this.#rumours.hasRoom(source))
      return { rcode: RCODE.SERVFAIL, ede: { code: EDE.NOT_READY, text: 'too many zones that have not come yet' } };
    const held = this.#take(origin, { isLearnt: true });
    this.#rumours.add(source, held);
    return held;
  }

  #take(origin: Name, by: Partial<Pick<HeldZone, 'isConfigured' | 'isLearnt' | 'catalogs'>>): HeldZone {
    const { isConfigured = false, isLearnt = false, catalogs = [] } = by;
    const held: HeldZone = {
      origin,
      isConfigured,
      isLearnt,
      catalogs,
      primaries: this.#primariesOf(origin, catalogs),
      history: new History(),
      refresh: newRefresh(this.#clock.now()),
      copy: undefined,
      tip: undefined,
      checkedAt: undefined,
      failure: undefined,
      isDropped: false,
    };
    this.#zones.set(origin.key, held);
    this.#serving.awaits(held);
    this.#asking.note(held);
    return held;
  }

  #restore(copy: Copy): void {
    const { origin } = copy.zone;
    const held = this.#zones.get(origin.key) ?? this.#remember(origin, copy.state.namedBy);
    if (held === undefined) {
      this.#serving.leave(copy);
      return;
    }
    this.#serving.restore(held, copy);
    this.#asking.note(held);
  }

  /** Takes a zone again that was there when the process ended, if whoever named it still does. */
  #remember(origin: Name, namedBy: Copy['state']['namedBy']): HeldZone | undefined {
    if (typeof namedBy === 'string')
      return sourcesCovering(origin, this.#sources).length === 0 ? undefined : this.#take(origin, { isLearnt: true });
    const isWanted = this.#named.some((catalog) => catalog.equals(namedBy));
    const isLeft = this.#members.hasLeft(origin, namedBy);
    if (!isWanted || isLeft || this.isOfOthers(origin, namedBy)) return undefined;
    return this.#take(origin, { catalogs: [namedBy] });
  }

  #drop(held: HeldZone): void {
    held.isDropped = true;
    this.#zones.delete(held.origin.key);
    this.#asking.note(held);
    this.#serving.withdraw(held);
    if (held.origin.isRoot) this.#awaitRest();
  }

  /** SERVFAIL, not REFUSED, for what may be a zone of ours as far as anybody knows. */
  #awaitRest(): void {
    const { zones } = this.#authority;
    if (this.#unreached.size > 0 && zones.get(Name.root) === undefined) zones.await(Name.root);
  }

  #reached(source: ReplicaSource): void {
    if (!this.#unreached.delete(source) || this.#unreached.size > 0) return;
    const { zones } = this.#authority;
    const root = this.#zones.get(Name.root.key);
    const isOurs = root !== undefined && (isNamed(root) || root.copy !== undefined);
    if (!isOurs && zones.isApex(Name.root)) zones.delete(Name.root);
  }

  #refreshFrom(source: ReplicaSource): void {
    for (const held of this.#zones.values())
      if (held.primaries.has(source)) this.#asking.happened(held, { kind: 'notified' });
  }
}
