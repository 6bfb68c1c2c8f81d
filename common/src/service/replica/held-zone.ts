/** A zone as a replica has it: where it comes from, who named it, the newest version that came, and when it is asked for next. */
import type { Refresh } from '../../authority/refresh.ts';
import type { Name } from '../../name.ts';
import type { History } from '../../zone/history.ts';
import { isNewer } from '../../zone/serial.ts';
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
  /** It says which zones there are. */
  readonly isCatalog: boolean;
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
  /**
   * Since when its primaries have said, whenever they were asked, that they do not have it: milliseconds of a steady clock, {@link TOLD_GONE}
   * where a NOTIFY or a catalog has said so too.
   */
  goneSince: number | undefined;
  /** What went wrong last, for the status page. */
  failure: string | undefined;
  /** It is ours no more: whatever is under way for it comes to nothing. */
  isDropped: boolean;
}

/** Which of two NOTIFYs is to be acted upon: the later one, unless its sender is itself behind that of the other. */
export function newerTip(known: Tip | undefined, tip: Tip): Tip {
  const isBehind = known?.serial !== undefined && tip.serial !== undefined && isNewer(known.serial, tip.serial);
  return isBehind ? known : tip;
}

/** For long enough to be believed. */
export const TOLD_GONE = Number.NEGATIVE_INFINITY;

/** Is it kept although its primary says that it has it no more? What came by a NOTIFY is not. */
export function isNamed({ isConfigured, catalogs }: HeldZone): boolean {
  return isConfigured || catalogs.length > 0;
}

/** Does somebody wait for it, so that it is not held up by all that merely starts, or is due: whoever sent a NOTIFY, or the zones that it lists? */
export function isUrgent({ isCatalog, tip: last }: HeldZone, tip: Tip | undefined = last): boolean {
  return isCatalog || tip !== undefined;
}

/** Is it asked for because something may have been missed, and has not been yet? */
export function isDoubted({ isDropped, refresh }: HeldZone): boolean {
  return !isDropped && refresh.regularAt !== undefined;
}

/** Does it have a version that may be served? */
export function isServed({ refresh }: HeldZone): boolean {
  return refresh.soa !== undefined;
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
