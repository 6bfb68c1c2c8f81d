/**
 * What changed between the version of a zone that git has with a serial and the one that is served, for an IXFR (RFC 1995) from a
 * serial that no history in memory reaches back to: after a restart, or for who was away for long.
 */
import type { GitFault, GitStore } from '@zonewright/common/git/store';
import { ok, type Result } from '@zonewright/common/result';
import { diffZonesWithin } from '@zonewright/common/zone/delta';
import { MAX_RECORDS } from '@zonewright/common/zone/history';
import { Zone } from '@zonewright/common/zone/zone';
import { type PlainDelta, plainDelta } from './plain.ts';
import type { ChangeRequest } from './repository.ts';
import { ZoneHistory } from './zone-history.ts';

/** `from`: the commit in force. `undefined`: no such version, or not the one, or more changed than a history keeps. */
export async function changesSince(
  store: GitStore,
  from: string,
  { served, serial, limit }: ChangeRequest,
): Promise<Result<PlainDelta | undefined, GitFault>> {
  const zone = Zone.ofHandle(served);
  const found = await new ZoneHistory(store, zone.origin).versionOf(serial, from, AbortSignal.timeout(limit));
  if (!found.ok) return found;
  const delta = found.value.kind === 'one' ? diffZonesWithin(found.value.zone, zone, MAX_RECORDS) : undefined;
  return ok(delta && plainDelta(delta));
}
