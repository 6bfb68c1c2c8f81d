/** Zone images: whatever is changed, in whatever order and from whichever version, every version says what a plain map says. */
import assert from 'node:assert/strict';
import type { Name } from '@zonewright/common/name';
import { CLASS } from '@zonewright/common/rr/class';
import { type ResourceRecord, recordKey } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import { HAS } from '@zonewright/common/zone/image-layout';
import { LookupName } from '@zonewright/common/zone/lookup-name';
import { Zone } from '@zonewright/common/zone/zone';
import test from 'ava';
import fc from 'fast-check';
import { runs } from '../support/extent.ts';
import { nameOf, rdataOf, recordOf } from '../support/records.ts';

const origin = nameOf('Example.');
const soa = recordOf('example. 3600 SOA ns hostmaster 1 2 3 4 5');

/** What a zone holds, record by record. */
type Model = ReadonlyMap<string, ResourceRecord>;

const someName = fc.oneof(
  fc
    .array(fc.constantFrom('a', 'B', 'b', '*', 'x', '\\000'), { maxLength: 4 })
    .map((labels) => nameOf([...labels, 'example.'].join('.'))),
  fc.nat(300).map((n) => nameOf(`host${n}.eXample.`)),
);
const someRecord: fc.Arbitrary<ResourceRecord> = fc
  .tuple(
    someName,
    fc.constantFrom(['A', '192.0.2.1'], ['A', '192.0.2.2'], ['NS', 'ns.'], ['DNAME', 'd.'], ['TXT', 'x']),
  )
  .map(([name, [type, text]]) => {
    const code = TYPE[type as 'A'];
    return { name, type: code, class: CLASS.IN, ttl: 60, rdata: rdataOf(type!, text!) };
  });
const someStep = fc.record({
  isBranch: fc.boolean(),
  removed: fc.array(someRecord, { maxLength: 6 }),
  added: fc.array(someRecord, { maxLength: 6 }),
});

const textOf = (records: Iterable<ResourceRecord>): string => JSON.stringify([...records].map(recordKey).sort());

function changed(model: Model, removed: readonly ResourceRecord[], added: readonly ResourceRecord[]): Model {
  const next = new Map(model);
  for (const record of removed) next.delete(recordKey(record));
  for (const record of added) {
    // One DNAME for a name (RFC 6672 2.4).
    if (record.type === TYPE.DNAME)
      for (const [key, each] of next) if (each.type === record.type && each.name.equals(record.name)) next.delete(key);
    next.set(recordKey(record), record);
  }
  return next;
}

/** Compares the zone with the model; throws where they differ. */
function isSound(zone: Zone, model: Model, probes: readonly Name[]): void {
  const { image, root } = zone;
  assert.equal(textOf(zone.records()), textOf(model.values()));
  const names = new Map<string, { children: Set<string>; types: Set<number> }>();
  const entryOf = (key: string): { children: Set<string>; types: Set<number> } => {
    const entry = names.get(key) ?? { children: new Set(), types: new Set() };
    names.set(key, entry);
    return entry;
  };
  entryOf(origin.key).types.add(TYPE.SOA);
  for (const { name, type } of model.values()) {
    entryOf(name.key).types.add(type);
    for (let at = name; at.key !== origin.key; at = at.parent()!) entryOf(at.parent()!.key).children.add(at.key);
  }
  assert.equal(image.namesOf(root), names.size);
  assert.equal(zone.size, model.size + 1);
  const alone = zone.condensed();
  assert.equal(alone.image.sizeOf(alone.root), 4 * (alone.image.end - 1));
  const withType = (type: number): number =>
    [...names].filter(([key, { types }]) => types.has(type) && (type === TYPE.DNAME || key !== origin.key)).length;
  assert.equal(image.cutsOf(root), withType(TYPE.NS));
  assert.equal(image.dnamesOf(root), withType(TYPE.DNAME));
  const lookup = new LookupName();
  for (const probe of probes) {
    lookup.read(probe.wire, 0);
    const node = image.findSuffix(root, lookup, 0, lookup.labels - 1);
    const entry = names.get(probe.key);
    assert.equal(node !== 0, entry !== undefined, String(probe));
    if (node === 0 || entry === undefined) continue;
    assert.equal(image.children(node), entry.children.size, String(probe));
    assert.equal(image.setCount(node), entry.types.size, String(probe));
    const hasWildcard = entry.children.has(`${probe.key}+\0`);
    assert.equal((image.flags(node) & HAS.wildcard) !== 0, hasWildcard, String(probe));
    assert.equal(image.findWildcard(root, node, lookup, 0, lookup.labels - 1) !== 0, hasWildcard, String(probe));
  }
}

test('every version of an image equals a map, and stays as it was while others follow on it or branch off', (t) => {
  fc.assert(
    fc.property(fc.array(someRecord, { maxLength: 120 }), fc.array(someStep, { maxLength: 25 }), (first, steps) => {
      const probes = [origin, nameOf('a.example.'), nameOf('*.b.example.')];
      for (const { name } of [...first, ...steps.flatMap(({ added, removed }) => [...added, ...removed])]) {
        for (let at = name; at.key !== origin.key; at = at.parent()!) probes.push(at);
      }
      let model = changed(new Map(), [], first);
      // The SOA may stand anywhere: what is written before the apex stands behind it in the index.
      const records = [...model.values()];
      records.splice(steps.length % (records.length + 1), 0, soa);
      let zone = Zone.fromRecords(origin, records)!;
      const versions: { zone: Zone; model: Model }[] = [{ zone, model }];
      for (const { isBranch, removed, added } of steps) {
        if (isBranch) ({ zone, model } = versions[added.length % versions.length]!);
        zone = zone.change({ removed, added })!;
        model = changed(model, removed, added);
        versions.push({ zone, model });
      }
      for (const version of versions) isSound(version.zone, version.model, probes);
    }),
    { numRuns: runs(150) },
  );
  t.pass();
});

test('garbage is cleared away: a name that is changed ten thousand times leaves a small image', (t) => {
  let zone = Zone.fromRecords(origin, [soa, recordOf('a.example. 60 A 192.0.2.1')])!;
  for (let i = 0; i < 10_000; i++) {
    const added = recordOf(`a.example. 60 A 192.0.2.${i % 200}`);
    zone = zone.change({ removed: [recordOf(`a.example. 60 A 192.0.2.${(i + 199) % 200}`)], added: [added] })!;
  }
  t.is(zone.size, 2);
  t.true(zone.image.words.length < 20_000, `${zone.image.words.length} words`);
});

test('a name that goes leaves nothing behind, however large the zone grew while it was read', (t) => {
  // An empty non-terminal that gets data later, before the index is made larger, more than once.
  const late = nameOf('late.example.');
  const records = [soa, recordOf('x.late.example. 60 A 192.0.2.1'), recordOf('late.example. 60 A 192.0.2.1')];
  for (let i = 0; i < 2000; i++) records.push(recordOf(`host${i}.example. 60 A 192.0.2.1`));
  const zone = Zone.fromRecords(origin, records)!;
  const without = zone.change({ removed: records.slice(1, 3), added: [] })!;
  t.false(without.exists(late));
  t.is(without.image.namesOf(without.root), 2001);
  t.is([...without.eachNode()].length, 2001);
});
