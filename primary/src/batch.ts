/**
 * Updates that came together, run one after the other on tentative versions: each on what the one before it left. Nothing of it is seen
 * by anybody until it is published, and all of it can be dropped.
 */
import { lastingOperations, runUpdate } from '@zonewright/common/authority/run-update';
import { edeCodeOf, type Update } from '@zonewright/common/authority/update';
import type { Name } from '@zonewright/common/name';
import type { Verdict } from '@zonewright/common/service/name-server';
import { RCODE } from '@zonewright/common/wire/code';
import { EDE } from '@zonewright/common/wire/edns';
import type { Delta } from '@zonewright/common/zone/delta';
import type { Zone } from '@zonewright/common/zone/zone';
import { addedOctets, MOST_FILE_OCTETS } from './file-room.ts';
import type { UpdateEntry } from './journal/journal.ts';

/** An update that waits to be run, and where it came from, as `printPeer` prints it. */
export interface Asked {
  readonly update: Update;
  readonly source: string;
}

/** When an update is run: by the time of the journal, and the least serial in date style of that day. */
export interface Moment {
  readonly time: number;
  readonly today: number;
}

/** What one update came to. `what`: why it was refused. */
export type Ran =
  | { readonly kind: 'refused'; readonly verdict: Verdict; readonly what: string }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'entry'; readonly entry: UpdateEntry };

const NO_ZONE: Ran = {
  kind: 'refused',
  verdict: { rcode: RCODE.NOTAUTH, ede: { code: EDE.NOT_AUTHORITATIVE, text: 'the zone is no longer served here' } },
  what: 'the zone is no longer served here',
};

const MUCH = 'it deletes more sets of records than one update can be kept with';
const TOO_MUCH: Ran = {
  kind: 'refused',
  verdict: { rcode: RCODE.SERVFAIL, ede: { code: EDE.OTHER, text: MUCH } },
  what: MUCH,
};

const FULL = `the zone file would come to more than ${MOST_FILE_OCTETS} octets; nothing is added to it, records can be deleted`;
const NO_ROOM: Ran = {
  kind: 'refused',
  verdict: { rcode: RCODE.REFUSED, ede: { code: EDE.OTHER, text: FULL } },
  what: FULL,
};

/** The version that the entries of a zone lead to, and what each of them did. */
export interface Change {
  readonly zone: Zone;
  readonly deltas: readonly Delta[];
}

export class Batch {
  readonly entries: UpdateEntry[] = [];
  readonly #served: (update: Update) => Zone | undefined;
  readonly #first: number;
  readonly #room: (origin: Name) => number;
  /** Octets that the entries add to a file, by the key of its zone. */
  readonly #added = new Map<string, number>();
  readonly #changes = new Map<string, { zone: Zone; readonly deltas: Delta[] }>();

  /** `first`: the position of the first entry; `room`: octets that may be added to the file of a zone. */
  constructor(served: (update: Update) => Zone | undefined, first: number, room: (origin: Name) => number) {
    this.#served = served;
    this.#first = first;
    this.#room = room;
  }

  /** One for each zone that is changed. */
  get changes(): Iterable<Change> {
    return this.#changes.values();
  }

  /** What the entries did, those of a zone in their order. */
  get deltas(): readonly Delta[] {
    return [...this.#changes.values()].flatMap(({ deltas }) => deltas);
  }

  /** The version of a zone that its entries lead to. */
  versionOf({ key }: Name): Zone | undefined {
    return this.#changes.get(key)?.zone;
  }

  /** Runs one more. */
  run({ update, source }: Asked, { time, today }: Moment): Ran {
    const { origin, scope, key } = update;
    const zone = this.versionOf(origin) ?? this.#served(update);
    if (zone === undefined) return NO_ZONE;
    const outcome = runUpdate(update, zone, today);
    if (!outcome.ok) {
      const { rcode, what } = outcome.fault;
      return { kind: 'refused', verdict: { rcode, ede: { code: edeCodeOf(outcome.fault), text: what } }, what };
    }
    if (outcome.value === undefined) return { kind: 'nothing' };
    const { zone: next, delta } = outcome.value;
    const operations = lastingOperations(update, zone);
    if (operations === undefined) {
      next.discard();
      return TOO_MUCH;
    }
    const more = addedOctets(operations);
    const added = (this.#added.get(origin.key) ?? 0) + more;
    if (more > 0 && added > this.#room(origin)) {
      next.discard();
      return NO_ROOM;
    }
    this.#added.set(origin.key, added);
    const { from, to } = delta;
    const position = this.#first + this.entries.length;
    const common = { position, time, zone: origin, from, to };
    const entry: UpdateEntry = { kind: 'update', ...common, scope, key: key.name, source, operations };
    const change = this.#changes.get(origin.key);
    if (change === undefined) this.#changes.set(origin.key, { zone: next, deltas: [delta] });
    else {
      change.zone = next;
      change.deltas.push(delta);
    }
    this.entries.push(entry);
    return { kind: 'entry', entry };
  }

  /** Drops all of it. */
  discard(): void {
    for (const { zone } of this.#changes.values()) zone.discard();
  }
}
