/**
 * What each key is for, by the addresses in its name: where zones come from, or secondaries of our own, which we are the primary of.
 */
import { type Key, mayPerform } from '@zonewright/common/authority/key';
import type { Name } from '@zonewright/common/name';
import { canonicalAddress, type Peer } from '@zonewright/common/net/address';
import { ownAddresses } from '@zonewright/common/net/own-address';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import type { ReplicaSource } from '@zonewright/common/service/replica';

export interface Sources {
  readonly sources: readonly ReplicaSource[];
  /** Keys of those that have us as their primary. */
  readonly own: readonly Key[];
}

/** `isOurs`: whether the name server here is at this place. A fault for keys that do not say where zones come from. */
export function sourcesOf(keys: readonly Key[], port: number, isOurs: (peer: Peer) => boolean): Result<Sources, Fault> {
  const sources: ReplicaSource[] = [];
  const own: Key[] = [];
  for (const key of keys) {
    if (key.primary === undefined) {
      const what = `key ${key.name} names no primary`;
      return fail({
        kind: 'usage',
        what,
        hint: 'name it PRIMARY.SECONDARY._transfer.ZONE, for example 10.0.42.2.10.0.42.3._transfer.mirage',
      });
    }
    const primary = { address: key.primary, port };
    if (isOurs(primary)) own.push(key);
    else sources.push({ key, primary, isHidden: key.secondary === undefined });
  }
  if (sources.length > 0) return ok({ sources, own });
  const what = `all keys name ${own[0]!.primary} as the primary, which is this server`;
  return fail({ kind: 'usage', what, hint: 'give the key of its own primary too' });
}

/**
 * Whether a place is a name server's own. An address that it listens on is, whatever the port: those by which primaries are reached say
 * nothing of ours. Where it listens on all that this machine has, one of them is at its own port only, since another server may be at another.
 */
export function listensAt(listen: readonly string[], port: number): (peer: Peer) => boolean {
  const named = new Set(listen.map(canonicalAddress));
  const isOwn = ownAddresses(listen);
  return ({ address, port: at }) => named.has(address) || (at === port && isOwn(address));
}

/** Why a catalog cannot be transferred, if so. */
export function catalogFault(catalogs: readonly Name[], sources: readonly ReplicaSource[]): Fault | undefined {
  for (const catalog of catalogs)
    if (!sources.some(({ key }) => mayPerform(key, 'transfer', catalog)))
      return {
        kind: 'usage',
        what: `no key is for the catalog ${catalog}`,
        hint: `name one PRIMARY.SECONDARY._transfer.${catalog}, or for all zones`,
      };
  return undefined;
}
