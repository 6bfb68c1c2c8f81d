/** What the secondary measures. */
import type { MetricTable } from '@zonewright/common/service/metrics';

export const METRICS = {
  zonewright_zones: { type: 'gauge', help: 'Zones being served' },
  zonewright_zones_missing: { type: 'gauge', help: 'Zones named by keys that have no data' },
  zonewright_zone_changes_total: { type: 'counter', help: 'Versions of zones published or withdrawn' },
  zonewright_responses_dropped_total: { type: 'counter', help: 'Responses above --rate-limit that were not sent' },
  zonewright_responses_truncated_total: {
    type: 'counter',
    help: 'Responses above --rate-limit that were sent truncated',
  },
} as const satisfies MetricTable;
