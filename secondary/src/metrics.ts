/** What the secondary measures. */
import { ANSWERING_METRICS } from '@zonewright/common/service/answering-metrics';
import type { MetricTable } from '@zonewright/common/service/metrics';

export const METRICS = {
  zonewright_zones: { type: 'gauge', help: 'Zones being served' },
  zonewright_zones_missing: { type: 'gauge', help: 'Zones named by keys that have no data' },
  zonewright_zone_changes_total: { type: 'counter', help: 'Versions of zones published or withdrawn' },
  zonewright_updates_forwarded_total: {
    type: 'counter',
    help: 'Updates passed on to a primary and answered by it',
    labels: ['rcode'],
  },
  ...ANSWERING_METRICS,
} as const satisfies MetricTable;
