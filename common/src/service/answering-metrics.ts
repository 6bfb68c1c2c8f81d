/** What every name server measures of its answering. */
import type { Metrics, MetricTable } from './metrics.ts';
import type { NameServer } from './name-server.ts';
import type { TlsExpiry } from './tls-expiry.ts';

export const ANSWERING_METRICS = {
  zonewright_responses_dropped_total: { type: 'counter', help: 'Responses above --rate-limit that were not sent' },
  zonewright_responses_truncated_total: {
    type: 'counter',
    help: 'Responses above --rate-limit that were sent truncated',
  },
  zonewright_requests_refused_total: {
    type: 'counter',
    help: 'Requests without the key that they need, by reason',
    labels: ['reason'],
  },
  zonewright_tls_expiry_seconds: {
    type: 'gauge',
    help: 'Until the certificate that is served expires; negative behind that, and not there without TLS',
  },
  zonewright_udp_threads: { type: 'gauge', help: 'Threads that answer UDP' },
  zonewright_udp_received_total: { type: 'counter', help: 'Datagrams that came in' },
  zonewright_udp_answered_total: { type: 'counter', help: 'Datagrams that were answered by the thread that took them' },
  zonewright_udp_handed_over_total: {
    type: 'counter',
    help: 'Datagrams that need more than zones: UPDATE, NOTIFY, IXFR, what is signed',
  },
  zonewright_udp_dropped_total: { type: 'counter', help: 'Datagrams for which there was no place among those' },
} as const satisfies MetricTable;

/** Reads them off the name server whenever somebody looks. */
export function measureAnswering(
  metrics: Metrics<typeof ANSWERING_METRICS>,
  server: NameServer,
  expiry: TlsExpiry | undefined,
): void {
  const { limited, udp } = server;
  metrics.onRead(() => {
    metrics.counter('zonewright_responses_dropped_total').total(limited.dropped);
    metrics.counter('zonewright_responses_truncated_total').total(limited.slipped);
    for (const [reason, count] of server.rejections)
      metrics.counter('zonewright_requests_refused_total', { reason }).total(count);
    if (expiry !== undefined) metrics.gauge('zonewright_tls_expiry_seconds').set(expiry.left);
    const { received, answered, handedOver, dropped } = udp.counts;
    metrics.gauge('zonewright_udp_threads').set(udp.threads);
    metrics.counter('zonewright_udp_received_total').total(received);
    metrics.counter('zonewright_udp_answered_total').total(answered);
    metrics.counter('zonewright_udp_handed_over_total').total(handedOver);
    metrics.counter('zonewright_udp_dropped_total').total(dropped);
  });
}
