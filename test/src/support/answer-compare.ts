/**
 * Two replies to one question, compared as RFCs compare them: sections as sets of records, names without their case, RDATA in
 * canonical form, the aliases of an answer in their order.
 *
 * What differs is told in short words that are the same for the same kind of difference: `rcode NOERROR/NXDOMAIN` (ours, then
 * theirs), `authority -NS` (they have it, we do not), `additional +A` (we have it, they do not), `answer ttl A`.
 * Left out: the order of records, the options of OPT, what is in a truncated reply (RFC 2181 9 has it ignored).
 */
import { canonicalRdata } from '@zonewright/common/rr/rdata';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { printType, TYPE } from '@zonewright/common/rr/type';
import { printRcode } from '@zonewright/common/wire/code';
import { decodeMessage, type Message } from '@zonewright/common/wire/message';

/** The kinds of difference between our reply and theirs; none where they say the same. `undefined`: silence. */
export function differences(ours: Uint8Array | undefined, theirs: Uint8Array | undefined): readonly string[] {
  if (ours === undefined || theirs === undefined)
    return ours === theirs ? [] : [`reply ${word(ours, 'silence')}/${word(theirs, 'silence')}`];
  if (Buffer.compare(ours.subarray(2), theirs.subarray(2)) === 0) return [];
  const [a, b] = [readReply(ours), readReply(theirs)];
  if (!a.ok || !b.ok) return [`unreadable ${a.ok ? 'fine' : a.fault.what}/${b.ok ? 'fine' : b.fault.what}`];
  return [
    ...headerDifferences(a.value, b.value),
    ...(a.value.tc || b.value.tc ? [] : bodyDifferences(a.value, b.value)),
  ];
}

const replies = new WeakMap<Uint8Array, ReturnType<typeof decodeMessage>>();

/** Decodes a reply, once: each of ours is judged by itself and compared with that of every other server. */
export function readReply(octets: Uint8Array): ReturnType<typeof decodeMessage> {
  let reply = replies.get(octets);
  if (reply === undefined) {
    reply = decodeMessage(octets);
    replies.set(octets, reply);
  }
  return reply;
}

const word = (value: unknown, absent: string): string => (value === undefined ? absent : 'some');

function headerDifferences(a: Message, b: Message): readonly string[] {
  const fields: readonly (readonly [string, (of: Message) => string])[] = [
    [a.tc || b.tc ? 'truncated rcode' : 'rcode', ({ rcode }) => printRcode(rcode)],
    ['opcode', ({ opcode }) => String(opcode)],
    ['aa', ({ aa }) => flag(aa)],
    ['tc', ({ tc }) => flag(tc)],
    ['rd', ({ rd }) => flag(rd)],
    ['ra', ({ ra }) => flag(ra)],
    ['ad', ({ ad }) => flag(ad)],
    ['cd', ({ cd }) => flag(cd)],
    ['question', ({ questions }) => questions.map(({ name, type }) => `${name} ${type}`).join() || 'none'],
    ['edns', ({ edns }) => (edns === undefined ? 'none' : `version${edns.version}`)],
    ['do', ({ edns }) => flag(edns?.dnssecOk ?? false)],
    ['size', ({ edns }) => String(edns?.udpSize ?? 512)],
  ];
  return fields.flatMap(([field, of]) => (of(a) === of(b) ? [] : [`${field} ${of(a)}/${of(b)}`]));
}

const flag = (isSet: boolean): string => (isSet ? '1' : '0');

function bodyDifferences(a: Message, b: Message): readonly string[] {
  if (a.questions[0]?.type === TYPE.ANY && choseOtherSets(a.answers, b.answers)) return ['any'];
  const additional = isReferral(a) && isReferral(b) ? 'glue' : 'additional';
  return [
    ...sectionDifference('answer', a.answers, b.answers),
    ...(isSameChain(a.answers, b.answers) ? [] : ['order']),
    ...sectionDifference('authority', a.authorities, b.authorities),
    ...sectionDifference(additional, a.additionals, b.additionals),
  ];
}

/** Do two answers to ANY differ only in which sets they hold of one name, of which both have some (RFC 8482 4.1)? */
function choseOtherSets(a: readonly ResourceRecord[], b: readonly ResourceRecord[]): boolean {
  const setOf = ({ name, type }: ResourceRecord): string => `${type} ${name.key}`;
  const [ours, theirs] = [new Set(a.map(setOf)), new Set(b.map(setOf))];
  const isCommon = (record: ResourceRecord): boolean => ours.has(setOf(record)) && theirs.has(setOf(record));
  const names = new Set([...a, ...b].filter((record) => !isCommon(record)).map(({ name }) => name.key));
  const [name] = names;
  const has = (records: readonly ResourceRecord[]): boolean => records.some((record) => record.name.key === name);
  return (
    names.size === 1 && has(a) && has(b) && sectionDifference('', a.filter(isCommon), b.filter(isCommon)).length === 0
  );
}

const isReferral = ({ authorities }: Message): boolean =>
  authorities.some(({ type }) => type === TYPE.NS) && !authorities.some(({ type }) => type === TYPE.SOA);

function sectionDifference(
  section: string,
  a: readonly ResourceRecord[],
  b: readonly ResourceRecord[],
): readonly string[] {
  const [ours, theirs] = [keyed(a), keyed(b)];
  const kinds = new Set<string>();
  for (const [key, record] of ours) {
    const other = theirs.get(key);
    if (other === undefined) kinds.add(`+${printType(record.type)}`);
    else if (other.ttl !== record.ttl) kinds.add(`ttl ${printType(record.type)}`);
  }
  for (const [key, { type }] of theirs) if (!ours.has(key)) kinds.add(`-${printType(type)}`);
  if (a.length !== ours.size) kinds.add('twice/');
  if (b.length !== theirs.size) kinds.add('/twice');
  return kinds.size === 0 ? [] : [`${section} ${[...kinds].sort().join(' ')}`];
}

const sections = new WeakMap<readonly ResourceRecord[], ReadonlyMap<string, ResourceRecord>>();

/** The records of a section by name, type, class and canonical RDATA. */
function keyed(records: readonly ResourceRecord[]): ReadonlyMap<string, ResourceRecord> {
  let section = sections.get(records);
  if (section === undefined) {
    section = new Map(records.map((record) => [keyOf(record), record]));
    sections.set(records, section);
  }
  return section;
}

const keyOf = ({ name, type, class: of, rdata }: ResourceRecord): string =>
  `${name.key} ${type} ${of} ${Buffer.from(canonicalRdata(type, rdata)).toString('latin1')}`;

/** Do the aliases stand in the same order? */
function isSameChain(a: readonly ResourceRecord[], b: readonly ResourceRecord[]): boolean {
  const aliases = (records: readonly ResourceRecord[]): string =>
    records
      .filter(({ type }) => type === TYPE.CNAME)
      .map(({ name }) => name.key)
      .join(' ');
  const [ours, theirs] = [aliases(a), aliases(b)];
  return ours === theirs || ours.split(' ').sort().join() !== theirs.split(' ').sort().join();
}
