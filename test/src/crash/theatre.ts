/** A repository with zones, a way to it, and those who update, commit and look: what the crash test and the race test have in common. */
import { join } from 'node:path';
import { parseKey } from '@zonewright/common/authority/key';
import type { Peer } from '@zonewright/common/net/address';
import { git, startGitDaemon, startHttpBackend } from '../support/git-peers.ts';
import type { Chance } from '../support/mutation.ts';
import { type Owner, temporaryFolder } from '../support/owner.ts';
import { freePort } from '../support/ports.ts';
import { given } from '../support/records.ts';
import { makeRepository } from '../support/repository.ts';
import { PRIMARY } from '../support/scene.ts';
import { keyLine, type Secrecy } from '../support/secrecy.ts';
import { Hands } from './hands.ts';
import { settled } from './settled.ts';
import type { Operation, Stage } from './stage.ts';
import { Tally } from './tally.ts';
import { countUp } from './updates.ts';
import { judge } from './verdict.ts';
import { type Looks, Watch } from './watch.ts';
import { letDecline, Passage } from './weather.ts';
import type { CrashZone } from './world.ts';

export type Way = 'local' | 'git' | 'http';

export interface TheatreOptions extends Pick<Stage, 'refusals'> {
  readonly way: Way;
  readonly ack: 'journal' | 'push';
  readonly zones: readonly CrashZone[];
  readonly updaters: number;
  readonly committers: number;
  readonly chance: Chance;
  /** Where the primary listens; on this machine's loopback unless given. */
  readonly server?: Peer;
  /** Further lines of the primary's key file. */
  readonly keys?: string;
  /** How often the primary is looked at; see {@link Watch}. */
  readonly looks?: Looks;
  /** Operations of each kind after which it is over; without it, `end` says so. */
  readonly operations?: Readonly<Record<Operation, number>>;
}

export interface Leisure {
  /** Milliseconds between two operations of one, at most. */
  readonly update: number;
  readonly commit: number;
}

export class Theatre {
  readonly options: TheatreOptions;
  readonly stage: Stage;
  /** Options of the primary. */
  readonly flags: readonly string[];
  /** For data and notes. */
  readonly folder: string;
  /** Where there is a connection to cut. */
  readonly passage: Passage | undefined;
  readonly faults: string[] = [];
  readonly counts = new Map<string, number>();
  readonly watches: readonly Watch[];
  #hands: readonly Hands[] = [];
  #left: Record<Operation, number>;
  #isPlayed = false;

  private constructor(
    options: TheatreOptions,
    stage: Omit<Stage, 'take' | 'isOver' | 'hasFailed' | 'count' | 'fail'>,
    flags: readonly string[],
    folder: string,
    passage: Passage | undefined,
  ) {
    this.options = options;
    this.flags = flags;
    this.folder = folder;
    this.passage = passage;
    this.#left = { ...(options.operations ?? { update: Number.POSITIVE_INFINITY, commit: Number.POSITIVE_INFINITY }) };
    this.stage = {
      ...stage,
      take: (kind) => this.#left[kind]-- > 0 && this.faults.length === 0,
      isOver: () => this.#isPlayed,
      hasFailed: () => this.faults.length > 0,
      count: (what) => void this.counts.set(what, (this.counts.get(what) ?? 0) + 1),
      fail: (what) => void this.faults.push(`${new Date().toISOString()} ${what}`),
    };
    this.watches = stage.zones.map((zone) => new Watch(this.stage, zone, options.looks));
  }

  static async open(owner: Owner, secrecy: Pick<Secrecy, 'newKey'>, options: TheatreOptions): Promise<Theatre> {
    const { way, ack, zones, updaters, committers, chance, keys = '', refusals } = options;
    const keyText = secrecy.newKey('crash._update');
    const tallies = Array.from({ length: updaters }, (_, i) => new Tally(i, zones[i % zones.length]!));
    const numbersOf = (zone: CrashZone) => tallies.filter((tally) => tally.zone === zone).map(({ number }) => number);
    const repository = await makeRepository(owner, {
      _keys: keyLine(keyText) + keys,
      ...Object.fromEntries(zones.map((zone) => [zone.fileName, zone.text(numbersOf(zone), committers)])),
    });
    // What native git does at leisure would be done amid a test.
    for (const [name, value] of [
      ['gc.auto', '0'],
      ['receive.autogc', 'false'],
    ] as const)
      await git(repository.path, 'config', name, value);
    letDecline(repository);
    const { url, passage } = await wayTo(owner, way, repository.folder, repository.path, chance);
    const server = options.server ?? { address: PRIMARY, port: await freePort(PRIMARY) };
    const folder = temporaryFolder(owner, 'crash');
    const stage = {
      zones,
      tallies,
      repository,
      server,
      key: given(parseKey(keyText)),
      chance,
      ack,
      ...(refusals && { refusals }),
    };
    const flags = ['--remote', url, '--data', join(folder, 'data'), '--ack', ack, '--axfr'];
    const where = ['--listen', server.address, '--port', `${server.port}`, '--udp-workers', '1'];
    return new Theatre(options, stage, [...flags, ...where], folder, passage);
  }

  /** Plays until there are no operations left; `end` ends it before. `lookers` look as long as those at the primary do. */
  async play(leisure: Leisure, lookers: readonly { look(): Promise<void> }[] = []): Promise<void> {
    const { committers } = this.options;
    this.#hands = await Promise.all(Array.from({ length: committers }, (_, i) => Hands.at(this.stage, i)));
    const watching = Promise.all([...this.watches, ...lookers].map((looker) => looker.look()));
    await Promise.all([
      ...this.stage.tallies.map((tally) => countUp(this.stage, tally, leisure.update)),
      ...this.#hands.map((hands) => hands.work(leisure.commit)),
    ]);
    if (!this.stage.hasFailed()) await this.#whileWatched();
    this.#isPlayed = true;
    await watching;
  }

  /** No operation is begun any more. */
  end(): void {
    this.#left = { update: 0, commit: 0 };
  }

  /** What is wrong when all is played, the weather is fair and the server runs. */
  async verdict(): Promise<readonly string[]> {
    this.faults.push(...(await judge(this.stage, this.#hands)));
    return this.faults;
  }

  /** What was done, in a line. */
  get report(): string {
    const versions = this.watches.reduce((sum, { versions }) => sum + versions, 0);
    const counted = [...this.counts].sort().map(([what, count]) => `${count} ${what}`);
    return `${this.options.way}, --ack ${this.options.ack}: ${[...counted, `${versions} serials seen`].join(', ')}`;
  }

  /** The last of it is looked at like the rest. */
  async #whileWatched(): Promise<void> {
    try {
      await settled(this.stage, this.watches);
    } catch (error) {
      this.stage.fail((error as Error).message);
    }
  }
}

/** The URL of a repository, by a way that may be cut off. */
async function wayTo(
  owner: Owner,
  way: Way,
  folder: string,
  path: string,
  chance: Chance,
): Promise<{ readonly url: string; readonly passage: Passage | undefined }> {
  if (way === 'local') return { url: path, passage: undefined };
  const peer = await (way === 'git' ? startGitDaemon(folder) : startHttpBackend(folder));
  owner.teardown(() => peer.stop());
  const passage = await Passage.to(owner, peer.port, chance);
  return { url: `${way}://127.0.0.1:${passage.port}/zones.git`, passage };
}
