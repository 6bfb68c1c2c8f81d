/** LOC by the examples of RFC 1876. */
import { Reader } from '@zonewright/common/octets';
import { printRdata, rdataFault } from '@zonewright/common/rr/rdata';
import { TYPE } from '@zonewright/common/rr/type';
import test from 'ava';
import { faultOf } from '../support/rdata.ts';
import { hexOf, octetsOf, rdataOf } from '../support/records.ts';

test('LOC follows the examples of RFC 1876', (t) => {
  const angle = (degrees: number, minutes: number, seconds: number): number =>
    (degrees * 3600 + minutes * 60 + seconds) * 1000;
  const read = (text: string): readonly number[] => {
    const reader = new Reader(rdataOf('LOC', text));
    return [reader.u32(), reader.u32() - 2 ** 31, reader.u32() - 2 ** 31, reader.u32() - 1e7];
  };
  t.deepEqual(read('42 21 54 N 71 06 18 W -24m 30m'), [0x00331613, angle(42, 21, 54), -angle(71, 6, 18), -2400]);
  t.deepEqual(read('42 21 43.952 N 71 5 6.344 W -24m 1m 200m'), [
    0x00122413,
    152_503_952,
    -angle(71, 5, 6) - 344,
    -2400,
  ]);
  t.deepEqual(read('52 14 05 N 00 08 50 E 10m'), [0x00121613, angle(52, 14, 5), angle(0, 8, 50), 1000]);
  t.deepEqual(read('32 7 19 S 116 2 25 E 10m'), [0x00121613, -angle(32, 7, 19), angle(116, 2, 25), 1000]);
  t.deepEqual(read('42 21 28.764 N 71 00 51.617 W -44m 2000m'), [0x00251613, 152_488_764, -255_651_617, -4400]);
  t.deepEqual(read('90 s 180 w -100000.00 0 0.01m 90000000.00m'), [
    0x00001099,
    -angle(90, 0, 0),
    -angle(180, 0, 0),
    -1e7,
  ]);
});

test('LOC out of range is refused', (t) => {
  for (const bad of [
    '90 0 0.001 N 0 E 0m',
    '0 N 180 0 1 E 0m',
    '0 60 N 0 E 0m',
    '0 0 60 N 0 E 0m',
    '0 N 0 E',
    '0 N 0 E -100000.01m',
    '0 N 0 E 42849672.96m',
    '0 N 0 E 0 90000001m',
    '0 N 0 E 0 -1m',
    '0 N 0 E 0 1 1 1 1',
    '0 E 0 N 0',
    'N 0 E 0',
    '',
    '1.5 N 0 E 0',
    '0 0 0.0001 N 0 E 0',
  ]) {
    t.notRegex(faultOf('LOC', bad), /^read as/, bad);
  }
  for (const wire of ['00a0', '001a']) {
    const rdata = rdataOf('LOC', '0 N 0 E 0');
    rdata.set(octetsOf(wire));
    t.truthy(rdataFault(TYPE.LOC, rdata), wire);
  }
});

test('LOC that is legal and cannot be written is printed by RFC 3597 and read again', (t) => {
  const zero = hexOf(rdataOf('LOC', '0 N 0 E 0'));
  for (const wire of [`0005${zero.slice(4)}`, '01', '07ffffff']) {
    const text = `\\# ${wire.length / 2} ${wire}`;
    t.is(rdataFault(TYPE.LOC, octetsOf(wire)), undefined);
    t.is(printRdata(TYPE.LOC, octetsOf(wire)), text);
    t.is(hexOf(rdataOf('LOC', text)), wire);
  }
});
