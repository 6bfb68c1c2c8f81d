/** Taking back what a version changed, on a later one: record by record. */

import { printable, printJson } from '@zonewright/cli/printable';
import { restore, reverse } from '@zonewright/cli/revert-records';
import { readZoneFile } from '@zonewright/common/authority/zone-file';
import { Name } from '@zonewright/common/name';
import { printRecord } from '@zonewright/common/rr/record';
import { diffZones, isEmptyDelta, isSoaEdited } from '@zonewright/common/zone/delta';
import type { Zone } from '@zonewright/common/zone/zone';
import test from 'ava';
import fc from 'fast-check';

const origin = Name.parse('mirage.');
if (!origin.ok) throw new Error('no name');

const zone = (lines: readonly string[], soa = 'ns hostmaster 1 16384 2048 1048576 300'): Zone => {
  const text = ['$TTL 300', `@ SOA ${soa}`, '@ NS ns', 'ns A 127.0.0.1', ...lines, ''].join('\n');
  const { zone: read, findings } = readZoneFile(Buffer.from(text), origin.value);
  if (read === undefined) throw new Error(JSON.stringify(findings));
  return read;
};

const isSame = (a: Zone, b: Zone): boolean => isEmptyDelta(diffZones(a, b)) && !isSoaEdited(a, b);

const texts = ({ change, conflicts }: ReturnType<typeof reverse>): Record<string, string[]> => ({
  removed: change.removed.map((record) => printRecord(record, origin.value)),
  added: change.added.map((record) => printRecord(record, origin.value)),
  conflicts: conflicts.map(({ kind, record }) => `${kind} ${printRecord(record, origin.value)}`),
});

const NONE = { removed: [], added: [], conflicts: [] };

test('what came after a change stays, and what the change did goes', (t) => {
  const before = zone(['www A 192.0.2.1', 'old TXT "x"']);
  const after = zone(['www A 192.0.2.2', 'new TXT "y"']);
  const head = zone(['www A 192.0.2.2', 'www A 192.0.2.7', 'new TXT "y"', 'later A 192.0.2.9']);
  const reversal = reverse(before, after, head);
  t.deepEqual(reversal.conflicts, []);
  const back = head.change(reversal.change)!;
  t.true(isSame(back, zone(['www A 192.0.2.1', 'www A 192.0.2.7', 'old TXT "x"', 'later A 192.0.2.9'])));
});

test('what was added and is not there any more is a conflict', (t) => {
  const reversal = reverse(zone(['www A 192.0.2.1']), zone(['www A 192.0.2.2']), zone(['www A 192.0.2.3']));
  t.deepEqual(texts(reversal).conflicts, ['changed www 300 IN A 192.0.2.2']);
  const ttl = reverse(zone([]), zone(['www A 192.0.2.2']), zone(['www 60 A 192.0.2.2']));
  t.deepEqual(texts(ttl).conflicts, ['changed www 300 IN A 192.0.2.2']);
});

test('what was the last of its set does not come back beside others', (t) => {
  const emptied = reverse(zone(['www A 192.0.2.1']), zone([]), zone(['www A 192.0.2.3']));
  t.deepEqual(texts(emptied).conflicts, ['taken www 300 IN A 192.0.2.1']);
  const beside = reverse(
    zone(['www A 192.0.2.1', 'www A 192.0.2.2']),
    zone(['www A 192.0.2.2']),
    zone(['www 60 A 192.0.2.2', 'www 60 A 192.0.2.3']),
  );
  t.deepEqual(texts(beside), { removed: [], added: ['www 60 IN A 192.0.2.1'], conflicts: [] });
});

test('a set that is as it was before has nothing to be done', (t) => {
  const before = zone(['www A 192.0.2.1', 'a 60 TXT "x"']);
  const after = zone(['www A 192.0.2.2', 'a 90 TXT "x"']);
  t.deepEqual(texts(reverse(before, after, before)), NONE);
  t.deepEqual(texts(reverse(before, after, zone(['www A 192.0.2.1', 'www A 192.0.2.8', 'a 60 TXT "x"']))), NONE);
});

test('times of the SOA are taken back, its serial is not', (t) => {
  const [one, two, three] = [16384, 7200, 900].map((refresh) =>
    zone([], `ns hostmaster ${refresh} ${refresh} 2048 1048576 300`),
  );
  t.deepEqual(texts(reverse(one!, two!, two!)), {
    ...NONE,
    added: ['@ 300 IN SOA ns hostmaster 16384 16384 2048 1048576 300'],
  });
  t.deepEqual(texts(reverse(one!, two!, one!)), NONE);
  t.is(reverse(one!, two!, three!).conflicts.length, 1);
});

const lines = fc.uniqueArray(
  fc
    .tuple(fc.constantFrom('a', 'b', 'c.d'), fc.constantFrom('A 192.0.2.', 'TXT t'), fc.integer({ min: 1, max: 4 }))
    .map(([owner, data, number]) => `${owner} ${data}${number}`),
  { maxLength: 8 },
);
/** One TTL for each set, as a zone has it. */
const zones = fc
  .tuple(lines, fc.constantFrom('60', '300'))
  .map(([all, ttl]) => zone(all.map((it) => it.replace(' ', ` ${ttl} `))));

test('taken back at once, all is as it was; and bringing back records leads to them from anywhere', (t) => {
  fc.assert(
    fc.property(zones, zones, zones, (before, after, head) => {
      const { change, conflicts } = reverse(before, after, after);
      t.deepEqual(conflicts, []);
      t.true(isSame(after.change(change)!, before));
      t.true(isSame(head.change(restore(before, head))!, before));
      const forced = reverse(before, after, head);
      t.not(head.change(forced.change), undefined);
    }),
  );
});

test('no text of a stranger moves a cursor or turns a line', (t) => {
  const nasty = '\u001b[31mred\r\n\u202eevil\u2028\u0085\u{e0041}';
  t.is(printable(nasty), '\\u001b[31mred\\u000d\\u000a\\u202eevil\\u2028\\u0085\\udb40\\udc41');
  const json = printJson({ nasty });
  t.regex(json, /^[ -~]*$/);
  t.deepEqual(JSON.parse(json), { nasty });
  t.is(printable('x'.repeat(1000)).length, 203);
});
