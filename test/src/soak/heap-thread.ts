/**
 * Loaded by each thread of a service that is soaked (`node --import`): tells in a file how many octets its V8 heap holds beyond what was in
 * use after the last full collection. That is garbage, and room for new objects: V8 lets both grow for minutes, up to limits of its
 * own, and takes them back when it likes. What is in use after a collection would grow with a leak.
 *
 * Left out: what is not of the heap, such as buffers and images. It counts as it stands.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { threadId } from 'node:worker_threads';
import { HEAPS } from './usage.ts';

/** Milliseconds between two reports. */
const INTERVAL = 250;
/**
 * A thread that has little to do would come to its first full collection late or never, and nobody would know what it needs. So there is
 * one when it has started; milliseconds. No later one is asked for: that the service collects what it has to is what is looked at.
 */
const STARTED = 15_000;
const folder = process.env[HEAPS];

function watch(path: string): void {
  let inUse = getHeapStatistics().used_heap_size;
  const tell = (): void => writeFileSync(path, `${getHeapStatistics().total_physical_size - inUse}\n`);
  new PerformanceObserver((list) => {
    const details = list
      .getEntries()
      .map((entry) => (entry as { readonly detail?: { readonly kind?: number } }).detail);
    if (!details.some((detail) => detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR)) return;
    inUse = getHeapStatistics().used_heap_size;
    tell();
  }).observe({ entryTypes: ['gc'] });
  setInterval(tell, INTERVAL).unref();
  setFlagsFromString('--expose-gc');
  setTimeout(runInNewContext('gc') as () => void, STARTED).unref();
}

if (folder !== undefined) watch(join(folder, `${process.pid}.${threadId}`));
