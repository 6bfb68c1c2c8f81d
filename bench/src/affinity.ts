/**
 * Where servers and clients run. Under a load that is counted in processor time per answer, a server has the first core for itself and
 * the client the second: that keeps caches warm and each round like the other, and the time of a client is never taken for
 * that of a server. Where it is time or memory that counts, everybody has all cores, as an operator would have it.
 */
import { availableParallelism } from 'node:os';
import type { Place } from '@zonewright/test/support/process';

const onCore = (core: number): Place => ({
  enter: (command, args) => ['taskset', ['--cpu-list', `${core}`, command, ...args]],
});

const isWide = availableParallelism() > 1;

/** The options that start a server on its core. */
export const SERVER_CORE: { readonly within?: Place } = isWide ? { within: onCore(0) } : {};
/** The options that start a client on the other. */
export const CLIENT_CORE: { readonly within?: Place } = isWide ? { within: onCore(1) } : {};
