/**
 * The members of all catalogs that a secondary follows (RFC 9432 5): which catalog a zone belongs to. Pure.
 *
 * Left out: that a zone which changes its owner and keeps its label keeps its copy too (4.3.1); it is transferred anew.
 * A version is taken step by step, for it may list a million zones; before the last step nobody is to ask what it changes.
 *
 * Always holds: a zone belongs to one catalog at most. It is taken from it by no other, unless the one that has it says so (4.3.1).
 */
import type { Name } from '../name.ts';
import type { Steps } from '../steps.ts';
import type { Member } from './catalog.ts';

/** What a new version of a catalog changes. */
export interface MemberChanges {
  /** The catalogs that may have other zones now, with all that they have. */
  readonly owned: readonly { readonly catalog: Name; readonly zones: readonly Name[] }[];
  /** Of these the zones that were there before, and of which all that is known is to be forgotten (5.4). */
  readonly reset: readonly Name[];
  /** Zones that are listed and belong to another catalog (5.2). */
  readonly clashes: readonly { readonly zone: Name; readonly owner: Name }[];
}

interface Listing {
  readonly name: Name;
  /** By the key of the zone, as are those below. */
  readonly members: ReadonlyMap<string, Member>;
}

interface Owned {
  readonly catalog: Name;
  readonly member: Member;
}

export class CatalogMembers {
  readonly #catalogs = new Map<string, Listing>();
  readonly #owned = new Map<string, Owned>();

  /** Takes a good version of a catalog, one after the other; others may have their turn at each step. */
  *take(catalog: Name, list: readonly Member[]): Steps<MemberChanges> {
    const members = new Map<string, Member>();
    for (const member of list) {
      members.set(member.zone.key, member);
      yield;
    }
    const before = this.#catalogs.get(catalog.key)?.members ?? new Map<string, Member>();
    this.#catalogs.set(catalog.key, { name: catalog, members });
    const touched = new Map([[catalog.key, catalog]]);
    const reset: Name[] = [];
    const clashes: { zone: Name; owner: Name }[] = [];
    for (const [key, { zone }] of before) {
      yield;
      if (members.has(key) || !this.#owned.get(key)?.catalog.equals(catalog)) continue;
      this.#owned.delete(key);
      const heir = this.#heirOf(key);
      if (heir === undefined) continue;
      this.#owned.set(key, heir);
      touched.set(heir.catalog.key, heir.catalog);
      reset.push(zone);
    }
    for (const [key, member] of members) {
      yield;
      const owned = this.#owned.get(key);
      const isOurs = owned === undefined || owned.catalog.equals(catalog);
      if (!isOurs && !owned.member.newOwner?.equals(catalog)) {
        clashes.push({ zone: member.zone, owner: owned.catalog });
        continue;
      }
      this.#owned.set(key, { catalog, member });
      if (owned === undefined) continue;
      if (!isOurs) touched.set(owned.catalog.key, owned.catalog);
      if (!isOurs || owned.member.label !== member.label) reset.push(member.zone);
    }
    return { owned: yield* this.#zonesOf(touched), reset, clashes };
  }

  /** The catalog that lists a zone which nobody has any more. */
  #heirOf(key: string): Owned | undefined {
    for (const { name, members } of this.#catalogs.values()) {
      const member = members.get(key);
      if (member !== undefined) return { catalog: name, member };
    }
    return undefined;
  }

  *#zonesOf(touched: ReadonlyMap<string, Name>): Steps<MemberChanges['owned']> {
    const zones = new Map([...touched].map(([key, catalog]) => [key, { catalog, zones: [] as Name[] }]));
    for (const { catalog, member } of this.#owned.values()) {
      zones.get(catalog.key)?.zones.push(member.zone);
      yield;
    }
    return [...zones.values()];
  }
}
