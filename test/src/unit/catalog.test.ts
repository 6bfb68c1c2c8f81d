/** Catalog zones (RFC 9432): what is made and read of them, whose a zone is, and the catalog of a primary over commits and restarts. */
import {
  CatalogReader,
  catalogZone,
  changeMembers,
  lists,
  MAX_CATALOG_OCTETS,
} from '@zonewright/common/authority/catalog';
import { CatalogMembers } from '@zonewright/common/authority/catalog-members';
import { printRecord } from '@zonewright/common/rr/record';
import { diffZones } from '@zonewright/common/zone/delta';
import { isNewer } from '@zonewright/common/zone/serial';
import { Zone } from '@zonewright/common/zone/zone';
import { parseCatalog } from '@zonewright/primary/catalog';
import { Catalogs } from '@zonewright/secondary/catalogs';
import test from 'ava';
import fc from 'fast-check';
import { anyName } from '../support/arbitrary.ts';
import {
  fileText,
  KEYS,
  otherText,
  PEER,
  recorder,
  restart,
  startWorld,
  update,
  type World,
} from '../support/fake-primary.ts';
import { given, nameOf, recordsFrom } from '../support/records.ts';
import { busyTime } from '../support/thread-time.ts';
import { until } from '../support/until.ts';

const catalog = nameOf('catalog.');

/** What comes of work that others may interrupt, and do not. */
const done = <T>(steps: Iterator<undefined, T, undefined>): T => {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
};

const read = (zone: Zone) => {
  const reader = new CatalogReader(zone.origin);
  for (const record of zone.records()) reader.take(record);
  return done(reader.finish());
};
const membersOf = (zone: Zone): readonly string[] =>
  given(read(zone))
    .map(({ zone: name }) => name.toString())
    .sort();

const SKELETON = '@ 0 SOA invalid. invalid. 1 3600 600 86400 0\n@ 0 NS invalid.\n';
const written = (text: string): Zone => Zone.fromRecords(catalog, recordsFrom(SKELETON + text, catalog))!;

test('a catalog is a zone of nobody, with its version, and a pointer to each member under the hash of its name', (t) => {
  const zone = catalogZone(catalog, [nameOf('Mirage.')], 7);
  const lines = [zone.soaRecord(), ...zone.records()].map((record) => printRecord(record));
  t.deepEqual(lines.slice(0, 3), [
    'catalog. 0 IN SOA invalid. invalid. 7 3600 600 2147483646 0',
    'catalog. 0 IN NS invalid.',
    'version.catalog. 0 IN TXT "2"',
  ]);
  t.regex(lines[3]!, /^[0-9a-f]{32}\.zones\.catalog\. 0 IN PTR mirage\.$/);
  t.true(lists(zone, nameOf('MIRAGE.')));
  t.false(lists(zone, nameOf('a.mirage.')));
});

test('what is made is read, whatever the names; a change makes what would have been made, and says how it differs', (t) => {
  const names = fc.uniqueArray(anyName, { selector: ({ key }) => key, maxLength: 12 });
  fc.assert(
    fc.property(names, names, (before, after) => {
      const come = after.filter((name) => !before.some((each) => each.equals(name)));
      const gone = before.filter((name) => !after.some((each) => each.equals(name)));
      const old = catalogZone(catalog, before, 1);
      const { zone, delta } = changeMembers(old, gone, come, 2);
      const anew = catalogZone(catalog, after, 2);
      t.deepEqual(
        membersOf(zone),
        after
          .filter((name) => !name.equals(catalog))
          .map((name) => name.toLowerCase().toString())
          .sort(),
      );
      t.is(diffZones(zone, anew).added.length, 1);
      const { removed, added } = diffZones(old, zone);
      t.deepEqual([delta.removed.length, delta.added.length], [removed.length, added.length]);
    }),
    { numRuns: 100 },
  );
});

test('a member keeps its label, and the longest name of a catalog has room for it', (t) => {
  const label = (zone: Zone): string => given(read(zone))[0]!.label;
  t.is(label(catalogZone(catalog, [nameOf('a.')], 1)), label(catalogZone(nameOf('other.'), [nameOf('A.')], 9)));
  const longest = nameOf(`${`${'x'.repeat(63)}.`.repeat(3)}${'y'.repeat(MAX_CATALOG_OCTETS - 3 * 64 - 2)}.`);
  t.is(longest.wire.length, MAX_CATALOG_OCTETS);
  t.true(parseCatalog(longest.toString()).ok);
  t.is(catalogZone(longest, [nameOf('a.')], 1).size, 4);
  t.like(parseCatalog(`y${longest}`), { ok: false, fault: { kind: 'usage' } });
  t.like(parseCatalog('.'), { ok: false, fault: { kind: 'usage' } });
  t.like(parseCatalog('a..b'), { ok: false, fault: { kind: 'usage' } });
});

test('of a catalog that is broken nothing is taken, and what is unknown is passed over', (t) => {
  const VERSION = 'version 0 TXT "2"\n';
  const broken: readonly (readonly [string, string])[] = [
    ['a.zones 0 PTR a.', 'it has no version'],
    ['version 0 TXT "1"\na.zones 0 PTR a.', 'its version is not "2"'],
    ['version 0 TXT "2" ""\n', 'its version is not "2"'],
    ['version 0 TXT "2"\nversion 0 TXT "3"', 'it has several versions'],
    [`${VERSION}a.zones 0 PTR a.\na.zones 0 PTR b.`, 'its label "a" has two zones'],
    [`${VERSION}a.zones 0 PTR a.\nb.zones 0 PTR A.`, 'it lists A. twice'],
    [`${VERSION}a.zones 0 PTR a.\ncoo.a.zones 0 PTR b.\ncoo.a.zones 0 PTR c.`, 'its label "a" has two new owners'],
    [`${VERSION}a.zones 0 PTR catalog.`, 'it lists itself'],
  ];
  for (const [text, what] of broken) t.like(read(written(text)), { ok: false, fault: { kind: 'catalog', what } }, text);
  const fine = written(`${VERSION}a.zones 0 PTR a.
A.Zones 0 TXT "x"
group.a.zones 0 TXT "one"
group.a.zones 0 TXT "two"
x.ext.a.zones 0 PTR b.
x.ext 0 PTR b.
b 0 PTR b.
zones 0 PTR b.
coo.b.zones 0 PTR other.
COO.a.zones 0 PTR other.
`);
  t.deepEqual(given(read(fine)), [{ zone: nameOf('a.'), label: 'a', newOwner: nameOf('other.') }]);
});

/** Catalogs a and b, and what the replica has of each after a version of one. */
const settle = () => {
  const all = new CatalogMembers();
  const owned: Record<string, string> = {};
  return (name: string, ...zones: readonly string[]): string => {
    const members = zones.map((text) => {
      const [zone, label, newOwner] = text.split('/');
      return {
        zone: nameOf(zone!),
        label: label || zone!,
        ...(newOwner === undefined ? {} : { newOwner: nameOf(newOwner) }),
      };
    });
    const changes = done(all.take(nameOf(name), members));
    for (const each of changes.owned) owned[each.catalog.toString()] = each.zones.map(String).sort().join('');
    const reset = changes.reset.map((zone) => ` reset ${zone}`).join('');
    const clash = changes.clashes.map(({ zone, owner }) => ` ${zone} is of ${owner}`).join('');
    return `${Object.entries(owned)
      .map(([key, value]) => `${key}${value}`)
      .join(' ')}${reset}${clash}`;
  };
};

test('a zone belongs to the catalog that listed it first, until that lists it no more or names another owner', (t) => {
  const take = settle();
  t.is(take('a.', 'x', 'y'), 'a.x.y.');
  t.is(take('b.', 'x', 'z'), 'a.x.y. b.z. x. is of a.');
  t.is(take('a.', 'x', 'y//c'), 'a.x.y. b.z.', 'what is signalled to another waits for that one');
  t.is(take('b.', 'x', 'y', 'z'), 'a.x.y. b.z. x. is of a. y. is of a.');
  t.is(take('a.', 'x/x/b', 'y'), 'a.x.y. b.z.');
  t.is(take('b.', 'x', 'y', 'z'), 'a.y. b.x.z. reset x. y. is of a.');
  t.is(take('a.', 'x', 'y'), 'a.y. b.x.z. x. is of b.', 'it is not given back by that');
  t.is(take('a.'), 'a. b.x.y.z. reset y.', 'who listed it too has it now');
  t.is(take('b.', 'x/other', 'z'), 'a. b.x.z. reset x.', 'another label');
  t.is(take('b.'), 'a. b.');
});

test('a secondary takes what its catalogs list, a reset zone anew, and nothing of a broken or foreign one', async (t) => {
  const calls: string[] = [];
  const { log, lines } = recorder();
  const catalogs = new Catalogs({
    names: [catalog],
    log,
    isOfOthers: () => false,
    setMembers: async (name, zones) => void calls.push(`${name} ${zones.join(' ')}`),
  });
  const loaded = async (zone: Zone, event: string): Promise<void> => {
    const before = lines.length;
    catalogs.published(zone);
    await until(() => lines.slice(before).some((line) => line.event === event), { what: event });
  };
  await loaded(catalogZone(catalog, [nameOf('a.'), nameOf('b.')], 1), 'catalog.loaded');
  t.deepEqual(calls.splice(0), ['catalog. a. b.']);
  await loaded(written('a.zones 0 PTR c.\n'), 'catalog.broken');
  t.deepEqual(calls, []);
  t.like(catalogs.status(), [{ catalog: 'catalog.', members: 2, broken: 'it has no version' }]);
  await loaded(written('version 0 TXT "2"\nnew.zones 0 PTR a.\n'), 'catalog.loaded');
  t.deepEqual(calls.splice(0), ['catalog. ', 'catalog. a.']);
  t.like(catalogs.status(), [{ catalog: 'catalog.', members: 1 }]);
  catalogs.published(catalogZone(nameOf('other.'), [nameOf('z.')], 1));
  await loaded(catalogZone(catalog, [], 3), 'catalog.loaded');
  t.deepEqual(calls, ['catalog. ']);
});

test('a zone of other primaries is left to them, and another catalog may list it', async (t) => {
  const calls: string[] = [];
  const { log, lines } = recorder();
  const [other, own, foreign] = [nameOf('other.'), nameOf('own.'), nameOf('garden.mirage.')];
  const catalogs = new Catalogs({
    names: [catalog, other],
    log,
    isOfOthers: (member, of) => member.equals(foreign) && of.equals(catalog),
    setMembers: async (name, zones) => void calls.push(`${name} ${zones.join(' ')}`),
  });
  for (const name of [catalog, other]) {
    catalogs.published(catalogZone(name, name === catalog ? [own, foreign] : [foreign], 1));
    await until(() => lines.filter(({ event }) => event === 'catalog.loaded').length === (name === catalog ? 1 : 2), {
      what: 'the catalog',
    });
  }
  t.deepEqual(calls, ['catalog. own.', 'other. garden.mirage.']);
  const clashes = lines.filter(({ event }) => event === 'catalog.clash');
  t.is(clashes.length, 1);
  t.like(clashes[0], { fields: { zones: ['garden.mirage. of other primaries'] } });
});

test('a catalog of fifty thousand zones is made, changed and read in time that goes with its size', (t) => {
  const zones = Array.from({ length: 50_000 }, (_, n) => nameOf(`zone${n}.example.`));
  const ended = busyTime();
  const zone = catalogZone(catalog, zones, 1);
  const changed = changeMembers(zone, zones.slice(0, 10), [nameOf('new.')], 2).zone;
  t.is(membersOf(changed).length, 49_991);
  t.false(lists(changed, zones[0]!));
  const busy = ended();
  t.true(busy < 5000, `${busy} ms`);
});

const SETTINGS = { catalog, ack: 'journal' } as const;
const version = ({ primary }: World): Zone | undefined => primary.zones.get(catalog);
const pull = async ({ primary, store }: World, files: Readonly<Record<string, string | undefined>>): Promise<void> => {
  store.pushElsewhere(files);
  given(await primary.pull());
};

test('the catalog of a primary lists the zones with files, in one change a commit, as a difference', async (t) => {
  const world = await startWorld({ example: fileText(1), other: otherText(1), _keys: KEYS }, SETTINGS);
  const first = version(world)!;
  t.deepEqual(membersOf(first), ['example.', 'other.']);
  t.true(Math.abs(first.serial - Date.now() / 1000) < 60);
  t.is(world.changes.at(-1), `catalog. ${first.serial}`, 'told after the zones that it lists');

  await pull(world, { other: undefined, 'a.example': otherText(1), 'b.example': otherText(1) });
  const second = version(world)!;
  t.true(isNewer(second.serial, first.serial));
  t.deepEqual(membersOf(second), ['a.example.', 'b.example.', 'example.']);
  const since = world.primary.authority.historyOf(catalog)!.since(first.serial)!;
  t.deepEqual(
    since.map(({ removed, added }) => [removed.length, added.length]),
    [[2, 3]],
  );

  await pull(world, { example: fileText(2, 'new A 192.0.2.1'), _keys: undefined });
  t.is(version(world), second, 'what zones say is not its business');
});

test('a zone whose file is broken stays in the catalog, also over a start that has no good version of it', async (t) => {
  const world = await startWorld({ example: fileText(1), other: otherText(1) }, SETTINGS);
  const { serial } = version(world)!;
  await pull(world, { other: 'nonsense' });
  t.is(version(world)!.serial, serial);
  const anew = await startWorld({ example: fileText(1), other: '@ 60 SOA ns. h. 1 3600 600 86400 300\n' }, SETTINGS);
  t.is(anew.primary.zones.get(nameOf('other.')), undefined);
  t.deepEqual(membersOf(version(anew)!), ['example.', 'other.']);
});

test('a catalog is not begun empty, and is emptied when its last zone goes', async (t) => {
  const world = await startWorld({ README: 'nothing' }, SETTINGS);
  t.is(version(world), undefined);
  t.true(world.primary.isEmpty);
  await pull(world, { example: fileText(1) });
  t.is(world.primary.zoneCount, 1);
  await pull(world, { example: undefined });
  t.deepEqual(membersOf(version(world)!), []);
  t.is(world.primary.zoneCount, 0);
});

test('the serial of a catalog rises over a restart, also where the clock went back', async (t) => {
  const world = await startWorld({ example: fileText(1) }, SETTINGS);
  await pull(world, { other: otherText(1) });
  const before = version(world)!.serial;
  const { journal } = world;
  const ahead = before + 1_000_000;
  await journal.write({ notes: [{ zone: catalog, time: Date.now(), arrived: 0, floor: ahead }] });
  const again = await restart(world, SETTINGS);
  t.is(version(again)!.serial, ahead + 1);
  t.deepEqual(membersOf(version(again)!), ['example.', 'other.']);
  t.like(
    again.journal.notes.find(({ zone }) => zone.equals(catalog)),
    { floor: ahead + 1 },
  );
});

test('a catalog of the same zones has the same serial over a restart, however many came and went before', async (t) => {
  const world = await startWorld({ example: fileText(1), other: otherText(1) }, SETTINGS);
  await pull(world, { other: undefined, 'a.example': otherText(1) });
  const before = version(world)!.serial;
  const again = await restart(world, SETTINGS);
  t.is(version(again)!.serial, before);
  await pull(again, { other: otherText(1) });
  const more = version(again)!.serial;
  t.true(isNewer(more, before));
  const once = await restart(again, SETTINGS);
  t.is(version(once)!.serial, more);
  t.deepEqual(membersOf(version(once)!), ['a.example.', 'example.', 'other.']);
});

test('an update of a catalog is refused, and a file of its name, with a finding', async (t) => {
  const world = await startWorld({ example: fileText(1) }, SETTINGS);
  const served = version(world)!;
  t.like(await world.primary.update(update('x 60 A 192.0.2.1', [], catalog), PEER), { rcode: 5, ede: { code: 18 } });
  await pull(world, { catalog: otherText(5) });
  t.is(version(world), served);
  t.regex(world.primary.refusal(catalog)!, /^catalog: catalog\. is the catalog that is made of the zones here \(/);
  t.true(world.events.includes('zone.rejected'));
  t.like(await world.primary.update(update('x 60 A 192.0.2.1', [], catalog), PEER), { rcode: 5 });
  const again = await restart(world, SETTINGS);
  t.deepEqual(membersOf(version(again)!), ['example.']);
  t.deepEqual(again.primary.refusedFiles, ['catalog']);
  await pull(world, { catalog: undefined });
  t.is(version(world), served);
  t.deepEqual(world.primary.refusedFiles, []);
});

test('a zone that has the name of the catalog of a later start is served no more', async (t) => {
  const world = await startWorld({ example: fileText(1), catalog: otherText(5) });
  t.is(version(world)!.serial, 5);
  const again = await restart(world, SETTINGS);
  t.deepEqual(membersOf(version(again)!), ['example.']);
  const without = await restart(again);
  t.deepEqual(without.primary.refusedFiles, ['catalog'], 'it would go back behind the catalog');
  await pull(without, { catalog: otherText(6) });
  t.true(isNewer(version(without)!.serial, version(again)!.serial));
});
