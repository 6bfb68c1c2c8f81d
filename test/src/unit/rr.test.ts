/** Records, and RDATA by the rows of the table of types: reading, printing, comparing, messages. The types themselves: rr-types. */
import { parseZoneFile } from '@zonewright/common/master/parse';
import { Name } from '@zonewright/common/name';
import { Reader, Writer } from '@zonewright/common/octets';
import { parseClass, printClass } from '@zonewright/common/rr/class';
import { parseTtl } from '@zonewright/common/rr/field';
import { canonicalRdata, printRdata, rdataNames, readRdata, targetOf, writeRdata } from '@zonewright/common/rr/rdata';
import { compareRdata, printRecord, recordKey } from '@zonewright/common/rr/record';
import { readSoa, withSerial, writeSoa } from '@zonewright/common/rr/soa';
import { isMetaType, parseType, printType, TYPE } from '@zonewright/common/rr/type';
import test, { type ExecutionContext } from 'ava';
import { faultOf } from '../support/rdata.ts';
import { hexOf, nameOf, octetsOf, rdataOf, recordOf } from '../support/records.ts';

const refuses = (t: ExecutionContext, type: string, text: string, what: RegExp): boolean =>
  t.regex(faultOf(type, text), what, text);

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

test('text of a zone file is octets: UTF-8 stays what it is, in strings and in names', (t) => {
  for (const text of ['"\u00e9"', '"\u20ac\u00e9"', '"\u00c3\u00a9"', '"\u{1f600}"', '\u00e9\u20ac']) {
    const octets = Buffer.from(text.replaceAll('"', ''), 'utf8');
    const { records } = parseZoneFile(Buffer.from(`@ 1 TXT ${text}\n@ 1 PTR ${text.replaceAll('"', '')}.\n`), {
      origin: nameOf('example.'),
    });
    t.deepEqual(
      records.map(({ record }) => hexOf(record.rdata)),
      [hexOf(Uint8Array.of(octets.length, ...octets)), hexOf(Uint8Array.of(octets.length, ...octets, 0))],
    );
  }
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
  t.is(readAfterName(TYPE.MINFO, 'c000 c000'), 'example. example.');
  t.is(readAfterName(TYPE.PX, '0001 c000 0161c000'), '1 example. a.example.');
  t.is(readAfterName(TYPE.NXT, 'c000 40'), 'example. A');
  t.is(
    readAfterName(TYPE.SIG, `0001 0503 ${'00'.repeat(14)} c000 00`),
    'A 5 3 0 19700101000000 19700101000000 0 example. AA==',
  );
  for (const [type, hex] of [
    [TYPE.SVCB, '0001 c000'],
    [TYPE.HTTPS, '0001 c000'],
    [TYPE.LP, '0001 c000'],
    [TYPE.RRSIG, `0001 0503 ${'00'.repeat(14)} c000 00`],
    [TYPE.NSEC, 'c000 000140'],
    [TYPE.A6, '80 c000'],
    [TYPE.HIP, '01000001 00 00 c000'],
    [TYPE.IPSECKEY, '0a0300 c000'],
    [TYPE.AMTRELAY, '0a03 c000'],
    [TYPE.DSYNC, '003b 01 0035 c000'],
    [TYPE.TALINK, 'c000 c000'],
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
  t.true(same('RRSIG', 'A 5 3 0 0 0 0 A. AA==', 'A 5 3 0 0 0 0 a. AA=='));
  t.true(same('A6', '64 ::1 A.', '64 ::1 a.'));
  t.true(same('PX', '1 A. B.', '1 a. b.'));
  t.false(same('NSEC', 'A. A', 'a. A'));
  t.false(same('HIP', '1 00 AA== A.', '1 00 AA== a.'));
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
  for (const type of [0, TYPE.OPT, TYPE.NXNAME, 129, 248, 249, 250, 251, 252, 255])
    t.true(isMetaType(type), String(type));
  for (const type of [1, 6, 127, 256, 257, 65280, 65535]) t.false(isMetaType(type), String(type));
});
