/**
 * Requests to one server over one connection (`stream.ts`), which is opened when there is something to ask, shared by all that is under
 * way (RFC 7766 6.2.1), and kept until the server closes it: for who asks often, and for TLS, where connecting costs most.
 */
import { fail, type Result } from '../result.ts';
import type { Message } from '../wire/message.ts';
import type { TsigKey } from '../wire/tsig.ts';
import { aborted, type ExchangeFault } from './fault.ts';
import { openStream, type Stream, type StreamOptions } from './stream.ts';

type Reply = Result<Message, ExchangeFault>;

export class StreamClient {
  readonly #options: StreamOptions;
  #stream: Promise<Result<Stream, ExchangeFault>> | undefined;
  #isClosed = false;

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  /** Asks; the message's ID is replaced. Never rejects. */
  async ask(message: Message, key: TsigKey): Promise<Reply> {
    const before = this.#stream;
    const reply = await this.#askOnce(message, key);
    // A server closes what was idle for long, and we may not know it yet.
    const isStale = before !== undefined && !reply.ok && reply.fault.kind === 'closed';
    return isStale ? this.#askOnce(message, key) : reply;
  }

  /** Gives up all that is under way. */
  close(): void {
    this.#isClosed = true;
    void this.#stream?.then((opened) => opened.ok && opened.value.close());
  }

  async #askOnce(message: Message, key: TsigKey): Promise<Reply> {
    if (this.#isClosed) return fail(aborted(this.#options.server));
    this.#stream ??= this.#open();
    const mine = this.#stream;
    const opened = await mine;
    const reply = opened.ok ? await opened.value.request(message, key) : opened;
    if (reply.ok) return reply;
    // Whatever went wrong, the next question has a new one.
    if (this.#stream === mine) this.#stream = undefined;
    if (opened.ok && reply.fault.kind === 'timeout') opened.value.close();
    return reply;
  }

  async #open(): Promise<Result<Stream, ExchangeFault>> {
    const opened = await openStream(this.#options);
    const mine = this.#stream;
    if (opened.ok)
      void opened.value.closed.then(() => {
        if (this.#stream === mine) this.#stream = undefined;
      });
    return opened;
  }
}
