/**
 * Others on the other side of a transfer: BIND, Knot, NSD and PowerDNS as secondaries of our primary, and BIND, Knot and NSD as primaries of our
 * secondary. All with two zones of more than 64 KiB with what is odd in them, one signed with SHA256 and one with SHA512. What is new is
 * told by NOTIFY (a refresh is due after an hour), and comes as differences: one, several at once, and those condensed from several. After
 * each the zones are compared record by record.
 *
 * The others listen on 127.0.0.1, so ours is at 127.0.0.2. Clients are in `transfer.test.ts`, transfers over TLS in `tls.test.ts`.
 */
import anyTest, { type ExecutionContext } from 'ava';
import { dig, type KeyText } from '../support/dig.ts';
import { FOLLOWER, type FollowerName, startFollower } from '../support/followers.ts';
import { LEADER, type LeaderName, startLeader } from '../support/leaders.ts';
import { testWith } from '../support/needs.ts';
import { BULK, bulk, ODD } from '../support/odd-zone.ts';
import { freePort } from '../support/ports.ts';
import { signalGroup } from '../support/process.ts';
import { makeRepository } from '../support/repository.ts';
import { type Scene, startScene, zoneText } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';
import { until } from '../support/until.ts';

type Test = ExecutionContext<unknown>;

const secrecy = secrecyOf(anyTest);

const OURS = '127.0.0.2';
/** One below the other: whoever follows the upper one shall not be told of the lower one where it expects a transfer. */
const ALGORITHMS = { mirage: 'SHA256', 'big.mirage': 'SHA512' } as const;

/** Secondaries, and what one loses of the zones. */
const followers: readonly (readonly [name: FollowerName, loses?: string])[] = [
  ['named'],
  ['knotd'],
  ['nsd'],
  // With LMDB a name that begins with NUL is its apex.
  ['pdns_server', '\\000'],
];

/** Primaries, and whether one answers each question for differences with the whole zone. */
const leaders: readonly (readonly [name: LeaderName, isWhole?: boolean])[] = [
  ['named'],
  ['knotd'],
  ['nsd'],
  ['named', true],
];

const keysFrom = (primary: string, secondary: string) =>
  Object.entries(ALGORITHMS).map(([zone, algorithm]) => ({
    zone,
    key: secrecy.newKey(`${primary}.${secondary}._transfer.${zone}`, algorithm),
  }));

/** A server, and the key that dig transfers from it with. */
type Served = readonly [server: string, key: KeyText];

/** Everything of a zone as dig got it by a signed transfer, sorted, the SOA once. */
const whole = async (t: Test, zone: string, port: number, [server, key]: Served): Promise<string[]> => {
  const reply = await dig({ server, port, args: [zone, 'AXFR'], key, owner: t });
  t.is(reply.status, 'NOERROR', `${zone} of ${server}: ${reply.text.slice(0, 500)}`);
  t.true(reply.isVerified);
  return [...new Set(reply.answer.map(({ name, ttl, type, data }) => `${name} ${ttl} ${type} ${data}`))].sort();
};

const onlyIn = (some: readonly string[], others: readonly string[]): string[] => {
  const known = new Set(others.map((line) => line.toLowerCase()));
  return some.filter((record) => !known.has(record.toLowerCase())).slice(0, 5);
};

const serves = async (server: string, port: number, zone: string, serial: number, what: string): Promise<void> => {
  await until(async () => (await dig({ server, port, args: [zone, 'SOA'] })).answer[0]?.data.split(' ')[2], {
    what: `${server} serves ${zone} with serial ${serial}: ${what}`,
    holds: (seen) => seen === `${serial}`,
  });
};

/** Waits until both serve a serial of a zone, and compares what they serve. */
const areLevel = async (
  t: Test,
  what: string,
  at: { readonly zone: string; readonly serial: number; readonly port: number },
  ours: Served,
  theirs: Served,
): Promise<void> => {
  for (const [server] of [theirs, ours]) await serves(server, at.port, at.zone, at.serial, what);
  const [left, right] = await Promise.all([whole(t, at.zone, at.port, ours), whole(t, at.zone, at.port, theirs)]);
  t.deepEqual(onlyIn(left, right), [], `only in ours of ${at.zone}: ${what}`);
  t.deepEqual(onlyIn(right, left), [], `only in theirs of ${at.zone}: ${what}`);
  t.true(left.length > BULK / 10, what);
};

/** The log lines of an event about a zone. */
const events = ({ service }: Scene, event: string, zone: string): readonly Readonly<Record<string, unknown>>[] =>
  service.lines
    .filter(({ text }) => text.includes(`"event":"${event}"`) && text.includes(`"zone":"${zone}."`))
    .map(({ text }) => JSON.parse(text) as Record<string, unknown>);

/** The whole zone, and whether anything is newer. */
const WHOLE = /^AXFR( IXFR)*$/;
/** The whole zone is sent once, whatever is asked for how often. */
const DIFFERENCES = /^AXFR( IXFR)+$/;
const WHOLE_AGAIN = /^AXFR( IXFR)+ AXFR( IXFR)*$/;
const NEVER_DIFFERENCES = /^AXFR( AXFR)+$/;

/** Waits until the forms of transfers, in their order, are as they should be: a line comes some time after what it is about. */
const haveForms = async (
  transfers: () => readonly Readonly<Record<string, unknown>>[],
  forms: RegExp,
  what: string,
): Promise<void> => {
  const holds = (seen: string): boolean => forms.test(seen);
  await until(
    () =>
      transfers()
        .map(({ form }) => form)
        .join(' '),
    { what: `transfers are ${forms}: ${what}`, holds },
  );
};

const COMPLAINTS =
  /BADSIG|BADKEY|tsig verify failure|malformed|bad (?:xfr|data|transfer)|not exact|failed to apply|FORMERR|unable to|transfer status: (?!success|up to date)/i;

for (const [name, loses] of followers)
  testWith(anyTest, [name, 'git', 'dig', 'nsupdate'])(
    `${name} follows our primary by NOTIFY: a zone of more than 64 KiB, differences, condensed ones, the whole zone`,
    async (t) => {
      const admin = secrecy.newKey('admin._update');
      const reader = secrecy.newKey('reader._transfer');
      const zones = keysFrom(OURS, FOLLOWER);
      const keys = [admin, reader, ...zones.map(({ key }) => key)];
      const odd = loses === undefined ? ODD : ODD.replaceAll(loses, '');
      const texts = (serial: number, more: string) =>
        Object.fromEntries(zones.map(({ zone }) => [zone, zoneText(serial, odd + more)]));
      const repository = await makeRepository(t, { _keys: keys.map(keyLine).join(''), ...texts(1, bulk(1)) });
      const port = await freePort(OURS, FOLLOWER);
      const primary = await startScene(t, secrecy, 'primary', ['--remote', repository.path], { address: OURS, port });
      const follower = await startFollower[name](t, { zones, primary: OURS, port });

      const update = async (zone: string, ...commands: readonly string[]): Promise<void> => {
        const { code, text } = await primary.update(admin, `zone ${zone}`, ...commands);
        t.is(code, 0, text);
      };
      const areAllLevel = async (what: string, forms: RegExp): Promise<void> => {
        for (const { zone, key } of zones) {
          const serial = (await primary.serial(zone))!;
          await areLevel(t, what, { zone, serial, port }, [OURS, reader], [FOLLOWER, key]);
          const sent = () => events(primary, 'transfer.out', zone).filter((it) => it.key === `${key.split(':')[0]}.`);
          await haveForms(sent, forms, `${zone}: ${what}`);
          t.true(Number(sent()[0]!.messages) > 8, `${zone} came in ${sent()[0]!.messages} messages`);
        }
      };
      await areAllLevel('AXFR', WHOLE);

      for (const { zone } of zones)
        await update(zone, `add new.${zone} 60 A 192.0.2.7`, `del host7.${zone}`, `add set.${zone} 60 A 192.0.2.4`);
      await areAllLevel('one difference', DIFFERENCES);
      for (const { zone } of zones) await primary.service.waitForEvent('notify.acknowledged', { zone: `${zone}.` });

      signalGroup(follower.pid, 'SIGSTOP');
      for (const { zone } of zones) {
        await update(zone, `add brief.${zone} 60 A 192.0.2.8`, `del host8.${zone}`);
        await update(zone, `del set.${zone} A 192.0.2.1`, `add set.${zone} 90 A 192.0.2.9`);
        await update(zone, `del brief.${zone}`, `add host8.${zone} 3600 A 10.1.0.8`);
        await update(zone, `del www.sub.${zone}`, `add new.${zone} 61 A 192.0.2.7`);
        await update(zone, `add new.${zone} 60 A 192.0.2.7`);
      }
      signalGroup(follower.pid, 'SIGCONT');
      await areAllLevel('five differences as one', DIFFERENCES);

      const served = Math.max(...(await Promise.all(zones.map(async ({ zone }) => (await primary.serial(zone))!))));
      await repository.push(texts(served + 10, bulk(2, BULK / 10)));
      primary.service.signal('SIGHUP');
      for (const { zone } of zones)
        await until(() => primary.serial(zone), { what: 'the commit is served', holds: (it) => it === served + 10 });
      await areAllLevel('the whole zone, which is shorter than what changed', WHOLE_AGAIN);
      t.notRegex(follower.text(), COMPLAINTS);
    },
  );

/** A version of a zone: of a few records that no other version has, and without one that they have. */
const version = (serial: number): string =>
  zoneText(
    serial,
    `${ODD}${bulk(1).replace(`host${serial} A`, `host${serial} 60 A`)}new A 192.0.2.${serial}\n TXT "${serial}"\n`,
  );

for (const [name, isWhole = false] of leaders)
  testWith(anyTest, [name, 'dig'])(
    `our secondary follows ${name}${isWhole ? ', which gives no differences,' : ''} by NOTIFY: a zone of more than 64 KiB, a difference, several at once`,
    async (t) => {
      const forms = isWhole ? NEVER_DIFFERENCES : DIFFERENCES;
      const zones = keysFrom(LEADER, OURS);
      const port = await freePort(OURS, LEADER);
      const led = zones.map((it) => ({ ...it, text: version(1) }));
      const leader = await startLeader[name](t, { zones: led, secondary: OURS, port, isWhole });
      const flags = zones.flatMap(({ key }) => ['--keys', key]);
      const ours = await startScene(t, secrecy, 'secondary', flags, { address: OURS, port });
      const areAllLevel = async (what: string, serial: number, expected: RegExp): Promise<void> => {
        for (const { zone, key } of zones) {
          await areLevel(t, what, { zone, serial, port }, [OURS, key], [LEADER, key]);
          await haveForms(() => events(ours, 'transfer.in', zone), expected, `${zone}: ${what}`);
        }
      };
      const change = async (serial: number): Promise<void> => {
        await leader.change(Object.fromEntries(zones.map(({ zone }) => [zone, version(serial)])));
        for (const { zone } of zones) await serves(LEADER, port, zone, serial, `${name} has read the file`);
      };
      await areAllLevel('AXFR', 1, WHOLE);
      await change(2);
      await areAllLevel('one difference', 2, forms);

      signalGroup(ours.service.pid, 'SIGSTOP');
      for (const serial of [3, 4, 5]) await change(serial);
      signalGroup(ours.service.pid, 'SIGCONT');
      await areAllLevel('three differences', 5, forms);
    },
  );
