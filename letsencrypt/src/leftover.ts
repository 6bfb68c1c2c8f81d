/**
 * Challenges that were put and not taken away: by a service that was killed, or while the primary was away. They are found in the
 * zone itself, so that nothing has to be remembered.
 *
 * A digest (RFC 8555 8.4) does not say who put it, and those of other ACME clients must stay. So beside each of ours stands a mark:
 * `zonewright=` and a hash of the digest and of the account's key. A CA passes over texts that it does not look for. A digest with
 * its mark beside it is ours for certain, for nobody else would put that mark; one without is left alone, however old.
 *
 * Always holds: what belongs to an order under way is not taken away; a zone is searched once.
 * Left out: leftovers of another account, such as one whose key is lost.
 */
import { createHash } from 'node:crypto';
import { txtText } from '@zonewright/common/rr/txt';
import { TYPE } from '@zonewright/common/rr/type';
import { type BackoffBounds, nextDelay } from '@zonewright/common/service/backoff';
import type { Log } from '@zonewright/common/service/log';
import type { Zone } from '@zonewright/common/zone/zone';
import { type Answer, takeAway } from './challenge.ts';
import type { DnsClient } from './dns.ts';

const MARK = 'zonewright=';
/** A SHA-256 in base64url. */
const DIGEST = /^[A-Za-z0-9_-]{43}$/;
/** Milliseconds until what could not be taken away is tried again. */
const AGAIN: BackoffBounds = { base: 60_000, max: 3_600_000 };

/** The text that says whose a digest is. */
export function markOf(digest: string, thumbprint: string): string {
  return MARK + createHash('sha256').update(`${digest} ${thumbprint}`).digest('base64url');
}

/** All texts in a zone that an account has put for challenges. */
export function findLeftovers(zone: Zone, thumbprint: string): readonly Answer[] {
  const found: Answer[] = [];
  for (const { name, rrsets } of zone.eachNode()) {
    const texts = (rrsets.get(TYPE.TXT)?.rdatas ?? []).map(txtText);
    const marks = new Set(texts.filter((text) => text.startsWith(MARK)));
    if (marks.size === 0) continue;
    for (const digest of texts.filter((text) => DIGEST.test(text))) {
      const mark = markOf(digest, thumbprint);
      if (marks.has(mark)) found.push(...[digest, mark].map((text) => ({ place: { name, zone }, text })));
    }
  }
  return found;
}

const keyOf = ({ place, text }: Answer): string => `${place.name.key} ${text}`;

export class Leftovers {
  readonly #dns: DnsClient;
  readonly #thumbprint: string;
  readonly #log: Log;
  /** Zones that were searched, by their apex. */
  readonly #searched = new Set<string>();
  readonly #underWay = new Set<string>();
  readonly #left = new Map<string, Answer>();
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #isStopped = false;

  /** @param thumbprint of the account's key (RFC 7638) */
  constructor(dns: DnsClient, thumbprint: string, log: Log) {
    this.#dns = dns;
    this.#thumbprint = thumbprint;
    this.#log = log;
  }

  /** A zone was read: the first time, what is left in it is taken away. */
  search(zone: Zone): void {
    if (this.#searched.has(zone.origin.key)) return;
    this.#searched.add(zone.origin.key);
    this.#leave(findLeftovers(zone, this.#thumbprint));
    this.#tidy();
  }

  /** The answers are about to be put; afterwards it is sure that only {@link release} lets them be taken away. */
  async hold(answers: readonly Answer[]): Promise<void> {
    for (const answer of answers) {
      this.#underWay.add(keyOf(answer));
      this.#left.delete(keyOf(answer));
    }
    await this.#running;
  }

  /** The order is over: the answers are taken away, now or, where that fails, later. */
  async release(answers: readonly Answer[]): Promise<void> {
    for (const answer of answers) this.#underWay.delete(keyOf(answer));
    const tidied = await takeAway(this.#dns, answers);
    if (tidied.ok) return;
    this.#log.warn('challenge.left', { what: tidied.fault.what });
    this.#leave(answers);
    this.#later();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #leave(answers: readonly Answer[]): void {
    for (const answer of answers) if (!this.#underWay.has(keyOf(answer))) this.#left.set(keyOf(answer), answer);
  }

  #tidy(): void {
    if (this.#left.size === 0 || this.#running !== undefined || this.#isStopped) return;
    const answers = [...this.#left.values()];
    this.#left.clear();
    this.#running = takeAway(this.#dns, answers).then((tidied) => {
      this.#running = undefined;
      const names = [...new Set(answers.map(({ place }) => place.name.toString()))];
      if (tidied.ok) {
        this.#failures = 0;
        this.#log.info('challenge.tidied', { names });
        this.#tidy();
      } else {
        this.#log.warn('challenge.left', { names, what: tidied.fault.what });
        this.#leave(answers);
        this.#later();
      }
    });
  }

  #later(): void {
    if (this.#isStopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tidy(), nextDelay(this.#failures++, AGAIN, Math.random));
  }
}
