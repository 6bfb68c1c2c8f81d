/**
 * What is owed to the peer of a connection: messages on their way out, who waits for room, and how long a peer may leave them.
 *
 * Always holds: whoever waits for room is answered, by room or by the end; what a peer does not take is kept for the time that
 * the limits give.
 */
import type { Socket } from 'node:net';
import { Alarm } from './alarm.ts';
import { frame } from './framing.ts';
import type { Limits } from './limits.ts';

export class Output {
  readonly #socket: Socket;
  readonly #limits: Limits;
  readonly #onSent: () => void;
  readonly #stalled: Alarm;
  readonly #owing: Alarm;
  #waiting: ((isOpen: boolean) => void)[] = [];

  /** `onSent` is called when a message has gone to the kernel; `drop` when the peer has left too much for too long. */
  constructor(socket: Socket, limits: Limits, onSent: () => void, drop: (why: string) => void) {
    this.#socket = socket;
    this.#limits = limits;
    this.#onSent = onSent;
    this.#stalled = new Alarm(limits.tcpStalled, () => drop(`took nothing for ${limits.tcpStalled} ms`));
    this.#owing = new Alarm(limits.tcpOwedTime, () => drop(`left more than ${limits.tcpOwed} octets waiting`));
  }

  get isEmpty(): boolean {
    return this.#socket.writableLength === 0;
  }

  get isTooMuch(): boolean {
    return this.#socket.writableLength > this.#limits.tcpOwed;
  }

  /** Resolves when there is room for another message: with `false` when there never will be. */
  async send(octets: Uint8Array): Promise<boolean> {
    if (!this.#socket.writable) return false;
    const hasRoom = this.#socket.write(frame(octets), () => this.#sent());
    this.#stalled.start();
    if (this.isTooMuch) this.#owing.start();
    return hasRoom || new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The socket is gone. */
  end(): void {
    this.#stalled.stop();
    this.#owing.stop();
    this.#giveRoom(false);
  }

  /** One message, or several sent together, went to the kernel, or never will. */
  #sent(): void {
    if (this.#socket.destroyed) return;
    if (this.isEmpty) this.#stalled.stop();
    else this.#stalled.restart();
    if (!this.isTooMuch) this.#owing.stop();
    if (!this.#socket.writableNeedDrain) this.#giveRoom(true);
    this.#onSent();
  }

  #giveRoom(isOpen: boolean): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve(isOpen);
  }
}
