/** What the secondary measures. */
import { ANSWERING_METRICS } from '@zonewright/common/service/answering-metrics';
import type { MetricTable } from '@zonewright/common/service/metrics';

export const METRICS = {
  zonewright_zones: { type: 'gauge', help: 'Zones being served' },
  zonewright_zones_missing: { type: 'gauge', help: 'Zones named by keys that have no data' },
  zonewright_zones_failing: {
    type: 'gauge',
    help: 'Zones whose primaries could not be asked when they were asked last',
  },
  zonewright_zone_expiry_seconds: {
    type: 'gauge',
    help: 'Until the first zone expires, unless its primary is reached',
  },
  zonewright_copies_failed: { type: 'gauge', help: 'Whether copies cannot be written: 1 or 0' },
  zonewright_zone_changes_total: { type: 'counter', help: 'Versions of zones published or withdrawn' },
  zonewright_updates_forwarded_total: {
    type: 'counter',
    help: 'Updates passed on to a primary and answered by it',
    labels: ['rcode'],
  },
  zonewright_updates_forward_failed_total: { type: 'counter', help: 'Updates that could not be passed on' },
  ...ANSWERING_METRICS,
} as const satisfies MetricTable;
