/**
 * What a primary may send that it should not, as scripts for any zone that is served with serial 1 (`scripted-primary.ts`), each with a word
 * of the fault that it is. None of it may change what is served.
 */
import type { Name } from '@zonewright/common/name';
import { CLASS } from '@zonewright/common/rr/class';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import { EDE, extendedError } from '@zonewright/common/wire/edns';
import { nameOf, recordOf, recordsFrom } from './records.ts';
import type { Answering } from './scripted-primary.ts';

/** What is answered to a request for the zone, or for what is newer in it. */
export type Play = (answering: Answering, isWhole: boolean) => unknown;

/** Records of a message, as lines that are relative to the zone that was asked for. */
type Records = string | ((origin: Name) => readonly ResourceRecord[]);

export const soaLine = (serial: number): string => `@ 3600 SOA ns hostmaster ${serial} 3600 600 86400 300`;
export const NS = '@ 60 NS ns.other.';
export const addressLine = (host: number): string => `a 60 A 192.0.2.${host}`;
const A = addressLine;

/** A whole zone of this serial. */
export const wholeText = (serial: number, ...lines: readonly string[]): string =>
  [soaLine(serial), NS, ...lines, soaLine(serial)].join('\n');

const recordsOf = (records: Records, origin: Name): readonly ResourceRecord[] =>
  typeof records === 'string' ? recordsFrom(records, origin) : records(origin);

const originOf = ({ request }: Answering): Name => request.questions[0]!.name;

/** Sends the same messages whatever was asked for. */
export const sending =
  (...messages: readonly Records[]): Play =>
  async (answering) => {
    for (const message of messages) await answering.send(recordsOf(message, originOf(answering)));
    answering.close();
  };

/** Of the forms of IXFR; then nothing for AXFR. */
export const differing = (...lines: readonly string[]): Play => {
  const play = sending(lines.join('\n'));
  return (answering, isWhole) => (isWhole ? answering.close() : play(answering, false));
};

/** Addresses of one name, each another. */
export const manyAddresses = (origin: Name, count: number, from = 0): ResourceRecord[] =>
  Array.from({ length: count }, (_, i) => ({
    ...recordOf(A(1), origin),
    rdata: Uint8Array.of(10, (from + i) >> 16, ((from + i) >> 8) & 255, (from + i) & 255),
  }));

const ADDRESSES = 20_000;
const IN_ONE = 500;

/** What is sent, and a word of the fault that it is. */
export const HOSTILE: Readonly<Record<string, readonly [play: Play, fault: RegExp]>> = {
  'the SOA of another version in the middle': [sending(wholeText(2, soaLine(3), A(2))), /another serial in the middle/],
  'an SOA below the apex': [sending(wholeText(2, 'sub 60 SOA ns h 2 1 1 1 1')), /an SOA at sub\./],
  'a record out of the zone': [sending(wholeText(2, 'www.other. 60 A 192.0.2.1')), /not in zone/],
  'a record of class CH': [
    sending((origin) => [
      recordOf(soaLine(2), origin),
      { ...recordOf(A(2), origin), class: CLASS.CH },
      recordOf(soaLine(2), origin),
    ]),
    /can be in no zone/,
  ],
  'the SOA of another zone at its beginning': [sending('other. 60 SOA ns h 2 1 1 1 1'), /not in zone/],
  'no SOA at its beginning': [sending(`${NS}\n${A(2)}`), /first record is not the SOA/],
  'an end that is not its beginning': [
    sending(`${soaLine(2)}\n${NS}\n@ 3600 SOA ns hostmaster 2 1 1 1 1`),
    /differs from the first/,
  ],
  'records behind its end': [sending(`${wholeText(2, A(2))}\n${A(3)}`), /after the final SOA/],
  'no records in a message': [sending(soaLine(2), () => []), /without records/],
  'half of it': [sending(`${soaLine(2)}\n${NS}\n${A(2)}`), /closed the connection|before its final SOA/],
  'an older version': [sending(`${soaLine(0)}\n${NS}\n${soaLine(0)}`), /not newer/],
  'more records of one name than can be answered': [
    sending(
      soaLine(2),
      ...Array.from(
        { length: ADDRESSES / IN_ONE },
        (_, i) => (origin: Name) => manyAddresses(origin, IN_ONE, i * IN_ONE),
      ),
      soaLine(2),
    ),
    /octets/,
  ],
  'a message of another question': [
    (answering) =>
      answering.send(recordsFrom(wholeText(2), originOf(answering)), {
        questions: [{ name: nameOf('other.'), type: TYPE.AXFR, class: CLASS.IN }],
      }),
    /no reply to the request/,
  ],
  'octets that are no message': [
    ({ request, sendOctets }) =>
      sendOctets(Uint8Array.of(request.id >> 8, request.id, 0x80, 0, 0, 9, 0, 9, 0, 9, 0, 9)),
    /malformed|cut short|octet|reply with/,
  ],
  'messages that nobody has signed': [
    (answering) => answering.send(recordsFrom(wholeText(2), originOf(answering)), {}, false),
    /signature/,
  ],
  'an error in the middle': [
    async (answering) => {
      await answering.send(recordsFrom(`${soaLine(2)}\n${NS}`, originOf(answering)));
      await answering.send([], {
        rcode: 5,
        edns: { udpSize: 1232, version: 0, dnssecOk: false, options: [extendedError(EDE.OTHER, 'no more')] },
      });
    },
    /REFUSED.*no more/,
  ],
  'a reason of many pages': [
    ({ send }) => {
      const options = [extendedError(EDE.OTHER, 'why '.repeat(10_000))];
      return send([], { rcode: 5, edns: { udpSize: 1232, version: 0, dnssecOk: false, options } });
    },
    /^.{0,600}$/,
  ],
};

/** The same of IXFR alone, after which an AXFR is tried. */
export const HOSTILE_DIFFERENCES: Readonly<Record<string, Play>> = {
  'removing what is not there': differing(soaLine(2), soaLine(1), A(9), soaLine(2), A(2), soaLine(2)),
  'from another version': differing(soaLine(3), soaLine(2), A(1), soaLine(3), A(2), soaLine(3)),
  'that do not join': differing(
    ...[soaLine(4), soaLine(1), A(1), soaLine(2), A(2)],
    ...[soaLine(3), A(2), soaLine(4), A(3), soaLine(4)],
  ),
  'that lead nowhere': differing(soaLine(2), soaLine(1), A(1), soaLine(1), A(2), soaLine(2)),
  'to another SOA': differing(
    ...[soaLine(2), soaLine(1), A(1), '@ 3600 SOA ns hostmaster 2 1 1 1 1', A(2), soaLine(2)],
  ),
  'that leave no SOA': differing(soaLine(2), soaLine(1), soaLine(2), soaLine(2), A(2)),
  'of records out of the zone': differing(
    soaLine(2),
    soaLine(1),
    A(1),
    soaLine(2),
    'a.other. 60 A 192.0.2.1',
    soaLine(2),
  ),
};
