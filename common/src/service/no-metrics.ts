/** Metrics that nobody can read: what a process counts into that shows none. So it need not load what makes them readable. */
import type { Metrics } from './metrics.ts';

const HANDLE = {
  value: 0,
  add: () => undefined,
  set: () => undefined,
  total: () => undefined,
  observe: () => undefined,
} as const;

export const NO_METRICS: Metrics = {
  counter: () => HANDLE,
  gauge: () => HANDLE,
  histogram: () => HANDLE,
  forget: () => undefined,
  onRead: () => undefined,
  text: async () => ({ type: 'text/plain', body: '' }),
  samples: async () => [],
};
