/**
 * Zones of which a change may have been missed, as this process or a connection was away: their primaries are asked, of so many zones at a
 * time. One that tells by itself what it has - Zonewright's, on a connection (`registrations.ts`) - is not asked meanwhile, for it would be asked
 * what it is about to say.
 *
 * Always holds: each zone keeps the others waiting once at most, for {@link TELLING}, and all of them for {@link MAX_TELLING}; one primary
 * does not wait for another.
 */
import { printPeer } from '../../net/address.ts';
import type { Clock } from '../clock.ts';
import { Queue } from '../queue.ts';
import { type HeldZone, isDoubted } from './held-zone.ts';
import type { ReplicaSource } from './primaries.ts';

export interface DoubtsOptions {
  readonly clock: Clock;
  /** Asks about a zone. Never rejects. */
  ask(held: HeldZone): Promise<void>;
}

/** Zones of which one primary is asked at the same time. */
const MAX_ASKED = 80;
/** Milliseconds without a word after which a primary that tells by itself is asked. */
const TELLING = 25;
/** Milliseconds after which it is asked although it goes on telling: one that is far away, or slow, takes longer to tell than to answer. */
const MAX_TELLING = 30_000;

const idOf = (source: ReplicaSource | undefined): string => (source === undefined ? '' : printPeer(source.primary));

/** What one primary is to be asked for. */
interface Line {
  readonly zones: Queue<HeldZone>;
  asked: number;
  /** It tells by itself until then, as far as is known. */
  tellsUntil: number;
  /** Whatever it tells, it is asked from then on. */
  askedFrom: number;
  cancel: (() => void) | undefined;
}

export class Doubts {
  readonly #options: DoubtsOptions;
  /** By primary: it is the same one whatever key it is asked by, and tells of all on one connection. */
  readonly #lines = new Map<string, Line>();
  #isEnded = false;

  constructor(options: DoubtsOptions) {
    this.#options = options;
  }

  /** `first`: who is asked first about the zone. */
  add(held: HeldZone, first: ReplicaSource | undefined): void {
    const { clock } = this.#options;
    const primary = idOf(first);
    const line = this.#lines.get(primary) ?? {
      zones: new Queue(),
      asked: 0,
      tellsUntil: 0,
      askedFrom: 0,
      cancel: undefined,
    };
    this.#lines.set(primary, line);
    if (line.zones.first === undefined) line.askedFrom = clock.now() + MAX_TELLING;
    line.zones.push(held);
    this.#ask(line);
  }

  /** A primary has said by itself what it has. */
  told(source: ReplicaSource): void {
    const line = this.#lines.get(idOf(source));
    if (line !== undefined) line.tellsUntil = Math.min(line.askedFrom, this.#options.clock.now() + TELLING);
  }

  end(): void {
    this.#isEnded = true;
    for (const { cancel } of this.#lines.values()) cancel?.();
  }

  #ask(line: Line): void {
    const { clock, ask } = this.#options;
    while (line.asked < MAX_ASKED && line.cancel === undefined && !this.#isEnded) {
      const held = line.zones.first;
      if (held === undefined) return;
      const wait = line.tellsUntil - clock.now();
      if (!isDoubted(held)) line.zones.take();
      else if (wait > 0) {
        line.cancel = clock.after(wait, () => {
          line.cancel = undefined;
          this.#ask(line);
        });
      } else {
        line.zones.take();
        line.asked++;
        void ask(held).then(() => {
          line.asked--;
          this.#ask(line);
        });
      }
    }
  }
}
