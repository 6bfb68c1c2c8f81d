/**
 * The latest changes of all zones, for IXFR (RFC 1995): what became visible here, and in front of it what the journal has kept of the
 * time before the start.
 */
import type { Name } from '@zonewright/common/name';
import type { Delta } from '@zonewright/common/zone/delta';
import { History } from '@zonewright/common/zone/history';
import type { Zone } from '@zonewright/common/zone/zone';
import type { Journal } from './journal/journal.ts';

export class Histories {
  readonly #byZone = new Map<string, History>();

  of(origin: Name): History | undefined {
    return this.#byZone.get(origin.key);
  }

  add(delta: Delta): void {
    const { key } = delta.origin;
    const history = this.#byZone.get(key) ?? new History();
    history.add(delta);
    this.#byZone.set(key, history);
  }

  forget(origin: Name): void {
    this.#byZone.delete(origin.key);
  }

  /** Puts what the journal has of these zones in front of what is known. */
  async fetch(journal: Journal, zones: Iterable<Zone>): Promise<void> {
    for (const { origin } of zones) {
      const kept = await journal.historyOf(origin);
      if (kept.length === 0) continue;
      // Looked at after the wait: changes may have come meanwhile, which the journal may have too.
      const since = this.of(origin)?.all ?? [];
      const [first] = since;
      const end = first === undefined ? kept.length : kept.findLastIndex(({ to }) => to === first.from) + 1;
      const whole = new History();
      for (const delta of [...kept.slice(0, end), ...since]) whole.add(delta);
      this.#byZone.set(origin.key, whole);
    }
  }
}
