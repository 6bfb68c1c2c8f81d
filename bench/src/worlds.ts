/**
 * What is served and what is asked: zone files of a given size, and for each the kinds of question with their shares. All of it follows
 * from a size and a seed.
 */
import type { FileZone } from '@zonewright/test/support/knot';
import type { Random } from './random.ts';

/** Makes one question as dnsperf reads it: `www.example. A`. */
export type Kind = (random: Random) => string;

export interface World {
  readonly zones: readonly FileZone[];
  /** Kinds of question; their shares are 1 together. */
  readonly kinds: readonly (readonly [share: number, kind: Kind])[];
}

export const ORIGIN = 'example.';

const HEAD = '$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 300\n@ NS ns\nns A 192.0.2.1\n';

/** Records at the head of each zone file. */
export const RECORDS_BESIDE = 3;

const address = (i: number): string => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;

const lines = (count: number, line: (i: number) => string): string => {
  let text = '';
  for (let i = 0; i < count; i++) text += `${line(i)}\n`;
  return text;
};

/** Hits, NXDOMAIN and NODATA in a zone of `hostI`, each with one address. */
const mixOf = (count: number): World['kinds'] => [
  [0.8, (random) => `host${random.below(count)}.${ORIGIN} A`],
  [0.1, (random) => `none${random.below(1e9)}.${ORIGIN} A`],
  [0.1, (random) => `host${random.below(count)}.${ORIGIN} AAAA`],
];

/** What `make` gives for a number, made once. */
const once = (make: (count: number) => World): ((count: number) => World) => {
  const made = new Map<number, World>();
  return (count) => {
    const world = made.get(count) ?? make(count);
    made.set(count, world);
    return world;
  };
};

/** One zone of so many addresses, each with a name of its own. */
export const plainWorld = once((count) => ({
  zones: [{ name: ORIGIN, text: HEAD + lines(count, (i) => `host${i} A ${address(i)}`) }],
  kinds: mixOf(count),
}));

/** The address that the n-th update gives a host: no other has it. */
export const updatedAddress = (n: number): string => `172.${16 + ((n >> 16) & 15)}.${(n >> 8) & 255}.${n & 255}`;

/** Octets of a line of {@link fileWorld}. */
const LINE = 50;

/** One zone whose file has so many octets: addresses with a comment beside each. */
export const fileWorld = (octets: number): World => {
  const count = Math.floor(octets / LINE);
  return {
    zones: [
      {
        name: ORIGIN,
        text:
          HEAD +
          lines(count, (i) => `host${i} A ${address(i)}`.padEnd(30).concat('; written by hand'.padEnd(LINE - 31))),
      },
    ],
    kinds: mixOf(count),
  };
};

/** The hosts of {@link fileWorld}. */
export const hostsOf = (octets: number): number => Math.floor(octets / LINE);

/** The zone file of a plain world, or one of many zones, with another serial, and a name more: `changedSERIAL`. */
export const changedText = ({ zones: [zone] }: Pick<World, 'zones'>, serial: number): string =>
  `${zone!.text.replace(' hostmaster 1 ', ` hostmaster ${serial} `)}changed${serial} A 192.0.2.3\n`;

/** The same zone with signatures. */
export const signedWorld = (count: number, text: string): World => ({
  zones: [{ name: ORIGIN, text }],
  kinds: mixOf(count),
});

/** One zone of hosts, wildcards and delegations with glue, a third of its names each. */
export const branchedWorld = (count: number): World => {
  const each = Math.floor(count / 4);
  return {
    zones: [
      {
        name: ORIGIN,
        text:
          HEAD +
          lines(each, (i) => `host${i} A ${address(i)}`) +
          lines(each, (i) => `*.wild${i} A ${address(i)}`) +
          lines(each, (i) => `sub${i} NS ns.sub${i}\nns.sub${i} A ${address(i)}`),
      },
    ],
    kinds: [
      [0.3, (random) => `host${random.below(each)}.${ORIGIN} A`],
      [0.3, (random) => `any${random.below(1e6)}.wild${random.below(each)}.${ORIGIN} A`],
      [0.3, (random) => `www.sub${random.below(each)}.${ORIGIN} A`],
      [0.1, (random) => `none${random.below(1e9)}.${ORIGIN} A`],
    ],
  };
};

/** So many zones of five records. */
export const manyWorld = once((count) => ({
  zones: Array.from({ length: count }, (_, i) => ({
    name: `zone${i}.${ORIGIN}`,
    text: `${HEAD}www A ${address(i)}\nmail A ${address(i + 1)}\n`,
  })),
  kinds: [
    [0.8, (random) => `www.zone${random.below(count)}.${ORIGIN} A`],
    [0.1, (random) => `none${random.below(1e6)}.zone${random.below(count)}.${ORIGIN} A`],
    [0.1, (random) => `mail.zone${random.below(count)}.${ORIGIN} AAAA`],
  ],
}));

/** So many questions, a line each. */
export const questionsOf = ({ kinds }: World, random: Random, count: number): string => {
  // Where the share of each kind ends.
  const bounds = kinds.map(
    ([, kind], i) => [kinds.slice(0, i + 1).reduce((sum, [share]) => sum + share, 0), kind] as const,
  );
  return lines(count, () => {
    const at = random.next();
    const [, kind] = bounds.find(([bound]) => at < bound) ?? bounds[0]!;
    return kind(random);
  });
};
