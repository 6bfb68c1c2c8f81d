/**
 * Updates passed on to the primaries of a zone (RFC 2136 6): the octets go as they came, with the ID and the signature of the client, each
 * request on a connection of its own, and the reply goes back as it came; what the client does not take over UDP is cut (`relayedReply`), and
 * helps only who wants no signature. So the primary judges, and the client verifies; whoever passes it on needs no key.
 *
 * Primaries are tried in turn as long as a request has gone to none of them: one that does not answer may have done it all the same.
 *
 * Whoever sends a datagram chooses its address: those that show no good cookie have a few places of their own, and take none from clients
 * whose address is known. They cannot be sent to TCP by a reply that is cut: it would not be signed, and signers do not take it.
 *
 * Always holds: what comes back to us is not passed on again, a request that is repeated while it is under way is passed on once, and the
 * primary has places left for us. What a primary has not taken is few lines of the log: anybody can have that passed on.
 * Left out: who may forward - a primary sees the address of the one that did.
 */
import { setMaxListeners } from 'node:events';
import { ClientAddress } from '../authority/client-address.ts';
import { prefixOctets } from '../authority/rate-limit.ts';
import type { Name } from '../name.ts';
import { clientOf, type Peer, printPeer } from '../net/address.ts';
import type { ExchangeFault } from '../net/fault.ts';
import { openStream, type Stream, type StreamOptions } from '../net/stream.ts';
import { read16 } from '../octets.ts';
import { fail, ok, type Result } from '../result.ts';
import { printRcode, RCODE } from '../wire/code.ts';
import { EDE } from '../wire/edns.ts';
import { decodeMessage } from '../wire/message.ts';
import { type Clock, systemClock } from './clock.ts';
import type { Log } from './log.ts';
import { serverFailure, type Verdict } from './name-server.ts';
import { FewLinesOfEach } from './rare-line.ts';

export interface ForwarderOptions {
  /** In the order in which they are to be asked. */
  primariesOf(zone: Name): readonly Peer[];
  /** How they are reached. */
  reach(primary: Peer): Pick<StreamOptions, 'source' | 'tls'>;
  readonly log: Log;
  readonly clock?: Clock;
  /** One was passed on, and answered; `rcode` is that of the reply. */
  onForwarded?(rcode: number): void;
  /** One could not be passed on, or nobody answered it. */
  onFailed?(): void;
}

/** Requests under way. Each has a connection to a primary, which allows a hundred to one client, and transfers need some. */
const MAX_FORWARDS = 40;
/** Of these, over UDP without a good cookie. */
const MAX_UNPROVEN_FORWARDS = 10;
/** Of one client's whose address is known: an IPv4 address, an IPv6 /64. */
const MAX_CLIENT_FORWARDS = 10;
/** Of such clients of one network: /24, or /56 of IPv6. */
const MAX_NETWORK_FORWARDS = 20;
/** ms for connecting, and again for the reply: a primary may push to a remote before it answers. */
const FORWARD_TIMEOUT = 10_000;

const BUSY = serverFailure(EDE.NOT_READY, 'too many updates are being passed on; try again');
const CIRCLE = serverFailure(EDE.OTHER, 'this update is being passed on in a circle');

interface UnderWay {
  readonly from: Peer;
  readonly isProven: boolean;
  readonly reply: Promise<Uint8Array | Verdict>;
}

export class Forwarder {
  readonly #options: ForwarderOptions;
  /** By the octets of the request. */
  readonly #underWay = new Map<string, UnderWay>();
  readonly #abort = new AbortController();
  /** What was passed on in vain, by event: of clients whose address is known, and of strangers. */
  readonly #vain: { readonly proven: FewLinesOfEach; readonly unproven: FewLinesOfEach };

  constructor(options: ForwarderOptions) {
    this.#options = options;
    const { log, clock = systemClock } = options;
    const tellRest = (event: string, updates: number): void =>
      log.warn(event, { updates }, 'so many more that were not done');
    this.#vain = { proven: new FewLinesOfEach(clock, tellRest), unproven: new FewLinesOfEach(clock, tellRest) };
    // Each connection listens for the end.
    setMaxListeners(0, this.#abort.signal);
  }

  /** The reply, as it came; where there is none, why. */
  async forward(octets: Uint8Array, zone: Name, from: Peer, isProven: boolean): Promise<Uint8Array | Verdict> {
    const request = Buffer.from(octets).toString('latin1');
    const same = this.#underWay.get(request);
    // A client that repeats itself does so from where it was, if it gets no reply over UDP.
    if (same !== undefined) return printPeer(same.from) === printPeer(from) ? same.reply : this.#fail(CIRCLE);
    if (!this.#hasRoom(from, isProven)) return this.#fail(BUSY);
    const reply = this.#forward(octets, zone, from, isProven);
    this.#underWay.set(request, { from, isProven, reply });
    try {
      return await reply;
    } finally {
      this.#underWay.delete(request);
    }
  }

  close(): void {
    this.#abort.abort();
    for (const vain of Object.values(this.#vain)) vain.close();
  }

  /** Each kind counts apart, so that nobody uses up what is another's in his name. */
  #hasRoom({ address }: Peer, isProven: boolean): boolean {
    const same = [...this.#underWay.values()].filter((each) => each.isProven === isProven).map(({ from }) => from);
    if (!isProven) return same.length < MAX_UNPROVEN_FORWARDS;
    const countBy = (of: (address: string) => string): number =>
      same.filter((each) => of(each.address) === of(address)).length;
    return (
      same.length < MAX_FORWARDS - MAX_UNPROVEN_FORWARDS &&
      countBy(clientOf) < MAX_CLIENT_FORWARDS &&
      countBy(networkOf) < MAX_NETWORK_FORWARDS
    );
  }

  async #forward(octets: Uint8Array, zone: Name, from: Peer, isProven: boolean): Promise<Uint8Array | Verdict> {
    const { log, primariesOf, onForwarded } = this.#options;
    const vain = isProven ? this.#vain.proven : this.#vain.unproven;
    const fields = { zone: zone.toString(), peer: printPeer(from) };
    let what = 'it has no primary';
    for (const primary of primariesOf(zone)) {
      const opened = await this.#open(primary);
      if (!opened.ok) {
        what = opened.fault.what;
        continue;
      }
      const stream = opened.value;
      const reply = await replyOver(stream, octets);
      stream.close();
      if (reply.ok) {
        const rcode = reply.value[3]! & 15;
        if (rcode === RCODE.NOERROR || vain.add('update.forwarded'))
          log.info('update.forwarded', { ...fields, primary: printPeer(primary), rcode: printRcode(rcode) });
        onForwarded?.(rcode);
        return reply.value;
      }
      what = `${reply.fault.what}; it may have been done`;
      break;
    }
    if (vain.add('update.forward-failed')) log.warn('update.forward-failed', { ...fields, what });
    return this.#fail(serverFailure(EDE.NETWORK_ERROR, what));
  }

  #fail(verdict: Verdict): Verdict {
    this.#options.onFailed?.();
    return verdict;
  }

  #open(primary: Peer): Promise<Result<Stream, ExchangeFault>> {
    const { reach } = this.#options;
    return openStream({ ...reach(primary), server: primary, timeout: FORWARD_TIMEOUT, signal: this.#abort.signal });
  }
}

/** The octets of the network of an address, as rates of responses are counted. */
function networkOf(address: string): string {
  const client = ClientAddress.of(address);
  return client.octets.subarray(0, prefixOctets(client)).join('.');
}

const OPCODE_BITS = 0x78;

/** The first reply that is one to the request. */
async function replyOver(stream: Stream, octets: Uint8Array): Promise<Result<Uint8Array, ExchangeFault>> {
  const reply = await stream.relay(octets);
  if (!reply.ok) return reply;
  const isReply =
    decodeMessage(reply.value).ok &&
    read16(reply.value, 0) === read16(octets, 0) &&
    (reply.value[2]! & OPCODE_BITS) === (octets[2]! & OPCODE_BITS);
  if (isReply) return ok(reply.value);
  return fail({ kind: 'malformed', what: `${printPeer(stream.peer)} sent something else than a reply` });
}
