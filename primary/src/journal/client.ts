/**
 * The thread of the journal (`thread.ts`) as seen from outside: requests and answers. One that dies - a bug, or no more memory -
 * fails what it was asked; another takes its place when the next request comes.
 */
import { Worker } from 'node:worker_threads';
import { fail, type Result } from '@zonewright/common/result';
import { journalFault } from './fault.ts';
import type { JournalFault } from './journal.ts';
import type { JournalAnswer, JournalData, JournalMethods, JournalRequest } from './thread.ts';

type Settle = (result: Result<never, JournalFault> | JournalAnswer['result']) => void;

/** What is young on its heap: requests, which are dropped at once. */
const YOUNG_MEGABYTES = 4;

export class JournalClient {
  readonly #path: string;
  readonly #waiting = new Map<number, Settle>();
  #worker: Worker | undefined;
  #requests = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** `transfer`: memory that goes over to the thread. */
  ask<M extends keyof JournalMethods>(
    method: M,
    args: Parameters<JournalMethods[M]>,
    transfer: ArrayBuffer[] = [],
  ): Promise<Result<ReturnType<JournalMethods[M]>, JournalFault>> {
    const worker = this.#worker ?? this.#start();
    const request: JournalRequest = { id: ++this.#requests, method, args };
    return new Promise((settle) => {
      this.#waiting.set(request.id, settle as Settle);
      worker.postMessage(request, transfer);
    });
  }

  /** Ends the thread, after what it was asked. */
  async close(): Promise<void> {
    if (this.#worker === undefined) return;
    await this.ask('close', []);
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const workerData: JournalData = this.#path;
    const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MEGABYTES };
    const worker = new Worker(new URL('./thread.js', import.meta.url), {
      workerData,
      name: 'journal',
      resourceLimits,
    });
    this.#worker = worker;
    let why = 'its thread has ended';
    worker.on('message', ({ id, result }: JournalAnswer) => {
      this.#waiting.get(id)?.(result);
      this.#waiting.delete(id);
    });
    worker.on('error', (error: unknown) => {
      why = `its thread has died: ${error instanceof Error ? error.message : String(error)}`;
    });
    worker.on('exit', () => {
      this.#worker = undefined;
      const waiting = [...this.#waiting.values()];
      this.#waiting.clear();
      for (const settle of waiting) settle(fail(journalFault('disk', this.#path, why)));
    });
    return worker;
  }
}
