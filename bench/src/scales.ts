/** How large a run is, and how long: the full one, whose figures count, and a quick one, whose figures are rough. */

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
  /** Milliseconds until what was done last has come to its end, and of looking at who does nothing. */
  readonly settling: number;
  readonly idling: number;
}

export const SCALES = {
  full: {
    name: 'full',
    million: 1_000_000,
    transferred: 1_000_000,
    large: 100_000,
    signed: 100_000,
    zones: 10_000,
    several: 10,
    many: 50,
    loadRounds: 5,
    disturbances: 3,
    rounds: 5,
    questions: 300_000,
    event: 2000,
    updates: 1000,
    slowUpdates: 5,
    updating: 10_000,
    file: 50_000_000,
    orders: 20,
    certificates: 200,
    settling: 5000,
    idling: 10_000,
  },
  quick: {
    name: 'quick',
    million: 50_000,
    transferred: 100_000,
    large: 20_000,
    signed: 1000,
    zones: 200,
    several: 2,
    many: 5,
    loadRounds: 1,
    disturbances: 1,
    rounds: 1,
    questions: 10_000,
    event: 500,
    updates: 25,
    slowUpdates: 1,
    updating: 300,
    file: 2_500_000,
    orders: 4,
    certificates: 10,
    settling: 1000,
    idling: 1500,
  },
} as const satisfies Readonly<Record<string, Scale>>;
