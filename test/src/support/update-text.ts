/** Records of an UPDATE (RFC 2136) written as text in tests. */
import type { Name } from '@zonewright/common/name';
import { CLASS } from '@zonewright/common/rr/class';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { parseType, TYPE } from '@zonewright/common/rr/type';
import { nameOf, recordOf } from './records.ts';

/**
 * A record of an UPDATE, as nsupdate has them: `add NAME TTL TYPE DATA`, `delete NAME [TYPE [DATA]]`; as prerequisites
 * `yx NAME [TYPE]`, `nx NAME [TYPE]`, and `yx NAME TYPE DATA` for a set with its data.
 */
export const updateRecordOf = (line: string, origin: Name): ResourceRecord => {
  const [verb, name = '', type, ...data] = line.trim().split(/\s+/);
  const bare = (of: number): ResourceRecord => ({
    name: nameOf(name, origin),
    type: type === undefined ? TYPE.ANY : parseType(type)!,
    class: of,
    ttl: 0,
    rdata: new Uint8Array(0),
  });
  const full = (of: number): ResourceRecord => ({
    ...recordOf(`${name} 0 ${type} ${data.join(' ')}`, origin),
    class: of,
  });
  switch (verb) {
    case 'add':
      return recordOf(line.trim().slice(4), origin);
    case 'delete':
      return data.length > 0 ? full(CLASS.NONE) : bare(CLASS.ANY);
    case 'yx':
      return data.length > 0 ? full(CLASS.IN) : bare(CLASS.ANY);
    case 'nx':
      return bare(CLASS.NONE);
    default:
      throw new Error(line);
  }
};

export const isPrerequisite = (line: string): boolean => /^\s*[yn]x /.test(line);
