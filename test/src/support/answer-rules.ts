/**
 * What holds for each of our replies, whoever else says what: it is a reply to the question as it was put, within its size, and
 * no set in it is cut in two or told twice (RFC 2181 5, 9).
 */
import type { Name } from '@zonewright/common/name';
import { type ResourceRecord, recordKey } from '@zonewright/common/rr/record';
import { printType } from '@zonewright/common/rr/type';
import { readReply } from './answer-compare.ts';
import type { Asked, NastyZone } from './nasty.ts';

/** What is wrong with a reply, in words. */
export function faultsOf(reply: Uint8Array | undefined, asked: Asked, zones: readonly NastyZone[]): readonly string[] {
  if (reply === undefined) return ['silence'];
  const decoded = readReply(reply);
  if (!decoded.ok) return [`unreadable: ${decoded.fault.what}`];
  const { questions, answers, authorities, additionals, ra, ad, rd, qr, edns } = decoded.value;
  const { name, type, manner } = asked;
  const limit = manner.transport === 'tcp' ? 65535 : Math.min(1232, manner.size ?? 512);
  const [question] = questions;
  const isEchoed =
    question !== undefined && Buffer.compare(question.name.wire, name.wire) === 0 && question.type === type;
  const records = [...answers, ...authorities, ...additionals];
  const rules: readonly (readonly [boolean, string])[] = [
    [isEchoed, 'the question is not that of the request'],
    [qr && !ra && !ad && rd === (type % 2 === 0), 'the flags'],
    [reply.length <= limit, `${reply.length} octets where ${limit} are taken`],
    [(edns === undefined) === (manner.size === undefined), 'EDNS'],
    [new Set(records.map(recordKey)).size === records.length, 'a record twice'],
  ];
  return [...rules.flatMap(([holds, what]) => (holds ? [] : [what])), ...cutSets(records, zones)];
}

/** Sets of which some records are there and some are not. What is made from a wildcard is not looked at. */
function cutSets(records: readonly ResourceRecord[], zones: readonly NastyZone[]): readonly string[] {
  const sets = new Map<string, { name: Name; type: number; count: number }>();
  for (const { name, type } of records) {
    const set = sets.get(`${type} ${name.key}`) ?? { name, type, count: 0 };
    sets.set(`${type} ${name.key}`, { ...set, count: set.count + 1 });
  }
  return [...sets.values()].flatMap(({ name, type, count }) => {
    const sizes = zones.map(({ zone }) => zone?.get(name, type)?.rdatas.length ?? 0).filter((size) => size > 0);
    const isWhole = sizes.length === 0 || sizes.includes(count);
    return isWhole ? [] : [`${count} of ${sizes.join(' or ')} ${printType(type)} records of ${name}`];
  });
}
