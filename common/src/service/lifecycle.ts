/**
 * The life of a service process: start, ready, signals, stop. TERM and INT stop it once, in order and in bounded time (a second
 * one ends it at once); HUP asks it to pull. A thrown error nobody caught is a bug: it is logged as `process.fault` and the
 * process goes on, since no input may end it.
 *
 * Always holds: `stop` runs at most once, also when `start` did not finish, and the handlers are gone when the promise settles. Why a
 * service could not start is told once: by `report`, behind all lines of the log, where there is one.
 */
import type { EventEmitter } from 'node:events';
import { isIP } from 'node:net';
import type { Fault, Result } from '../result.ts';
import { giveBackLargePieces } from './allocator.ts';
import { EXIT, type ExitCode, exitCodeOf } from './exit.ts';
import type { Log, ProcessLog } from './log.ts';
import { VERSION } from './version.ts';

const STOP_LIMIT_MS = 10_000;

/** What a running service is given. */
export interface ServiceContext {
  /** Aborted when the service is to stop: for what `start` may be waiting for. */
  readonly signal: AbortSignal;
  /** Ends the process in order, because of `fault`, when the service finds out later that it cannot go on. */
  end(fault: Fault): void;
}

/** The process, or a stand-in for it in tests. */
export type ProcessEvents = Pick<EventEmitter, 'on' | 'off'> & { exit(code: number): void };

export interface Service {
  /** `close` of a {@link ProcessLog} is called last. */
  readonly log: Log | ProcessLog;
  /** Returns the fields of the event `ready`, or why the service cannot run. */
  start(context: ServiceContext): Promise<Result<Readonly<Record<string, unknown>>, Fault>>;
  /** Finishes what is acknowledged. Called once; must cope with a `start` that failed or did not end. */
  stop(): Promise<void>;
  /** HUP, once the service is ready. */
  hup?(): void | Promise<void>;
  /** Told why the service could not run: `context.fail` of the command prints it for a person to read. */
  report?(fault: Fault): void;
  readonly process?: ProcessEvents;
  /** Milliseconds that `stop` may take. */
  readonly stopLimit?: number;
}

type Outcome = { readonly kind: 'signal'; readonly signal: string } | { readonly kind: 'fault'; readonly fault: Fault };

async function stopInTime(service: Service): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<boolean>((done) => {
    timer = setTimeout(() => done(false), service.stopLimit ?? STOP_LIMIT_MS);
  });
  const stop = async (): Promise<boolean> => {
    await service.stop();
    return true;
  };
  const stopped = stop().catch((error: unknown) => {
    service.log.error('process.fault', { during: 'stop', error });
    return true;
  });
  const isInTime = await Promise.race([stopped, deadline]);
  clearTimeout(timer);
  return isInTime;
}

/** Starts the service; resolves, with the exit code, when it has stopped. */
export async function runService(service: Service): Promise<ExitCode> {
  giveBackLargePieces();
  const { log } = service;
  const events: ProcessEvents = service.process ?? process;
  const abort = new AbortController();
  let settle: (outcome: Outcome) => void = () => undefined;
  const ended = new Promise<Outcome>((done) => {
    settle = done;
  });

  let signals = 0;
  let isReady = false;
  const onEnd = (signal: string, number: number): void => {
    signals += 1;
    if (signals === 1) settle({ kind: 'signal', signal });
    else events.exit(128 + number);
  };
  const onFault = (error: unknown): void => log.error('process.fault', { error });
  const onHup = (): void => {
    log.info('signal', { signal: 'SIGHUP' });
    const hup = async (): Promise<void> => service.hup?.();
    if (isReady) hup().catch(onFault);
  };
  const handlers: readonly (readonly [string, (...values: unknown[]) => void])[] = [
    ['SIGTERM', () => onEnd('SIGTERM', 15)],
    ['SIGINT', () => onEnd('SIGINT', 2)],
    ['SIGHUP', onHup],
    ['uncaughtException', onFault],
    ['unhandledRejection', onFault],
  ];
  for (const [name, handler] of handlers) events.on(name, handler);
  // Nothing else holds the process while `start` waits for something that does not.
  const hold = setInterval(() => undefined, 2 ** 30);

  const context = { signal: abort.signal, end: (fault: Fault) => settle({ kind: 'fault', fault }) };
  const start = async (): Promise<void> => {
    const result = await service.start(context);
    if (!result.ok) settle({ kind: 'fault', fault: result.fault });
    else if (!abort.signal.aborted) {
      isReady = true;
      log.info('ready', { version: VERSION, process: process.pid, ...result.value });
    }
  };
  start().catch((error: unknown) => {
    onFault(error);
    settle({ kind: 'fault', fault: { kind: 'bug', what: 'the service could not start, see process.fault' } });
  });
  const outcome = await ended;
  abort.abort();
  // It is told to whoever has started it, and not to the log as well.
  const isStillborn = outcome.kind === 'fault' && !isReady && service.report !== undefined;
  if (outcome.kind === 'signal') log.info('stopping', { signal: outcome.signal });
  else {
    const { kind, what, hint } = outcome.fault;
    log[isStillborn ? 'debug' : 'error']('stopping', { fault: kind, hint }, what);
  }

  const isInTime = await stopInTime(service);
  if (isInTime) log[isStillborn ? 'debug' : 'info']('stopped');
  else log.error('stop.timeout');
  clearInterval(hold);
  if ('close' in log) await log.close();
  if (outcome.kind === 'fault') service.report?.(outcome.fault);
  for (const [name, handler] of handlers) events.off(name, handler);
  if (outcome.kind === 'fault') return outcome.fault.kind === 'bug' ? EXIT.bug : exitCodeOf(outcome.fault);
  return isInTime ? EXIT.done : EXIT.problems;
}

/** Why a socket could not listen. */
export interface ListenFault extends Fault {
  readonly kind: 'port-in-use' | 'port-denied' | 'address-missing' | 'listen-failed';
}

/**
 * The error of a `listen` or `bind` as a fault: one clear line, and what to do about it.
 *
 * @param option the option that chooses another place
 */
export function explainListenError(error: unknown, address: string, port: number, option = '--port'): ListenFault {
  const { code, message } = error as NodeJS.ErrnoException;
  const place = `port ${port} of ${isIP(address) === 6 ? `[${address}]` : address}`;
  switch (code) {
    case 'EADDRINUSE':
      return {
        kind: 'port-in-use',
        what: `${place} is in use`,
        hint: `another ${option === '--port' ? 'name server' : 'process'}? see "ss -lntup sport = :${port}", or choose another ${option}`,
      };
    case 'EACCES':
    case 'EPERM':
      return {
        kind: 'port-denied',
        what: `${place} may not be used`,
        hint:
          port < 1024
            ? `ports below 1024 need root or CAP_NET_BIND_SERVICE; or choose another ${option}`
            : 'a security policy of the system forbids it',
      };
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
      return {
        kind: 'address-missing',
        what: `${place} cannot be used: this host has no such address`,
        hint: `see "ip address"; or choose another with ${option === '--port' ? '--listen' : option}`,
      };
    default:
      return { kind: 'listen-failed', what: `cannot listen on ${place}: ${code ?? message}` };
  }
}
