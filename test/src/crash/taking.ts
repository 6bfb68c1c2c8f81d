/** A zone as somebody gets it who asks for a transfer: whole (RFC 5936), or what is different from what they have (RFC 1995). */
import { createHash } from 'node:crypto';
import { type Inbound, InboundTransfer } from '@zonewright/common/authority/inbound';
import type { Name } from '@zonewright/common/name';
import type { Peer } from '@zonewright/common/net/address';
import { openStream } from '@zonewright/common/net/stream';
import { CLASS } from '@zonewright/common/rr/class';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { readSoa } from '@zonewright/common/rr/soa';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE, printRcode, RCODE } from '@zonewright/common/wire/code';
import { emptyMessage } from '@zonewright/common/wire/message';
import type { TsigKey } from '@zonewright/common/wire/tsig';
import type { Zone } from '@zonewright/common/zone/zone';
import { textOfRecord } from '../soak/text.ts';

const TIMEOUT = 5000;

/** A zone as it was transferred. */
export interface Seen {
  readonly serial: number;
  /** Its records, sorted, the serial as 0. */
  readonly text: string;
}

export const seenOf = (zone: Zone): Seen => ({
  serial: zone.serial,
  text: [zone.soaRecord(), ...zone.records()].map(textOfRecord).sort().join('\n'),
});

/** A content in short. */
export const digestOf = (text: string): string => createHash('sha256').update(text).digest('base64');

/** What somebody has who asks for differences: a zone is one. */
export interface Version {
  readonly serial: number;
  soaRecord(): ResourceRecord;
}

export interface TakingOptions {
  readonly server: Peer;
  readonly name: Name;
  /** What is there already; a whole zone is asked for without. */
  readonly have: Version | undefined;
  readonly key?: TsigKey;
}

/** Why there is nothing; `isAnswer`: since the server said so. */
export interface NothingTaken {
  readonly kind: 'fault';
  readonly what: string;
  readonly rcode?: number;
  readonly isAnswer: boolean;
}

/** What came; with nothing newer the serial that the server has, which may be older than what was there (RFC 1995 2). */
export type Taken =
  | Exclude<Inbound, { kind: 'current' }>
  | { readonly kind: 'current'; readonly serial: number }
  | NothingTaken;

export async function take({ server, name, have, key }: TakingOptions): Promise<Taken> {
  const nothing = (what: string, isAnswer: boolean): NothingTaken => ({ kind: 'fault', what, isAnswer });
  const opened = await openStream({ server, timeout: TIMEOUT });
  if (!opened.ok) return nothing(opened.fault.what, false);
  const taking = new InboundTransfer(name, have?.serial);
  const type = have === undefined ? TYPE.AXFR : TYPE.IXFR;
  const question = { ...emptyMessage(0, OPCODE.QUERY), questions: [{ name, type, class: CLASS.IN }] };
  const message = have === undefined ? question : { ...question, authorities: [have.soaRecord()] };
  try {
    for await (const reply of opened.value.conversation(message, key)) {
      if (!reply.ok) return nothing(reply.fault.what, false);
      const { rcode, answers } = reply.value;
      if (rcode !== RCODE.NOERROR) return { ...nothing(printRcode(rcode), true), rcode };
      const taken = taking.take(answers);
      if (taken === undefined) continue;
      if (taken.kind === 'current') return { kind: 'current', serial: readSoa(answers[0]!.rdata).serial };
      return taken.kind === 'inbound' ? nothing(taken.what, true) : taken;
    }
    return nothing('it has no end', false);
  } finally {
    opened.value.close();
  }
}
