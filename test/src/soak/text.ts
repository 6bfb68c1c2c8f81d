/**
 * An answer as a text, such that two are equal if they say the same: RCODE, the flags that matter, and the records of each section, sorted.
 * The serial of an SOA counts as 0, since it is judged by itself.
 */
import { printRdata } from '@zonewright/common/rr/rdata';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { readSoa, withSerial } from '@zonewright/common/rr/soa';
import { printType, TYPE } from '@zonewright/common/rr/type';
import { printRcode } from '@zonewright/common/wire/code';
import type { Message } from '@zonewright/common/wire/message';

/** What an answer has to say; records in presentation form, those left out are none. */
export interface Expected {
  readonly rcode?: 'NXDOMAIN';
  readonly answers?: readonly string[];
  readonly authorities?: readonly string[];
  readonly additionals?: readonly string[];
  /** The SOA is in the authority section (RFC 2308 2). */
  readonly isNegative?: boolean;
  /** Without AA. */
  readonly isReferral?: boolean;
}

export const textOfRecord = ({ name, type, ttl, rdata }: ResourceRecord): string => {
  const shown = type === TYPE.SOA ? withSerial(rdata, 0) : rdata;
  return `${name.toString()} ${ttl} ${printType(type)} ${printRdata(type, shown)}`;
};

const sections = (head: string, ...all: readonly (readonly string[])[]): string =>
  [head, ...all.map((records) => [...records].sort().join('; '))].join(' | ');

/** `print` makes the text of a record out of a line. */
export const expectedText = (expected: Expected, soa: string, print: (line: string) => string): string => {
  const { rcode = 'NOERROR', answers = [], authorities = [], additionals = [] } = expected;
  const head = `${rcode}${expected.isReferral === true ? '' : ' aa'}`;
  const all = [answers, expected.isNegative === true ? [soa] : authorities, additionals];
  return sections(head, ...all.map((lines) => lines.map(print)));
};

export const textOf = ({ rcode, aa, tc, answers, authorities, additionals }: Message): string => {
  const head = `${printRcode(rcode)}${aa ? ' aa' : ''}${tc ? ' tc' : ''}`;
  return sections(head, ...[answers, authorities, additionals].map((records) => records.map(textOfRecord)));
};

/** The serial that an answer shows, `undefined` without an SOA. */
export const serialOf = ({ answers, authorities }: Message): number | undefined => {
  const soa = [...answers, ...authorities].find(({ type }) => type === TYPE.SOA);
  return soa === undefined ? undefined : readSoa(soa.rdata).serial;
};
