/** Replies to IXFR that are kept for the next who asks the same: which, and how many. */
import { ixfrBody } from '@zonewright/common/authority/ixfr-body';
import { CLASS } from '@zonewright/common/rr/class';
import { TYPE } from '@zonewright/common/rr/type';
import { diffZones } from '@zonewright/common/zone/delta';
import { History } from '@zonewright/common/zone/history';
import test from 'ava';
import { nameOf, zoneOf } from '../support/records.ts';

const questionFor = (name: string) => ({ name: nameOf(name), type: TYPE.IXFR, class: CLASS.IN });

/** The newest of `count` versions, each with one record more than the one before, and what is asked for it. */
const versions = (count: number, octets: number) => {
  const lines = ['@ 60 NS ns.other.'];
  const history = new History();
  const next = (serial: number) => {
    const text = Array.from({ length: octets / 100 }, () => `"${'x'.repeat(99)}"`).join(' ');
    lines.push(`t${serial} 60 TXT ${text}`);
    return zoneOf(lines.join('\n'), `@ 3600 SOA ns hostmaster ${serial} 3600 600 86400 300`);
  };
  let zone = next(1);
  for (let serial = 2; serial <= count; serial++) {
    const newer = next(serial);
    history.add(diffZones(zone, newer));
    zone = newer;
  }
  return (serial: number, name = 'example.') => ixfrBody(zone, serial, questionFor(name), history.shortest(serial)!);
};

test('a reply is made once for all who ask from the same serial', (t) => {
  const ask = versions(3, 100);
  const body = ask(1);
  t.truthy(body);
  t.is(ask(1), body);
  t.not(ask(2), body);
  t.is(ask(1), body);
});

test('a reply with the name in another spelling is made each time, and takes no place', (t) => {
  const ask = versions(3, 100);
  const body = ask(1);
  for (const name of ['Example.', 'eXample.', 'EXAMPLE.']) {
    const other = ask(1, name);
    t.is(other?.count, body?.count);
    t.not(other, ask(1, name));
  }
  t.is(ask(1), body);
});

test('replies for few serials are kept, and those that were made first go', (t) => {
  const ask = versions(8, 100);
  const bodies = [1, 2, 3, 4, 5].map((serial) => ask(serial));
  for (const serial of [2, 3, 4, 5]) t.is(ask(serial), bodies[serial - 1], `${serial}`);
  t.not(ask(1), bodies[0]);
});

test('large replies that are kept are fewer: one of the largest', (t) => {
  const ask = versions(3, 8000);
  const [large, small] = [ask(1), ask(2)];
  t.true(large!.octets.length > 16_000 && small!.octets.length > 8000);
  t.is(ask(2), small);
  t.not(ask(1), large);
});
