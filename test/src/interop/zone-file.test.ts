// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what stands in braces here is the syntax of $GENERATE
/** Zone files as BIND reads them: what `named-compilezone` makes of a file is what we read from it. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseZoneFile } from '@zonewright/common/master/parse';
import { printRecord } from '@zonewright/common/rr/record';
import test, { type ExecutionContext } from 'ava';
import { needed, testWith } from '../support/needs.ts';
import { temporaryFolder } from '../support/owner.ts';
import { run } from '../support/process.ts';
import { nameOf } from '../support/records.ts';

const needy = testWith(test, ['named-checkzone']);
const FILES = new URL('../../files/zones/', import.meta.url);
const origin = nameOf('example.com.');
const HEAD = '$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 10.0.0.1\n';

/** Files that BIND does not take: it knows no octet order mark, and wants addresses of the name servers. */
const REFUSED: ReadonlySet<string> = new Set(['bom.zone', 'origins.zone']);

/** The records of a text, sorted. All of a set get the TTL of the first: so BIND settles what differs. */
const recordsOf = (octets: Uint8Array, files: Readonly<Record<string, string>> = {}): string[] => {
  const { records, faults } = parseZoneFile(octets, { origin, include: (name) => Buffer.from(files[name] ?? '') });
  if (faults.length > 0) throw new Error(JSON.stringify(faults));
  const ttls = new Map<string, number>();
  const lines = records.map(({ record }) => {
    const set = `${record.type} ${record.name.key}`;
    ttls.set(set, ttls.get(set) ?? record.ttl);
    return printRecord({ ...record, name: record.name.toLowerCase(), ttl: ttls.get(set)! });
  });
  return [...new Set(lines)].sort();
};

const compare = async (
  t: ExecutionContext,
  octets: Uint8Array,
  files: Readonly<Record<string, string>> = {},
): Promise<void> => {
  const folder = temporaryFolder(t, 'compile');
  writeFileSync(join(folder, 'zone'), octets);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const options = ['-q', '-i', 'none', '-k', 'ignore', '-n', 'ignore', '-r', 'ignore'];
  const ran = await run(needed('named-compilezone'), [...options, '-o', 'out', 'example.com', 'zone'], { cwd: folder });
  t.is(ran.code, 0, `${ran.stdout}${ran.stderr}`);
  t.deepEqual(recordsOf(octets, files), recordsOf(readFileSync(join(folder, 'out'))));
};

for (const name of readdirSync(FILES).filter((file) => file.endsWith('.zone') && !REFUSED.has(file)))
  needy(`BIND reads ${name} as we do`, (t) => compare(t, readFileSync(new URL(name, FILES))));

needy('BIND generates the records that we generate', async (t) => {
  const lines = [
    '$GENERATE 1-3 host$ A 10.0.0.$',
    '$GENERATE 2-9/3 $.rev PTR h$',
    '$GENERATE 18-18 a${0,5,d} A 10.0.0.1',
    '$GENERATE 18-18 b${0,0,o} A 10.0.0.1',
    '$GENERATE 171-171 c${-3,4,x} A 10.0.0.1',
    '$GENERATE 171-171 d${0,4,X} A 10.0.0.1',
    '$GENERATE 0-40/3 ${0,0,n}.e A 10.0.0.1',
    '$GENERATE 171-300/7 ${0,7,n}.f A 10.0.0.1',
    '$GENERATE 171-171 ${0,8,N}g A 10.0.0.1',
    '$GENERATE 18-18 ${0,3,d}.${100,3,d}.h A 10.0.0.1',
    '$GENERATE 1-1 a$$b\\$c$ TXT cost\\$$$$',
    '$GENERATE 1-2 @ MX "$ mail$.x."',
    '$GENERATE 1-1 t$ TXT "\\"a $\\" b\\\\c"',
    'o A 10.0.0.9',
    '$GENERATE 1-2 i$ 7 IN A 10.0.0.$',
    ' TXT "of o"',
  ];
  await compare(t, Buffer.from(`${HEAD}${lines.join('\n')}\n`));
});

needy('BIND includes files as we do: owner, origin and TTL', async (t) => {
  const text = `${HEAD}o A 10.0.0.9\n$INCLUDE one sub\n TXT "of o"\nlast A 10.0.0.12\n$INCLUDE two\nmore A 10.0.0.13\n`;
  await compare(t, Buffer.from(text), {
    one: ' AAAA ::1\n@ A 10.1.0.1\n$ORIGIN deep\nx A 10.1.0.2\n$INCLUDE two\n$TTL 9\n',
    two: 'y TXT "z"',
  });
});
