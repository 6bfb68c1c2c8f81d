/** What a row of the results is made of. */
import { SERVERS, type ServerName } from './servers.ts';

/** Who has a figure: a server, or ours under other conditions, which the measure names. */
export const CONTESTANTS = [...SERVERS, 'baseline'] as const;
export type Contestant = ServerName | 'baseline';

/** What one round shows of one contestant. */
export interface Reading {
  /** Numbers by name, each in the unit of the measure that picks it. */
  readonly figures: Readonly<Record<string, number>>;
  /** The part of its processor time that is the kernel's: 0 to 1. */
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

/** Sizes and lengths of a run. */
export interface Scale {
  readonly name: 'full' | 'quick';
  /** What stands for a million records, for a hundred thousand, for ten thousand signed, and for ten thousand zones. */
  readonly million: number;
  /** Records of a zone that a secondary transfers in: a million where there is time. */
  readonly transferred: number;
  readonly large: number;
  readonly signed: number;
  readonly zones: number;
  /** Secondaries of one zone, where there are ten, and where there are many. */
  readonly several: number;
  readonly many: number;
  /** Of loads, of disturbances, and of everything else. */
  readonly loadRounds: number;
  readonly disturbances: number;
  readonly rounds: number;
  /** Of one load in one round; a round before the first does not count, in which caches fill and compilers compile. */
  readonly questions: number;
  /** Milliseconds that a disturbance lasts at least: it is repeated until then. */
  readonly event: number;
  /** Changes of a zone in one round, at most; and by those who take seconds for each. */
  readonly updates: number;
  readonly slowUpdates: number;
  /** Milliseconds for which updates come at a steady rate, and octets of a large zone file. */
  readonly updating: number;
  readonly file: number;
  /** Certificates ordered one after the other, and at once. */
  readonly orders: number;
  readonly certificates: number;
}

export interface Bench {
  readonly scale: Scale;
  readonly seed: number;
  /** Says what is being done. */
  say(text: string): void;
}

export type Experiment = (bench: Bench) => Promise<Trials>;

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
