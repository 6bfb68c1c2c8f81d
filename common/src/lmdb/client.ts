/**
 * A thread that has a database (`serve.ts`) as seen from outside: requests and answers. One that dies - a bug, or no more memory -
 * fails what it was asked; another takes its place when the next request comes.
 */
import type { Worker } from 'node:worker_threads';
import { fail, type Result } from '../result.ts';
import { endOfThread, startThread, type ThreadKind } from '../service/thread.ts';
import type { StoreFault } from './fault.ts';
import type { StoreAnswer, StoreMethods, StoreRequest } from './serve.ts';

/** What is young on its heap: requests, which are dropped at once. */
const YOUNG_MEGABYTES = 4;

export interface StoreThread {
  /** See {@link storeThread}. */
  readonly kind: ThreadKind;
  /** What it starts with. */
  readonly data: unknown;
  /** The fault of requests that it does not live to answer. */
  readonly fault: (why: string) => StoreFault;
}

/** Threads that run a module which serves a database. */
export function storeThread(module: URL, name: string): ThreadKind {
  return { module, name, young: YOUNG_MEGABYTES };
}

type Settle = (result: StoreAnswer['result']) => void;

export class StoreClient<M extends StoreMethods<M>> {
  readonly #thread: StoreThread;
  readonly #waiting = new Map<number, Settle>();
  #worker: Worker | undefined;
  #requests = 0;

  constructor(thread: StoreThread) {
    this.#thread = thread;
  }

  /** `transfer`: memory that goes over to the thread. */
  ask<N extends keyof M & string>(
    method: N,
    args: Parameters<M[N]>,
    transfer: ArrayBuffer[] = [],
  ): Promise<Result<ReturnType<M[N]>, StoreFault>> {
    const answer = this.#post(this.#worker ?? this.#start(), method, args, transfer);
    return answer as Promise<Result<ReturnType<M[N]>, StoreFault>>;
  }

  /** Ends the thread, after what it was asked. The next request has another. */
  async close(): Promise<void> {
    if (this.#worker === undefined) return;
    await this.#post(this.#worker, 'close', [], []);
    await this.#worker?.terminate();
  }

  #post(worker: Worker, method: string, args: readonly unknown[], transfer: ArrayBuffer[]): Promise<unknown> {
    const request: StoreRequest = { id: ++this.#requests, method, args };
    return new Promise((settle) => {
      this.#waiting.set(request.id, settle);
      worker.postMessage(request, transfer);
    });
  }

  #start(): Worker {
    const { kind, data, fault } = this.#thread;
    const worker = startThread(kind, data);
    this.#worker = worker;
    worker.on('message', ({ id, result }: StoreAnswer) => {
      this.#waiting.get(id)?.(result);
      this.#waiting.delete(id);
    });
    void endOfThread(worker).then((error) => {
      const died = `its thread has died: ${error instanceof Error ? error.message : String(error)}`;
      const why = error === undefined ? 'its thread has ended' : died;
      this.#worker = undefined;
      const waiting = [...this.#waiting.values()];
      this.#waiting.clear();
      for (const settle of waiting) settle(fail(fault(why)));
    });
    return worker;
  }
}
