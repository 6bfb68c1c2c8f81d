/** What the ACME secondary measures. */
import type { MetricTable } from '@zonewright/common/service/metrics';

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
