/**
 * From what is stored of a copy to the zone, as handles and octets that can be posted: the snapshot is built, the deltas since are applied as
 * one, and what the chain of its deltas proves is made (`zone/chain.ts`). A damaged copy becomes none, one of which only older deltas are damaged
 * loses these.
 */
import { TOO_LARGE, ZoneBuilder } from '@zonewright/common/zone/builder';
import type { Delta } from '@zonewright/common/zone/delta';
import { joinDeltas } from '@zonewright/common/zone/delta-octets';
import { readRecords } from '@zonewright/common/zone/record-octets';
import type { Zone, ZoneHandle } from '@zonewright/common/zone/zone';
import { ZoneEdit } from '@zonewright/common/zone/zone-edit';
import { ZonePartReader } from '@zonewright/common/zone/zone-octets';
import type { Head, PlainState } from './head.ts';
import { Damaged, type StoredCopy } from './store.ts';

export interface LoadedCopy {
  readonly zone: ZoneHandle;
  readonly state: PlainState;
  /** Records of the deltas that are kept, as `delta-octets.ts` has them. */
  readonly deltas: Uint8Array | undefined;
  /** Octets of the deltas since the snapshot, and their number. */
  readonly sinceOctets: number;
  readonly since: number;
}

/** How much larger a zone is in a file than here, at least: for the room that is made for its image. */
const FILE_RATIO = 1;

/** Throws {@link Damaged}. */
export function loadCopy({ head, parts, deltas }: StoredCopy): LoadedCopy {
  const builder = new ZoneBuilder(head.zone, FILE_RATIO * head.snapshot.octets);
  const reader = new ZonePartReader(builder, head.zone);
  for (const part of parts) reader.read(part);
  const snapshot = builder.finish();
  if (snapshot === undefined) throw new Damaged(builder.isTooLarge ? `it is ${TOO_LARGE}` : 'it has no SOA');
  const since = joined([...deltas(head.chain.since)]);
  const zone = since === undefined ? snapshot : changed(snapshot, joinDeltas([...readRecords(since)]));
  if (zone.serial !== head.serial) throw new Damaged(`it has serial ${zone.serial} in place of ${head.serial}`);
  return {
    zone: (zone.isWasteful ? zone.condensed() : zone).handle,
    state: head.state,
    deltas: allDeltas(head, deltas) ?? since,
    sinceOctets: since?.length ?? 0,
    since: head.chain.next - head.chain.since,
  };
}

/** All of them; `undefined` when those before the snapshot are damaged, or there are none. */
function allDeltas({ chain }: Head, deltas: StoredCopy['deltas']): Uint8Array | undefined {
  if (chain.first === chain.since) return undefined;
  try {
    return joined([...deltas(chain.first)]);
  } catch (error) {
    if (error instanceof Damaged) return undefined;
    throw error;
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array | undefined {
  return parts.length === 0 ? undefined : new Uint8Array(Buffer.concat(parts));
}

function changed(snapshot: Zone, deltas: readonly Delta[]): Zone {
  const edit = new ZoneEdit(snapshot);
  for (const { removed, added } of deltas) {
    for (const record of removed) edit.remove(record);
    for (const record of added) edit.add(record);
  }
  const zone = edit.finish();
  if (zone === undefined) throw new Damaged('its changes leave no SOA');
  return zone;
}
