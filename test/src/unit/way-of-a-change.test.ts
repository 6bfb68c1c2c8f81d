/**
 * The way of a change with a journal, on a fake store and a fake journal: acknowledged before it is in the remote, written after it, and
 * never lost. With real git and a real journal it is run in scenario/journal.test.ts.
 */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { limitKey } from '@zonewright/common/authority/key-limits';
import { CLASS } from '@zonewright/common/rr/class';
import { printRcode, RCODE } from '@zonewright/common/wire/code';
import type { UpdateEntry } from '@zonewright/primary/journal/journal';
import { Marker, newMarkSecret } from '@zonewright/primary/mark';
import { ZoneNotes } from '@zonewright/primary/notes';
import test from 'ava';
import {
  fileText,
  KEY,
  origin,
  otherText,
  PEER,
  removal,
  restart,
  startWorld,
  unused,
  update,
  type World,
  worldOf,
} from '../support/fake-primary.ts';
import { FakeStore } from '../support/fake-store.ts';
import { given, nameOf } from '../support/records.ts';
import { until } from '../support/until.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const add = (name: string, address = '192.0.2.9') => update(`${name} 60 A ${address}`);
const DONE = { rcode: RCODE.NOERROR };

/** A world whose remote is away: what is acknowledged stays in the journal. */
const startAway = async (files: Readonly<Record<string, string>>): Promise<World> => {
  const world = await startWorld(files);
  world.store.isUnreachable = true;
  world.store.pushEnds = Array.from({ length: 100 }, () => 'unreachable' as const);
  return world;
};

const comeBack = async ({ store, primary }: World): Promise<void> => {
  store.isUnreachable = false;
  store.pushEnds = [];
  given(await primary.pull());
};

test('an update is acknowledged once it is in the journal and visible, and is in the remote soon after', async (t) => {
  const world = await startWorld({ example: fileText(1) });
  const { store, journal, primary } = world;
  t.deepEqual(await primary.update(add('new'), PEER), DONE);
  t.true(world.has('new'));
  t.is(world.serial(), 2);
  t.is((journal.writes.at(-1)!.entries![0] as UpdateEntry).source, '192.0.2.77:4242');
  await world.written();
  t.true(store.text('example').startsWith('$TTL 60 ; mine\n@ SOA ns hostmaster 2 3600'));
  t.regex(store.text('example'), /^new\b.*192\.0\.2\.9$/m);
  t.is(journal.inForce, store.remote!.commit);
  t.deepEqual(world.changes, ['example. 1', 'example. 2']);
});

test('a prerequisite is judged by what is served, be it in the remote or not', async (t) => {
  const world = await startAway({ example: fileText(1) });
  const once = update('new 60 A 192.0.2.9', [unused('new')]);
  t.deepEqual(await world.primary.update(once, PEER), DONE);
  t.is(printRcode((await world.primary.update(once, PEER)).rcode), 'YXDOMAIN');
});

test('updates that come together share a write of the journal, and a commit that names each of them', async (t) => {
  const world = await startWorld({ example: fileText(1), other: otherText(1) });
  const { store, journal, primary } = world;
  const before = journal.writes.length;
  const all = Array.from({ length: 50 }, (_, i) => primary.update(add(`n${i}`, `192.0.2.${i}`), PEER));
  for (const verdict of await Promise.all(all)) t.deepEqual(verdict, DONE);
  t.true(journal.writes.filter(({ entries }) => entries !== undefined).length - before < 5);
  await world.written();
  t.true(store.pushes < 10);
  t.is(world.serial(), 51);
  t.true(store.text('example').includes('hostmaster 51 '));
  t.regex(store.messages.at(-1)!, /\nZonewright-Journal: [0-9a-f]{32} 50 [0-9a-f]{32}\n$/);
  const said = store.messages.join('\n');
  for (let i = 0; i < 50; i++) t.true(said.includes(`+ n${i} 60 IN A 192.0.2.${i}\n`), `${i}`);
});

test('a journal that cannot be written acknowledges nothing, and shows nothing', async (t) => {
  const world = await startWorld({ example: fileText(1) });
  world.journal.isFull = true;
  const verdict = await world.primary.update(add('new'), PEER);
  t.is(printRcode(verdict.rcode), 'SERVFAIL');
  t.regex(verdict.ede!.text, /journal cannot be written: no space left/);
  t.false(world.has('new'));
  t.is(world.serial(), 1);
  world.store.pushElsewhere({ example: fileText(5) });
  t.false((await world.primary.pull()).ok, 'and no commit is taken');
  t.is(world.serial(), 1);
  world.journal.isFull = false;
  given(await world.primary.pull());
  t.is(world.serial(), 5);
  t.deepEqual(await world.primary.update(add('new'), PEER), DONE);
  t.is(world.serial(), 6);
});

test('an update that a stop comes before is told so, and is no fault of the journal', async (t) => {
  const world = await startWorld({ example: fileText(1) });
  let release: () => void = () => undefined;
  world.journal.held = new Promise((done) => {
    release = done;
  });
  const asked = world.primary.update(add('late'), PEER);
  await world.primary.close(0);
  release();
  const verdict = await asked;
  t.is(printRcode(verdict.rcode), 'SERVFAIL');
  t.is(verdict.ede!.text, 'this server is being stopped');
  t.false(world.has('late'));
  t.false(world.events.includes('journal.failed'));
});

test('what was acknowledged and not pushed is served after a kill, serials included, and is pushed once', async (t) => {
  const before = await startAway({ example: fileText(1), other: otherText(1) });
  for (const name of ['a', 'b', 'c']) t.deepEqual(await before.primary.update(add(name), PEER), DONE);
  t.deepEqual(await before.primary.update(removal('b'), PEER), DONE);
  const after = await restart(before);
  t.deepEqual([after.serial(), after.has('a'), after.has('b'), after.has('c')], [5, true, false, true]);
  t.is(after.primary.unpushed.updates, 4);
  t.is(after.primary.authority.historyOf(origin)!.since(1)!.length, 4, 'and what came before can be told');
  t.deepEqual(await after.primary.update(add('d'), PEER), DONE);
  t.is(after.primary.authority.historyOf(origin)!.since(2)!.length, 4);
  await comeBack(after);
  await after.written();
  t.is(after.serial(), 6);
  t.regex(after.store.text('example'), /hostmaster 6 /);
  for (const name of ['a', 'c', 'd'])
    t.is(after.store.text('example').match(new RegExp(`^${name}\\b`, 'gm'))?.length, 1, name);
});

test('a push that landed when the process was killed is not done again', async (t) => {
  const before = await startWorld({ example: fileText(1) });
  before.store.pushEnds = ['landed'];
  before.store.afterPush = () => {
    before.store.isUnreachable = true;
  };
  t.deepEqual(await before.primary.update(add('a'), PEER), DONE);
  await until(() => before.events.includes('write.failed'), { what: 'the push has ended' });
  before.store.isUnreachable = false;
  before.store.afterPush = undefined;
  // Somebody takes it away again: the update has had its effect.
  before.store.pushElsewhere({ example: fileText(7) });
  const after = await restart(before);
  t.deepEqual([after.serial(), after.has('a')], [2, true]);
  given(await after.primary.pull());
  t.deepEqual([after.serial(), after.has('a')], [7, false]);
  t.is(after.journal.open.length, 0);
  t.false(after.events.includes('update.dropped'));
});

test('a mark that somebody else made, or copied, closes nothing', async (t) => {
  const world = await startWorld({ example: fileText(1), other: otherText(1) });
  const { store, journal, primary } = world;
  const { id } = journal.marker;
  // An entry stays open, as its zone is broken, and the mark of the next commit says so.
  store.pushElsewhere({ example: fileText(2, 'x A 1.2.3') });
  given(await primary.pull());
  t.deepEqual(await primary.update(add('a'), PEER), DONE);
  t.deepEqual(await primary.update(update('x.other. 60 A 192.0.2.1', [], nameOf('other.')), PEER), DONE);
  await until(() => journal.open.length === 1, { what: 'the other zone is written' });
  const old = store.messages.at(-1)!;
  t.regex(old, /Zonewright-Journal-Without: example\.\n$/);
  const forged = [
    `a typo\n\nZonewright-Journal: ${id} 1\n`,
    ...[1, 2, 3, 1000, 2 ** 48, Number.MAX_SAFE_INTEGER].map(
      (position) => `a typo\n\nZonewright-Journal: ${id} ${position} ${'0'.repeat(32)}\n`,
    ),
    `a typo\n\n${new Marker(newMarkSecret()).lines({ position: 3, without: [] })[0]!}\n`,
    old,
    old.replace(/Zonewright-Journal-Without: .*\n/, ''),
    old.replace(/Zonewright-Journal-Without: .*\n/, 'Zonewright-Journal-Without: nobody.\n'),
  ];
  for (const [i, message] of forged.entries()) {
    // While a push is under way, too.
    store.beforePush = () => {
      store.beforePush = undefined;
      store.pushElsewhere({ readme: `pushed before ${i}` }, message);
    };
    t.deepEqual(await primary.update(update(`n${i}.other. 60 A 192.0.2.1`, [], nameOf('other.')), PEER), DONE);
    store.pushElsewhere({ readme: `${i}` }, message);
    given(await primary.pull());
    await until(() => journal.open.length === 1, { what: 'the other zone is written' });
    t.regex(store.text('other'), new RegExp(`^n${i}\\b`, 'm'), message);
  }
  t.is(primary.unpushed.updates + journal.open.length, 2);
  t.is(
    journal.writes.flatMap(({ entries = [] }) => entries).at(-1)!.position,
    2 + forged.length,
    'no position is lost',
  );
  store.pushElsewhere({ example: fileText(3) });
  given(await primary.pull());
  await world.written();
  t.regex(store.text('example'), /^a\b/m);
});

test('a mark of a time that a journal has forgotten closes nothing that was acknowledged since, and its positions are not given again', async (t) => {
  const before = await startAway({ example: fileText(1) });
  const old = before.journal.again();
  for (const name of ['a', 'b', 'c']) t.deepEqual(await before.primary.update(add(name), PEER), DONE);
  await comeBack(before);
  await before.written();
  const after = worldOf(before.store, old);
  given(await after.primary.loadKnown());
  t.false(after.has('a'));
  t.deepEqual(await after.primary.update(add('new'), PEER), DONE);
  await after.written();
  for (const name of [/^a\b/m, /^new\b/m]) t.regex(after.store.text('example'), name);
  t.deepEqual(await after.primary.update(add('more'), PEER), DONE);
  await after.written();
  t.regex(after.store.messages.at(-1)!, /\nZonewright-Journal: [0-9a-f]{32} [4-9] /);
});

test('deleting all of a name, run again, deletes no type that the key may not change', async (t) => {
  const world = await startWorld({ example: fileText(1, 'host TXT mine') });
  const { store, primary } = world;
  const key = given(limitKey(KEY, 'types=TXT'));
  store.beforePush = () => {
    store.beforePush = undefined;
    store.pushElsewhere({ example: fileText(2, 'host TXT mine', 'host A 192.0.2.5') });
  };
  t.deepEqual(await primary.update({ ...removal('host'), key }, PEER), DONE);
  await world.written();
  t.notRegex(store.text('example'), /TXT/);
  t.regex(store.text('example'), /^host A 192\.0\.2\.5$/m);
});

test('open updates are run again on what others have pushed, and their commit says what was not done', async (t) => {
  const world = await startAway({ example: fileText(1) });
  const { store, primary } = world;
  t.deepEqual(await primary.update(add('mine'), PEER), DONE);
  t.deepEqual(await primary.update(add('both'), PEER), DONE);
  store.pushElsewhere({ example: fileText(9, 'theirs A 192.0.2.1', 'both A 192.0.2.9') });
  await comeBack(world);
  t.true(world.has('mine') && world.has('theirs') && world.has('both'));
  t.is(world.serial(), 10);
  await world.written();
  t.regex(store.text('example'), /^theirs /m);
  t.regex(store.text('example'), /^mine\b/m);
  t.is(store.text('example').match(/^both\b/gm)?.length, 1);
  t.regex(
    store.messages.at(-1)!,
    /\n\+ mine 60 IN A 192\.0\.2\.9\n\nNot done: personal\._update\.example from 192\.0\.2\.77:4242: \+ both 60 IN A 192\.0\.2\.9: it changes nothing any more\n/,
  );
  t.is(world.lines.filter(({ event }) => event === 'update.dropped').length, 1);
});

test('updates go on while others push all the time, and all of it gets there', async (t) => {
  const world = await startWorld({ example: fileText(1) });
  const { store, primary } = world;
  let moves = 0;
  store.beforePush = () => {
    if (++moves <= 60) store.pushElsewhere({ example: fileText(1 + moves, `other${moves} A 192.0.2.${moves}`) });
  };
  for (let i = 0; i < 20; i++) t.deepEqual(await primary.update(add(`n${i}`), PEER), DONE);
  await world.written();
  t.true(moves > 60);
  for (let i = 0; i < 20; i++) t.regex(store.text('example'), new RegExp(`^n${i}\\b`, 'm'));
  t.regex(store.text('example'), /^other60 /m, 'nothing of theirs is overwritten');
  t.true(store.text('example').includes(`hostmaster ${world.serial()} `));
});

test('a zone that is broken at the head takes updates, which are written once it is good; others are not held up', async (t) => {
  const world = await startWorld({ example: fileText(1), other: otherText(1) });
  const { store, primary, journal } = world;
  store.pushElsewhere({ example: fileText(2, 'x A 1.2.3') });
  given(await primary.pull());
  t.deepEqual(await primary.update(add('new'), PEER), DONE);
  t.deepEqual(await primary.update(update('x.other. 60 A 192.0.2.1', [], nameOf('other.')), PEER), DONE);
  t.true(world.has('new'));
  await until(() => /^x\.other\.|^x\b/m.test(store.text('other')), { what: 'the other zone is written' });
  t.regex(store.messages.at(-1)!, /\nZonewright-Journal-Without: example\.\n$/);
  t.true(store.text('example').includes('1.2.3'), 'what is broken is left alone');
  const after = await restart(world);
  t.deepEqual([after.serial(), after.has('new')], [2, true], 'also by a kill');
  t.deepEqual(after.primary.refusedFiles, ['example']);
  t.is(after.primary.zones.get(nameOf('other.'))?.serial, 2);
  t.deepEqual(await after.primary.update(add('more'), PEER), DONE);
  store.pushElsewhere({ example: fileText(3, 'x A 192.0.2.3') });
  given(await after.primary.pull());
  t.true(after.has('new') && after.has('more') && after.has('x'));
  await after.written();
  t.regex(store.text('example'), /^new\b/m);
  t.true(journal.open.length > 0, 'the other process is as it was');
});

test('a zone that is gone is withdrawn, and what was to be written of it is named', async (t) => {
  const world = await startAway({ example: fileText(1), other: otherText(1) });
  t.deepEqual(await world.primary.update(add('new'), PEER), DONE);
  world.store.pushElsewhere({ example: undefined });
  await comeBack(world);
  t.is(world.primary.zones.get(origin), undefined);
  t.is(world.journal.open.length, 0);
  const [line] = world.lines.filter(({ event }) => event === 'update.dropped');
  t.like(line, { fields: { zone: 'example.', operations: ['+ new 60 IN A 192.0.2.9'] } });
  t.is(printRcode((await world.primary.update(add('late'), PEER)).rcode), 'NOTAUTH');
});

test('a zone that comes back gets a serial above the one that it had when it went', async (t) => {
  const world = await startAway({ example: fileText(5) });
  const { store, primary } = world;
  t.deepEqual(await primary.update(add('a'), PEER), DONE);
  t.is(world.serial(), 6);
  store.pushElsewhere({ example: undefined });
  await comeBack(world);
  t.is(world.serial(), undefined);
  store.pushElsewhere({ example: fileText(5, 'new A 192.0.2.8') });
  given(await primary.pull());
  t.is(world.serial(), 7, 'what 6 said is another thing');
  await world.written();
  t.regex(store.text('example'), /hostmaster 7 /);
});

test('so does one that comes back after a kill, be it from an older version', async (t) => {
  const before = await startAway({ example: fileText(5) });
  t.deepEqual(await before.primary.update(add('a'), PEER), DONE);
  before.store.pushElsewhere({ example: undefined });
  await comeBack(before);
  const after = await restart(before);
  t.is(after.serial(), undefined);
  after.store.pushElsewhere({ example: fileText(3, 'new A 192.0.2.8') });
  given(await after.primary.pull());
  t.is(after.serial(), 7, 'what 6 said is another thing');
  const again = await restart(after);
  t.deepEqual([again.serial(), again.has('new')], [7, true]);
  given(await again.primary.pull());
  await again.written();
  t.regex(again.store.text('example'), /hostmaster 7 /);
  t.is(again.journal.notes.length, 0, 'what is served needs no note');
});

const SIGNED = '@ RRSIG SOA 13 1 3600 20400101000000 20200101000000 1 @ c2lnbmVk';

test('where serials are not raised here, a zone that comes back without a newer one is refused, also after a kill', async (t) => {
  for (const [serialPolicy, more] of [
    ['strict', ''],
    ['auto', SIGNED],
  ] as const) {
    const settings = { serialPolicy };
    const before = await startWorld({ example: fileText(7, more) }, settings);
    const { store } = before;
    store.pushElsewhere({ example: undefined });
    given(await before.primary.pull());
    store.pushElsewhere({ example: fileText(7, more, 'new A 192.0.2.8') });
    for (const world of [before, await restart(before, settings)]) {
      given(await world.primary.pull());
      t.is(world.serial(), undefined);
      t.regex(world.primary.refusal(origin)!, /SOA must increase .*raise the serial/);
    }
    const after = await restart(before, settings);
    t.is(after.serial(), undefined, 'a refused file stays so');
    t.deepEqual(after.primary.refusedFiles, ['example']);
    store.pushElsewhere({ example: fileText(8, more, 'new A 192.0.2.8') });
    given(await after.primary.pull());
    t.deepEqual([after.serial(), after.primary.refusedFiles], [8, []]);
  }
});

test('a zone that the commit in force is not there of any more is served with a serial it did not have', async (t) => {
  for (const [serialPolicy, serial, is] of [
    ['auto', 2, 3],
    ['strict', 2, 2],
    ['strict', 1, undefined],
    ['strict', 3, 3],
  ] as const) {
    const before = await startWorld({ example: fileText(1) }, { serialPolicy });
    t.deepEqual(await before.primary.update(add('a'), PEER), DONE);
    await before.written();
    const after = worldOf(new FakeStore({ example: fileText(serial, 'a 60 A 192.0.2.9') }), before.journal.again(), {
      serialPolicy,
    });
    given(await after.primary.loadKnown());
    given(await after.primary.pull());
    t.true(after.events.includes('journal.unfit'));
    t.is(after.serial(), is, `${serialPolicy} ${serial}`);
  }
});

test('of the serials of withdrawn zones the oldest are forgotten when there are too many', (t) => {
  const notes = new ZoneNotes([]);
  const nothing = { commit: undefined, zones: [], keys: [], ignored: [] };
  const withdraw = (from: number, to: number): number => {
    const gone = Array.from({ length: to - from }, (_, i) => {
      const name = `z${from + i}`;
      return { fileName: name, origin: nameOf(`${name}.`), open: [], serial: 7 };
    });
    const changes = notes.changesBy({ ...nothing, gone }, from);
    notes.take(changes);
    return changes.length;
  };
  t.is(withdraw(0, 100_000), 100_000);
  t.is(withdraw(100_000, 100_002), 4);
  t.deepEqual(
    [0, 1, 2, 100_001].map((i) => notes.floorOf(nameOf(`z${i}.`))),
    [undefined, undefined, 7, 7],
  );
});

test('a push that landed under a commit that breaks its zone is not done again after a kill', async (t) => {
  const before = await startWorld({ example: fileText(1) });
  const { store } = before;
  store.pushEnds = ['landed'];
  store.afterPush = () => {
    store.afterPush = undefined;
    store.pushElsewhere({ example: fileText(3, 'x A 1.2.3') });
  };
  t.deepEqual(await before.primary.update(add('a'), PEER), DONE);
  await until(() => before.primary.refusedFiles.length > 0, { what: 'the broken commit is in force' });
  t.is(before.journal.open.length, 1);
  const after = await restart(before);
  t.deepEqual([after.serial(), after.has('a')], [2, true]);
  store.pushElsewhere({ example: fileText(4) });
  given(await after.primary.pull());
  t.deepEqual([after.serial(), after.has('a')], [4, false]);
  t.deepEqual([after.journal.open.length, after.journal.notes.length], [0, 0]);
});

test('an update that deletes more by a key of few types than the journal can hold is SERVFAIL, and others are taken', async (t) => {
  const types = Array.from({ length: 250 }, (_, i) => 40_000 + i);
  const names = Array.from({ length: 41 }, (_, i) => `n${i}`);
  const many = names.flatMap((name) => types.map((type) => `${name} TYPE${type} \\# 0`));
  const world = await startWorld({ example: fileText(1, ...many) });
  const key = given(limitKey(KEY, `types=${types.map((type) => `TYPE${type}`).join(',')}`));
  const all = { ...removal('n0'), key, operations: names.flatMap((name) => removal(name).operations) };
  const [much, little] = await Promise.all([world.primary.update(all, PEER), world.primary.update(add('a'), PEER)]);
  t.is(printRcode(much.rcode), 'SERVFAIL');
  t.regex(much.ede!.text, /more sets of records than one update can be kept with/);
  t.deepEqual(little, DONE);
  t.deepEqual([world.serial(), world.has('n0'), world.has('a')], [2, true, true]);
  t.deepEqual(await world.primary.update({ ...removal('n0'), key }, PEER), DONE);
  t.false(world.has('n0'));
});

test('a serial that was raised is the same after a kill', async (t) => {
  const before = await startAway({ example: fileText(7) });
  before.store.isUnreachable = false;
  before.store.pushElsewhere({ example: fileText(3, 'a A 192.0.2.1') });
  given(await before.primary.pull());
  t.is(before.serial(), 8);
  t.deepEqual(await before.primary.update(add('b'), PEER), DONE);
  const after = await restart(before);
  t.deepEqual([after.serial(), after.has('a'), after.has('b')], [9, true, true]);
  await comeBack(after);
  await after.written();
  t.true(after.store.text('example').includes('hostmaster 9 '));
});

test('with strict serials a refused file is refused after a kill too', async (t) => {
  const settings = { serialPolicy: 'strict' } as const;
  const before = await startWorld({ example: fileText(7) }, settings);
  before.store.pushElsewhere({ example: fileText(7, 'a A 192.0.2.1') });
  given(await before.primary.pull());
  t.deepEqual([before.serial(), before.has('a')], [7, false]);
  const after = await restart(before, settings);
  t.deepEqual([after.serial(), after.has('a'), after.primary.refusedFiles], [7, false, ['example']]);
  given(await after.primary.pull());
  t.deepEqual([after.serial(), after.has('a'), after.primary.refusedFiles], [7, false, ['example']]);
});

test('with strict serials who writes a file need not know of updates that are not written yet', async (t) => {
  const world = await startWorld({ example: fileText(7) }, { serialPolicy: 'strict' });
  world.store.pushEnds = Array.from({ length: 5 }, () => 'unreachable' as const);
  for (const name of ['a', 'b', 'c']) t.deepEqual(await world.primary.update(add(name), PEER), DONE);
  world.store.pushElsewhere({ example: fileText(8, 'theirs A 192.0.2.1') });
  await comeBack(world);
  t.deepEqual(world.primary.refusedFiles, []);
  t.is(world.serial(), 11);
  t.true(world.has('theirs') && world.has('c'));
});

test('no more updates are taken than may wait, and all are written when the remote is back', async (t) => {
  const world = await startWorld({ example: fileText(1) }, { unpushed: { updates: 3, age: 86_400 } });
  world.store.pushEnds = Array.from({ length: 100 }, () => 'rejected' as const);
  for (const name of ['a', 'b', 'c']) t.deepEqual(await world.primary.update(add(name), PEER), DONE);
  await until(() => world.events.includes('write.failed'), { what: 'the remote has declined' });
  const verdict = await world.primary.update(add('d'), PEER);
  t.is(printRcode(verdict.rcode), 'SERVFAIL');
  t.regex(verdict.ede!.text, /^3 updates wait .*--max-unpushed is 3: the remote declined the commit/);
  t.false(world.has('d'));
  t.like(world.primary.status(), {
    ack: 'journal',
    unpushed: { updates: 3, waitsFor: 'the remote declined the commit (hook)' },
    zones: [{ zone: 'example.', serial: 4, unpushed: 3 }],
  });
  await comeBack(world);
  await world.written();
  t.deepEqual(await world.primary.update(add('d'), PEER), DONE);
  await world.written();
});

test('updates are not taken when the oldest has waited too long', async (t) => {
  const world = await startWorld({ example: fileText(1) }, { unpushed: { updates: 100, age: 0 } });
  world.store.pushEnds = Array.from({ length: 100 }, () => 'unreachable' as const);
  t.is(printRcode((await world.primary.update(add('a'), PEER)).rcode), 'NOERROR');
  t.is(printRcode((await world.primary.update(add('b'), PEER)).rcode), 'SERVFAIL');
});

const HOUR = 3_600_000;
const YEARS = 40 * 365 * 24 * HOUR;

/** A primary whose remote is away, and that takes updates as long as none has waited for ten hours; `a` has for some. */
const hoursOld = async (hours: number) => {
  const clock = new VirtualClock();
  const settings = { unpushed: { updates: 100, age: 36_000 }, clock };
  const world = await startWorld({ example: fileText(1) }, settings);
  world.store.pushEnds = Array.from({ length: 1000 }, () => 'unreachable' as const);
  assert.deepEqual(await world.primary.update(add('a'), PEER), DONE);
  await clock.advance(hours * HOUR);
  const rcodeOf = async (after: World, name: string) => printRcode((await after.primary.update(add(name), PEER)).rcode);
  /** Another process on another machine clock, which is ahead of this one by so much. */
  const again = async (ahead: number) => {
    const later = new VirtualClock(clock.wall() + ahead);
    return { later, after: await restart(world, { ...settings, clock: later }) };
  };
  return { clock, world, rcodeOf, again };
};

for (const [title, step] of [
  ['forward', YEARS],
  ['back', -YEARS],
] as const) {
  test(`how long updates wait is known when the clock is set ${title}`, async (t) => {
    const { clock, world, rcodeOf } = await hoursOld(9);
    clock.step(step);
    t.is(Math.round(world.primary.unpushed.age!), 9 * 3600);
    t.like(world.primary.status(), { unpushed: { age: 9 * 3600 } });
    t.is(await rcodeOf(world, 'b'), 'NOERROR');
    await clock.advance(HOUR);
    t.is(await rcodeOf(world, 'c'), 'SERVFAIL');
    t.like(world.primary.status(), { unpushed: { age: 10 * 3600 } });
  });
}

test('how long updates wait is known over a restart', async (t) => {
  const { rcodeOf, again } = await hoursOld(9);
  const { later, after } = await again(HOUR / 2);
  t.is(Math.round(after.primary.unpushed.age!), 9.5 * 3600);
  t.is(await rcodeOf(after, 'b'), 'NOERROR');
  await later.advance(HOUR / 2);
  t.is(await rcodeOf(after, 'c'), 'SERVFAIL');
});

test('a clock that was set back over a restart makes nobody forget how long updates wait', async (t) => {
  const { rcodeOf, again } = await hoursOld(9);
  const { later, after } = await again(-YEARS);
  t.is(Math.round(after.primary.unpushed.age!), 9 * 3600);
  t.is(await rcodeOf(after, 'b'), 'NOERROR');
  await later.advance(HOUR);
  t.is(await rcodeOf(after, 'c'), 'SERVFAIL');
});

test('a clock that was set forward over a restart refuses nothing for an age that nobody knows', async (t) => {
  const { rcodeOf, again } = await hoursOld(2);
  const { after } = await again(YEARS);
  t.is(Math.round(after.primary.unpushed.age!), 3 * 3600, 'the time without a process counts an hour at most');
  t.is(await rcodeOf(after, 'b'), 'NOERROR');
});

test('a branch whose history was rewritten is followed, and it is said', async (t) => {
  const world = await startWorld({ example: fileText(5) });
  const old = world.store.remote;
  world.store.pushElsewhere({ example: fileText(9, 'a A 192.0.2.1') });
  given(await world.primary.pull());
  world.store.remote = old;
  given(await world.primary.pull());
  t.true(world.events.includes('branch.forced'));
  t.deepEqual([world.serial(), world.has('a')], [10, false]);
});

test('what is stopped tries to push what waits', async (t) => {
  const world = await startWorld({ example: fileText(1) });
  world.store.pushEnds = ['unreachable'];
  t.deepEqual(await world.primary.update(add('a'), PEER), DONE);
  await until(() => world.events.includes('write.failed'), { what: 'the remote was away' });
  await world.primary.close(5000);
  t.is(world.journal.open.length, 0);
  t.regex(world.store.text('example'), /^a\b/m);
});

test('several keys in a commit are named, and what is hostile in data stays on its line', async (t) => {
  const world = await startAway({ example: fileText(1) });
  const evil = update('evil 60 TXT "a\\010Zonewright-Journal: 00000000000000000000000000000000 99\\010\\010x"');
  t.deepEqual(await world.primary.update(evil, PEER), DONE);
  const other = { ...add('b'), key: { ...add('b').key, name: nameOf('second._update.example.') } };
  t.deepEqual(await world.primary.update(other, PEER), DONE);
  t.deepEqual(
    await world.primary.update({ ...removal('b'), operations: [{ ...unused('b'), class: CLASS.ANY }] }, PEER),
    DONE,
  );
  await comeBack(world);
  await world.written();
  const message = world.store.messages.at(-1)!;
  t.is(message.match(/^Zonewright-Journal/gm)?.length, 1);
  t.regex(message, /\n- b ANY\n/);
  t.regex(
    message,
    /\n\nCo-authored-by: second\._update\.example via zonewright <noreply@zonewright\.invalid>\nZonewright-Journal: [0-9a-f]{32} 3 [0-9a-f]{32}\n$/,
  );
});

test('what may go of older commits is looked for after each change, and what a restart would begin with is needed', async (t) => {
  const world = await startWorld({ example: fileText(1), other: otherText(1) });
  const { store, journal, primary } = world;
  const good = store.remote!.files.get('example')!;
  store.pushElsewhere({ example: fileText(2, 'x A 1.2.3') });
  given(await primary.pull());
  const latest = (): unknown => store.needed.at(-1);
  const isNeeded = (): Promise<unknown> =>
    until(latest, {
      what: 'the commit in force and the last good version are needed',
      holds: (seen) => isDeepStrictEqual(seen, { commit: store.remote!.commit, objects: [good] }),
    });
  await isNeeded();
  const other = (name: string) => update(`${name}.other. 60 A 192.0.2.1`, [], nameOf('other.'));
  t.deepEqual(await primary.update(other('a'), PEER), DONE);
  await until(() => /^a\b/m.test(store.text('other')), { what: 'it is written' });
  await isNeeded();
  t.is(journal.inForce, store.remote!.commit);

  // A restart would begin with an older commit than the one in force: all stays.
  const count = store.needed.length;
  store.afterPush = () => {
    journal.isFull = true;
  };
  t.deepEqual(await primary.update(other('b'), PEER), DONE);
  await until(() => world.events.includes('commit.pushed') && /^b\b/m.test(store.text('other')), {
    what: 'it is written',
  });
  await until(() => world.events.includes('journal.failed'), { what: 'the journal has failed' });
  given(await primary.pull());
  t.not(journal.inForce, store.remote!.commit);
  t.is(store.needed.length, count);
  store.afterPush = undefined;
  journal.isFull = false;
  t.deepEqual(await primary.update(other('c'), PEER), DONE);
  await until(() => /^c\b/m.test(store.text('other')), { what: 'it is written' });
  await isNeeded();
});
