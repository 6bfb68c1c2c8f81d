/**
 * What comes out of a message: octets to send back, or - for what needs more than the zones at hand - a transfer, an update or a
 * NOTIFY, as a value for the service.
 */
import type { Name } from '../name.ts';
import type { StreamSigner } from '../wire/tsig-stream.ts';
import type { Delta } from '../zone/delta.ts';
import type { Zone } from '../zone/zone.ts';
import type { Key } from './key.ts';
import type { Rejection } from './rejection.ts';
import type { Request } from './request.ts';
import type { Update } from './update.ts';

export type Outcome =
  | { readonly kind: 'silence' }
  /** `what`: why it was not a plain answer, for the log. `registers`: this connection wants to be notified (signed SOA on it). */
  | {
      readonly kind: 'reply';
      readonly octets: Uint8Array;
      readonly what?: string;
      /** Set where it is somebody who may not. */
      readonly rejection?: Rejection;
      readonly registers?: { readonly key: Key; readonly zone: Name };
      /** Set where it answers an IXFR over UDP that is signed: who asks has version `serial`, and may have been sent the newest. */
      readonly follows?: { readonly zone: Zone; readonly serial: number; readonly key: Key; readonly isSent: boolean };
    }
  | {
      readonly kind: 'transfer';
      readonly zone: Zone;
      readonly request: Request;
      /** What is sent: all of the zone, or what changed. */
      readonly form: TransferForm;
      readonly messages: Iterable<Uint8Array>;
      readonly signer?: StreamSigner;
      /** For a client whose version is not known here: `messages` are the whole zone, unless somebody finds what changed since. */
      readonly sought?: {
        readonly serial: number;
        messages(delta: Delta): Iterable<Uint8Array>;
        formOf(delta: Delta): TransferForm;
      };
    }
  | { readonly kind: 'update'; readonly request: Request; readonly update: Update }
  /** A signed UPDATE that the primaries of the zone are to judge, as it came. */
  | {
      readonly kind: 'forward';
      readonly request: Request;
      readonly zone: Name;
      readonly octets: Uint8Array;
      /** Has the client shown that its address is its own: by a connection, or a good cookie? */
      readonly isProven: boolean;
    }
  | { readonly kind: 'notify'; readonly request: Request; readonly zone: Name; readonly serial?: number };

/** As it is sent: also an IXFR may be answered with the whole zone (RFC 1995 4). */
export type TransferForm = 'AXFR' | 'IXFR';
