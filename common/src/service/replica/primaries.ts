/**
 * The primaries of a zone: where its copies may come from, and who is asked first. Whoever has worked is asked again, so all zones do not
 * try a primary that is away, one after the other; the sender of a NOTIFY comes before all.
 */
import { type Key, mayPerform } from '../../authority/key.ts';
import type { Name } from '../../name.ts';
import { type Peer, printPeer, sourceTo } from '../../net/address.ts';
import type { TlsClient } from '../../net/tls-client.ts';
import type { Route } from '../upstream.ts';

/** Where zones at and below `key.zone` come from. */
export interface ReplicaSource {
  readonly key: Key;
  readonly primary: Peer;
  /** The primary does not know our address: NOTIFYs come on a connection that we keep open. */
  readonly isHidden: boolean;
}

/** Milliseconds for which a primary that did not answer is asked after all others. */
const AWAY_TIME = 10_000;

/** Sources that may transfer a zone, those of the nearest key first. */
export function sourcesCovering(origin: Name, sources: readonly ReplicaSource[]): readonly ReplicaSource[] {
  return sources
    .filter(({ key }) => mayPerform(key, 'transfer', origin))
    .sort((a, b) => b.key.zone.labels.length - a.key.zone.labels.length);
}

/** Sources of a member of a catalog zone: the primaries of that, by keys that are for the member where there are such. */
export function sourcesOfMember(
  member: Name,
  catalog: Name,
  sources: readonly ReplicaSource[],
): readonly ReplicaSource[] {
  const ofCatalog = sourcesCovering(catalog, sources);
  const ofMember = ofSamePrimaries(sourcesCovering(member, sources), ofCatalog);
  return [...new Set([...ofMember, ...ofCatalog])];
}

/**
 * Is a zone that a catalog lists of other primaries than the catalog? Of either that is said by the nearest key. A key for all zones leaves
 * to catalogs what has not been learnt by it.
 */
export function isOfOthers(member: Name, catalog: Name, isLearnt: boolean, sources: readonly ReplicaSource[]): boolean {
  const claiming = nearestOf(member, sources);
  if (claiming[0] === undefined || (claiming[0].key.zone.isRoot && !isLearnt)) return false;
  return ofSamePrimaries(claiming, nearestOf(catalog, sources)).length === 0;
}

function nearestOf(origin: Name, sources: readonly ReplicaSource[]): readonly ReplicaSource[] {
  const covering = sourcesCovering(origin, sources);
  return covering.filter(({ key }) => key.zone.equals(covering[0]!.key.zone));
}

function ofSamePrimaries(
  sources: readonly ReplicaSource[],
  others: readonly ReplicaSource[],
): readonly ReplicaSource[] {
  const addresses = new Set(others.map(({ primary }) => primary.address));
  return sources.filter(({ primary }) => addresses.has(primary.address));
}

/** Which primaries have not answered of late, whatever zone they were asked for. */
export class Absences {
  /** By address and port: a primary that is away is that for all its keys. */
  readonly #until = new Map<string, number>();

  /** Times are milliseconds of a steady clock. */
  note({ primary }: ReplicaSource, isAway: boolean, now: number): void {
    if (isAway) this.#until.set(printPeer(primary), now + AWAY_TIME);
    else this.#until.delete(printPeer(primary));
  }

  isAway({ primary }: ReplicaSource, now: number): boolean {
    return (this.#until.get(printPeer(primary)) ?? now) > now;
  }
}

export class Primaries {
  readonly #sources: readonly ReplicaSource[];
  readonly #absences: Absences;
  /** What has worked last. */
  #last: ReplicaSource | undefined;

  constructor(sources: readonly ReplicaSource[], absences: Absences) {
    this.#sources = sources;
    this.#absences = absences;
  }

  /** The source from which the last answer came that could be used. */
  get last(): ReplicaSource | undefined {
    return this.#last;
  }

  /** Their addresses, as they are to be asked. */
  peers(now: number): readonly Peer[] {
    const all = new Map(this.inTurn(now).map(({ primary }) => [`${primary.address} ${primary.port}`, primary]));
    return [...all.values()];
  }

  worked(source: ReplicaSource): void {
    this.#last = source;
  }

  has(source: ReplicaSource): boolean {
    return this.#sources.includes(source);
  }

  /** The source whose primary has this address, that of the key where several have. */
  at(address: string, key?: Key): ReplicaSource | undefined {
    const all = this.#sources.filter(({ primary }) => primary.address === address);
    return all.find((source) => key?.name.equals(source.key.name)) ?? all[0];
  }

  /** Those with the key. */
  withKey(key: Key): ReplicaSource | undefined {
    return this.#sources.find((source) => source.key.name.equals(key.name));
  }

  /** All of them as they are to be asked: `first`, what worked last, the rest; whoever is away comes last. */
  inTurn(now: number, first?: ReplicaSource): readonly ReplicaSource[] {
    const rank = (source: ReplicaSource): number => {
      if (source === first) return 0;
      if (this.#absences.isAway(source, now)) return 3;
      return source === this.#last ? 1 : 2;
    };
    return this.#sources.toSorted((a, b) => rank(a) - rank(b));
  }
}

/** How primaries are reached. */
export interface Reach {
  /** Our addresses. */
  readonly addresses: readonly string[];
  readonly tls: TlsClient | undefined;
  /** Ends everything that waits. */
  readonly signal: AbortSignal;
}

/** How the primary of a source is asked: from our address of its family, where there is one alone. */
export function routeTo({ primary, key }: ReplicaSource, { addresses, tls, signal }: Reach): Route {
  const source = sourceTo(primary.address, addresses);
  return {
    server: primary,
    key,
    signal,
    ...(source === undefined ? {} : { source }),
    ...(tls === undefined ? {} : { tls }),
  };
}
