/** What a name server knows by itself: keys and what they may do, and answers out of zones. */
import {
  addressLabels,
  type KeyScope,
  KeyTable,
  keyOfRecord,
  keyScope,
  mayPerform,
  OPERATIONS,
  type Operation,
  parseKey,
  parseTsigKey,
  printKey,
} from '@zonewright/common/authority/key';
import { Responder } from '@zonewright/common/authority/responder';
import { Name } from '@zonewright/common/name';
import { printRecord, type ResourceRecord } from '@zonewright/common/rr/record';

import { printRcode } from '@zonewright/common/wire/code';
import { type EdnsOption, OPTION } from '@zonewright/common/wire/edns';
import type { Message } from '@zonewright/common/wire/message';
import { Zone } from '@zonewright/common/zone/zone';
import test from 'ava';
import { ask as askCore, authorityOf } from '../support/answering.ts';
import { given, nameOf, recordsFrom, zoneOf } from '../support/records.ts';

const origin = nameOf('example.');
const SECRET = Buffer.from('a secret of thirty-two octets!!!').toString('base64');
const keyNamed = (name: string) => given(parseKey(`${name}:SHA256:${SECRET}`));

// --- keys ---------------------------------------------------------------------------------------------------------------

const scopeText = (name: string): string => {
  const scope = keyScope(nameOf(name));
  if (scope === undefined) return 'none';
  const { operation, zone, primary, secondary } = scope;
  return [operation, zone, ...(primary === undefined ? [] : [primary]), ...(secondary === undefined ? [] : [secondary])]
    .map(String)
    .join(' ');
};

test('the right-most operation label of a key counts, in any case', (t) => {
  t.is(scopeText('personal._update.mirage'), 'update mirage.');
  t.is(scopeText('Personal._UpDate.Mirage'), 'update Mirage.');
  t.is(scopeText('_update.foo._transfer.com'), 'transfer com.');
  t.is(scopeText('_transfer._update._notify.a.b'), 'notify a.b.');
  t.is(scopeText('_transfer.foo.com'), 'transfer foo.com.', 'nothing need stand left of it');
  t.is(scopeText('foo._update'), 'update .', 'the root: all zones');
  t.is(scopeText('x._update._tcp.example.com'), 'update _tcp.example.com.');
  for (const name of ['mirage', '.', 'update.mirage', '_updates.mirage', '_up_date.mirage', '\\095.mirage'])
    t.is(scopeText(name), 'none', name);
  t.is(scopeText('\\095update.mirage'), 'update mirage.', 'an escaped underscore is one');
});

test('a transfer key names no address, that of the primary, or those of both ends', (t) => {
  t.is(scopeText('10.0.42.2.10.0.42.3._transfer.mirage'), 'transfer mirage. 10.0.42.2 10.0.42.3');
  t.is(scopeText('a.b.1.2.3.4.5.6.7.8._transfer.z'), 'transfer z. 1.2.3.4 5.6.7.8', 'labels left of them are free');
  t.is(scopeText('x.10.0.42.2._transfer.mirage'), 'transfer mirage. 10.0.42.2');
  t.is(scopeText('10.0.42.2._transfer.mirage'), 'transfer mirage. 10.0.42.2');
  t.is(scopeText('300.2.3.4.10.0.42.2._transfer.mirage'), 'transfer mirage. 10.0.42.2');
  t.is(scopeText('01.2.3.4.10.0.42.2._transfer.mirage'), 'transfer mirage. 10.0.42.2');
  t.is(scopeText('10.0.42.2.300.0.0.1._transfer.mirage'), 'transfer mirage.', 'what ends beside the operation counts');
  t.is(scopeText('2.3.4._transfer.mirage'), 'transfer mirage.');
  t.is(scopeText('2001-db8--2.2001-DB8--3._transfer.mirage'), 'transfer mirage. 2001:db8::2 2001:db8::3');
  t.is(scopeText('2001-db8--2._transfer.mirage'), 'transfer mirage. 2001:db8::2');
  t.is(scopeText('10.0.42.2.--1._transfer.mirage'), 'transfer mirage. 10.0.42.2 ::1', 'a mixture');
  t.is(scopeText('--1.10.0.42.2._transfer.mirage'), 'transfer mirage. ::1 10.0.42.2');
  t.is(scopeText('2001-db8-0-0-0-0-0-2._transfer.mirage'), 'transfer mirage. 2001:db8::2', 'as RFC 5952 has it');
  t.is(scopeText('a-b._transfer.mirage'), 'transfer mirage.');
  t.is(scopeText('10.0.42.2.10.0.42.3._update.mirage'), 'update mirage.', 'other operations name none');
  t.is(addressLabels('2001:0db8:0::2'), '2001-db8--2');
  t.is(addressLabels('10.0.42.2'), '10.0.42.2');
});

test('an update key may all, a transfer key less, a notify key least; at its zone and below, never above or beside', (t) => {
  const may = (key: Operation, operation: Operation, zone: string): boolean =>
    mayPerform({ operation: key, zone: nameOf('example.com.') }, operation, nameOf(zone));
  for (const [i, key] of OPERATIONS.entries())
    for (const [j, wanted] of OPERATIONS.entries()) {
      for (const zone of ['example.com', 'EXAMPLE.com', 'a.example.com', 'a.b.example.com'])
        t.is(may(key, wanted, zone), i >= j, `${key} ${wanted} ${zone}`);
      for (const zone of ['com', '.', 'notexample.com', 'example.net', 'example.com.net', 'xample.com', 'a.com'])
        t.false(may(key, wanted, zone), `${key} ${wanted} ${zone}`);
    }
  const root: KeyScope = { operation: 'transfer', zone: Name.root };
  t.true(mayPerform(root, 'transfer', Name.root) && mayPerform(root, 'notify', nameOf('a.b')));
});

test('keys are found by their exact name, and secondaries by their zone', (t) => {
  const names = [
    '*._update.example',
    '1.1.1.1.2.2.2.2._transfer.example',
    '1.1.1.1.3.3.3.3._transfer',
    '1.1.1.1.4.4.4.4._transfer.other',
    '1.1.1.1._transfer.example',
    'x._notify.example',
  ];
  const keys = new KeyTable(names.map(keyNamed));
  t.is(keys.size, 6);
  t.is([...keys].length, 6);
  t.is(keys.get(nameOf('x._update.example')), undefined, 'an asterisk is no wildcard');
  t.truthy(keys.get(nameOf('*._UPDATE.example')));
  t.deepEqual(
    keys.secondariesOf(origin).map(({ secondary }) => secondary),
    ['2.2.2.2', '3.3.3.3'],
  );
  t.deepEqual(
    keys.secondariesOf(nameOf('a.example')).map(({ secondary }) => secondary),
    ['2.2.2.2', '3.3.3.3'],
  );
  t.deepEqual(
    keys.secondariesOf(Name.root).map(({ secondary }) => secondary),
    ['3.3.3.3'],
  );
});

test('algorithms are read in every spelling, and MD5 is refused', (t) => {
  const spellings = {
    SHA1: ['sha1', '161'],
    SHA224: ['Sha224', '162'],
    SHA256: ['hmac-sha256', 'HMAC-SHA256', '163', 'sha256'],
    SHA384: ['164'],
    SHA512: ['165', 'hmac-sha512'],
  };
  for (const [mnemonic, texts] of Object.entries(spellings))
    for (const text of texts) t.is(given(parseTsigKey(`k:${text}:${SECRET}`)).algorithm.mnemonic, mnemonic, text);
  for (const text of ['MD5', 'md5', 'hmac-md5', 'HMAC-MD5.SIG-ALG.REG.INT', '157']) {
    const key = parseTsigKey(`k:${text}:${SECRET}`);
    t.regex(key.ok ? '' : key.fault.what, /MD5 is not secure/, text);
  }
  for (const text of ['', 'SHA', '256', '8', 'hmac', 'SHA256 ', 'hmac-hmac-sha256'])
    t.false(parseTsigKey(`k:${text}:${SECRET}`).ok, text);
});

test('a key is read and printed', (t) => {
  const key = keyNamed('personal._update.mirage');
  t.is(printKey(key), `personal._update.mirage:SHA256:${SECRET}`);
  t.is(printKey(given(parseTsigKey(` .:163:${SECRET}\n`))), `.:SHA256:${SECRET}`);
  t.false(parseKey(`mirage:SHA256:${SECRET}`).ok, 'it does not say what it may do');
  t.true(parseTsigKey(`mirage:SHA256:${SECRET}`).ok);
});

test('what is wrong with a key is told without its secret', (t) => {
  const secret = 'c2VjcmV0LXNlY3JldC1zZWNyZXQ=';
  const broken = secret.slice(0, -1);
  for (const [text, what] of [
    ['', /NAME:ALG:SECRET/],
    [secret, /NAME:ALG:SECRET/],
    [`a._update.b:SHA256:${secret}:x`, /NAME:ALG:SECRET/],
    [`a..b:SHA256:${secret}`, /no domain name/],
    [`a._update.b:SHA9:${secret}`, /unknown algorithm 'SHA9'/],
    [`a._update.b:${secret}:SHA256`, /unknown algorithm$/],
    [`${secret}:SHA256:a._update.b`, /not base64/],
    [`a._update.b:SHA256:${broken}`, /not base64/],
    [`a._update.b:SHA256:${secret}*`, /not base64/],
    ['a._update.b:SHA256:', /not base64/],
    [`a.b:SHA256:${secret}`, /does not say what it may do/],
  ] as const) {
    const key = parseKey(text);
    t.false(key.ok);
    const said = key.ok ? '' : `${key.fault.what}`;
    t.regex(said, what);
    t.false(JSON.stringify(key).includes(broken.slice(0, 12)), said);
  }
});

test('a key whose address has colons is refused with the address as it is written', (t) => {
  for (const [text, hint] of [
    [`x.fd00::2._transfer.mirage:SHA256:${SECRET}`, /IPv6 address in its name has - for :/],
    [`a._update.b:SHA256`, /for example/],
  ] as const) {
    const key = parseKey(text);
    t.regex(key.ok ? '' : (key.fault.hint ?? ''), hint);
  }
  const filed = keyOfRecord(recordsFrom(`fd00--2.fd00::3._transfer.example. 0 DNSKEY 0 3 163 ${SECRET}`)[0]!);
  t.is(filed.ok ? '' : filed.fault.hint, 'write "fd00--3"');
  t.true(keyOfRecord(recordsFrom(`a:b._transfer.example. 0 DNSKEY 0 3 163 ${SECRET}`)[0]!).ok, 'it may be anything');
});

test('a key file has its keys in DNSKEY records', (t) => {
  const read = (line: string) => keyOfRecord(recordsFrom(line)[0]!);
  const key = given(read(`a._update.example. 0 DNSKEY 0 3 163 ${SECRET}`));
  t.is(printKey(key), `a._update.example:SHA256:${SECRET}`);
  t.is(key.operation, 'update');
  for (const [line, what] of [
    ['a._update.example. 0 A 1.2.3.4', /no DNSKEY/],
    [`a._update.example. 0 DNSKEY 0 2 163 ${SECRET}`, /protocol 2/],
    [`a._update.example. 0 DNSKEY 256 3 8 ${SECRET}`, /unknown algorithm '8'/],
    [`a._update.example. 0 DNSKEY 0 3 157 ${SECRET}`, /MD5/],
    ['a._update.example. 0 DNSKEY \\# 4 000003a3', /no secret/],
    [`a.example. 0 DNSKEY 0 3 163 ${SECRET}`, /does not say what it may do/],
    [`x.FD00::2._transfer.example. 0 DNSKEY 0 3 163 ${SECRET}`, /names no address by "fd00::2"/],
  ] as const) {
    const faulty = read(line);
    t.regex(faulty.ok ? '' : faulty.fault.what, what);
    t.false(JSON.stringify(faulty).includes(SECRET));
  }
});

// --- answers ------------------------------------------------------------------------------------------------------------

const lines = (records: readonly ResourceRecord[], relativeTo: Name = origin): string[] =>
  records.map((record) => printRecord(record, relativeTo).replace(' IN ', ' '));

/** RCODE and AA, then the sections; those that are empty at the end are left out. */
const ask = (zone: Zone, question: string, minimalAny = false): readonly (string | string[])[] => {
  const [name = '', type = ''] = question.split(' ');
  const absolute = `${nameOf(name, zone.origin)} ${type}`;
  const found = askCore(authorityOf(zone), absolute, { transport: minimalAny ? 'udp' : 'tcp' });
  const sections = [found.answers, found.authorities, found.additionals].map((records) => lines(records, zone.origin));
  while (sections.at(-1)?.length === 0) sections.pop();
  return [`${printRcode(found.rcode)}${found.aa ? ' AA' : ''}${found.tc ? ' TC' : ''}`, ...sections];
};

const SOA = '@ 300 SOA ns hostmaster 1 3600 600 86400 300';
const NXDOMAIN = ['NXDOMAIN AA', [], [SOA]];
const NODATA = ['NOERROR AA', [], [SOA]];

test('RFC 1034 4.3.2: data, no data, no name, and the zone cut', (t) => {
  const zone = zoneOf(`
    @ 60 NS ns
    @ 60 NS ns.other.
    ns 60 A 192.0.2.1
    ns 60 AAAA 2001:db8::1
    a.b.c 60 A 192.0.2.2
    Www 60 A 192.0.2.3
    www 60 A 192.0.2.4
    sub 60 NS ns.sub
    sub 60 NS ns
    sub 60 NS ns.elsewhere.
    sub 60 DS 1 8 2 00
    sub 60 TXT "belongs to the child"
    ns.sub 60 A 192.0.2.5
    plain 60 NS ns
    plain 60 A 192.0.2.9
  `);
  t.deepEqual(ask(zone, 'www A'), ['NOERROR AA', ['www 60 A 192.0.2.3', 'www 60 A 192.0.2.4']]);
  t.deepEqual(ask(zone, 'wWw A'), ['NOERROR AA', ['wWw 60 A 192.0.2.3', 'wWw 60 A 192.0.2.4']], 'as it was asked');
  t.deepEqual(ask(zone, 'www AAAA'), NODATA);
  t.deepEqual(ask(zone, 'b.c A'), NODATA, 'an empty non-terminal');
  t.deepEqual(ask(zone, 'c A'), NODATA);
  t.deepEqual(ask(zone, 'b A'), NXDOMAIN);
  t.deepEqual(ask(zone, 'x.www A'), NXDOMAIN);
  t.deepEqual(ask(zone, '@ NS'), [
    'NOERROR AA',
    ['@ 60 NS ns', '@ 60 NS ns.other.'],
    [],
    ['ns 60 A 192.0.2.1', 'ns 60 AAAA 2001:db8::1'],
  ]);
  t.deepEqual(ask(zone, '@ SOA'), ['NOERROR AA', ['@ 3600 SOA ns hostmaster 1 3600 600 86400 300']]);

  const referral = [
    'NOERROR',
    [],
    ['sub 60 NS ns.sub', 'sub 60 NS ns', 'sub 60 NS ns.elsewhere.'],
    ['ns.sub 60 A 192.0.2.5', 'ns 60 A 192.0.2.1', 'ns 60 AAAA 2001:db8::1'],
  ];
  for (const question of ['sub A', 'sub NS', 'sub TXT', 'sub SOA', 'sub ANY', 'x.y.sub A', 'ns.sub A', 'x.sub DS'])
    t.deepEqual(ask(zone, question), referral, question);
  t.deepEqual(ask(zone, 'sub DS'), ['NOERROR AA', ['sub 60 DS 1 8 2 00']], 'the cut has two sides');
  t.deepEqual(ask(zone, 'plain DS'), NODATA);
});

test('the TTL of a negative answer is the lesser of the SOA record and its minimum (RFC 2308 3)', (t) => {
  t.deepEqual(ask(zoneOf('', '@ 60 SOA ns hostmaster 1 3600 600 86400 300'), 'x A').at(-1), [
    '@ 60 SOA ns hostmaster 1 3600 600 86400 300',
  ]);
  t.deepEqual(ask(zoneOf('', '@ 600 SOA ns hostmaster 1 3600 600 86400 0'), 'x A').at(-1), [
    '@ 0 SOA ns hostmaster 1 3600 600 86400 0',
  ]);
});

test('RFC 4592 2.2.1: the wildcards of its example zone', (t) => {
  const zone = zoneOf(`
    @ 3600 NS ns.example.com.
    @ 3600 NS ns.example.net.
    * 3600 TXT "this is a wildcard"
    * 3600 MX 10 host1.example.
    sub.* 3600 TXT "this is not a wildcard"
    host1 3600 A 192.0.2.1
    _ssh._tcp.host1 3600 SRV 0 0 22 host1.example.
    _ssh._tcp.host2 3600 SRV 0 0 22 host1.example.
    subdel 3600 NS ns.example.com.
    subdel 3600 NS ns.example.net.
  `);
  t.deepEqual(ask(zone, 'host3 MX'), ['NOERROR AA', ['host3 3600 MX 10 host1'], [], ['host1 3600 A 192.0.2.1']]);
  t.deepEqual(ask(zone, 'host3 A'), NODATA);
  t.deepEqual(ask(zone, 'foo.bar TXT'), ['NOERROR AA', ['foo.bar 3600 TXT "this is a wildcard"']]);
  t.deepEqual(ask(zone, 'host1 MX'), NODATA, 'host1 exists');
  t.deepEqual(ask(zone, 'sub.* MX'), NODATA, 'sub.* exists');
  t.deepEqual(ask(zone, '_telnet._tcp.host1 SRV'), NXDOMAIN, '_tcp.host1 exists, without data');
  t.deepEqual(ask(zone, 'host2 MX'), NODATA, 'host2 is an empty non-terminal');
  t.is(ask(zone, 'host.subdel A')[0], 'NOERROR', 'subdel is a zone cut');
  t.deepEqual(ask(zone, 'host.subdel A')[1], []);
  t.deepEqual(ask(zone, 'ghost.* MX'), NXDOMAIN, '* exists');
  t.deepEqual(ask(zone, '* TXT'), ['NOERROR AA', ['* 3600 TXT "this is a wildcard"']], 'asked for by its own name');
  t.deepEqual(ask(zone, 'Foo.BAR TXT'), ['NOERROR AA', ['Foo.BAR 3600 TXT "this is a wildcard"']]);
});

test('wildcards: CNAME, NS, an empty non-terminal, and the longest names', (t) => {
  const zone = zoneOf(`
    @ 60 NS ns
    ns 60 A 192.0.2.1
    *.alias 60 CNAME ns
    *.chain 60 CNAME x.alias
    *.cut 60 NS ns
    leaf.*.empty 60 A 192.0.2.2
  `);
  t.deepEqual(ask(zone, 'a.b.alias A'), ['NOERROR AA', ['a.b.alias 60 CNAME ns', 'ns 60 A 192.0.2.1']]);
  t.deepEqual(ask(zone, 'q.chain A'), [
    'NOERROR AA',
    ['q.chain 60 CNAME x.alias', 'x.alias 60 CNAME ns', 'ns 60 A 192.0.2.1'],
  ]);
  t.deepEqual(ask(zone, 'q.chain CNAME'), ['NOERROR AA', ['q.chain 60 CNAME x.alias']]);
  t.deepEqual(ask(zone, 'x.cut A'), NODATA, 'no zone cut of the names it covers (4.2)');
  t.is(ask(zone, '*.cut A')[0], 'NOERROR', 'but a cut by its own name');
  t.deepEqual(ask(zone, 'x.empty A'), NODATA, 'a source of synthesis without data (4.9)');
  t.deepEqual(ask(zone, 'x.y.empty TXT'), NODATA);
  const long = Array.from({ length: 3 }, () => 'l'.repeat(63)).join('.');
  const full = `${'m'.repeat(53)}.${long}`;
  t.is(nameOf(full, origin).wire.length, 255);
  const deep = zoneOf(`${full} 60 A 192.0.2.1`);
  t.deepEqual(ask(deep, `${'n'.repeat(53)}.${long} A`), NXDOMAIN);
});

test('a CNAME is followed within the zone, and the RCODE is that of its end (RFC 6604)', (t) => {
  const zone = zoneOf(`
    a 60 CNAME b
    b 60 CNAME c
    c 60 A 192.0.2.1
    gone 60 CNAME nothing
    bare 60 CNAME c
    out 60 CNAME www.other.
    loop1 60 CNAME loop2
    loop2 60 CNAME loop1
    self 60 CNAME self
    into 60 CNAME x.sub
    sub 60 NS ns.sub
    ns.sub 60 A 192.0.2.9
  `);
  t.deepEqual(ask(zone, 'a A'), ['NOERROR AA', ['a 60 CNAME b', 'b 60 CNAME c', 'c 60 A 192.0.2.1']]);
  t.deepEqual(ask(zone, 'a CNAME'), ['NOERROR AA', ['a 60 CNAME b']]);
  t.deepEqual(ask(zone, 'a ANY'), ['NOERROR AA', ['a 60 CNAME b']]);
  t.deepEqual(ask(zone, 'gone A'), ['NXDOMAIN AA', ['gone 60 CNAME nothing'], [SOA]]);
  t.deepEqual(ask(zone, 'bare TXT'), ['NOERROR AA', ['bare 60 CNAME c'], [SOA]]);
  t.deepEqual(ask(zone, 'out A'), ['NOERROR AA', ['out 60 CNAME www.other.']], 'is for the resolver');
  t.deepEqual(ask(zone, 'loop1 A'), ['NOERROR AA', ['loop1 60 CNAME loop2', 'loop2 60 CNAME loop1']]);
  t.deepEqual(ask(zone, 'self A'), ['NOERROR AA', ['self 60 CNAME self']]);
  t.deepEqual(ask(zone, 'into A'), [
    'NOERROR AA',
    ['into 60 CNAME x.sub'],
    ['sub 60 NS ns.sub'],
    ['ns.sub 60 A 192.0.2.9'],
  ]);
  const long = zoneOf(Array.from({ length: 100 }, (_, i) => `n${i} 60 CNAME n${i + 1}`).join('\n'));
  t.is(ask(long, 'n0 A')[1]!.length, 16, 'no further');
});

test('a DNAME redirects what is below it (RFC 6672)', (t) => {
  const zone = zoneOf(`
    old 60 DNAME new
    old 60 TXT "itself"
    x.new 60 A 192.0.2.1
    away 60 DNAME other.
    back 60 DNAME old
    grow 60 DNAME in.grow
  `);
  t.deepEqual(ask(zone, 'x.old A'), [
    'NOERROR AA',
    ['old 60 DNAME new', 'x.old 60 CNAME x.new', 'x.new 60 A 192.0.2.1'],
  ]);
  t.deepEqual(ask(zone, 'X.Old A')[1], ['old 60 DNAME new', 'X.Old 60 CNAME X.new', 'X.new 60 A 192.0.2.1']);
  t.deepEqual(ask(zone, 'x.old CNAME'), ['NOERROR AA', ['old 60 DNAME new', 'x.old 60 CNAME x.new']]);
  t.deepEqual(ask(zone, 'y.old A'), ['NXDOMAIN AA', ['old 60 DNAME new', 'y.old 60 CNAME y.new'], [SOA]]);
  t.deepEqual(ask(zone, 'old TXT'), ['NOERROR AA', ['old 60 TXT "itself"']], 'not the name itself');
  t.deepEqual(ask(zone, 'old DNAME'), ['NOERROR AA', ['old 60 DNAME new']]);
  const itself = zoneOf('same 60 DNAME @');
  for (const type of ['DNAME', 'ANY'])
    t.deepEqual(
      ask(itself, `same.same ${type}`),
      ['NOERROR AA', ['same 60 DNAME @', 'same.same 60 CNAME same']],
      'it stands once',
    );
  t.deepEqual(ask(zone, 'old A'), NODATA);
  t.deepEqual(ask(zone, 'x.away A'), ['NOERROR AA', ['away 60 DNAME other.', 'x.away 60 CNAME x.other.']]);
  t.deepEqual(ask(zone, 'x.back A')[1], [
    'back 60 DNAME old',
    'x.back 60 CNAME x.old',
    'old 60 DNAME new',
    'x.old 60 CNAME x.new',
    'x.new 60 A 192.0.2.1',
  ]);
  const grown = ask(zone, 'x.grow A');
  t.is(grown[0], 'NOERROR AA');
  t.is((grown[1] as string[]).filter((line) => line.includes('DNAME')).length, 1, 'a set stands once in an answer');
  const tooLong = zoneOf(`d 60 DNAME ${'t'.repeat(63)}.${'t'.repeat(63)}`);
  const question = `${'q'.repeat(63)}.${'q'.repeat(63)}.d A`;
  t.deepEqual(ask(tooLong, question).slice(0, 2), ['YXDOMAIN AA', [`d 60 DNAME ${'t'.repeat(63)}.${'t'.repeat(63)}`]]);
});

test('RFC 6604 3: AA and RCODE of a chain', (t) => {
  const zone = zoneOf(
    'a 60 CNAME b\nb 60 CNAME x.sub\ngone 60 CNAME a.b.c\nlong 60 DNAME out.side.\nsub 60 NS ns.other.',
  );
  t.is(ask(zone, 'a A')[0], 'NOERROR AA', 'AA is for the first name, although the last is not ours');
  t.deepEqual(ask(zone, 'gone A'), ['NXDOMAIN AA', ['gone 60 CNAME a.b.c'], [SOA]], 'that of the last name');
  t.is(ask(zone, 'x.long A')[0], 'NOERROR AA', 'where the last name is not ours, that of what is known');
});

test('RFC 6672 3.3, RFC 4592 4.4: a DNAME at a wildcard is data of the names that it covers, and leads names below its own on', (t) => {
  const zone = zoneOf('*.w 60 DNAME new\nx.new 60 A 192.0.2.1');
  t.deepEqual(ask(zone, 'q.w DNAME'), ['NOERROR AA', ['q.w 60 DNAME new']]);
  t.deepEqual(ask(zone, 'q.w A'), NODATA);
  t.deepEqual(ask(zone, 'x.q.w A'), NODATA, 'nobody can say what the name of a DNAME that is made up would be');
  t.deepEqual(ask(zone, 'x.*.w A')[1], ['*.w 60 DNAME new', 'x.*.w 60 CNAME x.new', 'x.new 60 A 192.0.2.1']);
});

test('RFC 4592 4.1, 4.5, 4.6: SRV, DS and any other type at a wildcard are data of the names that it covers', (t) => {
  const zone = zoneOf('*.w 60 SRV 0 0 1 ns\n*.w 60 DS 1 8 2 00\n*.w 60 TYPE65400 \\# 1 00\nns 60 A 192.0.2.1');
  t.deepEqual(ask(zone, 'q.w SRV').slice(0, 2), ['NOERROR AA', ['q.w 60 SRV 0 0 1 ns']]);
  t.deepEqual(ask(zone, 'q.w DS'), ['NOERROR AA', ['q.w 60 DS 1 8 2 00']]);
  t.deepEqual(ask(zone, 'a.q.w TYPE65400'), ['NOERROR AA', ['a.q.w 60 TYPE65400 \\# 1 00']]);
});

test('RFC 9471 3.1: TC is set where the glue of servers below the cut does not fit; 3.2: other addresses are left out', (t) => {
  const servers = Array.from({ length: 12 }, (_, i) => i);
  const rows = (below: string): string =>
    servers
      .map((i) => `sub 60 NS n${i}.${below}\nn${i}.${below} 60 A 192.0.2.${i}\nn${i}.${below} 60 AAAA 2001:db8::${i}`)
      .join('\n');
  const referral = (text: string, size: number): Message =>
    askCore(authorityOf(zoneOf(text)), 'www.sub.example. A', { transport: 'udp', size });
  for (const [below, isRequired] of [
    ['sub', true],
    ['other', false],
  ] as const) {
    const text = `${rows(below)}\nother 60 NS n0.other`;
    const whole = referral(text, 1232);
    t.like(whole, { tc: false, authorities: { length: 12 }, additionals: { length: 24 } }, below);
    const small = referral(text, 512);
    if (isRequired) t.like(small, { tc: true, authorities: [], additionals: [] });
    else t.true(!small.tc && small.authorities.length === 12 && small.additionals.length < 24);
  }
});

test('ANY gets all sets of a name, over UDP one of them (RFC 8482)', (t) => {
  const zone = zoneOf('a 60 A 192.0.2.1\na 60 A 192.0.2.2\na 60 TXT "t"\n* 60 MX 0 .\n* 60 TXT "w"\n');
  t.deepEqual(ask(zone, 'a ANY')[1], ['a 60 A 192.0.2.1', 'a 60 A 192.0.2.2', 'a 60 TXT "t"']);
  t.deepEqual(ask(zone, 'a ANY', true)[1], ['a 60 A 192.0.2.1', 'a 60 A 192.0.2.2']);
  t.deepEqual(ask(zone, 'x ANY')[1], ['x 60 MX 0 .', 'x 60 TXT "w"']);
  t.deepEqual(ask(zone, 'x.a ANY'), NXDOMAIN);
});

test('addresses of the names that MX, SRV, NS, SVCB and NAPTR point to are added, once each', (t) => {
  const zone = zoneOf(`
    m 60 MX 10 h1
    m 60 MX 20 h2
    m 60 MX 30 H1
    m 60 MX 40 out.side.
    s 60 SRV 0 0 1 h1
    h 60 HTTPS 1 h2
    h1 60 A 192.0.2.1
    h1 60 AAAA 2001:db8::1
    h1 60 TXT "not this"
    h2 60 A 192.0.2.2
    p 60 PTR h1
    own 60 MX 0 own
    own 60 A 192.0.2.3
    none 60 MX 0 .
  `);
  const both = ['h1 60 A 192.0.2.1', 'h1 60 AAAA 2001:db8::1'];
  t.deepEqual(ask(zone, 'm MX')[3], [...both, 'h2 60 A 192.0.2.2']);
  t.deepEqual(ask(zone, 's SRV')[3], both);
  t.deepEqual(ask(zone, 'h HTTPS')[3], ['h2 60 A 192.0.2.2']);
  t.is(ask(zone, 'p PTR')[3], undefined);
  t.is(ask(zone, 'own ANY')[3], undefined, 'what is in the answer already');
  t.is(ask(zone, 'none MX')[3], undefined);
});

test('RFC 9460 4.1: SVCB and HTTPS bring the records of their kind at their targets, along aliases, and addresses', (t) => {
  const zone = zoneOf(`
    @ 60 HTTPS 0 one
    one 60 HTTPS 0 two
    two 60 HTTPS 1 host
    two 60 SVCB 1 host
    two 60 A 192.0.2.1
    host 60 HTTPS 1 beyond
    host 60 A 192.0.2.2
    beyond 60 A 192.0.2.3
    ring 60 SVCB 0 ring2
    ring2 60 SVCB 0 ring
    none 60 HTTPS 0 .
    none 60 A 192.0.2.4
    own 60 HTTPS 1 .
    own 60 A 192.0.2.5
    cut 60 NS ns.cut
    www.cut 60 HTTPS 1 .
    below 60 HTTPS 0 www.cut
    out 60 HTTPS 0 out.side.
  `);
  const end = ['two 60 A 192.0.2.1', 'two 60 HTTPS 1 host', 'host 60 A 192.0.2.2', 'host 60 HTTPS 1 beyond'];
  t.deepEqual(ask(zone, '@ HTTPS')[3], ['one 60 HTTPS 0 two', ...end], 'and not what the service leads to leads to');
  t.deepEqual(ask(zone, 'ring SVCB')[3], ['ring2 60 SVCB 0 ring']);
  t.deepEqual(ask(zone, 'own HTTPS')[3], ['own 60 A 192.0.2.5']);
  for (const name of ['none', 'below', 'out']) t.is(ask(zone, `${name} HTTPS`)[3], undefined, name);
});

test('RFC 9460 2.5.2: the addresses of a service that is its own target have its name, also when a wildcard made it', (t) => {
  const zone = zoneOf(`
    * 60 HTTPS 1 .
    * 60 A 192.0.2.1
    to 60 CNAME x.wild
  `);
  t.deepEqual(ask(zone, 'Any HTTPS'), ['NOERROR AA', ['Any 60 HTTPS 1 .'], [], ['Any 60 A 192.0.2.1']]);
  t.deepEqual(ask(zone, 'to HTTPS')[3], ['x.wild 60 A 192.0.2.1']);
});

test('the root zone is a zone like any other', (t) => {
  const root = Zone.fromRecords(
    Name.root,
    recordsFrom(
      `. 300 ${SOA.slice(6)}\n. 60 NS a.root.\na.root. 60 A 192.0.2.1\ntld. 60 NS ns.tld.\nns.tld. 60 A 192.0.2.2\ntld. 60 DS 1 8 2 00`,
    ),
  )!;
  t.deepEqual(ask(root, '. NS'), ['NOERROR AA', ['@ 60 NS a.root.'], [], ['a.root. 60 A 192.0.2.1']]);
  t.is(ask(root, 'nothing. A')[0], 'NXDOMAIN AA');
  t.is(ask(root, 'root. A')[0], 'NOERROR AA');
  t.deepEqual(ask(root, 'x.tld. A'), ['NOERROR', [], ['tld. 60 NS ns.tld.'], ['ns.tld. 60 A 192.0.2.2']]);
  t.deepEqual(ask(root, 'tld. DS')[1], ['tld. 60 DS 1 8 2 00']);
  t.is(ask(root, '. DS')[0], 'NOERROR AA');
});

test('DS at an apex is asked of the zone above, if it is ours, be it without data', (t) => {
  const child = Zone.fromRecords(nameOf('sub.example.'), recordsFrom(`sub.example. 60 ${SOA.slice(6)}`))!;
  const authority = authorityOf(child);
  const { zones } = authority;
  const versioned: EdnsOption = { code: OPTION.ZONEVERSION, data: new Uint8Array(0) };
  /** The zone that the reply is from, as it says itself (RFC 9660): labels of the apex; SERVFAIL comes from a zone without data. */
  const place = (question: string): number | string => {
    const { rcode, edns } = askCore(authority, question, { options: [versioned] });
    return edns?.options.find(({ code }) => code === OPTION.ZONEVERSION)?.data[0] ?? printRcode(rcode);
  };
  t.is(place('sub.example. DS'), 2, 'nobody else is here to ask');
  zones.set(zoneOf('sub 60 NS ns.sub'));
  t.is(place('sub.example. DS'), 1);
  t.is(place('sub.example. NS'), 2);
  t.is(place('x.sub.example. DS'), 2);
  t.is(place('example. DS'), 1);
  zones.await(origin);
  t.is(place('sub.example. DS'), 'SERVFAIL', 'the parent has no data now');
  zones.delete(origin);
  zones.await(child.origin);
  t.is(place('sub.example. DS'), 'SERVFAIL');
  zones.set(zoneOf('sub 60 NS ns.sub'));
  t.is(place('sub.example. DS'), 1, 'the child has no data now, and need not have');
  zones.await(Name.root);
  t.is(place('. DS'), 'SERVFAIL');
});

test('the records of a set keep their order, and turn by one from answer to answer only if asked for', (t) => {
  const zone = zoneOf('www 60 A 192.0.2.1\nwww 60 A 192.0.2.2\nwww 60 A 192.0.2.3\none 60 A 192.0.2.4');
  const firstOf = (responder: Responder, name: string): string =>
    askCore(responder, `${name}.example. A`)
      .answers.map(({ rdata }) => rdata[3])
      .join(' ');
  const still = new Responder(authorityOf(zone));
  t.deepEqual(
    [1, 2, 3, 4].map(() => firstOf(still, 'www')),
    Array(4).fill('1 2 3'),
  );
  const turning = new Responder(authorityOf(zone), { isRotating: true });
  t.deepEqual(
    [1, 2, 3, 4].map(() => firstOf(turning, 'www')),
    ['2 3 1', '3 1 2', '1 2 3', '2 3 1'],
  );
  t.is(firstOf(turning, 'one'), '4');
});
