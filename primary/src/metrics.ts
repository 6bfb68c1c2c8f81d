/** What the primary measures. */
import { ANSWERING_METRICS } from '@zonewright/common/service/answering-metrics';
import type { MetricTable } from '@zonewright/common/service/metrics';

export const METRICS = {
  zonewright_zones: { type: 'gauge', help: 'Zones being served' },
  zonewright_zones_refused: { type: 'gauge', help: 'Zone files whose latest version has errors and is not served' },
  zonewright_keys: { type: 'gauge', help: 'Keys in force' },
  zonewright_updates_unpushed: { type: 'gauge', help: 'Updates that are acknowledged and not in the remote' },
  zonewright_updates_unpushed_age_seconds: { type: 'gauge', help: 'Since the oldest of them was acknowledged' },
  zonewright_zone_changes_total: { type: 'counter', help: 'Versions of zones published or withdrawn' },
  zonewright_secondaries_behind: { type: 'gauge', help: 'Secondaries that do not serve the newest version of a zone' },
  zonewright_secondary_lag_seconds: { type: 'gauge', help: 'Since when the one that is behind for longest is' },
  zonewright_hooks_received_total: { type: 'counter', help: 'Webhooks with a good proof' },
  zonewright_hooks_refused_total: { type: 'counter', help: 'Webhooks without a good proof' },
  ...ANSWERING_METRICS,
} as const satisfies MetricTable;
