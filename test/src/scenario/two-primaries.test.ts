/**
 * Two primaries on one repository, each with a folder of its own: what either has acknowledged is served by both in the end, and when
 * nobody asks for anything any more, neither of them writes.
 */
import anyTest, { type ExecutionContext } from 'ava';
import { startGitDaemon } from '../support/git-peers.ts';
import { testWith } from '../support/needs.ts';
import { temporaryFolder } from '../support/owner.ts';
import { freePort } from '../support/ports.ts';
import type { LogEvent } from '../support/process.ts';
import { makeRepository, type Repository } from '../support/repository.ts';
import { PRIMARY, type Scene, startScene, zoneText } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';
import { until } from '../support/until.ts';

const secrecy = secrecyOf(anyTest);
const test = testWith(anyTest, ['git', 'dig', 'nsupdate']);
const admin = secrecy.newKey('admin._update');

interface Pair {
  readonly repository: Repository;
  readonly both: readonly [Scene, Scene];
  /** Another one in the place of the first. */
  again(): Promise<Scene>;
}

const ZONES = ['mirage', 'one.example', 'two.example'];
/** How often each looks at the repository without anything to write. */
const LOOKS = 3;

const startPair = async (t: ExecutionContext<unknown>, ...flags: readonly string[]): Promise<Pair> => {
  const files = Object.fromEntries(ZONES.map((zone) => [zone, zoneText(1)]));
  const repository = await makeRepository(t, { _keys: keyLine(admin), ...files });
  const peer = await startGitDaemon(repository.folder);
  t.teardown(() => peer.stop());
  const startOn = async (data: string): Promise<Scene> => {
    const remote = `git://127.0.0.1:${peer.port}/zones.git`;
    const all = ['--remote', remote, '--data', data, '--axfr', '--poll', '1', ...flags];
    return startScene(t, secrecy, 'primary', all, { port: await freePort(PRIMARY) });
  };
  const data = temporaryFolder(t, 'data');
  const both = [await startOn(data), await startOn(temporaryFolder(t, 'data'))] as const;
  return { repository, both, again: () => startOn(data) };
};

const add = async (t: ExecutionContext<unknown>, at: Scene, zone: string, name: string): Promise<void> => {
  const { code, text } = await at.update(admin, `zone ${zone}`, `add ${name}.${zone} 60 A 192.0.2.9`);
  t.is(code, 0, text);
};

/** Waits until both serve what the files say, and says what that is. */
const agreed = async ({ repository, both }: Pair): Promise<readonly string[]> =>
  Promise.all(
    ZONES.map((zone) =>
      until(
        async () => {
          const transfers = await Promise.all(
            both.map(async (at) =>
              (await at.ask(zone, 'AXFR')).answer.map(({ name, type, data }) => `${name} ${type} ${data}`),
            ),
          );
          const [one = [], other = []] = transfers.map((lines) => lines.sort());
          const serial = / hostmaster (\d+) /.exec(await repository.read(zone))?.[1];
          return one.join('\n') === other.join('\n') && one.some((line) => line.includes(` ${serial} 3600 `))
            ? one.join('\n')
            : undefined;
        },
        { what: `both serve ${zone} as its file says`, holds: (seen) => seen !== undefined },
      ).then((seen) => seen!),
    ),
  );

/** Versions that were published with a serial that is not above the one before, as the log has them. */
const wentBack = ({ service }: Scene): readonly string[] => {
  const last = new Map<unknown, number>();
  const back: string[] = [];
  for (const { text } of service.lines) {
    const { event, zone, serial } = text.startsWith('{') ? (JSON.parse(text) as LogEvent) : {};
    if (event !== 'zone.loaded') continue;
    const before = last.get(zone) ?? 0;
    if (Number(serial) <= before) back.push(`${zone} ${before} -> ${serial}`);
    last.set(zone, Number(serial));
  }
  return back;
};

/** Commits of somebody else, which concern no zone, are all that there is to be seen from now on. */
const isQuiet = async (t: ExecutionContext<unknown>, { repository, both }: Pair): Promise<void> => {
  const before = await repository.head();
  for (let looks = 0; looks < LOOKS; looks++) {
    const commit = await repository.push({ readme: `${looks}` });
    for (const at of both) await at.service.waitForEvent('commit.loaded', { commit });
  }
  const since = await repository.git('log', '--format=%an', `${before}..main`);
  t.deepEqual(since.split('\n'), Array(LOOKS).fill('Somebody Else'), 'neither answers commits with commits');
};

test('what either of two primaries acknowledges is in git, and both serve it; then neither writes any more', async (t) => {
  const pair = await startPair(t);
  const [first, second] = pair.both;
  const updates = async (at: Scene, zones: readonly string[], prefix: string): Promise<void> => {
    for (let n = 0; n < 8; n++) for (const zone of zones) await add(t, at, zone, `${prefix}${n}`);
  };
  await Promise.all([
    updates(first, ['mirage', 'one.example'], 'first'),
    updates(second, ['mirage', 'two.example'], 'second'),
  ]);
  const [mirage, one, two] = await agreed(pair);
  for (let n = 0; n < 8; n++) {
    t.true(mirage!.includes(`first${n}.mirage. A `), `first${n}`);
    t.true(mirage!.includes(`second${n}.mirage. A `), `second${n}`);
    t.true(one!.includes(`first${n}.one.example. A `));
    t.true(two!.includes(`second${n}.two.example. A `));
  }
  for (const at of pair.both) t.deepEqual(wentBack(at), [], 'no serial went back');
  await isQuiet(t, pair);
  await agreed(pair);
});

test('a primary that was killed with updates that are in no commit yet finds those of the other, and loses none', async (t) => {
  const pair = await startPair(t);
  const [first, second] = pair.both;
  // What the file says is broken: updates wait in both journals.
  const broken = await pair.repository.push({ mirage: zoneText(2, 'www A nonsense\n') });
  for (const at of pair.both) await at.service.waitForEvent('commit.loaded', { commit: broken });
  for (let n = 0; n < 3; n++) {
    await add(t, first, 'mirage', `first${n}`);
    await add(t, second, 'mirage', `second${n}`);
    await add(t, second, 'mirage', `both${n}`);
    await add(t, first, 'mirage', `both${n}`);
  }
  await first.service.stop('SIGKILL');
  const now = await pair.again();
  await pair.repository.push({ mirage: zoneText(2, 'www A 192.0.2.1\n') });
  const next = { ...pair, both: [now, second] as const };
  await until(() => pair.repository.read('mirage'), {
    what: 'all is in the file',
    holds: (text) => /^first2\b/m.test(text) && /^second2\b/m.test(text),
  });
  await agreed(next);
  const text = await pair.repository.read('mirage');
  for (const name of ['first', 'second', 'both'])
    for (let n = 0; n < 3; n++) t.is(text.match(new RegExp(`^${name}${n}\\b`, 'gm'))?.length, 1, `${name}${n}`);
  for (const at of next.both) t.deepEqual(wentBack(at), [], 'no serial went back');
  await isQuiet(t, next);
  await agreed(next);
});
