/**
 * The primary's one writer, on a fake store: what becomes of an UPDATE whose push ends in every way, of commits that are broken,
 * of objects that cannot be read, and of serials. With real git it is run in scenario/primary.test.ts.
 */
import { CLASS } from '@zonewright/common/rr/class';
import { TYPE } from '@zonewright/common/rr/type';
import { printRcode } from '@zonewright/common/wire/code';
import { Zone } from '@zonewright/common/zone/zone';
import { editedFile } from '@zonewright/primary/commit';
import { memoryJournal } from '@zonewright/primary/journal/journal';
import { Primary } from '@zonewright/primary/primary';
import { GitRepository } from '@zonewright/primary/repository/git-repository';
import { Loader } from '@zonewright/primary/repository/loader';
import type { Reading } from '@zonewright/primary/repository/repository';
import test from 'ava';
import {
  fileText,
  KEYS,
  origin,
  otherText,
  PEER,
  recorder,
  SECRET,
  startWorld,
  unused,
  update,
  type World,
} from '../support/fake-primary.ts';
import { FakeStore } from '../support/fake-store.ts';
import { given, nameOf, zoneOf } from '../support/records.ts';
import { until } from '../support/until.ts';

/** What is not said in each test: the rest of the options of a primary. */
const REST = {
  ack: 'push',
  unpushed: { updates: 10_000, age: 86_400 },
  serialPolicy: 'auto',
  isTransferOpen: false,
  version: '1',
  id: 'test',
  onChange: () => undefined,
} as const;

const start = (files: Readonly<Record<string, string>>, serialPolicy: 'auto' | 'strict' = 'auto'): Promise<World> =>
  startWorld(files, { ack: 'push', serialPolicy });

const ADD = update('new 60 A 192.0.2.9');
const ADD_ONCE = update('new 60 A 192.0.2.9', [unused('new')]);

test('an update is in the remote and visible when it is acknowledged, and the rest of the file stays', async (t) => {
  const { store, primary, events, changes, serial, has } = await start({ example: fileText(1), 'example._keys': KEYS });
  t.deepEqual(await primary.update(ADD, PEER), { rcode: 0 });
  t.true(has('new'));
  t.is(serial(), 2);
  t.true(store.text('example').startsWith('$TTL 60 ; mine\n@ SOA ns hostmaster 2 3600'));
  t.regex(store.text('example'), /^new\b.*192\.0\.2\.9$/m);
  t.is(store.text('example._keys'), KEYS);
  t.regex(
    store.messages.at(-1)!,
    /^example: update by 192\.0\.2\.77:4242\n\nBy personal\._update\.example from 192\.0\.2\.77:4242, zone example:\n\+ new 60 IN A 192\.0\.2\.9\n\nexample: serial 1 -> 2\n\nZonewright-Journal: [0-9a-f]{32} 1 [0-9a-f]{32}\n$/,
  );
  t.deepEqual(changes, ['example. 1', 'example. 2']);
  t.is(events.filter((event) => event === 'update.accepted').length, 1);
  t.like(primary.authority.identity, { commit: store.remote!.commit });
  t.is(primary.authority.historyOf(origin)!.since(1)!.length, 1);
  t.is(primary.authority.keys.size, 1);
  const { reads } = store;
  t.true((await primary.pull()).ok);
  t.is(store.reads, reads, 'what we wrote ourselves is not read back');
  t.deepEqual(await primary.update(ADD, PEER), { rcode: 0 }, 'nothing to do');
  t.is(store.pushes, 1);
});

test('what an update is refused for is said with the same code (EDE 18) however late it is found; of a prerequisite it is 0', async (t) => {
  const { primary } = await start({ example: fileText(1) });
  t.like(await primary.update(update('@ 60 NS nothing'), PEER), { rcode: 5, ede: { code: 18 } });
  const inUse = { ...unused('new'), class: CLASS.ANY };
  t.like(await primary.update(update('new 60 A 192.0.2.9', [inUse]), PEER), {
    rcode: 3,
    ede: { code: 0 },
  });
});

test('what was judged by updates that then failed is not refused, nor said to be done: it fails with them', async (t) => {
  const { store, primary, serial } = await start({ example: fileText(1), other: otherText(1) });
  store.pushEnds = ['rejected'];
  const inUse = { ...unused('new'), name: nameOf('new.other.'), class: CLASS.ANY };
  const inOther = update('new.other. 60 A 192.0.2.9', [inUse], nameOf('other.'));
  const verdicts = await Promise.all([ADD_ONCE, ADD_ONCE, ADD, inOther].map((each) => primary.update(each, PEER)));
  t.deepEqual(
    verdicts.map(({ rcode }) => printRcode(rcode)),
    ['SERVFAIL', 'SERVFAIL', 'SERVFAIL', 'NXDOMAIN'],
  );
  t.is(serial(), 1);
  const again = await Promise.all([ADD_ONCE, ADD_ONCE, ADD].map((each) => primary.update(each, PEER)));
  t.deepEqual(
    again.map(({ rcode }) => printRcode(rcode)),
    ['NOERROR', 'YXDOMAIN', 'NOERROR'],
  );
});

test('a push of unknown outcome that has landed is acknowledged once, and not done twice', async (t) => {
  const { store, primary, changes, events, serial, has } = await start({ example: fileText(1) });
  store.pushEnds = ['landed'];
  t.deepEqual(await primary.update(ADD_ONCE, PEER), { rcode: 0 });
  t.true(has('new'));
  t.is(serial(), 2);
  t.is(store.pushes, 1);
  t.deepEqual(changes, ['example. 1', 'example. 2']);
  t.is(events.filter((event) => event === 'update.accepted').length, 1);
});

test('a push of unknown outcome that has landed is acknowledged also when others have pushed on top of it', async (t) => {
  const { store, primary, serial } = await start({ example: fileText(1) });
  store.pushEnds = ['landed'];
  store.afterPush = () => {
    store.afterPush = undefined;
    store.pushElsewhere({ other: otherText(1) });
  };
  t.deepEqual(await primary.update(ADD_ONCE, PEER), { rcode: 0 });
  t.is(serial(), 2);
  t.is(primary.zones.size, 2);
});

test('a push of unknown outcome that has not landed is done again', async (t) => {
  const { store, primary, serial } = await start({ example: fileText(1) });
  store.pushEnds = ['lost', 'lost'];
  t.deepEqual(await primary.update(ADD_ONCE, PEER), { rcode: 0 });
  t.is(store.pushes, 3);
  t.is(serial(), 2);
  t.is(store.messages.length, 2);
});

test('an update whose outcome cannot be learnt fails, and is seen with the next pull if it did land', async (t) => {
  for (const end of ['lost', 'landed'] as const) {
    const { store, primary, serial, has } = await start({ example: fileText(1) });
    store.pushEnds = [end];
    store.afterPush = () => {
      store.isUnreachable = true;
    };
    const verdict = await primary.update(ADD_ONCE, PEER);
    t.is(printRcode(verdict.rcode), 'SERVFAIL');
    t.regex(verdict.ede!.text, /whether the change was written to git is not known/);
    t.false(has('new'));
    store.isUnreachable = false;
    store.afterPush = undefined;
    t.true((await primary.pull()).ok);
    t.is(has('new'), end === 'landed');
    t.is(serial(), end === 'landed' ? 2 : 1);
  }
});

test('an update runs again on the new head when others were faster, however often', async (t) => {
  const { store, primary, serial, has } = await start({ example: fileText(1) });
  let moves = 0;
  store.beforePush = () => {
    if (++moves <= 20) store.pushElsewhere({ example: fileText(1 + moves, `other${moves} A 192.0.2.${moves}`) });
  };
  t.deepEqual(await primary.update(ADD, PEER), { rcode: 0 });
  t.is(store.pushes, 21);
  t.is(serial(), 22);
  t.true(has('new') && has('other20') && !has('other19'));
  t.regex(store.text('example'), /^other20 /m, 'nothing of theirs is overwritten');
});

test('an update that others always forestall is tried until the server stops, and fails then', async (t) => {
  const { store, primary, events, has } = await start({ example: fileText(1) });
  let moves = 0;
  store.beforePush = () => store.pushElsewhere({ 'README.md': `${++moves}` });
  const verdict = primary.update(ADD, PEER);
  await until(() => store.pushes > 60, { what: 'it has tried often' });
  await primary.close(10_000);
  t.is(printRcode((await verdict).rcode), 'SERVFAIL');
  t.true(events.includes('update.failed'));
  t.false(has('new'));
});

test('prerequisites are judged anew on what others pushed', async (t) => {
  const { store, primary, serial } = await start({ example: fileText(1) });
  store.beforePush = () => {
    store.beforePush = undefined;
    store.pushElsewhere({ example: fileText(2, 'new A 192.0.2.1') });
  };
  t.is(printRcode((await primary.update(ADD_ONCE, PEER)).rcode), 'YXDOMAIN');
  t.is(serial(), 2);
});

test('a zone that others removed meanwhile takes no update', async (t) => {
  const { store, primary, changes } = await start({ example: fileText(1) });
  store.beforePush = () => {
    store.beforePush = undefined;
    store.pushElsewhere({ example: undefined });
  };
  t.is(printRcode((await primary.update(ADD, PEER)).rcode), 'NOTAUTH');
  t.is(primary.zones.size, 0);
  t.deepEqual(changes, ['example. 1', 'example. 1'], 'withdrawn, with what it was');
});

test('a remote that cannot be reached or declines changes nothing', async (t) => {
  for (const end of ['unreachable', 'rejected'] as const) {
    const { store, primary, serial, has } = await start({ example: fileText(1) });
    store.pushEnds = [end];
    const verdict = await primary.update(ADD, PEER);
    t.is(printRcode(verdict.rcode), 'SERVFAIL');
    t.false(has('new'));
    t.is(serial(), 1);
    t.is(store.pushes, 1);
    t.deepEqual(await primary.update(ADD, PEER), { rcode: 0 }, 'the next one has its own chance');
  }
});

test('updates take turns, each on the version that the one before left', async (t) => {
  const { store, primary, serial, has } = await start({ example: fileText(1) });
  store.pushEnds = ['lost', 'ok', 'landed'];
  const all = Array.from({ length: 10 }, (_, i) =>
    primary.update(update(`n${i} 60 A 192.0.2.${i}`, [unused(`n${i}`)]), PEER),
  );
  for (const verdict of await Promise.all(all)) t.deepEqual(verdict, { rcode: 0 });
  t.is(serial(), 11);
  t.true(Array.from({ length: 10 }, (_, i) => has(`n${i}`)).every(Boolean));
  t.is(primary.authority.historyOf(origin)!.since(1)!.length, 10);
});

test('a file that cannot be read leaves everything as it was, and is read with the next pull', async (t) => {
  const { store, primary, serial } = await start({ example: fileText(1), other: otherText(1) });
  store.pushElsewhere({ example: fileText(2), other: otherText(2) });
  const oid = store.remote!.files.get('other')!;
  store.damaged.add(oid);
  const pulled = await primary.pull();
  t.is(pulled.ok ? '' : pulled.fault.kind, 'corrupt');
  t.is(serial(), 1, 'not the half of a commit');
  t.like(primary.status(), { remote: { kind: 'corrupt' } });
  store.damaged.clear();
  t.true((await primary.pull()).ok);
  t.is(serial(), 2);
  t.is(primary.status().remote, undefined);
  store.damaged.add(store.remote!.files.get('example')!);
  t.is(printRcode((await primary.update(ADD, PEER)).rcode), 'SERVFAIL');
});

test('a broken file keeps its last good version, takes no update, and does not hold up the others', async (t) => {
  const { store, primary, events, serial } = await start({ example: fileText(1), other: otherText(1) });
  store.pushElsewhere({ example: fileText(2, 'x A 1.2.3'), other: otherText(2) });
  t.true((await primary.pull()).ok);
  t.is(serial(), 1);
  t.is(primary.zones.get(nameOf('other.'))!.serial, 2);
  t.deepEqual([...primary.refusedFiles], ['example']);
  t.true(events.includes('zone.rejected'));
  const verdict = await primary.update(ADD, PEER);
  t.is(printRcode(verdict.rcode), 'SERVFAIL');
  t.regex(verdict.ede!.text, /the file example in git has errors/);
  t.is(store.pushes, 0);
  store.pushElsewhere({ example: fileText(3) });
  t.true((await primary.pull()).ok);
  t.is(serial(), 3);
  t.deepEqual(primary.refusedFiles, []);
});

test('a file that was never good is awaited, and what is no zone is left alone', async (t) => {
  const { primary } = await start({
    example: fileText(1, 'x A 1.2.3'),
    'README.md': 'no zone',
    Other: 'x',
    'x._keys': 'broken',
  });
  t.true(primary.zones.isAwaited(origin));
  t.deepEqual([...primary.refusedFiles], ['example', 'x._keys']);
  t.is(primary.zones.size, 0);
});

test('a key file whose name is not quite one is warned of, since somebody believes it in force', async (t) => {
  const { lines } = await start({ 'README.md': 'no zone', 'X._keys': 'x', 'y._keys.': 'x', _keys: '' });
  const ignored = lines.filter(({ event }) => event === 'file.ignored');
  const told = ignored.map(({ fields, message }) => [fields.file, message !== undefined]);
  t.deepEqual(Object.fromEntries(told), { 'README.md': false, 'X._keys': true, 'y._keys.': true });
});

/** Waits until the file at the head has this serial. */
const showsSerial = async ({ store }: World, serial: number): Promise<void> => {
  await until(() => store.text('example').includes(`hostmaster ${serial} `), { what: `the file says ${serial}` });
};

test('content without a newer serial is served with one, which is written back', async (t) => {
  const world = await start({ example: fileText(7) });
  const { store, primary, events, serial, has } = world;
  for (const [written, expected] of [
    [7, 8],
    [3, 9],
  ] as const) {
    store.pushElsewhere({ example: fileText(written, `n${written} A 192.0.2.1`) });
    t.true((await primary.pull()).ok);
    t.is(serial(), expected);
    t.true(has(`n${written}`));
    await showsSerial(world, expected);
    t.true(store.text('example').startsWith('$TTL 60 ; mine\n'));
  }
  t.regex(
    store.messages.at(-1)!,
    /^example: raise the serial\n\nexample: serial 3 -> 9\n\nZonewright-Unserved: example 3\nZonewright-Journal: /,
  );
  await until(() => events.filter((event) => event === 'serial.raised').length === 2, { what: 'both are said' });
  store.pushElsewhere({ example: store.text('example').replace('hostmaster 9 ', 'hostmaster 4 ') });
  t.true((await primary.pull()).ok);
  t.is(serial(), 9, 'the same content is not published again');
  await showsSerial(world, 9);
});

test('a raised serial that could not be written back is written later', async (t) => {
  for (const end of ['unreachable', 'lost', 'landed', 'rejected'] as const) {
    const world = await start({ example: fileText(7) });
    const { store, primary, serial } = world;
    store.pushElsewhere({ example: fileText(7, 'a A 192.0.2.1') });
    store.pushEnds = [end];
    t.true((await primary.pull()).ok);
    t.is(serial(), 8, 'it is served all the same');
    await showsSerial(world, 8);
    await world.written();
    t.is(serial(), 8);
    const { pushes } = store;
    t.true((await primary.pull()).ok);
    t.is(store.pushes, pushes, 'and that is that');
  }
});

test('a raised serial is written back also when somebody else was faster with another file', async (t) => {
  const world = await start({ example: fileText(7), other: otherText(1) });
  const { store, primary, serial } = world;
  store.pushElsewhere({ example: fileText(7, 'a A 192.0.2.1') });
  store.beforePush = () => {
    store.beforePush = undefined;
    store.pushElsewhere({ other: otherText(2) });
  };
  t.true((await primary.pull()).ok);
  await showsSerial(world, 8);
  t.is(serial(), 8);
  t.is(primary.zones.get(nameOf('other.'))!.serial, 2);
});

test('with strict serials a file that has not raised its own is refused until it does', async (t) => {
  const { store, primary, serial, has } = await start({ example: fileText(7) }, 'strict');
  store.pushElsewhere({ example: fileText(7, 'a A 192.0.2.1') });
  t.true((await primary.pull()).ok);
  t.is(serial(), 7);
  t.false(has('a'));
  t.is(store.pushes, 0);
  t.deepEqual([...primary.refusedFiles], ['example']);
  t.is(printRcode((await primary.update(ADD, PEER)).rcode), 'SERVFAIL');
  store.pushElsewhere({ example: fileText(8, 'a A 192.0.2.1') });
  t.true((await primary.pull()).ok);
  t.true(has('a'));
});

test('a signed zone that has not raised its serial is refused: another serial would break its signature', async (t) => {
  const signedText = (serial: number, more = ''): string =>
    fileText(serial, `@ RRSIG SOA 13 1 3600 20400101000000 20200101000000 1 @ c2lnbmVk\n${more}`);
  const { store, primary, serial, has } = await start({ example: signedText(7) });
  store.pushElsewhere({ example: signedText(7, 'a A 192.0.2.1') });
  t.true((await primary.pull()).ok);
  t.deepEqual([serial(), has('a'), store.pushes], [7, false, 0]);
  t.deepEqual([...primary.refusedFiles], ['example']);
  t.regex(primary.refusal(origin)!, /^example:\d+:1: SOA must increase .*sign the zone again/);
  store.pushElsewhere({ example: signedText(8, 'a A 192.0.2.1') });
  t.true((await primary.pull()).ok);
  t.deepEqual([serial(), has('a')], [8, true]);
});

test('what is known is served while the remote cannot be reached', async (t) => {
  const { store, serial } = await start({ example: fileText(1) });
  store.isUnreachable = true;
  const { log } = recorder();
  const again = new Primary({ ...REST, repository: new GitRepository(store), journal: memoryJournal(), log });
  t.is(again.authority.isReady, false, 'nobody knows the keys');
  t.true((await again.loadKnown()).ok);
  t.is(again.authority.isReady, true);
  const pulled = await again.pull();
  t.is(pulled.ok ? '' : pulled.fault.kind, 'unreachable');
  t.is(again.zones.get(origin)?.serial, serial());
});

test('a commit is said to be in force once all of its zones are published, and not before', async (t) => {
  const { store, primary } = await start({ example: fileText(1), other: otherText(1) });
  const before = store.remote!.commit;
  const commit = (): string | undefined => primary.authority.identity.commit;
  const seen: (string | undefined)[] = [];
  const note = (): void => void seen.push(commit());
  t.is(commit(), before);
  t.teardown(primary.zones.follow({ set: note, await: note, delete: note }));
  seen.length = 0;
  store.pushElsewhere({ example: fileText(2), other: undefined, third: otherText(1).replace('example', 'other') });
  t.true((await primary.pull()).ok);
  t.deepEqual(seen, [before, before, before]);
  t.is(commit(), store.remote!.commit);
});

test('pulls that come while one waits share it', async (t) => {
  const { store, primary } = await start({ example: fileText(1) });
  let fetches = 0;
  const { fetch } = store;
  store.fetch = () => {
    fetches++;
    return fetch.call(store);
  };
  await Promise.all(Array.from({ length: 10 }, () => primary.pull()));
  t.is(fetches, 1);
});

/** What a load gives: the readings, and the files that are gone. */
const loadAll = async (loader: Loader, store: FakeStore): Promise<{ readings: Reading[]; gone: readonly string[] }> => {
  const loading = loader.load(given(await store.fetch())!);
  const readings: Reading[] = [];
  for (;;) {
    const step = await loading.next();
    if (step.done === true) return { readings, gone: given(step.value) };
    readings.push(step.value);
  }
};

test('the loader reads only what changed, and tells what is gone', async (t) => {
  const store = new FakeStore({
    example: fileText(1),
    other: otherText(1),
    'example._keys': KEYS,
    'README.md': 'x',
    notes: 'no zone\n',
  });
  const loader = new Loader(store);
  const load = async (): Promise<{ zones: string[]; keys: number; others: string[]; gone: string[]; read: number }> => {
    const before = store.reads;
    const { readings, gone } = await loadAll(loader, store);
    return {
      zones: readings
        .flatMap((each) => (each.kind === 'zone' && each.zone !== undefined ? [each.fileName] : []))
        .sort(),
      keys: readings.filter(({ kind }) => kind === 'keys').length,
      others: readings.flatMap((each) => (each.kind === 'zone' && each.zone === undefined ? [each.fileName] : [])),
      gone: [...gone],
      read: store.reads - before,
    };
  };
  t.like(await load(), { zones: ['example', 'other'], keys: 1, others: ['notes'], gone: [] });
  t.like(await load(), { zones: [], keys: 0, others: [], gone: [], read: 0 });
  store.pushElsewhere({ example: fileText(2), other: undefined });
  t.like(await load(), { zones: ['example'], gone: ['other'], read: 1 });
  store.pushElsewhere({ 'example._keys': undefined, notes: otherText(1) });
  t.like(await load(), { zones: ['notes'], gone: ['example._keys'], read: 1 });
});

test('a file that is no zone any more is one that has errors: a zone does not vanish by a mistake', async (t) => {
  const { store, primary } = await start({ example: fileText(1), notes: 'no zone\n' });
  t.deepEqual(primary.refusedFiles, []);
  store.pushElsewhere({ example: 'no zone any more\n' });
  t.true((await primary.pull()).ok);
  t.deepEqual(primary.refusedFiles, ['example']);
  t.is(primary.zones.get(origin)?.serial, 1);
});

test('a zone is read again when a file that it includes changes, comes or goes', async (t) => {
  const store = new FakeStore({
    example: fileText(1, '$INCLUDE hosts', '$INCLUDE more'),
    hosts: 'a A 192.0.2.1\n$INCLUDE deep\n',
  });
  const loader = new Loader(store);
  const load = async (): Promise<string[]> => {
    const { readings } = await loadAll(loader, store);
    return readings.flatMap((each) => {
      if (each.kind !== 'zone' || each.reason !== undefined) return [];
      if (each.zone === undefined) return [each.errors.map(({ file, what }) => `${file ?? ''}: ${what}`).join()];
      return [`${each.fileName} ${[...Zone.ofHandle(each.zone).records()].map(({ name }) => name).join(' ')}`];
    });
  };
  t.deepEqual(await load(), [": there is no file 'more' to include,hosts: there is no file 'deep' to include"]);
  store.pushElsewhere({ deep: 'b A 192.0.2.2\n', more: '' });
  t.deepEqual(await load(), ['example example. a.example. b.example.']);
  t.deepEqual(await load(), []);
  store.pushElsewhere({ deep: 'c A 192.0.2.2\n' });
  t.deepEqual(await load(), ['example example. a.example. c.example.']);
  store.pushElsewhere({ deep: 'c A x\n' });
  t.deepEqual(await load(), ["deep: 'x' is no IPv4 address"]);
  store.pushElsewhere({ more: undefined, deep: '' });
  t.deepEqual(await load(), [": there is no file 'more' to include"]);
  store.pushElsewhere({ more: 'd A 192.0.2.3\n' });
  t.deepEqual(await load(), ['example example. a.example. d.example.']);
  const { reads } = store;
  store.pushElsewhere({ 'README.md': 'x' });
  t.deepEqual(await load(), []);
  t.is(store.reads, reads);
});

test('a file of keys is not read for $INCLUDE', async (t) => {
  const store = new FakeStore({ example: fileText(1, '$INCLUDE example._keys'), 'example._keys': KEYS });
  const { readings } = await loadAll(new Loader(store), store);
  t.is(store.reads, 2);
  const zones = readings.filter((each) => each.kind === 'zone');
  t.like(zones[0]?.errors[0], { line: 4, what: 'a file of keys is not included' });
  t.false(JSON.stringify(zones).includes(SECRET.slice(0, 12)));
});

test('an included file that is too large or damaged is a fault of the zone, or of the store', async (t) => {
  const store = new FakeStore({ example: fileText(1, '$INCLUDE hosts'), hosts: 'a A 192.0.2.1\n' });
  const oid = store.remote!.files.get('hosts')!;
  store.oversized.add(oid);
  const { readings } = await loadAll(new Loader(store), store);
  t.like(readings[0], { errors: [{ line: 4, what: "there is no file 'hosts' to include" }] });
  store.oversized.delete(oid);
  store.damaged.add(oid);
  const loading = new Loader(store).load(given(await store.fetch())!);
  t.like(await loading.next(), { done: true, value: { ok: false, fault: { kind: 'corrupt' } } });
});

test('an update of a zone that includes files leaves those alone, and writes out the directive whose records it changes', async (t) => {
  const text = fileText(1, '$INCLUDE hosts', '$GENERATE 1-2 g$ A 192.0.2.$', 'z A 192.0.2.3');
  const { store, primary, serial, has } = await start({ example: text, hosts: 'a A 192.0.2.1\nb A 192.0.2.2\n' });
  t.deepEqual(await primary.update(ADD, PEER), { rcode: 0 });
  t.is(store.text('example'), `${text.replace('hostmaster 1', 'hostmaster 2')}new A 192.0.2.9\n`);
  const gone = { ...unused('b'), type: TYPE.A };
  t.deepEqual(await primary.update({ ...ADD, operations: [{ ...gone, class: CLASS.ANY }] }, PEER), { rcode: 0 });
  t.is(
    store.text('example'),
    `${text.replace('hostmaster 1', 'hostmaster 3').replace('$INCLUDE hosts', '; $INCLUDE hosts\na\tA\t192.0.2.1')}new A 192.0.2.9\n`,
  );
  t.is(store.text('hosts'), 'a A 192.0.2.1\nb A 192.0.2.2\n');
  t.is(serial(), 3);
  t.false(has('b'));
  store.pushElsewhere({ hosts: 'b A 192.0.2.66\n' });
  t.true((await primary.pull()).ok);
  t.is(serial(), 3, 'it is not included any more');
});

test('keys are never in what a load finds', async (t) => {
  const store = new FakeStore({
    'example._keys': `${KEYS}x._update.example. DNSKEY 0 3 157 ${SECRET}\nbad line ${SECRET}\n`,
  });
  const { readings } = await loadAll(new Loader(store), store);
  const [findings] = readings.flatMap((each) => (each.kind === 'keys' ? [each.findings] : []));
  t.true(findings!.length > 0);
  t.false(JSON.stringify(findings).includes(SECRET.slice(0, 12)));
});

test('an edited file gets the serial that is served, also when its own lags behind', (t) => {
  const zone = zoneOf('@ 60 NS ns.other.', '@ 60 SOA ns hostmaster 9 3600 600 86400 300');
  const edited = editedFile(Buffer.from(fileText(3)), zone, undefined);
  t.is(Buffer.from(given(edited)).toString(), fileText(9));
  t.false(editedFile(Buffer.from(`${fileText(3)}broken line here\n`), zone, undefined).ok);
});

test('a file that is larger than can be read is refused, and does not hold up the others', async (t) => {
  const { store, primary, serial, has } = await start({
    example: fileText(1),
    'example._keys': KEYS,
    'other.test': otherText(1),
  });
  store.pushElsewhere({
    example: fileText(2, 'new A 192.0.2.9'),
    'other.test': otherText(2),
    'third.test': otherText(1),
  });
  for (const fileName of ['other.test', 'third.test']) store.oversized.add(store.remote!.files.get(fileName)!);
  t.true((await primary.pull()).ok);
  t.is(serial(), 2);
  t.true(has('new.example.'));
  t.deepEqual(primary.refusedFiles, ['other.test']);
  t.is(primary.zones.get(nameOf('other.test.'))?.serial, 1);
  t.is(primary.zones.get(nameOf('third.test.')), undefined);
});

test('a key file has a say only in its own domain, and of two keys with one name neither is used', async (t) => {
  const line = (name: string, secret: string): string =>
    `${name} DNSKEY 0 3 163 ${Buffer.from(secret).toString('base64')}\n`;
  const { primary, events } = await start({
    example: fileText(1),
    'example._keys': line('good._update.example.', 'one') + line('twice._update.example.', 'one'),
    _keys: line('twice._update.example.', 'two') + line('same._update.example.', 'one'),
    '_update.example._keys': line('evil._update.example.', 'three') + line('good._update.example.', 'three'),
  });
  const names = [...primary.authority.keys].map(({ name }) => name.toString()).sort();
  t.deepEqual(names, ['good._update.example.', 'same._update.example.']);
  t.is(events.filter((event) => event === 'key.rejected').length, 3);
});

test('a key file with errors keeps its last good version, and is named as refused', async (t) => {
  const { store, primary } = await start({ example: fileText(1), 'example._keys': KEYS });
  store.pushElsewhere({ 'example._keys': `( ${KEYS}` });
  t.true((await primary.pull()).ok);
  t.deepEqual(
    [...primary.authority.keys].map(({ name }) => name.toString()),
    ['personal._update.example.'],
  );
  t.deepEqual(primary.refusedFiles, ['example._keys']);
  store.pushElsewhere({ 'example._keys': '; no keys any more\n' });
  t.true((await primary.pull()).ok);
  t.is(primary.authority.keys.size, 0);
  t.deepEqual(primary.refusedFiles, []);
});

test('a branch that is gone is a fault that says so, and what was read stays served', async (t) => {
  const { store, primary, serial } = await start({ example: fileText(1), 'example._keys': KEYS });
  store.remote = undefined;
  const pulled = await primary.pull();
  t.regex(pulled.ok ? '' : pulled.fault.what, /branch is not there any more/);
  t.is(serial(), 1);
  const verdict = await primary.update(update('new 60 A 192.0.2.9'), PEER);
  t.is(printRcode(verdict.rcode), 'SERVFAIL');
});

test('why the latest version of a zone is not served can be asked', async (t) => {
  const { store, primary } = await start({ example: fileText(1), 'example._keys': KEYS });
  t.is(primary.refusal(origin), undefined);
  store.pushElsewhere({ example: fileText(2, 'www A 1.2.3') });
  t.true((await primary.pull()).ok);
  t.regex(primary.refusal(origin) ?? '', /^example:4:\d+: .*1\.2\.3/);
});

test('a primary that is being stopped answers the updates it has taken, and takes no more', async (t) => {
  const { store, primary } = await start({ example: fileText(1), 'example._keys': KEYS });
  const taken = [
    primary.update(update('one 60 A 192.0.2.1'), PEER),
    primary.update(update('two 60 A 192.0.2.2'), PEER),
  ];
  const closing = primary.close(5000);
  const late = await primary.update(update('three 60 A 192.0.2.3'), PEER);
  t.is(printRcode(late.rcode), 'SERVFAIL');
  t.regex(late.ede?.text ?? '', /being stopped/);
  await closing;
  t.deepEqual(
    (await Promise.all(taken)).map(({ rcode }) => printRcode(rcode)),
    ['NOERROR', 'NOERROR'],
  );
  t.is(store.pushes, 1);
});

test.serial('a large zone that is mostly garbage is copied by the repository, and updates do not notice', async (t) => {
  const hosts = Array.from({ length: 20_000 }, (_, i) => `host${i} A 192.0.2.1`);
  const store = new FakeStore({ example: fileText(1, ...hosts) });
  const repository = new GitRepository(store);
  let copies = 0;
  const { condense } = repository;
  repository.condense = (zone) => {
    copies++;
    return condense.call(repository, zone);
  };
  const primary = new Primary({ ...REST, repository, journal: memoryJournal(), log: recorder().log });
  t.true((await primary.pull()).ok);
  const { end } = primary.zones.get(origin)!.image;
  const adds = (from: number): string =>
    Array.from({ length: 5000 }, (_, i) => `new${from + i} 60 A 192.0.2.9`).join('\n');
  const all = Array.from({ length: 4 }, (_, i) => primary.update(update(adds(5000 * i)), PEER));
  for (const verdict of await Promise.all(all)) t.deepEqual(verdict, { rcode: 0 });
  t.true((await primary.pull()).ok);
  const zone = primary.zones.get(origin)!;
  t.deepEqual([copies, zone.serial, zone.size], [1, 5, 40_002]);
  t.true(zone.find(nameOf('new19999', origin)) !== undefined);
  t.true(zone.image.end < 2.2 * end, `${zone.image.end} words after ${end}`);
  t.is(primary.authority.historyOf(origin)!.since(1)!.length, 4);
  t.true((await primary.update(update('last 60 A 192.0.2.9'), PEER)).rcode === 0);
});
