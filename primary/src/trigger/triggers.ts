/** What makes a primary look at its repository beside NOTIFY, signals and pushes that met somebody: hooks of forges, and time. */
import type { Remote } from '@zonewright/common/git/remote';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import type { HttpRoute } from '@zonewright/common/service/http';
import type { Log } from '@zonewright/common/service/log';
import type { Metrics } from '@zonewright/common/service/metrics';
import type { OptionRow, Values } from '@zonewright/common/service/options';
import { wholeNumber } from '@zonewright/common/service/service-options';
import type { METRICS } from '../metrics.ts';
import { Poll } from './poll.ts';

/** Seconds of `--poll`: a day at most. */
const MAX_POLL = 86_400;

export const TRIGGER_OPTIONS = [
  {
    flag: '--hook-secret <SECRET>',
    description: 'what a forge signs its webhooks with, or @FILE: POST /hook of --http makes this server pull',
    secret: true,
  },
  {
    flag: '--poll <SECONDS>',
    description: 'look at the repository so often; never unless given',
    parse: wholeNumber(1, MAX_POLL),
  },
] as const satisfies readonly OptionRow[];

export type TriggerValues = Values<readonly [], typeof TRIGGER_OPTIONS> & { readonly http: unknown };

export interface TriggerOptions {
  readonly remote: Remote;
  readonly log: Log;
  readonly metrics: Metrics<typeof METRICS>;
  pull(): Promise<unknown>;
}

export interface Triggers {
  /** What they add to the pages of `--http`. */
  readonly routes: ReadonlyMap<string, HttpRoute>;
  /** To be told of every pull, whoever asked for it. */
  around(pull: Promise<unknown>): void;
  close(): void;
}

/** Starts those that the options ask for. */
export async function startTriggers(
  { hookSecret, poll, http }: TriggerValues,
  { remote, log, metrics, pull }: TriggerOptions,
): Promise<Result<Triggers, Fault>> {
  if (hookSecret !== undefined && http === undefined)
    return fail({ kind: 'usage', what: '--hook-secret without --http', hint: 'hooks come to POST /hook of --http' });
  const routes = new Map<string, HttpRoute>();
  if (hookSecret !== undefined) {
    const counters = {
      received: metrics.counter('zonewright_hooks_received_total'),
      refused: metrics.counter('zonewright_hooks_refused_total'),
    };
    const { webhook } = await import('./webhook.ts');
    const route = webhook({
      secret: hookSecret,
      branch: remote.branch,
      log,
      count: (outcome) => counters[outcome].add(),
      pull: () => void pull(),
      now: Date.now,
    });
    routes.set('/hook', route);
  }
  const polling =
    poll === undefined ? undefined : new Poll({ interval: poll * 1000, pull: () => void pull(), random: Math.random });
  return ok({
    routes,
    around: (pulling) => polling?.around(pulling),
    close: () => polling?.close(),
  });
}
