/**
 * UPDATE (RFC 2136): from a request, a key and a zone to the next version of the zone, or an RCODE. Nothing is applied in part.
 *
 * Keys for a host (`_update.host.zone`) work with either name in the zone section: the zone's, or, as the original suite has it,
 * the host's own. All names touched must be below both the zone section's name (else NOTZONE) and the key's (else REFUSED), and
 * within the limits of the key (`key-limits.ts`). Where the host is, or is below, a zone of its own - one that is served here, or
 * one that is delegated - its key has nothing to do with the zone above, which says by NS and DS records whose it is.
 * Always holds: the SOA and the last NS of the apex stay (3.4.2.3, 3.4.2.4); the serial only rises; a change that would make
 * the zone wrong (see `zone/check.ts`) is refused as a whole, and so is one of a zone whose signatures are made elsewhere.
 * Left out: forwarding (6).
 */
import type { Name } from '../name.ts';
import { fail, ok, type Result } from '../result.ts';
import { CLASS } from '../rr/class.ts';
import type { ResourceRecord } from '../rr/record.ts';
import { readSoa, withSerial } from '../rr/soa.ts';
import { isMetaType, printType, TYPE } from '../rr/type.ts';
import { RCODE } from '../wire/code.ts';
import { EDE } from '../wire/edns.ts';
import type { Message } from '../wire/message.ts';
import { checkNames, type Finding } from '../zone/check.ts';
import { type Delta, diffNames, isEmptyDelta, isSoaEdited } from '../zone/delta.ts';
import { isNewer, raise } from '../zone/serial.ts';
import type { Zone } from '../zone/zone.ts';
import { ZoneEdit } from '../zone/zone-edit.ts';
import type { Key } from './key.ts';
import { mayChange, typeBeyond } from './key-limits.ts';
import { judgePrerequisites } from './prerequisite.ts';
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

/** A new version of a zone and how it differs; `undefined` when the update changes nothing. */
export type UpdateOutcome = { readonly zone: Zone; readonly delta: Delta } | undefined;

function fault(rcode: number, what: string): Result<never, UpdateFault> {
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
    return fault(RCODE.FORMERR, 'the zone section does not hold one record');
  if (zoneSection.type !== TYPE.SOA) return fault(RCODE.FORMERR, 'the zone section is not of type SOA');
  const scope = zoneSection.name;
  if (zoneSection.class !== CLASS.IN) return fault(RCODE.NOTAUTH, 'only zones of class IN are served');
  if (zones.isAwaited(scope)) return fault(RCODE.SERVFAIL, `${scope} has no data now`);
  const zone = zones.zoneOf(scope);
  const isHost = key?.operation === 'update' && key.zone.equals(scope);
  if (zone === undefined || !(isHost || zone.origin.equals(scope)))
    return fault(RCODE.NOTAUTH, `${scope} is no zone of this server`);
  if (key === undefined) return fault(RCODE.REFUSED, 'the update is not signed');
  const isWithin = scope.isSubdomainOf(key.zone) || key.zone.isSubdomainOf(scope);
  if (key.operation !== 'update' || !isWithin) return fault(RCODE.REFUSED, `key ${key.name} may not update ${scope}`);
  const apart = zoneBetween(key.zone, zone, zones.apexOf(key.zone));
  if (apart !== undefined) return fault(RCODE.REFUSED, apart);
  for (const operation of message.authorities) {
    if (!operation.name.isSubdomainOf(scope)) return fault(RCODE.NOTZONE, `${operation.name} is not in ${scope}`);
    const wrong = formFault(operation);
    if (wrong !== undefined) return fault(RCODE.FORMERR, wrong);
    const forbidden = permissionFault(key, operation);
    if (forbidden !== undefined) return fault(RCODE.REFUSED, forbidden);
  }
  return ok({ origin: zone.origin, scope, key, prerequisites: message.answers, operations: message.authorities });
}

/**
 * Why the name that a key is for belongs to another zone than `zone`, if it does. `apex`: the nearest of ours at or above that name.
 * A name at or above the apex of `zone` covers all of it.
 */
function zoneBetween(name: Name, zone: Zone, apex?: Name): string | undefined {
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

/** Why this key may not do this (3.3), if so. Which types deleting all of a name meets, the zone's content says: see {@link runUpdate}. */
function permissionFault(key: Key, { name, type }: ResourceRecord): string | undefined {
  if (!name.isSubdomainOf(key.zone) || !mayChange(key, name)) return `key ${key.name} may not change ${name}`;
  if (MADE_BY_SIGNING.has(type)) return `${printType(type)} records are made by who signs the zone`;
  const beyond = type === TYPE.ANY ? undefined : typeBeyond(key, [type]);
  return beyond === undefined ? undefined : `key ${key.name} may not change ${beyond} records`;
}

/** RRSIG, NSEC, NSEC3: of them one alone that does not fit makes answers bogus, and only who signs the whole zone can make them. */
const MADE_BY_SIGNING: ReadonlySet<number> = new Set([TYPE.RRSIG, TYPE.NSEC, TYPE.NSEC3]);

/**
 * Runs an update against a version of its zone (3.2, 3.4.2). The serial of the outcome is raised; `today`: see {@link raise} of
 * `zone/serial.ts`.
 */
export function runUpdate(update: Update, zone: Zone, today?: number): Result<UpdateOutcome, UpdateFault> {
  // Judged anew: the version may be newer than the one that the request was read with.
  const apart = zoneBetween(update.key.zone, zone);
  if (apart !== undefined) return fault(RCODE.REFUSED, apart);
  const rcode = judgePrerequisites(zone, update.scope, update.prerequisites);
  if (rcode !== undefined) return fault(rcode, 'a prerequisite does not hold');
  return carryOutAll(update.operations, zone, today, update.key);
}

/** Operations that an update may have become, to be run again: no message has half as many, and all of them fit into the journal. */
const MAX_LASTING = 10_000;

/**
 * The operations of an update as they may be run again, on versions that the key has not been judged by: where it may not change all
 * types, deleting all of a name stays the deletion of what the name had of these. `zone`: the version that the update was run on. `undefined`: they would
 * be more than {@link MAX_LASTING}.
 */
export function lastingOperations({ key, operations }: Update, zone: Zone): readonly ResourceRecord[] | undefined {
  const allowed = key.limits?.types;
  if (allowed === undefined || !operations.some(isWholeName)) return operations;
  // Types that a name may have by then; once all of it is deleted, only what is added behind that.
  const there = new Map<string, Set<number>>();
  const lasting: ResourceRecord[] = [];
  for (const operation of operations) {
    const { name, type } = operation;
    const types = there.get(name.key) ?? new Set(zone.typesOf(name));
    there.set(name.key, types);
    if (isWholeName(operation)) {
      for (const each of types) if (allowed.has(each)) lasting.push({ ...operation, type: each });
      types.clear();
    } else {
      if (operation.class === CLASS.IN) types.add(type);
      lasting.push(operation);
    }
    if (lasting.length > MAX_LASTING) return undefined;
  }
  return lasting;
}

/**
 * Runs operations on another version of their zone than the one for which they were judged and acknowledged: neither prerequisites nor
 * keys are asked again. What a zone cannot hold is refused here too.
 */
export function rerun(
  operations: readonly ResourceRecord[],
  zone: Zone,
  today?: number,
): Result<UpdateOutcome, UpdateFault> {
  return carryOutAll(operations, zone, today, undefined);
}

function carryOutAll(
  operations: readonly ResourceRecord[],
  zone: Zone,
  today: number | undefined,
  key: Key | undefined,
): Result<UpdateOutcome, UpdateFault> {
  if (operations.length === 0) return ok(undefined);
  if (zone.isSigned) return fault(RCODE.REFUSED, `${zone.origin} is signed elsewhere: a change has to be signed there`);
  const edit = new ZoneEdit(zone);
  const services = new ServiceSets(edit);
  for (const operation of operations) {
    const beyond =
      key !== undefined && isWholeName(operation)
        ? typeBeyond(key, typesToDelete(edit, zone.origin, operation.name))
        : undefined;
    if (beyond !== undefined)
      return fault(RCODE.REFUSED, `key ${key?.name} may not change ${beyond} records, and ${operation.name} has them`);
    carryOut(edit, services, zone.origin, operation);
  }
  const next = edit.finish();
  if (next === undefined) return fault(RCODE.REFUSED, 'the zone would be left without its SOA');
  const names = operations.map((operation) => operation.name);
  const delta = diffNames(zone, next, names);
  if (isEmptyDelta(delta) && !isSoaEdited(zone, next) && !isNewer(next.serial, zone.serial)) {
    next.discard();
    return ok(undefined);
  }
  const wrong = newError(zone, next, names);
  if (wrong !== undefined) {
    next.discard();
    return fault(RCODE.REFUSED, `${wrong.name}: ${wrong.what}`);
  }
  const raised = withRaisedSerial(next, zone.serial, today);
  return ok({ zone: raised, delta: diffNames(zone, raised, names) });
}

function isWholeName(operation: ResourceRecord): boolean {
  return operation.class === CLASS.ANY && operation.type === TYPE.ANY;
}

/** The first error that `next` has and `old` has not. */
function newError(old: Zone, next: Zone, names: readonly Name[]): Finding | undefined {
  // What is wrong elsewhere for what changed here: name servers of a delegation that lost their addresses.
  const all = names.some((name) => mayStrand(old, next, name)) ? [...names, ...delegations(next)] : names;
  const errorsOf = (zone: Zone): readonly Finding[] =>
    checkNames(zone, all).filter(({ severity }) => severity === 'error');
  const wrong = errorsOf(next);
  if (wrong.length === 0) return undefined;
  const idOf = ({ rule, name }: Finding): string => `${rule} ${name.key}`;
  const known = new Set(errorsOf(old).map(idOf));
  return wrong.find((finding) => !known.has(idOf(finding)));
}

/** Types by which a name server's name has, or leads to, an address. */
const LEADING: readonly number[] = [TYPE.A, TYPE.AAAA, TYPE.CNAME, TYPE.DNAME, TYPE.NS];

/** Can a name server that is named elsewhere have lost its address by what happened to this name? Looked at before all of a zone is. */
function mayStrand(old: Zone, next: Zone, name: Name): boolean {
  const has = (zone: Zone, type: number): boolean => zone.sizeOf(name, type) > 0;
  if (LEADING.some((type) => has(old, type) && !has(next, type))) return true;
  if (has(next, TYPE.NS) && !has(old, TYPE.NS)) return true;
  // A new name takes the place of what a DNAME leads to, and it, or an empty non-terminal above it, that of a wildcard.
  if (old.typesOf(name).length === 0 && old.dnameAbove(name) !== undefined) return true;
  const wildcard = old.exists(name) ? undefined : old.closestEncloser(name).child('*');
  return wildcard?.ok === true && old.typesOf(wildcard.value).length > 0;
}

function* delegations(zone: Zone): Generator<Name, void, undefined> {
  for (const { name, rrsets } of zone.eachNode()) if (rrsets.has(TYPE.NS)) yield name;
}

/** The zone with a serial newer than `served`: its own where it is, else the next. */
export function withRaisedSerial(zone: Zone, served: number, today?: number): Zone {
  return zoneWithSerial(zone, raise(served, zone.serial, today));
}

/** The zone with this serial. */
export function zoneWithSerial(zone: Zone, serial: number): Zone {
  if (serial === zone.serial) return zone;
  const soa = zone.soaRecord();
  return zone.change({ removed: [soa], added: [{ ...soa, rdata: withSerial(soa.rdata, serial) }] })!;
}

/** 3.4.2.3: at the apex SOA and NS are left alone. */
function isKept(isApex: boolean, type: number): boolean {
  return isApex && (type === TYPE.SOA || type === TYPE.NS);
}

/** The sets that deleting all of a name deletes. */
function typesToDelete(edit: ZoneEdit, origin: Name, name: Name): readonly number[] {
  const isApex = name.equals(origin);
  return edit.types(name).filter((type) => !isKept(isApex, type));
}

/** Carries out one operation (3.4.2). What the rules have left alone is passed over in silence. */
function carryOut(edit: ZoneEdit, services: ServiceSets, origin: Name, operation: ResourceRecord): void {
  const { name, type } = operation;
  const isApex = name.equals(origin);
  if (operation.class === CLASS.IN) {
    if (!isAddable(edit, isApex, operation)) return;
    if (type === TYPE.WKS) services.makeRoom(operation);
    edit.add(operation);
  } else if (operation.class === CLASS.ANY) {
    const types = isWholeName(operation) ? typesToDelete(edit, origin, name) : [type];
    for (const each of types) if (!isKept(isApex, each)) edit.removeSet(name, each);
  } else {
    // 3.4.2.4: neither the SOA nor the last NS of the apex goes.
    const isLastNs = isApex && type === TYPE.NS && edit.size(name, type) === 1;
    if (type !== TYPE.SOA && !isLastNs) edit.remove(operation);
  }
}

/** 3.4.2.2: CNAME and other data do not meet, an SOA replaces only an older one. */
function isAddable(edit: ZoneEdit, isApex: boolean, { name, type, rdata }: ResourceRecord): boolean {
  if (type === TYPE.SOA) {
    const [soa] = isApex ? edit.rdatas(name, type) : [];
    return soa !== undefined && isNewer(readSoa(rdata).serial, readSoa(soa).serial);
  }
  const hasCname = edit.size(name, TYPE.CNAME) > 0;
  return type === TYPE.CNAME ? hasCname || edit.types(name).length === 0 : !hasCname;
}

/** Address and protocol (RFC 1035 3.4.2). */
const SERVICE_OCTETS = 5;

/** 3.4.2.2: of WKS records, one with the address and the protocol of another takes its place. */
class ServiceSets {
  readonly #edit: ZoneEdit;
  /** By name, then by address and protocol. */
  readonly #sets = new Map<string, Map<string, Uint8Array>>();

  constructor(edit: ZoneEdit) {
    this.#edit = edit;
  }

  makeRoom({ name, type, rdata }: ResourceRecord): void {
    const idOf = (octets: Uint8Array): string => Buffer.from(octets.subarray(0, SERVICE_OCTETS)).toString('latin1');
    const set =
      this.#sets.get(name.key) ?? new Map(this.#edit.rdatas(name, type).map((octets) => [idOf(octets), octets]));
    this.#sets.set(name.key, set);
    const old = set.get(idOf(rdata));
    if (old !== undefined) this.#edit.remove({ name, type, rdata: old });
    set.set(idOf(rdata), rdata);
  }
}
