/**
 * Proofs that something is not there, and what they are found with: canonical order, hashed names.
 */

import { createHash } from 'node:crypto';
import type { Name } from '@zonewright/common/name';
import { hashName, readNsec3Parameters, writeBase32hex } from '@zonewright/common/zone/nsec3';
import { compareNames } from '@zonewright/common/zone/order';
import { paddedOctets, sha1 } from '@zonewright/common/zone/sha1';
import test from 'ava';
import { nameOf, octetsOf } from '../support/records.ts';

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
