/**
 * Updates that came together, run one after the other on tentative versions: each on what the one before it left. Nothing of it is seen
 * by anybody until it is published, and all of it can be dropped.
 */
import { edeCodeOf, runUpdate, type Update } from '@zonewright/common/authority/update';
import { serverFailure, type Verdict } from '@zonewright/common/service/name-server';
import { RCODE } from '@zonewright/common/wire/code';
import { EDE } from '@zonewright/common/wire/edns';
import type { Delta } from '@zonewright/common/zone/delta';
import { dateSerial } from '@zonewright/common/zone/serial';
import type { Zone } from '@zonewright/common/zone/zone';
import type { UpdateEntry } from './journal.ts';

/** An update that waits to be run, and where it came from, as `printPeer` prints it. */
export interface Asked {
  readonly update: Update;
  readonly source: string;
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

export class Batch {
  readonly entries: UpdateEntry[] = [];
  /** What each entry did, in the same order. */
  readonly deltas: Delta[] = [];
  readonly #served: (update: Update) => Zone | undefined;
  readonly #first: number;
  readonly #versions = new Map<string, Zone>();

  /** `first`: the position of the first entry. */
  constructor(served: (update: Update) => Zone | undefined, first: number) {
    this.#served = served;
    this.#first = first;
  }

  /** The versions that the entries lead to, one for each zone that they change. */
  get versions(): Iterable<Zone> {
    return this.#versions.values();
  }

  /** The version of a zone that its entries lead to. */
  versionOf({ key }: Update['origin']): Zone | undefined {
    return this.#versions.get(key);
  }

  /** Runs one more. `time`: milliseconds since 1970. */
  run({ update, source }: Asked, time: number): Ran {
    const { origin, scope, key, operations } = update;
    const zone = this.#versions.get(origin.key) ?? this.#served(update);
    if (zone === undefined) return NO_ZONE;
    const outcome = runUpdate(update, zone, dateSerial(time));
    if (!outcome.ok) {
      const { rcode, what } = outcome.fault;
      return { kind: 'refused', verdict: { rcode, ede: { code: edeCodeOf(outcome.fault), text: what } }, what };
    }
    if (outcome.value === undefined) return { kind: 'nothing' };
    const { delta } = outcome.value;
    const position = this.#first + this.entries.length;
    const { from, to } = delta;
    const entry: UpdateEntry = {
      kind: 'update',
      position,
      time,
      zone: origin,
      scope,
      key: key.name,
      source,
      operations,
      from,
      to,
    };
    this.#versions.set(origin.key, outcome.value.zone);
    this.entries.push(entry);
    this.deltas.push(delta);
    return { kind: 'entry', entry };
  }

  /** Drops all of it. */
  discard(): void {
    for (const zone of [...this.#versions.values()].reverse()) zone.discard();
  }
}

/** The answer to an update that could not be made as durable as NOERROR says. */
export function notDurable(what: string): Verdict {
  return serverFailure(EDE.NETWORK_ERROR, what);
}
