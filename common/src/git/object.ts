/**
 * What git keeps: an object has a type, a content, and the SHA-1 of both as its name.
 */
import { createHash, hash } from 'node:crypto';
import { Failure } from './fault.ts';

export type ObjectType = 'commit' | 'tree' | 'blob' | 'tag';

/** An object. Its content may be shared with a cache: it is never written to. */
export interface GitObject {
  readonly type: ObjectType;
  readonly content: Uint8Array;
}

export interface NamedObject extends GitObject {
  readonly oid: string;
}

/** The octets of an object's name. */
export const OID_OCTETS = 20;

/** Up to this size, in octets, copying an object is less work than hashing its header and its content one by one. */
const COPIED = 8192;
const copy = Buffer.allocUnsafe(COPIED);

/** The name of an object: 40 lower-case hexadecimal digits. */
export function objectName(type: ObjectType, content: Uint8Array): string {
  const header = `${type} ${content.length}\0`;
  const length = header.length + content.length;
  if (length > COPIED) return createHash('sha1').update(header, 'latin1').update(content).digest('hex');
  copy.write(header, 'latin1');
  copy.set(content, header.length);
  return hash('sha1', copy.subarray(0, length), 'hex');
}

/** An object with its name. */
export const named = (type: ObjectType, content: Uint8Array): NamedObject => ({
  oid: objectName(type, content),
  type,
  content,
});

/** The fault of an object that has more than `limit` octets. `which`: its name, or where it stands. */
export const tooLarge = (limit: number, which: string): Failure =>
  new Failure('limit', `the object ${which} is larger than ${limit} octets`);
