// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what stands in braces here is the syntax of $GENERATE
/**
 * Broken zone files, key files and included files: nothing is thrown, none takes long, findings are bounded in number, and what is
 * a zone is printed and read again as the same. The seed is printed; `SEED=n` repeats a run.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { LIMIT } from '@zonewright/common/authority/file-finding';
import { readKeyFile, readZoneFile } from '@zonewright/common/authority/zone-file';
import { printZoneFile } from '@zonewright/common/master/print';
import { recordKey } from '@zonewright/common/rr/record';
import type { Zone } from '@zonewright/common/zone/zone';
import test from 'ava';
import { LONGEST_MS, timed } from '../support/duration.ts';
import { isWhole } from '../support/extent.ts';
import { chanceFrom, seedOfRun } from '../support/mutation.ts';
import { nameOf } from '../support/records.ts';

const FILES = new URL('../../files/zones/', import.meta.url);
/** All of them with `npm run test:fuzz`. */
const RUNS = isWhole ? 100_000 : 3_000;
/** Of one file, whatever is wrong with it, and that there are more. */
const MOST_FINDINGS = LIMIT + 1;

const PIECES = [
  '$GENERATE 1-9 a$ A 10.0.0.$\n',
  '$GENERATE 0-4294967295 ${0,255,n} TXT "$"\n',
  '$GENERATE 1-50/3 ${-1,3,x} 5 MX "$ m$"\n',
  '$INCLUDE one\n',
  '$INCLUDE two sub\n',
  '$INCLUDE _keys\n',
  '$TTL 1w\n',
  '$ORIGIN .\n',
  '$ORIGIN a.b\n',
  '@ 60 IN SOA ns h 1 2 3 4 5\n',
  '@ NS ns\n',
  'ns A 192.0.2.1\n',
  ' IN 1h TXT "a b" c\n',
  '1h 1h A 10.0.0.1\n',
  '( a 5 CNAME\n b )\n',
  'x TYPE65280 \\# 3 000102\n',
  'k DNSKEY 0 3 163 AAAA\n',
  's HTTPS 1 . alpn="h2,h3" port=443\n',
  'd DS 1 8 2 00ff\n',
  '*.w 7 SRV 1 2 3 @\n',
  '"',
  '(',
  ')',
  '\\',
  '\\999',
  ';',
  '\n',
  '\r\n',
  ' ',
  '\t',
  '\0',
  '\u00ef\u00bb\u00bf',
  '\u00ff',
  '$',
  '${',
  '@',
  '.',
  '99999999999',
].map((text) => Buffer.from(text, 'latin1'));

const origin = nameOf('example.com.');
const seed = seedOfRun();

/** All records with their TTLs, in an order of their own. */
const contentOf = (zone: Zone): readonly string[] =>
  [zone.soaRecord(), ...zone.records()].map((record) => `${record.ttl} ${recordKey(record)}`).sort();

/** The zone of a fresh file with the same records. */
function printed(zone: Zone): Zone | undefined {
  const text = printZoneFile(origin, [zone.soaRecord(), ...zone.records()]);
  return readZoneFile(Buffer.from(text), origin).zone;
}

test('no zone file and no key file makes reading throw, or take long, and what is read is printed and read again', (t) => {
  t.log(`SEED=${seed}`);
  const chance = chanceFrom(seed);
  const files = readdirSync(FILES)
    .filter((name) => name.endsWith('.zone'))
    .map((name) => readFileSync(new URL(name, FILES)));

  const mutated = (): Buffer => {
    const isSoup = chance(2) === 0;
    let text = isSoup ? Buffer.alloc(0) : files[chance(files.length)]!;
    for (let i = chance(isSoup ? 16 : 4); i >= 0; i--) {
      const at = isSoup ? text.length : chance(text.length + 1);
      const piece = chance(10) === 0 ? Buffer.of(chance(256)) : PIECES[chance(PIECES.length)]!;
      const rest = Math.min(text.length, at + (isSoup ? 0 : chance(6)));
      text = Buffer.concat([text.subarray(0, at), piece, text.subarray(rest)]);
    }
    return text;
  };

  let zones = 0;
  let longest = 0;
  for (let run = 0; run < RUNS; run++) {
    const octets = mutated();
    const included = new Map([
      ['one', mutated()],
      ['two', PIECES[chance(PIECES.length)]!],
    ]);
    const fail = (what: string): void =>
      t.fail(`SEED=${seed}, file ${run}: ${what}, ${JSON.stringify(octets.toString('latin1'))}`);
    try {
      const { ms, result } = timed(() => readZoneFile(octets, origin, (name) => included.get(name)));
      longest = Math.max(longest, ms);
      if (ms >= LONGEST_MS) fail(`${ms} ms`);
      if (result.findings.length > MOST_FINDINGS) fail(`${result.findings.length} findings`);
      if (run % 10 === 0) readKeyFile(octets, origin);
      if (result.zone === undefined) continue;
      zones++;
      const again = printed(result.zone);
      if (again === undefined || contentOf(again).join() !== contentOf(result.zone).join())
        fail('printed it is another');
    } catch (error) {
      fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
  }
  t.log(`${RUNS} files, ${zones} zones; the longest took ${longest.toFixed(1)} ms`);
  t.true(zones > RUNS / 100, `${zones} zones`);
});
