/**
 * What a server does with a datagram: a reply, or silence. Silence is told without waiting for a time to pass: a plain question is
 * sent behind the datagram, and a server answers in the order of what it gets. Ours is asked a second one, in class CH, which takes
 * the longer way that what is no plain question takes there. (BIND answers three of these a second, whatever its options say.)
 *
 * A datagram may be lost where a machine is busy, be it the odd one or a reply: silence counts when it was met each time of several.
 * Each datagram goes with an ID of its own, so that no reply is taken for that to another.
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
import type { ServerName } from './peer-servers.ts';
import { nameOf } from './records.ts';

/** Milliseconds until a question behind is sent again, and how often that is done. */
const TIMEOUT_MS = 2_000;
const TRIES = 15;
/** How often a datagram is sent that is met with silence. */
const SILENCES = 3;
/** IDs are given in a circle of so many, as no reply is that late. */
const IDS = 0xffff;
const PLAIN: Question = { name: nameOf('steps.test.'), type: TYPE.SOA, class: CLASS.IN };
const LONGER: Question = { name: nameOf('version.bind.'), type: TYPE.TXT, class: CLASS.CH };

export class Reactions {
  readonly #socket: Socket;
  readonly #behind: readonly Question[];
  readonly #received = new Map<number, Uint8Array>();
  #id = 0;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket, behind: readonly Question[]) {
    this.#socket = socket;
    this.#behind = behind;
    socket.on('message', (octets) => {
      this.#received.set(idOf(octets), octets);
      this.#wake();
    });
    socket.on('error', () => undefined);
  }

  static async of(peer: Peer, server: ServerName): Promise<Reactions> {
    const socket = createSocket('udp4');
    socket.connect(peer.port, peer.address);
    await once(socket, 'connect');
    return new Reactions(socket, server === 'zonewright' ? [PLAIN, LONGER] : [PLAIN]);
  }

  /** The reply, or `undefined` for silence. Throws where the server does not answer plain questions any more. */
  async to(datagram: Uint8Array): Promise<Uint8Array | undefined> {
    for (let left = SILENCES; left > 0; left--) {
      const reply = await this.#once(datagram);
      if (reply !== undefined) return reply;
    }
    return undefined;
  }

  close(): void {
    this.#socket.close();
  }

  async #once(datagram: Uint8Array): Promise<Uint8Array | undefined> {
    this.#received.clear();
    const id = this.#nextId();
    this.#socket.send(withId(datagram, id));
    for (const question of this.#behind) await this.#answered(question);
    return this.#received.get(id);
  }

  async #answered(question: Question): Promise<void> {
    const id = this.#nextId();
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
        if (this.#received.has(id)) settle(true);
      };
      const timer = setTimeout(() => settle(false), TIMEOUT_MS);
      this.#wake = look;
      look();
    });
  }

  /** Never 0, the ID of what is too short to have one. */
  #nextId(): number {
    this.#id = (this.#id % IDS) + 1;
    return this.#id;
  }
}

const idOf = (octets: Uint8Array): number => (octets.length < 2 ? 0 : (octets[0]! << 8) | octets[1]!);

/** A message with another ID; what is too short for one stays as it is. */
function withId(octets: Uint8Array, id: number): Uint8Array {
  if (octets.length < 2) return octets;
  const message = Uint8Array.from(octets);
  new DataView(message.buffer).setUint16(0, id);
  return message;
}

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
