/** Every row of the table of types: text to wire and back by the examples of its RFC, and what its RFC forbids. */

import type { NameTraits } from '@zonewright/common/rr/field';
import { printRdata, rdataFault } from '@zonewright/common/rr/rdata';
import { parseType, printType, TYPE, typeRow } from '@zonewright/common/rr/type';
import test, { type ExecutionContext } from 'ava';
import { examples, faultOf } from '../support/rdata.ts';
import { hexOf, octetsOf, rdataOf } from '../support/records.ts';

const refuses = (t: ExecutionContext, type: string, text: string, what: RegExp): boolean =>
  t.regex(faultOf(type, text), what, text);

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
  const open = new Set(
    `APL ATMA AVC BRID CAA CDNSKEY CDS CERT CLA CSYNC DHCID DLV DNSKEY DOA DS EID HHIT HIP HTTPS IPSECKEY ISDN KEY NIMLOC NINFO NSAP
NSEC NSEC3 NXT OPENPGPKEY RESINFO RKEY RRSIG SIG SINK SMIMEA SPF SSHFP SVCB TA TLSA TXT URI WALLET WKS ZONEMD`.split(
      /\s+/,
    ),
  );
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

test('other spellings of the same RDATA are read', (t) => {
  for (const [type, other, text] of [
    ['RRSIG', 'a ED25519 1 1h 1 0 0 . AA==', 'A 15 1 3600 19700101000001 19700101000000 0 . AA=='],
    ['RRSIG', 'TYPE1 8 1 1 4294967295 21060207062815 0 . AA==', 'A 8 1 1 4294967295 4294967295 0 . AA=='],
    ['RRSIG', 'A 8 1 1 21060207062816 19691231235959 0 . AA==', 'A 8 1 1 0 4294967295 0 . AA=='],
    ['SIG', '65280 8 1 1 1 0 0 . AA==', 'TYPE65280 8 1 1 1 0 0 . AA=='],
    ['NXT', '. 54 A 1', '. A TYPE54'],
    ['NSEC', '. RRSIG A mx TYPE1 NSEC a TYPE65535 CAA', '. A MX RRSIG NSEC CAA TYPE65535'],
    ['NSEC3', '1 0 0 AABB VVVVVVVV', '1 0 0 aabb vvvvvvvv'],
    ['CERT', 'pgp 0 RSASHA256 AQ ID', '3 0 8 AQID'],
    ['WKS', '10.0.0.10 TCP telnet SMTP 21', '10.0.0.10 6 21 23 25'],
    ['WKS', '10.0.0.10 udp Domain', '10.0.0.10 17 53'],
    ['NSAP', '0X47.0005.80.005A', '0x47000580005a'],
    ['ATMA', '39.246f.00', '39246f00'],
    ['ATMA', '+1.234', '+1234'],
    ['A6', '60 2001:db8:0:1:2:3:4:5 .', '60 ::1:2:3:4:5 .'],
    ['A6', '128 ns.', '128 ns.'],
    ['APL', '1:10.0.0.0/8 2:::ffff:0:0/96', '1:10.0.0.0/8 2:::ffff:0.0.0.0/96'],
    ['DSYNC', 'type59 1 53 .', 'CDS NOTIFY 53 .'],
    ['DSYNC', 'CSYNC 2 53 .', 'CSYNC 2 53 .'],
    ['DNSKEY', '256 3 ecdsap256sha256 A A I D', '256 3 13 AAID'],
    ['HIP', '2 20FF AA== rvs', '2 20ff AA== rvs.'],
    ['NID', '1 0:a:B:1234', '1 0000:000a:000b:1234'],
    ['EUI48', '00-00-5E-00-53-2A', '00-00-5e-00-53-2a'],
    ['ZONEMD', `1 1 1 ${'00 '.repeat(12)}`, `1 1 1 ${'00'.repeat(12)}`],
    ['DOA', '0 0 0 x AQ ID', '0 0 0 "x" AQID'],
  ] as const)
    t.deepEqual(rdataOf(type, other), rdataOf(type, text), `${type} ${other}`);
});

test('text that an RFC forbids is refused', (t) => {
  refuses(t, 'RRSIG', 'NOSUCH 8 1 1 1 1 0 . AA==', /^0 .*record type/);
  for (const time of ['20030229000000', '20031301000000', '20030100000000', '20030101240000', '20030101006000'])
    refuses(t, 'RRSIG', `A 8 1 1 ${time} 1 0 . AA==`, /^4 .*YYYYMMDDHHmmSS/);
  for (const time of ['4294967296', '200303221731', '2003032217310x', '-1'])
    refuses(t, 'RRSIG', `A 8 1 1 1 ${time} 0 . AA==`, /^5 .*YYYYMMDDHHmmSS/);
  refuses(t, 'RRSIG', 'A 8 1 1 1 1 0', /^7 .*missing/);
  refuses(t, 'NSEC', '. A NOSUCH', /no record type/);
  refuses(t, 'NSEC', '. A "TYPE65536"', /no record type/);
  refuses(t, 'NXT', '. A CAA', /above 127/);
  refuses(t, 'NXT', '. A 128', /no record type/);
  refuses(t, 'NXT', '. TYPE0', /type 0/);
  for (const hash of ['-', 'vvv', 'vvvvvvvw', 'vvvvvvv=', 'v1', '']) refuses(t, 'NSEC3', `1 0 0 - ${hash}`, /hashed/);
  for (const salt of ['a', 'zz', 'ab'.repeat(256)]) refuses(t, 'NSEC3PARAM', `1 0 0 ${salt}`, /salt/);
  for (const bad of ['10.0.0.0/8', '1:10.0.0.0', '1:10.0.0.0/33', '2:::/129', '3:00/8', '1:::/8', '!!1:0.0.0.0/0'])
    refuses(t, 'APL', bad, /no address prefix/);
  refuses(t, 'IPSECKEY', '10 0 2 ns. AA==', /dot/);
  refuses(t, 'IPSECKEY', '10 1 2 ns. AA==', /IPv4/);
  refuses(t, 'IPSECKEY', '10 4 2 . AA==', /\\#/);
  refuses(t, 'IPSECKEY', '10 1 2 192.0.2.1 A', /base64/);
  refuses(t, 'AMTRELAY', '10 2 1 192.0.2.1', /0\.\.1/);
  refuses(t, 'AMTRELAY', '10 0 1 192.0.2.1 x', /more than/);
  refuses(t, 'HIP', '2 20', /public key/);
  refuses(t, 'HIP', '2 "" AA==', /tag/);
  refuses(t, 'WKS', '10.0.0.1 6 65536', /no port/);
  refuses(t, 'WKS', '10.0.0.1 chaos', /protocol/);
  refuses(t, 'NSAP', '4700', /0x/);
  refuses(t, 'NSAP', '0x', /hexadecimal/);
  refuses(t, 'ATMA', '+12a', /telephone/);
  refuses(t, 'A6', '129 :: .', /0\.\.128/);
  refuses(t, 'A6', '0 :: ns.', /behind a whole address/);
  refuses(t, 'A6', '64 ::1', /no name/);
  refuses(t, 'NID', '1 1:2:3', /four groups/);
  refuses(t, 'NID', '1 1::2:3', /four groups/);
  refuses(t, 'EUI48', '00005e00532a', /EUI-48/);
  refuses(t, 'EUI64', '00-00-5e-00-53-2a', /EUI-64/);
  refuses(t, 'IPN', '18446744073709551616', /number/);
  refuses(t, 'ZONEMD', `1 1 1 ${'00'.repeat(11)}`, /12 octets/);
  refuses(t, 'URI', '1 1 ""', /empty/);
  refuses(t, 'ISDN', '1 2 3', /more than/);
  refuses(t, 'SOA', 'a. b. 1h 1 1 1 1', /^2 /);
  refuses(t, 'DOA', '0 0 0 ""', /base64/);
  refuses(t, 'NULL', 'x', /\\#/);
  refuses(t, 'UID', '0', /\\#/);
});

test('wire form that an RFC forbids is refused', (t) => {
  for (const [type, wire] of [
    ['NSEC', '00 00'],
    ['NSEC', '00 0000'],
    ['NSEC', '00 000100'],
    ['NSEC', '00 00024000'],
    ['NSEC', '00 00014000 0140'],
    ['NSEC', '00 000140 000140'],
    ['NSEC', '00 010140 000140'],
    ['NSEC', `00 0021 ${'00'.repeat(32)}01`],
    ['CSYNC', '00000001 0000 000240'],
    ['NXT', '00 4000'],
    ['NXT', `00 ${'00'.repeat(16)}01`],
    ['NSEC3', '01 00 0000 00 00'],
    ['NSEC3', '01 00 0000 02 00'],
    ['APL', '0001 21 00'],
    ['APL', '0002 81 00'],
    ['APL', '0001 08 05 0a00000001'],
    ['APL', '0001 08 02 0a00'],
    ['APL', '0001 08 02 0a'],
    ['A6', '81'],
    ['A6', '80'],
    ['A6', '00 20010db8000000000000000000000001 00'],
    ['A6', 'ff 00'],
    ['AMTRELAY', '0a00 00'],
    ['AMTRELAY', '0a01 000000'],
    ['IPSECKEY', '0a0300 0161'],
    ['HIP', '01 00 0001 00'],
    ['ZONEMD', `00000001 01 01 ${'00'.repeat(11)}`],
    ['URI', '0000 0000'],
    ['ISDN', '00 00 00'],
  ] as const)
    t.truthy(rdataFault(parseType(type)!, octetsOf(wire)), `${type} ${wire}`);
});

test('RDATA that is legal and has no presentation form is printed by RFC 3597 and read again', (t) => {
  for (const [type, wire] of [
    ['NULL', ''],
    ['NULL', '0001ff'],
    ['UNSPEC', '00'],
    ['OPENPGPKEY', ''],
    ['APL', ''],
    ['APL', '0003 08 01 0a'],
    ['APL', '0001 08 01 0a 0003 00 00'],
    ['IPSECKEY', '0a0402 ffff'],
    ['AMTRELAY', '0a04 ffff'],
    ['AMTRELAY', '0a84'],
    ['HIP', '00 02 0001 00'],
    ['HIP', '01 02 0000 00'],
    ['WKS', '0a000001 06 0000'],
    ['NXT', '00 80ff00'],
    ['NSAP', ''],
    ['ATMA', '00'],
    ['ATMA', '01 41'],
    ['ATMA', '02 31'],
    ['A6', '01 80000000000000000000000000000001 00'],
  ] as const) {
    const octets = octetsOf(wire);
    const text = `\\# ${octets.length} ${hexOf(octets)}`.trimEnd();
    t.is(rdataFault(parseType(type)!, octets), undefined, `${type} ${wire}`);
    t.is(printRdata(parseType(type)!, octets), text);
    t.deepEqual(rdataOf(type, text), octets);
  }
});

test('the registry of types has each code and each mnemonic once, and the reader knows them all', (t) => {
  const codes = Object.values(TYPE);
  t.is(new Set(codes).size, codes.length);
  for (const [mnemonic, code] of Object.entries(TYPE)) {
    t.is(parseType(mnemonic), code);
    t.is(parseType(mnemonic.toLowerCase()), code);
    t.is(parseType(`${mnemonic.slice(0, 1).toLowerCase()}${mnemonic.slice(1)}`), code);
    t.is(parseType(`TYPE${code}`), code);
    t.is(printType(code), mnemonic);
  }
});

test('names are compressed, decompressed and lower-cased where RFC 3597 and RFC 4034 6.2 say so', (t) => {
  const typesWhere = (trait: keyof NameTraits): string =>
    Object.entries(TYPE)
      .filter(([, code]) => typeRow(code)?.layout?.some((field) => field.nameTraits?.[trait] === true))
      .map(([mnemonic]) => mnemonic)
      .join(' ');
  const old = 'NS MD MF CNAME SOA MB MG MR PTR MINFO MX';
  t.is(typesWhere('isCompressed'), old);
  t.is(typesWhere('isDecompressed'), `${old} RP AFSDB RT SIG PX NXT SRV NAPTR KX DNAME`);
  t.is(typesWhere('isLowered'), `${old} RP AFSDB RT SIG PX NXT SRV NAPTR KX A6 DNAME RRSIG`);
});
