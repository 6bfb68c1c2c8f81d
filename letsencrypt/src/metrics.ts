/** What the ACME secondary measures. */
import type { MetricTable } from '@zonewright/common/service/metrics';

export const METRICS = {
  zonewright_certificate_requests: {
    type: 'gauge',
    help: 'Names at which a certificate is requested, by what is done about them.',
    labels: ['state'],
  },
  zonewright_certificates_issued_total: { type: 'counter', help: 'Certificates that the CA has issued.' },
  zonewright_certificate_failures_total: {
    type: 'counter',
    help: 'Orders and publications that failed; a name is tried again, ever later.',
  },
} as const satisfies MetricTable;
