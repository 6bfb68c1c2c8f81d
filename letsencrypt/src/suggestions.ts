/**
 * When the CA suggests to renew certificates (ARI, RFC 9773): asked for one after the other, as often as the CA wants, and kept
 * in memory, so many in a minute at most. In the window that the CA gives an instant is drawn once (4.2). A CA that knows no ARI is asked once a day.
 *
 * What a suggestion may do, `renewal.ts` bounds. Left out: keeping suggestions over a restart; the CA is asked again.
 */
import type { Log } from '@zonewright/common/service/log';
import type { AcmeClient } from './acme.ts';
import { ASK_AGAIN, certificateId } from './acme-renewal.ts';
import type { Certificate } from './certificate.ts';

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

export class Suggestions {
  readonly #acme: Pick<AcmeClient, 'renewalInfo'>;
  readonly #log: Log;
  readonly #random: () => number;
  #entries = new Map<string, Entry>();
  #isAsking = false;
  /** The minute in which questions are counted, and how many there were. */
  #windowAt = Number.NEGATIVE_INFINITY;
  #questions = 0;

  /** @param random returns a number in [0, 1) */
  constructor(acme: Pick<AcmeClient, 'renewalInfo'>, log: Log, random: () => number) {
    this.#acme = acme;
    this.#log = log;
    this.#random = random;
  }

  /** When a certificate is to be renewed by the will of the CA, milliseconds since 1970; `undefined` if it did not say. */
  of(certificate: Certificate): number | undefined {
    return this.#entries.get(keyOf(certificate))?.suggestion?.at;
  }

  /**
   * Asks about those of `certificates` for which it is time, and forgets all others. Gives whether the CA was asked, and
   * when to call again, milliseconds since 1970.
   */
  async ask(
    certificates: readonly Certificate[],
    now: number,
    signal: AbortSignal,
  ): Promise<{ readonly hasAsked: boolean; readonly next: number }> {
    if (this.#isAsking) return { hasAsked: false, next: now + ASK_AGAIN.least * 1000 };
    this.#isAsking = true;
    try {
      const entries = new Map(certificates.map((one) => [keyOf(one), this.#entries.get(keyOf(one))]));
      this.#entries = new Map([...entries].flatMap(([key, entry]) => (entry === undefined ? [] : [[key, entry]])));
      if (Math.abs(now - this.#windowAt) >= QUESTION_WINDOW) {
        this.#windowAt = now;
        this.#questions = 0;
      }
      let next = now + ASK_AGAIN.most * 1000;
      let hasAsked = false;
      for (const certificate of certificates) {
        const key = keyOf(certificate);
        const entry = this.#entries.get(key);
        if (certificateId(certificate) === undefined || (entry !== undefined && now < entry.askAt)) continue;
        if (this.#questions >= MOST_QUESTIONS) {
          next = this.#windowAt + QUESTION_WINDOW;
          break;
        }
        this.#questions++;
        hasAsked = true;
        this.#entries.set(key, await this.#askOne(certificate, entry, now, signal));
        if (signal.aborted) break;
      }
      for (const { askAt } of this.#entries.values()) next = Math.min(next, askAt);
      return { hasAsked, next };
    } finally {
      this.#isAsking = false;
    }
  }

  async #askOne(certificate: Certificate, before: Entry | undefined, now: number, signal: AbortSignal): Promise<Entry> {
    const info = await this.#acme.renewalInfo(certificate, { signal });
    const old = before?.suggestion;
    if (!info.ok) {
      this.#log.debug('renewal.unknown', { hosts: certificate.hosts, what: info.fault.what });
      return { askAt: now + ASK_AGAIN.usual * 1000, ...(old && { suggestion: old }) };
    }
    if (info.value === undefined) return { askAt: now + ASK_AGAIN.most * 1000 };
    const { start, end, askAgain, explanation } = info.value;
    const askAt = now + askAgain * 1000;
    if (old?.start === start && old.end === end) return { askAt, suggestion: old };
    const at = start + this.#random() * (end - start);
    const renew = new Date(at).toISOString();
    this.#log.info('renewal.suggested', { hosts: certificate.hosts, renew, explanation });
    return { askAt, suggestion: { start, end, at } };
  }
}

function keyOf({ authorityKeyId, serialNumber }: Certificate): string {
  return `${Buffer.from(authorityKeyId ?? []).toString('hex')} ${Buffer.from(serialNumber).toString('hex')}`;
}
