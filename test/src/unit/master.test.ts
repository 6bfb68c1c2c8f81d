/** Zone files: reading (RFC 1035 5, RFC 2308 4, RFC 3597 5), changing in place, printing. */
import { readdirSync, readFileSync } from 'node:fs';
import { editZoneFile } from '@zonewright/common/master/edit';
import { EXAMPLES } from '@zonewright/common/master/hint';
import { type FileFault, type ParsedFile, type ParseOptions, parseZoneFile } from '@zonewright/common/master/parse';
import { printZoneFile } from '@zonewright/common/master/print';
import { Name } from '@zonewright/common/name';
import { printRecord, type ResourceRecord } from '@zonewright/common/rr/record';
import { withSerial } from '@zonewright/common/rr/soa';
import { TYPE } from '@zonewright/common/rr/type';
import test from 'ava';
import { busyTime } from '../support/thread-time.ts';

const FILES = new URL('../../files/zones/', import.meta.url);
const origin = nameOf('example.com.');

function nameOf(text: string): Name {
  const name = Name.parse(text);
  if (!name.ok) throw new Error(name.fault.what);
  return name.value;
}

const octets = (text: string): Uint8Array => Buffer.from(text, 'utf8');
const parse = (text: string, options: Partial<ParseOptions> = {}): ParsedFile =>
  parseZoneFile(octets(text), { origin, ...options });

/** The records of good text, one line each. */
function lines(text: string): string[] {
  const { records, faults } = parse(text);
  if (faults.length > 0)
    throw new Error(faults.map((fault) => `${fault.line}:${fault.column} ${fault.what}`).join('\n'));
  return records.map(({ record }) => printRecord(record, origin));
}

function records(text: string): ResourceRecord[] {
  return parse(`$TTL 3600\n${text}\n`).records.map(({ record }) => record);
}

const faultsOf = (text: string, options: Partial<ParseOptions> = {}): readonly FileFault[] =>
  parse(text, options).faults;
const places = (text: string): string[] =>
  faultsOf(text).map((fault) => `${fault.line}:${fault.column} ${fault.kind}: ${fault.what}`);

interface Change {
  readonly removed?: readonly ResourceRecord[];
  readonly added?: readonly ResourceRecord[];
}

function edit(text: string, { removed = [], added = [] }: Change): string {
  const edited = editZoneFile(octets(text), { removed, added }, { origin });
  if (!edited.ok) throw new Error(edited.fault.what);
  return Buffer.from(edited.value).toString('utf8');
}

/** The lines that differ, as a unified diff without context. */
function diff(before: string, after: string): string[] {
  const a = before.split(/(?<=\n)/);
  const b = after.split(/(?<=\n)/);
  const common: number[][] = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i]![j] = a[i] === b[j] ? common[i + 1]![j + 1]! + 1 : Math.max(common[i + 1]![j]!, common[i]![j + 1]!);
    }
  }
  const result: string[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      i++;
      j++;
    } else if (i < a.length && (j === b.length || common[i + 1]![j]! >= common[i]![j + 1]!)) result.push(`-${a[i++]}`);
    else result.push(`+${b[j++]}`);
  }
  return result.filter((line) => line.length > 1);
}

const zoneText = (name: string): string => readFileSync(new URL(name, FILES), 'utf8');
const editDiff = (name: string, change: Change): string[] => diff(zoneText(name), edit(zoneText(name), change));

// Reading

test('every file of the collection is read without a fault and without losing an octet', (t) => {
  const names = readdirSync(FILES).filter((name) => name.endsWith('.zone'));
  t.true(names.length >= 8);
  for (const name of names) {
    const file = parseZoneFile(readFileSync(new URL(name, FILES)), { origin });
    t.deepEqual(file.faults, [], name);
    t.is(file.file.entries.map(({ start, end }) => file.file.text.slice(start, end)).join(''), file.file.text, name);
    t.true(file.records.length > 3, name);
  }
});

test('TTL and class stand in either order, and units add up', (t) => {
  t.deepEqual(lines('a 1h30m IN A 10.0.0.1\na IN 90M A 10.0.0.2\na class1 60 A 10.0.0.3\na 0 A 10.0.0.4\n'), [
    'a 5400 IN A 10.0.0.1',
    'a 5400 IN A 10.0.0.2',
    'a 60 IN A 10.0.0.3',
    'a 0 IN A 10.0.0.4',
  ]);
});

test('owners in column one may look like types, classes and TTLs', (t) => {
  const text = zoneText('odd-owners.zone');
  const owners = parse(text).records.map(({ record }) => record.name.relativeTo(origin));
  t.deepEqual(owners, [
    '@',
    '@',
    'A',
    'IN',
    'DS',
    '1h',
    'TYPE1',
    '3600',
    '3600',
    'ns',
    '*.wild',
    'a\\.dot',
    'sp\\032ace',
    '\\$dollar',
    '\\@',
  ]);
  for (const owner of ['1h', 'N', 'DS', 'TYPE1', 'IN', 'CH', 'ANY', 'CLASS1', '0', 'AXFR']) {
    t.deepEqual(lines(`${owner} 5 IN A 10.0.0.1\n`), [`${owner} 5 IN A 10.0.0.1`]);
    t.deepEqual(lines(`${owner} A 10.0.0.1\n IN 6 A 10.0.0.2\n`)[1], `${owner} 6 IN A 10.0.0.2`);
    t.deepEqual(lines(`x 1 CNAME ${owner}\n`), [`x 1 IN CNAME ${owner}`]);
  }
});

test('the default TTL is $TTL, else the last stated one, else the minimum of a SOA that comes first, else 3600', (t) => {
  const ttls = (text: string): number[] => parse(text).records.map(({ record }) => record.ttl);
  t.deepEqual(ttls('$ttl 1m\na A 10.0.0.1\na 5 A 10.0.0.2\na A 10.0.0.3\n$TTL 2m\na A 10.0.0.4\n'), [60, 5, 60, 120]);
  t.deepEqual(ttls('a A 10.0.0.1\na 5 A 10.0.0.2\na A 10.0.0.3\n'), [3600, 5, 5]);
  t.deepEqual(ttls('@ SOA a b 1 2 3 4 77\na A 10.0.0.1\n'), [77, 77]);
  t.deepEqual(ttls('a A 10.0.0.1\n@ SOA a b 1 2 3 4 77\n'), [3600, 3600]);
});

test('a quote within a word belongs to the word', (t) => {
  t.deepEqual(lines('a 1 HTTPS 1 . alpn="h2,h3" key700="a b;c(d)"\n'), [
    'a 1 IN HTTPS 1 . alpn="h2,h3" key700="a b;c(d)"',
  ]);
});

test('escaped dots, blanks and quotes end no token', (t) => {
  t.deepEqual(lines('a\\.b 1 TXT one\\ two "th\\"ree" \\;four\n'), ['a\\.b 1 IN TXT "one two" "th\\"ree" ";four"']);
});

test('parentheses go over lines, with comments between', (t) => {
  t.deepEqual(lines('a 1 TXT ( "x" ; ) no end\n\n  "y" ) ; rest\nb 1 A (10.0.0.1)\n'), [
    'a 1 IN TXT "x" "y"',
    'b 1 IN A 10.0.0.1',
  ]);
});

test('$ORIGIN may be relative to the one before', (t) => {
  t.deepEqual(lines('$ORIGIN b\n$ORIGIN c\n@ 1 CNAME x\n'), ['c.b 1 IN CNAME x.c.b']);
});

test('all faults of a file are reported in one run, each with its place', (t) => {
  const text = [
    '  A 10.0.0.1', // No owner before.
    'a A 10.0.0.256',
    'b CH TXT "x"',
    'c FOO bar',
    'd 2147483648 A 10.0.0.1',
    '$INCLUDE /etc/passwd',
    '$GENERATE 0-4294967295 x A 10.0.0.1',
    'e TXT "open',
    'f..g A 10.0.0.1',
    '  A 10.0.0.2', // Its owner is lost, which was said.
    'h',
    'i MX ten mail',
    'j A 10.0.0.1 )',
    'k TXT a\\',
    'l TXT "\\999"',
    'm SOA a b (',
    'good 1 A 10.0.0.1',
    '$FOO',
    '$TTL 1x',
    '$ORIGIN a b',
    'n AXFR x',
    'o HS A 10.0.0.1',
    '',
  ].join('\n');
  t.deepEqual(places(text), [
    '1:3 owner: a line that begins with a blank before any owner name',
    "2:5 rdata: '10.0.0.256' is no IPv4 address",
    '3:3 syntax: class CH: zones are of class IN only',
    "4:3 syntax: 'FOO' is no record type",
    "5:3 ttl: the TTL '2147483648' is no number of 0..2147483647",
    '6:10 directive: only a file beside this one can be included, by its plain name',
    '7:11 limit: a range of 4294967296 records (at most 65536)',
    '8:7 syntax: a quote that is not closed on its line',
    "9:1 owner: the owner 'f..g' is no domain name: an empty label",
    '11:2 syntax: a record without a type',
    "12:6 rdata: 'ten' is no number of 0..65535",
    '13:14 syntax: a closing parenthesis without an opening one',
    '14:8 syntax: a backslash at the end of a line',
    '15:7 rdata: a backslash not followed by a character or by three digits up to 255',
    '16:11 syntax: an opening parenthesis that is never closed',
    "18:1 directive: unknown directive '$FOO'",
    "19:6 ttl: the TTL '1x' is no number of 0..2147483647",
    '20:11 directive: $ORIGIN takes one domain name',
    '21:3 syntax: AXFR is no type of a record in a zone',
    '22:3 syntax: class HS: zones are of class IN only',
  ]);
  t.deepEqual(
    parse(text).records.map(({ record, line }) => `${line} ${record.name}`),
    ['17 good.example.com.'],
  );
});

test('NUL and control characters outside quotes are faults, within quotes control characters are data', (t) => {
  t.deepEqual(places('a A 10.0.0.1\0\nb\x07 A 10.0.0.1\nc A 10.0.0.1 ; \0\nd\r A 10.0.0.1\n'), [
    '1:13 syntax: a NUL octet',
    '2:2 syntax: a control character (octet 7)',
    '3:16 syntax: a NUL octet',
    '4:2 syntax: a control character (octet 13)',
  ]);
  t.deepEqual(lines('a 1 TXT "x\x07\ty"\n'), ['a 1 IN TXT "x\\007\\009y"']);
});

test('a directive without its value is reported where it stands', (t) => {
  t.deepEqual(places('a TXT b c\n$TTL\n$ORIGIN\n'), [
    '2:1 directive: $TTL takes one TTL',
    '3:1 directive: $ORIGIN takes one domain name',
  ]);
});

test('an octet order mark is passed over at the beginning of a file only', (t) => {
  t.deepEqual(lines('\ufeffa 1 A 10.0.0.1\n'), ['a 1 IN A 10.0.0.1']);
  t.deepEqual(places('a A 10.0.0.1\n\ufeff@ NS a\n'), [
    '2:1 syntax: an octet order mark that is not at the beginning of the file',
  ]);
});

test('a type written in column one gets a hint', (t) => {
  t.regex(faultsOf('A 10.0.0.1\n')[0]?.hint ?? '', /column one/);
});

test('no fault text holds key data, and with isSecret no content at all', (t) => {
  const secret = 'c2VjcmV0c2VjcmV0c2VjcmV0';
  for (const line of [`k DNSKEY 0 3 163 ${secret}=`, `k DNSKEY 0 3 ${secret} x`]) {
    t.is(faultsOf(`${line}\n`).length, 1);
    t.false(JSON.stringify(faultsOf(`${line}\n`)).includes(secret), line);
  }
  const shapes = [
    '%',
    'k %',
    'k DNSKEY % 3 163 x',
    '  %',
    '$%',
    '$TTL %',
    '$ORIGIN %..a',
    '%..a A 1.2.3.4',
    'k 0 3 163 %',
    '"%',
    '"%" A x',
    'k %( DNSKEY',
    'k HS% A',
  ];
  for (const shape of [...shapes, ...shapes.map((text) => `x A 10.0.0.1\n${text}`)]) {
    const faults = faultsOf(`${shape.replace('%', secret)}\n`, { isSecret: true });
    t.true(faults.length > 0, shape);
    t.false(JSON.stringify(faults).toLowerCase().includes(secret.toLowerCase()), shape);
  }
  t.false(JSON.stringify(faultsOf('k 9999999999999 A 10.0.0.1\n', { isSecret: true })).includes('999'));
});

test('fault texts are short and printable', (t) => {
  for (const fault of faultsOf(
    `a A ${'\u00e4'.repeat(5000)}\n${'x'.repeat(5000)} A 10.0.0.1\nb ${'\x1b[2J'.repeat(9)} A\nc "\x1b[2J" A\n`,
  )) {
    t.regex(fault.what, /^[ -~]{1,300}$/);
  }
});

test('the faults reported are limited, and the last one tells how many there are', (t) => {
  const faults = faultsOf('a FOO\n'.repeat(250));
  t.is(faults.length, 101);
  t.is(faults[100]?.what, 'and 150 more faults');
  t.is(faults[100]?.line, 101);
});

test('a file may end without line end, in CRLF, and have tabs and blanks anywhere', (t) => {
  const expected = ['a 1 IN A 10.0.0.1', 'a 1 IN TXT "x"'];
  for (const text of [
    'a 1 A 10.0.0.1\n 1 TXT x',
    'a 1 A 10.0.0.1\r\n 1 TXT x\r\n',
    '\ufeffa\t1\tA\t10.0.0.1\t\n\t1\tTXT\tx\t',
    '\n \n\t;\na 1 A 10.0.0.1;c\n;\n 1 TXT x;',
    '(a 1) (A) 10.0.0.1()\n (1 TXT\n\n x\n)',
    'a( ; owner\n 1 ( A ) \r\n10.0.0.1)\r\n\t1 TXT (x)',
  ])
    t.deepEqual(lines(text), expected, text);
  t.deepEqual(lines(''), []);
  t.deepEqual(lines('\ufeff'), []);
});

test('a parenthesis or a quote that stays open is a fault at its place, and the rest of the file is read', (t) => {
  t.deepEqual(places('a A ( 10.0.0.1\nb A x\n'), [
    '1:5 syntax: an opening parenthesis that is never closed',
    "2:5 rdata: 'x' is no IPv4 address",
  ]);
  t.deepEqual(places('a TXT ( "x\ny" )\nb A x\n'), [
    '1:9 syntax: a quote that is not closed on its line',
    '2:2 syntax: a quote that is not closed on its line',
    "3:5 rdata: 'x' is no IPv4 address",
  ]);
  t.regex(faultsOf('a TXT "x\n')[0]?.hint ?? '', /\\010/);
});

test('TTLs are numbers with or without units, up to 2^31-1', (t) => {
  const ttl = (word: string): string => lines(`a ${word} A 10.0.0.1\n`)[0]!.split(' ')[1]!;
  t.deepEqual(['0', '1w2d', '1W2D3h4M5s', '2147483647', '0s', '0001', '1s1s'].map(ttl), [
    '0',
    '777600',
    '788645',
    '2147483647',
    '0',
    '1',
    '2',
  ]);
  for (const word of ['2147483648', '4294967296', '99999999999999999999', '3551w', '99999999999w'])
    t.regex(
      places(`a ${word} A 10.0.0.1\n`).join(),
      /^1:3 ttl: the TTL '\d+w?' is no number of 0\.\.2147483647$/,
      word,
    );
  for (const word of ['-1', '1.5', '1x', 'h1', '1h30', '+1'])
    t.is(places(`a ${word} A 10.0.0.1\n`).join(), `1:3 syntax: '${word}' is no record type`);
  for (const word of ['-1', '1x', '2147483648', '""', '1h30'])
    t.regex(places(`$TTL ${word}\n`).join(), /^1:\d ttl|directive/, word);
});

test('backslashes stand before a character or three digits up to 255', (t) => {
  t.deepEqual(lines('\\097\\b.\\000\\255 1 TXT \\"\\;\\( \\\\\n'), ['ab.\\000\\255 1 IN TXT "\\";(" "\\\\"']);
  for (const bad of ['\\999', '\\256', '\\12', '\\1x2']) {
    t.regex(places(`${bad} A 10.0.0.1\n`).join(), /^1:1 owner: .*backslash/, bad);
    t.regex(places(`a TXT ${bad}\n`).join(), /^1:7 rdata: .*backslash/, bad);
    t.regex(places(`a CNAME ${bad}\n`).join(), /^1:9 rdata: .*backslash/, bad);
  }
  t.regex(places('a TXT x\\').join(), /^1:8 syntax: a backslash at the end of a line$/);
});

test('the commonest faults come with a hint, be it an example of the type', (t) => {
  const hint = (text: string, options: Partial<ParseOptions> = {}): string | undefined =>
    faultsOf(`${text}\n`, options)[0]?.hint;
  for (const [text, expected] of [
    ['a A 10.0.0.256', /as 192\.0\.2\.1$/],
    ['$GENERATE 255-256 a$ A 10.0.0.$', /as 192\.0\.2\.1$/],
    ['a A', /^as `A 192\.0\.2\.1`$/],
    ['a AAAA [::1]', /without brackets/],
    ['a A 192.0.2.1 the server', /behind a semicolon$/],
    ['a MX mail', /^as `MX 10 mail`$/],
    ['a MX 10', /^as `MX 10 mail`$/],
    ['a SRV 0 443 host', /^as `SRV 0 0 443 host`$/],
    ['a DS 1 8 2 ABC', /two of the digits/],
    ['a OPENPGPKEY AB=C', /a multiple of four$/],
    ['a..b A 192.0.2.1', /no two in a row$/],
    ['a CNAME b..c', /no two in a row$/],
    ['$ORIGIN a..b', /no two in a row$/],
    [`a NS ${'x'.repeat(64)}`, /between two dots$/],
    [`a NS ${'x.'.repeat(126)}x`, /the origin behind it$/],
    ['a CNAME ""', /^@ is the origin/],
    ['a TXT \\400', /is written \\\\$/],
  ] as const)
    t.regex(hint(text) ?? '', expected, text);
  t.is(hint('a DNSKEY 257 3 13 ='), undefined);
  t.is(hint('a MX 10', { isSecret: true }), undefined);
});

test('every example of a hint can be read', (t) => {
  for (const example of EXAMPLES) t.deepEqual(places(`a 1 ${example.replace('HEX', 'abcd')}\n`), [], example);
});

test('strings are 0 to 255 octets, and data at most 65535', (t) => {
  t.deepEqual(lines('a 1 TXT ""\n'), ['a 1 IN TXT ""']);
  t.deepEqual(lines(`a 1 TXT ${'x'.repeat(255)}\n`), [`a 1 IN TXT "${'x'.repeat(255)}"`]);
  t.regex(places(`a TXT ${'x'.repeat(256)}\n`).join(), /^1:7 rdata: a character-string of 256 octets/);
  t.regex(places('a TXT\n').join(), /^1:6 rdata: a character-string is missing$/);
  const strings = (count: number): string => `a 1 TXT ${'x'.repeat(127).concat(' ').repeat(count)}\n`;
  t.is(parse(strings(511)).records[0]?.record.rdata.length, 511 * 128);
  t.regex(places(strings(512)).join(), /RDATA of more than 65535 octets/);
});

test('names beyond ASCII are taken octet for octet', (t) => {
  t.deepEqual(lines('b\u00fccher 1 CNAME \u4f8b.\n'), ['b\\195\\188cher 1 IN CNAME \\228\\190\\139.']);
  t.deepEqual(lines('\\195\\188 1 TXT \u00fc\n'), ['\\195\\188 1 IN TXT "\\195\\188"']);
});

test('names of 255 octets and labels of 63 are the longest', (t) => {
  const label = 'x'.repeat(63);
  t.is(parse(`${label} A 10.0.0.1\n`).faults.length, 0);
  t.regex(places(`x${label} A 10.0.0.1\n`).join(), /a label of more than 63 octets/);
  const long = `${label}.${label}.${label}.${'y'.repeat(49)}`;
  t.is(parse(`${long} A 10.0.0.1\n`).records[0]?.record.name.wire.length, 255);
  t.regex(places(`${long}y A 10.0.0.1\n`).join(), /a name of more than 255 octets/);
  t.is(parse(`a CNAME ${long}\n`).faults.length, 0);
  t.regex(places(`a CNAME ${long}y\n`).join(), /^1:9 rdata/);
});

test('$ORIGIN may be the root, and one that is no name leaves the one before', (t) => {
  t.deepEqual(lines('$ORIGIN .\na 1 CNAME b\n@ 1 CNAME @\n'), ['a. 1 IN CNAME b.', '. 1 IN CNAME .']);
  const { records: found, faults } = parse('$ORIGIN b\n$ORIGIN x..y\na A 10.0.0.1\n');
  t.is(faults[0]?.what, "the origin 'x..y' is no domain name: an empty label");
  t.is(String(found[0]?.record.name), 'a.b.example.com.');
});

test('a type that is not known is written as RFC 3597 has it, and everything else of it is a fault', (t) => {
  t.deepEqual(lines('a 1 TYPE65280 \\# 3 0a 0B0c\na 1 TYPE1 \\# 4 0A000001\na 1 type1 10.0.0.1\n'), [
    'a 1 IN TYPE65280 \\# 3 0a0b0c',
    'a 1 IN A 10.0.0.1',
    'a 1 IN A 10.0.0.1',
  ]);
  t.deepEqual(places('a TYPE65280 \\# 5 00\na TYPE65536 x\na TYPE65280 x\na A \\# 3 000000\n'), [
    '1:16 rdata: 1 octets where 5 are announced',
    "2:3 syntax: 'TYPE65536' is no record type",
    '3:13 rdata: TYPE65280 has no presentation form of its own; write \\# LENGTH HEX',
    '4:5 rdata: no valid A data: cut short',
  ]);
});

test('RDATA of more than 65535 octets is a fault in both of its forms', (t) => {
  t.is(lines(`a 1 TYPE65280 \\# 65535 ${'00'.repeat(65535)}\n`).length, 1);
  t.deepEqual(places(`a TYPE65280 \\# 65536 ${'00'.repeat(65536)}\na TXT ${'x '.repeat(32768)}\n`), [
    '1:13 rdata: RDATA of more than 65535 octets',
    '2:7 rdata: RDATA of more than 65535 octets',
  ]);
});

test('SVCB parameters that stand twice or are out of range are faults', (t) => {
  t.is(faultsOf('a SVCB 1 . port=65536\nb SVCB 1 . port=1 port=2\nc SVCB 65536 .\n').length, 3);
});

test('a line of many megabytes costs a fault and its length', (t) => {
  const ended = busyTime();
  t.deepEqual(places(`a TXT ${'x'.repeat(40 * 2 ** 20)}\nb A 10.0.0.300\n`), [
    '1:1 limit: an entry of more than 1048576 octets',
    "2:5 rdata: '10.0.0.300' is no IPv4 address",
  ]);
  t.is(places(`; ${'x'.repeat(40 * 2 ** 20)}\n`).length, 0, 'a comment may be long');
  t.regex(faultsOf('x'.repeat(65 * 2 ** 20))[0]?.what ?? '', /^a file of \d+ octets/);
  t.true(ended() < 10_000);
});

test('files, entries and words are limited', (t) => {
  t.is(faultsOf('a A 10.0.0.1\n', { limits: { octets: 5 } })[0]?.kind, 'limit');
  t.is(faultsOf('a TXT "some text"\n', { limits: { entryOctets: 10 } })[0]?.kind, 'limit');
  t.is(faultsOf('a TXT b c d e f\n', { limits: { words: 5 } })[0]?.kind, 'limit');
});

test('many parentheses that are never closed take linear time', (t) => {
  const ended = busyTime();
  t.true(faultsOf('a A (\n'.repeat(300_000)).length > 0);
  t.true(ended() < 10_000);
});

// Changing

test('a new serial changes the digits of the serial', (t) => {
  const text = zoneText('commented-soa.zone');
  const soa = parse(text).records[0]!.record;
  t.deepEqual(
    editDiff('commented-soa.zone', { removed: [soa], added: [{ ...soa, rdata: withSerial(soa.rdata, 2024010102) }] }),
    [
      '-                        2024010101      ; serial, YYYYMMDDnn\n',
      '+                        2024010102      ; serial, YYYYMMDDnn\n',
    ],
  );
  t.is(edit(text, {}), text);
});

test('a SOA replaces another one whatever it says', (t) => {
  const [soa] = records('@ SOA ns1 hostmaster 9 3h 15m 2w 1h');
  t.deepEqual(editDiff('commented-soa.zone', { added: [soa!] }), [
    '-                        2024010101      ; serial, YYYYMMDDnn\n',
    '+                        9               ; serial, YYYYMMDDnn\n',
    '-                        1w              ; expire\n',
    '+                        2w              ; expire\n',
  ]);
});

test('a new address changes the address and keeps the comment', (t) => {
  t.deepEqual(
    editDiff('commented-soa.zone', { removed: records('www A 192.0.2.80'), added: records('www A 192.0.2.90') }),
    ['-www     IN      A       192.0.2.80      ; front\n', '+www     IN      A       192.0.2.90      ; front\n'],
  );
});

test('a new TTL changes the TTL, or is put in where it was implied', (t) => {
  t.deepEqual(editDiff('commented-soa.zone', { added: records('blog 60 CNAME www') }), [
    '-blog    300     IN      CNAME   www\n',
    '+blog    60      IN      CNAME   www\n',
  ]);
  t.deepEqual(editDiff('commented-soa.zone', { added: records('ns1 60 A 192.0.2.1') }), [
    '-ns1     IN      A       192.0.2.1\n',
    '+ns1     60      IN      A       192.0.2.1\n',
  ]);
  t.is(edit('a 1h A 10.0.0.1\n', { added: records('a 5400 A 10.0.0.1') }), 'a 1h30m A 10.0.0.1\n');
});

test('a record that goes takes its line, and the next one gets the owner it inherited', (t) => {
  t.deepEqual(editDiff('commented-soa.zone', { removed: records('mail A 192.0.2.25') }), [
    '-mail    IN      A       192.0.2.25\n',
    '-        IN      AAAA    2001:db8::25\n',
    '+mail    IN      AAAA    2001:db8::25\n',
  ]);
  t.deepEqual(editDiff('tabs.zone', { removed: records('averyveryverylongname A 198.51.100.2') }), [
    '-averyveryverylongname\tA\t198.51.100.2\n',
    '-\t\t\tA\t198.51.100.3\n',
    '+averyveryverylongname\tA\t198.51.100.3\n',
  ]);
});

test('a record that comes stands behind its RRset, in its layout', (t) => {
  t.deepEqual(editDiff('commented-soa.zone', { added: records('www A 192.0.2.82') }), [
    '+        IN      A       192.0.2.82\n',
  ]);
  t.deepEqual(editDiff('crlf.zone', { added: records('ns 86400 A 10.0.0.9') }), ['+ns\tA\t10.0.0.9\r\n']);
  t.deepEqual(editDiff('no-newline.zone', { added: records('ns A 203.0.113.9') }), ['+ns A 203.0.113.9\n']);
});

test('a record without an RRset stands behind its owner', (t) => {
  t.deepEqual(editDiff('origins.zone', { added: records('b.example.com. 60 TXT "x"') }), ['+\t\t\tTXT\t"x"\n']);
  t.deepEqual(editDiff('bom.zone', { added: records('ns 300 TXT "x"') }), ['+  IN TXT "x"\n']);
});

test('a new owner stands at the end of its origin, before the last comments', (t) => {
  t.deepEqual(editDiff('commented-soa.zone', { added: records('new A 192.0.2.99') }), [
    '+new     IN      A       192.0.2.99\n',
  ]);
  t.true(
    edit(zoneText('commented-soa.zone'), { added: records('new A 192.0.2.99') }).endsWith(
      '\nnew     IN      A       192.0.2.99\n\n; vim: ft=bindzone\n',
    ),
  );
  t.deepEqual(editDiff('origins.zone', { added: records('c 60 A 192.0.2.9\nz.sub 60 A 192.0.2.10') }), [
    '+c\t\t\tA\t192.0.2.9\n',
    '+z\t\t\tA\t192.0.2.10\n',
  ]);
});

test('what is put behind a line without line end begins a line', (t) => {
  t.is(edit('a A 10.0.0.1', { added: records('b A 10.0.0.2') }), 'a A 10.0.0.1\nb A 10.0.0.2\n');
  t.is(edit('', { added: records('b A 10.0.0.2') }), 'b\tA\t10.0.0.2\n');
  t.is(edit('\ufeff', { added: records('b A 10.0.0.2') }), '\ufeffb\tA\t10.0.0.2\n');
  t.is(edit('; only a comment', { added: records('b 5 A 10.0.0.2') }), '; only a comment\nb\t5\tA\t10.0.0.2\n');
});

test('without $TTL a changed TTL does not leak into the records behind it', (t) => {
  t.is(
    edit('a 60 A 10.0.0.1\nb A 10.0.0.2\nc A 10.0.0.3\n', { added: records('a 5 A 10.0.0.1') }),
    'a 5 A 10.0.0.1\nb 60 A 10.0.0.2\nc A 10.0.0.3\n',
  );
  t.is(edit('a 60 A 10.0.0.1\nb A 10.0.0.2\n', { removed: records('a A 10.0.0.1') }), 'b 60 A 10.0.0.2\n');
});

test('a new minimum of the SOA does not become the TTL of all records', (t) => {
  const text = '@ SOA ns root 1 2 3 4 300\n@ NS ns\nns A 10.0.0.1\n';
  const [soa] = records('@ 300 SOA ns root 2 2 3 4 60');
  t.is(edit(text, { added: [soa!] }), '@ 300 SOA ns root 2 2 3 4 60\n@ NS ns\nns A 10.0.0.1\n');
});

test('strings that come and go leave their neighbours and comments alone', (t) => {
  const [old] = records('api TXT "first" "second" "third"');
  const added = (text: string): Change => ({ removed: [old!], added: records(`api 300 TXT ${text}`) });
  t.deepEqual(editDiff('bom.zone', added('"first" "2nd" "third"')), [
    '-           "second" ; between\n',
    '+           "2nd" ; between\n',
  ]);
  t.deepEqual(editDiff('bom.zone', added('"first" "second" "third" "fourth"')), [
    '-           "third" )\n',
    '+           "third"\n',
    '+           "fourth" )\n',
  ]);
});

test('RDATA in parentheses is replaced as a whole where its tokens cannot be told apart', (t) => {
  const [old] = parse(zoneText('keys-and-types.zone')).records.filter(({ record }) => record.type === TYPE.DS);
  t.deepEqual(editDiff('keys-and-types.zone', { removed: [old!.record], added: records('k DS 1 8 2 ABCD') }), [
    '-k                  DS     60485 5 1 ( 2BB183AF5F22588179A53B0A\n',
    '-                                      98631FAD1A292118 )\n',
    '+k                  DS     1 8 2 ( ABCD )\n',
  ]);
});

test('text in the data of an update does not become another record', (t) => {
  const evil = Buffer.from('x"\nevil A 6.6.6.6\n$ORIGIN .\n;\\', 'latin1');
  const [model] = records('host TXT "a"');
  const record = { ...model!, rdata: Uint8Array.of(evil.length, ...evil) };
  for (const name of readdirSync(FILES).filter((file) => file.endsWith('.zone'))) {
    const before = parse(zoneText(name)).records.length;
    const after = parse(edit(zoneText(name), { added: [record] }));
    t.deepEqual(after.faults, []);
    t.is(after.records.length, before + 1, name);
    t.false(
      after.records.some((found) => found.record.name.equals(nameOf('evil.example.com.'))),
      name,
    );
  }
});

test('a file with faults is not edited, and records that no text can mean are refused', (t) => {
  // The second one has an owner that is none, where a page ends.
  for (const text of ['a FOO\n', 'abc A 10.0.0.1\nx..y A 10.0.0.2\n']) {
    const faulty = editZoneFile(octets(text), { removed: [], added: [] }, { origin, pageEntries: 1 });
    t.is(faulty.ok ? undefined : faulty.fault.kind, 'faulty');
  }
  const [record] = records('a A 10.0.0.1');
  for (const bad of [
    { ...record!, ttl: 2 ** 31 },
    { ...record!, rdata: Uint8Array.of(1) },
    { ...record!, type: 255 },
  ]) {
    const edited = editZoneFile(octets('b A 10.0.0.2\n'), { removed: [], added: [bad] }, { origin });
    t.is(edited.ok ? undefined : edited.fault.kind, 'unwritable');
  }
  const foreign = editZoneFile(octets(''), { removed: [], added: [{ ...record!, class: 3 }] }, { origin });
  t.is(foreign.ok ? undefined : foreign.fault.kind, 'class');
});

// Printing

test('a fresh file stands in columns, the apex first', (t) => {
  const text = printZoneFile(
    origin,
    records(
      'www 60 A 192.0.2.80\nwww 60 TXT "a;b"\n@ NS ns\n@ SOA ns root 1 2 3 4 5\nns A 192.0.2.1\nother.org. A 192.0.2.2',
    ),
  );
  t.is(
    text,
    `$ORIGIN example.com.
$TTL 3600
@               SOA     ns root (
                        1           ; serial
                        2           ; refresh
                        3           ; retry
                        4           ; expire
                        5           ; minimum
                        )
@               NS      ns

ns              A       192.0.2.1
www          60 A       192.0.2.80
www          60 TXT     "a;b"
other.org.      A       192.0.2.2
`,
  );
});
