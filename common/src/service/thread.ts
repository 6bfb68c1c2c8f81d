/**
 * Threads of this process, seen from both ends: started with data, or begun before there is any. To load its modules takes a thread as long
 * as all else that happens before a service is ready; so those that it is sure to need are begun first, and wait while control loads its own.
 *
 * Always holds: a thread gets its data once, whether it had been begun or not; one that nobody asks for does not hold the process.
 */
import { MessageChannel, type MessagePort, type TransferListItem, Worker, workerData } from 'node:worker_threads';

/** Kept as a constant: a thread that was begun is found by it. */
export interface ThreadKind {
  /** What it runs: it awaits {@link threadData}. */
  readonly module: URL;
  readonly name: string;
  /** Megabytes for what is young on its heap; what V8 takes unless given. */
  readonly young?: number;
}

interface Thread {
  readonly worker: Worker;
  /** Takes its data. */
  readonly port: MessagePort;
}

/** Begun, and not asked for yet. */
const begun = new Map<ThreadKind, Thread[]>();

function load({ module, name, young }: ThreadKind): Thread {
  const { port1, port2 } = new MessageChannel();
  const limits = young === undefined ? {} : { resourceLimits: { maxYoungGenerationSizeMb: young } };
  return { worker: new Worker(module, { workerData: port2, transferList: [port2], name, ...limits }), port: port1 };
}

/** Begins threads that will be asked for. One that dies before that is forgotten: whoever asks gets another, and its fault. */
export function beginThreads(kind: ThreadKind, count = 1): void {
  const waiting = begun.get(kind) ?? [];
  begun.set(kind, waiting);
  for (let i = 0; i < count; i++) {
    const thread = load(kind);
    waiting.push(thread);
    thread.worker.unref();
    const forget = (): void => {
      const at = waiting.indexOf(thread);
      if (at >= 0) waiting.splice(at, 1);
    };
    thread.worker.once('error', forget).once('exit', forget);
  }
}

/** A thread that was begun, or another one. */
export function startThread(kind: ThreadKind, data: unknown, transfer: readonly TransferListItem[] = []): Worker {
  const { worker, port } = begun.get(kind)?.shift() ?? load(kind);
  worker.ref();
  port.postMessage(data, transfer);
  return worker;
}

/**
 * Waits until a thread has ended, and gives what it died of, if it did. Not by `once` of its events: both may come in one turn, and who waits for the
 * second when the first has come has missed it.
 */
export function endOfThread(worker: Worker): Promise<unknown> {
  let fault: unknown;
  worker.once('error', (error) => {
    fault = error;
  });
  return new Promise((done) => worker.once('exit', () => done(fault)));
}

/** In a thread: what it was started with. */
export async function threadData<T>(): Promise<T> {
  const port = workerData as MessagePort;
  const data = await new Promise<T>((take) => port.once('message', take));
  port.close();
  return data;
}
