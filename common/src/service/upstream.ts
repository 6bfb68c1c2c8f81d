/**
 * A question to the primary of a zone (RFC 1034 4.3.5): is there a newer version? If so it is transferred (`transfers.ts`). What comes
 * back is complete and verified, or a fault; nothing is published here.
 */
import type { Applied } from '../authority/inbound.ts';
import type { Name } from '../name.ts';
import type { Peer } from '../net/address.ts';
import { exchange } from '../net/exchange.ts';
import type { TlsClient } from '../net/tls-client.ts';
import { type Fault, fail, ok, type Result } from '../result.ts';
import { CLASS } from '../rr/class.ts';
import { readSoa } from '../rr/soa.ts';
import { TYPE } from '../rr/type.ts';
import { OPCODE, printRcode, RCODE } from '../wire/code.ts';
import { extendedErrorText } from '../wire/edns.ts';
import { emptyMessage, type Message } from '../wire/message.ts';
import type { TsigKey } from '../wire/tsig.ts';
import { isNewer } from '../zone/serial.ts';
import type { Zone } from '../zone/zone.ts';

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

/** Transfers what is newer than `current`; `undefined` when nothing is. */
export type Transfer = (
  route: Route,
  origin: Name,
  current: Zone | undefined,
) => Promise<Result<Applied | undefined, Fault>>;

/** Milliseconds for the answer to an SOA query. */
export const SOA_TIMEOUT = 5000;

/** A question of class IN; its ID is set when it is sent. */
export function question(name: Name, type: number): Message {
  return { ...emptyMessage(0, OPCODE.QUERY), questions: [{ name, type, class: CLASS.IN }] };
}

/**
 * Asks for what is newer than `current`; `undefined` when nothing is. The fault `gone`: the primary says that it does not serve
 * the zone.
 */
export async function askForNewer(
  route: Route,
  origin: Name,
  current: Zone | undefined,
  transfer: Transfer,
): Promise<Result<Applied | undefined, Fault>> {
  const reply = await exchange({
    ...route,
    message: question(origin, TYPE.SOA),
    transport: 'auto',
    timeout: SOA_TIMEOUT,
  });
  if (!reply.ok) return reply;
  const soa = reply.value.answers.find((record) => record.type === TYPE.SOA && record.name.equals(origin));
  if (soa === undefined) return fail(refusal(reply.value));
  if (current !== undefined && !isNewer(readSoa(soa.rdata).serial, current.serial)) return ok(undefined);
  return transfer(route, origin, current);
}

/** Why there is no SOA in a reply. */
export function refusal(reply: Message): Fault {
  const text = extendedErrorText(reply.edns);
  const what = `the primary answers ${printRcode(reply.rcode)} without an SOA${text === undefined ? '' : `: ${text}`}`;
  const isGone = [RCODE.REFUSED, RCODE.NOTAUTH, RCODE.NXDOMAIN, RCODE.NOERROR].some((rcode) => rcode === reply.rcode);
  return { kind: isGone ? 'gone' : 'refused', what };
}
