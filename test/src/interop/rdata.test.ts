/**
 * RDATA as BIND reads and writes it: an example or more of each type, given to named-checkzone as we print it and by RFC 3597. What
 * BIND prints of either is read by us as the octets that it was made of, so text and wire form mean the same to both.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseZoneFile } from '@zonewright/common/master/parse';
import { printHex } from '@zonewright/common/rr/encoding';
import { printRdata } from '@zonewright/common/rr/rdata';
import { parseType, TYPE, typeRow } from '@zonewright/common/rr/type';
import anyTest, { type ExecutionContext } from 'ava';
import { needed, testWith } from '../support/needs.ts';
import { run } from '../support/process.ts';
import { examples } from '../support/rdata.ts';
import { hexOf, nameOf, rdataOf } from '../support/records.ts';

const test = testWith(anyTest, ['named-checkzone']);

/** What BIND 9.18 refuses: MD and MF as obsolete, the others because it does not know them. */
const REFUSED: ReadonlySet<number> = new Set([TYPE.MD, TYPE.MF, TYPE.CLA, TYPE.IPN]);
/** Examples that are too young for BIND 9.18, or that its checks are too strict for. */
const TOO_ODD = [
  / ohttp$/,
  / NXNAME$/,
  // A hash of another length than its algorithm makes.
  / vvvvvvvv$/,
  // No key with algorithm 0.
  /^10 1 0 192\.0\.2\.38$/,
] as const;

const records = examples
  .filter(([type, text]) => !REFUSED.has(parseType(type)!) && !TOO_ODD.some((odd) => odd.test(text)))
  .map(([type, text], i) => ({ owner: `r${i}`, type: parseType(type)!, rdata: rdataOf(type, text) }))
  .filter(({ type }) => type !== TYPE.SOA);

const HEAD = '$TTL 60\n@ SOA ns hostmaster 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n';
const origin = nameOf('example.');

/** RDATA in hexadecimal by owner and type, as BIND prints the zone. */
const throughBind = async (t: ExecutionContext, lines: readonly string[]): Promise<Map<string, string>> => {
  const folder = mkdtempSync(join(tmpdir(), 'rdata-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const [input, output] = [join(folder, 'in'), join(folder, 'out')];
  writeFileSync(input, `${HEAD}${lines.join('\n')}\n`);
  const checks = ['-i', 'none', ...['-k', '-n', '-r', '-M', '-S', '-T', '-W'].flatMap((flag) => [flag, 'ignore'])];
  const ran = await run(needed('named-checkzone'), [
    ...checks,
    ...['-f', 'text', '-F', 'text', '-s', 'full', '-o', output, 'example', input],
  ]);
  t.is(ran.code, 0, ran.stdout + ran.stderr);
  const read = parseZoneFile(readFileSync(output), { origin });
  t.deepEqual(read.faults, []);
  return new Map(
    read.records.map(({ record: { name, type, rdata } }) => [`${name.relativeTo(origin)} ${type}`, hexOf(rdata)]),
  );
};

const whatItWas = new Map(records.map(({ owner, type, rdata }) => [`${owner} ${type}`, hexOf(rdata)]));
const ofOurs = (read: ReadonlyMap<string, string>): Map<string, string> =>
  new Map([...whatItWas.keys()].map((key) => [key, read.get(key) ?? 'missing']));

test('BIND reads the text of every type as we wrote it, and we read what it writes', async (t) => {
  const lines = records.map(({ owner, type, rdata }) => `${owner} TYPE${type} ${printRdata(type, rdata)}`);
  t.deepEqual(ofOurs(await throughBind(t, lines)), whatItWas);
});

test('BIND takes our wire form of every type for the same text', async (t) => {
  const lines = records.map(({ owner, type, rdata }) => `${owner} TYPE${type} \\# ${rdata.length} ${printHex(rdata)}`);
  t.deepEqual(ofOurs(await throughBind(t, lines)), whatItWas);
});

anyTest('every type with a presentation form is shown to BIND, but for those that it refuses', (t) => {
  const shown = new Set(records.map(({ type }) => type));
  const withForm = Object.values(TYPE).filter((type) => typeRow(type)?.layout !== undefined && type !== TYPE.SOA);
  t.deepEqual(
    withForm.filter((type) => !shown.has(type)),
    [...REFUSED],
  );
});
