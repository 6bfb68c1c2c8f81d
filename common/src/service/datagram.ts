/**
 * Datagrams to one named peer (a log host, a metrics collector): fire and forget. The name is resolved in the background and
 * again every five minutes; while it is not known, the last few datagrams wait and the rest is dropped.
 *
 * Always holds: `send` neither throws nor blocks, nothing here keeps the process alive, and a dead peer costs at most one
 * name lookup in ten seconds.
 */
import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns';
import type { Fault } from '../result.ts';
import { type Endpoint, printEndpoint } from './endpoint.ts';

const RESOLVE_AGAIN_MS = 300_000;
const RETRY_MS = 10_000;
const PENDING_LIMIT = 64;
const CLOSE_WAIT_MS = 500;

/** See the module. */
export interface DatagramSender {
  send(payload: Uint8Array): void;
  /** Waits (at most half a second) for what was sent last, then closes the socket. */
  close(): Promise<void>;
}

/**
 * @param report called when the peer becomes unreachable (with the fault) and when it is reached again (with `undefined`):
 *   on change only, so it may log
 */
export function openDatagramSender(
  endpoint: Endpoint,
  report: (fault: Fault | undefined) => void = () => undefined,
): DatagramSender {
  let target: { readonly socket: Socket; readonly address: string; readonly until: number } | undefined;
  let pending: Uint8Array[] = [];
  let isResolving = false;
  let notBefore = 0;
  let isDown = false;
  let inFlight = 0;
  let isClosed = false;
  let onIdle: (() => void) | undefined;

  const settle = (error: NodeJS.ErrnoException | null): void => {
    if (isClosed) return;
    if (error !== null && !isDown) {
      report({
        kind: 'unreachable',
        what: `cannot send to ${printEndpoint(endpoint)}: ${error.code ?? error.message}`,
      });
    } else if (error === null && isDown) report(undefined);
    isDown = error !== null;
  };

  const drop = (): void => {
    target?.socket.close();
    target = undefined;
  };

  const transmit = (payload: Uint8Array): void => {
    if (target === undefined) return;
    inFlight += 1;
    target.socket.send(payload, endpoint.port, target.address, (error) => {
      inFlight -= 1;
      settle(error);
      if (inFlight === 0) onIdle?.();
    });
  };

  const resolve = (): void => {
    if (isResolving || performance.now() < notBefore) return;
    isResolving = true;
    lookup(endpoint.host, (error, address, family) => {
      isResolving = false;
      if (isClosed) return;
      if (error !== null) {
        notBefore = performance.now() + RETRY_MS;
        settle(error);
        return;
      }
      drop();
      const socket = createSocket(family === 6 ? 'udp6' : 'udp4').unref();
      socket.on('error', settle);
      target = { socket, address, until: performance.now() + RESOLVE_AGAIN_MS };
      const waiting = pending;
      pending = [];
      waiting.forEach(transmit);
      if (inFlight === 0) onIdle?.();
    });
  };

  return {
    send(payload) {
      if (isClosed) return;
      if (target === undefined || performance.now() > target.until) resolve();
      if (target !== undefined) transmit(payload);
      else pending = [...pending.slice(1 - PENDING_LIMIT), payload];
    },
    async close() {
      if (inFlight > 0 || (isResolving && pending.length > 0)) {
        await new Promise<void>((done) => {
          onIdle = done;
          setTimeout(done, CLOSE_WAIT_MS);
        });
      }
      isClosed = true;
      drop();
    },
  };
}
