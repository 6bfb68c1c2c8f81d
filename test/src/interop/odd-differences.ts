/**
 * Where our reactions to odd messages differ from those of BIND, Knot and NSD, and are meant to: a row for each reason, explained
 * in `docs/differences.md`. A difference without a row fails the test, and so does a row without a difference.
 */
import type { PeerName } from '../support/peer-servers.ts';

export interface OddDifference {
  readonly id: string;
  readonly peers: readonly PeerName[];
  /** `field ours/theirs`, as the test words it. */
  readonly kinds: RegExp;
  /** What is odd about the message; anything unless given. */
  readonly messages?: RegExp;
}

export const ODD_DIFFERENCES: readonly OddDifference[] = [];
