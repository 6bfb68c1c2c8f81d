/**
 * Judges answers: is this what a zone had to say in one of the versions that were possible?
 *
 * Left out: time. Who asks notes which version had to be seen when it asked; which may be seen is looked up when the answer is there.
 * An answer that is octet by octet the one that was read before costs a comparison; all others are read.
 */
import { RCODE } from '@zonewright/common/wire/code';
import { OPTION } from '@zonewright/common/wire/edns';
import { decodeMessage, type Message } from '@zonewright/common/wire/message';
import { isNewer } from '@zonewright/common/zone/serial';
import { serialOf, textOf } from './text.ts';
import type { Versions } from './versions.ts';
import type { Question } from './world.ts';

/** How a question is put. */
export type Manner = 'plain' | 'edns' | 'cookie';

/** What every client's cookie is here (RFC 7873 4). */
export const COOKIE = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);

/** Octets that an answer ends with: the OPT record, with a cookie of both sides (RFC 9018 4). */
const OPT: Readonly<Record<Manner, number>> = { plain: 0, edns: 11, cookie: 39 };
/** Of these, what the server chose for its cookie. */
const SERVER_COOKIE = 16;
/** An SOA ends with five numbers, the serial first. */
const SERIAL_FROM_END = 20;

/** A question with what is known of its answers. */
export interface Asked {
  readonly question: Question;
  readonly manner: Manner;
  /** The last answer that was read. */
  octets: Buffer;
  text: string;
  /** Where the serial stands in it; -1 without one. */
  serialAt: number;
  /** What is right at this version. */
  version: number;
  expected: string;
}

export const askedOf = (question: Question, manner: Manner): Asked => ({
  question,
  manner,
  octets: Buffer.alloc(0),
  text: '',
  serialAt: -1,
  version: -1,
  expected: '',
});

/** What was known when a question was asked: no answer may be of a version, or show a serial, before these. */
export interface Since {
  version: number;
  /** 0 while none was seen. */
  serial: number;
}

export class Checker {
  /** After {@link check}: the serial that was shown, or 0. */
  serial = 0;
  /** Why the last answer was wrong. */
  fault = '';
  readonly #versions: Versions;

  constructor(versions: Versions) {
    this.#versions = versions;
  }

  /** The oldest version that the answer can be of; -1, and a `fault`, where it is wrong. */
  check(asked: Asked, octets: Buffer, { version: least, serial }: Since): number {
    const latest = this.#versions.latest(asked.question.cell);
    if (!isSame(asked, octets)) {
      const fault = read(asked, octets);
      if (fault !== undefined) return this.#wrong(fault);
    }
    this.serial = asked.serialAt < 0 ? 0 : octets.readUInt32BE(asked.serialAt);
    if (serial !== 0 && this.serial !== 0 && isNewer(serial, this.serial))
      return this.#wrong(`serial ${this.serial} after ${serial}`);
    for (let version = least; version <= latest; version++)
      if (expectedAt(asked, version) === asked.text) return version;
    const [oldest, newest] = [least, latest].map((version) => `version ${version}:\n  ${expectedAt(asked, version)}`);
    return this.#wrong(`it says\n  ${asked.text}\nand may be of ${oldest}\nto ${newest}`);
  }

  #wrong(what: string): -1 {
    this.fault = what;
    return -1;
  }
}

/** Notes an answer; gives the fault where it is none. */
function read(asked: Asked, octets: Buffer): string | undefined {
  const { question, manner } = asked;
  const decoded = decodeMessage(octets);
  if (!decoded.ok) return decoded.fault.what;
  const fault = faultOf(decoded.value, asked);
  if (fault !== undefined) return fault;
  const serial = serialOf(decoded.value);
  asked.octets = Buffer.from(octets);
  asked.text = textOf(decoded.value);
  asked.serialAt = serial === undefined ? -1 : octets.length - OPT[manner] - SERIAL_FROM_END;
  if (serial === undefined || octets.readUInt32BE(asked.serialAt) === serial) return undefined;
  return `the SOA of ${question.zone.origin} is not the last record before OPT`;
}

/** What has nothing to do with versions. */
function faultOf({ qr, rcode, questions, edns }: Message, { question, manner }: Asked): string | undefined {
  const [asked] = questions;
  if (!qr) return 'no response';
  if (rcode === RCODE.SERVFAIL) return 'SERVFAIL';
  if (questions.length !== 1 || asked?.type !== question.type || !asked.name.equals(question.name))
    return 'the answer to another question';
  if ((edns !== undefined) !== (manner !== 'plain')) return 'EDNS on one side only';
  const cookie = edns?.options.find(({ code }) => code === OPTION.COOKIE)?.data;
  if ((cookie !== undefined) !== (manner === 'cookie')) return 'a cookie on one side only';
  if (
    cookie !== undefined &&
    (cookie.length !== COOKIE.length + SERVER_COOKIE || Buffer.compare(cookie.subarray(0, COOKIE.length), COOKIE) !== 0)
  )
    return 'the cookie of another';
  return undefined;
}

/** But for the ID, the serial and the server's part of the cookie. */
function isSame({ octets: before, serialAt, manner }: Asked, octets: Buffer): boolean {
  const { length } = octets;
  if (before.length !== length) return false;
  const end = manner === 'cookie' ? length - SERVER_COOKIE : length;
  if (serialAt < 0) return before.compare(octets, 2, end, 2, end) === 0;
  const behind = serialAt + 4;
  return (
    before.compare(octets, 2, serialAt, 2, serialAt) === 0 && before.compare(octets, behind, end, behind, end) === 0
  );
}

function expectedAt(asked: Asked, version: number): string {
  if (asked.version !== version) {
    asked.version = version;
    asked.expected = asked.question.expected(version);
  }
  return asked.expected;
}
