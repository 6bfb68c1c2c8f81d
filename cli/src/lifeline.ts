/**
 * Loaded by a process that `zonewright start` begins, before its program (`node --import`): its standard input is a pipe from
 * `start`, on which nothing is ever said. When that ends, `start` is gone, however it died, and the process is told to stop like
 * by anybody else, with TERM.
 */
let isTold = false;

function stop(): void {
  if (isTold) return;
  isTold = true;
  process.kill(process.pid, 'SIGTERM');
}

process.stdin.once('end', stop).once('error', stop).resume();

// A file of statements only is no module to the compiler.
export {};
