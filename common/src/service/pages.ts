/** What a service shows of itself, as its options say: pages over HTTP (`--http`) and measurements sent out (`--monitor`). */
import { type Fault, ok, type Result } from '../result.ts';
import type { Endpoint } from './endpoint.ts';
import { type HttpOptions, startHttp } from './http.ts';
import { startMonitor } from './monitor.ts';

export interface PagesOptions extends Omit<HttpOptions, 'endpoint'> {
  /** Name of the service in the measurements. */
  readonly service: string;
  readonly http: Endpoint | undefined;
  readonly monitor: Endpoint | undefined;
}

export interface Pages {
  close(): Promise<void>;
}

/** Starts what is asked for. The fault is that of the port. */
export async function startPages(options: PagesOptions): Promise<Result<Pages, Fault>> {
  const { service, http, monitor, ...rest } = options;
  const started = http === undefined ? ok(undefined) : await startHttp({ endpoint: http, ...rest });
  if (!started.ok) return started;
  const { log, metrics } = options;
  const sender = monitor === undefined ? undefined : startMonitor({ endpoint: monitor, metrics, log, service });
  return ok({
    async close() {
      await started.value?.close();
      await sender?.close();
    },
  });
}
