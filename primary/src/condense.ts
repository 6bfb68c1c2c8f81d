/**
 * A zone whose image is full of garbage is copied into one of its own, by the repository, which may be another thread; what changed
 * meanwhile is done on the copy. Where that fails, the next change tries again.
 */
import type { Name } from '@zonewright/common/name';
import type { Delta } from '@zonewright/common/zone/delta';
import { Zone } from '@zonewright/common/zone/zone';
import type { State } from './state.ts';

export async function condense(state: State, origin: Name): Promise<void> {
  const { condensing, git, versions, publisher, repository, unwritten } = state;
  if (condensing.has(origin.key)) return;
  condensing.add(origin.key);
  await git.take(async () => {
    condensing.delete(origin.key);
    const zone = state.served(origin);
    if (state.isClosed || zone?.isWasteful !== true) return;
    const condensed = await repository.condense(zone.handle);
    if (!condensed.ok) return;
    await versions.take(async () => {
      const now = state.served(origin);
      const copy = Zone.ofHandle(condensed.value);
      const next = now && broughtUp(copy, zone, now, publisher.histories.of(origin)?.since(zone.serial));
      if (next === undefined) return;
      unwritten.moveBase(zone, copy);
      publisher.publish(next, 'silently', []);
    });
  });
}

/** The copy of `zone` with what has changed up to `now`; `undefined` where that is not known. */
function broughtUp(copy: Zone, zone: Zone, now: Zone, since: readonly Delta[] | undefined): Zone | undefined {
  if (now === zone) return copy;
  if (since === undefined) return undefined;
  const names = new Map([[now.origin.key, now.origin]]);
  for (const { removed, added } of since)
    for (const records of [removed, added]) for (const { name } of records) names.set(name.key, name);
  return copy.withNodes([...names.values()].map((name) => now.find(name) ?? { name, rrsets: new Map() }));
}
