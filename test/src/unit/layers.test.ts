/**
 * The layers of the protocol library, read from its sources.
 *
 * The core (name, octets, rr, wire, master, zone, authority) has no I/O, no clock and no randomness, and each of its folders knows
 * only those below it. The edge (net, git, lmdb, service) knows the core and no service. What stands at the root of common/src
 * beside name.ts and octets.ts is the ground of all: it has the purity of the core and knows nothing but itself.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import test from 'ava';
import { root } from '../support/zonewright.ts';

type Layer = keyof typeof below;

/** Each layer, and the layers it may import beside itself. */
const below = {
  ground: [],
  name: ['ground'],
  octets: ['ground', 'name'],
  rr: ['ground', 'name', 'octets'],
  wire: ['ground', 'name', 'octets', 'rr'],
  master: ['ground', 'name', 'octets', 'rr', 'wire'],
  zone: ['ground', 'name', 'octets', 'rr', 'wire'],
  authority: ['ground', 'name', 'octets', 'rr', 'wire', 'master', 'zone'],
  net: ['ground', 'name', 'octets', 'rr', 'wire', 'master', 'zone', 'authority', 'git', 'service'],
  git: ['ground', 'name', 'octets', 'rr', 'wire', 'master', 'zone', 'authority', 'net', 'service'],
  lmdb: ['ground', 'name', 'octets', 'rr', 'zone', 'git', 'service'],
  service: ['ground', 'name', 'octets', 'rr', 'wire', 'master', 'zone', 'authority', 'net', 'git'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

const edge: readonly Layer[] = ['net', 'git', 'lmdb', 'service'];

/** What reads a clock, throws dice, or reaches out of the program. */
const impure: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['Date.now', /\bDate\s*\.\s*now\b/],
  ['new Date without argument', /\bnew\s+Date\b\s*(?!\s*\()|\bnew\s+Date\s*\(\s*\)/],
  ['performance', /\bperformance\s*\./],
  ['Math.random', /\bMath\s*\.\s*random\b/],
  ['random numbers', /\b(?:random(?:Bytes|Int|UUID|Fill|FillSync)|getRandomValues)\b/],
  ['process', /(?<![.\w$])process\s*\??\./],
  ['a timer', /(?<![.\w$])(?:setTimeout|setInterval|setImmediate)\b/],
  ['console', /(?<![.\w$])console\s*\??\./],
  ['fetch', /(?<![.\w$])fetch\s*\(/],
  ['globalThis', /\bglobalThis\b/],
];

const token = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`/g;

/** A source without its comments. */
const withoutComments = (source: string): string =>
  source.replace(token, (text) => (text.startsWith('//') || text.startsWith('/*') ? ' ' : text));

/** A source without comments and the text of its strings; templates stay, since they hold code. */
const codeOf = (source: string): string =>
  source.replace(token, (text) => (text.startsWith('`') ? text : text.startsWith('/') ? ' ' : "''"));

const importsOf = (source: string): string[] =>
  [...withoutComments(source).matchAll(/(?:\bfrom|\bimport|\bimport\s*\(|\brequire\s*\()\s*(['"`])([^'"`\n]+)\1/g)].map(
    ([, , target]) => target!,
  );

/** The layer of a file, by its path below common/src; `undefined` for a folder that no layer is named after. */
const layerOf = (path: string): Layer | undefined => {
  const [first = '', ...rest] = path.split('/');
  if (rest.length === 0) return (['name', 'octets'] as const).find((own) => first.startsWith(`${own}.`)) ?? 'ground';
  return first !== 'ground' && Object.hasOwn(below, first) ? (first as Layer) : undefined;
};

/** What a source of `common/src` does against the rule, each fault in a few words. */
const faultsOf = (path: string, source: string): string[] => {
  const layer = layerOf(path);
  if (layer === undefined) return ['is in a folder that no layer is named after'];
  const isCore = !edge.includes(layer);
  const allowed: readonly Layer[] = [layer, ...below[layer]];
  const imports = importsOf(source).flatMap((target) => {
    if (target.startsWith('.')) {
      const to = join(dirname(path), target);
      if (to.startsWith('..')) return [`imports ${target}, out of common/src`];
      const other = layerOf(to);
      return other !== undefined && allowed.includes(other) ? [] : [`imports ${target} from ${layer}`];
    }
    if (/^@zonewright\//.test(target)) return [`imports the package ${target}`];
    return isCore && target !== 'node:crypto' ? [`imports ${target}`] : [];
  });
  const code = codeOf(source);
  const mentions = isCore ? impure.filter(([, pattern]) => pattern.test(code)).map(([what]) => `mentions ${what}`) : [];
  return [...imports, ...mentions];
};

const sources = join(root, 'common', 'src');
const files = readdirSync(sources, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.[mc]?[jt]s$/.test(entry.name))
  .map((entry) => relative(sources, join(entry.parentPath, entry.name)));

const faultsIn = (layers: readonly Layer[]): string[] =>
  files
    .filter((path) => layers.includes(layerOf(path) as Layer))
    .flatMap((path) => faultsOf(path, readFileSync(join(sources, path), 'utf8')).map((fault) => `${path} ${fault}`));

test('every folder of common/src is a layer', (t) => {
  t.true(existsSync(join(sources, 'result.ts')));
  t.deepEqual(
    files.filter((path) => layerOf(path) === undefined),
    [],
  );
});

for (const layer of Object.keys(below) as Layer[]) {
  const title = edge.includes(layer)
    ? `${layer} imports no service`
    : `${layer} has no I/O, no clock, no randomness, and imports only ${['itself', ...below[layer]].join(', ')}`;
  test(title, (t) => t.deepEqual(faultsIn([layer]), []));
}

test('the rule finds what breaks it, and nothing in comments and strings', (t) => {
  const faults = (path: string, source: string): string => faultsOf(path, source).join('; ');
  t.is(faults('rr/a.ts', "import { name } from '../name.ts';\nimport { b } from './b.ts';"), '');
  t.is(faults('rr/a.ts', "import type { W } from '../wire/writer.ts';"), 'imports ../wire/writer.ts from rr');
  t.is(faults('zone/a.ts', "export * from '../master/lexer.ts';"), 'imports ../master/lexer.ts from zone');
  t.is(faults('name.ts', "import { a } from './rr/a.ts';"), 'imports ./rr/a.ts from name');
  t.is(faults('wire/tsig.ts', "import { createHmac } from 'node:crypto';"), '');
  t.is(faults('wire/tsig.ts', "import { randomBytes } from 'node:crypto';"), 'mentions random numbers');
  t.is(
    faults('zone/a.ts', "import fs from 'node:fs';\nconst p = await import('pino');"),
    'imports node:fs; imports pino',
  );
  t.is(faults('authority/a.ts', "import { a } from '../net/udp.ts';"), 'imports ../net/udp.ts from authority');
  t.is(
    faults('git/a.ts', "import fs from 'node:fs';\nimport { a } from '@zonewright/primary/a';\nDate.now();"),
    'imports the package @zonewright/primary/a',
  );
  t.is(
    faults('net/a.ts', "import { a } from '../../../primary/src/a.ts';"),
    'imports ../../../primary/src/a.ts, out of common/src',
  );
  t.is(faults('misc/a.ts', ''), 'is in a folder that no layer is named after');
  t.is(faults('zone/a.ts', '// Date.now()\n/* console.log() */ const text = "process.exit() // no";'), '');
  t.is(faults('zone/a.ts', 'const at = new Date(now); store.fetch(1); this.process.a; const processed = 1;'), '');
  for (const source of [
    'Date.now()',
    'new Date()',
    'new Date',
    'Math.random()',
    'process.env.A',
    'setTimeout(f)',
    'setInterval(f)',
    'console.log(1)',
    'fetch(url)',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of a template.
    '`${Date.now()}`',
  ]) {
    t.not(faults('zone/a.ts', source), '', source);
  }
});
