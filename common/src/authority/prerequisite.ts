/** The prerequisite section of UPDATE (RFC 2136 2.4, 3.2): all five forms. */
import type { Name } from '../name.ts';
import { CLASS } from '../rr/class.ts';
import { type ResourceRecord, rdataKey } from '../rr/record.ts';
import { isMetaType, TYPE } from '../rr/type.ts';
import { RCODE } from '../wire/code.ts';
import type { Zone } from '../zone/zone.ts';

/** The first RCODE that a prerequisite fails with, `undefined` when all hold. `scope` is the name of the zone section. */
export function judgePrerequisites(
  zone: Zone,
  scope: Name,
  prerequisites: readonly ResourceRecord[],
): number | undefined {
  const wanted = new Map<string, ResourceRecord[]>();
  for (const prerequisite of prerequisites) {
    const { name, type, ttl, rdata } = prerequisite;
    if (ttl !== 0) return RCODE.FORMERR;
    if (!name.isSubdomainOf(scope)) return RCODE.NOTZONE;
    if (prerequisite.class === CLASS.IN) {
      if (isMetaType(type)) return RCODE.FORMERR;
      const key = `${name.key} ${type}`;
      wanted.set(key, [...(wanted.get(key) ?? []), prerequisite]);
      continue;
    }
    if (rdata.length > 0 || (prerequisite.class !== CLASS.ANY && prerequisite.class !== CLASS.NONE))
      return RCODE.FORMERR;
    if (isMetaType(type) && type !== TYPE.ANY) return RCODE.FORMERR;
    const isExpected = prerequisite.class === CLASS.ANY;
    const isPresent = type === TYPE.ANY ? zone.find(name) !== undefined : zone.get(name, type) !== undefined;
    if (isPresent !== isExpected) {
      if (type === TYPE.ANY) return isExpected ? RCODE.NXDOMAIN : RCODE.YXDOMAIN;
      return isExpected ? RCODE.NXRRSET : RCODE.YXRRSET;
    }
  }
  for (const records of wanted.values()) {
    const { name, type } = records[0]!;
    const present = new Set(zone.get(name, type)?.rdatas.map((rdata) => rdataKey(type, rdata)));
    const expected = new Set(records.map((record) => rdataKey(type, record.rdata)));
    if (present.size !== expected.size || [...expected].some((key) => !present.has(key))) return RCODE.NXRRSET;
  }
  return undefined;
}
