/**
 * UPDATE (RFC 2136) as it is read: from a request and a key to what is to be done, or an RCODE. Doing it is `run-update.ts`.
 *
 * Keys for a host (`_update.host.zone`) work with either name in the zone section: the zone's, or, as the original suite has it,
 * the host's own. All names touched must be below both the zone section's name (else NOTZONE) and the key's (else REFUSED), and
 * within the limits of the key (`key-limits.ts`). Where the host is, or is below, a zone of its own - one that is served here, or
 * one that is delegated - its key has nothing to do with the zone above, which says by NS and DS records whose it is.
 * Left out: forwarding (6).
 */
import type { Name } from '../name.ts';
import { fail, ok, type Result } from '../result.ts';
import { CLASS } from '../rr/class.ts';
import type { ResourceRecord } from '../rr/record.ts';
import { isMetaType, printType, TYPE } from '../rr/type.ts';
import { RCODE } from '../wire/code.ts';
import { EDE } from '../wire/edns.ts';
import type { Message } from '../wire/message.ts';
import type { Zone } from '../zone/zone.ts';
import type { Key } from './key.ts';
import { mayChange, typeBeyond } from './key-limits.ts';
import type { ZoneTable } from './zones.ts';

export interface UpdateFault {
  readonly kind: 'update';
  readonly rcode: number;
  readonly what: string;
}

/** The INFO-CODE (RFC 8914) that says why, beside the RCODE. */
export function edeCodeOf({ rcode }: UpdateFault): number {
  return rcode === RCODE.REFUSED ? EDE.PROHIBITED : EDE.OTHER;
}

/** An UPDATE that has been found well formed and permitted; what it does depends on the version of the zone it meets. */
export interface Update {
  /** Apex of the zone it changes. */
  readonly origin: Name;
  /** Name in the zone section. */
  readonly scope: Name;
  readonly key: Key;
  readonly prerequisites: readonly ResourceRecord[];
  readonly operations: readonly ResourceRecord[];
}

/** Why an update is not done. */
export function updateFault(rcode: number, what: string): Result<never, UpdateFault> {
  return fail({ kind: 'update', rcode, what });
}

/**
 * Judges all of a request that does not depend on the zone's content, but for its delegations: the zone section (3.1), whether the
 * key may (3.3), and the form of the operations (3.4.1), in this order. That permission comes before the prerequisites (3.2) is ours, as it is BIND's:
 * their RCODEs would tell the content of a zone to anybody.
 */
export function readUpdate(message: Message, key: Key | undefined, zones: ZoneTable): Result<Update, UpdateFault> {
  const [zoneSection] = message.questions;
  if (message.questions.length !== 1 || zoneSection === undefined)
    return updateFault(RCODE.FORMERR, 'the zone section does not hold one record');
  if (zoneSection.type !== TYPE.SOA) return updateFault(RCODE.FORMERR, 'the zone section is not of type SOA');
  const scope = zoneSection.name;
  if (zoneSection.class !== CLASS.IN) return updateFault(RCODE.NOTAUTH, 'only zones of class IN are served');
  if (zones.isAwaited(scope)) return updateFault(RCODE.SERVFAIL, `${scope} has no data now`);
  const zone = zones.zoneOf(scope);
  const isHost = key?.operation === 'update' && key.zone.equals(scope);
  if (zone === undefined || !(isHost || zone.origin.equals(scope)))
    return updateFault(RCODE.NOTAUTH, `${scope} is no zone of this server`);
  if (key === undefined) return updateFault(RCODE.REFUSED, 'the update is not signed');
  const isWithin = scope.isSubdomainOf(key.zone) || key.zone.isSubdomainOf(scope);
  if (key.operation !== 'update' || !isWithin)
    return updateFault(RCODE.REFUSED, `key ${key.name} may not update ${scope}`);
  const apart = zoneBetween(key.zone, zone, zones.apexOf(key.zone));
  if (apart !== undefined) return updateFault(RCODE.REFUSED, apart);
  for (const operation of message.authorities) {
    if (!operation.name.isSubdomainOf(scope)) return updateFault(RCODE.NOTZONE, `${operation.name} is not in ${scope}`);
    const wrong = formFault(operation);
    if (wrong !== undefined) return updateFault(RCODE.FORMERR, wrong);
    const forbidden = permissionFault(key, operation);
    if (forbidden !== undefined) return updateFault(RCODE.REFUSED, forbidden);
  }
  return ok({ origin: zone.origin, scope, key, prerequisites: message.answers, operations: message.authorities });
}

/**
 * Why the name that a key is for belongs to another zone than `zone`, if it does. `apex`: the nearest of ours at or above that name.
 * A name at or above the apex of `zone` covers all of it.
 */
export function zoneBetween(name: Name, zone: Zone, apex?: Name): string | undefined {
  const { origin } = zone;
  if (origin.isSubdomainOf(name)) return undefined;
  const between = apex === undefined || apex.equals(origin) ? zone.cutAt(name)?.name : apex;
  return between === undefined ? undefined : `${between} is a zone of its own`;
}

/** What is wrong with the form of one record of the update section (2.5, 3.4.1.2), if anything. */
function formFault({ class: of, type, ttl, rdata }: ResourceRecord): string | undefined {
  const isAny = type === TYPE.ANY;
  switch (of) {
    case CLASS.IN:
      return isMetaType(type) ? 'an addition of a meta type' : undefined;
    case CLASS.ANY:
      if (ttl !== 0 || rdata.length > 0) return 'a deletion of a set with a TTL or data';
      return isMetaType(type) && !isAny ? 'a deletion of a meta type' : undefined;
    case CLASS.NONE:
      if (ttl !== 0) return 'a deletion of a record with a TTL';
      return isMetaType(type) ? 'a deletion of a meta type' : undefined;
    default:
      return 'an operation of a class other than the zone class, ANY and NONE';
  }
}

/** Why this key may not do this (3.3), if so. Which types deleting all of a name meets, the zone's content says: see `runUpdate`. */
function permissionFault(key: Key, { name, type }: ResourceRecord): string | undefined {
  if (!name.isSubdomainOf(key.zone) || !mayChange(key, name)) return `key ${key.name} may not change ${name}`;
  if (MADE_BY_SIGNING.has(type)) return `${printType(type)} records are made by who signs the zone`;
  const beyond = type === TYPE.ANY ? undefined : typeBeyond(key, [type]);
  return beyond === undefined ? undefined : `key ${key.name} may not change ${beyond} records`;
}

/** RRSIG, NSEC, NSEC3: of them one alone that does not fit makes answers bogus, and only who signs the whole zone can make them. */
const MADE_BY_SIGNING: ReadonlySet<number> = new Set([TYPE.RRSIG, TYPE.NSEC, TYPE.NSEC3]);
