/** Where the names of RDATA lie, against what walking the layout finds. */
import { Reader } from '@zonewright/common/octets';
import { rdataNames } from '@zonewright/common/rr/rdata';
import { type Shape, shapeOf } from '@zonewright/common/rr/shape';
import { parseType, TYPE } from '@zonewright/common/rr/type';
import test from 'ava';
import { rdataOf } from '../support/records.ts';

const shape = (fixed: number, names: number, traits: Partial<Shape> = {}): Shape => ({
  fixed,
  strings: 0,
  names,
  isCompressed: false,
  wantsAddress: false,
  ...traits,
});
const isCompressed = true;
const wantsAddress = true;

test('the shapes of the types with names are those of their RFCs', (t) => {
  t.deepEqual(shapeOf(TYPE.NS), shape(0, 1, { isCompressed, wantsAddress }));
  t.deepEqual(shapeOf(TYPE.CNAME), shape(0, 1, { isCompressed }));
  t.deepEqual(shapeOf(TYPE.PTR), shape(0, 1, { isCompressed }));
  t.deepEqual(shapeOf(TYPE.SOA), shape(0, 2, { isCompressed }));
  t.deepEqual(shapeOf(TYPE.MX), shape(2, 1, { isCompressed, wantsAddress }));
  t.deepEqual(shapeOf(TYPE.DNAME), shape(0, 1));
  t.deepEqual(shapeOf(TYPE.RP), shape(0, 2));
  t.deepEqual(shapeOf(TYPE.SRV), shape(6, 1, { wantsAddress }));
  t.deepEqual(shapeOf(TYPE.NAPTR), shape(4, 1, { strings: 3, wantsAddress }));
  t.deepEqual(shapeOf(TYPE.SVCB), shape(2, 1, { wantsAddress }));
  t.deepEqual(shapeOf(TYPE.HTTPS), shape(2, 1, { wantsAddress }));
  for (const type of [TYPE.KX, TYPE.AFSDB, TYPE.RT]) t.deepEqual(shapeOf(type), shape(2, 1, { wantsAddress }));
  t.deepEqual(shapeOf(TYPE.PX), shape(2, 2));
  t.deepEqual(shapeOf(TYPE.MINFO), shape(0, 2, { isCompressed }));
  t.deepEqual(shapeOf(TYPE.MB), shape(0, 1, { isCompressed, wantsAddress }));
  t.deepEqual(shapeOf(TYPE.SIG), shape(18, 1));
  t.deepEqual(shapeOf(TYPE.NXT), shape(0, 1));
});

test('types without names, with names that ask for nothing, or unknown have no shape', (t) => {
  const { A, TXT, LP, OPT, ANY, CAA, RRSIG, NSEC, NSEC3, HIP, IPSECKEY, AMTRELAY, A6, DSYNC, TALINK } = TYPE;
  const without = [A, TXT, LP, OPT, ANY, CAA, RRSIG, NSEC, NSEC3, HIP, IPSECKEY, AMTRELAY, A6, DSYNC, TALINK];
  for (const type of [0, ...without, 264, 265, 65280, 65535]) t.is(shapeOf(type), undefined, String(type));
});

test('the octets that a shape names are the names', (t) => {
  for (const [type, text] of [
    ['NS', 'ns.example.'],
    ['SOA', 'a.example. b.example. 1 2 3 4 5'],
    ['MX', '10 a.example.'],
    ['SRV', '1 2 3 a.example.'],
    ['NAPTR', '1 2 "S" "" "!a!b!" a.example.'],
    ['RP', 'a.example. b.example.'],
    ['HTTPS', '1 a.example. port=53'],
  ] as const) {
    const rdata = rdataOf(type, text);
    const { fixed, strings, names } = shapeOf(parseType(type)!)!;
    const reader = new Reader(rdata);
    reader.bytes(fixed);
    for (let i = 0; i < strings; i++) reader.string();
    const found = Array.from({ length: names }, () => String(reader.name(false)));
    t.deepEqual(
      found,
      rdataNames(parseType(type)!, rdata).map(({ name }) => String(name)),
    );
    t.is(reader.fault, undefined);
  }
});
