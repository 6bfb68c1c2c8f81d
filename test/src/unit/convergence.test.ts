/**
 * How the convergence test judges (docs/convergence.md): what a primary has published is proven, also where nobody saw it there; what it has not
 * is noticed on a secondary.
 */
import { KeyTable, parseKey } from '@zonewright/common/authority/key';
import type { Peer } from '@zonewright/common/net/address';
import { SILENT_LOG } from '@zonewright/common/service/log';
import { startNameServer } from '@zonewright/common/service/name-server';
import { RCODE } from '@zonewright/common/wire/code';
import { diffZones } from '@zonewright/common/zone/delta';
import { History } from '@zonewright/common/zone/history';
import { Zone } from '@zonewright/common/zone/zone';
import test, { type ExecutionContext } from 'ava';
import { Follower } from '../convergence/follower.ts';
import type { Stage } from '../crash/stage.ts';
import { Watch } from '../crash/watch.ts';
import { authorityOf } from '../support/answering.ts';
import { freePort } from '../support/ports.ts';
import { given, nameOf, recordOf } from '../support/records.ts';
import { udpOfRun } from '../support/udp-way.ts';

const ADDRESS = '127.0.0.1';
const origin = nameOf('alpha.test.');
const key = given(parseKey(`x._transfer:SHA256:${Buffer.alloc(32, 1).toString('base64')}`));
const STILL = Array.from({ length: 30 }, (_, i) => `still${i} 300 A 192.0.2.${i}`);

/** A version of the zone, with one record that tells it from the others. */
const versionOf = (serial: number, word: string): Zone => {
  const lines = [`@ 300 SOA ns hostmaster ${serial} 3600 600 86400 300`, '@ 300 NS ns.other.', `it 300 TXT "${word}"`];
  return Zone.fromRecords(
    origin,
    [...lines, ...STILL].map((line) => recordOf(line, origin)),
  )!;
};

/** Serves the last of some versions, and the differences between them. */
const serve = async (t: ExecutionContext, ...versions: readonly Zone[]): Promise<Peer> => {
  const history = new History();
  for (const [i, version] of versions.entries()) if (i > 0) history.add(diffZones(versions[i - 1]!, version));
  const port = await freePort(ADDRESS);
  const refuse = (): Promise<{ readonly rcode: number }> => Promise.resolve({ rcode: RCODE.REFUSED });
  const open = authorityOf(versions.at(-1)!);
  const server = given(
    await startNameServer({
      addresses: [ADDRESS],
      port,
      authority: { ...open, keys: new KeyTable([key]), isTransferOpen: true, historyOf: () => history },
      hooks: { update: refuse, notify: refuse },
      log: SILENT_LOG,
      udp: udpOfRun,
    }),
  );
  t.teardown(() => server.close());
  return { address: ADDRESS, port };
};

interface Followed {
  readonly follower: Follower;
  readonly faults: readonly string[];
  readonly member: { readonly name: string; server: Peer; lives: number };
}

/** One who looks at a secondary that serves a version. */
const follow = async (t: ExecutionContext, published: readonly Zone[], served: Zone): Promise<Followed> => {
  const faults: string[] = [];
  const zone = { fileName: 'alpha.test', name: origin, text: () => '' };
  const stage = {
    zones: [zone],
    tallies: [],
    server: await serve(t, ...published),
    chance: () => 0,
    count: () => undefined,
    fail: (what: string) => void faults.push(what),
  } as unknown as Stage;
  const member = { name: 'secondary', server: await serve(t, served), lives: 1 };
  const follower = new Follower(stage, member, new Watch(stage, zone), { key, looks: { soa: 1, transfer: 1 } });
  return { follower, faults, member };
};

/** What is found wrong, and what is not proven, of a secondary that serves a version. */
const judged = async (
  t: ExecutionContext,
  published: readonly Zone[],
  served: Zone,
): Promise<{ readonly faults: readonly string[]; readonly open: readonly number[] }> => {
  const { follower, faults } = await follow(t, published, served);
  await follower.take(true);
  // What the primary serves at the time is learnt only when it is asked for.
  await follower.prove();
  return { open: await follower.prove(), faults };
};

const published = [versionOf(1, 'one'), versionOf(2, 'two'), versionOf(3, 'three'), versionOf(4, 'four')];

for (const version of published.slice(0, -1))
  test.serial(
    `a version that the primary has published is proven by its differences, serial ${version.serial} of 4`,
    async (t) => {
      t.deepEqual(await judged(t, published, version), { faults: [], open: [] });
    },
  );

test.serial('the version that the primary serves is proven', async (t) => {
  t.deepEqual(await judged(t, published, published.at(-1)!), { faults: [], open: [] });
});

test.serial('a serial that the primary has published with another content is noticed', async (t) => {
  const { faults } = await judged(t, published, versionOf(2, 'odd'));
  t.is(faults.length, 1);
  t.regex(faults[0]!, /serial 2 is not what the primary published/);
});

test.serial('a record too many is noticed at the serial that the primary serves, and before', async (t) => {
  for (const version of [published[1]!, published[3]!]) {
    const { faults } = await judged(
      t,
      published,
      version.change({ removed: [], added: [recordOf('odd 300 A 192.0.2.99', origin)] })!,
    );
    t.is(faults.length, 1);
    t.regex(faults[0]!, /alpha\.test on secondary: serial \d does not lead to|is not what the primary published/);
  }
});

test.serial('a serial that the primary does not know stays open', async (t) => {
  t.deepEqual(await judged(t, published.slice(1), versionOf(1, 'one')), { faults: [], open: [1] });
});

test.serial('a secondary that is older in another life is no fault, and in the same life it is one', async (t) => {
  const { follower, faults, member } = await follow(t, published, published[2]!);
  await follower.take(true);
  member.server = await serve(t, published[1]!);
  member.lives++;
  for (const isWhole of [false, true]) await follower.take(isWhole);
  t.deepEqual(faults, []);
  member.server = await serve(t, published[0]!);
  await follower.take(false);
  t.is(faults.length, 1);
  t.regex(faults[0]!, /serial 1 after 2, in one life/);
});
