/**
 * The documentation against the code: what an option, a metric, an event, a limit, a dependency or a file is called, and where links lead.
 *
 * Left out: whether the sentences around the names are true.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { DEFAULT_FILE_LIMITS } from '@zonewright/common/master/limits';
import { LIMITS } from '@zonewright/common/net/limits';
import { type Command, environmentName, longName, type OptionRow } from '@zonewright/common/service/options';
import { METRICS as LETSENCRYPT_METRICS } from '@zonewright/letsencrypt/metrics';
import { METRICS as PRIMARY_METRICS } from '@zonewright/primary/metrics';
import { METRICS as SECONDARY_METRICS } from '@zonewright/secondary/metrics';
import test from 'ava';
import { root } from '../support/zonewright.ts';

const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Paths below the root of files with one ending, without what is installed or built. */
const filesOf = (folder: string, ending: string): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) return entry.name.endsWith(ending) ? [path] : [];
    const isOurs = !entry.name.startsWith('.') && !['node_modules', 'dist', 'data', 'coverage'].includes(entry.name);
    return isOurs ? filesOf(path, ending) : [];
  });

const pages = filesOf('.', '.md');

/** The part of a page below a heading, up to the next heading of the same rank. */
const sectionOf = (page: string, heading: string): string => {
  const [, rest = ''] = `\n${page}`.split(`\n${heading}\n`);
  const rank = heading.split(' ')[0]!;
  return rest.split(`\n${rank} `)[0]!;
};

/** The rows of all tables of a page, each as the texts of its cells. */
const rowsOf = (page: string): string[][] =>
  page
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split(/(?<!\\)\|/).slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim().replaceAll('`', '')));

/** The options of a command that have no row of their own on its page. */
const missingOptions = (command: Command, page: string): string[] => {
  const documented = new Set(rowsOf(page).map(([flag]) => flag));
  return command.options.filter(({ flag }) => !documented.has(flag)).map(({ flag }) => flag);
};

/** The options of a page that the command does not have. */
const inventedOptions = (command: Command, page: string): string[] => {
  const known = new Set(
    command.options.flatMap((row) => [longName(row), ...(row.aliases ?? []).map((it) => it.slice(2))]),
  );
  const flags = rowsOf(page).flatMap(([flag = '']) => /^--([a-z-]+)/.exec(flag)?.[1] ?? []);
  return flags.filter((flag) => !known.has(flag));
};

/** Environment variables that do not follow from the flag and that the page does not name. */
const unnamedVariables = (command: Command, page: string): string[] =>
  command.options.flatMap((row: OptionRow) =>
    row.variable === undefined || page.includes(`\`${environmentName(row)}\``) ? [] : [row.variable],
  );

const load = async (specifier: string): Promise<Command> => ((await import(specifier)) as { command: Command }).command;

for (const service of ['primary', 'secondary', 'letsencrypt']) {
  test(`every option of ${service} stands on its page, and no other`, async (t) => {
    const command = await load(`@zonewright/${service}/command`);
    const page = read(`${service}/README.md`);
    t.deepEqual(missingOptions(command, page), []);
    t.deepEqual(inventedOptions(command, page), []);
    const synopsis = sectionOf(page, '## Synopsis');
    t.deepEqual(
      command.options.map(longName).filter((name) => !synopsis.includes(`--${name}`)),
      [],
    );
  });
}

const tools = filesOf('cli/src', '.ts')
  .filter((path) => /^export const command = /m.test(read(path)))
  .map((path) => path.replace(/^cli\/src\/|\.ts$/g, ''));

for (const tool of tools) {
  test(`every option of the tool ${tool} stands in its section, and no other`, async (t) => {
    const command = await load(`@zonewright/cli/${tool}`);
    const page = read('cli/README.md');
    const section = sectionOf(page, `### zonewright ${command.name}`);
    t.not(section, '');
    t.deepEqual(missingOptions(command, section), []);
    t.deepEqual(inventedOptions(command, section), []);
    t.deepEqual(unnamedVariables(command, page), []);
  });
}

test('every metric stands on the page of its service', (t) => {
  const tables = { primary: PRIMARY_METRICS, secondary: SECONDARY_METRICS, letsencrypt: LETSENCRYPT_METRICS };
  for (const [service, metrics] of Object.entries(tables)) {
    const documented = new Map(
      rowsOf(sectionOf(read(`${service}/README.md`), '## Metrics')).map(([name, type]) => [name, type]),
    );
    t.deepEqual(documented, new Map(Object.entries(metrics).map(([name, { type }]) => [name, type])), service);
  }
});

test('every event of the log stands on the page of a service', (t) => {
  const text = ['primary', 'secondary', 'letsencrypt'].map((service) => read(`${service}/README.md`)).join('');
  const sources = ['common/src/service', 'primary/src', 'secondary/src', 'letsencrypt/src'].flatMap((folder) =>
    filesOf(folder, '.ts'),
  );
  const events = sources.flatMap((path) =>
    [...read(path).matchAll(/\blog\.(?:debug|info|warn|error)\(\s*'([a-z.-]+)'/g)].map(([, event]) => event!),
  );
  t.true(events.includes('update.accepted'));
  t.deepEqual(
    [...new Set(events)].filter((event) => !text.includes(`\`${event}\``)),
    [],
  );
});

/** The value of a constant of a source, where that is a product or power of plain numbers. */
const constantOf = (source: string, name: string): number | undefined => {
  const text = new RegExp(`^(?:export )?const ${name}(?:: number)? = ([\\d_ *<]+);`, 'm').exec(source)?.[1];
  if (text === undefined) return undefined;
  const [base = '', shift] = text.replaceAll('_', '').split('<<');
  const factors = base
    .replaceAll(/(\d+) \*\* (\d+)/g, (_, a: string, b: string) => String(Number(a) ** Number(b)))
    .split('*');
  return factors.reduce((product, factor) => product * Number(factor), 2 ** Number(shift ?? 0));
};

test('every limit stands in docs/limits.md with its value, and is where that says', (t) => {
  const rows = rowsOf(read('docs/limits.md'));
  const numberOf = (text: string): number => Number(text.replaceAll(' ', ''));
  const tables = [
    {
      path: 'common/src/net/limits.ts',
      values: Object.entries(LIMITS).map(([name, row]) => [name, row.default] as const),
    },
    { path: 'common/src/master/limits.ts', values: Object.entries(DEFAULT_FILE_LIMITS) },
  ];
  for (const { path, values } of tables) {
    for (const [name, value] of values) {
      const row = rows.find(([documented, , , where]) => documented === name && where === path);
      t.is(row && numberOf(row[1]!), value, `${path} ${name}`);
    }
  }
  for (const [name = '', value = '', , path = ''] of rows) {
    const source = existsSync(join(root, path)) ? read(path) : '';
    t.regex(source, new RegExp(`\\b${name}\\b`), `${path} ${name}`);
    const constant = constantOf(source, name);
    if (constant !== undefined) t.is(numberOf(value), constant, `${path} ${name}`);
  }
});

/** What a format can hold or a layout looks like: nothing is refused for these. */
const NO_LIMITS: ReadonlySet<string> = new Set([
  'MAX_COPY',
  'MAX_INSERT',
  'MAX_NAME_AND_SALT',
  'MAX_OWNER_COLUMN',
  'MAX_POINTER',
]);

test('every constant that says by its name that it is a limit stands in docs/limits.md', (t) => {
  const documented = new Set(rowsOf(read('docs/limits.md')).map(([name]) => name));
  const sources = ['common', 'primary', 'secondary', 'letsencrypt', 'cli'].flatMap((folder) =>
    filesOf(`${folder}/src`, '.ts'),
  );
  const names = sources.flatMap((path) =>
    [
      ...read(path).matchAll(
        /^(?:export )?const (MAX_\w+|\w+_LIMIT|\w+_LIMIT_\w+|\w*TIMEOUT\w*)(?:: number)? = [\d(]/gm,
      ),
    ].map(([, name]) => name!),
  );
  t.true(names.includes('MAX_CHAIN'));
  t.deepEqual(
    [...new Set(names)].filter((name) => !documented.has(name) && !NO_LIMITS.has(name)),
    [],
  );
});

/** The titles of the tests of a file, each as far as its first line goes. */
const titlesOf = (path: string): string[] =>
  [...read(path).matchAll(/\btest(?:\.serial)?\(\s*['"`](.*)/g)].map(([, title]) => title!);

test('every section in docs/rfc.md says how far, where, and by which test, and these are there', (t) => {
  const rows = sectionOf(read('docs/rfc.md'), '## Section by section')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (?:section|-)/.test(line))
    .map((line) => line.split(/(?<!\\)\|/).slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim()));
  t.true(rows.length > 200);
  for (const [section, asks, far = '', where = '', shown = ''] of rows) {
    const row = `${section} ${asks}`;
    t.regex(far, /^(?:full|part|none)\b/, row);
    t.true(where !== '' || /^none|see RFC/.test(far), row);
    for (const [, path = ''] of where.matchAll(/`([\w./-]+)`/g))
      t.true(existsSync(join(root, 'common/src', path)) || existsSync(join(root, path)), path);
    for (const [, file, rfc, number] of shown.matchAll(/`([\w/-]+)`(?:: RFC (\d+) (appendix A|[\d.]*\d))?/g)) {
      const path = `test/src/${file}.test.ts`;
      t.true(existsSync(join(root, path)), path);
      if (rfc === undefined || !existsSync(join(root, path))) continue;
      const isTitle = (title: string): boolean => title.includes(`RFC ${rfc}`) && title.includes(number!);
      t.true(titlesOf(path).some(isTitle), `${path}: RFC ${rfc} ${number}`);
    }
  }
});

test('every dependency is argued for in docs/dependencies.md, and nothing else', (t) => {
  const page = read('docs/dependencies.md');
  const documented = new Set(
    ['## Runtime', '## Development'].flatMap((heading) => rowsOf(sectionOf(page, heading)).map(([name]) => name)),
  );
  const manifests = filesOf('.', 'package.json').map((path) => JSON.parse(read(path)) as Record<string, unknown>);
  const all = manifests.flatMap(({ dependencies, devDependencies, optionalDependencies }) =>
    [dependencies, devDependencies, optionalDependencies].flatMap((table) => Object.keys(table ?? {})),
  );
  const foreign = new Set(all.filter((name) => !name.startsWith('@zonewright/')));
  t.deepEqual([...documented].sort(), [...foreign].sort());
});

/** The anchor that a heading gets. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .trim()
    .replaceAll(' ', '-');

const withoutCode = (page: string): string => page.replaceAll(/^```[\s\S]*?^```$/gm, '');

const anchorsOf = (path: string): string[] =>
  [...withoutCode(read(path)).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading!));

test('relative links in all pages lead somewhere', (t) => {
  t.true(pages.includes('README.md'));
  for (const page of pages) {
    for (const [, target = ''] of withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [file = '', anchor] = target.split('#');
      const path = file === '' ? page : relative(root, join(root, dirname(page), file));
      const isThere = existsSync(join(root, path));
      t.true(isThere, `${page}: ${target}`);
      if (isThere && anchor !== undefined && statSync(join(root, path)).isFile())
        t.true(anchorsOf(path).includes(anchor), `${page}: ${target}`);
    }
  }
});

test('the files that pages name exist', (t) => {
  for (const page of pages) {
    const named = [
      ...withoutCode(read(page)).matchAll(/`((?:common|primary|secondary|letsencrypt|cli|test)\/src\/[\w./-]+)`/g),
    ];
    for (const [, path = ''] of named) t.true(existsSync(join(root, path)), `${page}: ${path}`);
  }
  const folders = [...read('common/README.md').matchAll(/^### `(\w+)\/`[\s\S]*?(?=^##|(?![\s\S]))/gm)];
  t.is(
    folders.length,
    readdirSync(join(root, 'common/src'), { withFileTypes: true }).filter((entry) => entry.isDirectory()).length,
  );
  for (const [section, folder = ''] of folders) {
    const named = rowsOf(section).flatMap(([files = '']) => files.split(', '));
    t.deepEqual(
      named.filter((file) => !existsSync(join(root, 'common/src', folder, file))),
      [],
      folder,
    );
  }
});
