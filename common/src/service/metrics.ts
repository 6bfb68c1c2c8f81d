/**
 * Metrics: a table of what is measured, cheap handles to count with, and two ways out: Prometheus text (for `GET /metrics`)
 * and Influx line protocol (for `--monitor`, see monitor.ts). The registry is prom-client's; a handle is a plain cell that
 * is copied into it when somebody reads, so counting costs an addition.
 *
 * Always holds: a metric that is not in the table, or has other labels than the table says, is a bug and throws when its
 * handle is taken, not when it counts.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** One metric. Its name is its key in the table: `zonewright_updates_total` (a counter ends in `_total`). */
export interface MetricRow {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels?: readonly string[];
  /** Upper bounds of a histogram, ascending, in the unit that the name ends with (`_seconds`). */
  readonly buckets?: readonly number[];
}

export type MetricTable = Readonly<Record<string, MetricRow>>;
export type Labels = Readonly<Record<string, string>>;

/** Counts up. Take it once, keep it. */
export interface CounterHandle {
  readonly value: number;
  add(amount?: number): void;
  /** Takes over a total that is counted elsewhere (in the shared memory of workers). */
  total(value: number): void;
}

/** A value that goes both ways. Take it once, keep it. */
export interface GaugeHandle {
  readonly value: number;
  set(value: number): void;
  add(amount?: number): void;
}

export interface HistogramHandle {
  observe(value: number): void;
}

/** One number, as read at one moment. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

export interface Metrics<Table extends MetricTable = MetricTable> {
  counter(name: keyof Table & string, labels?: Labels): CounterHandle;
  gauge(name: keyof Table & string, labels?: Labels): GaugeHandle;
  histogram(name: keyof Table & string, labels?: Labels): HistogramHandle;
  /** Forgets the cell of these labels (a zone that is gone). Handles to it count into nothing from then on. */
  forget(name: keyof Table & string, labels: Labels): void;
  /** `update` runs before each reading: the place to copy what is counted elsewhere. */
  onRead(update: () => void): void;
  /** Prometheus text exposition format, and its media type. */
  text(): Promise<{ readonly type: string; readonly body: string }>;
  samples(): Promise<readonly Sample[]>;
}

class Cell implements CounterHandle, GaugeHandle {
  readonly labels: Labels;
  value = 0;
  constructor(labels: Labels) {
    this.labels = labels;
  }
  add(amount = 1): void {
    this.value += amount;
  }
  set(value: number): void {
    this.value = value;
  }
  total(value: number): void {
    this.value = value;
  }
}

interface Family {
  readonly row: MetricRow;
  readonly cells: Map<string, Cell>;
  readonly histogram?: Histogram;
}

function openFamily(name: string, row: MetricRow, registry: Registry): Family {
  const cells = new Map<string, Cell>();
  const shape = { name, help: row.help, labelNames: [...(row.labels ?? [])], registers: [registry] };
  switch (row.type) {
    case 'counter': {
      new Counter({
        ...shape,
        collect() {
          this.reset();
          for (const cell of cells.values()) this.inc({ ...cell.labels }, cell.value);
        },
      });
      return { row, cells };
    }
    case 'gauge': {
      new Gauge({
        ...shape,
        collect() {
          this.reset();
          // What nobody has set is not 0: `reset` makes it that.
          if (cells.size === 0 && row.labels === undefined) this.remove();
          for (const cell of cells.values()) this.set({ ...cell.labels }, cell.value);
        },
      });
      return { row, cells };
    }
    case 'histogram':
      return { row, cells, histogram: new Histogram({ ...shape, ...(row.buckets && { buckets: [...row.buckets] }) }) };
  }
}

/**
 * @param table every metric this process may count
 * @param defaults also measure the process itself (memory, event loop, handles); default true
 */
export function createMetrics<const Table extends MetricTable>(table: Table, defaults = true): Metrics<Table> {
  const registry = new Registry();
  // Sampling the event loop each 10 ms, prom-client's default, is a tenth of a per cent of a core for nothing.
  if (defaults) collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 50 });
  const families = new Map(Object.entries(table).map(([name, row]) => [name, openFamily(name, row, registry)]));
  const updates: (() => void)[] = [];

  const find = (name: string, type: MetricRow['type'], labels: Labels): { family: Family; key: string } => {
    const family = families.get(name);
    if (family === undefined || family.row.type !== type) throw new Error(`no ${type} ${name} in the table of metrics`);
    const names = family.row.labels ?? [];
    const values = names.map((label) => labels[label]);
    if (values.includes(undefined) || Object.keys(labels).length !== names.length) {
      throw new Error(`${name} has the labels (${names.join(' ')})`);
    }
    return { family, key: values.join('\0') };
  };
  const cellOf = (name: string, type: 'counter' | 'gauge', labels: Labels): Cell => {
    const { family, key } = find(name, type, labels);
    const known = family.cells.get(key);
    if (known !== undefined) return known;
    const cell = new Cell({ ...labels });
    family.cells.set(key, cell);
    return cell;
  };
  const read = (): void => {
    for (const update of updates) update();
  };

  return {
    counter: (name, labels = {}) => cellOf(name, 'counter', labels),
    gauge: (name, labels = {}) => cellOf(name, 'gauge', labels),
    histogram(name, labels = {}) {
      const { family } = find(name, 'histogram', labels);
      return { observe: (value) => family.histogram?.observe({ ...labels }, value) };
    },
    forget(name, labels) {
      const type = families.get(name)?.row.type ?? 'gauge';
      const { family, key } = find(name, type, labels);
      family.cells.delete(key);
      family.histogram?.remove({ ...labels });
    },
    onRead: (update) => {
      updates.push(update);
    },
    async text() {
      read();
      return { type: registry.contentType, body: await registry.metrics() };
    },
    async samples() {
      read();
      const metrics = await registry.getMetricsAsJSON();
      return metrics.flatMap((metric) =>
        metric.values.map((sample) => {
          const { metricName } = sample as { readonly metricName?: string };
          return { name: metricName ?? metric.name, labels: sample.labels as Sample['labels'], value: sample.value };
        }),
      );
    },
  };
}
