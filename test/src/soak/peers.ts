/** What a soak talks to, and with which key: all its clients but those that only ask over UDP. */
import { type Key, parseKey } from '@zonewright/common/authority/key';
import type { Peer } from '@zonewright/common/net/address';
import type { KeyText } from '../support/dig.ts';
import type { Chance } from '../support/mutation.ts';
import { given } from '../support/records.ts';
import type { Repository } from '../support/repository.ts';
import type { Versions } from './versions.ts';
import type { SoakWorld, SoakZone } from './world.ts';

export interface Scenery {
  readonly world: SoakWorld;
  readonly versions: Versions;
  readonly repository: Repository;
  readonly primary: Peer;
  readonly secondary: Peer;
  /** May update, transfer and notify. */
  readonly key: Key;
  readonly chance: Chance;
  /** Whether the soak is over. */
  isOver(): boolean;
  /** Those who update wait for this between two UPDATEs: whoever commits may be given the way. */
  gate: Promise<void>;
  /** What went well, counted under a word for it. */
  count(what: string): void;
  /** Something went wrong. */
  fail(what: string): void;
}

export const keyOf = (text: KeyText): Key => given(parseKey(text));

export const someZone = ({ world, chance }: Scenery): SoakZone =>
  world.zones[chance(2) === 0 ? 0 : chance(world.zones.length)]!;
