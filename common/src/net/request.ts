/**
 * A request of ours made ready to be sent, and the judge of what comes back: is it a reply to this one, and is it signed as it
 * must be (RFC 5452 9.1, RFC 8945 5.4)?
 *
 * Left out: sending and waiting (`exchange.ts`, `stream.ts`), and whether the reply's content makes sense.
 */
import { randomInt } from 'node:crypto';
import { fail, ok, type Result } from '../result.ts';
import { OPCODE, printRcode, RCODE, TSIG_ERROR } from '../wire/code.ts';
import { encodeWithId } from '../wire/encoded.ts';
import { decodeMessage, type Message, type MessageFault } from '../wire/message.ts';
import { sign, type TsigKey, tsigSize } from '../wire/tsig.ts';
import type { Tsig } from '../wire/tsig-record.ts';
import { StreamVerifier } from '../wire/tsig-stream.ts';
import { type ExchangeFault, printTsigError } from './fault.ts';
import { MAX_MESSAGE_OCTETS } from './framing.ts';

/** How the octets of a reply are read. */
export type Decode<Reply extends Message> = (octets: Uint8Array) => Result<Reply, MessageFault>;

export type Verdict<Reply extends Message = Message> =
  | { readonly kind: 'reply'; readonly message: Reply }
  /** Nothing of ours: to be ignored (RFC 5452 9.1). */
  | { readonly kind: 'stranger' }
  /** It has our ID, and cannot be used. Over UDP the right one may still come. */
  | { readonly kind: 'fault'; readonly fault: ExchangeFault }
  /** The server's signed time differs from ours by so many seconds (RFC 8945 5.2.3). */
  | { readonly kind: 'skew'; readonly seconds: number };

/** What stands against believing a reply. */
type Objection = Exclude<Verdict, { kind: 'reply' }>;

const STRANGER = { kind: 'stranger' } as const;

/** 0..65535, not to be guessed. */
export function randomId(): number {
  return randomInt(0x10000);
}

const idOf = (octets: Uint8Array): number => (octets.length < 2 ? -1 : (octets[0]! << 8) | octets[1]!);

/**
 * Replies may leave the question out where the server could not read the request, in responses to UPDATE (RFC 2136 3.8) and
 * NOTIFY, and in the later messages of a transfer (RFC 5936 2.2.1).
 */
function hasItsQuestion(request: Message, reply: Message, isFirst: boolean): boolean {
  if (reply.questions.length === 0) {
    const isAnswer = reply.rcode === RCODE.NOERROR || reply.rcode === RCODE.NXDOMAIN;
    return request.questions.length === 0 || !isFirst || request.opcode !== OPCODE.QUERY || !isAnswer;
  }
  if (reply.questions.length !== request.questions.length) return false;
  return request.questions.every((asked, i) => {
    const given = reply.questions[i]!;
    return asked.type === given.type && asked.class === given.class && asked.name.equals(given.name);
  });
}

const HINTS: Readonly<Record<string, string>> = {
  BADKEY: 'does the server have this key, with this algorithm?',
  BADSIG: 'is the secret the same at both ends?',
  BADTIME: 'compare the clocks of both machines',
};

function tsigFault(error: string, what: string): Objection {
  const hint = HINTS[error];
  return { kind: 'fault', fault: { kind: 'tsig', error, what, ...(hint === undefined ? {} : { hint }) } };
}

/** A signed six-octet time, seconds since 1970. */
const timeOf = (octets: Uint8Array): number => octets.reduce((time, octet) => time * 256 + octet, 0);

export class Request {
  readonly id: number;
  /** What to send. */
  readonly octets: Uint8Array;
  readonly #message: Message;
  readonly #verifier: StreamVerifier | undefined;
  readonly #skew: number;
  #isFirst = true;

  /** `message` with another ID, signed if there is a key, by a clock that is `skew` seconds ahead of ours. */
  private constructor(message: Message, id: number, key: TsigKey | undefined, skew: number) {
    this.id = id;
    this.#message = message;
    this.#skew = skew;
    const plain = encodeWithId(message, id, MAX_MESSAGE_OCTETS - (key === undefined ? 0 : tsigSize(key)));
    if (key === undefined) this.octets = plain;
    else {
      const signed = sign(plain, key, { now: this.#now() });
      this.octets = signed.octets;
      this.#verifier = new StreamVerifier(key, signed.mac);
    }
  }

  /** Fails where the message is too large to be sent at all. */
  static prepare(message: Message, key: TsigKey | undefined, id: number, skew = 0): Result<Request, ExchangeFault> {
    const request = new Request(message, id, key, skew);
    // The encoder truncates what does not fit, which is for replies: half an update must not be sent.
    const isCut = (request.octets[2]! & 0x02) !== 0 && !message.tc;
    return isCut ? fail({ kind: 'malformed', what: 'the request is larger than 65535 octets' }) : ok(request);
  }

  /** Has all that was judged a reply been covered by a signature (RFC 8945 5.3.1)? True where there is no key. */
  get isSettled(): boolean {
    return this.#verifier?.isSettled ?? true;
  }

  /** Judges octets that came from the server; of several replies (a transfer), each in its order. */
  judge(octets: Uint8Array): Verdict {
    return this.judgeAs(octets, decodeMessage);
  }

  /** The same for octets that are read otherwise. */
  judgeAs<Reply extends Message>(octets: Uint8Array, decode: Decode<Reply>): Verdict<Reply> {
    if (idOf(octets) !== this.id) return STRANGER;
    const decoded = decode(octets);
    if (!decoded.ok) {
      if (decoded.fault.request?.qr !== true) return STRANGER;
      return {
        kind: 'fault',
        fault: { kind: 'malformed', what: `a reply with ${decoded.fault.what} (octet ${decoded.fault.at})` },
      };
    }
    const message = decoded.value;
    const isReply = message.qr && message.opcode === this.#message.opcode;
    if (!isReply || !hasItsQuestion(this.#message, message, this.#isFirst)) return STRANGER;
    const verdict = this.#verifier === undefined ? undefined : this.#verify(this.#verifier, octets, message);
    if (verdict !== undefined) return verdict;
    this.#isFirst = false;
    return { kind: 'reply', message };
  }

  /** What stands against believing it; `undefined` for nothing. */
  #verify(verifier: StreamVerifier, octets: Uint8Array, message: Message): Objection | undefined {
    const { tsig } = message;
    if (tsig !== undefined && tsig.mac.length === 0 && tsig.error !== TSIG_ERROR.NOERROR) {
      // Such a reply cannot be signed (RFC 8945 5.2.1, 5.2.2): anyone may have made it.
      const error = printTsigError(tsig.error);
      return tsigFault(error, `the server refuses the signature: ${error}`);
    }
    const verified = verifier.verify(octets, message, this.#now());
    if (!verified.ok) {
      const code = printRcode(message.rcode);
      return tsigFault(printTsigError(verified.fault.error), `a reply (${code}) with ${verified.fault.what}`);
    }
    return tsig === undefined || tsig.error === TSIG_ERROR.NOERROR ? undefined : this.#signedError(tsig);
  }

  #signedError(tsig: Tsig): Objection {
    const error = printTsigError(tsig.error);
    if (tsig.error === TSIG_ERROR.BADTIME && tsig.other.length === 6 && this.#skew === 0) {
      const seconds = timeOf(tsig.other) - this.#now();
      if (seconds !== 0) return { kind: 'skew', seconds };
    }
    return tsigFault(error, `the server refuses the signature: ${error}`);
  }

  #now(): number {
    return Math.floor(Date.now() / 1000) + this.#skew;
  }
}
