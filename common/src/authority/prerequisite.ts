/**
 * The prerequisite section of UPDATE (RFC 2136 2.4, 3.2): all five forms, each by its pseudocode (3.2.5).
 *
 * A name is in use when it owns a record (2.4.4): an empty non-terminal does not, and neither does what a wildcard would make up.
 * Sets are compared without TTL, in any order, each record once (2.4.2, 1.1.1). A set of a type that no zone can hold is not there.
 */
import type { Name } from '../name.ts';
import { CLASS } from '../rr/class.ts';
import { type ResourceRecord, rdataKey } from '../rr/record.ts';
import { TYPE } from '../rr/type.ts';
import { RCODE } from '../wire/code.ts';
import type { Zone } from '../zone/zone.ts';

/** A set that has to be there with just these records. */
interface WantedSet {
  readonly name: Name;
  readonly type: number;
  /** {@link rdataKey} of each. */
  readonly keys: Set<string>;
}

/** The first RCODE that a prerequisite fails with, `undefined` when all hold. `scope` is the name of the zone section. */
export function judgePrerequisites(
  zone: Zone,
  scope: Name,
  prerequisites: readonly ResourceRecord[],
): number | undefined {
  const wanted = new Map<string, WantedSet>();
  for (const prerequisite of prerequisites) {
    const { name, type, ttl, rdata } = prerequisite;
    if (ttl !== 0) return RCODE.FORMERR;
    if (!name.isSubdomainOf(scope)) return RCODE.NOTZONE;
    switch (prerequisite.class) {
      case CLASS.ANY:
        if (rdata.length > 0) return RCODE.FORMERR;
        if (type === TYPE.ANY) {
          if (zone.typesOf(name).length === 0) return RCODE.NXDOMAIN;
        } else if (zone.sizeOf(name, type) === 0) return RCODE.NXRRSET;
        break;
      case CLASS.NONE:
        if (rdata.length > 0) return RCODE.FORMERR;
        if (type === TYPE.ANY) {
          if (zone.typesOf(name).length > 0) return RCODE.YXDOMAIN;
        } else if (zone.sizeOf(name, type) > 0) return RCODE.YXRRSET;
        break;
      case CLASS.IN: {
        const id = `${type} ${name.key}`;
        const set = wanted.get(id) ?? { name, type, keys: new Set() };
        wanted.set(id, set);
        set.keys.add(rdataKey(type, rdata));
        break;
      }
      default:
        return RCODE.FORMERR;
    }
  }
  // Only now: 3.2.5 compares what has been gathered after all single prerequisites have held.
  for (const set of wanted.values()) if (!isThere(zone, set)) return RCODE.NXRRSET;
  return undefined;
}

function isThere(zone: Zone, { name, type, keys }: WantedSet): boolean {
  if (zone.sizeOf(name, type) !== keys.size) return false;
  return zone.get(name, type)?.rdatas.every((rdata) => keys.has(rdataKey(type, rdata))) ?? false;
}
