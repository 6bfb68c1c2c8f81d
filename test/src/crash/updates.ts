/** One who counts a tally up by UPDATEs, one after the other, over UDP and TCP, whatever becomes of the server meanwhile. */
import { setTimeout as pause } from 'node:timers/promises';
import { exchange } from '@zonewright/common/net/exchange';
import { printRecord } from '@zonewright/common/rr/record';
import { OPCODE, printRcode, RCODE } from '@zonewright/common/wire/code';
import { extendedErrorText } from '@zonewright/common/wire/edns';
import { emptyMessage, type Message } from '@zonewright/common/wire/message';
import type { Stage } from './stage.ts';
import type { Tally } from './tally.ts';

/** Milliseconds for an answer, and before somebody who got none tries again, at most. */
const TIMEOUT = 30_000;
const AGAIN = 60;
/** Milliseconds after a first answer within which an update that is there has to be seen. A server that is down answers nothing. */
const SEEN = 20_000;

/** `leisure`: milliseconds between two updates, at most. */
export async function countUp(stage: Stage, tally: Tally, leisure: number): Promise<void> {
  while (stage.take('update')) {
    while (!stage.hasFailed() && !(await countOnce(stage, tally))) await pause(1 + stage.chance(AGAIN));
    if (leisure > 0) await pause(stage.chance(leisure));
  }
}

/** `false`: not known to be there. */
async function countOnce(stage: Stage, tally: Tally): Promise<boolean> {
  const next = tally.settled + 1;
  tally.may = Math.max(tally.may, next);
  const reply = await ask(stage, tally.updateTo(next), stage.chance(3) === 0 ? 'udp' : 'tcp');
  if (reply === undefined) {
    stage.count('updates without an answer');
    return false;
  }
  switch (reply.rcode) {
    case RCODE.NOERROR:
      tally.settle(next);
      stage.count('updates');
      return true;
    case RCODE.NXRRSET:
      return await isThere(stage, tally, next);
    case RCODE.SERVFAIL: {
      const why = extendedErrorText(reply.edns) ?? 'no reason';
      const isFine = stage.ack === 'push' || why.includes('being stopped') || stage.refusals?.test(why) === true;
      if (isFine) stage.count(`updates refused`);
      else stage.fail(`UPDATE of ${nameOf(tally)} to ${next}: SERVFAIL ${why}`);
      return false;
    }
    default:
      stage.fail(
        `UPDATE of ${nameOf(tally)} to ${next}: ${printRcode(reply.rcode)} ${extendedErrorText(reply.edns) ?? ''}`,
      );
      return false;
  }
}

/** Was the prerequisite not fulfilled because an earlier try had arrived, whose answer was lost? */
async function isThere(stage: Stage, tally: Tally, next: number): Promise<boolean> {
  let end = Number.POSITIVE_INFINITY;
  let shown: number | undefined;
  while (shown !== next && performance.now() < end && !stage.hasFailed()) {
    shown = await look(stage, tally);
    if (shown !== undefined) end = Math.min(end, performance.now() + SEEN);
    if (shown !== next) await pause(20);
  }
  if (shown === next) {
    tally.settle(next);
    stage.count('updates that were there');
    return true;
  }
  stage.fail(`UPDATE of ${nameOf(tally)} to ${next}: NXRRSET, and what is seen is ${shown ?? 'nothing'}`);
  return false;
}

/** The count that is served. */
async function look(stage: Stage, tally: Tally): Promise<number | undefined> {
  const reply = await ask(stage, { ...emptyMessage(0, OPCODE.QUERY), questions: [tally.question()] }, 'udp');
  const text = (reply?.answers ?? []).map((record) => printRecord(record)).join('\n');
  const found = /"u\d+=(\d+)"/.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

async function ask(stage: Stage, message: Message, transport: 'udp' | 'tcp'): Promise<Message | undefined> {
  const { server, key } = stage;
  const sent = message.opcode === OPCODE.UPDATE ? { key } : {};
  const reply = await exchange({
    server,
    message,
    transport,
    timeout: transport === 'udp' ? 2000 : TIMEOUT,
    tries: 2,
    ...sent,
  });
  return reply.ok ? reply.value : undefined;
}

const nameOf = ({ owner, zone }: Tally): string => `${owner}.${zone.fileName}`;
