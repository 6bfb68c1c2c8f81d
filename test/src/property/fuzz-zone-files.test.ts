// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what stands in braces here is the syntax of $GENERATE
/**
 * A hundred thousand broken zone files, key files and included files: nothing is thrown, and none takes long.
 * The seed is printed; `FUZZ_SEED` repeats a run.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { readKeyFile, readZoneFile } from '@zonewright/common/authority/zone-file';
import { Name } from '@zonewright/common/name';
import test from 'ava';

const FILES = new URL('../../files/zones/', import.meta.url);
const RUNS = 100_000;
/** Milliseconds that one file may take at most. */
const LONGEST = 10;

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

/** A generator of numbers of 0..1 with a seed (mulberry32). */
function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Milliseconds of processor time: how busy the machine is does not count. */
function spent(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const origin = Name.parse('example.com.');
if (!origin.ok) throw new Error('no name');

test('no zone file and no key file makes reading throw, or take long', (t) => {
  const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
  t.log(`FUZZ_SEED=${seed}`);
  const next = numbersFrom(seed);
  const below = (count: number): number => Math.floor(next() * count);
  const files = readdirSync(FILES)
    .filter((name) => name.endsWith('.zone'))
    .map((name) => readFileSync(new URL(name, FILES)));

  const mutated = (): Buffer => {
    const isSoup = next() < 0.5;
    let text = isSoup ? Buffer.alloc(0) : files[below(files.length)]!;
    for (let i = below(isSoup ? 16 : 4); i >= 0; i--) {
      const at = isSoup ? text.length : below(text.length + 1);
      const piece = next() < 0.1 ? Buffer.of(below(256)) : PIECES[below(PIECES.length)]!;
      const rest = Math.min(text.length, at + (isSoup ? 0 : below(6)));
      text = Buffer.concat([text.subarray(0, at), piece, text.subarray(rest)]);
    }
    return text;
  };

  let zones = 0;
  for (let run = 0; run < RUNS; run++) {
    const octets = mutated();
    const included = new Map([
      ['one', mutated()],
      ['two', PIECES[below(PIECES.length)]!],
    ]);
    const read = (): void => {
      const { zone } = readZoneFile(octets, origin.value, (name) => included.get(name));
      if (zone !== undefined) zones++;
      if (run % 10 === 0) readKeyFile(octets, origin.value);
    };
    if (spent(read) < LONGEST) continue;
    // Compiling and collecting are not the file's.
    const best = Math.min(...Array.from({ length: 20 }, () => spent(read)));
    if (best >= LONGEST) t.fail(`${best} ms for ${JSON.stringify(octets.toString('latin1'))}`);
  }
  t.true(zones > RUNS / 100, `${zones} zones`);
});
