/**
 * A name that UPDATEs count up, and what it is at each count: a TXT record with the count, and beside it, at another name, the last eight
 * counts. An UPDATE changes both, so that a zone in which one was lost, run twice, run too late or run by half has a tally that no count
 * leads to.
 *
 * Always holds: one UPDATE of a tally is under way at a time; it wants the count before its own to be there.
 */
import type { Name } from '@zonewright/common/name';
import { CLASS } from '@zonewright/common/rr/class';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE } from '@zonewright/common/wire/code';
import { BARE_EDNS } from '@zonewright/common/wire/edns';
import { emptyMessage, type Message } from '@zonewright/common/wire/message';
import { updateRecordOf } from '../support/update-text.ts';
import type { CrashZone } from './world.ts';

export class Tally {
  readonly number: number;
  readonly zone: CrashZone;
  /** What was acknowledged, or seen: no less may be seen any more. */
  settled = 0;
  /** What was asked for: no more may be seen. */
  may = 0;

  constructor(number: number, zone: CrashZone) {
    this.number = number;
    this.zone = zone;
  }

  /** The name of the count. */
  get owner(): string {
    return `u${this.number}`;
  }

  settle(count: number): void {
    this.settled = Math.max(this.settled, count);
  }

  /** The UPDATE that leads to a count. */
  updateTo(count: number): Message {
    const { number, zone } = this;
    const record = (line: string) => updateRecordOf(line, zone.name);
    const oldest = count - LAST;
    return {
      ...emptyMessage(0, OPCODE.UPDATE),
      questions: [{ name: zone.name, type: TYPE.SOA, class: CLASS.IN }],
      answers: [record(`yx u${number} TXT ${word('u', number, count - 1)}`)],
      authorities: [
        record(`delete u${number} TXT ${word('u', number, count - 1)}`),
        record(`add u${number} 300 TXT ${word('u', number, count)}`),
        record(`add w${number} 300 TXT ${word('w', number, count)}`),
        ...(oldest < 0 ? [] : [record(`delete w${number} TXT ${word('w', number, oldest)}`)]),
      ],
      edns: BARE_EDNS,
    };
  }

  /** Asks for the count. */
  question(): { readonly name: Name; readonly type: number; readonly class: number } {
    return { name: updateRecordOf(`nx ${this.owner}`, this.zone.name).name, type: TYPE.TXT, class: CLASS.IN };
  }
}

/** Counts that are kept beside the last one. */
const LAST = 8;
const WORD = /"([uw])(\d+)=(\d+)"/g;

const word = (kind: 'u' | 'w', number: number, count: number): string => `"${kind}${number}=${count}"`;

/** Lines of a zone file for a tally that begins. */
export const firstLines = (number: number): readonly [string, string] => [
  `u${number} TXT ${word('u', number, 0)}`,
  `w${number} TXT ${word('w', number, 0)}`,
];

/** Is this a line that UPDATEs change? */
export const isCounted = (line: string): boolean => new RegExp(WORD).test(line);

/** The counts in a text that holds records in presentation form, by the number of the tally; a text says what is wrong. */
export function countsIn(text: string): ReadonlyMap<number, number | string> {
  const shown = new Map<number, { readonly u: number[]; readonly w: number[] }>();
  for (const [, kind, number, count] of text.matchAll(WORD)) {
    const found = shown.get(Number(number)) ?? { u: [], w: [] };
    found[kind as 'u' | 'w'].push(Number(count));
    shown.set(Number(number), found);
  }
  return new Map([...shown].map(([number, { u, w }]) => [number, countOf(number, u, w)]));
}

function countOf(number: number, u: readonly number[], w: readonly number[]): number | string {
  const [count = -1] = u;
  const first = Math.max(0, count - LAST + 1);
  const wanted = Array.from({ length: count - first + 1 }, (_, i) => first + i);
  const kept = w.toSorted((a, b) => a - b);
  if (u.length === 1 && kept.join() === wanted.join()) return count;
  return `tally ${number} has the counts ${u.join(', ') || '(none)'}, and of the last ones ${kept.join(', ') || '(none)'}`;
}
