/**
 * Which deltas the journal keeps: of each zone a chain, in which each begins where the one before ended, bounded as a history is in
 * memory (`zone/history.ts`); and of all zones together no more than a disk should have to hold for what an AXFR does as well, the
 * oldest going first. Deltas have numbers, in the order in which they came. What they are is kept elsewhere.
 */
import type { DeltaHead } from '@zonewright/common/lmdb/delta-values';
import type { Name } from '@zonewright/common/name';
import { MAX_DELTAS, MAX_OCTETS, MAX_RECORDS } from '@zonewright/common/zone/history';

/** Deltas of all zones, and octets in them. */
const MAX_ALL_DELTAS = 100_000;
const MAX_ALL_OCTETS = 256 * 2 ** 20;

interface Chain {
  /** Ascending. */
  numbers: number[];
  /** The serial that it leads to. */
  to: number;
  records: number;
  octets: number;
}

/** A delta that is kept no longer. */
export interface Dropped {
  readonly number: number;
  readonly head: DeltaHead;
}

export class DeltaChains {
  /** By number, ascending. */
  readonly #heads = new Map<number, DeltaHead>();
  readonly #chains = new Map<string, Chain>();
  #octets = 0;
  /** Of the delta that comes next. */
  next = 1;

  /** Takes a delta in, its number that of {@link next} or above; gives those that go because of it, itself perhaps among them. */
  add(number: number, head: DeltaHead): readonly Dropped[] {
    const { zone, from, to, records, octets } = head;
    const dropped: Dropped[] = [];
    if (this.#chains.get(zone.key)?.to !== from) dropped.push(...this.withdraw(zone));
    const chain = this.#chains.get(zone.key) ?? { numbers: [], to, records: 0, octets: 0 };
    this.#chains.set(zone.key, chain);
    this.#heads.set(number, head);
    this.next = number + 1;
    chain.numbers.push(number);
    chain.to = to;
    chain.records += records;
    chain.octets += octets;
    this.#octets += octets;
    while (chain.numbers.length > MAX_DELTAS || chain.records > MAX_RECORDS || chain.octets > MAX_OCTETS)
      dropped.push(this.#drop(chain.numbers[0]!));
    for (const oldest of this.#heads.keys()) {
      if (this.#heads.size <= MAX_ALL_DELTAS && this.#octets <= MAX_ALL_OCTETS) break;
      dropped.push(this.#drop(oldest));
    }
    return dropped;
  }

  /** Forgets a zone. */
  withdraw(zone: Name): readonly Dropped[] {
    return this.of(zone).map(({ number }) => this.#drop(number));
  }

  /** The chain of a zone, the oldest first. */
  of(zone: Name): readonly Dropped[] {
    const numbers = this.#chains.get(zone.key)?.numbers ?? [];
    return numbers.map((number) => ({ number, head: this.#heads.get(number)! }));
  }

  /** The oldest of its zone. */
  #drop(number: number): Dropped {
    const head = this.#heads.get(number)!;
    const chain = this.#chains.get(head.zone.key)!;
    this.#heads.delete(number);
    this.#octets -= head.octets;
    chain.numbers.shift();
    chain.records -= head.records;
    chain.octets -= head.octets;
    if (chain.numbers.length === 0) this.#chains.delete(head.zone.key);
    return { number, head };
  }
}
