/**
 * pkt-line framing and the side band of git's wire protocol (gitprotocol-common(5), gitprotocol-pack(5)).
 *
 * A line is at most 65520 octets with its length; a peer that breaks the framing gives a `corrupt` fault. Protocol versions 0
 * and 1 only: the delimiter packets of version 2 are refused.
 */
import { Failure, quoteRemote } from './fault.ts';

export const FLUSH = Buffer.from('0000');
const LENGTH_DIGITS = 4;

/** One line with its length before it. `text` is at most 65516 octets. */
export function pktLine(text: string): Buffer {
  const length = Buffer.byteLength(text) + LENGTH_DIGITS;
  return Buffer.from(length.toString(16).padStart(LENGTH_DIGITS, '0') + text);
}

/** Takes octets out of a stream of chunks, in the portions that the protocol has. */
export class PktReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #chunks: Uint8Array[] = [];
  #held = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The payload of the next line, `'flush'`, or `'end'` where the stream ended between lines. */
  async read(): Promise<Buffer | 'flush' | 'end'> {
    const digits = await this.#take(LENGTH_DIGITS);
    if (digits === undefined) {
      if (this.#held > 0) throw new Failure('unreachable', 'the connection was lost in the middle of a line');
      return 'end';
    }
    const text = digits.toString('latin1');
    if (!/^[0-9a-f]{4}$/i.test(text)) throw new Failure('corrupt', 'the remote does not speak the git protocol');
    const length = Number.parseInt(text, 16);
    if (length === 0) return 'flush';
    if (length < LENGTH_DIGITS)
      throw new Failure('corrupt', 'the remote speaks a version of the git protocol that was not asked for');
    const payload = await this.#take(length - LENGTH_DIGITS);
    if (payload === undefined) throw new Failure('unreachable', 'the connection was lost in the middle of a line');
    return payload;
  }

  /** What follows, unframed, until the stream ends. */
  async *rest(): AsyncGenerator<Uint8Array> {
    yield* this.#chunks;
    this.#chunks = [];
    this.#held = 0;
    for (let next = await this.#source.next(); next.done !== true; next = await this.#source.next()) yield next.value;
  }

  async #take(count: number): Promise<Buffer | undefined> {
    while (this.#held < count) {
      const next = await this.#source.next();
      if (next.done === true) return undefined;
      this.#chunks.push(next.value);
      this.#held += next.value.length;
    }
    const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    const octets = Buffer.from(all.buffer, all.byteOffset, all.length);
    this.#chunks = [octets.subarray(count)];
    this.#held -= count;
    return octets.subarray(0, count);
  }
}

/** What came over the side band: channel 1 goes on as data, the end of channel 2 (progress, hooks) is kept as text. */
export class SideBand {
  readonly #reader: PktReader;
  #progress = '';

  constructor(reader: PktReader) {
    this.#reader = reader;
  }

  /** The last words of the remote (channel 2), at most 400 characters, in one line. */
  get progress(): string {
    return quoteRemote(this.#progress);
  }

  /** The octets of channel 1. `first` is a line that was read already. Channel 3 ends it with a fault. */
  async *data(first?: Buffer): AsyncGenerator<Uint8Array> {
    for (let line = first ?? (await this.#reader.read()); line !== 'flush'; line = await this.#reader.read()) {
      if (line === 'end') throw new Failure('unreachable', 'the connection was lost before all had been sent');
      const content = line.subarray(1);
      if (line[0] === 1) yield content;
      else if (line[0] === 2) this.#progress = (this.#progress + content.toString('utf8')).slice(-1000);
      else if (line[0] === 3)
        throw new Failure('unreachable', `the remote gave up: ${quoteRemote(content.toString('utf8'))}`);
      else throw new Failure('corrupt', 'the remote broke the side band of the git protocol');
    }
  }
}
