/**
 * Loose objects: a file each, a zlib stream of `TYPE SIZE NUL CONTENT` (gitrepository-layout(5), "objects/[0-9a-f][0-9a-f]").
 */
import { closeSync, existsSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { constants, deflate } from 'node:zlib';
import { writeDurably } from './durable.ts';
import { Failure, systemCode } from './fault.ts';
import { inflate, inflateStart, START } from './inflate.ts';
import { type GitObject, type ObjectType, tooLarge } from './object.ts';

const deflated = promisify<Uint8Array, { level: number }, Buffer>(deflate);

/** Room for `commit 12345678901234567890\0`. */
const LONGEST_HEADER = 64;

/** Where the object of a name is, below a folder of objects. */
const pathOf = (folder: string, oid: string): string => join(folder, oid.slice(0, 2), oid.slice(2));

export const hasLoose = (folder: string, oid: string): boolean => existsSync(pathOf(folder, oid));

/** The object in a folder, of at most `limit` octets, or `undefined` where it is not there. */
export function readLoose(folder: string, oid: string, limit: number): GitObject | undefined {
  const octets = readWithin(pathOf(folder, oid), limit, oid);
  if (octets === undefined) return undefined;
  const damaged = (): Failure => new Failure('corrupt', `the object ${oid} is damaged`);
  const start = inflateStart(octets);
  const end = start?.subarray(0, LONGEST_HEADER).indexOf(0) ?? -1;
  const header = /^(commit|tree|blob|tag) (\d+)$/.exec(start?.toString('latin1', 0, Math.max(end, 0)) ?? '');
  if (start === undefined || header === null) throw damaged();
  const size = Number(header[2]);
  if (size > limit) throw tooLarge(limit, oid);
  // What is small was read whole already.
  const whole = start.length === end + 1 + size ? start : inflate(octets, end + 1 + size);
  if (whole === undefined) throw damaged();
  return { type: header[1] as ObjectType, content: whole.subarray(end + 1) };
}

/** The octets of a file. One that holds more than `limit` octets, however they are compressed, is not read into memory to find that out. */
function readWithin(path: string, limit: number, oid: string): Buffer | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    // What cannot be compressed gets longer, by less than a hundredth.
    if (fstatSync(file).size > limit + limit / 100 + START) throw tooLarge(limit, oid);
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

/** Writes an object, durably, as little compressed as git does it; gives how many octets it takes. */
export async function writeLoose(folder: string, oid: string, type: ObjectType, content: Uint8Array): Promise<number> {
  const whole = Buffer.concat([Buffer.from(`${type} ${content.length}\0`), content]);
  const octets = await deflated(whole, { level: constants.Z_BEST_SPEED });
  await writeDurably(pathOf(folder, oid), octets, 0o444);
  return octets.length;
}
