/** What those who ask, update and commit share: where the server is, with which key, what is known of the zones, and whether it is over. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Key } from '@zonewright/common/authority/key';
import type { Peer } from '@zonewright/common/net/address';
import type { Chance } from '../support/mutation.ts';
import type { Repository } from '../support/repository.ts';
import type { Tally } from './tally.ts';
import type { CrashZone } from './world.ts';

export type Operation = 'update' | 'commit';

export interface Stage {
  readonly zones: readonly CrashZone[];
  readonly tallies: readonly Tally[];
  readonly repository: Repository;
  readonly server: Peer;
  /** May update, and notify. */
  readonly key: Key;
  readonly chance: Chance;
  /** Is an update that could not be written kept (`journal`), or may it be refused while the remote is out of reach (`push`)? */
  readonly ack: 'journal' | 'push';
  /** What a SERVFAIL says that an update may be refused with besides. */
  readonly refusals?: RegExp;
  /** Takes one of the operations that are left of a kind; `false` when it is over. */
  take(kind: Operation): boolean;
  /** Whether it is over for those who only look. */
  isOver(): boolean;
  /** Whether something went wrong, so that nothing more is to be found. */
  hasFailed(): boolean;
  /** What went as it may go, counted under a word for it. */
  count(what: string): void;
  /** Something went wrong. */
  fail(what: string): void;
}

/** Does something again and again until it is over, with pauses of `most` milliseconds at most. */
export async function again(stage: Stage, work: () => Promise<unknown>, most: number): Promise<void> {
  for (; !stage.isOver(); await pause(1 + stage.chance(most))) await work();
}
