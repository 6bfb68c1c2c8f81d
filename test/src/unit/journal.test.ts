import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import type { DeltaHead } from '@zonewright/common/lmdb/delta-values';
import { seal, unseal } from '@zonewright/common/lmdb/seal';
import type { Name } from '@zonewright/common/name';
import { CLASS } from '@zonewright/common/rr/class';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { exitCodeOf } from '@zonewright/common/service/exit';
import type { Delta } from '@zonewright/common/zone/delta';
import { DeltaChains } from '@zonewright/primary/journal/chains';
import { openJournal } from '@zonewright/primary/journal/database';
import { faultOf } from '@zonewright/primary/journal/fault';
import {
  type Entry,
  type Journal,
  type JournalFault,
  type JournalWrite,
  memoryJournal,
  type ZoneNote,
} from '@zonewright/primary/journal/journal';
import { JournalStore, type StoredWrite } from '@zonewright/primary/journal/store';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { open, type RootDatabase } from 'lmdb';
import { isWhole } from '../support/extent.ts';
import { deltaAt, journalProgram, mirage, pairAt, serialAt, updateAt } from '../support/journal.ts';
import { testUnless } from '../support/needs.ts';
import { temporaryFolder } from '../support/owner.ts';
import { run, signalGroup } from '../support/process.ts';
import { given, nameOf } from '../support/records.ts';
import { longestStall } from '../support/stall.ts';

const FILE = 'journal.mdb';
/** Milliseconds: slices are of 10, and the garbage collector takes its share. All at one go takes several times that. */
const BUSY = 60;
const NOTHING: StoredWrite = {
  entries: [],
  closed: [],
  inForce: undefined,
  time: undefined,
  lastGood: [],
  notes: [],
  withdrawn: [],
  deltas: [],
};

async function opened(t: ExecutionContext, folder: string): Promise<Journal> {
  const journal = given(await openJournal(folder));
  t.teardown(() => journal.close());
  return journal;
}

async function written(journal: Journal, what: JournalWrite): Promise<void> {
  given(await journal.write(what));
}

async function reopened(t: ExecutionContext, journal: Journal, folder: string): Promise<Journal> {
  await journal.close();
  return opened(t, folder);
}

const positionsOf = ({ kept }: Journal): number[] => kept.open.map(({ position }) => position);

/** Why there is no journal to be had in a folder. */
async function refusal(t: ExecutionContext, folder: string): Promise<JournalFault> {
  const journal = await openJournal(folder);
  if (!journal.ok) return journal.fault;
  await journal.value.close();
  return t.fail('the journal was opened') as never;
}

/** A folder with a journal that holds something of each kind, closed. */
async function filled(t: ExecutionContext): Promise<string> {
  const folder = join(temporaryFolder(t, 'journal'), 'journal');
  const journal = given(await openJournal(folder));
  for (let position = 2; position <= 40; position += 2) await written(journal, pairAt(position));
  await written(journal, { closed: [1, 2, 3, 7], deltas: [deltaAt(41, 3000)] });
  await journal.close();
  return folder;
}

test('a journal that was closed holds what was written to it', async (t) => {
  const folder = join(temporaryFolder(t, 'journal'), 'deep', 'journal');
  const journal = await opened(t, folder);
  t.regex(journal.marker.id, /^[0-9a-f]{32}$/);
  t.deepEqual(journal.kept, { inForce: undefined, open: [], lastGood: new Map(), notes: [], position: 0, time: 0 });
  const entries: Entry[] = [updateAt(1), serialAt(2), updateAt(3)];
  const good = { oid: 'a'.repeat(40), includes: new Map([['hosts', 'b'.repeat(40)]]) };
  await written(journal, { entries: entries.slice(0, 2), inForce: 'c'.repeat(40), deltas: [deltaAt(1), deltaAt(2)] });
  await written(journal, {
    entries: entries.slice(2),
    lastGood: new Map([
      ['mirage', good],
      ['lost', good],
    ]),
  });
  const members = Uint8Array.from({ length: 16 }, (_, at) => at);
  const floor: ZoneNote = { zone: mirage, time: 9, arrived: 0, floor: 2 ** 32 - 1, members };
  const arrived: ZoneNote = { zone: nameOf('other.'), time: 9, arrived: 2, floor: undefined };
  await written(journal, { notes: [{ ...floor, floor: 5 }, arrived] });
  await written(journal, { notes: [floor, { ...arrived, arrived: 0 }], time: 1_800_000_000_123 });
  await written(journal, { closed: [2, 99], lastGood: new Map([['lost', undefined]]), deltas: [deltaAt(3)] });
  const again = await reopened(t, journal, folder);
  t.is(again.marker.id, journal.marker.id);
  t.deepEqual(again.kept, {
    inForce: 'c'.repeat(40),
    open: [entries[0]!, entries[2]!],
    lastGood: new Map([['mirage', good]]),
    notes: [floor],
    position: 3,
    time: 1_800_000_000_123,
  });
  t.deepEqual(await again.historyOf(mirage), [deltaAt(1), deltaAt(2), deltaAt(3)]);
  t.deepEqual(await again.historyOf(nameOf('MIRAGE.')), [deltaAt(1), deltaAt(2), deltaAt(3)]);
  t.deepEqual(await again.historyOf(nameOf('other.')), []);
});

test('the position of the newest entry is kept when all entries are closed', async (t) => {
  const folder = temporaryFolder(t, 'journal');
  const journal = await opened(t, folder);
  await written(journal, { entries: [updateAt(7)] });
  await written(journal, { closed: [7] });
  const again = await reopened(t, journal, folder);
  t.deepEqual(again.kept, { inForce: undefined, open: [], lastGood: new Map(), notes: [], position: 7, time: 0 });
});

test('any entry comes back as it was written', async (t) => {
  const folder = temporaryFolder(t, 'journal');
  const journal = await opened(t, folder);
  const octets = fc.uint8Array({ maxLength: 300 });
  const label = fc.stringMatching(/^[a-zA-Z0-9_-]{1,63}$/);
  const name = fc.array(label, { maxLength: 3 }).map((labels) => nameOf(`${labels.join('.')}.`));
  const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  const record: fc.Arbitrary<ResourceRecord> = fc.record({
    name,
    type: fc.integer({ min: 0, max: 65535 }),
    class: fc.constantFrom(CLASS.IN, 254, 255),
    ttl: u32,
    rdata: octets,
  });
  const times = { time: fc.integer({ min: 0, max: 2 ** 47 }), zone: name, from: u32, to: u32 };
  const update = fc.record({
    kind: fc.constant('update' as const),
    ...times,
    scope: name,
    key: name,
    source: fc.string({ unit: 'grapheme', maxLength: 60 }),
    operations: fc.array(record, { maxLength: 8 }),
  });
  const serial = fc.record({ kind: fc.constant('serial' as const), ...times });
  const entries: Entry[] = [];
  await fc.assert(
    fc.asyncProperty(fc.oneof(update, serial), async (entry) => {
      entries.push({ ...entry, position: entries.length + 1 });
      await written(journal, { entries: entries.slice(-1) });
    }),
  );
  const again = await reopened(t, journal, folder);
  t.deepEqual(again.kept.open, entries);
});

test('an UPDATE as large as a message can be is kept', async (t) => {
  const folder = temporaryFolder(t, 'journal');
  const journal = await opened(t, folder);
  const record = { name: nameOf('large.mirage.'), type: 16, class: 1, ttl: 0, rdata: new Uint8Array(65_000).fill(7) };
  const entry = updateAt(1, [record]);
  await written(journal, { entries: [entry] });
  t.deepEqual((await reopened(t, journal, folder)).kept.open, [entry]);
});

test('an entry that is too large is a fault of its write alone', async (t) => {
  const folder = temporaryFolder(t, 'journal');
  const journal = await opened(t, folder);
  const record = { name: nameOf('large.mirage.'), type: 16, class: 1, ttl: 0, rdata: new Uint8Array(65_000) };
  const large = updateAt(2, new Array<ResourceRecord>(65).fill(record));
  const writes = [updateAt(1), large, updateAt(3)].map((entry) => journal.write({ entries: [entry] }));
  const [first, second, third] = await Promise.all(writes);
  t.true(first!.ok && third!.ok);
  t.like(second, { ok: false, fault: { kind: 'limit', hint: 'ask for less at a time' } });
  t.false((await journal.write({ entries: [{ ...large, position: 4 }] })).ok, 'also where it is alone');
  await written(journal, { entries: [updateAt(5)] });
  t.deepEqual(positionsOf(await reopened(t, journal, folder)), [1, 3, 5]);
});

test('a delta that does not begin where the one before ended begins a new chain', async (t) => {
  const journal = await opened(t, temporaryFolder(t, 'journal'));
  await written(journal, { deltas: [deltaAt(1), deltaAt(2), deltaAt(9)] });
  t.deepEqual(await journal.historyOf(mirage), [deltaAt(9)]);
});

test('the deltas of a zone that is withdrawn are forgotten, and no others', async (t) => {
  const folder = temporaryFolder(t, 'journal');
  const journal = await opened(t, folder);
  const other = nameOf('other.');
  await written(journal, { deltas: [deltaAt(1), deltaAt(1, 1, 'other.')] });
  await written(journal, { withdrawn: [mirage] });
  t.deepEqual(await journal.historyOf(mirage), []);
  await written(journal, { deltas: [deltaAt(2)] });
  const again = await reopened(t, journal, folder);
  t.deepEqual(await again.historyOf(mirage), [deltaAt(2)]);
  t.deepEqual(await again.historyOf(other), [deltaAt(1, 1, 'other.')]);
});

test('the chain of a zone is bounded as a history is', async (t) => {
  const folder = temporaryFolder(t, 'journal');
  const journal = await opened(t, folder);
  await written(journal, { deltas: Array.from({ length: 1001 }, (_, i) => deltaAt(i + 1)) });
  const full = await journal.historyOf(mirage);
  t.deepEqual([full.length, full[0]?.to, full.at(-1)?.to], [1000, 2, 1001]);
  await written(journal, { deltas: [deltaAt(1002, 60_000), deltaAt(1003, 50_000)] });
  const again = await reopened(t, journal, folder);
  t.deepEqual(
    (await again.historyOf(mirage)).map(({ to }) => to),
    [1003],
  );
});

test('a delta that is larger than a chain may be is not kept, and what follows it is', async (t) => {
  const journal = await opened(t, temporaryFolder(t, 'journal'));
  await written(journal, { deltas: [deltaAt(1), deltaAt(2, 100_000)] });
  t.deepEqual(await journal.historyOf(mirage), []);
  await written(journal, { deltas: [deltaAt(3)] });
  t.deepEqual(await journal.historyOf(mirage), [deltaAt(3)]);
});

test('of the deltas of all zones the oldest go first', (t) => {
  const chains = new DeltaChains();
  const headOf = (zone: number, octets: number): DeltaHead => ({
    zone: nameOf(`z${zone}.`),
    from: 1,
    to: 2,
    records: 4,
    octets,
    parts: 1,
  });
  for (let zone = 1; zone <= 100_000; zone++) t.deepEqual(chains.add(zone, headOf(zone, 100)), []);
  t.deepEqual(chains.add(100_001, headOf(100_001, 100)), [{ number: 1, head: headOf(1, 100) }]);
  t.deepEqual(chains.of(nameOf('z1.')), []);
  const large = 16 * 2 ** 20;
  const dropped: number[] = [];
  for (let zone = 1; zone <= 17; zone++)
    for (const { number } of chains.add(200_000 + zone, headOf(200_000 + zone, large))) dropped.push(number);
  t.deepEqual([dropped[0], dropped.at(-1)], [2, 200_001]);
  t.is(chains.of(nameOf('z200017.')).length, 1);
});

test('writes that are asked for together share a transaction', async (t) => {
  const folder = temporaryFolder(t, 'journal');
  const journal = await opened(t, folder);
  const all = Array.from({ length: 64 }, (_, i) => journal.write({ entries: [updateAt(i + 1)] }));
  const late = pause(0).then(() => Promise.all([65, 66].map((i) => journal.write({ entries: [updateAt(i)] }))));
  t.true((await Promise.all([...all, late])).flat().every(({ ok }) => ok));
  await journal.close();
  const store = new JournalStore(join(folder, FILE));
  t.true(store.stored.generation <= 3, `${store.stored.generation} transactions`);
  t.is(store.stored.position, 66);
  await store.close();
});

const traces = spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0;

testUnless(test, traces ? undefined : 'needs package strace, and to be allowed to trace')(
  'a write is on the disk before it resolves',
  async (t) => {
    const folder = temporaryFolder(t, 'journal');
    const trace = join(folder, 'trace');
    const args = ['-f', '-o', trace, '-e', 'trace=write,fdatasync,fsync', process.execPath, journalProgram];
    const child = spawn('strace', [...args, join(folder, 'journal'), 'write'], { detached: true });
    // What is traced outlives the tracer.
    const kill = (): void => signalGroup(child.pid, 'SIGKILL');
    t.teardown(kill);
    for await (const line of createInterface(child.stdout)) if (Number(line) >= 200) break;
    kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    // Calls that wait are two lines, the second of which says what came of them.
    const steps = [...readFileSync(trace, 'utf8').matchAll(/write\(1, "(open|\d+)\\n"|f(?:data)?sync.*= 0$/gm)];
    const kinds = steps.map(([, said]) => (said === undefined ? 's' : said === 'open' ? 'o' : 'w')).join('');
    t.regex(kinds, /os+w+(?:s+w+){5}/, kinds);
    const [syncs, writes] = [kinds.split('s').length, kinds.split('w').length];
    t.true(writes > syncs / 2, `${syncs} syncs, ${writes} writes`);
  },
);

test('a process that is killed at any moment leaves a prefix of what it wrote, and all of what had resolved', async (t) => {
  const folder = join(temporaryFolder(t, 'journal'), 'journal');
  let last = 0;
  for (const lines of isWhole ? [1, 2, 3, 20, 50, 4, 77, 130, 5, 1] : [1, 3, 77, 130, 1]) {
    const child = spawn(process.execPath, [journalProgram, folder, 'write'], { stdio: ['ignore', 'pipe', 'inherit'] });
    // It lets go of its output before it lets go of its folder.
    const ended = once(child, 'close');
    t.teardown(() => child.kill('SIGKILL'));
    let resolved = last;
    let seen = 0;
    for await (const line of createInterface(child.stdout)) {
      if (line !== 'open') {
        resolved = Math.max(resolved, Number(line));
        seen++;
      }
      if (seen === lines) child.kill('SIGKILL');
    }
    await ended;
    const journal = given(await openJournal(folder));
    last = journal.kept.position;
    t.true(last >= resolved && last % 2 === 0, `${last} is there, ${resolved} was promised`);
    t.deepEqual(
      positionsOf(journal),
      Array.from({ length: last }, (_, i) => i + 1),
    );
    t.deepEqual(journal.kept.open.at(-1), updateAt(last));
    const newest = pairAt(last);
    t.deepEqual([journal.kept.inForce, journal.kept.lastGood], [newest.inForce, newest.lastGood]);
    const history = await journal.historyOf(mirage);
    t.deepEqual([history.length, history.at(-1)], [Math.min(last, 1000), deltaAt(last)]);
    await journal.close();
  }
});

test('a second process is refused while one has the journal, and not when that was killed', async (t) => {
  const folder = join(temporaryFolder(t, 'journal'), 'journal');
  const child = spawn(process.execPath, [journalProgram, folder, 'hold'], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  await once(createInterface(child.stdout), 'line');
  const fault = await refusal(t, folder);
  t.deepEqual([fault.kind, exitCodeOf({ ...fault })], ['usage', 2]);
  t.true(fault.what.includes(folder) && fault.what.endsWith('another process has it'), fault.what);
  child.kill('SIGKILL');
  await once(child, 'close');
  const journal = await opened(t, folder);
  t.is((await refusal(t, folder)).kind, 'usage');
  await journal.close();
  await opened(t, folder);
});

test('the folder and its files are for their owner only', async (t) => {
  const folder = join(temporaryFolder(t, 'journal'), 'journal');
  await opened(t, folder);
  const modeOf = (path: string): number => statSync(path).mode & 0o777;
  t.is(modeOf(folder), 0o700);
  t.deepEqual(readdirSync(folder).sort(), [FILE, `${FILE}-lock`, 'lock']);
  for (const file of readdirSync(folder)) t.is(modeOf(join(folder, file)), 0o600, file);
});

test('a journal that is half made when the process ends is made anew', async (t) => {
  const folder = temporaryFolder(t, 'journal');
  for (const rest of ['', '-lock']) writeFileSync(join(folder, `${FILE}.new${rest}`), 'half');
  const journal = await opened(t, folder);
  await written(journal, { entries: [updateAt(1)] });
  t.deepEqual(positionsOf(await reopened(t, journal, folder)), [1]);
});

/** The database of a folder as LMDB has it. */
function databaseIn(folder: string): RootDatabase<Buffer, Buffer> {
  const binary = { encoding: 'binary', keyEncoding: 'binary', overlappingSync: false } as const;
  return open<Buffer, Buffer>({ path: join(folder, FILE), noSubdir: true, ...binary });
}

const STATE = Buffer.from('s');
const PAGE = 4096;
const DAMAGES: readonly (readonly [what: string, damage: (octets: Buffer) => Buffer, why: RegExp])[] = [
  ['is empty', () => Buffer.alloc(0), /it is empty/],
  ['is a text', () => Buffer.from('mirage. 3600 SOA ns hostmaster 1 3600 600 86400 300\n'.repeat(200)), /no database/],
  ['is a short text', () => Buffer.from('mirage'), /cut short/],
  ['is cut amid its head', (octets) => octets.subarray(0, 100), /cut short/],
  ['is cut behind its head', (octets) => octets.subarray(0, 2 * PAGE), /a page that is not there/],
  ['is of another version of LMDB', (octets) => octets.fill(9, 28, 29), /another version/],
  ['has a damaged page', (octets) => octets.fill(0, 2 * PAGE), /not where it should be/],
];

for (const [what, damage, why] of DAMAGES) {
  test(`a journal whose file ${what} is refused with a reason`, async (t) => {
    const folder = await filled(t);
    const path = join(folder, FILE);
    writeFileSync(path, damage(readFileSync(path)));
    const fault = await refusal(t, folder);
    t.deepEqual([fault.kind, exitCodeOf({ ...fault })], ['corrupt', 1]);
    t.regex(fault.what, why);
    t.true(fault.what.includes(path));
    t.regex(fault.hint ?? '', /move it away/);
  });
}

test('a journal of a later format is refused with a reason', async (t) => {
  const folder = temporaryFolder(t, 'journal');
  await (await opened(t, folder)).close();
  const db = databaseIn(folder);
  const state = Buffer.from(unseal(STATE, db.get(STATE)!)!);
  state.writeUInt16BE(2);
  db.putSync(STATE, Buffer.from(seal(STATE, state)));
  await db.close();
  const fault = await refusal(t, folder);
  t.deepEqual([fault.kind, /later version of Zonewright/.test(fault.what)], ['corrupt', true], fault.what);
});

test('a database of LMDB that is no journal is refused with a reason', async (t) => {
  const folder = temporaryFolder(t, 'journal');
  const db = databaseIn(folder);
  db.putSync(Buffer.from('key'), Buffer.from('value'));
  await db.close();
  const fault = await refusal(t, folder);
  t.deepEqual([fault.kind, /no journal/.test(fault.what)], ['corrupt', true], fault.what);
});

test('a file that a disk has damaged is refused or as good as before, and never ends the process', async (t) => {
  const folder = await filled(t);
  const path = join(folder, FILE);
  const whole = readFileSync(path);
  const before = new JournalStore(path);
  const { stored } = before;
  const history = before.historyOf(mirage);
  await before.close();
  t.true(history.length > 0);
  const at = fc.nat({ max: 2 ** 30 });
  const damages = fc.oneof(
    fc.record({ kind: fc.constant('turn'), at, octet: fc.integer({ min: 1, max: 255 }) }),
    fc.record({ kind: fc.constant('head'), at, octet: fc.integer({ min: 1, max: 255 }) }),
    fc.record({ kind: fc.constant('empty'), at, octet: fc.constant(0) }),
    fc.record({ kind: fc.constant('cut'), at, octet: fc.constant(0) }),
  );
  const used = whole.subarray(0, whole.findLastIndex((octet) => octet !== 0) + 1);
  const pages = Math.ceil(used.length / PAGE);
  const check = async (kind: string, place: number, octet: number): Promise<void> => {
    let octets = Buffer.from(used);
    const page = (place % pages) * PAGE;
    if (kind === 'turn') octets[place % octets.length]! ^= octet;
    if (kind === 'head') octets[(page + (Math.floor(place / pages) % 160)) % octets.length]! ^= octet;
    if (kind === 'empty') octets.fill(0, page, Math.min(page + PAGE, octets.length));
    if (kind === 'cut') octets = octets.subarray(0, place % octets.length);
    writeFileSync(path, octets);
    let store: JournalStore | undefined;
    try {
      store = new JournalStore(path);
      t.deepEqual(store.stored, stored);
      const now = store.historyOf(mirage);
      if (now.length > 0) t.deepEqual(now, history);
      for (let i = 0; i < 3; i++) store.write(stored.generation + i, [NOTHING]);
    } catch (error) {
      t.is(faultOf(path, error).kind, 'corrupt');
    } finally {
      await store?.close();
    }
  };
  await fc.assert(
    fc.asyncProperty(damages, ({ kind, at: place, octet }) => check(kind, place, octet)),
    { numRuns: 300 },
  );
});

test('a folder that cannot be is a fault', async (t) => {
  const folder = temporaryFolder(t, 'journal');
  writeFileSync(join(folder, 'file'), '');
  const fault = await refusal(t, join(folder, 'file', 'journal'));
  t.deepEqual([fault.kind, exitCodeOf({ ...fault })], ['usage', 2]);
  mkdirSync(join(folder, FILE));
  t.is((await refusal(t, folder)).kind, 'usage');
});

/** What the program says that has filled a journal, and what is there then. */
async function afterFull(t: ExecutionContext, script: string, folder: string): Promise<void> {
  const { stdout, stderr, code } = await run('sh', ['-c', script, 'sh', process.execPath, journalProgram, folder]);
  const said = stdout.trim().split('\n');
  t.is(code, 0, stderr);
  t.deepEqual(said.slice(0, 4), ['open', 'disk', 'disk', 'emptied'], `${stdout}${stderr}`);
  t.regex(said[4] ?? '', /^last \d+$/);
}

test('a file that may not grow is a fault, and the next write works when there is room', async (t) => {
  const folder = join(temporaryFolder(t, 'journal'), 'journal');
  await afterFull(t, 'ulimit -f 2000; exec "$1" "$2" "$3" fill', folder);
  const journal = await opened(t, folder);
  t.deepEqual(positionsOf(journal), [journal.kept.position]);
});

const mounts = spawnSync('unshare', ['--user', '--map-root-user', '--mount', 'true']).status === 0;
const testWithMounts = testUnless(test, mounts ? undefined : 'needs mounts, which this machine forbids');

testWithMounts('a disk that is full is a fault, and the next write works when there is room', async (t) => {
  const folder = temporaryFolder(t, 'journal');
  const script = 'mount -t tmpfs -o size=2m none "$3" && exec "$1" "$2" "$3" fill';
  await afterFull(t, `exec unshare --user --map-root-user --mount sh -c '${script}' sh "$1" "$2" "$3"`, folder);
});

testWithMounts('a journal on a disk that is read-only is a fault', async (t) => {
  const folder = await filled(t);
  const script = 'mount --bind "$3" "$3" && mount -o remount,bind,ro "$3" && exec "$1" "$2" "$3" hold';
  const { stdout, code } = await run('unshare', [
    ...['--user', '--map-root-user', '--mount', 'sh', '-c', script, 'sh'],
    ...[process.execPath, journalProgram, folder],
  ]);
  t.is(code, 0);
  t.regex(stdout, /cannot write the journal .*EROFS/);
});

test('a journal whose entries are closed does not grow without end', async (t) => {
  const folder = temporaryFolder(t, 'journal');
  const journal = await opened(t, folder);
  let position = 0;
  const churn = async (rounds: number): Promise<number> => {
    for (let i = 0; i < rounds; i++) {
      const first = position;
      position += 50;
      const all = Array.from({ length: 50 }, (_, at) => first + at + 1);
      await written(journal, {
        entries: all.map((at) => updateAt(at)),
        closed: all.map((at) => at - 150).filter((at) => at > 0),
        deltas: all.map((at) => deltaAt(at, 10)),
      });
    }
    return statSync(join(folder, FILE)).size;
  };
  const size = await churn(40);
  t.true((await churn(80)) <= size * 1.25);
});

test.serial(
  'a journal with ten thousand open entries and a long history is opened, read and written in slices',
  async (t) => {
    const folder = temporaryFolder(t, 'journal');
    const journal = await opened(t, folder);
    const [delta, entries] = [deltaAt(1, 99_000), Array.from({ length: 10_000 }, (_, i) => updateAt(i + 1))];
    const stalls = [await longestStall(() => written(journal, { deltas: [delta], entries }))];
    await journal.close();
    let again = journal;
    let history: readonly Delta[] = [];
    const opening = async (): Promise<void> => {
      again = await opened(t, folder);
    };
    const reading = async (): Promise<void> => {
      history = await again.historyOf(mirage);
    };
    stalls.push(await longestStall(opening), await longestStall(reading));
    t.is(again.kept.open.length, 10_000);
    t.is(history[0]?.added.length, 99_001);
    t.true(Math.max(...stalls) < BUSY, `${stalls.map(Math.round).join(' ')} ms`);
  },
);

test('a write that ends the thread of the journal is a fault, and the next has another thread', async (t) => {
  const folder = temporaryFolder(t, 'journal');
  const journal = await opened(t, folder);
  await written(journal, { entries: [updateAt(1)], deltas: [deltaAt(1)] });
  const origin = { wire: Uint8Array.of(9) } as Name;
  const ended = await journal.write({ entries: [updateAt(2)], deltas: [{ ...deltaAt(2), origin }] });
  t.regex(ended.ok ? '' : ended.fault.what, /its thread has died/);
  await written(journal, { entries: [updateAt(3)], deltas: [deltaAt(2)] });
  t.deepEqual(await journal.historyOf(mirage), [deltaAt(1), deltaAt(2)]);
  t.deepEqual(positionsOf(await reopened(t, journal, folder)), [1, 3]);
});

test('a journal that is closed takes no writes, and finishes those it has taken', async (t) => {
  const folder = temporaryFolder(t, 'journal');
  const journal = await opened(t, folder);
  const last = journal.write({ entries: [updateAt(1)] });
  await journal.close();
  t.deepEqual([(await last).ok, (await journal.write({})).ok, await journal.historyOf(mirage)], [true, false, []]);
  t.deepEqual(positionsOf(await opened(t, folder)), [1]);
});

test('a journal in memory takes everything and keeps nothing', async (t) => {
  const journal = memoryJournal();
  t.regex(journal.marker.id, /^[0-9a-f]{32}$/);
  t.not(journal.marker.id, memoryJournal().marker.id);
  t.deepEqual(await journal.write(pairAt(2)), { ok: true, value: undefined });
  t.deepEqual([journal.kept.open, await journal.historyOf(mirage)], [[], []]);
  await journal.close();
});
