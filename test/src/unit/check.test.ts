/**
 * The rules of a good zone: a row for each of them, whose title begins with its name, with zones that keep it and zones that break it.
 * Types that secure a zone are written in the form for unknown types (RFC 3597 5), so that no rule depends on how they are read.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Applied, applyInbound, type InboundFault } from '@zonewright/common/authority/inbound';
import { runUpdate } from '@zonewright/common/authority/run-update';
import type { Update } from '@zonewright/common/authority/update';
import { Name } from '@zonewright/common/name';
import { CLASS } from '@zonewright/common/rr/class';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import { RCODE } from '@zonewright/common/wire/code';
import { checkLimits, checkNames, checkZone, type Finding, zoneRules } from '@zonewright/common/zone/check';
import { diffZones } from '@zonewright/common/zone/delta';
import { Zone } from '@zonewright/common/zone/zone';
import test from 'ava';
import fc from 'fast-check';
import { bestOf, leastBusy } from '../support/duration.ts';
import { nameOf, recordOf, recordsFrom, zoneOf } from '../support/records.ts';
import { root } from '../support/zonewright.ts';

const origin = nameOf('example.');
const at = (text: string): Name => nameOf(text, origin);
const good = '@ 60 NS ns\nns 60 A 192.0.2.1\n';

/** Findings as `severity rule name`. */
const told = (findings: readonly Finding[]): string[] =>
  findings.map(({ severity, rule, name }) => `${severity} ${rule} ${name.relativeTo(origin)}`).sort();
/** All findings of a zone. */
const findings = (zone: Zone): string[] => told(checkZone(zone));
/** All findings of the good zone with more in it. */
const checked = (text: string): string[] => findings(zoneOf(good + text));

const generic = (type: number, hex: string): string => `TYPE${type} \\# ${hex.length / 2} ${hex}`;
const rrsig = (covered: number): string =>
  generic(46, `${covered.toString(16).padStart(4, '0')}0d020000003c70000000600000000001${'00'}ab`);
const NSEC = generic(47, '0000014000'.slice(0, 8));
const KEY = generic(25, '0100030d01020304');
const nsec3param = (hash = 1, flags = 0, iterations = 0): string =>
  generic(51, [hash, flags, 0, iterations, 0].map((octet) => octet.toString(16).padStart(2, '0')).join(''));
const NSEC3 = generic(50, `010000000014${'5a'.repeat(20)}000140`);
const HASH = '0p9mhaveqvm6t7vbl5lop2u3t2rp3tom';
const DS = `DS 1 8 2 ${'00'.repeat(32)}`;
const DNSKEY = 'DNSKEY 257 3 13 AQID';
const soa = (timers: string, rest = 'ns hostmaster'): string => `@ 3600 SOA ${rest} 1 ${timers}`;
const lines = (count: number, line: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => line(index)).join('\n');

const ab = (octets: number): string => 'ab'.repeat(octets);
/** Records with digests, by the octets that each kind has. */
const digestLines = (
  [sha1, sha256, sha384]: readonly [number, number, number],
  [ssh1, ssh2]: readonly [number, number],
  [tls1, tls2]: readonly [number, number],
  [zone1, zone2]: readonly [number, number],
): string =>
  [
    `ds1 60 DS 1 8 1 ${ab(sha1)}\nds2 60 DS 1 8 2 ${ab(sha256)}\nds4 60 CDS 1 8 4 ${ab(sha384)}`,
    `ssh1 60 SSHFP 4 1 ${ab(ssh1)}\nssh2 60 SSHFP 4 2 ${ab(ssh2)}`,
    `tls1 60 TLSA 3 1 1 ${ab(tls1)}\ntls2 60 SMIMEA 3 1 2 ${ab(tls2)}`,
    `@ 60 ZONEMD 1 1 1 ${ab(zone1)}\n@ 60 ZONEMD 1 1 2 ${ab(zone2)}`,
  ].join('\n');
const DIGEST_OWNERS = ['ds1', 'ds2', 'ds4', 'ssh1', 'ssh2', 'tls1', 'tls2', '@', '@'];

interface Case {
  /** `rule: what it says`. */
  readonly title: string;
  /** Records beside those of a good zone that break nothing of the rule. */
  readonly keeps: readonly string[];
  /** Records that break it, and at which names. */
  readonly breaks: readonly (readonly [records: string, ...names: string[]])[];
  /** Takes the place of the good zone's SOA. */
  readonly isSoa?: true;
  /** The records are all of the zone. */
  readonly isWhole?: true;
}

const cases: readonly Case[] = [
  {
    title: 'set-size: a set that fits into no message is an error',
    keeps: [lines(3900, (i) => `m 60 A 10.0.${i >> 8}.${i & 255}`)],
    breaks: [
      [lines(4100, (i) => `m 60 A 10.0.${i >> 8}.${i & 255}`), 'm'],
      [lines(260, (i) => `m 60 TXT ${i} ${'x'.repeat(250)}`), 'm'],
    ],
  },
  {
    title: 'name-types: more than 256 types at one name are an error',
    keeps: [lines(256, (i) => `m 60 TYPE${60_000 + i} \\# 0`)],
    breaks: [[lines(257, (i) => `m 60 TYPE${60_000 + i} \\# 0`), 'm']],
  },
  {
    title: 'large-set: a set of more than 100 records is a warning',
    keeps: [lines(100, (i) => `m 60 A 10.0.0.${i}`), lines(101, (i) => `m${i} 60 A 10.0.0.${i}`)],
    breaks: [[lines(101, (i) => `m 60 A 10.0.0.${i}`), 'm']],
  },
  {
    title: 'large-name: more than 100 types at one name are a warning',
    keeps: [lines(100, (i) => `m 60 TYPE${60_000 + i} \\# 0`)],
    breaks: [[lines(101, (i) => `m 60 TYPE${60_000 + i} \\# 0`), 'm']],
  },
  {
    title: 'apex-ns: a zone without NS at its apex is an error',
    keeps: [''],
    breaks: [['ns 60 A 192.0.2.1', '@'] as const, ['sub 60 NS ns.other.', '@'] as const],
    isWhole: true,
  },
  {
    title: 'soa-below-apex: an SOA that is not at the apex is an error',
    keeps: [''],
    breaks: [['sub 60 SOA ns host 1 3600 600 86400 300', 'sub']],
  },
  {
    title: 'ds-at-apex: a DS at the apex is an error',
    keeps: [`sub 60 NS ns\nsub 60 ${DS}`, `sub 60 ${DS}`],
    breaks: [[`@ 60 ${DS}`, '@']],
  },
  {
    title: 'soa-timers: times with which copies fail or hammer are a warning',
    isSoa: true,
    keeps: [soa('16384 2048 1048576 300'), soa('3600 3600 7200 86400')],
    breaks: [
      [soa('0 0 86400 300'), '@'],
      [soa('3600 0 86400 300'), '@'],
      [soa('600 3600 86400 300'), '@'],
      [soa('3600 600 3600 300'), '@'],
      [soa('3600 600 86400 86401'), '@'],
    ],
  },
  {
    title: 'soa-mname: a primary server in the zone without address is a warning',
    isSoa: true,
    keeps: [soa('3600 600 86400 300'), soa('3600 600 86400 300', 'a.other. h'), soa('3600 600 86400 300', '. .')],
    breaks: [[soa('3600 600 86400 300', 'hidden h'), '@']],
  },
  {
    title: 'soa-rname: a mailbox with an at sign is a warning',
    isSoa: true,
    keeps: [soa('3600 600 86400 300', 'ns a\\.b.example.'), soa('3600 600 86400 300', `ns ${'a'.repeat(63)}`)],
    breaks: [[soa('3600 600 86400 300', 'ns host@example.'), '@']],
  },
  {
    title: 'apex-only: types that mean something at the apex only are a warning elsewhere',
    keeps: [`@ 60 ${DNSKEY}\n@ 60 ${nsec3param()}\n@ 60 CDS 1 8 2 00\n@ 60 CDNSKEY 257 3 13 AQID`],
    breaks: [
      [`a 60 ${DNSKEY}`, 'a'],
      [`a 60 ${nsec3param()}`, 'a'],
      ['a 60 CDS 1 8 2 00\nb 60 CDNSKEY 257 3 13 AQID', 'a', 'b'],
      [`a 60 ${generic(62, '000000010001000120')}`, 'a'],
      [`a 60 ${generic(63, `000000010101${'00'.repeat(48)}`)}`, 'a'],
    ],
  },
  {
    title: 'cname-and-other-data: a CNAME beside other data is an error',
    keeps: [`c 60 CNAME ns\nc 60 ${rrsig(5)}\nc 60 ${NSEC}\nc 60 ${KEY}`, 'c 60 CNAME ns\nx.c 60 TXT x'],
    breaks: [
      ['c 60 CNAME ns\nc 60 TXT x', 'c'],
      ['c 60 CNAME ns\nC 60 DNAME other.', 'c'],
      ['c 60 CNAME ns\nc 60 NS ns', 'c'],
      ['@ 60 CNAME ns', '@'],
    ],
  },
  {
    title: 'cname-once: several CNAMEs of one name are an error',
    keeps: ['c 60 CNAME ns\nC 60 CNAME NS'],
    breaks: [['c 60 CNAME ns\nc 60 CNAME mail', 'c']],
  },
  {
    title: 'dname-once: several DNAMEs of one name are an error',
    keeps: ['d 60 DNAME a.\nd 60 DNAME A.'],
    breaks: [['d 60 DNAME a.\nd 60 DNAME b.', 'd']],
  },
  {
    title: 'dname-and-ns: a DNAME at a zone cut is an error',
    keeps: ['@ 60 DNAME other.', 'd 60 DNAME other.\nd 60 TXT x'],
    breaks: [['d 60 DNAME other.\nd 60 NS ns.other.', 'd']],
  },
  {
    title: 'below-dname: a name below a DNAME is a warning',
    isWhole: true,
    keeps: [
      'd 60 DNAME a.\nxd 60 A 192.0.2.1',
      `@ 60 DNAME a.\n@ 60 ${nsec3param()}\n${HASH} 60 ${NSEC3}\n${HASH} 60 ${rrsig(50)}`,
    ],
    breaks: [
      ['d 60 DNAME a.\nx.d 60 A 192.0.2.1\ny.x.d 60 TXT x', 'x.d', 'y.x.d'],
      [`d 60 DNAME a.\nx.d 60 ${NSEC3}\nx.d 60 TXT x`, 'x.d'],
    ],
  },
  {
    title: 'cname-loop: CNAMEs that lead back are a warning',
    keeps: [
      'a 60 CNAME b\nb 60 CNAME c\nc 60 CNAME nowhere',
      'a 60 CNAME a.other.',
      'a 60 CNAME b\nb 60 CNAME b.',
      'c 60 CNAME *.w\n*.w 60 CNAME nowhere',
    ],
    breaks: [
      ['a 60 CNAME a', 'a'],
      ['a 60 CNAME b\nb 60 CNAME A', 'a', 'b'],
      ['*.w 60 CNAME x.w', '*.w'],
      ['x 60 CNAME y.w\n*.w 60 CNAME x', '*.w', 'x'],
    ],
  },
  {
    title: 'missing-glue: a name server that only the zone can give an address, without one, is an error',
    keeps: [
      'sub 60 NS any.hosts\n*.hosts 60 A 192.0.2.7',
      'sub 60 NS ns.sub\nns.sub 60 AAAA ::1',
      'sub 60 NS ns.other.',
      'sub 60 NS c\nc 60 CNAME ns',
      'sub 60 NS x.d\nd 60 DNAME other.',
      'sub 60 NS x.b\nb 60 NS y.b\ny.b 60 A 192.0.2.1',
      'sub 60 NS ns\nx.sub 60 NS y.x.sub',
      'd 60 DNAME other.\nx.d 60 NS y.x.d',
    ],
    breaks: [
      ['@ 60 NS @', '@'],
      ['@ 60 NS gone', '@'],
      ['@ 60 NS ns.sub\nsub 60 NS ns.elsewhere.', '@'],
      ['sub 60 NS ns.sub', 'sub'],
      ['sub 60 NS sub', 'sub'],
      ['sub 60 NS nowhere', 'sub'],
      ['sub 60 NS ns.sub\nns.sub 60 TXT x', 'sub'],
      ['sub 60 NS ent\nx.ent 60 A 192.0.2.1\n* 60 A 192.0.2.1', 'sub'],
    ],
  },
  {
    title: 'missing-sibling-glue: a name server behind another delegation without address is a warning',
    keeps: ['a 60 NS ns.b\nb 60 NS ns.b\nns.b 60 A 192.0.2.1', 'a 60 NS ns.b.other.'],
    breaks: [['a 60 NS x.b\nb 60 NS ns.b\nns.b 60 A 192.0.2.1', 'a']],
  },
  {
    title: 'ds-without-ns: a DS where nothing is delegated is a warning',
    keeps: [`a 60 NS ns\na 60 ${DS}`, `@ 60 ${DS}`],
    breaks: [[`a 60 ${DS}`, 'a']],
  },
  {
    title: 'below-cut: data at or below a zone cut that is not glue is a warning',
    keeps: [
      `sub 60 NS ns\nsub 60 A 192.0.2.1\nx.sub 60 AAAA ::1\nsub 60 ${DS}\nsub 60 ${rrsig(43)}\nsub 60 ${NSEC}`,
      'sub 60 NS ns\nnotsub 60 TXT x',
    ],
    breaks: [
      ['sub 60 NS ns\nsub 60 TXT x', 'sub'],
      [`sub 60 NS ns\nx.sub 60 ${DS}`, 'x.sub'],
      ['sub 60 NS ns\nx.sub 60 TXT x\ny.x.sub 60 NS ns', 'x.sub', 'y.x.sub'],
    ],
  },
  {
    title: 'target-is-cname: a name server, mail host or service that is a CNAME or below a DNAME is a warning',
    keeps: ['m 60 MX 1 ns\nx 60 MX 1 c.other.', 'm 60 MX 1 c.sub\nsub 60 NS ns\nc.sub 60 CNAME ns'],
    breaks: [
      ['c 60 CNAME ns\n@ 60 NS c\nm 60 MX 1 c\ns 60 SRV 0 0 1 c', '@', 'm', 's'],
      ['*.w 60 CNAME ns\nm 60 MX 1 x.w', 'm'],
      ['d 60 DNAME ns\nm 60 MX 1 x.d', 'm'],
    ],
  },
  {
    title: 'target-without-address: a mail host or service in the zone without address is a warning',
    keeps: [
      'm 60 MX 1 ns\nn 60 MX 0 .\ns 60 SRV 0 0 0 .\nh 60 HTTPS 1 .',
      'm 60 MX 1 x.d\nd 60 DNAME other.',
      'h 60 HTTPS 0 svc\nsvc 60 HTTPS 1 .\nc 60 HTTPS 1 a\na 60 CNAME ns',
    ],
    breaks: [
      ['m 60 MX 1 nowhere\nm 60 MX 2 txt\ns 60 SRV 0 0 1 nowhere\ntxt 60 TXT x', 'm', 'm', 's'],
      ['@ 60 MX 1 @', '@'],
      ['m 60 MX 1 ent\nx.ent 60 A 192.0.2.1\n* 60 A 192.0.2.1', 'm'],
      ['h 60 HTTPS 1 nowhere\nv 60 SVCB 0 txt\ntxt 60 TXT x', 'h', 'v'],
    ],
  },
  {
    title: 'alias-parameters: an alias in SVCB form with parameters is a warning',
    keeps: ['h 60 HTTPS 0 a.other.\nv 60 SVCB 0 .\nw 60 HTTPS 1 . alpn=h2\nx 60 SVCB 256 . port=1'],
    breaks: [['h 60 HTTPS 0 a.other. alpn=h2\nv 60 SVCB 0 . port=1\nv 60 SVCB 1 . port=1', 'h', 'v']],
  },
  {
    title: 'digest-length: a digest that is not as long as its kind says is a warning',
    keeps: [
      digestLines([20, 32, 48], [20, 32], [32, 64], [48, 64]),
      'a 60 CDS 0 0 0 00\na 60 DS 1 8 200 00\na 60 SSHFP 4 9 00\na 60 TLSA 3 255 0 00\na 60 TLSA 3 1 255 00',
      `@ 60 ZONEMD 1 1 240 ${'00'.repeat(12)}`,
    ],
    breaks: [
      [digestLines([21, 31, 64], [32, 20], [64, 32], [64, 48]), ...DIGEST_OWNERS],
      [`a 60 ${generic(52, '030101')}`, 'a'],
    ],
  },
  {
    title: 'target-is-address: a name server or mail host that looks like an address is a warning',
    keeps: ['m 60 MX 1 mail4.', 'm 60 MX 1 192.0.2.1.in-addr.arpa.'],
    breaks: [
      ['m 60 MX 1 192.0.2.1.', 'm'],
      ['m 60 MX 1 192.0.2.1', 'm'],
      ['s 60 NS 192.0.2.1.', 's'],
    ],
  },
  {
    title: 'wildcard-ns: a delegation of a wildcard is a warning',
    keeps: ['*.w 60 A 192.0.2.1'],
    breaks: [['*.w 60 NS ns', '*.w']],
  },
  {
    title: 'wildcard-dname: a DNAME of a wildcard is a warning',
    keeps: ['*.w 60 CNAME ns'],
    breaks: [['*.w 60 DNAME other.', '*.w']],
  },
  {
    title: 'wildcard-inside: an asterisk below another label is a warning',
    keeps: ['* 60 TXT x\na*.b 60 TXT x\n\\*b.c 60 TXT x'],
    breaks: [['a.*.b 60 TXT x\n*.*.c 60 TXT x', '*.*.c', 'a.*.b']],
  },
  {
    title: 'tsig-secret: a TSIG key in a zone is an error',
    keeps: [`@ 60 ${DNSKEY}`],
    breaks: [['a._update 60 DNSKEY 0 3 163 AQID', 'a._update']],
  },
  {
    title: 'rrsig-without-set: a signature of a set that is not there is a warning',
    keeps: [`ns 60 ${rrsig(1)}`, `@ 60 ${rrsig(6)}\n@ 60 ${rrsig(2)}`],
    breaks: [
      [`ns 60 ${rrsig(28)}`, 'ns'],
      [`x 60 ${rrsig(1)}`, 'x'],
    ],
  },
  {
    title: 'nsec3param: parameters that servers or validators do not follow are a warning',
    keeps: [`@ 60 ${nsec3param()}`],
    breaks: [
      [`@ 60 ${nsec3param(2)}`, '@'],
      [`@ 60 ${nsec3param(1, 1)}`, '@'],
      [`@ 60 ${nsec3param(1, 0, 10)}`, '@'],
      [`@ 60 ${generic(51, '0100000001ab')}`, '@'],
    ],
  },
  {
    title: 'nsec3-owner: an NSEC3 that is not at a hash right below the apex is a warning',
    keeps: [`${HASH} 60 ${NSEC3}\n${HASH.toUpperCase()} 60 ${rrsig(50)}`],
    breaks: [
      [`a 60 ${NSEC3}`, 'a'],
      [`${HASH}.sub 60 ${NSEC3}`, `${HASH}.sub`],
      [`@ 60 ${NSEC3}`, '@'],
      [`${HASH} 60 ${NSEC3}\n${HASH} 60 TXT x`, HASH],
    ],
  },
  {
    title: 'nsec3-without-param: an NSEC3 of a chain that no NSEC3PARAM names is a warning',
    keeps: [`@ 60 ${nsec3param()}\n${HASH} 60 ${NSEC3}`, `@ 60 ${nsec3param()}\n@ 60 ${nsec3param(1, 0, 1)}`],
    breaks: [
      [`${HASH} 60 ${NSEC3}`, HASH],
      [`@ 60 ${nsec3param(1, 0, 1)}\n${HASH} 60 ${NSEC3}`, HASH],
    ],
  },
];

const zoneFor = ({ isSoa, isWhole }: Case, records: string): Zone =>
  isSoa ? zoneOf(good, records) : zoneOf(isWhole && records !== '' ? records : good + records);

for (const each of cases) {
  test(each.title, (t) => {
    const [rule = ''] = each.title.split(':');
    const severity = each.title.endsWith('error') ? 'error' : 'warning';
    const breaches = (records: string): string[] =>
      findings(zoneFor(each, records)).filter((line) => line.split(' ')[1] === rule);
    for (const records of each.keeps) t.deepEqual(breaches(records), [], records.slice(0, 200));
    for (const [records, ...names] of each.breaks)
      t.deepEqual(breaches(records), names.map((name) => `${severity} ${rule} ${name}`).sort(), records.slice(0, 200));
  });
}

test('every rule has a test with its name, and says where it is written', (t) => {
  const tested = cases.map(({ title }) => title.split(':')[0]!);
  t.deepEqual(tested.sort(), zoneRules.map(({ rule }) => rule).sort());
  for (const { rule, source } of zoneRules)
    t.regex(source, /^(RFC \d+ [\d.]+|RFC \d+|CVE-[\d-]+)(, RFC \d+( [\d.]+)?)*$/, rule);
});

test('no UPDATE breaks a rule that is an error: it is refused as a whole, or the record at fault is passed over', (t) => {
  const zone = zoneOf(good);
  const key = { zone: origin, operation: 'update' } as Update['key'];
  const refused = new Set<string>();
  for (const { title, breaks } of cases.filter(({ title, isWhole }) => title.endsWith('error') && !isWhole)) {
    for (const [text] of breaks) {
      const operations = recordsFrom(text, origin);
      const outcome = runUpdate({ origin, scope: origin, key, prerequisites: [], operations }, zone);
      if (!outcome.ok) {
        t.is(outcome.fault.rcode, RCODE.REFUSED);
        refused.add(title.split(':')[0]!);
      } else if (outcome.value !== undefined)
        t.deepEqual(
          checkZone(outcome.value.zone).filter(({ severity }) => severity === 'error'),
          [],
          text.slice(0, 200),
        );
    }
  }
  t.deepEqual([...refused].sort(), [
    'dname-and-ns',
    'ds-at-apex',
    'missing-glue',
    'name-types',
    'set-size',
    'tsig-secret',
  ]);
});

test('every rule stands on the page of `check`, with its severity', (t) => {
  const page = readFileSync(join(root, 'cli/README.md'), 'utf8');
  for (const { rule, severity } of zoneRules) {
    const row = page.split('\n').find((line) => line.startsWith('|') && line.includes(`\`${rule}\``));
    t.is(row?.split('|')[2]?.trim(), severity, rule);
  }
});

test('a good zone has no findings', (t) => {
  t.deepEqual(
    checked(`@ 60 NS ns.other.
@ 60 MX 10 mail
@ 60 MX 20 mail.other.
mail 60 AAAA ::1
www 60 CNAME ns
alias 60 CNAME nowhere
null 60 MX 0 .
_s._tcp 60 SRV 0 0 0 .
_t._tcp 60 SRV 0 0 1 mail
wild 60 MX 1 any.hosts
*.hosts 60 A 192.0.2.7
sub 60 NS ns.sub
sub 60 NS ns
sub 60 NS elsewhere.
sub 60 ${DS}
ns.sub 60 A 192.0.2.2
sub2 60 NS ns.sub
mx2 60 MX 1 host.sub
mx3 60 MX 1 sub2
d 60 DNAME other.
alias4 60 HTTPS 0 x.d`),
    [],
  );
});

test('the root zone is checked as any other', (t) => {
  const root = (text: string): string[] =>
    checkZone(Zone.fromRecords(Name.root, recordsFrom(`. 60 SOA . . 1 3600 600 86400 300\n${text}`))!).map(
      ({ rule, name }) => `${rule} ${name}`,
    );
  t.deepEqual(root('. 60 NS ns.\nns. 60 A 192.0.2.1\ncom. 60 NS ns.com.\nns.com. 60 A 192.0.2.1'), []);
  t.deepEqual(root('. 60 NS ns.com.\ncom. 60 NS ns.com.'), ['missing-glue .', 'missing-glue com.']);
});

test('a change is checked by its names, their cut, and the apex', (t) => {
  const zone = zoneOf(`${good}a 60 CNAME ns\na 60 TXT x\nb 60 CNAME ns\nb 60 TXT x\nsub 60 NS ns.sub`);
  const rules = (...names: string[]): string[] =>
    checkNames(zone, names.map(at)).map(({ rule, name }) => `${rule} ${name.relativeTo(origin)}`);
  t.deepEqual(rules(), []);
  t.deepEqual(rules('A', 'a', 'nowhere'), ['cname-and-other-data a']);
  t.deepEqual(rules('ns.sub'), ['missing-glue sub'], 'the cut above a name whose address is gone');
  t.true(checkNames(zoneOf('a 60 TXT x'), [at('a')]).some(({ rule }) => rule === 'apex-ns'));
});

test('a copy is held to the limits alone: it is what its primary serves', (t) => {
  const bad = zoneOf(`c 60 CNAME ns\nc 60 TXT x\n${lines(257, (i) => `m 60 TYPE${60_000 + i} \\# 0`)}`);
  t.deepEqual(told(checkLimits(bad)), ['error name-types m']);
  t.deepEqual(told(checkLimits(bad, [at('m'), at('c')])), ['error name-types m']);
  t.deepEqual(checkLimits(bad, [at('c')]), []);
});

test('a transfer of more than can be answered is not taken, whole or as a difference; one that is bad in other ways is', (t) => {
  const many = lines(257, (i) => `m 60 TYPE${60_000 + i} \\# 0`);
  const whole = (text: string): Applied | InboundFault =>
    applyInbound(undefined, { kind: 'whole', zone: zoneOf(good + text) });
  const badly = whole('c 60 CNAME ns\nc 60 TXT x\nsub 60 NS gone');
  t.true('zone' in badly);
  t.like(whole(many), { kind: 'inbound', what: 'm.example.: 257 types at one name (at most 256)' });
  const old = zoneOf(`${good}m 60 TXT x`);
  const difference = (text: string): Applied | InboundFault => {
    const next = old.change({
      removed: [],
      added: [recordOf('@ 60 SOA ns host 2 3600 600 86400 300', origin), ...recordsFrom(text, origin)],
    })!;
    const { removed, added } = diffZones(old, next);
    return applyInbound(old, { kind: 'differences', changes: [{ removed, added }] });
  };
  t.true('zone' in difference('c 60 CNAME ns'));
  t.like(difference(many), { kind: 'inbound' });
});

test('a set of more records than a call may have arguments is checked', (t) => {
  const name = at('many');
  const many: ResourceRecord[] = Array.from({ length: 150_000 }, (_, i) => ({
    name,
    type: TYPE.A,
    class: CLASS.IN,
    ttl: 60,
    rdata: Uint8Array.of(10, i >> 16, i >> 8, i),
  }));
  t.deepEqual(findings(zoneOf(good).change({ removed: [], added: many })!), ['error set-size many']);
});

test('the checks take octets of any kind for any type, and what they find names a rule', (t) => {
  const type = fc.oneof(fc.constantFrom(2, 5, 6, 15, 24, 25, 33, 39, 43, 46, 47, 48, 50, 51, 64, 65), fc.nat(65_535));
  const record = fc.record({
    name: fc.constantFrom('@', 'a', '*', 'b.a', '*.a', HASH, 'c.b.a').map(at),
    type,
    class: fc.constant(CLASS.IN),
    ttl: fc.nat(),
    rdata: fc.uint8Array({ maxLength: 12 }),
  });
  const rules = new Set(zoneRules.map(({ rule }) => rule));
  fc.assert(
    fc.property(fc.array(record, { maxLength: 12 }), (records) => {
      const zone = Zone.fromRecords(origin, [
        recordOf('@ 60 SOA ns host 1 2 3 4 5', origin),
        ...records.filter(({ name, type }) => type !== TYPE.SOA || !name.equals(origin)),
      ]);
      for (const { rule } of checkZone(zone!)) t.true(rules.has(rule));
    }),
    { numRuns: 300 },
  );
  t.pass();
});

test('names that the checks pass over are such as no rule finds anything at', (t) => {
  const record = fc
    .record({
      name: fc
        .constantFrom('@', 'a', 'A', '*', 'b.a', 'B.A', '*.a', 'c.*.a', 'c.b.a', 'd', 'e.d', 'x.e.d', HASH)
        .map(at),
      data: fc.oneof(
        fc.constantFrom('A 192.0.2.1', 'AAAA ::1', 'TXT x', 'DNAME d', 'CNAME b.a', NSEC, NSEC3, KEY, DS),
        fc.constantFrom('NS a', 'NS B.A', 'NS d', 'NS x.e.d', 'NS none', 'NS ns.other.', 'NS 192.0.2.1', 'NS 1.2.3.4.'),
        fc.constantFrom('MX 1 d', 'MX 1 .', 'MX 1 a', 'SRV 1 1 1 b.a', 'SRV 1 1 1 .', 'SVCB 0 a', 'HTTPS 1 d'),
        fc.constantFrom(1, 2, 5, 46, 47).map(rrsig),
      ),
    })
    .map(({ name, data }) => ({ ...recordOf(`@ 60 ${data}`, origin), name }));
  const spoiled = fc
    .tuple(record, fc.constantFrom(TYPE.NS, TYPE.MX, TYPE.SRV), fc.uint8Array({ maxLength: 9 }))
    .map(([each, type, rdata]) => ({ ...each, type, rdata }));
  const someRecord = fc.oneof({ weight: 9, arbitrary: record }, { weight: 1, arbitrary: spoiled });
  const bulk = fc.constantFrom('a', 'b.a', 'x.d').map((name) =>
    recordsFrom(
      lines(101, (i) => `${name} 60 A 10.0.0.${i}`),
      origin,
    ),
  );
  const soaRecord = recordOf('@ 60 SOA ns host 1 2 3 4 5', origin);
  fc.assert(
    fc.property(fc.array(someRecord, { maxLength: 30 }), fc.option(bulk, { nil: [] }), (records, many) => {
      const zone = Zone.fromRecords(origin, [soaRecord, ...records, ...many])!;
      const found: string[] = [];
      for (const node of zone.eachNode()) {
        const tell = (rule: string): number => found.push(`${rule} ${node.name.relativeTo(origin)}`);
        for (const rule of zoneRules) {
          if ('find' in rule) for (const _ of rule.find(zone, node)) tell(rule.rule);
          else
            for (const type of rule.types) {
              const rrset = node.rrsets.get(type);
              if (rrset !== undefined) for (const _ of rule.findIn(zone, rrset, node)) tell(rule.rule);
            }
        }
      }
      t.deepEqual(
        checkZone(zone)
          .map(({ rule, name }) => `${rule} ${name.relativeTo(origin)}`)
          .sort(),
        found.sort(),
      );
    }),
    { numRuns: 300 },
  );
});

test('the cost of the checks is linear in the size of the zone', (t) => {
  const zoneOfSize = (count: number): Zone =>
    zoneOf(good + lines(count, (i) => `a${i}.d 60 CNAME a${i + 1}.d\nb${i}.b${i - 1} 60 NS x.b${i}`));
  const [few, many] = [zoneOfSize(1000), zoneOfSize(10_000)];
  const small = bestOf(3, () => checkZone(few));
  const large = leastBusy(3, () => checkZone(many));
  t.true(large < 50 * small, `${small} ms, ${large} ms`);
});

test('two CNAMEs or DNAMEs of one name are not taken from a primary either: nobody could say which leads on', (t) => {
  for (const type of ['CNAME', 'DNAME']) {
    const [first] = checkLimits(zoneOf(`${good}c 60 ${type} a\nc 60 ${type} b`));
    t.is(first?.rule, `${type.toLowerCase()}-once`);
  }
});
