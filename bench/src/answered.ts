/** When a server has begun to answer: asked again and again, over UDP. */
import { createSocket } from 'node:dgram';
import { CLASS } from '@zonewright/common/rr/class';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE } from '@zonewright/common/wire/code';
import { emptyMessage, encodeMessage } from '@zonewright/common/wire/message';
import { nameOf } from '@zonewright/test/support/records';
import type { Running } from './servers.ts';

/** Milliseconds between two tries, and of all of them, unless given. */
const INTERVAL = 4;
const PATIENCE = 180_000;
/** Names that are asked for at a time: enough to be quick where all is there, too few to disturb a server that has to load it. */
const WINDOW = 4;

/** A query for the type at a name, presentation form with final dot. */
export const queryOf = (name: string, type: number, id = 0): Uint8Array =>
  encodeMessage({
    ...emptyMessage(id, OPCODE.QUERY),
    questions: [{ name: nameOf(name), type, class: CLASS.IN }],
  });

/** AA, and NOERROR (RFC 1035 4.1.1); an answer to an A query for an existing name, or to an SOA query for a zone. */
const isGood = (reply: Uint8Array): boolean =>
  reply.length >= 12 && (reply[2]! & 0x84) === 0x84 && (reply[3]! & 15) === 0 && (reply[7] ?? 0) > 0;

export interface Answered {
  /** When the first reply of any kind came. */
  readonly heard: number;
  /** When the last good answer came, as `performance.now()` has it. */
  readonly at: number;
  /** Whether a name was answered otherwise at first. */
  readonly hasWaited: boolean;
}

export interface Asking {
  /** Milliseconds between two tries for a name that has no good answer yet. */
  readonly interval?: number;
}

/**
 * Waits until a server has answered for all `names` (65536 at most), a few at a time. Throws where that takes too long, or the
 * server ends.
 */
export const answered = (
  { server, program, address, port }: Running,
  names: readonly string[],
  type: number = TYPE.SOA,
  { interval = INTERVAL }: Asking = {},
): Promise<Answered> =>
  new Promise((resolve, reject) => {
    const open = new Map<number, Uint8Array>();
    let next = 0;
    let hasWaited = false;
    let heard: number | undefined;
    const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
    const end = performance.now() + PATIENCE;
    const askNext = (): void => {
      const name = names[next];
      if (name === undefined) return;
      const query = queryOf(name, type, next);
      open.set(next++, query);
      socket.send(query, port, address);
    };
    const timer = setInterval(() => {
      if (program.exit !== undefined) finish(new Error(`${server} has ended`));
      else if (performance.now() > end)
        finish(new Error(`${server} does not answer well for ${names[[...open.keys()][0]!]}`));
      else for (const query of open.values()) socket.send(query, port, address);
    }, interval);
    const finish = (fault?: Error): void => {
      clearInterval(timer);
      socket.close();
      const at = performance.now();
      if (fault === undefined) resolve({ heard: heard ?? at, at, hasWaited });
      else reject(fault);
    };
    // A refused datagram is what a server that has not started yet answers with.
    socket.on('error', () => undefined);
    socket.on('message', (reply: Uint8Array) => {
      heard ??= performance.now();
      if (!isGood(reply)) hasWaited = true;
      else if (open.delete((reply[0]! << 8) | reply[1]!)) {
        askNext();
        if (open.size === 0) finish();
      }
    });
    for (let i = 0; i < WINDOW; i++) askNext();
  });
