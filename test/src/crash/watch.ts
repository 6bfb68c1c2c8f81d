/**
 * One who looks at a zone all the time, over all lives of its server: by questions for its SOA, and by transfers.
 *
 * Always holds, or is a fault: a serial is never older than one that was seen before the question was sent (RFC 1982); a serial stands for one
 * content; in it each tally has a count from what was acknowledged before to what was asked for since; the zone is served.
 */
import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { exchange } from '@zonewright/common/net/exchange';
import { openStream } from '@zonewright/common/net/stream';
import { CLASS } from '@zonewright/common/rr/class';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { readSoa } from '@zonewright/common/rr/soa';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE, printRcode, RCODE } from '@zonewright/common/wire/code';
import { emptyMessage, type Message } from '@zonewright/common/wire/message';
import { isNewer } from '@zonewright/common/zone/serial';
import { textOfRecord } from '../soak/text.ts';
import type { Stage } from './stage.ts';
import { countsIn } from './tally.ts';
import type { CrashZone } from './world.ts';

/** Milliseconds between two questions, and between two transfers, at most. */
const PAUSE = { soa: 8, transfer: 60 } as const;
const TIMEOUT = 5000;

/** A zone as it was transferred. */
export interface Seen {
  readonly serial: number;
  /** Its records, sorted, the serial as 0. */
  readonly text: string;
}

export class Watch {
  readonly zone: CrashZone;
  readonly #stage: Stage;
  /** The newest serial that was seen. */
  #serial: number | undefined;
  readonly #contents = new Map<number, string>();

  constructor(stage: Stage, zone: CrashZone) {
    this.#stage = stage;
    this.zone = zone;
  }

  /** Looks until it is over. */
  async look(): Promise<void> {
    const { chance } = this.#stage;
    const again = async (work: () => Promise<unknown>, most: number): Promise<void> => {
      for (; !this.#stage.isOver(); await pause(1 + chance(most))) await work();
    };
    await Promise.all([again(() => this.#ask(), PAUSE.soa), again(() => this.transfer(), PAUSE.transfer)]);
  }

  /** What is served, and judged; `undefined` without an answer. */
  async transfer(): Promise<Seen | undefined> {
    const tallies = this.#stage.tallies.filter(({ zone }) => zone === this.zone);
    const least = tallies.map(({ settled }) => settled);
    const since = this.#serial;
    const records = await this.#records();
    if (records === undefined) return undefined;
    const [soa] = records;
    const seen = { serial: readSoa(soa!.rdata).serial, text: records.map(textOfRecord).sort().join('\n') };
    this.#judge(seen.serial, since, 'AXFR');
    const counts = countsIn(seen.text);
    for (const [i, { number, may }] of tallies.entries()) {
      const count = counts.get(number) ?? `tally ${number} is not there`;
      if (typeof count === 'string') this.#fail(`serial ${seen.serial}: ${count}`);
      else if (count < least[i]! || count > may)
        this.#fail(`serial ${seen.serial}: tally ${number} is at ${count}, and ${least[i]} to ${may} are possible`);
      else tallies[i]!.settle(count);
    }
    const digest = createHash('sha256').update(seen.text).digest('base64');
    const before = this.#contents.get(seen.serial) ?? digest;
    if (before !== digest)
      this.#fail(`serial ${seen.serial} has stood for another content before, now for\n${seen.text}`);
    this.#contents.set(seen.serial, before);
    this.#stage.count('transfers');
    return seen;
  }

  /** How many serials were seen. */
  get versions(): number {
    return this.#contents.size;
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

  /** All records but the SOA at the end. */
  async #records(): Promise<readonly ResourceRecord[] | undefined> {
    const opened = await openStream({ server: this.#stage.server, timeout: TIMEOUT });
    if (!opened.ok) return undefined;
    const records: ResourceRecord[] = [];
    try {
      for await (const message of opened.value.conversation(this.#question(TYPE.AXFR))) {
        if (!message.ok) return undefined;
        if (message.value.rcode !== RCODE.NOERROR) {
          this.#fail(`AXFR: ${printRcode(message.value.rcode)}`);
          return undefined;
        }
        records.push(...message.value.answers);
        const soas = records.filter(({ type }) => type === TYPE.SOA);
        if (soas.length < 2) continue;
        if (Buffer.compare(soas[0]!.rdata, soas[1]!.rdata) !== 0) this.#fail('AXFR: it begins and ends differently');
        return records.slice(0, -1);
      }
      return undefined;
    } finally {
      opened.value.close();
    }
  }

  #question(type: number): Message {
    return { ...emptyMessage(0, OPCODE.QUERY), questions: [{ name: this.zone.name, type, class: CLASS.IN }] };
  }

  #fail(what: string): void {
    this.#stage.fail(`${this.zone.fileName}: ${what}`);
  }
}
