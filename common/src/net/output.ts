/**
 * What is owed to the peer of a connection: messages on their way out, who waits for room, and how long a peer may leave them.
 *
 * Small messages are put behind each other and go to the kernel together, when `flush` says so.
 * Always holds: whoever waits for room is answered, by room or by the end; what a peer does not take is kept for the time that
 * the limits give.
 */
import type { Socket } from 'node:net';
import { Alarm } from './alarm.ts';
import type { Carrier } from './connection.ts';
import { frame, putFrame } from './framing.ts';
import type { Limits } from './limits.ts';

/** What goes in one segment on any path (RFC 9293 3.7.1, RFC 8200 5). */
const SEGMENT_OCTETS = 1_220;
/** Smaller messages are put behind each other. */
const LARGE_OCTETS = 4_096;
const DRAFT_OCTETS = 65_536;

/** Where that is done: for one connection at a time, and for which. */
const draft = Buffer.allocUnsafeSlow(DRAFT_OCTETS);
let drafted = 0;
let drafting: Output | undefined;

export class Output {
  readonly #socket: Socket;
  readonly #tcp: Socket;
  readonly #limits: Limits;
  readonly #onSent: () => void;
  readonly #drop: (why: string) => void;
  readonly #onWritten = (): void => this.#written();
  #waiting: ((isOpen: boolean) => void)[] = [];
  #hasWritten = false;
  /** Made when the kernel does not take everything at once, which most connections never see. */
  #stalled: Alarm | undefined;
  #owing: Alarm | undefined;

  /** `onSent` is called when something that had to wait has gone to the kernel; `drop` when the peer has left too much for too long. */
  constructor(
    { socket, tcp }: Pick<Carrier, 'socket' | 'tcp'>,
    limits: Limits,
    onSent: () => void,
    drop: (why: string) => void,
  ) {
    this.#socket = socket;
    this.#tcp = tcp;
    this.#limits = limits;
    this.#onSent = onSent;
    this.#drop = drop;
  }

  /** Has the kernel taken all? */
  get isEmpty(): boolean {
    return this.#owed() === 0;
  }

  get isTooMuch(): boolean {
    return this.#owed() > this.#limits.tcpOwed;
  }

  #owed(): number {
    return this.#socket.writableLength + (drafting === this ? drafted : 0);
  }

  /** Takes a message, whose octets may change afterwards; it goes with the next `flush` at the latest. */
  put(message: Uint8Array): void {
    const isLarge = message.length >= LARGE_OCTETS;
    if (isLarge || drafting !== this || drafted + 2 + message.length > draft.length) drafting?.flush();
    if (isLarge) {
      this.#write(frame(message));
      return;
    }
    drafting = this;
    drafted = putFrame(message, draft, drafted);
  }

  /** Sends what was put. */
  flush(): void {
    if (drafting !== this) return;
    const octets = Buffer.from(draft.subarray(0, drafted));
    this.#forget();
    this.#write(octets);
  }

  /** Is there room for another message? Resolves when there is: with `false` when there never will be. */
  room(): boolean | Promise<boolean> {
    const { writable, writableNeedDrain } = this.#socket;
    return writable && (!writableNeedDrain || new Promise((resolve) => this.#waiting.push(resolve)));
  }

  /** The socket is gone. */
  end(): void {
    if (drafting === this) this.#forget();
    this.#stalled?.end();
    this.#owing?.end();
    this.#giveRoom(false);
  }

  #forget(): void {
    drafting = undefined;
    drafted = 0;
  }

  #write(octets: Uint8Array): void {
    const socket = this.#socket;
    if (!socket.writable) return;
    // Only what follows something that may still be on its way has to be told not to wait for it (RFC 9293 3.7.4).
    if (this.#hasWritten || octets.length > SEGMENT_OCTETS) this.#tcp.setNoDelay(true);
    this.#hasWritten = true;
    socket.write(octets, this.#onWritten);
    if (!this.isEmpty) this.#wait();
  }

  /** Something has to wait until the peer has taken what came before. */
  #wait(): void {
    const { tcpStalled, tcpOwed, tcpOwedTime } = this.#limits;
    this.#stalled ??= new Alarm(() => this.#drop(`took nothing for ${tcpStalled} ms`));
    this.#owing ??= new Alarm(() => this.#drop(`left more than ${tcpOwed} octets waiting`));
    if (!this.#stalled.isSet) this.#stalled.set(tcpStalled);
    if (this.isTooMuch && !this.#owing.isSet) this.#owing.set(tcpOwedTime);
  }

  /** One message, or several sent together, went to the kernel, or never will. */
  #written(): void {
    const hadToWait = this.#stalled?.isSet === true || this.#waiting.length > 0;
    if (!hadToWait || this.#socket.destroyed) return;
    if (this.isEmpty) this.#stalled?.stop();
    else this.#stalled?.set(this.#limits.tcpStalled);
    if (!this.isTooMuch) this.#owing?.stop();
    if (!this.#socket.writableNeedDrain) this.#giveRoom(true);
    this.#onSent();
  }

  #giveRoom(isOpen: boolean): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve(isOpen);
  }
}
