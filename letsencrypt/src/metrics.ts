/** What the ACME secondary measures. */
import type { Metrics, MetricTable } from '@zonewright/common/service/metrics';
import type { Judged } from './verdict-text.ts';

export const METRICS = {
  zonewright_certificate_requests: {
    type: 'gauge',
    help: 'Names at which a certificate is requested, by what is done about them.',
    labels: ['state'],
  },
  zonewright_certificate_orders_total: {
    type: 'counter',
    help: 'Orders, and publications that failed, by how they ended; a name is tried again, ever later.',
    labels: ['outcome'],
  },
  zonewright_certificate_expiry_seconds: {
    type: 'gauge',
    help: 'Until the first of all certificates ends, of each name the last one; 0 without certificates, less when one has ended.',
  },
} as const satisfies MetricTable;

const KINDS = ['unclear', 'busy', 'current', 'waiting', 'publish', 'order'] as const;

/** Measures what is to be done about all requests, and when the first certificate ends; `now`: milliseconds since 1970. */
export function measure(metrics: Metrics<typeof METRICS>, all: readonly Judged[], now: number): void {
  for (const kind of KINDS) {
    const count = all.filter(({ verdict }) => verdict.kind === kind).length;
    metrics.gauge('zonewright_certificate_requests', { state: kind }).set(count);
  }
  let first = Number.POSITIVE_INFINITY;
  for (const { found } of all) {
    const certificates = found.posting.ok ? found.posting.value.certificates : [];
    const last = certificates.reduce((latest, { notAfter }) => Math.max(latest, notAfter), 0);
    if (certificates.length > 0) first = Math.min(first, last);
  }
  const seconds = first === Number.POSITIVE_INFINITY ? 0 : Math.round((first - now) / 1000);
  metrics.gauge('zonewright_certificate_expiry_seconds').set(seconds);
}
