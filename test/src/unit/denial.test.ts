/**
 * Proofs that something is not there, and what they are found with: canonical order, hashed names.
 */

import { createHash } from 'node:crypto';
import { receive } from '@zonewright/common/authority/receive';
import { Responder } from '@zonewright/common/authority/responder';
import type { Name } from '@zonewright/common/name';
import { type ResourceRecord, recordKey } from '@zonewright/common/rr/record';
import { printType, TYPE } from '@zonewright/common/rr/type';
import { encodeMessage } from '@zonewright/common/wire/message';
import { MAX_ITERATIONS } from '@zonewright/common/zone/chain';
import { diffZones } from '@zonewright/common/zone/delta';
import { hashName, readNsec3Parameters, writeBase32hex } from '@zonewright/common/zone/nsec3';
import { compareNames } from '@zonewright/common/zone/order';
import { paddedOctets, sha1 } from '@zonewright/common/zone/sha1';
import { Zone } from '@zonewright/common/zone/zone';
import test from 'ava';
import { ask, authorityOf, NOW, queryOf } from '../support/answering.ts';
import { base32hex, type ChainOptions, chainZone, hashOf as hashOfName } from '../support/chained.ts';
import { proofFault } from '../support/proof.ts';
import { nameOf, octetsOf, recordsFrom, zoneOf } from '../support/records.ts';

const compare = (a: Name, b: Name): number => compareNames(a.wire, 0, a.wire.length - 1, b.wire, 0, b.wire.length - 1);

test('names stand in the order of RFC 4034 6.1', (t) => {
  const names = [
    'example',
    'a.example',
    'yljkjljk.a.example',
    'Z.a.example',
    'zABC.a.EXAMPLE',
    'z.example',
    '\\001.z.example',
    '*.z.example',
    '\\200.z.example',
  ].map((text) => nameOf(text));
  const shuffled = [...names].reverse();
  t.deepEqual(shuffled.sort(compare).map(String), names.map(String));
  t.is(compare(nameOf('ZABC.a.example'), nameOf('zabc.A.example')), 0);
});

test('SHA-1 is what node:crypto says, for all lengths up to that of a name with the longest salt', (t) => {
  const message = new Uint8Array(paddedOctets(510));
  const digest = new Uint8Array(20);
  for (let length = 0; length <= 510; length++) {
    for (let i = 0; i < message.length; i++) message[i] = (i * 31 + length) & 255;
    const expected = createHash('sha1').update(message.subarray(0, length)).digest();
    sha1(message, length, digest);
    t.deepEqual(Buffer.from(digest), expected, `${length} octets`);
  }
});

const hashOf = (name: Name, rdata: Uint8Array): string => {
  const digest = new Uint8Array(20);
  const label = new Uint8Array(32);
  const lower = name.toLowerCase().wire;
  hashName(readNsec3Parameters(rdata)!, lower, 0, lower.length, digest);
  writeBase32hex(digest, label, 0);
  return Buffer.from(label).toString('latin1');
};

test('the hashed names are those of RFC 5155 appendix A', (t) => {
  const parameters = octetsOf('01 00 000c 04 aabbccdd');
  for (const [name, hash] of [
    ['example', '0p9mhaveqvm6t7vbl5lop2u3t2rp3tom'],
    ['a.example', '35mthgpgcu1qg68fab165klnsnk3dpvl'],
    ['AI.example', 'gjeqe526plbf1g8mklp59enfd789njgi'],
    ['ns1.example', '2t7b4g4vsa5smi47k61mv5bv1a22bojr'],
    ['ns2.example', 'q04jkcevqvmu85r014c7dkba38o0ji5r'],
    ['w.example', 'k8udemvp1j2f7eg6jebps17vp3n8i58h'],
    ['*.w.example', 'r53bq7cc2uvmubfu5ocmm6pers9tk9en'],
    ['x.w.example', 'b4um86eghhds6nea196smvmlo4ors995'],
    ['y.w.example', 'ji6neoaepv8b5o6k4ev33abha8ht9fgc'],
    ['x.y.w.example', '2vptu5timamqttgl4luu9kg21e0aor3s'],
    ['xx.example', 't644ebqk9bibcna874givr6joj62mlhv'],
    ['2t7b4g4vsa5smi47k61mv5bv1a22bojr.example', 'kohar7mbb8dc2ce8a9qvl8hon4k53uhi'],
  ] as const)
    t.is(hashOf(nameOf(name), parameters), hash, name);
});

test('parameters without salt or further rounds are taken, and such that are cut short are not', (t) => {
  const none = octetsOf('01 00 0000 00');
  t.deepEqual(readNsec3Parameters(none), { algorithm: 1, iterations: 0, salt: new Uint8Array(0) });
  const expected = createHash('sha1').update(octetsOf('00')).digest();
  const digest = new Uint8Array(20);
  hashName(readNsec3Parameters(none)!, octetsOf('00'), 0, 1, digest);
  t.deepEqual(Buffer.from(digest), expected);
  t.is(readNsec3Parameters(octetsOf('01 00 0000')), undefined);
  t.is(readNsec3Parameters(octetsOf('01 00 0000 02 ab')), undefined);
});

/** A zone with what proofs are about; its name servers are elsewhere, so that no addresses come along. */
const plain = Zone.fromRecords(
  nameOf('example.'),
  recordsFrom(
    [
      'example. 3600 SOA ns.elsewhere. h.example. 1 3600 600 86400 300',
      'example. 3600 NS ns.elsewhere.',
      'b.ent.example. 60 A 192.0.2.1',
      'Host.example. 60 A 192.0.2.2',
      'mx.example. 60 MX 1 host.example.',
      'alias.example. 60 CNAME host.example.',
      'lost.example. 60 CNAME nowhere.example.',
      'd.example. 60 DNAME w.example.',
      '*.w.example. 60 A 192.0.2.3',
      'x.w.example. 60 A 192.0.2.4',
      'under.*.odd.example. 60 A 192.0.2.5',
      'open.example. 60 NS ns.elsewhere.',
      'glue.open.example. 60 A 192.0.2.6',
      'deep.open-ent.example. 60 NS ns.elsewhere.',
      'trusted.example. 60 NS ns.elsewhere.',
      'trusted.example. 60 DS 1 13 2 00ff',
    ].join('\n'),
  ),
)!;
const hash = { iterations: 1, salt: Uint8Array.of(0xab), isOptOut: false };
const withNsec = new Responder(authorityOf(chainZone(plain, {})));
const withNsec3 = new Responder(authorityOf(chainZone(plain, { hash })));
const withOptOut = new Responder(authorityOf(chainZone(plain, { hash: { ...hash, isOptOut: true } })));

/** The names that NSEC3 records stand for, by their labels. */
const unhashed = new Map(
  [
    '',
    'ent.',
    'b.ent.',
    'host.',
    'mx.',
    'alias.',
    'lost.',
    'd.',
    'w.',
    '*.w.',
    'x.w.',
    'odd.',
    '*.odd.',
    'under.*.odd.',
    'open.',
    'open-ent.',
    'deep.open-ent.',
    'trusted.',
  ]
    .map((text) => `${text}example.`)
    .map((text) => [base32hex(hashOfName(nameOf(text), hash)), text]),
);

/** A section: for each set its name and type, with `+` where its signatures follow. Names of NSEC3 are those that were hashed. */
function shown(records: readonly ResourceRecord[]): string[] {
  const sets: string[] = [];
  for (const { name, type, rdata } of records) {
    const covered = type === TYPE.RRSIG ? (rdata[0]! << 8) | rdata[1]! : type;
    const label = Buffer.from(name.labels[0] ?? []).toString('latin1');
    const line = `${unhashed.get(label) ?? name} ${printType(covered)}`;
    if (type !== TYPE.RRSIG) sets.push(line);
    else if (sets.at(-1) === line) sets.push(`${sets.pop()}+`);
    else sets.push(`${line} alone`);
  }
  return sets;
}

const authority = (responder: Responder, question: string): readonly string[] =>
  shown(ask(responder, question, { dnssecOk: true }).authorities);

const SOA = 'example. SOA+';

test('signatures come with each set that is signed, for those who set DO', (t) => {
  const reply = ask(withNsec, 'mx.example MX', { dnssecOk: true });
  t.deepEqual(shown(reply.answers), ['mx.example. MX+']);
  t.deepEqual(shown(reply.additionals), ['Host.example. A+']);
  t.deepEqual(shown(ask(withNsec, 'alias.example A', { dnssecOk: true }).answers), [
    'alias.example. CNAME+',
    'host.example. A+',
  ]);
  for (const responder of [withNsec, withNsec3]) {
    for (const question of [
      'mx.example MX',
      'nowhere.example A',
      'x.y.w.example A',
      'open.example A',
      'mx.example A',
    ]) {
      for (const size of [undefined, 1232]) {
        const { answers, authorities, additionals } = ask(responder, question, size === undefined ? {} : { size });
        const types = [...answers, ...authorities, ...additionals].map(({ type }) => type);
        t.false(
          types.some((type) => [TYPE.RRSIG, TYPE.NSEC, TYPE.NSEC3].includes(type)),
          question,
        );
      }
    }
  }
});

test('what is asked for by its type is answered without DO too', (t) => {
  t.deepEqual(shown(ask(withNsec, 'host.example NSEC').answers), ['host.example. NSEC']);
  t.deepEqual(shown(ask(withNsec, 'host.example NSEC', { dnssecOk: true }).answers), ['host.example. NSEC+']);
  t.deepEqual(shown(ask(withNsec, 'host.example RRSIG').answers), [
    'host.example. A alone',
    'host.example. NSEC alone',
  ]);
  t.deepEqual(
    ask(withNsec3, 'example NSEC3PARAM').answers.map(({ type }) => type),
    [TYPE.NSEC3PARAM],
  );
});

test('ANY over UDP is answered with one set, which has its signatures with DO', (t) => {
  t.deepEqual(shown(ask(withNsec, 'mx.example ANY', { transport: 'udp' }).answers), ['mx.example. MX']);
  t.deepEqual(shown(ask(withNsec, 'mx.example ANY', { transport: 'udp', dnssecOk: true }).answers), [
    'mx.example. MX+',
  ]);
});

test('AD is never set, whoever asks for it', (t) => {
  for (const question of ['host.example A', 'nowhere.example A']) {
    const query = queryOf(question, { dnssecOk: true });
    query[3] = query[3]! | 0x30;
    const outcome = receive(withNsec, query, 'udp', NOW);
    t.is(outcome.kind === 'reply' ? outcome.octets[3]! & 0x30 : undefined, 0x10);
  }
});

test('a CNAME made from a DNAME has no signature, the DNAME has', (t) => {
  const reply = ask(withNsec, 'x.d.example A', { dnssecOk: true });
  t.deepEqual(shown(reply.answers), ['d.example. DNAME+', 'x.d.example. CNAME', 'x.w.example. A+']);
  t.deepEqual(shown(reply.authorities), []);
});

test('the signature of an SOA has the TTL of negative answers as the SOA has', (t) => {
  const { authorities } = ask(withNsec, 'nowhere.example A', { dnssecOk: true });
  t.deepEqual(new Set(authorities.map(({ ttl }) => ttl)), new Set([300]));
});

test('RFC 4035 3.1.3.1: NODATA is proved by the NSEC of the name, or of that before an empty non-terminal', (t) => {
  t.deepEqual(authority(withNsec, 'host.example TXT'), [SOA, 'Host.example. NSEC+']);
  t.deepEqual(authority(withNsec, 'ent.example A'), [SOA, 'd.example. NSEC+']);
  t.deepEqual(authority(withNsec, 'example A'), [SOA, 'example. NSEC+']);
});

test('RFC 4035 3.1.3.2: NXDOMAIN is proved by the gap of the name and that of the wildcard, once if it is one', (t) => {
  t.deepEqual(authority(withNsec, 'nowhere.example A'), [SOA, 'mx.example. NSEC+', 'example. NSEC+']);
  t.deepEqual(authority(withNsec, '!.example A'), [SOA, 'example. NSEC+']);
  t.deepEqual(authority(withNsec, 'a.b.c.host.example A'), [SOA, 'Host.example. NSEC+']);
  t.deepEqual(authority(withNsec, 'zzz.example A'), [SOA, 'x.w.example. NSEC+', 'example. NSEC+']);
});

test('RFC 4035 3.1.3.3: an answer from a wildcard is proved by the gap of the name', (t) => {
  t.deepEqual(authority(withNsec, 'a.b.w.example A'), ['*.w.example. NSEC+']);
  t.deepEqual(authority(withNsec, 'y.w.example A'), ['x.w.example. NSEC+']);
  t.deepEqual(authority(withNsec, '*.w.example A'), []);
  t.deepEqual(authority(withNsec, 'y.d.example A'), ['x.w.example. NSEC+']);
});

test('RFC 4035 3.1.3.4: NODATA at a wildcard is proved by the gap of the name and the NSEC of the wildcard', (t) => {
  t.deepEqual(authority(withNsec, 'y.w.example TXT'), [SOA, 'x.w.example. NSEC+', '*.w.example. NSEC+']);
  t.deepEqual(authority(withNsec, 'a.w.example TXT'), [SOA, '*.w.example. NSEC+']);
  // The wildcard is an empty non-terminal: the gap that it lies in is also needed.
  t.deepEqual(authority(withNsec, 'y.odd.example A'), [SOA, 'under.*.odd.example. NSEC+', 'mx.example. NSEC+']);
});

test('RFC 4035 3.1.4: a delegation comes with its DS, or with the NSEC that shows that there is none', (t) => {
  t.deepEqual(authority(withNsec, 'www.trusted.example A'), ['trusted.example. NS', 'trusted.example. DS+']);
  t.deepEqual(authority(withNsec, 'www.open.example A'), ['open.example. NS', 'open.example. NSEC+']);
  t.deepEqual(authority(withNsec, 'open.example DS'), [SOA, 'open.example. NSEC+']);
  const reply = ask(withNsec, 'trusted.example DS', { dnssecOk: true });
  t.deepEqual([shown(reply.answers), shown(reply.authorities)], [['trusted.example. DS+'], []]);
});

test('an alias that leads to nothing has the proof of what its target is not', (t) => {
  const reply = ask(withNsec, 'lost.example A', { dnssecOk: true });
  t.is(reply.rcode, 3);
  t.deepEqual(shown(reply.answers), ['lost.example. CNAME+']);
  t.deepEqual(shown(reply.authorities), [SOA, 'mx.example. NSEC+', 'example. NSEC+']);
});

/** Which of the names that were hashed an NSEC3 record covers others by is chance: only how many there are. */
const matching = (responder: Responder, question: string): readonly [matched: string[], more: number] => {
  const asked = question.split(' ')[0]!;
  const lines = authority(responder, question).filter((line) => line.endsWith(' NSEC3+'));
  const above = lines.filter((line) => `.${asked}.`.endsWith(`.${line.split(' ')[0]}`) || line.startsWith('*.'));
  return [above.map((line) => line.split(' ')[0]!), lines.length - above.length];
};

test('RFC 5155 7.2.3: NODATA is proved by the NSEC3 of the name, also of an empty non-terminal', (t) => {
  t.deepEqual(authority(withNsec3, 'host.example TXT'), [SOA, 'host.example. NSEC3+']);
  t.deepEqual(authority(withNsec3, 'ent.example A'), [SOA, 'ent.example. NSEC3+']);
});

test('RFC 5155 7.2.2: NXDOMAIN is proved by the closest encloser, and the gaps of the next closer name and of the wildcard', (t) => {
  const [enclosers, gaps] = matching(withNsec3, 'a.b.c.ent.example A');
  t.is(enclosers[0], 'ent.example.');
  t.true(gaps + enclosers.length <= 3);
  t.is(proofFault(ask(withNsec3, 'a.b.c.ent.example A', { dnssecOk: true }), nameOf('example.')), undefined);
});

test('RFC 5155 7.2.5, 7.2.6: a wildcard is proved by the gap of the next closer name, and NODATA also by its NSEC3', (t) => {
  t.is(authority(withNsec3, 'a.b.w.example A').length, 1);
  const lines = authority(withNsec3, 'a.b.w.example TXT');
  t.is(lines[0], SOA);
  t.is(lines[1], 'w.example. NSEC3+');
  t.true(lines.includes('*.w.example. NSEC3+'));
});

test('RFC 5155 7.2.4, 7.2.7: a delegation without DS is proved by its NSEC3, or by a gap with opt-out', (t) => {
  t.deepEqual(authority(withNsec3, 'www.open.example A'), ['open.example. NS', 'open.example. NSEC3+']);
  t.deepEqual(authority(withNsec3, 'open.example DS'), [SOA, 'open.example. NSEC3+']);
  for (const question of ['www.open.example A', 'open.example DS', 'a.deep.open-ent.example A', 'open-ent.example A']) {
    const reply = ask(withOptOut, question, { dnssecOk: true });
    t.is(shown(reply.authorities)[1], 'example. NSEC3+', question);
    t.is(reply.authorities.filter(({ type }) => type === TYPE.NSEC3).length, 2, question);
    t.is(proofFault(reply, nameOf('example.')), undefined, question);
  }
});

test('RFC 5155 7.2.8: the name of an NSEC3 record does not exist', (t) => {
  const [label] = [...unhashed].find(([, name]) => name === 'host.example.')!;
  for (const type of ['A', 'NSEC3', 'RRSIG', 'ANY']) {
    const reply = ask(withNsec3, `${label}.example ${type}`, { dnssecOk: true });
    t.is(reply.rcode, 3, type);
    t.is(proofFault(reply, nameOf('example.')), undefined, type);
    t.is(ask(withNsec3, `below.${label}.example ${type}`).rcode, 3);
  }
});

test('a proof that does not fit sets TC', (t) => {
  for (const responder of [withNsec, withNsec3]) {
    const small = ask(responder, 'a.b.c.nowhere.example A', { dnssecOk: true, size: 512, transport: 'udp' });
    const large = ask(responder, 'a.b.c.nowhere.example A', { dnssecOk: true, transport: 'udp' });
    const isSmallEnough = encodeMessage(large).length <= 512;
    t.is(small.tc, !isSmallEnough);
    t.is(small.authorities.length, isSmallEnough ? large.authorities.length : 0);
  }
});

test('RFC 5155 7.4: a zone whose hash is unknown is served without proofs', (t) => {
  const signature = (type: string) => `RRSIG ${type} 8 1 60 20300101000000 20200101000000 1 example. AAAA`;
  const zone = zoneOf(`@ 60 NSEC3PARAM 2 0 0 -\n@ 60 ${signature('SOA')}\n@ 60 ${signature('NSEC3PARAM')}`);
  const reply = ask(authorityOf(zone), 'nowhere.example A', { dnssecOk: true });
  t.is(reply.rcode, 3);
  t.deepEqual(
    reply.authorities.map(({ type }) => type),
    [TYPE.SOA, 46],
  );
});

test('a zone with more rounds of hashing than an answer is worth is served without proofs', (t) => {
  for (const [iterations, expected] of [
    [MAX_ITERATIONS, 3],
    [MAX_ITERATIONS + 1, 0],
  ] as const) {
    const responder = new Responder(authorityOf(chainZone(plain, { hash: { ...hash, iterations } })));
    const reply = ask(responder, 'a.nowhere.example A', { dnssecOk: true });
    t.is(reply.rcode, 3);
    t.true(shown(reply.authorities).includes(SOA));
    t.is(reply.authorities.filter(({ type }) => type === TYPE.NSEC3).length > 0, expected > 0);
  }
});

test('the chain of a zone stays right over many versions, also when its image is copied', (t) => {
  const version = (n: number, options: ChainOptions): Zone =>
    chainZone(
      zoneOf(
        Array.from({ length: 200 }, (_, i) => `h${(i * 37 + n * 7) % 500} 60 A 192.0.2.${(i + n) % 250}`).join('\n'),
      ),
      options,
    );
  const proofs = (zone: Zone, question: string): string[] =>
    ask(authorityOf(zone), question, { dnssecOk: true }).authorities.map(recordKey).sort();
  for (const options of [{}, { hash }]) {
    let zone = version(0, options);
    const images = new Set([zone.image]);
    for (let n = 1; n < 12; n++) {
      t.truthy(zone.chain);
      const anew = version(n, options);
      const { removed, added } = diffZones(zone, anew);
      zone = zone.change({ removed, added })!;
      images.add(zone.image);
      for (let i = 0; i < 500; i += 17) {
        t.deepEqual(proofs(zone, `h${i}.example A`), proofs(anew, `h${i}.example A`));
        t.deepEqual(proofs(zone, `x.h${i}.example A`), proofs(anew, `x.h${i}.example A`));
      }
    }
    t.true(images.size > 2, `${images.size} images`);
  }
});
