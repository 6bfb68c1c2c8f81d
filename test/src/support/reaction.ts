/**
 * What a server does with a datagram: a reply, or silence. Silence is told without waiting for a time to pass: two questions are
 * sent behind the datagram, and a server answers in the order of what it gets. One of them is plain, the other, in class CH, takes
 * the longer way that what is no plain question takes in ours.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Peer } from '@zonewright/common/net/address';
import { CLASS } from '@zonewright/common/rr/class';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE, printRcode } from '@zonewright/common/wire/code';
import {
  decodeMessage,
  emptyMessage,
  encodeMessage,
  type Message,
  type Question,
} from '@zonewright/common/wire/message';
import { nameOf } from './records.ts';

const TIMEOUT_MS = 2_000;
const TRIES = 5;
/** IDs of the questions behind; the datagrams have others. */
const FIRST = 0xfff0;
const QUESTIONS: readonly Question[] = [
  { name: nameOf('steps.test.'), type: TYPE.SOA, class: CLASS.IN },
  { name: nameOf('version.bind.'), type: TYPE.TXT, class: CLASS.CH },
];

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
    for (const [i, question] of QUESTIONS.entries()) await this.#answered(FIRST + i, question);
    return this.#received.find((octets) => idOf(octets) < FIRST);
  }

  close(): void {
    this.#socket.close();
  }

  async #answered(id: number, question: Question): Promise<void> {
    const request = encodeMessage({ ...emptyMessage(id, OPCODE.QUERY), questions: [question] });
    for (let left = TRIES; left > 0; left--) {
      this.#socket.send(request);
      if (await this.#came(id)) return;
    }
    throw new Error('a question is not answered any more');
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

/** What differs between our reaction and theirs: `rcode FORMERR/NOTIMP`, `reply some/none`; no sections but by their number. */
export function reactionDifferences(ours: Uint8Array | undefined, theirs: Uint8Array | undefined): readonly string[] {
  if (ours === undefined || theirs === undefined)
    return ours === theirs ? [] : [`reply ${ours === undefined ? 'none/some' : 'some/none'}`];
  const [a, b] = [decodeMessage(ours), decodeMessage(theirs)];
  if (!a.ok || !b.ok) return ['unreadable'];
  return FIELDS.flatMap(([field, of]) =>
    of(a.value) === of(b.value) ? [] : [`${field} ${of(a.value)}/${of(b.value)}`],
  );
}

const FIELDS: readonly (readonly [string, (of: Message) => string | number])[] = [
  ['rcode', ({ rcode }) => printRcode(rcode)],
  ['opcode', ({ opcode }) => opcode],
  ['qr', ({ qr }) => Number(qr)],
  ['aa', ({ aa }) => Number(aa)],
  ['tc', ({ tc }) => Number(tc)],
  ['rd', ({ rd }) => Number(rd)],
  ['ra', ({ ra }) => Number(ra)],
  ['ad', ({ ad }) => Number(ad)],
  ['cd', ({ cd }) => Number(cd)],
  ['questions', ({ questions }) => questions.length],
  ['answers', ({ answers }) => answers.length],
  ['edns', ({ edns }) => (edns === undefined ? 'none' : `version ${edns.version}`)],
];
