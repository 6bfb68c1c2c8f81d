/**
 * The loader as the control thread sees it: a {@link Repository} whose work is done in a thread of its own (`loader-thread.ts`).
 *
 * A thread that dies - a bug, or no more memory - is logged, and another one takes its place when the next request comes: not
 * before, so that what kills it is not repeated without end. Requests that it was to answer fail: a push with unknown outcome, all
 * else without having changed anything. The new one knows nothing, and so tells of all files again, or refuses to commit
 * (`moved`) until it has.
 */
import type { Worker } from 'node:worker_threads';
import type { Remote } from '@zonewright/common/git/remote';
import type { GitFault, Inspection, StoreOptions } from '@zonewright/common/git/store';
import { fail, ok, type Result } from '@zonewright/common/result';
import type { Log } from '@zonewright/common/service/log';
import { endOfThread, startThread } from '@zonewright/common/service/thread';
import { hashSeed } from '@zonewright/common/zone/lookup-name';
import { LOADER_THREAD } from '../threads.ts';
import type { LoaderAnswer, LoaderData, LoaderRequest, Method } from './loader-thread.ts';
import type { Repository } from './repository.ts';

export interface LoaderOptions {
  readonly remote: Remote;
  readonly store: StoreOptions;
  readonly log: Log;
  /** Starts a thread that serves as `loader-thread.ts` does, which it is unless given. */
  readonly start?: (data: LoaderData) => Worker;
}

interface Waiting {
  readonly method: Method;
  readonly settle: (result: Result<never, GitFault> | LoaderAnswer['result']) => void;
}

/** How long the thread may take to end by itself, in milliseconds. It may be amid a large zone. */
const CLOSE_WAIT = 3000;
const CLOSED: GitFault = { kind: 'unreachable', what: 'the loader has been closed' };

const startLoader = (data: LoaderData): Worker => startThread(LOADER_THREAD, data);

export class LoaderClient implements Repository {
  readonly #options: LoaderOptions;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #requests = 0;
  #isClosed = false;

  /** Starts the thread. */
  constructor(options: LoaderOptions) {
    this.#options = options;
    this.#worker = this.#start();
  }

  /** Is there a repository at all? */
  readonly open = (): Promise<Result<void, GitFault>> => this.#ask('open', []);
  /** What a person should be told of the remote. */
  readonly inspect = (): Promise<Result<Inspection, GitFault>> => this.#ask('inspect', []);
  readonly take = this.#method('take');
  readonly next = this.#method('next');
  readonly compare = this.#method('compare');
  readonly condense = this.#method('condense');
  readonly commit = this.#method('commit');
  readonly push = this.#method('push');
  readonly objectOf = this.#method('objectOf');
  readonly tidy = this.#method('tidy');
  readonly changesSince = this.#method('changesSince');

  async close(): Promise<Result<void, GitFault>> {
    const worker = this.#worker;
    if (worker === undefined || this.#isClosed) return ok(undefined);
    const late = setTimeout(() => void worker.terminate(), CLOSE_WAIT);
    const closed = this.#ask<void>('close', []);
    this.#isClosed = true;
    const result = await closed;
    clearTimeout(late);
    await worker.terminate();
    return result;
  }

  #method<M extends keyof Repository>(method: M): Repository[M] {
    return ((...args: readonly unknown[]) => this.#ask(method, args)) as Repository[M];
  }

  #ask<T>(method: Method, args: readonly unknown[]): Promise<Result<T, GitFault>> {
    if (this.#isClosed) return Promise.resolve(fail(CLOSED));
    this.#worker ??= this.#start();
    const request: LoaderRequest = { id: ++this.#requests, method, args };
    const answered = new Promise<Result<T, GitFault>>((done) => {
      this.#waiting.set(request.id, { method, settle: done as Waiting['settle'] });
    });
    this.#worker.postMessage(request);
    return answered;
  }

  #start(): Worker {
    const { remote, store, start = startLoader } = this.#options;
    const worker = start({ seed: hashSeed(), remote, store });
    worker.on('message', ({ id, result }: LoaderAnswer) => {
      this.#waiting.get(id)?.settle(result);
      this.#waiting.delete(id);
    });
    void endOfThread(worker).then((error) => this.#lost(error));
    return worker;
  }

  #lost(error: unknown): void {
    this.#worker = undefined;
    const what = this.#isClosed ? CLOSED.what : 'the loader thread has died';
    if (!this.#isClosed) this.#options.log.error('loader.died', { waiting: this.#waiting.size, error }, what);
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { method, settle } of waiting)
      settle(fail({ kind: method === 'push' ? 'unknown' : 'unreachable', what }));
  }
}
