/**
 * Is a reply of a signed zone proved? What a validator asks beside the signatures (RFC 4035 5.4, RFC 5155 8): is there a signature with
 * each set, is what is said not to be there in the gaps of NSEC or NSEC3 records, and are no types in their bitmaps that are denied.
 *
 * It knows nothing of the zone but its apex. Left out: what signatures are worth.
 */
import { Name } from '@zonewright/common/name';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import { RCODE } from '@zonewright/common/wire/code';
import type { Message } from '@zonewright/common/wire/message';
import { base32hex, hashOf } from './chained.ts';
import { given } from './records.ts';

const { RRSIG, NSEC, NSEC3 } = TYPE;
/** A chain of aliases that is longer is left unfinished. */
const MAX_CHAIN = 16;

/** What the records of a chain say of names, whichever kind they are. */
interface Witness {
  /** The types of a name that exists, none for an empty non-terminal; `undefined` where nothing is said. */
  types(name: Name): ReadonlySet<number> | undefined;
  /** Is it said that there is nothing at or above `name` and below `encloser`? */
  isNothingCloser(name: Name, encloser: Name): boolean;
  /** The closest encloser of a name that is said not to be there. */
  encloser(name: Name): Name | undefined;
  /** Is the name in a gap in which there may be unsigned delegations? */
  isOptedOut(name: Name): boolean;
}

/** The types of a bitmap (RFC 4034 4.1.2). */
function typesOf(bitmap: Uint8Array): ReadonlySet<number> {
  const types = new Set<number>();
  for (let at = 0; at < bitmap.length; at += 2 + bitmap[at + 1]!) {
    for (let bit = 0; bit < 8 * bitmap[at + 1]!; bit++)
      if ((bitmap[at + 2 + (bit >> 3)]! & (0x80 >> (bit & 7))) !== 0) types.add((bitmap[at]! << 8) | bit);
  }
  return types;
}

/** Is `key` between two others on a ring, neither of them included? */
const isBetween = (start: string, key: string, end: string): boolean =>
  start < end ? start < key && key < end : key > start || key < end;

const deeper = (a: Name, b: Name): Name => (a.labelCount > b.labelCount ? a : b);

function nsecWitness(records: readonly ResourceRecord[], origin: Name): Witness {
  const links = records.map(({ name, rdata }) => {
    let end = 0;
    while (rdata[end] !== 0) end += 1 + rdata[end]!;
    return {
      name,
      next: given(Name.fromWire(rdata.subarray(0, end + 1))),
      types: typesOf(rdata.subarray(end + 1)),
    };
  });
  const covering = (name: Name) =>
    links.find(({ name: owner, next, types }) => {
      // RFC 6840 4.1: that of a zone cut or a DNAME says nothing of what is below.
      const isOver = name.isSubdomainOf(owner) && !owner.equals(origin);
      return isBetween(owner.key, name.key, next.key) && !(isOver && (types.has(TYPE.DNAME) || types.has(TYPE.NS)));
    });
  const encloser = (name: Name): Name | undefined => {
    const link = covering(name);
    if (link === undefined || link.next.isSubdomainOf(name)) return undefined;
    return deeper(name.commonAncestor(link.name), name.commonAncestor(link.next));
  };
  return {
    types: (name) => {
      const own = links.find((link) => link.name.equals(name))?.types;
      return own ?? (covering(name)?.next.isSubdomainOf(name) === true ? new Set() : undefined);
    },
    isNothingCloser: (name, above) => (encloser(name)?.labelCount ?? Number.POSITIVE_INFINITY) <= above.labelCount,
    encloser,
    isOptedOut: () => false,
  };
}

function nsec3Witness(records: readonly ResourceRecord[], origin: Name): Witness {
  const parameters = records[0]!.rdata;
  const end = 5 + parameters[4]!;
  const iterations = (parameters[2]! << 8) | parameters[3]!;
  const keyOf = (name: Name): string =>
    base32hex(hashOf(name, { iterations, salt: parameters.subarray(5, end), isOptOut: false }));
  const links = records.map(({ name, rdata }) => ({
    owner: name.parent()!.equals(origin) ? Buffer.from(name.labels[0]!).toString('latin1').toUpperCase() : '',
    next: base32hex(rdata.subarray(end + 1, end + 21)),
    isOptOut: rdata[1] === 1,
    types: typesOf(rdata.subarray(end + 21)),
  }));
  const types: Witness['types'] = (name) => links.find(({ owner }) => owner === keyOf(name))?.types;
  const covering = (name: Name) => links.find(({ owner, next }) => isBetween(owner, keyOf(name), next));
  const isNothingCloser: Witness['isNothingCloser'] = (name, above) =>
    covering(name.ancestor(above.labelCount + 1)) !== undefined;
  return {
    types,
    isNothingCloser,
    encloser: (name) => {
      let above = name.parent()!;
      while (types(above) === undefined && above.labelCount > origin.labelCount) above = above.parent()!;
      return types(above) !== undefined && isNothingCloser(name, above) ? above : undefined;
    },
    isOptedOut: (name) => covering(name)?.isOptOut === true,
  };
}

const coveredBy = ({ rdata }: ResourceRecord): number => (rdata[0]! << 8) | rdata[1]!;

/** Has each set of a section its signatures, but for referrals and what a DNAME made, and is there nothing else signed? */
function signatureFault(section: readonly ResourceRecord[], origin: Name): string | undefined {
  const dnames = section.filter(({ type }) => type === TYPE.DNAME);
  const sets = section.filter(({ type }) => type !== RRSIG);
  const signatures = section.filter(({ type }) => type === RRSIG);
  const signed = new Set(signatures.map((record) => `${record.name.key} ${coveredBy(record)}`));
  const stray = signatures.find(
    (record) => !sets.some(({ name, type }) => name.equals(record.name) && type === coveredBy(record)),
  );
  if (stray !== undefined) return `${stray.name} has a signature of TYPE${coveredBy(stray)} without the set`;
  for (const { name, type } of sets) {
    const isMade =
      type === TYPE.CNAME && dnames.some((dname) => name.isSubdomainOf(dname.name) && !name.equals(dname.name));
    const isReferral = type === TYPE.NS && !name.equals(origin);
    if (signed.has(`${name.key} ${type}`) === (isMade || isReferral))
      return `${name} TYPE${type} is ${isMade || isReferral ? '' : 'not '}signed`;
  }
  return undefined;
}

/** What is wrong with a reply to a question of class IN to a zone; `undefined` for nothing. The reply is not truncated. */
export function proofFault(reply: Message, origin: Name): string | undefined {
  const { name: asked, type: qtype } = reply.questions[0]!;
  if (qtype !== RRSIG) {
    const fault = signatureFault(reply.answers, origin) ?? signatureFault(reply.authorities, origin);
    if (fault !== undefined) return fault;
  }
  const links = reply.authorities.filter(({ type }) => type === NSEC || type === NSEC3);
  if (new Set(links.map(({ name }) => name.key)).size !== links.length) return 'a record of a proof stands there twice';
  if (new Set(links.map(({ type }) => type)).size > 1) return 'NSEC and NSEC3 in one reply';
  const witness = links[0]?.type === NSEC3 ? nsec3Witness(links, origin) : nsecWitness(links, origin);

  let name = asked;
  for (const seen = new Set<string>(); ; ) {
    const own = reply.answers.filter((record) => record.name.equals(name));
    const signature = own.find(({ type }) => type === RRSIG);
    // A wildcard was expanded when the signature counts fewer labels than the name has (RFC 4035 5.3.4).
    if (signature !== undefined && !name.isWildcard && signature.rdata[3]! < name.labelCount) {
      const encloser = name.ancestor(signature.rdata[3]!);
      if (!witness.isNothingCloser(name, encloser)) return `something may be closer to ${name} than *.${encloser}`;
    }
    const cname = own.find(({ type }) => type === TYPE.CNAME);
    if (cname === undefined || [TYPE.CNAME, TYPE.ANY, RRSIG].includes(qtype)) {
      if (own.length > 0) return undefined;
      break;
    }
    seen.add(name.key);
    name = given(Name.fromWire(cname.rdata));
    if (seen.has(name.key) || seen.size === MAX_CHAIN || !name.isSubdomainOf(origin)) return undefined;
  }
  if (reply.rcode === RCODE.YXDOMAIN) return undefined;
  const cut = reply.authorities.find(({ type }) => type === TYPE.NS)?.name;
  if (cut !== undefined)
    return reply.authorities.some(({ type }) => type === TYPE.DS) ? undefined : noDsFault(witness, cut);
  if (!reply.authorities.some(({ type }) => type === TYPE.SOA)) return 'neither data, nor a referral, nor an SOA';
  return reply.rcode === RCODE.NXDOMAIN ? noNameFault(witness, name) : noDataFault(witness, name, qtype);
}

const isDenied = (types: ReadonlySet<number>, type: number): boolean => !types.has(type) && !types.has(TYPE.CNAME);

/** Is the name in a gap of opt-out, below its closest provable encloser (RFC 5155 8.6, 8.9)? */
function isOptedOut(witness: Witness, name: Name): boolean {
  const encloser = witness.encloser(name);
  return encloser !== undefined && witness.isOptedOut(name.ancestor(encloser.labelCount + 1));
}

function noDsFault(witness: Witness, cut: Name): string | undefined {
  const types = witness.types(cut);
  if (types === undefined) return isOptedOut(witness, cut) ? undefined : `no proof that ${cut} has no DS`;
  return types.has(TYPE.NS) && !types.has(TYPE.DS) && !types.has(TYPE.SOA) ? undefined : `wrong types of ${cut}`;
}

function noDataFault(witness: Witness, name: Name, type: number): string | undefined {
  const types = witness.types(name);
  if (types !== undefined) return isDenied(types, type) ? undefined : `${name} has what is denied`;
  if (isOptedOut(witness, name)) return undefined;
  const encloser = witness.encloser(name);
  if (encloser === undefined) return `no proof of ${name}`;
  const wildcard = witness.types(given(encloser.child('*')));
  if (wildcard === undefined) return `nothing is said of *.${encloser}`;
  return isDenied(wildcard, type) ? undefined : `*.${encloser} has what is denied`;
}

function noNameFault(witness: Witness, name: Name): string | undefined {
  if (witness.types(name) !== undefined) return `${name} exists`;
  const encloser = witness.encloser(name);
  if (encloser === undefined) return `no proof that there is no ${name}`;
  // An empty non-terminal above unsigned delegations alone may have no record: then nothing is known of the wildcard below it.
  if (isOptedOut(witness, name)) return undefined;
  const wildcard = encloser.child('*');
  // Too long a name cannot exist.
  if (!wildcard.ok || wildcard.value.equals(name) || witness.isNothingCloser(wildcard.value, encloser))
    return undefined;
  return `no proof that there is no ${wildcard.value}`;
}
