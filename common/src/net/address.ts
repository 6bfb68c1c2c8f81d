/**
 * Peers: an IP address and a port, one spelling for each, so that text can be compared and counted.
 *
 * Left out: host names (whoever configures them resolves them), zone ids (`fe80::1%eth0`: a reply goes back over the socket it
 * came by, see `udp.ts`).
 * Always holds: the address of a `Peer` made here is what inet_ntop prints (RFC 5952), and never an IPv4-mapped one.
 */
import { isIP, isIPv4, isIPv6, SocketAddress } from 'node:net';
import { type Fault, fail, ok, type Result } from '../result.ts';

export interface Peer {
  /** IP text: dotted decimal, or RFC 5952 without zone id. */
  readonly address: string;
  /** 0..65535 */
  readonly port: number;
}

const MAPPED = '::ffff:';

/** A peer as a socket names it: without zone id, an IPv4-mapped address as the IPv4 address that it is. */
export function peerOf(address: string, port: number): Peer {
  const zone = address.indexOf('%');
  const bare = zone < 0 ? address : address.slice(0, zone);
  return { address: bare.startsWith(MAPPED) && isIPv4(bare.slice(7)) ? bare.slice(7) : bare, port };
}

/** `192.0.2.1:53`, `[2001:db8::1]:53`. */
export function printPeer(peer: Peer): string {
  return isIPv6(peer.address) ? `[${peer.address}]:${peer.port}` : `${peer.address}:${peer.port}`;
}

/** Our address from which a peer is asked: the only one of its family, so that it sees the address that it knows. `own`: IP text. */
export function sourceTo(peer: string, own: readonly string[]): string | undefined {
  const [source, ...others] = own.filter((each) => isIPv6(each) === isIPv6(peer));
  return others.length > 0 ? undefined : source;
}

export function isSamePeer(a: Peer, b: Peer): boolean {
  return a.port === b.port && a.address === b.address;
}

/** `192.0.2.1`, `192.0.2.1:53`, `[::1]:53`, `[::1]` or `::1`. Host names, zone ids and port 0 are faults. */
export function parsePeer(text: string, defaultPort: number): Result<Peer, Fault> {
  const parts = /^\[([^\]]*)\](?::(\d{1,5}))?$/.exec(text) ?? /^([\d.]+):(\d{1,5})$/.exec(text);
  const [, address = text, digits] = parts ?? [];
  const port = digits === undefined ? defaultPort : Number(digits);
  const isUnfit = isIP(address) === 0 || address.includes('%') || (text.startsWith('[') && !isIPv6(address));
  if (isUnfit || port < 1 || port > 65535) {
    const hint = 'an IPv4 or IPv6 address, such as 192.0.2.1, 192.0.2.1:53, 2001:db8::1 or [2001:db8::1]:53';
    return fail({ kind: 'usage', what: `"${text}" is no address of a peer`, hint });
  }
  return ok(peerOf(canonicalAddress(address), port));
}

/** An IP address in the spelling that sockets use. The argument must be one. */
export function canonicalAddress(address: string): string {
  if (isIPv4(address)) return address;
  const [bare = '', zone] = address.split('%');
  const canonical = new SocketAddress({ address: bare, family: 'ipv6' }).address;
  return zone === undefined ? canonical : `${canonical}%${zone}`;
}

/**
 * Whom an address is counted as: an IPv4 address as itself, an IPv6 address as its /64, since a whole one is what a single
 * host is given (RFC 4291 2.5.4).
 */
export function clientOf(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    // Dotted decimal at the end stands for two groups; it is never within the first four.
    const after = tail === '' ? [] : tail.replace(/\d+\.\d+\.\d+\.\d+$/, '0:0').split(':');
    while (groups.length + after.length < 8) groups.push('0');
    groups.push(...after);
  }
  return `${groups.slice(0, 4).join(':')}::/64`;
}
