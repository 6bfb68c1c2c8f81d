/** What a row of the results is made of. */
import type { Scale } from './scales.ts';
import { SERVERS, type ServerName } from './servers.ts';
import type { Standing } from './standing.ts';

/** Who has a figure: a server, or ours under other conditions, which the measure names. */
export const CONTESTANTS = [...SERVERS, 'baseline'] as const;
export type Contestant = ServerName | 'baseline';

/** What one round shows of one contestant. */
export interface Reading {
  /** Numbers by name, each in the unit of the measure that picks it. */
  readonly figures: Readonly<Record<string, number>>;
  /** The part of its processor time that is the kernel's: 0 to 1, NaN where it was too little to tell. */
  readonly kernel?: number;
  /** The part of the questions that was not answered: 0 to 1. */
  readonly lost?: number;
}

export interface Trials {
  readonly readings: Readonly<Partial<Record<Contestant, readonly Reading[]>>>;
  /** What the reader of the figures has to know, one sentence each. */
  readonly remarks?: readonly string[];
}

/** What ours has to be at most: so many times the best of others, or a number in the unit of the measure. */
export type Wanted =
  | { readonly times: number; readonly of: readonly Contestant[] }
  | { readonly atMost: number }
  | undefined;

export interface Bench {
  readonly scale: Scale;
  readonly seed: number;
  /** Servers that stay from one experiment of an area to the next. */
  readonly standing: Standing;
  /** Says what is being done. */
  say(text: string): void;
}

/** What makes figures. */
export interface Experiment {
  /** Seconds that all its rounds take together, about, on a machine with nothing else to do; that servers are there comes on top. */
  planned(scale: Scale): number;
  run(bench: Bench): Promise<Trials>;
}

export const UNITS = {
  us: { name: 'µs', digits: 2 },
  ms: { name: 'ms', digits: 1 },
  s: { name: 's', digits: 2 },
  kB: { name: 'kB', digits: 1 },
  MB: { name: 'MB', digits: 1 },
} as const satisfies Readonly<Record<string, { name: string; digits: number }>>;

export const AREAS = [
  'udp',
  'tcp',
  'start',
  'axfr',
  'update',
  'ddns',
  'replication',
  'gap',
  'input',
  'certificates',
] as const;
export type Area = (typeof AREAS)[number];

export interface Measure {
  readonly area: Area;
  /** As it stands in the table; no other measure has it. */
  readonly title: string;
  /** What makes the figures; measures with the same experiment share its rounds. */
  readonly experiment: Experiment;
  readonly figure: string;
  readonly unit: keyof typeof UNITS;
  readonly wanted: Wanted;
  /** What `baseline` is, where there is one. */
  readonly baseline?: string;
  /** How rounds become one number: the median unless given. */
  readonly of?: 'median' | 'greatest';
}
