/**
 * Secondaries of a secondary: those that have it as their primary, by the names of their keys, are told of what it has got, as a primary
 * would tell them. A zone that has expired here is not told of: theirs is as good as any.
 *
 * Left out: the name servers of a zone, which its primary tells.
 */

import type { Authority } from '@zonewright/common/authority/authority';
import { type Key, KeyTable } from '@zonewright/common/authority/key';
import type { Name } from '@zonewright/common/name';
import type { Connection } from '@zonewright/common/net/connection';
import { Notifier, type NotifierOptions } from '@zonewright/common/service/notifier';
import type { Zone } from '@zonewright/common/zone/zone';

export interface ChainOptions extends Omit<NotifierOptions, 'isByKeyAlone'> {
  /** The keys that make us a primary. */
  readonly own: readonly Key[];
}

export class Chain {
  readonly #notifier: Notifier;
  readonly #authority: Authority;
  readonly #keys: KeyTable;
  /** What was told of each zone last, by its key: a zone that is gone is told of by its last version. */
  readonly #told = new Map<string, Zone>();

  constructor({ own, ...options }: ChainOptions) {
    this.#keys = new KeyTable(own);
    this.#authority = options.authority;
    // The keys of our own primaries name ourselves as the secondary.
    this.#notifier = new Notifier({
      ...options,
      authority: { ...options.authority, keys: this.#keys },
      isByKeyAlone: true,
    });
  }

  /** A version was published, or there is none any more. */
  changed(origin: Name, zone: Zone | undefined): void {
    if (this.#keys.size === 0) return;
    const { zones } = this.#authority;
    const last = this.#told.get(origin.key);
    if (zone !== undefined) this.#told.set(origin.key, zone);
    else this.#told.delete(origin.key);
    if (zone !== undefined) this.#notifier.announce(zone);
    else if (last !== undefined && !zones.isApex(origin)) this.#notifier.announce(last);
  }

  /** A secondary has asked on its connection, to be told there. */
  register(connection: Connection, key: Key, zone: Name): void {
    if (this.#keys.get(key.name) !== undefined) this.#notifier.register(connection, key, zone);
  }

  /** A secondary has asked for what changed since `serial`. */
  asked(...request: Parameters<Notifier['asked']>): void {
    this.#notifier.asked(...request);
  }

  /** A secondary has been sent a version of a zone. */
  sent(...transfer: Parameters<Notifier['sent']>): void {
    this.#notifier.sent(...transfer);
  }

  close(): void {
    this.#notifier.close();
  }
}
