/**
 * Log lines to a log host: RFC 5424 messages over UDP (RFC 5426) or TCP with octet counting (RFC 6587 3.4.1). No TLS
 * (RFC 5425), no structured data: the fields are JSON in MSG.
 *
 * Always holds: a log host that is slow, down or gone neither blocks nor ends the process, nor grows its memory: at most
 * {@link QUEUE_LIMIT} lines wait for a TCP connection, the oldest are dropped first.
 */

import { connect, type Socket } from 'node:net';
import { hostname } from 'node:os';
import type { Fault } from '../result.ts';
import { nextDelay } from './backoff.ts';
import { openDatagramSender } from './datagram.ts';
import { printEndpoint, type SyslogEndpoint } from './endpoint.ts';

/** Facility "system daemons", RFC 5424 6.2.1. */
const FACILITY_DAEMON = 3;
/** RFC 5424 6.1: receivers should take 2048 octets; over UDP, more is cut. */
const DATAGRAM_LIMIT = 2048;
const QUEUE_LIMIT = 1000;
const CLOSE_WAIT_MS = 500;
const BACKOFF = { base: 500, max: 60_000 };

/** RFC 5424 6.2.1, table 2. */
export const SEVERITY = { error: 3, warn: 4, info: 6, debug: 7 } as const;

/** What one message says; texts of the header are cut and cleaned as RFC 5424 6.2 asks. */
export interface SyslogMessage {
  readonly severity: (typeof SEVERITY)[keyof typeof SEVERITY];
  readonly time: Date;
  readonly host: string;
  readonly app: string;
  readonly process: number;
  /** The event's name; becomes MSGID. */
  readonly event: string;
  readonly text: string;
}

/** A PRINTUSASCII header field of at most `limit` characters, `-` (NILVALUE) if nothing is left. */
function headerField(text: string, limit: number): string {
  return text.replaceAll(/[^\x21-\x7e]/g, '').slice(0, limit) || '-';
}

/** One RFC 5424 SYSLOG-MSG, in UTF-8. Control characters in the text become spaces: one message, one line. */
export function formatSyslog(message: SyslogMessage): Buffer {
  const header = [
    `<${FACILITY_DAEMON * 8 + message.severity}>1`,
    message.time.toISOString(),
    headerField(message.host, 255),
    headerField(message.app, 48),
    String(message.process),
    headerField(message.event, 32),
    '-',
  ].join(' ');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  const text = message.text.replaceAll(/[\x00-\x1f\x7f]+/g, ' ');
  // The BOM says that MSG is UTF-8 (RFC 5424 6.4).
  return Buffer.from(`${header} \ufeff${text}`, 'utf8');
}

/** The first `limit` octets or fewer: never cut inside a UTF-8 sequence. */
export function cutDatagram(octets: Buffer, limit: number): Buffer {
  if (octets.length <= limit) return octets;
  let end = limit;
  while (end > 0 && ((octets[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return octets.subarray(0, end);
}

/** Where finished log lines go besides stdout. */
export interface SyslogSink {
  send(severity: SyslogMessage['severity'], event: string, text: string): void;
  /** Gives what is on its way half a second, then lets go. */
  close(): Promise<void>;
}

interface Channel {
  send(octets: Buffer): void;
  close(): Promise<void>;
}

function openTcp(endpoint: SyslogEndpoint, report: (fault: Fault | undefined) => void): Channel {
  let socket: Socket | undefined;
  let isConnected = false;
  let isReported = false;
  let attempt = 0;
  let timer: NodeJS.Timeout | undefined;
  const queue: Buffer[] = [];

  const pump = (): void => {
    while (socket !== undefined && isConnected && queue.length > 0 && !socket.writableNeedDrain) {
      socket.write(queue.shift()!);
    }
  };
  const open = (): void => {
    timer = undefined;
    let reason = 'connection closed';
    socket = connect({ host: endpoint.host, port: endpoint.port });
    socket.unref();
    socket.on('connect', () => {
      isConnected = true;
      attempt = 0;
      if (isReported) report(undefined);
      isReported = false;
      pump();
    });
    socket.on('drain', pump);
    // A log host has nothing to say; reading is what notices that it hung up.
    socket.resume();
    socket.on('error', (error: NodeJS.ErrnoException) => {
      reason = error.code ?? error.message;
    });
    socket.on('close', () => {
      isConnected = false;
      socket = undefined;
      if (!isReported) report({ kind: 'unreachable', what: `cannot log to ${printEndpoint(endpoint)}: ${reason}` });
      isReported = true;
      timer = setTimeout(open, nextDelay(attempt, BACKOFF, Math.random)).unref();
      attempt += 1;
    });
  };
  open();

  return {
    send(octets) {
      queue.push(Buffer.concat([Buffer.from(`${octets.length} `), octets]));
      if (queue.length > QUEUE_LIMIT) queue.shift();
      pump();
    },
    async close() {
      clearTimeout(timer);
      const last = socket;
      if (last === undefined) return;
      last.removeAllListeners('close');
      await new Promise<void>((done) => {
        const deadline = setTimeout(done, isConnected ? CLOSE_WAIT_MS : 0);
        last.once('close', () => {
          clearTimeout(deadline);
          done();
        });
        last.end();
      });
      last.destroy();
    },
  };
}

/**
 * Opens the way to a log host. Never fails: what goes wrong is told to `report`, once when the host is lost and once
 * (with `undefined`) when it is back.
 */
export function openSyslog(
  endpoint: SyslogEndpoint,
  app: string,
  report: (fault: Fault | undefined) => void = () => undefined,
): SyslogSink {
  const isUdp = endpoint.transport === 'udp';
  const channel: Channel = isUdp ? openDatagramSender(endpoint, report) : openTcp(endpoint, report);
  const host = hostname();
  return {
    send(severity, event, text) {
      const octets = formatSyslog({ severity, time: new Date(), host, app, process: process.pid, event, text });
      channel.send(isUdp ? cutDatagram(octets, DATAGRAM_LIMIT) : octets);
    },
    close: () => channel.close(),
  };
}
