/** What a replica in the process of a test writes its zones to. */

import type { Authority } from '@zonewright/common/authority/authority';
import { type Key, KeyTable } from '@zonewright/common/authority/key';
import type { ZoneTable } from '@zonewright/common/authority/zones';
import type { Replica } from '@zonewright/common/service/replica';

/** The authority of a secondary with these keys. The replica is asked for as late as it is needed: it is made with this. */
export const copyingAuthority = (zones: ZoneTable, keys: readonly Key[], replica: () => Replica): Authority => ({
  zones,
  keys: new KeyTable(keys),
  identity: { version: 'test', id: 'test' },
  isTransferOpen: false,
  isPrimary: false,
  historyOf: (origin) => replica().historyOf(origin),
  expiryOf: (zone) => replica().expireSaidOf(zone.origin),
});
