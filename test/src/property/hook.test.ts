/**
 * The hook and the primary are of one mind: whatever is pushed onto whatever, `zonewright hook pre-receive` refuses it exactly when the
 * primary's loader finds errors in a file that changed.
 */
import { join } from 'node:path';
import { judgeMove } from '@zonewright/cli/pre-receive';
import { initBare } from '@zonewright/common/git/bare';
import { PushedObjects } from '@zonewright/common/git/pushed';
import { type GitStore, openStore, type Tree } from '@zonewright/common/git/store';
import { Loader } from '@zonewright/primary/repository/loader';
import type { Reading } from '@zonewright/primary/repository/repository';
import test from 'ava';
import fc from 'fast-check';
import { runs } from '../support/extent.ts';
import { temporaryFolder } from '../support/owner.ts';
import { given } from '../support/records.ts';

const head = (serial: number): string => `$TTL 60\n@ SOA ns h ${serial} 3600 600 86400 300\n@ NS ns\nns A 192.0.2.1\n`;
const key = (name: string): string => `${name} DNSKEY 0 3 163 ${Buffer.from(name).toString('base64')}\n`;

const ZONES = [
  head(1),
  head(2),
  `${head(2)}www A 192.0.2.2\n`,
  `${head(1)}$INCLUDE inc\n`,
  `${head(3)}$INCLUDE outer\n`,
  '$INCLUDE whole\n',
  `${head(1)}www A nonsense\n`,
  `${head(2)}www CNAME ns\nwww A 192.0.2.1\n`,
  `${head(1)}${head(2)}`,
  head(1).replace('@ NS ns\n', ''),
  'no zone at all\n',
  '{ "name": "package" }\n',
  '$TTL 60\nwww A 192.0.2.1\n',
  '@ SOA nonsense\n',
  '',
  '; nothing\n',
];
const INCLUDED = ['a A 192.0.2.3\n', 'a A nonsense\n', '$INCLUDE inc\n', '', head(1), 'a SOA ns h 1 1 1 1 1\n'];
const KEYS = [
  key('x._update.a.example.'),
  key('x._update.b.example.'),
  key('y._update.sub.a.example.') + key('x._notify.a.example.'),
  'x._update.a.example. DNSKEY 0 3 163 not-base64!\n',
  key('nothing.a.example.'),
  head(1),
  '',
  '; nothing\n',
];
const CHOICES = {
  'a.example': ZONES,
  'b.example': ZONES,
  'package.json': ZONES,
  inc: INCLUDED,
  outer: ['$INCLUDE inc\n', ...INCLUDED],
  whole: [head(1), head(2), ...INCLUDED],
  'a.example._keys': KEYS,
  _keys: [key('z._update'), ...KEYS],
  'NOTES.txt': ['hello\n', 'world\n'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

type Files = ReadonlyMap<string, Uint8Array | null>;

const filesOf = (choices: Readonly<Record<string, readonly string[]>>): fc.Arbitrary<Files> =>
  fc
    .record(
      Object.fromEntries(
        Object.entries(choices).map(([name, texts]) => [
          name,
          fc.option(fc.constantFrom<string>(...texts), { freq: 3 }),
        ]),
      ),
    )
    .map((all) => new Map(Object.entries(all).map(([name, text]) => [name, text === null ? null : Buffer.from(text)])));

/** Of many files at random hardly all are right, so some pushes have only such as are. */
const files = fc.oneof(
  {
    weight: 1,
    arbitrary: filesOf({ 'a.example': [head(1), head(2)], 'b.example': [head(3)], 'NOTES.txt': ['hello\n'] }),
  },
  { weight: 2, arbitrary: filesOf(CHOICES) },
);

const commit = async (store: GitStore, parent: Tree | undefined, changes: Files): Promise<Tree> =>
  given(await store.commit(parent, { files: changes, author: { name: 'x', email: 'x' }, time: 1, message: 'x' }));

const load = async (loader: Loader, tree: Tree): Promise<readonly Reading[]> => {
  const readings: Reading[] = [];
  const loading = loader.load(tree);
  for (let step = await loading.next(); step.done !== true; step = await loading.next()) readings.push(step.value);
  return readings;
};

test('a push is refused exactly when the primary finds errors in a file that it changes', async (t) => {
  const path = join(temporaryFolder(t), 'zones.git');
  given(await initBare(path));
  const store = given(await openStore({ kind: 'local', path, branch: 'main' }, {}));
  t.teardown(() => store.close());
  const seen = { taken: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(files, files, fc.boolean(), async (before, changes, isFirst) => {
      const old = isFirst ? undefined : await commit(store, undefined, before);
      const next = await commit(store, old, changes);
      const loader = new Loader(store);
      const known = new Set<string>();
      if (old !== undefined)
        for (const reading of await load(loader, old))
          if (reading.kind === 'zone' && reading.reason === undefined) known.add(reading.fileName);
      const refused = (await load(loader, next)).filter((reading) => {
        if (reading.kind === 'keys') return reading.findings.some(({ severity }) => severity === 'error');
        if (reading.kind !== 'zone' || reading.errors.length === 0) return false;
        return reading.reason === undefined || known.has(reading.fileName);
      });
      const objects = new PushedObjects(path, {});
      const lines: string[] = [];
      const policy = {
        branch: 'main',
        serial: 'auto',
        maxChange: { kind: 'off' },
        isDeletionAllowed: false,
      } as const;
      const judged = given(
        judgeMove(objects, { old: old?.commit, next: next.commit }, policy, (line) => void lines.push(line)),
      );
      objects.close();
      seen[judged ? 'taken' : 'refused']++;
      // Two key files may contradict each other, which is found when all of them are known.
      const hasContradiction = lines.some((line) => line.includes('stands also in'));
      if (judged !== (refused.length === 0) && !hasContradiction)
        throw new Error(`${refused.map((it) => it.fileName)}\n${lines.join('\n')}`);
    }),
    { numRuns: runs(150) },
  );
  t.true(seen.taken > 0 && seen.refused > 0, JSON.stringify(seen));
});
