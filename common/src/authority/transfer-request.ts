/**
 * A request for a zone (AXFR, RFC 5936; IXFR, RFC 1995): may this client have it, in which form, over which transport?
 * What the records are, and how they are packed, is `transfer.ts`.
 *
 * An IXFR from a serial that the history does not know is answered with the whole zone, unless whoever sends it finds what changed.
 * Always holds: who may not transfer a zone learns nothing about it; AXFR does not go over UDP; what a key may have over TLS alone goes
 * over nothing else, not even a difference in one datagram.
 */
import type { ResourceRecord } from '../rr/record.ts';
import { TYPE } from '../rr/type.ts';
import { RCODE } from '../wire/code.ts';
import { EDE, type EdnsOption } from '../wire/edns.ts';
import { type Message, type Question, responseTo } from '../wire/message.ts';
import { tsigSize } from '../wire/tsig.ts';
import { StreamSigner } from '../wire/tsig-stream.ts';
import type { Delta } from '../zone/delta.ts';
import { type Difference, differenceOf } from '../zone/difference.ts';
import type { Zone } from '../zone/zone.ts';
import type { Authority } from './authority.ts';
import { ixfrBody } from './ixfr-body.ts';
import { mayPerform } from './key.ts';
import type { Outcome } from './outcome.ts';
import { type Request, replyLimit, wantsPadding } from './request.ts';
import {
  axfrRecords,
  isCurrent,
  isWorth,
  ixfrRecords,
  messageWith,
  packMessages,
  requestedSerial,
} from './transfer.ts';
import { transportBeyond } from './transport.ts';
import { LACK } from './zones.ts';

/** The request being handled, and the ways to answer it with one message. */
export interface TransferCall {
  readonly authority: Authority;
  readonly request: Request;
  /** Finishes a reply that is made from a zone: EDNS, the size, the signature. */
  reply(reply: Message, zone: Zone): Uint8Array;
  /** Signs a message where the request was signed. */
  sign(octets: Uint8Array): Uint8Array;
  /** What the OPT record of a transfer of the zone says. */
  options(zone: Zone): readonly EdnsOption[];
  /** `ede` from EDE. */
  refuse(rcode: number, what: string, ede?: number): Outcome;
}

/** No record takes less in a message: a pointer, type, class, TTL, length. */
const MIN_RECORD_OCTETS = 12;

/** Answers a question for AXFR or IXFR of class IN. */
export function transfer(question: Question, call: TransferCall): Outcome {
  const { authority, request } = call;
  const { message, key, transport } = request;
  const isAxfr = question.type === TYPE.AXFR;
  const serial = isAxfr ? undefined : requestedSerial(message);
  if (!isAxfr && serial === undefined)
    return call.refuse(RCODE.FORMERR, 'an IXFR without one SOA in its authority section');
  if (isAxfr && transport === 'udp') return call.refuse(RCODE.REFUSED, 'AXFR goes over TCP', EDE.NOT_SUPPORTED);
  const isAllowed = authority.isTransferOpen || (key !== undefined && mayPerform(key, 'transfer', question.name));
  if (!isAllowed) {
    const what = 'a transfer needs a key with _transfer or _update for this zone';
    return call.refuse(RCODE.REFUSED, what, EDE.PROHIBITED);
  }
  const beyond = authority.isTransferOpen ? undefined : transportBeyond(key?.limits?.transport, transport);
  if (beyond !== undefined) return call.refuse(RCODE.REFUSED, `transfers with this key need ${beyond}`, EDE.PROHIBITED);
  const lack = authority.zones.lackOf(question.name);
  if (lack !== undefined) return call.refuse(RCODE.SERVFAIL, LACK[lack].text, LACK[lack].code);
  const zone = authority.zones.get(question.name);
  if (zone === undefined) return call.refuse(RCODE.NOTAUTH, 'no zone of this server', EDE.NOT_AUTHORITATIVE);
  if (serial !== undefined && transport === 'udp') return ixfrOverUdp(question, call, zone, serial);
  const options = call.options(zone);
  const padding = wantsPadding(request) ? { signature: key === undefined ? 0 : tsigSize(key) } : undefined;
  const pack = (records: Iterable<ResourceRecord>): Iterable<Uint8Array> =>
    packMessages(message, records, options, padding);
  const requestMac = message.tsig?.mac;
  const signer = key === undefined || requestMac === undefined ? {} : { signer: new StreamSigner(key, requestMac) };
  const begun = { kind: 'transfer', zone, request, ...signer } as const;
  if (serial === undefined) return { ...begun, form: 'AXFR', messages: pack(axfrRecords(zone)) };
  const difference = differenceFrom(call, zone, serial);
  const body = isWorth(zone, difference) ? ixfrBody(zone, serial, question, difference) : undefined;
  const messages =
    body === undefined ? pack(ixfrRecords(zone, serial, difference)) : [messageWith(body, message, options, padding)];
  const formOf = (sent: Difference | undefined) => (isCurrent(zone, serial) || isWorth(zone, sent) ? 'IXFR' : 'AXFR');
  const form = formOf(difference);
  if (difference !== undefined || isCurrent(zone, serial)) return { ...begun, form, messages };
  const since = (delta: Delta): Iterable<Uint8Array> => pack(ixfrRecords(zone, serial, differenceOf(delta)));
  return {
    ...begun,
    form,
    messages,
    sought: { serial, messages: since, formOf: (delta) => formOf(differenceOf(delta)) },
  };
}

function differenceFrom({ authority }: TransferCall, zone: Zone, serial: number): Difference | undefined {
  const difference = isCurrent(zone, serial) ? undefined : authority.historyOf(zone.origin)?.shortest(serial);
  return difference?.to === zone.serial ? difference : undefined;
}

/** RFC 1995 2: over UDP what does not fit is answered with the SOA alone, which sends the client to TCP. */
function ixfrOverUdp(question: Question, call: TransferCall, zone: Zone, serial: number): Outcome {
  const { key, message } = call.request;
  const answer = (octets: Uint8Array, isSent: boolean): Outcome =>
    key === undefined ? { kind: 'reply', octets } : { kind: 'reply', octets, follows: { zone, serial, key, isSent } };
  const limit = replyLimit(call.request) - (key === undefined ? 0 : tsigSize(key));
  const difference = differenceFrom(call, zone, serial);
  if (difference !== undefined && difference.records * MIN_RECORD_OCTETS < limit) {
    const body = ixfrBody(zone, serial, question, difference);
    const octets = body && messageWith(body, message, call.options(zone));
    if (octets !== undefined && octets.length <= limit) return answer(call.sign(octets), true);
  }
  const head = { ...responseTo(message, RCODE.NOERROR), aa: true };
  return answer(call.reply({ ...head, answers: [zone.soaRecord()] }, zone), false);
}
