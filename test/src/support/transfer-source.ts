/** A thread that is the primary of one large zone: `workerData` says of which, and each message has it publish the next version. */
import { parentPort, workerData } from 'node:worker_threads';
import { KeyTable, parseKey } from '@zonewright/common/authority/key';
import { ZoneTable } from '@zonewright/common/authority/zones';
import { CLASS } from '@zonewright/common/rr/class';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import { SILENT_LOG } from '@zonewright/common/service/log';
import { startNameServer } from '@zonewright/common/service/name-server';
import { RCODE } from '@zonewright/common/wire/code';
import { diffZones } from '@zonewright/common/zone/delta';
import { History } from '@zonewright/common/zone/history';
import { Zone } from '@zonewright/common/zone/zone';
import { given, nameOf, recordOf } from './records.ts';

export interface SourceData {
  readonly zone: string;
  /** The text of a key that may transfer it. */
  readonly key: string;
  readonly port: number;
  /** Addresses in it. */
  readonly count: number;
  /** How many of them each next version changes. */
  readonly changed: number;
}

const { zone: text, key, port, count, changed } = workerData as SourceData;
const origin = nameOf(text);
const soaOf = (serial: number): ResourceRecord =>
  recordOf(`@ 3600 SOA ns hostmaster ${serial} 3600 600 86400 300`, origin);

function* addresses(amount: number, octet: number): Generator<ResourceRecord, void, undefined> {
  for (let i = 0; i < amount; i++) {
    const rdata = Uint8Array.of(octet, i >> 16, (i >> 8) & 255, i & 255);
    yield { name: nameOf(`host${i}`, origin), type: TYPE.A, class: CLASS.IN, ttl: 300, rdata };
  }
}

function* first(): Generator<ResourceRecord, void, undefined> {
  yield soaOf(1);
  yield recordOf('@ 3600 NS ns.other.', origin);
  yield* addresses(count, 1);
}

let zone = Zone.fromRecords(origin, first())!;
const history = new History();
const zones = new ZoneTable();
zones.set(zone);
const refused = (): Promise<{ readonly rcode: number }> => Promise.resolve({ rcode: RCODE.REFUSED });
given(
  await startNameServer({
    addresses: ['127.0.0.1'],
    port,
    authority: {
      zones,
      keys: new KeyTable([given(parseKey(key))]),
      identity: { version: 'test', id: 'test' },
      isTransferOpen: false,
      isPrimary: true,
      historyOf: () => history,
      expiryOf: () => 86_400,
    },
    hooks: { update: refused, notify: refused },
    log: SILENT_LOG,
  }),
);
parentPort!.on('message', () => {
  const { serial } = zone;
  const next = zone.change({
    removed: [soaOf(serial), ...addresses(changed, serial)],
    added: [soaOf(serial + 1), ...addresses(changed, serial + 1)],
  })!;
  history.add(diffZones(zone, next));
  zone = next;
  zones.set(zone);
  parentPort!.postMessage(serial + 1);
});
parentPort!.postMessage(1);
