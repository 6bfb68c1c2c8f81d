/**
 * The threads that answer UDP, all of them: each has its own socket on each address, and the kernel spreads clients over them.
 *
 * Left out: the life of one (`udp-member.ts`), what it does (`udp-answering.ts`), how datagrams come and go (`net/`).
 * Always holds: a version that is in the table of zones is in force in every thread for each datagram that comes in later; the
 * reply to a request leaves from the address and port that it came to.
 */
import type { ListenFault } from '../net/fault.ts';
import { closeLinuxSocket, linuxUdpFault, openLinuxSockets } from '../net/linux-socket.ts';
import type { BindUdp, UdpBinding } from '../net/listen.ts';
import { canSharePort, reservePort } from '../net/portable-udp.ts';
import { type Fault, fail, ok, type Result } from '../result.ts';
import type { COUNTS, Counts } from './udp-board.ts';
import { UdpMember, type UdpMemberOptions } from './udp-member.ts';
import type { UdpWay } from './udp-message.ts';

export interface UdpWorkersOptions extends UdpMemberOptions {
  /** How many threads, 1 or more; one where a port cannot be shared. */
  readonly count: number;
}

/** The way of UDP on this machine: `linux` where it works, unless `portable` is asked for. */
export function udpWay(asked: 'auto' | 'portable'): UdpWay {
  return asked === 'auto' && linuxUdpFault() === undefined ? 'linux' : 'portable';
}

export class UdpWorkers {
  readonly way: UdpWay;
  readonly #members: readonly UdpMember[];

  private constructor(options: UdpWorkersOptions, count: number) {
    this.way = options.way;
    this.#members = Array.from({ length: count }, () => new UdpMember(options));
  }

  /** Starts the threads. They know no zones until {@link tell}, and answer nothing until sockets are bound, and {@link serve} is called. */
  static async start(options: UdpWorkersOptions): Promise<Result<UdpWorkers, Fault>> {
    const isAlone = options.way === 'portable' && options.count > 1 && !(await canSharePort());
    const workers = new UdpWorkers(options, isAlone ? 1 : options.count);
    for (const started of await Promise.all(workers.#members.map((member) => member.start())))
      if (!started.ok) {
        await workers.stop();
        return started;
      }
    return ok(workers);
  }

  /** How many threads there are. */
  get count(): number {
    return this.#members.length;
  }

  /** Sums over all threads. */
  get counts(): Counts {
    const sum = (name: (typeof COUNTS)[number]): number =>
      this.#members.reduce((total, { board }) => total + board.counts[name], 0);
    return {
      received: sum('received'),
      answered: sum('answered'),
      handedOver: sum('handedOver'),
      dropped: sum('dropped'),
    };
  }

  /** Opens a socket for each thread. */
  readonly bind: BindUdp = (at) => (this.way === 'linux' ? this.#bindHere(at) : this.#bindThere(at));

  async #bindHere(at: Parameters<BindUdp>[0]): Promise<Result<UdpBinding, ListenFault>> {
    const opened = openLinuxSockets({ ...at, count: this.count });
    if (!opened.ok) return opened;
    const fds = opened.value.map(({ fd }) => fd);
    for (const [i, member] of this.#members.entries()) member.sockets.add(fds[i]!);
    const close = async (): Promise<void> => {
      for (const [i, member] of this.#members.entries()) member.sockets.delete(fds[i]!);
      for (const fd of fds) closeLinuxSocket(fd);
    };
    return ok({ peer: opened.value[0]!.peer, close });
  }

  async #bindThere(at: Parameters<BindUdp>[0]): Promise<Result<UdpBinding, ListenFault>> {
    const isShared = this.count > 1;
    const place = isShared ? await reservePort(at) : ok(at);
    if (!place.ok) return place;
    const close = async (): Promise<void> => {
      for (const member of this.#members) member.unbind();
    };
    for (const member of this.#members) {
      const fault = await member.bind({ ...at, port: place.value.port, isShared });
      if (fault === undefined) continue;
      await close();
      return fail(fault);
    }
    return ok({ peer: { address: at.address, port: place.value.port }, close });
  }

  /** Tells the threads of the zones, from now on. */
  tell(): void {
    for (const member of this.#members) member.tell();
  }

  /** Begins to answer. */
  serve(): void {
    if (this.way === 'linux') for (const member of this.#members) member.serve();
  }

  /** Makes cookies with another secret. */
  renewCookies(secret: Uint8Array): void {
    for (const member of this.#members) member.renewCookies(secret);
  }

  /** Ends the threads; the sockets that were bound are to be closed after that. */
  async stop(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.stop()));
  }
}
