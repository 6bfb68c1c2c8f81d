/**
 * What a service shows of itself, as its options say: pages over HTTP (`--http`) and measurements sent out (`--monitor`). What is not
 * asked for is not loaded: it would take a tenth of the time and of the memory of a start.
 */
import { type Fault, ok, type Result } from '../result.ts';
import type { Endpoint } from './endpoint.ts';
import type { HttpOptions } from './http.ts';
import type { Metrics, MetricTable } from './metrics.ts';
import { NO_METRICS } from './no-metrics.ts';

export interface PagesOptions extends Omit<HttpOptions, 'endpoint'> {
  /** Name of the service in the measurements. */
  readonly service: string;
  readonly http: Endpoint | undefined;
  readonly monitor: Endpoint | undefined;
}

export interface Pages {
  close(): Promise<void>;
}

/** Metrics to count with; of a service that shows none, ones that keep nothing. */
export async function openMetrics<const Table extends MetricTable>(
  table: Table,
  { http, monitor }: Pick<PagesOptions, 'http' | 'monitor'>,
): Promise<Metrics<Table>> {
  if (http === undefined && monitor === undefined) return NO_METRICS;
  const { createMetrics } = await import('./metrics.ts');
  return createMetrics(table);
}

/** Starts what is asked for. The fault is that of the port. */
export async function startPages(options: PagesOptions): Promise<Result<Pages, Fault>> {
  const { service, http, monitor, ...rest } = options;
  const started =
    http === undefined ? ok(undefined) : await (await import('./http.ts')).startHttp({ endpoint: http, ...rest });
  if (!started.ok) return started;
  const { log, metrics } = options;
  const sender =
    monitor === undefined
      ? undefined
      : (await import('./monitor.ts')).startMonitor({ endpoint: monitor, metrics, log, service });
  return ok({
    async close() {
      await started.value?.close();
      await sender?.close();
    },
  });
}
