/**
 * From a signing request in the DNS to the certificate beside it, with all that stands between: a primary of ours with a journal, two secondaries
 * that have to show each challenge, the ACME secondary, and pebble, which does not sleep here and refuses no nonce. Also what the
 * service needs while nothing happens.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Owner } from '@zonewright/test/support/owner';
import { startPebble } from '@zonewright/test/support/pebble';
import { type Service, start } from '@zonewright/test/support/zonewright';
import { startClient } from '../client.ts';
import type { Experiment, Reading } from '../measure.ts';
import { type Pair, startPair } from '../pairs.ts';
import { usageOf, usageSince } from '../process-usage.ts';
import { inTurns } from '../rounds.ts';
import type { Scale } from '../scales.ts';
import { Scope } from '../scope.ts';
import { KEY } from '../servers.ts';
import { quantile } from '../statistics.ts';
import { timeline } from '../timeline.ts';
import { ORIGIN, plainWorld } from '../worlds.ts';

const SECONDARIES = 2;
/** Records of the zone, and requests that do not count. */
const SIZE = 100;
const WARM_UP = 3;
/** Orders under way at a time, at most: what a CA is to be asked for. */
const FLIGHT = 10;

interface World {
  readonly pair: Pair;
  readonly service: Service;
  /** Posts so many requests and waits for all certificates. */
  run(
    mode: 'each' | 'all',
    count: number,
  ): Promise<{ readonly latencies: readonly number[]; readonly seconds: number }>;
}

/** The name servers of the zone are the primary and its secondaries, at the addresses that `startPair` gives them. */
const servedText = (text: string): string =>
  ['127.0.0.1', ...Array.from({ length: SECONDARIES }, (_, i) => `127.0.1.${i + 2}`)].reduce(
    (zone, address, i) => `${zone}@ NS server${i}\nserver${i} A ${address}\n`,
    text.replace('@ NS ns\n', ''),
  );

const worldOf = async (owner: Owner): Promise<World> => {
  const text = servedText(plainWorld(SIZE).zones[0]!.text);
  const zone = { name: ORIGIN, text };
  const pair = await startPair(owner, { server: 'zonewright', zone, secondaries: SECONDARIES, isTuned: true });
  const { address, port } = pair.primary;
  const { directory, caFile } = await startPebble(owner, {
    dnsServer: `${address}:${port}`,
    nonceReject: 0,
    timeout: 60_000,
  });
  const peers = ['--dns-key', KEY, '--dns-server', address, '--port', `${port}`];
  const ca = ['--directory', directory, '--ca-file', caFile, '--account-key-seed', 'a bench'];
  const service = await start(owner, 'letsencrypt', [...peers, ...ca]);
  await service.waitForEvent('transfer.in', { zone: ORIGIN });
  let next = 0;
  const run: World['run'] = (mode, count) =>
    Scope.within(async (scope) => {
      const first = next;
      next += count;
      return (await startClient(scope, 'certificates', pair.primary, [mode, count, first])).report();
    });
  await run('each', WARM_UP);
  return { pair, service, run };
};

/** How many orders were under way at the same time, by the log. */
const flightOf = ({ lines }: Service, from: number): number => {
  let [now, most] = [0, 0];
  for (const { text } of lines.slice(from)) {
    if (text.includes('"event":"certificate.requested"')) most = Math.max(most, ++now);
    else if (/"event":"certificate\.(published|failed|superseded)"/.test(text)) now--;
  }
  return most;
};

/** What is said of doing nothing is said of ten seconds. */
const IDLE = 10_000;

const idle = async (service: Service, { settling, idling }: Scale): Promise<number> => {
  await pause(settling);
  const before = usageOf(service.pid);
  await pause(idling);
  const { user, kernel } = usageSince(service.pid, before);
  return (user + kernel) * 1000 * (IDLE / idling);
};

const readingOf = async (service: Service, run: World['run'], scale: Scale): Promise<Reading> => {
  const { latencies } = await run('each', scale.orders);
  const from = service.lines.length;
  const before = usageOf(service.pid);
  const { seconds } = await run('all', scale.certificates);
  const { user, kernel } = usageSince(service.pid, before);
  return {
    figures: {
      p50: quantile(latencies, 0.5) / 1000,
      longest: quantile(latencies, 1) / 1000,
      last: seconds,
      cpu: ((user + kernel) * 1000) / scale.certificates,
      flight: flightOf(service, from),
      idle: await idle(service, scale),
    },
  };
};

/** Seconds that a certificate takes by itself, and among many, about. */
const ALONE = 0.4;
const AMONG = 0.1;

/**
 * Its figures: one name after the other, `p50` and `longest` in seconds; many at once, `last` in seconds and `cpu`, milliseconds of the service for
 * each; `idle`, milliseconds of its processor time in ten seconds. One round: what was issued stays in the zone, so a second one
 * would be another.
 */
export const certificates: Experiment = {
  planned: (scale) =>
    (WARM_UP + scale.orders) * ALONE + scale.certificates * AMONG + (scale.settling + scale.idling) / 1000,
  run: ({ scale }) =>
    Scope.within(async (scope) => {
      const { service, run } = await timeline.during('starts', () => worldOf(scope));
      const [reading] = (await inTurns(1, [['zonewright', service]], () => readingOf(service, run, scale))).zonewright!;
      const { flight, ...figures } = reading!.figures;
      if (flight! > FLIGHT) throw new Error(`${flight} orders were under way at a time`);
      const remarks = [`of those at once, at most ${flight} orders were under way at a time.`];
      return { readings: { zonewright: [{ figures }] }, remarks };
    }),
};
