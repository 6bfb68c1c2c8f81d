/**
 * When the CA suggests to renew certificates (ARI, RFC 9773): asked for one after the other, as often as the CA wants, so many in a
 * minute at most. In the window that the CA gives an instant is drawn once (4.2), and kept in the state, so that a restart neither draws nor
 * asks again. A CA that knows no ARI is asked once a day.
 *
 * What a suggestion may do, `renewal.ts` bounds.
 */
import type { Log } from '@zonewright/common/service/log';
import type { AcmeClient } from './acme.ts';
import { ASK_AGAIN, certificateId } from './acme-renewal.ts';
import { isAhead } from './ahead.ts';
import type { Certificate } from './certificate.ts';
import type { Json, StateTable } from './state.ts';

interface Suggestion {
  readonly start: number;
  readonly end: number;
  /** The instant drawn from `start` to `end`. */
  readonly at: number;
}

interface Entry {
  /** Milliseconds since 1970; nothing is asked before. */
  readonly askAt: number;
  readonly suggestion?: Suggestion;
}

/** Questions to the CA in a minute, whatever there is to ask about. */
const MOST_QUESTIONS = 60;
const QUESTION_WINDOW = 60_000;
/** Milliseconds: the CA is asked again after so long at most, and what it was not asked about for so much longer is forgotten. */
const LONGEST = ASK_AGAIN.most * 1000;

export class Suggestions {
  readonly #acme: Pick<AcmeClient, 'renewalInfo'>;
  readonly #log: Log;
  readonly #random: () => number;
  readonly #kept: StateTable<Json>;
  readonly #entries = new Map<string, Entry>();
  #isAsking = false;
  /** The minute in which questions are counted, and how many there were. */
  #windowAt = Number.NEGATIVE_INFINITY;
  #questions = 0;

  /** @param random returns a number in [0, 1) */
  constructor(acme: Pick<AcmeClient, 'renewalInfo'>, kept: StateTable<Json>, log: Log, random: () => number) {
    this.#acme = acme;
    this.#kept = kept;
    this.#log = log;
    this.#random = random;
    for (const [key, value] of kept.entries()) {
      const entry = readEntry(value);
      if (entry !== undefined) this.#entries.set(key, entry);
    }
  }

  /** When a certificate is to be renewed by the will of the CA, milliseconds since 1970; `undefined` if it did not say. */
  of(certificate: Certificate): number | undefined {
    return this.#entries.get(keyOf(certificate))?.suggestion?.at;
  }

  /**
   * Asks about those of `certificates` for which it is time, and forgets others that nobody has asked about for a day. Gives whether
   * the CA was asked, and when to call again, milliseconds since 1970.
   */
  async ask(
    certificates: readonly Certificate[],
    now: number,
    signal: AbortSignal,
  ): Promise<{ readonly hasAsked: boolean; readonly next: number }> {
    if (this.#isAsking) return { hasAsked: false, next: now + ASK_AGAIN.least * 1000 };
    this.#isAsking = true;
    try {
      const keys = new Set(certificates.map(keyOf));
      this.#forget(keys, now);
      if (Math.abs(now - this.#windowAt) >= QUESTION_WINDOW) {
        this.#windowAt = now;
        this.#questions = 0;
      }
      let next = now + LONGEST;
      let hasAsked = false;
      for (const certificate of certificates) {
        const key = keyOf(certificate);
        const entry = this.#entries.get(key);
        if (certificateId(certificate) === undefined || (entry !== undefined && isAhead(entry.askAt, now, LONGEST)))
          continue;
        if (this.#questions >= MOST_QUESTIONS) {
          next = this.#windowAt + QUESTION_WINDOW;
          break;
        }
        this.#questions++;
        hasAsked = true;
        this.#remember(key, await this.#askOne(certificate, entry, now, signal));
        if (signal.aborted) break;
      }
      for (const key of keys) next = Math.min(next, this.#entries.get(key)?.askAt ?? next);
      return { hasAsked, next };
    } finally {
      this.#isAsking = false;
    }
  }

  /** Where the CA has suggested nothing, there is nothing to keep. */
  #remember(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    if (entry.suggestion === undefined) void this.#kept.delete(key);
    else void this.#kept.set(key, { askAt: entry.askAt, ...entry.suggestion });
  }

  /** After a start the zones take a while to come. */
  #forget(present: ReadonlySet<string>, now: number): void {
    for (const [key, { askAt }] of this.#entries) {
      if (present.has(key) || Math.abs(now - askAt) < LONGEST) continue;
      this.#entries.delete(key);
      void this.#kept.delete(key);
    }
  }

  async #askOne(certificate: Certificate, before: Entry | undefined, now: number, signal: AbortSignal): Promise<Entry> {
    const info = await this.#acme.renewalInfo(certificate, { signal });
    const old = before?.suggestion;
    if (!info.ok) {
      this.#log.debug('renewal.unknown', { hosts: certificate.hosts, what: info.fault.what });
      return { askAt: now + ASK_AGAIN.usual * 1000, ...(old && { suggestion: old }) };
    }
    if (info.value === undefined) return { askAt: now + LONGEST };
    const { start, end, askAgain, explanation } = info.value;
    const askAt = now + askAgain * 1000;
    if (old?.start === start && old.end === end) return { askAt, suggestion: old };
    const at = start + this.#random() * (end - start);
    const renew = new Date(at).toISOString();
    this.#log.info('renewal.suggested', { hosts: certificate.hosts, renew, explanation });
    return { askAt, suggestion: { start, end, at } };
  }
}

function readEntry(value: Json): Entry | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { askAt, start, end, at } = value as { readonly [key: string]: Json };
  const isWhole = [askAt, start, end, at].every((one) => typeof one === 'number');
  return isWhole ? ({ askAt, suggestion: { start, end, at } } as Entry) : undefined;
}

function keyOf({ authorityKeyId, serialNumber }: Certificate): string {
  return `${Buffer.from(authorityKeyId ?? []).toString('hex')} ${Buffer.from(serialNumber).toString('hex')}`;
}
