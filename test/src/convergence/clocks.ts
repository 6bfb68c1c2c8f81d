/**
 * The times of day of the servers: how each is stepped while it runs, and what a server itself says that it is.
 *
 * A server says it by TSIG: a signed reply has its time, and one to a request of another time too (RFC 8945 5.2.3).
 */
import { Name } from '@zonewright/common/name';
import type { Peer } from '@zonewright/common/net/address';
import { exchange } from '@zonewright/common/net/exchange';
import { CLASS } from '@zonewright/common/rr/class';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE } from '@zonewright/common/wire/code';
import { emptyMessage } from '@zonewright/common/wire/message';
import type { TsigKey } from '@zonewright/common/wire/tsig';
import type { MovableClock } from '../support/movable-clock.ts';
import { writeWhole } from '../support/whole-file.ts';

const MODULE = new URL('./clock.js', import.meta.url).href;
const TIMEOUT = 500;
const QUESTION = {
  ...emptyMessage(0, OPCODE.QUERY),
  questions: [{ name: Name.root, type: TYPE.SOA, class: CLASS.IN }],
};

/** The clock of a server of ours: what it is ahead stands in the file. */
export function clockOfOurs(file: string): MovableClock {
  const set = (ahead: number): void => writeWhole(file, `${ahead}`);
  set(0);
  return { env: { NODE_OPTIONS: `--import=${MODULE}`, CLOCK_STEP: file }, set };
}

/** By how many seconds a server's clock is ahead of that of the machine: from the least to the most that its answer allows; `undefined` without one. */
export async function aheadOf(
  server: Peer,
  key: TsigKey,
): Promise<{ readonly least: number; readonly most: number } | undefined> {
  const before = Date.now() / 1000;
  const reply = await exchange({ server, message: QUESTION, key, transport: 'udp', timeout: TIMEOUT, tries: 1 });
  const after = Date.now() / 1000;
  const time = reply.ok ? reply.value.tsig?.timeSigned : undefined;
  // The time signed has no fractions.
  return time === undefined ? undefined : { least: time - after, most: time + 1 - before };
}
