/** Whom a change is announced to, and when an announcement is done. */
import { KeyTable, parseKey } from '@zonewright/common/authority/key';
import { type Announcement, Announcements, NOTIFY_WAITS, notifyTargets } from '@zonewright/common/authority/notify';
import { ZoneTable } from '@zonewright/common/authority/zones';
import test from 'ava';
import { given, nameOf, zoneOf } from '../support/records.ts';
import { busyTime } from '../support/thread-time.ts';

const key = (name: string) => given(parseKey(`${name}:SHA256:AAAA`));

test('a secondary that several keys name is one target with all of them, and a name server has none', (t) => {
  const zone = zoneOf('@ 60 NS ns\n@ 60 NS b\nns 60 A 192.0.2.1\nb 60 A 192.0.2.2\nb 60 AAAA 2001:db8::2');
  const zones = new ZoneTable();
  zones.set(zone);
  const named = [
    '10.0.0.1.10.0.0.2._transfer.example',
    '10.0.0.1.10.0.0.2._transfer',
    '10.0.0.1.192.0.2.2._transfer.example',
  ];
  const others = ['10.0.0.1.10.0.0.3._transfer.other', 'x.10.0.0.1._transfer.example', 'k._update.example'];
  const targets = notifyTargets(zone, zones, new KeyTable([...named, ...others].map(key)));
  const told = targets.map(({ address, keys }) => [address, ...keys.map(({ name }) => name.toString())]);
  t.deepEqual(told, [['10.0.0.2', `${named[0]}.`, `${named[1]}.`], ['192.0.2.2', `${named[2]}.`], ['2001:db8::2']]);
});

const one = nameOf('example.');

/** What is to be sent: `ZONE TARGET ATTEMPT`. */
const print = (due: readonly Announcement[]): readonly string[] =>
  due.map(({ zone, target, attempt }) => `${zone} ${target} ${attempt}`);

test('what changes while a NOTIFY is under way is announced once, when that is acknowledged', (t) => {
  const announcements = new Announcements();
  announcements.announce(one, 'a', 0);
  const [first] = announcements.due(0);
  for (let now = 1; now < 1000; now++) announcements.announce(nameOf('EXAMPLE.'), 'a', now);
  t.is(announcements.nextAt, undefined, 'one at a time');
  t.deepEqual(announcements.due(1000), []);
  announcements.ended(first!, 'acknowledged', 1000);
  t.is(announcements.nextAt, 1000);
  const due = announcements.due(1000);
  t.deepEqual(print(due), ['example. a 0']);
  announcements.ended(due[0]!, 'acknowledged', 1001);
  t.is(announcements.nextAt, undefined);
});

test('an announcement is sent again after each wait, and given up after the last', (t) => {
  const announcements = new Announcements();
  announcements.announce(one, 'a', 0);
  let now = 0;
  for (const [attempt, wait] of [...NOTIFY_WAITS, 0].entries()) {
    t.is(announcements.nextAt, now);
    t.deepEqual(announcements.due(now - 1), []);
    const due = announcements.due(now);
    t.deepEqual(print(due), [`example. a ${attempt}`]);
    t.deepEqual(announcements.due(now + 10 ** 9), [], 'it is under way');
    announcements.ended(due[0]!, 'unanswered', now);
    now += wait;
  }
  t.is(announcements.nextAt, undefined);
});

test('a zone that changes a thousand times a second is told once a second to a target that is away', (t) => {
  const announcements = new Announcements();
  let sent = 0;
  for (let now = 0; now < 60_000; now++) {
    announcements.announce(one, 'away', now);
    for (const each of announcements.due(now)) {
      sent++;
      announcements.ended(each, 'unanswered', now);
    }
  }
  t.true(sent > 50 && sent <= 61, `${sent}`);
});

test('a target that is away for long is told of a new change at once', (t) => {
  const announcements = new Announcements();
  announcements.announce(one, 'a', 0);
  for (let now = 0; now < 1_000_000; now += 1000)
    for (const each of announcements.due(now)) announcements.ended(each, 'unanswered', now);
  t.true(announcements.nextAt! > 1_000_000);
  announcements.announce(one, 'a', 1_000_000);
  t.deepEqual(print(announcements.due(1_000_000)), ['example. a 0']);
});

test('a target that never acknowledges keeps no other waiting, and is forgotten as a whole', (t) => {
  const announcements = new Announcements();
  const zones = Array.from({ length: 1000 }, (_, i) => nameOf(`z${i}.example.`));
  for (const zone of zones) for (const target of ['away', 'there']) announcements.announce(zone, target, 0);
  const told = new Set<string>();
  let away = 0;
  for (let round = 0; round < 2 * zones.length && told.size < zones.length; round++)
    for (const each of announcements.due(0)) {
      if (each.target === 'away') away++;
      else {
        told.add(each.zone.key);
        announcements.ended(each, 'acknowledged', 0);
      }
    }
  t.is(told.size, zones.length);
  t.true(away <= 20, `${away}`);
  announcements.forget('away');
  t.is(announcements.nextAt, undefined);
});

for (const end of ['acknowledged', 'unanswered'] as const)
  test(`a sending to a target that was forgotten changes nothing for the one that came back, be it ${end}`, (t) => {
    const announcements = new Announcements();
    announcements.announce(one, 'a', 0);
    const [stale] = announcements.due(0);
    t.deepEqual(announcements.forget('a'), [one]);
    announcements.announce(one, 'a', 1);
    const [fresh] = announcements.due(1);
    announcements.announce(one, 'a', 2);
    announcements.ended(stale!, end, 3);
    t.is(announcements.nextAt, undefined, 'one of a zone at a time');
    announcements.announce(one, 'a', 3);
    t.deepEqual(announcements.due(10_000), []);
    announcements.ended(fresh!, 'acknowledged', 10_000);
    t.deepEqual(print(announcements.due(10_000)), ['example. a 0'], 'what changed meanwhile is told');
  });

test('a target that refuses what it is told of one zone is told of the others as ever, one that is silent of one at a time', (t) => {
  for (const [end, together] of [
    ['refused', 20],
    ['unanswered', 1],
  ] as const) {
    const announcements = new Announcements();
    for (let i = 0; i < 100; i++) announcements.announce(nameOf(`z${i}.example.`), 'a', 0);
    for (const each of announcements.due(0)) announcements.ended(each, end, 0);
    t.is(announcements.due(0).length, together, end);
  }
});

test('each sending counts among those that are under way until it has ended, once, be its target forgotten', (t) => {
  const announcements = new Announcements();
  const announce = (target: number): void => announcements.announce(one, `${target}`, 0);
  for (let target = 0; target < 1000; target++) announce(target);
  const first = announcements.due(0);
  for (let target = 0; target < 1000; target++) announcements.forget(`${target}`);
  for (let target = 0; target < 1000; target++) announce(target);
  t.deepEqual(announcements.due(0), [], 'there is no room');
  for (const each of [...first, ...first]) announcements.ended(each, 'unanswered', 0);
  t.is(announcements.due(0).length, first.length);
});

test('thirty thousand announcements are told one by one without a search among all of them', (t) => {
  const announcements = new Announcements();
  const zones = Array.from({ length: 30_000 }, (_, i) => nameOf(`z${i}.example.`));
  const ended = busyTime();
  let wrong = 0;
  for (const [i, zone] of zones.entries()) {
    announcements.announce(zone, 'a', i);
    if (announcements.nextAt !== 0) wrong++;
  }
  const told: string[] = [];
  for (let due = announcements.due(zones.length); due.length > 0; due = announcements.due(zones.length))
    for (const each of due) {
      told.push(each.zone.key);
      announcements.ended(each, 'acknowledged', zones.length);
    }
  const busy = ended();
  t.is(wrong, 0);
  t.deepEqual(
    told,
    zones.map(({ key: each }) => each),
  );
  t.is(announcements.nextAt, undefined);
  t.true(busy < 3000, `${busy} ms`);
});
