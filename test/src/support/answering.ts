/** Questions to the core, without sockets: zones in, a decoded reply out. */

import type { Authority } from '@zonewright/common/authority/authority';
import { KeyTable } from '@zonewright/common/authority/key';
import { receive } from '@zonewright/common/authority/receive';
import { Responder } from '@zonewright/common/authority/responder';
import type { Transport } from '@zonewright/common/authority/transport';
import { ZoneTable } from '@zonewright/common/authority/zones';
import { CLASS } from '@zonewright/common/rr/class';
import { parseType } from '@zonewright/common/rr/type';
import { OPCODE } from '@zonewright/common/wire/code';
import type { EdnsOption } from '@zonewright/common/wire/edns';
import { decodeMessage, emptyMessage, encodeMessage, type Message } from '@zonewright/common/wire/message';
import type { Zone } from '@zonewright/common/zone/zone';
import { given, nameOf } from './records.ts';

/** Seconds since 1970, for everything here. */
export const NOW = 1_700_000_000;

export interface Asking {
  readonly transport?: Transport;
  /** With EDNS: the UDP size that is offered. */
  readonly size?: number;
  readonly dnssecOk?: boolean;
  readonly options?: readonly EdnsOption[];
}

/** An authority without keys and history for the given zones. */
export function authorityOf(...zones: readonly Zone[]): Authority {
  const table = new ZoneTable();
  for (const zone of zones) table.set(zone);
  return {
    zones: table,
    keys: new KeyTable(),
    identity: { version: 'zonewright 1', id: 'ns.test' },
    isTransferOpen: false,
    isPrimary: true,
    historyOf: () => undefined,
    expiryOf: (zone) => zone.soa.expire,
  };
}

/** The octets of a query, `NAME TYPE`; over TCP and without EDNS unless asked otherwise. */
export function queryOf(question: string, { size, dnssecOk = false, options = [] }: Asking = {}): Uint8Array {
  const [name = '', type = ''] = question.split(' ');
  const hasEdns = size !== undefined || dnssecOk || options.length > 0;
  return encodeMessage({
    ...emptyMessage(0x1234, OPCODE.QUERY),
    questions: [{ name: nameOf(name), type: parseType(type)!, class: CLASS.IN }],
    ...(hasEdns ? { edns: { udpSize: size ?? 1232, version: 0, dnssecOk, options } } : {}),
  });
}

/** Asks; the reply is decoded, and what is not replied to throws. */
export function ask(from: Authority | Responder, question: string, asking: Asking = {}): Message {
  const responder = from instanceof Responder ? from : new Responder(from);
  const outcome = receive(responder, queryOf(question, asking), asking.transport ?? 'tcp', NOW);
  if (outcome.kind !== 'reply') throw new Error(`no reply to ${question} but ${outcome.kind}`);
  return given(decodeMessage(outcome.octets));
}
