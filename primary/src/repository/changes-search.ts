/** The hook by which IXFR reaches into git: searches in the repository, bounded (`common/src/service/change-search.ts`), and logged. */
import { ChangeSearch } from '@zonewright/common/service/change-search';
import type { Log } from '@zonewright/common/service/log';
import type { NameServerHooks } from '@zonewright/common/service/name-server';
import { gather, Slices } from '@zonewright/common/service/slices';
import { recordsOfPlain, withoutChain } from './plain.ts';
import type { Repository } from './repository.ts';

export function searchChanges(repository: Repository, log: Log): NonNullable<NameServerHooks['changesSince']> {
  const search = new ChangeSearch(async (zone, from, limit) => {
    const began = performance.now();
    const { origin, serial } = zone;
    const found = await repository.changesSince({ served: withoutChain(zone.handle), serial: from, limit });
    const changes = found.ok ? found.value : undefined;
    const fields = { zone: origin.toString(), from, serial, milliseconds: Math.round(performance.now() - began) };
    log.info('history.searched', { ...fields, found: changes !== undefined }, found.ok ? undefined : found.fault.what);
    if (changes === undefined) return undefined;
    const slices = new Slices();
    const removed = await gather(recordsOfPlain(changes.removed), slices);
    const added = await gather(recordsOfPlain(changes.added), slices);
    return { origin, from, to: serial, removed, added };
  });
  return (zone, serial) => search.since(zone, serial);
}
