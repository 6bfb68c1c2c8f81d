/** Whom a change is announced to, and when an announcement is done. */
import { KeyTable, parseKey } from '@zonewright/common/authority/key';
import { Announcements, NOTIFY_WAITS, notifyTargets } from '@zonewright/common/authority/notify';
import { ZoneTable } from '@zonewright/common/authority/zones';
import test from 'ava';
import { given, nameOf, zoneOf } from '../support/records.ts';

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

test('an acknowledgement ends its own announcement, not the one that has replaced it meanwhile', (t) => {
  const announcements = new Announcements();
  const zone = nameOf('example.');
  announcements.announce(zone, '192.0.2.2', 0);
  const [first] = announcements.due(0, 10);
  announcements.announce(zone, '192.0.2.2', 5);
  announcements.acknowledged(first!);
  t.is(announcements.nextAt, 5, 'the newer serial is still to be announced');
  const [second] = announcements.due(5, 10);
  announcements.acknowledged(second!);
  t.is(announcements.nextAt, undefined);
});

test('an announcement is sent again after each wait, and given up after the last', (t) => {
  const announcements = new Announcements();
  announcements.announce(nameOf('example.'), '192.0.2.2', 0);
  let now = 0;
  for (const [attempt, wait] of [...NOTIFY_WAITS, 0].entries()) {
    t.is(announcements.nextAt, now);
    t.deepEqual(announcements.due(now - 1, 10), []);
    t.deepEqual(
      announcements.due(now, 10).map((each) => each.attempt),
      [attempt],
    );
    t.deepEqual(announcements.due(now, 10), [], 'it waits');
    now += wait;
  }
  t.is(announcements.nextAt, undefined);
});

test('thirty thousand announcements are told one by one without a search among all of them', (t) => {
  const announcements = new Announcements();
  const zones = Array.from({ length: 30_000 }, (_, i) => nameOf(`z${i}.example.`));
  const started = process.cpuUsage();
  let wrong = 0;
  for (const [i, zone] of zones.entries()) {
    announcements.announce(zone, '192.0.2.2', i);
    if (announcements.nextAt !== 0) wrong++;
  }
  for (const zone of zones) {
    const [due] = announcements.due(zones.length, 1);
    if (due?.zone !== zone) wrong++;
    announcements.acknowledged(due!);
  }
  const { user } = process.cpuUsage(started);
  t.is(wrong, 0);
  t.is(announcements.nextAt, undefined);
  t.true(user < 3_000_000, `${user / 1000} ms`);
});
