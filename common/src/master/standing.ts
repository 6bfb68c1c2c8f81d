/**
 * What an entry of a zone file takes from those before it (RFC 1035 5.1, RFC 2308 4). Where this is known, reading can begin at any
 * entry, and what stands behind two places of the same standing means the same.
 */
import type { Name } from '../name.ts';
import type { DefaultTtl } from './default-ttl.ts';

export interface Standing {
  /** The `$ORIGIN` in force. */
  readonly origin: Name;
  /** Whom a line means that leaves its owner out; `undefined` where there is nobody yet. */
  readonly owner: Name | undefined;
  /** To be cloned by who keeps it. */
  readonly ttl: DefaultTtl;
}

/** A standing to be kept. */
export function keep({ origin, owner, ttl }: Standing): Standing {
  return { origin, owner, ttl: ttl.clone() };
}

export function isSameStanding(a: Standing, b: Standing): boolean {
  if (!a.origin.equals(b.origin) || !a.ttl.equals(b.ttl)) return false;
  const [mine, other] = [a.owner, b.owner];
  return mine === undefined || other === undefined ? mine === other : mine.equals(other);
}
