/**
 * Where the answer to a dns-01 challenge is put (RFC 8555 8.4): at `_acme-challenge.HOST`, or where CNAMEs lead from there, and
 * in which zone that is; and which servers of the zone the CA may ask. From the copies of the zones; pure.
 */
import type { KeyScope } from '@zonewright/common/authority/key';
import type { ZoneTable } from '@zonewright/common/authority/zones';
import type { Name } from '@zonewright/common/name';
import { type Peer, peerOf } from '@zonewright/common/net/address';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { targetOf } from '@zonewright/common/rr/rdata';
import { TYPE } from '@zonewright/common/rr/type';
import type { Zone } from '@zonewright/common/zone/zone';
import { nameOfHost } from './posting.ts';

/** A name for TXT records, and the zone it is in. */
export interface Place {
  readonly name: Name;
  readonly zone: Zone;
}

/** The name of a challenge is not in a zone that can be updated. */
export interface PlaceFault extends Fault {
  readonly kind: 'place';
}

const CHALLENGE = '_acme-challenge';
/** More CNAMEs than that are a loop, or nobody's intention. */
const CHAIN = 8;

/** The place for `host` (a leading `*.` does not count), if the service can write there. */
export function placeOf(host: string, zones: ZoneTable, scope: Pick<KeyScope, 'zone'>): Result<Place, PlaceFault> {
  const first = nameOfHost(host).child(CHALLENGE);
  if (!first.ok) return fail({ kind: 'place', what: `${CHALLENGE}.${host}: ${first.fault.what}` });
  let name = first.value;
  for (let left = CHAIN; left > 0; left--) {
    const zone = zones.zoneOf(name);
    if (zone === undefined || !name.isSubdomainOf(scope.zone)) {
      const hint = `the key of this service covers ${scope.zone}`;
      return fail({ kind: 'place', what: `${name} is in no zone that can be changed`, hint });
    }
    const cut = zone.cutAt(name);
    if (cut !== undefined) {
      const what = `${name} is in ${cut.name}, which is delegated and no zone of this service`;
      return fail({ kind: 'place', what });
    }
    const alias = zone.get(name, TYPE.CNAME);
    if (alias === undefined) return ok({ name, zone });
    name = targetOf(TYPE.CNAME, alias.rdatas[0]!);
  }
  return fail({ kind: 'place', what: `CNAMEs lead from ${first.value} in a circle` });
}

/** The servers of a zone whose addresses the zones hold, each once. `port` is where they are reached. */
export function serversOf(zone: Zone, zones: ZoneTable, port: number): readonly Peer[] {
  const peers = new Map<string, Peer>();
  for (const rdata of zone.get(zone.origin, TYPE.NS)?.rdatas ?? []) {
    for (const address of zones.addressesOf(targetOf(TYPE.NS, rdata))) peers.set(address, peerOf(address, port));
  }
  return [...peers.values()];
}
