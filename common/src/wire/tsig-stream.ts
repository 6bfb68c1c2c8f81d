/**
 * TSIG over several messages of one TCP stream, as transfers use it (RFC 8945 5.3.1): the first message is digested with the
 * request's MAC and all variables, each later one with the prior MAC and the timers only.
 * We sign every message; as a receiver we allow runs of up to 99 unsigned ones.
 */
import { fail, ok, type Result } from '../result.ts';
import { TSIG_ERROR } from './code.ts';
import type { Message } from './message.ts';
import { sign, type TsigFault, type TsigKey, verify } from './tsig.ts';

export class StreamSigner {
  readonly #key: TsigKey;
  #priorMac: Uint8Array;
  #isFirst = true;

  constructor(key: TsigKey, requestMac: Uint8Array) {
    this.#key = key;
    this.#priorMac = requestMac;
  }

  /** Signs the next message. `now` in seconds since 1970. */
  sign(message: Uint8Array, now: number): Uint8Array {
    const signed = sign(message, this.#key, { now, priorMac: this.#priorMac, timersOnly: !this.#isFirst });
    this.#priorMac = signed.mac;
    this.#isFirst = false;
    return signed.octets;
  }

  /** Signs messages, each when it is asked for. */
  *signAll(messages: Iterable<Uint8Array>, now: () => number): Generator<Uint8Array, void, undefined> {
    for (const message of messages) yield this.sign(message, now());
  }
}

const MAX_UNSIGNED = 99;

export class StreamVerifier {
  readonly #key: TsigKey;
  #priorMac: Uint8Array;
  #isFirst = true;
  #unsigned: Uint8Array[] = [];

  constructor(key: TsigKey, requestMac: Uint8Array) {
    this.#key = key;
    this.#priorMac = requestMac;
  }

  /** Takes the next message. The first must be signed, and none may be believed before `isSettled`. */
  verify(octets: Uint8Array, message: Message, now: number): Result<void, TsigFault> {
    const { tsig } = message;
    if (tsig === undefined) {
      if (this.#isFirst || this.#unsigned.length >= MAX_UNSIGNED) {
        return fail({ kind: 'tsig', error: TSIG_ERROR.BADSIG, what: 'a message without a signature' });
      }
      this.#unsigned.push(octets);
      return ok(undefined);
    }
    if (!tsig.keyName.equals(this.#key.name))
      return fail({ kind: 'tsig', error: TSIG_ERROR.BADKEY, what: `a signature by ${tsig.keyName}` });
    const verified = verify(octets, tsig, this.#key, {
      now,
      priorMac: this.#priorMac,
      timersOnly: !this.#isFirst,
      unsigned: this.#unsigned,
    });
    if (!verified.ok) return verified;
    this.#priorMac = tsig.mac;
    this.#isFirst = false;
    this.#unsigned = [];
    return ok(undefined);
  }

  /** Has everything taken so far been covered by a signature? The last message of a stream must be signed. */
  get isSettled(): boolean {
    return !this.#isFirst && this.#unsigned.length === 0;
  }
}
