/** The messages between control and the threads that answer UDP. Names are in wire form; memory that is shared is not copied. */
import type { ResponderSettings } from '../authority/responder.ts';
import type { Lack } from '../authority/zones.ts';
import type { ListenFault, ServeFault } from '../net/fault.ts';
import type { ImageHandle } from '../zone/image.ts';
import type { Chunk } from '../zone/order.ts';
import type { HandedOver } from './handed-over.ts';

/** What a thread is given at its start. */
export interface UdpStart {
  readonly board: SharedArrayBuffer;
  /** See `hashSeed`. */
  readonly hashSeed: Uint8Array;
  /** What the server calls itself (NSID). */
  readonly id: string;
  readonly settings: ResponderSettings;
  readonly way: UdpWay;
}

/** How datagrams are received: many with one call of the kernel, or one by one by `node:dgram`. */
export type UdpWay = 'linux' | 'portable';

export interface ZoneMessage {
  readonly kind: 'zone';
  readonly origin: Uint8Array;
  readonly root: number;
  readonly chain: readonly Chunk[] | undefined;
  /** Left out where it is that of the version before. */
  readonly image?: ImageHandle;
}

export type ToThread =
  | ZoneMessage
  | { readonly kind: 'zones'; readonly zones: readonly ZoneMessage[] }
  /** A zone without data, and one that is gone. */
  | { readonly kind: 'await'; readonly origin: Uint8Array; readonly lack: Lack }
  | { readonly kind: 'delete'; readonly origin: Uint8Array }
  /** Cookies are made with another secret. */
  | { readonly kind: 'cookies'; readonly secret: Uint8Array }
  /** Sockets to answer on, that control has opened. */
  | { readonly kind: 'serve'; readonly sockets: readonly number[] }
  /** A socket to open; answered by `bound`. */
  | {
      readonly kind: 'bind';
      readonly address: string;
      readonly port: number;
      readonly receiveBuffer: number;
      readonly isShared: boolean;
    }
  /** Closes all sockets that the thread has opened. */
  | { readonly kind: 'unbind' }
  /** The reply to a request that was handed over. */
  | { readonly kind: 'reply'; readonly route: Uint8Array; readonly octets: Uint8Array }
  | { readonly kind: 'close' };

export type FromThread =
  | { readonly kind: 'ready' }
  | { readonly kind: 'bound'; readonly fault?: ListenFault }
  /** Requests that are not answered by zones alone. */
  | HandedOver
  /** What went wrong with a datagram; not each, where there are many. */
  | { readonly kind: 'fault'; readonly fault: ServeFault };
