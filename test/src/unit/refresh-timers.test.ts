/**
 * A replica on a clock that the test moves, and on primaries that are functions: whom it asks when, what it serves meanwhile, and what of
 * that outlives the process. Nothing here sleeps, and no packet is sent.
 */

import { type Key, parseKey } from '@zonewright/common/authority/key';
import { ZoneTable } from '@zonewright/common/authority/zones';
import type { Name } from '@zonewright/common/name';
import type { Stream } from '@zonewright/common/net/stream';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import type { Copies, Copy, CopyState } from '@zonewright/common/service/copies';
import { type Log, SILENT_LOG } from '@zonewright/common/service/log';
import { Replica, type ReplicaOptions, type ReplicaSource } from '@zonewright/common/service/replica';
import type { Inquiry, News, Upstream } from '@zonewright/common/service/upstream';
import { RCODE } from '@zonewright/common/wire/code';
import { diffZones } from '@zonewright/common/zone/delta';
import { isNewer } from '@zonewright/common/zone/serial';
import { Zone } from '@zonewright/common/zone/zone';
import test from 'ava';
import { copyingAuthority } from '../support/copying.ts';
import { given, nameOf, recordsFrom } from '../support/records.ts';
import { busyTime, longestTurn } from '../support/thread-time.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const SECRET = Buffer.from('a secret of thirty-two octets!!!').toString('base64');
const keyOf = (name: string): Key => given(parseKey(`${name}:SHA256:${SECRET}`));
const sourceOf = (name: string): ReplicaSource => {
  const key = keyOf(name);
  return { key, primary: { address: key.primary!, port: 53 }, isHidden: key.secondary === undefined };
};
const S = 1000;
const DAY = 86_400 * S;
const origin = nameOf('example.');
const [A, B, C] = ['192.0.2.1', '192.0.2.2', '2001:db8::3'] as const;
const first = sourceOf(`x.${A}._transfer.example`);

/** `timers`: refresh, retry, expire and minimum. */
const version = (serial: number, of = origin, timers = '3600 600 86400 300'): Zone =>
  Zone.fromRecords(of, recordsFrom(`@ 3600 SOA ns hostmaster ${serial} ${timers}\n@ 60 NS ns.other.`, of))!;

const AWAY: Fault = { kind: 'unreachable', what: 'nobody is there' };
const BAD: Fault = { kind: 'inbound', what: 'nonsense' };
const GONE: Fault = { kind: 'gone', what: 'no such zone' };
/** After so long a primary is believed that says that a zone is gone, and did not tell of it. */
const GONE_FOR = 127 * S;

/** What a primary has of each zone, and how long its copy may be served; or what is wrong with it. */
type Primary = Fault | { readonly zones: readonly Zone[]; readonly expire?: number };

/** Primaries by address, which answer at once. */
class FakeUpstream implements Upstream {
  readonly primaries = new Map<string, Primary | (() => Primary)>();
  readonly asked: string[] = [];
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** By zone, so that there may be many. */
  readonly #byZone = new WeakMap<object, ReadonlyMap<string, Zone>>();

  async ask({ server }: { server: { address: string } }, inquiry: Inquiry): Promise<Result<News, Fault>> {
    const { origin: of, current, promised } = inquiry;
    const what = promised === undefined ? '' : ` promised ${promised}`;
    this.asked.push(`${this.#clock.now() / S} ${server.address} ${of}${what}`);
    const found = this.primaries.get(server.address) ?? AWAY;
    const primary = typeof found === 'function' ? found() : found;
    if ('kind' in primary) return fail(primary);
    const zones = this.#byZone.get(primary) ?? new Map(primary.zones.map((each) => [each.origin.key, each]));
    this.#byZone.set(primary, zones);
    const zone = zones.get(of.key);
    if (zone === undefined) return fail(GONE);
    const { expire } = primary;
    if (current !== undefined && zone.serial === current.serial) return ok({ applied: undefined, expire });
    if (current !== undefined && !isNewer(zone.serial, current.serial))
      return fail({ kind: 'older', what: `has ${zone.serial}` });
    const deltas = current === undefined ? undefined : [diffZones(current, zone)];
    return ok({ applied: { zone, deltas }, expire });
  }

  async connect(): Promise<Result<Stream, Fault>> {
    return new Promise(() => undefined);
  }

  async close(): Promise<void> {}
}

/** Copies in a map, as they would be found by the next process. */
class FakeCopies implements Copies {
  readonly waiting = 0;
  readonly failure = undefined;
  readonly kept = new Map<string, Copy>();
  confirmed = 0;

  async load(take: (copy: Copy) => void): Promise<void> {
    for (const copy of [...this.kept.values()]) take(copy);
  }

  save(zone: Zone, deltas: Copy['deltas'] | undefined, state: CopyState): void {
    const before = deltas === undefined ? [] : (this.kept.get(zone.origin.key)?.deltas ?? []);
    this.kept.set(zone.origin.key, { zone, deltas: [...before, ...(deltas ?? [])], state });
  }

  confirm({ key }: Name, state: CopyState): void {
    this.confirmed++;
    this.kept.set(key, { ...this.kept.get(key)!, state });
  }

  remove({ key }: Name): void {
    this.kept.delete(key);
  }

  async close(): Promise<void> {}
}

const begin = (sources: readonly ReplicaSource[], more: Partial<ReplicaOptions> = {}, clock = new VirtualClock()) => {
  const upstream = new FakeUpstream(clock);
  const zones = new ZoneTable();
  const told: string[] = [];
  const replica: Replica = new Replica({
    sources,
    authority: copyingAuthority(
      zones,
      sources.map(({ key }) => key),
      () => replica,
    ),
    log: SILENT_LOG,
    clock,
    random: () => 0,
    upstream,
    onChange: (of, zone) => told.push(`${clock.now() / S} ${of} ${zone?.serial ?? '-'}`),
    ...more,
  });
  return {
    replica,
    clock,
    zones,
    told,
    upstream,
    serial: (of = origin) => zones.get(of)?.serial,
    /** Who was asked since the last time. */
    asked: () => upstream.asked.splice(0),
    primary: (address: string, is: Primary | (() => Primary)) => upstream.primaries.set(address, is),
    notify: (serial: number | undefined, key: Key | undefined, address: string, of = origin) =>
      replica.notified(of, key, serial, { address, port: 53 }).rcode,
  };
};

const having = (...zones: readonly Zone[]): Primary => ({ zones });

test('a zone is asked for at its refresh, at its retry while the primary is away, and expires after the last success', async (t) => {
  const { replica, clock, primary, asked, told, serial, zones } = begin([first]);
  primary(A, having(version(1)));
  replica.start();
  await clock.advance(7200 * S);
  t.deepEqual(asked(), [`0 ${A} example.`, `3600 ${A} example.`, `7200 ${A} example.`]);
  primary(A, AWAY);
  await clock.advance(3600 * S + 64 * S);
  const times = asked().map((each) => Number(each.split(' ')[0]) - 10_800);
  t.deepEqual(times, [0, 1, 3, 7, 15, 31, 63]);
  t.is(replica.expiryOf(origin), 86_400 - 3664);
  await clock.advance(DAY);
  t.is(serial(), undefined);
  t.true(zones.isAwaited(origin), 'it is SERVFAIL');
  t.deepEqual(told, ['0 example. 1', `${7200 + 86_400} example. -`]);
  t.deepEqual(replica.missing(), ['example.']);
  asked();
  primary(A, having(version(1)));
  await clock.advance(300 * S);
  t.is(serial(), 1, 'it comes back by itself');
  t.is(asked().length, 1);
  await replica.stop();
  await clock.advance(DAY);
  t.deepEqual(asked(), [], 'nobody is asked after the end');
});

test('what is wrong can be seen: zones that fail, the least time left, when the last success was', async (t) => {
  const { replica, clock, primary, zones } = begin([first, sourceOf(`x.${B}._transfer.late`)]);
  const seen = () => [replica.failing(), replica.leastExpiry()];
  const status = () => replica.status()[0]!;
  t.deepEqual(seen(), [0, undefined]);
  primary(A, having(version(1)));
  replica.start();
  await clock.advance(0);
  t.deepEqual(seen(), [1, 86_400], 'what never came has no time left to lose');
  t.like(status(), { failures: 0, checked: 0 });
  primary(A, AWAY);
  await clock.advance(3605 * S);
  t.deepEqual(seen(), [2, 86_400 - 3605]);
  t.like(status(), { checked: 3605, failure: 'nobody is there' });
  await clock.advance(DAY);
  t.deepEqual(seen(), [2, 0]);
  t.deepEqual([zones.lackOf(origin), zones.lackOf(nameOf('late.'))], ['expired', 'unready']);
  await replica.stop();
});

test('until each primary of a key for all zones was reached, what no other zone is for is ours and has no data', async (t) => {
  const { replica, clock, primary, zones } = begin([
    sourceOf(`x.${A}._transfer`),
    sourceOf(`${B}.192.0.2.9._transfer`),
  ]);
  replica.start();
  await clock.advance(0);
  t.like(replica.status(), [{ zone: '.', 'named by': 'key', failures: 1 }]);
  t.true(zones.isAwaited(origin));
  primary(A, having());
  primary(B, having());
  await clock.advance(2 * S);
  t.deepEqual(replica.status(), [], 'the root is no zone of theirs');
  t.true(zones.isAwaited(origin), 'what else they have they have not said');
  await replica.stop();
});

test('of several primaries whoever has worked is asked, the next where that is away, and all are named where none is there', async (t) => {
  const sources = [A, B].map((address) => sourceOf(`x.${address}._transfer.example`));
  sources.push(sourceOf(`x.2001-db8--3._transfer.example`));
  const { replica, clock, primary, asked, serial } = begin(sources);
  primary(B, having(version(1)));
  replica.start();
  await clock.advance(3600 * S);
  t.deepEqual(asked(), [`0 ${A} example.`, `0 ${B} example.`, `3600 ${B} example.`]);
  t.deepEqual(
    replica.primariesOf(origin).map(({ address }) => address),
    [B, A, C],
  );
  primary(B, AWAY);
  primary(C, having(version(2)));
  await clock.advance(3600 * S);
  t.deepEqual(asked(), [`7200 ${B} example.`, `7200 ${A} example.`, `7200 ${C} example.`]);
  t.is(serial(), 2);
  primary(C, GONE);
  await clock.advance(3600 * S);
  const [{ failure } = {}] = replica.status();
  t.is(failure, `[${C}]:53: no such zone; ${A}:53: nobody is there; ${B}:53: nobody is there`);
  t.is(serial(), 2, 'what a key names is kept until it expires');
  await replica.stop();
});

test('a primary that is away is asked last, also for zones that nobody has asked it for', async (t) => {
  const sources = ['a', 'b', 'c'].flatMap((zone) =>
    [A, B].map((address) => sourceOf(`x.${address}._transfer.${zone}`)),
  );
  const { replica, clock, primary, asked, notify } = begin(sources);
  primary(B, having(version(1, nameOf('a.')), version(1, nameOf('b.')), version(1, nameOf('c.'))));
  replica.start();
  await clock.advance(0);
  asked();
  const key = sources[2]!.key;
  t.is(notify(2, key, '192.0.2.9', nameOf('b.')), 0);
  await clock.advance(0);
  t.deepEqual(asked(), [`0 ${A} b. promised 2`, `0 ${B} b.`], 'a NOTIFY with its key is worth a try');
  await replica.stop();
});

test('a primary that was found to be away is asked last also for zones that came from it, whatever their keys', async (t) => {
  const [a, b] = [nameOf('a.'), nameOf('b.')];
  const sources = ['a', 'b'].flatMap((zone) => [A, B].map((address) => sourceOf(`x.${address}._transfer.${zone}`)));
  const { replica, clock, primary, asked } = begin(sources);
  const zones = having(version(1, a), version(1, b, '3605 600 86400 300'));
  primary(A, zones);
  primary(B, zones);
  replica.start();
  await clock.advance(1000 * S);
  asked();
  primary(A, AWAY);
  await clock.advance(2610 * S);
  t.deepEqual(asked(), [`3600 ${A} a.`, `3600 ${B} a.`, `3605 ${B} b.`]);
  await replica.stop();
});

test('the sender of a NOTIFY is asked first, and the others where it has not got what it promised', async (t) => {
  const sources = [A, B].map((address) => sourceOf(`x.${address}._transfer.example`));
  const { replica, clock, primary, asked, serial, notify } = begin(sources);
  primary(A, having(version(1)));
  primary(B, having(version(1)));
  replica.start();
  await clock.advance(0);
  asked();
  primary(B, having(version(2)));
  t.is(notify(2, undefined, B), 0);
  await clock.advance(0);
  t.deepEqual(asked(), [`0 ${B} example.`]);
  t.is(serial(), 2);
  primary(A, having(version(3)));
  primary(B, having(version(3)));
  t.is(notify(3, sources[0]!.key, A), 0);
  await clock.advance(0);
  t.deepEqual(asked(), [`0 ${A} example. promised 3`], 'what is signed is transferred without being asked about');
  t.is(notify(3, sources[0]!.key, A), 0);
  t.is(notify(2, undefined, B), 0);
  await clock.advance(S);
  t.deepEqual(asked(), [], 'nothing of that is new');
  primary(B, having(version(4)));
  t.is(notify(4, undefined, A), 0);
  await clock.advance(S);
  t.deepEqual(asked(), [`1 ${A} example.`, `1 ${B} example.`]);
  t.is(serial(), 4);
  t.is(notify(5, undefined, '192.0.2.9'), 5, 'a stranger');
  await replica.stop();
});

test('the newest serial that primaries have named is got, also when one that is behind says its own later', async (t) => {
  const sources = [A, B].map((address) => sourceOf(`x.${address}._transfer.example`));
  const { replica, clock, primary, serial, notify, asked } = begin(sources);
  primary(A, having(version(1)));
  primary(B, having(version(1)));
  replica.start();
  await clock.advance(0);
  primary(A, having(version(3)));
  primary(B, having(version(2)));
  notify(3, sources[0]!.key, A);
  notify(2, sources[1]!.key, B);
  await clock.advance(S);
  t.is(serial(), 3);
  primary(A, having(version(4)));
  primary(B, having(version(5)));
  notify(5, sources[0]!.key, A);
  await clock.advance(S);
  t.is(serial(), 5, 'by whomever it was named');
  primary(A, AWAY);
  notify(6, sources[0]!.key, A);
  await clock.advance(S);
  primary(A, having(version(6)));
  await clock.advance(600 * S);
  t.is(serial(), 6, 'of one that was away for a moment, at the retry of the SOA');
  primary(A, AWAY);
  primary(B, having(version(6)));
  notify(7, sources[0]!.key, A);
  asked();
  await clock.advance(1200 * S);
  t.is(asked().length, 6, 'and no more often than that');
  primary(A, having(version(6)));
  await clock.advance(2400 * S);
  t.is(asked().length, 2, 'nor any more once it has said that there is nothing');
  await replica.stop();
});

test('a zone that a NOTIFY named is dropped when its primary has it no more, also while another is away', async (t) => {
  const sources = [A, B].map((address) => sourceOf(`${address}.192.0.2.9._transfer`));
  const { replica, clock, primary, zones, notify, told } = begin(sources);
  primary(A, having(version(1)));
  replica.start();
  await clock.advance(0);
  t.is(notify(1, sources[0]!.key, A), 0);
  await clock.advance(0);
  t.is(zones.get(origin)?.serial, 1);
  primary(A, having());
  await clock.advance(3600 * S + GONE_FOR);
  t.deepEqual(told, ['0 example. 1', '3727 example. -']);
  t.false(zones.isApex(origin));
  t.deepEqual(replica.status(), []);
  await replica.stop();
});

test('a primary that was just started loses nobody a zone that it does not know yet; one that tells of its end does', async (t) => {
  const source = sourceOf(`x.${A}._transfer`);
  const { replica, clock, primary, serial, notify } = begin([source]);
  const tell = (is: Primary, said?: number): Promise<void> => {
    primary(A, is);
    notify(said, source.key, A);
    return clock.advance(0);
  };
  replica.start();
  await tell(having(version(1)), 1);
  for (let attempt = 0; attempt < 3; attempt++) {
    await clock.advance(3600 * S);
    await tell(having(), 2);
    await clock.advance(60 * S);
    t.is(serial(), 1, 'it may get it itself');
    await tell(AWAY, 2);
    await tell(having(), 2);
    await clock.advance(110 * S);
    t.is(serial(), 1, 'what was said before it was away says nothing');
    await tell(having(version(1)), 2);
  }
  await replica.setMembers(nameOf('catalog.'), [origin]);
  await tell(having());
  t.is(serial(), 1, 'it is a member of a catalog');
  await replica.setMembers(nameOf('catalog.'), []);
  await clock.advance(0);
  t.is(serial(), undefined);
  await replica.stop();
});

test('members of a catalog come from where that comes from, and are dropped with it', async (t) => {
  const catalog = nameOf('catalog.');
  const own = sourceOf(`x.${B}._transfer.example`);
  const copies = new FakeCopies();
  const { replica, clock, primary, zones, asked } = begin([sourceOf(`x.${A}._transfer.catalog`), own], { copies });
  const [one, two] = [nameOf('one.'), nameOf('two.')];
  primary(A, having(version(1, catalog), version(1, one), version(1, two), version(9)));
  primary(B, having(version(1)));
  replica.start();
  await replica.setMembers(catalog, [one, two, origin]);
  t.true(zones.isAwaited(one), 'it is ours from now on');
  await clock.advance(0);
  t.deepEqual(asked().sort(), [`0 ${A} catalog.`, `0 ${A} one.`, `0 ${A} two.`, `0 ${B} example.`]);
  t.is(zones.get(origin)?.serial, 1, 'what a key names comes from where the key says');
  await replica.setMembers(catalog, [two]);
  t.false(zones.isApex(one));
  t.true(zones.isApex(origin));
  t.deepEqual([...copies.kept.keys()].sort(), [catalog, origin, two].map(({ key }) => key).sort());
  primary(A, having(version(1, catalog)));
  await clock.advance(3600 * S);
  t.is(zones.get(two)?.serial, 1, 'a member stays until the catalog says otherwise');
  await replica.setMembers(catalog, []);
  await replica.setMembers(catalog, [two]);
  t.true(zones.isAwaited(two), 'taken anew it begins with nothing');
  await replica.stop();
});

/** A zone of one primary, and a catalog of another. */
const twoPrimaries = (...more: readonly string[]) => {
  const [mirage, cat] = [nameOf('mirage.'), nameOf('cat.')];
  const [garden, www, free] = ['garden.mirage.', 'www.mirage.', 'free.'].map((text) => nameOf(text)) as [
    Name,
    Name,
    Name,
  ];
  const keys = [`x.${A}._transfer.mirage`, `x.${B}._transfer.cat`, ...more];
  const world = begin(keys.map(sourceOf), { named: [cat] });
  world.primary(A, having(version(1, mirage), version(1, garden)));
  world.primary(B, having(...[cat, garden, www, free].map((of) => version(9, of))));
  world.replica.start();
  return { ...world, mirage, cat, garden, www, free, key: keyOf(keys[0]!) };
};

test('a catalog takes and ends no zone at or below that of a key of another primary', async (t) => {
  const { replica, clock, serial, notify, zones, mirage, cat, garden, www, free, key } = twoPrimaries();
  notify(1, key, A, garden);
  await clock.advance(0);
  await replica.setMembers(cat, [mirage, garden, www, free]);
  await clock.advance(3600 * S);
  t.deepEqual([mirage, garden, free].map(serial), [1, 1, 9]);
  t.false(zones.isApex(www));
  t.true(replica.isOfOthers(www, cat));
  await replica.setMembers(cat, []);
  await clock.advance(3600 * S);
  t.deepEqual([mirage, garden, free].map(serial), [1, 1, undefined]);
  await replica.stop();
});

test('a catalog may list what a key of its own primary is for', async (t) => {
  const { replica, clock, serial, cat, garden, www } = twoPrimaries(`x.${B}._transfer.www.mirage`);
  t.false(replica.isOfOthers(www, cat));
  await replica.setMembers(cat, [garden, www, nameOf('below.www.mirage.')]);
  await clock.advance(0);
  t.deepEqual([garden, www].map(serial), [undefined, 9]);
  t.deepEqual(
    replica.status().map(({ zone }) => zone),
    ['mirage.', 'cat.', 'www.mirage.', 'below.www.mirage.'],
  );
  await replica.stop();
});

test('what a key for all zones has learnt is of its primary, until that has it no more', async (t) => {
  const { replica, clock, serial, notify, primary, cat, free, mirage } = twoPrimaries(`${A}.192.0.2.9._transfer`);
  const root = keyOf(`${A}.192.0.2.9._transfer`);
  primary(A, having(version(1, mirage), version(1, free)));
  notify(1, root, A, free);
  await clock.advance(0);
  await replica.setMembers(cat, [free]);
  await clock.advance(3600 * S);
  t.is(serial(free), 1);
  primary(A, having(version(1, mirage)));
  await clock.advance(3600 * S + GONE_FOR);
  t.is(serial(free), 9, 'the catalog may have it now');
  await replica.stop();
});

test('a zone that was learnt is that again when a catalog of its primary lists it no more', async (t) => {
  const catalog = nameOf('catalog.');
  const sources = [sourceOf(`x.${A}._transfer.catalog`), sourceOf(`${A}.192.0.2.9._transfer`)];
  const copies = new FakeCopies();
  const { replica, clock, serial, notify, primary, told, asked } = begin(sources, { copies, named: [catalog] });
  primary(A, having(version(1, catalog), version(1)));
  replica.start();
  notify(1, sources[1]!.key, A);
  await clock.advance(0);
  await replica.setMembers(catalog, [origin]);
  await replica.setMembers(catalog, []);
  asked();
  await clock.advance(0);
  t.deepEqual(asked(), [`0 ${A} example.`], 'its primary may have it no more');
  t.is(serial(), 1);
  t.deepEqual(
    told.filter((each) => each.includes('example')),
    ['0 example. 1'],
  );
  await replica.setMembers(catalog, [origin]);
  await clock.advance(3600 * S);
  await replica.stop();

  const later = begin(sources, { copies, named: [catalog] });
  later.primary(A, having(version(1, catalog), version(1)));
  await later.replica.load();
  later.replica.start();
  await later.replica.setMembers(catalog, [origin]);
  await later.replica.setMembers(catalog, []);
  await later.clock.advance(0);
  t.is(later.serial(), 1, 'also after a restart');
  later.primary(A, having(version(1, catalog)));
  await later.replica.setMembers(catalog, [origin]);
  await later.replica.setMembers(catalog, []);
  await later.clock.advance(0);
  t.is(later.serial(), undefined);
  await later.replica.stop();
});

test('zones are learnt by the keys of their primaries alone, so many as have not come, and forgotten when they do not', async (t) => {
  const source = sourceOf(`${A}.192.0.2.9._transfer`);
  const { replica, clock, zones, notify, primary } = begin([source]);
  replica.start();
  const own = keyOf('192.0.2.9.192.0.2.10._transfer');
  t.is(notify(1, own, '192.0.2.10'), RCODE.REFUSED, 'of a secondary of ours');
  t.deepEqual(replica.status(), []);
  const made = (n: number): Name => nameOf(`zone${n}.`);
  for (let n = 0; n < 10_000; n++) t.is(notify(1, source.key, A, made(n)), RCODE.NOERROR);
  t.is(notify(1, source.key, A), RCODE.SERVFAIL, 'it is sent again');
  t.is(notify(1, source.key, A, made(0)), RCODE.NOERROR, 'one that is known');
  t.deepEqual(replica.missing(), [], 'perhaps there are no such zones');
  primary(A, having(version(1, made(7))));
  await clock.advance(0);
  t.is(replica.status().length, 1);
  t.is(notify(1, source.key, A), RCODE.NOERROR, 'those that are gone or have come make room');
  primary(A, AWAY);
  await clock.advance(0);
  const names = () => replica.status().map(({ zone }) => zone);
  t.deepEqual(names(), ['zone7.', 'example.']);
  await clock.advance(60 * S);
  t.deepEqual(names(), ['zone7.', 'example.']);
  await clock.advance(70 * S);
  t.deepEqual(names(), ['zone7.']);
  await clock.advance(2 * DAY);
  t.deepEqual(replica.missing(), ['zone7.'], 'what was there once is missed');
  t.true(zones.isAwaited(made(7)));
  await replica.stop();
});

/** Opens a connection to a primary, which answers what it is asked there, and nothing after it. */
const heard = async (closed = new Promise<void>(() => {})): Promise<Result<Stream, Fault>> => {
  const reply = ok({}) as Awaited<ReturnType<Stream['request']>>;
  const open = { keep: () => {}, close: () => {}, request: async () => reply, closed };
  return ok(open as unknown as Stream);
};

test('a hidden secondary asks a primary that closes each connection at once no more than once a minute', async (t) => {
  const clock = new VirtualClock();
  const upstream = new FakeUpstream(clock);
  let lasts = 0;
  upstream.connect = () => heard(new Promise((close) => clock.after(lasts, close)));
  const { replica, serial } = begin([first], { upstream, random: () => 0.5 }, clock);
  upstream.primaries.set(A, having(version(1)));
  replica.start();
  await clock.advance(600 * S);
  upstream.asked.length = 0;
  await clock.advance(600 * S);
  t.true(upstream.asked.length < 20, `${upstream.asked.length} times in ten minutes`);
  lasts = 3600 * S;
  await clock.advance(3600 * S);
  upstream.primaries.set(A, having(version(2)));
  await clock.advance(50 * S);
  t.is(serial(), 2, 'one that ends after long is there again soon');
  await replica.stop();
});

test('a server that begins with nothing is ready once its primaries were reached, and what they told of in the first second has come', async (t) => {
  const source = sourceOf(`${A}.192.0.2.9._transfer`);
  const clock = new VirtualClock();
  const upstream = new FakeUpstream(clock);
  upstream.connect = () => new Promise((done) => clock.after(5 * S, () => done(heard())));
  const copies = new FakeCopies();
  const { replica, notify } = begin([source], { upstream, copies }, clock);
  await replica.load();
  replica.start();
  upstream.primaries.set(A, having(version(1)));
  await clock.advance(4 * S);
  t.deepEqual(replica.unready(), [`${A}:53 has not been reached`]);
  await clock.advance(S);
  t.deepEqual(replica.unready(), ['primaries may tell of more zones']);
  await clock.advance(S - 1);
  notify(1, source.key, A);
  notify(1, source.key, A, nameOf('late.'));
  upstream.primaries.set(A, { kind: 'timeout', what: 'slow' });
  t.deepEqual(replica.unready(), ['no data for example.', 'no data for late.', 'primaries may tell of more zones']);
  await clock.advance(S);
  t.deepEqual(replica.unready(), ['no data for example.', 'no data for late.']);
  upstream.primaries.set(A, having(version(1)));
  await clock.advance(60 * S);
  t.deepEqual(replica.unready(), [], 'one has come, and of the other the primary says that there is none');
  notify(1, source.key, A, nameOf('later.'));
  t.deepEqual(replica.unready(), [], 'a NOTIFY for what there is not takes nothing away');
  await replica.stop();

  const again = begin([source], { copies });
  await again.replica.load();
  again.replica.start();
  t.deepEqual(again.replica.unready(), [], 'with copies it is at once, also while the primary is away');
  await again.replica.stop();

  const lonely = begin([source, sourceOf(`${B}.192.0.2.9._transfer`)]);
  lonely.replica.start();
  t.deepEqual(lonely.replica.unready(), [`${A}:53 has not been reached`, `${B}:53 has not been reached`]);
  await lonely.clock.advance(10 * S);
  t.deepEqual(lonely.replica.unready(), ['there is no zone yet'], 'nobody is waited for without end');
  await lonely.replica.stop();
});

test('a primary whose serial went back says nothing for a copy: it expires, and then what there is is served', async (t) => {
  const sources = [A, B].map((address) => sourceOf(`x.${address}._transfer.example`));
  const { replica, clock, primary, serial } = begin(sources);
  const seen = () => [serial(), replica.status()[0]!.failure];
  primary(A, having(version(7)));
  replica.start();
  await clock.advance(0);
  primary(A, having(version(3)));
  primary(B, having(version(7)));
  await clock.advance(3600 * S);
  t.deepEqual(seen(), [7, undefined], 'another one has it');
  t.is(replica.expiryOf(origin), 86_400);
  primary(B, AWAY);
  await clock.advance(3600 * S);
  t.deepEqual(seen(), [7, `${B}:53: nobody is there; ${A}:53: has 3`]);
  t.is(replica.failing(), 1);
  t.true(replica.expiryOf(origin) < 86_400);
  await clock.advance(DAY);
  t.deepEqual(seen(), [3, undefined]);
  await replica.stop();
});

test.serial('a large catalog is taken in slices, and of two versions that come at once the newer counts', async (t) => {
  const catalog = nameOf('catalog.');
  const { replica, zones } = begin([sourceOf(`x.${A}._transfer.catalog`)]);
  const members = Array.from({ length: 50_000 }, (_, i) => nameOf(`z${i}.`));
  const longest = await longestTurn(async () => {
    const older = replica.setMembers(catalog, members);
    const newer = replica.setMembers(catalog, [members[7]!, nameOf('new.')]);
    await older;
    t.true(zones.isApex(members[49_999]!), 'it was taken as a whole');
    await newer;
  });
  t.true(longest < 250, `${longest} ms`);
  t.deepEqual(
    replica.status().map(({ zone }) => zone),
    ['z7.', 'new.'],
  );
  await replica.stop();
});

test('what a NOTIFY names is asked about at once while many members of a catalog start', async (t) => {
  const catalog = nameOf('catalog.');
  const { replica, clock, primary, asked, notify } = begin([sourceOf(`x.${A}._transfer.catalog`), first]);
  primary(A, having(version(1, catalog), version(1)));
  replica.start();
  await clock.advance(0);
  const members = Array.from({ length: 5000 }, (_, i) => nameOf(`z${i}.`));
  await replica.setMembers(catalog, members);
  asked();
  notify(2, undefined, A, catalog);
  notify(2, undefined, A);
  await clock.advance(0);
  const zones = asked().map((line) => line.split(' ')[2]);
  t.is(zones.length, 5002);
  for (const { key } of [catalog, origin])
    t.true(
      zones.slice(0, 4).some((zone) => nameOf(zone!).key === key),
      key,
    );
  await replica.stop();
});

test('many zones of a primary that is away are some lines of the log, and one for all others', async (t) => {
  const lines: unknown[] = [];
  const log = { ...SILENT_LOG, warn: (event: string, fields: object) => lines.push({ event, ...fields }) } as never;
  const catalog = nameOf('catalog.');
  const { replica, clock } = begin([sourceOf(`x.${A}._transfer.catalog`)], { log });
  replica.start();
  await replica.setMembers(
    catalog,
    Array.from({ length: 299 }, (_, i) => nameOf(`z${i}.`)),
  );
  await clock.advance(59 * S);
  t.is(lines.length, 100);
  await clock.advance(60 * S);
  t.is(lines.length, 101);
  t.like(lines[100], { event: 'refresh.failed', zones: 200 });
  await replica.stop();
});

test('a member that leaves while it is asked for does not come back', async (t) => {
  const catalog = nameOf('catalog.');
  const clock = new VirtualClock();
  const slow = new FakeUpstream(clock);
  const { replica, zones } = begin([sourceOf(`x.${A}._transfer.catalog`)], { upstream: slow }, clock);
  slow.primaries.set(A, having(version(1, catalog), version(1, nameOf('one.'))));
  const ask = slow.ask.bind(slow);
  slow.ask = async (route, inquiry) => {
    await new Promise<void>((done) => clock.after(S, done));
    return ask(route, inquiry);
  };
  replica.start();
  await replica.setMembers(catalog, [nameOf('one.')]);
  await clock.advance(S / 2);
  await replica.setMembers(catalog, []);
  await clock.advance(10 * S);
  t.false(zones.isApex(nameOf('one.')));
  t.is(zones.get(catalog)?.serial, 1);
  await replica.stop();
});

/** A replica that has got two versions, and its copies when it ended. */
const ended = async (expire?: number): Promise<FakeCopies> => {
  const copies = new FakeCopies();
  const { replica, clock, primary, notify } = begin([first], { copies });
  primary(A, { zones: [version(1)], ...(expire === undefined ? {} : { expire }) });
  replica.start();
  await clock.advance(0);
  primary(A, { zones: [version(2)], ...(expire === undefined ? {} : { expire }) });
  notify(2, first.key, A);
  await clock.advance(3600 * S);
  await replica.stop();
  return copies;
};

test('after a restart copies are served before anybody is asked, with what they had left, and with their history', async (t) => {
  const copies = await ended();
  t.is(copies.confirmed, 1, 'a primary that has nothing newer is told of too');
  const later = new VirtualClock(Date.UTC(2030, 0, 1, 1) + DAY / 2);
  const { replica, primary, clock, serial, asked, told } = begin([first], { copies }, later);
  await replica.load();
  t.is(serial(), 2);
  t.deepEqual(told, ['0 example. 2']);
  t.is(replica.expiryOf(origin), 43_200);
  t.like(replica.status(), [{ checked: 43_200 }]);
  t.is(replica.historyOf(origin)?.since(1)?.length, 1);
  t.deepEqual(asked(), []);
  primary(A, AWAY);
  replica.start();
  await clock.advance(DAY / 2 - S);
  t.is(serial(), 2);
  await clock.advance(S);
  t.is(serial(), undefined);
  await replica.stop();
});

/** A replica of many zones, as it is ten minutes after it has ended; its primary takes 10 ms to answer. */
const restarted = async (count: number, more: Partial<ReplicaOptions> = {}, sources?: readonly ReplicaSource[]) => {
  const source = sourceOf(`${A}.${B}._transfer`);
  const copies = new FakeCopies();
  const checkedAt = new VirtualClock().wall() - 600 * S;
  const names = Array.from({ length: count }, (_, i) => `z${i}.`);
  const all = names.map((name) => version(1, nameOf(name)));
  for (const zone of all) copies.save(zone, undefined, { checkedAt, expireAt: checkedAt + DAY, namedBy: 'notify' });
  const clock = new VirtualClock();
  const world = begin(sources ?? [source], { copies, ...more }, clock);
  world.primary(A, having(...all));
  const ask = world.upstream.ask.bind(world.upstream);
  const load = { now: 0, most: 0 };
  world.upstream.ask = async (...question) => {
    load.most = Math.max(load.most, ++load.now);
    const answer = ask(...question);
    await new Promise<void>((done) => clock.after(10, done));
    load.now--;
    return answer;
  };
  await world.replica.load();
  world.replica.start();
  return { ...world, load, source, copies, names };
};

test('after a restart a primary that says nothing by itself is asked for all zones, of so many at a time', async (t) => {
  const { replica, clock, asked, load } = await restarted(300);
  await clock.advance(40);
  t.is(new Set(asked()).size, 300);
  t.is(load.most, 80);
  await clock.advance(3590 * S);
  t.is(asked().length, 0);
  await replica.stop();
});

test('a primary of many zones with a key each is one: it is asked for so many at a time, and told of in so many lines of the log', async (t) => {
  const keys = Array.from({ length: 300 }, (_, i) => sourceOf(`${A}.${B}._transfer.z${i}`));
  const lines: object[] = [];
  const log: Log = { ...SILENT_LOG, warn: (event, fields) => void lines.push({ event, ...fields }) };
  const { replica, clock, asked, load, primary } = await restarted(300, { log }, keys);
  primary(A, AWAY);
  await clock.advance(40);
  t.is(new Set(asked()).size, 300);
  t.is(load.most, 80);
  await clock.advance(120 * S);
  t.is(lines.length, 101);
  t.like(lines[100], { event: 'refresh.failed', primary: `${A}:53`, zones: 200 });
  await replica.stop();
});

test('after a restart nobody is asked for what the primary says by itself, signed, and what has changed comes first', async (t) => {
  const { replica, clock, asked, source, primary, notify, copies, names } = await restarted(300);
  await clock.advance(1);
  const zoneIn = (line: string): string => line.split(' ')[2]!;
  const before = asked().map(zoneIn);
  t.is(before.length, 80, 'nobody knows yet that it will say something');
  const newest = [...names].reverse().find((name) => !before.includes(name))!;
  const told = names.filter((name) => name !== newest && Number(name.slice(1, -1)) < 200);
  for (const name of told) notify(1, source.key, A, nameOf(name));
  const untold = names.filter((name) => name !== newest && !told.includes(name));
  for (const name of untold) {
    notify(1, undefined, A, nameOf(name));
    notify(1, keyOf(`x._update.${name}`), A, nameOf(name));
  }
  primary(A, having(...names.map((name) => version(name === newest ? 2 : 1, nameOf(name)))));
  notify(2, source.key, A, nameOf(newest));
  await clock.advance(20);
  t.deepEqual(asked(), [`0.001 ${A} ${newest} promised 2`]);
  await clock.advance(100);
  const later = asked().map(zoneIn);
  const isLeft = (name: string): boolean => !before.includes(name);
  t.deepEqual(later.toSorted(), untold.filter(isLeft).toSorted(), 'where nothing was said that proves something');
  const reassured = told.filter(isLeft);
  t.is(copies.confirmed, names.length - reassured.length - 1);
  const [example] = reassured;
  const expiry = (): number => replica.expiryOf(nameOf(example!));
  t.is(expiry(), 86_400 - 601, 'what is said so vouches for no longer life (RFC 7314)');
  await clock.advance(2990 * S);
  t.is(asked().length, 0);
  await clock.advance(20 * S);
  t.deepEqual(
    asked().map(zoneIn).toSorted(),
    reassured.toSorted(),
    'when they are due, counted from before the restart',
  );
  t.true(expiry() > 86_000);
  await replica.stop();
});

test('after a restart a catalog is asked about before the many zones of which a change may have been missed', async (t) => {
  const { replica, clock, asked } = await restarted(300, { named: [nameOf('z150.')] });
  await clock.advance(1);
  t.true(asked().slice(0, 2).includes(`0 ${A} z150.`));
  await replica.stop();
});

test('a primary that tells of its zones for longer than half a minute is asked for the rest', async (t) => {
  const { replica, clock, asked, source, primary, notify, names, serial } = await restarted(2000);
  await clock.advance(1);
  const before = new Set(asked().map((line) => line.split(' ')[2]));
  const [untold, ...told] = names.filter((name) => !before.has(name)).map((name) => nameOf(name));
  primary(A, having(...names.map((name) => version(2, nameOf(name)))));
  for (const zone of told) {
    notify(1, source.key, A, zone);
    await clock.advance(20);
  }
  t.is(serial(untold), 2);
  t.true(asked().length < 600, 'not for what it had told of by then');
  await replica.stop();
});

test('of several primaries the word of that counts which would be asked', async (t) => {
  const copies = await ended();
  const second = sourceOf(`x.${B}._transfer.example`);
  const { replica, primary, clock, asked, notify } = begin(
    [first, second],
    { copies },
    new VirtualClock(Date.UTC(2030, 0, 1, 1)),
  );
  await replica.load();
  notify(2, second.key, B);
  primary(A, having(version(3)));
  primary(B, having(version(2)));
  replica.start();
  await clock.advance(S);
  t.deepEqual(asked(), [`0 ${A} example.`]);
  await replica.stop();
});

test('a copy that expired while the process was away is not served, until the primary says that it is current', async (t) => {
  const copies = await ended();
  const { replica, primary, clock, serial, asked, zones } = begin(
    [first],
    { copies },
    new VirtualClock(Date.UTC(2030, 0, 3)),
  );
  await replica.load();
  t.is(serial(), undefined);
  t.true(zones.isAwaited(origin));
  primary(A, having(version(2)));
  replica.start();
  await clock.advance(0);
  t.is(serial(), 2);
  t.is(asked().length, 1);
  t.is(replica.historyOf(origin)?.since(1)?.length, 1);
  await replica.stop();
});

test('a clock that is set does not change for how long a zone is served, in this process nor the next', async (t) => {
  for (const step of [-10 * 365 * DAY, 10 * 365 * DAY]) {
    const copies = new FakeCopies();
    const { replica, clock, primary, serial } = begin([first], { copies });
    primary(A, having(version(1)));
    replica.start();
    await clock.advance(0);
    primary(A, AWAY);
    clock.step(step);
    await clock.advance(DAY - S);
    t.is(serial(), 1);
    await clock.advance(S);
    t.is(serial(), undefined);
    await replica.stop();
  }
  const copies = await ended();
  const back = begin([first], { copies }, new VirtualClock(0));
  await back.replica.load();
  back.replica.start();
  t.is(back.replica.expiryOf(origin), 86_400, 'set back: as much as was left');
  await back.clock.advance(DAY);
  t.is(back.serial(), undefined);
  await back.replica.stop();
});

test('a copy of a zone that nobody names any more is not served, and thrown away once it has expired', async (t) => {
  const copies = await ended();
  const elsewhere = [sourceOf(`x.${A}._transfer.other`)];
  const without = begin(elsewhere, { copies });
  await without.replica.load();
  t.is(without.serial(), undefined);
  t.is(copies.kept.size, 1);
  await without.replica.stop();
  const gone = begin(elsewhere, { copies }, new VirtualClock(Date.UTC(2031, 0, 1)));
  await gone.replica.load();
  t.is(copies.kept.size, 0);
  await gone.replica.stop();
});

test('members of a catalog outlive the process, those that left it meanwhile do not', async (t) => {
  const catalog = nameOf('catalog.');
  const sources = [sourceOf(`x.${A}._transfer.catalog`)];
  const members = ['one.', 'two.'].map((text) => nameOf(text));
  const copies = new FakeCopies();
  const before = begin(sources, { copies });
  before.primary(A, having(version(1, catalog), ...members.map((of) => version(1, of))));
  before.replica.start();
  await before.replica.setMembers(catalog, members);
  await before.clock.advance(0);
  await before.replica.stop();
  t.is(copies.kept.size, 3);
  const kept = new Map(copies.kept);

  const { replica, zones } = begin(sources, { copies, named: [catalog] });
  await replica.load();
  t.deepEqual(
    members.map((of) => zones.get(of)?.serial),
    [1, 1],
  );
  await replica.setMembers(catalog, [members[0]!]);
  t.true(zones.isApex(members[0]!));
  t.false(zones.isApex(members[1]!));
  await replica.stop();

  for (const [key, copy] of kept) copies.kept.set(key, copy);
  const plain = begin(sources, { copies });
  await plain.replica.load();
  t.deepEqual(
    [...plain.zones].map(({ origin: of }) => of.toString()),
    ['catalog.'],
    'the catalog is a zone like any other now',
  );
  await plain.replica.stop();
});

test('what a primary that has only a copy says of its expiry is heeded', async (t) => {
  const { replica, clock, primary, serial, asked } = begin([first]);
  primary(A, { zones: [version(1)], expire: 5000 });
  replica.start();
  await clock.advance(0);
  t.is(replica.expiryOf(origin), 5000);
  primary(A, { zones: [version(1)], expire: 1400 });
  await clock.advance(2500 * S);
  t.is(replica.expiryOf(origin), 2500, 'it does not take back what it has said');
  t.deepEqual(asked(), [`0 ${A} example.`, `2500 ${A} example.`], 'asked for in time, whatever the refresh of the SOA');
  primary(A, AWAY);
  await clock.advance(2499 * S);
  t.is(serial(), 1);
  t.true(asked().length > 2);
  await clock.advance(S);
  t.is(serial(), undefined);
  await replica.stop();
});

test('a primary whose own copy is at its end is told of once and asked ever more rarely, and the zone expires once', async (t) => {
  for (const expire of [0, 1]) {
    const lines: string[] = [];
    const log: Log = { ...SILENT_LOG, warn: (event, fields = {}) => void lines.push(`${event} ${fields.what ?? ''}`) };
    const { replica, clock, primary, asked, told, serial } = begin([first], { log });
    primary(A, having(version(1)));
    replica.start();
    await clock.advance(3000 * S);
    asked();
    primary(A, { zones: [version(1)], expire });
    await clock.advance(3600 * S);
    t.is(serial(), 1, 'it lives as long as was said before');
    t.like(replica.status()[0], { expires: 86_400 - 6600, failure: 'its own copy is at its end, says its EXPIRE' });
    const times = asked().map((each) => Number(each.split(' ')[0]) - 3600);
    t.deepEqual(
      times.slice(0, 12),
      [0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 1023, 1623],
      'as its SOA says, with back-off',
    );
    await clock.advance(DAY);
    asked();
    await clock.advance(DAY);
    t.is(asked().length, 86_400 / 300, 'there is nothing to be had');
    t.deepEqual(told, ['0 example. 1', '86400 example. -'], 'it does not come and go');
    t.deepEqual(lines, ['refresh.failed its own copy is at its end, says its EXPIRE', 'zone.expired ']);
    primary(A, { zones: [version(1)], expire: 2 });
    await clock.advance(300 * S);
    t.is(serial(), 1, 'the primary has heard of its own');
    t.is(told.length, 3, 'and each answer that says so lasts until the next');
    await replica.stop();
  }
});

test('what a primary has at its end is not taken: what there is is served on, and another primary is asked', async (t) => {
  const sources = [A, B].map((address) => sourceOf(`x.${address}._transfer.example`));
  const { replica, clock, primary, serial, asked } = begin(sources);
  primary(A, having(version(1)));
  replica.start();
  await clock.advance(0);
  primary(A, { zones: [version(2)], expire: 0 });
  await clock.advance(3600 * S);
  t.is(serial(), 1);
  primary(B, having(version(2)));
  await clock.advance(600 * S);
  t.is(serial(), 2);
  asked();
  await clock.advance(3600 * S);
  t.is(asked().length, 1);
  await replica.stop();
});

test('a zone whose SOA has copies expire at once says so by EXPIRE too, and is served while its primary is there', async (t) => {
  const { replica, clock, primary, told } = begin([first]);
  primary(A, { zones: [version(1, origin, '0 0 0 0')], expire: 0 });
  replica.start();
  await clock.advance(60 * S);
  t.deepEqual(told, ['0 example. 1']);
  await replica.stop();
});

/** Secondaries that have each other as a primary, and first the one that has the zone; and one behind them that has not. */
const circle = (timers: string) => {
  const clock = new VirtualClock();
  const at = (...addresses: readonly string[]) =>
    begin(
      addresses.map((address) => sourceOf(`x.${address}._transfer.example`)),
      {},
      clock,
    );
  const [D, E] = ['192.0.2.3', '192.0.2.4'];
  const all = [at(A, D, E), at(A, E, B), at(A, B, D), at(B)] as const;
  const expire = Number(timers.split(' ')[2]);
  for (const each of all) {
    each.primary(A, { zones: [version(1, origin, timers)], expire });
    for (const [i, address] of [B, D, E].entries()) {
      const { zones, replica } = all[i]!;
      each.primary(address, () => {
        const zone = zones.get(origin);
        return zone === undefined ? AWAY : { zones: [zone], expire: replica.expireSaidOf(origin) };
      });
    }
    each.replica.start();
  }
  return { clock, all };
};

for (const expire of [0, 1, 2, 3, 4, 5, 7, 30]) {
  test(`secondaries in a circle let a zone expire whose primary is gone, and not before, with an expire of ${expire} s`, async (t) => {
    for (const wait of [0, 600]) {
      const { clock, all } = circle(`${wait} ${wait} ${expire} 0`);
      await clock.advance(60 * S);
      for (const { told } of all) t.deepEqual(told.slice(1), [], 'it is served throughout');
      for (const { primary, serial } of all) {
        t.is(serial(), 1);
        primary(A, AWAY);
      }
      await clock.advance(Math.max(3, expire) * S);
      for (const { serial, replica } of all) {
        t.is(serial(), undefined);
        await replica.stop();
      }
    }
  });
}

test('a primary that sends nonsense is not asked for it again and again, and the zone stays as it was', async (t) => {
  const { replica, clock, primary, serial, asked, notify } = begin([first]);
  primary(A, having(version(1, origin, '60 1 86400 300')));
  replica.start();
  await clock.advance(0);
  asked();
  primary(A, BAD);
  for (let second = 0; second < 3600; second++) {
    notify(2 + second, first.key, A);
    await clock.advance(S);
  }
  const { length } = asked();
  t.true(length > 50 && length < 80, `${length}`);
  t.is(serial(), 1);
  primary(A, having(version(7000)));
  await clock.advance(300 * S);
  t.is(serial(), 7000);
  await replica.stop();
});

test('ten thousand zones are each asked once at the start, and then as their SOAs say', async (t) => {
  const count = 10_000;
  const { replica, clock, primary, asked, zones, notify } = begin([sourceOf(`${A}.${B}._transfer`)]);
  const all = Array.from({ length: count }, (_, i) => version(1, nameOf(`z${i}.`)));
  primary(A, { zones: all });
  replica.start();
  for (const { origin: of } of all) notify(undefined, first.key, A, of);
  t.deepEqual(asked(), [], 'a key is for its zone alone');
  const [{ key }] = [sourceOf(`${A}.${B}._transfer`)];
  for (const { origin: of } of all) notify(1, key, A, of);
  await clock.advance(0);
  t.is(zones.size, count);
  t.is(asked().length, count);
  const ended = busyTime();
  for (const { origin: of } of all) notify(1, key, A, of);
  await clock.advance(3599 * S);
  t.is(asked().length, 0, 'nothing of that is new');
  await clock.advance(S);
  t.is(asked().length, count);
  t.log(`${Math.round(ended())} ms`);
  await replica.stop();
});
