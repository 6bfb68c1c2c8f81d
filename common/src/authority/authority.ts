/** What a name server answers from, and what it may do: of one process, and the same for all requests. */
import type { Name } from '../name.ts';
import type { History } from '../zone/history.ts';
import type { Zone } from '../zone/zone.ts';
import type { Identity } from './identity.ts';
import type { KeyTable } from './key.ts';
import type { DemandedTransport } from './transport.ts';
import type { ZoneTable } from './zones.ts';

export interface Authority {
  readonly zones: ZoneTable;
  readonly keys: KeyTable;
  /** False while it is not known yet which keys there are: whoever signs is not told then that his key is none. */
  readonly isReady?: boolean;
  readonly identity: Identity;
  /** May anybody transfer zones (`--axfr`)? */
  readonly isTransferOpen: boolean;
  /** Does this server take changes? A secondary does not. */
  readonly isPrimary: boolean;
  /**
   * What a server that takes none passes updates on over, to the primaries of the zone (RFC 2136 6); it passes none on unless given. None
   * gets a better transport by that than it came over, since a key may demand one.
   */
  readonly forwardsOver?: 'plain' | DemandedTransport;
  historyOf(origin: Name): History | undefined;
  /** Seconds until this version of the zone may not be served any more (RFC 7314); `undefined` where another thread knows it. */
  expiryOf(zone: Zone): number | undefined;
}
