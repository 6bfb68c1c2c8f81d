/**
 * What a thread that has a database does: it answers requests (`client.ts`), one after the other. LMDB writes and syncs within the call,
 * which nobody else has to wait for.
 *
 * After a fault the database is closed, and opened again by the next request, so that what a failed write has left in memory plays no
 * part. A bug ends the thread.
 */
import { parentPort } from 'node:worker_threads';
import { fail, ok, type Result } from '../result.ts';
import type { StoreFault } from './fault.ts';

/** Requests, and what is answered to them; beside these there is `close`. */
export type StoreMethods<M> = { readonly [N in keyof M]: (...args: never) => unknown };

export interface StoreRequest {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

export interface StoreAnswer {
  readonly id: number;
  readonly result: Result<unknown, StoreFault>;
}

export interface StoreService<M extends StoreMethods<M>> {
  readonly methods: M;
  /** Closes the database, where it is open. */
  readonly close: () => Promise<void>;
  /** The fault that an error is; throws those that are bugs. */
  readonly faultOf: (error: unknown) => StoreFault;
}

/** Answers whoever started this thread. */
export function serve<M extends StoreMethods<M>>({ methods, close, faultOf }: StoreService<M>): void {
  const table = { ...methods, close } as unknown as Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;
  const answer = async ({ method, args }: StoreRequest): Promise<StoreAnswer['result']> => {
    try {
      return ok(await table[method]!(...args));
    } catch (error) {
      await close();
      return fail(faultOf(error));
    }
  };
  /** One after the other, also where closing takes a while. */
  let last: Promise<void> = Promise.resolve();
  parentPort!.on('message', (request: StoreRequest) => {
    last = last.then(async () => {
      const result = await answer(request);
      parentPort!.postMessage({ id: request.id, result } satisfies StoreAnswer);
    });
  });
}
