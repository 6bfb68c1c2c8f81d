/** When a server has begun to answer: asked again and again, over UDP. */
import { createSocket } from 'node:dgram';
import { CLASS } from '@zonewright/common/rr/class';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE } from '@zonewright/common/wire/code';
import { emptyMessage, encodeMessage } from '@zonewright/common/wire/message';
import { nameOf } from '@zonewright/test/support/records';
import type { Running } from './servers.ts';

/** Milliseconds between two tries. */
const INTERVAL = 2;
/** Questions of one try. */
const WINDOW = 64;

/** A query for the type at a name, presentation form with final dot. */
export const queryOf = (name: string, type: number, id = 0): Uint8Array =>
  encodeMessage({
    ...emptyMessage(id, OPCODE.QUERY),
    questions: [{ name: nameOf(name), type, class: CLASS.IN }],
  });

/** AA, and NOERROR (RFC 1035 4.1.1); an answer to an A query for an existing name, or to an SOA query for a zone. */
const isGood = (reply: Uint8Array): boolean =>
  reply.length >= 12 && (reply[2]! & 0x84) === 0x84 && (reply[3]! & 15) === 0 && (reply[7] ?? 0) > 0;

/**
 * Waits until a server has answered for all `names` (65536 at most), and gives the moment as `performance.now()` has it.
 * Throws where that takes longer than `timeout` milliseconds, or the server ends.
 */
export const answered = (
  { server, program, address, port }: Running,
  names: readonly string[],
  type: number = TYPE.SOA,
  timeout = 180_000,
): Promise<number> =>
  new Promise((resolve, reject) => {
    const pending = new Map(names.map((name, id) => [id, queryOf(name, type, id)]));
    const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
    const end = performance.now() + timeout;
    const timer = setInterval(() => {
      if (program.exit !== undefined) finish(new Error(`${server} has ended`));
      else if (performance.now() > end) finish(new Error(`${server} does not answer for ${pending.size} names`));
      else for (const query of [...pending.values()].slice(0, WINDOW)) socket.send(query, port, address);
    }, INTERVAL);
    const finish = (fault?: Error): void => {
      clearInterval(timer);
      socket.close();
      if (fault === undefined) resolve(performance.now());
      else reject(fault);
    };
    // A refused datagram is what a server that has not started yet answers with.
    socket.on('error', () => undefined);
    socket.on('message', (reply: Uint8Array) => {
      if (isGood(reply) && pending.delete((reply[0]! << 8) | reply[1]!) && pending.size === 0) finish();
    });
  });
