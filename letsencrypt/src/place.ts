/**
 * Where the answer to a dns-01 challenge is put (RFC 8555 8.4): at `_acme-challenge.HOST`, or where CNAMEs lead from there, and
 * in which zone that is. From the copies of the zones; pure.
 */
import type { KeyScope } from '@zonewright/common/authority/key';
import type { ZoneTable } from '@zonewright/common/authority/zones';
import type { Name } from '@zonewright/common/name';
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

/** The labels below which a CA looks: dns-01 (RFC 8555 8.4), dns-persist-01 (draft-ietf-acme-dns-persist). */
export const CHALLENGE = '_acme-challenge';
export const STANDING = '_validation-persist';
/** More CNAMEs than that are a loop, or nobody's intention. */
const CHAIN = 8;

/** The place for `host` (a leading `*.` does not count), if the service can write there. */
export function placeOf(
  host: string,
  zones: ZoneTable,
  scope: Pick<KeyScope, 'zone'>,
  label = CHALLENGE,
): Result<Place, PlaceFault> {
  const first = nameOfHost(host).child(label);
  if (!first.ok) return fail({ kind: 'place', what: `${label}.${host}: ${first.fault.what}` });
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
