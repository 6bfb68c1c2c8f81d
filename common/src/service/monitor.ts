/**
 * `--monitor`: metrics to a telegraf or InfluxDB, as Influx line protocol in UDP datagrams, every ten seconds.
 *
 * Always holds: a collector that is away is worth a line at debug and nothing else.
 */
import { hostname } from 'node:os';
import { openDatagramSender } from './datagram.ts';
import type { Endpoint } from './endpoint.ts';
import type { Log } from './log.ts';
import type { Metrics, Sample } from './metrics.ts';

const INTERVAL_MS = 10_000;
/** Below the payload of an Ethernet frame, so that no datagram is fragmented. */
const DATAGRAM_LIMIT = 1400;

function escapeTag(text: string): string {
  // A backslash before a separator cannot be written at all in the line protocol, hence none is.
  return text
    .replaceAll('\\', '/')
    .replaceAll(/[\r\n]+/g, ' ')
    .replaceAll(/[,= ]/g, '\\$&');
}

/**
 * Samples in Influx line protocol: `NAME,TAG=VALUE... value=NUMBER TIME`, one a line, without those that are no finite number.
 *
 * @param tags set on every line; a sample's label of the same name wins
 * @param time Unix time, milliseconds
 */
export function influxLines(
  samples: readonly Sample[],
  tags: Readonly<Record<string, string>>,
  time: number,
): readonly string[] {
  return samples
    .filter((sample) => Number.isFinite(sample.value))
    .map((sample) => {
      const set = Object.entries({ ...tags, ...sample.labels })
        .filter(([, value]) => String(value) !== '')
        .map(([name, value]) => `,${escapeTag(name)}=${escapeTag(String(value))}`)
        .join('');
      return `${sample.name}${set} value=${sample.value} ${time}000000`;
    });
}

/** Lines joined by newlines into datagrams of at most `limit` octets; a line that is longer alone is left out. */
export function packLines(lines: readonly string[], limit: number = DATAGRAM_LIMIT): readonly Buffer[] {
  const packed: Buffer[] = [];
  let parts: Buffer[] = [];
  let size = 0;
  for (const line of lines) {
    const octets = Buffer.from(`${line}\n`);
    if (octets.length > limit) continue;
    if (size + octets.length > limit) {
      packed.push(Buffer.concat(parts));
      parts = [];
      size = 0;
    }
    parts.push(octets);
    size += octets.length;
  }
  return size > 0 ? [...packed, Buffer.concat(parts)] : packed;
}

export interface MonitorOptions {
  readonly endpoint: Endpoint;
  readonly metrics: Metrics;
  readonly log: Log;
  /** The command that runs: the tag `service`. */
  readonly service: string;
  /** Milliseconds between two readings; default ten seconds. */
  readonly interval?: number;
}

/** Starts to send; the first reading leaves at once. `close` sends the last one. */
export function startMonitor(options: MonitorOptions): { readonly close: () => Promise<void> } {
  const { metrics, log, service } = options;
  const sender = openDatagramSender(options.endpoint, (fault) => {
    log.debug('monitor.host', { state: fault === undefined ? 'reached' : 'lost' }, fault?.what);
  });
  const tags = { service, host: hostname() };
  const send = async (): Promise<void> => {
    try {
      packLines(influxLines(await metrics.samples(), tags, Date.now())).forEach(sender.send);
    } catch (error) {
      log.debug('monitor.host', { state: 'unread', error });
    }
  };
  void send();
  const timer = setInterval(() => void send(), options.interval ?? INTERVAL_MS).unref();
  return {
    async close() {
      clearInterval(timer);
      await send();
      await sender.close();
    },
  };
}
