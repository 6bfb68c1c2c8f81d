/** What a secondary says to a primary, over whatever and from whichever thread, and what it finds in the replies. */
import type { Name } from '../name.ts';
import { read16 } from '../octets.ts';
import type { Fault } from '../result.ts';
import { CLASS } from '../rr/class.ts';
import { OPCODE, printRcode, RCODE } from '../wire/code.ts';
import { BARE_EDNS, type Edns, extendedErrorText, OPTION } from '../wire/edns.ts';
import { emptyMessage, type Message } from '../wire/message.ts';

const NOTHING = new Uint8Array(0);
/** Milliseconds of one unit of a time in KEEPALIVE (RFC 7828 3.1). */
const KEEPALIVE_UNIT = 100;
/** Characters of a reason that a primary gives, of which the rest is left out. */
const MAX_REASON = 500;

/** A question of class IN; its ID is set when it is sent. */
export function question(name: Name, type: number): Message {
  return { ...emptyMessage(0, OPCODE.QUERY), questions: [{ name, type, class: CLASS.IN }] };
}

/** A question that asks as well for how long the copy of the server may be served (RFC 7314 4). */
export function inquiry(name: Name, type: number): Message {
  const options = [{ code: OPTION.EXPIRE, data: NOTHING }];
  return { ...question(name, type), edns: { ...BARE_EDNS, options } };
}

/** The same, which asks as well for how long the server keeps the connection (RFC 7828 3.2.1); not over UDP. */
export function keepingOpen({ edns = BARE_EDNS, ...plain }: Message): Message {
  return { ...plain, edns: { ...edns, options: [...edns.options, { code: OPTION.KEEPALIVE, data: NOTHING }] } };
}

/** The same for a server that is older than EDNS. */
export function withoutEdns({ edns: _, ...plain }: Message): Message {
  return plain;
}

/** Does the server say that it does not understand EDNS (RFC 6891 7)? */
export function knowsNoEdns({ rcode, edns }: Message): boolean {
  return edns === undefined && (rcode === RCODE.FORMERR || rcode === RCODE.NOTIMP);
}

/** The seconds of the EXPIRE option of a reply (RFC 7314 2). */
export function expireOf(edns: Edns | undefined): number | undefined {
  const data = edns?.options.find(({ code }) => code === OPTION.EXPIRE)?.data;
  return data?.length === 4 ? new DataView(data.buffer, data.byteOffset).getUint32(0) : undefined;
}

/** The milliseconds of the KEEPALIVE option of a reply: how long the server keeps the connection (RFC 7828 3.1). */
export function idleTimeOf(edns: Edns | undefined): number | undefined {
  const data = edns?.options.find(({ code }) => code === OPTION.KEEPALIVE)?.data;
  return data?.length === 2 ? read16(data, 0) * KEEPALIVE_UNIT : undefined;
}

/** Why there is no SOA in a reply. It is a line of the log each time that it is another, and so no longer than that may be. */
export function refusal(reply: Message): Fault {
  const text = extendedErrorText(reply.edns);
  const what = `the primary answers ${printRcode(reply.rcode)} without an SOA${text === undefined ? '' : `: ${text.slice(0, MAX_REASON)}`}`;
  const isGone = [RCODE.REFUSED, RCODE.NOTAUTH, RCODE.NXDOMAIN, RCODE.NOERROR].some((rcode) => rcode === reply.rcode);
  return { kind: isGone ? 'gone' : 'refused', what };
}
