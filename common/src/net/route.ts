/**
 * Where a reply goes that is sent later, and from which socket and address: octets, so that threads can hand it to each other.
 *
 * What the sockets call an address stands in it as Linux writes it down (`sockaddr_in`, `sockaddr_in6`), whatever the platform.
 * Only good as long as its socket is open.
 */
import { canonicalAddress, type Peer, peerOf } from './address.ts';

/** Where its parts are, in octets. */
export const ROUTE = {
  /** Which socket, in the words of whoever has made the route. */
  socket: 0,
  /** Length of the name: {@link NAME_FOUR} or {@link NAME_SIX}. */
  nameLength: 4,
  /** Length of the detail. */
  detailLength: 8,
  /** The client's address and port. */
  name: 16,
  /** What else the socket needs: which address of this machine was asked (`cmsghdr`), or over which interface (text). */
  detail: 48,
  octets: 96,
} as const;

/** A `sockaddr_in` or `sockaddr_in6`. */
export const NAME = {
  /** Two octets, most significant first. */
  port: 2,
  four: 4,
  six: 8,
  /** The interface that a link-local address is meant on. */
  scope: 24,
} as const;

/** Octets of a `sockaddr_in`. */
export const NAME_FOUR = 16;
/** Octets of a `sockaddr_in6`. */
export const NAME_SIX = 28;

/** Whom a route leads to. */
export function peerOfRoute(route: Uint8Array): Peer {
  const view = new DataView(route.buffer, route.byteOffset, ROUTE.octets);
  const port = view.getUint16(ROUTE.name + NAME.port);
  if (view.getInt32(ROUTE.nameLength, true) === NAME_FOUR) {
    const at = ROUTE.name + NAME.four;
    return peerOf(route.subarray(at, at + 4).join('.'), port);
  }
  const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(ROUTE.name + NAME.six + 2 * i).toString(16));
  return peerOf(canonicalAddress(groups.join(':')), port);
}
