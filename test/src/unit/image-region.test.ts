/** Small images in one piece of memory. */

import { printRecord } from '@zonewright/common/rr/record';
import { gatherImages } from '@zonewright/common/zone/image-region';
import { Zone } from '@zonewright/common/zone/zone';
import test from 'ava';
import { zoneOf } from '../support/records.ts';

const SOA = '@ 60 SOA ns h 1 1 1 1 1';
const textOf = (zone: Zone): readonly string[] => [...zone.records()].map((record) => printRecord(record));

test('a zone that shares memory with others changes without touching them', (t) => {
  const zones = [1, 2, 3].map((i) => zoneOf(`@ 60 NS ns\nns 60 A 192.0.2.${i}\nwww 60 A 192.0.2.${i}`, SOA));
  const before = zones.map(textOf);
  const images = gatherImages(zones.map(({ image }) => image.handle));
  t.is(new Set(images.flatMap(({ words, log }) => [words.buffer, log.buffer])).size, 1);
  const gathered = zones.map((zone, i) => Zone.ofHandle({ ...zone.handle, image: images[i]! }));
  t.deepEqual(gathered.map(textOf), before);
  const [record] = gathered[1]!.records();
  const changed = gathered[1]!.change({
    removed: [record!],
    added: [{ ...record!, rdata: Uint8Array.of(1, 120, 0) }],
  })!;
  t.notDeepEqual(textOf(changed), before[1]);
  t.deepEqual(gathered.map(textOf), before);
  t.not(changed.image.words.buffer, images[0]!.words.buffer);
});
