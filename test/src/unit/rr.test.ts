/** Record types as data: text to wire and back for every row, by the examples of the RFCs. */
import { Name } from '@zonewright/common/name';
import { Reader, Writer } from '@zonewright/common/octets';
import { parseClass, printClass } from '@zonewright/common/rr/class';
import { parseTtl } from '@zonewright/common/rr/field';
import {
  canonicalRdata,
  parseRdata,
  printRdata,
  rdataFault,
  rdataNames,
  readRdata,
  targetOf,
  writeRdata,
} from '@zonewright/common/rr/rdata';
import { compareRdata, printRecord, recordKey } from '@zonewright/common/rr/record';
import { readSoa, withSerial, writeSoa } from '@zonewright/common/rr/soa';
import { isMetaType, parseType, printType, TYPE, typeRow } from '@zonewright/common/rr/type';
import test, { type ExecutionContext } from 'ava';
import { hexOf, nameOf, octetsOf, rdataOf, recordOf, tokensOf } from '../support/records.ts';

const FOO_COM = '03666f6f076578616d706c6503636f6d00';
const FOO_ORG = '03666f6f076578616d706c65036f726700';
const KEY =
  'AQPSKmynfzW4kyBv015MUG2DeIQ3Cbl+BBZH4b/0PY1kxkmvHjcZc8nokfzj31GajIQKY+5CptLr3buXA10hWqTkF7H6RfoRqXQeogmMHfpftf6zMv1LyBUgia7za6ZEzOJBOztyvhjL742iU/TpPSEDhm2SNKLijfUppn1UaNvv4w==';

/** Type, text as printed, wire form in hexadecimal where it is worth writing down. */
const examples: readonly (readonly [type: string, text: string, hex?: string])[] = [
  ['A', '192.0.2.1', 'c0000201'],
  ['NS', 'ns.example.', '026e73076578616d706c6500'],
  ['CNAME', 'foo.example.com.', FOO_COM],
  ['SOA', 'ns. a\\.b. 4294967295 1 2 3 0', '026e730003612e6200 ffffffff 00000001 00000002 00000003 00000000'],
  ['PTR', '.', '00'],
  ['HINFO', '"PDP-11" ""', '06504450 2d3131 00'],
  ['MX', '10 mail.example.', '000a046d61696c076578616d706c6500'],
  ['TXT', '"two words" "" "\\"q\\" \\\\ \\000\\255;"', '0974776f20776f726473 00 09 227122 20 5c 20 00ff3b'],
  ['RP', 'louie\\.trantor.umd.edu. lam1.people.umd.edu.'],
  ['AFSDB', '1 toaster.example.com.'],
  ['AAAA', '2001:db8::1', '20010db8000000000000000000000001'],
  ['LOC', '42 21 54.000 N 71 6 18.000 W -24.00m 30.00m 10000.00m 10.00m', '00331613 89172dd0 70be15f0 00988d20'],
  ['SRV', '0 1 9 old-slow-box.example.com.'],
  ['NAPTR', '100 50 "s" "http+I2L+I2C+I2R" "" _http._tcp.gatech.edu.'],
  ['KX', '2 rt1.example.com.'],
  ['DNAME', 'frobozz-division.acme.example.'],
  ['DS', '60485 5 1 2bb183af5f22588179a53b0a98631fad1a292118', 'ec450501 2bb183af5f22588179a53b0a98631fad1a292118'],
  ['SSHFP', '2 1 123456789abcdef67890123456789abcdef67890', '0201 123456789abcdef67890123456789abcdef67890'],
  ['DNSKEY', `256 3 5 ${KEY}`],
  ['TLSA', '0 0 1 d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971'],
  ['SMIMEA', '3 1 1 00ff', '03010100ff'],
  ['CDS', '0 0 0 00', '0000000000'],
  ['CDNSKEY', '0 3 0 AA==', '0000030000'],
  ['OPENPGPKEY', 'AQID', '010203'],
  ['LP', '10 l64-subnet1.example.com.'],
  ['URI', '10 1 "ftp://ftp1.example.com/public"'],
  [
    'CAA',
    '0 issue "ca1.example.net; policy=ev"',
    `0005697373756563 61312e6578616d706c652e6e65743b20706f6c6963793d6576`,
  ],
  ['CAA', '128 iodef ""', '8005696f646566'],
  ['HTTPS', '0 foo.example.com.', `0000${FOO_COM}`],
  ['SVCB', '1 .', '000100'],
  ['SVCB', '16 foo.example.com. port=53', `0010${FOO_COM} 00030002 0035`],
  ['SVCB', '1 foo.example.com. key667="hello"', `0001${FOO_COM} 029b0005 68656c6c6f`],
  ['SVCB', '1 foo.example.com. key667="hello\\210qoo"', `0001${FOO_COM} 029b0009 68656c6c6fd2716f6f`],
  [
    'SVCB',
    '1 foo.example.com. ipv6hint=2001:db8::1,2001:db8::53:1',
    `0001${FOO_COM} 00060020 20010db8000000000000000000000001 20010db8000000000000000000530001`,
  ],
  [
    'SVCB',
    '16 foo.example.org. mandatory=alpn,ipv4hint alpn="h2,h3-19" ipv4hint=192.0.2.1',
    `0010${FOO_ORG} 0000000400010004 00010009 026832 0568332d3139 00040004 c0000201`,
  ],
  ['SVCB', '16 foo.example.org. alpn="f\\\\\\\\oo\\\\,bar,h2"', `0010${FOO_ORG} 0001000c 08665c6f6f2c626172 026832`],
  ['HTTPS', '1 . alpn="h3" no-default-alpn ech="AEX+DQ==" dohpath="/q{?dns}" ohttp'],
];

test('every typed row goes from text to wire and back, as in the examples of its RFC', (t) => {
  for (const [type, text, hex] of examples) {
    const rdata = rdataOf(type, text);
    t.is(printRdata(parseType(type)!, rdata), text, type);
    if (hex !== undefined) t.is(hexOf(rdata), hex.replaceAll(' ', ''), `${type} ${text}`);
    t.is(rdataFault(parseType(type)!, rdata), undefined);
  }
  const tested = new Set(examples.map(([type]) => type));
  for (let code = 0; code <= 0xffff; code++) {
    const row = typeRow(code);
    if (row?.layout !== undefined) t.true(tested.has(row.mnemonic), row.mnemonic);
  }
});

test('RDATA cut anywhere, or with an octet more, is not valid, unless its last field takes what is left', (t) => {
  const open = new Set([
    'TXT',
    'DS',
    'CDS',
    'SSHFP',
    'DNSKEY',
    'CDNSKEY',
    'TLSA',
    'SMIMEA',
    'OPENPGPKEY',
    'URI',
    'CAA',
    'SVCB',
    'HTTPS',
  ]);
  for (const [type, text] of examples.filter(([type]) => !open.has(type))) {
    const rdata = rdataOf(type, text);
    for (let end = 0; end < rdata.length; end++) {
      t.truthy(rdataFault(parseType(type)!, rdata.subarray(0, end)), `${type} ${end}`);
    }
    t.truthy(rdataFault(parseType(type)!, Uint8Array.from([...rdata, 0])), type);
  }
  t.truthy(rdataFault(TYPE.TXT, new Uint8Array(0)));
  t.truthy(rdataFault(TYPE.CAA, octetsOf('0000')), 'an empty tag');
  t.truthy(rdataFault(TYPE.CAA, octetsOf('0002612d')), 'a tag with a hyphen');
});

/** The fault of a text, or what it was read as. */
const faultOf = (type: string, text: string): string => {
  const parsed = parseRdata(parseType(type)!, tokensOf(text), nameOf('example.'));
  return parsed.ok
    ? `read as ${printRdata(parseType(type)!, parsed.value)}`
    : `${parsed.fault.token} ${parsed.fault.what}`;
};
const refuses = (t: ExecutionContext, type: string, text: string, what: RegExp): boolean =>
  t.regex(faultOf(type, text), what, text);

test('the other spellings of RFC 9460 D.2 are read as the same octets', (t) => {
  t.deepEqual(rdataOf('SVCB', '1 . key667=hello'), rdataOf('SVCB', '1 . key667="hello"'));
  t.deepEqual(rdataOf('SVCB', '1 . key667="hello qoo"'), rdataOf('SVCB', '1 . key667=hello\\032qoo'));
  t.is(
    hexOf(rdataOf('SVCB', '1 foo.example.com. ipv6hint="2001:db8:122:344::192.0.2.33"')),
    `0001${FOO_COM}0006001020010db80122034400000000c0000221`,
  );
  t.deepEqual(
    rdataOf('SVCB', '16 foo.example.org. alpn=h2,h3-19 mandatory=ipv4hint,alpn ipv4hint=192.0.2.1'),
    rdataOf('SVCB', '16 foo.example.org. ipv4hint=192.0.2.1 mandatory=alpn,ipv4hint alpn="h2,h3-19"'),
  );
  t.deepEqual(
    rdataOf('SVCB', '16 . alpn=f\\\\\\092oo\\092,bar,h2'),
    rdataOf('SVCB', '16 . alpn="f\\\\\\\\oo\\\\,bar,h2"'),
  );
  t.deepEqual(rdataOf('SVCB', '1 . KEY3="53"'), rdataOf('SVCB', '1 . Port=53'));
});

test('the failure cases of RFC 9460 D.3 are refused', (t) => {
  refuses(t, 'SVCB', '1 foo.example.com. key123=abc key123=def', /twice/);
  for (const key of ['mandatory', 'alpn', 'port', 'ipv4hint', 'ipv6hint'])
    refuses(t, 'SVCB', `1 foo.example.com. ${key}`, /not valid/);
  refuses(t, 'SVCB', '1 foo.example.com. no-default-alpn=abc', /not valid/);
  refuses(t, 'SVCB', '1 foo.example.com. mandatory=key123', /missing/);
  refuses(t, 'SVCB', '1 foo.example.com. mandatory=mandatory', /not valid/);
  refuses(t, 'SVCB', '1 foo.example.com. mandatory=key123,key123 key123=abc', /not valid/);
});

test('service parameters with bad values are refused in text', (t) => {
  for (const bad of [
    'port=65536',
    'port=-1',
    'port=',
    'port=1x',
    'ipv4hint=1.2.3',
    'ipv4hint=1.2.3.4,',
    'ipv6hint=::g',
    'ech=A',
    'alpn=h2,,h3',
    'alpn=,',
    `alpn=${'a'.repeat(256)}`,
  ]) {
    refuses(t, 'HTTPS', `1 . ${bad}`, /not valid/);
  }
  for (const bad of ['key65535=a', 'key65536', 'key01=a', 'unheard=1', '=a', 'key', 'key-1'])
    refuses(t, 'HTTPS', `1 . ${bad}`, /no service parameter key/);
  refuses(t, 'HTTPS', '1', /missing/);
});

test('service parameters with bad values are refused in wire form', (t) => {
  for (const bad of [
    '00030002003500030002 0035',
    '0004000400000000 00030002 0035',
    '00030001 35',
    '00030003 000035',
    '00030002 00',
    '0003',
    '00040000',
    '00040003 010203',
    '0006000f 000000000000000000000000000000',
    '00010000',
    '00010001 00',
    '00010003 02 68',
    '00020001 00',
    '00000000',
    '00000001 00',
    '00000002 0000',
    '00000004 0004 0003',
    '00000002 0003',
    'ffff0000',
  ]) {
    t.truthy(rdataFault(TYPE.SVCB, octetsOf(`000100 ${bad}`)), bad);
  }
  t.is(rdataFault(TYPE.SVCB, octetsOf('000100 00000002 0003 00030002 0035')), undefined);
});

test('LOC follows the examples of RFC 1876', (t) => {
  const angle = (degrees: number, minutes: number, seconds: number): number =>
    (degrees * 3600 + minutes * 60 + seconds) * 1000;
  const read = (text: string): readonly number[] => {
    const reader = new Reader(rdataOf('LOC', text));
    return [reader.u32(), reader.u32() - 2 ** 31, reader.u32() - 2 ** 31, reader.u32() - 1e7];
  };
  t.deepEqual(read('42 21 54 N 71 06 18 W -24m 30m'), [0x00331613, angle(42, 21, 54), -angle(71, 6, 18), -2400]);
  t.deepEqual(read('42 21 43.952 N 71 5 6.344 W -24m 1m 200m'), [
    0x00122413,
    152_503_952,
    -angle(71, 5, 6) - 344,
    -2400,
  ]);
  t.deepEqual(read('52 14 05 N 00 08 50 E 10m'), [0x00121613, angle(52, 14, 5), angle(0, 8, 50), 1000]);
  t.deepEqual(read('32 7 19 S 116 2 25 E 10m'), [0x00121613, -angle(32, 7, 19), angle(116, 2, 25), 1000]);
  t.deepEqual(read('42 21 28.764 N 71 00 51.617 W -44m 2000m'), [0x00251613, 152_488_764, -255_651_617, -4400]);
  t.deepEqual(read('90 s 180 w -100000.00 0 0.01m 90000000.00m'), [
    0x00001099,
    -angle(90, 0, 0),
    -angle(180, 0, 0),
    -1e7,
  ]);
});

test('LOC out of range is refused', (t) => {
  for (const bad of [
    '90 0 0.001 N 0 E 0m',
    '0 N 180 0 1 E 0m',
    '0 60 N 0 E 0m',
    '0 0 60 N 0 E 0m',
    '0 N 0 E',
    '0 N 0 E -100000.01m',
    '0 N 0 E 42849672.96m',
    '0 N 0 E 0 90000001m',
    '0 N 0 E 0 -1m',
    '0 N 0 E 0 1 1 1 1',
    '0 E 0 N 0',
    'N 0 E 0',
    '',
    '1.5 N 0 E 0',
    '0 0 0.0001 N 0 E 0',
  ]) {
    t.notRegex(faultOf('LOC', bad), /^read as/, bad);
  }
  for (const wire of ['01', '00a0', '0001', '001a']) {
    const rdata = rdataOf('LOC', '0 N 0 E 0');
    rdata.set(octetsOf(wire));
    t.truthy(rdataFault(TYPE.LOC, rdata), wire);
  }
});

test('unknown types and any type in the form of RFC 3597', (t) => {
  t.is(hexOf(rdataOf('TYPE731', '\\# 6 abcd ef 01 23 45')), 'abcdef012345');
  t.is(printRdata(731, octetsOf('abcdef012345')), '\\# 6 abcdef012345');
  t.is(rdataOf('TYPE62347', '\\# 0').length, 0);
  t.is(printRdata(62347, new Uint8Array(0)), '\\# 0');
  t.is(printRdata(TYPE.A, rdataOf('A', '\\# 4 0A000001')), '10.0.0.1');
  t.is(parseType('type65280'), 65280);
  t.is(printType(65280), 'TYPE65280');
  t.is(parseType('TYPE1'), TYPE.A);
  t.is(parseType('TYPE65536'), undefined);
  t.is(parseType('NOSUCH'), undefined);
  t.is(parseType('constructor'), undefined);
  t.deepEqual(
    [parseClass('in'), parseClass('CLASS32'), parseClass('CLASS65536'), parseClass('X'), parseClass('toString')],
    [1, 32, undefined, undefined, undefined],
  );
  t.deepEqual([printClass(1), printClass(32)], ['IN', 'CLASS32']);
  refuses(t, 'TYPE731', '\\# 5 abcdef012345', /announced/);
  refuses(t, 'TYPE731', '\\# 5 00', /announced/);
  refuses(t, 'TYPE731', '\\# 1 0', /hexadecimal/);
  refuses(t, 'TYPE731', '\\# 1 0g', /hexadecimal/);
  refuses(t, 'TYPE731', '\\#', /length/);
  refuses(t, 'TYPE731', 'abc', /presentation form/);
  refuses(t, 'A', '\\# 3 0a0000', /no valid A data/);
  refuses(t, 'TYPE1', '\\# 5 0a00000000', /no valid A data/);
  t.is(printRdata(TYPE.A, octetsOf('0a00')), '\\# 2 0a00', 'what is not valid is printed all the same');
});

test('text that is no RDATA is refused at the token at fault', (t) => {
  const cases = [
    ['A', '1.2.3', 0],
    ['A', '1.2.3.256', 0],
    ['A', '01.2.3.4', 0],
    ['A', '', 0],
    ['A', '1.2.3.4 5', 1],
    ['AAAA', '1::2::3', 0],
    ['AAAA', '1:2:3:4:5:6:7', 0],
    ['AAAA', '1:2:3:4:5:6:7:8:9', 0],
    ['AAAA', '12345::', 0],
    ['AAAA', ':::', 0],
    ['AAAA', '::1.2.3.256', 0],
    ['AAAA', 'fe80::1%eth0', 0],
    ['MX', 'ten mail', 0],
    ['MX', '65536 mail', 0],
    ['MX', '10', 1],
    ['MX', '10 a..b', 1],
    ['SOA', 'a b 4294967296 1 1 1 1', 2],
    ['SOA', 'a b 1 1 1 1', 6],
    ['CAA', '0 is-sue x', 1],
    ['CAA', '256 issue x', 0],
    ['DS', '1 UNKNOWN 1 00', 1],
    ['DS', '1 256 1 00', 1],
    ['TXT', '"a" "\\300"', 1],
    ['TXT', '', 0],
  ] as const;
  for (const [type, text, token] of cases) t.regex(faultOf(type, text), new RegExp(`^${token} `), `${type} ${text}`);
  refuses(t, 'TXT', `"${'a'.repeat(256)}"`, /256 octets/);
  refuses(
    t,
    'TXT',
    Array(257)
      .fill(`"${'a'.repeat(255)}"`)
      .join(' '),
    /65535/,
  );
  refuses(t, 'DS', '1 8 2 abc', /hexadecimal/);
  for (const bad of ['A', 'AA', 'AAA', '====', 'A===', 'AA=A', 'A-_A', 'AAA*']) refuses(t, 'OPENPGPKEY', bad, /base64/);
});

test('the longest RDATA is read, printed and read again', (t) => {
  const text = [...Array(255).fill(`"${'a'.repeat(255)}"`), `"${'b'.repeat(254)}"`].join(' ');
  const rdata = rdataOf('TXT', text);
  t.is(rdata.length, 65535);
  t.is(printRdata(TYPE.TXT, rdata), text);
});

test('IPv6 addresses are printed as RFC 5952 wants it', (t) => {
  for (const [given, printed] of [
    ['2001:0DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['::192.0.2.1', '::c000:201'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ] as const) {
    t.is(printRdata(TYPE.AAAA, rdataOf('AAAA', given)), printed);
    t.deepEqual(rdataOf('AAAA', printed), rdataOf('AAAA', given));
  }
});

test('times have units, and DNSSEC algorithms names', (t) => {
  t.is(printRdata(TYPE.SOA, rdataOf('SOA', 'a. b. 1 1h 1h30M 1w2d3h4m5s 0')), 'a. b. 1 3600 5400 788645 0');
  t.deepEqual(['0', '4294967295', '4294967296', '-1', '', 'h', '1', '1 h', '1.5h', '7101w', '7102w'].map(parseTtl), [
    0,
    4294967295,
    undefined,
    undefined,
    undefined,
    undefined,
    1,
    undefined,
    undefined,
    4294684800,
    undefined,
  ]);
  t.is(printRdata(TYPE.DS, rdataOf('DS', '1 ecdsap256sha256 2 00 ff')), '1 13 2 00ff');
});

test('names in RDATA are relative to the origin', (t) => {
  const origin = nameOf('example.');
  const rdata = rdataOf('SOA', 'ns host.other. 1 2 3 4 5', origin);
  t.is(printRdata(TYPE.SOA, rdata), 'ns.example. host.other. 1 2 3 4 5');
  t.is(printRdata(TYPE.SOA, rdata, origin), 'ns host.other. 1 2 3 4 5');
  t.is(printRdata(TYPE.MX, rdataOf('MX', '0 @', origin), origin), '0 @');
  t.is(printRdata(TYPE.SVCB, rdataOf('SVCB', '1 .', origin), origin), '1 .');
  t.is(printRecord(recordOf('www 60 CNAME @', origin), origin), 'www 60 IN CNAME @');
  t.is(printRecord(recordOf('www 60 CNAME @', origin)), 'www.example. 60 IN CNAME example.');
});

/** Reads RDATA as it would stand in a message after the name `example.`. */
const readAfterName = (type: number, hex: string): string => {
  const rdata = octetsOf(hex);
  const octets = Uint8Array.from([...octetsOf('076578616d706c6500'), ...rdata]);
  const reader = new Reader(octets, 9);
  const read = readRdata(type, rdata.length, reader);
  return reader.fault === undefined ? printRdata(type, read) : reader.fault.what;
};

test('compressed names are read in the types of RFC 1035 and those before RFC 3597, and in no later ones', (t) => {
  t.is(readAfterName(TYPE.MX, '000a 016d c000'), '10 m.example.');
  t.is(
    readAfterName(TYPE.SOA, '0161c000 c009 00000001 00000002 00000003 00000004 00000005'),
    'a.example. a.example. 1 2 3 4 5',
  );
  t.is(readAfterName(TYPE.SRV, '000000000001 c000'), '0 0 1 example.');
  t.is(readAfterName(TYPE.RP, 'c000 c000'), 'example. example.');
  for (const [type, hex] of [
    [TYPE.SVCB, '0001 c000'],
    [TYPE.HTTPS, '0001 c000'],
    [TYPE.LP, '0001 c000'],
  ] as const) {
    t.regex(readAfterName(type, hex), /where none may be/);
  }
});

test('RDATA of a message ends where its length says', (t) => {
  t.regex(readAfterName(TYPE.NS, 'c0'), /cut short/);
  t.regex(readAfterName(TYPE.NS, 'c00000'), /after the last field/);
  t.regex(readAfterName(TYPE.A, '0a00'), /no valid A/);
  t.regex(readAfterName(TYPE.A, '0a00000000'), /no valid A/);
  const reader = new Reader(octetsOf('0161'));
  readRdata(TYPE.NS, 3, reader);
  t.truthy(reader.fault);
  const second = new Reader(octetsOf('0161 0162 00'));
  readRdata(TYPE.NS, 2, second);
  t.truthy(second.fault, 'a name does not run into the next record');
});

test('only names of RFC 1035 are compressed in messages', (t) => {
  const written = (type: string, text: string): string => {
    const out = new Writer();
    out.compressedName(nameOf('example.'));
    writeRdata(parseType(type)!, rdataOf(type, text), out);
    return hexOf(out.finish().subarray(9));
  };
  t.is(written('NS', 'ns.example.'), '026e73c000');
  t.is(written('MX', '1 example.'), '0001c000');
  for (const type of [
    'SRV 1 2 3 example.',
    'DNAME example.',
    'SVCB 1 example.',
    'RP example. example.',
    'KX 1 example.',
    'LP 1 example.',
  ]) {
    const [mnemonic, ...rest] = type.split(' ');
    t.notRegex(written(mnemonic!, rest.join(' ')), /c000/, type);
  }
});

test('empty RDATA of a type with names stays empty, as an UPDATE that deletes a set needs it', (t) => {
  for (const type of [TYPE.NS, TYPE.MX, TYPE.SOA, TYPE.SVCB, TYPE.A]) {
    const out = new Writer();
    writeRdata(type, new Uint8Array(0), out);
    t.is(out.length, 0, printType(type));
    t.is(canonicalRdata(type, new Uint8Array(0)).length, 0);
    t.true(targetOf(type, new Uint8Array(0)).isRoot);
  }
  const odd = octetsOf('0001 02');
  const out = new Writer();
  writeRdata(TYPE.MX, odd, out);
  t.deepEqual(out.finish(), odd, 'what does not follow the layout is written as it is');
  t.deepEqual(canonicalRdata(TYPE.NS, octetsOf('0000')), octetsOf('0000'));
});

test('RDATA is the same without case of names, but for types that keep it', (t) => {
  const same = (type: string, a: string, b: string): boolean =>
    compareRdata(parseType(type)!, rdataOf(type, a), rdataOf(type, b)) === 0;
  t.true(same('NS', 'NS.Example.', 'ns.example.'));
  t.true(same('SOA', 'A. B. 1 2 3 4 5', 'a. b. 1 2 3 4 5'));
  t.true(same('NAPTR', '1 1 "s" "x" "" A.', '1 1 "s" "x" "" a.'));
  t.true(same('DNAME', 'A.', 'a.'));
  t.false(same('NAPTR', '1 1 "S" "x" "" a.', '1 1 "s" "x" "" a.'));
  t.false(same('SVCB', '1 A.', '1 a.'));
  t.false(same('TXT', '"A"', '"a"'));
});

test('RDATA is ordered as octets, the shorter first (RFC 4034 6.3)', (t) => {
  const sorted = ['\\# 0', '\\# 1 00', '\\# 2 0000', '\\# 1 01', '\\# 1 7f', '\\# 1 80', '\\# 2 8000', '\\# 1 ff'];
  const rdatas = sorted.map((text) => rdataOf('TYPE65280', text)).reverse();
  t.deepEqual(
    rdatas.sort((a, b) => compareRdata(65280, a, b)).map((rdata) => printRdata(65280, rdata)),
    sorted,
  );
});

test('the key of a record tells where its name ends', (t) => {
  const type = 65280;
  const key = (name: Name, rdata: string): string => recordKey({ name, type, rdata: Buffer.from(rdata, 'latin1') });
  const tail = `d\0 ${type} x`;
  const label = [...` ${type} `].map((c) => c.charCodeAt(0) - 1);
  const child = nameOf('a.').child(Uint8Array.from([...label, 0x63]));
  if (!child.ok) return t.fail();
  t.not(key(nameOf('a.'), tail), key(child.value, 'x'));
  t.is(key(nameOf('A.'), 'x'), key(nameOf('a.'), 'x'));
  t.not(
    recordKey({ name: Name.root, type: 1, rdata: new Uint8Array(0) }),
    recordKey({ name: Name.root, type: 11, rdata: new Uint8Array(0) }),
  );
});

test('names in RDATA are given with what they are good for', (t) => {
  t.deepEqual(
    rdataNames(TYPE.RP, rdataOf('RP', 'a. b.')).map(({ name }) => String(name)),
    ['a.', 'b.'],
  );
  t.is(String(targetOf(TYPE.SRV, rdataOf('SRV', '1 2 3 t.'))), 't.');
  t.true(rdataNames(TYPE.MX, rdataOf('MX', '1 a.'))[0]?.traits.wantsAddress);
  t.deepEqual(rdataNames(TYPE.TXT, rdataOf('TXT', 'a')), []);
});

test('an SOA is read, written, and given another serial', (t) => {
  const rdata = rdataOf('SOA', 'ns. host. 1 2 3 4 5');
  t.like(readSoa(rdata), { serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5 });
  t.deepEqual(writeSoa(readSoa(rdata)), rdata);
  t.is(printRdata(TYPE.SOA, withSerial(rdata, 2 ** 32 - 1)), 'ns. host. 4294967295 2 3 4 5');
});

test('meta types are told from types of data', (t) => {
  for (const type of [0, 41, 128, 249, 250, 251, 252, 255]) t.true(isMetaType(type), String(type));
  for (const type of [1, 6, 127, 256, 257, 65280, 65535]) t.false(isMetaType(type), String(type));
});
