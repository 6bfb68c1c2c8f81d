import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Name } from '@zonewright/common/name';
import type { Copies, Copy } from '@zonewright/common/service/copies';
import { exitCodeOf } from '@zonewright/common/service/exit';
import type { Delta } from '@zonewright/common/zone/delta';
import type { Zone } from '@zonewright/common/zone/zone';
import { openCopies } from '@zonewright/secondary/copies/copies';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { open } from 'lmdb';
import { contentOf, copiesProgram, isVersion, largeZone, nextOf, stateAt, zoneAt } from '../support/copies.ts';
import { isWhole, runs } from '../support/extent.ts';
import { type Logged, recorder } from '../support/fake-primary.ts';
import { testUnless } from '../support/needs.ts';
import { temporaryFolder } from '../support/owner.ts';
import { run } from '../support/process.ts';
import { given, nameOf, zoneOf } from '../support/records.ts';
import { longestStall } from '../support/stall.ts';
import { until } from '../support/until.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const FILE = 'copies.mdb';
/** Milliseconds that control may be held. */
const BUSY = 50;

interface Opened {
  readonly copies: Copies;
  readonly lines: readonly Logged[];
}

async function opened(t: ExecutionContext, folder: string): Promise<Opened> {
  const { log, lines } = recorder();
  const copies = given(await openCopies(folder, { log }));
  t.teardown(() => copies.close());
  return { copies, lines };
}

const folderOf = (t: ExecutionContext): string => join(temporaryFolder(t, 'copies'), 'copies');

async function loaded(copies: Copies): Promise<ReadonlyMap<string, Copy>> {
  const all = new Map<string, Copy>();
  await copies.load((copy) => void all.set(copy.zone.origin.toString(), copy));
  return all;
}

/** What is there after a restart. */
async function kept(t: ExecutionContext, folder: string): Promise<ReadonlyMap<string, Copy>> {
  const { copies } = await opened(t, folder);
  const all = await loaded(copies);
  await copies.close();
  return all;
}

const sized = (folder: string): number => statSync(join(folder, FILE)).size;

test('a zone comes back with its state and with how it came about', async (t) => {
  const folder = folderOf(t);
  const { copies } = await opened(t, folder);
  t.is((await loaded(copies)).size, 0);
  const first = zoneAt('mirage.', 1);
  const second = nextOf(first);
  const third = nextOf(second.zone);
  copies.save(first, undefined, stateAt(1));
  copies.save(second.zone, [second.delta], stateAt(2));
  copies.save(third.zone, [third.delta], stateAt(3));
  copies.save(zoneAt('Other.', 7), undefined, stateAt(7, nameOf('catalog.')));
  copies.save(zoneAt('.', 9), undefined, stateAt(9, 'notify'));
  copies.confirm(nameOf('OTHER.'), stateAt(8, nameOf('catalog.')));
  copies.confirm(nameOf('unknown.'), stateAt(8));
  await copies.close();
  const all = await kept(t, folder);
  t.deepEqual([...all.keys()].sort(), ['.', 'Other.', 'mirage.']);
  const mirage = all.get('mirage.')!;
  t.true([...all.values()].every(({ zone }) => isVersion(zone)));
  t.deepEqual([mirage.zone.serial, mirage.state], [3, stateAt(3)]);
  t.deepEqual(mirage.deltas, [second.delta, third.delta]);
  t.deepEqual(all.get('Other.')?.state, stateAt(8, nameOf('catalog.')));
  t.deepEqual(all.get('.')?.state, stateAt(9, 'notify'));
});

test('what comes while others are written waits for those that come after it', async (t) => {
  const clock = new VirtualClock();
  const copies = given(await openCopies(folderOf(t), { log: recorder().log, clock }));
  t.teardown(() => copies.close());
  /** All requests take turns. */
  const turn = () => loaded(copies);
  copies.save(zoneAt('one.', 1), undefined, stateAt(1));
  await clock.advance(100);
  copies.save(zoneAt('two.', 1), undefined, stateAt(1));
  copies.save(zoneAt('three.', 1), undefined, stateAt(1));
  t.deepEqual([...(await turn()).keys()], ['one.']);
  t.is(copies.waiting, 2);
  await clock.advance(100);
  t.is((await turn()).size, 3);
  copies.save(zoneAt('four.', 1), undefined, stateAt(1));
  await copies.close();
  t.is(copies.waiting, 0, 'at the end nothing waits');
});

test('a zone that was removed is gone, and one of that name may come again', async (t) => {
  const folder = folderOf(t);
  const first = await opened(t, folder);
  for (const zone of ['a.test.', 'b.test.', 'c.test.']) first.copies.save(zoneAt(zone, 5), undefined, stateAt(5));
  first.copies.remove(nameOf('a.test.'));
  await first.copies.close();
  const second = await opened(t, folder);
  t.is((await loaded(second.copies)).size, 2);
  second.copies.remove(nameOf('B.test.'));
  second.copies.remove(nameOf('c.test.'));
  second.copies.save(zoneAt('c.test.', 2), undefined, stateAt(2));
  await second.copies.close();
  const all = await kept(t, folder);
  t.deepEqual(
    [...all.values()].map(({ zone }) => [zone.origin.toString(), zone.serial, isVersion(zone)]),
    [['c.test.', 2, true]],
  );
});

test('changes after a restart go on from what was loaded', async (t) => {
  const folder = folderOf(t);
  let zone: Zone = zoneAt('mirage.', 1);
  const deltas: Delta[] = [];
  const first = await opened(t, folder);
  first.copies.save(zone, undefined, stateAt(1));
  await first.copies.close();
  for (let round = 0; round < 3; round++) {
    const { copies } = await opened(t, folder);
    zone = (await loaded(copies)).get('mirage.')!.zone;
    for (let i = 0; i < 5; i++) {
      const next = nextOf(zone);
      zone = next.zone;
      deltas.push(next.delta);
      copies.save(zone, [next.delta], stateAt(zone.serial));
    }
    await copies.close();
  }
  const copy = (await kept(t, folder)).get('mirage.')!;
  t.true(isVersion(copy.zone));
  t.is(copy.zone.serial, 16);
  t.deepEqual(copy.deltas, deltas);
});

test('a version that does not follow on the one that is kept is written whole', async (t) => {
  const folder = folderOf(t);
  const { copies } = await opened(t, folder);
  copies.save(zoneAt('mirage.', 1), undefined, stateAt(1));
  const [third, other] = [nextOf(zoneAt('mirage.', 2)), nextOf(zoneAt('other.', 4))];
  copies.save(third.zone, [third.delta], stateAt(3));
  copies.save(other.zone, [other.delta], stateAt(5));
  await copies.close();
  const all = await kept(t, folder);
  t.true([...all.values()].every(({ zone, deltas }) => isVersion(zone) && deltas.length === 0));
  t.deepEqual([all.get('mirage.')?.zone.serial, all.get('other.')?.zone.serial], [3, 5]);
});

test('whatever is published, the newest version of each zone comes back with a way that leads to it', async (t) => {
  type Step = { readonly zone: number; readonly what: 'change' | 'whole' | 'confirm' | 'remove' | 'restart' };
  const step: fc.Arbitrary<Step> = fc.record({
    zone: fc.integer({ min: 0, max: 2 }),
    what: fc.constantFrom('change', 'change', 'change', 'change', 'whole', 'confirm', 'remove', 'restart'),
  });
  const check = async (steps: readonly Step[]): Promise<void> => {
    const folder = folderOf(t);
    const model = new Map<string, { zone: Zone; time: number; deltas: number }>();
    let { copies } = await opened(t, folder);
    const compare = async (): Promise<void> => {
      await copies.close();
      ({ copies } = await opened(t, folder));
      const all = await loaded(copies);
      t.deepEqual([...all.keys()].sort(), [...model.keys()].sort());
      for (const [name, { zone, state, deltas }] of all) {
        const expected = model.get(name)!;
        t.true(zone.serial === expected.zone.serial && isVersion(zone));
        t.deepEqual(state, stateAt(expected.time));
        t.is(deltas.length, expected.deltas);
        for (const [i, delta] of deltas.entries()) t.is(delta.to, deltas[i + 1]?.from ?? zone.serial);
        model.set(name, { ...expected, zone });
      }
    };
    let time = 0;
    for (const { zone: number, what } of steps) {
      const name = `z${number}.`;
      const known = model.get(name);
      time++;
      if (what === 'restart') await compare();
      else if (what === 'remove') {
        copies.remove(nameOf(name));
        model.delete(name);
      } else if (what === 'confirm') {
        copies.confirm(nameOf(name), stateAt(time));
        if (known !== undefined) model.set(name, { ...known, time });
      } else if (known === undefined || what === 'whole') {
        const zone = zoneAt(name, (known?.zone.serial ?? 0) + 3);
        copies.save(zone, undefined, stateAt(time));
        model.set(name, { zone, time, deltas: 0 });
      } else {
        const next = nextOf(known.zone);
        copies.save(next.zone, [next.delta], stateAt(time));
        model.set(name, { zone: next.zone, time, deltas: known.deltas + 1 });
      }
    }
    await compare();
    await copies.close();
  };
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), check), { numRuns: runs(16) });
});

test('any record comes back as it was, also where a set or a name has very many', async (t) => {
  const folder = folderOf(t);
  const { copies } = await opened(t, folder);
  const long = 'x'.repeat(250);
  const lines = [
    '@ 3600 NS ns',
    '*.wild 60 TXT "a"',
    '\\000\\255.Mixed.CASE 1 TYPE65280 \\# 3 000102',
    'empty 2147483647 TYPE65281 \\# 0',
    ...Array.from({ length: 2000 }, (_, i) => `many 300 TXT "${long}" "${i}"`),
    ...Array.from({ length: 3 }, (_, i) => `large 300 TYPE65282 \\# 60000 ${`0${i}`.repeat(60000)}`),
    ...Array.from({ length: 40 }, (_, i) => `types 300 TYPE${65300 + i} \\# 1 00`),
  ];
  const zone = zoneOf(lines.join('\n'));
  copies.save(zone, undefined, stateAt(1));
  await copies.close();
  const [copy] = [...(await kept(t, folder)).values()];
  t.is(contentOf(copy!.zone), contentOf(zone));
  t.is(copy!.zone.size, zone.size);
});

test('a process that is killed at any moment leaves versions as they were published', async (t) => {
  const folder = folderOf(t);
  let most = 0;
  for (const lines of isWhole ? [1, 2, 5, 40, 90, 170, 20, 60] : [1, 5, 170, 40]) {
    const child = spawn(process.execPath, [copiesProgram, folder, 'write'], { stdio: ['ignore', 'pipe', 'inherit'] });
    // It lets go of its output before it lets go of its folder.
    const ended = once(child, 'close');
    t.teardown(() => child.kill('SIGKILL'));
    let seen = 0;
    for await (const line of createInterface(child.stdout)) {
      t.notRegex(line, /damaged|failed|fault/);
      if (/^\d+$/.test(line) && ++seen === lines) child.kill('SIGKILL');
    }
    await ended;
    const { copies, lines: said } = await opened(t, folder);
    const all = await loaded(copies);
    await copies.close();
    t.deepEqual(said, []);
    for (const { zone, deltas, state } of all.values()) {
      t.true(isVersion(zone), `${zone.origin} ${zone.serial}`);
      t.deepEqual(state, stateAt(zone.serial));
      for (const [i, delta] of deltas.entries()) t.is(delta.to, deltas[i + 1]?.from ?? zone.serial);
      most = Math.max(most, zone.serial);
    }
  }
  t.true(most > 100);
});

test('a second process is refused while one has the copies, and not when that was killed', async (t) => {
  const folder = folderOf(t);
  const child = spawn(process.execPath, [copiesProgram, folder, 'hold'], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  await once(createInterface(child.stdout), 'line');
  const refused = await openCopies(folder, recorder());
  t.false(refused.ok);
  if (refused.ok) return;
  t.deepEqual([refused.fault.kind, exitCodeOf({ ...refused.fault })], ['usage', 2]);
  t.true(refused.fault.what.endsWith('another process has it'), refused.fault.what);
  child.kill('SIGKILL');
  await once(child, 'close');
  await opened(t, folder);
});

test('a folder that cannot be is a fault', async (t) => {
  const folder = temporaryFolder(t, 'copies');
  writeFileSync(join(folder, 'file'), '');
  const below = await openCopies(join(folder, 'file', 'copies'), recorder());
  t.is(below.ok || below.fault.kind, 'usage');
  mkdirSync(join(folder, FILE));
  const instead = await openCopies(folder, recorder());
  t.is(instead.ok || instead.fault.kind, 'usage');
});

test('the folder and its files are for their owner only', async (t) => {
  const folder = folderOf(t);
  await opened(t, folder);
  const modeOf = (path: string): number => statSync(path).mode & 0o777;
  t.is(modeOf(folder), 0o700);
  for (const file of readdirSync(folder)) t.is(modeOf(join(folder, file)), 0o600, file);
});

/** A folder with three zones, one of them with deltas, closed. */
async function filled(t: ExecutionContext): Promise<string> {
  const folder = folderOf(t);
  const { copies } = await opened(t, folder);
  for (const zone of ['a.', 'b.', 'c.']) copies.save(zoneAt(zone, 1), undefined, stateAt(1));
  await copies.close();
  const again = await opened(t, folder);
  const { zone, delta } = nextOf((await loaded(again.copies)).get('b.')!.zone);
  again.copies.save(zone, [delta], stateAt(2));
  await again.copies.close();
  return folder;
}

for (const [what, letter] of [
  ['head', 'z'],
  ['snapshot', 'p'],
  ['delta', 'd'],
] as const) {
  test(`a damaged ${what} costs its zone its copy, and no other, and is said`, async (t) => {
    const folder = await filled(t);
    const db = open<Buffer, Buffer>({
      path: join(folder, FILE),
      noSubdir: true,
      encoding: 'binary',
      keyEncoding: 'binary',
      overlappingSync: false,
    });
    const keys = [...db.getKeys({ start: Buffer.from(letter), end: Buffer.from([letter.charCodeAt(0) + 1]) })];
    const value = Buffer.from(db.getBinary(keys[0]!)!);
    value[value.length - 1]! ^= 1;
    await db.put(keys[0]!, value);
    await db.close();
    const { copies, lines } = await opened(t, folder);
    const all = await loaded(copies);
    t.deepEqual(
      lines.map(({ event }) => event),
      ['copy.damaged'],
    );
    t.is(all.size, 2);
    t.true([...all.values()].every(({ zone }) => isVersion(zone)));
    const lost = ['a.', 'b.', 'c.'].find((zone) => !all.has(zone))!;
    copies.save(zoneAt(lost, 9), undefined, stateAt(9));
    await copies.close();
    t.is((await kept(t, folder)).get(lost)?.zone.serial, 9);
  });
}

test('a file that is no database is put aside, and copies are kept anew', async (t) => {
  const folder = folderOf(t);
  mkdirSync(folder);
  writeFileSync(join(folder, FILE), 'no database'.repeat(1000));
  const { copies, lines } = await opened(t, folder);
  t.deepEqual(
    lines.map(({ event }) => event),
    ['copies.damaged'],
  );
  t.true(existsSync(join(folder, `${FILE}.damaged`)));
  copies.save(zoneAt('mirage.', 1), undefined, stateAt(1));
  await copies.close();
  t.is((await kept(t, folder)).size, 1);
});

for (const [what, taken] of [
  ['folder', ''],
  ['file', FILE],
] as const) {
  test(`a ${what} that is taken away while it is used is said, and made anew with all copies`, async (t) => {
    const folder = await filled(t);
    const clock = new VirtualClock();
    const { log, lines } = recorder();
    const copies = given(await openCopies(folder, { log, clock }));
    t.teardown(() => copies.close());
    const { zone, delta } = nextOf((await loaded(copies)).get('b.')!.zone);
    copies.save(zoneAt('d.', 1), undefined, stateAt(1));
    await clock.advance(100);
    t.is((await loaded(copies)).size, 4, 'all requests take turns');
    rmSync(join(folder, taken), { recursive: true });
    copies.save(zone, [delta], stateAt(3));
    copies.remove(nameOf('c.'));
    await clock.advance(100);
    await until(() => copies.failure !== undefined, { what: 'it is known' });
    await until(() => clock.advance(1000).then(() => copies.failure === undefined), { what: 'it is mended' });
    t.deepEqual(
      lines.map(({ event }) => event),
      ['copies.failed', 'copies.written'],
    );
    t.false((await openCopies(folder, recorder())).ok, 'the folder is locked');
    await copies.close();
    const all = await kept(t, folder);
    t.deepEqual([...all.values()].map(({ zone: { origin, serial } }) => `${origin} ${serial}`).toSorted(), [
      'a. 1',
      `b. ${zone.serial}`,
      'd. 1',
    ]);
  });
}

test('a file that was damaged anywhere never ends the process, and no zone is another than it was', async (t) => {
  const folder = await filled(t);
  const good = readFileSync(join(folder, FILE));
  const damage = fc.record({ at: fc.nat({ max: good.length - 1 }), octet: fc.integer({ min: 1, max: 255 }) });
  const check = async (at: number, octet: number): Promise<void> => {
    const bad = Buffer.from(good);
    bad[at]! ^= octet;
    writeFileSync(join(folder, FILE), bad);
    const copies = given(await openCopies(folder, recorder()));
    const all = await loaded(copies);
    await copies.close();
    t.true(all.size <= 3 && [...all.values()].every(({ zone }) => isVersion(zone)));
  };
  await fc.assert(
    fc.asyncProperty(damage, ({ at, octet }) => check(at, octet)),
    { numRuns: runs(24) },
  );
});

/** What the program says that has no room for a large zone, and what is there then. */
async function afterFull(t: ExecutionContext, script: string, folder: string): Promise<void> {
  const { stdout, stderr, code } = await run('sh', ['-c', script, 'sh', process.execPath, copiesProgram, folder]);
  t.is(code, 0, stderr);
  const said = ['open', 'loaded', 'copies.failed', 'a failure, 2 waiting', 'copies.written', 'no failure, 0 waiting'];
  t.deepEqual(stdout.trim().split('\n'), said, `${stdout}${stderr}`);
}

test('a file that may not grow is said once, and copies go on when there is room', async (t) => {
  const folder = folderOf(t);
  await afterFull(t, 'ulimit -f 2000; exec "$1" "$2" "$3" fill', folder);
  const all = await kept(t, folder);
  t.deepEqual([...all.keys()], ['small.test.']);
});

const mounts = spawnSync('unshare', ['--user', '--map-root-user', '--mount', 'true']).status === 0;
const testWithMounts = testUnless(test, mounts ? undefined : 'needs mounts, which this machine forbids');

testWithMounts('a disk that is full is said once, and copies go on when there is room', async (t) => {
  const folder = temporaryFolder(t, 'copies');
  const script = 'mount -t tmpfs -o size=2m none "$3" && exec "$1" "$2" "$3" fill';
  await afterFull(t, `exec unshare --user --map-root-user --mount sh -c '${script}' sh "$1" "$2" "$3"`, folder);
});

testWithMounts('on a disk that is read-only there are no copies, which is said once', async (t) => {
  const folder = await filled(t);
  const script =
    'mount --bind "$3" "$3" && mount -o remount,bind,ro "$3" && { "$1" "$2" "$3" hold & sleep 4; kill $!; }';
  const { stdout } = await run('unshare', [
    ...['--user', '--map-root-user', '--mount', 'sh', '-c', script, 'sh'],
    ...[process.execPath, copiesProgram, folder],
  ]);
  t.deepEqual(stdout.trim().split('\n'), ['copies.failed', 'open', 'loaded']);
});

test('a zone that changes all the time is written whole now and then, and its file does not grow without end', async (t) => {
  const folder = folderOf(t);
  let { copies } = await opened(t, folder);
  let zone: Zone = zoneAt('mirage.', 1);
  copies.save(zone, undefined, stateAt(1));
  const churn = async (rounds: number): Promise<number> => {
    for (let i = 0; i < rounds; i++) {
      for (let j = 0; j < 20; j++) {
        const next = nextOf(zone);
        zone = next.zone;
        copies.save(zone, [next.delta], stateAt(zone.serial));
      }
      await copies.close();
      ({ copies } = await opened(t, folder));
      ({ zone } = (await loaded(copies)).get('mirage.')!);
    }
    return sized(folder);
  };
  const size = await churn(12);
  t.true((await churn(12)) <= size * 1.5);
  const { deltas } = (await loaded(copies)).get('mirage.')!;
  t.true(isVersion(zone));
  t.is(zone.serial, 481);
  t.true(deltas.length > 50 && deltas.length < 500, String(deltas.length));
});

test.serial('a large zone is written and read without holding up the thread that serves', async (t) => {
  const folder = folderOf(t);
  const origin: Name = nameOf('large.test.');
  let zone = largeZone(origin, 200_000);
  const { copies } = await opened(t, folder);
  const stalls: number[] = [];
  stalls.push(
    await longestStall(async () => {
      copies.save(zone, undefined, stateAt(1));
      await copies.close();
    }),
  );
  const size = sized(folder);
  const again = await opened(t, folder);
  const read: Copy[] = [];
  stalls.push(await longestStall(() => again.copies.load((copy) => void read.push(copy))));
  t.is(read[0]?.zone.size, zone.size);
  for (let serial = 2; serial <= 4; serial++) {
    zone = largeZone(origin, 200_000, serial);
    again.copies.save(zone, undefined, stateAt(serial));
  }
  await again.copies.close();
  t.true(sized(folder) < 3 * size, `${sized(folder)} after ${size}`);
  const last = (await kept(t, folder)).get('large.test.')!.zone;
  t.is(last.serial, 4);
  t.is(last.get(nameOf('host199999.large.test.'), 1)?.rdatas.length, 1);
  t.true(Math.max(...stalls) < BUSY, stalls.join(' '));
});

test.serial('many small zones are written and read in portions', async (t) => {
  const folder = folderOf(t);
  const zones = Array.from({ length: 3000 }, (_, i) => zoneAt(`z${i}.test.`, 1 + (i % 5)));
  const { copies } = await opened(t, folder);
  for (const zone of zones) copies.save(zone, undefined, stateAt(zone.serial));
  const stalls = [await longestStall(() => copies.close())];
  const again = await opened(t, folder);
  const all: Copy[] = [];
  stalls.push(await longestStall(() => again.copies.load((copy) => void all.push(copy))));
  t.is(all.length, zones.length);
  t.true(all.every(({ zone }) => isVersion(zone)));
  t.true(Math.max(...stalls) < BUSY, stalls.join(' '));
});
