/** Changes of a zone, record by record, with what they meet on their way (RFC 2136 3.4.2, RFC 1995 4). */
import type { Name } from '../name.ts';
import { meantTtl, type ResourceRecord, rdataKey } from '../rr/record.ts';
import { typeRow } from '../rr/type.ts';
import type { Zone, ZoneNode } from './zone.ts';

/** A set in the making. */
interface Draft {
  ttl: number;
  /** RDATA by its canonical form. */
  readonly byKey: Map<string, Uint8Array>;
}

/**
 * Changes of a zone in the making, one record at a time. Each costs no more than itself however large its set is: a set is taken
 * apart once, when it is first touched, and put together once, by `finish`.
 */
export class ZoneEdit {
  readonly #base: Zone;
  readonly #drafts = new Map<string, { readonly name: Name; readonly sets: Map<number, Draft> }>();

  constructor(base: Zone) {
    this.#base = base;
  }

  /** The types that the name has now. */
  types(name: Name): readonly number[] {
    const drafts = this.#drafts.get(name.key)?.sets;
    const types = this.#base.typesOf(name).filter((type) => !drafts?.has(type));
    for (const [type, { byKey }] of drafts ?? []) if (byKey.size > 0) types.push(type);
    return types;
  }

  /** How many records the set has now. */
  size(name: Name, type: number): number {
    return this.#drafts.get(name.key)?.sets.get(type)?.byKey.size ?? this.#base.sizeOf(name, type);
  }

  /** Is there such a record now, whatever its TTL? */
  has(record: Pick<ResourceRecord, 'name' | 'type' | 'rdata'>): boolean {
    return this.#draft(record.name, record.type).byKey.has(rdataKey(record.type, record.rdata));
  }

  /** The RDATA of a set now. */
  rdatas(name: Name, type: number): readonly Uint8Array[] {
    return [...this.#draft(name, type).byKey.values()];
  }

  /** Its TTL becomes that of the set (RFC 2181 5.2); where the type allows one record, it replaces what is there. */
  add(record: ResourceRecord): void {
    const draft = this.#draft(record.name, record.type);
    if (typeRow(record.type)?.isSingle) draft.byKey.clear();
    draft.byKey.set(rdataKey(record.type, record.rdata), record.rdata);
    draft.ttl = meantTtl(record.ttl);
  }

  remove(record: Pick<ResourceRecord, 'name' | 'type' | 'rdata'>): void {
    this.#draft(record.name, record.type).byKey.delete(rdataKey(record.type, record.rdata));
  }

  removeSet(name: Name, type: number): void {
    this.#draft(name, type).byKey.clear();
  }

  /** The zone with all changes; `undefined` when no single SOA is left. */
  finish(): Zone | undefined {
    const nodes: ZoneNode[] = [];
    for (const { name: given, sets } of this.#drafts.values()) {
      const node = this.#base.find(given);
      const name = node?.name ?? given;
      const rrsets = new Map(node?.rrsets);
      for (const [type, { ttl, byKey }] of sets) {
        if (byKey.size === 0) rrsets.delete(type);
        else rrsets.set(type, { name, type, ttl, rdatas: [...byKey.values()] });
      }
      nodes.push({ name, rrsets });
    }
    return this.#base.withNodes(nodes);
  }

  #draft(name: Name, type: number): Draft {
    const entry = this.#drafts.get(name.key) ?? { name, sets: new Map<number, Draft>() };
    this.#drafts.set(name.key, entry);
    let draft = entry.sets.get(type);
    if (draft === undefined) {
      const base = this.#base.get(name, type);
      draft = { ttl: base?.ttl ?? 0, byKey: new Map(base?.rdatas.map((rdata) => [rdataKey(type, rdata), rdata])) };
      entry.sets.set(type, draft);
    }
    return draft;
  }
}
