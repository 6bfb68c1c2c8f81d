/** The zone files of `test/corpus/zones`, written by hand as people write them, each named as its zone; some include others. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileZone } from '@zonewright/common/authority/file-role';
import { readZoneFile, type ZoneReading } from '@zonewright/common/authority/zone-file';
import type { Name } from '@zonewright/common/name';
import { root } from './zonewright.ts';

export interface CorpusFile {
  readonly name: string;
  readonly origin: Name;
  readonly octets: Uint8Array;
}

const folder = join(root, 'test/corpus/zones');
const files = new Map(
  readdirSync(folder)
    .sort()
    .map((name) => [name, Uint8Array.from(readFileSync(join(folder, name)))]),
);

/** The file of a name, as `$INCLUDE` asks for it. */
export const includedFile = (name: string): Uint8Array | undefined => files.get(name);

export const read = (octets: Uint8Array, origin: Name): ZoneReading => readZoneFile(octets, origin, includedFile);

/** All zones, in the order of their names. */
export const corpus: readonly CorpusFile[] = [...files].flatMap(([name, octets]) => {
  const role = fileZone(name);
  return role.kind === 'zone' && read(octets, role.origin).hasSoa ? [{ name, origin: role.origin, octets }] : [];
});
