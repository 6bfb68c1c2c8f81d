/** What a change looks like in git: the new content of the zone file, and a commit message that says who did what. */

import type { Key } from '@zonewright/common/authority/key';
import type { Author } from '@zonewright/common/git/store';
import { editZoneFile } from '@zonewright/common/master/edit';
import type { Peer } from '@zonewright/common/net/address';
import type { Fault, Result } from '@zonewright/common/result';
import { printRecord } from '@zonewright/common/rr/record';
import { VERSION } from '@zonewright/common/service/version';
import { contentOf, type Delta } from '@zonewright/common/zone/delta';
import type { Zone } from '@zonewright/common/zone/zone';

/** The address of no person: authors are keys. */
const EMAIL = 'noreply@zonewright.invalid';
/** Record lines in a commit message; the diff has them all. */
const MAX_LINES = 100;

/**
 * The content of the zone file after a change that leads to `zone`; `include` gives the files that it includes. The serial in the
 * file may lag behind the one served.
 */
export function editedFile(
  octets: Uint8Array,
  zone: Pick<Zone, 'origin' | 'soaRecord'>,
  delta: Delta | undefined,
  include?: (fileName: string) => Uint8Array | undefined,
): Result<Uint8Array, Fault> {
  const { removed, added } = delta === undefined ? { removed: [], added: [] } : contentOf(delta);
  const change = { removed, added: [...added, zone.soaRecord()], areTtlsKept: true };
  return editZoneFile(octets, change, { origin: zone.origin, ...(include && { include }) });
}

export function authorOf(key: Key): Author {
  return { name: `${withoutDot(key.name.toString())} via zonewright`, email: EMAIL };
}

export const SERVER: Author = { name: `zonewright ${VERSION}`, email: EMAIL };

const withoutDot = (name: string): string => name.replace(/(.)\.$/, '$1');

/** Subject, source and operations in zone-file form, the serials. */
export function updateMessage(fileName: string, delta: Delta, key: Key, from: Peer): string {
  const { removed, added } = contentOf(delta);
  const lines = [
    ...removed.map((record) => `- ${printRecord(record, delta.origin)}`),
    ...added.map((record) => `+ ${printRecord(record, delta.origin)}`),
  ];
  const shown =
    lines.length > MAX_LINES ? [...lines.slice(0, MAX_LINES), `... and ${lines.length - MAX_LINES} more`] : lines;
  return [
    `${fileName}: update by ${from.address}`,
    '',
    ...shown,
    '',
    `Key: ${withoutDot(key.name.toString())}`,
    `Serial: ${delta.from} -> ${delta.to}`,
    '',
  ].join('\n');
}

export function serialMessage(
  raised: readonly { readonly fileName: string; readonly from: number; readonly to: number }[],
): string {
  const [first] = raised;
  const subject =
    raised.length === 1 ? `${first!.fileName}: raise the serial` : `raise the serials of ${raised.length} zones`;
  const lines = raised.map(({ fileName, from, to }) => `${fileName}: ${from} -> ${to}`);
  return [
    subject,
    '',
    'The content changed, and the serial was not raised above the one served.',
    '',
    ...lines,
    '',
  ].join('\n');
}
