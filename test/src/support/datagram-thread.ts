/** A thread that answers datagrams with the number of the thread, until it is told to end: `workerData` says from which sockets. */
import { parentPort, workerData } from 'node:worker_threads';
import { LinuxDatagrams } from '@zonewright/common/net/linux-udp';

export interface ThreadData {
  readonly fds: readonly number[];
  readonly number: number;
  /** One word, not 0 once the thread is to end. */
  readonly ending: Int32Array;
  /** Milliseconds that a turn waits. */
  readonly wait: number;
}

const { fds, number, ending, wait } = workerData as ThreadData;
const datagrams = new LinuxDatagrams(fds, {
  prepare: () => undefined,
  answer: ({ reply }) => {
    reply[0] = number;
    return 1;
  },
});
while (Atomics.load(ending, 0) === 0) datagrams.turn(wait);
parentPort!.postMessage(datagrams.received);
