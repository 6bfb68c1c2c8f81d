/**
 * Copies of zones kept current from their primaries: what the secondary and the ACME secondary share. Here is what they are told, how NOTIFYs are
 * judged, and how the zones can be seen to be. Which zones there are is `replica/held-zones.ts`: those of keys; those below a key's zone that a signed
 * NOTIFY named, until their primary has them no more (`replica/rumours.ts`); and the members of catalog zones (`replica/members.ts`). Who is asked for
 * them, and when, is `replica/asking.ts`; what becomes of what comes, `replica/serving.ts`.
 *
 * Copies that outlive the process are served from the start, each as long as it may be.
 */
import { setMaxListeners } from 'node:events';
import type { Authority } from '../authority/authority.ts';
import { type Key, mayPerform } from '../authority/key.ts';
import { expireSaid } from '../authority/refresh.ts';
import type { Name } from '../name.ts';
import { type Peer, printPeer } from '../net/address.ts';
import type { TlsClient } from '../net/tls-client.ts';
import { RCODE } from '../wire/code.ts';
import { EDE } from '../wire/edns.ts';
import type { History } from '../zone/history.ts';
import { isNewer } from '../zone/serial.ts';
import type { Zone } from '../zone/zone.ts';
import { type Clock, systemClock } from './clock.ts';
import { type Copies, noCopies } from './copies.ts';
import type { Log } from './log.ts';
import type { Verdict } from './name-server.ts';
import { Rejections } from './rejections.ts';
import { Asking } from './replica/asking.ts';
import { FirstRound } from './replica/first-round.ts';
import { type HeldZone, isRumour, isServed, namerOf, newerTip, TOLD_GONE } from './replica/held-zone.ts';
import { HeldZones } from './replica/held-zones.ts';
import { Members } from './replica/members.ts';
import { Absences, isOfOthers, type ReplicaSource } from './replica/primaries.ts';
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
  /** Where requests of primaries that they may not make on our own connections are counted; its own unless given. */
  readonly rejections?: Rejections;
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
  readonly #clock: Clock;
  readonly #upstream: Upstream;
  readonly #serving: Serving;
  readonly #asking: Asking;
  readonly #registrations: Registrations;
  readonly #rumours = new Rumours();
  readonly #firstRound: FirstRound;
  readonly #abort = new AbortController();
  readonly #zones: HeldZones;
  readonly #members: Members;

  constructor(options: ReplicaOptions) {
    const { sources, named = [], authority, log, addresses = [], tls, copies = noCopies, onChange } = options;
    const { clock = systemClock, random = Math.random, upstream = new DnsUpstream({ log }) } = options;
    const { rejections = new Rejections(log) } = options;
    // Each question that is under way listens for the end, and there may be many.
    setMaxListeners(0, this.#abort.signal);
    this.#sources = sources;
    this.#authority = authority;
    this.#copies = copies;
    this.#clock = clock;
    this.#firstRound = new FirstRound(sources, clock);
    this.#upstream = upstream;
    const { zones } = authority;
    this.#serving = new Serving({ zones, copies, clock, log, onChange: (...change) => onChange?.(...change) });
    const absences = new Absences();
    const reach = { addresses, tls, signal: this.#abort.signal };
    const asker = { upstream, clock, random, log, reach };
    this.#asking = new Asking({
      ...asker,
      serving: this.#serving,
      absences,
      gone: (held) => {
        this.#zones.drop(held);
        this.#members.freed(held.origin);
      },
    });
    this.#zones = new HeldZones({
      sources,
      named,
      unreached: this.#firstRound.unreached,
      absences,
      served: zones,
      serving: this.#serving,
      clock,
      note: (held) => this.#asking.note(held),
      hasLeft: (...member) => this.#members.hasLeft(...member),
    });
    this.#members = new Members({
      zones: this.#zones,
      sources,
      log,
      signal: this.#abort.signal,
      ask: (held) => {
        held.goneSince = TOLD_GONE;
        this.#asking.happened(held, { kind: 'notified' });
      },
    });
    this.#registrations = new Registrations({
      ...asker,
      rejections,
      authority,
      notified: (...notify) => this.notified(...notify),
      connected: (source) => {
        this.#firstRound.reached(source);
        this.#zones.reached();
        // While the connection was away NOTIFYs may have been missed.
        if (source.isHidden) this.#refreshFrom(source);
      },
    });
  }

  /** Serves what was kept; nobody is asked yet. */
  async load(): Promise<void> {
    this.#zones.takeNamed();
    await this.#copies.load((copy) => this.#zones.restore(copy));
    if (this.missing().length > 0) this.#upstream.prepare?.();
  }

  /** Begins to ask; returns at once. What was kept is served if it was loaded before. */
  start(): void {
    this.#zones.takeNamed();
    this.#firstRound.begin(this.#authority.zones.size === 0);
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
    const expireAt = this.#zones.get(origin)?.refresh.expireAt;
    return expireAt === undefined ? 0 : Math.max(0, Math.floor((expireAt - this.#clock.now()) / 1000));
  }

  /** Seconds that the EXPIRE option says of it (RFC 7314 3.2). */
  expireSaidOf(origin: Name): number {
    const { expireAt = 0, soa } = this.#zones.get(origin)?.refresh ?? {};
    return soa === undefined ? 0 : expireSaid(soa, expireAt - this.#clock.now());
  }

  historyOf(origin: Name): History | undefined {
    return this.#zones.get(origin)?.history;
  }

  /** Where a zone comes from, as its primaries are to be asked; none for what is no zone of ours. */
  primariesOf(origin: Name): readonly Peer[] {
    return this.#zones.get(origin)?.primaries.peers(this.#clock.now()) ?? [];
  }

  /** Zones whose primaries had nothing to say that can be used when they were asked last. */
  failing(): number {
    let count = 0;
    for (const { refresh } of this.#zones) if (refresh.failures > 0) count++;
    return count;
  }

  /** The least {@link expiryOf} of all zones that ever came, 0 where one has expired; `undefined` where there are none. */
  leastExpiry(): number | undefined {
    let least: number | undefined;
    for (const { origin, copy } of this.#zones)
      if (copy !== undefined) least = Math.min(least ?? Number.POSITIVE_INFINITY, this.expiryOf(origin));
    return least;
  }

  /** One line a zone for `/status`. */
  status(): readonly Readonly<Record<string, unknown>>[] {
    return [...this.#zones].map((held) => {
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
    return [...this.#zones].filter((held) => !isServed(held) && !isRumour(held)).map(({ origin }) => origin.toString());
  }

  /** Why this server had better not be asked yet, one clause each; empty once it serves what primaries have told it to. */
  unready(): readonly string[] {
    const reasons = [...this.missing().map((zone) => `no data for ${zone}`), ...this.#firstRound.awaited()];
    return reasons.length === 0 && this.#authority.zones.size === 0 ? ['there is no zone yet'] : reasons;
  }

  /** Asks for every zone now. */
  refreshAll(): void {
    for (const held of this.#zones) this.#asking.happened(held, { kind: 'notified' });
  }

  /** Judges a NOTIFY: it is believed when signed by a key that may, or when it comes from a primary of the zone. */
  notified(origin: Name, key: Key | undefined, serial: number | undefined, from: Peer): Verdict {
    const isSigned = key !== undefined && mayPerform(key, 'notify', origin);
    const known = this.#zones.get(origin);
    if (!isSigned && known?.primaries.at(from.address) === undefined)
      return refused(EDE.PROHIBITED, 'NOTIFY must be signed by a key of the zone, or come from its primary');
    const held = known ?? this.#learn(origin, key);
    if ('rcode' in held) return held;
    const sender = held.primaries.at(from.address, key) ?? (isSigned ? held.primaries.withKey(key) : undefined);
    const current = held.refresh.soa?.serial;
    if (serial === undefined || current === undefined || isNewer(serial, current)) {
      held.tip = newerTip(held.tip, { from: sender, serial, isSigned });
      this.#asking.happened(held, { kind: 'notified', serial });
    } else if (key !== undefined && isSigned && serial === current)
      this.#asking.reassured(held, held.primaries.withKey(key));
    return { rcode: RCODE.NOERROR };
  }

  /**
   * Takes the members of a catalog zone (RFC 9432), which come from where that comes from, and drops those that are none any more. A
   * zone that a key names or a NOTIFY has named stays what it is; one that another catalog has is this one's once the other leaves it.
   * One of other primaries is refused, until it is theirs no more. Resolves when all of that is done, in slices; what comes later waits for it.
   */
  setMembers(catalog: Name, members: readonly Name[]): Promise<void> {
    return this.#members.set(catalog, members);
  }

  /** Do keys say that a zone which a catalog lists comes from elsewhere? */
  isOfOthers(member: Name, catalog: Name): boolean {
    return isOfOthers(member, catalog, false, this.#sources);
  }

  /** Takes a zone that a signed NOTIFY names, by the key of one of its primaries and not of a secondary of ours. */
  #learn(origin: Name, key: Key | undefined): HeldZone | Verdict {
    const source = this.#sources.find((each) => key?.name.equals(each.key.name));
    if (source === undefined) return refused(EDE.NOT_AUTHORITATIVE, 'this key names no primary to learn zones from');
    if (!this.#rumours.hasRoom(source))
      return { rcode: RCODE.SERVFAIL, ede: { code: EDE.NOT_READY, text: 'too many zones that have not come yet' } };
    const held = this.#zones.take(origin, { isLearnt: true });
    this.#rumours.add(source, held);
    this.#firstRound.learnt(held);
    return held;
  }

  #refreshFrom(source: ReplicaSource): void {
    for (const held of this.#zones) if (held.primaries.has(source)) this.#asking.happened(held, { kind: 'doubted' });
  }
}
