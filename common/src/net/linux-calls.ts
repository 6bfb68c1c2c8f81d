/**
 * Calls of Linux for datagrams, through koffi, and how the kernel lays out what they take: on x86-64 and AArch64, little endian.
 *
 * The layouts are the kernel's. glibc's are the same. musl's `msghdr` and `cmsghdr` have an `int` and padding where the kernel has a
 * length of eight octets, which is the same to whoever leaves the upper half 0. `recvmmsg` and `sendmmsg` go to the kernel by number:
 * musl's `sendmmsg` is a loop of single calls.
 * Always holds: an address (a pointer) is that of memory which lives as long as this module or the object that holds it, and which
 * does not move: octets of an `ArrayBuffer` that was made by its length. A wrong one ends the process, so none is computed elsewhere.
 */
import { createRequire } from 'node:module';
import { endianness } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { fail, ok, type Result } from '../result.ts';

/** An address in memory. A BigInt, since a number of that size would be allocated anew for each call. */
export type Pointer = bigint;

/** Each gives -1 when it has failed; {@link LinuxCalls.errno} says why. */
export interface LinuxCalls {
  socket(family: number, type: number, protocol: number): number;
  setsockopt(fd: number, level: number, option: number, value: Pointer, octets: number): number;
  bind(fd: number, name: Pointer, octets: number): number;
  getsockname(fd: number, name: Pointer, octets: Pointer): number;
  shutdown(fd: number, how: number): number;
  close(fd: number): number;
  poll(fds: Pointer, count: number, ms: number): number;
  sendmsg(fd: number, message: Pointer, flags: number): number;
  /** 0 where there is none of that name. */
  if_nametoindex(name: string): number;
  recvmmsg(fd: number, messages: Pointer, count: number, flags: number): number;
  sendmmsg(fd: number, messages: Pointer, count: number, flags: number): number;
  /** Why the last call of this thread has failed. */
  errno(): number;
  /** Where octets begin. They must be more than 64, see the head of this file. */
  addressOf(octets: Uint8Array): Pointer;
}

/** Numbers of the kernel's calls. */
const NUMBERS: Readonly<Record<string, { readonly recvmmsg: number; readonly sendmmsg: number }>> = {
  x64: { recvmmsg: 299, sendmmsg: 307 },
  arm64: { recvmmsg: 243, sendmmsg: 269 },
};

export const AF_INET = 2;
export const AF_INET6 = 10;

export const SOCK_DGRAM = 2;
export const SOCK_CLOEXEC = 0o2000000;

export const IPPROTO_IP = 0;
export const IPPROTO_IPV6 = 41;
export const SOL_SOCKET = 1;

export const SO_RCVBUF = 8;
export const SO_REUSEPORT = 15;
export const SO_RCVTIMEO = 20;
export const SO_SNDTIMEO = 21;
/** Like SO_RCVBUF without the limit of the system, for whoever has CAP_NET_ADMIN. */
export const SO_RCVBUFFORCE = 33;

export const IP_PKTINFO = 8;
export const IP_MTU_DISCOVER = 10;
/** The size of a path that somebody claims to have seen is not believed; what is larger than the interface allows is fragmented. */
export const IP_PMTUDISC_OMIT = 5;

export const IPV6_MTU_DISCOVER = 23;
export const IPV6_V6ONLY = 26;
export const IPV6_RECVPKTINFO = 49;
export const IPV6_PMTUDISC_OMIT = 5;

export const SHUT_RD = 0;

export const MSG_DONTWAIT = 0x40;
/** Waits for the first datagram only. */
export const MSG_WAITFORONE = 0x10000;

export const POLLIN = 1;

export const EINTR = 4;
export const EAGAIN = 11;
const ENOSYS = 38;

/** `mmsghdr`: a `msghdr` and the length of what came or went. Offsets in octets; lengths of eight octets are below 2^31 here. */
export const MESSAGE = {
  name: 0,
  nameLength: 8,
  vector: 16,
  vectorLength: 24,
  control: 32,
  controlLength: 40,
  flags: 48,
  length: 56,
  octets: 64,
} as const;

/** `iovec` */
export const VECTOR = { base: 0, length: 8, octets: 16 } as const;

/** `pollfd` */
export const POLL = { fd: 0, events: 4, returned: 6, octets: 8 } as const;

/** `cmsghdr` with an `in_pktinfo` or `in6_pktinfo`: which address of this machine was asked, and over which interface. */
export const PACKET_INFO = {
  /** An `in_pktinfo` and its head. */
  four: { interface: 16, octets: 32 },
  six: { address: 16, interface: 32, octets: 40 },
} as const;

let loaded: Result<LinuxCalls, string> | undefined;

/** The calls, or why this machine has none. */
export function linuxCalls(): Result<LinuxCalls, string> {
  loaded ??= load();
  return loaded;
}

function load(): Result<LinuxCalls, string> {
  const { platform, arch } = process;
  const numbers = NUMBERS[arch];
  if (platform !== 'linux') return fail(`this is ${platform}, not Linux`);
  if (numbers === undefined || endianness() !== 'LE') return fail(`Linux on ${arch} is not known`);
  try {
    const calls = bind(createRequire(import.meta.url)('koffi') as Koffi, numbers);
    calls.recvmmsg(-1, 0n, 0, 0);
    // Any other complaint is about the arguments: which of them comes first, systems differ in.
    return calls.errno() === ENOSYS ? fail('the kernel has no recvmmsg') : ok(calls);
  } catch (error) {
    return fail(`koffi does not load: ${error instanceof Error ? error.message : String(error)}`);
  }
}

type Koffi = typeof import('koffi');

function bind(koffi: Koffi, numbers: { readonly recvmmsg: number; readonly sendmmsg: number }): LinuxCalls {
  const library = koffi.load(null);
  const call = <Call>(name: string, ...parameters: readonly string[]): Call =>
    library.func(name, 'int', [...parameters]) as unknown as Call;
  const syscall = call<
    (number: number, fd: number, messages: Pointer, count: number, flags: number, timeout: number) => number
  >('syscall', 'long', 'long', 'uintptr_t', 'long', 'long', 'long');
  const { recvmmsg, sendmmsg } = numbers;
  return {
    socket: call('socket', 'int', 'int', 'int'),
    setsockopt: call('setsockopt', 'int', 'int', 'int', 'uintptr_t', 'uint'),
    bind: call('bind', 'int', 'uintptr_t', 'uint'),
    getsockname: call('getsockname', 'int', 'uintptr_t', 'uintptr_t'),
    shutdown: call('shutdown', 'int', 'int'),
    close: call('close', 'int'),
    poll: call('poll', 'uintptr_t', 'ulong', 'int'),
    sendmsg: call('sendmsg', 'int', 'uintptr_t', 'int'),
    if_nametoindex: call('if_nametoindex', 'str'),
    recvmmsg: (fd, messages, count, flags) => syscall(recvmmsg, fd, messages, count, flags, 0),
    sendmmsg: (fd, messages, count, flags) => syscall(sendmmsg, fd, messages, count, flags, 0),
    errno: () => koffi.errno(),
    addressOf: (octets) => koffi.address(octets),
  };
}

/** `EADDRINUSE` and its like. */
export function errorName(errno: number): string {
  return getSystemErrorName(-errno);
}
