/**
 * UDP for a thread that answers (RFC 1035 4.2.1), the fast way of Linux: many datagrams with one call of the kernel, `recvmmsg` and
 * `sendmmsg`, in and out of memory that was given to the kernel once.
 *
 * A batch is what waits: one datagram while there is little to do, up to {@link BATCH} under load, and none waits for another.
 * On a wildcard socket a reply leaves from the address that was asked (RFC 2181 4.1).
 * Always holds: on the way of a datagram that is answered at once nothing is allocated; nothing that comes in and nothing that cannot
 * be sent ends the thread.
 */
import { ClientAddress } from '../authority/client-address.ts';
import { type Peer, printPeer } from './address.ts';
import { type Datagram, type DatagramHandler, REPLY_OCTETS, REQUEST_OCTETS } from './datagram.ts';
import { systemText } from './fault.ts';
import {
  EAGAIN,
  EINTR,
  errorName,
  type LinuxCalls,
  linuxCalls,
  MESSAGE,
  MSG_DONTWAIT,
  MSG_WAITFORONE,
  PACKET_INFO,
  POLL,
  POLLIN,
  type Pointer,
  SO_RCVTIMEO,
  SOL_SOCKET,
  VECTOR,
} from './linux-calls.ts';
import { isReflector } from './reflector.ts';
import { NAME, NAME_FOUR, NAME_SIX, peerOfRoute, ROUTE } from './route.ts';

/** Datagrams taken with one call, and as many replies given. */
const BATCH = 64;

/**
 * From one room for a request or reply to the next: some cache lines more than its size, so that what all have in their beginnings
 * does not fall on the same lines of the caches. Only pages that were written to are memory.
 */
const REQUEST_STRIDE = 65_536 + 192;
const REPLY_STRIDE = REPLY_OCTETS + 192;
const NAME_STRIDE = 32;
const INFO_STRIDE = 64;

// Where everything is in the memory of a thread.
const INCOMING = 0;
const OUTGOING = INCOMING + BATCH * MESSAGE.octets;
const REQUEST_VECTORS = OUTGOING + BATCH * MESSAGE.octets;
const REPLY_VECTORS = REQUEST_VECTORS + BATCH * VECTOR.octets;
const NAMES = REPLY_VECTORS + BATCH * VECTOR.octets;
const INFOS = NAMES + BATCH * NAME_STRIDE;
const REPLIES = INFOS + BATCH * INFO_STRIDE;
const REQUESTS = REPLIES + BATCH * REPLY_STRIDE;
const TIME = REQUESTS + BATCH * REQUEST_STRIDE;
/** A `pollfd` for each socket. */
const POLLS = TIME + 16;

const slots = Array.from({ length: BATCH }, (_, slot) => slot);

/** The memory of a thread: the same octets, seen as what the kernel writes there. */
interface Memory {
  readonly octets: Uint8Array;
  readonly words: Int32Array;
  readonly halves: Int16Array;
  readonly base: Pointer;
}

function memoryFor(calls: LinuxCalls, fds: readonly number[]): Memory {
  const buffer = new ArrayBuffer(POLLS + fds.length * POLL.octets);
  const octets = new Uint8Array(buffer);
  const words = new Int32Array(buffer);
  const pointers = new BigInt64Array(buffer);
  const base = calls.addressOf(octets);
  const point = (at: number, to: number): void => {
    pointers[at / 8] = base + BigInt(to);
  };
  for (const slot of slots) {
    const name = NAMES + slot * NAME_STRIDE;
    const info = INFOS + slot * INFO_STRIDE;
    for (const [messages, vectors, room, stride] of [
      [INCOMING, REQUEST_VECTORS, REQUESTS, REQUEST_STRIDE],
      [OUTGOING, REPLY_VECTORS, REPLIES, REPLY_STRIDE],
    ] as const) {
      const message = messages + slot * MESSAGE.octets;
      const vector = vectors + slot * VECTOR.octets;
      point(message + MESSAGE.name, name);
      point(message + MESSAGE.control, info);
      point(message + MESSAGE.vector, vector);
      words[(message + MESSAGE.vectorLength) / 4] = 1;
      point(vector + VECTOR.base, room + slot * stride);
    }
    words[(REQUEST_VECTORS + slot * VECTOR.octets + VECTOR.length) / 4] = REQUEST_OCTETS;
    words[(INCOMING + slot * MESSAGE.octets + MESSAGE.nameLength) / 4] = NAME_SIX;
    words[(INCOMING + slot * MESSAGE.octets + MESSAGE.controlLength) / 4] = PACKET_INFO.six.octets;
  }
  const halves = new Int16Array(buffer);
  for (const [i, fd] of fds.entries()) {
    words[(POLLS + i * POLL.octets + POLL.fd) / 4] = fd;
    halves[(POLLS + i * POLL.octets + POLL.events) / 2] = POLLIN;
  }
  return { octets, words, halves, base };
}

class LinuxDatagram implements Datagram {
  octets: Uint8Array;
  reply: Uint8Array;
  length = 0;
  readonly client = new ClientAddress();
  port = 0;
  fd = 0;
  slot = 0;
  nameLength = 0;
  infoLength = 0;
  readonly #memory: Memory;

  constructor(memory: Memory) {
    this.#memory = memory;
    this.octets = memory.octets;
    this.reply = memory.octets;
  }

  route(): Uint8Array {
    const route = new Uint8Array(ROUTE.octets);
    const view = new DataView(route.buffer);
    view.setInt32(ROUTE.socket, this.fd, true);
    view.setInt32(ROUTE.nameLength, this.nameLength, true);
    view.setInt32(ROUTE.detailLength, this.infoLength, true);
    const name = NAMES + this.slot * NAME_STRIDE;
    const info = INFOS + this.slot * INFO_STRIDE;
    route.set(this.#memory.octets.subarray(name, name + this.nameLength), ROUTE.name);
    route.set(this.#memory.octets.subarray(info, info + this.infoLength), ROUTE.detail);
    return route;
  }
}

/** Receives from sockets that `openLinuxSockets` has opened, on any one thread. */
export class LinuxDatagrams {
  /** Datagrams that came in. */
  received = 0;
  /** Replies that were handed to the kernel by this thread. */
  sent = 0;
  /** Replies that the kernel did not take. */
  dropped = 0;

  readonly #calls: LinuxCalls;
  readonly #fds: readonly number[];
  readonly #handler: DatagramHandler;
  readonly #memory: Memory;
  readonly #datagram: LinuxDatagram;
  readonly #requests: readonly Uint8Array[];
  readonly #replies: readonly Uint8Array[];
  readonly #incoming: Pointer;
  /** From each reply of a batch on. */
  readonly #outgoing: readonly Pointer[];
  readonly #polls: Pointer;
  /** Whose name and packet info each reply has: those of the same slot, unless some before were not answered. */
  readonly #askers = Int32Array.from(slots);
  /** What a blocking socket waits, in milliseconds. */
  #patience = 0;

  constructor(fds: readonly number[], handler: DatagramHandler) {
    const calls = linuxCalls();
    if (!calls.ok) throw new Error(calls.fault);
    this.#calls = calls.value;
    this.#fds = fds;
    this.#handler = handler;
    const memory = memoryFor(calls.value, fds);
    const { octets, base } = memory;
    this.#memory = memory;
    this.#datagram = new LinuxDatagram(memory);
    const rooms = (start: number, stride: number, length: number): Uint8Array[] =>
      slots.map((slot) => octets.subarray(start + slot * stride, start + slot * stride + length));
    this.#requests = rooms(REQUESTS, REQUEST_STRIDE, REQUEST_OCTETS);
    this.#replies = rooms(REPLIES, REPLY_STRIDE, REPLY_OCTETS);
    this.#incoming = base + BigInt(INCOMING);
    this.#outgoing = slots.map((slot) => base + BigInt(OUTGOING + slot * MESSAGE.octets));
    this.#polls = base + BigInt(POLLS);
  }

  /**
   * One round: takes what has come in, at most {@link BATCH} from each socket, answers it and sends the answers. Gives how many came;
   * waits up to `wait` milliseconds if there is none. After {@link wakeLinuxSocket} it does not wait any more.
   */
  turn(wait: number): number {
    const fds = this.#fds;
    if (fds.length === 1) return this.#batch(fds[0]!, this.#waitFlags(fds[0]!, wait));
    if (this.#calls.poll(this.#polls, fds.length, wait) <= 0) return 0;
    const { halves } = this.#memory;
    let taken = 0;
    for (let i = 0; i < fds.length; i++) {
      if (halves[(POLLS + i * POLL.octets + POLL.returned) / 2] !== 0) taken += this.#batch(fds[i]!, MSG_DONTWAIT);
    }
    return taken;
  }

  /** A single socket waits by itself, which saves a call for each batch. */
  #waitFlags(fd: number, wait: number): number {
    if (wait <= 0) return MSG_DONTWAIT;
    if (wait !== this.#patience) {
      const { words, base } = this.#memory;
      words[TIME / 4] = Math.floor(wait / 1000);
      words[TIME / 4 + 2] = (wait % 1000) * 1000;
      this.#calls.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, base + BigInt(TIME), 16);
      this.#patience = wait;
    }
    return MSG_WAITFORONE;
  }

  #batch(fd: number, flags: number): number {
    const count = this.#calls.recvmmsg(fd, this.#incoming, BATCH, flags);
    if (count <= 0) return this.#nothing(count);
    const { words, octets } = this.#memory;
    const datagram = this.#datagram;
    datagram.fd = fd;
    let taken = 0;
    let replies = 0;
    for (let slot = 0; slot < count; slot++) {
      const message = (INCOMING + slot * MESSAGE.octets) / 4;
      const nameLength = words[message + MESSAGE.nameLength / 4]!;
      const infoLength = words[message + MESSAGE.controlLength / 4]!;
      words[message + MESSAGE.nameLength / 4] = NAME_SIX;
      words[message + MESSAGE.controlLength / 4] = PACKET_INFO.six.octets;
      // Nobody's datagram: the socket was woken.
      if (nameLength === 0) continue;
      if (taken++ === 0) this.#handler.prepare();
      const name = NAMES + slot * NAME_STRIDE;
      const port = (octets[name + NAME.port]! << 8) | octets[name + NAME.port + 1]!;
      if (isReflector(port)) continue;
      datagram.slot = slot;
      datagram.nameLength = nameLength;
      datagram.infoLength = infoLength;
      datagram.octets = this.#requests[slot]!;
      datagram.length = words[message + MESSAGE.length / 4]!;
      datagram.port = port;
      if (nameLength === NAME_FOUR) datagram.client.take(octets, name + NAME.four, 4);
      else datagram.client.take(octets, name + NAME.six, 16);
      datagram.reply = this.#replies[replies]!;
      if (infoLength !== 0) this.#turnAround(slot, infoLength);
      const length = this.#answer(datagram);
      if (length > 0) this.#put(replies++, datagram, length);
    }
    this.received += taken;
    if (taken > 0) this.#handler.finish?.();
    if (replies > 0) this.#send(fd, replies);
    return taken;
  }

  #nothing(count: number): 0 {
    if (count < 0) {
      const errno = this.#calls.errno();
      if (errno !== EAGAIN && errno !== EINTR)
        this.#handler.onFault?.({ kind: 'socket', what: `cannot receive: ${systemText(errorName(errno))}` });
    }
    return 0;
  }

  #answer(datagram: Datagram): number {
    try {
      const length = this.#handler.answer(datagram);
      if (length > REPLY_OCTETS) throw new RangeError(`a reply of ${length} octets`);
      return length;
    } catch (error) {
      this.#handler.onFault?.({
        kind: 'receiver',
        what: error instanceof Error ? error.message : String(error),
        peer: this.#peerOf(datagram),
      });
      return 0;
    }
  }

  /** The address that was asked is what the reply comes from; over which interface it goes is the routes' choice. */
  #turnAround(slot: number, infoLength: number): void {
    const { octets, words } = this.#memory;
    const info = INFOS + slot * INFO_STRIDE;
    const { four, six } = PACKET_INFO;
    if (infoLength === four.octets) words[(info + four.interface) / 4] = 0;
    // A link-local address (fe80::/10) means nothing without its interface.
    else if (octets[info + six.address] !== 0xfe || (octets[info + six.address + 1]! & 0xc0) !== 0x80)
      words[(info + six.interface) / 4] = 0;
  }

  /** A reply is in its room: now its message says how long it is and where it goes. */
  #put(reply: number, { slot, nameLength, infoLength }: LinuxDatagram, length: number): void {
    const { words } = this.#memory;
    const message = (OUTGOING + reply * MESSAGE.octets) / 4;
    if (this.#askers[reply] !== slot) {
      const asker = (INCOMING + slot * MESSAGE.octets) / 4;
      for (const field of [MESSAGE.name, MESSAGE.control]) {
        words[message + field / 4] = words[asker + field / 4]!;
        words[message + field / 4 + 1] = words[asker + field / 4 + 1]!;
      }
      this.#askers[reply] = slot;
    }
    words[message + MESSAGE.nameLength / 4] = nameLength;
    words[message + MESSAGE.controlLength / 4] = infoLength;
    words[(REPLY_VECTORS + reply * VECTOR.octets + VECTOR.length) / 4] = length;
  }

  /** What the kernel does not take is dropped, as the network may do with any datagram; all else is sent. */
  #send(fd: number, count: number): void {
    let isTold = false;
    for (let at = 0; at < count; ) {
      const sent = this.#calls.sendmmsg(fd, this.#outgoing[at]!, count - at, 0);
      if (sent > 0) {
        this.sent += sent;
        at += sent;
        continue;
      }
      const errno = this.#calls.errno();
      if (errno === EINTR) continue;
      // No room, and it was waited for: that would be the same for all that are left.
      const lost = errno === EAGAIN ? count - at : 1;
      this.dropped += lost;
      if (!isTold) this.#tell(at, errno);
      isTold = true;
      at += lost;
    }
  }

  #tell(reply: number, errno: number): void {
    const datagram = this.#datagram;
    datagram.slot = this.#askers[reply]!;
    datagram.nameLength = this.#memory.words[(OUTGOING + reply * MESSAGE.octets + MESSAGE.nameLength) / 4]!;
    const peer = this.#peerOf(datagram);
    const what = `cannot send to ${printPeer(peer)}: ${systemText(errorName(errno))}`;
    this.#handler.onFault?.({ kind: 'send', what, peer });
  }

  #peerOf(datagram: Datagram): Peer {
    return peerOfRoute(datagram.route());
  }
}
