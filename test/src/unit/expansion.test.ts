// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what stands in braces here is the syntax of $GENERATE
/** `$GENERATE` and `$INCLUDE`: what they stand for, what is refused, and what becomes of them when a file is changed. */
import { editZoneFile } from '@zonewright/common/master/edit';
import { IncludedFiles } from '@zonewright/common/master/include';
import { type ParsedFile, type ParseOptions, parseZoneFile } from '@zonewright/common/master/parse';
import { printRecord, type ResourceRecord } from '@zonewright/common/rr/record';
import test from 'ava';
import { nameOf } from '../support/records.ts';
import { busyTime } from '../support/thread-time.ts';

const origin = nameOf('example.com.');
type Files = Readonly<Record<string, string | Uint8Array>>;

const octets = (text: string | Uint8Array): Uint8Array => (typeof text === 'string' ? Buffer.from(text) : text);
const including = (files: Files): Pick<ParseOptions, 'include'> => ({
  include: (name) => (Object.hasOwn(files, name) ? octets(files[name]!) : undefined),
});
const parse = (text: string, files: Files = {}, options: Partial<ParseOptions> = {}): ParsedFile =>
  parseZoneFile(octets(text), { origin, ...including(files), ...options });

/** The records of good text, one line each. */
const lines = (text: string, files: Files = {}): string[] => {
  const { records, faults } = parse(text, files);
  if (faults.length > 0) throw new Error(faults.map(({ line, what }) => `${line} ${what}`).join('\n'));
  return records.map(({ record }) => printRecord(record, origin).replace(' IN ', ' '));
};
const faults = (text: string, files: Files = {}, options: Partial<ParseOptions> = {}): string[] =>
  parse(text, files, options).faults.map(({ file, line, column, what }) =>
    [...(file === undefined ? [] : [file]), line, column, what].join(':'),
  );
const records = (text: string): ResourceRecord[] => parse(`$TTL 60\n${text}\n`).records.map(({ record }) => record);

interface Change {
  readonly removed?: readonly ResourceRecord[];
  readonly added?: readonly ResourceRecord[];
}
const edit = (text: string, { removed = [], added = [] }: Change, files: Files = {}): string => {
  const edited = editZoneFile(octets(text), { removed, added }, { origin, ...including(files) });
  if (!edited.ok) throw new Error(edited.fault.what);
  return Buffer.from(edited.value).toString('utf8');
};

// $GENERATE

test('$GENERATE makes a record for each number of the range', (t) => {
  t.deepEqual(lines('$TTL 60\n$GENERATE 1-3 host$ A 10.0.0.$\n'), [
    'host1 60 A 10.0.0.1',
    'host2 60 A 10.0.0.2',
    'host3 60 A 10.0.0.3',
  ]);
  t.deepEqual(lines('$TTL 60\n$generate 2-9/3 $.rev PTR h$\n'), [
    '2.rev 60 PTR h2',
    '5.rev 60 PTR h5',
    '8.rev 60 PTR h8',
  ]);
});

test('TTL and class of $GENERATE stand in either order, or not at all', (t) => {
  for (const head of ['5 IN', 'IN 5', '5', '5s in'])
    t.deepEqual(lines(`$GENERATE 7-7 h$ ${head} A 10.0.0.$\n`), ['h7 5 A 10.0.0.7']);
  t.deepEqual(lines('$GENERATE 0-0 h$ IN A 10.0.0.$\n'), ['h0 3600 A 10.0.0.0']);
  t.deepEqual(lines('$GENERATE 0-0 ( h$ ; the owner\n A\n 10.0.0.$ )\n'), ['h0 3600 A 10.0.0.0']);
});

test('a modifier gives offset, width and base of the number', (t) => {
  const one = (name: string, number = 18): string =>
    lines(`$GENERATE ${number}-${number} ${name} 1 A 10.0.0.1\n`)[0]!.split(' ')[0]!;
  t.is(one('a${0}'), 'a18');
  t.is(one('a${-18}'), 'a0');
  t.is(one('a${2,5}'), 'a00020');
  t.is(one('a${0,5,d}'), 'a00018');
  t.is(one('a${0,0,o}'), 'a22');
  t.is(one('a${0,4,x}', 171), 'a00ab');
  t.is(one('a${0,4,X}', 171), 'a00AB');
  t.is(one('${0,0,n}.a', 0x12), '2.1.a');
  t.is(one('${0,7,n}.a', 0xab), 'b.a.0.0.a');
  t.is(one('${0,8,N}a', 0xab), 'B.A.0.0.a');
  t.is(one('${0,3,d}.${100,3,d}'), '018.118');
});

test('a dollar sign is written twice or behind a backslash', (t) => {
  t.deepEqual(lines('$GENERATE 1-1 a$$b\\$c$ 1 TXT cost\\$$$$\n'), ['a\\$b\\$c1 1 TXT "cost$$1"']);
});

test('data of several words stands in quotes, and a quote in it behind a backslash', (t) => {
  t.deepEqual(lines('$GENERATE 1-2 @ 1 MX "$ mail$"\n'), ['@ 1 MX 1 mail1', '@ 1 MX 2 mail2']);
  t.deepEqual(lines('$GENERATE 1-1 t$ 1 TXT "\\"a $\\" b\\\\c"\n'), ['t1 1 TXT "a 1" "b\\\\c"']);
});

test('behind $GENERATE a line without owner means the owner before it', (t) => {
  t.deepEqual(lines('$TTL 9\na A 10.0.0.1\n$GENERATE 1-1 h$ A 10.0.0.2\n A 10.0.0.3\n'), [
    'a 9 A 10.0.0.1',
    'h1 9 A 10.0.0.2',
    'a 9 A 10.0.0.3',
  ]);
});

test('what is wrong with $GENERATE is said once, with its place', (t) => {
  const what = (line: string): string => faults(`${line}\n`).join('|');
  t.is(what('$GENERATE 1-3 a$ A'), '1:1:$GENERATE takes a range, an owner, a type and data');
  t.is(what('$GENERATE'), '1:1:$GENERATE takes a range, an owner, a type and data');
  t.is(what('$GENERATE 1-3 a$ MX 10 b'), '1:1:$GENERATE takes a range, an owner, a type and data');
  t.is(what('$GENERATE 3-1 a$ A 10.0.0.$'), '1:11:a range that ends before it begins');
  t.is(what('$GENERATE 1-3/0 a$ A 10.0.0.$'), '1:11:a step of 0');
  t.is(what('$GENERATE x a$ A 10.0.0.$'), '1:11:a range is written FIRST-LAST or FIRST-LAST/STEP');
  t.is(what('$GENERATE -1-3 a$ A 10.0.0.$'), '1:11:a range is written FIRST-LAST or FIRST-LAST/STEP');
  t.is(what('$GENERATE 1-3 a${ A 10.0.0.$'), '1:15:what stands in braces is OFFSET, OFFSET,WIDTH or OFFSET,WIDTH,BASE');
  t.is(
    what('$GENERATE 1-3 a A 10.0.0.${0,3,q}'),
    '1:19:what stands in braces is OFFSET, OFFSET,WIDTH or OFFSET,WIDTH,BASE',
  );
  t.is(what('$GENERATE 1-3 a${0,999} A 10.0.0.1'), '1:15:a width of more than 255');
  t.is(what('$GENERATE 1-3 a${0,99} A 10.0.0.1'), '1:15:for 1: no domain name: a label of more than 63 octets');
  t.is(what('$GENERATE 1-3 a${-5} A 10.0.0.1'), '1:15:for 1: a number that is not in 0..2147483647');
  t.is(what('$GENERATE 255-256 a$ A 10.0.0.$'), "1:24:for 256: '10.0.0.256' is no IPv4 address");
  t.is(what('$GENERATE 1-3 a$ TXT "\\"$"'), '1:22:for 1: a quote that is not closed on its line');
  t.is(what('$GENERATE 1-3 a$ FOO $'), "1:18:'FOO' is no record type");
  t.is(what('$GENERATE 1-3 a$ CH A 10.0.0.$'), '1:18:class CH: zones are of class IN only');
  t.is(what('$GENERATE 1-3 a$ 9999999999 A 10.0.0.$'), "1:18:the TTL '9999999999' is no number of 0..2147483647");
  t.is(what('$GENERATE 1-3 k DNSKEY "0 3 x c2VjcmV0$"'), '1:24:for 1: not valid DNSKEY data');
});

test('$GENERATE is refused at once when it stands for more records than one directive or one file may', (t) => {
  const ended = busyTime();
  t.deepEqual(faults('$GENERATE 0-4294967295 a$ A 10.0.0.1\n'), ['1:11:a range of 4294967296 records (at most 65536)']);
  const many = Array.from({ length: 200 }, (_, i) => `$GENERATE 1-65536 a${i}-$ A 10.0.0.300\n`).join('');
  t.true(faults(many).includes('3:11:more than 131072 generated records'));
  t.true(ended() < 5000);
  t.is(parse('$GENERATE 0-65535 a$ A 10.0.0.1\n').records.length, 65_536);
  const long = 'x'.repeat(250);
  const [text] = faults(`$GENERATE 1-9 a$ TXT ${long}\n`, {}, { limits: { generatedOctets: 1000 } });
  t.is(text, '1:1:generated records of too much text');
});

// $INCLUDE

test('$INCLUDE puts the records of another file into this one', (t) => {
  const files = { hosts: 'a A 10.0.0.1\nb A 10.0.0.2' };
  t.deepEqual(lines('$TTL 60\n@ NS a\n$INCLUDE hosts ; ours\n TXT "x"\n', files), [
    '@ 60 NS a',
    'a 60 A 10.0.0.1',
    'b 60 A 10.0.0.2',
    '@ 60 TXT "x"',
  ]);
  t.deepEqual(lines('$include "hosts"\r\n', files), ['a 3600 A 10.0.0.1', 'b 3600 A 10.0.0.2']);
  t.deepEqual(lines('$INCLUDE ( hosts\n sub )\n', { hosts: '\ufeffa 1 A 10.0.0.1\r\n' }), ['a.sub 1 A 10.0.0.1']);
});

test('an included file has the origin that is named, and origin and owner are as before when it ends', (t) => {
  const files = { inner: '@ A 10.0.0.1\n$ORIGIN deep\nx A 10.0.0.2\n', outer: '$INCLUDE inner z.\ny A 10.0.0.3\n' };
  t.deepEqual(lines('$TTL 1\na A 10.0.0.9\n$INCLUDE inner sub\n A 10.0.0.8\nb A 10.0.0.7\n', files), [
    'a 1 A 10.0.0.9',
    'sub 1 A 10.0.0.1',
    'x.deep.sub 1 A 10.0.0.2',
    'a 1 A 10.0.0.8',
    'b 1 A 10.0.0.7',
  ]);
  t.deepEqual(lines('$TTL 1\n$INCLUDE outer\n', files), [
    'z. 1 A 10.0.0.1',
    'x.deep.z. 1 A 10.0.0.2',
    'y 1 A 10.0.0.3',
  ]);
});

test('an included file begins with the owner of the line before, as in BIND', (t) => {
  t.deepEqual(lines('$TTL 1\na A 10.0.0.1\n$INCLUDE more\n', { more: ' TXT "of a"\n' }), [
    'a 1 A 10.0.0.1',
    'a 1 TXT "of a"',
  ]);
  t.deepEqual(faults('$INCLUDE more\n', { more: ' TXT "of nobody"\n' }), [
    'more:1:2:a line that begins with a blank before any owner name',
  ]);
});

test('$TTL of an included file goes on behind it, as in BIND', (t) => {
  t.deepEqual(lines('$TTL 1\n$INCLUDE ttl\nb A 10.0.0.2\n', { ttl: 'a A 10.0.0.1\n$TTL 2\n' }), [
    'a 1 A 10.0.0.1',
    'b 2 A 10.0.0.2',
  ]);
});

test('faults in an included file say that file, its line and column, and all of them are reported', (t) => {
  const files = { one: 'a A 10.0.0.1\nb FOO x\n', two: '$INCLUDE one\n\nc TXT "open\n' };
  t.deepEqual(faults('$INCLUDE two\nd A x\n', files), [
    "one:2:3:'FOO' is no record type",
    'two:3:7:a quote that is not closed on its line',
    "2:5:'x' is no IPv4 address",
  ]);
  t.deepEqual(
    parse('$INCLUDE two\n', files).records.map(({ file, line }) => `${file} ${line}`),
    ['one 1'],
  );
});

test('only a file beside the zone file is included, by its plain name', (t) => {
  const all: Files = new Proxy(
    {},
    { getOwnPropertyDescriptor: () => ({ configurable: true, value: '' }), get: () => 'a 1 A 10.0.0.1\n' },
  );
  for (const name of [
    '/etc/passwd',
    'etc/passwd',
    '../example.com',
    '..',
    '.',
    './hosts',
    '.git',
    '.hidden',
    'a\\b',
    'C:hosts',
    'a/../hosts',
    '~/hosts',
    'hosts\\000',
    '"a b"',
    '""',
    `${'x'.repeat(256)}`,
    'h\u00f6sts',
  ])
    t.regex(
      faults(`$INCLUDE ${name}\n`, all).join(),
      /^1:10:only a file beside this one can be included, by its plain name$/,
      name,
    );
  t.deepEqual(faults('$INCLUDE hosts.v2-new_x\n', all), []);
});

test('a file of keys is never included, and no word of it is told', (t) => {
  const secret = 'c2VjcmV0c2VjcmV0c2VjcmV0';
  const asked: string[] = [];
  const include = (name: string): Uint8Array => {
    asked.push(name);
    return octets(`k DNSKEY 0 3 163 ${secret}\nx FOO ${secret}\n`);
  };
  for (const name of [
    '_keys',
    'example.com._keys',
    'EXAMPLE.COM._KEYS',
    '_Keys',
    'example._keys.',
    '"_keys"',
    '_keys..',
  ]) {
    t.deepEqual(faults(`$INCLUDE ${name}\n`, {}, { include }), ['1:10:a file of keys is not included'], name);
    t.deepEqual([...new IncludedFiles(octets(`$INCLUDE ${name}\n`)).files.keys()], []);
    t.is(new IncludedFiles(octets(`$INCLUDE ${name}\n`)).next(), undefined, name);
  }
  t.deepEqual(asked, []);
});

test('in a file of keys nothing is included or generated, and a fault shows nothing of it', (t) => {
  const options = { isSecret: true, include: () => octets('a A secretsecret\n') };
  t.deepEqual(faults('$INCLUDE secretsecret\n$GENERATE 1-2 secret$ DNSKEY secretsecret\n', {}, options), [
    '1:1:no $INCLUDE in a file of keys',
    '2:1:no $GENERATE in a file of keys',
  ]);
});

test('a file that includes itself is a fault, at once or by way of others', (t) => {
  const files = { self: 'a 1 A 10.0.0.1\n$INCLUDE self\n', ping: '$INCLUDE pong\n', pong: '$INCLUDE ping\n' };
  t.deepEqual(faults('$INCLUDE self\n', files), ["self:2:10:the file 'self' includes itself"]);
  t.deepEqual(faults('$INCLUDE ping\n', files), ["pong:1:10:the file 'ping' includes itself"]);
  t.deepEqual(faults('$INCLUDE main\n', { main: '' }, { fileName: 'main' }), ["1:10:the file 'main' includes itself"]);
  t.deepEqual(lines('$INCLUDE a\n$INCLUDE a\n', { a: 'a 1 A 10.0.0.1\n' }).length, 2, 'twice is not within itself');
});

test('depth and size of included files are limited', (t) => {
  const chain = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`f${i}`, `$INCLUDE f${i + 1}\n`]));
  t.deepEqual(faults('$INCLUDE f0\n', chain), ['f7:1:10:files included within each other more than 8 deep']);
  const ended = busyTime();
  // Each includes the next ten times: 10^8 files.
  const bomb = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`f${i}`, `$INCLUDE f${i + 1}\n`.repeat(10)]));
  const [first] = faults(
    '$INCLUDE f0\n',
    { ...bomb, f8: '; nothing\n' },
    { limits: { includedOctets: 100_000, depth: 9 } },
  );
  t.regex(first ?? '', /more than 100000 octets in included files$/);
  const [last] = faults('$INCLUDE f0\n', { ...bomb, f8: '' }, { limits: { depth: 9 } });
  t.regex(last ?? '', /more than 10000 included files$/);
  t.true(ended() < 5000);
});

test('a missing file, a missing name and an origin that is none are faults', (t) => {
  t.deepEqual(faults('$INCLUDE nothing\n'), ["1:10:there is no file 'nothing' to include"]);
  t.deepEqual(faults('$INCLUDE\n$INCLUDE a b c\n'), [
    '1:1:$INCLUDE takes a file name and, if wanted, an origin',
    '2:1:$INCLUDE takes a file name and, if wanted, an origin',
  ]);
  t.deepEqual(faults('$INCLUDE a b..c\n', { a: '' }), ["1:12:the origin 'b..c' is no domain name: an empty label"]);
  const { faults: found } = parseZoneFile(octets('$INCLUDE a\n'), { origin });
  t.is(found[0]?.what, '$INCLUDE cannot be followed here');
});

test('the files that are needed are found before the file is read', (t) => {
  const files: Files = { one: '$include two\n', two: '', three: '$INCLUDE one\n', other: '' };
  const text =
    '$INCLUDE one\n $INCLUDE other\nx TXT "$INCLUDE other"\n$INCLUDE "three" sub ; x\n$INCLUDE gone\n$INCLUDE ../up\n$INCLUDED other\n';
  const included = new IncludedFiles(octets(text));
  const asked: string[] = [];
  for (let name = included.next(); name !== undefined; name = included.next()) {
    asked.push(name);
    included.give(name, Object.hasOwn(files, name) ? octets(files[name]!) : undefined);
  }
  t.deepEqual(asked.sort(), ['gone', 'one', 'three', 'two']);
  t.is(included.files.get('gone'), undefined);
  t.true(included.files.has('gone'));
});

// Changing

const GENERATED = '$TTL 60\n@ NS h1\n$GENERATE 1-3 h$ A 10.0.0.$ ; ours\nz A 10.0.0.9\n';

test('a change that does not concern their records leaves directives alone', (t) => {
  const files = { hosts: 'a A 10.0.0.1\n' };
  const text = `${GENERATED}$INCLUDE hosts\n`;
  t.is(
    edit(text, { removed: records('z A 10.0.0.9'), added: records('y A 10.0.0.8') }, files),
    text.replace('z A 10.0.0.9', 'y A 10.0.0.8'),
  );
  t.is(
    edit(text, { added: records('h1 TXT "x"') }, files),
    text.replace('z A 10.0.0.9\n', 'z A 10.0.0.9\nh1 TXT "x"\n'),
  );
  t.is(edit(text, { added: records('h1 A 10.0.0.1\na A 10.0.0.1') }, files), text, 'they are there already');
});

test('an included file is read once for a change that does not concern it, however near it stands', (t) => {
  const text = '$TTL 60\n@ NS h1\n$INCLUDE hosts\nz A 10.0.0.9\n';
  let count = 0;
  const include = (): Uint8Array => {
    count++;
    return octets('a A 10.0.0.1\n');
  };
  const change = { removed: records('z A 10.0.0.9'), added: records('z A 10.0.0.8') };
  const edited = editZoneFile(octets(text), change, { origin, include });
  t.is(edited.ok ? Buffer.from(edited.value).toString() : edited.fault.what, text.replace('10.0.0.9', '10.0.0.8'));
  t.is(count, 1);
});

test('a change of a record of $GENERATE writes the directive out, and keeps it as a comment', (t) => {
  t.is(
    edit(GENERATED, { removed: records('h2 A 10.0.0.2') }),
    '$TTL 60\n@ NS h1\n; $GENERATE 1-3 h$ A 10.0.0.$ ; ours\nh1\tA\t10.0.0.1\nh3\tA\t10.0.0.3\nz A 10.0.0.9\n',
  );
  t.is(
    edit(GENERATED, { removed: records('h2 A 10.0.0.2'), added: records('h2 A 10.0.0.22') }),
    '$TTL 60\n@ NS h1\n; $GENERATE 1-3 h$ A 10.0.0.$ ; ours\nh1\tA\t10.0.0.1\nh2\tA\t10.0.0.22\nh3\tA\t10.0.0.3\nz A 10.0.0.9\n',
  );
  t.is(
    edit(GENERATED, { added: [{ ...records('h2 A 10.0.0.2')[0]!, ttl: 5 }] }),
    '$TTL 60\n@ NS h1\n; $GENERATE 1-3 h$ A 10.0.0.$ ; ours\nh1\tA\t10.0.0.1\nh2\t5\tA\t10.0.0.2\nh3\tA\t10.0.0.3\nz A 10.0.0.9\n',
  );
});

test('a directive over several lines becomes a comment over several lines, in the line ends of the file', (t) => {
  t.is(
    edit('$TTL 60\r\n$GENERATE 1-2 (\r\n h$ A 10.0.0.$ )', { removed: records('h2 A 10.0.0.2') }),
    '$TTL 60\r\n; $GENERATE 1-2 (\r\n;  h$ A 10.0.0.$ )\r\nh1\tA\t10.0.0.1\r\n',
  );
});

test('a change of a record of $INCLUDE writes all of it out, with what it said of owners, origins and TTLs', (t) => {
  const files = {
    hosts: ' TXT "of z"\na A 10.0.0.1\n$TTL 7\n$ORIGIN deep\nb A 10.0.0.2\n$INCLUDE more\n',
    more: 'c 9 A 10.0.0.3\n',
  };
  const text = '$TTL 60\nz A 10.0.0.9\n$INCLUDE hosts\n A 10.0.0.8\nlast A 10.0.0.7\n';
  const after = edit(text, { removed: records('a A 10.0.0.1') }, files);
  t.is(
    after,
    '$TTL 60\nz A 10.0.0.9\n; $INCLUDE hosts\nz\tTXT\t"of z"\n$TTL 7\nb.deep\tA\t10.0.0.2\nc.deep\t9\tA\t10.0.0.3\nz A 10.0.0.8\nlast A 10.0.0.7\n',
  );
  t.deepEqual(
    lines(after),
    lines(text, files).filter((line) => !line.startsWith('a ')),
  );
});

test('the $TTL of an included file that is written out goes on behind it, in one line, and only where it changes something', (t) => {
  const files = { hosts: 'a A 10.0.0.1\n$TTL 9\n$TTL 7\n', same: 'b A 10.0.0.2\n$TTL 7\n' };
  const text = '$TTL 60\n$INCLUDE hosts\nx A 10.0.0.8\n$INCLUDE same\ny A 10.0.0.7\n';
  const removed = [...records('a A 10.0.0.1'), ...records('b A 10.0.0.2')];
  const after = edit(text, { removed }, files);
  t.is(after, '$TTL 60\n; $INCLUDE hosts\n$TTL 7\nx A 10.0.0.8\n; $INCLUDE same\ny A 10.0.0.7\n');
  t.deepEqual(lines(after), ['x 7 A 10.0.0.8', 'y 7 A 10.0.0.7']);
});

test('a directive whose records would come to mean something else is written out', (t) => {
  // The TTL of the generated ones is the one that was stated last.
  t.is(
    edit('a 5 A 10.0.0.1\n$GENERATE 1-2 h$ A 10.0.0.$\n', { removed: records('a A 10.0.0.1') }),
    '; $GENERATE 1-2 h$ A 10.0.0.$\nh1\t5\tA\t10.0.0.1\nh2\tA\t10.0.0.2\n',
  );
  // The included record takes its owner from the line before.
  const files = { more: ' TXT "of a"\n' };
  t.is(
    edit('$TTL 5\nb A 10.0.0.2\na A 10.0.0.1\n$INCLUDE more\n', { removed: records('a A 10.0.0.1') }, files),
    '$TTL 5\nb A 10.0.0.2\n; $INCLUDE more\na\tTXT\t"of a"\n',
  );
});

test('the SOA of an included file can be changed', (t) => {
  const files = { soa: '@ 60 SOA ns root 1 2 3 4 5\n' };
  t.is(
    edit('$TTL 60\n$INCLUDE soa\n@ NS ns.\n', { added: records('@ SOA ns root 2 2 3 4 5') }, files),
    '$TTL 60\n; $INCLUDE soa\n@\tSOA\tns root 2 2 3 4 5\n@ NS ns.\n',
  );
});
