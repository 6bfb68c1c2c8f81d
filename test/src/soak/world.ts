/**
 * The zones of a soak: what is in them in each version, and what has to be answered then.
 *
 * Each zone is one cell, whose version - its _epoch_ - stands in the first octet of all addresses of the names that commits change, so
 * that a commit changes the whole zone. Besides there are names that UPDATEs change, each a cell of its own.
 */
import type { Name } from '@zonewright/common/name';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import { nameOf, recordOf } from '../support/records.ts';
import { type Expected, expectedText, textOfRecord } from './text.ts';

export interface Scale {
  /** Hosts of the large zone; each has two records. */
  readonly large: number;
  /** How many small zones there are, and hosts of each. */
  readonly small: number;
  readonly hosts: number;
  /** Names of each zone that UPDATEs change. */
  readonly names: number;
}

export interface SoakZone {
  readonly number: number;
  /** Presentation form with and without the final dot. */
  readonly origin: string;
  readonly fileName: string;
  readonly name: Name;
  readonly hosts: number;
  /** The cell of the epoch. */
  readonly cell: number;
}

/** Something to be asked, and what is right at a version of its cell. */
export interface Question {
  readonly name: Name;
  readonly type: number;
  readonly zone: SoakZone;
  readonly cell: number;
  expected(version: number): string;
}

/** Epochs that are told apart. */
const EPOCHS = 200;
const TTL = 300;
const TIMERS = '3600 600 86400 300';

/** The first octet of addresses; never that of the addresses of {@link nameRecords}. */
const octetOf = (epoch: number): number => 1 + (epoch % EPOCHS);
const OTHER = 223;

const addressOf = (epoch: number, host: number): string =>
  `${octetOf(epoch)}.${host >> 16}.${(host >> 8) & 255}.${host & 255}`;
/** Numbers of hosts that there are none of. */
const WILD = 0xff_ff_01;
const GLUE = 0xff_ff_02;

/** The epoch modulo {@link EPOCHS} that the address of a host shows. */
export const shownEpoch = (rdata: Uint8Array): number => rdata[0]! - 1;
export const isEpoch = (shown: number, epoch: number): boolean => epoch % EPOCHS === shown;

/** What a name that UPDATEs change has in a version, as `TYPE DATA`: each kind of thing that a name can be, in turn. */
const KINDS: readonly ((version: number, address: string) => readonly string[])[] = [
  () => [],
  (_, address) => [`A ${OTHER}.0.${address}`],
  (_, address) => [`A ${OTHER}.0.${address}`, `A ${OTHER}.1.${address}`],
  (version) => [`CNAME v${version}.elsewhere.test.`],
  (version) => [`TXT "${version}"`],
  (version) => [`NS v${version}.elsewhere.test.`],
];

export const nameRecords = (version: number): readonly string[] =>
  KINDS[version % KINDS.length]!(version, `${(version >> 8) & 255}.${version & 255}`);

export class SoakWorld {
  readonly zones: readonly SoakZone[];
  readonly #scale: Scale;

  constructor(scale: Scale) {
    this.#scale = scale;
    this.zones = Array.from({ length: 1 + scale.small }, (_, number) => {
      const fileName = number === 0 ? 'large.test' : `small${number}.test`;
      const origin = `${fileName}.`;
      const hosts = number === 0 ? scale.large : scale.hosts;
      return { number, origin, fileName, name: nameOf(origin), hosts, cell: number * (1 + scale.names) };
    });
  }

  get cells(): number {
    return this.zones.length * (1 + this.#scale.names);
  }

  /** How many names of a zone UPDATEs change. */
  get names(): number {
    return this.#scale.names;
  }

  /** The cell of a name that UPDATEs change. */
  nameCell(zone: SoakZone, i: number): number {
    return zone.cell + 1 + i;
  }

  /** What a zone has at its first epoch, in presentation form. */
  textOf({ hosts }: SoakZone): string {
    const lines = [
      `$TTL ${TTL}`,
      `@ SOA ns hostmaster 1 ${TIMERS}`,
      '@ NS ns.elsewhere.test.',
      'cut NS ns.cut',
      `ns.cut A ${addressOf(0, GLUE)}`,
      `*.wild A ${addressOf(0, WILD)}`,
    ];
    for (let i = 0; i < hosts; i++) lines.push(`host${i} A ${addressOf(0, i)}`, `alias${i} CNAME host${i}`);
    return `${lines.join('\n')}\n`;
  }

  /** Records of a zone at any moment, but for the SOA and those that UPDATEs change. */
  sizeOf({ hosts }: SoakZone): number {
    return 4 + 2 * hosts;
  }

  /** The text of a zone at another epoch, all else as it stands. */
  withEpoch(text: string, epoch: number): string {
    return text.replaceAll(/^((?:host\d+|\*\.wild|ns\.cut)\s.*?)\d+(?=\.\d+\.\d+\.\d+$)/gm, `$1${octetOf(epoch)}`);
  }

  /** One of all that can be asked; `pick` gives a whole number below its argument. */
  question(pick: (bound: number) => number): Question {
    const zone = this.zones[pick(2) === 0 ? 0 : pick(this.zones.length)]!;
    return this.#kinds[pick(this.#kinds.length)]!(zone, pick(zone.hosts), pick(this.#scale.names));
  }

  /** The address of the first host: whether a zone has come to an epoch. */
  marker(zone: SoakZone): Question {
    return this.#host(zone, 0);
  }

  /** A question for each cell of a zone. */
  changing(zone: SoakZone): readonly Question[] {
    return [this.marker(zone), ...Array.from({ length: this.names }, (_, i) => this.#changing(zone, i, 'A'))];
  }

  readonly #host = (zone: SoakZone, i: number): Question =>
    this.#ask(zone, `host${i}`, TYPE.A, (epoch) => ({ answers: [`host${i} ${TTL} A ${addressOf(epoch, i)}`] }));

  readonly #changing = (zone: SoakZone, i: number, type: 'A' | 'TXT'): Question => {
    const owner = `name${i}`;
    return this.#ask(
      zone,
      owner,
      TYPE[type],
      (version) => referral(owner, nameRecords(version), type),
      this.nameCell(zone, i),
    );
  };

  readonly #kinds: readonly ((zone: SoakZone, host: number, name: number) => Question)[] = [
    this.#host,
    this.#host,
    this.#host,
    (zone, i) => this.#ask(zone, `none${i}`, TYPE.A, () => ({ rcode: 'NXDOMAIN', isNegative: true })),
    (zone, i) => this.#ask(zone, `host${i}`, TYPE.TXT, () => ({ isNegative: true })),
    (zone, i) =>
      this.#ask(zone, `any${i}.wild`, TYPE.A, (epoch) => ({
        answers: [`any${i}.wild ${TTL} A ${addressOf(epoch, WILD)}`],
      })),
    (zone, i) =>
      this.#ask(zone, `below${i}.cut`, TYPE.A, (epoch) => ({
        isReferral: true,
        authorities: [`cut ${TTL} NS ns.cut`],
        additionals: [`ns.cut ${TTL} A ${addressOf(epoch, GLUE)}`],
      })),
    (zone, i) =>
      this.#ask(zone, `alias${i}`, TYPE.A, (epoch) => ({
        answers: [`alias${i} ${TTL} CNAME host${i}`, `host${i} ${TTL} A ${addressOf(epoch, i)}`],
      })),
    (zone) => this.#ask(zone, '@', TYPE.SOA, () => ({ answers: [`@ ${TTL} SOA ns hostmaster 0 ${TIMERS}`] })),
    (zone, _, name) => this.#changing(zone, name, 'A'),
    (zone, _, name) => this.#changing(zone, name, 'A'),
    (zone, _, name) => this.#changing(zone, name, 'TXT'),
  ];

  #ask(
    zone: SoakZone,
    owner: string,
    type: number,
    stateAt: (version: number) => Expected,
    cell: number = zone.cell,
  ): Question {
    const read = (line: string): ResourceRecord => recordOf(line, zone.name);
    const soa = `@ ${TTL} SOA ns hostmaster 0 ${TIMERS}`;
    return {
      name: nameOf(owner, zone.name),
      type,
      zone,
      cell,
      expected: (version) => expectedText(stateAt(version), soa, (line) => textOfRecord(read(line))),
    };
  }
}

/** What is right for a name that has these records. */
function referral(owner: string, records: readonly string[], type: 'A' | 'TXT'): Expected {
  const lines = records.map((record) => `${owner} ${TTL} ${record}`);
  const of = (kind: string): readonly string[] => lines.filter((line) => line.split(' ')[2] === kind);
  if (lines.length === 0) return { rcode: 'NXDOMAIN', isNegative: true };
  if (of('NS').length > 0) return { isReferral: true, authorities: lines };
  const answers = [...of('CNAME'), ...of(type)];
  return answers.length > 0 ? { answers } : { isNegative: true };
}
