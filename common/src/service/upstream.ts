/**
 * Questions to the primaries of zones (RFC 1034 4.3.5): is there a newer version? If so it is transferred (`transfers.ts`). What
 * comes back is complete and verified, or a fault; nothing is published here.
 *
 * The SOA is asked for over UDP, or over TLS where that is how the primary is reached, of many zones at once. Of a zone of which a newer
 * serial is promised the differences are asked for, over UDP as well; where they do not fit into a datagram the zone is transferred without being asked
 * about, as is one of which there is nothing yet. Each question asks how long the copy that the primary has itself may be served (RFC 7314).
 */
import type { Applied } from '../authority/inbound.ts';
import { datagramNews } from '../authority/inbound-datagram.ts';
import type { Name } from '../name.ts';
import { type Peer, printPeer } from '../net/address.ts';
import { exchange } from '../net/exchange.ts';
import { openStream, type Stream } from '../net/stream.ts';
import { StreamClient } from '../net/stream-client.ts';
import type { TlsClient } from '../net/tls-client.ts';
import { UdpClient } from '../net/udp-client.ts';
import { type Fault, fail, ok, type Result } from '../result.ts';
import { recordsOf } from '../rr/record.ts';
import { readSoa } from '../rr/soa.ts';
import { TYPE } from '../rr/type.ts';
import type { Message } from '../wire/message.ts';
import type { TsigKey } from '../wire/tsig.ts';
import { isNewer } from '../zone/serial.ts';
import type { Zone } from '../zone/zone.ts';
import { expireOf, inquiry, knowsNoEdns, refusal, withoutEdns } from './inquiry.ts';
import type { Log } from './log.ts';
import { Places } from './places.ts';
import { Transfers } from './transfers.ts';

/** How the primary is reached. */
export interface Route {
  readonly server: Peer;
  readonly key: TsigKey;
  /** Local address to ask from, IP text. */
  readonly source?: string;
  /** All is asked over TLS, and nothing in plain (RFC 9103). */
  readonly tls?: TlsClient;
  /** Ends everything that waits. */
  readonly signal?: AbortSignal;
}

/** What tells primaries apart, whatever key they are asked by. */
export const primaryId = ({ source, server }: Route): string => `${source} ${printPeer(server)}`;

/** What is asked about. */
export interface Inquiry {
  readonly origin: Name;
  /** The version we have, whose image nobody else changes meanwhile. */
  readonly current: Zone | undefined;
  /** The serial that somebody who can be believed says the primary has. */
  readonly promised?: number | undefined;
  /** Somebody waits for it: it is not held up by all that is merely due. */
  readonly isUrgent?: boolean;
}

/** What a primary says. */
export interface News {
  /** What is newer than the version we have; `undefined` where nothing is. */
  readonly applied: Applied | undefined;
  /** Seconds until the copy that the primary has expires; `undefined` where it does not say. */
  readonly expire: number | undefined;
}

export interface Upstream {
  /** Whole zones will be asked for soon. */
  prepare?(): void;
  /** The faults `gone`: the primary says that it does not serve the zone, and `older`: it has one before ours. Rejects for a bug. */
  ask(route: Route, inquiry: Inquiry): Promise<Result<News, Fault>>;
  /** Opens a connection on which the primary may ask as well. */
  connect(route: Route, receive: Receive): Promise<Result<Stream, Fault>>;
  /** Ends everything, and what is under way fails. */
  close(): Promise<void>;
}

/** Milliseconds for an answer over TCP to an SOA query, and until it is sent again over UDP. */
export const SOA_TIMEOUT = 5000;
const SOA_WAITS = [1000, 2000, 3000] as const;
/** SOA queries under way at once to one primary; transfers in, from one and in all. */
const MAX_QUERIES = 80;
const MAX_TRANSFERS_FROM_ONE = 10;
const MAX_TRANSFERS_IN = 20;

/**
 * The lines in which questions wait: what somebody waits for is not held up by all that merely starts, or may have been missed; and of both, what we
 * have not by all that comes for the first time.
 */
const LINES = 4;
const lineOf = ({ current, isUrgent = false }: Inquiry): number => (isUrgent ? 0 : 2) + (current === undefined ? 1 : 0);

/** Replies over UDP in a row without the differences that were asked for, after which only one of so many is asked for there. */
const MAX_VAIN = 3;
const VAIN_SHARE = 32;

/** What is under way with one primary. */
interface Primary {
  /** Differences that were asked for over UDP since there were some. */
  vain: number;
  readonly client: UdpClient | StreamClient;
  readonly queries: Places;
  readonly transfers: Places;
}

type Receive = (octets: Uint8Array, stream: Stream) => void | Promise<void>;

function primaryAt(route: Route): Primary {
  const client =
    route.tls === undefined
      ? new UdpClient({ ...route, waits: SOA_WAITS })
      : new StreamClient({ ...route, timeout: SOA_TIMEOUT });
  const queries = new Places(MAX_QUERIES, LINES);
  const transfers = new Places(MAX_TRANSFERS_FROM_ONE, LINES);
  return { vain: 0, client, queries, transfers };
}

export class DnsUpstream implements Upstream {
  readonly #primaries = new Map<string, Primary>();
  readonly #transfers: Transfers;
  readonly #places = new Places(MAX_TRANSFERS_IN, LINES);

  constructor(options: { readonly log: Log }) {
    this.#transfers = new Transfers(options);
  }

  prepare(): void {
    this.#transfers.prepare();
  }

  async ask(route: Route, inquiry: Inquiry): Promise<Result<News, Fault>> {
    const { origin, current, promised } = inquiry;
    const primary = this.#primaryOf(route);
    const line = lineOf(inquiry);
    const isPromised = promised !== undefined && (current === undefined || isNewer(promised, current.serial));
    if (!isPromised) {
      const reply = await primary.queries.run(() => querySoa(primary, route, origin), line);
      if (!reply.ok) return reply;
      const soa = reply.value.answers.find((record) => record.type === TYPE.SOA && record.name.equals(origin));
      if (soa === undefined) return fail(refusal(reply.value));
      // One that has lost the zone, and resolves names too, may have it from ourselves: the copy would never expire.
      if (!reply.value.aa)
        return fail({
          kind: 'refused',
          what: 'the primary answers without authority: it does not serve the zone itself',
        });
      const { serial } = readSoa(soa.rdata);
      if (current !== undefined && !isNewer(serial, current.serial))
        return serial === current.serial
          ? ok({ applied: undefined, expire: expireOf(reply.value.edns) })
          : fail({ kind: 'older', what: `has serial ${serial}, which is before ours, ${current.serial}` });
    } else if (current !== undefined) {
      const news = await primary.queries.run(() => askQuickly(primary, origin, current, route), line);
      if (news !== undefined) return ok(news);
    }
    const transfer = () => this.#transfers.transfer(route, origin, current);
    return primary.transfers.run(() => this.#places.run(transfer, line), line);
  }

  connect(route: Route, receive: Receive): Promise<Result<Stream, Fault>> {
    return openStream({ ...route, timeout: SOA_TIMEOUT, receive });
  }

  async close(): Promise<void> {
    for (const { client } of this.#primaries.values()) client.close();
    await this.#transfers.close();
  }

  #primaryOf(route: Route): Primary {
    const id = primaryId(route);
    const known = this.#primaries.get(id) ?? primaryAt(route);
    this.#primaries.set(id, known);
    return known;
  }
}

/** What an IXFR over UDP brings: most changes fit into a datagram, and need no connection. `undefined`: it takes a transfer to know. */
async function askQuickly(
  primary: Primary,
  origin: Name,
  current: Zone,
  { key, tls }: Route,
): Promise<News | undefined> {
  if (tls !== undefined || (primary.vain >= MAX_VAIN && ++primary.vain % VAIN_SHARE !== 0)) return undefined;
  const message = { ...inquiry(origin, TYPE.IXFR), authorities: recordsOf(current.soaSet) };
  const reply = await primary.client.ask(message, key);
  const news = reply.ok ? datagramNews(reply.value, origin, current) : undefined;
  if (news?.applied === undefined) primary.vain++;
  else primary.vain = 0;
  return news === undefined || !reply.ok ? undefined : { ...news, expire: expireOf(reply.value.edns) };
}

/**
 * A reply to a query for the SOA: over TCP where it is truncated or not signed as it has to be, without EDNS where the server is
 * older than that.
 */
async function querySoa({ client }: Primary, route: Route, origin: Name): Promise<Result<Message, Fault>> {
  const ask = async (message: Message): Promise<Result<Message, Fault>> => {
    if (route.signal?.aborted === true) return fail({ kind: 'aborted', what: 'questions have been ended' });
    const reply = await client.ask(message, route.key);
    // What cannot be believed may have been forged; and Knot refuses, unsigned, what is asked about a catalog zone over UDP.
    const isDoubtful = !reply.ok && reply.fault.kind === 'tsig' && route.tls === undefined;
    if (!isDoubtful && (!reply.ok || !reply.value.tc)) return reply;
    return exchange({ ...route, message, transport: 'tcp', timeout: SOA_TIMEOUT });
  };
  const message = inquiry(origin, TYPE.SOA);
  const reply = await ask(message);
  return reply.ok && knowsNoEdns(reply.value) ? ask(withoutEdns(message)) : reply;
}
