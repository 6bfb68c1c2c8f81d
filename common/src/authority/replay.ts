/**
 * Signed requests that change something (UPDATE, NOTIFY) are carried out once, however often the same octets come: sent again
 * because the answer was lost or late, or by somebody who has recorded them. While the first is under way the others wait for its
 * outcome; afterwards, as long as its signature is good (RFC 8945 5.2.3), they get the same outcome at once.
 *
 * A request is known by its key and the part of its MAC that no truncation takes away (5.2.2.1): the MAC covers all of the message
 * but its ID, which a forwarder may change (5.3). That is so for outcomes of every kind: what has failed once is not carried out
 * later by a repetition, when its sender believes it failed; it signs a new one.
 * Left out: requests that were refused without being carried out, which are judged anew; memory over a restart.
 * Always holds: bounded in number, and so in time under way; an entry goes when its signature is too old to be accepted.
 */
import { leastMac } from '../wire/tsig.ts';
import type { Tsig } from '../wire/tsig-record.ts';
import type { Key } from './key.ts';
import type { Request } from './request.ts';

/** Outcomes remembered; beyond it the oldest are forgotten. A signature is good for ten minutes, unless its sender says otherwise. */
const MAX_REMEMBERED = 10_000;
/** Requests under way; beyond it nothing more is begun. */
const MAX_UNDER_WAY = 1000;

interface Entry<T> {
  /** Seconds since 1970: the last at which the signature is accepted. */
  readonly until: number;
  readonly outcome: Promise<T>;
  isUnderWay: boolean;
}

export class ReplayTable<T> {
  /** In the order in which they came. */
  readonly #entries = new Map<string, Entry<T>>();
  #underWay = 0;

  /** How many outcomes are remembered or awaited. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * The outcome of `run`, or that of the same request before. `undefined` when too many others are under way. An unsigned request is
   * like no other, and one that throws is forgotten. `now`: seconds since 1970, as the signature was verified with.
   */
  once(request: Request, now: number, run: () => Promise<T>): Promise<T> | undefined {
    const { key, message } = request;
    if (key === undefined || message.tsig === undefined) return run();
    const id = idOf(key, message.tsig);
    const known = this.#entries.get(id);
    if (known !== undefined) return known.outcome;
    if (this.#underWay >= MAX_UNDER_WAY) return undefined;
    this.#forget(now);
    this.#underWay++;
    const outcome = (async () => run())();
    const entry = { until: message.tsig.timeSigned + message.tsig.fudge, outcome, isUnderWay: true };
    this.#entries.set(id, entry);
    const end = (): void => {
      this.#underWay--;
      entry.isUnderWay = false;
    };
    outcome.then(end, () => {
      end();
      this.#entries.delete(id);
    });
    return outcome;
  }

  /** Makes room for one more: what is too old goes, and the oldest. What is under way stays. */
  #forget(now: number): void {
    for (const [id, { until, isUnderWay }] of this.#entries) {
      if (this.#entries.size < MAX_REMEMBERED && until >= now) return;
      if (!isUnderWay) this.#entries.delete(id);
    }
  }
}

/** The same for the same signed request, however its MAC is truncated. */
function idOf(key: Key, { mac }: Tsig): string {
  return `${Buffer.from(mac.subarray(0, leastMac(key.algorithm))).toString('latin1')}${key.name.key}`;
}
