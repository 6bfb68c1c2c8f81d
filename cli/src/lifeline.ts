/**
 * Loaded by a process that `zonewright start` begins, before its program (`node --import`): its standard input is a pipe from
 * `start`, on which nothing is ever said. When that ends, `start` is gone, however it died, and the process is told to stop like
 * by anybody else, with TERM.
 */
import { isMainThread } from 'node:worker_threads';

let isTold = false;

function stop(): void {
  if (isTold) return;
  isTold = true;
  process.kill(process.pid, 'SIGTERM');
}

// Threads of the process load this too, and have a standard input of their own, which has ended.
if (isMainThread) process.stdin.once('end', stop).once('error', stop).resume();
