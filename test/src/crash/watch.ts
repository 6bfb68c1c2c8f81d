/**
 * One who looks at a zone all the time, over all lives of its server: by questions for its SOA, and by transfers, whole ones and of differences (RFC 1995).
 *
 * Always holds, or is a fault: a serial is never older than one that was seen before the question was sent (RFC 1982); a serial stands for one
 * content; in it each tally has a count from what was acknowledged before to what was asked for since; the zone is served.
 */
import { applyInbound, type Inbound } from '@zonewright/common/authority/inbound';
import { exchange } from '@zonewright/common/net/exchange';
import { CLASS } from '@zonewright/common/rr/class';
import { readSoa } from '@zonewright/common/rr/soa';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE, printRcode, RCODE } from '@zonewright/common/wire/code';
import { emptyMessage, type Message } from '@zonewright/common/wire/message';
import { isNewer } from '@zonewright/common/zone/serial';
import type { Zone } from '@zonewright/common/zone/zone';
import { again, type Stage } from './stage.ts';
import { digestOf, type Seen, seenOf, take } from './taking.ts';
import { countsIn, type Tally } from './tally.ts';
import type { CrashZone } from './world.ts';

/** Milliseconds between two questions, and between two transfers, at most. */
export interface Looks {
  readonly soa: number;
  readonly transfer: number;
}

const OFTEN: Looks = { soa: 8, transfer: 60 };

export class Watch {
  readonly zone: CrashZone;
  readonly #stage: Stage;
  /** The newest serial that was seen. */
  #serial: number | undefined;
  /** The newest version that was transferred. */
  #zone: Zone | undefined;
  readonly #contents = new Map<number, string>();

  readonly #looks: Looks;

  constructor(stage: Stage, zone: CrashZone, looks: Looks = OFTEN) {
    this.#stage = stage;
    this.#looks = looks;
    this.zone = zone;
  }

  /** Looks until it is over. */
  async look(): Promise<void> {
    const { chance } = this.#stage;
    await Promise.all([
      again(this.#stage, () => this.#ask(), this.#looks.soa),
      again(this.#stage, () => this.#take(chance(3) === 0 ? 'AXFR' : 'IXFR'), this.#looks.transfer),
    ]);
  }

  /** What is served, whole, and judged; `undefined` without an answer. */
  async transfer(): Promise<Seen | undefined> {
    return await this.#take('AXFR');
  }

  /** How many serials were seen. */
  get versions(): number {
    return this.#contents.size;
  }

  /** The content that the primary has served under a serial, in short; `undefined` where none was seen. */
  digestAt(serial: number): string | undefined {
    return this.#contents.get(serial);
  }

  async #ask(): Promise<void> {
    const since = this.#serial;
    const reply = await exchange({
      server: this.#stage.server,
      message: this.#question(TYPE.SOA),
      transport: 'udp',
      timeout: 500,
      tries: 1,
    });
    if (!reply.ok) {
      this.#stage.count('questions without an answer');
      return;
    }
    const { rcode, answers } = reply.value;
    const [soa] = answers;
    if (rcode !== RCODE.NOERROR || soa === undefined) this.#fail(`SOA: ${printRcode(rcode)}`);
    else this.#judge(readSoa(soa.rdata).serial, since, 'SOA');
    this.#stage.count('answers');
  }

  #judge(serial: number, since: number | undefined, how: string): void {
    if (since !== undefined && isNewer(since, serial)) this.#fail(`${how}: serial ${serial} after ${since}`);
    if (this.#serial === undefined || isNewer(serial, this.#serial)) this.#serial = serial;
  }

  /** Takes the zone, by differences to what was taken last where there is something. */
  async #take(how: 'AXFR' | 'IXFR'): Promise<Seen | undefined> {
    const tallies = this.#stage.tallies.filter(({ zone }) => zone === this.zone);
    const least = tallies.map(({ settled }) => settled);
    const since = this.#serial;
    const before = this.#zone;
    const inbound = await this.#inbound(how === 'IXFR' ? before : undefined);
    if (inbound === undefined) return undefined;
    const applied = inbound.kind === 'current' ? undefined : applyInbound(before, inbound);
    if (applied !== undefined && 'kind' in applied) {
      this.#fail(`${how}: ${applied.what}`);
      return undefined;
    }
    const zone = applied?.zone ?? before!;
    // Two are under way at a time, and the later may be done first.
    if (this.#zone === undefined || isNewer(zone.serial, this.#zone.serial)) this.#zone = zone;
    const seen = seenOf(zone);
    this.#judge(seen.serial, since, how);
    this.#count(seen, tallies, least);
    const kind = applied?.deltas === undefined ? 'transfers' : 'transfers of differences';
    this.#stage.count(inbound.kind === 'current' ? 'transfers of nothing' : kind);
    return seen;
  }

  #count({ serial, text }: Seen, tallies: readonly Tally[], least: readonly number[]): void {
    const counts = countsIn(text);
    for (const [i, tally] of tallies.entries()) {
      const { number, may } = tally;
      const count = counts.get(number) ?? `tally ${number} is not there`;
      if (typeof count === 'string') this.#fail(`serial ${serial}: ${count}`);
      else if (count < least[i]! || count > may)
        this.#fail(`serial ${serial}: tally ${number} is at ${count}, and ${least[i]} to ${may} are possible`);
      else tally.settle(count);
    }
    const digest = digestOf(text);
    const before = this.#contents.get(serial) ?? digest;
    if (before !== digest) this.#fail(`serial ${serial} has stood for another content before, now for\n${text}`);
    this.#contents.set(serial, before);
  }

  /** A whole zone, or what is different from `zone`; `undefined` without an answer. */
  async #inbound(zone: Zone | undefined): Promise<Inbound | undefined> {
    const taken = await take({ server: this.#stage.server, name: this.zone.name, have: zone });
    if (taken.kind !== 'fault') return taken;
    if (taken.isAnswer) this.#fail(`transfer: ${taken.what}`);
    return undefined;
  }

  #question(type: number): Message {
    return { ...emptyMessage(0, OPCODE.QUERY), questions: [{ name: this.zone.name, type, class: CLASS.IN }] };
  }

  #fail(what: string): void {
    this.#stage.fail(`${this.zone.fileName}: ${what}`);
  }
}
