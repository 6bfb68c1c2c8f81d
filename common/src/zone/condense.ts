/**
 * Several changes of a zone as one (RFC 1995 6): from the first's old version to the last's new one, without what was there only
 * in between. What was taken away and put back vanishes; what had another TTL for a while vanishes; the two SOAs stay.
 *
 * Always holds: the result leads to what the changes lead to one after the other, as long as each names every record that it
 * changes, TTLs included, as those of `delta.ts` do.
 */
import { type ResourceRecord, recordKey } from '../rr/record.ts';
import type { Delta } from './delta.ts';

/** What the changes do to one record: how it was before the first that names it, and how it is after the last. */
interface Fate {
  readonly before: ResourceRecord | undefined;
  after: ResourceRecord | undefined;
}

/** `deltas`: at least one, each from where the one before ended. */
export function condense(deltas: readonly [Delta, ...Delta[]]): Delta {
  const [first] = deltas;
  if (deltas.length === 1) return first;
  const last = deltas.at(-1)!;
  const fates = new Map<string, Fate>();
  for (const { removed, added } of deltas) {
    for (let i = 1; i < removed.length; i++) place(fates, removed[i]!, removed[i], undefined);
    for (let i = 1; i < added.length; i++) place(fates, added[i]!, undefined, added[i]);
  }
  const removed = [first.removed[0]!];
  const added = [last.added[0]!];
  for (const { before, after } of fates.values()) {
    if (before?.ttl === after?.ttl) continue;
    if (before !== undefined) removed.push(before);
    if (after !== undefined) added.push(after);
  }
  return { origin: first.origin, from: first.from, to: last.to, removed, added };
}

function place(
  fates: Map<string, Fate>,
  record: ResourceRecord,
  before: ResourceRecord | undefined,
  after: ResourceRecord | undefined,
): void {
  const key = recordKey(record);
  const fate = fates.get(key);
  if (fate === undefined) fates.set(key, { before, after });
  else fate.after = after;
}
