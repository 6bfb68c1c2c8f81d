/** A zone file with the rules of a zone: findings and their places, included files, and what a million lines cost. */

import { placeOf } from '@zonewright/common/authority/file-finding';
import { readZoneFile, type ZoneReading } from '@zonewright/common/authority/zone-file';
import { scanZoneFile } from '@zonewright/common/master/scan';
import { TYPE } from '@zonewright/common/rr/type';
import test from 'ava';
import { nameOf } from '../support/records.ts';
import { busyTime } from '../support/thread-time.ts';

const origin = nameOf('example.');
const HEAD = '$TTL 60\n@ SOA ns h 1 16384 2048 1048576 300\n@ NS ns\nns A 192.0.2.1\n';

const read = (text: string, files: Readonly<Record<string, string>> = {}): ZoneReading =>
  readZoneFile(Buffer.from(text), origin, (name) =>
    Object.hasOwn(files, name) ? Buffer.from(files[name]!) : undefined,
  );
const findings = (text: string, files: Readonly<Record<string, string>> = {}): string[] =>
  read(text, files).findings.map((finding) => `${placeOf('example', finding)} ${finding.rule} ${finding.what}`);

test('a good file is a zone and has no findings', (t) => {
  const {
    zone,
    findings: found,
    hasSoa,
  } = read(`${HEAD}$GENERATE 1-3 h$ A 192.0.2.$\n$INCLUDE more\n`, { more: 'x TXT "y"\n' });
  t.deepEqual(found, []);
  t.true(hasSoa);
  t.is(zone?.get(nameOf('h3.example.'), TYPE.A)?.ttl, 60);
  t.is(zone?.get(nameOf('x.example.'), TYPE.TXT)?.rdatas.length, 1);
});

test('a name with all types there are, and signatures for all of them, is refused as other faults are', (t) => {
  const types = Array.from({ length: 65_000 }, (_, i) => 300 + i);
  const signature = '13 2 60 20300101000000 20200101000000 1 example. AAAA';
  const data = types.map((type) => `x TYPE${type} \\# 1 00\n`);
  const signatures = types.map((type) => `x RRSIG TYPE${type} ${signature}\n`);
  const { zone, findings: found } = read(`${HEAD}${data.join('')}${signatures.join('')}`);
  t.is(zone, undefined);
  t.true(found.some(({ rule }) => rule === 'name-types'));
});

test('records that stand twice and TTLs that differ are found at their places', (t) => {
  t.deepEqual(findings(`${HEAD}a A 192.0.2.1\nb 5 TXT "x"\nb TXT "y"\nA.Example. A 192.0.2.1\nb TXT "z"\n`), [
    'example:7:1 ttl-differs TTL 60, where other TXT records of b.example. have 5',
    'example:8:1 duplicate A.Example. A stands here again, see line 5',
  ]);
  t.deepEqual(findings(`${HEAD}c MX 1 NS\n$INCLUDE more\n`, { more: 'c MX 1 ns\nc 9 MX 2 ns\n' }), [
    'example:5:1 ttl-differs TTL 60, where other MX records of c.example. have 9',
    'more:1:1 duplicate c.example. MX stands here again, see line 5',
  ]);
});

test('two SOA records, one that is not at the apex, and none at all are errors', (t) => {
  t.deepEqual(findings(`${HEAD}@ SOA ns h 2 16384 2048 1048576 300\n`), [
    'example:5:1 soa-once a second SOA record; the first is in line 2',
  ]);
  t.deepEqual(findings('x SOA ns h 1 16384 2048 1048576 300\n'), [
    'example:1:1 soa-below-apex the SOA record of x.example. is not at the apex example.',
  ]);
  t.deepEqual(findings('@ NS ns.other.\n'), ['example:1:1 soa-missing no SOA record for example.']);
  t.deepEqual(findings(`${HEAD}x SOA ns h 1 16384 2048 1048576 300\n`), [
    'example:5:1 soa-below-apex x.example.: an SOA record that is not at the apex',
  ]);
  t.false(read('a A 192.0.2.1\n').hasSoa);
  t.true(read('a A 192.0.2.1\n@ SOA broken\n').hasSoa);
});

test('a second SOA record hides no other fault, and the file is no zone', (t) => {
  const text = `${HEAD}cn CNAME www.other.\ncn TXT "x"\n@ SOA ns h 2 16384 2048 1048576 300\n@ NS gone\n`;
  t.deepEqual(findings(text), [
    'example:5:1 cname-and-other-data cn.example.: CNAME beside TXT',
    'example:7:1 soa-once a second SOA record; the first is in line 2',
    'example:8:1 missing-glue name server gone.example. has no address in this zone',
  ]);
  t.is(read(text).zone, undefined);
  t.is(read(text).readable, undefined);
  t.deepEqual(findings(`${HEAD}@ SOA NS h 1 16384 2048 1048576 300\n`), [
    'example:5:1 duplicate example. SOA stands here again, see line 2',
  ]);
});

test('an SOA record that is missing or cannot be read hides no other fault either', (t) => {
  const rest = '@ NS gone\ncn CNAME www.other.\ncn TXT "x"\nT 7 TXT "x"\nt TXT "x"\n';
  t.deepEqual(findings(`$TTL 60\n${rest}`), [
    'example:1:1 soa-missing no SOA record for example.',
    'example:2:1 missing-glue name server gone.example. has no address in this zone',
    'example:3:1 cname-and-other-data cn.example.: CNAME beside TXT',
    'example:6:1 duplicate t.example. TXT stands here again, see line 5',
    'example:6:1 ttl-differs TTL 60, where other TXT records of t.example. have 7',
  ]);
  const unreadable = `$TTL 60\n@ SOA ns h x 16384 2048 1048576 300\n${rest}`;
  t.deepEqual(findings(unreadable).slice(0, 2), [
    "example:2:12 rdata 'x' is no number of 0..4294967295",
    'example:4:1 cname-and-other-data cn.example.: CNAME beside TXT',
  ]);
  for (const text of [rest, unreadable]) t.is(read(text).zone ?? read(text).readable, undefined);
});

test('a finding about one record of a set stands at that record', (t) => {
  const more = 'cn CNAME ns\n@ NS gone\n@ NS CN\nm MX 1 ns\nm MX 2 cn\nm MX 3 No\nsub NS ns\nsub NS x.sub\n';
  t.deepEqual(findings(`${HEAD}${more}two CNAME ns\ntwo CNAME cn\n`), [
    'example:6:1 missing-glue name server gone.example. has no address in this zone',
    'example:7:1 target-is-cname NS names CN.example., which is a CNAME',
    'example:9:1 target-is-cname m.example.: MX names cn.example., which is a CNAME',
    'example:10:1 target-without-address m.example.: MX names No.example., which has no address in this zone',
    'example:12:1 missing-glue name server x.sub.example. has no address in this zone',
    'example:14:1 cname-once two.example.: 2 CNAME records for one name',
  ]);
});

test('findings in an included file say that file', (t) => {
  t.deepEqual(findings(`${HEAD}$INCLUDE more\n`, { more: 'x.other. TXT "x"\na CNAME b\na TXT "x"\n' }), [
    'more:1:1 outside x.other. TXT is not in example.',
    'more:2:1 cname-and-other-data a.example.: CNAME beside TXT',
  ]);
  const { zone, findings: found } = read(`${HEAD}$INCLUDE more\n`, { more: 'a\n' });
  t.is(zone, undefined);
  t.like(found[0], { file: 'more', line: 1, column: 2, severity: 'error' });
});

test('records outside the zone are listed up to a number, and the addresses of its servers are only warned of', (t) => {
  const text = `@ SOA ns.other. h 1 16384 2048 1048576 300\n@ NS ns.other.\nns.other. A 192.0.2.1\n${'a.other. TXT "x"\n'.repeat(30)}`;
  const found = findings(text);
  t.is(found[0], 'example:3:1 foreign-glue the address of ns.other., outside of example., is ignored');
  t.is(found.length, 22);
  t.is(found.at(-1), 'example:24:1 outside and 10 more records that are not in example.');
});

test('a file that includes the file of its zone includes itself', (t) => {
  t.deepEqual(findings(`${HEAD}$INCLUDE example\n`, { example: HEAD }), [
    "example:5:10 directive the file 'example' includes itself",
  ]);
});

test('very many records that stand twice are told without keeping the rest', (t) => {
  const lines = Array.from({ length: 50_000 }, (_, i) => `h${i} A 192.0.2.1\n`).join('');
  const found = findings(`${HEAD}${lines}h7 A 192.0.2.1\nh9 5 A 192.0.2.1\n`);
  t.deepEqual(found, [
    'example:14:1 ttl-differs TTL 60, where other A records of h9.example. have 5',
    'example:50005:1 duplicate h7.example. A stands here again, see line 12',
    'example:50006:1 duplicate h9.example. A stands here again, see line 14',
  ]);
});

test('a large file is read in a short time, and nothing is kept of its records', (t) => {
  const count = 300_000;
  const text = Buffer.from(
    Array.from({ length: count }, (_, i) => `host${i} A 10.${i >> 16}.${(i >> 8) & 255}.${i & 255}\n`).join(''),
  );
  const ended = busyTime();
  let records = 0;
  let heap = 0;
  const before = process.memoryUsage().heapUsed;
  const faults = scanZoneFile(
    text,
    { origin },
    {
      onRecord() {
        if ((++records & 0x3fff) === 0) heap = Math.max(heap, process.memoryUsage().heapUsed - before);
      },
    },
  );
  t.deepEqual(faults, []);
  t.is(records, count);
  // One object a record would be more than all of this together.
  t.true(heap < 64e6, `${heap} octets`);
  t.true(ended() < 5000);
});
