/** A thread that says what it was started with, and the how many-th it is. */
import { parentPort, threadId } from 'node:worker_threads';
import { threadData } from '@zonewright/common/service/thread';

parentPort!.postMessage({ threadId, data: await threadData() });
