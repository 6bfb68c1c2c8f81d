/**
 * What lies between two commits, in histories that native git made: merges, clocks that are wrong, clones without their past. And
 * what the primary is told of it: marks, and whether the history was rewritten.
 */
import { join } from 'node:path';
import { ObjectStore } from '@zonewright/common/git/objects';
import { parseRemote } from '@zonewright/common/git/remote';
import { openStore } from '@zonewright/common/git/store';
import { commitsBetween, commitsFrom } from '@zonewright/common/git/walk';
import { Zone } from '@zonewright/common/zone/zone';
import { type Mark, Marker, readMark } from '@zonewright/primary/mark';
import { GitRepository } from '@zonewright/primary/repository/git-repository';
import type { Head, Source, TakeRequest } from '@zonewright/primary/repository/repository';
import anyTest, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { importCommits, type PlannedCommit } from '../support/commits.ts';
import { git } from '../support/git-peers.ts';
import { testWith } from '../support/needs.ts';
import { type Owner, temporaryFolder } from '../support/owner.ts';
import { given } from '../support/records.ts';
import { makeRepository } from '../support/repository.ts';

const test = testWith(anyTest, ['git']);

/** A bare repository with these commits; their names by their numbers. `main` is at the last one. */
const historyOf = (
  t: Owner,
  commits: readonly PlannedCommit[],
): Promise<{ readonly path: string; readonly oids: readonly string[] }> =>
  importCommits(temporaryFolder(t, 'history'), commits);

/** The numbers of the commits that are reachable from one, itself among them. */
function reachable(commits: readonly PlannedCommit[], from: number): ReadonlySet<number> {
  const found = new Set([from]);
  for (const number of found) for (const parent of commits[number]!.parents) found.add(parent);
  return found;
}

const ascending = (a: number, b: number): number => a - b;

const histories = fc.array(
  fc.record({
    back: fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 3 }),
    skew: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.integer({ min: -1000, max: 1000 })),
  }),
  { minLength: 2, maxLength: 25 },
);

test('what lies between two commits is what is reachable from one and not from the other, and nothing is missed for wrong clocks', async (t) => {
  await fc.assert(
    fc.asyncProperty(histories, async (shape) => {
      const commits = shape.map(({ back, skew }, number) => ({
        parents: [...new Set(back.map((distance) => number - distance).filter((parent) => parent >= 0))],
        time: 100_000 + 10 * number + skew,
      }));
      const { path, oids } = await historyOf(t, commits);
      const objects = new ObjectStore(path);
      try {
        for (let tip = 0; tip < oids.length; tip++) {
          const all = reachable(commits, tip);
          const walked = [...commitsFrom(objects, [oids[tip]!])].map(({ oid }) => oids.indexOf(oid));
          t.deepEqual(walked.sort(ascending), [...all].sort(ascending));
          for (let since = 0; since < oids.length; since++) {
            const old = reachable(commits, since);
            const between = commitsBetween(objects, oids[since], oids[tip]!);
            const wanted = [...all].filter((number) => !old.has(number)).sort(ascending);
            const found = between.commits.map((oid) => oids.indexOf(oid)).sort(ascending);
            if (shape.every(({ skew }) => skew === 0)) t.deepEqual(found, wanted);
            else t.true(wanted.every((number) => found.includes(number)));
            t.is(between.isAncestor, all.has(since));
          }
        }
      } finally {
        objects.close();
      }
    }),
    { numRuns: 20 },
  );
});

test('commits come newest first, as git lists them', async (t) => {
  const commits = Array.from({ length: 60 }, (_, n) => ({
    parents: n === 0 ? [] : n % 7 === 0 ? [n - 1, n - 5] : [n % 5 === 0 ? n - 3 : n - 1],
    time: 1000 + n,
  }));
  const { path, oids } = await historyOf(t, commits);
  const objects = new ObjectStore(path);
  t.teardown(() => objects.close());
  const tip = oids.at(-1)!;
  const listed = async (...range: string[]): Promise<string[]> => (await git(path, 'rev-list', ...range)).split('\n');
  t.deepEqual(
    [...commitsFrom(objects, [tip])].map(({ oid }) => oid),
    await listed(tip),
  );
  t.deepEqual(commitsBetween(objects, oids[20], tip).commits, await listed(`${oids[20]}..${tip}`));
  t.deepEqual(commitsBetween(objects, undefined, tip).commits, await listed(tip));
  t.is(commitsBetween(objects, undefined, tip).isAncestor, undefined);
});

test('what is near costs little in a long history, and what is too far away is not decided', async (t) => {
  const count = 3000;
  const commits = Array.from({ length: count }, (_, n) => ({ parents: n === 0 ? [] : [n - 1], time: 1000 + n }));
  const { path, oids } = await historyOf(t, commits);
  const objects = new ObjectStore(path);
  t.teardown(() => objects.close());
  const tip = oids.at(-1)!;
  t.deepEqual(commitsBetween(objects, oids[count - 4], tip, 10), {
    commits: [tip, oids[count - 2], oids[count - 3]],
    isAncestor: true,
  });
  const far = commitsBetween(objects, oids[5], tip, 100);
  t.is(far.isAncestor, undefined);
  t.true(far.commits.length <= 100);
  t.is(commitsBetween(objects, oids[5], tip).commits.length, count - 6);
});

test('a clone without its past is walked as far as it goes, and tells no history to be rewritten', async (t) => {
  const commits = Array.from({ length: 10 }, (_, n) => ({ parents: n === 0 ? [] : [n - 1], time: 1000 + n }));
  const { path, oids } = await historyOf(t, commits);
  const shallow = join(temporaryFolder(t, 'shallow'), 's.git');
  await git('.', 'clone', '-q', '--bare', '--depth=3', '--branch=main', `file://${path}`, shallow);
  const objects = new ObjectStore(shallow);
  t.teardown(() => objects.close());
  t.deepEqual(commitsBetween(objects, oids[8], oids[9]!), { commits: [oids[9]], isAncestor: true });
  t.deepEqual(commitsBetween(objects, oids[2], oids[9]!), {
    commits: [oids[9], oids[8], oids[7]],
    isAncestor: undefined,
  });
  t.is([...commitsFrom(objects, [oids[9]!])].length, 3);
});

// ---- what the primary is told -----------------------------------------------------------------------------------

const MARKER = new Marker(Buffer.from('sixteen octets!!'));
const OTHER = new Marker(Buffer.from('sixteen others!!'));
const ID = MARKER.id;
const CODE = '0'.repeat(32);
const mark = (position: number, marker = MARKER, without: readonly string[] = []): string =>
  `change\n\nKey: x\n\n${marker.lines({ position, without }).join('\n')}\n`;

const zoneText = (serial: number, ...lines: readonly string[]): string =>
  ['$TTL 60', `@ SOA ns hostmaster ${serial} 3600 600 86400 300`, '@ NS ns.other.', ...lines, ''].join('\n');

const repositoryAt = async (t: ExecutionContext<unknown>, path: string): Promise<GitRepository> => {
  const repository = new GitRepository(given(await openStore(given(parseRemote(path)), {})));
  t.teardown(() => repository.close());
  return repository;
};
const taken = async (repository: GitRepository, request: TakeRequest): Promise<Head> =>
  given(await repository.take(request));

test('marks are found in all that came since, also where others merged us, and only those of the journal', async (t) => {
  // 0 - 1 - 2 - 5 - 6: by others; 3 - 4 of ours, from 1, merged by 5 as second parent; 6 is of ours, made of 5.
  const { path, oids } = await historyOf(t, [
    { parents: [], time: 100, message: mark(1) },
    { parents: [0], time: 200, message: 'by hand' },
    { parents: [1], time: 300, message: `no mark\n\nZonewright-Journal: ${ID} 77 ${CODE}\n\nsince more follows` },
    { parents: [1], time: 310, message: mark(2, MARKER, ['b.example.', 'c.example.']) },
    { parents: [3], time: 320, message: mark(9, OTHER) },
    { parents: [2, 4], time: 400, message: `Merge\n\nZonewright-Journal: ${ID} 99 ${CODE}` },
    { parents: [5], time: 500, message: mark(3) },
  ]);
  const repository = await repositoryAt(t, path);
  const marksSince = async (since: string): Promise<readonly Mark[]> =>
    (await taken(repository, { from: 'remote', since, journal: ID })).marks;
  const found = await marksSince(oids[1]!);
  t.deepEqual(
    found.map(({ code: _, ...rest }) => rest),
    [
      { journal: ID, position: 3, without: [], commit: oids[6]! },
      { journal: ID, position: 99, without: [], commit: oids[5]! },
      { journal: ID, position: 2, without: ['b.example.', 'c.example.'], commit: oids[3]! },
    ],
  );
  t.deepEqual(
    found.map((each) => MARKER.isOurs(each)),
    [true, false, true],
    'whoever merged them made none of ours',
  );
  t.false(found.some((each) => OTHER.isOurs(each)));
  t.deepEqual(
    (await marksSince(oids[0]!)).map(({ position }) => position),
    [3, 99, 2],
    'its own is not since',
  );
  t.deepEqual(
    (await marksSince(oids[3]!)).map(({ position }) => position),
    [3, 99],
  );
  t.deepEqual(await marksSince(oids[6]!), []);
  const head = await taken(repository, { from: 'remote', since: oids[1]! });
  t.deepEqual([head.marks, head.isForced], [[], false], 'nothing is looked for that is not asked for');
});

test('a history that was rewritten is told', async (t) => {
  const { path, oids } = await historyOf(t, [
    { parents: [], time: 100 },
    { parents: [0], time: 200, message: mark(4) },
    { parents: [0], time: 300, message: mark(5) },
    { parents: [], time: 400 },
  ]);
  const repository = await repositoryAt(t, path);
  const isForced = async (tip: number, since: number): Promise<boolean> => {
    await git(path, 'update-ref', 'refs/heads/main', oids[tip]!);
    return (await taken(repository, { from: 'remote', since: oids[since]!, journal: ID })).isForced;
  };
  t.false(await isForced(2, 0));
  t.true(await isForced(2, 1), 'a commit was replaced');
  t.true(await isForced(0, 1), 'a commit was taken back');
  t.true(await isForced(3, 2), 'nothing in common');
  t.false(await isForced(3, 3));
});

test('the commit in force is taken as it was, with last good versions beside what is broken', async (t) => {
  const world = await makeRepository(t, {
    'example.com': zoneText(1, '$INCLUDE common.inc', 'a A 192.0.2.1'),
    'common.inc': 'shared A 192.0.2.9\n',
    'fine.example': zoneText(1),
    'example.com._keys': `x._update.example.com. DNSKEY 512 3 163 ${Buffer.alloc(32, 1).toString('base64')}\n`,
  });
  const first = await taken(await repositoryAt(t, world.path), { from: 'remote' });
  const sources = new Map<string, Source>();
  for (const reading of first.first.readings)
    if (reading.kind !== 'other' && reading.source !== undefined) sources.set(reading.fileName, reading.source);
  t.deepEqual([...sources.keys()].sort(), ['example.com', 'example.com._keys', 'fine.example']);
  t.is(sources.get('example.com')!.includes.length, 1);

  const inForce = await world.push({
    'example.com': 'broken (\n',
    'common.inc': 'other A 192.0.2.8\n',
    'example.com._keys': 'x DNSKEY nonsense\n',
    'fine.example': zoneText(2),
  });
  await world.push({ 'fine.example': zoneText(3), 'example.com': zoneText(4) });

  const later = await repositoryAt(t, world.path);
  const fineSource = sources.get('fine.example')!;
  sources.delete('fine.example');
  const head = await taken(later, { from: 'commit', commit: inForce, lastGood: sources });
  t.is(head.commit, inForce);
  t.is(head.extent, 'all');
  t.deepEqual([head.isForced, head.marks], [false, []]);
  const readings = new Map(head.first.readings.map((reading) => [reading.fileName, reading]));
  const broken = readings.get('example.com');
  if (broken?.kind !== 'zone' || broken.zone === undefined) return t.fail('the last good version is not there');
  const zone = Zone.ofHandle(broken.zone);
  t.is(zone.serial, 1);
  t.truthy(broken.errors.length, 'what is wrong with it is told beside');
  t.is(broken.reason, undefined, 'it is a zone, whatever its file says now');
  t.deepEqual(broken.source, sources.get('example.com'));
  t.is(zone.size, 4, 'with what it included then');
  const fine = readings.get('fine.example');
  t.is(fine?.kind === 'zone' && fine.zone !== undefined ? Zone.ofHandle(fine.zone).serial : undefined, 2);
  const keys = readings.get('example.com._keys');
  if (keys?.kind !== 'keys') return t.fail('no keys');
  t.deepEqual([keys.keys.length, keys.findings.length > 0], [1, true]);

  const next = await taken(later, { from: 'remote', since: inForce });
  t.is(next.extent, 'changes');
  t.deepEqual(next.first.readings.map(({ fileName }) => fileName).sort(), ['example.com', 'fine.example']);

  const held = await taken(await repositoryAt(t, world.path), {
    from: 'commit',
    commit: inForce,
    lastGood: new Map([['fine.example', fineSource]]),
  });
  const notTaken = held.first.readings.find(({ fileName }) => fileName === 'fine.example');
  if (notTaken?.kind !== 'zone' || notTaken.zone === undefined) return t.fail('no zone');
  t.is(Zone.ofHandle(notTaken.zone).serial, 1, 'a good file that was not in force is as it was too');
  t.deepEqual(notTaken.errors, []);
});

test('a commit, or a last good version, that is not here any more is a fault', async (t) => {
  const world = await makeRepository(t, { 'example.com': 'broken (\n' });
  const repository = await repositoryAt(t, world.path);
  const lastGood = new Map<string, Source>();
  const kindOf = async (commit: string): Promise<string | undefined> => {
    const head = await repository.take({ from: 'commit', commit, lastGood });
    return head.ok ? undefined : head.fault.kind;
  };
  t.is(await kindOf('1'.repeat(40)), 'gone');
  t.is(await kindOf('../../etc/passwd'), 'gone');
  t.is(await kindOf(await world.head()), undefined);
  lastGood.set('example.com', { oid: '2'.repeat(40), includes: [] });
  t.is(await kindOf(await world.head()), 'gone');
});

anyTest('a mark is read as it was written, and from nothing else', (t) => {
  const marks = fc.record({
    marker: fc.constantFrom(MARKER, OTHER),
    position: fc.integer({ min: 0, max: 2 ** 50 }),
    without: fc.array(fc.constantFrom('example.com.', 'a\\.b.example.', '\\233.')),
  });
  fc.assert(
    fc.property(marks, fc.string(), ({ marker, ...wanted }, text) => {
      const message = `${text}\n\n${marker.lines(wanted).join('\n')}\n`;
      const { code, ...found } = readMark(message, 'c')!;
      t.deepEqual(found, { ...wanted, journal: marker.id, commit: 'c' });
      t.true(marker.isOurs({ code, ...found }));
      t.is(readMark(`${message}\nmore`, 'c'), undefined, 'it is no longer the end');
    }),
  );
  t.is(readMark(`Zonewright-Journal: ${ID} 99999999999999999 ${CODE}`, 'c'), undefined);
  t.is(readMark(`Zonewright-Journal: ${ID.toUpperCase()} 9 ${CODE}`, 'c'), undefined);
  t.is(readMark(`Zonewright-Journal: ${ID} 9`, 'c'), undefined);
  const signed = `x\n\nZonewright-Journal: ${ID} 4 ${CODE}\nSigned-off-by: Somebody Else <else@example.org>\n`;
  t.is(readMark(signed, 'c')?.position, 4);
});

anyTest('a mark is ours as it was made, and in no other way', (t) => {
  const [line, ...more] = MARKER.lines({ position: 5, without: ['a.example.', 'b.example.'] });
  const isOurs = (...lines: readonly string[]): boolean =>
    MARKER.isOurs(readMark(`x\n\n${lines.join('\n')}\n`, 'c') ?? (t.fail('no mark') as never));
  t.true(isOurs(line!, ...more));
  t.true(isOurs('Signed-off-by: x', line!, ...more, 'Reviewed-by: y'));
  t.false(isOurs(line!), 'zones are left out');
  t.false(isOurs(line!, more[0]!));
  t.false(isOurs(line!, more[1]!, more[0]!));
  t.false(isOurs(line!, ...more, 'Zonewright-Journal-Without: c.example.'));
  t.false(isOurs(line!.replace(' 5 ', ' 6 '), ...more));
  t.false(isOurs(line!.replace(MARKER.id, OTHER.id), ...more));
  t.false(isOurs(OTHER.lines({ position: 5, without: [] })[0]!.replace(OTHER.id, MARKER.id)));
  t.false(isOurs(`Zonewright-Journal: ${MARKER.id} 5 ${CODE}`));
});
