/** What an UPDATE looks like in the diff of a zone file: as its author would have written it. The files are those of the corpus. */
import type { Key } from '@zonewright/common/authority/key';
import { runUpdate } from '@zonewright/common/authority/run-update';
import { Name } from '@zonewright/common/name';
import { editedFile } from '@zonewright/primary/commit';
import test from 'ava';
import { corpus, includedFile, read } from '../support/corpus.ts';
import { diffLines, linesOf } from '../support/line-diff.ts';
import { given, nameOf } from '../support/records.ts';
import { updateRecordOf } from '../support/update-text.ts';

const key = { name: nameOf('any._update.'), operation: 'update', zone: Name.root } as Key;

/** The diff that an update makes, without the line of the serial, which is the first to change. */
function diffOf(name: string, ...lines: readonly string[]): readonly string[] {
  const file = corpus.find((each) => each.name === name)!;
  const { octets, origin } = file;
  const operations = lines.map((line) => updateRecordOf(line, origin));
  const outcome = given(
    runUpdate({ origin, scope: origin, key, prerequisites: [], operations }, read(octets, origin).zone!),
  );
  const edited = given(editedFile(octets, outcome!.zone, outcome!.delta, includedFile));
  return shown(Buffer.from(octets).toString('utf8'), Buffer.from(edited).toString('utf8'));
}

/** Lines that go, and lines that come, each run of these behind the line before it. */
function shown(before: string, after: string): readonly string[] {
  const [old, fresh] = [linesOf(before), linesOf(after)];
  const { removed, added } = diffLines(old, fresh);
  const serial = added[0];
  const lines = removed.slice(1).map((line) => `-${old[line]}`);
  for (const line of added) {
    if (line === serial) continue;
    if (!added.includes(line - 1)) lines.push(` ${fresh[line - 1]}`);
    lines.push(`+${fresh[line]}`);
  }
  return lines;
}

interface Example {
  readonly what: string;
  readonly file: string;
  readonly update: readonly string[];
  readonly diff: readonly string[];
}

const EXAMPLES: readonly Example[] = [
  {
    what: 'a longer address takes its room from the blanks before the comment',
    file: 'harbour-cafe.example',
    update: ['delete till A', 'add till 86400 A 192.0.2.140'],
    diff: [
      '-till            IN      A       192.0.2.40      ; the one with the cash drawer\n',
      ' ftp             IN      CNAME   www\n',
      '+till            IN      A       192.0.2.140     ; the one with the cash drawer\n',
    ],
  },
  {
    what: 'a TTL that comes stands where others have theirs',
    file: 'harbour-cafe.example',
    update: ['add ns1 3600 A 192.0.2.2'],
    diff: [
      '-ns1             IN      A       192.0.2.2\n',
      ' \n',
      '+ns1             3600    IN      A       192.0.2.2\n',
    ],
  },
  {
    what: 'a TTL that comes has the units of others',
    file: 'tidewatch.example',
    update: ['add brest 60 A 192.0.2.20'],
    diff: ['-brest     A    192.0.2.20\n', ' $TTL 5m\n', '+brest     1m A    192.0.2.20\n'],
  },
  {
    what: 'a TTL that comes takes the place of a tab',
    file: 'copperline.example',
    update: ['add beta 60 A 192.0.2.102'],
    diff: [
      '-beta\t\tIN\tA\t192.0.2.102\t; rack 3\n',
      ' alpha\t\tIN\tA\t192.0.2.101\t; rack 3\n',
      '+beta\t60\tIN\tA\t192.0.2.102\t; rack 3\n',
    ],
  },
  {
    what: 'a shorter address leaves the comment behind tabs where it was',
    file: 'copperline.example',
    update: ['delete alpha A', 'add alpha 3600 A 1.2.3.4'],
    diff: ['-alpha\t\tIN\tA\t192.0.2.101\t; rack 3\n', ' ;\n', '+alpha\t\tIN\tA\t1.2.3.4\t\t; rack 3\n'],
  },
  {
    what: 'fields of data are as far apart as in the lines above',
    file: 'copperline.example',
    update: ['add @ 3600 MX 30 mx3'],
    diff: [' \t\tIN\tMX\t20\tmx2\n', '+\t\tIN\tMX\t30\tmx3\n'],
  },
  {
    what: 'an owner is written again where its other lines have it',
    file: 'wetland.example',
    update: ['add www 86400 A 192.0.2.81'],
    diff: [' www     IN      A       192.0.2.80\n', '+www     IN      A       192.0.2.81\n'],
  },
  {
    what: 'an owner is left out where others leave it out',
    file: 'orchard.example',
    update: ['add www 3600 AAAA 2001:db8::80'],
    diff: [' www    IN A  192.0.2.80\n', '+       IN AAAA 2001:db8::80\n'],
  },
  {
    what: 'a new name stands with others of its type, where those stand together',
    file: 'northwind.example',
    update: ['add shop 300 A 203.0.113.55'],
    diff: [
      ' staging.northwind.example.\t300\tIN\tA\t198.51.100.7 ; cf_tags=cf-proxied:false\n',
      '+shop.northwind.example.\t300\tIN\tA\t203.0.113.55\n',
    ],
  },
  {
    what: 'names in data are absolute where owners are',
    file: 'northwind.example',
    update: ['add blog 300 CNAME shop.northwind.example.'],
    diff: [
      ' www.northwind.example.\t1\tIN\tCNAME\tnorthwind.example. ; cf_tags=cf-proxied:true\n',
      '+blog.northwind.example.\t300\tIN\tCNAME\tshop.northwind.example.\n',
    ],
  },
  {
    what: 'a new name does not come between records of another',
    file: 'plainline.example',
    update: ['add e 3600 A 192.0.2.6'],
    diff: [' d 3600 CNAME a\n', '+e 3600 A 192.0.2.6\n'],
  },
  {
    what: 'a new record comes before new names',
    file: 'shout.example',
    update: ['add scanner 3600 A 192.0.2.9', 'add gateway 3600 A 192.0.2.252'],
    diff: ['           IN A     192.0.2.253\n', '+          IN A     192.0.2.252\n', '+scanner   IN A     192.0.2.9\n'],
  },
  {
    what: 'line ends are those of the neighbour',
    file: 'patchwork.example',
    update: ['add shop 14400 A 198.51.100.62', 'add blog 14400 A 198.51.100.71'],
    diff: [
      '           IN A 198.51.100.61\r\n',
      '+          IN A 198.51.100.62\r\n',
      ' blog\t\tIN\tA\t198.51.100.70\n',
      '+\t\tIN\tA\t198.51.100.71\n',
    ],
  },
  {
    what: 'a file without a last line end gets one',
    file: 'abrupt.example',
    update: ['add mail 1800 AAAA 2001:db8::3'],
    diff: ['-mail\tA\t203.0.113.3', ' \tAAAA\t2001:db8::2\n', '+mail\tA\t203.0.113.3\n', '+\tAAAA\t2001:db8::3\n'],
  },
  {
    what: 'a string that changes keeps the comment behind it, and one that goes takes its line along',
    file: 'folded.example',
    update: ['delete @ TXT', 'add @ 7200 TXT "v=spf1 " "ip4:198.51.100.0/25 " "-all"'],
    diff: [
      '-           "ip4:198.51.100.0/24 "   ; us\n',
      '-           "include:_spf.mail.example " ; them\n',
      ' @ IN TXT ( "v=spf1 "\n',
      '+           "ip4:198.51.100.0/25 "   ; us\n',
    ],
  },
  {
    what: 'a string that comes gets a line of its own',
    file: 'folded.example',
    update: [
      'delete @ TXT',
      'add @ 7200 TXT "v=spf1 " "ip4:198.51.100.0/24 " "include:_spf.mail.example " "a " "-all"',
    ],
    diff: ['            "include:_spf.mail.example " ; them\n', '+           "a "\n'],
  },
  {
    what: 'digits in pieces are cut where the old ones were',
    file: 'folded.example',
    update: [
      'delete _443._tcp.www TLSA',
      'add _443._tcp.www 7200 TLSA 3 1 1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff',
    ],
    diff: [
      '-    8cb0fc6c527506a053f4f14c8464bebb\n',
      '-    d6dede2738d11468dd953d7d6a3021f1 )\n',
      ' _443._tcp.www IN TLSA ( 3 1 1\n',
      '+    00112233445566778899aabbccddeeff\n',
      '+    00112233445566778899aabbccddeeff )\n',
    ],
  },
  {
    what: 'digits in capitals stay so',
    file: 'registry',
    update: [
      'delete alpine DS',
      'add alpine 86400 DS 12345 13 2 00b7d520e7bb5f0f67674a0cceb1e3e0614b93c4f9e99b8383f6a1e4469da5ff',
    ],
    diff: [
      '-alpine\t86400\tIN\tDS\t60485 13 2 D4B7D520E7BB5F0F67674A0CCEB1E3E0614B93C4F9E99B8383F6A1E4469DA50A\n',
      ' alpine\t\tIN\tNS\tns2.alpine.registry.\n',
      '+alpine\t86400\tIN\tDS\t12345 13 2 00B7D520E7BB5F0F67674A0CCEB1E3E0614B93C4F9E99B8383F6A1E4469DA5FF\n',
    ],
  },
  {
    what: 'what is written without quotes stays so',
    file: 'sayings.example',
    update: ['delete plain TXT', 'add plain 3600 TXT "unquotable"'],
    diff: ['-plain      IN TXT  unquoted\n', ' ; everything people put into TXT\n', '+plain      IN TXT  unquotable\n'],
  },
  {
    what: 'what cannot be written without quotes gets them',
    file: 'sayings.example',
    update: ['delete plain TXT', 'add plain 3600 TXT "in two; words"'],
    diff: [
      '-plain      IN TXT  unquoted\n',
      ' ; everything people put into TXT\n',
      '+plain      IN TXT  "in two; words"\n',
    ],
  },
  {
    what: 'comments at the end of a section stay there',
    file: 'orchard.example',
    update: ['add test 3600 CNAME www'],
    diff: [' shop   IN CNAME www\n', '+test   IN CNAME www\n'],
  },
  {
    what: 'a line that left out its owner gets it when the one before goes',
    file: 'pool.example',
    update: ['delete time A 198.51.100.7'],
    diff: [
      '-time     IN A   198.51.100.7\n',
      '-         IN A   198.51.100.12\n',
      ' ns2      IN A   192.0.2.2\n',
      '+time     IN A   198.51.100.12\n',
    ],
  },
  {
    what: 'characters of several octets take one column',
    file: 'xn--bcher-kva.example',
    update: ['delete lager A', 'add lager 3600 A 192.0.2.130'],
    diff: [
      '-lager     IN A     192.0.2.30         ; Keller, hinter dem Regal für Köche\n',
      ' post      IN A     192.0.2.25\n',
      '+lager     IN A     192.0.2.130        ; Keller, hinter dem Regal für Köche\n',
    ],
  },
  {
    what: 'names below the root are written without last dot where others are',
    file: 'springs.example',
    update: ['add api 120 A 203.0.113.81'],
    diff: [' www.springs.example\t120\tIN\tA\t203.0.113.80\n', '+api.springs.example\t120\tIN\tA\t203.0.113.81\n'],
  },
  {
    what: 'an owner too long for its column is no model',
    file: 'letterbox.example',
    update: ['add _sips._tcp 3600 SRV 0 1 5061 imap'],
    diff: [' _submissions._tcp IN SRV 0 1 465 mx1\n', '+_sips._tcp      IN SRV  0 1 5061 imap\n'],
  },
  {
    what: 'a new name stands under its $ORIGIN',
    file: 'contoso.example',
    update: ['add _ldap._tcp.bdc._msdcs 600 SRV 0 100 389 dc2.contoso.example.'],
    diff: [
      ' _ldap._tcp.pdc\t600\tIN SRV\t0 100 389 dc1.contoso.example.\n',
      '+_ldap._tcp.bdc\t600\tIN SRV\t0 100 389 dc2.contoso.example.\n',
    ],
  },
  {
    what: 'records that stand twice change twice',
    file: 'echoes.example',
    update: ['add ns1 60 A 192.0.2.1'],
    diff: [
      '-ns1   IN A   192.0.2.1\n',
      '-ns1                   IN A   192.0.2.1   ; and once more by hand\n',
      ' @     IN NS  ns2\n',
      '+ns1 60 IN A  192.0.2.1\n',
      ' ftp.echoes.example.   3600 IN A   192.0.2.80\n',
      '+ns1                   60 IN A   192.0.2.1   ; and once more by hand\n',
    ],
  },
  {
    what: 'the least TTL of a set stays when its record goes',
    file: 'seesaw.example',
    update: ['delete left A 192.0.2.10'],
    diff: [
      '-left  60 IN A 192.0.2.10\n',
      '-left  5m IN A 192.0.2.12\n',
      ' left  IN A    192.0.2.11\n',
      '+left  1m IN A 192.0.2.12\n',
    ],
  },
  {
    what: 'a directive whose records change becomes a comment',
    file: 'holding.example',
    update: ['delete printer.office A', 'add printer.office 120 A 192.0.2.19'],
    diff: [
      '-$INCLUDE office.inc office.holding.example.\n',
      ' \n',
      '+; $INCLUDE office.inc office.holding.example.\n',
      '+$TTL 120\n',
      '+printer.office\tA\t192.0.2.19\n',
      '+scanner.office\tA\t192.0.2.18\n',
      '+scanner.office\tAAAA\t2001:db8:ff1:ce::18\n',
    ],
  },
  {
    what: 'lower case stays lower case',
    file: 'quietly.example',
    update: ['add dong 600 AAAA 2001:db8::34'],
    diff: [' dong    10m in a 192.0.2.34\n', '+        10m in aaaa 2001:db8::34\n'],
  },
];

for (const { what, file, update, diff } of EXAMPLES) test(what, (t) => t.deepEqual(diffOf(file, ...update), diff));
