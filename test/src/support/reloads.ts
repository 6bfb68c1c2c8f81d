/**
 * A program: a name server whose zone is published again and again, each time in an image of its own, as after a reload; `WAY` is how it
 * receives. Prints in JSON how much resident memory was added by the later half of them, and how much their images have.
 */

import { TYPE } from '@zonewright/common/rr/type';
import { SILENT_LOG } from '@zonewright/common/service/log';
import { startNameServer } from '@zonewright/common/service/name-server';
import { RCODE } from '@zonewright/common/wire/code';
import { ZoneBuilder } from '@zonewright/common/zone/builder';
import { Zone } from '@zonewright/common/zone/zone';
import { authorityOf, queryOf } from './answering.ts';
import { Asker } from './asking.ts';
import { given, nameOf, rdataOf } from './records.ts';

const RELOADS = 32;
/** A set as large as one can be, and so many of them. */
const SET = Array.from({ length: 250 }, (_, i) => Uint8Array.of(255, ...Array<number>(255).fill(i)));
const SETS = 64;

const origin = nameOf('example.');

function loaded(serial: number): Zone {
  const builder = new ZoneBuilder(origin);
  builder.add(origin, TYPE.SOA, 60, rdataOf('SOA', `ns.test. ns.test. ${serial} 1 1 1 1`));
  builder.add(origin, TYPE.NS, 60, rdataOf('NS', 'ns.test.'));
  for (let i = 0; i < SETS; i++) for (const rdata of SET) builder.add(nameOf(`h${i}.example.`), TYPE.TXT, 60, rdata);
  const zone = builder.finish();
  if (zone === undefined) throw new Error('no zone');
  return Zone.ofHandle(zone.handle);
}

const [way = 'auto'] = process.argv.slice(2);
const authority = authorityOf(loaded(0));
const refuse = (): Promise<{ rcode: number }> => Promise.resolve({ rcode: RCODE.REFUSED });
const server = given(
  await startNameServer({
    addresses: ['127.0.0.1'],
    port: 0,
    authority,
    hooks: { update: refuse, notify: refuse },
    log: SILENT_LOG,
    udp: way === 'portable' ? 'portable' : 'auto',
  }),
);
const asker = await Asker.to(server.bound[0]!);
let half = 0;
let images = 0;
for (let serial = 1; serial <= RELOADS; serial++) {
  const zone = loaded(serial);
  authority.zones.set(zone);
  // The thread has it when it has answered.
  await asker.ask(queryOf('example. SOA'), 'udp');
  if (serial > RELOADS / 2) images += zone.handle.image.words.byteLength;
  else half = process.memoryUsage().rss;
}
process.stdout.write(JSON.stringify({ added: process.memoryUsage().rss - half, images }));
asker.close();
await server.close();
