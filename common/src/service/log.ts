/**
 * The log: one JSON object a line on stdout (pino), and, if asked for, a copy to a log host (syslog.ts). An event has a stable
 * name (`zone.loaded`), fields, and rarely a message; never a line per query.
 *
 * Always holds: every field passes `redact` first; a reader that is slow or gone neither blocks nor ends the process (past
 * 16 MB waiting, lines are dropped); what was logged before the process exits is written.
 */
import { type DestinationStream, destination, pino, stdTimeFunctions } from 'pino';
import type { SyslogEndpoint } from './endpoint.ts';
import type { LogLevel } from './log-level.ts';
import { redactFields, redactText } from './redact.ts';
import { openSyslog, SEVERITY, type SyslogSink } from './syslog.ts';

type WrittenLevel = Exclude<LogLevel, 'trace'>;

/** What a module needs to tell what happens. Fields: `zone serial commit key peer` and what the event calls for. */
export interface Log {
  debug(event: string, fields?: Readonly<Record<string, unknown>>, message?: string): void;
  info(event: string, fields?: Readonly<Record<string, unknown>>, message?: string): void;
  warn(event: string, fields?: Readonly<Record<string, unknown>>, message?: string): void;
  error(event: string, fields?: Readonly<Record<string, unknown>>, message?: string): void;
  /** A log whose lines all carry `fields`. */
  child(fields: Readonly<Record<string, unknown>>): Log;
}

/** The log of a process: made once, closed last. */
export interface ProcessLog extends Log {
  /** Writes what is waiting, lets go of the log host. Later lines still reach stdout. */
  close(): Promise<void>;
}

export interface LogOptions {
  /** Least level that is written; default `info`. */
  readonly level?: LogLevel;
  /** APP-NAME for syslog; default `zonewright`. */
  readonly app?: string;
  readonly syslog?: SyslogEndpoint | undefined;
  /** Where lines go instead of stdout. */
  readonly stream?: DestinationStream;
}

const WAITING_LIMIT_OCTETS = 16 * 1024 * 1024;
/** A reader that takes nothing does not hold up the end of the process. */
const FLUSH_LIMIT_MS = 2000;
const RESERVED = new Set(['time', 'level', 'event', 'message']);

function openStdout(): { readonly stream: DestinationStream; readonly flush: () => Promise<void> } {
  // With a least length of 0, sonic-boom's `flush` does not wait for the write that is under way; each line is longer than 1.
  const stream = destination({ dest: 1, sync: false, minLength: 1, maxLength: WAITING_LIMIT_OCTETS });
  stream.on('error', () => undefined);
  const flush = (): Promise<void> =>
    new Promise((done) => {
      const deadline = setTimeout(done, FLUSH_LIMIT_MS);
      stream.flush(() => {
        clearTimeout(deadline);
        done();
      });
    });
  return { stream, flush };
}

/** The line's own members keep their names; a field of the same name gets an underscore. */
function unreserved(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const clean = redactFields(fields);
  for (const name of RESERVED) {
    if (name in clean) {
      clean[`${name}_`] = clean[name];
      delete clean[name];
    }
  }
  return clean;
}

/** Opens the log of this process. Nothing about it fails: a log host that is away is itself an event, `log.host`. */
export function createLog(options: LogOptions = {}): ProcessLog {
  const level = options.level ?? 'info';
  const stdout = options.stream === undefined ? openStdout() : undefined;
  const stream = options.stream ?? stdout?.stream;
  const lines = pino(
    {
      level,
      base: null,
      messageKey: 'message',
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: {},
    },
    stream as DestinationStream,
  );
  const endpoint = options.syslog;
  const syslog: SyslogSink | undefined =
    endpoint &&
    openSyslog(endpoint, options.app ?? 'zonewright', (fault) => {
      // To stdout only: the log host cannot be told that it is away.
      if (fault === undefined) lines.info({ event: 'log.host', state: 'reached' });
      else lines.warn({ event: 'log.host', state: 'lost' }, redactText(fault.what));
    });

  const bind = (bound: Readonly<Record<string, unknown>>): Log => {
    const writer =
      (at: WrittenLevel): Log['info'] =>
      (event, fields, message) => {
        if (!lines.isLevelEnabled(at)) return;
        const record = { event, ...bound, ...(fields === undefined ? {} : unreserved(fields)) };
        const text = message === undefined ? undefined : redactText(message);
        if (text === undefined) lines[at](record);
        else lines[at](record, text);
        if (syslog === undefined) return;
        const { event: _, ...rest } = record;
        syslog.send(SEVERITY[at], event, [text, JSON.stringify(rest)].filter((part) => part !== undefined).join(' '));
      };
    return {
      debug: writer('debug'),
      info: writer('info'),
      warn: writer('warn'),
      error: writer('error'),
      child: (fields) => bind({ ...bound, ...unreserved(fields) }),
    };
  };

  return {
    ...bind({}),
    async close() {
      await Promise.all([stdout?.flush(), syslog?.close()]);
    },
  };
}

/** A log that says nothing, for tests and tools. */
export const SILENT_LOG: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => SILENT_LOG,
};
