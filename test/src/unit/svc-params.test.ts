/** Service parameters by the test vectors and the failure cases of RFC 9460 appendix D. */
import { printRdata, rdataFault } from '@zonewright/common/rr/rdata';
import { TYPE } from '@zonewright/common/rr/type';
import test, { type ExecutionContext } from 'ava';
import { faultOf } from '../support/rdata.ts';
import { hexOf, octetsOf, rdataOf } from '../support/records.ts';
import { busyTime } from '../support/thread-time.ts';

const FOO_COM = '03666f6f076578616d706c6503636f6d00';

const refuses = (t: ExecutionContext, type: string, text: string, what: RegExp): boolean =>
  t.regex(faultOf(type, text), what, text);

test('the other spellings of RFC 9460 D.2 are read as the same octets', (t) => {
  t.deepEqual(rdataOf('SVCB', '1 . key667=hello'), rdataOf('SVCB', '1 . key667="hello"'));
  t.deepEqual(rdataOf('SVCB', '1 . key667="hello qoo"'), rdataOf('SVCB', '1 . key667=hello\\032qoo'));
  t.is(
    hexOf(rdataOf('SVCB', '1 foo.example.com. ipv6hint="2001:db8:122:344::192.0.2.33"')),
    `0001${FOO_COM}0006001020010db80122034400000000c0000221`,
  );
  t.deepEqual(
    rdataOf('SVCB', '16 foo.example.org. alpn=h2,h3-19 mandatory=ipv4hint,alpn ipv4hint=192.0.2.1'),
    rdataOf('SVCB', '16 foo.example.org. ipv4hint=192.0.2.1 mandatory=alpn,ipv4hint alpn="h2,h3-19"'),
  );
  t.deepEqual(
    rdataOf('SVCB', '16 . alpn=f\\\\\\092oo\\092,bar,h2'),
    rdataOf('SVCB', '16 . alpn="f\\\\\\\\oo\\\\,bar,h2"'),
  );
  t.deepEqual(rdataOf('SVCB', '1 . KEY3="53"'), rdataOf('SVCB', '1 . Port=53'));
});

test('the failure cases of RFC 9460 D.3 are refused', (t) => {
  refuses(t, 'SVCB', '1 foo.example.com. key123=abc key123=def', /twice/);
  for (const key of ['mandatory', 'alpn', 'port', 'ipv4hint', 'ipv6hint'])
    refuses(t, 'SVCB', `1 foo.example.com. ${key}`, /not valid/);
  refuses(t, 'SVCB', '1 foo.example.com. no-default-alpn=abc', /not valid/);
  refuses(t, 'SVCB', '1 foo.example.com. mandatory=key123', /missing/);
  refuses(t, 'SVCB', '1 foo.example.com. mandatory=mandatory', /not valid/);
  refuses(t, 'SVCB', '1 foo.example.com. mandatory=key123,key123 key123=abc', /not valid/);
});

test('service parameters with bad values are refused in text', (t) => {
  for (const bad of [
    'port=65536',
    'port=-1',
    'port=',
    'port=1x',
    'ipv4hint=1.2.3',
    'ipv4hint=1.2.3.4,',
    'ipv6hint=::g',
    'ech=A',
    'alpn=h2,,h3',
    'alpn=,',
    `alpn=${'a'.repeat(256)}`,
  ]) {
    refuses(t, 'HTTPS', `1 . ${bad}`, /not valid/);
  }
  for (const bad of ['key65535=a', 'key65536', 'key01=a', 'unheard=1', '=a', 'key', 'key-1'])
    refuses(t, 'HTTPS', `1 . ${bad}`, /no service parameter key/);
  refuses(t, 'HTTPS', '1', /missing/);
});

test('service parameters with bad values are refused in wire form', (t) => {
  for (const bad of [
    '00030002003500030002 0035',
    '0004000400000000 00030002 0035',
    '00030001 35',
    '00030003 000035',
    '00030002 00',
    '0003',
    '00040000',
    '00040003 010203',
    '0006000f 000000000000000000000000000000',
    '00010000',
    '00010001 00',
    '00010003 02 68',
    '00020001 00',
    '00000000',
    '00000001 00',
    '00000002 0000',
    '00000004 0004 0003',
    '00000002 0003',
    'ffff0000',
  ]) {
    t.truthy(rdataFault(TYPE.SVCB, octetsOf(`000100 ${bad}`)), bad);
  }
  t.is(rdataFault(TYPE.SVCB, octetsOf('000100 00000002 0003 00030002 0035')), undefined);
});

test('no-default-alpn without alpn is not written, and printed by RFC 3597 where it was received', (t) => {
  refuses(t, 'HTTPS', '1 . no-default-alpn', /without 'alpn'/);
  refuses(t, 'HTTPS', '1 . no-default-alpn port=443', /without 'alpn'/);
  const wire = octetsOf('000100 00020000');
  t.is(rdataFault(TYPE.HTTPS, wire), undefined);
  t.is(printRdata(TYPE.HTTPS, wire), '\\# 7 00010000020000');
  t.is(printRdata(TYPE.HTTPS, octetsOf('000100 00010003 026832 00020000')), '1 . alpn="h2" no-default-alpn');
});

test('as many mandatory service parameters as fit are checked at once', (t) => {
  const keys = Array.from({ length: 10_000 }, (_, i) => [(i + 100) >> 8, (i + 100) & 0xff]);
  const mandatory = [0, 0, (2 * keys.length) >> 8, (2 * keys.length) & 0xff, ...keys.flat()];
  const rdata = Uint8Array.from([0, 1, 0, ...mandatory, ...keys.flatMap((key) => [...key, 0, 0])]);
  const ended = busyTime();
  t.is(rdataFault(TYPE.SVCB, rdata), undefined);
  t.regex(rdataFault(TYPE.SVCB, rdata.subarray(0, -4)) ?? '', /mandatory/);
  t.true(ended() < 1000);
});
