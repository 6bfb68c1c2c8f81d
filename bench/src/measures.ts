/** Everything that is measured: a row here is a row of the results. What is wanted is a ratio in one run, or a number. */
import { signZone } from '@zonewright/test/support/signer';
import { transfer } from './areas/axfr.ts';
import { certificates } from './areas/certificates.ts';
import { ddns } from './areas/ddns.ts';
import { EVENTS, gapOf } from './areas/gap.ts';
import { garbage } from './areas/input.ts';
import { clone, largeFile } from './areas/large-file.ts';
import { transferredIn, visibleOn } from './areas/replication.ts';
import { restarted } from './areas/restart.ts';
import { startOf } from './areas/start.ts';
import { update } from './areas/update.ts';
import { askOpening } from './client.ts';
import { withCookie } from './cookie.ts';
import { dnsperf } from './dnsperf.ts';
import { type LoadOptions, loadOf } from './loads.ts';
import type { Area, Contestant, Experiment, Measure, Wanted } from './measure.ts';
import type { Scale } from './scales.ts';
import { branchedWorld, manyWorld, ORIGIN, plainWorld, signedWorld } from './worlds.ts';

const plain: LoadOptions['world'] = ({ scale }) => plainWorld(scale.large);

const signed: LoadOptions['world'] = async ({ scale }, scope) => {
  const [zone] = plainWorld(scale.signed).zones;
  const made = await signZone(scope, { signer: 'ldns-signzone', origin: ORIGIN, text: zone!.text, denial: 'NSEC' });
  return signedWorld(scale.signed, made.text);
};

const LOADS = {
  mixed: loadOf({ world: plain }),
  cookies: loadOf({
    world: plain,
    ask: async (server, questions) => dnsperf(server, questions, await withCookie(server)),
    setting: { hasCookies: true },
  }),
  branched: loadOf({ world: ({ scale }) => branchedWorld(scale.large) }),
  spread: loadOf({ world: ({ scale }) => manyWorld(scale.zones) }),
  signed: loadOf({ world: signed, ask: (server, questions) => dnsperf(server, questions, ['-D']) }),
  portable: loadOf({ world: plain, setting: { flags: [{ name: '--udp', value: 'portable' }] } }),
  kept: loadOf({
    world: plain,
    ask: (server, questions) => dnsperf(server, questions, ['-m', 'tcp', '-c', '20']),
    share: 0.5,
    pace: 25e-6,
  }),
  // dnsperf waits before it opens a connection again.
  opened: loadOf({ world: plain, ask: askOpening, share: 0.05, pace: 200e-6 }),
  limited: loadOf({
    world: plain,
    setting: { flags: [{ name: '--rate-limit', value: '100000' }] },
    baseline: [],
  }),
} as const satisfies Readonly<Record<string, Experiment>>;

const million = startOf(
  (scale) => plainWorld(scale.million),
  (scale) => scale.million,
);
// A zone costs as much as fifty records.
const many = startOf(
  (scale) => manyWorld(scale.zones),
  (scale) => scale.zones * 50,
);

const cloned = clone((scale) => manyWorld(scale.zones));

const GAPS = {
  reloaded: gapOf(EVENTS.reload),
  transferred: gapOf(EVENTS.transfer),
  updated: gapOf(EVENTS.update),
  nothing: gapOf(EVENTS.nothing),
} as const satisfies Readonly<Record<string, Experiment>>;

const VISIBLE = {
  one: visibleOn({ servers: ['zonewright', 'knot', 'bind'], hasPlain: true, secondaries: () => 1 }),
  ten: visibleOn({ servers: ['zonewright', 'bind'], secondaries: ({ several }) => several }),
  many: visibleOn({ servers: ['zonewright', 'bind'], secondaries: ({ many }) => many }),
} as const satisfies Readonly<Record<string, Experiment>>;

type Row = readonly [
  area: Area,
  title: string,
  experiment: Experiment,
  figure: string,
  unit: Measure['unit'],
  wanted?: Wanted,
  more?: Pick<Measure, 'baseline' | 'of'>,
];

const FASTEST: readonly Contestant[] = ['knot', 'nsd'];
const GREATEST = { of: 'greatest' } as const;
const QUERY = { baseline: 'a query' } as const;
const OWN: readonly Contestant[] = ['baseline'];
const WITHOUT_GAP = { atMost: 20 } as const;

const ROWS: readonly Row[] = [
  [
    'udp',
    '100 k records: 80 % hits, 10 % NXDOMAIN, 10 % NODATA',
    LOADS.mixed,
    'cpu',
    'us',
    { times: 0.9, of: FASTEST },
  ],
  ['udp', 'the same with EDNS and cookies', LOADS.cookies, 'cpu', 'us', { times: 1, of: FASTEST }],
  ['udp', 'with wildcards and delegations', LOADS.branched, 'cpu', 'us', { times: 1, of: FASTEST }],
  ['udp', 'spread over 10 k zones', LOADS.spread, 'cpu', 'us', { times: 1, of: FASTEST }],
  ['udp', 'signed zone, with DO', LOADS.signed, 'cpu', 'us', { times: 1, of: FASTEST }],
  ['udp', 'the first through dgram', LOADS.portable, 'cpu', 'us', { times: 1.4, of: ['bind'] }],

  ['tcp', 'on kept connections', LOADS.kept, 'cpu', 'us', { times: 1.5, of: ['bind'] }],
  ['tcp', 'a connection for each query', LOADS.opened, 'cpu', 'us', { times: 1.5, of: ['bind'] }],

  ['start', '1 M records: first answer', million, 'time', 's', { times: 1, of: ['nsd'] }],
  ['start', '1 M records: memory', million, 'memory', 'MB', { times: 0.6, of: ['knot'] }],
  ['start', '1 M records: CPU', million, 'cpu', 's'],
  ['start', '10 k zones of 5 records: last zone answered', many, 'time', 's', { times: 1.5, of: ['knot'] }],
  ['start', '10 k zones of 5 records: memory', many, 'memory', 'MB', { times: 3, of: ['knot'] }],
  ['start', '10 k zones of 5 records: CPU', many, 'cpu', 's'],

  ['axfr', '1 M records: time', transfer, 'time', 's', { times: 1, of: ['bind'] }],
  ['axfr', '1 M records: CPU', transfer, 'cpu', 's'],
  ['axfr', '1 M records: growth of memory', transfer, 'growth', 'MB', { atMost: 32 }, GREATEST],

  ['update', 'CPU until answered, zone of 1 M records', update, 'answered', 'ms', { atMost: 2 }],
  [
    'update',
    'the same against 1 k records',
    update,
    'answered',
    'ms',
    { times: 1.25, of: OWN },
    { baseline: 'with 1 k' },
  ],
  ['update', 'CPU with all that follows', update, 'all', 'ms', undefined, { baseline: 'with 1 k' }],
  ['update', 'time, zone of 1 M records', update, 'time', 'ms', undefined, { baseline: 'with 1 k' }],

  ['ddns', '1 k records, 200 updates a second: p50 of answers', ddns, 'p50', 'ms', { atMost: 10 }],
  ['ddns', '1 k records, 200 updates a second: p99 of answers', ddns, 'p99', 'ms'],
  ['ddns', '1 k records, 200 updates a second: all pushed after', ddns, 'pushed', 's', { atMost: 3 }],
  ['ddns', '1 k records, as fast as they are taken: an update', ddns, 'each', 'ms', { atMost: 5 }],
  ['ddns', 'file of 50 MB, one update: answered', largeFile, 'answered', 'ms', { atMost: 20 }, GREATEST],
  ['ddns', 'file of 50 MB, one update: pushed', largeFile, 'pushed', 's', { atMost: 3 }, GREATEST],
  ['ddns', 'file of 50 MB, one update: sent', largeFile, 'octets', 'kB', { atMost: 100 }, GREATEST],
  ['ddns', 'file of 50 MB, updated: p99.9', largeFile, 'p999', 'ms', WITHOUT_GAP],
  ['ddns', 'file of 50 MB, updated: longest', largeFile, 'longest', 'ms', undefined, GREATEST],
  ['ddns', '10 k zones cloned: last zone answered', cloned, 'time', 's', { atMost: 5 }],

  ['replication', 'UPDATE to visible, 1 secondary: p50', VISIBLE.one, 'p50', 'ms', { atMost: 30 }],
  ['replication', 'UPDATE to visible, 1 secondary: p99', VISIBLE.one, 'p99', 'ms', { atMost: 100 }],
  ['replication', 'the same, BIND as it is by itself: p50', VISIBLE.one, 'plain', 'ms', { atMost: 30 }],
  ['replication', '10 secondaries: p50', VISIBLE.ten, 'p50', 'ms', { atMost: 30 }],
  ['replication', '10 secondaries: p99', VISIBLE.ten, 'p99', 'ms', { atMost: 100 }],
  ['replication', '10 secondaries: the last of them, median', VISIBLE.ten, 'last', 'ms'],
  ['replication', '50 secondaries: p50', VISIBLE.many, 'p50', 'ms', { atMost: 30 }],
  ['replication', '50 secondaries: p99', VISIBLE.many, 'p99', 'ms', { atMost: 100 }],
  ['replication', '50 secondaries: the last of them, median', VISIBLE.many, 'last', 'ms'],
  ['replication', '1 M records transferred in: time', transferredIn, 'time', 's', { times: 1.5, of: ['knot'] }],
  ['replication', '1 M records transferred in: time since it replied at all', transferredIn, 'transfer', 's'],
  ['replication', '1 M records transferred in: CPU', transferredIn, 'cpu', 's'],
  ['replication', '1 M records transferred in: memory', transferredIn, 'memory', 'MB'],
  ['replication', '10 k zones, started without copies: all answered', restarted, 'first', 's'],
  ['replication', '10 k zones, started without copies: CPU', restarted, 'firstCpu', 's'],
  ['replication', '10 k zones, started without copies: CPU of the primary', restarted, 'firstPrimary', 's'],
  ['replication', '10 k zones, started again: all answered', restarted, 'served', 's'],
  ['replication', '10 k zones, started again: all current', restarted, 'current', 's', { atMost: 5 }],
  ['replication', '10 k zones, started again: CPU', restarted, 'cpu', 's'],
  ['replication', '10 k zones, started again: CPU of the primary', restarted, 'primary', 's'],
  ['replication', '10 k zones, started again: memory', restarted, 'memory', 'MB'],

  ['gap', 'nothing done: p99.9', GAPS.nothing, 'p999', 'ms'],
  ['gap', 'nothing done: longest', GAPS.nothing, 'longest', 'ms', undefined, GREATEST],
  ['gap', '1 M records transferred: p99.9', GAPS.transferred, 'p999', 'ms', WITHOUT_GAP],
  ['gap', '1 M records transferred: longest', GAPS.transferred, 'longest', 'ms', undefined, GREATEST],
  ['gap', '1 M records reloaded: p99.9', GAPS.reloaded, 'p999', 'ms', WITHOUT_GAP],
  ['gap', '1 M records reloaded: longest', GAPS.reloaded, 'longest', 'ms', undefined, GREATEST],
  ['gap', '1 M records updated: p99.9', GAPS.updated, 'p999', 'ms', WITHOUT_GAP],
  ['gap', '1 M records updated: longest', GAPS.updated, 'longest', 'ms', undefined, GREATEST],

  ['input', 'random octets', garbage, 'random', 'us', { times: 1, of: OWN }, QUERY],
  ['input', 'queries that end too early', garbage, 'truncated', 'us', { times: 1, of: OWN }, QUERY],
  ['input', 'unknown opcodes', garbage, 'opcode', 'us', { times: 1, of: OWN }, QUERY],
  ['input', 'a query with the rate limit on', LOADS.limited, 'cpu', 'us', { times: 1.1, of: OWN }, { baseline: 'off' }],

  [
    'certificates',
    'from the request in the DNS to the certificate in the DNS: p50',
    certificates,
    'p50',
    's',
    { atMost: 2 },
  ],
  ['certificates', 'the longest of 20', certificates, 'longest', 's'],
  ['certificates', '200 names at once: all certificates', certificates, 'last', 's', { atMost: 60 }],
  ['certificates', '200 names at once: CPU of the service for each', certificates, 'cpu', 'ms'],
  ['certificates', 'nothing to do for 10 s: CPU of the service', certificates, 'idle', 'ms', { atMost: 20 }],
];

export const MEASURES: readonly Measure[] = ROWS.map(
  ([area, title, experiment, figure, unit, wanted, more = {}]): Measure => ({
    area,
    title,
    experiment,
    figure,
    unit,
    wanted,
    ...more,
  }),
);

/** Seconds of all rounds of an area, about, with nothing else to do: that servers are there comes on top. */
export const plannedOf = (area: Area, scale: Scale): number =>
  [...new Set(MEASURES.filter((each) => each.area === area).map(({ experiment }) => experiment))].reduce(
    (sum, { planned }) => sum + planned(scale),
    0,
  );
