/**
 * What a server does with a datagram: a reply, or silence. Silence is told without waiting for a time to pass: a plain question
 * is sent behind the datagram, twice, and a server answers in the order of what it gets.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Peer } from '@zonewright/common/net/address';
import { CLASS } from '@zonewright/common/rr/class';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE, printRcode } from '@zonewright/common/wire/code';
import { decodeMessage, emptyMessage, encodeMessage } from '@zonewright/common/wire/message';
import { nameOf } from './records.ts';

const TIMEOUT_MS = 2_000;
const TRIES = 5;
/** IDs of the plain questions; the datagrams have others. */
const FIRST = 0xfff0;

export class Reactions {
  readonly #socket: Socket;
  #received: Uint8Array[] = [];
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (octets) => {
      this.#received.push(octets);
      this.#wake();
    });
    socket.on('error', () => undefined);
  }

  static async of(peer: Peer): Promise<Reactions> {
    const socket = createSocket('udp4');
    socket.connect(peer.port, peer.address);
    await once(socket, 'connect');
    return new Reactions(socket);
  }

  /** The reply, or `undefined` for silence. Throws where the server does not answer plain questions any more. */
  async to(datagram: Uint8Array): Promise<Uint8Array | undefined> {
    this.#received = [];
    this.#socket.send(datagram);
    for (const id of [FIRST, FIRST + 1]) await this.#plain(id);
    return this.#received.find((octets) => idOf(octets) < FIRST);
  }

  close(): void {
    this.#socket.close();
  }

  async #plain(id: number): Promise<void> {
    const question = { name: nameOf('steps.test.'), type: TYPE.SOA, class: CLASS.IN };
    const request = encodeMessage({ ...emptyMessage(id, OPCODE.QUERY), questions: [question] });
    for (let left = TRIES; left > 0; left--) {
      this.#socket.send(request);
      if (await this.#came(id)) return;
    }
    throw new Error('a plain question is not answered any more');
  }

  #came(id: number): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (came: boolean): void => {
        clearTimeout(timer);
        this.#wake = () => undefined;
        resolve(came);
      };
      const look = (): void => {
        if (this.#received.some((octets) => idOf(octets) === id)) settle(true);
      };
      const timer = setTimeout(() => settle(false), TIMEOUT_MS);
      this.#wake = look;
      look();
    });
  }
}

const idOf = (octets: Uint8Array): number => (octets.length < 2 ? 0 : (octets[0]! << 8) | octets[1]!);

/** A reply in a few words: RCODE, how many questions and answers it has, the version of EDNS; `silence` where there is none. */
export function reactionWords(reply: Uint8Array | undefined): string {
  if (reply === undefined) return 'silence';
  const decoded = decodeMessage(reply);
  if (!decoded.ok) return `unreadable: ${decoded.fault.what}`;
  const { rcode, questions, answers, edns, aa, tc, qr, opcode } = decoded.value;
  const words = [
    printRcode(rcode),
    ...(qr ? [] : ['not-a-reply']),
    ...(opcode === ((reply[2]! >> 3) & 15) ? [] : ['other-opcode']),
    ...(aa ? ['aa'] : []),
    ...(tc ? ['tc'] : []),
    ...(questions.length > 0 ? [`q${questions.length}`] : []),
    ...(answers.length > 0 ? [`an${answers.length}`] : []),
    ...(edns === undefined ? [] : [`edns${edns.version}`]),
  ];
  return words.join(' ');
}
