/**
 * One who looks at a zone on a secondary all the time, by questions for its SOA and by transfers, and has the primary prove what was seen: each
 * serial has to be one that the primary has published, and with that content.
 *
 * A version is proven where the looker at the primary (`crash/watch.ts`) has seen it there with the same content, or where the differences that
 * the primary gives from that serial on lead from that content to one that was seen. Until then it is open; at the end nothing may be.
 * Always holds, or is a fault: in one life of a secondary serials do not go back; a serial has one content.
 */
import { applyInbound, type Inbound } from '@zonewright/common/authority/inbound';
import type { Key } from '@zonewright/common/authority/key';
import { exchange } from '@zonewright/common/net/exchange';
import { CLASS } from '@zonewright/common/rr/class';
import { readSoa } from '@zonewright/common/rr/soa';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE, RCODE } from '@zonewright/common/wire/code';
import { emptyMessage } from '@zonewright/common/wire/message';
import { isNewer } from '@zonewright/common/zone/serial';
import type { Zone } from '@zonewright/common/zone/zone';
import { again, type Stage } from '../crash/stage.ts';
import { digestOf, seenOf, take, type Version } from '../crash/taking.ts';
import type { Looks, Watch } from '../crash/watch.ts';
import type { Member } from './member.ts';

/** Milliseconds between two attempts to prove what is open. */
const PROVE_AGAIN = 200;

/** What was seen and is not proven yet; without a zone only its serial was. */
interface Open {
  readonly version: Version;
  readonly zone: Zone | undefined;
}

/** A secondary, as far as it is looked at. */
type Followed = Pick<Member, 'name' | 'server' | 'lives'>;

export class Follower {
  /** Serials that were proven. */
  readonly #proven = new Set<number>();
  readonly #contents = new Map<number, string>();
  readonly #open = new Map<number, Open>();
  readonly #stage: Stage;
  readonly #member: Followed;
  readonly #watch: Watch;
  readonly #key: Key;
  readonly #looks: Looks;
  #zone: Zone | undefined;
  #newest: { readonly life: number; readonly serial: number } | undefined;

  constructor(stage: Stage, member: Followed, watch: Watch, { key, looks }: { key: Key; looks: Looks }) {
    this.#stage = stage;
    this.#member = member;
    this.#watch = watch;
    this.#key = key;
    this.#looks = looks;
  }

  async look(): Promise<void> {
    const { chance } = this.#stage;
    await Promise.all([
      again(this.#stage, () => this.#ask(), this.#looks.soa),
      again(this.#stage, () => this.take(chance(3) === 0), this.#looks.transfer),
      again(this.#stage, () => this.prove(), PROVE_AGAIN),
    ]);
  }

  /** What it serves, by a transfer; `undefined` where it serves nothing. */
  async take(isWhole: boolean): Promise<{ readonly serial: number; readonly digest: string } | undefined> {
    const life = this.#member.lives;
    const since = this.#since(life);
    const have = isWhole ? undefined : this.#zone;
    const { server } = this.#member;
    const inbound = await take({ server, name: this.#watch.zone.name, have, key: this.#key });
    if (inbound.kind === 'fault') {
      const isExpired = inbound.rcode === RCODE.SERVFAIL || inbound.rcode === RCODE.NOTAUTH;
      if (inbound.isAnswer && !isExpired && inbound.rcode !== RCODE.REFUSED) this.#fail(`transfer: ${inbound.what}`);
      this.#stage.count('transfers from secondaries without an answer');
      return undefined;
    }
    if (inbound.kind === 'current' && inbound.serial !== have!.serial) {
      // What was taken in another life may be newer than what the server has kept.
      this.#judge(inbound.serial, since, life);
      return undefined;
    }
    const applied = inbound.kind === 'current' ? { zone: have! } : applyInbound(have, inbound);
    if ('kind' in applied) {
      this.#fail(`transfer: ${applied.what}`);
      return undefined;
    }
    const { zone } = applied;
    this.#zone = zone;
    const { serial, text } = seenOf(zone);
    const digest = digestOf(text);
    this.#judge(serial, since, life);
    const before = this.#contents.get(serial);
    if (before === undefined) {
      this.#contents.set(serial, digest);
      // Where only its serial was known, it is to be proven again, now with the content.
      this.#open.set(serial, { version: zone, zone });
    } else if (before !== digest) this.#fail(`serial ${serial} has stood for another content before, now for\n${text}`);
    this.#stage.count('transfers from secondaries');
    return { serial, digest };
  }

  /** Has the primary prove what is open; gives the serials that still are. */
  async prove(): Promise<readonly number[]> {
    for (const [serial, open] of [...this.#open]) {
      if (await this.#isProven(serial, open)) {
        this.#proven.add(serial);
        if (this.#open.get(serial) === open) this.#open.delete(serial);
      }
    }
    return [...this.#open.keys()];
  }

  /** What is different from the primary, or not proven; `undefined` where it is as it has to be at the end. */
  async difference(): Promise<string | undefined> {
    const here = await this.take(true);
    const there = await this.#watch.transfer();
    const open = await this.prove();
    const who = `${this.#watch.zone.fileName} on ${this.#member.name}`;
    if (here === undefined || there === undefined) return `${who}: ${here === undefined ? 'not served' : 'unknown'}`;
    if (here.serial !== there.serial) return `${who}: serial ${here.serial}, and the primary has ${there.serial}`;
    if (here.digest !== digestOf(there.text)) return `${who}: serial ${here.serial} with another content`;
    return open.length === 0 ? undefined : `${who}: the primary does not know the serials ${open.join(', ')}`;
  }

  get serials(): number {
    return this.#proven.size;
  }

  async #isProven(serial: number, { version, zone }: Open): Promise<boolean> {
    const digest = this.#contents.get(serial);
    const known = this.#watch.digestAt(serial);
    if (known !== undefined) {
      if (digest !== undefined && digest !== known) this.#fail(`serial ${serial} is not what the primary published`);
      return true;
    }
    const { server } = this.#stage;
    const inbound = await take({ server, name: this.#watch.zone.name, have: version });
    if (inbound.kind === 'current') await this.#watch.transfer();
    if (inbound.kind === 'differences') return zone === undefined || (await this.#leads(zone, inbound));
    return inbound.kind === 'current' && zone === undefined;
  }

  /** Do differences of the primary lead from what a secondary has served to what the primary serves? */
  async #leads(zone: Zone, inbound: Inbound & { readonly kind: 'differences' }): Promise<boolean> {
    const applied = applyInbound(zone, inbound);
    if ('kind' in applied) {
      this.#fail(`serial ${zone.serial} is not what the primary published: ${applied.what}`);
      return true;
    }
    const { serial, text } = seenOf(applied.zone);
    if (this.#watch.digestAt(serial) === undefined) await this.#watch.transfer();
    const known = this.#watch.digestAt(serial);
    if (known !== undefined && known !== digestOf(text))
      this.#fail(`serial ${zone.serial} does not lead to serial ${serial} of the primary`);
    if (known !== undefined) this.#stage.count('versions proven by differences');
    return known !== undefined;
  }

  async #ask(): Promise<void> {
    const life = this.#member.lives;
    const since = this.#since(life);
    const question = { name: this.#watch.zone.name, type: TYPE.SOA, class: CLASS.IN };
    const reply = await exchange({
      server: this.#member.server,
      message: { ...emptyMessage(0, OPCODE.QUERY), questions: [question] },
      transport: 'udp',
      timeout: 500,
      tries: 1,
    });
    const [soa] = reply.ok && reply.value.aa ? reply.value.answers : [];
    if (soa?.type !== TYPE.SOA) {
      this.#stage.count('questions to secondaries without an SOA');
      return;
    }
    const { serial } = readSoa(soa.rdata);
    this.#judge(serial, since, life);
    if (!this.#proven.has(serial) && !this.#open.has(serial))
      this.#open.set(serial, { version: { serial, soaRecord: () => soa }, zone: undefined });
    this.#stage.count('answers of secondaries');
  }

  #since(life: number): number | undefined {
    return this.#newest?.life === life ? this.#newest.serial : undefined;
  }

  #judge(serial: number, since: number | undefined, life: number): void {
    // Somebody else's answer, if it was killed meanwhile.
    if (life !== this.#member.lives) return;
    if (since !== undefined && isNewer(since, serial)) this.#fail(`serial ${serial} after ${since}, in one life`);
    const newest = this.#since(life);
    if (newest === undefined || isNewer(serial, newest)) this.#newest = { life, serial };
  }

  #fail(what: string): void {
    this.#stage.fail(`${this.#watch.zone.fileName} on ${this.#member.name}: ${what}`);
  }
}
