/** Everything that is measured: a row here is a row of the results. What is wanted is a ratio in one run, or a number. */
import { signZone } from '@zonewright/test/support/signer';
import { transfer } from './areas/axfr.ts';
import { EVENTS, gapOf } from './areas/gap.ts';
import { type Garbage, garbage } from './areas/input.ts';
import { startOf } from './areas/start.ts';
import { update } from './areas/update.ts';
import { askOpening } from './client.ts';
import { withCookie } from './cookie.ts';
import { dnsperf } from './dnsperf.ts';
import { type LoadOptions, loadOf } from './loads.ts';
import type { Contestant, Experiment, Measure } from './measure.ts';
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
  kept: loadOf({ world: plain, ask: (server, questions) => dnsperf(server, questions, ['-m', 'tcp', '-c', '20']) }),
  // dnsperf waits before it opens a connection again.
  opened: loadOf({ world: plain, ask: askOpening, share: 0.2 }),
  limited: loadOf({
    world: plain,
    setting: { flags: [{ name: '--rate-limit', value: '100000' }] },
    baseline: [],
  }),
} as const satisfies Readonly<Record<string, Experiment>>;

const million = startOf(({ scale }) => plainWorld(scale.million));
const many = startOf(({ scale }) => manyWorld(scale.zones));

const GAPS = {
  reloaded: gapOf(EVENTS.reload),
  transferred: gapOf(EVENTS.transfer),
  updated: gapOf(EVENTS.update),
  nothing: gapOf(EVENTS.nothing),
} as const satisfies Readonly<Record<string, Experiment>>;

const best: readonly Contestant[] = ['knot', 'nsd'];

const cpu = (
  area: 'udp' | 'tcp',
  title: string,
  experiment: Experiment,
  times: number,
  of: readonly Contestant[],
): Measure => ({ area, title, experiment, figure: 'cpu', unit: 'us', wanted: { times, of } });

const bad = (title: string, kind: Garbage): Measure => ({
  area: 'input',
  title,
  experiment: garbage,
  figure: kind,
  unit: 'us',
  wanted: { times: 1, of: ['baseline'] },
  baseline: 'a query',
});

const gap = (title: string, experiment: Experiment, isWanted: boolean): readonly Measure[] => [
  {
    area: 'gap',
    title: `${title}: p99.9`,
    experiment,
    figure: 'p999',
    unit: 'ms',
    wanted: isWanted ? { atMost: 20 } : undefined,
  },
  {
    area: 'gap',
    title: `${title}: longest`,
    experiment,
    figure: 'longest',
    unit: 'ms',
    wanted: undefined,
    of: 'greatest',
  },
];

export const MEASURES: readonly Measure[] = [
  cpu('udp', '100 k records: 80 % hits, 10 % NXDOMAIN, 10 % NODATA', LOADS.mixed, 0.9, best),
  cpu('udp', 'the same with EDNS and cookies', LOADS.cookies, 1, best),
  cpu('udp', 'with wildcards and delegations', LOADS.branched, 1, best),
  cpu('udp', 'spread over 10 k zones', LOADS.spread, 1, best),
  cpu('udp', 'signed zone, with DO', LOADS.signed, 1, best),
  cpu('udp', 'the first through dgram', LOADS.portable, 1.4, ['bind']),

  cpu('tcp', 'on kept connections', LOADS.kept, 1.5, ['bind']),
  cpu('tcp', 'a connection for each query', LOADS.opened, 1.5, ['bind']),

  {
    area: 'start',
    title: '1 M records: first answer',
    experiment: million,
    figure: 'time',
    unit: 's',
    wanted: { times: 1, of: ['nsd'] },
  },
  {
    area: 'start',
    title: '1 M records: memory',
    experiment: million,
    figure: 'memory',
    unit: 'MB',
    wanted: { times: 0.6, of: ['knot'] },
  },
  { area: 'start', title: '1 M records: CPU', experiment: million, figure: 'cpu', unit: 's', wanted: undefined },
  {
    area: 'start',
    title: '10 k zones of 5 records: last zone answered',
    experiment: many,
    figure: 'time',
    unit: 's',
    wanted: { times: 1.5, of: ['knot'] },
  },
  {
    area: 'start',
    title: '10 k zones of 5 records: memory',
    experiment: many,
    figure: 'memory',
    unit: 'MB',
    wanted: { times: 3, of: ['knot'] },
  },
  {
    area: 'start',
    title: '10 k zones of 5 records: CPU',
    experiment: many,
    figure: 'cpu',
    unit: 's',
    wanted: undefined,
  },

  {
    area: 'axfr',
    title: '1 M records: time',
    experiment: transfer,
    figure: 'time',
    unit: 's',
    wanted: { times: 1, of: ['bind'] },
  },
  { area: 'axfr', title: '1 M records: CPU', experiment: transfer, figure: 'cpu', unit: 's', wanted: undefined },
  {
    area: 'axfr',
    title: '1 M records: growth of memory',
    experiment: transfer,
    figure: 'growth',
    unit: 'MB',
    wanted: { atMost: 32 },
    of: 'greatest',
  },

  {
    area: 'update',
    title: 'CPU, zone of 1 M records',
    experiment: update,
    figure: 'cpu',
    unit: 'ms',
    wanted: { atMost: 2 },
  },
  {
    area: 'update',
    title: 'the same against a zone of 1 k',
    experiment: update,
    figure: 'cpu',
    unit: 'ms',
    wanted: { times: 1.25, of: ['baseline'] },
    baseline: 'with 1 k',
  },
  {
    area: 'update',
    title: 'time, zone of 1 M records',
    experiment: update,
    figure: 'time',
    unit: 'ms',
    wanted: undefined,
    baseline: 'with 1 k',
  },

  ...gap('1 M records reloaded', GAPS.reloaded, true),
  ...gap('1 M records transferred', GAPS.transferred, true),
  ...gap('zone of 1 M records updated', GAPS.updated, true),
  ...gap('nothing done', GAPS.nothing, false),

  bad('random octets', 'random'),
  bad('queries that end too early', 'truncated'),
  bad('unknown opcodes', 'opcode'),
  {
    area: 'input',
    title: 'a query with the rate limit on',
    experiment: LOADS.limited,
    figure: 'cpu',
    unit: 'us',
    wanted: { times: 1.1, of: ['baseline'] },
    baseline: 'off',
  },
];
