/** A server in a namespace of its own that lives many lives: killed, started again on what it has on the disk, stopped for a while, its clock stepped. */
import type { Peer } from '@zonewright/common/net/address';
import type { TsigKey } from '@zonewright/common/wire/tsig';
import type { MovableClock } from '../support/movable-clock.ts';
import { type Namespace, startNamespace } from '../support/netns.ts';
import type { Owner } from '../support/owner.ts';
import { type Program, run } from '../support/process.ts';
import { aheadOf } from './clocks.ts';

/** What is started: `env` has the clock. Resolves when it is ready. */
export type Start = (owner: Owner, within: Namespace, env: Readonly<Record<string, string>>) => Promise<Program>;

export interface MemberOptions {
  readonly name: string;
  /** Where it is on the wire. */
  readonly number: number;
  readonly address: string;
  readonly port: number;
  readonly clock: MovableClock;
  /** Do its timers go by the time of day? Then they stand when that is set back. */
  readonly hasDayTimers?: boolean;
  /** One that it knows. */
  readonly key: TsigKey;
  readonly start: Start;
}

const NETWORK = 24;
/** Output of so many characters is kept of the lives before. */
const KEPT = 20_000;
/** Lines that tell of those who look. */
const NOISE = /^.*"event":"transfer\.out".*\n/gm;

export class Member {
  readonly name: string;
  readonly number: number;
  readonly server: Peer;
  readonly hasDayTimers: boolean;
  /** Counts the lives: who looks knows that it was another. */
  lives = 0;
  readonly #owner: Owner;
  readonly #options: MemberOptions;
  readonly #place: Namespace;
  #program: Program | undefined;
  #ends: (() => unknown)[] = [];
  #past = '';

  private constructor(owner: Owner, options: MemberOptions, place: Namespace) {
    this.#owner = owner;
    this.#options = options;
    this.#place = place;
    this.name = options.name;
    this.number = options.number;
    this.server = { address: options.address, port: options.port };
    this.hasDayTimers = options.hasDayTimers ?? false;
    owner.teardown(() => this.#clear());
  }

  /** Makes the namespace, and plugs it into the wire. */
  static async make(owner: Owner, options: MemberOptions): Promise<Member> {
    const { address, number } = options;
    const place = await startNamespace(owner, ['127.0.0.1']);
    await plug(number, address, place);
    return new Member(owner, options, place);
  }

  /** Starts it; throws where it is not ready in time. */
  async rise(): Promise<void> {
    await this.#clear();
    const own: Owner = {
      teardown: (end) => void this.#ends.push(end),
      passed: true,
      log: (...text) => this.#owner.log(...text),
    };
    this.lives++;
    this.#program = await this.#options.start(own, this.#place, this.#options.clock.env);
  }

  /** Ends it by SIGKILL. Throws where it had ended by itself. */
  async kill(): Promise<void> {
    if (this.hasEnded) throw new Error(`${this.name} has ended by itself`);
    await this.#program?.stop('SIGKILL');
    await this.#clear();
  }

  /** Lets it stand still, and go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#program?.signal(signal);
  }

  /** Sets its clock to that of the machine and so many milliseconds. */
  step(milliseconds: number): void {
    this.#options.clock.set(milliseconds);
  }

  /** Does its clock go wrong by so many seconds, as far as it says itself? `undefined` where it does not answer. */
  async isAhead(seconds: number): Promise<boolean | undefined> {
    const ahead = await aheadOf(this.server, this.#options.key);
    return ahead && ahead.least <= seconds && seconds <= ahead.most;
  }

  /** What its lives have said, the last of it. */
  get text(): string {
    return `${this.#past}${this.#program?.text().replaceAll(NOISE, '') ?? ''}`.slice(-KEPT);
  }

  /** Has it ended by itself? */
  get hasEnded(): boolean {
    return this.#program?.exit !== undefined;
  }

  async #clear(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end();
    this.#past = this.text;
    this.#program = undefined;
  }
}

/** Gives an end of the wire an address, in a namespace, or in that of this process. */
export async function plug(number: number, address: string, place?: Namespace): Promise<void> {
  const device = `zw${number}`;
  const ip = async (within: Namespace | undefined, ...args: readonly string[]): Promise<void> => {
    const ran = await run('ip', args, within === undefined ? {} : { within });
    if (ran.code !== 0) throw new Error(`ip ${args.join(' ')}: ${ran.stderr}`);
  };
  if (place !== undefined) await ip(undefined, 'link', 'set', device, 'netns', `${place.pid}`);
  await ip(place, 'addr', 'add', `${address}/${NETWORK}`, 'dev', device);
  await ip(place, 'link', 'set', device, 'up');
}
