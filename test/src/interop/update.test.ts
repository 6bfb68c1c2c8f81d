/**
 * UPDATE (RFC 2136) beside BIND: each row is one update, sent to both, to a zone of its own that both begin with. They are to
 * answer with the same RCODE and to serve the same zone afterwards, serial included, as dig transfers it.
 *
 * Rows are written as nsupdate has them (`Z` is the zone), or as a message where nsupdate refuses to send such a thing. Where both
 * differ for a reason, the row says which, and what ours does.
 */
import { parseTsigKey } from '@zonewright/common/authority/key';
import type { Name } from '@zonewright/common/name';
import { CLASS } from '@zonewright/common/rr/class';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE, printRcode } from '@zonewright/common/wire/code';
import { decodeMessage, emptyMessage, encodeMessage, type Message } from '@zonewright/common/wire/message';
import { sign } from '@zonewright/common/wire/tsig';
import anyTest, { type ExecutionContext } from 'ava';
import { exchangeDatagram } from '../support/datagram.ts';
import { dig, type KeyText, nsupdate } from '../support/dig.ts';
import { startNamed } from '../support/named.ts';
import { testWith } from '../support/needs.ts';
import { freePort } from '../support/ports.ts';
import { given, nameOf, recordOf } from '../support/records.ts';
import { makeRepository } from '../support/repository.ts';
import { startScene } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';

const secrecy = secrecyOf(anyTest);
const test = testWith(anyTest, ['named', 'git', 'dig', 'nsupdate']);

const BIND = '127.0.0.1';
const OURS = '127.0.0.2';

const ZONE = `$TTL 300
@ SOA ns hostmaster 100 3600 600 86400 300
@ NS ns
@ NS ns2
@ TXT "apex"
ns A 127.0.0.1
ns2 A 127.0.0.3
www A 192.0.2.3
www A 192.0.2.4
www TXT "t"
alias CNAME www
b.a A 192.0.2.5
* MX 10 ns
sub NS ns.sub
ns.sub A 192.0.2.6
old DNAME www
srv TYPE11 \\# 6 c000020706 80
`;

interface Row {
  /** Of RFC 2136. */
  readonly section: string;
  readonly commands?: readonly string[];
  readonly message?: (zone: Name) => Partial<Message>;
  /** What BIND answers. */
  readonly rcode: string;
  /** What ours answers where it is not the same, and why. The zones are then not compared. */
  readonly ours?: readonly [rcode: string, why: string];
  /** By a key that may update the zone, unless given. */
  readonly signer?: 'nobody' | 'another';
}

const of = (section: string, rcode: string, ...commands: readonly string[]): Row => ({ section, rcode, commands });
const bare = (name: Name, type: number, rrClass: number): ResourceRecord => ({
  name,
  type,
  class: rrClass,
  ttl: 0,
  rdata: new Uint8Array(0),
});
const raw = (section: string, rcode: string, message: (zone: Name) => Partial<Message>, ours?: Row['ours']): Row => ({
  section,
  rcode,
  message,
  ...(ours === undefined ? {} : { ours }),
});
const www = (zone: Name): Name => nameOf('www', zone);
/** One prerequisite, made from a record of `www`. */
const prerequisite = (section: string, rcode: string, change: Partial<ResourceRecord>, ours?: Row['ours']): Row =>
  raw(section, rcode, (zone) => ({ answers: [{ ...recordOf('www 0 A 192.0.2.3', zone), ...change }] }), ours);
/** One operation, made from a record of `new`. */
const operation = (section: string, rcode: string, change: Partial<ResourceRecord>, ours?: Row['ours']): Row =>
  raw(section, rcode, (zone) => ({ authorities: [{ ...recordOf('new 60 A 192.0.2.9', zone), ...change }] }), ours);
const EMPTY = new Uint8Array(0);
const NSEC3 = Uint8Array.from([1, 0, 0, 0, 0, 20, ...Array<number>(20).fill(7), 0, 1, 0x40]);
const NO_GLUE = [
  'REFUSED',
  'RFC 1034 4.2.1: nobody could follow such a delegation; an error of `zonewright check`',
] as const;
const CHANGE = 'add new.Z 60 A 192.0.2.9';

const rows: readonly Row[] = [
  // 2.3, 3.1: the zone section.
  of('3.1.2', 'NOERROR', CHANGE),
  raw('3.1.1', 'FORMERR', (zone) => ({ questions: [{ name: zone, type: TYPE.A, class: CLASS.IN }] })),
  raw('3.1.1', 'FORMERR', () => ({ questions: [] })),
  raw('3.1.1', 'FORMERR', (zone) => {
    const question = { name: zone, type: TYPE.SOA, class: CLASS.IN };
    return { questions: [question, question] };
  }),
  raw('3.1.2', 'NOTAUTH', () => ({ questions: [{ name: nameOf('unserved.'), type: TYPE.SOA, class: CLASS.IN }] })),
  raw('3.1.2', 'NOTAUTH', (zone) => ({ questions: [{ name: www(zone), type: TYPE.SOA, class: CLASS.IN }] })),
  raw('3.1.2', 'NOTIMP', (zone) => ({ questions: [{ name: zone, type: TYPE.SOA, class: CLASS.CH }] }), [
    'NOTAUTH',
    'RFC 2136 3.1.2: the server is not authoritative for a zone of that class',
  ]),

  // 3.3: permission.
  { ...of('3.3', 'REFUSED', CHANGE), signer: 'nobody' },
  { ...of('3.3', 'REFUSED', CHANGE), signer: 'another' },
  { ...of('3.3', 'REFUSED', 'prereq nxdomain www.Z', CHANGE), signer: 'another' }, // the zone's content is not told
  {
    ...raw('3.3', 'NOTAUTH', () => ({ questions: [{ name: nameOf('unserved.'), type: TYPE.SOA, class: CLASS.IN }] })),
    signer: 'nobody',
  },

  // 2.4, 3.2: prerequisites.
  of('2.4.1', 'NOERROR', 'prereq yxrrset www.Z A', CHANGE),
  of('2.4.1', 'NXRRSET', 'prereq yxrrset www.Z MX', CHANGE),
  of('2.4.1', 'NXRRSET', 'prereq yxrrset nothing.Z A', CHANGE),
  of('2.4.1', 'NXRRSET', 'prereq yxrrset nothing.Z MX', CHANGE), // what a wildcard makes up is not there
  of('2.4.1', 'NOERROR', 'prereq yxrrset *.Z MX', CHANGE),
  of('2.4.1', 'NOERROR', 'prereq yxrrset ns.sub.Z A', CHANGE), // below a cut
  of('2.4.2', 'NOERROR', 'prereq yxrrset www.Z A 192.0.2.4', 'prereq yxrrset www.Z A 192.0.2.3', CHANGE),
  of('2.4.2', 'NXRRSET', 'prereq yxrrset www.Z A 192.0.2.4', CHANGE),
  of('2.4.2', 'NXRRSET', ...[3, 4, 5].map((n) => `prereq yxrrset www.Z A 192.0.2.${n}`), CHANGE),
  of('2.4.2', 'NXRRSET', 'prereq yxrrset nothing.Z A 192.0.2.4', CHANGE),
  of('2.4.2', 'NOERROR', 'prereq yxrrset ALIAS.Z CNAME WWW.Z', CHANGE),
  of(
    '2.4.2',
    'NOERROR',
    ...[3, 4].map((n) => `prereq yxrrset www.Z A 192.0.2.${n}`),
    'prereq yxrrset www.Z TXT t',
    CHANGE,
  ),
  of('2.4.3', 'NOERROR', 'prereq nxrrset www.Z MX', CHANGE),
  of('2.4.3', 'YXRRSET', 'prereq nxrrset www.Z A', CHANGE),
  of('2.4.3', 'NOERROR', 'prereq nxrrset nothing.Z MX', CHANGE),
  of('2.4.4', 'NOERROR', 'prereq yxdomain www.Z', CHANGE),
  of('2.4.4', 'NXDOMAIN', 'prereq yxdomain nothing.Z', CHANGE),
  of('2.4.4', 'NXDOMAIN', 'prereq yxdomain a.Z', CHANGE), // an empty non-terminal
  of('2.4.5', 'NOERROR', 'prereq nxdomain nothing.Z', CHANGE),
  of('2.4.5', 'YXDOMAIN', 'prereq nxdomain www.Z', CHANGE),
  of('2.4.5', 'NOERROR', 'prereq nxdomain a.Z', CHANGE),
  of('3.2', 'NXDOMAIN', 'prereq yxdomain nothing.Z', 'prereq nxdomain www.Z', CHANGE), // the first that fails
  of('3.2', 'YXDOMAIN', 'prereq yxrrset www.Z A 192.0.2.9', 'prereq nxdomain www.Z', CHANGE), // sets with data come last
  prerequisite('3.2.5', 'FORMERR', { ttl: 1 }),
  prerequisite('3.2.5', 'FORMERR', { ttl: 1, class: CLASS.ANY, rdata: EMPTY }),
  prerequisite('3.2.5', 'FORMERR', { ttl: 1, class: CLASS.NONE, rdata: EMPTY }),
  prerequisite('3.2.5', 'FORMERR', { class: CLASS.ANY }),
  prerequisite('3.2.5', 'FORMERR', { class: CLASS.NONE }),
  prerequisite('3.2.5', 'FORMERR', { class: CLASS.CH, rdata: EMPTY, type: 65280 }),
  prerequisite('3.2.5', 'NOTZONE', { name: nameOf('www.elsewhere.') }),
  prerequisite('3.2.5', 'NOTZONE', { name: nameOf('www.elsewhere.'), class: CLASS.ANY, rdata: EMPTY }),
  prerequisite('3.2.5', 'NXRRSET', { class: CLASS.ANY, type: TYPE.AXFR, rdata: EMPTY }),
  prerequisite('3.2.5', 'NOERROR', { class: CLASS.NONE, type: TYPE.MAILB, rdata: EMPTY }),
  prerequisite('3.2.5', 'NXRRSET', { class: CLASS.ANY, type: 65280, rdata: EMPTY }),
  raw('3.2.3', 'NXRRSET', (zone) => ({ answers: [3, 4, 3].map((n) => recordOf(`www 0 A 192.0.2.${n}`, zone)) }), [
    'NOERROR',
    'RFC 2181 5: a record that is given twice is in its set once',
  ]),

  // 2.5, 3.4.1: the form of operations.
  operation('3.4.1', 'NOTZONE', { name: nameOf('new.elsewhere.') }),
  operation('3.4.1', 'NOTZONE', { name: nameOf('new.elsewhere.'), type: TYPE.ANY, rdata: EMPTY }), // before its form
  operation('3.4.1', 'FORMERR', { type: TYPE.ANY, rdata: EMPTY }),
  operation('3.4.1', 'FORMERR', { type: TYPE.AXFR, rdata: EMPTY }),
  operation('3.4.1', 'FORMERR', { type: TYPE.MAILA, rdata: EMPTY }),
  operation('3.4.1', 'FORMERR', { type: TYPE.TKEY, rdata: EMPTY }),
  operation('3.4.1', 'FORMERR', { class: CLASS.ANY, rdata: EMPTY }), // with a TTL
  operation('3.4.1', 'FORMERR', { class: CLASS.ANY, ttl: 0 }), // with data
  operation('3.4.1', 'FORMERR', { class: CLASS.ANY, ttl: 0, type: TYPE.AXFR, rdata: EMPTY }),
  operation('3.4.1', 'FORMERR', { class: CLASS.NONE }), // with a TTL
  operation('3.4.1', 'FORMERR', { class: CLASS.NONE, ttl: 0, type: TYPE.ANY, rdata: EMPTY }),
  operation('3.4.1', 'FORMERR', { class: CLASS.NONE, ttl: 0, type: TYPE.MAILB, rdata: EMPTY }),
  operation('3.4.1', 'FORMERR', { class: CLASS.CH, type: 65280 }),
  raw('3.4.1', 'FORMERR', (zone) => ({
    // Nothing of a message is done when one of its records is wrong.
    authorities: [recordOf('first 60 A 192.0.2.1', zone), { ...bare(www(zone), TYPE.A, CLASS.ANY), ttl: 1 }],
  })),

  operation('3.4.1', 'FORMERR', { type: 0, rdata: EMPTY }),
  operation('3.4.1', 'FORMERR', { type: 128, rdata: EMPTY }),
  operation('3.4.1', 'FORMERR', { type: TYPE.OPT, rdata: EMPTY }),
  operation('3.4.1', 'FORMERR', { rdata: Uint8Array.of(192, 0, 2) }),

  // 3.4.2.2: additions.
  operation('3.4.2.2', 'NOERROR', { ttl: 2 ** 31 }, [
    'NOERROR',
    'RFC 2181 8: it means zero; BIND serves it as it came',
  ]),
  operation('3.4.2.2', 'NOERROR', { ttl: 2 ** 31 - 1 }),
  operation('3.4.2.2', 'NOERROR', { ttl: 0 }),
  operation('3.4.2.2', 'NOERROR', { type: 65535, rdata: Uint8Array.of(1) }),
  of('3.4.2.2', 'NOERROR', 'add www.Z 300 A 192.0.2.9'),
  of('3.4.2.2', 'NOERROR', 'add www.Z 300 A 192.0.2.3'), // already there
  of('3.4.2.2', 'NOERROR', 'add WWW.Z 60 A 192.0.2.3'), // with another TTL, which becomes that of the set
  of('3.4.2.2', 'NOERROR', 'add www.Z 60 A 192.0.2.9'),
  of('3.4.2.2', 'NOERROR', 'add x.y.z.Z 60 TXT deep'),
  of('3.4.2.2', 'NOERROR', 'add new.Z 60 TYPE65280 \\# 2 abcd'),
  of('3.4.2.2', 'NOERROR', 'add new.Z 60 TYPE65280 \\# 0'),
  of('3.4.2.2', 'NOERROR', 'add www.Z 60 CNAME ns.Z'), // beside other data: left out
  of('3.4.2.2', 'NOERROR', 'add alias.Z 60 A 192.0.2.9'),
  of('3.4.2.2', 'NOERROR', 'add alias.Z 60 A 192.0.2.9', 'add other.Z 60 A 192.0.2.9'),
  of('3.4.2.2', 'NOERROR', 'add alias.Z 60 CNAME ns.Z'), // replaces
  of('3.4.2.2', 'NOERROR', 'add new.Z 60 CNAME ns.Z', 'add new.Z 60 CNAME www.Z'),
  of('3.4.2.2', 'NOERROR', 'add Z 60 CNAME ns.Z'),
  of('3.4.2.2', 'NOERROR', 'add srv.Z 300 TYPE11 \\# 6 c00002070640'), // WKS: replaces that of its address and protocol
  of('3.4.2.2', 'NOERROR', 'add srv.Z 300 TYPE11 \\# 6 c00002071140'), // another protocol
  of('3.4.2.2', 'NOERROR', 'add Z 300 SOA ns.Z hostmaster.Z 200 3600 600 86400 300'),
  of('3.4.2.2', 'NOERROR', 'add Z 300 SOA ns.Z hostmaster.Z 200 1800 600 86400 60', CHANGE),
  of('3.4.2.2', 'NOERROR', 'add Z 300 SOA ns.Z hostmaster.Z 100 1800 600 86400 300'), // not newer: left out
  of('3.4.2.2', 'NOERROR', 'add Z 300 SOA ns.Z hostmaster.Z 99 1800 600 86400 300', CHANGE),
  of('3.4.2.2', 'NOERROR', 'add Z 300 SOA ns.Z hostmaster.Z 4294967295 1800 600 86400 300'),
  of('3.4.2.2', 'NOERROR', 'add new.Z 300 SOA ns.Z hostmaster.Z 200 1800 600 86400 300'), // not at the apex

  // 3.4.2.3: deletion of sets.
  of('3.4.2.3', 'NOERROR', 'del www.Z A'),
  of('3.4.2.3', 'NOERROR', 'del www.Z'),
  of('3.4.2.3', 'NOERROR', 'del nothing.Z', 'del nothing.Z A', 'del a.Z'),
  of('3.4.2.3', 'NOERROR', 'del Z'), // all but SOA and NS
  of('3.4.2.3', 'NOERROR', 'del Z NS'),
  of('3.4.2.3', 'NOERROR', 'del Z SOA'),
  of('3.4.2.3', 'NOERROR', 'del Z TXT'),
  of('3.4.2.3', 'NOERROR', 'del sub.Z NS', 'del ns.sub.Z'),
  of('3.4.2.3', 'NOERROR', 'del *.Z'),

  // 3.4.2.4: deletion of records.
  of('3.4.2.4', 'NOERROR', 'del www.Z A 192.0.2.3'),
  of('3.4.2.4', 'NOERROR', 'del www.Z A 192.0.2.9'),
  of('3.4.2.4', 'NOERROR', 'del www.Z A 192.0.2.3', 'del www.Z A 192.0.2.4', 'del www.Z TXT t'),
  of('3.4.2.4', 'NOERROR', 'del Alias.Z CNAME WWW.Z'),
  of('3.4.2.4', 'NOERROR', 'del Z NS ns2.Z'),
  of('3.4.2.4', 'NOERROR', 'del Z NS ns2.Z', 'del Z NS ns.Z'), // the last one stays
  of('3.4.2.4', 'NOERROR', 'del Z NS ns.Z', 'add Z 300 NS ns.Z', 'del Z NS ns2.Z'),
  of('3.4.2.4', 'NOERROR', 'del Z SOA ns.Z hostmaster.Z 100 3600 600 86400 300'),
  operation('3.4.2.4', 'NOERROR', { class: CLASS.NONE, ttl: 0, type: 65280, rdata: EMPTY }),

  // 3.4.2: order, and all or nothing.
  of('3.4.2', 'NOERROR', 'del www.Z', 'add www.Z 30 A 192.0.2.9'),
  of('3.4.2', 'NOERROR', 'add www.Z 30 A 192.0.2.9', 'del www.Z'),
  of('3.4.2', 'NOERROR', 'add new.Z 60 A 192.0.2.9', 'del new.Z'), // nothing in the end
  of('3.4.2', 'NOERROR', 'del www.Z', 'add www.Z 60 CNAME ns.Z'),
  of('3.4.2', 'NOERROR', 'del alias.Z CNAME', 'add alias.Z 60 A 192.0.2.9'),
  of('3.4.2', 'NOERROR', 'del b.a.Z', 'add a.Z 60 A 192.0.2.9'),

  // What would make a zone wrong.
  of('6672 2.4', 'NOERROR', 'add old.Z 300 DNAME ns.Z'), // replaces
  of('6672 2.4', 'NOERROR', 'add below.old.Z 300 A 192.0.2.9'),
  of('1034', 'REFUSED', 'add Z 300 NS nothing.Z'),
  of('1034', 'REFUSED', 'del ns2.Z'),
  of('1034', 'NOERROR', 'add Z 300 NS ns3.Z', 'add ns3.Z 300 A 192.0.2.9'),
  { ...of('1034', 'NOERROR', 'add kid.Z 300 NS ns.kid.Z'), ours: NO_GLUE },
  { ...of('1034', 'NOERROR', 'del ns.sub.Z'), ours: NO_GLUE },
  {
    ...of('1034', 'REFUSED', 'add www.Z 300 MX 10 nothing.Z'),
    ours: ['NOERROR', 'RFC 2136 asks for no such check; `zonewright check` warns'],
  },

  // RFC 3007 and what BIND makes of it: records that only signing makes.
  operation('3007', 'REFUSED', { type: 47, rdata: Uint8Array.of(0, 0, 1, 0x40) }), // NSEC
  operation('3007', 'REFUSED', { type: 47, rdata: EMPTY, class: CLASS.ANY, ttl: 0 }),
  operation('3007', 'SERVFAIL', { type: 50, rdata: NSEC3 }, ['REFUSED', 'as for NSEC']),
  operation('3007', 'SERVFAIL', { type: 50, rdata: EMPTY, class: CLASS.ANY, ttl: 0 }, ['REFUSED', 'as for NSEC']),
  operation('3007', 'REFUSED', { type: 46, rdata: EMPTY, class: CLASS.ANY, ttl: 0 }), // RRSIG
  of('3007', 'NOERROR', 'add sub.Z 300 DS 1 8 2 0123456789012345678901234567890123456789012345678901234567890123'),
];

test.serial('the same updates have the same RCODE and leave the same zone as with BIND', async (t) => {
  const admin = secrecy.newKey('admin._update');
  const another = secrecy.newKey('another._transfer');
  const keys = { nobody: undefined, another };
  const named = rows.map((_, i) => `r${i}.example`);
  const repository = await makeRepository(t, {
    _keys: keyLine(admin) + keyLine(another),
    ...Object.fromEntries(named.map((name) => [name, ZONE])),
  });
  const port = await freePort(OURS, BIND);
  await startScene(t, secrecy, 'primary', ['--remote', repository.path, '--axfr'], { address: OURS, port });
  const allowUpdate = ['key "admin._update"'];
  await startNamed(t, {
    port,
    keys: [admin, another],
    zones: named.map((name) => ({ name, text: ZONE, allowUpdate })),
  });
  const surprises: string[] = [];
  for (const [i, row] of rows.entries()) {
    const zone = named[i]!;
    const say = (what: string): void => {
      const asked = row.commands?.join('; ') ?? JSON.stringify(row.message?.(nameOf('Z.')));
      surprises.push(`${row.section} ${zone}: ${what}: ${asked}`);
    };
    const key = row.signer === undefined ? admin : keys[row.signer];
    const [ours, binds] = await Promise.all([OURS, BIND].map((server) => send(t, row, zone, server, port, key)));
    if (binds !== row.rcode) say(`${binds} of BIND`);
    if (ours !== (row.ours?.[0] ?? row.rcode)) say(`${ours} of ours`);
    if (row.ours !== undefined) continue;
    const [mine, theirs] = await Promise.all([OURS, BIND].map((server) => content(server, port, zone)));
    const only = onlyIn(mine!, theirs!).map((line) => `- ${line}`);
    if (mine!.length === 0) say('no transfer');
    for (const line of [...only, ...onlyIn(theirs!, mine!).map((of) => `+ ${of}`)]) say(line);
  }
  t.deepEqual(surprises, []);
  t.true(rows.length > 60);
});

const onlyIn = (some: readonly string[], others: readonly string[]): string[] => {
  const known = new Set(others);
  return some.filter((record) => !known.has(record));
};

/** Sends one update and gives its RCODE. */
const send = async (
  t: ExecutionContext<unknown>,
  row: Row,
  zone: string,
  server: string,
  port: number,
  key: KeyText | undefined,
): Promise<string> => {
  if (row.commands !== undefined) {
    const commands = [`zone ${zone}`, ...row.commands.map((line) => line.replaceAll(/\bZ\b/g, zone))];
    const { code, text } = await nsupdate({ server, port, owner: t, commands, ...(key === undefined ? {} : { key }) });
    return /update failed: (\w+)/.exec(text)?.[1] ?? (code === 0 ? 'NOERROR' : text);
  }
  const origin = nameOf(`${zone}.`);
  const message = encodeMessage({
    ...emptyMessage(4711, OPCODE.UPDATE),
    questions: [{ name: origin, type: TYPE.SOA, class: CLASS.IN }],
    ...row.message!(origin),
  });
  const now = Math.floor(Date.now() / 1000);
  const octets = key === undefined ? message : sign(message, given(parseTsigKey(key)), { now }).octets;
  const reply = await exchangeDatagram(server, port, octets);
  return reply === undefined ? 'NO REPLY' : printRcode(given(decodeMessage(reply)).rcode);
};

/** A zone as it is transferred: sorted, the SOA once; owners in lower case (RFC 4343: BIND takes over that of the update). */
const content = async (server: string, port: number, zone: string): Promise<readonly string[]> => {
  const { answer } = await dig({ server, port, args: [zone, 'AXFR'] });
  return [...new Set(answer.map(({ name, ttl, type, data }) => `${name.toLowerCase()} ${ttl} ${type} ${data}`))].sort();
};
