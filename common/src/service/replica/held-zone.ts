/** A zone as a replica has it: where it comes from, who named it, the newest version that came, and when it is asked for next. */
import type { Refresh } from '../../authority/refresh.ts';
import type { Name } from '../../name.ts';
import type { History } from '../../zone/history.ts';
import type { Zone } from '../../zone/zone.ts';
import type { CopyState } from '../copies.ts';
import type { Primaries, ReplicaSource } from './primaries.ts';

/** What a NOTIFY said. */
export interface Tip {
  /** Where it came from, as far as that is a primary of the zone. */
  readonly from: ReplicaSource | undefined;
  readonly serial: number | undefined;
  /** Signed by a key that may: then nobody asks whether the serial is true before it is transferred. */
  readonly isSigned: boolean;
}

export interface HeldZone {
  readonly origin: Name;
  /** Named by a key, and so kept whatever the primary and catalogs say. */
  readonly isConfigured: boolean;
  /** Named by a NOTIFY: it comes from where its keys say, whatever catalogs name it too. */
  readonly isLearnt: boolean;
  /** The catalog zones of which it is a member. The first of them says where it comes from; the others wait (RFC 9432 5.2). */
  catalogs: readonly Name[];
  primaries: Primaries;
  readonly history: History;
  refresh: Refresh;
  /** The newest version that came. It outlives its expiry, to be served again once a primary says that it is current. */
  copy: Zone | undefined;
  /** The last NOTIFY that nobody has acted upon yet. */
  tip: Tip | undefined;
  /** When a primary last said what is current, milliseconds of a steady clock. */
  checkedAt: number | undefined;
  /** What went wrong last, for the status page. */
  failure: string | undefined;
  /** It is ours no more: whatever is under way for it comes to nothing. */
  isDropped: boolean;
}

/** Is it kept although its primary says that it has it no more? What came by a NOTIFY is not. */
export function isNamed({ isConfigured, catalogs }: HeldZone): boolean {
  return isConfigured || catalogs.length > 0;
}

/** Has only a NOTIFY named it, and has there never been a copy? Perhaps there is no such zone. */
export function isRumour(held: HeldZone): boolean {
  return held.isLearnt && !isNamed(held) && held.copy === undefined;
}

/** A key for all zones names the root, be it a zone or not. */
export function namerOf({ origin, isConfigured, isLearnt, catalogs }: HeldZone): CopyState['namedBy'] {
  if (isConfigured) return 'key';
  return (isLearnt ? undefined : catalogs[0]) ?? (origin.isRoot ? 'key' : 'notify');
}
