/**
 * UPDATE (RFC 2136) as it is done: from what a request asks for (`update.ts`) and a version of its zone to the next one, or an RCODE.
 *
 * Always holds: nothing is applied in part; the SOA and the last NS of the apex stay (3.4.2.3, 3.4.2.4); the serial only rises; a change
 * that would make the zone wrong (see `zone/check.ts`) is refused as a whole, and so is one of a zone whose signatures are made elsewhere.
 */
import type { Name } from '../name.ts';
import { ok, type Result } from '../result.ts';
import { CLASS } from '../rr/class.ts';
import type { ResourceRecord } from '../rr/record.ts';
import { readSoa, withSerial } from '../rr/soa.ts';
import { TYPE } from '../rr/type.ts';
import { RCODE } from '../wire/code.ts';
import { TOO_LARGE } from '../zone/builder.ts';
import { checkNames, type Finding } from '../zone/check.ts';
import { type Delta, diffNames, isEmptyDelta, isSoaEdited } from '../zone/delta.ts';
import { MAX_ZONE_NAMES } from '../zone/image-first.ts';
import { isNewer, raise } from '../zone/serial.ts';
import type { Zone } from '../zone/zone.ts';
import { ZoneEdit } from '../zone/zone-edit.ts';
import type { Key } from './key.ts';
import { typeBeyond } from './key-limits.ts';
import { judgePrerequisites } from './prerequisite.ts';
import { type Update, type UpdateFault, updateFault, zoneBetween } from './update.ts';

/** A new version of a zone and how it differs; `undefined` when the update changes nothing. */
export type UpdateOutcome = { readonly zone: Zone; readonly delta: Delta } | undefined;

/**
 * Runs an update against a version of its zone (3.2, 3.4.2). The serial of the outcome is raised; `today`: see {@link raise} of
 * `zone/serial.ts`. `mostNames`: the names that the zone may have, with empty non-terminals.
 */
export function runUpdate(
  update: Update,
  zone: Zone,
  today?: number,
  mostNames = MAX_ZONE_NAMES,
): Result<UpdateOutcome, UpdateFault> {
  // Judged anew: the version may be newer than the one that the request was read with.
  const apart = zoneBetween(update.key.zone, zone);
  if (apart !== undefined) return updateFault(RCODE.REFUSED, apart);
  const rcode = judgePrerequisites(zone, update.scope, update.prerequisites);
  if (rcode !== undefined) return updateFault(rcode, 'a prerequisite does not hold');
  return carryOutAll(update.operations, zone, today, update.key, mostNames);
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
  mostNames = MAX_ZONE_NAMES,
): Result<UpdateOutcome, UpdateFault> {
  if (operations.length === 0) return ok(undefined);
  if (zone.isSigned)
    return updateFault(RCODE.REFUSED, `${zone.origin} is signed elsewhere: a change has to be signed there`);
  const edit = new ZoneEdit(zone);
  const services = new ServiceSets(edit);
  for (const operation of operations) {
    const beyond =
      key !== undefined && isWholeName(operation)
        ? typeBeyond(key, typesToDelete(edit, zone.origin, operation.name))
        : undefined;
    if (beyond !== undefined)
      return updateFault(
        RCODE.REFUSED,
        `key ${key?.name} may not change ${beyond} records, and ${operation.name} has them`,
      );
    carryOut(edit, services, zone.origin, operation);
  }
  const next = edit.finish();
  if (next === undefined) return updateFault(RCODE.REFUSED, 'the zone would be left without its SOA');
  // Many messages, each with few names of many labels, make as much of a zone as no file and no transfer may bring.
  if (next.isTooLarge(mostNames) && isGrown(zone, next)) {
    next.discard();
    return updateFault(RCODE.REFUSED, `it would be ${TOO_LARGE}`);
  }
  const names = operations.map((operation) => operation.name);
  const delta = diffNames(zone, next, names);
  if (isEmptyDelta(delta) && !isSoaEdited(zone, next) && !isNewer(next.serial, zone.serial)) {
    next.discard();
    return ok(undefined);
  }
  const wrong = newError(zone, next, names);
  if (wrong !== undefined) {
    next.discard();
    return updateFault(RCODE.REFUSED, `${wrong.name}: ${wrong.what}`);
  }
  const raised = withRaisedSerial(next, zone.serial, today);
  return ok({ zone: raised, delta: diffNames(zone, raised, names) });
}

/** Has it more names, or does it take more room? */
function isGrown(old: Zone, next: Zone): boolean {
  const [was, is] = [old.image, next.image];
  return is.namesOf(next.root) > was.namesOf(old.root) || is.sizeOf(next.root) > was.sizeOf(old.root);
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
