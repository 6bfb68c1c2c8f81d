/**
 * For how long a secondary serves a zone of which it hears no more, in one process and over restarts: a replica on a clock that the test
 * moves, with copies on the disk that are closed and opened again, asked as a client asks. The primary is a function.
 */
import { join } from 'node:path';
import { parseKey } from '@zonewright/common/authority/key';
import { ZoneTable } from '@zonewright/common/authority/zones';
import { fail, ok } from '@zonewright/common/result';
import { SILENT_LOG } from '@zonewright/common/service/log';
import { Replica, type ReplicaSource } from '@zonewright/common/service/replica';
import type { Upstream } from '@zonewright/common/service/upstream';
import { RCODE } from '@zonewright/common/wire/code';
import { extendedErrorText } from '@zonewright/common/wire/edns';
import { Zone } from '@zonewright/common/zone/zone';
import { openCopies } from '@zonewright/secondary/copies/copies';
import test from 'ava';
import { ask } from '../support/answering.ts';
import { copyingAuthority } from '../support/copying.ts';
import { type Owner, temporaryFolder } from '../support/owner.ts';
import { given, nameOf, recordsFrom } from '../support/records.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const S = 1000;
/** Seconds, as in the SOA. */
const [REFRESH, RETRY, EXPIRE] = [10, 5, 80];
const SECRET = Buffer.from('a secret of thirty-two octets!!!').toString('base64');
const origin = nameOf('example.');
const key = given(parseKey(`192.0.2.1.192.0.2.2._transfer.example:SHA256:${SECRET}`));
const source: ReplicaSource = { key, primary: { address: '192.0.2.1', port: 53 }, isHidden: false };
const text = `@ 60 SOA ns hostmaster 1 ${REFRESH} ${RETRY} ${EXPIRE} 60\n@ 60 NS ns\nns 60 A 127.0.0.1`;
const zone = Zone.fromRecords(origin, recordsFrom(text, origin))!;

/** A secondary's zone, its primary, and the folder that outlives its processes. */
const setUp = (owner: Owner) => {
  const folder = join(temporaryFolder(owner, 'expiry'), 'copies');
  let isAway = false;
  const upstream: Upstream = {
    ask: async (_, { current }) =>
      isAway
        ? fail({ kind: 'unreachable', what: 'nobody is there' })
        : ok({ applied: current === undefined ? { zone, deltas: undefined } : undefined, expire: undefined }),
    connect: () => new Promise(() => undefined),
    close: async () => undefined,
  };
  /** A process, and the time of day at which it begins. */
  const start = async (wall?: number) => {
    const clock = new VirtualClock(wall);
    const copies = given(await openCopies(folder, { log: SILENT_LOG, clock }));
    const zones = new ZoneTable();
    const authority = copyingAuthority(zones, [key], () => replica);
    const options = { sources: [source], authority, log: SILENT_LOG, clock, random: () => 0, upstream, copies };
    const replica: Replica = new Replica(options);
    await replica.load();
    const stop = async (): Promise<void> => {
      await replica.stop();
      await copies.close();
    };
    owner.teardown(stop);
    replica.start();
    await clock.advance(0);
    return {
      clock,
      /** What a client is told. */
      said: (): string => {
        const { rcode, edns } = ask(authority, 'ns.example. A', { size: 1232 });
        return rcode === RCODE.NOERROR ? 'served' : `${rcode} ${extendedErrorText(edns)}`;
      },
      stop,
    };
  };
  return {
    start,
    away: (is: boolean): void => {
      isAway = is;
    },
  };
};

const EXPIRED = new RegExp(`^${RCODE.SERVFAIL} .*has expired`);

test('a zone expires after its last success and not before, and comes back by itself', async (t) => {
  const { start, away } = setUp(t);
  const { clock, said, stop } = await start();
  t.is(said(), 'served');
  await clock.advance(3 * EXPIRE * S);
  t.is(said(), 'served', 'refreshed, it outlives its expire while the primary is there');
  away(true);
  await clock.advance(EXPIRE * S - 1);
  t.is(said(), 'served');
  await clock.advance(1);
  t.regex(said(), EXPIRED);
  away(false);
  await clock.advance(600 * S);
  t.is(said(), 'served');
  await stop();
});

test('a copy expires when it would have without the restart, and stays away after the next', async (t) => {
  const { start, away } = setUp(t);
  const first = await start();
  await first.clock.advance(3 * EXPIRE * S);
  away(true);
  await first.stop();

  const again = await start(first.clock.wall() + 30 * S);
  t.is(again.said(), 'served');
  await again.clock.advance((EXPIRE - 30) * S - 1);
  t.is(again.said(), 'served', 'neither sooner');
  await again.clock.advance(1);
  t.regex(again.said(), EXPIRED, 'nor later');
  await again.stop();

  const last = await start(again.clock.wall());
  t.regex(last.said(), EXPIRED);
  away(false);
  await last.clock.advance(600 * S);
  t.is(last.said(), 'served', 'until the primary says that it is current');
  await last.stop();
});

test('a copy whose time ran out while no process was there is not served', async (t) => {
  const { start, away } = setUp(t);
  const first = await start();
  away(true);
  await first.stop();
  const late = await start(first.clock.wall() + EXPIRE * S);
  t.regex(late.said(), EXPIRED);
  await late.stop();
});
