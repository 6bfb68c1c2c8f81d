/**
 * Signed requests that change something (UPDATE, NOTIFY) are carried out once, however often the same octets come: sent again
 * because the answer was lost or late, or by somebody who has recorded them. While the first is under way the others wait for its
 * outcome; afterwards, as long as its signature is good (RFC 8945 5.2.3), they get the same outcome at once.
 *
 * A request is known by its key and the part of its MAC that no truncation takes away (5.2.2.1): the MAC covers all of the message
 * but its ID, which a forwarder may change (5.3). That is so for outcomes of every kind: what has failed once is not carried out
 * later by a repetition, when its sender believes it failed; it signs a new one.
 * Left out: requests that were refused without being carried out, which are judged anew; memory over a restart.
 * Always holds: bounded in number for each key, and so in time under way. An outcome goes when its signature is too old to be
 * accepted and never before, by the time of day and by a steady clock as well: somebody may set the one forward, and back. A key that has reached its bound is refused, since whatever made room could be sent once more, and
 * nobody makes room at the cost of another key.
 */
import { leastMac } from '../wire/tsig.ts';
import type { Tsig } from '../wire/tsig-record.ts';
import type { Key } from './key.ts';
import type { Request } from './request.ts';

/** Outcomes remembered for one key. A signature is good for ten minutes at most, unless its sender says otherwise. */
const MAX_REMEMBERED = 200_000;
/** Requests under way; beyond it nothing more is begun. */
const MAX_UNDER_WAY = 1000;

/** Why a request is not carried out now: too many of all keys are under way, or too many of its key are remembered. */
export type Refusal = 'under-way' | 'remembered';

interface Entry<T> {
  /** Seconds of the steady clock: the last at which the signature is accepted if the time of day went on as it. */
  readonly until: number;
  /** Seconds since 1970: the same by the time of day. */
  readonly expiry: number;
  /** The key's name. */
  readonly owner: string;
  readonly outcome: Promise<T>;
}

export class ReplayTable<T> {
  readonly #most: number;
  readonly #entries = new Map<string, Entry<T>>();
  /** The identities of the entries by their `until`, which is not the order in which they come: senders choose it. */
  readonly #ends = new Map<number, Set<string>>();
  /** How many entries a key has, by its name. */
  readonly #counts = new Map<string, number>();
  /** The second in which was last looked for what is too old. */
  #cleared = -1;
  #underWay = 0;

  /** `most`: outcomes remembered for one key. */
  constructor(most: number = MAX_REMEMBERED) {
    this.#most = most;
  }

  /** How many outcomes are remembered or awaited. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * The outcome of `run`, or that of the same request before; or why there is none. An unsigned request is like no other, and one
   * that throws is forgotten. `now`: seconds since 1970, as the signature was verified with; `steady`: whole seconds of a clock that
   * nobody sets.
   */
  once(request: Request, now: number, steady: number, run: () => Promise<T>): Promise<T> | Refusal {
    const { key, message } = request;
    if (key === undefined || message.tsig === undefined) return run();
    const id = idOf(key, message.tsig);
    const known = this.#entries.get(id);
    if (known !== undefined) return known.outcome;
    if (this.#underWay >= MAX_UNDER_WAY) return 'under-way';
    this.#clear(now, steady);
    const owner = key.name.key;
    if ((this.#counts.get(owner) ?? 0) >= this.#most) return 'remembered';
    this.#underWay++;
    const outcome = (async () => run())();
    const expiry = message.tsig.timeSigned + message.tsig.fudge;
    const entry = { until: steady + expiry - now, expiry, owner, outcome };
    this.#remember(id, entry);
    const end = (): void => {
      this.#underWay--;
    };
    outcome.then(end, () => {
      end();
      if (this.#entries.get(id) === entry) this.#forget(id, entry);
    });
    return outcome;
  }

  #remember(id: string, entry: Entry<T>): void {
    const { until, owner } = entry;
    this.#entries.set(id, entry);
    this.#counts.set(owner, (this.#counts.get(owner) ?? 0) + 1);
    const ids = this.#ends.get(until);
    if (ids === undefined) this.#ends.set(until, new Set([id]));
    else ids.add(id);
  }

  #forget(id: string, { until, owner }: Entry<T>): void {
    this.#entries.delete(id);
    const left = this.#counts.get(owner)! - 1;
    if (left > 0) this.#counts.set(owner, left);
    else this.#counts.delete(owner);
    const ids = this.#ends.get(until)!;
    ids.delete(id);
    if (ids.size === 0) this.#ends.delete(until);
  }

  /** Forgets what is too old, once a second at most: what is not costs a look at its second, however many share it. */
  #clear(now: number, steady: number): void {
    if (steady === this.#cleared) return;
    this.#cleared = steady;
    for (const [until, ids] of this.#ends)
      if (until < steady)
        for (const id of ids) {
          const entry = this.#entries.get(id)!;
          if (entry.expiry < now) this.#forget(id, entry);
        }
  }
}

/** The same for the same signed request, however its MAC is truncated. */
function idOf(key: Key, { mac }: Tsig): string {
  return `${Buffer.from(mac.subarray(0, leastMac(key.algorithm))).toString('latin1')}${key.name.key}`;
}
