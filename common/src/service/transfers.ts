/**
 * Transfers in, as the control thread sees them: all that takes time in proportion to a zone is done in a thread of its own
 * (`transfer-thread.ts`), which has the connection as well - so what comes is read as fast as it is dealt with, and no message
 * goes from thread to thread. What comes back is a handle of the image, and the records that differ as octets, of which objects are
 * made in slices. So control is busy for a slice at most, whatever comes in.
 *
 * Slices of all of it would not do: an image that grows is copied at one go, and what collects garbage pauses whoever made it.
 *
 * The thread is started when it is needed, and ended when nothing came for a while: it keeps memory of versions that nobody serves
 * any more until it has reason to collect it. One that dies - no more memory - is logged; the transfers that it was at fail, and
 * what it may have written behind a version that is served is taken back. Another takes its place when the next transfer comes.
 */
import type { Worker } from 'node:worker_threads';
import type { Name } from '../name.ts';
import { printPeer } from '../net/address.ts';
import { type Fault, fail, ok, type Result } from '../result.ts';
import type { Delta } from '../zone/delta.ts';
import { joinDeltas } from '../zone/delta-octets.ts';
import { eraseBehind } from '../zone/image-erase.ts';
import { hashSeed } from '../zone/lookup-name.ts';
import { readRecords } from '../zone/record-octets.ts';
import { Zone } from '../zone/zone.ts';
import type { Log } from './log.ts';
import { gather, Slices } from './slices.ts';
import { endOfThread, startThread } from './thread.ts';
import { TRANSFER_THREAD } from './threads.ts';
import type { TransferAnswer, TransferRequest, Transferred } from './transfer-thread.ts';
import type { News, Route } from './upstream.ts';

export interface TransfersOptions {
  readonly log: Log;
  /** Starts a thread that serves as `transfer-thread.ts` does, which it is unless given. */
  readonly start?: (seed: Uint8Array) => Worker;
}

interface Waiting {
  readonly request: TransferRequest;
  /** An IXFR was, and the zone is transferred whole. */
  vain(fault: Fault): void;
  settle(result: Result<Transferred, Fault>): void;
  reject(error: unknown): void;
}

/** Milliseconds without a transfer after which the thread is ended. To start it takes longer than to transfer what an update changed. */
const IDLE_TIME = 600_000;

const startTransfers = (seed: Uint8Array): Worker => startThread(TRANSFER_THREAD, seed);

export class Transfers {
  readonly #options: TransfersOptions;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  #requests = 0;
  #isClosed = false;
  /** Deltas are read one transfer after the other, so that their slices do not add up. */
  #reading: Promise<unknown> = Promise.resolve();

  constructor(options: TransfersOptions) {
    this.#options = options;
  }

  /**
   * Transfers what is newer than `current`, whose image nobody else may change meanwhile. Rejects for a bug. Deltas that are more than a history keeps are left out, the oldest first.
   */
  async transfer(
    { server, source, tls, key }: Route,
    origin: Name,
    current: Zone | undefined,
  ): Promise<Result<News, Fault>> {
    const { name, algorithm, secret, minMac } = key;
    const vain = ({ what }: Fault): void => {
      const fields = { zone: origin.toString(), primary: printPeer(server), what };
      this.#options.log.warn('transfer.ixfr-failed', fields, 'the zone is transferred whole');
    };
    const request: TransferRequest = {
      id: ++this.#requests,
      origin: origin.wire,
      current: current?.handle,
      server,
      source,
      tls: tls?.trust,
      key: { name: name.wire, algorithm: algorithm.mnemonic, secret, ...(minMac !== undefined && { minMac }) },
    };
    const outcome = await this.#ask(request, vain);
    if (!outcome.ok) return outcome;
    const { version, expire } = outcome.value;
    if (version === undefined) return ok({ applied: undefined, expire });
    const deltas = version.deltas && (await this.#read(version.deltas));
    return ok({ applied: { zone: Zone.ofHandle(version.zone), deltas }, expire });
  }

  /** Starts the thread before it is needed: it takes about as long as all else that a process does before it asks. */
  prepare(): void {
    this.#ready();
    this.#rest();
  }

  /** Ends the thread, and what is under way fails. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#idle);
    await this.#worker?.terminate();
  }

  #read(octets: Uint8Array): Promise<readonly Delta[]> {
    const deltas = this.#reading.then(async () => joinDeltas(await gather(readRecords(octets), new Slices())));
    this.#reading = deltas.catch(() => undefined);
    return deltas;
  }

  #ask(request: TransferRequest, vain: Waiting['vain']): Promise<Result<Transferred, Fault>> {
    if (this.#isClosed) return Promise.resolve(fail({ kind: 'aborted', what: 'transfers have been ended' }));
    this.#ready().postMessage(request);
    return new Promise((settle, reject) => this.#waiting.set(request.id, { request, vain, settle, reject }));
  }

  #ready(): Worker {
    clearTimeout(this.#idle);
    this.#worker ??= this.#start();
    return this.#worker;
  }

  #start(): Worker {
    const worker = (this.#options.start ?? startTransfers)(hashSeed());
    worker.on('message', (answer: TransferAnswer) => this.#answered(answer));
    void endOfThread(worker).then((error) => {
      if (worker === this.#worker) this.#lost(error);
    });
    return worker;
  }

  #answered(answer: TransferAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    if ('vain' in answer) {
      waiting?.vain(answer.vain);
      return;
    }
    this.#waiting.delete(answer.id);
    if ('error' in answer) waiting?.reject(answer.error);
    else waiting?.settle(answer.result);
    this.#rest();
  }

  #rest(): void {
    if (this.#waiting.size === 0 && !this.#isClosed) this.#idle = setTimeout(() => this.#end(), IDLE_TIME).unref();
  }

  /** Ends a thread that has nothing to do. */
  #end(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
  }

  #lost(error: unknown): void {
    this.#worker = undefined;
    const what = this.#isClosed ? 'transfers have been ended' : 'the thread of transfers has died';
    if (!this.#isClosed) this.#options.log.error('transfer.thread-lost', { waiting: this.#waiting.size, error }, what);
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { request, settle } of waiting) {
      if (request.current !== undefined) eraseBehind(request.current.image);
      settle(fail({ kind: this.#isClosed ? 'aborted' : 'lost', what }));
    }
  }
}
